/*
 * report: what was measured in each round, summed up, as a table for people or as JSON lines.
 */
#ifndef FRANK_BENCH_REPORT_H
#define FRANK_BENCH_REPORT_H

#include "bench/bare.h"
#include "bench/daemon.h"
#include "bench/machine.h"
#include "bench/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_metric {
  BENCH_BARE_HPS,
  BENCH_DAEMON_HPS,
  BENCH_RATIO,
  BENCH_F1_RATE,
  BENCH_F1_P50,
  BENCH_F1_P99,
  BENCH_F16_RATE,
  BENCH_F16_P50,
  BENCH_F16_P99,
  BENCH_FRANKD_RSS,
  BENCH_DOOR_RSS,
  BENCH_METRICS
};

struct bench_report {
  bool json;
  struct bench_machine machine;
  const struct bench_shape *shape;
  uint32_t seconds;
  uint32_t rounds_planned;
  size_t rounds;          /* done */
  struct bench_bare bare; /* of the last round: model, variant, devices, blocks */
  double values[BENCH_METRICS][BENCH_ROUNDS_MAX];
  uint64_t checked;          /* right stamps, of all rounds */
  uint64_t queue_stamps_min; /* answers that the daemon's rate rests on, in the round with least */
};

/* Adds a round; with --json also writes its record (before the first: the machine's). */
void bench_report_round(struct bench_report *report, const struct bench_bare *bare,
                        const struct bench_daemon *daemon);

/* The end of a run that went well: the table, or the final record. At least one round. */
void bench_report_end(const struct bench_report *report);

/* The end of any other: one line on standard error, and with --json the final record
 * {"error":code,"message":...}. */
void bench_report_error(bool json, const char *code, const char *message);

#endif
