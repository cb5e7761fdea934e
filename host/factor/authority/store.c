#include "factor/authority/store.h"
#include "factor/authority/store_internal.h"
#include "proof/target.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x4d534d52 /* "MSMR": https://www.sqlite.org/fileformat.html, offset 68 */
#define SCHEMA_VERSION 1

static const char schema[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, factor INTEGER NOT NULL,"
    "  issued INTEGER NOT NULL, reason TEXT NOT NULL);"
    "CREATE TABLE keys (kid TEXT PRIMARY KEY, public BLOB NOT NULL, created INTEGER NOT NULL,"
    "  state TEXT NOT NULL, change INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE current (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL,"
    "  document_jws TEXT NOT NULL, keys TEXT NOT NULL, keys_jws TEXT NOT NULL);"
    "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), sha256 TEXT NOT NULL);"
    "PRAGMA application_id = 1297304914;"
    "PRAGMA user_version = 1;";
_Static_assert(APPLICATION_ID == 1297304914 && SCHEMA_VERSION == 1, "as the schema has them");

/* synchronous = EXTRA: FULL does not sync the folder after the journal's removal, so a loss of
 * power could bring a committed epoch's journal back, and undo it
 * (https://www.sqlite.org/pragma.html#pragma_synchronous). A rollback journal and not WAL: the file
 * alone is the whole state, which a copy needs. */
static const char settings[] = "PRAGMA journal_mode = DELETE;"
                               "PRAGMA synchronous = EXTRA;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;";

static enum frank_err exec(struct frank_authority_store *store, const char *sql, const char *doing,
                           char *why)
{
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
             ? FRANK_OK
             : store_sql_error(store, doing, why);
}

/* ---- opening ---- */

static enum frank_err check_integrity(struct frank_authority_store *store, char *why)
{
  char text[200];
  sqlite3_stmt *statement = NULL;
  enum frank_err err = store_prepare(store, &statement, why, "PRAGMA integrity_check(1)", "");
  if (err != FRANK_OK) {
    return err;
  }
  if (sqlite3_step(statement) != SQLITE_ROW) {
    err = store_sql_error(store, "cannot read it", why);
  } else {
    (void)snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(statement, 0));
    err = strcmp(text, "ok") == 0
              ? FRANK_OK
              : store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: %s", text);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

static enum frank_err check_version(struct frank_authority_store *store, bool *is_empty, char *why)
{
  int64_t id = 0;
  int64_t version = 0;
  int64_t tables = 0;
  *is_empty = false;
  enum frank_err err = store_integer(store, "PRAGMA application_id", &id, why);
  if (err == FRANK_OK) {
    err = store_integer(store, "PRAGMA user_version", &version, why);
  }
  if (err == FRANK_OK) {
    err = store_integer(store, "SELECT count(*) FROM sqlite_schema", &tables, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  if (id == 0 && version == 0 && tables == 0) {
    *is_empty = true;
    return FRANK_OK;
  }
  if (id != APPLICATION_ID) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why,
                        "not the database of an authority (application_id %" PRId64 ")", id);
  }
  if (version != SCHEMA_VERSION) {
    return store_refuse(store, FRANK_ERR_UNSUPPORTED, why,
                        "of version %" PRId64 "; this program knows %d", version, SCHEMA_VERSION);
  }
  return FRANK_OK;
}

static enum frank_err make_dir(struct frank_authority_store *store, char *why)
{
  if (mkdir(store->dir, 0700) == 0 || errno == EEXIST) {
    return FRANK_OK;
  }
  int number = errno;
  (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%s: cannot make the folder: %s", store->dir,
                 strerror(number));
  return number == EACCES || number == EROFS ? FRANK_ERR_DENIED
         : number == ENOENT                  ? FRANK_ERR_NOT_FOUND
         : number == ENOSPC                  ? FRANK_ERR_FULL
                                             : FRANK_ERR_IO;
}

static enum frank_err remember_file(struct frank_authority_store *store, char *why)
{
  struct stat info;
  if (stat(store->path, &info) != 0) {
    int number = errno;
    (void)store_refuse(store, FRANK_ERR_IO, why, "%s", strerror(number));
    return number == ENOENT   ? FRANK_ERR_NOT_FOUND
           : number == EACCES ? FRANK_ERR_DENIED
                              : FRANK_ERR_IO;
  }
  store->device = info.st_dev;
  store->inode = info.st_ino;
  return FRANK_OK;
}

void frank_authority_store_set_patience(struct frank_authority_store *store, int busy_ms)
{
  store->busy_ms = busy_ms;
  (void)sqlite3_busy_timeout(store->db, busy_ms);
}

static enum frank_err open_db(struct frank_authority_store *store, char *why)
{
  /* Before the opening: if the file is exchanged in between, the next look sees another. */
  enum frank_err err = remember_file(store, why);
  if (err != FRANK_OK && !(store->writable && err == FRANK_ERR_NOT_FOUND)) {
    return err;
  }
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
              (store->writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  int code = sqlite3_open_v2(store->path, &store->db, flags, NULL);
  if (code != SQLITE_OK) {
    return store->db == NULL ? store_refuse(store, FRANK_ERR_NOMEM, why, "no memory")
                             : store_sql_error(store, "cannot open it", why);
  }
  frank_authority_store_set_patience(store, FRANK_AUTHORITY_BUSY_MS);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  /* The only use of a file's own schema is ours, so nothing in it may run. */
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  err = exec(store, settings, "cannot use it", why);
  return err == FRANK_OK ? remember_file(store, why) : err;
}

/* In one transaction: a crash leaves an empty file, which is a new store. */
static enum frank_err prepare_db(struct frank_authority_store *store, char *why)
{
  bool is_empty = false;
  enum frank_err err = check_version(store, &is_empty, why);
  if (err != FRANK_OK || (!store->writable && !is_empty)) {
    return err;
  }
  if (is_empty && !store->writable) {
    return store_refuse(store, FRANK_ERR_NOT_FOUND, why, "nothing was published yet");
  }
  if (!is_empty) {
    return check_integrity(store, why);
  }
  err = store_begin(store, why);
  if (err != FRANK_OK) {
    return err;
  }
  /* Another process may have made it since. */
  err = check_version(store, &is_empty, why);
  if (err == FRANK_OK && is_empty) {
    err = exec(store, schema, "cannot make its tables", why);
  }
  return store_end(store, err, why);
}

enum frank_err frank_authority_store_open(const char *dir, bool writable,
                                          struct frank_authority_store **out, char *why)
{
  why[0] = '\0';
  if (dir[0] == '\0' || strlen(dir) >= FRANK_AUTHORITY_DIR_BYTES) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES,
                   "a folder's name of 1 to %d bytes, not \"%.80s\"", FRANK_AUTHORITY_DIR_BYTES - 1,
                   dir);
    return FRANK_ERR_TOO_LONG;
  }
  struct frank_authority_store *store = calloc(1, sizeof *store);
  if (store == NULL) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  store->writable = writable;
  (void)snprintf(store->dir, sizeof store->dir, "%s", dir);
  (void)snprintf(store->path, sizeof store->path, "%s/authority.db", dir);
  enum frank_err err = writable ? make_dir(store, why) : FRANK_OK;
  if (err == FRANK_OK) {
    err = open_db(store, why);
  }
  if (err == FRANK_OK) {
    err = prepare_db(store, why);
  }
  if (err == FRANK_OK) {
    err = store_integer(store, "PRAGMA data_version", &store->seen_version, why);
  }
  if (err != FRANK_OK) {
    frank_authority_store_close(&store);
    return err;
  }
  *out = store;
  return FRANK_OK;
}

void frank_authority_store_close(struct frank_authority_store **store)
{
  if (*store == NULL) {
    return;
  }
  (void)sqlite3_close_v2((*store)->db);
  free(*store);
  *store = NULL;
}

enum frank_err frank_authority_store_is_new(struct frank_authority_store *store, bool *is_new,
                                            char *why)
{
  int64_t count = 0;
  enum frank_err err = store_integer(store, "SELECT count(*) FROM epochs", &count, why);
  *is_new = count == 0;
  return err;
}

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
    document->has_previous = 0;
    document->previous_epoch = 0;
    document->previous_factor = 0;
    document->previous_until_s = 0;
  }
  return store_sign(store, document, now_s, why);
}

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
  document->has_previous = grace_s > 0 ? 1 : 0;
  document->previous_epoch = grace_s > 0 ? document->epoch : 0;
  document->previous_factor = grace_s > 0 ? document->factor : 0;
  document->previous_until_s = grace_s > 0 ? now_s + grace_s : 0;
  document->epoch++;
  document->factor = factor;
  err = add_epoch(store, document->epoch, factor, reason, now_s, why);
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
      err = store_run(store, why, "DELETE FROM keys WHERE kid = ?", "t", list[i].key.id);
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

/* ---- watching ---- */

enum frank_err frank_authority_store_changed(struct frank_authority_store *store, bool *changed,
                                             char *why)
{
  struct stat info;
  int64_t version = 0;
  *changed = false;
  if (stat(store->path, &info) != 0) {
    int number = errno;
    return store_refuse(store, number == ENOENT ? FRANK_ERR_NOT_FOUND : FRANK_ERR_IO, why, "%s",
                        strerror(number));
  }
  if (info.st_dev != store->device || info.st_ino != store->inode) {
    struct frank_authority_store *fresh = NULL;
    enum frank_err err = frank_authority_store_open(store->dir, store->writable, &fresh, why);
    if (err != FRANK_OK) {
      return err;
    }
    frank_authority_store_set_patience(fresh, store->busy_ms);
    (void)sqlite3_close_v2(store->db);
    *store = *fresh;
    free(fresh);
    *changed = true;
    return FRANK_OK;
  }
  enum frank_err err = store_integer(store, "PRAGMA data_version", &version, why);
  if (err == FRANK_OK && version != store->seen_version) {
    *changed = true;
    store->seen_version = version;
  }
  return err;
}

void frank_authority_store_look_again(struct frank_authority_store *store)
{
  store->seen_version = -1;
}

/* ---- numbers ---- */

enum frank_err frank_authority_store_number(struct frank_authority_store *store, const char *name,
                                            double *value, char *why)
{
  char text[40];
  char *end = NULL;
  enum frank_err err = store_meta(store, name, text, sizeof text, why);
  *value = 0;
  if (err == FRANK_ERR_NOT_FOUND) {
    return FRANK_OK;
  }
  if (err == FRANK_OK) {
    *value = strtod(text, &end);
    if (end == text || *end != '\0') {
      err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: %s is \"%.40s\"", name, text);
    }
  }
  return err;
}

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
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", numbers[i].value);
    err = store_set_meta(store, numbers[i].name, text, why);
  }
  if (err == FRANK_OK && factor != 0 && factor != document.factor) {
    err = change_factor(store, &document, factor, reason, now_s, why);
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
