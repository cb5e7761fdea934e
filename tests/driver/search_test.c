/*
 * What frank_fpga_search promises, over OpenSSL's word for each counter.
 */
#include "device.h"
#include "driver/core.h"
#include "model.h"
#include "oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BATCH 6

static uint64_t seed;

static struct frank_fpga *open_plain(void)
{
  return device_open(NULL, NULL);
}

static void search(struct frank_fpga *core, const struct frank_fpga_job *jobs, size_t n,
                   struct frank_fpga_result *results)
{
  enum frank_fpga_err err = frank_fpga_search(core, jobs, n, results);
  if (err != FRANK_FPGA_OK) {
    fail_msg("search: %s", frank_fpga_failure(core));
  }
  assert_string_equal(frank_fpga_failure(core), "");
}

static void one(struct frank_fpga *core, struct oracle_job *job)
{
  struct frank_fpga_result result;
  search(core, &job->job, 1, &result);
  oracle_assert(job, &result);
}

static void finds_exactly_the_hits_of_every_shape(void **state)
{
  (void)state;
  uint64_t random = seed;
  struct frank_fpga *core = open_plain();
  unsigned most = frank_fpga_params(core)->blocks_max;
  assert_int_equal(most, 12);
  for (unsigned blocks = 1; blocks <= most; blocks++) {
    struct oracle_job job;
    for (unsigned i = 0; i < 4; i++) {
      unsigned word = i < 2 ? i * 14 : (unsigned)(oracle_random(&random) % 15);
      oracle_fill(&job, &random, blocks, word, 1 + oracle_random(&random) % 400,
                  (unsigned)(oracle_random(&random) % 9));
      one(core, &job);
    }
  }
  assert_true(frank_fpga_health(core)->known_answers > 1);
  assert_int_equal(frank_fpga_health(core)->known_answer_misses, 0);
  assert_int_equal(frank_fpga_health(core)->replays, 0);
  frank_fpga_close(&core);
}

static void takes_both_ends_of_the_counters(void **state)
{
  (void)state;
  static const struct {
    uint64_t count;
    uint32_t first;
    unsigned hits;
  } ranges[] = {
      {1, 0, 1},
      {1, 0xffffffff, 1},
      {300, 0, 8},
      {300, 0xffffffff - 299, 8},
      {0, 0, 0},
      {0, 0xffffffff, 0},
      {1, 0xffffffff, 0},
      {1, 0, 0},
      {512, 0x9999ff00, 8},
      {2, 0xffff, 2},
      {512, 0x7fffff00, 8},
      {2, 0x0fffffff, 2},
  };
  uint64_t random = seed;
  struct frank_fpga *core = open_plain();
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    struct oracle_job job;
    oracle_fill(&job, &random, 2, 3, ranges[i].count, 1);
    job.job.first = ranges[i].first;
    job.job.bound = oracle_bound(&job, ranges[i].hits);
    one(core, &job);
  }
  frank_fpga_close(&core);
}

static void runs_many_jobs_one_loaded_while_one_runs(void **state)
{
  (void)state;
  uint64_t random = seed;
  struct frank_fpga *core = open_plain();
  for (unsigned round = 0; round < 6; round++) {
    static struct oracle_job made[BATCH];
    struct frank_fpga_job jobs[BATCH];
    struct frank_fpga_result results[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
      /* Some of them empty, and some of one counter. */
      uint64_t count = i == round ? round % 2 : 1 + oracle_random(&random) % 500;
      oracle_fill(&made[i], &random, 1 + (unsigned)(oracle_random(&random) % 12),
                  (unsigned)(oracle_random(&random) % 15), count, 5);
      jobs[i] = made[i].job;
    }
    search(core, jobs, BATCH, results);
    for (size_t i = 0; i < BATCH; i++) {
      oracle_assert(&made[i], &results[i]);
    }
  }
  assert_int_equal(frank_fpga_health(core)->replays, 0);
  assert_int_equal(frank_fpga_health(core)->stale_entries, 0);
  frank_fpga_close(&core);
}

static void cycles_of_a_call_add_up(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made;
  struct frank_fpga_job jobs[4];
  struct frank_fpga_result results[4];
  const struct frank_fpga_options options = {.no_known_answers = true};
  struct frank_fpga *core = device_open(NULL, &options);
  oracle_fill(&made, &random, 2, 0, 3000, 1);
  for (size_t i = 0; i < 4; i++) {
    jobs[i] = made.job;
  }
  search(core, jobs, 4, results);
  uint64_t sum = 0;
  for (size_t i = 0; i < 4; i++) {
    sum += results[i].cycles;
  }
  double ideal = 4 * 3000.0 * 2 * 64 / frank_fpga_params(core)->unroll;
  assert_true((double)sum >= ideal);
  assert_true((double)sum < ideal * 1.5 + 8000);
  frank_fpga_close(&core);
}

/* Jobs that stop, with others behind them that the ABORT must not cost a counter. */
static void stops_early_and_leaves_the_others_whole(void **state)
{
  (void)state;
  uint64_t random = seed;
  unsigned early = 0;
  struct frank_fpga *core = open_plain();
  for (unsigned round = 0; round < 12 || (early == 0 && round < 120); round++) {
    static struct oracle_job made[BATCH];
    struct frank_fpga_job jobs[BATCH];
    struct frank_fpga_result results[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
      uint64_t count = (i + round) % 3 == 0 ? 4000 : 1 + oracle_random(&random) % 300;
      oracle_fill(&made[i], &random, 2, 0, count, 6);
      made[i].job.may_stop = oracle_random(&random) % 4 != 0;
      made[i].job.stop_at = oracle_bound(&made[i], 1 + (unsigned)(oracle_random(&random) % 6));
      jobs[i] = made[i].job;
    }
    search(core, jobs, BATCH, results);
    for (size_t i = 0; i < BATCH; i++) {
      oracle_assert(&made[i], &results[i]);
      early += results[i].attempts < jobs[i].count;
    }
  }
  print_message("%u jobs stopped early\n", early);
  assert_true(early > 0);
  assert_int_equal(frank_fpga_health(core)->replays, 0);
  frank_fpga_close(&core);
}

static void tells_that_there_were_more_hits(void **state)
{
  (void)state;
  uint64_t random = seed;
  struct frank_fpga *core = open_plain();
  for (unsigned hits = 7; hits <= 300; hits += hits < 10 ? 1 : 97) {
    struct oracle_job job;
    struct frank_fpga_result result;
    oracle_fill(&job, &random, 1, 5, 300, hits);
    search(core, &job.job, 1, &result);
    oracle_assert(&job, &result);
    assert_int_equal(result.overflow, hits > FRANK_FPGA_HITS);
  }
  /* All of them at once, faster than any bus empties the FIFO. */
  struct oracle_job job;
  oracle_fill(&job, &random, 1, 5, 2000, 1);
  job.job.bound = 0xffffffff;
  one(core, &job);
  frank_fpga_close(&core);
}

static void loads_no_word_twice(void **state)
{
  (void)state;
  uint64_t random = seed;
  unsigned writes = 0;
  const struct model_options options = {.kw_writes = &writes};
  const struct frank_fpga_options no_known = {.no_known_answers = true};
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core;
  static struct oracle_job made;
  struct frank_fpga_job jobs[BATCH];
  struct frank_fpga_result results[BATCH];
  assert_int_equal(frank_fpga_open(model_open(&options), &no_known, &core, why), FRANK_FPGA_OK);
  oracle_fill(&made, &random, 12, 0, 50, 1);
  for (size_t i = 0; i < BATCH; i++) {
    jobs[i] = made.job;
  }
  search(core, jobs, BATCH, results);
  assert_int_equal(writes, 2 * (11 * 64 + 24)); /* once for each buffer */
  writes = 0;
  search(core, jobs, BATCH, results);
  assert_int_equal(writes, 0);
  /* One word of a later block is another: it is written, and no more. */
  made.kw[100] ^= 1;
  search(core, jobs, 1, results);
  assert_int_equal(writes, 1);
  frank_fpga_close(&core);
}

static void searches_all_counters_there_are(void **state)
{
  (void)state;
  uint64_t random = seed;
  static const uint32_t only[] = {0, 1, 0x12345678, 0xfffffffe, 0xffffffff};
  const struct model_options options = {.only = only, .only_count = 5};
  const struct frank_fpga_options no_known = {.no_known_answers = true};
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core;
  struct frank_fpga_result result;
  static struct oracle_job made;
  assert_int_equal(frank_fpga_open(model_open(&options), &no_known, &core, why), FRANK_FPGA_OK);
  oracle_fill(&made, &random, 2, 0, 1, 1);
  made.job.first = 0;
  made.job.count = UINT64_C(1) << 32;
  made.job.bound = 0xffffffff;
  search(core, &made.job, 1, &result);
  assert_true(result.attempts == UINT64_C(1) << 32);
  assert_int_equal(result.hit_count, 5);
  assert_int_equal(result.hits[0], 0);
  assert_int_equal(result.hits[4], 0xffffffff);
  assert_false(result.overflow);
  /* 16 cycles for each: the cycle counter of 32 bits wraps meanwhile. */
  assert_true(result.cycles >= UINT64_C(16) << 32);
  assert_true(result.cycles < (UINT64_C(16) << 32) + (UINT64_C(1) << 30));
  frank_fpga_close(&core);
}

static void refuses_what_the_core_cannot_take(void **state)
{
  (void)state;
  uint64_t random = seed;
  struct frank_fpga *core = open_plain();
  static struct oracle_job made;
  struct frank_fpga_result results[2];
  oracle_fill(&made, &random, 2, 0, 50, 1);
  struct frank_fpga_job jobs[2] = {made.job, made.job};
  static const char *const words[] = {"blocks", "blocks",  "place", "range",
                                      "range",  "stop_at", "K + W"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    struct frank_fpga_job bad = made.job;
    bad.blocks = i == 0 ? 0 : i == 1 ? 13 : bad.blocks;
    bad.counter_word = i == 2 ? 15 : bad.counter_word;
    bad.first = i == 3 ? 1 : bad.first;
    bad.count = i == 3 ? UINT64_C(1) << 32 : i == 4 ? UINT64_MAX : bad.count;
    bad.may_stop = i == 5;
    bad.stop_at = i == 5 ? bad.bound + 1 : 0;
    bad.kw = i == 6 ? NULL : bad.kw;
    jobs[1] = bad;
    assert_int_equal(frank_fpga_search(core, jobs, 2, results), FRANK_FPGA_ERR_ARGUMENT);
    assert_non_null(strstr(frank_fpga_failure(core), words[i]));
    assert_non_null(strstr(frank_fpga_failure(core), "job 1"));
  }
  jobs[1] = made.job;
  search(core, jobs, 2, results);
  oracle_assert(&made, &results[1]);
  search(core, jobs, 0, results);
  frank_fpga_close(&core);
  frank_fpga_close(&core);
}

int main(int argc, char **argv)
{
  device_choose(argc, argv);
  seed = oracle_seed();
  const struct CMUnitTest any[] = {
      cmocka_unit_test(finds_exactly_the_hits_of_every_shape),
      cmocka_unit_test(takes_both_ends_of_the_counters),
      cmocka_unit_test(runs_many_jobs_one_loaded_while_one_runs),
      cmocka_unit_test(cycles_of_a_call_add_up),
      cmocka_unit_test(stops_early_and_leaves_the_others_whole),
      cmocka_unit_test(tells_that_there_were_more_hits),
      cmocka_unit_test(refuses_what_the_core_cannot_take),
  };
  const struct CMUnitTest of_the_model[] = {
      cmocka_unit_test(loads_no_word_twice),
      cmocka_unit_test(searches_all_counters_there_are),
  };
  int failed = cmocka_run_group_tests(any, NULL, NULL);
  return device_is_core() ? failed : failed + cmocka_run_group_tests(of_the_model, NULL, NULL);
}
