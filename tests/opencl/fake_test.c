/*
 * The fake OpenCL driver itself (fake/), through the ICD loader: each fault does what faults.h
 * says, and nothing else goes wrong. Each trial is a process of its own, since some do not survive
 * it.
 *
 *     test_... FOLDER     the folder of its .icd file
 */
#include "launch.h"
#include "searcher.h"

#include "kernels/kernels.h"

#include <CL/cl_ext.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME_BYTES  9000 /* less than a long name has */
#define NONE        77   /* exit status: no loader here */
#define PATIENCE_MS 60000
#define SETTLED_MS  300 /* a call that has not returned after this time is said to hang */

/* What a trial leaves behind, in memory that both processes see. */
static struct trial {
  struct searcher s;
  struct launch_scan scan;
  uint32_t launches; /* that went well */
  cl_uint device_count;
  cl_device_type type;
  cl_device_pci_bus_info_khr pci;
  char version[64];
  char extensions[64];
  char name[NAME_BYTES];
  size_t name_bytes;
  char log[1024];
  unsigned char binary[1024];
  size_t binary_bytes;
} * trial;

static const char *vendors;
static struct oracle_slice of;

/* ---- what a trial does, in its process ---- */

/* Searches `launches` times, a thousand counters each. */
static void search(uint32_t launches)
{
  struct searcher *s = &trial->s;
  launch_begin(&trial->scan, 256, 4);
  uint32_t slice = launch_add_slice(&trial->scan, &of);
  for (uint32_t i = 0; i < launches; i++) {
    launch_add_part(&trial->scan, slice, i * 1000, i * 1000 + 999);
    if (!searcher_run(s, &trial->scan)) {
      return;
    }
    trial->launches++;
  }
}

static bool open_and_build(const char *options, int patience_ms)
{
  struct searcher *s = &trial->s;
  if (!searcher_open(s)) {
    return false;
  }
  s->patience_ms = patience_ms;
  bool is_built =
      searcher_build_options(s, frank_kernel_source, frank_kernel_source_len_bytes, options);
  if (s->program != NULL) {
    (void)cl.clGetProgramBuildInfo(s->program, s->device, CL_PROGRAM_BUILD_LOG,
                                   sizeof trial->log - 1, trial->log, NULL);
  }
  return is_built;
}

static const char plain_options[] =
    "-cl-std=CL1.2 -D FRANK_VECTOR=1 -D FRANK_GROUPS=1 -D FRANK_ITEM=256";

static void search_once(void)
{
  if (open_and_build(plain_options, PATIENCE_MS)) {
    search(1);
  }
}

static void search_thrice(void)
{
  if (open_and_build(plain_options, PATIENCE_MS)) {
    search(3);
  }
}

static void search_impatiently(void)
{
  if (open_and_build(plain_options, 0)) {
    search(3);
  }
}

static void ask_for_information(void)
{
  struct searcher *s = &trial->s;
  if (!searcher_open(s)) {
    return;
  }
  (void)cl.clGetDeviceIDs(s->platform, CL_DEVICE_TYPE_ALL, 0, NULL, &trial->device_count);
  (void)cl.clGetDeviceInfo(s->device, CL_DEVICE_TYPE, sizeof trial->type, &trial->type, NULL);
  (void)cl.clGetDeviceInfo(s->device, CL_DEVICE_VERSION, sizeof trial->version, trial->version,
                           NULL);
  (void)cl.clGetDeviceInfo(s->device, CL_DEVICE_EXTENSIONS, sizeof trial->extensions,
                           trial->extensions, NULL);
  (void)cl.clGetDeviceInfo(s->device, CL_DEVICE_PCI_BUS_INFO_KHR, sizeof trial->pci, &trial->pci,
                           NULL);
  s->call = "clGetDeviceInfo";
  s->error = cl.clGetDeviceInfo(s->device, CL_DEVICE_NAME, sizeof trial->name, trial->name,
                                &trial->name_bytes);
}

static void build_too_wide(void)
{
  (void)open_and_build("-D FRANK_VECTOR=16 -D FRANK_GROUPS=2 -D FRANK_ITEM=256", PATIENCE_MS);
}

static void build_with_another_option(void)
{
  (void)open_and_build("-cl-fast-relaxed-math", PATIENCE_MS);
}

static void build_another_text(void)
{
  static const char text[] = "__kernel void frank_search() {}";
  if (searcher_open(&trial->s)) {
    (void)searcher_build(&trial->s, text, sizeof text - 1, 1, 1, 256);
  }
}

static void keep_binary(void)
{
  struct searcher *s = &trial->s;
  unsigned char *to = trial->binary;
  if (open_and_build(plain_options, PATIENCE_MS)) {
    s->call = "clGetProgramInfo";
    s->error = cl.clGetProgramInfo(s->program, CL_PROGRAM_BINARY_SIZES, sizeof trial->binary_bytes,
                                   &trial->binary_bytes, NULL);
    if (s->error == CL_SUCCESS && trial->binary_bytes <= sizeof trial->binary) {
      s->error = cl.clGetProgramInfo(s->program, CL_PROGRAM_BINARIES, sizeof to, &to, NULL);
    }
  }
}

/* From the binary that a trial before has kept. */
static void search_by_binary(void)
{
  struct searcher *s = &trial->s;
  if (searcher_open(s) &&
      searcher_build_binary(s, trial->binary, trial->binary_bytes, plain_options)) {
    search(1);
  }
}

/* ---- trials ---- */

static pid_t begin(const char *fault, void (*act)(void))
{
  memset(&trial->s, 0, sizeof trial->s);
  trial->launches = 0;
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)signal(SIGSEGV, SIG_DFL); /* not a sanitizer's */
    (void)setenv("OCL_ICD_VENDORS", vendors, 1);
    (void)setenv("FRANK_FAKE_CL", fault, 1);
    if (!cl_calls_load()) {
      _exit(NONE);
    }
    trial->s.call = "";
    act();
    const char *call = trial->s.call;
    cl_int error = trial->s.error;
    struct searcher s = trial->s;
    searcher_close(&s);
    trial->s.call = call;
    trial->s.error = error;
    exit(0); /* a sanitizer looks for leaks now */
  }
  return pid;
}

/* The signal that ended the trial, 0 where it ended by itself. */
static int end(pid_t pid)
{
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status);
  }
  assert_int_equal(WEXITSTATUS(status), 0);
  return 0;
}

static void run(const char *fault, void (*act)(void))
{
  assert_int_equal(end(begin(fault, act)), 0);
}

static void assert_call(const char *call, cl_int error)
{
  assert_string_equal(trial->s.call, call);
  assert_int_equal(trial->s.error, error);
}

static void wait_ms(unsigned ms)
{
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&time, NULL);
}

/* The trial gets as far as `call` after so many launches, and that never returns. */
static void assert_hangs(const char *fault, void (*act)(void), uint32_t launches, const char *call)
{
  pid_t pid = begin(fault, act);
  const char *const volatile *now = &trial->s.call;
  const volatile uint32_t *done = &trial->launches;
  for (unsigned ms = 0;
       ms < PATIENCE_MS && (*done != launches || *now == NULL || strcmp(*now, call) != 0);
       ms += 10) {
    wait_ms(10);
  }
  wait_ms(SETTLED_MS);
  pid_t ended = waitpid(pid, NULL, WNOHANG);
  (void)kill(pid, SIGKILL);
  assert_int_equal(ended, 0);
  assert_string_equal(*now, call);
  assert_int_equal(*done, launches);
  assert_int_equal(end(pid), SIGKILL);
}

/* ---- the promises ---- */

static void searches_right_without_faults(void **state)
{
  (void)state;
  run("", search_thrice);
  assert_int_equal(trial->launches, 3);
  launch_assert_results(&trial->scan);
  assert_true(trial->s.was_called && trial->s.called_status == CL_COMPLETE);
  assert_true(trial->s.called_elsewhere);
  run("slow=20", search_once);
  assert_int_equal(trial->launches, 1);
  launch_assert_results(&trial->scan);
}

static void faults_are_answered(void **state)
{
  (void)state;
  static const struct {
    const char *fault;
    const char *call;
    cl_int error;
    uint32_t launches; /* that go well before */
  } rows[] = {
      {"none-platform", "clGetPlatformIDs", CL_PLATFORM_NOT_FOUND_KHR, 0},
      {"no-device", "clGetDeviceIDs", CL_DEVICE_NOT_FOUND, 0},
      {"unavailable", "clCreateContext", CL_DEVICE_NOT_AVAILABLE, 0},
      {"no-compiler", "clBuildProgram", CL_COMPILER_NOT_AVAILABLE, 0},
      {"build", "clBuildProgram", CL_BUILD_PROGRAM_FAILURE, 0},
      {"nomem", "clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE, 0},
      {"nomem@3", "clCreateBuffer", CL_MEM_OBJECT_ALLOCATION_FAILURE, 2},
      {"nomem-launch", "clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, 0},
      {"slow=1,nomem-launch@2", "clEnqueueNDRangeKernel", CL_OUT_OF_RESOURCES, 1},
      {"callback-fails", "clSetEventCallback", CL_INVALID_VALUE, 0},
      {"callback-fails@2", "clSetEventCallback", CL_INVALID_VALUE, 1},
      {"fail-event", "event", CL_OUT_OF_RESOURCES, 0},
      {"fail-event@3", "event", CL_OUT_OF_RESOURCES, 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    print_message("%s\n", rows[i].fault);
    run(rows[i].fault, search_thrice);
    assert_call(rows[i].call, rows[i].error);
    assert_int_equal(trial->launches, rows[i].launches);
  }
  assert_int_equal(trial->s.called_status, CL_OUT_OF_RESOURCES);
}

static void crashes_end_the_process(void **state)
{
  (void)state;
  static const struct {
    const char *fault;
    int signal;
    uint32_t launches;
  } rows[] = {
      {"probe-crash", SIGSEGV, 0}, {"build-crash", SIGSEGV, 0}, {"crash", SIGSEGV, 0},
      {"crash@2", SIGSEGV, 1},     {"abort@3", SIGABRT, 2},     {"nonsense", SIGABRT, 0},
      {"slow", SIGABRT, 0},        {"hang@soon", SIGABRT, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    print_message("%s\n", rows[i].fault);
    assert_int_equal(end(begin(rows[i].fault, search_thrice)), rows[i].signal);
    assert_int_equal(trial->launches, rows[i].launches);
  }
}

static void hangs_hang(void **state)
{
  (void)state;
  assert_hangs("probe-hang", search_once, 0, "clGetPlatformIDs");
  assert_hangs("build-hang", search_once, 0, "clBuildProgram");
  assert_hangs("hang", search_impatiently, 0, "clFinish");
  assert_false(trial->s.was_called);
  assert_hangs("hang@3", search_thrice, 2, "clFlush"); /* and no callback comes */
}

static void callbacks_can_fail_to_come(void **state)
{
  (void)state;
  run("no-callback", search_impatiently);
  assert_int_equal(trial->launches, 3);
  assert_false(trial->s.was_called);
  launch_assert_results(&trial->scan);
}

static void wrong_hits_are_none(void **state)
{
  (void)state;
  run("wrong@2", search_thrice);
  assert_int_equal(trial->launches, 3);
  const struct frank_kernel_result *result = &trial->scan.results[0];
  unsigned wrong = 0;
  for (uint32_t i = 0; i < result->hit_count && i < FRANK_KERNEL_HITS; i++) {
    wrong += oracle_word(&of, result->hits[i]) > of.slice.bound;
  }
  assert_true(wrong == 2); /* of two launches */
}

static void missed_hits_are_missed(void **state)
{
  (void)state;
  run("miss@2", search_thrice);
  uint32_t hits = 0;
  for (uint32_t counter = 0; counter < 1000; counter++) {
    hits += oracle_word(&of, counter) <= of.slice.bound;
  }
  assert_int_equal(trial->launches, 3);
  assert_true(hits > 0);
  assert_int_equal(trial->scan.results[0].hit_count, hits);
}

static void devices_tell_what_is_asked_for(void **state)
{
  (void)state;
  run("", ask_for_information);
  assert_int_equal(trial->device_count, 1);
  assert_int_equal(trial->type, CL_DEVICE_TYPE_GPU);
  assert_string_equal(trial->name, "Fake GPU");
  assert_int_equal(trial->name_bytes, strlen("Fake GPU") + 1);
  assert_string_equal(trial->version, "OpenCL 1.2 Fake");
  assert_string_equal(trial->extensions, "");
  run("cpu,old,many-devices=200,pci=0001:3b:1f.7", ask_for_information);
  assert_int_equal(trial->device_count, 200);
  assert_int_equal(trial->type, CL_DEVICE_TYPE_CPU);
  assert_string_equal(trial->version, "OpenCL 1.0 Fake");
  assert_string_equal(trial->extensions, "cl_khr_pci_bus_info");
  assert_int_equal(trial->pci.pci_domain, 1);
  assert_int_equal(trial->pci.pci_bus, 0x3b);
  assert_int_equal(trial->pci.pci_device, 0x1f);
  assert_int_equal(trial->pci.pci_function, 7);
  run("long-name", ask_for_information);
  assert_int_equal(trial->name_bytes, 10000);
  assert_null(memchr(trial->name, '\0', sizeof trial->name));
}

static void builds_one_program_in_small_shapes(void **state)
{
  (void)state;
  run("build", search_once);
  assert_non_null(strchr(trial->log, '\033'));
  assert_non_null(strchr(trial->log, '\n'));
  run("", build_too_wide);
  assert_call("clBuildProgram", CL_BUILD_PROGRAM_FAILURE);
  assert_non_null(strstr(trial->log, "FRANK_VECTOR=16 FRANK_GROUPS=2"));
  run("", build_with_another_option);
  assert_call("clBuildProgram", CL_INVALID_BUILD_OPTIONS);
  assert_non_null(strstr(trial->log, "-cl-fast-relaxed-math"));
  run("", build_another_text);
  assert_call("clBuildProgram", CL_BUILD_PROGRAM_FAILURE);
}

static void binaries_are_good_for_one_version(void **state)
{
  (void)state;
  run("", keep_binary);
  assert_call("clGetProgramInfo", CL_SUCCESS);
  assert_true(trial->binary_bytes > 0);
  run("no-compiler", search_by_binary);
  assert_int_equal(trial->launches, 1);
  launch_assert_results(&trial->scan);
  run("stale-binary", search_by_binary);
  assert_call("clBuildProgram", CL_BUILD_PROGRAM_FAILURE);
  run("driver=2", search_by_binary);
  assert_call("clCreateProgramWithBinary", CL_INVALID_BINARY);
  trial->binary[0] ^= 1;
  run("", search_by_binary);
  assert_call("clCreateProgramWithBinary", CL_INVALID_BINARY);
}

/* ---- all of them ---- */

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(searches_right_without_faults),
      cmocka_unit_test(faults_are_answered),
      cmocka_unit_test(crashes_end_the_process),
      cmocka_unit_test(hangs_hang),
      cmocka_unit_test(callbacks_can_fail_to_come),
      cmocka_unit_test(wrong_hits_are_none),
      cmocka_unit_test(missed_hits_are_missed),
      cmocka_unit_test(devices_tell_what_is_asked_for),
      cmocka_unit_test(builds_one_program_in_small_shapes),
      cmocka_unit_test(binaries_are_good_for_one_version),
  };
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  vendors = argv[1];
  trial = mmap(NULL, sizeof *trial, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (trial == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  uint64_t random = 1; /* always the same slice: the driver is tested here, not the search */
  oracle_fill(&of, &random, 2, 7);
  of.slice.bound = UINT32_MAX / 200;
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    _exit(cl_calls_load() ? 0 : NONE);
  }
  if (pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == NONE) {
    (void)printf("skipped: no OpenCL loader here\n");
    return NONE;
  }
  return cmocka_run_group_tests_name("opencl_fake", tests, NULL, NULL);
}
