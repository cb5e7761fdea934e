/*
 * stats: medians and spreads of a few rounds, and a histogram of times. Pure; no allocation.
 */
#ifndef FRANK_BENCH_STATS_H
#define FRANK_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS_MAX 100

struct bench_summary {
  double median; /* of an even number: the mean of the two in the middle */
  double min;
  double max;
  double spread; /* (max - min) / median; 0 where the median is 0 */
};

/* Of values[0..count), 1 <= count <= BENCH_ROUNDS_MAX (asserted). */
struct bench_summary bench_summarise(const double *values, size_t count);

/* The mean of independent values, and how far it may be from the truth. */
struct bench_mean {
  double mean;
  double error; /* standard error; 0 for a single value */
};
struct bench_mean bench_mean_of(const double *values, size_t count);
/* The least of the values that `share` (0 to 1) of them do not exceed. Sorts them. count >= 1
 * (asserted). */
double bench_quantile(double *values, size_t count, double share);

/* Attempts until the first success are distributed geometrically, when each succeeds with the
 * probability 1/factor: the mean time, and the time that `share` of the searches do not exceed, at
 * a rate. factor >= 1, rate_hps > 0 (asserted). */
double bench_law_mean_us(uint64_t factor, double rate_hps);
double bench_law_quantile_us(uint64_t factor, double rate_hps, double share);

/* Counts times up to 2^40 us (12 days) in steps of 1/64 of their size: a percentile is read with an
 * error below 1.6%, whatever the number of values. Zero-initialised. */
#define BENCH_HISTOGRAM_STEPS   UINT64_C(64)
#define BENCH_HISTOGRAM_BUCKETS ((40 - 5) * BENCH_HISTOGRAM_STEPS)
struct bench_histogram {
  uint64_t count;
  uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value_us);
/* The least time that `share` (0 to 1) of the values do not exceed, to the end of its step; 0 where
 * there are none. */
uint64_t bench_histogram_at(const struct bench_histogram *histogram, double share);

#endif
