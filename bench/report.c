#include "bench/report.h"

#include "programs/term.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define ROUNDS_TO_COMPARE 3 /* fewer say nothing about the spread */
/* The searches under way at either end of the counting, a handful, make the rate uncertain by about
 * three in so many. */
#define STAMPS_TO_COMPARE 100
#define NAME_WIDTH        42
#define NUMBER_WIDTH      11

enum kind { KIND_RATE, KIND_RATIO, KIND_TIME_US, KIND_MEMORY_KIB };

/* spread_max: with a wider spread, two runs cannot be told apart by this figure; 0: it is not for
 * comparing. */
static const struct {
  const char *name; /* in JSON, with its unit */
  const char *text;
  enum kind kind;
  double spread_max;
} metrics[BENCH_METRICS] = {
    [BENCH_BARE_HPS] = {"bare_hps", "bare engines, attempts/s", KIND_RATE, 0.05},
    [BENCH_DAEMON_HPS] = {"daemon_hps", "daemon, 2^20, 1000 queued, attempts/s", KIND_RATE, 0.05},
    [BENCH_RATIO] = {"ratio", "daemon / bare, of the same round", KIND_RATIO, 0.05},
    [BENCH_F1_RATE] = {"factor1_stamps_per_s", "factor 1, 64 in flight, stamps/s", KIND_RATE, 0.1},
    [BENCH_F1_P50] = {"factor1_p50_us", "  time to a stamp, half of them", KIND_TIME_US, 0},
    [BENCH_F1_P99] = {"factor1_p99_us", "  time to a stamp, 99 of 100", KIND_TIME_US, 0},
    [BENCH_F16_RATE] = {"factor16_stamps_per_s", "factor 16, 64 in flight, stamps/s", KIND_RATE,
                        0.1},
    [BENCH_F16_P50] = {"factor16_p50_us", "  time to a stamp, half of them", KIND_TIME_US, 0},
    [BENCH_F16_P99] = {"factor16_p99_us", "  time to a stamp, 99 of 100", KIND_TIME_US, 0},
    [BENCH_FRANKD_RSS] = {"frankd_rss_kib", "frankd, 10,000 queued, resident", KIND_MEMORY_KIB, 0},
    [BENCH_DOOR_RSS] = {"door_rss_kib", "its door then, resident", KIND_MEMORY_KIB, 0},
};

static bool is_noisy(enum bench_metric metric, const struct bench_summary *summary)
{
  return metrics[metric].spread_max > 0 && summary->spread > metrics[metric].spread_max;
}

/* ---- JSON: one object per line ---- */

static void write_record(json_t *record)
{
  if (!record || json_dumpf(record, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) != 0) {
    (void)fputs("{\"error\":\"internal\",\"message\":\"no memory\"}", stdout);
  }
  (void)putchar('\n');
  (void)fflush(stdout);
  json_decref(record);
}

static void write_machine(const struct bench_report *report)
{
  const struct bench_machine *machine = &report->machine;
  const struct bench_bare *bare = &report->bare;
  write_record(json_pack(
      "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:f, s:s, s:I, s:I, s:I, s:I}", "record", "machine",
      "version", FRANK_VERSION, "compiler", COMPILER, "date", machine->date, "cpu", bare->model,
      "cpus", (json_int_t)machine->cpus, "devices", (json_int_t)bare->devices, "kernel",
      machine->kernel, "load", machine->load, "variant", bare->variant, "rounds",
      (json_int_t)report->rounds_planned, "seconds", (json_int_t)report->seconds, "b_bytes",
      (json_int_t)bench_shape_b_len(report->shape), "blocks", (json_int_t)bare->blocks));
}

static void write_round(const struct bench_report *report, uint64_t queue_stamps, uint64_t checked)
{
  json_t *record =
      json_pack("{s:s, s:I, s:s, s:I, s:I}", "record", "round", "round", (json_int_t)report->rounds,
                "shape", report->shape->name, "queue_stamps", (json_int_t)queue_stamps,
                "stamps_checked", (json_int_t)checked);
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    double value = report->values[i][report->rounds - 1];
    (void)json_object_set_new(record, metrics[i].name, json_real(value));
  }
  write_record(record);
}

static void write_final(const struct bench_report *report, bool comparable)
{
  json_t *figures = json_object();
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    struct bench_summary summary = bench_summarise(report->values[i], report->rounds);
    (void)json_object_set_new(figures, metrics[i].name,
                              json_pack("{s:f, s:f, s:f, s:f, s:b}", "median", summary.median,
                                        "min", summary.min, "max", summary.max, "spread",
                                        summary.spread, "noisy",
                                        is_noisy((enum bench_metric)i, &summary)));
  }
  write_record(json_pack("{s:s, s:s, s:I, s:I, s:o, s:b}", "record", "final", "shape",
                         report->shape->name, "rounds", (json_int_t)report->rounds,
                         "stamps_checked", (json_int_t)report->checked, "metrics", figures,
                         "comparable", comparable));
}

/* ---- the table ---- */

static const char *format_value(enum kind kind, double value, char text[FRANK_TERM_NUMBER_BYTES])
{
  switch (kind) {
  case KIND_RATE:
    return frank_term_count(value, text);
  case KIND_RATIO:
    (void)snprintf(text, FRANK_TERM_NUMBER_BYTES, "%.3f", value);
    break;
  case KIND_TIME_US:
    (void)snprintf(text, FRANK_TERM_NUMBER_BYTES, "%.2f ms", value / 1e3);
    break;
  case KIND_MEMORY_KIB:
    (void)snprintf(text, FRANK_TERM_NUMBER_BYTES, "%.1f MiB", value / 1024);
    break;
  }
  return text;
}

static void print_head(const struct bench_report *report)
{
  const struct bench_machine *machine = &report->machine;
  const struct bench_bare *bare = &report->bare;
  printf("frank-bench " FRANK_VERSION " --daemon, %s\n", machine->date);
  printf("machine  %s, %zu of %ld cores, %s, load %.2f before\n", bare->model, bare->devices,
         machine->cpus, machine->kernel, machine->load);
  printf("engine   cpu, variant %s; compiled by %s\n", bare->variant, COMPILER);
  printf("work     %s: b of %zu characters, %u compressions per attempt; %zu round%s of %u s\n\n",
         report->shape->text, bench_shape_b_len(report->shape), (unsigned)bare->blocks,
         report->rounds, report->rounds == 1 ? "" : "s", (unsigned)report->seconds);
}

static void print_row(const struct bench_report *report, enum bench_metric i)
{
  struct bench_summary summary = bench_summarise(report->values[i], report->rounds);
  const double columns[] = {summary.median, summary.min, summary.max};
  printf("%-*s", NAME_WIDTH, metrics[i].text);
  for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
    char text[FRANK_TERM_NUMBER_BYTES];
    printf("%*s", NUMBER_WIDTH, format_value(metrics[i].kind, columns[k], text));
  }
  printf("%*.1f%%%s\n", NUMBER_WIDTH - 1, summary.spread * 100,
         is_noisy(i, &summary) ? "  too wide" : "");
}

static void print_table(const struct bench_report *report, bool comparable)
{
  print_head(report);
  printf("%-*s%*s%*s%*s%*s\n", NAME_WIDTH, "", NUMBER_WIDTH, "median", NUMBER_WIDTH, "min",
         NUMBER_WIDTH, "max", NUMBER_WIDTH, "spread");
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    print_row(report, (enum bench_metric)i);
  }
  printf("\n%" PRIu64 " stamps were checked, all are right.\n", report->checked);
  if (report->rounds < ROUNDS_TO_COMPARE) {
    printf("Not for comparing: %zu round%s not say how far the figures spread; run %d or more.\n",
           report->rounds, report->rounds == 1 ? " does" : "s do", ROUNDS_TO_COMPARE);
  } else if (report->queue_stamps_min < STAMPS_TO_COMPARE) {
    printf("Not for comparing: only %" PRIu64 " stamps of factor 2^20 in a round, %d are needed: "
           "raise --seconds.\n",
           report->queue_stamps_min, STAMPS_TO_COMPARE);
  } else if (!comparable) {
    puts(
        "Not for comparing: the rounds differ too much, where it says \"too wide\". Something else "
        "ran on\nthis machine, or its clock changed.");
  }
}

/* ---- the report ---- */

void bench_report_round(struct bench_report *report, const struct bench_bare *bare,
                        const struct bench_daemon *daemon)
{
  const struct bench_overhead *f1 = &daemon->overhead[BENCH_OVERHEAD_F1];
  const struct bench_overhead *f16 = &daemon->overhead[BENCH_OVERHEAD_F16];
  const double values[BENCH_METRICS] = {
      [BENCH_BARE_HPS] = bare->rate_hps,
      [BENCH_DAEMON_HPS] = daemon->useful_hps,
      [BENCH_RATIO] = daemon->useful_hps / bare->rate_hps,
      [BENCH_F1_RATE] = f1->stamps_per_s,
      [BENCH_F1_P50] = f1->p50_us,
      [BENCH_F1_P99] = f1->p99_us,
      [BENCH_F16_RATE] = f16->stamps_per_s,
      [BENCH_F16_P50] = f16->p50_us,
      [BENCH_F16_P99] = f16->p99_us,
      [BENCH_FRANKD_RSS] = (double)daemon->frankd_kib,
      [BENCH_DOOR_RSS] = (double)daemon->door_kib,
  };
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    report->values[i][report->rounds] = values[i];
  }
  if (report->rounds == 0 || daemon->queue_stamps < report->queue_stamps_min) {
    report->queue_stamps_min = daemon->queue_stamps;
  }
  report->bare = *bare;
  report->rounds++;
  report->checked += daemon->checked;
  if (report->json && report->rounds == 1) {
    write_machine(report);
  }
  if (report->json) {
    write_round(report, daemon->queue_stamps, daemon->checked);
  }
}

void bench_report_end(const struct bench_report *report)
{
  bool comparable =
      report->rounds >= ROUNDS_TO_COMPARE && report->queue_stamps_min >= STAMPS_TO_COMPARE;
  for (size_t i = 0; i < BENCH_METRICS; i++) {
    struct bench_summary summary = bench_summarise(report->values[i], report->rounds);
    comparable = comparable && !is_noisy((enum bench_metric)i, &summary);
  }
  if (report->json) {
    write_final(report, comparable);
  } else {
    print_table(report, comparable);
  }
}

void bench_report_error(bool json, const char *code, const char *message)
{
  fprintf(stderr, "frank-bench: %s\n", message);
  if (json) {
    json_t *record = json_pack("{s:s, s:s}", "error", code, "message", message);
    /* Not UTF-8: an argument of the caller's. */
    write_record(record ? record : json_pack("{s:s, s:s}", "error", code, "message", code));
  }
}
