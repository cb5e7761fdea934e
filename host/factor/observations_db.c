#include "factor/observations_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID  0x46724f62 /* "FrOb" */
#define VERSION         1
#define CHECK_MAX_BYTES (INT64_C(16) << 20)
#define CACHE_KIB       "8192"
#define SQL_MAX_BYTES   10000
#define TEXT(macro)     TEXT_OF(macro)
#define TEXT_OF(macro)  #macro

/* A count stands for all messages alike of a reporter in an hour. Most stamps differ in their bits,
 * so that a row is little more than one message; unstamped mail makes one row. */
static const char schema[] =
    "CREATE TABLE meta(only_row INTEGER PRIMARY KEY CHECK(only_row=1), total INTEGER NOT NULL,"
    "  tidied_day INTEGER NOT NULL);"
    "INSERT INTO meta VALUES(1,0,0);"
    "CREATE TABLE reporters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token BLOB UNIQUE,"
    "  made_s INTEGER NOT NULL, day INTEGER NOT NULL DEFAULT 0,"
    "  day_messages INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE counts(reporter INTEGER NOT NULL, hour INTEGER NOT NULL, spam INTEGER NOT NULL,"
    "  bits INTEGER NOT NULL, n INTEGER NOT NULL CHECK(n>=0),"
    "  PRIMARY KEY(reporter,hour,spam,bits)) WITHOUT ROWID;"
    "CREATE TABLE reports(reporter INTEGER NOT NULL, id TEXT NOT NULL, hour INTEGER NOT NULL,"
    "  PRIMARY KEY(reporter,id)) WITHOUT ROWID;"
    "CREATE TABLE learned(id BLOB PRIMARY KEY, hour INTEGER NOT NULL, spam INTEGER NOT NULL,"
    "  bits INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id=" TEXT(APPLICATION_ID) ";"
                                                  "PRAGMA user_version=" TEXT(VERSION) ";";

/* ---- errors ---- */

static const struct {
  int code;
  enum frank_err err;
} codes[] = {
    {SQLITE_BUSY, FRANK_ERR_AGAIN},
    {SQLITE_LOCKED, FRANK_ERR_AGAIN},
    {SQLITE_FULL, FRANK_ERR_FULL},
    {SQLITE_NOMEM, FRANK_ERR_NOMEM},
    {SQLITE_CORRUPT, FRANK_ERR_MALFORMED},
    {SQLITE_NOTADB, FRANK_ERR_MALFORMED},
    {SQLITE_PERM, FRANK_ERR_DENIED},
    {SQLITE_READONLY, FRANK_ERR_DENIED},
    {SQLITE_AUTH, FRANK_ERR_DENIED},
    {SQLITE_ERROR, FRANK_ERR_MALFORMED},
    {SQLITE_CONSTRAINT, FRANK_ERR_MALFORMED},
    {SQLITE_MISMATCH, FRANK_ERR_MALFORMED},
};

enum frank_err frank_observations_failed(const struct frank_observations *store, int code,
                                         char *why)
{
  enum frank_err err = FRANK_ERR_IO;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    err = codes[i].code == (code & 0xff) ? codes[i].err : err;
  }
  (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%.160s: %s", store->path,
                 store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
  return err;
}

/* ---- statements ---- */

enum frank_err frank_observations_run(struct frank_observations *store, const char *sql, char *why)
{
  int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? FRANK_OK : frank_observations_failed(store, code, why);
}

enum frank_err frank_observations_prepare(struct frank_observations *store, const char *sql,
                                          sqlite3_stmt **out, char *why)
{
  int code = sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
  return code == SQLITE_OK ? FRANK_OK : frank_observations_failed(store, code, why);
}

enum frank_err frank_observations_step(struct frank_observations *store, sqlite3_stmt *statement,
                                       bool *has_row, char *why)
{
  int code = sqlite3_step(statement);
  *has_row = code == SQLITE_ROW;
  if (code == SQLITE_ROW) {
    return FRANK_OK;
  }
  enum frank_err err = code == SQLITE_DONE ? FRANK_OK : frank_observations_failed(store, code, why);
  (void)sqlite3_reset(statement);
  return err;
}

enum frank_err frank_observations_number(struct frank_observations *store, const char *sql,
                                         int64_t *out, char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  *out = 0;
  enum frank_err err = frank_observations_prepare(store, sql, &statement, why);
  if (err == FRANK_OK) {
    err = frank_observations_step(store, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    *out = sqlite3_column_int64(statement, 0);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err frank_observations_end(struct frank_observations *store, enum frank_err err,
                                      char *why)
{
  if (err == FRANK_OK) {
    err = frank_observations_run(store, "COMMIT", why);
  }
  if (err != FRANK_OK && sqlite3_get_autocommit(store->db) == 0) {
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
  }
  return err;
}

/* ---- opening ---- */

static enum frank_err refuse(const struct frank_observations *store, enum frank_err err,
                             const char *text, char *why)
{
  (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%.160s: %s", store->path, text);
  return err;
}

static enum frank_err refuse_errno(const struct frank_observations *store, char *why)
{
  enum frank_err err = errno == ENOENT || errno == ENOTDIR                   ? FRANK_ERR_NOT_FOUND
                       : errno == EACCES || errno == EPERM || errno == EROFS ? FRANK_ERR_DENIED
                       : errno == ENOSPC || errno == EDQUOT                  ? FRANK_ERR_FULL
                                                                             : FRANK_ERR_IO;
  return refuse(store, err, strerror(errno), why);
}

/* Sees to it that there is a regular file. An open descriptor is never closed on one that is there:
 * that would drop the locks of another handle of this process (POSIX). */
static enum frank_err have_file(struct frank_observations *store, bool writable, int64_t *size,
                                char *why)
{
  struct stat info = {0};
  if (stat(store->path, &info) != 0) {
    int fd = errno == ENOENT && writable
                 ? open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                 : -1;
    if (fd >= 0) {
      close(fd);
    } else if (errno != EEXIST) {
      return refuse_errno(store, why);
    }
    info.st_mode = S_IFREG;
  }
  *size = info.st_size;
  if (access(store->path, writable ? R_OK | W_OK : R_OK) != 0) {
    return refuse_errno(store, why);
  }
  return S_ISREG(info.st_mode) ? FRANK_OK
                               : refuse(store, FRANK_ERR_MALFORMED, "not a regular file", why);
}

/* What a file that somebody prepared must not be able to do, and how much memory we spend. EXTRA:
 * the removal of the journal is on disk before a commit is answered. */
static enum frank_err prepare_handle(struct frank_observations *store, char *why)
{
  (void)sqlite3_busy_timeout(store->db, FRANK_OBSERVATIONS_BUSY_MS);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  (void)sqlite3_limit(store->db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX_BYTES);
  (void)sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, 1 << 20);
  return frank_observations_run(store,
                                "PRAGMA synchronous=EXTRA; PRAGMA mmap_size=0;"
                                "PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;"
                                "PRAGMA cache_size=-" CACHE_KIB ";",
                                why);
}

static enum frank_err check_kind(struct frank_observations *store, bool *is_new, char *why)
{
  int64_t application = 0;
  int64_t version = 0;
  int64_t tables = 0;
  enum frank_err err = frank_observations_number(store, "PRAGMA application_id", &application, why);
  err = err ? err : frank_observations_number(store, "PRAGMA user_version", &version, why);
  err = err ? err
            : frank_observations_number(store, "SELECT COUNT(*) FROM sqlite_schema", &tables, why);
  *is_new = application == 0 && version == 0 && tables == 0;
  if (err != FRANK_OK || *is_new) {
    return err;
  }
  if (application != APPLICATION_ID || version < 1) {
    return refuse(store, FRANK_ERR_MALFORMED, "not a store of observations", why);
  }
  return version > VERSION
             ? refuse(store, FRANK_ERR_UNSUPPORTED, "made by a later version of Frank", why)
             : FRANK_OK;
}

/* Two may come to a new file at the same time: the second finds it made. */
static enum frank_err make_tables(struct frank_observations *store, char *why)
{
  bool is_new = false;
  enum frank_err err = frank_observations_run(store, "BEGIN EXCLUSIVE", why);
  if (err != FRANK_OK) {
    return err;
  }
  err = check_kind(store, &is_new, why);
  if (err == FRANK_OK && is_new) {
    err = frank_observations_run(store, schema, why);
  }
  return frank_observations_end(store, err, why);
}

static enum frank_err check_pages(struct frank_observations *store, char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  enum frank_err err = frank_observations_prepare(store, "PRAGMA quick_check(1)", &statement, why);
  if (err == FRANK_OK) {
    err = frank_observations_step(store, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    if (!text || strcmp(text, "ok") != 0) {
      char said[80];
      (void)snprintf(said, sizeof said, "damaged: %.60s", text ? text : "no memory to check it");
      said[strcspn(said, "\n")] = '\0';
      err = refuse(store, FRANK_ERR_MALFORMED, said, why);
    }
  }
  (void)sqlite3_finalize(statement);
  return err;
}

static enum frank_err limit_size(struct frank_observations *store, char *why)
{
  int64_t page = 0;
  char sql[80];
  enum frank_err err = frank_observations_number(store, "PRAGMA page_size", &page, why);
  if (err != FRANK_OK) {
    return err;
  }
  (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld",
                 (long long)(FRANK_OBSERVATIONS_MAX_BYTES / (page > 0 ? page : 4096)));
  return frank_observations_run(store, sql, why);
}

static enum frank_err open_store(struct frank_observations *store, bool writable, char *why)
{
  int64_t size = 0;
  bool is_new = false;
  enum frank_err err = have_file(store, writable, &size, why);
  if (err != FRANK_OK) {
    return err;
  }
  int flags = (writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(store->path, &store->db, flags, NULL);
  if (code != SQLITE_OK) {
    return frank_observations_failed(store, code, why);
  }
  err = prepare_handle(store, why);
  err = err ? err : check_kind(store, &is_new, why);
  if (err == FRANK_OK && is_new) {
    err = writable ? make_tables(store, why)
                   : refuse(store, FRANK_ERR_NOT_FOUND, "empty: nothing was learned yet", why);
  }
  if (err == FRANK_OK && size <= CHECK_MAX_BYTES) {
    err = check_pages(store, why);
  }
  if (err == FRANK_OK && writable) {
    err = limit_size(store, why);
  }
  return err;
}

enum frank_err frank_observations_open(const char *path, bool writable,
                                       struct frank_observations **out, char *why)
{
  struct frank_observations *store = calloc(1, sizeof *store);
  *out = NULL;
  if (!store) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%.160s: no memory", path);
    return FRANK_ERR_NOMEM;
  }
  int len = snprintf(store->path, sizeof store->path, "%s%s", path[0] == '/' ? "" : "./", path);
  enum frank_err err = FRANK_OK;
  if (len < 0 || (size_t)len >= sizeof store->path) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%.160s...: the path is too long", path);
    err = FRANK_ERR_NOT_FOUND;
  } else {
    err = open_store(store, writable, why);
  }
  if (err != FRANK_OK) {
    frank_observations_close(&store);
    return err;
  }
  *out = store;
  return FRANK_OK;
}

void frank_observations_close(struct frank_observations **observations)
{
  if (*observations) {
    (void)sqlite3_close((*observations)->db);
    free(*observations);
    *observations = NULL;
  }
}
