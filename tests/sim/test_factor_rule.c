/*
 * The rule that moves the factor, over months in worlds of senders, spammers and reporters
 * (bench/factor_world.h): it does not oscillate, does not sink under attack, and a fifth of false
 * reporters does not capture it.
 *
 *     test_factor_rule_holds_over_24_months [SEEDS [FIRST]]
 *
 * FRANK_TEST_SCALE multiplies the number of seeds. The same seed gives the same days anywhere.
 */
#include "bench/factor_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bench_factor_day days[BENCH_FACTOR_DAYS_MAX];
static struct bench_factor_day honest[BENCH_FACTOR_DAYS_MAX];

static int complain(const struct bench_factor_scenario *scenario, uint64_t seed, const char *what,
                    double figure)
{
  printf("FAIL %s, seed %llu: %s (%g)\n", scenario->name, (unsigned long long)seed, what, figure);
  return 1;
}

static int check(const struct bench_factor_scenario *scenario, uint64_t seed)
{
  struct bench_factor_verdict v;
  struct bench_factor_scenario without = *scenario;
  without.lie = BENCH_FACTOR_HONEST;
  bool has_lies = scenario->lie != BENCH_FACTOR_HONEST;
  if (bench_factor_run(scenario, NULL, seed, days) != FRANK_OK ||
      (has_lies && bench_factor_run(&without, NULL, seed, honest) != FRANK_OK)) {
    return complain(scenario, seed, "cannot be run", 0);
  }
  bench_factor_judge(scenario, days, has_lies ? honest : NULL, &v);
  if (scenario->expects_capture) {
    return 0;
  }
  int failures = 0;
  failures +=
      v.oscillates ? complain(scenario, seed, "it oscillates, widest swing", v.widest_swing) : 0;
  failures += v.sunk_under_attack > 0
                  ? complain(scenario, seed, "it sank under attack, times", v.sunk_under_attack)
                  : 0;
  failures +=
      v.captured ? complain(scenario, seed, "false reporters pulled it, bits", v.pulled) : 0;
  return failures;
}

/* A verdict that cannot fail says nothing: each of the rule's parts is taken out, and must be
 * missed. */
static int check_that_verdicts_can_fail(void)
{
  static const struct {
    const char *scenario;
    const char *text;
    double hold_s, trim_share, reporter_most;
    uint64_t seed;
  } rows[] = {
      {"one-spammer", "without a hold it oscillates", 0, 1.0 / 3, 4.0 / 3, 1},
      {"false-up", "without trimming it is captured", 180 * 86400.0, 0, 4.0 / 3, 1},
      {"false-up", "without a cap it is captured", 180 * 86400.0, 1.0 / 3, 1e9, 1},
  };
  int failures = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct bench_factor_scenario *scenario = bench_factor_scenario_find(rows[i].scenario);
    struct bench_factor_scenario without = *scenario;
    struct frank_estimate_config config;
    struct bench_factor_verdict v = {0};
    frank_estimate_config_init(&config);
    config.hold_s = rows[i].hold_s;
    config.trim_share = rows[i].trim_share;
    config.reporter_most = rows[i].reporter_most;
    without.lie = BENCH_FACTOR_HONEST;
    if (bench_factor_run(scenario, &config, rows[i].seed, days) != FRANK_OK ||
        bench_factor_run(&without, &config, rows[i].seed, honest) != FRANK_OK) {
      return complain(scenario, rows[i].seed, "cannot be run", 0);
    }
    bench_factor_judge(scenario, days, honest, &v);
    if (!v.oscillates && !v.captured) {
      failures += complain(scenario, rows[i].seed, rows[i].text, v.widest_swing);
    }
  }
  return failures;
}

static int check_that_a_seed_replays(void)
{
  const struct bench_factor_scenario *scenario = bench_factor_scenario_find("steady");
  if (bench_factor_run(scenario, NULL, 7, days) != FRANK_OK ||
      bench_factor_run(scenario, NULL, 7, honest) != FRANK_OK) {
    return complain(scenario, 7, "cannot be run", 0);
  }
  for (unsigned i = 0; i < scenario->days; i++) {
    if (days[i].factor != honest[i].factor || days[i].true_share != honest[i].true_share) {
      return complain(scenario, 7, "the same seed gives another day", i);
    }
  }
  return 0;
}

int main(int argc, char **argv)
{
  const char *scale = getenv("FRANK_TEST_SCALE");
  unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : 3;
  unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  seeds *= scale ? strtoul(scale, NULL, 10) : 1;
  seeds = seeds > 100 ? 100 : seeds;
  int failures = check_that_a_seed_replays() + check_that_verdicts_can_fail();
  for (size_t i = 0; i < bench_factor_scenario_count; i++) {
    /* Ten years take ten times as long: one seed will do. */
    bool is_long = bench_factor_scenarios[i].days > 2000;
    for (unsigned long k = 0; k < (is_long ? 1 : seeds); k++) {
      failures += check(&bench_factor_scenarios[i], first + k);
    }
  }
  printf("%zu worlds, %lu seeds from %lu on: %d failures\n", bench_factor_scenario_count, seeds,
         first, failures);
  return failures > 0;
}
