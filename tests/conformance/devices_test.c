/*
 * How devices are named, chosen, opened and bound; and that each fault of the faulty engine, with
 * which supervision is tested elsewhere, is the fault that its name says.
 */
#include "oracle.h"

#include "engine/cpu/quota.h"
#include "engine/cpu/variant.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* For what ends by itself: the machine may stand still for seconds. */
#define LIMIT_MS 60000

static uint64_t seed;

struct opened {
  enum frank_err err;
  const struct frank_engine *engine;
  struct frank_engine_ctx *ctx;
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES];
};

static struct opened open_device(const char *device, const char *variant, bool bind)
{
  struct opened o = {0};
  const struct frank_engine_options options = {.variant = variant, .bind = bind};
  o.err = frank_engine_open(device, &options, &o.engine, &o.ctx, &o.info, o.why);
  return o;
}

static struct frank_scan scan(struct opened *o, const struct oracle_slice *of)
{
  struct frank_scan result;
  assert_int_equal(o->engine->scan(o->ctx, &of->slice, 1, &result), FRANK_OK);
  return result;
}

static size_t probe_cpu(struct frank_device_info *list)
{
  char why[FRANK_ENGINE_WHY_BYTES];
  size_t count = 0;
  assert_int_equal(frank_engine_for("cpu")->probe(list, FRANK_ENGINE_DEVICES_MAX, &count, why),
                   FRANK_OK);
  return count;
}

/* Runs `body` in a process of its own. The wait status, or -1 when it still ran after `limit_ms`
 * (it is killed then). */
static int run_apart(void (*body)(const char *), const char *argument, unsigned limit_ms)
{
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)signal(SIGABRT, SIG_DFL);
    body(argument);
    _exit(0);
  }
  int status = 0;
  for (unsigned waited_ms = 0; waited_ms < limit_ms; waited_ms += 5) {
    pid_t ended = waitpid(pid, &status, WNOHANG);
    assert_true(ended >= 0);
    if (ended == pid) {
      return status;
    }
    const struct timespec pause_time = {.tv_nsec = 5000000};
    (void)nanosleep(&pause_time, NULL);
  }
  (void)kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return -1;
}

/* ---- names and choice ---- */

static void device_names_are_unique_and_open(void **state)
{
  (void)state;
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  size_t count = probe_cpu(list);
  assert_true(count >= 1);
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < i; k++) {
      assert_string_not_equal(list[i].name, list[k].name);
    }
    struct opened o = open_device(list[i].name, NULL, false);
    assert_int_equal(o.err, FRANK_OK);
    assert_string_equal(o.info.place, list[i].place);
    o.engine->close(&o.ctx);
    assert_null(o.ctx);
  }
}

static void unknown_devices_are_named_in_the_error(void **state)
{
  (void)state;
  static const char *const names[] = {"cpu",          "cpu:",   "cpu:00",    "cpu:-1",
                                      "cpu: 0",       "cpu:0 ", "cpu:99999", "cpu:9999999",
                                      "gpu:0",        "cpux:0", "faulty:x",  "faulty:die@",
                                      "faulty:die@0", "null:1", ":0",        ""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct opened o = open_device(names[i], NULL, false);
    assert_int_equal(o.err, FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(o.why, names[i]));
    assert_null(o.ctx);
  }
}

static void fpga_devices_are_named_by_their_bus(void **state)
{
  (void)state;
  const struct frank_engine *engine = frank_engine_for("fpga");
  if (engine == NULL) {
    print_message("skipped: this build has no FPGA engine\n");
    skip();
    return; /* skip() has left; the analyzer does not know */
  }
  static const char *const good[] = {"fpga:tcp:localhost:1", "fpga:tcp:127.0.0.1:65535",
                                     "fpga:tcp:[::1]:5000", "fpga:tcp:[fe80::1234:5678]:80",
                                     "fpga:tcp:a-b.c_d.example:8080"};
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(engine->by_name(good[i], &info, why), FRANK_OK);
    assert_string_equal(info.name, good[i]);
    assert_string_equal(info.engine, "fpga");
    assert_string_equal(info.place, good[i] + strlen("fpga:tcp:"));
    assert_int_equal(info.on_demand, FRANK_DEMAND_NAME);
  }
  static const char *const bad[] = {
      "fpga:",         "fpga:x",         "fpga:00",          "fpga:1",
      "fpga:sim:8",    "fpga:tcp",       "fpga:tcp:",        "fpga:tcp:host",
      "fpga:tcp::80",  "fpga:tcp:a:0",   "fpga:tcp:a:65536", "fpga:tcp:a:080",
      "fpga:tcp:a:-1", "fpga:tcp:a:1 ",  "fpga:tcp:a b:1",   "fpga:tcp:::1:80",
      "fpga:tcp:[]:1", "fpga:tcp:[::1]", "fpga:tcp:[::1:80", "fpga:tcp:[gggg::]:80",
      "fpga:TCP:a:1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    why[0] = '\0';
    assert_int_equal(engine->by_name(bad[i], &info, why), FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(why, bad[i]));
    assert_int_equal(open_device(bad[i], NULL, false).err, FRANK_ERR_NOT_FOUND);
  }
  char long_name[FRANK_DEVICE_NAME_BYTES + 1];
  (void)snprintf(long_name, sizeof long_name, "fpga:tcp:%082d:5000", 0);
  assert_int_equal(strlen(long_name), FRANK_DEVICE_NAME_BYTES);
  assert_int_equal(engine->by_name(long_name, &info, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "95 bytes at most"));
  (void)snprintf(long_name, sizeof long_name, "fpga:tcp:%081d:5000", 0);
  assert_int_equal(engine->by_name(long_name, &info, why), FRANK_OK);
  assert_string_equal(info.name, long_name);
}

static void fpga_code_paths_are_rounds_per_cycle(void **state)
{
  (void)state;
  const struct frank_engine *engine = frank_engine_for("fpga");
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  if (engine == NULL || engine->by_name("fpga:0", &info, why) != FRANK_OK) {
    print_message("skipped: %s\n", engine == NULL ? "this build has no FPGA engine" : why);
    skip();
    return; /* the same */
  }
  assert_true(engine->has_variant("u1") && engine->has_variant("u64"));
  static const char *const names[] = {"u0", "u3", "u128", "u08", "u", "U8", "u8 "};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_false(engine->has_variant(names[i]));
    struct opened o = open_device("fpga:sim", names[i], false);
    assert_int_equal(o.err, FRANK_ERR_UNSUPPORTED);
    assert_non_null(strstr(o.why, names[i]));
  }
  struct opened cpu = open_device("cpu:0", "u8", false); /* is not meant for it */
  assert_int_equal(cpu.err, FRANK_OK);
  cpu.engine->close(&cpu.ctx);
  struct opened o = open_device("fpga:0", "portable", false); /* nor is this */
  assert_int_equal(o.err, FRANK_OK);
  assert_string_equal(o.info.name, "fpga:0");
  assert_int_equal(o.info.simulated, 1);
  assert_string_equal(o.info.place, "simulated");
  assert_in_range(o.info.blocks_max, 12, FRANK_PLAN_BLOCKS_MAX);
  /* What it took is counted in cycles: the rounds of a block are 64. */
  static struct oracle_slice of;
  uint64_t random = seed;
  unsigned unroll = (unsigned)strtoul(o.info.variant + 1, NULL, 10);
  oracle_fill(&of, &random, 3, 5);
  of.slice.count = 10000;
  struct frank_scan result = scan(&o, &of);
  assert_int_equal(result.attempts, of.slice.count);
  assert_in_range(result.cycles, of.slice.count * 3 * 64 / unroll,
                  of.slice.count * 3 * 64 / unroll * 5 / 4);
  o.engine->close(&o.ctx);
}

static void forced_variant_that_cannot_run_names_those_that_can(void **state)
{
  (void)state;
  static const char *const names[] = {"mmx", "AVX512", "", "portable "};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct opened o = open_device("cpu:0", names[i], false);
    assert_int_equal(o.err, FRANK_ERR_UNSUPPORTED);
    assert_non_null(strstr(o.why, names[i]));
    assert_non_null(strstr(o.why, "portable"));
  }
}

/* Which one is the fastest is the machine's business: variants_test.c tests the rule. */
static void variant_chosen_by_its_speed_is_one_that_runs(void **state)
{
  (void)state;
  const struct frank_cpu_variant *chosen = NULL;
  char why[FRANK_ENGINE_WHY_BYTES];
  struct opened o = open_device("cpu:0", NULL, false);
  assert_int_equal(o.err, FRANK_OK);
  assert_int_equal(frank_cpu_variant_choose(o.info.variant, frank_cpu_features(), &chosen, why),
                   FRANK_OK);
  o.engine->close(&o.ctx);
}

static void test_engines_are_marked_and_on_demand(void **state)
{
  (void)state;
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  static const char *const names[] = {"null", "faulty"};
  assert_false(frank_engine_is_test(frank_engine_for("cpu:0")));
  for (size_t i = 0; i < 2; i++) {
    const struct frank_engine *engine = frank_engine_for(names[i]);
    char why[FRANK_ENGINE_WHY_BYTES];
    size_t count = 0;
    assert_true(frank_engine_is_test(engine));
    assert_int_equal(engine->probe(list, FRANK_ENGINE_DEVICES_MAX, &count, why), FRANK_OK);
    assert_true(count >= 1);
    for (size_t k = 0; k < count; k++) {
      assert_int_equal(list[k].on_demand, FRANK_DEMAND_ENGINE);
    }
  }
}

/* ---- places ---- */

static void body_bind(const char *device)
{
  struct opened o = open_device(device, NULL, true);
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  if (o.err != FRANK_OK) {
    _exit(1);
  }
  if (strstr(o.why, "not bound to core") != NULL) {
    /* Not the engine's fault where nothing can be bound here. */
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) {
      _exit(3);
    }
    (void)fprintf(stderr, "skipped: %s\n", o.why);
    _exit(0);
  }
  /* From now on this process may use one core, the one it asked for, with its second thread if it
   * has one; of a second thread's core only that thread. */
  size_t count = probe_cpu(list);
  bool is_second = strstr(o.info.place, "core") != NULL && strstr(o.info.place, "thread") != NULL;
  size_t length = strlen(list[0].place);
  if (count < 1 || count > (is_second ? 1 : 2) ||
      strncmp(o.info.place, list[0].place, length) != 0 ||
      o.info.place[length] != (is_second ? ' ' : '\0')) {
    _exit(2);
  }
  _exit(0);
}

static void open_binds_to_the_core_when_asked(void **state)
{
  (void)state;
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  size_t count = probe_cpu(list);
  assert_int_equal(run_apart(body_bind, list[0].name, LIMIT_MS), 0);
  assert_int_equal(run_apart(body_bind, list[count - 1].name, LIMIT_MS), 0);
}

static void body_restricted(const char *argument)
{
  (void)argument;
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  cpu_set_t have;
  cpu_set_t one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof have, &have) != 0) {
    _exit(1);
  }
  for (size_t cpu = CPU_SETSIZE; cpu-- > 0;) {
    if (CPU_ISSET(cpu, &have)) {
      CPU_SET(cpu, &one); /* the last one, so that numbering from 0 shows */
      break;
    }
  }
  if (sched_setaffinity(0, sizeof one, &one) != 0) {
    _exit(2);
  }
  size_t count = probe_cpu(list);
  if (count != 1 || strcmp(list[0].name, "cpu:0") != 0) {
    _exit(3);
  }
  struct opened o = open_device("cpu:0", NULL, true);
  _exit(o.err == FRANK_OK && open_device("cpu:1", NULL, true).err == FRANK_ERR_NOT_FOUND ? 0 : 4);
}

static void only_cores_that_the_process_may_use_are_devices(void **state)
{
  (void)state;
  assert_int_equal(run_apart(body_restricted, NULL, LIMIT_MS), 0);
}

static void cpu_quota_is_read_in_whole_cores(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    bool limited;
    size_t cores;
  } rows[] = {{"max 100000\n", false, 0},   {"100000 100000\n", true, 1},
              {"150000 100000\n", true, 2}, {"200000 100000", true, 2},
              {"1000 100000\n", true, 1},   {"", false, 0},
              {"-1 100000", false, 0},      {"0 100000", false, 0},
              {"100000 0", false, 0},       {"100000", false, 0},
              {"100000 100000x", false, 0}, {"99999999999999999999 1", false, 0},
              {"100000  100000", false, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t cores = 0;
    assert_int_equal(frank_quota_parse(rows[i].text, &cores), rows[i].limited);
    assert_int_equal(cores, rows[i].cores);
  }
}

/* ---- the faults ---- */

static struct oracle_slice ordinary(void)
{
  static struct oracle_slice of;
  uint64_t random = seed;
  oracle_fill(&of, &random, 1, 4);
  of.slice.count = 500;
  of.slice.bound = oracle_nth_word(&of, 500, 3);
  return of;
}

static void null_answers_without_searching(void **state)
{
  (void)state;
  struct opened o = open_device("null:0", NULL, false);
  assert_int_equal(o.err, FRANK_OK);
  struct oracle_slice of = ordinary();
  of.slice.count = UINT64_C(1) << 32;
  struct frank_scan result = scan(&o, &of);
  assert_int_equal(result.attempts, of.slice.count);
  assert_int_equal(result.hit_count, 0);
  assert_true(o.info.rate_hps > 1e12);
  o.engine->close(&o.ctx);
}

static void faulty_wrong_reports_a_counter_above_the_bound(void **state)
{
  (void)state;
  struct opened o = open_device("faulty:wrong@2", NULL, false);
  assert_int_equal(o.err, FRANK_OK);
  struct oracle_slice of = ordinary();
  struct frank_scan result = scan(&o, &of);
  oracle_assert_scan(&of, &result); /* sound before its time */
  result = scan(&o, &of);
  assert_int_equal(result.hit_count, 1);
  assert_true(oracle_word(&of, result.hits[0]) > of.slice.bound);
  o.engine->close(&o.ctx);
}

static void faulty_attempts_claims_too_many(void **state)
{
  (void)state;
  struct opened o = open_device("faulty:attempts@1", NULL, false);
  assert_int_equal(o.err, FRANK_OK);
  struct oracle_slice of = ordinary();
  assert_true(scan(&o, &of).attempts > of.slice.count);
  o.engine->close(&o.ctx);
}

static void faulty_selftest_fails_to_open(void **state)
{
  (void)state;
  struct opened o = open_device("faulty:selftest", NULL, false);
  assert_int_equal(o.err, FRANK_ERR_DEVICE);
  assert_non_null(strstr(o.why, "self-test"));
  assert_null(o.ctx);
}

static void faulty_slow_is_slow(void **state)
{
  (void)state;
  struct opened slow = open_device("faulty:slow", NULL, false);
  assert_int_equal(slow.err, FRANK_OK);
  /* Others on this core can make the portable one look slow; it is asked again then. */
  double most_hps = 0;
  for (unsigned tries = 0; tries < 20 && most_hps / 3 <= slow.info.rate_hps; tries++) {
    struct opened portable = open_device("cpu:0", "portable", false);
    assert_int_equal(portable.err, FRANK_OK);
    most_hps = portable.info.rate_hps > most_hps ? portable.info.rate_hps : most_hps;
    portable.engine->close(&portable.ctx);
  }
  assert_true(slow.info.rate_hps < most_hps / 3);
  slow.engine->close(&slow.ctx);
}

static void body_three_scans(const char *device)
{
  struct opened o = open_device(device, NULL, false);
  if (o.err != FRANK_OK) {
    _exit(1);
  }
  struct oracle_slice of = ordinary();
  for (unsigned i = 0; i < 3; i++) {
    (void)scan(&o, &of);
  }
}

static void faulty_die_aborts_at_its_slice_and_not_before(void **state)
{
  (void)state;
  int status = run_apart(body_three_scans, "faulty:die@3", LIMIT_MS);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
  assert_int_equal(run_apart(body_three_scans, "faulty:die@4", LIMIT_MS), 0);
}

static void faulty_hang_never_returns_from_its_slice(void **state)
{
  (void)state;
  assert_int_equal(run_apart(body_three_scans, "faulty:hang@3", 500), -1);
  assert_int_equal(run_apart(body_three_scans, "faulty:hang@4", LIMIT_MS), 0);
}

static void faulty_open_never_returns(void **state)
{
  (void)state;
  assert_int_equal(run_apart(body_three_scans, "faulty:open", 500), -1);
}

static void body_many_scans(const char *device)
{
  struct opened o = open_device(device, NULL, false);
  struct oracle_slice of = ordinary();
  of.slice.count = 1;
  for (unsigned i = 0; i < 2000; i++) {
    (void)scan(&o, &of);
  }
}

static void faulty_flaky_dies_sooner_or_later(void **state)
{
  (void)state;
  /* It survives 2000 slices with a chance of 0.98^2000, about 10^-18. */
  int status = run_apart(body_many_scans, "faulty:flaky", LIMIT_MS);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(device_names_are_unique_and_open),
      cmocka_unit_test(unknown_devices_are_named_in_the_error),
      cmocka_unit_test(fpga_devices_are_named_by_their_bus),
      cmocka_unit_test(fpga_code_paths_are_rounds_per_cycle),
      cmocka_unit_test(forced_variant_that_cannot_run_names_those_that_can),
      cmocka_unit_test(variant_chosen_by_its_speed_is_one_that_runs),
      cmocka_unit_test(test_engines_are_marked_and_on_demand),
      cmocka_unit_test(open_binds_to_the_core_when_asked),
      cmocka_unit_test(only_cores_that_the_process_may_use_are_devices),
      cmocka_unit_test(cpu_quota_is_read_in_whole_cores),
      cmocka_unit_test(null_answers_without_searching),
      cmocka_unit_test(faulty_wrong_reports_a_counter_above_the_bound),
      cmocka_unit_test(faulty_attempts_claims_too_many),
      cmocka_unit_test(faulty_selftest_fails_to_open),
      cmocka_unit_test(faulty_slow_is_slow),
      cmocka_unit_test(faulty_die_aborts_at_its_slice_and_not_before),
      cmocka_unit_test(faulty_hang_never_returns_from_its_slice),
      cmocka_unit_test(faulty_open_never_returns),
      cmocka_unit_test(faulty_flaky_dies_sooner_or_later),
  };
  seed = oracle_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
