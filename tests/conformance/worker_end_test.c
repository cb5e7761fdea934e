/* The real frank-worker when its device or its parent fails: it ends, and says why where it can. */
#include "oracle.h"
#include "worker_support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static uint64_t seed;

static void device_that_cannot_be_opened_is_told(void **state)
{
  (void)state;
  static const struct {
    const char *device;
    const char *variant;
    enum frank_err err;
  } rows[] = {{"cpu:999", "", FRANK_ERR_NOT_FOUND},
              {"warp:1", "", FRANK_ERR_NOT_FOUND},
              {"cpu:0", "mmx", FRANK_ERR_UNSUPPORTED},
              {"faulty:selftest", "", FRANK_ERR_DEVICE}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct worker c = worker_start(NULL);
    worker_send_open(&c, rows[i].device, rows[i].variant);
    struct frank_worker_failed failed = worker_expect_failed(&c, FRANK_WORKER_FAILED);
    assert_int_equal(failed.err, rows[i].err);
    assert_true(failed.why[0] != '\0');
    int status = worker_wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

/* The device answers the first slice, and goes wrong at the second. */
static void send_two_slices(struct worker *c, const char *device)
{
  static struct oracle_slice of;
  uint64_t random = seed;
  worker_send_open(c, device, "");
  (void)worker_expect_ready(c);
  oracle_fill(&of, &random, 1, 0);
  of.slice.count = 10;
  worker_send_slice(c, &of, 1);
  worker_flush(c);
  assert_int_equal(worker_expect_result(c).slice_id, 1);
  worker_send_slice(c, &of, 2);
  worker_flush(c);
}

static void failed_worker_tells_the_lies_of_its_device(void **state)
{
  (void)state;
  struct worker c = worker_start(NULL);
  send_two_slices(&c, "faulty:caught@2");
  struct frank_worker_failed failed = worker_expect_failed(&c, FRANK_WORKER_FAILED);
  assert_int_equal(failed.err, FRANK_ERR_DEVICE);
  assert_int_equal(failed.lies, 1);
  (void)worker_wait_end(&c);
  frank_chan_destroy(&c.chan);
}

static void closed_channel_ends_it_before_and_after_open(void **state)
{
  (void)state;
  struct worker c = worker_start(NULL);
  worker_stop(&c);
  c = worker_start(NULL);
  worker_send_open(&c, "null:0", "");
  (void)worker_expect_ready(&c);
  worker_stop(&c);
}

/* Puts slices as long as the channel takes them; true where it took any. */
static bool fill(struct worker *c, const struct oracle_slice *of, uint64_t *sent)
{
  const uint64_t before = *sent;
  enum frank_err err = FRANK_OK;
  while (err == FRANK_OK) {
    size_t len = 0;
    struct frank_worker_slice m = worker_message_of(of, *sent, &len);
    err = frank_chan_put(c->chan, FRANK_WORKER_SLICE, &m, len, NULL, 0);
    *sent += err == FRANK_OK;
  }
  assert_int_equal(err, FRANK_ERR_FULL);
  return *sent > before;
}

static int64_t cpu_ns(pid_t pid)
{
  clockid_t clock = 0;
  struct timespec used;
  assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
  assert_int_equal(clock_gettime(clock, &used), 0);
  return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void parent_that_does_not_read_cannot_keep_it(void **state)
{
  (void)state;
  static struct oracle_slice of;
  uint64_t random = seed;
  struct worker c = worker_start(NULL);
  worker_send_open(&c, "null:0", "");
  (void)worker_expect_ready(&c);
  oracle_fill(&of, &random, 1, 0);
  /* Until it takes no more, because its own queue of results is full and nobody reads them: it
   * waits then, and does not spin. One that only stood still takes more later. */
  uint64_t sent = 0;
  unsigned quiet = 0;
  for (unsigned turns = 0; quiet < 3 && turns < 600; turns++) {
    bool took_more = fill(&c, &of, &sent);
    int64_t before_ns = cpu_ns(c.pid);
    worker_sleep_ms(100);
    quiet = took_more || cpu_ns(c.pid) - before_ns > 25000000 ? 0 : quiet + 1;
  }
  assert_int_equal(quiet, 3);
  assert_int_equal(waitpid(c.pid, NULL, WNOHANG), 0);
  frank_chan_destroy(&c.chan);
  int status = worker_wait_end(&c);
  assert_true(WIFEXITED(status));
}

static void dying_device_closes_the_channel(void **state)
{
  (void)state;
  struct frank_record record;
  struct worker c = worker_start(NULL);
  send_two_slices(&c, "faulty:die@2");
  assert_int_equal(worker_next(&c, &record), FRANK_ERR_CLOSED);
  int status = worker_wait_end(&c);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  frank_chan_destroy(&c.chan);
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(device_that_cannot_be_opened_is_told),
      cmocka_unit_test(failed_worker_tells_the_lies_of_its_device),
      cmocka_unit_test(closed_channel_ends_it_before_and_after_open),
      cmocka_unit_test(parent_that_does_not_read_cannot_keep_it),
      cmocka_unit_test(dying_device_closes_the_channel),
  };
  worker_choose(argc, argv);
  seed = oracle_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
