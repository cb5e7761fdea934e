/*
 * observations_db: the SQLite file under observations: opening, transactions, and what SQLite's
 * codes mean in ours. For observations.c and reporters.c alone.
 */
#ifndef FRANK_FACTOR_OBSERVATIONS_DB_H
#define FRANK_FACTOR_OBSERVATIONS_DB_H

#include "factor/observations.h"

#include <limits.h>
#include <sqlite3.h>

struct frank_observations {
  sqlite3 *db;
  char path[PATH_MAX]; /* begins with '/' or "./": no name is special to SQLite then */
};

/* Our code for the last failure, with the file's name and SQLite's words in `why`. */
FRANK_MUST_CHECK enum frank_err frank_observations_failed(const struct frank_observations *store,
                                                          int code, char *why);
/* Runs SQL that gives no rows. */
FRANK_MUST_CHECK enum frank_err frank_observations_run(struct frank_observations *store,
                                                       const char *sql, char *why);
FRANK_MUST_CHECK enum frank_err frank_observations_prepare(struct frank_observations *store,
                                                           const char *sql, sqlite3_stmt **out,
                                                           char *why);
/* The next row: FRANK_OK with *has_row. At the end the statement is reset, ready for new values. */
FRANK_MUST_CHECK enum frank_err frank_observations_step(struct frank_observations *store,
                                                        sqlite3_stmt *statement, bool *has_row,
                                                        char *why);
/* The one number that the query gives; 0 where it gives none. */
FRANK_MUST_CHECK enum frank_err frank_observations_number(struct frank_observations *store,
                                                          const char *sql, int64_t *out, char *why);
/* Ends a transaction: commits where `err` is FRANK_OK, else takes all back. Returns `err`, or why
 * it could not be committed (all is taken back then, too). */
FRANK_MUST_CHECK enum frank_err frank_observations_end(struct frank_observations *store,
                                                       enum frank_err err, char *why);

#endif
