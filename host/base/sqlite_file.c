#include "base/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_KIB     "8192"
#define SQL_MAX_BYTES 10000
#define PAGES_MAX     4294967294U /* SQLite's own bound */
#define WAL_PAUSE_MS  10

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

enum frank_err frank_sqlite_failed(const struct frank_sqlite *file, int code, char *why)
{
  enum frank_err err = FRANK_ERR_IO;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    err = codes[i].code == (code & 0xff) ? codes[i].err : err;
  }
  (void)snprintf(why, FRANK_SQLITE_WHY_BYTES, "%.160s: %s", file->path,
                 file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(code));
  return err;
}

/* ---- statements ---- */

enum frank_err frank_sqlite_run(struct frank_sqlite *file, const char *sql, char *why)
{
  int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? FRANK_OK : frank_sqlite_failed(file, code, why);
}

enum frank_err frank_sqlite_prepare(struct frank_sqlite *file, const char *sql, sqlite3_stmt **out,
                                    char *why)
{
  int code = sqlite3_prepare_v2(file->db, sql, -1, out, NULL);
  return code == SQLITE_OK ? FRANK_OK : frank_sqlite_failed(file, code, why);
}

enum frank_err frank_sqlite_step(struct frank_sqlite *file, sqlite3_stmt *statement, bool *has_row,
                                 char *why)
{
  int code = sqlite3_step(statement);
  *has_row = code == SQLITE_ROW;
  if (code == SQLITE_ROW) {
    return FRANK_OK;
  }
  enum frank_err err = code == SQLITE_DONE ? FRANK_OK : frank_sqlite_failed(file, code, why);
  (void)sqlite3_reset(statement);
  return err;
}

enum frank_err frank_sqlite_number(struct frank_sqlite *file, const char *sql, int64_t *out,
                                   char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  *out = 0;
  enum frank_err err = frank_sqlite_prepare(file, sql, &statement, why);
  if (err == FRANK_OK) {
    err = frank_sqlite_step(file, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    *out = sqlite3_column_int64(statement, 0);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err frank_sqlite_end(struct frank_sqlite *file, enum frank_err err, char *why)
{
  if (err == FRANK_OK) {
    err = frank_sqlite_run(file, "COMMIT", why);
  }
  if (err != FRANK_OK && sqlite3_get_autocommit(file->db) == 0) {
    (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
  }
  return err;
}

/* ---- opening ---- */

static enum frank_err refuse(const struct frank_sqlite *file, enum frank_err err, const char *text,
                             char *why)
{
  (void)snprintf(why, FRANK_SQLITE_WHY_BYTES, "%.160s: %s", file->path, text);
  return err;
}

static enum frank_err refuse_errno(const struct frank_sqlite *file, char *why)
{
  enum frank_err err = errno == ENOENT || errno == ENOTDIR                   ? FRANK_ERR_NOT_FOUND
                       : errno == EACCES || errno == EPERM || errno == EROFS ? FRANK_ERR_DENIED
                       : errno == ENOSPC || errno == EDQUOT                  ? FRANK_ERR_FULL
                                                                             : FRANK_ERR_IO;
  return refuse(file, err, strerror(errno), why);
}

/* Sees to it that there is a regular file. An open descriptor is never closed on one that is there:
 * that would drop the locks of another handle of this process (POSIX). */
static enum frank_err have_file(struct frank_sqlite *file, bool writable, int64_t *size, char *why)
{
  struct stat info = {0};
  if (stat(file->path, &info) != 0) {
    int fd = errno == ENOENT && writable
                 ? open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                 : -1;
    if (fd >= 0) {
      close(fd);
    } else if (errno != EEXIST) {
      return refuse_errno(file, why);
    }
    info.st_mode = S_IFREG;
  }
  *size = info.st_size;
  if (access(file->path, writable ? R_OK | W_OK : R_OK) != 0) {
    return refuse_errno(file, why);
  }
  return S_ISREG(info.st_mode) ? FRANK_OK
                               : refuse(file, FRANK_ERR_MALFORMED, "not a regular file", why);
}

/* What a file that somebody prepared must not be able to do, and how much memory we spend. */
static enum frank_err prepare_handle(struct frank_sqlite *file,
                                     const struct frank_sqlite_kind *kind, uint32_t busy_ms,
                                     char *why)
{
  (void)sqlite3_busy_timeout(file->db, busy_ms < INT_MAX ? (int)busy_ms : INT_MAX);
  (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  (void)sqlite3_limit(file->db, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX_BYTES);
  (void)sqlite3_limit(file->db, SQLITE_LIMIT_LENGTH, 1 << 20);
  enum frank_err err = frank_sqlite_run(file,
                                        "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
                                        "PRAGMA cell_size_check=ON;"
                                        "PRAGMA cache_size=-" CACHE_KIB ";",
                                        why);
  return err ? err : frank_sqlite_run(file, kind->setup, why);
}

static enum frank_err check_kind(struct frank_sqlite *file, const struct frank_sqlite_kind *kind,
                                 bool *is_new, char *why)
{
  int64_t application = 0;
  int64_t version = 0;
  int64_t tables = 0;
  enum frank_err err = frank_sqlite_number(file, "PRAGMA application_id", &application, why);
  err = err ? err : frank_sqlite_number(file, "PRAGMA user_version", &version, why);
  err = err ? err : frank_sqlite_number(file, "SELECT COUNT(*) FROM sqlite_schema", &tables, why);
  *is_new = application == 0 && version == 0 && tables == 0;
  if (err != FRANK_OK || *is_new) {
    return err;
  }
  if (application != kind->application_id || version < 1) {
    char said[80];
    (void)snprintf(said, sizeof said, "not a %.60s", kind->what);
    return refuse(file, FRANK_ERR_MALFORMED, said, why);
  }
  return version > kind->version
             ? refuse(file, FRANK_ERR_UNSUPPORTED, "made by a later version of Frank", why)
             : FRANK_OK;
}

static enum frank_err make_tables(struct frank_sqlite *file, const struct frank_sqlite_kind *kind,
                                  char *why)
{
  char sql[100];
  enum frank_err err = frank_sqlite_run(file, kind->schema, why);
  if (err == FRANK_OK && kind->fill) {
    err = kind->fill(file->db);
    if (err != FRANK_OK) {
      (void)refuse(file, err, frank_err_text(err), why);
    }
  }
  (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%u; PRAGMA user_version=%u;",
                 kind->application_id, kind->version);
  return err ? err : frank_sqlite_run(file, sql, why);
}

/* Two may come to a new file at the same time: the second finds it made. */
static enum frank_err make_store(struct frank_sqlite *file, const struct frank_sqlite_kind *kind,
                                 char *why)
{
  bool is_new = false;
  enum frank_err err = frank_sqlite_run(file, "BEGIN EXCLUSIVE", why);
  if (err != FRANK_OK) {
    return err;
  }
  err = check_kind(file, kind, &is_new, why);
  if (err == FRANK_OK && is_new) {
    err = make_tables(file, kind, why);
  }
  return frank_sqlite_end(file, err, why);
}

/* Once a file has its log it keeps it, and this changes nothing. SQLite does not wait for others
 * here, so we do. */
static enum frank_err have_wal(struct frank_sqlite *file, uint32_t busy_ms, char *why)
{
  enum frank_err err;
  uint32_t waited_ms = 0;
  for (;;) {
    err = frank_sqlite_run(file, "PRAGMA journal_mode=WAL", why);
    if (err != FRANK_ERR_AGAIN || waited_ms >= busy_ms) {
      return err;
    }
    (void)sqlite3_sleep(WAL_PAUSE_MS);
    waited_ms += WAL_PAUSE_MS;
  }
}

enum frank_err frank_sqlite_check(struct frank_sqlite *file, char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  enum frank_err err = frank_sqlite_prepare(file, "PRAGMA quick_check(1)", &statement, why);
  if (err == FRANK_OK) {
    err = frank_sqlite_step(file, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    if (!text || strcmp(text, "ok") != 0) {
      char said[80];
      (void)snprintf(said, sizeof said, "damaged: %.60s", text ? text : "no memory to check it");
      said[strcspn(said, "\n")] = '\0';
      err = refuse(file, FRANK_ERR_MALFORMED, said, why);
    }
  }
  (void)sqlite3_finalize(statement);
  return err;
}

static enum frank_err limit_size(struct frank_sqlite *file, uint64_t max_bytes, char *why)
{
  int64_t page_bytes = 0;
  char sql[80];
  enum frank_err err = frank_sqlite_number(file, "PRAGMA page_size", &page_bytes, why);
  if (err != FRANK_OK) {
    return err;
  }
  uint64_t pages = max_bytes / (uint64_t)(page_bytes > 0 ? page_bytes : 4096);
  pages = pages < 1 ? 1 : pages > PAGES_MAX ? PAGES_MAX : pages;
  (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count=%llu", (unsigned long long)pages);
  return frank_sqlite_run(file, sql, why);
}

static enum frank_err open_file(struct frank_sqlite *file, const struct frank_sqlite_kind *kind,
                                bool writable, uint64_t max_bytes, uint32_t busy_ms, char *why)
{
  int64_t size = 0;
  bool is_new = false;
  enum frank_err err = have_file(file, writable, &size, why);
  if (err != FRANK_OK) {
    return err;
  }
  int flags = (writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(file->path, &file->db, flags, NULL);
  if (code != SQLITE_OK) {
    return frank_sqlite_failed(file, code, why);
  }
  err = prepare_handle(file, kind, busy_ms, why);
  err = err ? err : check_kind(file, kind, &is_new, why);
  if (err == FRANK_OK && writable && kind->has_wal) {
    err = have_wal(file, busy_ms, why);
  }
  if (err == FRANK_OK && is_new) {
    err = writable ? make_store(file, kind, why)
                   : refuse(file, FRANK_ERR_NOT_FOUND, kind->when_empty, why);
  }
  if (err == FRANK_OK && size > 0 && size <= kind->check_max_bytes) {
    err = frank_sqlite_check(file, why);
  }
  if (err == FRANK_OK && writable && max_bytes > 0) {
    err = limit_size(file, max_bytes, why);
  }
  return err;
}

enum frank_err frank_sqlite_open(struct frank_sqlite *file, const struct frank_sqlite_kind *kind,
                                 const char *path, bool writable, uint64_t max_bytes,
                                 uint32_t busy_ms, char *why)
{
  file->db = NULL;
  int len = snprintf(file->path, sizeof file->path, "%s%s", path[0] == '/' ? "" : "./", path);
  if (len < 0 || (size_t)len >= sizeof file->path) {
    (void)snprintf(why, FRANK_SQLITE_WHY_BYTES, "%.160s...: the path is too long", path);
    return FRANK_ERR_NOT_FOUND;
  }
  enum frank_err err = open_file(file, kind, writable, max_bytes, busy_ms, why);
  if (err != FRANK_OK) {
    frank_sqlite_close(file);
  }
  return err;
}

void frank_sqlite_close(struct frank_sqlite *file)
{
  (void)sqlite3_close(file->db);
  file->db = NULL;
}
