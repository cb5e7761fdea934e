/* Markdown tables, to paste into a report. */
#include "bench/report.h"

#include "bench/shape.h"

#include <inttypes.h>
#include <string.h>

/* A cell may hold no bar, and no text anything that begins mark-up: some are of other programs. */
static void put_text(FILE *file, const char *text)
{
  for (; *text != '\0'; text++) {
    if (strchr("|\\`*_<>[]", *text) != NULL) {
      (void)putc('\\', file);
    }
    (void)putc(*text == '\n' ? ' ' : *text, file);
  }
}

static void put_cell(FILE *file, const char *text)
{
  (void)putc(' ', file);
  put_text(file, text);
  (void)fputs(" |", file);
}

static void put_key(FILE *file, const struct bench_row *row)
{
  const struct bench_shape *shape = bench_shape_find(row->key.shape);
  char name[BENCH_SUBJECT_TEXT_BYTES];
  char subject[BENCH_SUBJECT_TEXT_BYTES + 16];
  char metric[96];
  (void)snprintf(subject, sizeof subject, "%s%s", bench_row_subject(row, name, sizeof name),
                 row->simulated ? " (simulated)" : "");
  (void)putc('|', file);
  put_cell(file, subject);
  put_cell(file, row->key.variant);
  put_cell(file, shape ? shape->text : row->key.shape);
  put_cell(file, bench_format_metric(row, metric, sizeof metric));
}

static void put_number(FILE *file, const struct bench_row *row, double value)
{
  char text[BENCH_VALUE_BYTES];
  put_cell(file, bench_format_value(bench_metric_info(row->key.metric)->kind, value, text));
}

static void put_comparison(FILE *file, const struct bench_result *result,
                           const struct bench_comparison *comparison)
{
  (void)result;
  (void)fputs("| what | code path | shape | figure | before | now | change | verdict |\n"
              "| --- | --- | --- | --- | ---: | ---: | ---: | --- |\n",
              file);
  for (size_t i = 0; i < comparison->count; i++) {
    const struct bench_change *change = &comparison->changes[i];
    const struct bench_row *sides[] = {change->before, change->now};
    char text[96] = "";
    put_key(file, change->now ? change->now : change->before);
    for (size_t k = 0; k < 2; k++) {
      if (sides[k]) {
        put_number(file, sides[k], bench_row_summary(sides[k]).median);
      } else {
        put_cell(file, "");
      }
    }
    if (change->before && change->now) {
      (void)snprintf(text, sizeof text, "%+.1f%%", change->change * 100);
    }
    put_cell(file, text);
    (void)snprintf(
        text, sizeof text, "%s%s%s", change->before ? bench_verdict_name(change->verdict) : "",
        change->before && change->reason ? ": " : "", change->reason ? change->reason : "");
    put_cell(file, text);
    (void)putc('\n', file);
  }
  fprintf(file, "\nVerdict at %g%%: %s.%s", comparison->fail_above,
          bench_verdict_name(comparison->verdict), comparison->same_machine ? "" : " ");
  put_text(file, comparison->machines);
  (void)putc('\n', file);
}

static void put_head(FILE *file, const struct bench_result *result)
{
  const struct bench_machine *machine = &result->machine;
  (void)fputs("| machine | |\n| --- | --- |\n", file);
  (void)fputs("| CPU | ", file);
  put_text(file, machine->cpu);
  fprintf(file, ", %u cores, %u threads%s%s |\n", (unsigned)machine->cores,
          (unsigned)machine->threads, machine->host[0] ? ", " : "", machine->host);
  fprintf(file, "| memory | %" PRIu64 " MiB; %s |\n", machine->memory_mib, machine->caches);
  fprintf(file, "| system | %s, %s |\n", machine->kernel, machine->compiler);
  for (size_t i = 0; i < machine->device_count; i++) {
    (void)fputs("| ", file);
    put_text(file, machine->devices[i].name);
    (void)fputs(" | ", file);
    put_text(file, machine->devices[i].model);
    (void)fputs(" |\n", file);
  }
  fprintf(file, "| run | frank-bench %s, %s, load %.2f before, %u round%s of %u s |\n\n",
          machine->version, machine->date, machine->load, (unsigned)result->rounds,
          result->rounds == 1 ? "" : "s", (unsigned)result->seconds);
}

static void end(FILE *file, const struct bench_result *result,
                const struct bench_comparison *comparison)
{
  char doubts[1024];
  put_head(file, result);
  (void)fputs("| what | code path | shape | figure | median | min | max | spread | |\n"
              "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n",
              file);
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    struct bench_summary summary = bench_row_summary(row);
    char spread[16] = "";
    if (row->count > 1) {
      (void)snprintf(spread, sizeof spread, "%.1f%%", summary.spread * 100);
    }
    put_key(file, row);
    put_number(file, row, summary.median);
    put_number(file, row, summary.min);
    put_number(file, row, summary.max);
    put_cell(file, spread);
    put_cell(file, bench_row_is_noisy(row) ? "too wide" : row->note);
    (void)putc('\n', file);
  }
  for (size_t i = 0; i < result->skip_count; i++) {
    const struct bench_skip *skip = &result->skips[i];
    fprintf(file, "%s- left out: %s%s%s: ", i == 0 ? "\n" : "", skip->subject,
            skip->shape[0] ? ", " : "", skip->shape);
    put_text(file, skip->why);
    (void)putc('\n', file);
  }
  size_t count = bench_result_doubts(result, doubts, sizeof doubts);
  const char *line = doubts;
  for (size_t i = 0; i < count; i++) {
    int len = (int)strcspn(line, "\n");
    fprintf(file, "%sNot for comparing: %.*s.\n", i == 0 ? "\n" : "", len, line);
    line += len + (line[len] == '\n');
  }
  if (comparison) {
    (void)putc('\n', file);
    put_comparison(file, result, comparison);
  }
}

const struct bench_format_writer bench_markdown_writer = {
    .extension = "md", .end = end, .comparison = put_comparison};
