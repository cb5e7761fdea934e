#include "bench/baseline.h"

#include "bench/bench.h"
#include "bench/report.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)64 << 20)
#define SAMPLE_MAX     1e18 /* more than any machine does, and what can be added up and printed */

struct reading {
  const char *path;
  size_t line;
  struct bench_result *result;
  bool has_machine;
  bool has_final;
  char *why;
};

static enum frank_err fail(const struct reading *r, enum frank_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum frank_err fail(const struct reading *r, enum frank_err err, const char *format, ...)
{
  char what[256];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (r->line > 0) {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "%.200s:%zu: %s", r->path, r->line, what);
  } else {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "%.200s: %s", r->path, what);
  }
  return err;
}

/* ---- members ---- */

/* None of our texts has control characters (ASCII's, or U+0080 to U+009F), and a terminal would
 * take them for commands. */
static bool is_plain(const char *text)
{
  for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
    if (*at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0)) {
      return false;
    }
  }
  return true;
}

/* An absent text is empty; one that is too long is no text of ours. */
static bool get_text(const json_t *object, const char *name, char *text, size_t size)
{
  const json_t *value = json_object_get(object, name);
  text[0] = '\0';
  if (!value) {
    return true;
  }
  if (!json_is_string(value) || json_string_length(value) >= size ||
      strlen(json_string_value(value)) != json_string_length(value) ||
      !is_plain(json_string_value(value))) {
    return false;
  }
  (void)snprintf(text, size, "%s", json_string_value(value));
  return true;
}

static bool get_number(const json_t *object, const char *name, int64_t most, uint64_t *number)
{
  const json_t *value = json_object_get(object, name);
  *number = (uint64_t)json_integer_value(value);
  return !value || (json_is_integer(value) && json_integer_value(value) >= 0 &&
                    json_integer_value(value) <= most);
}

static bool get_small(const json_t *object, const char *name, uint32_t *number)
{
  uint64_t wide = 0;
  bool right = get_number(object, name, INT32_MAX, &wide);
  *number = (uint32_t)wide;
  return right;
}

/* ---- records ---- */

/* Runs without such devices, and older ones, have no such list. */
static bool get_devices(const json_t *record, struct bench_machine *m)
{
  const json_t *devices = json_object_get(record, "devices");
  m->device_count = json_array_size(devices);
  if ((devices && !json_is_array(devices)) || m->device_count > BENCH_MACHINE_DEVICES_MAX) {
    m->device_count = 0;
    return false;
  }
  for (size_t i = 0; i < m->device_count; i++) {
    const json_t *object = json_array_get(devices, i);
    struct bench_machine_device *device = &m->devices[i];
    if (!get_text(object, "device", device->name, sizeof device->name) || device->name[0] == '\0' ||
        !get_text(object, "model", device->model, sizeof device->model)) {
      return false;
    }
  }
  return true;
}

static enum frank_err read_machine(struct reading *r, const json_t *record)
{
  struct bench_machine *m = &r->result->machine;
  json_int_t schema = json_integer_value(json_object_get(record, "schema"));
  if (schema != BENCH_SCHEMA) {
    return fail(r, FRANK_ERR_UNSUPPORTED, "schema %lld; this frank-bench reads %d",
                (long long)schema, BENCH_SCHEMA);
  }
  if (r->has_machine) {
    return fail(r, FRANK_ERR_MALFORMED, "a second machine record: one run in a file, please");
  }
  r->has_machine = true;
  if (!get_text(record, "version", m->version, sizeof m->version) ||
      !get_text(record, "date", m->date, sizeof m->date) ||
      !get_text(record, "cpu", m->cpu, sizeof m->cpu) ||
      !get_text(record, "governor", m->governor, sizeof m->governor) ||
      !get_text(record, "turbo", m->turbo, sizeof m->turbo) ||
      !get_small(record, "cores", &m->cores) || !get_small(record, "threads", &m->threads) ||
      !get_small(record, "cpu_devices", &m->usable) || !get_devices(record, m)) {
    return fail(r, FRANK_ERR_MALFORMED, "a machine record that frank-bench did not write");
  }
  return FRANK_OK;
}

static bool read_key(const json_t *object, struct bench_row_key *key, enum bench_role *role)
{
  char metric[64];
  char role_name[16];
  return get_text(object, "subject", key->subject, sizeof key->subject) &&
         get_text(object, "device", key->device, sizeof key->device) &&
         get_text(object, "variant", key->variant, sizeof key->variant) &&
         get_text(object, "shape", key->shape, sizeof key->shape) &&
         get_text(object, "metric", metric, sizeof metric) &&
         get_text(object, "role", role_name, sizeof role_name) &&
         get_number(object, "factor", (int64_t)BENCH_FACTOR_MAX, &key->factor) &&
         key->subject[0] != '\0' && bench_metric_find(metric, &key->metric) &&
         bench_role_find(role_name, role);
}

static enum frank_err read_row(struct reading *r, const json_t *object, size_t number)
{
  struct bench_row_key key = {.factor = 0};
  enum bench_role role = BENCH_ROLE_ENGINE;
  const json_t *samples = json_object_get(object, "samples");
  size_t count = json_array_size(samples);
  if (!read_key(object, &key, &role)) {
    return fail(r, FRANK_ERR_MALFORMED, "row %zu is none that frank-bench writes", number);
  }
  if (count < 1 || count > BENCH_ROUNDS_MAX) {
    return fail(r, FRANK_ERR_MALFORMED, "row %zu has %zu samples, not 1 to %d", number, count,
                BENCH_ROUNDS_MAX);
  }
  if (bench_rows_find(&r->result->rows, &key)) {
    return fail(r, FRANK_ERR_MALFORMED, "row %zu is there twice", number);
  }
  for (size_t i = 0; i < count; i++) {
    double value = json_number_value(json_array_get(samples, i));
    if (!json_is_number(json_array_get(samples, i)) || !isfinite(value) || value < 0 ||
        value > SAMPLE_MAX) {
      return fail(r, FRANK_ERR_MALFORMED, "row %zu has a sample that is no figure", number);
    }
    struct bench_row *row = bench_rows_add(&r->result->rows, &key, role, (uint32_t)i + 1, value);
    if (!row) {
      return fail(r, FRANK_ERR_MALFORMED, "more than %d rows", BENCH_ROWS_MAX);
    }
    row->simulated = json_is_true(json_object_get(object, "simulated"));
  }
  return FRANK_OK;
}

static enum frank_err read_final(struct reading *r, const json_t *record)
{
  const json_t *rows = json_object_get(record, "rows");
  if (!json_is_array(rows)) {
    return fail(r, FRANK_ERR_MALFORMED, "a final record without rows");
  }
  if (r->has_final) {
    return fail(r, FRANK_ERR_MALFORMED, "a second final record: one run in a file, please");
  }
  if (!get_small(record, "rounds", &r->result->rounds)) {
    return fail(r, FRANK_ERR_MALFORMED, "a final record that frank-bench did not write");
  }
  r->has_final = true;
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < json_array_size(rows); i++) {
    err = read_row(r, json_array_get(rows, i), i + 1);
  }
  return err;
}

/* Rounds repeat what the final record has. */
static enum frank_err read_record(struct reading *r, const json_t *record)
{
  const char *kind = json_string_value(json_object_get(record, "record"));
  if (!kind) {
    return fail(r, FRANK_ERR_MALFORMED, "not a record of frank-bench");
  }
  if (strcmp(kind, "error") == 0) {
    return fail(r, FRANK_ERR_MALFORMED, "the run of this file failed: %.150s",
                json_string_value(json_object_get(record, "message"))
                    ? json_string_value(json_object_get(record, "message"))
                    : "");
  }
  if (strcmp(kind, "machine") == 0) {
    return read_machine(r, record);
  }
  if (strcmp(kind, "final") == 0) {
    return read_final(r, record);
  }
  if (strcmp(kind, "round") == 0) {
    return FRANK_OK;
  }
  return fail(r, FRANK_ERR_MALFORMED, "an unknown record \"%.40s\"", kind);
}

static enum frank_err read_lines(struct reading *r, const char *text, size_t len)
{
  enum frank_err err = FRANK_OK;
  for (size_t at = 0; err == FRANK_OK && at < len;) {
    const char *line_end = memchr(text + at, '\n', len - at);
    size_t line_len = line_end ? (size_t)(line_end - text) - at : len - at;
    json_error_t where;
    r->line++;
    json_t *record = json_loadb(text + at, line_len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(record)) {
      err = fail(r, FRANK_ERR_MALFORMED, "no JSON object: %s", record ? "" : where.text);
    } else {
      err = read_record(r, record);
    }
    json_decref(record);
    at += line_len + 1;
  }
  if (err == FRANK_OK && (!r->has_machine || !r->has_final)) {
    err = fail(r, FRANK_ERR_MALFORMED, "no %s record: not a whole run of frank-bench --json",
               r->has_machine ? "final" : "machine");
  }
  return err;
}

static enum frank_err read_file(struct reading *r, char **text, size_t *len)
{
  FILE *file = fopen(r->path, "re");
  if (!file) {
    return fail(r, FRANK_ERR_IO, "%s", strerror(errno));
  }
  enum frank_err err = FRANK_OK;
  *text = malloc(FILE_MAX_BYTES + 1);
  if (!*text) {
    err = fail(r, FRANK_ERR_NOMEM, "no memory");
  } else {
    *len = fread(*text, 1, FILE_MAX_BYTES + 1, file);
    if (ferror(file)) {
      err = fail(r, FRANK_ERR_IO, "%s", strerror(errno));
    } else if (*len > FILE_MAX_BYTES) {
      err = fail(r, FRANK_ERR_TOO_LONG, "larger than %zu MiB: no run of frank-bench",
                 FILE_MAX_BYTES >> 20);
    } else if (*len == 0) {
      err = fail(r, FRANK_ERR_MALFORMED, "empty");
    }
  }
  (void)fclose(file);
  return err;
}

enum frank_err bench_baseline_read(const char *path, struct bench_result **out, char *why)
{
  struct reading r = {.path = path, .why = why, .result = bench_result_new()};
  char *text = NULL;
  size_t len = 0;
  enum frank_err err =
      r.result ? read_file(&r, &text, &len) : fail(&r, FRANK_ERR_NOMEM, "no memory");
  if (err == FRANK_OK) {
    err = read_lines(&r, text, len);
  }
  free(text);
  if (err != FRANK_OK) {
    bench_result_destroy(&r.result);
    return err;
  }
  *out = r.result;
  return FRANK_OK;
}
