/*
 * factor_plot: a picture of one run of factor_world: the factor as seconds of the reference core,
 * the spam share, and what a million stamps cost a spammer.
 */
#ifndef FRANK_BENCH_FACTOR_PLOT_H
#define FRANK_BENCH_FACTOR_PLOT_H

#include "bench/factor_world.h"
#include "bench/plot.h"

/* `honest`: the same world without false reporters, drawn beside it; NULL for none. Errors as
 * bench_plot_run. */
FRANK_MUST_CHECK enum frank_err bench_factor_plot(const struct bench_factor_scenario *scenario,
                                                  const struct bench_factor_day *days,
                                                  const struct bench_factor_day *honest,
                                                  uint64_t seed, enum bench_picture picture,
                                                  FILE *file, char *why);

#endif
