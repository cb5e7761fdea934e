/*
 * sqlite_file: a store of ours in one SQLite file: how it is made, recognised, bounded and opened,
 * transactions, and what SQLite's codes mean in ours.
 *
 * A file is ours by SQLite's application_id and user_version; any other is refused and left as it
 * is. Nothing that somebody put into a file can run code (triggers, views, functions of its
 * schema). A handle belongs to one thread, and is not taken through a fork(); several threads and
 * processes may each have one on the same file.
 *
 * A library of its own (frank_sqlite), for the programs that have a store.
 */
#ifndef FRANK_BASE_SQLITE_FILE_H
#define FRANK_BASE_SQLITE_FILE_H

#include "base/err.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define FRANK_SQLITE_WHY_BYTES 256

/* What a kind of store is. */
struct frank_sqlite_kind {
  const char *what;       /* "store of observations": what a stranger's file is not */
  const char *when_empty; /* what a reader of an empty file is told */
  uint32_t application_id;
  uint32_t version;
  const char *schema; /* statements that make it */
  const char *setup;  /* pragmas for each handle: how much is on disk when a commit is answered */
  bool has_wal;       /* write-ahead log: readers and a writer do not wait for each other */
  int64_t check_max_bytes; /* up to this size all pages are checked at opening; 0: never */
  /* Further rows of a new store, in the transaction that makes it. NULL: none. */
  enum frank_err (*fill)(sqlite3 *db);
};

struct frank_sqlite {
  sqlite3 *db;         /* NULL: closed */
  char path[PATH_MAX]; /* begins with '/' or "./": no name is special to SQLite then */
};

/* Opens the file; makes it (mode 0600) where `writable` and it is missing or empty. max_bytes: how
 * large it may grow (0: without a bound); busy_ms: how long a call waits for another writer.
 * FRANK_ERR_NOT_FOUND, FRANK_ERR_DENIED, FRANK_ERR_MALFORMED (not such a store, or a damaged one),
 * FRANK_ERR_UNSUPPORTED (of a later version), FRANK_ERR_AGAIN (another writer for too long),
 * FRANK_ERR_FULL (disk), FRANK_ERR_IO, FRANK_ERR_NOMEM; `why` (FRANK_SQLITE_WHY_BYTES, here and
 * below) names the file. After an error it is closed. */
FRANK_MUST_CHECK enum frank_err frank_sqlite_open(struct frank_sqlite *file,
                                                  const struct frank_sqlite_kind *kind,
                                                  const char *path, bool writable,
                                                  uint64_t max_bytes, uint32_t busy_ms, char *why);
/* Statements are to be finalized before. */
void frank_sqlite_close(struct frank_sqlite *file);

/* Looks through all pages: FRANK_ERR_MALFORMED where something is damaged. */
FRANK_MUST_CHECK enum frank_err frank_sqlite_check(struct frank_sqlite *file, char *why);

/* Our code for a failure, with the file's name and SQLite's words in `why`. */
FRANK_MUST_CHECK enum frank_err frank_sqlite_failed(const struct frank_sqlite *file, int code,
                                                    char *why);
/* Runs SQL that gives no rows. */
FRANK_MUST_CHECK enum frank_err frank_sqlite_run(struct frank_sqlite *file, const char *sql,
                                                 char *why);
FRANK_MUST_CHECK enum frank_err frank_sqlite_prepare(struct frank_sqlite *file, const char *sql,
                                                     sqlite3_stmt **out, char *why);
/* The next row: FRANK_OK with *has_row. At the end the statement is reset, ready for new values. */
FRANK_MUST_CHECK enum frank_err
frank_sqlite_step(struct frank_sqlite *file, sqlite3_stmt *statement, bool *has_row, char *why);
/* The one number that the query gives; 0 where it gives none. */
FRANK_MUST_CHECK enum frank_err frank_sqlite_number(struct frank_sqlite *file, const char *sql,
                                                    int64_t *out, char *why);
/* Ends a transaction: commits where `err` is FRANK_OK, else takes all back. Returns `err`, or why
 * it could not be committed (all is taken back then, too). */
FRANK_MUST_CHECK enum frank_err frank_sqlite_end(struct frank_sqlite *file, enum frank_err err,
                                                 char *why);

#endif
