/*
 * store: what an authority has published, on disk: DIR/authority.db (SQLite) and one secret key
 * file for each key, DIR/key-KID (mode 0600).
 *
 * Every change is one transaction that is on the disk before the call returns, with its texts
 * signed in it: whoever reads sees the state before it or after it. Epochs only ever rise. A seal
 * over all rows is written with each change and checked at each load, so that a damaged file is
 * refused and never served.
 *
 * Several processes may have it open at a time; writers wait for each other, at most
 * FRANK_AUTHORITY_BUSY_MS. A reader needs neither the keys nor the right to write. Owner: who
 * opened it, one thread. Blocking: disk. Times are unix seconds and come in as arguments.
 */
#ifndef FRANK_FACTOR_AUTHORITY_STORE_H
#define FRANK_FACTOR_AUTHORITY_STORE_H

#include "base/err.h"
#include "factor/authority/view.h"
#include "factor/document.h"
#include "factor/jws.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_AUTHORITY_BUSY_MS   5000
#define FRANK_AUTHORITY_WHY_BYTES 512
#define FRANK_AUTHORITY_DIR_BYTES 256 /* of the folder's name, with the NUL */
#define FRANK_AUTHORITY_NEVER_S   INT64_MAX

struct frank_authority_store;

/* What a server start sets for all that is signed from then on. */
struct frank_authority_settings {
  char issuer[FRANK_FACTOR_ISSUER_BYTES + 1]; /* "": the store's own */
  enum frank_factor_kind kind;
  bool has_kind; /* false: the store's own */
  bool testing;
  int64_t valid_s; /* from signing to expiry */
  int64_t grace_s; /* how long the factor before a change goes on to count */
};

enum frank_authority_key_state {
  FRANK_AUTHORITY_KEY_NEXT,
  FRANK_AUTHORITY_KEY_CURRENT,
  FRANK_AUTHORITY_KEY_OLD,
  FRANK_AUTHORITY_KEY_STATE_COUNT
};
/* "next", "current", "old". */
const char *frank_authority_key_state_name(enum frank_authority_key_state state);

struct frank_authority_key {
  struct frank_jws_key key;
  enum frank_authority_key_state state;
  int64_t created_s;
  int64_t change_s; /* next: signs from then on; old: leaves the set then; current: 0 */
};

/* All that is published, checked: texts, and the same as data. About 200 KiB. */
struct frank_authority_state {
  struct frank_factor_document document;
  char document_text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char document_jws[FRANK_JWS_TEXT_BYTES];
  char keys_text[FRANK_JWS_KEYS_TEXT_BYTES];
  char keys_jws[FRANK_JWS_TEXT_BYTES];
  struct frank_authority_key keys[FRANK_JWS_KEYS_MAX];
  size_t key_count;
  int64_t valid_s;
  int64_t grace_s;
  uint64_t floor; /* of the estimation; 0: none runs */
  uint64_t ceiling;
  int64_t next_change_s; /* the factor stays at least until then; 0: not known */
  uint64_t reports_total;
  size_t history_count;
  struct frank_authority_epoch history[FRANK_AUTHORITY_HISTORY_MAX]; /* oldest first */
};

/* Opens DIR/authority.db. `writable`: the folder and the file are made where they are missing, and
 * what a killed writer left half done is undone. Not `writable`: nothing on the disk changes.
 * FRANK_ERR_NOT_FOUND (not writable, and nothing there), FRANK_ERR_DENIED, FRANK_ERR_MALFORMED (not
 * such a store, or a damaged one), FRANK_ERR_UNSUPPORTED (of a later version), FRANK_ERR_FULL,
 * FRANK_ERR_AGAIN (another writer for too long), FRANK_ERR_IO, FRANK_ERR_NOMEM, FRANK_ERR_TOO_LONG
 * (the folder's name); `why` (FRANK_AUTHORITY_WHY_BYTES) names the file. The same errors come from
 * all functions below. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_open(const char *dir, bool writable,
                                                           struct frank_authority_store **out,
                                                           char *why);
void frank_authority_store_close(struct frank_authority_store **store);

/* True where nothing was published yet. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_is_new(struct frank_authority_store *store,
                                                             bool *is_new, char *why);

/* A server starts. In a new store: makes the first key and publishes `factor` as epoch 1. Else
 * takes over the settings, and publishes `factor` where it is not 0 and differs from the one in
 * force. FRANK_ERR_DENIED with *wrong_setting: the store is another issuer's. */
FRANK_MUST_CHECK enum frank_err
frank_authority_store_start(struct frank_authority_store *store,
                            const struct frank_authority_settings *settings, uint64_t factor,
                            int64_t now_s, bool *wrong_setting, char *why);

/* Publishes `factor` (1..FRANK_FACTOR_MAX) as the next epoch; `reason` is one line of text that is
 * kept with it (cut to fit). Where it is in force already nothing changes, and *epoch is the one in
 * force; *is_new (may be NULL) tells. FRANK_ERR_NOT_FOUND: nothing was published yet: a server must
 * start first. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_publish(struct frank_authority_store *store,
                                                              uint64_t factor, const char *reason,
                                                              int64_t now_s, uint64_t *epoch,
                                                              bool *is_new, char *why);

/* Does what is due at now_s: signs anew before the document expires, moves keys on. *next_s: when
 * something will be due again. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_tick(struct frank_authority_store *store,
                                                           int64_t now_s, int64_t *next_s,
                                                           char *why);

/* Makes the key that signs from now_s + after_s (1 or more) on, and names it in the set. The key in
 * force then stays in the set for after_s more. FRANK_ERR_TAKEN: a rotation is under way. `made`
 * gets the new key. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_rotate(struct frank_authority_store *store,
                                                             int64_t after_s, int64_t now_s,
                                                             struct frank_authority_key *made,
                                                             char *why);

/* Reads and checks everything that is published. FRANK_ERR_NOT_FOUND: nothing was yet. On an error
 * *out is of no use. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_load(struct frank_authority_store *store,
                                                           struct frank_authority_state *out,
                                                           char *why);

/* *changed: whether another process, or another connection, has changed the store since the last
 * call, or another file lies in its place (it is opened then). Costs a few system calls. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_changed(struct frank_authority_store *store,
                                                              bool *changed, char *why);

/* For a reader that must not wait: how long calls wait for a writer, instead of
 * FRANK_AUTHORITY_BUSY_MS. */
void frank_authority_store_set_patience(struct frank_authority_store *store, int busy_ms);
/* The next _changed says yes, as a load has failed. */
void frank_authority_store_look_again(struct frank_authority_store *store);

/* A number that the estimation keeps from step to step, by name; 0 where it was never kept. */
FRANK_MUST_CHECK enum frank_err frank_authority_store_number(struct frank_authority_store *store,
                                                             const char *name, double *value,
                                                             char *why);
struct frank_authority_number {
  const char *name; /* FRANK_AUTHORITY_NUMBER_... */
  double value;
};
#define FRANK_AUTHORITY_NUMBER_WANTED      "estimate_wanted"  /* struct frank_estimate */
#define FRANK_AUTHORITY_NUMBER_STEPPED     "estimate_stepped" /* when, unix */
#define FRANK_AUTHORITY_NUMBER_FLOOR       "estimate_floor"
#define FRANK_AUTHORITY_NUMBER_CEILING     "estimate_ceiling"
#define FRANK_AUTHORITY_NUMBER_NEXT_CHANGE "estimate_next_change" /* not before, unix */
#define FRANK_AUTHORITY_NUMBER_REPORTS     "estimate_reports"     /* observations, in all */

/* One step of the estimation, all of it or nothing: keeps the numbers, and publishes `factor` where
 * it is not 0. `after` is the epoch that the step was reckoned from: FRANK_ERR_AGAIN where another
 * is in force by now. */
FRANK_MUST_CHECK enum frank_err
frank_authority_store_step(struct frank_authority_store *store, uint64_t after,
                           const struct frank_authority_number *numbers, size_t count,
                           uint64_t factor, const char *reason, int64_t now_s, char *why);

#endif
