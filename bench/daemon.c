#include "bench/daemon.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/inquiry.h"
#include "bench/load.h"
#include "bench/machine.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Four clients: no client may hold more than half of the queue, and a handle has room for 4096. */
#define QUEUE_CLIENTS     4
#define QUEUE_REQUESTS    1000
#define OVERHEAD_CLIENTS  1
#define OVERHEAD_REQUESTS 64
#define MEMORY_CLIENTS    4
#define MEMORY_REQUESTS   10000
#define MEMORY_FACTOR     BENCH_FACTOR_MAX /* hours of work each */
#define WARM_UP_MAX_US    FRANK_US_PER_S

/* ---- the parts: each fills and drains a load of its own ---- */

struct part {
  const struct bench_daemon_config *config;
  struct bench_daemon *out;
  enum bench_overhead_case overhead;
};

typedef enum frank_err part_fn(const struct part *part, struct bench_load *load, char *why);

/* Some searches are under way when counting begins, and some when it ends: on the whole what was
 * done for the first is what is missing of the last, once the queue has been in motion a while. */
static enum frank_err run_warm(const struct part *part, struct bench_load *load,
                               struct bench_load_result *result, char *why)
{
  uint64_t time_us = part->config->seconds * FRANK_US_PER_S;
  uint64_t warm_up_us = time_us < WARM_UP_MAX_US ? time_us : WARM_UP_MAX_US;
  enum frank_err err = bench_load_run(load, warm_up_us, result, why);
  if (err == FRANK_OK) {
    err = bench_load_run(load, time_us, result, why);
  }
  if (err == FRANK_OK && result->stamps == 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "not one stamp in %u s: give it more --seconds",
                   (unsigned)part->config->seconds);
    err = FRANK_ERR_TIMEOUT;
  }
  return err;
}

static enum frank_err measure_queue(const struct part *part, struct bench_load *load, char *why)
{
  static struct bench_load_result result;
  enum frank_err err = run_warm(part, load, &result, why);
  if (err == FRANK_OK) {
    part->out->useful_hps = (double)result.attempts * 1e6 / (double)result.elapsed_us;
    part->out->queue_stamps = result.stamps;
  }
  return err;
}

static enum frank_err measure_overhead(const struct part *part, struct bench_load *load, char *why)
{
  static struct bench_load_result result;
  struct bench_overhead *out = &part->out->overhead[part->overhead];
  enum frank_err err = run_warm(part, load, &result, why);
  if (err == FRANK_OK) {
    out->stamps_per_s = (double)result.stamps * 1e6 / (double)result.elapsed_us;
    out->p50_us = (double)bench_histogram_at(&result.latency, 0.5);
    out->p99_us = (double)bench_histogram_at(&result.latency, 0.99);
  }
  return err;
}

static enum frank_err door_memory(const json_t *status, uint64_t *kib, char *why)
{
  const json_t *children = json_object_get(status, "children");
  for (size_t i = 0; i < json_array_size(children); i++) {
    const json_t *child = json_array_get(children, i);
    json_int_t pid = json_integer_value(json_object_get(child, "pid"));
    if (strncmp(bench_inquiry_text(child, "name"), "door ", 5) == 0 && pid > 0 &&
        bench_memory_kib((pid_t)pid, kib) == FRANK_OK) {
      return FRANK_OK;
    }
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "the memory of frankd's door cannot be read");
  return FRANK_ERR_NOT_FOUND;
}

static enum frank_err measure_memory(const struct part *part, struct bench_load *load, char *why)
{
  json_t *status = NULL;
  enum frank_err err = bench_inquiry_queued(bench_load_client(load), MEMORY_REQUESTS, &status, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = bench_memory_kib(bench_server_pid(part->config->server), &part->out->frankd_kib);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "the memory of frankd cannot be read");
  } else {
    err = door_memory(status, &part->out->door_kib, why);
  }
  json_decref(status);
  return err;
}

static const struct {
  const char *text;
  part_fn *measure;
  const char *shape; /* NULL: the one asked for */
  uint64_t factor;
  size_t clients;
  size_t in_flight;
  unsigned bit;
  enum bench_overhead_case overhead;
} parts[] = {
    {"1000 queued, factor 2^20", measure_queue, NULL, BENCH_QUEUE_FACTOR, QUEUE_CLIENTS,
     QUEUE_REQUESTS, BENCH_PART_QUEUE, 0},
    {"64 in flight, factor 1", measure_overhead, NULL, 1, OVERHEAD_CLIENTS, OVERHEAD_REQUESTS,
     BENCH_PART_OVERHEAD, BENCH_OVERHEAD_F1},
    {"64 in flight, factor 16", measure_overhead, NULL, 16, OVERHEAD_CLIENTS, OVERHEAD_REQUESTS,
     BENCH_PART_OVERHEAD, BENCH_OVERHEAD_F16},
    {"memory of 10,000 queued", measure_memory, BENCH_MEMORY_SHAPE, MEMORY_FACTOR, MEMORY_CLIENTS,
     MEMORY_REQUESTS, BENCH_PART_MEMORY, 0},
};

static enum frank_err run_part(size_t i, const struct bench_daemon_config *config,
                               struct bench_daemon *out, char *why)
{
  const struct part part = {.config = config, .out = out, .overhead = parts[i].overhead};
  const struct bench_load_config of = {
      .endpoint = bench_server_endpoint(config->server),
      .shape = parts[i].shape ? bench_shape_find(parts[i].shape) : config->shape,
      .factor = parts[i].factor,
      .clients = parts[i].clients,
      .in_flight = parts[i].in_flight,
  };
  struct bench_load *load = NULL;
  json_t *status = NULL;
  enum frank_err err = bench_load_new(&of, &load, why);
  if (err == FRANK_OK) {
    err = bench_load_fill(load, why);
  }
  if (err == FRANK_OK) {
    err = parts[i].measure(&part, load, why);
  }
  if (err == FRANK_OK) {
    err = bench_load_drain(load, why);
  }
  if (err == FRANK_OK) { /* nothing is left to disturb the next part */
    err = bench_inquiry_queued(bench_load_client(load), 0, &status, why);
  }
  json_decref(status);
  out->checked += load ? bench_load_checked(load) : 0;
  bench_load_destroy(&load);
  return err;
}

enum frank_err bench_daemon_measure(const struct bench_daemon_config *config,
                                    struct bench_daemon *out, char *why)
{
  *out = (struct bench_daemon){0};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    char cause[BENCH_WHY_BYTES] = "";
    if ((config->parts & parts[i].bit) == 0) {
      continue;
    }
    config->progress(config->arg, parts[i].text);
    enum frank_err err = run_part(i, config, out, cause);
    if (err != FRANK_OK) {
      (void)snprintf(why, BENCH_WHY_BYTES, "%s: %.450s", parts[i].text, cause);
      return err;
    }
  }
  return FRANK_OK;
}
