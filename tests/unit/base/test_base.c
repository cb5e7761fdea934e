/* What base promises: records arrive whole and in order, bounds hold, hostile packets are told,
 * the loop wakes in time and forgets removed watches, logs cannot be forged. */
#include "base/chan.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct ends {
  struct frank_chan *a;
  struct frank_chan *b;
};

static struct ends make_ends(void)
{
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  struct ends ends = {0};
  assert_int_equal(frank_chan_new(pair[0], &ends.a), FRANK_OK);
  assert_int_equal(frank_chan_new(pair[1], &ends.b), FRANK_OK);
  return ends;
}

static void drop_ends(struct ends *ends)
{
  frank_chan_destroy(&ends->a);
  frank_chan_destroy(&ends->b);
}

static void records_arrive_in_order(void **state)
{
  (void)state;
  struct ends ends = make_ends();
  struct frank_record record;
  assert_int_equal(frank_chan_read(ends.b, &record), FRANK_ERR_AGAIN);
  for (uint16_t i = 1; i <= 500; i++) {
    char tail[300];
    memset(tail, 'a' + i % 26, sizeof tail);
    assert_int_equal(frank_chan_put(ends.a, i, &i, sizeof i, tail, i % 300), FRANK_OK);
  }
  assert_int_equal(frank_chan_flush(ends.a), FRANK_OK);
  for (uint16_t i = 1; i <= 500; i++) {
    assert_int_equal(frank_chan_read(ends.b, &record), FRANK_OK);
    assert_int_equal(record.type, i);
    assert_int_equal(record.len_bytes, 2 + i % 300);
    assert_memory_equal(record.payload, &i, 2);
    assert_int_equal((uintptr_t)record.payload % 8, 0);
    if (i % 300 > 0) {
      assert_int_equal(record.payload[record.len_bytes - 1], 'a' + i % 26);
    }
  }
  assert_int_equal(frank_chan_read(ends.b, &record), FRANK_ERR_AGAIN);
  frank_chan_destroy(&ends.a);
  assert_int_equal(frank_chan_read(ends.b, &record), FRANK_ERR_CLOSED);
  drop_ends(&ends);
}

static void queue_is_bounded_and_loses_nothing(void **state)
{
  (void)state;
  struct ends ends = make_ends();
  static uint8_t big[FRANK_CHAN_RECORD_MAX_BYTES + 1];
  assert_int_equal(frank_chan_put(ends.a, 1, big, sizeof big, NULL, 0), FRANK_ERR_TOO_LONG);
  uint32_t put = 0;
  enum frank_err err = FRANK_OK;
  while ((err = frank_chan_put(ends.a, 7, &put, sizeof put, big, 30000)) == FRANK_OK) {
    put++;
    assert_true(put < 10000);
  }
  assert_int_equal(err, FRANK_ERR_FULL);
  assert_true(put >= FRANK_CHAN_QUEUE_PACKETS);
  uint32_t got = 0;
  while (got < put) {
    err = frank_chan_flush(ends.a);
    assert_true(err == FRANK_OK || err == FRANK_ERR_AGAIN);
    struct frank_record record;
    while (frank_chan_read(ends.b, &record) == FRANK_OK) {
      uint32_t n;
      memcpy(&n, record.payload, sizeof n);
      assert_int_equal(n, got);
      got++;
    }
  }
  assert_false(frank_chan_has_unsent(ends.a));
  drop_ends(&ends);
}

static void longer_queue_takes_a_burst(void **state)
{
  (void)state;
  struct ends ends = make_ends();
  static uint8_t big[30000];
  frank_chan_set_queue(ends.a, 1000);
  for (uint32_t i = 0; i < 1500; i++) {
    assert_int_equal(frank_chan_put(ends.a, 7, &i, sizeof i, big, sizeof big), FRANK_OK);
  }
  uint32_t got = 0;
  while (got < 1500) {
    enum frank_err err = frank_chan_flush(ends.a);
    assert_true(err == FRANK_OK || err == FRANK_ERR_AGAIN);
    struct frank_record record;
    while (frank_chan_read(ends.b, &record) == FRANK_OK) {
      assert_memory_equal(record.payload, &got, sizeof got);
      got++;
    }
  }
  drop_ends(&ends);
}

static void what_was_sent_before_a_reset_is_read(void **state)
{
  (void)state;
  struct ends ends = make_ends();
  assert_int_equal(frank_chan_put(ends.b, 1, "unread", 6, NULL, 0), FRANK_OK);
  assert_int_equal(frank_chan_flush(ends.b), FRANK_OK);
  assert_int_equal(frank_chan_put(ends.a, 2, "answer", 6, NULL, 0), FRANK_OK);
  assert_int_equal(frank_chan_flush(ends.a), FRANK_OK);
  frank_chan_destroy(&ends.a); /* with "unread" still in it: a reset for the other end */
  struct frank_record record;
  assert_int_equal(frank_chan_read(ends.b, &record), FRANK_OK);
  assert_memory_equal(record.payload, "answer", 6);
  assert_int_equal(frank_chan_read(ends.b, &record), FRANK_ERR_CLOSED);
  drop_ends(&ends);
}

static void hostile_packets_are_told(void **state)
{
  (void)state;
  static const struct {
    uint8_t bytes[24];
    size_t len;
  } rows[] = {
      {{1}, 1},                                               /* shorter than a head */
      {{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}, 8},              /* length beyond everything */
      {{9, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 16}, /* one byte more than there is */
      {{1, 0, 0, 0, 1, 0, 0, 0, 1}, 9},                       /* padding is missing */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ends ends = make_ends();
    assert_int_equal(send(frank_chan_fd(ends.a), rows[i].bytes, rows[i].len, 0), rows[i].len);
    struct frank_record record;
    assert_int_equal(frank_chan_read(ends.b, &record), FRANK_ERR_MALFORMED);
    drop_ends(&ends);
  }
}

static int calls;
static struct frank_loop_watch *watch_one;
static struct frank_loop_watch *watch_two;

/* Whichever runs first removes the other: its event, already fetched, must not be delivered. */
static void remove_other(void *arg, uint32_t events)
{
  (void)events;
  calls++;
  frank_loop_remove(arg == &watch_one ? &watch_two : &watch_one);
}

static void loop_forgets_removed_watches(void **state)
{
  (void)state;
  struct frank_loop *loop = NULL;
  assert_int_equal(frank_loop_new(&loop), FRANK_OK);
  int one[2];
  int two[2];
  assert_int_equal(pipe(one), 0);
  assert_int_equal(pipe(two), 0);
  assert_int_equal(write(one[1], "x", 1), 1);
  assert_int_equal(write(two[1], "x", 1), 1);
  assert_int_equal(
      frank_loop_add(loop, one[0], FRANK_LOOP_READ, remove_other, &watch_one, &watch_one),
      FRANK_OK);
  assert_int_equal(
      frank_loop_add(loop, two[0], FRANK_LOOP_READ, remove_other, &watch_two, &watch_two),
      FRANK_OK);
  assert_int_equal(frank_loop_run_once(loop, FRANK_NEVER_US), FRANK_OK);
  assert_int_equal(calls, 1);
  frank_loop_remove(&watch_one);
  frank_loop_remove(&watch_two);
  frank_loop_destroy(&loop);
  int fds[] = {one[0], one[1], two[0], two[1]};
  for (size_t i = 0; i < 4; i++) {
    close(fds[i]);
  }
}

static void loop_wakes_at_its_time(void **state)
{
  (void)state;
  struct frank_loop *loop = NULL;
  assert_int_equal(frank_loop_new(&loop), FRANK_OK);
  uint64_t start_us = frank_clock_now_us();
  assert_int_equal(frank_loop_run_once(loop, start_us + 30000), FRANK_OK);
  assert_true(frank_clock_now_us() >= start_us + 30000);
  frank_loop_destroy(&loop);
}

static void log_lines_cannot_be_forged(void **state)
{
  (void)state;
  int pipe_fds[2];
  assert_int_equal(pipe(pipe_fds), 0);
  int saved = dup(STDERR_FILENO);
  dup2(pipe_fds[1], STDERR_FILENO);
  frank_log(FRANK_LOG_INFO, "client=%s", "x\nlevel=error event=forged\x1b[2J");
  dup2(saved, STDERR_FILENO);
  close(saved);
  char line[2048] = {0};
  ssize_t len = read(pipe_fds[0], line, sizeof line - 1);
  assert_true(len > 0);
  assert_ptr_equal(strchr(line, '\n'), line + len - 1);
  assert_null(strchr(line, 0x1b));
  assert_non_null(strstr(line, "x?level=error"));
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

static void log_budget_refills(void **state)
{
  (void)state;
  struct frank_log_limit limit = {.burst = 3, .interval_us = 1000};
  int written = 0;
  for (uint64_t t = 1; t <= 3001; t += 100) {
    written += frank_log_allow(&limit, t) ? 1 : 0;
  }
  assert_int_equal(written, 4);
  assert_int_equal(limit.held_back, 27);
}

static void missing_program_is_named_not_found(void **state)
{
  (void)state;
  if (getenv("FRANK_VALGRIND") != NULL) {
    skip(); /* there vfork is fork, and posix_spawn cannot tell that the program is missing */
  }
  pid_t pid = 0;
  struct frank_chan *chan = NULL;
  char *argv[] = {(char *)"x", NULL};
  assert_int_equal(frank_child_spawn("/nonexistent/frank-worker", argv, &pid, &chan),
                   FRANK_ERR_NOT_FOUND);
  assert_null(chan);
}

static void every_error_has_a_text(void **state)
{
  (void)state;
  for (int i = 0; i < FRANK_ERR_COUNT; i++) {
    assert_non_null(frank_err_text((enum frank_err)i));
  }
  assert_string_equal(frank_err_text((enum frank_err)999), "unknown error");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_arrive_in_order),
      cmocka_unit_test(queue_is_bounded_and_loses_nothing),
      cmocka_unit_test(longer_queue_takes_a_burst),
      cmocka_unit_test(what_was_sent_before_a_reset_is_read),
      cmocka_unit_test(hostile_packets_are_told),
      cmocka_unit_test(loop_forgets_removed_watches),
      cmocka_unit_test(loop_wakes_at_its_time),
      cmocka_unit_test(log_lines_cannot_be_forged),
      cmocka_unit_test(log_budget_refills),
      cmocka_unit_test(missing_program_is_named_not_found),
      cmocka_unit_test(every_error_has_a_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
