/*
 * records: what every long-lived child of frankd (a door, the web child, the resolver) says to it
 * and hears from it, whatever else they talk about:
 *
 *     child -> frankd: READY once it serves; PONG for each PING; FAILED, with a text, before it
 * exits frankd -> child: PING every second
 *
 * Their own records begin at FRANK_RECORD_OWN. Fixed layouts: both ends are the same build. frankd
 * believes nothing of a child without a check.
 */
#ifndef FRANK_BASE_RECORDS_H
#define FRANK_BASE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum frank_record_type {
  FRANK_RECORD_READY = 1, /* struct frank_record_ready */
  FRANK_RECORD_FAILED,    /* struct frank_record_failed: it exits after it */
  FRANK_RECORD_PING,      /* struct frank_record_tag */
  FRANK_RECORD_PONG,      /* struct frank_record_tag: the same */
  FRANK_RECORD_OWN = 16,  /* the first of a child's own */
};

struct frank_record_ready {
  char endpoint[96]; /* what it serves, as bound: a wildcard port is filled in */
};

struct frank_record_failed {
  int32_t err;   /* enum frank_err */
  int32_t fatal; /* 1: starting it again cannot help (a taken address, a bad key file) */
  char why[256];
};

struct frank_record_tag {
  uint64_t tag;
};

/* True where a text in a record has its NUL within `size` bytes, and printable ASCII alone before
 * it: such a text goes into logs and JSON as it is. */
static inline bool frank_record_is_text(const char *text, size_t size)
{
  const char *end = memchr(text, '\0', size);
  for (const char *at = text; end && at < end; at++) {
    if (*at < 0x20 || *at > 0x7e) {
      return false;
    }
  }
  return end != NULL;
}

#endif
