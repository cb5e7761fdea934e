/*
 * baseline: an earlier run, read back from what --json or --export FILE.json wrote. The file is
 * anybody's: everything in it is checked.
 */
#ifndef FRANK_BENCH_BASELINE_H
#define FRANK_BENCH_BASELINE_H

#include "base/err.h"
#include "bench/result.h"

/* FRANK_ERR_IO, FRANK_ERR_TOO_LONG, FRANK_ERR_MALFORMED, FRANK_ERR_UNSUPPORTED (another schema),
 * FRANK_ERR_NOMEM; `why` (BENCH_WHY_BYTES) names file, line and cause. */
FRANK_MUST_CHECK enum frank_err bench_baseline_read(const char *path, struct bench_result **out,
                                                    char *why);

#endif
