/*
 * The figures that frank-bench prints are those of the values it was given, and the signatures that
 * it makes up are ones that frankd takes.
 */
#include "bench/shape.h"
#include "bench/stats.h"
#include "proof/base64.h"
#include "proof/msmr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void median_and_spread_are_of_the_values(void **state)
{
  (void)state;
  const double odd[] = {5, 1, 3};
  const double even[] = {8, 2, 4, 6};
  const double one[] = {7};
  const double zeros[] = {0, 0};
  struct bench_summary summary = bench_summarise(odd, 3);
  assert_true(summary.median == 3 && summary.min == 1 && summary.max == 5);
  assert_float_equal(summary.spread, 4.0 / 3, 1e-12);
  summary = bench_summarise(even, 4);
  assert_true(summary.median == 5 && summary.min == 2 && summary.max == 8);
  summary = bench_summarise(one, 1);
  assert_true(summary.median == 7 && summary.min == 7 && summary.max == 7 && summary.spread == 0);
  assert_true(bench_summarise(zeros, 2).spread == 0);
}

static int compare(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a;
  uint64_t y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Against the sorted values themselves, over times of every size. */
static void percentiles_are_right_to_a_sixty_fourth(void **state)
{
  (void)state;
  enum { COUNT = 5000 };
  static uint64_t values[COUNT];
  static struct bench_histogram histogram;
  struct bench_random random = {.state = 20261122};
  memset(&histogram, 0, sizeof histogram);
  assert_int_equal(bench_histogram_at(&histogram, 0.5), 0);
  for (size_t i = 0; i < COUNT; i++) {
    values[i] = bench_random_next(&random) >> (24 + bench_random_next(&random) % 40);
    bench_histogram_add(&histogram, values[i]);
  }
  qsort(values, COUNT, sizeof values[0], compare);
  for (size_t rank = 1; rank <= COUNT; rank++) {
    uint64_t got = bench_histogram_at(&histogram, ((double)rank - 0.5) / COUNT);
    assert_true(got >= values[rank - 1]);
    assert_true(got - values[rank - 1] <= values[rank - 1] / 64);
  }
  assert_true(bench_histogram_at(&histogram, 1.0) >= values[COUNT - 1]);
  bench_histogram_add(&histogram, UINT64_MAX); /* beyond its range: counted, in the last step */
  assert_int_equal(histogram.count, COUNT + 1);
}

static void mean_and_its_error_are_of_the_values(void **state)
{
  (void)state;
  const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
  const double one[] = {3};
  struct bench_mean mean = bench_mean_of(values, 8);
  assert_float_equal(mean.mean, 5, 1e-12);
  assert_float_equal(mean.error, sqrt(32.0 / 7 / 8), 1e-12);
  mean = bench_mean_of(one, 1);
  assert_true(mean.mean == 3 && mean.error == 0);
}

static void quantiles_are_of_the_values(void **state)
{
  (void)state;
  double values[100];
  for (size_t i = 0; i < 100; i++) {
    values[i] = (double)((i * 37) % 100) + 1; /* 1 to 100 in some order */
  }
  assert_true(bench_quantile(values, 100, 0.95) == 95);
  assert_true(bench_quantile(values, 100, 0) == 1);
  assert_true(bench_quantile(values, 100, 1) == 100);
  assert_true(bench_quantile(values, 1, 0.5) == 1);
}

/* Against the law itself: after so many attempts the share is reached, and not one attempt before;
 * and against searches that were made up by chance. */
static void the_law_is_the_geometric_one(void **state)
{
  (void)state;
  static const uint64_t factors[] = {1, 2, 16, 1000, 1 << 20};
  for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
    double miss = 1 - 1 / (double)factors[i];
    double attempts = bench_law_quantile_us(factors[i], 1e6, 0.95);
    assert_float_equal(attempts, floor(attempts + 0.5), 1e-3);
    assert_true(1 - pow(miss, attempts) >= 0.95 - 1e-9);
    assert_true(attempts == 1 || 1 - pow(miss, attempts - 1) < 0.95);
    assert_float_equal(bench_law_mean_us(factors[i], 2e6), (double)factors[i] / 2, 1e-9);
  }
  enum { SEARCHES = 20000, FACTOR = 64 };
  static double times_us[SEARCHES];
  struct bench_random random = {.state = 20261126};
  for (size_t i = 0; i < SEARCHES; i++) {
    times_us[i] = 1; /* at a million attempts a second */
    while (bench_random_next(&random) % FACTOR != 0) {
      times_us[i]++;
    }
  }
  struct bench_mean mean = bench_mean_of(times_us, SEARCHES);
  assert_true(fabs(mean.mean - bench_law_mean_us(FACTOR, 1e6)) < 4 * mean.error);
  double p95 = bench_quantile(times_us, SEARCHES, 0.95);
  assert_true(fabs(p95 / bench_law_quantile_us(FACTOR, 1e6, 0.95) - 1) < 0.05);
}

static void signatures_made_up_are_canonical_and_never_the_same(void **state)
{
  (void)state;
  struct bench_random random;
  bench_random_init(&random);
  for (size_t i = 0; bench_shape_at(i); i++) {
    const struct bench_shape *shape = bench_shape_at(i);
    char b[BENCH_B_BYTES];
    char before[BENCH_B_BYTES] = "";
    uint8_t bytes[FRANK_BASE64_DECODED_MAX(BENCH_B_BYTES)];
    assert_ptr_equal(bench_shape_find(shape->name), shape);
    for (int k = 0; k < 200; k++) {
      size_t decoded = 0;
      const char *why = NULL;
      size_t len = bench_shape_b(shape, &random, b);
      assert_int_equal(len, strlen(b));
      assert_int_equal(len, bench_shape_b_len(shape));
      assert_int_equal(frank_base64_decode(b, len, bytes, &decoded, &why), FRANK_OK);
      assert_int_equal(decoded, shape->signature_bytes);
      assert_string_not_equal(b, before);
      memcpy(before, b, len + 1);
    }
  }
  assert_null(bench_shape_find("rsa512"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(median_and_spread_are_of_the_values),
      cmocka_unit_test(percentiles_are_right_to_a_sixty_fourth),
      cmocka_unit_test(mean_and_its_error_are_of_the_values),
      cmocka_unit_test(quantiles_are_of_the_values),
      cmocka_unit_test(the_law_is_the_geometric_one),
      cmocka_unit_test(signatures_made_up_are_canonical_and_never_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
