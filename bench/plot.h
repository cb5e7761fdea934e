/*
 * plot: a picture of the rates, drawn by gnuplot (a child, without a shell): groups of bars by
 * shape, a bar for each subject and code path, with a line from the lowest to the highest round.
 */
#ifndef FRANK_BENCH_PLOT_H
#define FRANK_BENCH_PLOT_H

#include "base/err.h"
#include "bench/result.h"

#include <stdio.h>

enum bench_picture { BENCH_PICTURE_SVG, BENCH_PICTURE_PNG };

/* Before measuring: by the end of the name, which picture; and that gnuplot is there.
 * FRANK_ERR_UNSUPPORTED (neither .svg nor .png), FRANK_ERR_NOT_FOUND (no gnuplot); `why`
 * (BENCH_WHY_BYTES) names it. */
FRANK_MUST_CHECK enum frank_err bench_plot_check(const char *path, enum bench_picture *picture,
                                                 char *why);
/* Draws into an open file. FRANK_ERR_NOT_FOUND (no rates), FRANK_ERR_IO, FRANK_ERR_DEVICE (gnuplot
 * failed, its words in `why`, or drew no picture), FRANK_ERR_TOO_LONG (it does not stop writing),
 * FRANK_ERR_TIMEOUT, FRANK_ERR_CLOSED (asked to stop). */
FRANK_MUST_CHECK enum frank_err bench_plot_draw(const struct bench_result *result,
                                                enum bench_picture picture, FILE *file, char *why);

/* Has gnuplot draw a script (all of it written; read from its start) into an open file. Errors as
 * above, but for FRANK_ERR_NOT_FOUND. */
FRANK_MUST_CHECK enum frank_err bench_plot_run(FILE *script, enum bench_picture picture, FILE *file,
                                               char *why);
/* Scratch files in memory; NULL where there is none to be had. */
FILE *bench_plot_scratch(void);
/* Writes a text in double quotes for gnuplot: what it would take for its own is left out. */
void bench_plot_put_quoted(FILE *script, const char *text);

#endif
