#include "factor/observations_db.h"

#include <stdio.h>
#include <stdlib.h>

#define APPLICATION_ID  0x46724f62 /* "FrOb" */
#define VERSION         1
#define CHECK_MAX_BYTES (INT64_C(16) << 20)

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
    "  bits INTEGER NOT NULL) WITHOUT ROWID;";

/* EXTRA: the removal of the journal is on disk before a commit is answered. */
static const struct frank_sqlite_kind kind = {
    .what = "store of observations",
    .when_empty = "empty: nothing was learned yet",
    .application_id = APPLICATION_ID,
    .version = VERSION,
    .schema = schema,
    .setup = "PRAGMA synchronous=EXTRA",
    .check_max_bytes = CHECK_MAX_BYTES,
};

enum frank_err frank_observations_open(const char *path, bool writable,
                                       struct frank_observations **out, char *why)
{
  struct frank_observations *store = calloc(1, sizeof *store);
  *out = NULL;
  if (!store) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%.160s: no memory", path);
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err =
      frank_sqlite_open(&store->file, &kind, path, writable, FRANK_OBSERVATIONS_MAX_BYTES,
                        FRANK_OBSERVATIONS_BUSY_MS, why);
  if (err != FRANK_OK) {
    free(store);
    return err;
  }
  *out = store;
  return FRANK_OK;
}

void frank_observations_close(struct frank_observations **observations)
{
  if (*observations) {
    frank_sqlite_close(&(*observations)->file);
    free(*observations);
    *observations = NULL;
  }
}
