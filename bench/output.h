/*
 * output: a file that appears whole or not at all. It is opened before anything is measured, so
 * that what cannot be written is known early, under a name of its own beside the wanted one, and
 * takes that name at the end.
 *
 * Owner: whoever embeds it. Lifetime: from open to commit or abandon.
 */
#ifndef FRANK_BENCH_OUTPUT_H
#define FRANK_BENCH_OUTPUT_H

#include "base/err.h"

#include <limits.h>
#include <stdio.h>

struct bench_output {
  FILE *file; /* NULL: not open */
  char path[PATH_MAX];
  char working[PATH_MAX];
};

/* FRANK_ERR_IO, FRANK_ERR_TOO_LONG, FRANK_ERR_UNSUPPORTED (something that is no file has that
 * name), FRANK_ERR_NOT_FOUND (a symbolic link to nothing has it); `why` (BENCH_WHY_BYTES) names it.
 * An existing file stays until commit, and the new one has its permissions. */
FRANK_MUST_CHECK enum frank_err bench_output_open(const char *path, struct bench_output *output,
                                                  char *why);
/* FRANK_ERR_IO: a full disk; then the file is abandoned. */
FRANK_MUST_CHECK enum frank_err bench_output_commit(struct bench_output *output, char *why);
/* Removes what was written. Idempotent, and right after commit. */
void bench_output_abandon(struct bench_output *output);

#endif
