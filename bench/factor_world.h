/*
 * factor_world: senders, spammers and reporters, day by day, under a factor that the real
 * estimation moves (factor/estimate.h). Deterministic by its seed. For bench/factor_sim and the
 * tests of the rule.
 *
 * A day: senders stamp for the factor in force; spammers mail where a mail brings more than a stamp
 * costs them; reporters tell what they got; the authority takes a step.
 */
#ifndef FRANK_BENCH_FACTOR_WORLD_H
#define FRANK_BENCH_FACTOR_WORLD_H

#include "base/err.h"
#include "factor/estimate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_FACTOR_DAYS_MAX      3650
#define BENCH_FACTOR_REPORTERS_MAX 400
#define BENCH_FACTOR_SPAMMERS_MAX  400

enum bench_factor_lie {
  BENCH_FACTOR_HONEST,
  BENCH_FACTOR_ALL_SPAM, /* says that all is spam: to drive the factor up */
  BENCH_FACTOR_ALL_HAM,  /* says that all is ham: to drive it down */
  BENCH_FACTOR_TURNS,    /* the one and the other, 30 days each: to make it swing */
};

/* From `first_day` to before `end_day`; both 0: never. */
struct bench_factor_span {
  unsigned first_day, end_day;
};

/* What the world is like. factor_scenarios.c has the figures and where they come from. */
struct bench_factor_scenario {
  const char *name;
  const char *text; /* what it asks */
  uint64_t first_factor;
  unsigned days;

  unsigned reporters;
  unsigned spammers;
  double reporter_median; /* stamped ham of the middle one, messages per day */
  double reporter_spread; /* sigma of the logarithm */
  double false_share;     /* of the reporters */
  struct bench_factor_span lying;
  enum bench_factor_lie lie;
  bool false_are_large; /* the largest ones; else any */
  bool expects_capture; /* beyond what the rule promises: shown, not judged */

  double spam_to_ham;    /* mail of all spammers together, if all were active, to stamped ham */
  double revenue_median; /* dollars that a stamped mail brings */
  double revenue_spread; /* sigma of the logarithm */
  double gpu_price_halves_days;

  struct bench_factor_span botnet;
  double botnet_hps;        /* stolen: its attempts cost nothing */
  double botnet_seen_share; /* of its mail that these reporters see */
  struct bench_factor_span farm;
  double farm_share;                /* of the spammers that get cheap hardware */
  double farm_cheaper;              /* how much cheaper */
  struct bench_factor_span outage;  /* no step is taken; reports still come in */
  struct bench_factor_span silence; /* no report comes in; steps are taken */
};

/* One day. */
struct bench_factor_day {
  uint64_t factor; /* in force */
  double wanted;
  double true_share; /* of spam among mail that meets the factor, as it really was */
  double wide_share; /* the same: two thirds of the reporters got so much, or more */
  double share_low, share_high;
  double counted; /* messages, after caps and trimming */
  uint32_t reporters, heard, capped;
  enum frank_estimate_limit limit;
  bool published;             /* a change, at the end of this day */
  unsigned active;            /* spammers */
  double gpu_million_dollars; /* a million stamps at spot prices of GPUs */
  double core_seconds;        /* one stamp on the reference core of 2026 */
};

/* Runs it; `days` has room for scenario->days. `config`: NULL for the defaults. FRANK_ERR_NOMEM;
 * FRANK_ERR_RANGE (a bound above). */
FRANK_MUST_CHECK enum frank_err bench_factor_run(const struct bench_factor_scenario *scenario,
                                                 const struct frank_estimate_config *config,
                                                 uint64_t seed, struct bench_factor_day *days);

/* ---- the figures (factor_scenarios.c) ---- */

extern const struct bench_factor_scenario bench_factor_scenarios[];
extern const size_t bench_factor_scenario_count;
/* NULL where there is none of this name. */
const struct bench_factor_scenario *bench_factor_scenario_find(const char *name);

/* Of rented GPUs on the first day: dollars for one attempt on an RSA-2048 signature. */
#define BENCH_FACTOR_GPU_HPS          3.66e9 /* see factor_scenarios.c */
#define BENCH_FACTOR_GPU_DOLLARS_HOUR 0.35
/* Of a rented core: the reference core at a cloud provider. */
#define BENCH_FACTOR_CORE_HPS          5e6
#define BENCH_FACTOR_CORE_DOLLARS_HOUR 0.01

/* ---- verdicts (factor_verdict.c) ---- */

struct bench_factor_verdict {
  /* In quiet time: not in the first 120 days, nor within 150 days after something began or ended,
   * nor within a year after a botnet. */
  unsigned quiet_days;
  unsigned turns;      /* of the published factor's direction */
  double widest_swing; /* from a low to the next high, or back: a ratio */
  bool oscillates;     /* a swing wider than a rise and a step of publication, or more turns than
                          one in 60 days */
  unsigned sunk_under_attack; /* publications of a lower factor while two thirds of the reporters
                                 got more than 1% of spam */
  double pulled;     /* mean of |log2(factor / factor without false reporters)|, last half */
  bool captured;     /* pulled by more than one rise, x2 */
  double spam_share; /* of all mail that met the factor, last half */
};
/* `honest` is a run of the same world without false reporters, NULL where there are none. */
void bench_factor_judge(const struct bench_factor_scenario *scenario,
                        const struct bench_factor_day *days, const struct bench_factor_day *honest,
                        struct bench_factor_verdict *out);

#endif
