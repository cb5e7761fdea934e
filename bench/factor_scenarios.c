/*
 * The worlds of the simulation, and where their figures come from.
 *
 * Sourced:
 * - A GPU: hashcat 6.2.6, mode 1400 (SHA-256), on one RTX 4090: 21,975 MH/s (C. Hillier's published
 *   benchmark, 2022). A stamp on an RSA-2048 signature takes 6 blocks (proof/plan.h): 3.66 G/s.
 * - The reference core: 5.3 M/s, bench/README.md (SHA-NI, RSA-2048), taken as 5 M/s.
 * - What a spam brings: C. Kanich et al., "Spamalytics", CCS 2008: 2,732 dollars from 350 million
 *   mails sent: 7.8e-6 dollars each. It is the scenario `rich`.
 * Assumed:
 * - A rented GPU of this kind: 0.35 dollars an hour; a rented core: 0.01 dollars an hour. Prices of
 *   the same work halve in 2.5 years.
 * - What a stamp adds to what a spam brings: 3e-7 dollars for the middle spammer, by a lognormal
 *   law with sigma 0.7 (1 of 200 has six times as much).
 * - All spammers together would send 5 mails for each stamped ham.
 * - Reporters' sizes: lognormal, sigma 1.2, median 150 stamped hams a day. They call 0.05% of ham
 *   spam and 2% of spam ham (factor_world.c).
 * - A botnet: 100,000 hosts of 2 M/s each; these reporters see a thousandth of all mail.
 */
#include "bench/factor_world.h"

#include <string.h>

#define HALVES                    (2.5 * 365.25)
#define START                     (UINT64_C(1) << 24)
#define DURING(day_count, factor) .days = (day_count), .first_factor = (factor)
#define TELL(count, median, spread)                                                                \
  .reporters = (count), .reporter_median = (median), .reporter_spread = (spread)
#define SPAM(count, median, spread, halves)                                                        \
  .spammers = (count), .spam_to_ham = 5, .revenue_median = (median), .revenue_spread = (spread),   \
  .gpu_price_halves_days = (halves)
#define LIE(share, largest, how, from)                                                             \
  .false_share = (share), .false_are_large = (largest), .lie = (how),                              \
  .lying = {(from), BENCH_FACTOR_DAYS_MAX}
#define BOTNET          .botnet = {300, 390}, .botnet_hps = 2e11, .botnet_seen_share = 1e-3
#define USUAL_TIME      DURING(730, START)
#define USUAL_REPORTERS TELL(60, 150, 1.2)
#define USUAL_SPAM      SPAM(200, 3e-7, 0.7, HALVES)

const struct bench_factor_scenario bench_factor_scenarios[] = {
    {.name = "steady",
     .text = "prices fall, and nothing else happens",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM},
    {.name = "years",
     .text = "the same for ten years",
     DURING(3650, START),
     USUAL_REPORTERS,
     USUAL_SPAM},
    {.name = "from-above",
     .text = "it starts at five times what is needed",
     DURING(730, UINT64_C(500000000)),
     USUAL_REPORTERS,
     USUAL_SPAM},
    {.name = "one-spammer",
     .text = "one large spammer alone, who mails as soon as it pays",
     USUAL_TIME,
     USUAL_REPORTERS,
     SPAM(1, 1e-6, 0, HALVES)},
    {.name = "alike",
     .text = "all spammers earn the same to within 5%",
     USUAL_TIME,
     USUAL_REPORTERS,
     SPAM(200, 1e-6, 0.05, HALVES)},
    {.name = "botnet",
     .text = "a botnet mails for 90 days with stolen CPUs",
     DURING(1095, START),
     USUAL_REPORTERS,
     USUAL_SPAM,
     BOTNET},
    {.name = "gpu-farm",
     .text = "a fifth of the spammers gets hardware at a third, to stay",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     .farm = {300, BENCH_FACTOR_DAYS_MAX},
     .farm_share = 0.2,
     .farm_cheaper = 3},
    {.name = "price-crash",
     .text = "prices of hardware halve every year",
     USUAL_TIME,
     USUAL_REPORTERS,
     SPAM(200, 3e-7, 0.7, 365.25)},
    {.name = "rich",
     .text = "spam brings what Kanich et al. measured: the ceiling holds it",
     USUAL_TIME,
     USUAL_REPORTERS,
     SPAM(200, 7.8e-6, 0.7, HALVES)},
    {.name = "no-spam",
     .text = "nobody spams: it sinks to the floor",
     USUAL_TIME,
     USUAL_REPORTERS,
     SPAM(0, 0, 0, HALVES)},
    {.name = "false-up",
     .text = "20% of the reporters, the largest, say that all is spam",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.2, true, BENCH_FACTOR_ALL_SPAM, 0)},
    {.name = "false-down",
     .text = "20%, the largest, say that all is ham",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.2, true, BENCH_FACTOR_ALL_HAM, 0)},
    {.name = "false-turns",
     .text = "20%, the largest, say the one and the other in turn",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.2, true, BENCH_FACTOR_TURNS, 0)},
    {.name = "false-any",
     .text = "20% of any size say that all is spam, from day 300 on",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.2, false, BENCH_FACTOR_ALL_SPAM, 300)},
    {.name = "false-cover",
     .text = "20% say that all is ham, also while a botnet mails",
     DURING(1095, START),
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.2, true, BENCH_FACTOR_ALL_HAM, 0),
     BOTNET},
    {.name = "false-ten",
     .text = "2 of only 10 reporters say that all is spam",
     USUAL_TIME,
     TELL(10, 150, 1.2),
     USUAL_SPAM,
     LIE(0.2, true, BENCH_FACTOR_ALL_SPAM, 0)},
    {.name = "false-30-up",
     .text = "30% say that all is spam: more than is promised",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.3, true, BENCH_FACTOR_ALL_SPAM, 0),
     .expects_capture = true},
    {.name = "false-30-down",
     .text = "30% say that all is ham: more than is promised",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     LIE(0.3, true, BENCH_FACTOR_ALL_HAM, 0),
     .expects_capture = true},
    {.name = "small",
     .text = "20 small reporters: few data",
     USUAL_TIME,
     TELL(20, 30, 0.5),
     USUAL_SPAM},
    {.name = "local",
     .text = "one server alone, from its own mail: 100 stamped hams a day",
     USUAL_TIME,
     TELL(1, 100, 0),
     USUAL_SPAM},
    {.name = "outage",
     .text = "the authority takes no step for 60 days",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     .outage = {300, 360}},
    {.name = "silence",
     .text = "no report comes in for 60 days",
     USUAL_TIME,
     USUAL_REPORTERS,
     USUAL_SPAM,
     .silence = {300, 360}},
};
const size_t bench_factor_scenario_count =
    sizeof bench_factor_scenarios / sizeof bench_factor_scenarios[0];

const struct bench_factor_scenario *bench_factor_scenario_find(const char *name)
{
  for (size_t i = 0; i < bench_factor_scenario_count; i++) {
    if (strcmp(bench_factor_scenarios[i].name, name) == 0) {
      return &bench_factor_scenarios[i];
    }
  }
  return NULL;
}
