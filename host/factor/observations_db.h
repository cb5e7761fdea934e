/*
 * observations_db: the SQLite file under observations. For observations.c and reporters.c alone.
 */
#ifndef FRANK_FACTOR_OBSERVATIONS_DB_H
#define FRANK_FACTOR_OBSERVATIONS_DB_H

#include "base/sqlite_file.h"
#include "factor/observations.h"

#include <assert.h>

static_assert(FRANK_OBSERVATIONS_WHY_BYTES == FRANK_SQLITE_WHY_BYTES, "one text for both");

struct frank_observations {
  struct frank_sqlite file;
};

#endif
