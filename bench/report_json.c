/* JSON: one object per line, a final record always. */
#include "bench/bench.h"
#include "bench/report.h"
#include "bench/shape.h"

#include <jansson.h>
#include <string.h>

#define DIGITS 9

static void write_record(FILE *file, json_t *record)
{
  if (!record || json_dumpf(record, file, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) != 0) {
    (void)fputs("{\"record\":\"error\",\"error\":\"internal\",\"message\":\"no memory\"}", file);
  }
  (void)putc('\n', file);
  (void)fflush(file);
  json_decref(record);
}

/* Left out where the system does not tell. */
static void put_text(json_t *object, const char *name, const char *text)
{
  if (text[0] != '\0') {
    (void)json_object_set_new(object, name, json_string(text));
  }
}

static void put_number(json_t *object, const char *name, uint64_t number)
{
  if (number > 0) {
    (void)json_object_set_new(object, name, json_integer((json_int_t)number));
  }
}

static json_t *devices_of(const struct bench_machine *machine)
{
  json_t *devices = json_array();
  for (size_t i = 0; i < machine->device_count; i++) {
    const struct bench_machine_device *device = &machine->devices[i];
    json_t *object = json_pack("{s:s, s:s}", "device", device->name, "model", device->model);
    put_text(object, "place", device->place);
    put_text(object, "variant", device->variant);
    (void)json_array_append_new(devices, object);
  }
  return devices;
}

static json_t *machine_record(const struct bench_result *result)
{
  const struct bench_machine *machine = &result->machine;
  json_t *record = json_pack("{s:s, s:i}", "record", "machine", "schema", BENCH_SCHEMA);
  put_text(record, "version", machine->version);
  put_text(record, "compiler", machine->compiler);
  put_text(record, "date", machine->date);
  put_text(record, "cpu", machine->cpu);
  put_number(record, "cores", machine->cores);
  put_number(record, "threads", machine->threads);
  put_number(record, "cpu_devices", machine->usable);
  put_number(record, "numa_nodes", machine->numa_nodes);
  put_number(record, "memory_mib", machine->memory_mib);
  put_text(record, "caches", machine->caches);
  put_text(record, "kernel", machine->kernel);
  put_text(record, "governor", machine->governor);
  put_text(record, "turbo", machine->turbo);
  put_text(record, "host", machine->host);
  if (machine->device_count > 0) {
    (void)json_object_set_new(record, "devices", devices_of(machine));
  }
  (void)json_object_set_new(record, "load", json_real(machine->load));
  (void)json_object_set_new(record, "busy_before", json_boolean(bench_machine_was_busy(machine)));
  put_number(record, "rounds", result->rounds_planned);
  put_number(record, "seconds", result->seconds);
  return record;
}

static json_t *row_key(const struct bench_row *row)
{
  const struct bench_metric_info *info = bench_metric_info(row->key.metric);
  json_t *object =
      json_pack("{s:s, s:s}", "subject", row->key.subject, "role", bench_role_name(row->role));
  put_text(object, "device", row->key.device);
  put_text(object, "variant", row->key.variant);
  put_text(object, "shape", row->key.shape);
  put_number(object, "factor", row->key.factor);
  (void)json_object_set_new(object, "metric", json_string(info->name));
  (void)json_object_set_new(object, "unit", json_string(info->unit));
  (void)json_object_set_new(object, "simulated", json_boolean(row->simulated));
  return object;
}

static void begin(FILE *file, const struct bench_result *result)
{
  write_record(file, machine_record(result));
}

static void round_end(FILE *file, const struct bench_result *result)
{
  json_t *rows = json_array();
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    double value = 0;
    if (bench_row_at(row, result->rounds, &value)) {
      json_t *object = row_key(row);
      (void)json_object_set_new(object, "value", json_real(value));
      (void)json_array_append_new(rows, object);
    }
  }
  write_record(file, json_pack("{s:s, s:I, s:I, s:o}", "record", "round", "round",
                               (json_int_t)result->rounds, "stamps_checked",
                               (json_int_t)result->stamps_checked, "rows", rows));
}

/* ---- the final record ---- */

static json_t *rows_of(const struct bench_result *result)
{
  json_t *rows = json_array();
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    struct bench_summary summary = bench_row_summary(row);
    json_t *object = row_key(row);
    json_t *samples = json_array();
    json_t *rounds = json_array();
    for (size_t k = 0; k < row->count; k++) {
      (void)json_array_append_new(samples, json_real(row->samples[k]));
      (void)json_array_append_new(rounds, json_integer(row->rounds[k]));
    }
    put_text(object, "note", row->note);
    (void)json_object_set_new(object, "median", json_real(summary.median));
    (void)json_object_set_new(object, "min", json_real(summary.min));
    (void)json_object_set_new(object, "max", json_real(summary.max));
    (void)json_object_set_new(object, "spread", json_real(summary.spread));
    (void)json_object_set_new(object, "noisy", json_boolean(bench_row_is_noisy(row)));
    (void)json_object_set_new(object, "samples", samples);
    (void)json_object_set_new(object, "rounds", rounds);
    (void)json_array_append_new(rows, object);
  }
  return rows;
}

static json_t *skips_of(const struct bench_result *result)
{
  json_t *skips = json_array();
  for (size_t i = 0; i < result->skip_count; i++) {
    const struct bench_skip *skip = &result->skips[i];
    json_t *object = json_pack("{s:s}", "subject", skip->subject);
    put_text(object, "shape", skip->shape);
    json_t *why = json_string(skip->why); /* NULL where another program's words are no UTF-8 */
    (void)json_object_set_new(object, "why", why ? why : json_string("unreadable"));
    (void)json_array_append_new(skips, object);
  }
  return skips;
}

/* Raw times of measured mints. */
static json_t *stamps_of(const struct bench_result *result)
{
  json_t *tables = json_array();
  for (size_t i = 0; i < result->stamp_table_count; i++) {
    const struct bench_stamp_times *table = &result->stamp_tables[i];
    json_t *times = json_array();
    for (size_t k = 0; k < table->count; k++) {
      (void)json_array_append_new(times, json_integer((json_int_t)table->times_us[k]));
    }
    (void)json_array_append_new(tables,
                                json_pack("{s:s, s:s, s:s, s:I, s:o}", "device", table->device,
                                          "variant", table->variant, "shape", table->shape,
                                          "factor", (json_int_t)table->factor, "times_us", times));
  }
  return tables;
}

static json_t *doubts_of(const struct bench_result *result)
{
  char text[BENCH_WHY_BYTES * 2];
  json_t *doubts = json_array();
  size_t count = bench_result_doubts(result, text, sizeof text);
  const char *line = text;
  for (size_t i = 0; i < count; i++) {
    size_t len = strcspn(line, "\n");
    (void)json_array_append_new(doubts, json_stringn(line, len));
    line += len + (line[len] == '\n');
  }
  return doubts;
}

static json_t *comparison_of(const struct bench_comparison *comparison)
{
  json_t *rows = json_array();
  for (size_t i = 0; i < comparison->count; i++) {
    const struct bench_change *change = &comparison->changes[i];
    json_t *object = row_key(change->now ? change->now : change->before);
    if (change->before) {
      (void)json_object_set_new(object, "before",
                                json_real(bench_row_summary(change->before).median));
    }
    if (change->now) {
      (void)json_object_set_new(object, "now", json_real(bench_row_summary(change->now).median));
    }
    if (change->before && change->now) {
      (void)json_object_set_new(object, "change_percent", json_real(change->change * 100));
    }
    if (change->before) {
      put_text(object, "verdict", bench_verdict_name(change->verdict));
    }
    put_text(object, "reason", change->reason ? change->reason : "");
    (void)json_array_append_new(rows, object);
  }
  json_t *name = json_string(comparison->name);
  json_t *object = json_pack("{s:o, s:f, s:b, s:s, s:o}", "baseline", name ? name : json_string(""),
                             "fail_above_percent", comparison->fail_above, "same_machine",
                             comparison->same_machine, "verdict",
                             bench_verdict_name(comparison->verdict), "rows", rows);
  put_text(object, "machines", comparison->machines);
  return object;
}

static void end(FILE *file, const struct bench_result *result,
                const struct bench_comparison *comparison)
{
  json_t *doubts = doubts_of(result);
  bool comparable = json_array_size(doubts) == 0;
  json_t *record =
      json_pack("{s:s, s:I, s:b, s:o, s:I, s:o, s:o, s:o}", "record", "final", "rounds",
                (json_int_t)result->rounds, "comparable", comparable, "doubts", doubts,
                "stamps_checked", (json_int_t)result->stamps_checked, "skipped", skips_of(result),
                "stamp_times", stamps_of(result), "rows", rows_of(result));
  if (result->has_queue_stamps) {
    (void)json_object_set_new(record, "queue_stamps_min",
                              json_integer((json_int_t)result->queue_stamps_min));
  }
  if (comparison) {
    (void)json_object_set_new(record, "comparison", comparison_of(comparison));
  }
  write_record(file, record);
}

static void comparison_only(FILE *file, const struct bench_result *result,
                            const struct bench_comparison *comparison)
{
  (void)result;
  write_record(file,
               json_pack("{s:s, s:o}", "record", "final", "comparison", comparison_of(comparison)));
}

const struct bench_format_writer bench_json_writer = {.extension = "json",
                                                      .begin = begin,
                                                      .round = round_end,
                                                      .end = end,
                                                      .comparison = comparison_only};

static json_t *error_record(const char *code, const char *message)
{
  return json_pack("{s:s, s:s, s:s}", "record", "error", "error", code, "message", message);
}

/* It may quote files and other programs: it stays one line, without commands to a terminal. */
void bench_report_error(enum bench_format format, const char *code, const char *message)
{
  char text[BENCH_WHY_BYTES];
  (void)snprintf(text, sizeof text, "%s", message);
  for (char *at = text; *at != '\0'; at++) {
    *at = (unsigned char)*at < 0x20 || *at == 0x7f ? ' ' : *at;
  }
  fprintf(stderr, "frank-bench: %s\n", text);
  if (format == BENCH_FORMAT_JSON) {
    json_t *record = error_record(code, text);
    for (char *at = text; !record && *at != '\0'; at++) { /* no UTF-8, or cut within a character */
      *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    write_record(stdout, record ? record : error_record(code, text));
  }
}
