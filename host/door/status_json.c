#include "door/status_json.h"

#include "door/sources_json.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX_BYTES 128 /* the longest text of a snapshot, with its NUL */

static bool has_end(const char *text, size_t size)
{
  return memchr(text, '\0', size) != NULL;
}

bool frank_status_is_sound(const struct frank_status *status)
{
  if (!has_end(status->version, sizeof status->version) ||
      !has_end(status->factor_source, sizeof status->factor_source) ||
      status->device_count > FRANK_STATUS_DEVICES_MAX ||
      status->client_count > FRANK_STATUS_CLIENTS_MAX ||
      status->child_count > FRANK_STATUS_CHILDREN_MAX ||
      status->source_count > FRANK_STATUS_SOURCES_MAX ||
      !frank_sources_are_sound(status->sources, status->source_count)) {
    return false;
  }
  for (uint32_t i = 0; i < status->device_count; i++) {
    const struct frank_status_device *device = &status->devices[i];
    if (!has_end(device->name, sizeof device->name) ||
        !has_end(device->engine, sizeof device->engine) ||
        !has_end(device->variant, sizeof device->variant) ||
        !has_end(device->model, sizeof device->model) ||
        !has_end(device->place, sizeof device->place) ||
        !has_end(device->why, sizeof device->why)) {
      return false;
    }
  }
  for (uint32_t i = 0; i < status->client_count; i++) {
    if (!has_end(status->clients[i].name, sizeof status->clients[i].name)) {
      return false;
    }
  }
  for (uint32_t i = 0; i < status->child_count; i++) {
    if (!has_end(status->children[i].name, sizeof status->children[i].name)) {
      return false;
    }
  }
  return true;
}

/* ---- members: each adds one to `object` and says whether there was memory ---- */

static bool put(json_t *object, const char *name, json_t *value)
{
  return json_object_set_new(object, name, value) == 0; /* a value of NULL fails, too */
}

static bool put_text(json_t *object, const char *name, const char *text)
{
  json_t *value = json_string(text);
  if (value == NULL) {
    char clean[TEXT_MAX_BYTES];
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < sizeof clean; i++) {
      clean[i] = (text[i] & 0x80) != 0 ? '?' : text[i];
    }
    clean[i] = '\0';
    value = json_string(clean);
  }
  return put(object, name, value);
}

static bool put_int(json_t *object, const char *name, uint64_t value)
{
  return put(object, name, json_integer((json_int_t)value));
}

static bool put_real(json_t *object, const char *name, double value)
{
  return put(object, name, json_real(isfinite(value) ? value : 0));
}

static bool put_bool(json_t *object, const char *name, bool value)
{
  return put(object, name, json_boolean(value));
}

/* ---- parts ---- */

static json_t *device_json(const void *item)
{
  const struct frank_status_device *device = item;
  json_t *object = json_object();
  bool ok =
      put_text(object, "name", device->name) && put_text(object, "engine", device->engine) &&
      put_text(object, "variant", device->variant) && put_text(object, "model", device->model) &&
      put_text(object, "place", device->place) &&
      put(object, "numa_node", json_integer(device->numa_node)) &&
      put_text(object, "state", frank_child_state_name(device->state)) &&
      put_real(object, "rate_hps", device->rate_hps) &&
      put_int(object, "attempts", device->attempts) &&
      put_int(object, "wrong_hits", device->wrong_hits) &&
      put_int(object, "restarts", device->restarts) && put_int(object, "stalls", device->stalls) &&
      put_bool(object, "zero_rate", device->zero_rate != 0) &&
      put_bool(object, "simulated", device->simulated != 0) && put_int(object, "pid", device->pid);
  if (ok && device->why[0] != '\0') {
    ok = put_text(object, "why", device->why);
  }
  if (!ok) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *client_json(const void *item)
{
  const struct frank_status_client *client = item;
  json_t *object = json_object();
  if (!put_text(object, "name", client->name) || !put_int(object, "attempts", client->attempts) ||
      !put_int(object, "waiting", client->waiting)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *child_json(const void *item)
{
  const struct frank_status_child *child = item;
  json_t *object = json_object();
  if (!put_text(object, "name", child->name) ||
      !put_text(object, "state", frank_child_state_name(child->state)) ||
      !put_int(object, "restarts", child->restarts) ||
      !put_int(object, "dropped", child->dropped) || !put_int(object, "pid", child->pid)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *array_json(const void *items, size_t count, size_t stride,
                          json_t *(*make)(const void *item))
{
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) {
    if (json_array_append_new(array, make((const char *)items + i * stride)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *queue_json(const struct frank_status *status)
{
  json_t *object = json_object();
  if (!put_int(object, "waiting", status->waiting) ||
      !put_int(object, "running", status->running) ||
      !put_int(object, "bound", status->queue_bound)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *lookups_json(const struct frank_status_lookups *lookups)
{
  json_t *object = json_object();
  if (!put_int(object, "started", lookups->started) || !put_int(object, "found", lookups->found) ||
      !put_int(object, "absent", lookups->absent) || !put_int(object, "failed", lookups->failed) ||
      !put_int(object, "timed_out", lookups->timed_out) ||
      !put_int(object, "too_high", lookups->too_high) ||
      !put_int(object, "crowded", lookups->crowded) ||
      !put_int(object, "waiting", lookups->waiting) || !put_int(object, "kept", lookups->kept)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *factor_json(const struct frank_status *status)
{
  json_t *object = json_object();
  json_t *expires = status->factor_expires_s == 0
                        ? json_null()
                        : json_integer((json_int_t)status->factor_expires_s);
  if (!put(object, "expires", expires) || !put_int(object, "value", status->factor) ||
      !put_text(object, "source", status->factor_source) ||
      !put(object, "sources", frank_sources_json(status->sources, status->source_count)) ||
      !put(object, "lookups", lookups_json(&status->lookups))) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static json_t *totals_json(const struct frank_status *status)
{
  json_t *object = json_object();
  for (uint32_t i = 0; i < FRANK_RESULT_COUNT; i++) {
    if (!put_int(object, frank_result_name((enum frank_result)i), status->totals[i])) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

enum frank_err frank_status_json(const struct frank_status *status, char **text, size_t *len_bytes)
{
  json_t *root = json_object();
  bool ok =
      put_text(root, "version", status->version) && put_int(root, "uptime_ms", status->uptime_ms) &&
      put_bool(root, "ready", status->ready) && put_bool(root, "draining", status->draining) &&
      put(root, "queue", queue_json(status)) && put_int(root, "cached", status->cached) &&
      put(root, "factor", factor_json(status)) && put(root, "totals", totals_json(status)) &&
      put_int(root, "attempts", status->attempts_total) &&
      put_int(root, "useful_attempts", status->useful_attempts_total) &&
      put_int(root, "wrong_hits", status->wrong_hits_total) &&
      put(root, "devices",
          array_json(status->devices, status->device_count, sizeof status->devices[0],
                     device_json)) &&
      put(root, "clients",
          array_json(status->clients, status->client_count, sizeof status->clients[0],
                     client_json)) &&
      put(root, "children",
          array_json(status->children, status->child_count, sizeof status->children[0],
                     child_json));
  *text = ok ? json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
  json_decref(root);
  if (*text == NULL) {
    return FRANK_ERR_NOMEM;
  }
  *len_bytes = strlen(*text);
  return FRANK_OK;
}

/* ---- readiness ---- */

__attribute__((format(printf, 4, 5))) static void add(char *out, size_t out_size, size_t *used,
                                                      const char *format, ...)
{
  va_list args;
  if (*used >= out_size) {
    return;
  }
  va_start(args, format);
  int more = vsnprintf(out + *used, out_size - *used, format, args);
  va_end(args);
  *used += more > 0 ? (size_t)more : 0;
}

void frank_status_why_not_ready(const struct frank_status *status, char *out, size_t out_size)
{
  size_t used = 0;
  uint32_t ready_devices = 0;
  out[0] = '\0';
  if (status->ready) {
    return;
  }
  if (status->draining) {
    add(out, out_size, &used, "shutting down");
    return;
  }
  for (uint32_t i = 0; i < status->device_count; i++) {
    ready_devices += status->devices[i].state == FRANK_CHILD_READY;
  }
  if (ready_devices == 0) {
    add(out, out_size, &used, "no device is ready%s", status->device_count > 0 ? ":" : "");
  }
  for (uint32_t i = 0; ready_devices == 0 && i < status->device_count; i++) {
    const struct frank_status_device *device = &status->devices[i];
    add(out, out_size, &used, "%s %s is %s%s%s", i > 0 ? "," : "", device->name,
        frank_child_state_name(device->state), device->why[0] ? ": " : "", device->why);
  }
  for (uint32_t i = 0; i < status->child_count; i++) {
    const struct frank_status_child *child = &status->children[i];
    if (child->state != FRANK_CHILD_READY) {
      add(out, out_size, &used, "%s%s is %s", used > 0 ? "; " : "", child->name,
          frank_child_state_name(child->state));
    }
  }
  if (used == 0) {
    add(out, out_size, &used, "not ready yet");
  }
}
