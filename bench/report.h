/*
 * report: a result for people or for programs: table, JSON lines, CSV, Markdown. Each format is a
 * row of one table; standard output has one of them, every --export file one more.
 */
#ifndef FRANK_BENCH_REPORT_H
#define FRANK_BENCH_REPORT_H

#include "bench/compare.h"
#include "bench/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_SCHEMA 1 /* of the JSON records; another number, other records */

enum bench_format {
  BENCH_FORMAT_TABLE,
  BENCH_FORMAT_JSON,
  BENCH_FORMAT_CSV,
  BENCH_FORMAT_MARKDOWN,
  BENCH_FORMATS
};

/* "json" for "figures.json"; false where the end of the name tells no format. */
bool bench_format_of_file(const char *path, enum bench_format *format);

/* Before the first round. */
void bench_report_begin(enum bench_format format, FILE *file, const struct bench_result *result);
/* After round result->rounds. */
void bench_report_round(enum bench_format format, FILE *file, const struct bench_result *result);
/* The end of a run that went well, with at least one round. comparison may be NULL. */
void bench_report_end(enum bench_format format, FILE *file, const struct bench_result *result,
                      const struct bench_comparison *comparison);
/* Two earlier runs, nothing measured. */
void bench_report_comparison(enum bench_format format, FILE *file,
                             const struct bench_result *result,
                             const struct bench_comparison *comparison);
/* The end of any other: one line on standard error, and with JSON the final record
 * {"record":"error","error":code,"message":...} on standard output. */
void bench_report_error(enum bench_format format, const char *code, const char *message);

/* ---- for the files of this module ---- */

struct bench_format_writer {
  const char *extension;
  void (*begin)(FILE *file, const struct bench_result *result); /* may be NULL */
  void (*round)(FILE *file, const struct bench_result *result); /* may be NULL */
  void (*end)(FILE *file, const struct bench_result *result,
              const struct bench_comparison *comparison);
  void (*comparison)(FILE *file, const struct bench_result *result,
                     const struct bench_comparison *comparison);
};
extern const struct bench_format_writer bench_table_writer;
extern const struct bench_format_writer bench_json_writer;
extern const struct bench_format_writer bench_csv_writer;
extern const struct bench_format_writer bench_markdown_writer;

#define BENCH_VALUE_BYTES 32
/* A value with its unit, as people read it. */
const char *bench_format_value(enum bench_kind kind, double value, char text[BENCH_VALUE_BYTES]);
/* "attempts/s", "factor 16: stamps/s": what a row is, but for its subject and shape. */
const char *bench_format_metric(const struct bench_row *row, char *text, size_t size);

#endif
