#include "bench/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_result *bench_result_new(void)
{
  return calloc(1, sizeof(struct bench_result));
}

void bench_result_destroy(struct bench_result **result)
{
  struct bench_result *r = *result;
  if (r) {
    for (size_t i = 0; i < r->stamp_table_count; i++) {
      free(r->stamp_tables[i].times_us);
    }
    free(r);
    *result = NULL;
  }
}

bool bench_result_skips(const struct bench_result *result, const char *subject, const char *shape)
{
  for (size_t i = 0; i < result->skip_count; i++) {
    const struct bench_skip *skip = &result->skips[i];
    if (strcmp(skip->subject, subject) == 0 &&
        (skip->shape[0] == '\0' || strcmp(skip->shape, shape) == 0)) {
      return true;
    }
  }
  return false;
}

void bench_result_skip(struct bench_result *result, const char *subject, const char *shape,
                       const char *why)
{
  if (bench_result_skips(result, subject, shape)) {
    return;
  }
  if (result->skip_count == BENCH_SKIPS_MAX) {
    struct bench_skip *last = &result->skips[BENCH_SKIPS_MAX - 1];
    (void)snprintf(last->why, sizeof last->why, "and more that find no room here");
    return;
  }
  struct bench_skip *skip = &result->skips[result->skip_count++];
  (void)snprintf(skip->subject, sizeof skip->subject, "%s", subject);
  (void)snprintf(skip->shape, sizeof skip->shape, "%s", shape);
  (void)snprintf(skip->why, sizeof skip->why, "%s", why);
}

struct bench_stamp_times *bench_result_stamps(struct bench_result *result, const char *device,
                                              const char *variant, const char *shape,
                                              uint64_t factor)
{
  for (size_t i = 0; i < result->stamp_table_count; i++) {
    struct bench_stamp_times *table = &result->stamp_tables[i];
    if (strcmp(table->device, device) == 0 && strcmp(table->shape, shape) == 0) {
      return table;
    }
  }
  if (result->stamp_table_count == BENCH_STAMP_TABLES_MAX) {
    return NULL;
  }
  struct bench_stamp_times *table = &result->stamp_tables[result->stamp_table_count];
  table->times_us = calloc(BENCH_STAMPS_MAX, sizeof *table->times_us);
  if (!table->times_us) {
    return NULL;
  }
  (void)snprintf(table->device, sizeof table->device, "%s", device);
  (void)snprintf(table->variant, sizeof table->variant, "%s", variant);
  (void)snprintf(table->shape, sizeof table->shape, "%s", shape);
  table->factor = factor;
  result->stamp_table_count++;
  return table;
}

/* ---- doubts ---- */

struct doubts {
  char *text;
  size_t size;
  size_t used;
  size_t count;
};

static void doubt(struct doubts *doubts, const char *line)
{
  int more = snprintf(doubts->text + doubts->used, doubts->size - doubts->used, "%s%s",
                      doubts->count > 0 ? "\n" : "", line);
  if (more > 0 && (size_t)more < doubts->size - doubts->used) {
    doubts->used += (size_t)more;
    doubts->count++;
  } else {
    doubts->text[doubts->used] = '\0';
  }
}

size_t bench_result_doubts(const struct bench_result *result, char *text, size_t size)
{
  struct doubts doubts = {.text = text, .size = size};
  char line[256];
  size_t noisy = 0;
  text[0] = '\0';
  for (size_t i = 0; i < result->rows.count; i++) {
    noisy += bench_row_is_noisy(&result->rows.rows[i]);
  }
  if (result->rounds < BENCH_ROUNDS_TO_JUDGE) {
    (void)snprintf(
        line, sizeof line, "%u round%s not say how far the figures spread; run %d or more",
        (unsigned)result->rounds, result->rounds == 1 ? " does" : "s do", BENCH_ROUNDS_TO_JUDGE);
    doubt(&doubts, line);
  }
  if (result->has_queue_stamps && result->queue_stamps_min < BENCH_STAMPS_TO_JUDGE) {
    (void)snprintf(line, sizeof line,
                   "only %" PRIu64 " stamps of factor 2^20 in a round, %d are needed: raise "
                   "--seconds",
                   result->queue_stamps_min, BENCH_STAMPS_TO_JUDGE);
    doubt(&doubts, line);
  }
  if (noisy > 0) {
    (void)snprintf(line, sizeof line,
                   "the spread of %zu figure%s is too wide to compare: something else ran on this "
                   "machine, or its clock changed",
                   noisy, noisy == 1 ? "" : "s");
    doubt(&doubts, line);
  }
  return doubts.count;
}
