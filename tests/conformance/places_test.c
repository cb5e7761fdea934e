/*
 * Where the CPU engine's devices sit and which of them are used: on machines that are only
 * described, with control groups that are only files, and with real processes on real CPUs where
 * two searches are measured against one.
 */
#include "engine/cpu/place.h"
#include "engine/cpu/quota.h"
#include "engine/cpu/siblings.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- places ---- */

struct described {
  const char *synthetic;
  const char *allowed;
  size_t cores;
  struct {
    const char *place;
    int32_t node;
  } places[10]; /* all of them, in order */
};

/* Numbered as Linux does it: all first threads come first. */
#define FOUR_CORES "package:2 [numa] core:2 pu:2(indexes=0,4,1,5,2,6,3,7)"

static const struct described machines[] = {
    {FOUR_CORES,
     NULL,
     4,
     {{"package 0 core 0", 0},
      {"package 0 core 1", 0},
      {"package 1 core 2", 1},
      {"package 1 core 3", 1},
      {"package 0 core 0 thread 4", 0},
      {"package 0 core 1 thread 5", 0},
      {"package 1 core 2 thread 6", 1},
      {"package 1 core 3 thread 7", 1}}},
    /* Half of core 0, all of core 1, nothing of core 2, the second half of core 3. */
    {FOUR_CORES,
     "0-1,5,7",
     3,
     {{"package 0 core 0", 0},
      {"package 0 core 1", 0},
      {"package 1 core 3", 1},
      {"package 0 core 1 thread 5", 0}}},
    {FOUR_CORES, "6", 1, {{"package 1 core 2", 1}}},
    {"core:3 pu:1", NULL, 3, {{"core 0", 0}, {"core 1", 0}, {"core 2", 0}}},
    /* Third and further threads do not count. */
    {"core:2 pu:4",
     NULL,
     2,
     {{"core 0", 0}, {"core 1", 0}, {"core 0 thread 1", 0}, {"core 1 thread 5", 0}}},
    {"core:2 pu:4", "2-3,4", 2, {{"core 0", 0}, {"core 1", 0}, {"core 0 thread 3", 0}}},
    /* A system that tells of threads only: each counts as a core of its own. */
    {"package:1 pu:3",
     NULL,
     3,
     {{"package 0 thread 0", 0}, {"package 0 thread 1", 0}, {"package 0 thread 2", 0}}},
    {"pu:2", "1", 1, {{"thread 1", 0}}},
    /* Two kinds of memory are equally near: no node is the one. */
    {"package:1 [numa] [numa] core:1 pu:1", NULL, 1, {{"package 0 core 0", -1}}},
};

static void described_machines_are_numbered_cores_first(void **state)
{
  (void)state;
  for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
    const struct described *machine = &machines[m];
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    struct frank_places *places = NULL;
    size_t count = 0;
    assert_int_equal(frank_places_new_described(machine->synthetic, machine->allowed, &places, why),
                     FRANK_OK);
    for (; machine->places[count].place != NULL; count++) {
      char model[96];
      char place[64];
      int32_t node = 99;
      assert_true(count < frank_places_count(places));
      frank_places_describe(places, count, model, sizeof model, place, sizeof place, &node);
      assert_string_equal(place, machine->places[count].place);
      assert_int_equal(node, machine->places[count].node);
      assert_true(model[0] != '\0');
    }
    assert_int_equal(frank_places_count(places), count);
    assert_int_equal(frank_places_cores(places), machine->cores);
    frank_places_destroy(&places);
    assert_null(places);
  }
}

static void descriptions_that_describe_nothing_are_named(void **state)
{
  (void)state;
  static const struct {
    const char *synthetic;
    const char *allowed;
    const char *named;
  } rows[] = {{"nonsense", NULL, "nonsense"},
              {"core:0 pu:2", NULL, "core:0 pu:2"},
              {"core:2 pu:2", "9", "9"},
              {"core:2 pu:2", "two", "two"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    struct frank_places *places = NULL;
    assert_int_equal(frank_places_new_described(rows[i].synthetic, rows[i].allowed, &places, why),
                     FRANK_ERR_MALFORMED);
    assert_non_null(strstr(why, rows[i].named));
    assert_null(places);
  }
}

static void nothing_is_bound_on_a_machine_that_is_only_described(void **state)
{
  (void)state;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  struct frank_places *places = NULL;
  cpu_set_t before;
  cpu_set_t after;
  unsigned cpus[2];
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  assert_int_equal(frank_places_new_described("core:2 pu:2", NULL, &places, why), FRANK_OK);
  for (size_t i = 0; i < frank_places_count(places); i++) {
    assert_int_equal(frank_places_bind(places, i, why), FRANK_ERR_DENIED);
    assert_non_null(strstr(why, "not this machine"));
  }
  assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
  assert_true(CPU_EQUAL(&before, &after));
  assert_false(frank_places_thread_pair(places, cpus));
  frank_places_destroy(&places);
}

/* ---- quotas ---- */

static char root[] = "/tmp/frank-places-XXXXXX";

static void put_file(const char *path, const char *text)
{
  char full[PATH_MAX];
  (void)snprintf(full, sizeof full, "%s%s", root, path);
  for (char *slash = strchr(full + sizeof root, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
    *slash = '/';
  }
  FILE *file = fopen(full, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int make_root(void **state)
{
  (void)state;
  return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
  (void)state;
  char command[sizeof root + 16];
  (void)snprintf(command, sizeof command, "rm -r %s", root);
  return system(command) == 0 ? 0 : -1; /* NOLINT(cert-env33-c): the path is ours */
}

static void smallest_quota_from_our_group_outwards_counts(void **state)
{
  (void)state;
  size_t cores = 77;
  assert_false(frank_quota_cores(root, &cores)); /* no control groups at all */
  put_file("/proc/self/cgroup", "4:cpu:/one\n0::/one/two/three\n");
  assert_false(frank_quota_cores(root, &cores)); /* groups, but no controller */
  assert_int_equal(cores, 77);
  put_file("/sys/fs/cgroup/one/two/three/cpu.max", "max 100000\n");
  assert_false(frank_quota_cores(root, &cores));
  put_file("/sys/fs/cgroup/one/two/cpu.max", "300000 100000\n");
  assert_true(frank_quota_cores(root, &cores));
  assert_int_equal(cores, 3);
  put_file("/sys/fs/cgroup/one/cpu.max", "50000 100000\n"); /* half a core is one device */
  assert_true(frank_quota_cores(root, &cores));
  assert_int_equal(cores, 1);
  put_file("/sys/fs/cgroup/one/cpu.max", "400000 100000\n");
  put_file("/sys/fs/cgroup/one/two/three/cpu.max", "nonsense\n");
  assert_true(frank_quota_cores(root, &cores));
  assert_int_equal(cores, 3);
  /* A container that is told of groups outside it: its own is mounted as the root. */
  put_file("/proc/self/cgroup", "0::/elsewhere/box\n");
  put_file("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  assert_true(frank_quota_cores(root, &cores));
  assert_int_equal(cores, 2);
  put_file("/proc/self/cgroup", "0::/\n");
  assert_true(frank_quota_cores(root, &cores));
  assert_int_equal(cores, 2);
}

/* ---- siblings ---- */

static void second_threads_are_used_from_five_percent_on(void **state)
{
  (void)state;
  static const struct {
    struct frank_siblings_rates rates;
    bool used;
  } rows[] = {{{0, 0}, false},       {{0, 100}, false},    {{100, 0}, false},  {{100, 100}, false},
              {{100, 104.9}, false}, {{100, 105.1}, true}, {{100, 130}, true}, {{100, 80}, false},
              {{1e8, 1.3e8}, true},  {{NAN, 100}, false},  {{100, NAN}, false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(frank_siblings_are_worth_it(&rows[i].rates), rows[i].used);
  }
}

#define PACE_US 15U

static void spend(struct frank_scan *result)
{
  uint64_t until_us = frank_clock_now_us() + PACE_US;
  while (frank_clock_now_us() < until_us) {
  }
  result->attempts = 10;
}

/* Two of these do twice as much as one. */
static void scan_at_own_pace(const struct frank_slice *slice, struct frank_scan *result)
{
  (void)slice;
  spend(result);
}

/* Two of these do as much as one: what they need there is once, and they get it in turn. */
struct queue {
  atomic_uint taken;
  atomic_uint served;
};
static struct queue *queue;

static void scan_in_turn(const struct frank_slice *slice, struct frank_scan *result)
{
  (void)slice;
  unsigned ticket = atomic_fetch_add(&queue->taken, 1);
  while (atomic_load(&queue->served) != ticket) {
  }
  spend(result);
  atomic_fetch_add(&queue->served, 1);
}

/* What a search looks like whose CPU others use most of the time. */
static void scan_and_wait(const struct frank_slice *slice, struct frank_scan *result)
{
  const struct timespec pause_time = {.tv_nsec = 100000};
  (void)slice;
  (void)nanosleep(&pause_time, NULL);
  result->attempts = 10;
}

static void scan_and_die(const struct frank_slice *slice, struct frank_scan *result)
{
  (void)slice;
  (void)result;
  _exit(0);
}

static void scan_and_hang(const struct frank_slice *slice, struct frank_scan *result)
{
  (void)slice;
  (void)result;
  for (;;) {
    (void)pause();
  }
}

/* The first two CPUs that this process may use; skips the test where it has one. */
static void two_cpus(unsigned cpus[2])
{
  cpu_set_t have;
  size_t found = 0;
  assert_int_equal(sched_getaffinity(0, sizeof have, &have), 0);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
    if (CPU_ISSET(cpu, &have)) {
      cpus[found++] = cpu;
    }
  }
  if (found < 2) {
    print_message("skipped: this process may use one CPU only\n");
    skip();
  }
}

static void assert_no_child_is_left(void)
{
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

/* A busy machine can spoil a measurement, but hardly so many. */
static enum frank_err measured_in_time(const unsigned cpus[2], frank_cpu_scan_fn *scan,
                                       struct frank_siblings_rates *rates)
{
  enum frank_err err = FRANK_ERR_TIMEOUT;
  for (int tries = 0; tries < 30 && err == FRANK_ERR_TIMEOUT; tries++) {
    err = frank_siblings_measure(cpus, scan, rates);
    assert_no_child_is_left();
  }
  return err;
}

/* The test is skipped where it is spoilt each time. */
static struct frank_siblings_rates measured(frank_cpu_scan_fn *scan)
{
  struct frank_siblings_rates rates = {0};
  unsigned cpus[2];
  two_cpus(cpus);
  enum frank_err err = measured_in_time(cpus, scan, &rates);
  if (err == FRANK_ERR_TIMEOUT) {
    print_message("skipped: no undisturbed moment on two CPUs\n");
    skip();
  }
  assert_int_equal(err, FRANK_OK);
  return rates;
}

/* What others do meanwhile can lie within both measurements, and unlike: one of some must be true.
 * The last one, with its gain between the two, or whatever it was. */
static struct frank_siblings_rates measured_within(frank_cpu_scan_fn *scan, double least,
                                                   double most)
{
  struct frank_siblings_rates rates = measured(scan);
  for (int tries = 1; tries < 20; tries++) {
    if (frank_siblings_gain(&rates) > least && frank_siblings_gain(&rates) < most) {
      break;
    }
    print_message("a gain of %.2f: measured again\n", frank_siblings_gain(&rates));
    rates = measured(scan);
  }
  return rates;
}

static void searches_that_do_not_meet_add_up(void **state)
{
  (void)state;
  struct frank_siblings_rates rates = measured_within(scan_at_own_pace, 0.7, 1.3);
  /* The pace fixes the gain, whatever the machine's speed: it is 1. */
  assert_true(frank_siblings_gain(&rates) > 0.7 && frank_siblings_gain(&rates) < 1.3);
  assert_true(frank_siblings_are_worth_it(&rates));
  assert_true(rates.alone_hps > 0.5 * 10e6 / PACE_US && rates.alone_hps <= 10e6 / PACE_US * 1.1);
}

static void searches_that_wait_for_each_other_gain_nothing(void **state)
{
  (void)state;
  struct frank_siblings_rates rates;
  queue = mmap(NULL, sizeof *queue, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(queue != MAP_FAILED);
  rates = measured_within(scan_in_turn, -0.3, FRANK_SIBLINGS_GAIN_LEAST);
  /* Nothing is gained; and one alone was really alone, or it had been served half of the time. */
  assert_true(frank_siblings_gain(&rates) > -0.3);
  assert_false(frank_siblings_are_worth_it(&rates));
  assert_int_equal(munmap(queue, sizeof *queue), 0);
}

static void real_search_is_measured(void **state)
{
  (void)state;
  const double unknown_cps[FRANK_CPU_VARIANTS_MAX] = {0};
  struct frank_siblings_rates rates =
      measured(frank_cpu_variant_fastest(frank_cpu_features(), unknown_cps)->scan);
  assert_true(rates.alone_hps > 0 && rates.together_hps > 0);
}

static void searches_without_a_cpu_each_count_as_disturbed(void **state)
{
  (void)state;
  struct frank_siblings_rates rates;
  unsigned cpus[2];
  two_cpus(cpus);
  assert_int_equal(frank_siblings_measure(cpus, scan_and_wait, &rates), FRANK_ERR_TIMEOUT);
  assert_false(frank_siblings_are_worth_it(&rates));
  cpus[1] = cpus[0];
  assert_int_equal(frank_siblings_measure(cpus, scan_at_own_pace, &rates), FRANK_ERR_TIMEOUT);
  assert_false(frank_siblings_are_worth_it(&rates));
}

static void search_that_dies_or_hangs_ends_the_measurement(void **state)
{
  (void)state;
  struct frank_siblings_rates rates = {1, 2};
  unsigned cpus[2];
  two_cpus(cpus);
  assert_int_equal(measured_in_time(cpus, scan_and_die, &rates), FRANK_ERR_DEVICE);
  assert_false(frank_siblings_are_worth_it(&rates));
  assert_no_child_is_left();
  assert_int_equal(frank_siblings_measure(cpus, scan_and_hang, &rates), FRANK_ERR_TIMEOUT);
  assert_false(frank_siblings_are_worth_it(&rates));
  assert_no_child_is_left();
}

static void cpu_that_is_not_there_is_told(void **state)
{
  (void)state;
  struct frank_siblings_rates rates;
  unsigned cpus[2];
  two_cpus(cpus);
  cpus[1] = 65000;
  assert_int_equal(measured_in_time(cpus, scan_at_own_pace, &rates), FRANK_ERR_DENIED);
  assert_no_child_is_left();
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(described_machines_are_numbered_cores_first),
      cmocka_unit_test(descriptions_that_describe_nothing_are_named),
      cmocka_unit_test(nothing_is_bound_on_a_machine_that_is_only_described),
      cmocka_unit_test_setup_teardown(smallest_quota_from_our_group_outwards_counts, make_root,
                                      remove_root),
      cmocka_unit_test(second_threads_are_used_from_five_percent_on),
      cmocka_unit_test(searches_that_do_not_meet_add_up),
      cmocka_unit_test(searches_that_wait_for_each_other_gain_nothing),
      cmocka_unit_test(real_search_is_measured),
      cmocka_unit_test(searches_without_a_cpu_each_count_as_disturbed),
      cmocka_unit_test(search_that_dies_or_hangs_ends_the_measurement),
      cmocka_unit_test(cpu_that_is_not_there_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
