/*
 * dkim_answer: what DNS said of a DKIM key: the record in a message in wire format (RFC 1035,
 * section 4; RFC 6376, section 3.6.2). Pure; any bytes: whoever owns a domain writes the answers.
 */
#ifndef FRANK_MAIL_DKIM_ANSWER_H
#define FRANK_MAIL_DKIM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key record with its NUL: libopendkim's room (BUFRSZ). Enough for an RSA key of 4096 bits. */
#define FRANK_DKIM_KEY_BYTES   1025
#define FRANK_DKIM_CNAMES_MAX  8  /* aliases that are followed within an answer */
#define FRANK_DKIM_RECORDS_MAX 64 /* records of an answer that are looked at */

enum frank_dkim_key_state {
  FRANK_DKIM_KEY_FOUND,
  FRANK_DKIM_KEY_ABSENT, /* none, or none that means something: final */
  FRANK_DKIM_KEY_LATER,  /* not known now */
  FRANK_DKIM_KEY_CUT,    /* truncated: ask by TCP */
  FRANK_DKIM_KEY_PLAIN,  /* the server does not like the question: ask without EDNS */
  FRANK_DKIM_KEY_STATE_COUNT
};

/* True where the message is an answer to the question `id` for the TXT records of `name`. */
bool frank_dkim_answer_is_ours(const uint8_t *message, size_t len_bytes, uint16_t id,
                               const char *name);

/* Reads it. FOUND: `text` gets the record, its strings put together. Else *why (static) says why
 * not. More than one record is ABSENT: nobody could tell which is meant (section 3.6.2.2). */
enum frank_dkim_key_state frank_dkim_answer_read(const uint8_t *message, size_t len_bytes,
                                                 const char *name, char text[FRANK_DKIM_KEY_BYTES],
                                                 const char **why);

#endif
