/*
 * replay: how often a stamp was delivered, and to how many: an interface, for a store on one
 * machine (replay_sqlite.c) now, and one that several MX hosts share later.
 *
 * b to any number of recipients costs nothing, the known weakness of binding to a signature; so a
 * receiver counts. A store keeps, for each signature (an id of 32 bytes), when it was first seen,
 * until when it is remembered, and for each recipient how many deliveries there were. It learns of
 * a signature only after DKIM passed for it: else strangers could fill it, and spoil it for others.
 * Recipients are kept as hashes under a secret of the store: it is no list of who gets mail.
 *
 * One handle belongs to one thread, and is not taken through a fork(); several threads and
 * processes may each have one on the same store. The death of a process loses nothing that was
 * answered FRANK_OK. A loss of power can (WAL, synchronous NORMAL): what the last seconds noted is
 * forgotten, and the store is whole.
 */
#ifndef FRANK_MAIL_REPLAY_H
#define FRANK_MAIL_REPLAY_H

#include "base/err.h"
#include "mail/address.h"
#include "mail/judge.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_REPLAY_WHY_BYTES 256
#define FRANK_REPLAY_ID_BYTES  32

struct frank_replay; /* a handle */

/* One kind of store: what the functions below call. `handle` is its own. */
struct frank_replay_store {
  const char *name; /* "sqlite" */
  enum frank_err (*note)(void *handle, const uint8_t id[FRANK_REPLAY_ID_BYTES],
                         const struct frank_address_text *recipients, size_t count, int64_t now_s,
                         int64_t until_s, struct frank_replay_counts *counts, char *why);
  enum frank_err (*expire)(void *handle, int64_t now_s, uint64_t *forgotten, char *why);
  enum frank_err (*check)(void *handle, char *why);
  void (*close)(void *handle);
};

/* For those who make a store: a handle of it. On an error (FRANK_ERR_NOMEM) it has been closed. */
FRANK_MUST_CHECK enum frank_err frank_replay_new(const struct frank_replay_store *store,
                                                 void *handle, struct frank_replay **out);

/* The store in one SQLite file; made (mode 0600) where it is missing. FRANK_ERR_NOT_FOUND (the
 * folder), FRANK_ERR_DENIED, FRANK_ERR_MALFORMED (no such store, or damaged), FRANK_ERR_UNSUPPORTED
 * (of a later version), FRANK_ERR_AGAIN (locked for too long), FRANK_ERR_FULL (disk), FRANK_ERR_IO,
 * FRANK_ERR_NOMEM; `why` (FRANK_REPLAY_WHY_BYTES) names the file. A damaged page is found
 * when it is met; frank_replay_check looks for it. max_bytes (64 KiB at least) bounds the file,
 * beside which SQLite keeps a log of some MiB; busy_ms how long a call waits for another writer. */
FRANK_MUST_CHECK enum frank_err frank_replay_open_sqlite(const char *path, uint64_t max_bytes,
                                                         uint32_t busy_ms,
                                                         struct frank_replay **out, char *why);
void frank_replay_close(struct frank_replay **replay);

/* Looks through the store, if it has no more than 64 MiB: FRANK_ERR_MALFORMED where it is damaged.
 * Some ms for each MiB: once, where a program starts, not for each handle. Errors as above. */
FRANK_MUST_CHECK enum frank_err frank_replay_check(struct frank_replay *replay, char *why);

/* Notes one delivery to each of `recipients` (who stands there twice gets one; count may be 0) and
 * tells the counts after it, in one transaction. until_s (after now_s): when it may be forgotten;
 * one that is known keeps the earlier of the two. An expired one begins anew. Errors as above;
 * FRANK_ERR_FULL also at max_bytes. Nothing was noted after an error. */
FRANK_MUST_CHECK enum frank_err frank_replay_note(struct frank_replay *replay,
                                                  const uint8_t id[FRANK_REPLAY_ID_BYTES],
                                                  const struct frank_address_text *recipients,
                                                  size_t count, int64_t now_s, int64_t until_s,
                                                  struct frank_replay_counts *counts, char *why);

/* Forgets what has expired, some thousands of records at a time (so that writers need not wait
 * long); *forgotten: how many records, signatures and recipients; call again while it is not 0.
 * Room in the file is used again, the file does not shrink. */
FRANK_MUST_CHECK enum frank_err frank_replay_expire(struct frank_replay *replay, int64_t now_s,
                                                    uint64_t *forgotten, char *why);

#endif
