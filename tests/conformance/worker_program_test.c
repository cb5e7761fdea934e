/* The real frank-worker as a program: asked which devices there are, or started by hand. */
#include "worker_support.h"

#include "base/child.h"
#include "engine/engine.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs the program as a person would. Its exit status; what it wrote into `text`. */
static int run_by_hand(const char *argument, char *text, size_t size)
{
  int pipe_fds[2];
  assert_int_equal(pipe(pipe_fds), 0);
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)dup2(pipe_fds[1], STDOUT_FILENO);
    (void)dup2(pipe_fds[1], STDERR_FILENO);
    (void)close(FRANK_CHILD_FD);
    (void)fcntl(pipe_fds[0], F_SETFD, FD_CLOEXEC);
    (void)execl(worker_path(), "frank-worker", argument, (char *)NULL);
    _exit(127);
  }
  (void)close(pipe_fds[1]);
  size_t len = 0;
  ssize_t got = 0;
  while (len + 1 < size && (got = read(pipe_fds[0], text + len, size - 1 - len)) > 0) {
    len += (size_t)got;
  }
  text[len] = '\0';
  (void)close(pipe_fds[0]);
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void probe_tells_the_devices(void **state)
{
  (void)state;
  struct worker c = worker_start("cpu");
  struct frank_record record;
  size_t devices = 0;
  assert_int_equal(worker_next(&c, &record), FRANK_OK);
  while (record.type == FRANK_WORKER_DEVICE) {
    struct frank_device_info info;
    char name[32];
    assert_int_equal(record.len_bytes, sizeof info);
    memcpy(&info, record.payload, sizeof info);
    (void)snprintf(name, sizeof name, "cpu:%zu", devices++);
    assert_string_equal(info.name, name);
    assert_int_equal(worker_next(&c, &record), FRANK_OK);
  }
  assert_true(devices >= 1);
  assert_int_equal(record.type, FRANK_WORKER_PROBED);
  assert_int_equal(((const struct frank_worker_failed *)(const void *)record.payload)->err,
                   FRANK_OK);
  assert_int_equal(worker_next(&c, &record), FRANK_ERR_CLOSED);
  worker_stop(&c);
}

static void probe_tells_devices_that_exist_by_name(void **state)
{
  (void)state;
  static const char *const argv[] = {"frank-worker",
                                     "--probe",
                                     "fpga",
                                     "cpu:0",
                                     "fpga:tcp:10.0.0.1:7",
                                     "fpga:tcp:nowhere",
                                     "fpga:tcp:[::1]:7",
                                     "fpga:tcp:10.0.0.1:7",
                                     "fpga",
                                     "fpga:tcpx",
                                     NULL};
  static const char *const wanted[] = {"fpga:tcp:10.0.0.1:7", "fpga:tcp:[::1]:7"};
  if (frank_engine_for("fpga") == NULL) {
    print_message("skipped: this build has no FPGA engine\n");
    skip();
  }
  struct worker c = worker_spawn(argv);
  struct frank_record record;
  size_t told = 0;
  assert_int_equal(worker_next(&c, &record), FRANK_OK);
  while (record.type == FRANK_WORKER_DEVICE) {
    struct frank_device_info info;
    assert_int_equal(record.len_bytes, sizeof info);
    memcpy(&info, record.payload, sizeof info);
    if (strcmp(info.name, "fpga:sim") != 0) {
      if (told == sizeof wanted / sizeof wanted[0]) {
        fail_msg("and %s", info.name);
        break;
      }
      assert_string_equal(info.name, wanted[told++]);
    }
    assert_int_equal(worker_next(&c, &record), FRANK_OK);
  }
  assert_int_equal(told, 2);
  assert_int_equal(record.type, FRANK_WORKER_PROBED);
  const struct frank_worker_failed *said = (const void *)record.payload;
  assert_int_equal(said->err, FRANK_OK);
  assert_non_null(strstr(said->why, "fpga:tcpx")); /* the last that is wrong */
  worker_stop(&c);
}

static void probe_of_an_unknown_engine_names_it(void **state)
{
  (void)state;
  static const char *const names[] = {"warp", "", "cpu:0"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct worker c = worker_start(names[i]);
    struct frank_worker_failed failed = worker_expect_failed(&c, FRANK_WORKER_PROBED);
    assert_int_equal(failed.err, FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(failed.why, names[i]));
    assert_non_null(strstr(failed.why, "cpu"));
    int status = worker_wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

static void started_by_hand_it_says_what_it_is(void **state)
{
  (void)state;
  char text[4096];
  assert_int_equal(run_by_hand(NULL, text, sizeof text), 2);
  assert_non_null(strstr(text, "started by frankd"));
  assert_int_equal(run_by_hand("--help", text, sizeof text), 0);
  assert_non_null(strstr(text, "Usage: frank-worker"));
  assert_int_equal(run_by_hand("--version", text, sizeof text), 0);
  assert_non_null(strstr(text, FRANK_VERSION));
  assert_int_equal(run_by_hand("--bogus", text, sizeof text), 2);
  assert_non_null(strstr(text, "--bogus"));
  assert_int_equal(run_by_hand("stray", text, sizeof text), 2);
  assert_non_null(strstr(text, "stray"));
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(probe_tells_the_devices),
      cmocka_unit_test(probe_tells_devices_that_exist_by_name),
      cmocka_unit_test(probe_of_an_unknown_engine_names_it),
      cmocka_unit_test(started_by_hand_it_says_what_it_is),
  };
  worker_choose(argc, argv);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
