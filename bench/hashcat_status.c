#include "bench/hashcat_status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define GREETING    "hashcat (v" /* "hashcat (v6.2.6) starting" */
#define RUNNING     3            /* hashcat's STATUS_RUNNING */
#define DEVICES_MAX 64

/* Printable ASCII only: it goes to a terminal. */
static void copy_text(char *text, size_t size, const char *from, size_t len)
{
  size_t used = 0;
  for (size_t i = 0; i < len && used + 1 < size; i++) {
    if (from[i] >= ' ' && from[i] <= '~') {
      text[used++] = from[i];
    }
  }
  text[used] = '\0';
}

static void read_greeting(struct bench_hashcat_status *status, const char *line, size_t len)
{
  size_t skip = strlen(GREETING) - 1; /* the v belongs to the version */
  const char *end = memchr(line, ')', len);
  if (status->version[0] == '\0' && end && (size_t)(end - line) > skip) {
    copy_text(status->version, sizeof status->version, line + skip, (size_t)(end - line) - skip);
  }
}

/* What is wrong with its devices; NULL: nothing. Takes the name of the first. */
static const char *check_devices(struct bench_hashcat_status *status, const json_t *devices)
{
  if (json_array_size(devices) == 0 || json_array_size(devices) > DEVICES_MAX) {
    return "a status without devices";
  }
  for (size_t i = 0; i < json_array_size(devices); i++) {
    const json_t *device = json_array_get(devices, i);
    const char *type = json_string_value(json_object_get(device, "device_type"));
    const char *name = json_string_value(json_object_get(device, "device_name"));
    if (!type || strcmp(type, "CPU") != 0) {
      return "it uses a device that is no CPU";
    }
    if (i == 0 && name && status->device[0] == '\0') {
      copy_text(status->device, sizeof status->device, name, strlen(name));
    }
  }
  return NULL;
}

static void take(struct bench_hashcat_status *status, uint64_t attempts, uint64_t now_us)
{
  if (attempts < status->last_attempts || now_us < status->last_us) {
    status->wrong = "its progress goes back";
    return;
  }
  status->last_us = now_us;
  status->last_attempts = attempts;
  if (status->first_us == 0) {
    status->first_us = now_us;
  }
  if (status->from_us == 0 && now_us - status->first_us >= BENCH_HASHCAT_WARM_UP_US) {
    status->from_us = now_us;
    status->from_attempts = attempts;
  }
}

static void read_status(struct bench_hashcat_status *status, const json_t *object, uint64_t now_us)
{
  const json_t *state = json_object_get(object, "status");
  const json_t *progress = json_object_get(object, "progress");
  const json_t *done = json_array_get(progress, 0);
  if (!json_is_integer(state)) {
    status->wrong = "a status that does not say what it does";
  } else if (json_integer_value(state) != RUNNING) {
    return; /* starting, tuning, ending */
  } else if (!json_is_integer(done) || json_integer_value(done) < 0) {
    status->wrong = "a status without its progress";
  } else {
    status->wrong = check_devices(status, json_object_get(object, "devices"));
    if (!status->wrong) {
      take(status, (uint64_t)json_integer_value(done), now_us);
    }
  }
}

void bench_hashcat_status_line(struct bench_hashcat_status *status, const char *line, size_t len,
                               uint64_t now_us)
{
  if (status->wrong || len > BENCH_HASHCAT_LINE_BYTES) {
    return;
  }
  const char *greeting = memmem(line, len, GREETING, strlen(GREETING));
  if (greeting) {
    read_greeting(status, greeting, len - (size_t)(greeting - line));
    return;
  }
  const char *start = memchr(line, '{', len);
  if (!start) {
    return;
  }
  json_error_t where;
  json_t *object = json_loadb(start, len - (size_t)(start - line), JSON_DISABLE_EOF_CHECK, &where);
  if (!object) {
    status->wrong = "a status that is no JSON";
    return;
  }
  read_status(status, object, now_us);
  json_decref(object);
}

uint64_t bench_hashcat_status_counted_us(const struct bench_hashcat_status *status)
{
  return status->from_us > 0 ? status->last_us - status->from_us : 0;
}

double bench_hashcat_status_rate_hps(const struct bench_hashcat_status *status)
{
  uint64_t counted_us = bench_hashcat_status_counted_us(status);
  return counted_us > 0
             ? (double)(status->last_attempts - status->from_attempts) * 1e6 / (double)counted_us
             : 0;
}
