/*
 * Where devices on PCI sit, and what binding near them does: on a machine that is only described,
 * on this one with that description in place of its own, and on this one as it is.
 *
 * three_packages.xml describes three packages, which the system numbers 0, 5 and 6, with one CPU
 * and one NUMA node each; a cpuset keeps the third from us. One device is near each package (that
 * of package 5 behind a bridge), and one is equally near to all. one_package.xml is a desktop: its
 * device hangs on the machine as a whole.
 */
#include "engine/engine.h"
#include "engine/pci_place.h"

#include <dirent.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char three_packages[512];
static char one_package[512];

static const struct frank_pci_address of_package_0 = {.bus = 0x18};
static const struct frank_pci_address of_package_5 = {.bus = 0x3b};
static const struct frank_pci_address of_package_6 = {
    .domain = 1, .bus = 0xaf, .device = 0x1f, .function = 7};
static const struct frank_pci_address of_all = {.device = 2};

static const struct {
  const struct frank_pci_address *address;
  const char *text;
  int32_t node;
} devices[] = {{&of_package_0, "package 0 pci 0000:18:00.0", 0},
               {&of_package_5, "package 5 pci 0000:3b:00.0", 1},
               {&of_package_6, "package 6 pci 0001:af:1f.7", 2},
               {&of_all, "pci 0000:00:02.0", -1}};
#define DEVICES (sizeof devices / sizeof devices[0])

static struct frank_pci_places *described_places(const char *path)
{
  struct frank_pci_places *places = NULL;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  assert_int_equal(frank_pci_places_new_described(path, &places, why), FRANK_OK);
  return places;
}

static struct frank_pci_places *places_here(void)
{
  struct frank_pci_places *places = NULL;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  assert_int_equal(frank_pci_places_new(&places, why), FRANK_OK);
  return places;
}

/* ---- a machine that is only described ---- */

static void devices_are_placed_by_package_and_node(void **state)
{
  (void)state;
  struct frank_pci_places *places = described_places(three_packages);
  for (size_t i = 0; i < DEVICES; i++) {
    char text[FRANK_PCI_PLACE_BYTES];
    int32_t node = 99;
    assert_int_equal(frank_pci_places_describe(places, devices[i].address, text, &node), FRANK_OK);
    assert_string_equal(text, devices[i].text);
    assert_int_equal(node, devices[i].node);
  }
  frank_pci_places_destroy(&places);
  assert_null(places);
  frank_pci_places_destroy(&places);
}

static void only_package_is_the_place_of_what_hangs_on_the_machine(void **state)
{
  (void)state;
  struct frank_pci_places *places = described_places(one_package);
  char text[FRANK_PCI_PLACE_BYTES];
  int32_t node = 99;
  assert_int_equal(frank_pci_places_describe(places, &of_all, text, &node), FRANK_OK);
  assert_string_equal(text, "package 3 pci 0000:00:02.0");
  assert_int_equal(node, 0);
  frank_pci_places_destroy(&places);
}

static void devices_that_are_not_there_are_not_found(void **state)
{
  (void)state;
  static const struct {
    struct frank_pci_address address;
    const char *named;
  } rows[] = {
      {{.bus = 0x3b, .function = 1}, "pci 0000:3b:00.1"},
      {{.bus = 0x3a}, "pci 0000:3a:00.0"}, /* the bridge */
      {{.domain = 1, .bus = 0x3b}, "pci 0001:3b:00.0"},
      {{.domain = 0x10000, .bus = 0x3b}, "pci 10000:3b:00.0"},
      {{.bus = 255, .device = 31, .function = 7}, "pci 0000:ff:1f.7"},
      {{.domain = 0xffff, .bus = 255, .device = 31, .function = 7}, "pci ffff:ff:1f.7"},
      {{.domain = UINT32_MAX, .bus = 255, .device = 255, .function = 255}, "pci ffffffff:ff:ff.ff"},
  };
  struct frank_pci_places *described = described_places(three_packages);
  struct frank_pci_places *here = places_here();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    char text[FRANK_PCI_PLACE_BYTES] = "left over";
    int32_t node = 99;
    assert_int_equal(frank_pci_places_describe(described, &rows[i].address, text, &node),
                     FRANK_ERR_NOT_FOUND);
    assert_string_equal(text, "");
    assert_int_equal(node, -1);
    assert_int_equal(frank_pci_places_bind(described, &rows[i].address, why), FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(why, rows[i].named));
    if (rows[i].address.bus == 255) { /* the others this machine could have */
      assert_int_equal(frank_pci_places_describe(here, &rows[i].address, text, &node),
                       FRANK_ERR_NOT_FOUND);
    }
  }
  frank_pci_places_destroy(&described);
  frank_pci_places_destroy(&here);
}

static void files_that_describe_nothing_are_named(void **state)
{
  (void)state;
  static const char *const paths[] = {"/nowhere/machine.xml", "/dev/null", "/proc/self/cmdline"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    struct frank_pci_places *places = NULL;
    assert_int_equal(frank_pci_places_new_described(paths[i], &places, why), FRANK_ERR_MALFORMED);
    assert_non_null(strstr(why, paths[i]));
    assert_null(places);
  }
}

/* ---- binding ---- */

static cpu_set_t cpus_before;

static int remember_binding(void **state)
{
  (void)state;
  return sched_getaffinity(0, sizeof cpus_before, &cpus_before);
}

static int undo_binding(void **state)
{
  (void)state;
  (void)unsetenv("HWLOC_XMLFILE");
  (void)unsetenv("HWLOC_THISSYSTEM");
  (void)syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL,
                0UL); /* where it is denied, so was the other */
  return sched_setaffinity(0, sizeof cpus_before, &cpus_before);
}

static cpu_set_t cpus_of(pid_t thread)
{
  cpu_set_t cpus;
  assert_int_equal(sched_getaffinity(thread, sizeof cpus, &cpus), 0);
  return cpus;
}

static void assert_cpus(pid_t thread, unsigned long expected)
{
  cpu_set_t cpus = cpus_of(thread);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    assert_int_equal(CPU_ISSET(cpu, &cpus) != 0, cpu < 3 && (expected >> cpu & 1) != 0);
  }
}

/* The nodes that this thread's memory is bound to; 0: to none. */
static unsigned long bound_nodes(void)
{
  unsigned long nodes[16] = {0}; /* as many as any kernel of Debian's knows of */
  int mode = -1;
  if (syscall(SYS_get_mempolicy, &mode, nodes, 8 * sizeof nodes, NULL, 0UL) != 0) {
    print_message("skipped: no get_mempolicy here\n");
    skip();
  }
  return mode == MPOL_DEFAULT ? 0 : nodes[0];
}

/* This machine's CPUs in the described one's order: 0 and 1 may be used. Skips where they cannot.
 */
static struct frank_pci_places *places_as_if_here(unsigned long cpus)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  for (unsigned cpu = 0; cpu < 2; cpu++) {
    if ((cpus >> cpu & 1) == 0) {
      continue;
    }
    if (!CPU_ISSET(cpu, &cpus_before)) {
      print_message("skipped: this process may not use CPU %u\n", cpu);
      skip();
    }
    CPU_SET(cpu, &set);
  }
  assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
  assert_int_equal(setenv("HWLOC_XMLFILE", three_packages, 1), 0);
  assert_int_equal(setenv("HWLOC_THISSYSTEM", "1", 1), 0);
  return places_here();
}

static void nothing_is_bound_on_a_machine_that_is_only_described(void **state)
{
  (void)state;
  struct frank_pci_places *places = described_places(three_packages);
  for (size_t i = 0; i < DEVICES; i++) {
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    assert_int_equal(frank_pci_places_bind(places, devices[i].address, why), FRANK_ERR_DENIED);
    assert_non_null(strstr(why, "not this machine"));
  }
  cpu_set_t after = cpus_of(0);
  assert_true(CPU_EQUAL(&cpus_before, &after));
  frank_pci_places_destroy(&places);
}

static void process_and_its_memory_are_bound_near_the_device(void **state)
{
  (void)state;
  struct frank_pci_places *places = places_as_if_here(3);
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  enum frank_err err = frank_pci_places_bind(places, &of_package_0, why);
  assert_cpus(0, 1);
  frank_pci_places_destroy(&places);
  if (err == FRANK_ERR_DENIED && strstr(why, "memory not bound near pci 0000:18:00.0") != NULL) {
    print_message("skipped after the CPUs: %s\n", why);
    skip();
  }
  assert_int_equal(err, FRANK_OK);
  assert_int_equal(bound_nodes(), 1);
}

static void memory_that_cannot_be_bound_is_told(void **state)
{
  (void)state;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  if (access("/sys/devices/system/node/node1", F_OK) == 0) {
    print_message("skipped: this machine has a NUMA node 1\n");
    skip();
  }
  struct frank_pci_places *places = places_as_if_here(3);
  assert_int_equal(frank_pci_places_bind(places, &of_package_5, why), FRANK_ERR_DENIED);
  assert_non_null(strstr(why, "memory not bound near pci 0000:3b:00.0: "));
  assert_cpus(0, 2); /* the CPUs are bound all the same */
  frank_pci_places_destroy(&places);
}

/* What a driver's own thread does all day. */
static void *wait_for_work(void *thread)
{
  char byte;
  int *pipes = thread;
  pid_t tid = gettid();
  if (write(pipes[3], &tid, sizeof tid) != sizeof tid) {
    return NULL;
  }
  return read(pipes[0], &byte, 1) == 0 ? thread : NULL;
}

static void threads_of_a_driver_are_bound_as_well(void **state)
{
  (void)state;
  struct frank_pci_places *places = places_as_if_here(3);
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  int pipes[4]; /* the thread waits at the first pair, and tells its number by the second */
  pthread_t driver;
  pid_t tid = 0;
  void *result = NULL;
  assert_int_equal(pipe(pipes), 0);
  assert_int_equal(pipe(pipes + 2), 0);
  assert_int_equal(pthread_create(&driver, NULL, wait_for_work, pipes), 0);
  assert_int_equal(read(pipes[2], &tid, sizeof tid), sizeof tid);
  assert_cpus(tid, 3);
  (void)!frank_pci_places_bind(places, &of_package_0, why);
  assert_cpus(tid, 1);
  assert_int_equal(close(pipes[1]), 0);
  assert_int_equal(pthread_join(driver, &result), 0);
  assert_ptr_equal(result, pipes);
  (void)close(pipes[0]);
  (void)close(pipes[2]);
  (void)close(pipes[3]);
  frank_pci_places_destroy(&places);
}

static void device_that_is_near_everything_binds_nothing(void **state)
{
  (void)state;
  struct frank_pci_places *places = places_as_if_here(3);
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  assert_int_equal(frank_pci_places_bind(places, &of_all, why), FRANK_OK);
  assert_cpus(0, 3);
  assert_int_equal(bound_nodes(), 0);
  frank_pci_places_destroy(&places);
}

static void cpus_that_we_may_not_use_stay_unused(void **state)
{
  (void)state;
  static const struct frank_pci_address *const out_of_reach[] = {&of_package_5, &of_package_6};
  struct frank_pci_places *places = places_as_if_here(1);
  for (size_t i = 0; i < 2; i++) {
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    assert_int_equal(frank_pci_places_bind(places, out_of_reach[i], why), FRANK_ERR_DENIED);
    assert_non_null(strstr(why, "may use none of the CPUs there"));
    assert_cpus(0, 1);
    assert_int_equal(bound_nodes(), 0);
  }
  frank_pci_places_destroy(&places);
}

/* ---- this machine ---- */

static long number_in(const char *device, const char *file, int base)
{
  char path[512];
  char text[32] = "";
  (void)snprintf(path, sizeof path, "/sys/bus/pci/devices/%.255s/%s", device, file);
  FILE *stream = fopen(path, "re");
  if (stream == NULL || fgets(text, sizeof text, stream) == NULL) {
    text[0] = '\0';
  }
  if (stream != NULL) {
    (void)fclose(stream);
  }
  return text[0] == '\0' ? -1 : strtol(text, NULL, base);
}

/* False for what is no device to hwloc: a bridge, or a domain that it has no room for. */
static bool address_of(const char *name, struct frank_pci_address *address)
{
  unsigned part[4];
  /* NOLINTNEXTLINE(cert-err34-c): the kernel's own words, and compared with them below */
  if (sscanf(name, "%x:%x:%x.%x", &part[0], &part[1], &part[2], &part[3]) != 4 ||
      part[0] > 0xffff || number_in(name, "class", 16) >> 8 == 0x0604) {
    return false;
  }
  *address =
      (struct frank_pci_address){part[0], (uint8_t)part[1], (uint8_t)part[2], (uint8_t)part[3]};
  return true;
}

static void devices_of_this_machine_are_placed(void **state)
{
  (void)state;
  size_t seen = 0;
  DIR *dir = opendir("/sys/bus/pci/devices");
  struct frank_pci_places *places = places_here();
  for (struct dirent *entry = NULL; dir != NULL && (entry = readdir(dir)) != NULL;) {
    struct frank_pci_address address;
    char text[FRANK_PCI_PLACE_BYTES];
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    int32_t node = 99;
    if (!address_of(entry->d_name, &address)) {
      continue;
    }
    assert_int_equal(frank_pci_places_describe(places, &address, text, &node), FRANK_OK);
    const char *named = strstr(text, "pci ");
    assert_non_null(named);
    assert_string_equal(named + 4, entry->d_name);
    long told = number_in(entry->d_name, "numa_node", 10);
    assert_true(node >= -1 && (told < 0 || node < 0 || told == node));
    enum frank_err err = frank_pci_places_bind(places, &address, why);
    assert_true(err == FRANK_OK || (err == FRANK_ERR_DENIED && strstr(why, named) != NULL));
    cpu_set_t after = cpus_of(0);
    cpu_set_t common;
    CPU_AND(&common, &after, &cpus_before);
    assert_true(CPU_EQUAL(&common, &after) && CPU_COUNT(&after) > 0);
    assert_int_equal(undo_binding(NULL), 0);
    seen++;
  }
  if (dir != NULL) {
    (void)closedir(dir);
  }
  frank_pci_places_destroy(&places);
  if (seen == 0) {
    print_message("skipped: this machine shows no PCI device\n");
    skip();
  }
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_placed_by_package_and_node),
      cmocka_unit_test(only_package_is_the_place_of_what_hangs_on_the_machine),
      cmocka_unit_test(devices_that_are_not_there_are_not_found),
      cmocka_unit_test(files_that_describe_nothing_are_named),
      cmocka_unit_test_setup_teardown(nothing_is_bound_on_a_machine_that_is_only_described,
                                      remember_binding, undo_binding),
      cmocka_unit_test_setup_teardown(process_and_its_memory_are_bound_near_the_device,
                                      remember_binding, undo_binding),
      cmocka_unit_test_setup_teardown(memory_that_cannot_be_bound_is_told, remember_binding,
                                      undo_binding),
      cmocka_unit_test_setup_teardown(threads_of_a_driver_are_bound_as_well, remember_binding,
                                      undo_binding),
      cmocka_unit_test_setup_teardown(device_that_is_near_everything_binds_nothing,
                                      remember_binding, undo_binding),
      cmocka_unit_test_setup_teardown(cpus_that_we_may_not_use_stay_unused, remember_binding,
                                      undo_binding),
      cmocka_unit_test_setup_teardown(devices_of_this_machine_are_placed, remember_binding,
                                      undo_binding),
  };
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s FOLDER_OF_TOPOLOGIES\n", argv[0]);
    return 2;
  }
  (void)snprintf(three_packages, sizeof three_packages, "%s/three_packages.xml", argv[1]);
  (void)snprintf(one_package, sizeof one_package, "%s/one_package.xml", argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
