/* CSV (RFC 4180): a line for each row, numbers as they are. */
#include "bench/report.h"

#include <inttypes.h>
#include <string.h>

static void put_text(FILE *file, const char *text)
{
  if (text[strcspn(text, ",\"\r\n")] == '\0') {
    (void)fputs(text, file);
    return;
  }
  (void)putc('"', file);
  for (; *text != '\0'; text++) {
    if (*text == '"') {
      (void)putc('"', file);
    }
    (void)putc(*text, file);
  }
  (void)putc('"', file);
}

static void put_key(FILE *file, const struct bench_row *row)
{
  const struct bench_metric_info *info = bench_metric_info(row->key.metric);
  const char *const texts[] = {row->key.subject, bench_role_name(row->role),
                               row->key.device,  row->key.variant,
                               row->key.shape,   info->name,
                               info->unit};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    put_text(file, texts[i]);
    (void)putc(',', file);
  }
  if (row->key.factor > 0) {
    fprintf(file, "%" PRIu64, row->key.factor);
  }
  fprintf(file, ",%d,", row->simulated);
}

static void put_samples(FILE *file, const struct bench_row *row)
{
  struct bench_summary summary = bench_row_summary(row);
  fprintf(file, "%.9g,%.9g,%.9g,%.4f,%d,", summary.median, summary.min, summary.max, summary.spread,
          bench_row_is_noisy(row));
  for (size_t i = 0; i < row->count; i++) {
    fprintf(file, "%s%.9g", i > 0 ? " " : "", row->samples[i]);
  }
  (void)putc(',', file);
  put_text(file, row->note);
}

static void put_change(FILE *file, const struct bench_change *change)
{
  if (!change || !change->before) {
    (void)fputs(",,,", file);
    put_text(file, change ? change->reason : "");
    return;
  }
  fprintf(file, ",%.9g,", bench_row_summary(change->before).median);
  if (change->now) {
    fprintf(file, "%.2f", change->change * 100);
  }
  fprintf(file, ",%s", bench_verdict_name(change->verdict));
  if (change->reason) {
    (void)fputs(": ", file);
    put_text(file, change->reason);
  }
}

static void end(FILE *file, const struct bench_result *result,
                const struct bench_comparison *comparison)
{
  fprintf(file,
          "subject,role,device,variant,shape,metric,unit,factor,simulated,median,min,max,"
          "spread,noisy,samples,note%s\r\n",
          comparison ? ",before,change_percent,verdict" : "");
  for (size_t i = 0; i < result->rows.count; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    put_key(file, row);
    put_samples(file, row);
    if (comparison) {
      put_change(file, bench_change_of(comparison, row));
    }
    (void)fputs("\r\n", file);
  }
  for (size_t i = 0; comparison && i < comparison->count; i++) {
    if (!comparison->changes[i].now) {
      put_key(file, comparison->changes[i].before);
      (void)fputs(",,,,,,", file);
      put_change(file, &comparison->changes[i]);
      (void)fputs("\r\n", file);
    }
  }
}

const struct bench_format_writer bench_csv_writer = {
    .extension = "csv", .end = end, .comparison = end};
