#include "bench/run.h"

#include "bench/baseline.h"
#include "bench/case.h"
#include "bench/output.h"
#include "bench/plot.h"
#include "bench/server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that lives as long as a run. */
struct session {
  const struct bench_options *options;
  struct bench_result *result;
  struct bench_result *baseline;       /* NULL: none */
  struct bench_comparison *comparison; /* NULL: none */
  struct bench_subjects *subjects;
  struct bench_ports ports[FRANK_ENGINE_DEVICES_MAX];
  struct bench_progress progress;
  struct bench_output exports[BENCH_EXPORTS_MAX];
  struct bench_output plot;
  enum bench_picture picture;
  char frankd[PATH_MAX];
};

static bool needs_frankd(const struct bench_options *options)
{
  bool needs = false;
  for (size_t i = 0; bench_case_at(i); i++) {
    needs = needs || (bench_case_at(i)->needs_frankd && bench_case_at(i)->is_wanted(options));
  }
  return needs;
}

static enum bench_format format_of(const char *path)
{
  enum bench_format format = BENCH_FORMAT_TABLE;
  (void)bench_format_of_file(path, &format); /* the options were checked */
  return format;
}

/* ---- before anything is measured ---- */

static enum frank_err open_outputs(struct session *s, char *why)
{
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < s->options->export_count; i++) {
    err = bench_output_open(s->options->exports[i], &s->exports[i], why);
  }
  if (err == FRANK_OK && s->options->plot) {
    err = bench_plot_check(s->options->plot, &s->picture, why);
    if (err == FRANK_OK) {
      err = bench_output_open(s->options->plot, &s->plot, why);
    }
  }
  return err;
}

/* All that can be wrong with what was given; nothing is measured before it is right. */
static enum frank_err prepare(struct session *s, char *why)
{
  s->result = bench_result_new();
  s->subjects = calloc(1, sizeof *s->subjects);
  s->comparison = s->options->baseline ? calloc(1, sizeof *s->comparison) : NULL;
  if (!s->result || !s->subjects || (s->options->baseline && !s->comparison)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = FRANK_OK;
  if (needs_frankd(s->options)) {
    err = bench_server_find(s->frankd, sizeof s->frankd, why);
  }
  if (err == FRANK_OK && s->options->baseline) {
    err = bench_baseline_read(s->options->baseline, &s->baseline, why);
  }
  if (err == FRANK_OK) {
    err = open_outputs(s, why);
  }
  if (err == FRANK_OK) {
    err = bench_subjects_resolve(s->options, s->subjects, why);
  }
  return err;
}

/* Cores are told by the machine's CPU; all others by themselves, once each. */
static void describe_devices(struct session *s)
{
  struct bench_machine *machine = &s->result->machine;
  for (size_t i = 0; i < s->subjects->device_count; i++) {
    const struct frank_device_info *info = &s->subjects->devices[i];
    bool is_told = strncmp(info->name, "cpu:", 4) == 0 || info->model[0] == '\0';
    for (size_t k = 0; k < machine->device_count; k++) {
      is_told = is_told || strcmp(machine->devices[k].name, info->name) == 0;
    }
    if (is_told || machine->device_count == BENCH_MACHINE_DEVICES_MAX) {
      continue;
    }
    struct bench_machine_device *device = &machine->devices[machine->device_count++];
    (void)snprintf(device->name, sizeof device->name, "%s", info->name);
    (void)snprintf(device->model, sizeof device->model, "%s", info->model);
    (void)snprintf(device->place, sizeof device->place, "%s", info->place);
    (void)snprintf(device->variant, sizeof device->variant, "%s", info->variant);
  }
  if (machine->device_count > 0 && s->subjects->cache_dir[0] == '\0') {
    bench_result_skip(
        s->result, "kept tuning", "",
        "no CACHE_DIRECTORY, XDG_CACHE_HOME or HOME names a folder that fits: devices "
        "tune whenever they are opened, and may come to another code path");
  }
}

static void describe(struct session *s)
{
  struct bench_machine *machine = &s->result->machine;
  bench_machine_describe(machine);
  describe_devices(s);
  for (size_t i = 0; i < s->subjects->count; i++) {
    const struct bench_subject *subject = &s->subjects->subjects[i];
    if (machine->cpu[0] == '\0' && strncmp(subject->name, "cpu", 3) == 0) {
      (void)snprintf(machine->cpu, sizeof machine->cpu, "%s",
                     s->subjects->devices[subject->first].model);
    }
  }
  machine->usable = (uint32_t)s->subjects->cpu_count;
  s->result->seconds = s->options->seconds;
  s->result->rounds_planned = s->options->rounds;
}

/* ---- rounds ---- */

static double plan_s(const struct session *s)
{
  double each_s = 0;
  for (size_t i = 0; bench_case_at(i); i++) {
    if (bench_case_at(i)->is_wanted(s->options)) {
      each_s += bench_case_at(i)->seconds(s->options, s->subjects);
    }
  }
  return each_s * (double)s->options->shape_count * s->options->rounds;
}

static enum frank_err run_shape(struct session *s, struct bench_run *run,
                                const struct bench_shape *shape, char *why)
{
  (void)snprintf(s->progress.shape, sizeof s->progress.shape, "%s", shape->text);
  for (size_t i = 0; bench_case_at(i); i++) {
    const struct bench_case *one = bench_case_at(i);
    if (!one->is_wanted(s->options)) {
      continue;
    }
    enum frank_err err = one->run(run, shape, why);
    if (err != FRANK_OK) {
      return err;
    }
    s->progress.done_s += one->seconds(s->options, s->subjects);
  }
  enum frank_err err = bench_rows_add_ratios(&s->result->rows, shape->name, run->round);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, BENCH_ROWS_FULL_TEXT, BENCH_ROWS_MAX);
  }
  return err;
}

/* What cannot be written is told now, not after hours. */
static enum frank_err report_round(struct session *s, char *why)
{
  errno = 0;
  bench_report_round(s->options->format, stdout, s->result);
  if (ferror(stdout)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "standard output: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  for (size_t i = 0; i < s->options->export_count; i++) {
    bench_report_round(format_of(s->options->exports[i]), s->exports[i].file, s->result);
    if (ferror(s->exports[i].file)) {
      (void)snprintf(why, BENCH_WHY_BYTES, "cannot write %.200s: %s", s->options->exports[i],
                     strerror(errno));
      return FRANK_ERR_IO;
    }
  }
  return FRANK_OK;
}

static enum frank_err run_rounds(struct session *s, char *why)
{
  enum frank_err err = FRANK_OK;
  bench_progress_begin(&s->progress, s->options->rounds, plan_s(s));
  for (uint32_t round = 1; err == FRANK_OK && round <= s->options->rounds; round++) {
    s->progress.round = round;
    for (size_t i = 0; err == FRANK_OK && i < s->options->shape_count; i++) {
      struct bench_run run = {.options = s->options,
                              .subjects = s->subjects,
                              .ports = s->ports,
                              .result = s->result,
                              .progress = &s->progress,
                              .frankd = s->frankd,
                              .round = round,
                              .first_shape = i == 0};
      err = run_shape(s, &run, s->options->shapes[i], why);
    }
    if (err != FRANK_OK) {
      break;
    }
    s->result->rounds = round;
    err = report_round(s, why);
  }
  bench_progress_end(&s->progress);
  return err;
}

/* ---- after the last round ---- */

static enum frank_err write_files(struct session *s, char *why)
{
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < s->options->export_count; i++) {
    bench_report_end(format_of(s->options->exports[i]), s->exports[i].file, s->result,
                     s->comparison);
    err = bench_output_commit(&s->exports[i], why);
  }
  if (err == FRANK_OK && s->options->plot) {
    err = bench_plot_draw(s->result, s->picture, s->plot.file, why);
    if (err == FRANK_OK) {
      err = bench_output_commit(&s->plot, why);
    }
  }
  return err;
}

static enum bench_exit exit_of(const struct bench_comparison *comparison)
{
  static const enum bench_exit exits[] = {[BENCH_SAME] = BENCH_EXIT_DONE,
                                          [BENCH_SLOWER] = BENCH_EXIT_SLOWER,
                                          [BENCH_UNCLEAR] = BENCH_EXIT_UNCLEAR};
  return comparison ? exits[comparison->verdict] : BENCH_EXIT_DONE;
}

static enum bench_exit measure(struct session *s)
{
  char why[BENCH_WHY_BYTES] = "";
  describe(s);
  bench_report_begin(s->options->format, stdout, s->result);
  for (size_t i = 0; i < s->options->export_count; i++) {
    bench_report_begin(format_of(s->options->exports[i]), s->exports[i].file, s->result);
  }
  enum frank_err err = run_rounds(s, why);
  if (err == FRANK_OK && s->baseline) {
    bench_compare(s->baseline, s->result, s->options->baseline, s->options->fail_above,
                  s->comparison);
  }
  if (err == FRANK_OK) { /* first, so that the record of success is the last word */
    err = write_files(s, why);
  }
  if (err != FRANK_OK) {
    bench_report_error(s->options->format, bench_is_stopping() ? "interrupted" : "failed", why);
    return BENCH_EXIT_FAILED;
  }
  bench_report_end(s->options->format, stdout, s->result, s->comparison);
  return exit_of(s->comparison);
}

static enum bench_exit refuse(const struct bench_options *options, enum frank_err err,
                              const char *why)
{
  bool failed = bench_is_stopping() || err == FRANK_ERR_DEVICE || err == FRANK_ERR_TIMEOUT ||
                err == FRANK_ERR_NOMEM;
  bench_report_error(options->format,
                     bench_is_stopping() ? "interrupted"
                     : failed            ? "failed"
                                         : "usage",
                     why);
  return failed ? BENCH_EXIT_FAILED : BENCH_EXIT_USAGE;
}

enum bench_exit bench_run_all(const struct bench_options *options)
{
  struct session *s = calloc(1, sizeof *s);
  char why[BENCH_WHY_BYTES] = "no memory";
  if (!s) {
    return refuse(options, FRANK_ERR_NOMEM, why);
  }
  s->options = options;
  enum frank_err err = prepare(s, why);
  enum bench_exit status = err == FRANK_OK ? measure(s) : refuse(options, err, why);
  for (size_t i = 0; i < options->export_count; i++) {
    bench_output_abandon(&s->exports[i]);
  }
  bench_output_abandon(&s->plot);
  bench_result_destroy(&s->result);
  bench_result_destroy(&s->baseline);
  free(s->comparison);
  free(s->subjects);
  free(s);
  return status;
}

enum bench_exit bench_run_compare(const struct bench_options *options)
{
  struct bench_result *before = NULL;
  struct bench_result *now = NULL;
  struct bench_comparison *comparison = calloc(1, sizeof *comparison);
  char why[BENCH_WHY_BYTES] = "no memory";
  enum frank_err err = comparison ? FRANK_OK : FRANK_ERR_NOMEM;
  if (err == FRANK_OK) {
    err = bench_baseline_read(options->compare_old, &before, why);
  }
  if (err == FRANK_OK) {
    err = bench_baseline_read(options->compare_new, &now, why);
  }
  enum bench_exit status = BENCH_EXIT_DONE;
  if (err == FRANK_OK) {
    bench_compare(before, now, options->compare_old, options->fail_above, comparison);
    bench_report_comparison(options->format, stdout, now, comparison);
    status = exit_of(comparison);
  } else {
    status = refuse(options, err, why);
  }
  bench_result_destroy(&before);
  bench_result_destroy(&now);
  free(comparison);
  return status;
}
