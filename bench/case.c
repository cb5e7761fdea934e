#include "bench/case.h"

#include "bench/inquiry.h"

#include <stdio.h>
#include <string.h>

/* The daemon next to the engines and to the peers: what is compared is near in time. */
static const struct bench_case *const cases[] = {&bench_case_engines, &bench_case_daemon,
                                                 &bench_case_peers, &bench_case_stamps};

const struct bench_case *bench_case_at(size_t i)
{
  return i < sizeof cases / sizeof cases[0] ? cases[i] : NULL;
}

/* What the ratios ask of a row, from the devices that it is of. */
static void mark(const struct bench_run *run, struct bench_row *row)
{
  for (size_t i = 0; i < run->subjects->count; i++) {
    const struct bench_subject *subject = &run->subjects->subjects[i];
    bool same_path = subject->variant[0] == '\0' || strcmp(subject->variant, row->key.variant) == 0;
    if (same_path && strcmp(subject->name, row->key.device) == 0) {
      row->on_cores = subject->on_cores;
      for (size_t k = 0; k < subject->count; k++) {
        row->simulated =
            row->simulated || run->subjects->devices[subject->first + k].simulated != 0;
      }
      row->is_reference = subject->leads && row->role == BENCH_ROLE_ENGINE &&
                          strcmp(subject->name, BENCH_REFERENCE) == 0;
    }
  }
}

struct bench_row *bench_run_add(const struct bench_run *run, const struct bench_row_key *key,
                                enum bench_role role, double value, char *why)
{
  struct bench_row *row = bench_rows_add(&run->result->rows, key, role, run->round, value);
  if (!row) {
    (void)snprintf(why, BENCH_WHY_BYTES, BENCH_ROWS_FULL_TEXT, BENCH_ROWS_MAX);
    return NULL;
  }
  mark(run, row);
  return row;
}

size_t bench_run_frankd_count(const struct bench_subjects *subjects)
{
  size_t count = 0;
  for (size_t i = 0; i < subjects->count; i++) {
    count += subjects->subjects[i].leads;
  }
  return count;
}

static enum frank_err run_one(struct bench_run *run, const struct bench_subject *subject,
                              const struct bench_shape *shape, bench_run_frankd_fn *measure,
                              char *why)
{
  const struct bench_server_task task = {.frankd = run->frankd,
                                         .devices = run->subjects->devices + subject->first,
                                         .device_count = subject->count,
                                         .variant = subject->variant};
  struct bench_server *server = NULL;
  struct bench_row_key key = {.factor = 0};
  (void)snprintf(key.device, sizeof key.device, "%s", subject->name);
  (void)snprintf(key.shape, sizeof key.shape, "%s", shape->name);
  enum frank_err err = bench_server_start(&task, &server, why);
  if (err == FRANK_OK) {
    err = bench_inquiry_devices(bench_server_endpoint(server), subject->count, key.variant,
                                sizeof key.variant, why);
  }
  if (err == FRANK_OK && subject->variant[0] != '\0' &&
      strcmp(subject->variant, key.variant) != 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "frankd was told to search by %.31s, and does by %.31s",
                   subject->variant, key.variant);
    err = FRANK_ERR_DEVICE;
  }
  if (err == FRANK_OK) {
    err = measure(run, &key, shape, server, why);
  }
  if (err != FRANK_OK && server && !bench_is_stopping()) {
    bench_server_explain(server, why);
  }
  bench_server_stop(&server);
  return err;
}

enum frank_err bench_run_with_frankd(struct bench_run *run, const struct bench_shape *shape,
                                     bench_run_frankd_fn *measure, char *why)
{
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < run->subjects->count; i++) {
    if (run->subjects->subjects[i].leads) {
      err = run_one(run, &run->subjects->subjects[i], shape, measure, why);
    }
  }
  return err;
}
