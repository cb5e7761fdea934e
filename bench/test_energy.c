/*
 * Energy is what the kernel's counters say, also when one turns over, or absent: never a part of
 * it, never 0 for want of anything to read. The kernel's files are made here, in a folder.
 */
#include "bench/bench.h"
#include "bench/energy.h"

#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

bool bench_is_stopping(void)
{
  return false;
}

#define RANGE_UJ "262143328850"

static char root[64];
static struct bench_energy energy;
static char why[BENCH_WHY_BYTES];

static int make_root(void **state)
{
  (void)state;
  (void)snprintf(root, sizeof root, "/tmp/frank-energy-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
  (void)info;
  (void)type;
  (void)where;
  return remove(path);
}

static int remove_root(void **state)
{
  (void)state;
  return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *zone, const char *name, const char *text)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", root, zone);
  (void)mkdir(path, 0755);
  (void)snprintf(path, sizeof path, "%s/%s/%s", root, zone, name);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void put_zone(const char *zone, const char *name, const char *energy_uj)
{
  put(zone, "name", name);
  put(zone, "max_energy_range_uj", RANGE_UJ "\n");
  put(zone, "energy_uj", energy_uj);
}

static void assert_joules(double wanted)
{
  double joules = -1;
  assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_OK);
  if (joules < wanted - 1e-5 || joules > wanted + 1e-5) {
    fail_msg("%f J instead of %f", joules, wanted);
  }
}

/* Two packages, and what must not be added to them: parts of one, the whole machine, another
 * driver's view of the same. */
static void packages_are_added_and_nothing_else(void **state)
{
  (void)state;
  put_zone("intel-rapl:0", "package-0\n", "1000000\n");
  put_zone("intel-rapl:1", "package-1\n", "5000000\n");
  put_zone("intel-rapl:2", "psys\n", "7000000\n");
  put_zone("intel-rapl:0:0", "core\n", "500000\n");
  put_zone("intel-rapl-mmio:0", "package-0\n", "1000000\n");
  put("intel-rapl", "enabled", "1\n");
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_OK);
  assert_joules(0);
  put_zone("intel-rapl:0", "package-0\n", "3500000\n");
  put_zone("intel-rapl:1", "package-1\n", "5250000\n");
  put_zone("intel-rapl:2", "psys\n", "97000000\n");
  put_zone("intel-rapl:0:0", "core\n", "90500000\n");
  put_zone("intel-rapl-mmio:0", "package-0\n", "91000000\n");
  assert_joules(2.75);
  assert_joules(2.75); /* since the start, however often it is asked */
}

static void a_counter_that_turns_over_goes_on(void **state)
{
  (void)state;
  put_zone("intel-rapl:0", "package-0\n", "262143000000\n");
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_OK);
  put_zone("intel-rapl:0", "package-0\n", "1671149\n");
  assert_joules(2.0);
  put_zone("intel-rapl:0", "package-0\n", "262143328850\n");
  put_zone("intel-rapl:0", "package-0\n", "2671149\n");
  assert_joules(3.0);
}

static void where_there_is_none_it_is_absent(void **state)
{
  (void)state;
  double joules = 0;
  assert_int_equal(bench_energy_start("/nonexistent/powercap", &energy, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "/nonexistent/powercap"));
  assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_ERR_NOT_FOUND);
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, root));
  put_zone("intel-rapl:0", "psys\n", "1\n");
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_ERR_NOT_FOUND);
}

/* A file that makes no sense, in the second of two packages: half of the energy is no energy. */
static void what_makes_no_sense_is_absent(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    const char *text;
  } bad[] = {
      {"energy_uj", ""},
      {"energy_uj", "\n"},
      {"energy_uj", "-1\n"},
      {"energy_uj", "12x\n"},
      {"energy_uj", "0x12\n"},
      {"energy_uj", "99999999999999999999999999\n"},
      {"energy_uj", "262143328851\n"}, /* beyond its range */
      {"max_energy_range_uj", "0\n"},
      {"max_energy_range_uj", "much\n"},
      {"name", ""},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    double joules = 0;
    put_zone("intel-rapl:0", "package-0\n", "1\n");
    put_zone("intel-rapl:1", "package-1\n", "1\n");
    put("intel-rapl:1", bad[i].name, bad[i].text);
    assert_int_equal(bench_energy_start(root, &energy, why), FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(why, "intel-rapl:1"));
    assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_ERR_NOT_FOUND);
  }
}

static void one_that_can_no_longer_be_read_is_absent(void **state)
{
  (void)state;
  double joules = 0;
  char path[256];
  put_zone("intel-rapl:0", "package-0\n", "1\n");
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_OK);
  assert_joules(0);
  (void)snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", root);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "intel-rapl:0"));
  put_zone("intel-rapl:0", "package-0\n", "2000000\n");
  assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_ERR_NOT_FOUND); /* a gap */
}

static void a_file_that_only_root_may_read_is_absent(void **state)
{
  (void)state;
  char path[256];
  if (geteuid() == 0) {
    print_message("skipped: root may read every file\n");
    skip();
  }
  put_zone("intel-rapl:0", "package-0\n", "1\n");
  (void)snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", root);
  assert_int_equal(chmod(path, 0), 0);
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "intel-rapl:0"));
}

static void more_packages_than_there_is_room_for_are_absent(void **state)
{
  (void)state;
  char zone[32];
  for (unsigned i = 0; i < BENCH_ENERGY_PACKAGES_MAX; i++) {
    (void)snprintf(zone, sizeof zone, "intel-rapl:%u", i);
    put_zone(zone, "package-0-die-1\n", "1\n");
  }
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_OK);
  assert_joules(0);
  put_zone("intel-rapl:64", "package-64\n", "1\n");
  assert_int_equal(bench_energy_start(root, &energy, why), FRANK_ERR_NOT_FOUND);
}

/* Where this kernel has counters, they go up. */
static void this_machine_counts_or_says_why_not(void **state)
{
  (void)state;
  double joules = 0;
  if (bench_energy_start(BENCH_ENERGY_ROOT, &energy, why) != FRANK_OK) {
    print_message("skipped: %s\n", why);
    skip();
  }
  (void)usleep(200000);
  assert_int_equal(bench_energy_read(&energy, &joules, why), FRANK_OK);
  assert_true(joules > 0);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
  const struct CMUnitTest tests[] = {
      WITH_ROOT(packages_are_added_and_nothing_else),
      WITH_ROOT(a_counter_that_turns_over_goes_on),
      WITH_ROOT(where_there_is_none_it_is_absent),
      WITH_ROOT(what_makes_no_sense_is_absent),
      WITH_ROOT(one_that_can_no_longer_be_read_is_absent),
      WITH_ROOT(a_file_that_only_root_may_read_is_absent),
      WITH_ROOT(more_packages_than_there_is_room_for_are_absent),
      cmocka_unit_test(this_machine_counts_or_says_why_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
