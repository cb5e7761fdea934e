#include "web/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum number { U32, I64, U64, MS_AS_S, F64 };

/* One metric with one number per row: of the snapshot itself (one row), or of each device, client
 * or child. */
struct column {
  const char *name;
  const char *type;
  const char *help;
  enum number number;
  size_t offset;
};

/* Rows of one kind: where they are, and the label that names one. */
struct rows {
  const void *first;
  size_t count;
  size_t stride;
  const char *label;  /* NULL: the snapshot itself */
  size_t name_offset; /* of the text that is the label's value */
};

#define COUNT(table)     (sizeof(table) / sizeof(table)[0])
#define OF(type, member) offsetof(struct type, member)

static const struct column snapshot_columns[] = {
    {"frank_ready", "gauge", "1 when requests are served: a device and every endpoint are ready.",
     U32, OF(frank_status, ready)},
    {"frank_draining", "gauge", "1 after SIGTERM, while waiting requests are still answered.", U32,
     OF(frank_status, draining)},
    {"frank_uptime_seconds", "gauge", "Time since frankd started.", MS_AS_S,
     OF(frank_status, uptime_ms)},
    {"frank_queue_waiting_requests", "gauge", "Requests whose search has no work at a device.", U32,
     OF(frank_status, waiting)},
    {"frank_queue_running_requests", "gauge", "Requests whose search has work at a device.", U32,
     OF(frank_status, running)},
    {"frank_queue_limit_requests", "gauge", "Requests that may wait; one more is answered busy.",
     U32, OF(frank_status, queue_bound)},
    {"frank_cached_answers", "gauge", "Answers kept for clients that ask again.", U32,
     OF(frank_status, cached)},
    {"frank_factor", "gauge", "Scaling factor for requests that name none.", U64,
     OF(frank_status, factor)},
    {"frank_factor_expires_timestamp_seconds", "gauge",
     "When the factor in force expires, in seconds since 1970; 0: it does not.", I64,
     OF(frank_status, factor_expires_s)},
    {"frank_attempts_total", "counter", "Nonces tried by all devices.", U64,
     OF(frank_status, attempts_total)},
    {"frank_useful_attempts_total", "counter",
     "Nonces tried by all devices in searches that ended in an answer.", U64,
     OF(frank_status, useful_attempts_total)},
    {"frank_wrong_candidates_total", "counter",
     "Candidates of devices that did not hold when they were hashed again.", U64,
     OF(frank_status, wrong_hits_total)},
    {"frank_lookups_total", "counter", "Look-ups of recipients' domains that were started.", U64,
     OF(frank_status, lookups.started)},
    {"frank_lookups_found_total", "counter", "Look-ups that found a factor.", U64,
     OF(frank_status, lookups.found)},
    {"frank_lookups_absent_total", "counter", "Look-ups of domains that publish no factor.", U64,
     OF(frank_status, lookups.absent)},
    {"frank_lookups_failed_total", "counter", "Look-ups that came to nothing.", U64,
     OF(frank_status, lookups.failed)},
    {"frank_lookups_late_total", "counter", "Requests that did not wait for an answer any longer.",
     U64, OF(frank_status, lookups.timed_out)},
    {"frank_lookups_too_high_total", "counter",
     "Factors of domains that were ignored because they are above max_factor.", U64,
     OF(frank_status, lookups.too_high)},
    {"frank_lookups_crowded_total", "counter",
     "Requests and look-ups for which there was no room: the default served.", U64,
     OF(frank_status, lookups.crowded)},
    {"frank_lookups_waiting_requests", "gauge", "Requests that wait for look-ups.", U32,
     OF(frank_status, lookups.waiting)},
    {"frank_lookups_kept_answers", "gauge", "Answers kept.", U32, OF(frank_status, lookups.kept)},
};

static const struct column source_columns[] = {
    {"frank_source_in_force", "gauge", "1 for the source of the factor that counts.", U32,
     OF(frank_status_source, in_force)},
    {"frank_source_factor", "gauge", "The factor that the source gives; 0: none.", U64,
     OF(frank_status_source, factor)},
    {"frank_source_expires_timestamp_seconds", "gauge",
     "When what the source says expires, in seconds since 1970; 0: it does not.", I64,
     OF(frank_status_source, expires_s)},
    {"frank_source_confirmed_timestamp_seconds", "gauge",
     "When the source last gave a good answer, in seconds since 1970; 0: not since the start.", I64,
     OF(frank_status_source, confirmed_s)},
    {"frank_source_fetches_total", "counter", "Times that the source was asked.", U64,
     OF(frank_status_source, fetches)},
    {"frank_source_failures_total", "counter", "Times that it gave no good answer.", U64,
     OF(frank_status_source, failures)},
};

static const struct column device_columns[] = {
    {"frank_device_attempts_per_second", "gauge", "Measured rate of the device.", F64,
     OF(frank_status_device, rate_hps)},
    {"frank_device_attempts_total", "counter", "Nonces tried by the device.", U64,
     OF(frank_status_device, attempts)},
    {"frank_device_wrong_candidates_total", "counter",
     "Candidates of the device that did not hold when they were hashed again.", U64,
     OF(frank_status_device, wrong_hits)},
    {"frank_device_restarts_total", "counter", "Times that the device's worker was started again.",
     U64, OF(frank_status_device, restarts)},
    {"frank_device_stalls_total", "counter",
     "Times that work was taken back from the device because it was late.", U64,
     OF(frank_status_device, stalls)},
    {"frank_device_simulated", "gauge",
     "1 for a simulation, whose rate says nothing about the hardware's.", U32,
     OF(frank_status_device, simulated)},
    {"frank_device_zero_rate", "gauge", "1 when the device has work but makes no progress.", U32,
     OF(frank_status_device, zero_rate)},
};

static const struct column client_columns[] = {
    {"frank_client_attempts_total", "counter", "Nonces tried for the client, one with a key.", U64,
     OF(frank_status_client, attempts)},
    {"frank_client_waiting_requests", "gauge",
     "Requests of the client, one with a key, that wait for an answer.", U32,
     OF(frank_status_client, waiting)},
};

static const struct column child_columns[] = {
    {"frank_child_restarts_total", "counter", "Times that the process was started again.", U64,
     OF(frank_status_child, restarts)},
    {"frank_child_dropped_messages_total", "counter",
     "Messages of an endpoint that had no envelope to answer to.", U64,
     OF(frank_status_child, dropped)},
};

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
  fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value in quotes: backslash, quote and line feed are escaped as the format asks; what is
 * not printable ASCII becomes a question mark, because the format is UTF-8 and these texts need not
 * be. */
static void write_label(FILE *out, const char *text)
{
  fputc('"', out);
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '\n') {
      fputs("\\n", out);
    } else if (c == '"' || c == '\\') {
      fprintf(out, "\\%c", c);
    } else {
      fputc(c < 0x20 || c > 0x7e ? '?' : c, out);
    }
  }
  fputc('"', out);
}

static void write_number(FILE *out, enum number number, const void *at)
{
  switch (number) {
  case U32:
    fprintf(out, "%" PRIu32, *(const uint32_t *)at);
    break;
  case I64:
    fprintf(out, "%" PRId64, *(const int64_t *)at);
    break;
  case U64:
    fprintf(out, "%" PRIu64, *(const uint64_t *)at);
    break;
  case MS_AS_S:
    fprintf(out, "%" PRIu64 ".%03u", *(const uint64_t *)at / 1000,
            (unsigned)(*(const uint64_t *)at % 1000));
    break;
  case F64:
    fprintf(out, "%.17g", isfinite(*(const double *)at) ? *(const double *)at : 0);
    break;
  }
}

static void write_columns(FILE *out, const struct column *columns, size_t column_count,
                          const struct rows *rows)
{
  for (size_t c = 0; c < column_count && rows->count > 0; c++) {
    const struct column *column = &columns[c];
    write_head(out, column->name, column->type, column->help);
    for (size_t i = 0; i < rows->count; i++) {
      const char *row = (const char *)rows->first + i * rows->stride;
      fputs(column->name, out);
      if (rows->label != NULL) {
        fprintf(out, "{%s=", rows->label);
        write_label(out, row + rows->name_offset);
        fputc('}', out);
      }
      fputc(' ', out);
      write_number(out, column->number, row + column->offset);
      fputc('\n', out);
    }
  }
}

/* One series for each state that there is, 1 for the one it is in: what alert rules can count. */
static void write_states(FILE *out, const char *name, const char *help, const struct rows *rows,
                         size_t state_offset)
{
  if (rows->count == 0) {
    return;
  }
  write_head(out, name, "gauge", help);
  for (size_t i = 0; i < rows->count; i++) {
    const char *row = (const char *)rows->first + i * rows->stride;
    const uint32_t *state = (const uint32_t *)(const void *)(row + state_offset);
    for (uint32_t s = 0; s < FRANK_CHILD_STATE_COUNT; s++) {
      fprintf(out, "%s{%s=", name, rows->label);
      write_label(out, row + rows->name_offset);
      fprintf(out, ",state=\"%s\"} %d\n", frank_child_state_name((enum frank_child_state)s),
              *state == s);
    }
  }
}

static void write_infos(FILE *out, const struct frank_status *status)
{
  write_head(out, "frank_build_info", "gauge", "The version that runs; always 1.");
  fputs("frank_build_info{version=", out);
  write_label(out, status->version);
  fputs("} 1\n", out);
  write_head(out, "frank_factor_info", "gauge", "Where the factor in force comes from; always 1.");
  fputs("frank_factor_info{source=", out);
  write_label(out, status->factor_source);
  fputs("} 1\n", out);
  if (status->device_count > 0) {
    write_head(out, "frank_device_info", "gauge", "What the device is; always 1.");
  }
  for (uint32_t i = 0; i < status->device_count; i++) {
    const struct frank_status_device *device = &status->devices[i];
    fputs("frank_device_info{device=", out);
    write_label(out, device->name);
    fputs(",engine=", out);
    write_label(out, device->engine);
    fputs(",variant=", out);
    write_label(out, device->variant);
    fputs(",model=", out);
    write_label(out, device->model);
    fputs(",place=", out);
    write_label(out, device->place);
    fputs("} 1\n", out);
  }
}

static void write_jobs(FILE *out, const struct frank_status *status)
{
  write_head(out, "frank_jobs_total", "counter", "Requests that ended, by how they did.");
  for (uint32_t i = 0; i < FRANK_RESULT_COUNT; i++) {
    fprintf(out, "frank_jobs_total{result=\"%s\"} %" PRIu64 "\n",
            frank_result_name((enum frank_result)i), status->totals[i]);
  }
}

static void write_histogram(FILE *out, const struct frank_status *status)
{
  uint64_t below = 0;
  write_head(out, "frank_mint_seconds", "histogram",
             "Time from a request's arrival to its stamp, of stamps that meet their factor.");
  for (uint32_t i = 0; i < FRANK_STATUS_BUCKETS; i++) {
    below += status->mint_seconds[i];
    fprintf(out, "frank_mint_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", frank_status_bucket_s[i],
            below);
  }
  below += status->mint_seconds[FRANK_STATUS_BUCKETS];
  fprintf(out, "frank_mint_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", below);
  fprintf(out, "frank_mint_seconds_sum %.17g\nfrank_mint_seconds_count %" PRIu64 "\n",
          status->mint_seconds_sum, below);
}

/* The clients that have a name of their own, a CURVE key's. "ipc:..." and "tcp:..." are single
 * connections: as labels they would grow without bound in the server that collects them. */
static size_t pick_named(const struct frank_status *status, struct frank_status_client *named)
{
  size_t count = 0;
  for (uint32_t i = 0; i < status->client_count; i++) {
    if (strchr(status->clients[i].name, ':') == NULL) {
      named[count++] = status->clients[i];
    }
  }
  return count;
}

static void write_all(FILE *out, const struct frank_status *status)
{
  struct frank_status_client named[FRANK_STATUS_CLIENTS_MAX];
  const struct rows snapshot = {.first = status, .count = 1};
  const struct rows devices = {status->devices, status->device_count, sizeof status->devices[0],
                               "device", OF(frank_status_device, name)};
  const struct rows clients = {named, pick_named(status, named), sizeof named[0], "client",
                               OF(frank_status_client, name)};
  const struct rows sources = {status->sources, status->source_count, sizeof status->sources[0],
                               "source", OF(frank_status_source, name)};
  const struct rows children = {status->children, status->child_count, sizeof status->children[0],
                                "child", OF(frank_status_child, name)};
  write_infos(out, status);
  write_columns(out, snapshot_columns, COUNT(snapshot_columns), &snapshot);
  write_columns(out, source_columns, COUNT(source_columns), &sources);
  write_jobs(out, status);
  write_histogram(out, status);
  write_columns(out, device_columns, COUNT(device_columns), &devices);
  write_states(out, "frank_device_state", "1 for the state that the device is in.", &devices,
               OF(frank_status_device, state));
  write_columns(out, client_columns, COUNT(client_columns), &clients);
  write_columns(out, child_columns, COUNT(child_columns), &children);
  write_states(out, "frank_child_state", "1 for the state that the process is in.", &children,
               OF(frank_status_child, state));
}

enum frank_err frank_metrics_text(const struct frank_status *status, char **text, size_t *len_bytes)
{
  *text = NULL;
  FILE *out = open_memstream(text, len_bytes);
  if (out == NULL) {
    return FRANK_ERR_NOMEM;
  }
  write_all(out, status);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(*text);
    *text = NULL;
    return FRANK_ERR_NOMEM;
  }
  return FRANK_OK;
}
