/* The table for people: rates by subject and shape, their ratios, times to a stamp against the law,
 * all other figures one a line, what these rest on, what was left out, what to make of it, and the
 * comparison. As wide as a terminal is at least, but for long names. */
#include "bench/report.h"

#include "bench/shape.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES   192
#define LINE_BYTES   512
#define LINE_WIDTH   80
#define LABEL_WIDTH  40
#define NUMBER_WIDTH 10
#define HEAD_INDENT  9
#define DOUBT_BYTES  1024

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

/* What is too wide has a mark. */
static void put_spread(FILE *file, const struct bench_row *row)
{
  if (row->count < 2) {
    fprintf(file, "%7s", "-");
  } else {
    fprintf(file, "%6.1f%%%s", bench_row_summary(row).spread * 100,
            bench_row_is_noisy(row) ? "!" : "");
  }
}

static void put_range(FILE *file, int width, const struct bench_row *row)
{
  struct bench_summary summary = bench_row_summary(row);
  put_value(file, width, row, summary.median);
  put_value(file, width, row, summary.min);
  put_value(file, width, row, summary.max);
  put_spread(file, row);
}

/* A text of any length, in lines; all but the first begin with so many blanks. */
static void put_wrapped(FILE *file, int indent, const char *text)
{
  int at = 0;
  while (*text != '\0') {
    int len = (int)strcspn(text, " ");
    if (at > indent && at + 1 + len > LINE_WIDTH) {
      fprintf(file, "\n%*s", indent, "");
      at = indent;
    } else if (at > 0) {
      (void)putc(' ', file);
      at++;
    }
    fprintf(file, "%.*s", len, text);
    at += len;
    text += len;
    text += *text == ' ';
  }
  (void)putc('\n', file);
}

/* ---- head ---- */

static void put_head(FILE *file, const struct bench_result *result)
{
  const struct bench_machine *machine = &result->machine;
  char line[LINE_BYTES];
  fprintf(file, "frank-bench %s, %s\n", machine->version, machine->date);
  (void)snprintf(line, sizeof line, "machine  %s, %u cores, %u threads%s%s",
                 machine->cpu[0] ? machine->cpu : "?", (unsigned)machine->cores,
                 (unsigned)machine->threads, machine->host[0] ? ", " : "", machine->host);
  put_wrapped(file, HEAD_INDENT, line);
  (void)snprintf(line, sizeof line, "memory   %" PRIu64 " MiB, %u NUMA node%s%s%s",
                 machine->memory_mib, (unsigned)machine->numa_nodes,
                 machine->numa_nodes == 1 ? "" : "s", machine->caches[0] ? "; " : "",
                 machine->caches);
  put_wrapped(file, HEAD_INDENT, line);
  (void)snprintf(line, sizeof line, "system   %s, compiled by %s; clock governor %s, turbo %s",
                 machine->kernel, machine->compiler,
                 machine->governor[0] ? machine->governor : "not told",
                 machine->turbo[0] ? machine->turbo : "not told");
  put_wrapped(file, HEAD_INDENT, line);
  for (size_t i = 0; i < machine->device_count; i++) {
    const struct bench_machine_device *device = &machine->devices[i];
    (void)snprintf(line, sizeof line, "device   %s: %s%s%s%s%s", device->name, device->model,
                   device->place[0] ? ", " : "", device->place,
                   device->variant[0] ? "; tuned to " : "", device->variant);
    put_wrapped(file, HEAD_INDENT, line);
  }
  fprintf(file, "load     %.2f before%s\n", machine->load,
          bench_machine_was_busy(machine) ? ": something else ran, or did until a moment ago" : "");
  fprintf(file, "rounds   %u of %u s for each part, all in turn\n", (unsigned)result->rounds,
          (unsigned)result->seconds);
}

/* ---- rates ---- */

/* Shown in the table of the rates, of their ratios or of the stamps; or, of the share by plain
 * counts, in files only: a second share would be taken for the first. */
static bool is_column(const struct bench_row *row)
{
  switch (row->key.metric) {
  case BENCH_ATTEMPTS:
  case BENCH_COMPRESSIONS:
  case BENCH_LIMIT_SHARE:
  case BENCH_PLAIN_SHARE:
  case BENCH_RATIO:
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

/* The width of the widest subject among the rows of this metric. */
static int subject_width(const struct bench_result *result, enum bench_metric metric, int least)
{
  int width = least;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    char name[BENCH_SUBJECT_TEXT_BYTES];
    if (row->key.metric == metric) {
      int need = (int)strlen(bench_row_subject(row, name, sizeof name));
      width = need > width ? need : width;
    }
  }
  return width;
}

static void put_key(FILE *file, int width, const struct bench_row *row)
{
  char name[BENCH_SUBJECT_TEXT_BYTES];
  fprintf(file, "%-*s %-9s %-9s", width, bench_row_subject(row, name, sizeof name),
          row->key.variant[0] ? row->key.variant : "-", shape_text(row->key.shape));
}

static void put_rates(FILE *file, const struct bench_result *result)
{
  int width = subject_width(result, BENCH_ATTEMPTS, 11);
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    if (row->key.metric != BENCH_ATTEMPTS) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-*s %-9s %-9s%8s%8s%8s%7s %9s%7s\n", width, "attempts/s", "code path",
              "shape", "median", "min", "max", "spread", "compr./s", "share");
      any = true;
    }
    put_key(file, width, row);
    put_range(file, 8, row);
    put_median(file, bench_row_is_noisy(row) ? 9 : 10, find(result, row, BENCH_COMPRESSIONS));
    put_median(file, 7, find(result, row, BENCH_LIMIT_SHARE));
    fprintf(file, "%s\n", row->simulated ? "  SIMULATED" : "");
  }
  if (any) {
    put_wrapped(file, 0,
                "share: of what the arithmetic units of these cores allow. !: it spreads too far "
                "to compare.");
  }
}

static void put_ratios(FILE *file, const struct bench_result *result)
{
  int width = subject_width(result, BENCH_RATIO, 19);
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    if (row->key.metric != BENCH_RATIO) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-*s %-9s %-9s%8s%8s%8s%7s\n", width, "ratio of attempts/s", "code path",
              "shape", "median", "min", "max", "spread");
      any = true;
    }
    put_key(file, width, row);
    put_range(file, 8, row);
    (void)putc('\n', file);
  }
}

/* ---- stamps ---- */

static void put_stamps(FILE *file, const struct bench_result *result)
{
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    const struct bench_row *error = find(result, row, BENCH_STAMP_ERROR);
    const struct bench_row *law = find(result, row, BENCH_STAMP_LAW_MEAN);
    char text[BENCH_VALUE_BYTES];
    if (row->key.metric != BENCH_STAMP_MEAN || !error || !law) {
      continue;
    }
    if (!any) {
      fprintf(file, "\n%-11s %-9s %8s%10s%10s%9s%11s%10s\n", "to a stamp", "shape", "factor",
              "mean", "by law", "off", "95 of 100", "by law");
      any = true;
    }
    fprintf(file, "%-11s %-9s %8s", row->key.device, shape_text(row->key.shape),
            bench_format_value(BENCH_KIND_COUNT, (double)row->key.factor, text));
    put_median(file, 10, row);
    put_median(file, 10, law);
    if (error->samples[0] > 0) {
      fprintf(file, "%+6.1f se", (row->samples[0] - law->samples[0]) / error->samples[0]);
    } else {
      fprintf(file, "%9s", "-");
    }
    put_median(file, 11, find(result, row, BENCH_STAMP_P95));
    put_median(file, 10, find(result, row, BENCH_STAMP_LAW_P95));
    (void)putc('\n', file);
  }
  if (any) {
    put_wrapped(file, 0,
                "off: in standard errors of the mean; chance alone brings up to 2, in one case of "
                "twenty more. Above the law is what the daemon adds.");
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

/* One figure a line, below what they are of. */
static void put_others(FILE *file, const struct bench_result *result)
{
  const struct bench_row *last = NULL;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    char text[NAME_BYTES];
    char label[NAME_BYTES];
    if (is_column(row)) {
      continue;
    }
    if (!last) {
      fprintf(file, "\n%-*s%*s%*s%*s%7s\n", LABEL_WIDTH, "other figures", NUMBER_WIDTH, "median",
              NUMBER_WIDTH, "min", NUMBER_WIDTH, "max", "spread");
    }
    if (!last || strcmp(last->key.subject, row->key.subject) != 0 ||
        strcmp(last->key.device, row->key.device) != 0 ||
        strcmp(last->key.variant, row->key.variant) != 0 ||
        strcmp(last->key.shape, row->key.shape) != 0) {
      fprintf(file, "%s%s%s, %s\n", bench_row_subject(row, text, sizeof text),
              row->key.variant[0] ? " " : "", row->key.variant, shape_text(row->key.shape));
    }
    (void)snprintf(label, sizeof label, "  %s", bench_format_metric(row, text, sizeof text));
    fprintf(file, "%-*s", LABEL_WIDTH, label);
    put_range(file, NUMBER_WIDTH, row);
    (void)putc('\n', file);
    last = row;
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
  char line[LINE_BYTES];
  bool any = false;
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    bool seen = row->note[0] == '\0' || row->key.metric == BENCH_PLAIN_SHARE;
    for (size_t k = 0; k < i && !seen; k++) {
      seen = says_the_same(&result->rows.rows[k], row);
    }
    if (!seen) {
      (void)snprintf(line, sizeof line, "%s%s%s, %s: %s", row->key.subject,
                     row->key.variant[0] ? " " : "", row->key.variant,
                     bench_metric_info(row->key.metric)->text, row->note);
      (void)fputs(any ? "" : "\n", file);
      put_wrapped(file, 2, line);
      any = true;
    }
  }
  for (size_t i = 0; i < result->skip_count; i++) {
    const struct bench_skip *skip = &result->skips[i];
    (void)snprintf(line, sizeof line, "left out: %s%s%s: %s", skip->subject,
                   skip->shape[0] ? ", " : "", skip->shape[0] ? shape_text(skip->shape) : "",
                   skip->why);
    (void)fputs(any ? "" : "\n", file);
    put_wrapped(file, 2, line);
    any = true;
  }
}

static void put_doubts(FILE *file, const struct bench_result *result)
{
  char text[DOUBT_BYTES];
  char wrapped[DOUBT_BYTES + 32];
  size_t count = bench_result_doubts(result, text, sizeof text);
  const char *line = text;
  if (result->stamps_checked > 0) {
    fprintf(file, "\n%" PRIu64 " stamps were checked, all are right.\n", result->stamps_checked);
  } else if (count > 0) {
    (void)putc('\n', file);
  }
  for (size_t i = 0; i < count; i++) {
    int len = (int)strcspn(line, "\n");
    (void)snprintf(wrapped, sizeof wrapped, "Not for comparing: %.*s.", len, line);
    put_wrapped(file, 2, wrapped);
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
  put_ratios(file, result);
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
