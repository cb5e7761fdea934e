/*
 * store_load: reading what is published, and the checks before any of it is believed: the seal over
 * all rows, the form of each text, both signatures, and that data and texts say the same.
 */
#include "factor/authority/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum frank_err store_check_seal(struct frank_authority_store *store, char *why)
{
  char kept[STORE_SEAL_BYTES];
  char made[STORE_SEAL_BYTES];
  sqlite3_stmt *statement = NULL;
  enum frank_err err =
      store_prepare(store, &statement, why, "SELECT sha256 FROM seal WHERE id = 1", "");
  if (err != FRANK_OK) {
    return err;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    err = store_text(store, statement, 0, kept, sizeof kept, why);
  } else if (code == SQLITE_DONE) {
    err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: it has no seal");
  } else {
    err = store_sql_error(store, "cannot read the seal", why);
  }
  (void)sqlite3_finalize(statement);
  if (err == FRANK_OK) {
    err = store_digest(store, made, why);
  }
  if (err == FRANK_OK && strcmp(kept, made) != 0) {
    err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: its seal does not match");
  }
  return err;
}

static enum frank_err read_texts(struct frank_authority_store *store,
                                 struct frank_authority_state *out, char *why)
{
  const struct {
    char *text;
    size_t size;
  } columns[] = {
      {out->document_text, sizeof out->document_text},
      {out->document_jws, sizeof out->document_jws},
      {out->keys_text, sizeof out->keys_text},
      {out->keys_jws, sizeof out->keys_jws},
  };
  sqlite3_stmt *statement = NULL;
  enum frank_err err =
      store_prepare(store, &statement, why,
                    "SELECT document, document_jws, keys, keys_jws FROM current WHERE id = 1", "");
  if (err != FRANK_OK) {
    return err;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_DONE) {
    err = store_refuse(store, FRANK_ERR_NOT_FOUND, why, "nothing was published yet");
  } else if (code != SQLITE_ROW) {
    err = store_sql_error(store, "cannot read what is published", why);
  }
  for (size_t i = 0; i < sizeof columns / sizeof columns[0] && err == FRANK_OK; i++) {
    err = store_text(store, statement, (int)i, columns[i].text, columns[i].size, why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err store_document_read(struct frank_authority_store *store,
                                   struct frank_factor_document *document, char *why)
{
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char what[FRANK_FACTOR_WHY_BYTES];
  sqlite3_stmt *statement = NULL;
  enum frank_err err =
      store_prepare(store, &statement, why, "SELECT document FROM current WHERE id = 1", "");
  if (err != FRANK_OK) {
    return err;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    err = store_text(store, statement, 0, text, sizeof text, why);
  } else if (code == SQLITE_DONE) {
    err = store_refuse(store, FRANK_ERR_NOT_FOUND, why,
                       "nothing was published yet; a server must start first");
  } else {
    err = store_sql_error(store, "cannot read what is published", why);
  }
  (void)sqlite3_finalize(statement);
  if (err == FRANK_OK &&
      frank_factor_document_parse(text, strlen(text), document, what) != FRANK_OK) {
    err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: its document: %s", what);
  }
  return err;
}

/* The last FRANK_AUTHORITY_HISTORY_MAX, without a gap. */
static enum frank_err read_history(struct frank_authority_store *store,
                                   struct frank_authority_state *out, char *why)
{
  sqlite3_stmt *statement = NULL;
  int code = SQLITE_DONE;
  out->history_count = 0;
  enum frank_err err =
      store_prepare(store, &statement, why,
                    "SELECT epoch, factor, issued, reason FROM (SELECT * FROM epochs "
                    "ORDER BY epoch DESC LIMIT ?) ORDER BY epoch",
                    "i", (int64_t)FRANK_AUTHORITY_HISTORY_MAX);
  while (err == FRANK_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (out->history_count == FRANK_AUTHORITY_HISTORY_MAX) {
      err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: more epochs than asked for");
      break;
    }
    struct frank_authority_epoch *epoch = &out->history[out->history_count];
    epoch->epoch = (uint64_t)sqlite3_column_int64(statement, 0);
    epoch->factor = (uint64_t)sqlite3_column_int64(statement, 1);
    epoch->issued_s = sqlite3_column_int64(statement, 2);
    err = store_text(store, statement, 3, epoch->reason, sizeof epoch->reason, why);
    if (err == FRANK_OK && out->history_count > 0 && epoch->epoch != epoch[-1].epoch + 1) {
      err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: epoch %llu follows %llu",
                         (unsigned long long)epoch->epoch, (unsigned long long)epoch[-1].epoch);
    }
    out->history_count += err == FRANK_OK ? 1 : 0;
  }
  if (err == FRANK_OK && code != SQLITE_DONE) {
    err = store_sql_error(store, "cannot read the history", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

/* One signed text: by the key in force, and over exactly the plain one. */
static enum frank_err check_signed(const struct frank_authority_store *store,
                                   const struct frank_authority_state *state, const char *jws,
                                   const char *type, const char *plain, char *why)
{
  struct frank_jws_keys set = {.count = 1, .list = {state->keys[0].key}};
  const struct frank_jws_key *by = NULL;
  char what[FRANK_FACTOR_WHY_BYTES];
  char *payload = NULL;
  size_t len = 0;
  enum frank_err err = frank_jws_verify(jws, strlen(jws), type, &set, &payload, &len, &by, what);
  if (err == FRANK_ERR_NOMEM) {
    return store_refuse(store, err, why, "no memory");
  }
  if (err != FRANK_OK) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: the signed %s: %s", type, what);
  }
  if (len != strlen(plain) || memcmp(payload, plain, len) != 0) {
    err = store_refuse(store, FRANK_ERR_MALFORMED, why,
                       "damaged: the signed %s is not the plain one", type);
  }
  free(payload);
  return err;
}

static enum frank_err check_document(struct frank_authority_store *store,
                                     struct frank_authority_state *state, char *why)
{
  char what[FRANK_FACTOR_WHY_BYTES];
  char issuer[FRANK_FACTOR_ISSUER_BYTES + 1];
  const struct frank_factor_document *document = &state->document;
  enum frank_err err = frank_factor_document_parse(
      state->document_text, strlen(state->document_text), &state->document, what);
  if (err != FRANK_OK) {
    return store_refuse(store, err == FRANK_ERR_NOMEM ? err : FRANK_ERR_MALFORMED, why,
                        "damaged: its document: %s", what);
  }
  err = store_meta(store, "issuer", issuer, sizeof issuer, why);
  if (err != FRANK_OK) {
    return err == FRANK_ERR_NOT_FOUND ? FRANK_ERR_MALFORMED : err;
  }
  const struct frank_authority_epoch *last =
      state->history_count > 0 ? &state->history[state->history_count - 1] : NULL;
  if (strcmp(issuer, document->issuer) != 0 || last == NULL || last->epoch != document->epoch ||
      last->factor != document->factor) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why,
                        "damaged: its document is not that of its last epoch");
  }
  return FRANK_OK;
}

static enum frank_err check_keys(const struct frank_authority_store *store,
                                 const struct frank_authority_state *state, char *why)
{
  char what[FRANK_FACTOR_WHY_BYTES];
  struct frank_jws_keys set;
  enum frank_err err = frank_jws_keys_parse(state->keys_text, strlen(state->keys_text), &set, what);
  if (err != FRANK_OK) {
    return store_refuse(store, err == FRANK_ERR_NOMEM ? err : FRANK_ERR_MALFORMED, why,
                        "damaged: its key set: %s", what);
  }
  bool same = set.count == state->key_count;
  for (size_t i = 0; i < state->key_count && same; i++) {
    same = frank_jws_key_find(&set, state->keys[i].key.id) != NULL;
  }
  return same ? FRANK_OK
              : store_refuse(store, FRANK_ERR_MALFORMED, why,
                             "damaged: its key set is not that of its keys");
}

static enum frank_err read_estimation(struct frank_authority_store *store,
                                      struct frank_authority_state *out, char *why)
{
  double floor = 0;
  double ceiling = 0;
  double change = 0;
  double reports = 0;
  const struct {
    const char *name;
    double *value;
  } numbers[] = {
      {FRANK_AUTHORITY_NUMBER_FLOOR, &floor},
      {FRANK_AUTHORITY_NUMBER_CEILING, &ceiling},
      {FRANK_AUTHORITY_NUMBER_NEXT_CHANGE, &change},
      {FRANK_AUTHORITY_NUMBER_REPORTS, &reports},
  };
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && err == FRANK_OK; i++) {
    err = frank_authority_store_number(store, numbers[i].name, numbers[i].value, why);
    if (err == FRANK_OK && !(*numbers[i].value >= 0 && *numbers[i].value < 0x1p53)) {
      err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: %s is %g", numbers[i].name,
                         *numbers[i].value);
    }
  }
  if (err == FRANK_OK) {
    out->floor = (uint64_t)floor;
    out->ceiling = (uint64_t)ceiling;
    out->next_change_s = (int64_t)change;
    out->reports_total = (uint64_t)reports;
  }
  return err;
}

static enum frank_err load_all(struct frank_authority_store *store,
                               struct frank_authority_state *out, char *why)
{
  enum frank_err err = read_texts(store, out, why);
  if (err == FRANK_OK) {
    err = store_check_seal(store, why);
  }
  if (err == FRANK_OK) {
    err = read_history(store, out, why);
  }
  if (err == FRANK_OK) {
    err = store_keys_read(store, out->keys, &out->key_count, why);
  }
  if (err == FRANK_OK) {
    err = store_meta_seconds(store, "valid", &out->valid_s, why);
  }
  if (err == FRANK_OK) {
    err = store_meta_seconds(store, "grace", &out->grace_s, why);
  }
  return err == FRANK_OK ? read_estimation(store, out, why) : err;
}

enum frank_err frank_authority_store_load(struct frank_authority_store *store,
                                          struct frank_authority_state *out, char *why)
{
  /* One transaction: all rows are of the same moment. */
  enum frank_err err = store_run(store, why, "BEGIN", "");
  if (err != FRANK_OK) {
    return err;
  }
  err = load_all(store, out, why);
  if (err == FRANK_OK) {
    err = check_document(store, out, why);
  }
  if (err == FRANK_OK) {
    err = check_keys(store, out, why);
  }
  char ignored[FRANK_AUTHORITY_WHY_BYTES];
  enum frank_err ended = store_run(store, ignored, "COMMIT", "");
  if (err == FRANK_OK && ended != FRANK_OK) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%s", ignored);
    err = ended;
  }
  if (err == FRANK_OK) {
    err =
        check_signed(store, out, out->document_jws, FRANK_JWS_TYPE_FACTOR, out->document_text, why);
  }
  if (err == FRANK_OK) {
    err = check_signed(store, out, out->keys_jws, FRANK_JWS_TYPE_KEYS, out->keys_text, why);
  }
  return err;
}
