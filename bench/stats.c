#include "bench/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

struct bench_summary bench_summarise(const double *values, size_t count)
{
  double sorted[BENCH_ROUNDS_MAX];
  assert(count >= 1 && count <= BENCH_ROUNDS_MAX);
  memcpy(sorted, values, count * sizeof sorted[0]);
  qsort(sorted, count, sizeof sorted[0], compare);
  struct bench_summary summary = {
      .median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
      .min = sorted[0],
      .max = sorted[count - 1],
  };
  summary.spread = summary.median > 0 ? (summary.max - summary.min) / summary.median : 0;
  return summary;
}

struct bench_mean bench_mean_of(const double *values, size_t count)
{
  struct bench_mean out = {0, 0};
  double squares = 0;
  assert(count >= 1);
  for (size_t i = 0; i < count; i++) {
    out.mean += values[i] / (double)count;
  }
  for (size_t i = 0; i < count; i++) {
    squares += (values[i] - out.mean) * (values[i] - out.mean);
  }
  if (count > 1) {
    out.error = sqrt(squares / (double)(count - 1) / (double)count);
  }
  return out;
}

double bench_quantile(double *values, size_t count, double share)
{
  assert(count >= 1);
  qsort(values, count, sizeof values[0], compare);
  double rank = ceil(share * (double)count);
  size_t at = rank < 1 ? 1 : rank > (double)count ? count : (size_t)rank;
  return values[at - 1];
}

double bench_law_mean_us(uint64_t factor, double rate_hps)
{
  assert(factor >= 1 && rate_hps > 0);
  return (double)factor / rate_hps * 1e6;
}

double bench_law_quantile_us(uint64_t factor, double rate_hps, double share)
{
  assert(factor >= 1 && rate_hps > 0 && share >= 0 && share < 1);
  if (factor == 1) {
    return 1e6 / rate_hps; /* the first attempt succeeds */
  }
  return ceil(log1p(-share) / log1p(-1 / (double)factor)) / rate_hps * 1e6;
}

/* Values below two rows of steps have a bucket each; above, every power of two has one row. */
static size_t bucket_of(uint64_t value_us)
{
  if (value_us < BENCH_HISTOGRAM_STEPS) {
    return (size_t)value_us;
  }
  unsigned shift = 63U - (unsigned)__builtin_clzll(value_us) - 6U;
  size_t bucket = (size_t)shift * BENCH_HISTOGRAM_STEPS + (size_t)(value_us >> shift);
  return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket : BENCH_HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_end(size_t bucket)
{
  if (bucket < BENCH_HISTOGRAM_STEPS) {
    return bucket;
  }
  unsigned shift = (unsigned)(bucket / BENCH_HISTOGRAM_STEPS) - 1U;
  uint64_t step = bucket % BENCH_HISTOGRAM_STEPS + BENCH_HISTOGRAM_STEPS;
  return ((step + 1) << shift) - 1;
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value_us)
{
  histogram->buckets[bucket_of(value_us)]++;
  histogram->count++;
}

uint64_t bench_histogram_at(const struct bench_histogram *histogram, double share)
{
  uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
  uint64_t seen = 0;
  wanted = wanted < 1 ? 1 : wanted;
  for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
    seen += histogram->buckets[i];
    if (seen >= wanted) {
      return bucket_end(i);
    }
  }
  return 0;
}
