/*
 * progress: one line on a terminal that says what is being measured and how long it may yet take;
 * nothing on anything else.
 *
 * The estimate takes the plan of the whole run, and the pace at which it was kept so far.
 */
#ifndef FRANK_BENCH_PROGRESS_H
#define FRANK_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct bench_progress {
  bool shown;
  uint32_t round;
  uint32_t rounds;
  char shape[32];   /* being measured */
  double planned_s; /* of the whole run */
  double done_s;    /* of the plan: parts that are over */
  uint64_t start_us;
};

void bench_progress_begin(struct bench_progress *progress, uint32_t rounds, double planned_s);
/* What is being measured now. */
void bench_progress_show(const struct bench_progress *progress, const char *text);
/* Seconds that are left, of the plan and by the pace so far; pure. */
double bench_progress_left_s(const struct bench_progress *progress, uint64_t now_us);
void bench_progress_end(const struct bench_progress *progress);

#endif
