/*
 * store_publish: all that changes what is published: epochs, settings, what is due, keys. Each is
 * one transaction.
 */
#include "factor/authority/store_internal.h"
#include "proof/target.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- publishing ---- */

static enum frank_err add_epoch(struct frank_authority_store *store, uint64_t epoch,
                                uint64_t factor, const char *reason, int64_t now_s, char *why)
{
  char line[FRANK_AUTHORITY_REASON_BYTES];
  (void)snprintf(line, sizeof line, "%s", reason);
  for (char *at = line; *at != '\0'; at++) {
    *at = (unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f ? '?' : *at;
  }
  return store_run(store, why,
                   "INSERT INTO epochs (epoch, factor, issued, reason) VALUES (?, ?, ?, ?)", "iiit",
                   (int64_t)epoch, (int64_t)factor, now_s, line);
}

static void name_no_previous(struct frank_factor_document *document)
{
  document->has_previous = 0;
  document->previous_epoch = 0;
  document->previous_factor = 0;
  document->previous_until_s = 0;
}

/* The document of now: valid from now on; a factor before it counts no more once its time is over.
 */
static enum frank_err sign_now(struct frank_authority_store *store,
                               struct frank_factor_document *document, int64_t now_s, char *why)
{
  int64_t valid_s = 0;
  enum frank_err err = store_meta_seconds(store, "valid", &valid_s, why);
  if (err != FRANK_OK) {
    return err;
  }
  document->issued_s = now_s;
  document->expires_s = now_s + valid_s;
  if (document->has_previous != 0 && document->previous_until_s <= now_s) {
    name_no_previous(document);
  }
  return store_sign(store, document, why);
}

/* What counts beside the new factor: whoever met a factor that was in force within the grace is not
 * to be refused, and the document can name but one. So it names the lowest of them, until the grace
 * of the last is over: of several quick changes the first may so count for longer, for less than
 * the grace twice. */
static enum frank_err name_previous(struct frank_authority_store *store,
                                    struct frank_factor_document *document, int64_t grace_s,
                                    int64_t now_s, char *why)
{
  sqlite3_stmt *statement = NULL;
  document->has_previous = 1;
  document->previous_epoch = document->epoch;
  document->previous_factor = document->factor;
  document->previous_until_s = now_s + grace_s;
  enum frank_err err = store_prepare(
      store, &statement, why,
      "SELECT e.epoch, e.factor FROM epochs AS e JOIN epochs AS next ON next.epoch = e.epoch + 1 "
      "WHERE next.issued > ? ORDER BY e.factor, e.epoch DESC LIMIT 1",
      "i", now_s - grace_s);
  int code = err == FRANK_OK ? sqlite3_step(statement) : SQLITE_DONE;
  if (code == SQLITE_ROW) {
    uint64_t factor = (uint64_t)sqlite3_column_int64(statement, 1);
    if (factor < document->factor) {
      document->previous_epoch = (uint64_t)sqlite3_column_int64(statement, 0);
      document->previous_factor = factor;
    }
  } else if (code != SQLITE_DONE) {
    err = store_sql_error(store, "cannot read the epochs", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

/* The estimation goes on from the new factor: what it wanted before would undo what a person has
 * published. */
static enum frank_err change_factor(struct frank_authority_store *store,
                                    struct frank_factor_document *document, uint64_t factor,
                                    const char *reason, int64_t now_s, char *why)
{
  int64_t grace_s = 0;
  enum frank_err err = store_meta_seconds(store, "grace", &grace_s, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (document->epoch >= FRANK_FACTOR_MAX) {
    return store_refuse(store, FRANK_ERR_RANGE, why, "no epoch follows %" PRIu64, document->epoch);
  }
  if (grace_s > 0) {
    err = name_previous(store, document, grace_s, now_s, why);
  } else {
    name_no_previous(document);
  }
  if (err != FRANK_OK) {
    return err;
  }
  document->epoch++;
  document->factor = factor;
  err = add_epoch(store, document->epoch, factor, reason, now_s, why);
  if (err == FRANK_OK) {
    err = store_set_meta(store, FRANK_AUTHORITY_NUMBER_WANTED, "0", why);
  }
  return err == FRANK_OK ? sign_now(store, document, now_s, why) : err;
}

static enum frank_err publish_in(struct frank_authority_store *store, uint64_t factor,
                                 const char *reason, int64_t now_s, uint64_t *epoch, bool *is_new,
                                 char *why)
{
  struct frank_factor_document document;
  enum frank_err err = store_document_read(store, &document, why);
  if (err != FRANK_OK) {
    return err;
  }
  *is_new = document.factor != factor;
  if (*is_new) {
    err = change_factor(store, &document, factor, reason, now_s, why);
  }
  *epoch = document.epoch;
  return err;
}

enum frank_err frank_authority_store_publish(struct frank_authority_store *store, uint64_t factor,
                                             const char *reason, int64_t now_s, uint64_t *epoch,
                                             bool *is_new, char *why)
{
  bool fresh = false;
  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX);
  enum frank_err err = store_begin(store, why);
  if (err == FRANK_OK) {
    err = store_end(store, publish_in(store, factor, reason, now_s, epoch, &fresh, why), why);
  }
  if (is_new != NULL) {
    *is_new = fresh;
  }
  return err;
}

/* ---- a server starts ---- */

static enum frank_err keep_settings(struct frank_authority_store *store,
                                    const struct frank_factor_document *document,
                                    const struct frank_authority_settings *wanted, char *why)
{
  char valid[32];
  char grace[32];
  (void)snprintf(valid, sizeof valid, "%" PRId64, wanted->valid_s);
  (void)snprintf(grace, sizeof grace, "%" PRId64, wanted->grace_s);
  enum frank_err err = store_set_meta(store, "issuer", document->issuer, why);
  if (err == FRANK_OK) {
    err = store_set_meta(store, "valid", valid, why);
  }
  return err == FRANK_OK ? store_set_meta(store, "grace", grace, why) : err;
}

static enum frank_err first_publication(struct frank_authority_store *store,
                                        const struct frank_authority_settings *wanted,
                                        uint64_t factor, int64_t now_s, char *why)
{
  struct frank_factor_document document = {.epoch = 1, .factor = factor};
  struct frank_jws_key key;
  if (wanted->issuer[0] == '\0' || factor == 0) {
    return store_refuse(store, FRANK_ERR_RANGE, why, "a new store needs an issuer and a factor");
  }
  (void)snprintf(document.issuer, sizeof document.issuer, "%s", wanted->issuer);
  document.kind = wanted->has_kind ? (uint32_t)wanted->kind : FRANK_FACTOR_AUTHORITY;
  document.testing = wanted->testing ? 1 : 0;
  enum frank_err err = keep_settings(store, &document, wanted, why);
  if (err == FRANK_OK) {
    err = store_key_make(store, FRANK_AUTHORITY_KEY_CURRENT, now_s, 0, &key, why);
  }
  if (err == FRANK_OK) {
    err = add_epoch(store, 1, factor, "the first factor", now_s, why);
  }
  return err == FRANK_OK ? sign_now(store, &document, now_s, why) : err;
}

static enum frank_err start_again(struct frank_authority_store *store,
                                  const struct frank_authority_settings *wanted, uint64_t factor,
                                  int64_t now_s, bool *wrong_setting, char *why)
{
  struct frank_factor_document document;
  int64_t valid_s = 0;
  enum frank_err err = store_document_read(store, &document, why);
  if (err == FRANK_OK) {
    err = store_meta_seconds(store, "valid", &valid_s, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  if (wanted->issuer[0] != '\0' && strcmp(wanted->issuer, document.issuer) != 0) {
    *wrong_setting = true;
    return store_refuse(store, FRANK_ERR_DENIED, why, "its issuer is %s, not %s", document.issuer,
                        wanted->issuer);
  }
  uint32_t kind = wanted->has_kind ? (uint32_t)wanted->kind : document.kind;
  uint32_t testing = wanted->testing ? 1 : 0;
  bool differs = kind != document.kind || testing != document.testing || valid_s != wanted->valid_s;
  document.kind = kind;
  document.testing = testing;
  err = keep_settings(store, &document, wanted, why);
  if (err == FRANK_OK && factor != 0 && factor != document.factor) {
    err = change_factor(store, &document, factor, "set at the server's start", now_s, why);
  } else if (err == FRANK_OK && differs) {
    err = sign_now(store, &document, now_s, why);
  }
  return err;
}

enum frank_err frank_authority_store_start(struct frank_authority_store *store,
                                           const struct frank_authority_settings *wanted,
                                           uint64_t factor, int64_t now_s, bool *wrong_setting,
                                           char *why)
{
  bool is_new = false;
  *wrong_setting = false;
  enum frank_err err = store_begin(store, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = frank_authority_store_is_new(store, &is_new, why);
  if (err == FRANK_OK) {
    err = is_new ? first_publication(store, wanted, factor, now_s, why)
                 : start_again(store, wanted, factor, now_s, wrong_setting, why);
  }
  return store_end(store, err, why);
}

/* ---- what is due ---- */

static enum frank_err set_key_state(struct frank_authority_store *store, const char *kid,
                                    enum frank_authority_key_state state, int64_t change_s,
                                    char *why)
{
  return store_run(store, why, "UPDATE keys SET state = ?, change = ? WHERE kid = ?", "tit",
                   frank_authority_key_state_name(state), change_s, kid);
}

/* The next key takes over; the one before stays for as long again as it had been named ahead. */
static enum frank_err take_over(struct frank_authority_store *store,
                                const struct frank_authority_key *current,
                                const struct frank_authority_key *next, int64_t now_s, char *why)
{
  int64_t after_s = next->change_s - next->created_s;
  enum frank_err err = set_key_state(store, current->key.id, FRANK_AUTHORITY_KEY_OLD,
                                     now_s + (after_s > 0 ? after_s : 0), why);
  return err == FRANK_OK ? set_key_state(store, next->key.id, FRANK_AUTHORITY_KEY_CURRENT, 0, why)
                         : err;
}

/* Moves on the keys whose time has come; *moved and the ids of those that left. */
static enum frank_err move_keys(struct frank_authority_store *store, int64_t now_s, bool *moved,
                                struct frank_jws_keys *gone, char *why)
{
  struct frank_authority_key list[FRANK_JWS_KEYS_MAX];
  size_t count = 0;
  enum frank_err err = store_keys_read(store, list, &count, why);
  for (size_t i = 1; i < count && err == FRANK_OK; i++) {
    if (now_s < list[i].change_s) {
      continue;
    }
    *moved = true;
    if (list[i].state == FRANK_AUTHORITY_KEY_NEXT) {
      err = take_over(store, &list[0], &list[i], now_s, why);
    } else {
      err = store_key_drop(store, list[i].key.id, now_s, why);
      gone->list[gone->count++] = list[i].key;
    }
  }
  return err;
}

static enum frank_err next_due(struct frank_authority_store *store,
                               const struct frank_factor_document *document, int64_t *next_s,
                               char *why)
{
  struct frank_authority_key list[FRANK_JWS_KEYS_MAX];
  size_t count = 0;
  enum frank_err err = store_keys_read(store, list, &count, why);
  *next_s = document->issued_s + (document->expires_s - document->issued_s) / 2;
  for (size_t i = 1; i < count && err == FRANK_OK; i++) {
    *next_s = list[i].change_s < *next_s ? list[i].change_s : *next_s;
  }
  return err;
}

static enum frank_err tick_in(struct frank_authority_store *store, int64_t now_s, int64_t *next_s,
                              struct frank_jws_keys *gone, char *why)
{
  struct frank_factor_document document;
  bool moved = false;
  enum frank_err err = store_document_read(store, &document, why);
  if (err == FRANK_OK) {
    err = move_keys(store, now_s, &moved, gone, why);
  }
  if (err == FRANK_OK) {
    err = sign_now(store, &document, now_s, why);
  }
  return err == FRANK_OK ? next_due(store, &document, next_s, why) : err;
}

enum frank_err frank_authority_store_tick(struct frank_authority_store *store, int64_t now_s,
                                          int64_t *next_s, char *why)
{
  struct frank_factor_document document;
  struct frank_jws_keys gone = {.count = 0};
  enum frank_err err = store_document_read(store, &document, why);
  if (err == FRANK_OK) {
    err = next_due(store, &document, next_s, why);
  }
  /* A clock that was ahead when it was signed: clients would refuse it until then. */
  bool from_future = err == FRANK_OK && document.issued_s > now_s + FRANK_FACTOR_FUTURE_MAX_S;
  if (err != FRANK_OK || (now_s < *next_s && !from_future)) {
    return err;
  }
  err = store_begin(store, why);
  if (err == FRANK_OK) {
    err = store_end(store, tick_in(store, now_s, next_s, &gone, why), why);
  }
  for (uint32_t i = 0; i < gone.count && err == FRANK_OK; i++) {
    store_key_remove(store, gone.list[i].id);
  }
  return err;
}

/* ---- keys ---- */

static enum frank_err rotate_in(struct frank_authority_store *store, int64_t after_s, int64_t now_s,
                                struct frank_authority_key *made, char *why)
{
  struct frank_authority_key list[FRANK_JWS_KEYS_MAX];
  struct frank_factor_document document;
  size_t count = 0;
  enum frank_err err = store_document_read(store, &document, why);
  if (err == FRANK_OK) {
    err = store_keys_read(store, list, &count, why);
  }
  for (size_t i = 1; i < count && err == FRANK_OK; i++) {
    if (list[i].state == FRANK_AUTHORITY_KEY_NEXT) {
      err = store_refuse(store, FRANK_ERR_TAKEN, why, "key %s is to sign next already",
                         list[i].key.id);
    }
  }
  if (err == FRANK_OK && count == FRANK_JWS_KEYS_MAX) {
    err = store_refuse(store, FRANK_ERR_FULL, why, "it has %d keys already", FRANK_JWS_KEYS_MAX);
  }
  if (err != FRANK_OK) {
    return err;
  }
  made->state = FRANK_AUTHORITY_KEY_NEXT;
  made->created_s = now_s;
  made->change_s = now_s + after_s;
  err = store_key_make(store, made->state, now_s, made->change_s, &made->key, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = sign_now(store, &document, now_s, why);
  if (err != FRANK_OK) {
    store_key_remove(store, made->key.id);
  }
  return err;
}

enum frank_err frank_authority_store_rotate(struct frank_authority_store *store, int64_t after_s,
                                            int64_t now_s, struct frank_authority_key *made,
                                            char *why)
{
  assert(after_s >= 1);
  enum frank_err err = store_begin(store, why);
  return err == FRANK_OK ? store_end(store, rotate_in(store, after_s, now_s, made, why), why) : err;
}

/* ---- the estimation ---- */

static enum frank_err step_in(struct frank_authority_store *store, uint64_t after,
                              const struct frank_authority_number *numbers, size_t count,
                              uint64_t factor, const char *reason, int64_t now_s, char *why)
{
  struct frank_factor_document document;
  enum frank_err err = store_document_read(store, &document, why);
  if (err == FRANK_OK && document.epoch != after) {
    err = store_refuse(store, FRANK_ERR_AGAIN, why, "epoch %" PRIu64 " is in force by now",
                       document.epoch);
  }
  if (err == FRANK_OK && factor != 0 && factor != document.factor) {
    err = change_factor(store, &document, factor, reason, now_s, why);
  }
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", numbers[i].value);
    err = store_set_meta(store, numbers[i].name, text, why);
  }
  return err;
}

enum frank_err frank_authority_store_step(struct frank_authority_store *store, uint64_t after,
                                          const struct frank_authority_number *numbers,
                                          size_t count, uint64_t factor, const char *reason,
                                          int64_t now_s, char *why)
{
  assert(factor <= FRANK_FACTOR_MAX);
  enum frank_err err = store_begin(store, why);
  if (err == FRANK_OK) {
    err = store_end(store, step_in(store, after, numbers, count, factor, reason, now_s, why), why);
  }
  return err;
}
