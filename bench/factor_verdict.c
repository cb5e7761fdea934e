#include "bench/factor_world.h"

#include <math.h>

#define SETTLES_DAYS 120
#define AFTER_DAYS   150 /* of what changed and stays, or paused */
#define ATTACK_AFTER 360 /* of a botnet: what it sent decays, then the factor sinks */
#define TURN_EVERY   60
#define ATTACK_DAYS  7 /* over which the true share is taken */
#define ATTACK_SHARE 0.01
#define NOISE        0.02 /* of the logarithm to base 2: no move */

/* Between the beginning of a span, or its end, and `after` days later. */
static bool is_after(unsigned at, unsigned day, unsigned after)
{
  return at > 0 && day >= at && day < at + after;
}

static bool is_quiet(const struct bench_factor_scenario *s, unsigned day)
{
  const struct bench_factor_span pauses[] = {s->outage, s->silence, s->farm, s->lying};
  bool is_upset = is_after(s->botnet.first_day, day, s->botnet.end_day - s->botnet.first_day) ||
                  is_after(s->botnet.end_day, day, ATTACK_AFTER);
  for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
    is_upset = is_upset || is_after(pauses[i].first_day, day, AFTER_DAYS) ||
               is_after(pauses[i].end_day, day, AFTER_DAYS);
  }
  return day >= SETTLES_DAYS && !is_upset;
}

/* Turns of the factor, and its swings less the trend of prices, over the quiet days. */
static void judge_swings(const struct bench_factor_scenario *s, const struct bench_factor_day *days,
                         struct bench_factor_verdict *out)
{
  double extreme = 0; /* the last high or low */
  double last = 0;
  int direction = 0;
  bool has_last = false;
  out->widest_swing = 1;
  for (unsigned day = 0; day < s->days; day++) {
    if (!is_quiet(s, day)) {
      has_last = false;
      direction = 0;
      continue;
    }
    out->quiet_days++;
    double level = log2((double)days[day].factor);
    double trend = day / s->gpu_price_halves_days;
    if (!has_last) {
      last = level;
      extreme = level - trend;
      has_last = true;
      continue;
    }
    int moves = level > last + NOISE ? 1 : level < last - NOISE ? -1 : 0;
    if (moves != 0 && direction != 0 && moves != direction) {
      out->turns++;
      extreme = last - trend;
    }
    /* A way up or down counts as a swing where it came back: a trend has no way back. */
    if (moves != 0) {
      direction = moves;
      double swing = exp2(fabs(level - trend - extreme));
      out->widest_swing = out->turns > 0 ? fmax(out->widest_swing, swing) : out->widest_swing;
    }
    last = level;
  }
}

/* What two thirds of the reporters got over the last days, but not from before the factor last
 * rose: that was answered. */
static double attack(const struct bench_factor_day *days, unsigned day)
{
  double sum = 0;
  unsigned count = 0;
  do {
    sum += days[day - count].wide_share;
    count++;
  } while (count < ATTACK_DAYS && count <= day &&
           days[day - count].factor >= days[day - count + 1].factor);
  return sum / count;
}

void bench_factor_judge(const struct bench_factor_scenario *scenario,
                        const struct bench_factor_day *days, const struct bench_factor_day *honest,
                        struct bench_factor_verdict *out)
{
  struct frank_estimate_config config;
  frank_estimate_config_init(&config);
  *out = (struct bench_factor_verdict){0};
  judge_swings(scenario, days, out);
  out->oscillates = out->widest_swing >
                        config.raise_most * (1 + config.publish_from) / (1 - config.publish_from) ||
                    out->turns > out->quiet_days / TURN_EVERY + 1;
  unsigned half = scenario->days / 2;
  for (unsigned day = 0; day + 1 < scenario->days; day++) {
    out->sunk_under_attack +=
        days[day + 1].factor < days[day].factor && attack(days, day) > ATTACK_SHARE;
  }
  for (unsigned day = half; day < scenario->days; day++) {
    out->spam_share += days[day].true_share / (scenario->days - half);
    if (honest) {
      out->pulled += fabs(log2((double)days[day].factor / (double)honest[day].factor)) /
                     (scenario->days - half);
    }
  }
  out->captured = out->pulled > log2(config.raise_most);
}
