#include "bench/progress.h"

#include "base/clock.h"
#include "programs/term.h"

#define PACE_AFTER_S 5 /* before, the pace so far says little */

void bench_progress_begin(struct bench_progress *progress, uint32_t rounds, double planned_s)
{
  *progress = (struct bench_progress){.shown = frank_term_has_progress(),
                                      .rounds = rounds,
                                      .planned_s = planned_s,
                                      .start_us = frank_clock_now_us()};
}

double bench_progress_left_s(const struct bench_progress *progress, uint64_t now_us)
{
  double elapsed_s = (double)(now_us - progress->start_us) / 1e6;
  double left_s = progress->planned_s - progress->done_s;
  if (left_s <= 0) {
    return 0;
  }
  if (elapsed_s < PACE_AFTER_S || progress->done_s <= 0) {
    return progress->done_s > 0 ? left_s : left_s > elapsed_s ? left_s - elapsed_s : 0;
  }
  return left_s * elapsed_s / progress->done_s;
}

void bench_progress_show(const struct bench_progress *progress, const char *text)
{
  char left[FRANK_TERM_NUMBER_BYTES];
  if (progress->shown) {
    frank_term_progress(
        "round %u of %u, %s: %s; about %s left", (unsigned)progress->round,
        (unsigned)progress->rounds, progress->shape, text,
        frank_term_seconds(bench_progress_left_s(progress, frank_clock_now_us()), left));
  }
}

void bench_progress_end(const struct bench_progress *progress)
{
  if (progress->shown) {
    frank_term_clear();
  }
}
