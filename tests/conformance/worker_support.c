#include "worker_support.h"

#include "base/child.h"
#include "base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static const char *program;

void worker_choose(int argc, char **argv)
{
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s PATH-OF-FRANK-WORKER\n", argv[0]);
    exit(2);
  }
  program = argv[1];
}

const char *worker_path(void)
{
  return program;
}

struct worker worker_spawn(const char *const argv[])
{
  struct worker worker = {0};
  assert_int_equal(frank_child_spawn(program, (char *const *)argv, &worker.pid, &worker.chan),
                   FRANK_OK);
  return worker;
}

struct worker worker_start(const char *probe)
{
  const char *const plain[] = {"frank-worker", NULL};
  const char *const probing[] = {"frank-worker", "--probe", probe, NULL};
  return worker_spawn(probe == NULL ? plain : probing);
}

void worker_sleep_ms(long pause_ms)
{
  const struct timespec pause_time = {.tv_nsec = pause_ms * 1000000};
  (void)nanosleep(&pause_time, NULL);
}

int worker_wait_end(struct worker *worker)
{
  int status = 0;
  for (unsigned waited_ms = 0; waited_ms < WORKER_LIMIT_MS; waited_ms += 2) {
    pid_t ended = waitpid(worker->pid, &status, WNOHANG);
    if (ended == worker->pid) {
      return status;
    }
    worker_sleep_ms(2);
  }
  (void)kill(worker->pid, SIGKILL);
  (void)waitpid(worker->pid, &status, 0);
  fail_msg("frank-worker does not end");
  return 0;
}

void worker_stop(struct worker *worker)
{
  frank_chan_destroy(&worker->chan);
  assert_int_equal(worker_wait_end(worker), 0);
}

void worker_put(struct worker *worker, unsigned type, const void *data, size_t len)
{
  assert_int_equal(frank_chan_put(worker->chan, (uint16_t)type, data, len, NULL, 0), FRANK_OK);
}

void worker_flush(struct worker *worker)
{
  enum frank_err err = FRANK_ERR_AGAIN;
  for (unsigned waited_ms = 0; waited_ms < WORKER_LIMIT_MS && err == FRANK_ERR_AGAIN;
       waited_ms += 2) {
    err = frank_chan_flush(worker->chan);
    worker_sleep_ms(err == FRANK_ERR_AGAIN ? 2 : 0);
  }
  assert_int_equal(err, FRANK_OK);
}

enum frank_err worker_next(struct worker *worker, struct frank_record *record)
{
  uint64_t end_us = frank_clock_now_us() + WORKER_LIMIT_MS * FRANK_US_PER_MS;
  enum frank_err err = frank_chan_read(worker->chan, record);
  while (err == FRANK_ERR_AGAIN && frank_clock_now_us() < end_us) {
    (void)!frank_chan_wait(worker->chan, 100);
    err = frank_chan_read(worker->chan, record);
  }
  return err;
}

void worker_send_open(struct worker *worker, const char *device, const char *variant)
{
  struct frank_worker_open open = {.nice = 1};
  (void)snprintf(open.device, sizeof open.device, "%s", device);
  (void)snprintf(open.variant, sizeof open.variant, "%s", variant);
  worker_put(worker, FRANK_WORKER_OPEN, &open, sizeof open);
  worker_flush(worker);
}

static void expect(struct worker *worker, unsigned type, void *payload, size_t len_bytes)
{
  struct frank_record record;
  assert_int_equal(worker_next(worker, &record), FRANK_OK);
  assert_int_equal(record.type, type);
  assert_int_equal(record.len_bytes, len_bytes);
  memcpy(payload, record.payload, len_bytes);
}

struct frank_device_info worker_expect_ready(struct worker *worker)
{
  struct frank_device_info info;
  expect(worker, FRANK_WORKER_READY, &info, sizeof info);
  return info;
}

struct frank_worker_failed worker_expect_failed(struct worker *worker, unsigned type)
{
  struct frank_worker_failed failed;
  expect(worker, type, &failed, sizeof failed);
  assert_non_null(memchr(failed.why, '\0', sizeof failed.why));
  return failed;
}

struct frank_worker_result worker_expect_result(struct worker *worker)
{
  struct frank_worker_result result;
  expect(worker, FRANK_WORKER_RESULT, &result, sizeof result);
  return result;
}

struct frank_worker_slice worker_message_of(const struct oracle_slice *of, uint64_t id, size_t *len)
{
  struct frank_worker_slice m = {
      .slice_id = id,
      .count = of->slice.count,
      .first = of->slice.first,
      .bound = of->slice.bound,
      .stop_at = of->slice.stop_at,
      .may_stop = of->slice.may_stop,
      .blocks = of->slice.blocks,
      .counter_word = of->slice.counter_word,
  };
  size_t tail = (size_t)(of->slice.blocks - 1) * 64;
  memcpy(m.init, of->slice.init, sizeof m.init);
  memcpy(m.block, of->slice.block, sizeof m.block);
  memcpy(m.tail, of->bytes + 64, tail);
  *len = FRANK_WORKER_SLICE_HEAD_BYTES + tail;
  return m;
}

void worker_send_slice(struct worker *worker, const struct oracle_slice *of, uint64_t id)
{
  size_t len = 0;
  struct frank_worker_slice m = worker_message_of(of, id, &len);
  worker_put(worker, FRANK_WORKER_SLICE, &m, len);
}

void worker_make_slice(struct oracle_slice *of, uint64_t *random)
{
  oracle_fill(of, random, (uint8_t)(1 + oracle_random(random) % 33),
              (uint8_t)(oracle_random(random) % 15));
  of->slice.first = (uint32_t)oracle_random(random) >> 1;
  of->slice.count = oracle_random(random) % 300;
  of->slice.bound = UINT32_MAX / 64;
  of->slice.stop_at = UINT32_MAX / 640;
  of->slice.may_stop = oracle_random(random) % 2 == 0;
}
