/*
 * run: the rounds, from the first to the last, with what is printed and written between them.
 */
#ifndef FRANK_BENCH_RUN_H
#define FRANK_BENCH_RUN_H

#include "bench/bench.h"
#include "bench/options.h"

/* Measures what the options say, and reports. All input is checked before anything is measured. */
enum bench_exit bench_run_all(const struct bench_options *options);
/* Compares two earlier runs. */
enum bench_exit bench_run_compare(const struct bench_options *options);

#endif
