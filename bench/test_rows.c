/*
 * Samples find their rows, ratios are of the same round, and the verdict on two runs is the one of
 * the rule in compare.h.
 */
#include "bench/bench.h"
#include "bench/compare.h"
#include "bench/report.h"
#include "bench/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

bool bench_is_stopping(void)
{
  return false;
}

static struct bench_row_key key_of(const char *subject, const char *device, const char *variant,
                                   enum bench_metric metric)
{
  struct bench_row_key key = {.metric = metric};
  (void)snprintf(key.subject, sizeof key.subject, "%s", subject);
  (void)snprintf(key.device, sizeof key.device, "%s", device);
  (void)snprintf(key.variant, sizeof key.variant, "%s", variant);
  (void)snprintf(key.shape, sizeof key.shape, "ed25519");
  return key;
}

static struct bench_result *new_result(void)
{
  struct bench_result *result = bench_result_new();
  assert_non_null(result);
  return result;
}

static void samples_are_kept_by_round(void **state)
{
  (void)state;
  struct bench_result *result = new_result();
  struct bench_row_key key = key_of("cpu", "cpu", "avx512", BENCH_ATTEMPTS);
  double value = 0;
  assert_null(bench_rows_find(&result->rows, &key));
  struct bench_row *row = bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 1, 10);
  assert_non_null(row);
  assert_ptr_equal(bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 3, 20), row);
  assert_ptr_equal(bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 3, 30), row);
  assert_int_equal(row->count, 2); /* the second of round 3 took the first one's place */
  assert_true(bench_row_at(row, 3, &value) && value == 30);
  assert_false(bench_row_at(row, 2, &value));
  assert_true(bench_row_summary(row).median == 20);
  assert_true(bench_row_is_noisy(row));
  key.factor = 16;
  assert_null(bench_rows_find(&result->rows, &key));
  row = bench_rows_set(&result->rows, &key, BENCH_ROLE_DAEMON, 2, 5);
  assert_ptr_equal(bench_rows_set(&result->rows, &key, BENCH_ROLE_DAEMON, 4, 6), row);
  assert_true(row->count == 1 && row->samples[0] == 6 && row->rounds[0] == 4);
  bench_result_destroy(&result);
  assert_null(result);
}

static void a_full_table_says_so(void **state)
{
  (void)state;
  struct bench_result *result = new_result();
  struct bench_row_key key = key_of("cpu", "cpu", "", BENCH_ATTEMPTS);
  for (size_t i = 0; i < BENCH_ROWS_MAX; i++) {
    key.factor = i;
    assert_non_null(bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 1, 1));
  }
  assert_non_null(bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 2, 1));
  key.factor = BENCH_ROWS_MAX;
  assert_null(bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, 1, 1));
  bench_result_destroy(&result);
}

/* As a run marks them: what searches on the machine's cores, and what others are held against. */
static void mark(struct bench_result *result, size_t row, bool is_reference)
{
  result->rows.rows[row].on_cores = true;
  result->rows.rows[row].is_reference = is_reference;
}

/* A row with a rate in round 1 and, where it is not 0, in round 2. */
static void add_rate(struct bench_result *result, const char *subject, const char *device,
                     const char *variant, enum bench_role role, double first, double second)
{
  struct bench_row_key key = key_of(subject, device, variant, BENCH_ATTEMPTS);
  assert_non_null(bench_rows_add(&result->rows, &key, role, 1, first));
  if (second > 0) {
    assert_non_null(bench_rows_add(&result->rows, &key, role, 2, second));
  }
}

static void ratios_are_of_what_belongs_together_in_one_round(void **state)
{
  (void)state;
  struct bench_result *result = new_result();
  add_rate(result, "daemon", "cpu", "avx512", BENCH_ROLE_DAEMON, 90, 80);
  add_rate(result, "cpu", "cpu", "avx512", BENCH_ROLE_ENGINE, 100, 100);
  add_rate(result, "cpu", "cpu", "portable", BENCH_ROLE_ENGINE, 10, 10);
  add_rate(result, "cpu:0", "cpu:0", "avx512", BENCH_ROLE_ENGINE, 50, 50);
  add_rate(result, "hashcat", "", "", BENCH_ROLE_PEER, 30, 0);
  add_rate(result, "sim", "sim", "x", BENCH_ROLE_ENGINE, 1, 1);
  result->rows.rows[5].simulated = true;
  add_rate(result, "opencl", "opencl", "uint16x2", BENCH_ROLE_ENGINE, 80, 90);
  add_rate(result, "daemon", "opencl", "uint16x2", BENCH_ROLE_DAEMON, 60, 72);
  add_rate(result, "gpu", "gpu", "uint1x1", BENCH_ROLE_ENGINE, 9999, 9999); /* has its own units */
  for (size_t i = 0; i < 8; i++) {
    mark(result, i, i == 1);
  }
  size_t before = result->rows.count;
  assert_int_equal(bench_rows_add_ratios(&result->rows, "rsa1024", 1), FRANK_OK);
  assert_int_equal(result->rows.count, before); /* no rates of that shape */
  assert_int_equal(bench_rows_add_ratios(&result->rows, "ed25519", 1), FRANK_OK);
  assert_int_equal(bench_rows_add_ratios(&result->rows, "ed25519", 2), FRANK_OK);
  static const struct {
    const char *subject;
    const char *device;
    const char *variant;
    size_t count;
    double last;
  } wanted[] = {{"daemon/cpu", "cpu", "avx512", 2, 0.8},
                {"daemon/hashcat", "cpu", "avx512", 1, 3},
                {"cpu/hashcat", "cpu", "avx512", 1, 100.0 / 30},
                {"cpu/hashcat", "cpu", "portable", 1, 10.0 / 30},
                {"opencl/cpu", "opencl", "uint16x2", 2, 0.9},
                {"opencl/hashcat", "opencl", "uint16x2", 1, 80.0 / 30},
                {"daemon/opencl", "opencl", "uint16x2", 2, 0.8},
                {"daemon/hashcat", "opencl", "uint16x2", 1, 2}};
  assert_int_equal(result->rows.count, before + sizeof wanted / sizeof wanted[0]);
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    struct bench_row_key key =
        key_of(wanted[i].subject, wanted[i].device, wanted[i].variant, BENCH_RATIO);
    const struct bench_row *row = bench_rows_find(&result->rows, &key);
    assert_non_null(row);
    assert_int_equal(row->count, wanted[i].count);
    assert_float_equal(row->samples[row->count - 1], wanted[i].last, 1e-9);
  }
  bench_result_destroy(&result);
}

static void subjects_are_named_once(void **state)
{
  (void)state;
  static const struct {
    const char *subject;
    const char *device;
    enum bench_role role;
    const char *text;
  } cases[] = {{"cpu", "cpu", BENCH_ROLE_ENGINE, "cpu"},
               {"opencl", "opencl", BENCH_ROLE_ENGINE, "opencl"},
               {"daemon", "cpu", BENCH_ROLE_DAEMON, "daemon"},
               {"daemon", "opencl:0.0", BENCH_ROLE_DAEMON, "daemon (opencl:0.0)"},
               {"daemon/cpu:1", "cpu:1", BENCH_ROLE_DERIVED, "daemon/cpu:1 (cpu:1)"},
               {"opencl/cpu", "opencl", BENCH_ROLE_DERIVED, "opencl/cpu"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bench_row row = {.role = cases[i].role};
    char text[BENCH_SUBJECT_TEXT_BYTES];
    row.key = key_of(cases[i].subject, cases[i].device, "", BENCH_RATIO);
    assert_string_equal(bench_row_subject(&row, text, sizeof text), cases[i].text);
  }
}

/* ---- verdicts ---- */

static void fill(struct bench_result *result, const double *samples, size_t count)
{
  struct bench_row_key key = key_of("cpu", "cpu", "avx512", BENCH_ATTEMPTS);
  for (size_t i = 0; i < count; i++) {
    assert_non_null(
        bench_rows_add(&result->rows, &key, BENCH_ROLE_ENGINE, (uint32_t)i + 1, samples[i]));
  }
}

static void verdicts_follow_medians_and_ranges(void **state)
{
  (void)state;
  static const struct {
    double before[3];
    double now[3];
    enum bench_verdict verdict;
  } cases[] = {
      {{100, 101, 102}, {100, 101, 102}, BENCH_SAME},
      {{100, 101, 102}, {96.2, 97, 98}, BENCH_SAME},    /* 4% slower, below 5 */
      {{100, 101, 102}, {94, 95, 96}, BENCH_SLOWER},    /* 6% */
      {{100, 101, 102}, {120, 121, 122}, BENCH_SAME},   /* faster */
      {{100, 101, 102}, {90, 101, 102}, BENCH_UNCLEAR}, /* the new run is noisy */
      {{90, 101, 102}, {100, 101, 102}, BENCH_SAME},    /* the old is, but all new are above */
      {{80, 101, 120}, {100, 101, 102}, BENCH_UNCLEAR}, /* the old run is noisy */
      {{100, 110, 120}, {50, 60, 70}, BENCH_SLOWER},    /* both, but far apart */
      {{100, 110, 120}, {130, 140, 150}, BENCH_SAME},   /* likewise */
      {{100, 110, 120}, {94, 97, 99}, BENCH_UNCLEAR},   /* too near for such ranges */
      {{0, 0, 0}, {100, 101, 102}, BENCH_UNCLEAR},
  };
  struct bench_comparison *comparison = calloc(1, sizeof *comparison);
  assert_non_null(comparison);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct bench_result *before = new_result();
    struct bench_result *now = new_result();
    fill(before, cases[i].before, 3);
    fill(now, cases[i].now, 3);
    bench_compare(before, now, "old", 5, comparison);
    if (comparison->verdict != cases[i].verdict) {
      fail_msg("case %zu: %s", i, bench_verdict_name(comparison->verdict));
    }
    assert_int_equal(comparison->count, 1);
    assert_ptr_equal(bench_change_of(comparison, &now->rows.rows[0]), &comparison->changes[0]);
    /* Two rounds tell nothing, whatever they are. */
    before->rows.rows[0].count = 2;
    bench_compare(before, now, "old", 5, comparison);
    assert_int_equal(comparison->verdict, BENCH_UNCLEAR);
    bench_result_destroy(&before);
    bench_result_destroy(&now);
  }
  free(comparison);
}

static void missing_rows_and_other_machines_are_unclear(void **state)
{
  (void)state;
  static const double fast[] = {100, 101, 102};
  static const double slow[] = {50, 51, 52};
  struct bench_result *before = new_result();
  struct bench_result *now = new_result();
  struct bench_comparison *comparison = calloc(1, sizeof *comparison);
  assert_non_null(comparison);
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_UNCLEAR); /* nothing to compare */
  fill(before, fast, 3);
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_UNCLEAR);
  assert_true(comparison->count == 1 && !comparison->changes[0].now);
  bench_compare(now, before, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_UNCLEAR); /* only new figures */
  fill(now, slow, 3);
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_SLOWER);
  /* A slower row counts, whatever else is missing. */
  struct bench_row_key key = key_of("daemon", "cpu", "avx512", BENCH_ATTEMPTS);
  assert_non_null(bench_rows_add(&before->rows, &key, BENCH_ROLE_DAEMON, 1, 1));
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_SLOWER);
  now->machine.cores = 4;
  before->machine.cores = 2;
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->verdict, BENCH_UNCLEAR);
  assert_non_null(strstr(comparison->machines, "cores"));
  /* Peers and times are to be read, not compared. */
  key = key_of("hashcat", "", "", BENCH_ATTEMPTS);
  assert_non_null(bench_rows_add(&now->rows, &key, BENCH_ROLE_PEER, 1, 1));
  key = key_of("daemon", "cpu", "avx512", BENCH_P99);
  assert_non_null(bench_rows_add(&now->rows, &key, BENCH_ROLE_DAEMON, 1, 1));
  bench_compare(before, now, "old", 5, comparison);
  assert_int_equal(comparison->count, 2);
  free(comparison);
  bench_result_destroy(&before);
  bench_result_destroy(&now);
}

/* ---- doubts and words ---- */

static void doubts_are_named(void **state)
{
  (void)state;
  static const double narrow[] = {100, 101, 102};
  static const double wide[] = {100, 120, 140};
  struct bench_result *result = new_result();
  char text[1024];
  fill(result, narrow, 3);
  result->rounds = 3;
  assert_int_equal(bench_result_doubts(result, text, sizeof text), 0);
  assert_string_equal(text, "");
  result->has_queue_stamps = true;
  result->queue_stamps_min = BENCH_STAMPS_TO_JUDGE - 1;
  assert_int_equal(bench_result_doubts(result, text, sizeof text), 1);
  assert_non_null(strstr(text, "99 stamps"));
  memcpy(result->rows.rows[0].samples, wide, sizeof wide);
  result->rounds = 2;
  assert_int_equal(bench_result_doubts(result, text, sizeof text), 3);
  assert_non_null(strstr(text, "too wide to compare"));
  assert_non_null(strstr(text, "2 rounds do not"));
  char small[8]; /* never past its end */
  assert_int_equal(bench_result_doubts(result, small, sizeof small), 0);
  bench_result_destroy(&result);
}

static void what_is_left_out_is_noted_once(void **state)
{
  (void)state;
  struct bench_result *result = new_result();
  char name[32];
  bench_result_skip(result, "hashcat", "", "not installed");
  bench_result_skip(result, "hashcat", "rsa2048", "cannot");
  assert_int_equal(result->skip_count, 1);
  assert_true(bench_result_skips(result, "hashcat", "rsa2048"));
  assert_false(bench_result_skips(result, "openssl", "rsa2048"));
  for (size_t i = 0; i < BENCH_SKIPS_MAX + 5; i++) {
    (void)snprintf(name, sizeof name, "peer %zu", i);
    bench_result_skip(result, name, "", "no");
  }
  assert_int_equal(result->skip_count, BENCH_SKIPS_MAX);
  assert_non_null(strstr(result->skips[BENCH_SKIPS_MAX - 1].why, "more"));
  bench_result_destroy(&result);
}

static void formats_are_told_by_the_end_of_the_name(void **state)
{
  (void)state;
  enum bench_format format = BENCH_FORMAT_TABLE;
  assert_true(bench_format_of_file("a.b/figures.json", &format) && format == BENCH_FORMAT_JSON);
  assert_true(bench_format_of_file("x.csv", &format) && format == BENCH_FORMAT_CSV);
  assert_true(bench_format_of_file("x.md", &format) && format == BENCH_FORMAT_MARKDOWN);
  assert_false(bench_format_of_file("json", &format));
  assert_false(bench_format_of_file("x.txt", &format));
  assert_false(bench_format_of_file("", &format));
}

/* A machine with many cores, each alone: 100 devices and four kinds of signature. */
static void there_is_room_for_the_stamps_of_many_devices(void **state)
{
  (void)state;
  static const char *const shapes[] = {"ed25519", "rsa1024", "rsa2048", "rsa4096"};
  struct bench_result *result = new_result();
  for (unsigned i = 0; i < 100; i++) {
    char device[32];
    (void)snprintf(device, sizeof device, "cpu:%u", i);
    for (size_t k = 0; k < 4; k++) {
      struct bench_stamp_times *table =
          bench_result_stamps(result, device, "portable", shapes[k], 1000 + i);
      assert_non_null(table);
      assert_ptr_equal(bench_result_stamps(result, device, "portable", shapes[k], 1), table);
      assert_int_equal(table->factor, 1000 + i);
    }
  }
  bench_result_destroy(&result);
}

static void every_metric_and_role_has_its_name(void **state)
{
  (void)state;
  enum bench_metric metric;
  enum bench_role role;
  for (int i = 0; i < BENCH_METRICS; i++) {
    const struct bench_metric_info *info = bench_metric_info((enum bench_metric)i);
    assert_non_null(info->name);
    assert_true(bench_metric_find(info->name, &metric));
    assert_int_equal(metric, i);
  }
  assert_false(bench_metric_find("speed", &metric));
  assert_true(bench_role_find("peer", &role) && role == BENCH_ROLE_PEER);
  assert_false(bench_role_find("", &role));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_are_kept_by_round),
      cmocka_unit_test(a_full_table_says_so),
      cmocka_unit_test(ratios_are_of_what_belongs_together_in_one_round),
      cmocka_unit_test(subjects_are_named_once),
      cmocka_unit_test(verdicts_follow_medians_and_ranges),
      cmocka_unit_test(missing_rows_and_other_machines_are_unclear),
      cmocka_unit_test(doubts_are_named),
      cmocka_unit_test(what_is_left_out_is_noted_once),
      cmocka_unit_test(formats_are_told_by_the_end_of_the_name),
      cmocka_unit_test(there_is_room_for_the_stamps_of_many_devices),
      cmocka_unit_test(every_metric_and_role_has_its_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
