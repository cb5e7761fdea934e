/* What the daemon achieves with each subject's devices. */
#include "bench/bench.h"
#include "bench/case.h"
#include "bench/daemon.h"
#include "bench/server.h"

#include <stdio.h>
#include <string.h>

#define STARTING_S 0.5
#define WARM_UP_S  1
#define MEMORY_S   3

static bool is_wanted(const struct bench_options *options)
{
  return options->daemon || options->peers;
}

/* Peers need the rate alone. */
static unsigned parts_of(const struct bench_options *options, bool first_shape)
{
  if (!options->daemon) {
    return BENCH_PART_QUEUE;
  }
  return BENCH_PART_QUEUE | BENCH_PART_OVERHEAD | (first_shape ? BENCH_PART_MEMORY : 0);
}

static double seconds(const struct bench_options *options, const struct bench_subjects *subjects)
{
  double timed = options->seconds + WARM_UP_S;
  double each = STARTING_S + timed + (options->daemon ? 2 * timed + MEMORY_S : 0);
  return (double)bench_run_frankd_count(subjects) * each;
}

static void show_progress(void *arg, const char *part)
{
  const struct bench_progress *progress = arg;
  char text[80];
  (void)snprintf(text, sizeof text, "daemon, %s", part);
  bench_progress_show(progress, text);
}

struct figure {
  const char *subject;
  unsigned part;
  enum bench_metric metric;
  uint64_t factor;
  double value;
};

static enum frank_err add_figures(struct bench_run *run, const struct bench_row_key *of,
                                  unsigned parts, const struct bench_daemon *daemon, char *why)
{
  const struct bench_overhead *f1 = &daemon->overhead[BENCH_OVERHEAD_F1];
  const struct bench_overhead *f16 = &daemon->overhead[BENCH_OVERHEAD_F16];
  const struct figure figures[] = {
      {"daemon", BENCH_PART_QUEUE, BENCH_ATTEMPTS, BENCH_QUEUE_FACTOR, daemon->useful_hps},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_STAMPS, 1, f1->stamps_per_s},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_P50, 1, f1->p50_us},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_P99, 1, f1->p99_us},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_STAMPS, 16, f16->stamps_per_s},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_P50, 16, f16->p50_us},
      {"daemon", BENCH_PART_OVERHEAD, BENCH_P99, 16, f16->p99_us},
      {"frankd", BENCH_PART_MEMORY, BENCH_RESIDENT, 0, (double)daemon->frankd_kib},
      {"frank-door", BENCH_PART_MEMORY, BENCH_RESIDENT, 0, (double)daemon->door_kib},
  };
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
    if ((parts & figures[i].part) == 0) {
      continue;
    }
    struct bench_row_key key = *of;
    (void)snprintf(key.subject, sizeof key.subject, "%s", figures[i].subject);
    key.metric = figures[i].metric;
    key.factor = figures[i].factor;
    if (figures[i].part == BENCH_PART_MEMORY) {
      (void)snprintf(key.shape, sizeof key.shape, BENCH_MEMORY_SHAPE);
    }
    struct bench_row *row = bench_run_add(run, &key, BENCH_ROLE_DAEMON, figures[i].value, why);
    if (!row) {
      return FRANK_ERR_FULL;
    }
    if (figures[i].metric == BENCH_ATTEMPTS) {
      (void)snprintf(row->note, sizeof row->note, "1000 requests of factor 2^20 in flight");
    }
  }
  return FRANK_OK;
}

static void note_queue(struct bench_result *result, const struct bench_daemon *daemon)
{
  if (!result->has_queue_stamps || daemon->queue_stamps < result->queue_stamps_min) {
    result->queue_stamps_min = daemon->queue_stamps;
  }
  result->has_queue_stamps = true;
  result->stamps_checked += daemon->checked;
}

static enum frank_err measure_one(struct bench_run *run, const struct bench_row_key *key,
                                  const struct bench_shape *shape,
                                  const struct bench_server *server, char *why)
{
  const struct bench_daemon_config config = {.server = server,
                                             .shape = shape,
                                             .parts = parts_of(run->options, run->first_shape),
                                             .seconds = run->options->seconds,
                                             .progress = show_progress,
                                             .arg = run->progress};
  struct bench_daemon daemon;
  enum frank_err err = bench_daemon_measure(&config, &daemon, why);
  if (err == FRANK_OK) {
    note_queue(run->result, &daemon);
    err = add_figures(run, key, config.parts, &daemon, why);
  }
  return err;
}

static enum frank_err measure(struct bench_run *run, const struct bench_shape *shape, char *why)
{
  bench_progress_show(run->progress, "starting frankd");
  return bench_run_with_frankd(run, shape, measure_one, why);
}

const struct bench_case bench_case_daemon = {.name = "daemon",
                                             .needs_frankd = true,
                                             .is_wanted = is_wanted,
                                             .seconds = seconds,
                                             .run = measure};
