#include "bench/inquiry.h"

#include "base/clock.h"
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_LIMIT_MS    10000
#define SETTLE_LIMIT_US (60 * FRANK_US_PER_S)
#define SETTLE_TICK_US  20000

static enum frank_err ask_status(struct frank_client *client, json_t **status, char *why)
{
  char *text = NULL;
  json_error_t where;
  enum frank_err err = frank_client_ask(client, "status", NULL, ASK_LIMIT_MS, &text);
  *status = err == FRANK_OK ? json_loads(text, 0, &where) : NULL;
  free(text);
  if (!*status) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no status: %s", frank_err_text(err));
    return err != FRANK_OK ? err : FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

const char *bench_inquiry_text(const json_t *object, const char *name)
{
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

/* Of a status: how many devices are ready, and their one code path. */
static enum frank_err read_devices(const json_t *status, size_t *count, char *variant,
                                   size_t variant_size, char *why)
{
  const json_t *devices = json_object_get(status, "devices");
  *count = 0;
  variant[0] = '\0';
  for (size_t i = 0; i < json_array_size(devices); i++) {
    const json_t *device = json_array_get(devices, i);
    const char *path = bench_inquiry_text(device, "variant");
    if (strcmp(bench_inquiry_text(device, "state"), "ready") != 0) {
      continue;
    }
    if (*count > 0 && strcmp(path, variant) != 0) {
      (void)snprintf(why, BENCH_WHY_BYTES, "frankd searches by %.31s and by %.31s at once", variant,
                     path);
      return FRANK_ERR_DEVICE;
    }
    (void)snprintf(variant, variant_size, "%s", path);
    (*count)++;
  }
  return FRANK_OK;
}

enum frank_err bench_inquiry_devices(const char *endpoint, size_t wanted, char *variant,
                                     size_t variant_size, char *why)
{
  const struct frank_client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
  struct frank_client *client = NULL;
  json_t *status = NULL;
  size_t count = 0;
  enum frank_err err = frank_client_new(&config, &client, why);
  if (err == FRANK_OK) {
    err = ask_status(client, &status, why);
  }
  if (err == FRANK_OK) {
    err = read_devices(status, &count, variant, variant_size, why);
  }
  if (err == FRANK_OK && count != wanted) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "frankd searches with %zu devices, the bare engines with %zu", count, wanted);
    err = FRANK_ERR_DEVICE;
  }
  json_decref(status);
  frank_client_destroy(&client);
  return err;
}

/* Waits until exactly `count` requests wait at frankd; *status is of that moment. */
enum frank_err bench_inquiry_queued(struct frank_client *client, json_int_t count, json_t **status,
                                    char *why)
{
  uint64_t until_us = frank_clock_now_us() + SETTLE_LIMIT_US;
  for (;;) {
    enum frank_err err = ask_status(client, status, why);
    if (err != FRANK_OK) {
      return err;
    }
    const json_t *queue = json_object_get(*status, "queue");
    json_int_t queued = json_integer_value(json_object_get(queue, "waiting")) +
                        json_integer_value(json_object_get(queue, "running"));
    if (queued == count) {
      return FRANK_OK;
    }
    json_decref(*status);
    *status = NULL;
    if (bench_is_stopping()) {
      (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
      return FRANK_ERR_CLOSED;
    }
    if (frank_clock_now_us() >= until_us) {
      (void)snprintf(why, BENCH_WHY_BYTES, "%lld requests wait at frankd, not %lld",
                     (long long)queued, (long long)count);
      return FRANK_ERR_TIMEOUT;
    }
    usleep(SETTLE_TICK_US);
  }
}
