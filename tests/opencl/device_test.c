/*
 * The embedded kernel on an OpenCL device, through the ICD loader, against OpenSSL.
 *
 *     test_... fake FOLDER     the fake driver, by the folder of its .icd file
 *     test_... pocl            PoCL, every shape that engines may choose
 *     test_... oclgrind        Oclgrind, which interprets the kernel and logs each access out of
 *                              bounds, race, or use of what was never set; a line is a failure
 */
#include "launch.h"
#include "searcher.h"

#include "kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SHAPES_MAX     16
#define TEXT_MAX_BYTES 65536

struct shape {
  uint32_t vector;
  uint32_t groups;
  uint32_t local_size; /* of a work-group; 0: once 1 and once 8 */
};

/* How a driver is found, and how much it can bear. */
struct mode {
  const char *name;
  const char *vendors; /* what OCL_ICD_VENDORS is set to; NULL: an argument */
  uint32_t count;      /* counters of a slice */
  bool is_checked;     /* it logs errors to a file */
  struct shape shapes[SHAPES_MAX];
};

/* PoCL compiles a kernel for seconds, and again for each size of work-groups: so it gets few
 * shapes, and one size for each. */
static const struct mode modes[] = {
    {.name = "fake", .count = 3000, .shapes = {{1, 1, 0}, {1, 2, 0}, {2, 1, 0}, {4, 1, 0}}},
    {.name = "pocl",
     .vendors = "/etc/OpenCL/vendors/pocl.icd",
     .count = 3000,
     .shapes = {{1, 1, 1}, {4, 2, 8}, {16, 1, 1}, {16, 2, 8}}},
    {.name = "oclgrind",
     .vendors = "/usr/lib/oclgrind/liboclgrind-rt-icd.so",
     .count = 100,
     .is_checked = true,
     .shapes = {{1, 1, 0}, {1, 2, 0}, {2, 1, 0}, {4, 1, 0}, {8, 2, 0}, {16, 1, 0}, {16, 2, 0}}},
};

static const struct mode *mode;
static struct searcher s;
static char folder[] = "/tmp/frank-opencl-XXXXXX";
static char log_path[sizeof folder + 16];
static uint64_t seed;

/* ---- what the checker logs ---- */

/* A report of the checker that is no fault of the kernel: it looks at `stop` and `hit_count` while
 * others change them by atomic functions, to end early and no more. OpenCL C 1.2 has no atomic
 * load; a volatile one of an aligned word is whole on every device. All other races count. */
static bool is_expected(const char *report)
{
  const char *load = strstr(report, "= load volatile i32,");
  const char *atomic = strstr(report, "i32 @_Z10atomic_");
  return strstr(report, "Read-write data race") == report && load != NULL && atomic != NULL &&
         strstr(load + 1, "= load volatile i32,") == NULL &&
         strstr(atomic + 1, "i32 @_Z10atomic_") == NULL && strstr(report, "store") == NULL;
}

/* Adds a report to `out`, cut to its length, unless it is one that is expected. */
static void keep_report(char *out, size_t cap, const char *report)
{
  size_t used = strlen(out);
  if (report[0] != '\0' && !is_expected(report)) {
    (void)snprintf(out + used, cap - used, "%s", report);
  }
}

/* What was logged since the last time and is not expected. A report is a line and those below it
 * that begin with a tab. */
static const char *logged(void)
{
  static long at;
  static char text[4096];
  char report[8192] = "";
  char *line = NULL;
  size_t cap = 0;
  text[0] = '\0';
  FILE *file = mode->is_checked ? fopen(log_path, "r") : NULL;
  if (file == NULL) {
    return text;
  }
  (void)fseek(file, at, SEEK_SET);
  while (getline(&line, &cap, file) > 0) {
    if (line[0] != '\t' && line[0] != '\n') {
      keep_report(text, sizeof text, report);
      report[0] = '\0';
    }
    size_t used = strlen(report);
    if (line[0] != '\n') {
      (void)snprintf(report + used, sizeof report - used, "%s", line);
    }
  }
  keep_report(text, sizeof text, report);
  at = ftell(file);
  free(line);
  (void)fclose(file);
  return text;
}

static void assert_nothing_logged(void)
{
  const char *text = logged();
  if (text[0] != '\0') {
    fail_msg("the checker logged:\n%s", text);
  }
}

/* ---- searches ---- */

static void assert_done(bool went_well)
{
  if (!went_well) {
    char log[4096] = "";
    if (s.program != NULL) {
      (void)cl.clGetProgramBuildInfo(s.program, s.device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log,
                                     NULL);
    }
    fail_msg("%s answers %d\n%s", s.call, s.error, log);
  }
}

static uint32_t random_below(uint64_t *random, uint32_t limit)
{
  return (uint32_t)((oracle_random(random) >> 32) * limit >> 32);
}

/* A slice near a change of the counter's upper digits, where about every `one_in`-th counter is a
 * hit. */
static void make_slice(struct oracle_slice *of, uint64_t *random, uint8_t blocks, uint32_t one_in)
{
  oracle_fill(of, random, blocks, (uint8_t)random_below(random, 15));
  of->slice.first = (random_below(random, 0xffff) << 16) + 0x10000U - mode->count / 2;
  of->slice.count = mode->count;
  of->slice.bound = UINT32_MAX / one_in;
}

/* Four slices in several parts and two launches: few hits, as many as overflow, one that may stop,
 * and one at the counters' end, of which nothing is a hit. */
static void search_and_check(uint32_t local_size, uint64_t *random)
{
  enum { SLICES = 4 };
  static struct oracle_slice ofs[SLICES];
  static struct launch_scan scan;
  make_slice(&ofs[0], random, 2, mode->count / 10);
  make_slice(&ofs[1], random, 1, 1);
  make_slice(&ofs[2], random, 3, mode->count / 20);
  ofs[2].slice.may_stop = true;
  ofs[2].slice.stop_at = ofs[2].slice.bound / 4;
  do {
    make_slice(&ofs[3], random, 1, 1);
    ofs[3].slice.first = UINT32_MAX - (uint32_t)ofs[3].slice.count + 1;
  } while (oracle_nth_word(&ofs[3], ofs[3].slice.count, 0) == 0);
  ofs[3].slice.bound = 0;
  launch_begin(&scan, 256, local_size);
  for (size_t i = 0; i < SLICES; i++) {
    (void)launch_add_slice(&scan, &ofs[i]);
  }
  for (uint32_t launch = 0; launch < 2; launch++) {
    for (uint32_t i = 0; i < SLICES; i++) {
      uint32_t half = mode->count / 2;
      uint32_t third = half / 3 + random_below(random, half / 3);
      uint32_t first = ofs[i].slice.first + launch * half;
      launch_add_part(&scan, i, first, first + third - 1);
      launch_add_part(&scan, i, first + third, first + half - 1);
    }
    assert_done(searcher_run(&s, &scan));
    assert_true(s.was_called && s.called_status == CL_COMPLETE);
  }
  launch_assert_results(&scan);
  assert_int_equal(scan.results[3].hit_count, 0);
  assert_true(scan.results[1].hit_count > FRANK_KERNEL_HITS);
}

static void searches_agree_with_openssl(void **state)
{
  const struct shape *shape = *state;
  uint64_t random = seed;
  assert_done(searcher_build(&s, frank_kernel_source, frank_kernel_source_len_bytes, shape->vector,
                             shape->groups, 256));
  if (shape->local_size != 0) {
    search_and_check(shape->local_size, &random);
  } else {
    search_and_check(1, &random);
    search_and_check(8, &random);
  }
  assert_nothing_logged();
}

/* ---- a broken kernel is seen to be broken ---- */

/* The kernel with `from` replaced by `to`, which is in it once. */
static const char *broken_kernel(const char *from, const char *to)
{
  static char text[TEXT_MAX_BYTES];
  const char *at = strstr(frank_kernel_source, from);
  if (at == NULL || strstr(at + 1, from) != NULL) {
    fail_msg("'%s' is not once in the kernel: this test needs another", from);
    return NULL;
  }
  int bytes = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - frank_kernel_source),
                       frank_kernel_source, to, at + strlen(from));
  assert_true(bytes > 0 && (size_t)bytes < sizeof text);
  return text;
}

struct breakage {
  const char *name;
  const char *from;
  const char *to;
  const char *says; /* what the checker must log */
};

/* Slices in which every counter is a hit. */
static void broken_kernel_is_reported(void **state)
{
  const struct breakage *breakage = *state;
  static struct oracle_slice of;
  static struct launch_scan scan;
  uint64_t random = seed;
  const char *text = broken_kernel(breakage->from, breakage->to);
  make_slice(&of, &random, 2, 1);
  launch_begin(&scan, 256, 8);
  launch_add_part(&scan, launch_add_slice(&scan, &of), of.slice.first,
                  (uint32_t)(of.slice.first + of.slice.count - 1));
  assert_nothing_logged();
  assert_done(searcher_build(&s, text, strlen(text), 4, 1, 256));
  (void)searcher_run(&s, &scan);
  const char *said = logged();
  if (strstr(said, breakage->says) == NULL) {
    fail_msg("no '%s' in what was logged:\n%s", breakage->says, said);
  }
}

static const struct breakage breakages[] = {
    {"writes_out_of_bounds", "result->hits[at] = counter;", "result->hits[at + 64] = counter;",
     "Invalid write"},
    {"reads_out_of_bounds", "kw + slice->kw_at", "kw + slice->kw_at + 64", "Invalid read"},
    {"races", "uint at = atomic_inc(&result->hit_count);", "uint at = result->hit_count++;",
     "data race"},
    {"uses_what_was_never_set", "uint words[STEP];",
     "uint words[STEP + 1]; if (words[STEP] == first) return;", "uninitialized value"},
};

/* ---- setting up ---- */

static int set_up(const char *vendors)
{
  if (access(vendors, R_OK) != 0) {
    print_message("skipped: %s is not here\n", vendors);
    return 77;
  }
  if (mkdtemp(folder) == NULL) {
    perror(folder);
    return 1;
  }
  (void)snprintf(log_path, sizeof log_path, "%s/log", folder);
  const char *const settings[][2] = {
      {"OCL_ICD_VENDORS", vendors},
      /* Nothing is kept from one run to the next, or in a home. */
      {"POCL_CACHE_DIR", folder},
      {"OCLGRIND_LOG", log_path},
      {"OCLGRIND_CHECK_API", "1"},
      {"OCLGRIND_DATA_RACES", "1"},
      {"OCLGRIND_UNINITIALIZED", "1"},
      {"OCLGRIND_MAX_ERRORS", "1000000"},
      /* Optimised, the kernel has rotations of LLVM's own (llvm.fshl) that 21.10 does not know. */
      {"OCLGRIND_BUILD_OPTIONS", "-cl-opt-disable"},
  };
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    (void)setenv(settings[i][0], settings[i][1], 1);
  }
  if (!cl_calls_load()) {
    print_message("skipped: no OpenCL loader here\n");
    return 77;
  }
  if (!searcher_open(&s)) {
    print_message("%s answers %d\n", s.call, s.error);
    return 1;
  }
  return 0;
}

static int run_all(void)
{
  static struct CMUnitTest tests[SHAPES_MAX + sizeof breakages / sizeof breakages[0]];
  static char names[sizeof tests / sizeof tests[0]][80];
  size_t count = 0;
  for (size_t i = 0; i < SHAPES_MAX && mode->shapes[i].vector != 0; i++) {
    (void)snprintf(names[count], sizeof names[count], "searches_agree_with_openssl[%ux%u]",
                   mode->shapes[i].vector, mode->shapes[i].groups);
    tests[count] = (struct CMUnitTest){.name = names[count],
                                       .test_func = searches_agree_with_openssl,
                                       .initial_state = (void *)&mode->shapes[i]};
    count++;
  }
  for (size_t i = 0; mode->is_checked && i < sizeof breakages / sizeof breakages[0]; i++) {
    (void)snprintf(names[count], sizeof names[count], "broken_kernel_is_reported[%s]",
                   breakages[i].name);
    tests[count] = (struct CMUnitTest){.name = names[count],
                                       .test_func = broken_kernel_is_reported,
                                       .initial_state = (void *)&breakages[i]};
    count++;
  }
  return _cmocka_run_group_tests("opencl_device", tests, count, NULL, NULL);
}

static void remove_folder(void)
{
  char command[sizeof folder + 16];
  (void)snprintf(command, sizeof command, "rm -rf %s", folder);
  (void)!system(command); // NOLINT(cert-env33-c): its own folder, by mkdtemp
}

int main(int argc, char **argv)
{
  for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++) {
    if (strcmp(argv[1], modes[i].name) == 0) {
      mode = &modes[i];
    }
  }
  if (mode == NULL || (mode->vendors == NULL) != (argc == 3)) {
    (void)fprintf(stderr, "usage: %s fake FOLDER | pocl | oclgrind\n", argv[0]);
    return 2;
  }
  seed = oracle_seed();
  int status = set_up(mode->vendors == NULL ? argv[2] : mode->vendors);
  if (status == 0) {
    status = run_all();
    searcher_close(&s);
  }
  remove_folder();
  return status;
}
