#include "bench/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *bench_verdict_name(enum bench_verdict verdict)
{
  static const char *const names[] = {
      [BENCH_SAME] = "same", [BENCH_SLOWER] = "slower", [BENCH_UNCLEAR] = "unclear"};
  return names[verdict];
}

static void set_unclear(struct bench_change *change, const char *reason)
{
  change->verdict = BENCH_UNCLEAR;
  change->reason = reason;
}

/* By the rule of the header. */
static void judge(struct bench_change *change, double most)
{
  struct bench_summary before = bench_row_summary(change->before);
  struct bench_summary now = bench_row_summary(change->now);
  if (before.median <= 0 || now.median < 0) {
    set_unclear(change, "no figure to hold it against");
    return;
  }
  change->change = now.median / before.median - 1;
  if (!isfinite(change->change)) {
    change->change = 0;
    set_unclear(change, "no figure to hold it against");
    return;
  }
  bool narrow = before.spread <= most && now.spread <= most;
  if (change->before->count < BENCH_ROUNDS_TO_JUDGE || change->now->count < BENCH_ROUNDS_TO_JUDGE) {
    set_unclear(change, "fewer than 3 rounds");
  } else if (now.max < before.min * (1 - most) || (narrow && change->change < -most)) {
    change->verdict = BENCH_SLOWER;
  } else if (now.min >= before.max * (1 - most) || narrow) {
    change->verdict = BENCH_SAME;
  } else {
    set_unclear(change, now.spread > most ? "the new run spreads too wide"
                                          : "the old run spreads too wide");
  }
}

static bool same_text(const char *what, const char *before, const char *now, char *text,
                      size_t size)
{
  if (strcmp(before, now) == 0) {
    return true;
  }
  (void)snprintf(text, size, "%s: %.80s before, %.80s now", what, before, now);
  return false;
}

static bool same_number(const char *what, uint64_t before, uint64_t now, char *text, size_t size)
{
  if (before == now || before == 0 || now == 0) { /* 0: not known, or not used */
    return true;
  }
  (void)snprintf(text, size, "%s: %llu before, %llu now", what, (unsigned long long)before,
                 (unsigned long long)now);
  return false;
}

/* A device by the same name can be another one now. One that only one of the runs has measured says
 * nothing about the others' figures. */
static bool have_same_devices(const struct bench_machine *before, const struct bench_machine *now,
                              char *text, size_t size)
{
  for (size_t i = 0; i < before->device_count; i++) {
    const struct bench_machine_device *old = &before->devices[i];
    for (size_t k = 0; k < now->device_count; k++) {
      if (strcmp(old->name, now->devices[k].name) == 0 &&
          !same_text(old->name, old->model, now->devices[k].model, text, size)) {
        return false;
      }
    }
  }
  return true;
}

/* What decides speed and can be known. */
static bool is_same_machine(const struct bench_machine *before, const struct bench_machine *now,
                            char *text, size_t size)
{
  text[0] = '\0';
  return same_text("CPU", before->cpu, now->cpu, text, size) &&
         same_number("cores", before->cores, now->cores, text, size) &&
         same_number("hardware threads", before->threads, now->threads, text, size) &&
         same_number("CPU devices", before->usable, now->usable, text, size) &&
         same_text("clock governor", before->governor, now->governor, text, size) &&
         same_text("turbo", before->turbo, now->turbo, text, size) &&
         have_same_devices(before, now, text, size);
}

/* What other programs do is no matter of ours; what we do against them is. */
static bool is_compared(const struct bench_row *row)
{
  return row->count > 0 && row->role != BENCH_ROLE_PEER &&
         bench_metric_info(row->key.metric)->compared;
}

/* Rows of the views are never changed; finding is the same for all. */
static const struct bench_row *find(const struct bench_result *result,
                                    const struct bench_row_key *key)
{
  const struct bench_row *row = bench_rows_find((struct bench_rows *)&result->rows, key);
  return row && row->count > 0 ? row : NULL;
}

void bench_compare(const struct bench_result *before, const struct bench_result *now,
                   const char *name, double fail_above, struct bench_comparison *out)
{
  double most = fail_above / 100;
  bool compared = false;
  *out = (struct bench_comparison){.name = name, .fail_above = fail_above};
  out->same_machine =
      is_same_machine(&before->machine, &now->machine, out->machines, sizeof out->machines);
  for (size_t i = 0; i < now->rows.count; i++) {
    const struct bench_row *row = &now->rows.rows[i];
    if (!is_compared(row)) {
      continue;
    }
    struct bench_change *change = &out->changes[out->count++];
    *change = (struct bench_change){.now = row, .before = find(before, &row->key)};
    if (!change->before) {
      change->reason = "not in the old run";
    } else if (!out->same_machine) {
      judge(change, most);
      set_unclear(change, "another machine");
    } else {
      judge(change, most);
      compared = true;
    }
  }
  for (size_t i = 0; i < before->rows.count; i++) {
    const struct bench_row *row = &before->rows.rows[i];
    if (is_compared(row) && !find(now, &row->key)) {
      struct bench_change *change = &out->changes[out->count++];
      *change = (struct bench_change){.before = row};
      set_unclear(change, "missing in the new run");
    }
  }
  out->verdict = compared ? BENCH_SAME : BENCH_UNCLEAR;
  for (size_t i = 0; i < out->count; i++) {
    enum bench_verdict verdict = out->changes[i].verdict;
    if (verdict == BENCH_SLOWER || (verdict == BENCH_UNCLEAR && out->verdict == BENCH_SAME)) {
      out->verdict = verdict;
    }
  }
}

const struct bench_change *bench_change_of(const struct bench_comparison *comparison,
                                           const struct bench_row *now)
{
  for (size_t i = 0; i < comparison->count; i++) {
    if (comparison->changes[i].now == now) {
      return &comparison->changes[i];
    }
  }
  return NULL;
}
