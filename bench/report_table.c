/* The table for people: rates by subject and shape, times to a stamp against the law, all other
 * figures one a line, what was left out, what to make of it, and the comparison. */
#include "bench/report.h"

#include "bench/shape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NAME_BYTES    192
#define NUMBER_WIDTH  11
#define DOUBT_BYTES   1024
#define AGREES_WITHIN 2 /* standard errors: chance alone goes beyond in one case of twenty */

static const char *shape_text(const char *name)
{
  const struct bench_shape *shape = bench_shape_find(name);
  return shape ? shape->text : name;
}

/* Rows are views of one table; finding changes nothing. */
static const struct bench_row *find(const struct bench_result *result, const struct bench_row *of,
                                    enum bench_metric metric)
{
  struct bench_row_key key = of->key;
  key.metric = metric;
  return bench_rows_find((struct bench_rows *)&result->rows, &key);
}

static void put_value(FILE *file, int width, const struct bench_row *row, double value)
{
  char text[BENCH_VALUE_BYTES];
  fprintf(file, "%*s", width,
          bench_format_value(bench_metric_info(row->key.metric)->kind, value, text));
}

static void put_median(FILE *file, int width, const struct bench_row *row)
{
  if (row) {
    put_value(file, width, row, bench_row_summary(row).median);
  } else {
    fprintf(file, "%*s", width, "-");
  }
}

static void put_spread(FILE *file, const struct bench_row *row)
{
  if (row->count < 2) {
    fprintf(file, "%8s", "-");
  } else {
    fprintf(file, "%7.1f%%", bench_row_summary(row).spread * 100);
  }
}

/* ---- head ---- */

static void put_head(FILE *file, const struct bench_result *result)
{
  const struct bench_machine *machine = &result->machine;
  fprintf(file, "frank-bench %s, %s\n", machine->version, machine->date);
  fprintf(file, "machine  %s, %u cores, %u threads%s%s\n", machine->cpu[0] ? machine->cpu : "?",
          (unsigned)machine->cores, (unsigned)machine->threads, machine->host[0] ? ", " : "",
          machine->host);
  fprintf(file, "memory   %" PRIu64 " MiB, %u NUMA node%s%s%s\n", machine->memory_mib,
          (unsigned)machine->numa_nodes, machine->numa_nodes == 1 ? "" : "s",
          machine->caches[0] ? "; " : "", machine->caches);
  fprintf(file, "system   %s, compiled by %s", machine->kernel, machine->compiler);
  fprintf(file, "; clock governor %s, turbo %s\n",
          machine->governor[0] ? machine->governor : "not told",
          machine->turbo[0] ? machine->turbo : "not told");
  fprintf(file, "load     %.2f before%s\n", machine->load,
          bench_machine_was_busy(machine) ? ": something else ran, or did until a moment ago" : "");
  fprintf(file, "rounds   %u of %u s for each part, all in turn\n", (unsigned)result->rounds,
          (unsigned)result->seconds);
}

/* ---- rates ---- */

static bool is_rate(const struct bench_row *row)
{
  return row->key.metric == BENCH_ATTEMPTS;
}

/* Shown as a column of the rates, or of the stamps. */
static bool is_column(const struct bench_row *row)
{
  switch (row->key.metric) {
  case BENCH_ATTEMPTS:
  case BENCH_COMPRESSIONS:
  case BENCH_LIMIT_SHARE:
  case BENCH_PLAIN_SHARE:
  case BENCH_STAMP_MEAN:
  case BENCH_STAMP_ERROR:
  case BENCH_STAMP_P95:
  case BENCH_STAMP_LAW_MEAN:
  case BENCH_STAMP_LAW_P95:
    return true;
  default:
    return false;
  }
}

static void put_rate(FILE *file, const struct bench_result *result, const struct bench_row *row,
                     int width)
{
  struct bench_summary summary = bench_row_summary(row);
  char name[BENCH_SUBJECT_TEXT_BYTES];
  fprintf(file, "%-*s  %-12s%-10s", width, bench_row_subject(row, name, sizeof name),
          row->key.variant[0] ? row->key.variant : "-", shape_text(row->key.shape));
  put_value(file, 10, row, summary.median);
  put_value(file, 9, row, summary.min);
  put_value(file, 9, row, summary.max);
  put_spread(file, row);
  put_median(file, 9, find(result, row, BENCH_COMPRESSIONS));
  put_median(file, 8, find(result, row, BENCH_LIMIT_SHARE));
  put_median(file, 8, find(result, row, BENCH_PLAIN_SHARE));
  fprintf(file, "%s%s\n", bench_row_is_noisy(row) ? "  too wide" : "",
          row->simulated ? "  SIMULATED" : "");
}

static void put_rates(FILE *file, const struct bench_result *result)
{
  int width = (int)strlen("attempts/s");
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    char name[BENCH_SUBJECT_TEXT_BYTES];
    if (is_rate(&result->rows.rows[i])) {
      int need = (int)strlen(bench_row_subject(&result->rows.rows[i], name, sizeof name));
      width = need > width ? need : width;
    }
  }
  for (size_t i = 0; i < result->rows.count; i++) {
    if (!is_rate(&result->rows.rows[i])) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-*s  %-12s%-10s%10s%9s%9s%8s%9s%8s%8s\n", width, "attempts/s", "code path",
              "shape", "median", "min", "max", "spread", "compr./s", "limit", "plain");
      any = true;
    }
    put_rate(file, result, &result->rows.rows[i], width);
  }
}

/* ---- stamps ---- */

static void put_agreement(FILE *file, double mean, double error, double law)
{
  if (error <= 0) {
    (void)fputs("\n", file);
    return;
  }
  double errors = (mean - law) / error;
  if (fabs(errors) <= AGREES_WITHIN) {
    fprintf(file, "  agrees within %d standard errors\n", AGREES_WITHIN);
  } else {
    fprintf(file, "  %.1f standard errors %s the law\n", fabs(errors),
            errors > 0 ? "above" : "below");
  }
}

static void put_stamps(FILE *file, const struct bench_result *result)
{
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    const struct bench_row *error = find(result, row, BENCH_STAMP_ERROR);
    const struct bench_row *law = find(result, row, BENCH_STAMP_LAW_MEAN);
    if (row->key.metric != BENCH_STAMP_MEAN || !error || !law) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-14s%-10s%9s%10s%11s%10s%11s%10s\n", "to a stamp", "shape", "factor",
              "mean", "error", "by law", "95 of 100", "by law");
      any = true;
    }
    char factor[BENCH_VALUE_BYTES];
    fprintf(file, "%-14s%-10s%9s", row->key.device, shape_text(row->key.shape),
            bench_format_value(BENCH_KIND_COUNT, (double)row->key.factor, factor));
    put_median(file, 10, row);
    put_median(file, 11, error);
    put_median(file, 10, law);
    put_median(file, 11, find(result, row, BENCH_STAMP_P95));
    put_median(file, 10, find(result, row, BENCH_STAMP_LAW_P95));
    put_agreement(file, row->samples[0], error->samples[0], law->samples[0]);
  }
}

/* ---- all others ---- */

static int name_row(const struct bench_row *row, char *text, size_t size)
{
  char metric[96];
  char subject[BENCH_SUBJECT_TEXT_BYTES];
  return snprintf(text, size, "%s%s%s %s: %s", bench_row_subject(row, subject, sizeof subject),
                  row->key.variant[0] ? " " : "", row->key.variant, shape_text(row->key.shape),
                  bench_format_metric(row, metric, sizeof metric));
}

static int widen(int width, const struct bench_row *row)
{
  char name[NAME_BYTES];
  int need = name_row(row, name, sizeof name);
  return need > width ? need : width;
}

static void put_name(FILE *file, int width, const struct bench_row *row)
{
  char name[NAME_BYTES];
  (void)name_row(row, name, sizeof name);
  fprintf(file, "%-*s", width, name);
}

static void put_others(FILE *file, const struct bench_result *result)
{
  int width = 0;
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    width = is_column(row) ? width : widen(width, row);
  }
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    if (is_column(row)) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-*s%*s%*s%*s%8s\n", width, "", NUMBER_WIDTH, "median", NUMBER_WIDTH, "min",
              NUMBER_WIDTH, "max", "spread");
      any = true;
    }
    struct bench_summary summary = bench_row_summary(row);
    put_name(file, width, row);
    put_value(file, NUMBER_WIDTH, row, summary.median);
    put_value(file, NUMBER_WIDTH, row, summary.min);
    put_value(file, NUMBER_WIDTH, row, summary.max);
    put_spread(file, row);
    fprintf(file, "%s%s\n", bench_row_is_noisy(row) ? "  too wide" : "",
            row->key.metric == BENCH_PROJECTED ? "  PROJECTED, not measured" : "");
  }
}

/* ---- notes ---- */

/* The note of a figure is that of its first row: the others differ in measured digits at most. */
static bool says_the_same(const struct bench_row *a, const struct bench_row *b)
{
  return a->key.metric == b->key.metric && strcmp(a->key.subject, b->key.subject) == 0 &&
         strcmp(a->key.variant, b->key.variant) == 0;
}

static void put_notes(FILE *file, const struct bench_result *result)
{
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    bool seen = row->note[0] == '\0';
    for (size_t k = 0; k < i && !seen; k++) {
      seen = says_the_same(&result->rows.rows[k], row);
    }
    if (!seen) {
      fprintf(file, "%s%s%s%s, %s: %s\n", any ? "" : "\n", row->key.subject,
              row->key.variant[0] ? " " : "", row->key.variant,
              bench_metric_info(row->key.metric)->text, row->note);
      any = true;
    }
  }
  for (size_t i = 0; i < result->skip_count; i++) {
    const struct bench_skip *skip = &result->skips[i];
    fprintf(file, "%sleft out: %s%s%s: %s\n", any ? "" : "\n", skip->subject,
            skip->shape[0] ? ", " : "", skip->shape[0] ? shape_text(skip->shape) : "", skip->why);
    any = true;
  }
}

static void put_doubts(FILE *file, const struct bench_result *result)
{
  char text[DOUBT_BYTES];
  size_t count = bench_result_doubts(result, text, sizeof text);
  const char *line = text;
  if (result->stamps_checked > 0) {
    fprintf(file, "\n%" PRIu64 " stamps were checked, all are right.\n", result->stamps_checked);
  }
  for (size_t i = 0; i < count; i++) {
    int len = (int)strcspn(line, "\n");
    fprintf(file, "%sNot for comparing: %.*s.\n", i == 0 && result->stamps_checked == 0 ? "\n" : "",
            len, line);
    line += len + (line[len] == '\n');
  }
}

/* ---- comparison ---- */

static void put_change(FILE *file, int width, const struct bench_change *change)
{
  put_name(file, width, change->now ? change->now : change->before);
  put_median(file, NUMBER_WIDTH, change->before);
  put_median(file, NUMBER_WIDTH, change->now);
  if (change->now) {
    fprintf(file, "%+9.1f%%", change->change * 100);
  } else {
    fprintf(file, "%10s", "");
  }
  fprintf(file, "  %s%s%s\n", bench_verdict_name(change->verdict), change->reason ? ": " : "",
          change->reason ? change->reason : "");
}

static void put_verdict(FILE *file, const struct bench_comparison *comparison, size_t added)
{
  if (added > 0) {
    fprintf(file, "%zu figure%s not in the old run.\n", added, added == 1 ? " is" : "s are");
  }
  if (!comparison->same_machine) {
    fprintf(file, "Another machine: %s.\n", comparison->machines);
  }
  if (comparison->count == added) {
    (void)fputs("The runs have no figure in common.\n", file);
  }
  switch (comparison->verdict) {
  case BENCH_SAME:
    fprintf(file, "The same or faster: nothing is slower by more than %g%%.\n",
            comparison->fail_above);
    break;
  case BENCH_SLOWER:
    fprintf(file, "Slower by more than %g%%.\n", comparison->fail_above);
    break;
  case BENCH_UNCLEAR:
    fprintf(file, "Cannot be told to %g%%: see what is unclear.\n", comparison->fail_above);
    break;
  }
}

static void put_comparison(FILE *file, const struct bench_result *result,
                           const struct bench_comparison *comparison)
{
  int width = (int)strlen("against the baseline");
  size_t added = 0;
  (void)result;
  for (size_t i = 0; i < comparison->count; i++) {
    const struct bench_change *change = &comparison->changes[i];
    width = change->before ? widen(width, change->before) : width;
    added += change->before == NULL;
  }
  fprintf(file, "%-*s%*s%*s%10s\n", width, "against the baseline", NUMBER_WIDTH, "before",
          NUMBER_WIDTH, "now", "change");
  for (size_t i = 0; i < comparison->count; i++) {
    if (comparison->changes[i].before) {
      put_change(file, width, &comparison->changes[i]);
    }
  }
  put_verdict(file, comparison, added);
}

static void end(FILE *file, const struct bench_result *result,
                const struct bench_comparison *comparison)
{
  put_head(file, result);
  put_rates(file, result);
  put_stamps(file, result);
  put_others(file, result);
  put_notes(file, result);
  put_doubts(file, result);
  if (comparison) {
    (void)putc('\n', file);
    put_comparison(file, result, comparison);
  }
}

const struct bench_format_writer bench_table_writer = {.end = end, .comparison = put_comparison};
