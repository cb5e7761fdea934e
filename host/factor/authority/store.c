#include "factor/authority/store.h"
#include "factor/authority/store_internal.h"

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
