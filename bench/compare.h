/*
 * compare: is one run slower than another? Row by row, by medians and ranges; pure.
 *
 * With the threshold P, a row is slower when even the best sample of the new run is below the worst
 * of the old by more than P, or when neither spreads by more than P and the medians differ by more.
 * It is the same or faster when the worst of the new is not below the best of the old by more than
 * P, or when neither spreads by more than P and the medians do not differ by more. All else cannot
 * be told, nor can rows of fewer than three samples.
 */
#ifndef FRANK_BENCH_COMPARE_H
#define FRANK_BENCH_COMPARE_H

#include "bench/result.h"

#include <stdbool.h>
#include <stddef.h>

enum bench_verdict { BENCH_SAME, BENCH_SLOWER, BENCH_UNCLEAR };

struct bench_change {
  const struct bench_row *before; /* NULL: not in the old run, which is no fault */
  const struct bench_row *now;    /* NULL: missing in the new run */
  double change;                  /* new median over old, less 1; 0 without both */
  enum bench_verdict verdict;
  const char *reason; /* why it cannot be told; NULL otherwise */
};

struct bench_comparison {
  const char *name;   /* of the old run's file */
  double fail_above;  /* percent */
  bool same_machine;  /* else nothing can be told */
  char machines[256]; /* what differs */
  enum bench_verdict verdict;
  size_t count;
  struct bench_change changes[2 * BENCH_ROWS_MAX];
};

/* Views into both results, which must outlive it. Slower wherever one row is; else unclear wherever
 * one row is, one is missing, or nothing was compared; else the same. */
void bench_compare(const struct bench_result *before, const struct bench_result *now,
                   const char *name, double fail_above, struct bench_comparison *out);

/* "same", "slower", "unclear" */
const char *bench_verdict_name(enum bench_verdict verdict);
/* Of a row of the new run; NULL where it was not compared. */
const struct bench_change *bench_change_of(const struct bench_comparison *comparison,
                                           const struct bench_row *now);

#endif
