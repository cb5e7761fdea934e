#include "bench/row.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct bench_metric_info metrics[BENCH_METRICS] = {
    [BENCH_ATTEMPTS] = {"attempts_per_s", "1/s", "attempts/s", BENCH_KIND_COUNT, true, 0.05},
    [BENCH_COMPRESSIONS] = {"compressions_per_s", "1/s", "compressions/s", BENCH_KIND_COUNT, false,
                            0.05},
    [BENCH_LIMIT_SHARE] = {"share_of_limit", "1", "share of the arithmetic limit", BENCH_KIND_SHARE,
                           false, 0.05},
    [BENCH_PLAIN_SHARE] = {"share_of_plain_limit", "1", "share of the limit by plain counts",
                           BENCH_KIND_SHARE, false, 0.05},
    [BENCH_ENERGY] = {"joules_per_million", "J", "joules for a million attempts", BENCH_KIND_SMALL,
                      false, 0},
    [BENCH_PER_CYCLE] = {"attempts_per_cycle", "1", "attempts per simulated cycle",
                         BENCH_KIND_SMALL, true, 0.05},
    [BENCH_CYCLE_SHARE] = {"share_of_cycles", "1", "share of U/(64 N), attempts per cycle",
                           BENCH_KIND_SHARE, true, 0.02},
    [BENCH_PROJECTED] = {"projected_attempts_per_s", "1/s", "attempts/s, PROJECTED, not measured",
                         BENCH_KIND_COUNT, false, 0},
    [BENCH_RATIO] = {"ratio", "1", "ratio", BENCH_KIND_RATIO, true, 0.05},
    [BENCH_STAMPS] = {"stamps_per_s", "1/s", "stamps/s, 64 in flight", BENCH_KIND_COUNT, true, 0.1},
    [BENCH_P50] = {"p50_us", "us", "time to a stamp, half of them", BENCH_KIND_TIME, false, 0},
    [BENCH_P99] = {"p99_us", "us", "time to a stamp, 99 of 100", BENCH_KIND_TIME, false, 0},
    [BENCH_RESIDENT] = {"resident_kib", "KiB", "resident, 10,000 queued", BENCH_KIND_MEMORY, false,
                        0},
    [BENCH_STAMP_MEAN] = {"stamp_mean_us", "us", "time to a stamp, mean", BENCH_KIND_TIME, false,
                          0},
    [BENCH_STAMP_ERROR] = {"stamp_mean_error_us", "us", "its standard error", BENCH_KIND_TIME,
                           false, 0},
    [BENCH_STAMP_P95] = {"stamp_p95_us", "us", "time to a stamp, 95 of 100", BENCH_KIND_TIME, false,
                         0},
    [BENCH_STAMP_LAW_MEAN] = {"stamp_law_mean_us", "us", "mean by the geometric law",
                              BENCH_KIND_TIME, false, 0},
    [BENCH_STAMP_LAW_P95] = {"stamp_law_p95_us", "us", "95 of 100 by the geometric law",
                             BENCH_KIND_TIME, false, 0},
};

static const char *const role_names[] = {[BENCH_ROLE_ENGINE] = "engine",
                                         [BENCH_ROLE_DAEMON] = "daemon",
                                         [BENCH_ROLE_PEER] = "peer",
                                         [BENCH_ROLE_DERIVED] = "derived"};

const struct bench_metric_info *bench_metric_info(enum bench_metric metric)
{
  return &metrics[metric];
}

bool bench_metric_find(const char *name, enum bench_metric *metric)
{
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    if (strcmp(metrics[i].name, name) == 0) {
      *metric = (enum bench_metric)i;
      return true;
    }
  }
  return false;
}

const char *bench_role_name(enum bench_role role)
{
  return role_names[role];
}

bool bench_role_find(const char *name, enum bench_role *role)
{
  for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++) {
    if (strcmp(role_names[i], name) == 0) {
      *role = (enum bench_role)i;
      return true;
    }
  }
  return false;
}

static bool is_same(const struct bench_row_key *a, const struct bench_row_key *b)
{
  return a->metric == b->metric && a->factor == b->factor && strcmp(a->subject, b->subject) == 0 &&
         strcmp(a->device, b->device) == 0 && strcmp(a->variant, b->variant) == 0 &&
         strcmp(a->shape, b->shape) == 0;
}

struct bench_row *bench_rows_find(struct bench_rows *rows, const struct bench_row_key *key)
{
  for (size_t i = rows->count; i > 0; i--) { /* the last one is asked for most often */
    if (is_same(&rows->rows[i - 1].key, key)) {
      return &rows->rows[i - 1];
    }
  }
  return NULL;
}

static struct bench_row *find_or_make(struct bench_rows *rows, const struct bench_row_key *key,
                                      enum bench_role role)
{
  struct bench_row *row = bench_rows_find(rows, key);
  if (!row && rows->count < BENCH_ROWS_MAX) {
    row = &rows->rows[rows->count++];
    memset(row, 0, sizeof *row);
    row->key = *key;
    row->role = role;
  }
  return row;
}

struct bench_row *bench_rows_add(struct bench_rows *rows, const struct bench_row_key *key,
                                 enum bench_role role, uint32_t round, double value)
{
  struct bench_row *row = find_or_make(rows, key, role);
  assert(round >= 1 && round <= BENCH_ROUNDS_MAX);
  if (!row) {
    return NULL;
  }
  assert(row->count == 0 || row->rounds[row->count - 1] <= round);
  if (row->count > 0 && row->rounds[row->count - 1] == round) {
    row->count--;
  }
  row->rounds[row->count] = (uint8_t)round;
  row->samples[row->count++] = value;
  return row;
}

struct bench_row *bench_rows_set(struct bench_rows *rows, const struct bench_row_key *key,
                                 enum bench_role role, uint32_t round, double value)
{
  struct bench_row *row = find_or_make(rows, key, role);
  if (row) {
    row->count = 0;
    row = bench_rows_add(rows, key, role, round, value);
  }
  return row;
}

const char *bench_row_subject(const struct bench_row *row, char *text, size_t size)
{
  bool told = row->role == BENCH_ROLE_DAEMON || row->role == BENCH_ROLE_DERIVED;
  bool more = told && strcmp(row->key.device, BENCH_REFERENCE) != 0 &&
              strncmp(row->key.subject, row->key.device, strlen(row->key.device)) != 0;
  (void)snprintf(text, size, "%s%s%s%s", row->key.subject, more ? " (" : "",
                 more ? row->key.device : "", more ? ")" : "");
  return text;
}

bool bench_row_at(const struct bench_row *row, uint32_t round, double *value)
{
  for (size_t i = row->count; i > 0; i--) {
    if (row->rounds[i - 1] == round) {
      *value = row->samples[i - 1];
      return true;
    }
  }
  return false;
}

struct bench_summary bench_row_summary(const struct bench_row *row)
{
  return bench_summarise(row->samples, row->count);
}

bool bench_row_is_noisy(const struct bench_row *row)
{
  double most = metrics[row->key.metric].spread_max;
  return most > 0 && bench_row_summary(row).spread > most;
}

/* ---- ratios ---- */

static bool is_core(const char *device)
{
  return strncmp(device, BENCH_REFERENCE ":", strlen(BENCH_REFERENCE ":")) == 0;
}

static bool is_other_engine(const char *device)
{
  return strcmp(device, BENCH_REFERENCE) != 0 && !is_core(device);
}

static bool belong_together(const struct bench_row *over, const struct bench_row *under)
{
  if (over->simulated || under->simulated) {
    return false;
  }
  if (over->role == BENCH_ROLE_DAEMON && under->role == BENCH_ROLE_ENGINE) {
    return strcmp(over->key.device, under->key.device) == 0 &&
           strcmp(over->key.variant, under->key.variant) == 0;
  }
  if (over->role == BENCH_ROLE_ENGINE && under->is_reference) {
    return over->on_cores && is_other_engine(over->key.device);
  }
  return (over->role == BENCH_ROLE_DAEMON || over->role == BENCH_ROLE_ENGINE) && over->on_cores &&
         under->role == BENCH_ROLE_PEER && !is_core(over->key.device);
}

/* A rate of this round and shape. */
static bool has_rate(const struct bench_row *row, const char *shape, uint32_t round, double *rate)
{
  return row->key.metric == BENCH_ATTEMPTS && strcmp(row->key.shape, shape) == 0 &&
         bench_row_at(row, round, rate);
}

enum frank_err bench_rows_add_ratios(struct bench_rows *rows, const char *shape, uint32_t round)
{
  size_t count = rows->count; /* the new ones are no rates */
  for (size_t i = 0; i < count; i++) {
    const struct bench_row *over = &rows->rows[i];
    double over_hps = 0;
    if (!has_rate(over, shape, round, &over_hps)) {
      continue;
    }
    for (size_t k = 0; k < count; k++) {
      const struct bench_row *under = &rows->rows[k];
      double under_hps = 0;
      if (!belong_together(over, under) || !has_rate(under, shape, round, &under_hps) ||
          under_hps <= 0) {
        continue;
      }
      struct bench_row_key key = over->key;
      key.metric = BENCH_RATIO;
      key.factor = 0;
      (void)snprintf(key.subject, sizeof key.subject, "%.60s/%.95s", over->key.subject,
                     under->key.subject);
      if (!bench_rows_add(rows, &key, BENCH_ROLE_DERIVED, round, over_hps / under_hps)) {
        return FRANK_ERR_FULL;
      }
    }
  }
  return FRANK_OK;
}
