/*
 * minder: who is ended for silence, and who is not. The child is this program once more, in a
 * process of its own; the parent's time is the test's.
 */
#include "base/child.h"
#include "base/clock.h"
#include "base/minder.h"
#include "base/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY_PINGS    50
#define WAIT_LIMIT_US (60 * FRANK_US_PER_S)

struct fixture {
  struct frank_loop *loop;
  struct frank_minder *minder;
  uint64_t now_us;
  int ready;
  int lost;
};

static void on_ready(void *arg, const struct frank_record_ready *ready, bool back)
{
  struct fixture *f = arg;
  (void)ready;
  (void)back;
  f->ready++;
}

static void on_failed(void *arg, const struct frank_record_failed *failed)
{
  (void)arg;
  (void)failed;
  fail();
}

static void on_lost(void *arg)
{
  struct fixture *f = arg;
  f->lost++;
}

/* `kind`: what the child does, see be_child. It is there, and was heard once. */
static void start(struct fixture *f, const char *kind)
{
  const struct frank_minder_calls calls = {
      .ready = on_ready, .failed = on_failed, .lost = on_lost, .arg = f};
  char why[FRANK_MINDER_WHY_BYTES];
  *f = (struct fixture){.now_us = frank_clock_now_us()};
  assert_int_equal(frank_loop_new(&f->loop), FRANK_OK);
  assert_int_equal(
      frank_minder_new(f->loop, "test_minder_ends_who_is_silent_alone", &calls, &f->minder, why),
      FRANK_OK);
  assert_int_equal(frank_minder_set_args(f->minder, (const char *const[]){kind, NULL}), FRANK_OK);
  frank_minder_tick(f->minder, f->now_us);
  while (f->ready == 0 && frank_clock_now_us() < f->now_us + WAIT_LIMIT_US) {
    assert_int_equal(frank_loop_run_once(f->loop, f->now_us + WAIT_LIMIT_US), FRANK_OK);
  }
  assert_int_equal(f->ready, 1);
}

static void stop(struct fixture *f)
{
  frank_minder_rest(f->minder);
  frank_minder_destroy(&f->minder);
  frank_loop_destroy(&f->loop);
}

/* The parent's next second begins. */
static void tick(struct fixture *f, uint64_t seconds)
{
  f->now_us += seconds * FRANK_US_PER_S;
  frank_minder_tick(f->minder, f->now_us);
}

static void who_is_silent_is_ended(void **state)
{
  struct fixture f;
  int ticks = 0;
  (void)state;
  start(&f, "silent");
  while (f.lost == 0 && ticks < MANY_PINGS) {
    tick(&f, 1);
    ticks++;
  }
  assert_int_equal(f.lost, 1);
  assert_in_range(ticks, 10, 12); /* some ten seconds */
  stop(&f);
}

static void time_in_which_nobody_asked_is_no_silence(void **state)
{
  struct fixture f;
  (void)state;
  start(&f, "silent");
  tick(&f, 1);
  tick(&f, 600); /* the parent stood still, and looks at the clock before it reads */
  tick(&f, 1);
  assert_int_equal(f.lost, 0);
  stop(&f);
}

static void who_answers_stays(void **state)
{
  struct fixture f;
  (void)state;
  start(&f, "answers");
  for (int i = 0; i < MANY_PINGS; i++) {
    tick(&f, 1);
    assert_int_equal(frank_loop_run_once(f.loop, frank_clock_now_us() + WAIT_LIMIT_US), FRANK_OK);
    assert_int_equal(f.lost, 0);
  }
  stop(&f);
}

static int be_child(const char *kind)
{
  struct frank_chan *chan = NULL;
  struct frank_record record;
  const struct frank_record_ready ready = {.endpoint = "here"};
  if (frank_child_attach(&chan) != FRANK_OK ||
      frank_chan_put(chan, FRANK_RECORD_READY, &ready, sizeof ready, NULL, 0) != FRANK_OK ||
      frank_chan_flush(chan) != FRANK_OK) {
    return 1;
  }
  while (strcmp(kind, "silent") == 0) {
    pause(); /* until it is killed */
  }
  for (;;) {
    enum frank_err err = frank_chan_wait(chan, -1);
    err = err == FRANK_OK ? frank_chan_read(chan, &record) : err;
    if (err == FRANK_ERR_AGAIN) {
      continue;
    }
    if (err != FRANK_OK) {
      break;
    }
    if (record.type == FRANK_RECORD_PING &&
        (frank_chan_put(chan, FRANK_RECORD_PONG, record.payload, record.len_bytes, NULL, 0) !=
             FRANK_OK ||
         frank_chan_flush(chan) != FRANK_OK)) {
      break;
    }
  }
  frank_chan_destroy(&chan);
  return 0;
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_is_silent_is_ended),
      cmocka_unit_test(time_in_which_nobody_asked_is_no_silence),
      cmocka_unit_test(who_answers_stays),
  };
  return argc > 1 ? be_child(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
