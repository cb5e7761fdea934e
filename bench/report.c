#include "bench/report.h"

#include "programs/term.h"

#include <inttypes.h>
#include <string.h>

static const struct bench_format_writer *const writers[BENCH_FORMATS] = {
    [BENCH_FORMAT_TABLE] = &bench_table_writer,
    [BENCH_FORMAT_JSON] = &bench_json_writer,
    [BENCH_FORMAT_CSV] = &bench_csv_writer,
    [BENCH_FORMAT_MARKDOWN] = &bench_markdown_writer,
};

bool bench_format_of_file(const char *path, enum bench_format *format)
{
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < BENCH_FORMATS; i++) {
    if (writers[i]->extension && strcmp(dot + 1, writers[i]->extension) == 0) {
      *format = (enum bench_format)i;
      return true;
    }
  }
  return false;
}

void bench_report_begin(enum bench_format format, FILE *file, const struct bench_result *result)
{
  if (writers[format]->begin) {
    writers[format]->begin(file, result);
  }
}

void bench_report_round(enum bench_format format, FILE *file, const struct bench_result *result)
{
  if (writers[format]->round) {
    writers[format]->round(file, result);
  }
}

void bench_report_end(enum bench_format format, FILE *file, const struct bench_result *result,
                      const struct bench_comparison *comparison)
{
  writers[format]->end(file, result, comparison);
}

void bench_report_comparison(enum bench_format format, FILE *file,
                             const struct bench_result *result,
                             const struct bench_comparison *comparison)
{
  writers[format]->comparison(file, result, comparison);
}

/* ---- words for people ---- */

const char *bench_format_value(enum bench_kind kind, double value, char text[BENCH_VALUE_BYTES])
{
  switch (kind) {
  case BENCH_KIND_COUNT: {
    char count[FRANK_TERM_NUMBER_BYTES];
    (void)snprintf(text, BENCH_VALUE_BYTES, "%s", frank_term_count(value, count));
    break;
  }
  case BENCH_KIND_RATIO:
    (void)snprintf(text, BENCH_VALUE_BYTES, "%.3f", value);
    break;
  case BENCH_KIND_SHARE:
    (void)snprintf(text, BENCH_VALUE_BYTES, "%.1f%%", value * 100);
    break;
  case BENCH_KIND_TIME:
    if (value < 10) {
      (void)snprintf(text, BENCH_VALUE_BYTES, "%.2f us", value);
    } else {
      (void)snprintf(text, BENCH_VALUE_BYTES, value < 1e6 ? "%.2f ms" : "%.0f ms", value / 1e3);
    }
    break;
  case BENCH_KIND_MEMORY:
    (void)snprintf(text, BENCH_VALUE_BYTES, "%.1f MiB", value / 1024);
    break;
  case BENCH_KIND_SMALL:
    (void)snprintf(text, BENCH_VALUE_BYTES, "%.4g", value);
    break;
  }
  return text;
}

const char *bench_format_metric(const struct bench_row *row, char *text, size_t size)
{
  const char *metric = bench_metric_info(row->key.metric)->text;
  if (row->key.factor > 0) {
    (void)snprintf(text, size, "factor %" PRIu64 ", %s", row->key.factor, metric);
  } else {
    (void)snprintf(text, size, "%s", metric);
  }
  return text;
}
