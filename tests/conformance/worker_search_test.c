/* The real frank-worker: it searches what it is sent, in order, and as it was told to. */
#include "oracle.h"
#include "worker_support.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t seed;

/* The variant of faulty:keeps tells what became of the two: test_engines.h. */
static struct frank_device_info open_keeping(const char *cache_dir, uint32_t tune)
{
  struct worker c = worker_start(NULL);
  struct frank_worker_open open = {.device = "faulty:keeps", .tune = tune};
  (void)snprintf(open.cache_dir, sizeof open.cache_dir, "%s", cache_dir);
  worker_put(&c, FRANK_WORKER_OPEN, &open, sizeof open);
  worker_flush(&c);
  struct frank_device_info info = worker_expect_ready(&c);
  worker_stop(&c);
  return info;
}

static void searches_what_it_is_sent_in_order(void **state)
{
  (void)state;
  enum { SLICES = 60 };
  struct oracle_slice *ofs = calloc(SLICES, sizeof *ofs);
  uint64_t random = seed;
  struct worker c = worker_start(NULL);
  assert_non_null(ofs);
  worker_send_open(&c, "cpu:0", "");
  struct frank_device_info info = worker_expect_ready(&c);
  assert_string_equal(info.name, "cpu:0");
  assert_true(info.rate_hps > 1000);
  for (size_t i = 0; i < SLICES; i++) {
    worker_make_slice(&ofs[i], &random);
    worker_send_slice(&c, &ofs[i], 1000 + i);
    if (i % 7 == 0) {
      worker_flush(&c);
    }
  }
  worker_flush(&c);
  for (size_t i = 0; i < SLICES; i++) {
    struct frank_worker_result result = worker_expect_result(&c);
    struct frank_scan scan = {.attempts = result.attempts,
                              .hit_count = result.hit_count,
                              .overflow = result.overflow == 1};
    memcpy(scan.hits, result.hits, sizeof scan.hits);
    assert_int_equal(result.slice_id, 1000 + i);
    oracle_assert_scan(&ofs[i], &scan);
  }
  free(ofs);
  worker_stop(&c);
}

static void batches_for_a_device_that_overlaps_them(void **state)
{
  (void)state;
  struct oracle_slice of;
  uint64_t random = seed;
  struct worker c = worker_start(NULL);
  worker_send_open(&c, "null:0", "");
  assert_true(worker_expect_ready(&c).batch_max > 1);
  oracle_fill(&of, &random, 12, 0);
  for (uint64_t i = 0; i < 100; i++) {
    of.slice.count = i * 1000;
    worker_send_slice(&c, &of, i);
  }
  worker_flush(&c);
  for (uint64_t i = 0; i < 100; i++) {
    struct frank_worker_result result = worker_expect_result(&c);
    assert_int_equal(result.slice_id, i);
    assert_int_equal(result.attempts, i * 1000);
  }
  worker_stop(&c);
}

static void result_does_not_wait_for_a_long_slice_behind_it(void **state)
{
  (void)state;
  struct oracle_slice of;
  uint64_t random = seed;
  struct worker c = worker_start(NULL);
  worker_send_open(&c, "cpu:0", "portable");
  double rate_hps = worker_expect_ready(&c).rate_hps;
  oracle_fill(&of, &random, 2, 0);
  of.slice.count = 1;
  worker_send_slice(&c, &of, 1);
  /* All counters there are, none of them a hit: minutes, and the result of the first is awaited for
   * less than that. */
  of.slice.count = UINT64_C(1) << 32;
  assert_true((double)of.slice.count / rate_hps > 1.5 * WORKER_LIMIT_MS / 1000);
  worker_send_slice(&c, &of, 2);
  worker_flush(&c);
  assert_int_equal(worker_expect_result(&c).slice_id, 1);
  (void)kill(c.pid, SIGKILL);
  (void)worker_wait_end(&c);
  frank_chan_destroy(&c.chan);
}

static void steps_back_as_told(void **state)
{
  (void)state;
  struct worker c = worker_start(NULL);
  struct frank_worker_open open = {.device = "null:0", .nice = 7};
  worker_put(&c, FRANK_WORKER_OPEN, &open, sizeof open);
  worker_flush(&c);
  (void)worker_expect_ready(&c);
  int own = getpriority(PRIO_PROCESS, 0);
  int expected = own + 7 > 19 ? 19 : own + 7;
  assert_int_equal(getpriority(PRIO_PROCESS, (id_t)c.pid), expected);
  assert_int_equal(sched_getscheduler(c.pid), SCHED_BATCH);
  worker_stop(&c);
}

static void engine_hears_where_to_keep_and_whether_to_tune(void **state)
{
  (void)state;
  char root[] = "/tmp/frank-worker-XXXXXX";
  char folder[64];
  char file[80];
  assert_non_null(mkdtemp(root));
  (void)snprintf(folder, sizeof folder, "%s/cache", root);
  struct frank_device_info made = open_keeping(folder, 0);
  struct frank_device_info kept = open_keeping(folder, 0);
  struct frank_device_info tuned = open_keeping(folder, 1);
  struct frank_device_info again = open_keeping(folder, 0);
  assert_memory_equal(made.variant, "made-", 5);
  assert_memory_equal(kept.variant, "kept-", 5);
  assert_memory_equal(tuned.variant, "made-", 5);
  assert_memory_equal(again.variant, "kept-", 5);
  assert_string_equal(made.variant + 5, kept.variant + 5);
  assert_string_not_equal(tuned.variant + 5, kept.variant + 5);
  assert_string_equal(again.variant + 5, tuned.variant + 5);
  assert_memory_equal(open_keeping("", 0).variant, "unkept-", 7);
  (void)snprintf(file, sizeof file, "%s/faulty-keeps", folder);
  assert_int_equal(unlink(file), 0);
  assert_int_equal(rmdir(folder), 0);
  assert_int_equal(rmdir(root), 0);
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(searches_what_it_is_sent_in_order),
      cmocka_unit_test(batches_for_a_device_that_overlaps_them),
      cmocka_unit_test(result_does_not_wait_for_a_long_slice_behind_it),
      cmocka_unit_test(steps_back_as_told),
      cmocka_unit_test(engine_hears_where_to_keep_and_whether_to_tune),
  };
  worker_choose(argc, argv);
  seed = oracle_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
