/*
 * The real frank-worker over a real channel: searches, garbage, a parent that goes away or does not
 * read. The path of the program is the first argument.
 */
#include "oracle.h"

#include "base/chan.h"
#include "base/child.h"
#include "base/clock.h"
#include "worker/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 10000 /* nothing here takes longer, also under sanitizers */

static const char *program;
static uint64_t seed;

struct child {
  pid_t pid;
  struct frank_chan *chan;
};

static struct child spawn(const char *const argv[])
{
  struct child c = {0};
  assert_int_equal(frank_child_spawn(program, (char *const *)argv, &c.pid, &c.chan), FRANK_OK);
  return c;
}

static struct child start(const char *probe)
{
  const char *const plain[] = {"frank-worker", NULL};
  const char *const probing[] = {"frank-worker", "--probe", probe, NULL};
  return spawn(probe == NULL ? plain : probing);
}

static void sleep_ms(long pause_ms)
{
  const struct timespec pause_time = {.tv_nsec = pause_ms * 1000000};
  (void)nanosleep(&pause_time, NULL);
}

/* The wait status of the child, which must end within LIMIT_MS. */
static int wait_end(struct child *c)
{
  int status = 0;
  for (unsigned waited_ms = 0; waited_ms < LIMIT_MS; waited_ms += 2) {
    pid_t ended = waitpid(c->pid, &status, WNOHANG);
    if (ended == c->pid) {
      return status;
    }
    sleep_ms(2);
  }
  (void)kill(c->pid, SIGKILL);
  (void)waitpid(c->pid, &status, 0);
  fail_msg("frank-worker does not end");
  return 0;
}

/* Closes the channel and expects the worker to end in good order. */
static void stop(struct child *c)
{
  frank_chan_destroy(&c->chan);
  assert_int_equal(wait_end(c), 0);
}

static void put(struct child *c, unsigned type, const void *data, size_t len)
{
  assert_int_equal(frank_chan_put(c->chan, (uint16_t)type, data, len, NULL, 0), FRANK_OK);
}

static void flush(struct child *c)
{
  assert_int_equal(frank_chan_flush(c->chan), FRANK_OK);
}

/* The next record within LIMIT_MS; FRANK_ERR_CLOSED at the end of the stream. */
static enum frank_err next(struct child *c, struct frank_record *record)
{
  uint64_t end_us = frank_clock_now_us() + LIMIT_MS * FRANK_US_PER_MS;
  enum frank_err err = frank_chan_read(c->chan, record);
  while (err == FRANK_ERR_AGAIN && frank_clock_now_us() < end_us) {
    (void)!frank_chan_wait(c->chan, 100);
    err = frank_chan_read(c->chan, record);
  }
  return err;
}

static void send_open(struct child *c, const char *device, const char *variant)
{
  struct frank_worker_open open = {.nice = 1};
  (void)snprintf(open.device, sizeof open.device, "%s", device);
  (void)snprintf(open.variant, sizeof open.variant, "%s", variant);
  put(c, FRANK_WORKER_OPEN, &open, sizeof open);
  flush(c);
}

static struct frank_device_info expect_ready(struct child *c)
{
  struct frank_record record;
  struct frank_device_info info;
  assert_int_equal(next(c, &record), FRANK_OK);
  assert_int_equal(record.type, FRANK_WORKER_READY);
  assert_int_equal(record.len_bytes, sizeof info);
  memcpy(&info, record.payload, sizeof info);
  return info;
}

static struct frank_worker_failed expect_failed(struct child *c, unsigned type)
{
  struct frank_record record;
  struct frank_worker_failed failed;
  assert_int_equal(next(c, &record), FRANK_OK);
  assert_int_equal(record.type, type);
  assert_int_equal(record.len_bytes, sizeof failed);
  memcpy(&failed, record.payload, sizeof failed);
  assert_non_null(memchr(failed.why, '\0', sizeof failed.why));
  return failed;
}

static struct frank_worker_result expect_result(struct child *c)
{
  struct frank_record record;
  struct frank_worker_result result;
  assert_int_equal(next(c, &record), FRANK_OK);
  assert_int_equal(record.type, FRANK_WORKER_RESULT);
  assert_int_equal(record.len_bytes, sizeof result);
  memcpy(&result, record.payload, sizeof result);
  return result;
}

/* The message of a slice; its length in *len. */
static struct frank_worker_slice message_of(const struct oracle_slice *of, uint64_t id, size_t *len)
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

static void send_slice(struct child *c, const struct oracle_slice *of, uint64_t id)
{
  size_t len = 0;
  struct frank_worker_slice m = message_of(of, id, &len);
  put(c, FRANK_WORKER_SLICE, &m, len);
}

static void make_slice(struct oracle_slice *of, uint64_t *random)
{
  oracle_fill(of, random, (uint8_t)(1 + oracle_random(random) % 33),
              (uint8_t)(oracle_random(random) % 15));
  of->slice.first = (uint32_t)oracle_random(random) >> 1;
  of->slice.count = oracle_random(random) % 300;
  of->slice.bound = UINT32_MAX / 64;
  of->slice.stop_at = UINT32_MAX / 640;
  of->slice.may_stop = oracle_random(random) % 2 == 0;
}

/* ---- what it does ---- */

static void probe_tells_the_devices(void **state)
{
  (void)state;
  struct child c = start("cpu");
  struct frank_record record;
  size_t devices = 0;
  assert_int_equal(next(&c, &record), FRANK_OK);
  while (record.type == FRANK_WORKER_DEVICE) {
    struct frank_device_info info;
    char name[32];
    assert_int_equal(record.len_bytes, sizeof info);
    memcpy(&info, record.payload, sizeof info);
    (void)snprintf(name, sizeof name, "cpu:%zu", devices++);
    assert_string_equal(info.name, name);
    assert_int_equal(next(&c, &record), FRANK_OK);
  }
  assert_true(devices >= 1);
  assert_int_equal(record.type, FRANK_WORKER_PROBED);
  assert_int_equal(((const struct frank_worker_failed *)(const void *)record.payload)->err,
                   FRANK_OK);
  assert_int_equal(next(&c, &record), FRANK_ERR_CLOSED);
  stop(&c);
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
  struct child c = spawn(argv);
  struct frank_record record;
  size_t told = 0;
  assert_int_equal(next(&c, &record), FRANK_OK);
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
    assert_int_equal(next(&c, &record), FRANK_OK);
  }
  assert_int_equal(told, 2);
  assert_int_equal(record.type, FRANK_WORKER_PROBED);
  const struct frank_worker_failed *said = (const void *)record.payload;
  assert_int_equal(said->err, FRANK_OK);
  assert_non_null(strstr(said->why, "fpga:tcpx")); /* the last that is wrong */
  stop(&c);
}

static void failed_worker_tells_the_lies_of_its_device(void **state)
{
  (void)state;
  static struct oracle_slice of;
  uint64_t random = seed;
  struct child c = start(NULL);
  send_open(&c, "faulty:caught@2", "");
  (void)expect_ready(&c);
  oracle_fill(&of, &random, 1, 0);
  of.slice.count = 10;
  send_slice(&c, &of, 1);
  flush(&c);
  assert_int_equal(expect_result(&c).slice_id, 1);
  send_slice(&c, &of, 2);
  flush(&c);
  struct frank_worker_failed failed = expect_failed(&c, FRANK_WORKER_FAILED);
  assert_int_equal(failed.err, FRANK_ERR_DEVICE);
  assert_int_equal(failed.lies, 1);
  (void)wait_end(&c);
  frank_chan_destroy(&c.chan);
}

static void probe_of_an_unknown_engine_names_it(void **state)
{
  (void)state;
  static const char *const names[] = {"warp", "", "cpu:0"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct child c = start(names[i]);
    struct frank_worker_failed failed = expect_failed(&c, FRANK_WORKER_PROBED);
    assert_int_equal(failed.err, FRANK_ERR_NOT_FOUND);
    assert_non_null(strstr(failed.why, names[i]));
    assert_non_null(strstr(failed.why, "cpu"));
    int status = wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

static void searches_what_it_is_sent_in_order(void **state)
{
  (void)state;
  enum { SLICES = 60 };
  struct oracle_slice *ofs = calloc(SLICES, sizeof *ofs);
  uint64_t random = seed;
  struct child c = start(NULL);
  assert_non_null(ofs);
  send_open(&c, "cpu:0", "");
  struct frank_device_info info = expect_ready(&c);
  assert_string_equal(info.name, "cpu:0");
  assert_true(info.rate_hps > 1000);
  for (size_t i = 0; i < SLICES; i++) {
    make_slice(&ofs[i], &random);
    send_slice(&c, &ofs[i], 1000 + i);
    if (i % 7 == 0) {
      flush(&c);
    }
  }
  flush(&c);
  for (size_t i = 0; i < SLICES; i++) {
    struct frank_worker_result result = expect_result(&c);
    struct frank_scan scan = {.attempts = result.attempts,
                              .hit_count = result.hit_count,
                              .overflow = result.overflow == 1};
    memcpy(scan.hits, result.hits, sizeof scan.hits);
    assert_int_equal(result.slice_id, 1000 + i);
    oracle_assert_scan(&ofs[i], &scan);
  }
  free(ofs);
  stop(&c);
}

static void batches_for_a_device_that_overlaps_them(void **state)
{
  (void)state;
  struct oracle_slice of;
  uint64_t random = seed;
  struct child c = start(NULL);
  send_open(&c, "null:0", "");
  assert_true(expect_ready(&c).batch_max > 1);
  oracle_fill(&of, &random, 12, 0);
  for (uint64_t i = 0; i < 100; i++) {
    of.slice.count = i * 1000;
    send_slice(&c, &of, i);
  }
  flush(&c);
  for (uint64_t i = 0; i < 100; i++) {
    struct frank_worker_result result = expect_result(&c);
    assert_int_equal(result.slice_id, i);
    assert_int_equal(result.attempts, i * 1000);
  }
  stop(&c);
}

static void result_does_not_wait_for_a_long_slice_behind_it(void **state)
{
  (void)state;
  struct oracle_slice of;
  uint64_t random = seed;
  struct child c = start(NULL);
  send_open(&c, "cpu:0", "portable");
  double rate_hps = expect_ready(&c).rate_hps;
  oracle_fill(&of, &random, 2, 0);
  of.slice.count = 1;
  send_slice(&c, &of, 1);
  of.slice.count = (uint64_t)rate_hps * 2; /* two seconds */
  send_slice(&c, &of, 2);
  flush(&c);
  uint64_t start_us = frank_clock_now_us();
  assert_int_equal(expect_result(&c).slice_id, 1);
  assert_true(frank_clock_now_us() - start_us < FRANK_US_PER_S);
  (void)kill(c.pid, SIGKILL);
  (void)wait_end(&c);
  frank_chan_destroy(&c.chan);
}

static void steps_back_as_told(void **state)
{
  (void)state;
  struct child c = start(NULL);
  struct frank_worker_open open = {.device = "null:0", .nice = 7};
  put(&c, FRANK_WORKER_OPEN, &open, sizeof open);
  flush(&c);
  (void)expect_ready(&c);
  int own = getpriority(PRIO_PROCESS, 0);
  int expected = own + 7 > 19 ? 19 : own + 7;
  assert_int_equal(getpriority(PRIO_PROCESS, (id_t)c.pid), expected);
  assert_int_equal(sched_getscheduler(c.pid), SCHED_BATCH);
  stop(&c);
}

/* The variant of faulty:keeps tells what became of the two: test_engines.h. */
static struct frank_device_info open_keeping(const char *cache_dir, uint32_t tune)
{
  struct child c = start(NULL);
  struct frank_worker_open open = {.device = "faulty:keeps", .tune = tune};
  (void)snprintf(open.cache_dir, sizeof open.cache_dir, "%s", cache_dir);
  put(&c, FRANK_WORKER_OPEN, &open, sizeof open);
  flush(&c);
  struct frank_device_info info = expect_ready(&c);
  stop(&c);
  return info;
}

static void engine_hears_where_to_keep_and_whether_to_tune(void **state)
{
  (void)state;
  char root[] = "/tmp/frank-worker-XXXXXX";
  char folder[64];
  char file[80];
  assert_non_null(mkdtemp(root));
  (void)snprintf(folder, sizeof folder, "%s/cache", root);
  struct frank_device_info made = open_keeping(folder, 0);
  struct frank_device_info kept = open_keeping(folder, 0);
  struct frank_device_info tuned = open_keeping(folder, 1);
  struct frank_device_info again = open_keeping(folder, 0);
  assert_memory_equal(made.variant, "made-", 5);
  assert_memory_equal(kept.variant, "kept-", 5);
  assert_memory_equal(tuned.variant, "made-", 5);
  assert_memory_equal(again.variant, "kept-", 5);
  assert_string_equal(made.variant + 5, kept.variant + 5);
  assert_string_not_equal(tuned.variant + 5, kept.variant + 5);
  assert_string_equal(again.variant + 5, tuned.variant + 5);
  assert_memory_equal(open_keeping("", 0).variant, "unkept-", 7);
  (void)snprintf(file, sizeof file, "%s/faulty-keeps", folder);
  assert_int_equal(unlink(file), 0);
  assert_int_equal(rmdir(folder), 0);
  assert_int_equal(rmdir(root), 0);
}

/* ---- what it refuses ---- */

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
    struct child c = start(NULL);
    send_open(&c, rows[i].device, rows[i].variant);
    struct frank_worker_failed failed = expect_failed(&c, FRANK_WORKER_FAILED);
    assert_int_equal(failed.err, rows[i].err);
    assert_true(failed.why[0] != '\0');
    int status = wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

/* One way of breaking a good slice message each. */
struct breakage {
  const char *named; /* what FAILED must mention */
  void (*apply)(struct frank_worker_slice *m, size_t *len);
};

#define BREAKAGE(name, statement)                                                                  \
  static void name(struct frank_worker_slice *m, size_t *len)                                      \
  {                                                                                                \
    (void)m;                                                                                       \
    (void)len;                                                                                     \
    statement;                                                                                     \
  }
BREAKAGE(no_blocks, m->blocks = 0)
BREAKAGE(many_blocks, m->blocks = 34)
BREAKAGE(most_blocks, m->blocks = 255)
BREAKAGE(fewer_blocks, m->blocks = 2)
BREAKAGE(counter_beyond, m->counter_word = 15)
BREAKAGE(counter_far_beyond, m->counter_word = 255)
BREAKAGE(stop_beyond, m->may_stop = 2)
BREAKAGE(count_beyond, m->count = (UINT64_C(1) << 32) - m->first + 1)
BREAKAGE(count_far_beyond, m->count = UINT64_MAX)
BREAKAGE(stop_above_bound, (m->bound = 5, m->stop_at = 6))
BREAKAGE(reserved_used, m->reserved[4] = 1)
BREAKAGE(one_byte_less, (*len)--)
BREAKAGE(no_tail, *len = FRANK_WORKER_SLICE_HEAD_BYTES)
BREAKAGE(half_a_head, *len = FRANK_WORKER_SLICE_HEAD_BYTES / 2)
BREAKAGE(one_byte_more, (*len)++)
BREAKAGE(whole_struct, *len = sizeof *m)
BREAKAGE(nothing, *len = 0)

static void broken_slices_end_it_with_the_field_named(void **state)
{
  (void)state;
  static const struct breakage rows[] = {
      {"blocks", no_blocks},
      {"blocks", many_blocks},
      {"blocks", most_blocks},
      {"length", fewer_blocks},
      {"counter_word", counter_beyond},
      {"counter_word", counter_far_beyond},
      {"may_stop", stop_beyond},
      {"count", count_beyond},
      {"count", count_far_beyond},
      {"stop_at", stop_above_bound},
      {"reserved", reserved_used},
      {"length", one_byte_less},
      {"length", no_tail},
      {"bytes", half_a_head},
      {"length", one_byte_more},
      {"length", whole_struct},
      {"bytes", nothing},
  };
  struct oracle_slice of;
  uint64_t random = seed;
  oracle_fill(&of, &random, 3, 5);
  of.slice.first = 17;
  of.slice.count = 100;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t len = 0;
    struct frank_worker_slice m = message_of(&of, 77, &len);
    struct child c = start(NULL);
    send_open(&c, "null:0", "");
    (void)expect_ready(&c);
    rows[i].apply(&m, &len);
    put(&c, FRANK_WORKER_SLICE, &m, len);
    flush(&c);
    struct frank_worker_failed failed = expect_failed(&c, FRANK_WORKER_FAILED);
    assert_non_null(strstr(failed.why, rows[i].named));
    int status = wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

static void broken_opens_end_it(void **state)
{
  (void)state;
  enum { ROWS = 10 };
  for (unsigned i = 0; i < ROWS; i++) {
    struct frank_worker_open open = {.device = "null:0"};
    unsigned type = FRANK_WORKER_OPEN;
    size_t len = sizeof open;
    switch (i) {
    case 0:
      type = FRANK_WORKER_SLICE;
      break;
    case 1:
      type = 65535;
      break;
    case 2:
      len--;
      break;
    case 3:
      len = 0;
      break;
    case 4:
      memset(open.device, 'x', sizeof open.device);
      break;
    case 5:
      memset(open.variant, 'x', sizeof open.variant);
      break;
    case 6:
      open.nice = -1;
      break;
    case 7:
      memset(open.cache_dir, '/', sizeof open.cache_dir);
      break;
    case 8:
      open.tune = 2;
      break;
    default:
      open.bind = 2;
      break;
    }
    struct child c = start(NULL);
    put(&c, type, &open, len);
    flush(&c);
    struct frank_worker_failed failed = expect_failed(&c, FRANK_WORKER_FAILED);
    assert_true(failed.err == FRANK_ERR_MALFORMED || failed.err == FRANK_ERR_RANGE);
    int status = wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

static void second_open_is_refused(void **state)
{
  (void)state;
  struct child c = start(NULL);
  send_open(&c, "null:0", "");
  (void)expect_ready(&c);
  send_open(&c, "null:0", "");
  assert_int_equal(expect_failed(&c, FRANK_WORKER_FAILED).err, FRANK_ERR_MALFORMED);
  (void)wait_end(&c);
  frank_chan_destroy(&c.chan);
}

/* Packets of random bytes, and good packets with some bytes changed, written past the channel's
 * own code: the worker ends by itself with a status, or answers; never by a signal. */
static void random_packets_do_no_harm(void **state)
{
  (void)state;
  uint64_t random = seed;
  for (unsigned round = 0; round < 40; round++) {
    struct child c = start(NULL);
    if (round % 4 != 0) {
      send_open(&c, "null:0", "");
      (void)expect_ready(&c);
    }
    static struct oracle_slice of;
    make_slice(&of, &random);
    for (unsigned i = 0; i < 20; i++) {
      uint8_t packet[4096];
      size_t len = 0;
      struct frank_worker_slice m = message_of(&of, i, &len);
      memset(packet, 0, sizeof packet);
      if (round % 2 == 0) {
        len = 1 + oracle_random(&random) % sizeof packet;
        for (size_t k = 0; k < len; k++) {
          packet[k] = (uint8_t)(oracle_random(&random) >> 32);
        }
      } else {
        const uint32_t head[2] = {(uint32_t)len, FRANK_WORKER_SLICE};
        memcpy(packet, head, sizeof head);
        memcpy(packet + sizeof head, &m, len);
        len = (len + sizeof head + 7) / 8 * 8; /* records are aligned */
        for (unsigned k = 0; k < 3; k++) {
          packet[oracle_random(&random) % 160] ^= (uint8_t)(1U << (oracle_random(&random) % 8));
        }
      }
      if (send(frank_chan_fd(c.chan), packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        break; /* it has ended */
      }
    }
    struct frank_record record;
    if (shutdown(frank_chan_fd(c.chan), SHUT_WR) == 0) {
      while (next(&c, &record) == FRANK_OK) {
      }
    }
    int status = wait_end(&c);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 0, 1);
    frank_chan_destroy(&c.chan);
  }
}

/* ---- how it ends ---- */

static void closed_channel_ends_it_before_and_after_open(void **state)
{
  (void)state;
  struct child c = start(NULL);
  stop(&c);
  c = start(NULL);
  send_open(&c, "null:0", "");
  (void)expect_ready(&c);
  stop(&c);
}

static void parent_that_does_not_read_cannot_keep_it(void **state)
{
  (void)state;
  static struct oracle_slice of;
  uint64_t random = seed;
  struct child c = start(NULL);
  send_open(&c, "null:0", "");
  (void)expect_ready(&c);
  oracle_fill(&of, &random, 1, 0);
  /* Until it takes no more, because its own queue of results is full and nobody reads them. */
  unsigned refused = 0;
  uint64_t sent = 0;
  while (refused < 50 && sent < 10000000) {
    size_t len = 0;
    struct frank_worker_slice m = message_of(&of, sent, &len);
    enum frank_err err = frank_chan_put(c.chan, FRANK_WORKER_SLICE, &m, len, NULL, 0);
    if (err == FRANK_OK) {
      sent++;
      refused = 0;
      continue;
    }
    assert_int_equal(err, FRANK_ERR_FULL);
    refused++;
    sleep_ms(2);
  }
  assert_int_equal(refused, 50);
  /* It waits: it has not ended, and it does not spin. */
  clockid_t clock = 0;
  struct timespec before;
  struct timespec after;
  assert_int_equal(clock_getcpuclockid(c.pid, &clock), 0);
  assert_int_equal(clock_gettime(clock, &before), 0);
  sleep_ms(200);
  assert_int_equal(clock_gettime(clock, &after), 0);
  int64_t spent_ns =
      (int64_t)(after.tv_sec - before.tv_sec) * 1000000000 + (after.tv_nsec - before.tv_nsec);
  assert_true(spent_ns < 50000000);
  assert_int_equal(waitpid(c.pid, NULL, WNOHANG), 0);
  frank_chan_destroy(&c.chan);
  int status = wait_end(&c);
  assert_true(WIFEXITED(status));
}

static void dying_device_closes_the_channel(void **state)
{
  (void)state;
  static struct oracle_slice of;
  uint64_t random = seed;
  struct frank_record record;
  struct child c = start(NULL);
  send_open(&c, "faulty:die@2", "");
  (void)expect_ready(&c);
  oracle_fill(&of, &random, 1, 0);
  of.slice.count = 10;
  send_slice(&c, &of, 1);
  flush(&c);
  assert_int_equal(expect_result(&c).slice_id, 1);
  send_slice(&c, &of, 2);
  flush(&c);
  assert_int_equal(next(&c, &record), FRANK_ERR_CLOSED);
  int status = wait_end(&c);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  frank_chan_destroy(&c.chan);
}

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
    (void)execl(program, "frank-worker", argument, (char *)NULL);
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
      cmocka_unit_test(failed_worker_tells_the_lies_of_its_device),
      cmocka_unit_test(probe_of_an_unknown_engine_names_it),
      cmocka_unit_test(searches_what_it_is_sent_in_order),
      cmocka_unit_test(batches_for_a_device_that_overlaps_them),
      cmocka_unit_test(result_does_not_wait_for_a_long_slice_behind_it),
      cmocka_unit_test(steps_back_as_told),
      cmocka_unit_test(engine_hears_where_to_keep_and_whether_to_tune),
      cmocka_unit_test(device_that_cannot_be_opened_is_told),
      cmocka_unit_test(broken_slices_end_it_with_the_field_named),
      cmocka_unit_test(broken_opens_end_it),
      cmocka_unit_test(second_open_is_refused),
      cmocka_unit_test(random_packets_do_no_harm),
      cmocka_unit_test(closed_channel_ends_it_before_and_after_open),
      cmocka_unit_test(parent_that_does_not_read_cannot_keep_it),
      cmocka_unit_test(dying_device_closes_the_channel),
      cmocka_unit_test(started_by_hand_it_says_what_it_is),
  };
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s PATH-OF-FRANK-WORKER\n", argv[0]);
    return 2;
  }
  program = argv[1];
  seed = oracle_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
