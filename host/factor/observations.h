/*
 * observations: what stamped and unstamped mail turned out to be: the store behind the estimation.
 *
 * One SQLite file. An observation is the bits that a message showed (0 without a stamp) and whether
 * it was ham or spam, from a reporter ("local" is this host's own `frank learn`). Messages alike
 * are kept as one count by reporter, hour, bits and kind. Several processes may hold the file open
 * at a time; a crash loses nothing that was answered FRANK_OK.
 *
 * Bits are kept to 1/10000, as they are written in headers and JSON (floor(bits x 10^4 + 1/2)). A
 * stamp meets a factor, here, where its bits so rounded are not below log2(factor) so rounded. Of
 * the stamps whose hash would be just too large that takes in those within 1/10000 bit, 7 in
 * 100,000 of all that are that near; whoever judges mail decides by the hash itself.
 *
 * Bounds: what is older than FRANK_OBSERVATIONS_KEEP_S goes; the file grows to
 * FRANK_OBSERVATIONS_MAX_BYTES, after which nothing is taken until old rows have gone.
 *
 * Owner: who opened it. Blocking: disk, and at most FRANK_OBSERVATIONS_BUSY_MS for another writer.
 */
#ifndef FRANK_FACTOR_OBSERVATIONS_H
#define FRANK_FACTOR_OBSERVATIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_OBSERVATIONS_BUSY_MS      2000
#define FRANK_OBSERVATIONS_WHY_BYTES    256
#define FRANK_OBSERVATIONS_FILE         "observations.db"      /* in a state folder */
#define FRANK_OBSERVATIONS_KEEP_S       (INT64_C(140) * 86400) /* 10 half-lives of 14 days */
#define FRANK_OBSERVATIONS_FUTURE_S     300                    /* a clock may be wrong by this */
#define FRANK_OBSERVATIONS_MAX_BYTES    (INT64_C(1) << 30)
#define FRANK_OBSERVATIONS_COUNT_MAX    1000000 /* messages alike in one observation */
#define FRANK_OBSERVATIONS_REPORT_BYTES 64      /* of a report's id, without a NUL */
#define FRANK_REPORTER_NAME_BYTES       64 /* with the NUL: letters, digits, '.', '_', '-', '@' */
#define FRANK_REPORTER_LOCAL            "local"
#define FRANK_REPORTER_TOKEN_BYTES      65 /* 64 hex digits (256 random bits) and the NUL */
#define FRANK_REPORTERS_MAX             10000
#define FRANK_REPORTER_NEW_S            (INT64_C(30) * 86400)
#define FRANK_REPORTER_FRESH_S          (INT64_C(7) * 86400)
#define FRANK_REPORTER_DAY_MAX          100000 /* messages of one reporter in a day (UTC) */

struct frank_observations;

struct frank_observation {
  double bits; /* 0 without a stamp; 0..256 */
  bool is_spam;
  uint32_t count; /* messages alike, 1..FRANK_OBSERVATIONS_COUNT_MAX */
  int64_t at_s;   /* when they came, unix; not older than FRANK_OBSERVATIONS_KEEP_S, and not more
                     than FRANK_OBSERVATIONS_FUTURE_S ahead */
};

/* Opens the file, makes it (mode 0600) where `writable` and it is missing. FRANK_ERR_NOT_FOUND,
 * FRANK_ERR_DENIED, FRANK_ERR_MALFORMED (not such a store, or a damaged one), FRANK_ERR_UNSUPPORTED
 * (of a later version), FRANK_ERR_AGAIN (another writer for too long), FRANK_ERR_FULL (disk),
 * FRANK_ERR_IO, FRANK_ERR_NOMEM; `why` (FRANK_OBSERVATIONS_WHY_BYTES) names the file. A damaged
 * file is found here up to 16 MiB (PRAGMA quick_check); in a larger one when the damage is met. */
FRANK_MUST_CHECK enum frank_err frank_observations_open(const char *path, bool writable,
                                                        struct frank_observations **out, char *why);
void frank_observations_close(struct frank_observations **observations);

/* Adds them all or none; `reporter` is FRANK_REPORTER_LOCAL or one that frank_reporters_add made.
 * `report_id` (1..64 printable bytes, or NULL): FRANK_ERR_TAKEN where this reporter has reported
 * under it before. FRANK_ERR_RANGE (an observation outside its range; `why` says which),
 * FRANK_ERR_DENIED (beyond FRANK_REPORTER_DAY_MAX; not for "local"), FRANK_ERR_NOT_FOUND (no such
 * reporter), FRANK_ERR_MALFORMED (the id, or the file), FRANK_ERR_FULL (disk, or the file's bound),
 * FRANK_ERR_AGAIN (another writer for too long), FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_observations_add(struct frank_observations *observations,
                                                       const char *reporter, const char *report_id,
                                                       const struct frank_observation *list,
                                                       size_t count, int64_t now_s, char *why);

enum frank_learned {
  FRANK_LEARNED,         /* counted */
  FRANK_LEARNED_ALREADY, /* it was, as the same kind: nothing changed */
  FRANK_LEARNED_MOVED,   /* it was, as the other kind: now it counts as this one */
  FRANK_LEARNED_COUNT
};
struct frank_learning {
  uint8_t id[32]; /* of the message: equal ids are the same message */
  double bits;
  bool is_spam;
  enum frank_learned outcome; /* gets what became of it */
};
/* Learns messages one by one, as "local", come at now_s: all of the list, or none. Each counts
 * once, for as long as observations are kept. Errors as frank_observations_add. */
FRANK_MUST_CHECK enum frank_err frank_observations_learn(struct frank_observations *observations,
                                                         struct frank_learning *list, size_t count,
                                                         int64_t now_s, char *why);

/* What one reporter says of stamps, decayed by a half-life to now. */
struct frank_observations_sum {
  char reporter[FRANK_REPORTER_NAME_BYTES];
  double ham; /* whose stamps meet the factor, and that came since it last rose */
  double spam;
  double stamped; /* all with a stamp, of any bits and time: it tells who reports, nothing else */
  bool is_new;    /* made a reporter less than FRANK_REPORTER_NEW_S ago, and not revoked */
  bool is_fresh;  /* has mail with a stamp that came less than FRANK_REPORTER_FRESH_S ago */
};
/* One entry for each reporter that has any or is new, *list (malloc, the caller frees it; NULL
 * where there is none). `since_s`: when the factor last rose, rounded up to a whole hour; 0: never.
 * Mail older than a rise showed what spammers did at the lower factor, and half of its stamps meet
 * a doubled one by luck: counted again, one attack would raise the factor day after day.
 * FRANK_ERR_NOMEM, FRANK_ERR_IO, FRANK_ERR_AGAIN, FRANK_ERR_MALFORMED (damaged). */
FRANK_MUST_CHECK enum frank_err frank_observations_sums(struct frank_observations *observations,
                                                        uint64_t factor, int64_t since_s,
                                                        int64_t half_life_s, int64_t now_s,
                                                        struct frank_observations_sum **list,
                                                        size_t *count, char *why);
/* Messages taken since the store was made. */
FRANK_MUST_CHECK enum frank_err frank_observations_total(struct frank_observations *observations,
                                                         uint64_t *total, char *why);

/* What is in the store now, undecayed: for people. */
struct frank_observations_stock {
  uint64_t total; /* since the store was made */
  uint64_t stamped_ham, stamped_spam;
  uint64_t unstamped_ham, unstamped_spam;
  uint64_t reporters;      /* that have any observation */
  int64_t first_s, last_s; /* the oldest and the newest hour; 0 without any */
};
FRANK_MUST_CHECK enum frank_err frank_observations_stock(struct frank_observations *observations,
                                                         struct frank_observations_stock *out,
                                                         char *why);

/* Reporters and their tokens, of which only the hash is kept. A name that was revoked may be added
 * again and gets a new token. FRANK_ERR_TAKEN (the name is in use, or is FRANK_REPORTER_LOCAL),
 * FRANK_ERR_MALFORMED (the name), FRANK_ERR_FULL, and as frank_observations_add. */
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
struct frank_reporter {
  char name[FRANK_REPORTER_NAME_BYTES];
  int64_t made_s;
  bool revoked;
  uint64_t messages; /* that it has reported, undecayed, as far as they are kept */
};
/* All reporters but "local", by name; *list is the caller's to free (NULL where there is none). */
FRANK_MUST_CHECK enum frank_err frank_reporters_list(struct frank_observations *observations,
                                                     struct frank_reporter **list, size_t *count,
                                                     char *why);

#endif
