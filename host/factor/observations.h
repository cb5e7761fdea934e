/*
 * observations: what stamped and unstamped mail turned out to be: the store behind the estimation.
 *
 * One SQLite file. An observation is the bits that a message showed (0 without a stamp) and whether
 * it was ham or spam, from a reporter ("local" is this host's own `frank learn`). Several processes
 * may hold it open at a time; a crash loses nothing that was answered FRANK_OK.
 *
 * Owner: who opened it. Blocking: disk, and at most FRANK_OBSERVATIONS_BUSY_MS for another writer.
 */
#ifndef FRANK_FACTOR_OBSERVATIONS_H
#define FRANK_FACTOR_OBSERVATIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_OBSERVATIONS_BUSY_MS   2000
#define FRANK_OBSERVATIONS_WHY_BYTES 256
#define FRANK_REPORTER_NAME_BYTES    64 /* with the NUL: letters, digits, '.', '_', '-', '@' */
#define FRANK_REPORTER_LOCAL         "local"
#define FRANK_REPORTER_TOKEN_BYTES   65 /* 64 hex digits (256 random bits) and the NUL */
#define FRANK_REPORTERS_MAX          10000

struct frank_observations;

struct frank_observation {
  double bits; /* 0 without a stamp; 0..256 */
  bool is_spam;
  uint32_t count; /* messages alike, 1 or more */
  int64_t at_s;   /* when they came, unix */
};

/* Opens the file, makes it (mode 0600) where `writable` and it is missing. FRANK_ERR_NOT_FOUND,
 * FRANK_ERR_DENIED, FRANK_ERR_MALFORMED (not such a store, or a damaged one), FRANK_ERR_UNSUPPORTED
 * (of a later version), FRANK_ERR_IO, FRANK_ERR_NOMEM; `why` (FRANK_OBSERVATIONS_WHY_BYTES) names
 * the file. */
FRANK_MUST_CHECK enum frank_err frank_observations_open(const char *path, bool writable,
                                                        struct frank_observations **out, char *why);
void frank_observations_close(struct frank_observations **observations);

/* Adds them all or none. `report_id` (1..64 printable bytes, or NULL): FRANK_ERR_TAKEN where this
 * reporter has reported under it before. FRANK_ERR_RANGE (an observation outside its range),
 * FRANK_ERR_FULL (disk), FRANK_ERR_AGAIN (another writer for too long), FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_observations_add(struct frank_observations *observations,
                                                       const char *reporter, const char *report_id,
                                                       const struct frank_observation *list,
                                                       size_t count, int64_t now_s, char *why);

/* What one reporter says of stamps that meet a factor, decayed by a half-life to now. */
struct frank_observations_sum {
  char reporter[FRANK_REPORTER_NAME_BYTES];
  double ham;
  double spam;
};
/* One entry for each reporter that has any, *list (malloc, the caller frees it). FRANK_ERR_NOMEM,
 * FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_observations_sums(struct frank_observations *observations,
                                                        uint64_t factor, int64_t half_life_s,
                                                        int64_t now_s,
                                                        struct frank_observations_sum **list,
                                                        size_t *count, char *why);
/* Messages taken since the store was made. */
FRANK_MUST_CHECK enum frank_err frank_observations_total(struct frank_observations *observations,
                                                         uint64_t *total, char *why);

/* Reporters and their tokens, of which only the hash is kept. FRANK_ERR_TAKEN (the name is in use),
 * FRANK_ERR_MALFORMED (the name), FRANK_ERR_FULL. */
FRANK_MUST_CHECK enum frank_err frank_reporters_add(struct frank_observations *observations,
                                                    const char *name, int64_t now_s,
                                                    char token[FRANK_REPORTER_TOKEN_BYTES],
                                                    char *why);
/* Its token is of no use from now on; `forget`: what it has reported counts no more, too.
 * FRANK_ERR_NOT_FOUND. */
FRANK_MUST_CHECK enum frank_err frank_reporters_revoke(struct frank_observations *observations,
                                                       const char *name, bool forget, char *why);
/* The name behind a token: FRANK_ERR_DENIED where there is none. */
FRANK_MUST_CHECK enum frank_err frank_reporters_find(struct frank_observations *observations,
                                                     const char *token,
                                                     char name[FRANK_REPORTER_NAME_BYTES],
                                                     char *why);

#endif
