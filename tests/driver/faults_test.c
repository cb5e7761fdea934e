/*
 * Cores and lines that fail: after each fault every result is right, or the search fails with words
 * that say why, and both within the device's own time.
 */
#include "device.h"
#include "driver/bus_fault.h"
#include "driver/core.h"
#include "oracle.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define JOBS   8
#define ROUNDS 60

static uint64_t seed;

/* What the health of a core should tell of a fault. */
enum mark { NOTHING, RETRIES, REPLAYS, STALE, WRONG, MISSES, LOST, SPURIOUS, DROPPED };

struct fault_case {
  const char *plan;
  const char *failure; /* in its words; NULL: survived */
  enum frank_fpga_err err;
  enum mark mark;
};

#define SURVIVED NULL, FRANK_FPGA_OK

static const struct fault_case cases[] = {
    {"", SURVIVED, NOTHING},
    {"lost_irq", SURVIVED, LOST},
    {"lost_irq@2", SURVIVED, NOTHING},
    {"doubled_irq", SURVIVED, NOTHING},
    {"spurious_irq", SURVIVED, NOTHING},
    {"spurious_irq@1", SURVIVED, NOTHING},
    {"lost_irq%2,doubled_irq%3,spurious_irq%2", SURVIVED, NOTHING},
    {"ring_bit", "is none", FRANK_FPGA_ERR_DEVICE, WRONG},
    {"ring_bit@3", "is none", FRANK_FPGA_ERR_DEVICE, WRONG},
    {"stale_id", SURVIVED, STALE},
    {"stale_id@2", SURVIVED, STALE},
    {"silent_miss", "missed a hit", FRANK_FPGA_ERR_DEVICE, MISSES},
    {"stuck_busy", "stuck", FRANK_FPGA_ERR_DEVICE, NOTHING},
    {"stuck_busy@3", SURVIVED, REPLAYS},
    {"stuck_fifo@5", SURVIVED, RETRIES},
    {"stuck_fifo%3", SURVIVED, RETRIES},
    {"stuck_fifo@5+", "old entries", FRANK_FPGA_ERR_DEVICE, RETRIES},
    {"stopped_clock@150", "clock stands still", FRANK_FPGA_ERR_DEVICE, NOTHING},
    {"stopped_clock@400", "clock stands still", FRANK_FPGA_ERR_DEVICE, NOTHING},
    {"reset@150", SURVIVED, REPLAYS},
    {"reset@300", SURVIVED, REPLAYS},
    {"reset@300,reset@500", SURVIVED, REPLAYS},
    {"reset%100", "lost a job", FRANK_FPGA_ERR_DEVICE, REPLAYS},
    {"all_ones@100", SURVIVED, NOTHING},
    {"all_ones%13", SURVIVED, RETRIES},
    {"all_ones@100+", "0xffffffff", FRANK_FPGA_ERR_DEVICE, RETRIES},
    {"corrupt_read@100", SURVIVED, NOTHING},
    {"io@50", SURVIVED, RETRIES},
    {"io%7", SURVIVED, RETRIES},
    {"io@200+", "line is broken", FRANK_FPGA_ERR_IO, RETRIES},
    {"timeout@60", SURVIVED, RETRIES},
    {"timeout%5", SURVIVED, RETRIES},
    {"timeout@200+", "no answer", FRANK_FPGA_ERR_TIMEOUT, RETRIES},
};

static uint64_t marked(const struct frank_fpga_health *health, enum mark mark)
{
  const uint64_t counts[] = {
      [NOTHING] = 1,
      [RETRIES] = health->retries,
      [REPLAYS] = health->replays,
      [STALE] = health->stale_entries,
      [WRONG] = health->wrong_hits,
      [MISSES] = health->known_answer_misses,
      [LOST] = health->lost_interrupts,
      [SPURIOUS] = health->spurious_interrupts,
      [DROPPED] = health->dropped_hits,
  };
  return counts[mark];
}

/* What core.h says of the time: twice what the jobs take, and a few milliseconds for each. */
static uint64_t longest_ns(const struct frank_fpga *core, uint64_t compressions)
{
  return compressions * 64 / frank_fpga_params(core)->unroll * 10 * 2 * 3 +
         JOBS * UINT64_C(4000000);
}

static void try_case(const struct fault_case *fault, uint64_t *random)
{
  static struct oracle_job made[JOBS];
  struct frank_fpga_job jobs[JOBS];
  struct frank_fpga_result results[JOBS];
  const struct frank_fpga_options options = {.known_answer_each_time = true};
  struct frank_fpga *core = device_open(fault->plan, &options);
  uint64_t compressions = oracle_fill_jobs(made, jobs, JOBS, random);
  uint64_t start_ns = device_now_ns();
  enum frank_fpga_err err = frank_fpga_search(core, jobs, JOBS, results);
  uint64_t took_ns = device_now_ns() - start_ns;
  if (err != fault->err) {
    fail_msg("%s: %d, not %d: %s", fault->plan, (int)err, (int)fault->err,
             frank_fpga_failure(core));
  }
  for (size_t i = 0; i < JOBS && err == FRANK_FPGA_OK; i++) {
    oracle_assert(&made[i], &results[i]);
  }
  if (fault->failure != NULL && strstr(frank_fpga_failure(core), fault->failure) == NULL) {
    fail_msg("%s: says '%s', not '%s'", fault->plan, frank_fpga_failure(core), fault->failure);
  }
  if (marked(frank_fpga_health(core), fault->mark) == 0) {
    fail_msg("%s: is not in the health", fault->plan);
  }
  if (took_ns > longest_ns(core, compressions)) {
    fail_msg("%s: took %" PRIu64 " ns of the device's time", fault->plan, took_ns);
  }
  frank_fpga_close(&core);
}

static void gives_right_results_or_says_why_not(void **state)
{
  (void)state;
  uint64_t random = seed;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    try_case(&cases[i], &random);
  }
}

/* A full FIFO: marked, and what was kept is right. */
static void marks_a_job_of_which_hits_were_dropped(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made[JOBS];
  struct frank_fpga_job jobs[JOBS];
  struct frank_fpga_result results[JOBS];
  const struct frank_fpga_options options = {.no_known_answers = true};
  struct frank_fpga *core = device_open("overflow@2", &options);
  (void)oracle_fill_jobs(made, jobs, JOBS, &random);
  assert_int_equal(frank_fpga_search(core, jobs, JOBS, results), FRANK_FPGA_OK);
  assert_true(results[0].overflow);
  for (size_t i = 0; i < JOBS; i++) {
    oracle_assert(&made[i], &results[i]);
    assert_int_equal(results[i].overflow, i == 0);
  }
  assert_int_equal(frank_fpga_health(core)->dropped_hits, 1);
  frank_fpga_close(&core);
}

/* Whatever the core was doing, and whatever of it had been told. */
static void survives_a_reset_at_any_moment(void **state)
{
  (void)state;
  uint64_t random = seed;
  unsigned replays = 0;
  for (unsigned at = 60; at < 900; at += 1 + (unsigned)(oracle_random(&random) % 20)) {
    static struct oracle_job made[JOBS];
    struct frank_fpga_job jobs[JOBS];
    struct frank_fpga_result results[JOBS];
    char plan[32];
    (void)snprintf(plan, sizeof plan, "reset@%u", at);
    struct frank_fpga *core = device_open(plan, NULL);
    (void)oracle_fill_jobs(made, jobs, JOBS, &random);
    if (frank_fpga_search(core, jobs, JOBS, results) != FRANK_FPGA_OK) {
      fail_msg("%s: %s", plan, frank_fpga_failure(core));
    }
    for (size_t i = 0; i < JOBS; i++) {
      oracle_assert(&made[i], &results[i]);
    }
    replays += frank_fpga_health(core)->replays > 0;
    frank_fpga_close(&core);
  }
  print_message("%u searches were done again\n", replays);
  assert_true(replays > 10);
}

/* With no other job that could tell that something is wrong. */
static void tells_a_clock_that_stops_under_the_only_job(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made;
  struct frank_fpga_result result;
  const struct frank_fpga_options options = {.no_known_answers = true};
  struct frank_fpga *core = device_open("stopped_clock@54", &options);
  oracle_fill(&made, &random, 1, 0, 400, 0);
  assert_int_equal(frank_fpga_search(core, &made.job, 1, &result), FRANK_FPGA_ERR_DEVICE);
  assert_non_null(strstr(frank_fpga_failure(core), "clock stands still"));
  assert_int_equal(frank_fpga_health(core)->replays, 0);
  frank_fpga_close(&core);
}

/* A core that begins to miss is found by the next known answer, not by the search that is spoilt.
 */
static void finds_misses_that_begin_later(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made;
  struct frank_fpga_result result;
  struct frank_fpga *core = device_open("silent_miss@100+", NULL);
  oracle_fill(&made, &random, 2, 0, 500, 4);
  enum frank_fpga_err err = FRANK_FPGA_OK;
  unsigned searches = 0;
  while (err == FRANK_FPGA_OK && searches < 200) {
    err = frank_fpga_search(core, &made.job, 1, &result);
    searches++;
  }
  assert_int_equal(err, FRANK_FPGA_ERR_DEVICE);
  assert_true(searches > 20 && searches <= 64);
  assert_non_null(strstr(frank_fpga_failure(core), "missed"));
  frank_fpga_close(&core);
}

/* Whatever failed, the next search begins with a core that was reset. */
static void works_again_after_a_failure(void **state)
{
  (void)state;
  static const char *const plans[] = {"ring_bit@2", "stuck_busy@2", "io@200+", "timeout@150",
                                      "stuck_busy@1,stuck_busy@2"};
  uint64_t random = seed;
  static struct oracle_job made[JOBS];
  struct frank_fpga_job jobs[JOBS];
  struct frank_fpga_result results[JOBS];
  for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
    struct frank_fpga *core = device_open(plans[i], NULL);
    unsigned failures = 0;
    (void)oracle_fill_jobs(made, jobs, JOBS, &random);
    while (frank_fpga_search(core, jobs, JOBS, results) != FRANK_FPGA_OK && failures < 3) {
      failures++;
    }
    assert_int_equal(failures == 3, strchr(plans[i], '+') != NULL);
    if (i == 0) {
      /* Nothing of the search that failed is left to come into the next one's way. */
      assert_int_equal(failures, 1);
      assert_int_equal(frank_fpga_health(core)->stale_entries, 0);
      assert_int_equal(frank_fpga_health(core)->replays, 0);
    }
    for (size_t job = 0; job < JOBS && failures < 3; job++) {
      oracle_assert(&made[job], &results[job]);
    }
    frank_fpga_close(&core);
  }
}

static void says_at_open_what_is_not_there(void **state)
{
  (void)state;
  static const struct {
    const char *plan;
    enum frank_fpga_err err;
    const char *word;
  } closed[] = {
      {"all_ones", FRANK_FPGA_ERR_NOT_FOUND, "ID reads as 0xffffffff"},
      {"io", FRANK_FPGA_ERR_IO, "line is broken"},
      {"timeout", FRANK_FPGA_ERR_TIMEOUT, "no answer"},
      {"stopped_clock", FRANK_FPGA_ERR_DEVICE, "clock stands still"},
      {"all_ones@4", FRANK_FPGA_OK, ""},
      {"all_ones@1", FRANK_FPGA_OK, ""},
      {"io@3", FRANK_FPGA_OK, ""},
  };
  for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
    struct frank_bus *bus = device_bus();
    struct frank_fpga *core = NULL;
    char why[FRANK_FPGA_WHY_BYTES];
    assert_int_equal(frank_bus_fault_open(bus, closed[i].plan, &bus, why), FRANK_FPGA_OK);
    enum frank_fpga_err err = frank_fpga_open(bus, NULL, &core, why);
    if (err != closed[i].err || strstr(why, closed[i].word) == NULL) {
      fail_msg("%s: %d: %s", closed[i].plan, (int)err, why);
    }
    assert_int_equal(core != NULL, err == FRANK_FPGA_OK);
    frank_fpga_close(&core);
  }
}

/* Many faults together, each now and then: nothing but a right result, or a failure. */
static void survives_or_fails_under_faults_at_random(void **state)
{
  (void)state;
  static const char *const names[] = {"lost_irq", "doubled_irq", "spurious_irq", "stale_id",
                                      "reset",    "all_ones",    "io",           "timeout",
                                      "ring_bit", "stuck_busy",  "overflow",     "stuck_fifo"};
  uint64_t random = seed;
  unsigned right = 0;
  for (unsigned round = 0; round < ROUNDS || (right <= 10 && round < 10 * ROUNDS); round++) {
    static struct oracle_job made[JOBS];
    struct frank_fpga_job jobs[JOBS];
    struct frank_fpga_result results[JOBS];
    char plan[128] = "";
    for (unsigned i = 0; i < 3; i++) {
      size_t at = strlen(plan);
      (void)snprintf(plan + at, sizeof plan - at, "%s%s%%%u", i > 0 ? "," : "",
                     names[oracle_random(&random) % (sizeof names / sizeof names[0])],
                     20 + (unsigned)(oracle_random(&random) % 500));
    }
    struct frank_bus *bus = device_bus();
    struct frank_fpga *core = NULL;
    char why[FRANK_FPGA_WHY_BYTES];
    assert_int_equal(frank_bus_fault_open(bus, plan, &bus, why), FRANK_FPGA_OK);
    if (frank_fpga_open(bus, NULL, &core, why) != FRANK_FPGA_OK) {
      assert_string_not_equal(why, "");
      continue;
    }
    uint64_t compressions = oracle_fill_jobs(made, jobs, JOBS, &random);
    uint64_t start_ns = device_now_ns();
    enum frank_fpga_err err = frank_fpga_search(core, jobs, JOBS, results);
    assert_true(device_now_ns() - start_ns <= longest_ns(core, compressions));
    assert_int_equal(err == FRANK_FPGA_OK, frank_fpga_failure(core)[0] == '\0');
    for (size_t i = 0; i < JOBS && err == FRANK_FPGA_OK; i++) {
      oracle_assert(&made[i], &results[i]);
    }
    right += err == FRANK_FPGA_OK;
    frank_fpga_close(&core);
  }
  print_message("%u searches went well\n", right);
  assert_true(right > 10);
}

/* Bits of the ring itself: what comes of it is a hit that is none, which the driver sees, or one
 * that is missed, which the known answers see; and never a hit that is reported and none. */
static void reports_no_hit_of_a_flipped_bit(void **state)
{
  (void)state;
  if (!device_is_core()) {
    print_message("skipped: the model has no ring to flip a bit of\n");
    skip();
  }
  uint64_t random = seed;
  const struct frank_fpga_options options = {.known_answer_each_time = true};
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core = NULL;
  assert_int_equal(frank_fpga_open(device_bus_that_flips(seed), &options, &core, why),
                   FRANK_FPGA_OK);
  const struct frank_fpga_health *health = frank_fpga_health(core);
  unsigned searches = 0;
  for (; searches < 20000 && (health->wrong_hits == 0 || health->known_answer_misses == 0);
       searches++) {
    static struct oracle_job made;
    struct frank_fpga_result result;
    oracle_fill(&made, &random, 2, 0, 300, 8);
    enum frank_fpga_err err = frank_fpga_search(core, &made.job, 1, &result);
    assert_true(err == FRANK_FPGA_OK || err == FRANK_FPGA_ERR_DEVICE);
    assert_int_equal(err == FRANK_FPGA_OK, frank_fpga_failure(core)[0] == '\0');
    for (uint32_t i = 0; i < result.hit_count && err == FRANK_FPGA_OK; i++) {
      assert_true(oracle_word(&made, result.hits[i]) <= made.job.bound);
    }
  }
  print_message("seen after %u searches\n", searches);
  assert_true(health->wrong_hits > 0);
  assert_true(health->known_answer_misses > 0);
  frank_fpga_close(&core);
}

static void a_plan_is_refused_by_its_wrong_word(void **state)
{
  (void)state;
  static const char *const bad[] = {"stuck",
                                    "io@",
                                    "io@0",
                                    "io@x",
                                    "io@1,,io@2",
                                    "io@1 ",
                                    "io%",
                                    "io%0",
                                    "io@-1",
                                    "io%2+",
                                    "lost_irq@99999999999999999999999",
                                    "io@1,nothing",
                                    "a_word_that_is_far_longer_than_any_fault_could_ever_be_named"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct frank_bus *bus = device_bus();
    char why[FRANK_FPGA_WHY_BYTES];
    assert_int_equal(frank_bus_fault_open(bus, bad[i], &bus, why), FRANK_FPGA_ERR_ARGUMENT);
    assert_non_null(strstr(why, "no such fault: '"));
    assert_null(bus);
  }
}

int main(int argc, char **argv)
{
  device_choose(argc, argv);
  seed = oracle_seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_right_results_or_says_why_not),
      cmocka_unit_test(marks_a_job_of_which_hits_were_dropped),
      cmocka_unit_test(survives_a_reset_at_any_moment),
      cmocka_unit_test(tells_a_clock_that_stops_under_the_only_job),
      cmocka_unit_test(finds_misses_that_begin_later),
      cmocka_unit_test(works_again_after_a_failure),
      cmocka_unit_test(says_at_open_what_is_not_there),
      cmocka_unit_test(survives_or_fails_under_faults_at_random),
      cmocka_unit_test(reports_no_hit_of_a_flipped_bit),
      cmocka_unit_test(a_plan_is_refused_by_its_wrong_word),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
