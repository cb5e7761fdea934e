/* The engines by themselves: each subject in turn. */
#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/case.h"
#include "bench/daemon.h"

#include <stdio.h>
#include <string.h>

#define OPENING_S 0.6 /* opening, warming up and timing the arithmetic units */

static bool is_wanted(const struct bench_options *options)
{
  (void)options;
  return true; /* all the rest is held against them */
}

static double seconds(const struct bench_options *options, const struct bench_subjects *subjects)
{
  return (double)subjects->count * (options->seconds + OPENING_S);
}

/* A figure that one measurement gave. */
struct figure {
  enum bench_metric metric;
  bool known;
  double value;
  const char *note;
};

static enum frank_err add_figures(struct bench_run *run, const struct bench_shape *shape,
                                  const char *name, const struct bench_bare *bare, char *why)
{
  bool has_cycles = bare->simulated && bare->cycles > 0;
  double per_cycle = has_cycles ? bare->attempts / bare->cycles : 0;
  double clock_hz = run->options->clock_mhz * 1e6;
  const struct figure figures[] = {
      {BENCH_ATTEMPTS, true, bare->rate_hps, bare->simulated ? "the simulation's own speed" : ""},
      {BENCH_COMPRESSIONS, true, bare->rate_hps * bare->blocks, ""},
      {BENCH_LIMIT_SHARE, bare->limit_hps > 0, bare->rate_hps / bare->limit_hps, bare->limit_text},
      {BENCH_PLAIN_SHARE, bare->plain_hps > 0, bare->rate_hps / bare->plain_hps,
       "64 rounds for each block, 48 schedule words for the first"},
      {BENCH_ENERGY, bare->has_joules, bare->joules / bare->attempts * 1e6,
       "all processors of the machine, by powercap"},
      {BENCH_PER_CYCLE, has_cycles, per_cycle, "counted, simulated"},
      {BENCH_CYCLE_SHARE, has_cycles && bare->per_cycle > 0, per_cycle / bare->per_cycle,
       "of U/(64 N): U rounds per cycle, N blocks of 64"},
      {BENCH_PROJECTED, has_cycles && clock_hz > 0, per_cycle * clock_hz,
       "not measured: attempts per simulated cycle, times --clock-mhz"},
  };
  struct bench_row_key key = {.factor = 0};
  (void)snprintf(key.subject, sizeof key.subject, "%s", name);
  (void)snprintf(key.device, sizeof key.device, "%s", name);
  (void)snprintf(key.variant, sizeof key.variant, "%s", bare->variant);
  (void)snprintf(key.shape, sizeof key.shape, "%s", shape->name);
  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
    if (!figures[i].known) {
      continue;
    }
    key.metric = figures[i].metric;
    struct bench_row *row = bench_run_add(run, &key, BENCH_ROLE_ENGINE, figures[i].value, why);
    if (!row) {
      return FRANK_ERR_FULL;
    }
    row->simulated = bare->simulated;
    (void)snprintf(row->note, sizeof row->note, "%s", figures[i].note);
  }
  return FRANK_OK;
}

static enum frank_err measure(struct bench_run *run, const struct bench_shape *shape, char *why)
{
  for (size_t i = 0; i < run->subjects->count; i++) {
    const struct bench_subject *subject = &run->subjects->subjects[i];
    const struct bench_bare_task task = {.devices = run->subjects->devices + subject->first,
                                         .device_count = subject->count,
                                         .variant = subject->variant,
                                         .cache_dir = run->subjects->cache_dir,
                                         .shape = shape,
                                         .factor = BENCH_QUEUE_FACTOR,
                                         .seconds = run->options->seconds,
                                         .ports = run->ports + subject->first};
    struct bench_bare bare;
    char text[80];
    (void)snprintf(text, sizeof text, "%s%s%s", subject->name,
                   subject->variant[0] != '\0' ? " " : "", subject->variant);
    bench_progress_show(run->progress, text);
    enum frank_err err = bench_bare_run(&task, &bare, why);
    if (err == FRANK_OK) {
      err = add_figures(run, shape, subject->name, &bare, why);
    }
    if (err != FRANK_OK) {
      return err;
    }
    if (bare.limit_hps <= 0) {
      char what[BENCH_SUBJECT_BYTES];
      (void)snprintf(what, sizeof what, "limit of %.95s %.31s", subject->name, bare.variant);
      bench_result_skip(run->result, what, "", bare.limit_text);
    }
    if (!bare.has_joules) {
      bench_result_skip(run->result, "energy", "",
                        "no counters of it can be read (powercap; often only root may)");
    }
    if (run->options->clock_mhz > 0 && !bare.simulated) {
      char what[BENCH_SUBJECT_BYTES];
      (void)snprintf(what, sizeof what, "projection of %.95s", subject->name);
      bench_result_skip(run->result, what, "", "for simulated devices only");
    }
  }
  return FRANK_OK;
}

const struct bench_case bench_case_engines = {
    .name = "engines", .is_wanted = is_wanted, .seconds = seconds, .run = measure};
