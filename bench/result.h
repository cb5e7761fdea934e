/*
 * result: all that is known of a run: where it was made, the rows, what was left out and why, and
 * the raw times of the measured stamps. It is what an earlier run's file is read into, too.
 *
 * Owner: the run. Lifetime: from new to destroy.
 */
#ifndef FRANK_BENCH_RESULT_H
#define FRANK_BENCH_RESULT_H

#include "bench/bench.h"
#include "bench/machine.h"
#include "bench/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SKIPS_MAX        64
#define BENCH_STAMPS_MAX       10000 /* measured mints of one shape */
#define BENCH_STAMP_TABLES_MAX 512   /* four kinds of signature for each of 128 subjects */
/* The searches under way at either end of the counting, a handful, make the daemon's rate uncertain
 * by about three in so many. */
#define BENCH_STAMPS_TO_JUDGE 100

/* Something asked for that could not be had. */
struct bench_skip {
  char subject[BENCH_SUBJECT_BYTES];
  char shape[BENCH_SHAPE_NAME_BYTES]; /* empty: for all of them */
  char why[BENCH_NOTE_BYTES];
};

/* Measured mints of one device and shape, of all rounds, in order. */
struct bench_stamp_times {
  char device[BENCH_DEVICE_BYTES];
  char variant[32];
  char shape[BENCH_SHAPE_NAME_BYTES];
  uint64_t factor;
  size_t count;
  double *times_us; /* BENCH_STAMPS_MAX */
};

struct bench_result {
  struct bench_machine machine;
  uint32_t seconds;
  uint32_t rounds_planned;
  uint32_t rounds; /* done */
  struct bench_rows rows;
  size_t skip_count;
  struct bench_skip skips[BENCH_SKIPS_MAX];
  size_t stamp_table_count;
  struct bench_stamp_times stamp_tables[BENCH_STAMP_TABLES_MAX];
  uint64_t stamps_checked;   /* through daemons; all are right, else there is no result */
  uint64_t queue_stamps_min; /* that a daemon's rate rests on, in the round with the fewest */
  bool has_queue_stamps;     /* a daemon's rate was measured */
};

/* NULL: no memory. */
struct bench_result *bench_result_new(void);
void bench_result_destroy(struct bench_result **result);

/* Notes what was left out, once; beyond BENCH_SKIPS_MAX the last place says that there were more.
 */
void bench_result_skip(struct bench_result *result, const char *subject, const char *shape,
                       const char *why);
/* True where it was left out before, so that it need not be tried again. */
bool bench_result_skips(const struct bench_result *result, const char *subject, const char *shape);

/* The table of stamps of this device and shape; made, with this factor and variant, where there is
 * none. NULL: no memory or no room. */
struct bench_stamp_times *bench_result_stamps(struct bench_result *result, const char *device,
                                              const char *variant, const char *shape,
                                              uint64_t factor);

/* Sentences for people on why this run should not be compared with another: written into `text`,
 * one a line; the number of them. 0: it may. */
size_t bench_result_doubts(const struct bench_result *result, char *text, size_t size);

#endif
