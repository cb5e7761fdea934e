/* The real frank-worker and a parent that sends what it must not: it believes no message. */
#include "oracle.h"
#include "worker_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

static uint64_t seed;

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
    struct frank_worker_slice m = worker_message_of(&of, 77, &len);
    struct worker c = worker_start(NULL);
    worker_send_open(&c, "null:0", "");
    (void)worker_expect_ready(&c);
    rows[i].apply(&m, &len);
    worker_put(&c, FRANK_WORKER_SLICE, &m, len);
    worker_flush(&c);
    struct frank_worker_failed failed = worker_expect_failed(&c, FRANK_WORKER_FAILED);
    assert_non_null(strstr(failed.why, rows[i].named));
    int status = worker_wait_end(&c);
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
    struct worker c = worker_start(NULL);
    worker_put(&c, type, &open, len);
    worker_flush(&c);
    struct frank_worker_failed failed = worker_expect_failed(&c, FRANK_WORKER_FAILED);
    assert_true(failed.err == FRANK_ERR_MALFORMED || failed.err == FRANK_ERR_RANGE);
    int status = worker_wait_end(&c);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    frank_chan_destroy(&c.chan);
  }
}

static void second_open_is_refused(void **state)
{
  (void)state;
  struct worker c = worker_start(NULL);
  worker_send_open(&c, "null:0", "");
  (void)worker_expect_ready(&c);
  worker_send_open(&c, "null:0", "");
  assert_int_equal(worker_expect_failed(&c, FRANK_WORKER_FAILED).err, FRANK_ERR_MALFORMED);
  (void)worker_wait_end(&c);
  frank_chan_destroy(&c.chan);
}

/* Packets of random bytes, and good packets with some bytes changed, written past the channel's
 * own code: the worker ends by itself with a status, or answers; never by a signal. */
static void random_packets_do_no_harm(void **state)
{
  (void)state;
  uint64_t random = seed;
  for (unsigned round = 0; round < 40; round++) {
    struct worker c = worker_start(NULL);
    if (round % 4 != 0) {
      worker_send_open(&c, "null:0", "");
      (void)worker_expect_ready(&c);
    }
    static struct oracle_slice of;
    worker_make_slice(&of, &random);
    for (unsigned i = 0; i < 20; i++) {
      uint8_t packet[4096];
      size_t len = 0;
      struct frank_worker_slice m = worker_message_of(&of, i, &len);
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
      while (worker_next(&c, &record) == FRANK_OK) {
      }
    }
    int status = worker_wait_end(&c);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 0, 1);
    frank_chan_destroy(&c.chan);
  }
}

int main(int argc, char **argv)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_slices_end_it_with_the_field_named),
      cmocka_unit_test(broken_opens_end_it),
      cmocka_unit_test(second_open_is_refused),
      cmocka_unit_test(random_packets_do_no_harm),
  };
  worker_choose(argc, argv);
  seed = oracle_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
