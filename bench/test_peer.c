/*
 * The peers run, refuse what they cannot take, and leave neither process nor file; so does the
 * timing of all cores. The real programs run, where they are installed; a false hashcat runs where
 * it matters that we do not believe it. No rate is asserted but that there is one.
 */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/crew.h"
#include "bench/limit.h"
#include "bench/peer.h"
#include "engine/cpu/features.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECONDS    2
#define MUCH_BYTES (sizeof(struct frank_device_info) * FRANK_ENGINE_DEVICES_MAX)

/* For what ends by itself or when it is told to, and would go on for five minutes. */
#define LIMIT_US (200 * FRANK_US_PER_S)

static uint64_t stop_at_us;    /* 0: never */
static const char *stop_needs; /* not before there is something in this file; NULL: none */

static bool has_content(const char *path)
{
  struct stat info;
  return stat(path, &info) == 0 && info.st_size > 0;
}

bool bench_is_stopping(void)
{
  return stop_at_us > 0 && frank_clock_now_us() >= stop_at_us &&
         (!stop_needs || has_content(stop_needs));
}

static char folder[64];
static char why[BENCH_WHY_BYTES];
static struct bench_peer_result result;

/* The CPU devices of this process. */
static struct frank_device_info cores[FRANK_ENGINE_DEVICES_MAX];
static size_t core_count;

static int find_cores(void **state)
{
  (void)state;
  char remark[FRANK_ENGINE_WHY_BYTES];
  size_t found = 0;
  if (frank_engine_for("cpu")->probe(cores, FRANK_ENGINE_DEVICES_MAX, &found, remark) != FRANK_OK) {
    return -1;
  }
  while (core_count < found && cores[core_count].on_demand == FRANK_DEMAND_USUAL) {
    core_count++;
  }
  return core_count > 0 ? 0 : -1;
}

static int make_folder(void **state)
{
  (void)state;
  stop_at_us = 0;
  stop_needs = NULL;
  (void)snprintf(folder, sizeof folder, "/tmp/frank-peer-test-XXXXXX");
  return mkdtemp(folder) && setenv("TMPDIR", folder, 1) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
  (void)info;
  (void)type;
  (void)where;
  return remove(path);
}

static int remove_folder(void **state)
{
  (void)state;
  return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct bench_peer *peer_named(const char *name)
{
  for (size_t i = 0; bench_peer_at(i); i++) {
    if (strcmp(bench_peer_at(i)->name, name) == 0) {
      return bench_peer_at(i);
    }
  }
  fail_msg("no peer %s", name);
  return NULL;
}

static enum frank_err run(const char *peer, const char *shape, uint32_t seconds)
{
  why[0] = '\0';
  const struct bench_peer_task task = {.shape = bench_shape_find(shape),
                                       .seconds = seconds,
                                       .devices = cores,
                                       .device_count = core_count};
  return peer_named(peer)->run(&task, &result, why);
}

/* No child, whether it runs or waits to be waited for. */
static void assert_no_process(void)
{
  errno = 0;
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

static void assert_no_file(void)
{
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  const struct dirent *entry = NULL;
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.') {
      fail_msg("%s is left", entry->d_name);
    }
  }
  closedir(dir);
}

static void openssl_hashes_on_all_cores(void **state)
{
  (void)state;
  static const char *const names[] = {"openssl", "openssl-raw"};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(run(names[i], "ed25519", 1), FRANK_OK);
    assert_true(result.rate_hps > 0);
    assert_non_null(strstr(result.what, "OpenSSL"));
    assert_non_null(strstr(result.what, "SHA256"));
    assert_int_equal(run(names[i], "rsa4096", 1), FRANK_OK);
    assert_true(result.rate_hps > 0);
    assert_no_process();
  }
}

static void openssl_stops_when_asked(void **state)
{
  (void)state;
  uint64_t start_us = frank_clock_now_us();
  stop_at_us = start_us + 500 * FRANK_US_PER_MS;
  assert_int_equal(run("openssl", "ed25519", 300), FRANK_ERR_CLOSED);
  assert_true(frank_clock_now_us() - start_us < LIMIT_US);
  assert_string_equal(why, "interrupted");
  assert_no_process();
}

/* ---- a member that fails, or dies ---- */

static enum frank_err fail_one(void *arg, size_t member, uint32_t seconds, void *count,
                               char *reason)
{
  (void)seconds;
  (void)count;
  if (member == 1) {
    if (arg) {
      (void)raise(SIGKILL);
    }
    (void)snprintf(reason, BENCH_WHY_BYTES, "out of ink");
    return FRANK_ERR_UNSUPPORTED;
  }
  return FRANK_OK;
}

static void a_member_that_fails_is_named(void **state)
{
  (void)state;
  static const struct frank_device_info devices[] = {
      {.name = "cpu:0"}, {.name = "cpu:1"}, {.name = "cpu:2"}};
  uint64_t counts[3];
  struct bench_crew_work work = {.name = "Stamping",
                                 .devices = devices,
                                 .members = 3,
                                 .seconds = 1,
                                 .run = fail_one,
                                 .result_bytes = sizeof counts[0]};
  assert_int_equal(bench_crew_run(&work, NULL, counts, why), FRANK_ERR_UNSUPPORTED);
  assert_string_equal(why, "Stamping on cpu:1: out of ink");
  work.arg = &work;
  assert_int_equal(bench_crew_run(&work, NULL, counts, why), FRANK_ERR_DEVICE);
  assert_non_null(strstr(why, "cpu:1"));
  assert_no_process();
}

/* What members say comes back in their order, however much it is. */
static enum frank_err say_much(void *arg, size_t member, uint32_t seconds, void *message,
                               char *reason)
{
  (void)arg;
  (void)seconds;
  (void)reason;
  memset(message, 'a' + (int)member, MUCH_BYTES);
  return FRANK_OK;
}

static void members_are_heard_whole(void **state)
{
  (void)state;
  static const struct frank_device_info devices[] = {{.name = "cpu:0"}, {.name = "cpu:1"}};
  static char messages[2][MUCH_BYTES];
  static char wanted[2][MUCH_BYTES];
  const struct bench_crew_work work = {.name = "Talking",
                                       .devices = devices,
                                       .members = 2,
                                       .run = say_much,
                                       .result_bytes = MUCH_BYTES};
  memset(wanted[0], 'a', MUCH_BYTES);
  memset(wanted[1], 'b', MUCH_BYTES);
  assert_int_equal(bench_crew_run(&work, NULL, messages, why), FRANK_OK);
  assert_memory_equal(messages, wanted, sizeof wanted);
  assert_no_process();
}

/* ---- timing ---- */

static void cores_are_timed_together(void **state)
{
  (void)state;
  static struct bench_ports ports[FRANK_ENGINE_DEVICES_MAX];
  struct frank_plan plan;
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps = 0;
  enum frank_err err = bench_limit_measure_all(cores, core_count, ports, why);
  assert_no_process();
  if (err == FRANK_ERR_UNSUPPORTED || err == FRANK_ERR_TIMEOUT) {
    print_message("skipped: %s\n", why);
    skip();
  }
  assert_int_equal(err, FRANK_OK);
  assert_int_equal(frank_plan_make(88, 1, &plan), FRANK_OK);
  static const struct {
    uint32_t needs;
    const char *name;
  } variants[] = {{0, "portable"},
                  {FRANK_CPU_AVX2, "avx2"},
                  {FRANK_CPU_AVX512, "avx512"},
                  {FRANK_CPU_SHA_NI, "sha_ni"}};
  for (size_t k = 0; k < core_count; k++) {
    assert_true(ports[k].clock_hz > 0);
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
      assert_int_equal(bench_limit_hps(&ports[k], variants[i].name, &plan, &hps, text, sizeof text),
                       (frank_cpu_features() & variants[i].needs) == variants[i].needs);
      assert_true(hps >= 0);
    }
  }
}

/* ---- hashcat itself ---- */

static void hashcat_refuses_rsa2048_by_name(void **state)
{
  (void)state;
  enum frank_err err = run("hashcat", "rsa2048", 1);
  if (err == FRANK_ERR_NOT_FOUND) {
    print_message("skipped: %s\n", why);
    skip();
  }
  assert_int_equal(err, FRANK_ERR_UNSUPPORTED);
  assert_non_null(strstr(why, "RSA-2048"));
  assert_non_null(strstr(why, "344"));
  assert_no_file();
}

/* In a process of its own, because its compiled kernels live as long as that. */
static int run_hashcat_twice(void)
{
  enum frank_err err = FRANK_OK;
  for (int i = 0; i < 2 && err == FRANK_OK; i++) {
    err = run("hashcat", i == 0 ? "rsa1024" : "ed25519", SECONDS);
    print_message("%s: %.1f M/s, %s%s\n", i == 0 ? "RSA-1024" : "Ed25519", result.rate_hps / 1e6,
                  result.what, why);
    if (err == FRANK_OK && (!(result.rate_hps > 0) || strncmp(result.what, "hashcat v", 9) != 0 ||
                            waitpid(-1, NULL, WNOHANG) != -1)) {
      err = FRANK_ERR_DEVICE;
    }
  }
  return (int)err;
}

static enum frank_err in_a_process(int (*part)(void))
{
  int status = 0;
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    exit(part()); /* not _exit: exit() is what removes its files */
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return (enum frank_err)WEXITSTATUS(status);
}

/* Minutes of hashcat's own work: once, in the build without sanitizers. What it says, and how it
 * ends, is tried in both by scripts that say the same. */
static void hashcat_runs_and_leaves_nothing(void **state)
{
  (void)state;
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  print_message("skipped: a sanitizer has nothing to find in hashcat\n");
  skip();
#endif
#endif
  enum frank_err err = in_a_process(run_hashcat_twice);
  if (err == FRANK_ERR_NOT_FOUND) {
    print_message("skipped: no hashcat, or no OpenCL for CPUs\n");
    skip();
  }
  assert_int_equal(err, FRANK_OK);
  assert_no_file();
}

static void hashcat_stops_when_asked(void **state)
{
  (void)state;
  uint64_t start_us = frank_clock_now_us();
  stop_at_us = start_us + 3 * FRANK_US_PER_S; /* while it compiles */
  enum frank_err err = run("hashcat", "ed25519", 300);
  if (err == FRANK_ERR_NOT_FOUND) {
    print_message("skipped: %s\n", why);
    skip();
  }
  assert_int_equal(err, FRANK_ERR_CLOSED);
  assert_true(frank_clock_now_us() - start_us < LIMIT_US);
  assert_no_process();
  assert_no_file();
}

/* ---- a false one ---- */

#define OBJECT(progress, type)                                                                     \
  "echo '{ \"status\": 3, \"progress\": [" progress ", 9], \"devices\": [ { \"device_type\": "     \
  "\"" type "\" } ] }'\n"

static void a_false_hashcat_is_not_believed(void **state)
{
  (void)state;
  static const struct {
    const char *script;
    enum frank_err err;
    const char *text;
  } cases[] = {
      {"echo 'it is broken' >&2; exit 3", FRANK_ERR_DEVICE, "it is broken"},
      {"exit 0", FRANK_ERR_DEVICE, "ended early"},
      {"echo 'No devices found/left.' >&2", FRANK_ERR_NOT_FOUND, "pocl-opencl-icd"},
      {"echo 'No OpenCL, Metal, HIP or CUDA installation found.' >&2", FRANK_ERR_NOT_FOUND,
       "ocl-icd-libopencl1"},
      {"echo '{'; sleep 100", FRANK_ERR_DEVICE, "no JSON"},
      {OBJECT("5", "GPU") "sleep 100", FRANK_ERR_DEVICE, "no CPU"},
      {OBJECT("5", "CPU") OBJECT("4", "CPU") "sleep 100", FRANK_ERR_DEVICE, "goes back"},
      {"exec 1>&-; sleep 100", FRANK_ERR_DEVICE, "ended early"},
      {"printf '\\033[2J\\n' >&2; exit 1", FRANK_ERR_DEVICE, "ended early: [2J"},
      {"sleep 30 & exit 0", FRANK_ERR_DEVICE, "ended early"}, /* its output stays open */
      {"while :; do " OBJECT("5", "CPU") "sleep 0.2; done", FRANK_ERR_DEVICE, "tried nothing"},
  };
  char path[128];
  char kept[4096];
  (void)snprintf(kept, sizeof kept, "%s", getenv("PATH"));
  char with_folder[4200];
  (void)snprintf(with_folder, sizeof with_folder, "%s:%s", folder, kept);
  assert_int_equal(setenv("PATH", with_folder, 1), 0);
  (void)snprintf(path, sizeof path, "%s/hashcat", folder);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", cases[i].script) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
    enum frank_err err = run("hashcat", "ed25519", 1);
    if (err != cases[i].err || !strstr(why, cases[i].text) || strchr(why, '\033')) {
      fail_msg("\"%s\": %s, %s", cases[i].script, frank_err_text(err), why);
    }
    assert_no_process();
  }
  assert_int_equal(unlink(path), 0);
  assert_no_file();

  assert_int_equal(setenv("PATH", folder, 1), 0);
  assert_int_equal(run("hashcat", "ed25519", 1), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "hashcat"));
  assert_int_equal(setenv("PATH", kept, 1), 0);
}

/* No such process runs; a dead one for which nobody has waited may be left to init. */
static bool is_gone(long pid)
{
  char path[64];
  char text[512];
  (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) {
    return true;
  }
  bool got = fgets(text, sizeof text, file) != NULL;
  (void)fclose(file);
  const char *name_end = got ? strrchr(text, ')') : NULL;
  return !name_end || strncmp(name_end, ") Z", 3) == 0;
}

/* It floods us with a line that never ends, and its own child would outlive it. */
static void a_flood_is_stopped(void **state)
{
  (void)state;
  char path[128];
  char child_path[128];
  char kept[4096];
  char with_folder[4200];
  (void)snprintf(kept, sizeof kept, "%s", getenv("PATH"));
  (void)snprintf(with_folder, sizeof with_folder, "%s:%s", folder, kept);
  assert_int_equal(setenv("PATH", with_folder, 1), 0);
  (void)snprintf(path, sizeof path, "%s/hashcat", folder);
  (void)snprintf(child_path, sizeof child_path, "%s/child", folder);
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fprintf(file, "#!/bin/sh\nsleep 1000 &\necho $! >%s/child\ncat /dev/zero\n", folder) >
              0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path, 0755), 0);
  stop_at_us = frank_clock_now_us() + 2 * FRANK_US_PER_S;
  stop_needs = child_path;
  assert_int_equal(run("hashcat", "ed25519", 1), FRANK_ERR_CLOSED);
  assert_no_process();
  assert_int_equal(setenv("PATH", kept, 1), 0);

  char line[32] = "";
  file = fopen(child_path, "re");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  (void)fclose(file);
  long child = strtol(line, NULL, 10);
  assert_true(child > 1);
  for (int i = 0; i < 6000 && !is_gone(child); i++) {
    (void)usleep(10000);
  }
  assert_true(is_gone(child));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
      IN_FOLDER(openssl_hashes_on_all_cores),     IN_FOLDER(openssl_stops_when_asked),
      IN_FOLDER(a_member_that_fails_is_named),    IN_FOLDER(members_are_heard_whole),
      IN_FOLDER(cores_are_timed_together),        IN_FOLDER(hashcat_refuses_rsa2048_by_name),
      IN_FOLDER(a_false_hashcat_is_not_believed), IN_FOLDER(a_flood_is_stopped),
      IN_FOLDER(hashcat_stops_when_asked),        IN_FOLDER(hashcat_runs_and_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, find_cores, NULL);
}
