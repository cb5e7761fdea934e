/*
 * The estimate: its bounds against known answers, and each promise of the rule.
 */
#include "factor/estimate.h"

#include "bounds.h"
#include "proof/target.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S INT64_C(86400)

static void bounds_are_the_known_ones(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
    double low = -1;
    double high = -1;
    frank_estimate_bounds(bounds[i].hits, bounds[i].tries, 0.95, &low, &high);
    if (fabs(low - bounds[i].low) > 1e-9 * bounds[i].low + 1e-14 ||
        fabs(high - bounds[i].high) > 1e-9 * bounds[i].high + 1e-14) {
      print_error("%g of %g: %.13g to %.13g, not %.13g to %.13g\n", bounds[i].hits, bounds[i].tries,
                  low, high, bounds[i].low, bounds[i].high);
      fail();
    }
  }
}

static void bounds_without_data_say_nothing(void **state)
{
  (void)state;
  double low = -1;
  double high = -1;
  frank_estimate_bounds(0, 0, 0.95, &low, &high);
  assert_true(low == 0 && high == 1);
}

/* Large sums must not take the fraction beyond its terms: checked by what bounds are. */
static void bounds_narrow_with_data(void **state)
{
  (void)state;
  double before = 1;
  for (int digits = 2; digits < 10; digits++) {
    double tries = pow(10, digits);
    double low = 0;
    double high = 0;
    frank_estimate_bounds(tries / 100, tries, 0.95, &low, &high);
    assert_true(low < 0.01 && high > 0.01);
    assert_true(high - low < before);
    /* The normal law's width, within its own error. */
    double width = 2 * 1.959964 * sqrt(0.01 * 0.99 / tries);
    assert_true(tries < 1e5 || fabs((high - low) / width - 1) < 0.01);
    before = high - low;
  }
}

/* ---- the rule ---- */

static struct frank_estimate step(uint64_t factor, double wanted, uint64_t risen_from,
                                  const struct frank_observations_sum *sums, size_t count)
{
  struct frank_estimate_config config;
  struct frank_estimate out;
  frank_estimate_config_init(&config);
  const struct frank_estimate_past past = {
      .factor = factor, .wanted = wanted, .risen_from = risen_from};
  assert_int_equal(frank_estimate_step(&config, &past, sums, count, &out), FRANK_OK);
  return out;
}

static struct frank_observations_sum says(double ham, double spam)
{
  return (struct frank_observations_sum){
      .ham = ham, .spam = spam, .stamped = 10000, .is_fresh = true};
}

static struct frank_estimate step_one(uint64_t factor, double wanted, double ham, double spam)
{
  const struct frank_observations_sum sum = says(ham, spam);
  return step(factor, wanted, 0, &sum, 1);
}

static void rises_above_one_percent(void **state)
{
  (void)state;
  struct frank_estimate e = step_one(10000000, 0, 9000, 1000);
  assert_int_equal(e.limit, FRANK_ESTIMATE_RISES);
  assert_true(e.publish);
  assert_int_equal(e.factor, 20000000); /* x2 and no more */
  /* 1.2% of many: by a little, not enough to be published, and kept for the next step. */
  e = step_one(10000000, 0, 98800, 1200);
  assert_int_equal(e.limit, FRANK_ESTIMATE_UNPUBLISHED);
  assert_false(e.publish);
  assert_int_equal(e.factor, 10000000);
  assert_true(e.wanted > 11000000 && e.wanted < 11500000);
  e = step_one(10000000, e.wanted, 98800, 1200);
  assert_int_equal(e.limit, FRANK_ESTIMATE_RISES);
  assert_true(e.publish && e.factor >= 11500000 && e.factor < 14000000);
}

static void sinks_below_a_quarter_percent(void **state)
{
  (void)state;
  uint64_t factor = 10000000;
  double wanted = 0;
  unsigned steps = 0;
  struct frank_estimate e;
  do {
    e = step_one(factor, wanted, 10000, 10);
    assert_true(steps == 0 || fabs(e.wanted / wanted - 0.97) < 1e-9);
    wanted = e.wanted;
    steps++;
  } while (!e.publish && steps < 100);
  assert_int_equal(steps, 6); /* 0.97^5 is 0.859, 0.97^6 is 0.833 */
  assert_int_equal(e.factor, (uint64_t)(10000000 * pow(0.97, 6) + 0.5));
}

static void stays_between_and_without_data(void **state)
{
  (void)state;
  struct frank_estimate e = step_one(10000000, 0, 99500, 500); /* 0.5% */
  assert_int_equal(e.limit, FRANK_ESTIMATE_STAYS);
  assert_true(e.wanted == 10000000 && !e.publish);
  e = step_one(10000000, 0, 50, 45); /* nearly half, but 95 messages */
  assert_int_equal(e.limit, FRANK_ESTIMATE_TOO_FEW);
  assert_true(e.wanted == 10000000 && !e.publish);
  e = step_one(10000000, 0, 1400, 0); /* none at all, but they do not prove 0.25% */
  assert_int_equal(e.limit, FRANK_ESTIMATE_STAYS);
  e = step_one(10000000, 0, 1500, 0);
  assert_int_equal(e.limit, FRANK_ESTIMATE_UNPUBLISHED);
  e = step(10000000, 0, 0, NULL, 0);
  assert_int_equal(e.limit, FRANK_ESTIMATE_TOO_FEW);
}

static void floor_and_ceiling_hold(void **state)
{
  (void)state;
  struct frank_estimate e = step_one(600000000, 0, 9000, 1000);
  assert_int_equal(e.ceiling, 600000000);
  assert_int_equal(e.limit, FRANK_ESTIMATE_AT_CEILING);
  assert_false(e.publish);
  e = step_one(400000000, 0, 9000, 1000);
  assert_true(e.publish);
  assert_int_equal(e.factor, 600000000);
  e = step_one(1000000, 0, 100000, 0);
  assert_int_equal(e.floor, 1000000);
  assert_int_equal(e.limit, FRANK_ESTIMATE_AT_FLOOR);
  assert_false(e.publish);
  /* A factor that somebody set below the floor. */
  e = step_one(1000, 0, 10, 0);
  assert_true(e.publish);
  assert_int_equal(e.factor, 1000000);
  assert_int_equal(e.limit, FRANK_ESTIMATE_AT_FLOOR); /* and not: it stays */
  e = step_one(FRANK_FACTOR_MAX, 0, 9000, 1000);
  assert_int_equal(e.factor, 600000000);
}

static void floor_rises_with_the_state_of_the_art(void **state)
{
  (void)state;
  int64_t start_s = INT64_C(1795305600);
  assert_true(frank_estimate_reference_hps(0) == 5e6);
  assert_true(frank_estimate_reference_hps(start_s) == 5e6);
  assert_true(fabs(frank_estimate_reference_hps(start_s + 157788000) / 1e7 - 1) < 1e-9);
}

static void it_does_not_sink_to_what_it_rose_from(void **state)
{
  (void)state;
  const struct frank_observations_sum sum = says(100000, 0);
  struct frank_estimate e = step(10000000, 0, 9000000, &sum, 1);
  assert_int_equal(e.limit, FRANK_ESTIMATE_HELD);
  assert_true(e.wanted == 10000000);
  double wanted = 0;
  for (int i = 0; i < 100; i++) {
    e = step(20000000, wanted, 9000000, &sum, 1);
    wanted = e.wanted;
  }
  assert_true(fabs(wanted - 1.25 * 9000000) < 1);
  /* It may rise all the same. */
  const struct frank_observations_sum bad = says(100, 900);
  assert_int_equal(step(10000000, 0, 9000000, &bad, 1).factor, 20000000);
}

static void look_back_finds_rise_and_climb(void **state)
{
  (void)state;
  struct frank_estimate_config config;
  struct frank_estimate_past past;
  frank_estimate_config_init(&config);
  struct frank_estimate_epoch epochs[] = {{100, 1 * DAY_S},  {90, 10 * DAY_S},  {180, 20 * DAY_S},
                                          {360, 21 * DAY_S}, {300, 30 * DAY_S}, {250, 40 * DAY_S}};
  frank_estimate_look_back(&config, epochs, 6, 50 * DAY_S, &past);
  assert_int_equal(past.factor, 250);
  assert_int_equal(past.risen_s, 21 * DAY_S);
  assert_int_equal(past.risen_from, 90);
  /* The hold ends 180 days after the rise; what came before the rise counts no more for good. */
  frank_estimate_look_back(&config, epochs, 6, (21 + 180) * DAY_S, &past);
  assert_int_equal(past.risen_s, 21 * DAY_S);
  assert_int_equal(past.risen_from, 0);
  frank_estimate_look_back(&config, epochs, 4, 22 * DAY_S, &past);
  assert_int_equal(past.factor, 360);
  assert_int_equal(past.risen_from, 90);
  frank_estimate_look_back(&config, epochs, 2, 11 * DAY_S, &past);
  assert_int_equal(past.risen_s, 0);
  assert_int_equal(past.risen_from, 0);
  frank_estimate_look_back(&config, epochs, 1, 11 * DAY_S, &past);
  assert_int_equal(past.factor, 100);
  assert_int_equal(past.risen_s, 0);
}

/* ---- reporters ---- */

#define MANY 40

/* `count` of MANY reporters lie, with the figures given; the others saw `share` of 1000. */
static struct frank_estimate against(size_t count, double ham, double spam, double share)
{
  struct frank_observations_sum sums[MANY];
  for (size_t i = 0; i < MANY; i++) {
    /* In any order: every fifth, say. */
    bool lies = i * count / MANY != (i + 1) * count / MANY;
    sums[i] = lies ? says(ham, spam) : says(1000 * (1 - share), 1000 * share);
  }
  return step(10000000, 0, 0, sums, MANY);
}

static void one_reporter_counts_for_a_set_share(void **state)
{
  (void)state;
  struct frank_estimate honest = against(0, 0, 0, 0.005);
  struct frank_estimate e = against(1, 0, 1e9, 0.005);
  assert_int_equal(e.capped, 1);
  assert_int_equal(e.reporters, MANY);
  assert_true(e.ham + e.spam < 1.05 * (honest.ham + honest.spam));
  assert_true(fabs(e.spam / (e.ham + e.spam) - 0.005) < 1e-9);
}

static void a_quarter_of_false_reporters_changes_nothing(void **state)
{
  (void)state;
  const double sizes[] = {100, 1000, 1e6};
  for (size_t k = 0; k < 3; k++) {
    for (size_t count = 1; count <= MANY / 4; count++) {
      assert_int_equal(against(count, 0, sizes[k], 0.0005).limit, FRANK_ESTIMATE_UNPUBLISHED);
      assert_true(against(count, 0, sizes[k], 0.0005).wanted < 10000000);
      assert_int_equal(against(count, 0, sizes[k], 0.005).limit, FRANK_ESTIMATE_STAYS);
      assert_int_equal(against(count, sizes[k], 0, 0.005).limit, FRANK_ESTIMATE_STAYS);
      assert_int_equal(against(count, sizes[k], 0, 0.05).limit, FRANK_ESTIMATE_RISES);
    }
  }
  /* Half of them are believed: that is what the promise ends at. */
  assert_int_equal(against(MANY / 2, 0, 1e6, 0.0005).limit, FRANK_ESTIMATE_RISES);
}

static void false_reporters_that_come_first_are_not_alone(void **state)
{
  (void)state;
  struct frank_observations_sum sums[MANY];
  for (size_t i = 0; i < MANY; i++) {
    sums[i] = (struct frank_observations_sum){.is_new = true};
    if (i < MANY / 5) {
      sums[i] = says(0, 1e6);
    }
  }
  struct frank_estimate e = step(10000000, 0, 0, sums, MANY);
  assert_int_equal(e.limit, FRANK_ESTIMATE_TOO_FEW);
  /* Nor after a rise, when the large honest ones have told little yet. */
  for (size_t i = MANY / 5; i < MANY; i++) {
    sums[i] = says(20, 0);
  }
  e = step(10000000, 0, 0, sums, MANY);
  assert_int_equal(e.limit, FRANK_ESTIMATE_TOO_FEW);
  assert_int_equal(e.heard, MANY / 5);
}

static void who_is_silent_is_not_heard(void **state)
{
  (void)state;
  struct frank_observations_sum sum = says(100000, 0);
  sum.is_fresh = false;
  assert_int_equal(step(10000000, 0, 0, &sum, 1).limit, FRANK_ESTIMATE_TOO_FEW);
}

static void one_server_alone_is_believed(void **state)
{
  (void)state;
  struct frank_estimate e = step_one(10000000, 0, 900, 100);
  assert_true(e.ham == 900 && e.spam == 100);
  assert_int_equal(e.capped, 0);
  assert_int_equal(e.limit, FRANK_ESTIMATE_RISES);
}

static void the_reason_has_the_figures(void **state)
{
  (void)state;
  struct frank_estimate e = step_one(10000000, 0, 900, 100);
  assert_non_null(strstr(e.reason, "rises"));
  assert_non_null(strstr(e.reason, "1000 messages"));
  for (int i = 0; i < FRANK_ESTIMATE_LIMIT_COUNT; i++) {
    assert_true(strlen(frank_estimate_limit_name((enum frank_estimate_limit)i)) > 0);
  }
  assert_string_equal(frank_estimate_limit_name(FRANK_ESTIMATE_LIMIT_COUNT), "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_are_the_known_ones),
      cmocka_unit_test(bounds_without_data_say_nothing),
      cmocka_unit_test(bounds_narrow_with_data),
      cmocka_unit_test(rises_above_one_percent),
      cmocka_unit_test(sinks_below_a_quarter_percent),
      cmocka_unit_test(stays_between_and_without_data),
      cmocka_unit_test(floor_and_ceiling_hold),
      cmocka_unit_test(floor_rises_with_the_state_of_the_art),
      cmocka_unit_test(it_does_not_sink_to_what_it_rose_from),
      cmocka_unit_test(look_back_finds_rise_and_climb),
      cmocka_unit_test(one_reporter_counts_for_a_set_share),
      cmocka_unit_test(a_quarter_of_false_reporters_changes_nothing),
      cmocka_unit_test(false_reporters_that_come_first_are_not_alone),
      cmocka_unit_test(who_is_silent_is_not_heard),
      cmocka_unit_test(one_server_alone_is_believed),
      cmocka_unit_test(the_reason_has_the_figures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
