/*
 * speed: short bursts of every variant in turn; the fastest of each counts.
 *
 * A burst is timed by the CPU time that it took. By the clock on the wall, a busy machine made the
 * second best of two look better now and then, and a daemon would have kept it for its whole life.
 */
#include "engine/cpu/speed.h"

#include "base/clock.h"
#include "proof/sha256.h"

#include <string.h>

/* Two plans, because the variants share out their work differently: the first block costs one with
 * the SHA instructions little more than a later one, one with lanes half as much again. */
#define SHORT_BLOCKS     2U
#define LONG_BLOCKS      6U
#define COUNTER_WORD     5U
#define SHORT_FOR_A_LONG (LONG_BLOCKS / SHORT_BLOCKS) /* as many compressions of each */

/* In turn, so that a moment of somebody else's work hits all alike; a burst is long enough for the
 * clock, and for vector units that a core powers up when they are asked for. */
#define TOTAL_US     20000U
#define ROUNDS       4U
#define BURST_MAX_US 1000U
/* On a CPU that others keep busy a worker's turn (it is nice) can be a second away: no new round
 * begins after this time. What each variant was tried with for its burst's length counts, too. */
#define WALL_LIMIT_US 100000U

/* A burst is a multiple of this many attempts with the long plan: full vectors for every variant.
 */
#define UNIT      64U
#define UNITS_MAX (1U << 20)

struct plans {
  struct frank_slice brief;
  struct frank_slice longer;
  uint32_t kw[(LONG_BLOCKS - 1) * 64];
};

/* What is hashed does not matter to the speed. Nothing is a hit. */
static void make_plans(struct plans *plans)
{
  memset(plans, 0, sizeof *plans);
  struct frank_slice *slice = &plans->longer;
  memcpy(slice->init, frank_sha256_h, sizeof slice->init);
  memcpy(slice->block, frank_sha256_k, sizeof slice->block);
  for (unsigned block = 0; block < LONG_BLOCKS - 1; block++) {
    frank_sha256_expand(slice->block, plans->kw + (size_t)block * 64);
  }
  slice->kw = plans->kw;
  slice->counter_word = COUNTER_WORD;
  slice->blocks = LONG_BLOCKS;
  plans->brief = *slice;
  plans->brief.blocks = SHORT_BLOCKS;
}

/* Microseconds of CPU time, at least 1, that `units` take. */
static double burst_us(const struct frank_cpu_variant *variant, struct plans *plans, uint32_t units)
{
  struct frank_scan scan;
  plans->longer.count = (uint64_t)units * UNIT;
  plans->brief.count = plans->longer.count * SHORT_FOR_A_LONG;
  uint64_t start_us = frank_clock_now_us();
  uint64_t start_cpu_us = frank_clock_cpu_us();
  memset(&scan, 0, sizeof scan);
  variant->scan(&plans->brief, &scan);
  memset(&scan, 0, sizeof scan);
  variant->scan(&plans->longer, &scan);
  uint64_t took_us = frank_clock_cpu_us() - start_cpu_us;
  if (took_us == 0) { /* counted in ticks */
    took_us = frank_clock_now_us() - start_us;
  }
  return took_us == 0 ? 1.0 : (double)took_us;
}

static double rate_cps(uint32_t units, double took_us)
{
  return (double)units * UNIT * 2 * LONG_BLOCKS * 1e6 / took_us;
}

/* As many units as take about `goal_us`, at least one; takes about as long itself. *cps is the rate
 * of the last burst that was tried. */
static uint32_t units_for(const struct frank_cpu_variant *variant, struct plans *plans,
                          double goal_us, double *cps)
{
  uint32_t units = 1;
  double took_us = burst_us(variant, plans, units);
  while (took_us < goal_us / 3 && units < UNITS_MAX) {
    units *= 2;
    took_us = burst_us(variant, plans, units);
  }
  *cps = rate_cps(units, took_us);
  double fit = (double)units * goal_us / took_us;
  return fit < 1 ? 1 : (uint32_t)fit;
}

void frank_cpu_speed_measure(uint32_t features, double rates_cps[FRANK_CPU_VARIANTS_MAX])
{
  const struct frank_cpu_variant *running[FRANK_CPU_VARIANTS_MAX];
  double *rates[FRANK_CPU_VARIANTS_MAX];
  uint32_t units[FRANK_CPU_VARIANTS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < FRANK_CPU_VARIANTS_MAX; i++) {
    const struct frank_cpu_variant *variant = frank_cpu_variant_at(i);
    rates_cps[i] = 0;
    if (variant != NULL && frank_cpu_variant_runs(variant, features)) {
      running[count] = variant;
      rates[count++] = &rates_cps[i];
    }
  }
  if (count < 2) {
    return;
  }
  double goal_us = (double)TOTAL_US / (double)((ROUNDS + 1) * count);
  if (goal_us > BURST_MAX_US) {
    goal_us = BURST_MAX_US;
  }
  struct plans plans;
  make_plans(&plans);
  uint64_t start_us = frank_clock_now_us();
  for (size_t i = 0; i < count; i++) {
    units[i] = units_for(running[i], &plans, goal_us, rates[i]);
  }
  for (unsigned round = 0; round < ROUNDS && frank_clock_now_us() - start_us < WALL_LIMIT_US;
       round++) {
    for (size_t i = 0; i < count; i++) {
      double cps = rate_cps(units[i], burst_us(running[i], &plans, units[i]));
      *rates[i] = cps > *rates[i] ? cps : *rates[i];
    }
  }
}
