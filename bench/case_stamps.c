/* Time to a stamp: mints through a private frankd, one after the other, against the geometric law.
 */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/case.h"
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_S   0.02 /* of a stamp, where no factor is given: far above what a request costs */
#define STARTING_S 0.5
#define WARM_UP    3 /* stamps that are not counted: a new client connects, a frankd wakes up */
#define LIMIT_US   (60 * FRANK_US_PER_S)
/* So many times the mean for each: the law lets no such row of them happen. */
#define LIMIT_MEANS 10
/* A request is given up after an hour at most (load.c), which not one in 100,000 then takes. */
#define MEAN_MAX_US (300 * FRANK_US_PER_S)

static bool is_wanted(const struct bench_options *options)
{
  return options->stamps > 0;
}

/* Those of one round: all together they are as many as asked for. */
static size_t stamps_of(const struct bench_options *options, uint32_t round)
{
  uint64_t all = options->stamps;
  return (size_t)(all * round / options->rounds - all * (round - 1) / options->rounds);
}

static double seconds(const struct bench_options *options, const struct bench_subjects *subjects)
{
  return (double)bench_run_frankd_count(subjects) *
         (STARTING_S + options->stamps * TARGET_S / options->rounds);
}

/* Two digits, so that people can say it. */
static uint64_t round_factor(double factor)
{
  double unit = 1;
  while (factor >= 100) {
    factor /= 10;
    unit *= 10;
  }
  uint64_t rounded = factor < 1 ? 1 : (uint64_t)((double)(uint64_t)(factor + 0.5) * unit);
  return rounded < BENCH_FACTOR_MAX ? rounded : BENCH_FACTOR_MAX;
}

/* What the engines did by themselves with these devices and this code path, in all rounds so far.
 */
static const struct bench_row *find_rate(struct bench_run *run, const struct bench_row_key *of)
{
  struct bench_row_key key = *of;
  key.metric = BENCH_ATTEMPTS;
  key.factor = 0;
  (void)snprintf(key.subject, sizeof key.subject, "%s", of->device);
  return bench_rows_find(&run->result->rows, &key);
}

/* Rows of all the stamps so far. */
static enum frank_err add_figures(struct bench_run *run, const struct bench_row_key *of,
                                  const struct bench_stamp_times *table, double rate_hps, char *why)
{
  double *sorted = calloc(table->count, sizeof *sorted);
  if (!sorted) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  memcpy(sorted, table->times_us, table->count * sizeof *sorted);
  struct bench_mean mean = bench_mean_of(table->times_us, table->count);
  const struct {
    enum bench_metric metric;
    double value;
  } figures[] = {
      {BENCH_STAMP_MEAN, mean.mean},
      {BENCH_STAMP_ERROR, mean.error},
      {BENCH_STAMP_P95, bench_quantile(sorted, table->count, 0.95)},
      {BENCH_STAMP_LAW_MEAN, bench_law_mean_us(table->factor, rate_hps)},
      {BENCH_STAMP_LAW_P95, bench_law_quantile_us(table->factor, rate_hps, 0.95)},
  };
  free(sorted);
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
    struct bench_row_key key = *of;
    key.metric = figures[i].metric;
    struct bench_row *row =
        bench_rows_set(&run->result->rows, &key, BENCH_ROLE_DAEMON, run->round, figures[i].value);
    if (!row) {
      (void)snprintf(why, BENCH_WHY_BYTES, BENCH_ROWS_FULL_TEXT, BENCH_ROWS_MAX);
      return FRANK_ERR_FULL;
    }
    if (key.metric == BENCH_STAMP_MEAN) {
      (void)snprintf(row->note, sizeof row->note, "%zu stamps, one after the other", table->count);
    }
  }
  return FRANK_OK;
}

static enum frank_err mint(const char *endpoint, const struct bench_shape *shape,
                           struct bench_stamp_times *table, size_t count, double rate_hps,
                           uint64_t *checked, char *why)
{
  const struct bench_load_config config = {
      .endpoint = endpoint, .shape = shape, .factor = table->factor, .clients = 1, .in_flight = 1};
  struct bench_load *load = NULL;
  double warm_up[WARM_UP];
  double mean_us = bench_law_mean_us(table->factor, rate_hps);
  uint64_t limit_us = LIMIT_US + (uint64_t)(mean_us * LIMIT_MEANS * (double)(count + WARM_UP));
  enum frank_err err = bench_load_new(&config, &load, why);
  if (err == FRANK_OK) {
    err = bench_load_fill(load, why);
  }
  if (err == FRANK_OK) {
    err = bench_load_mint(load, WARM_UP, limit_us, warm_up, why);
  }
  if (err == FRANK_OK) {
    err = bench_load_mint(load, count, limit_us, table->times_us + table->count, why);
  }
  if (err == FRANK_OK) {
    table->count += count;
    *checked += bench_load_checked(load);
    err = bench_load_drain(load, why);
  }
  bench_load_destroy(&load);
  return err;
}

static enum frank_err measure_one(struct bench_run *run, const struct bench_row_key *of,
                                  const struct bench_shape *shape,
                                  const struct bench_server *server, char *why)
{
  struct bench_row_key key = *of;
  (void)snprintf(key.subject, sizeof key.subject, "stamp");
  const struct bench_row *rate = find_rate(run, &key);
  if (!rate || rate->simulated) {
    char what[BENCH_SUBJECT_BYTES];
    (void)snprintf(what, sizeof what, "time to a stamp of %.95s", key.device);
    bench_result_skip(run->result, what, "",
                      rate ? "not for simulated devices" : "its engine changed the code path");
    return FRANK_OK;
  }
  double rate_hps = bench_row_summary(rate).median;
  uint64_t factor =
      run->options->factor > 0 ? run->options->factor : round_factor(rate_hps * TARGET_S);
  if (bench_law_mean_us(factor, rate_hps) > (double)MEAN_MAX_US) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "--factor %llu: a stamp takes %.0f minutes on %.95s; 5 are the most that can be "
                   "measured",
                   (unsigned long long)factor,
                   bench_law_mean_us(factor, rate_hps) / 60 / (double)FRANK_US_PER_S, key.device);
    return FRANK_ERR_TIMEOUT;
  }
  struct bench_stamp_times *table =
      bench_result_stamps(run->result, key.device, key.variant, key.shape, factor);
  if (!table) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no room for the stamps of more devices and shapes");
    return FRANK_ERR_FULL;
  }
  key.factor = table->factor;
  enum frank_err err =
      mint(bench_server_endpoint(server), shape, table, stamps_of(run->options, run->round),
           rate_hps, &run->result->stamps_checked, why);
  return err == FRANK_OK ? add_figures(run, &key, table, rate_hps, why) : err;
}

static enum frank_err measure(struct bench_run *run, const struct bench_shape *shape, char *why)
{
  if (stamps_of(run->options, run->round) == 0) {
    return FRANK_OK;
  }
  bench_progress_show(run->progress, "time to a stamp");
  return bench_run_with_frankd(run, shape, measure_one, why);
}

const struct bench_case bench_case_stamps = {.name = "stamps",
                                             .needs_frankd = true,
                                             .is_wanted = is_wanted,
                                             .seconds = seconds,
                                             .run = measure};
