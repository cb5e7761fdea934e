/*
 * hashcat_status: reads what hashcat says of itself, one line at a time, and makes a rate of it.
 * The lines come from another program: anything can be in them. Pure.
 *
 * With --status-json each status is one line with a JSON object, sometimes after a prompt. Its
 * `speed` is an average that reaches back past the warm-up; `progress`, the candidates tried so
 * far, is what it is for our own engines: work done, over the time between two lines.
 */
#ifndef FRANK_BENCH_HASHCAT_STATUS_H
#define FRANK_BENCH_HASHCAT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_HASHCAT_LINE_BYTES 4096 /* longer lines are not read */

/* Nothing counts until this long after the first status: until then a part of the candidates is
 * those of its tuning. */
#define BENCH_HASHCAT_WARM_UP_US UINT64_C(1000000)

struct bench_hashcat_status {
  char version[16];  /* "v6.2.6"; empty until it was said */
  char device[64];   /* name of the first device; likewise */
  const char *wrong; /* what cannot be, of all that it has said; NULL: nothing */
  uint64_t first_us; /* when it said for the first time that it is at work; 0: not yet */
  uint64_t from_us;  /* the first status that counts; 0: none yet */
  uint64_t from_attempts;
  uint64_t last_us; /* the last one */
  uint64_t last_attempts;
};

/* Takes one line, read at `now_us`, without its end. `len` bytes, NUL allowed. Lines that are no
 * status are passed over. */
void bench_hashcat_status_line(struct bench_hashcat_status *status, const char *line, size_t len,
                               uint64_t now_us);

/* Microseconds between the first and the last status that count. */
uint64_t bench_hashcat_status_counted_us(const struct bench_hashcat_status *status);

/* Candidates per second between them; 0 while there are no two. */
double bench_hashcat_status_rate_hps(const struct bench_hashcat_status *status);

#endif
