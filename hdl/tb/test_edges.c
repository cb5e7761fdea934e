/*
 * Where a search core is likely to be wrong: digits that carry, targets at and beside a hash, the
 * first and the last counter, batches of the ring that are not full, jobs one after the other, and
 * what must be refused.
 */
#include "hdl/tb/bench.h"

#include "driver/registers.h"

#include <inttypes.h>

static struct bench_job job;

/* Runs the test's body on a core of each U. */
static void at_every_u(void (*body)(struct frank_bus *bus))
{
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t count = bench_unrolls(unrolls);
  for (size_t i = 0; i < count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    body(bus);
    bench_close(bus);
  }
}

static uint32_t next_id(void)
{
  static uint32_t id;
  if (id == 0) {
    id = bench_random32();
  }
  id = (id + 1) & FRANK_FPGA_REG_START_ID_ID_MASK;
  return id;
}

/* Digit `digit` (0: the last) goes from `from` to the next one while all behind it are f. */
static void carry_from(struct frank_bus *bus, unsigned digit, uint32_t from)
{
  uint32_t below = (UINT32_C(1) << (4 * digit)) - 1;
  uint32_t above = digit == 7 ? 0 : bench_random32() << (4 * (digit + 1));
  uint32_t at = above | from << (4 * digit) | below;
  job.first = at - 5;
  job.last = at + 6;
  if (job.first < job.last) {
    bench_run(bus, &job, next_id());
  }
}

/* All counters are hits, few enough for the FIFO. */
static void carries(struct frank_bus *bus)
{
  bench_job_random(&job, 1, (unsigned)bench_below(15));
  job.target = UINT32_MAX;
  for (unsigned digit = 0; digit < 8; digit++) {
    for (uint32_t from = 0; from < 16; from++) {
      if (digit != 7 || from != 15) {
        carry_from(bus, digit, from);
      }
    }
  }
  /* From the low word of four digits to the high one, and no further. */
  for (unsigned i = 0; i < 16; i++) {
    job.first = (bench_random32() & 0xffff0000U) - 6;
    job.last = job.first + 12;
    if (job.first < job.last) {
      bench_run(bus, &job, next_id());
    }
  }
}

static void digits_carry(void **state)
{
  (void)state;
  at_every_u(carries);
}

static void targets(struct frank_bus *bus)
{
  static struct bench_found found;
  for (unsigned i = 0; i < 8; i++) {
    bench_job_random(&job, 1 + i % 3, (unsigned)bench_below(15));
    /* Half of them with the top bit of the hash set: the comparison is unsigned. */
    do {
      job.first = job.last = bench_random32();
    } while (bench_hash0(&job, job.first) >> 31 != i % 2);
    uint32_t word = bench_hash0(&job, job.first);
    const uint32_t tried[] = {word, word - 1, word + 1, word ^ UINT32_C(0x80000000), 0, UINT32_MAX};
    bench_load(bus, &job);
    for (size_t j = 0; j < sizeof tried / sizeof tried[0]; j++) {
      uint32_t id = next_id();
      job.target = tried[j];
      bench_start(bus, &job, id);
      bench_collect(bus, id, &found);
      assert_int_equal(found.count, word <= tried[j]);
      assert_int_equal(found.last, job.last);
    }
  }
}

static void targets_at_and_beside_the_hash(void **state)
{
  (void)state;
  at_every_u(targets);
}

static void ends(struct frank_bus *bus)
{
  const uint32_t batch = bench_in_flight(bus);
  const uint32_t ranges[][2] = {
      {0, 0},
      {0, 1},
      {0, 11},
      {UINT32_MAX, UINT32_MAX},
      {UINT32_MAX - 1, UINT32_MAX},
      {UINT32_MAX - 11, UINT32_MAX},
      {UINT32_MAX - batch + 1, UINT32_MAX},
      {UINT32_MAX - batch, UINT32_MAX},
      {0, batch - 1},
      {0, batch},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    bench_job_random(&job, 1 + (unsigned)i % 2, (unsigned)bench_below(15));
    job.first = ranges[i][0];
    job.last = ranges[i][1];
    bench_job_aim(&job, job.last - job.first < 12 ? job.last - job.first + 1 : 12);
    bench_run(bus, &job, next_id());
  }
}

static void first_and_last_counter(void **state)
{
  (void)state;
  at_every_u(ends);
}

/* All 2^32 are begun, and ended by ABORT after some. */
static void whole_range(struct frank_bus *bus)
{
  static struct bench_found found;
  uint32_t id = next_id();
  bench_job_random(&job, 1, 3);
  job.first = 0;
  job.last = UINT32_MAX;
  job.target = UINT32_MAX >> 8;
  bench_load(bus, &job);
  bench_start(bus, &job, id);
  frank_sim_run(bus, 5000);
  assert_true(bench_read(bus, FRANK_FPGA_REG_STATUS) & FRANK_FPGA_REG_STATUS_RUNNING_MASK);
  uint32_t position = bench_read(bus, FRANK_FPGA_REG_POSITION);
  bench_write(bus, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_ABORT_MASK);
  bench_collect(bus, id, &found);
  assert_in_range(found.last, position - 1, position + 64);
  bench_check(&job, &found);
}

static void whole_range_is_begun(void **state)
{
  (void)state;
  at_every_u(whole_range);
}

/* One to one more than a whole batch; the last batch of a job is the only one or the second. */
static void partial_batches(struct frank_bus *bus)
{
  uint32_t batch = bench_in_flight(bus);
  bench_job_random(&job, 1, (unsigned)bench_below(15));
  bench_load(bus, &job);
  for (uint32_t count = 1; count <= 2 * batch + 1; count += count < batch || batch < 20 ? 1 : 7) {
    static struct bench_found found;
    uint32_t id = next_id();
    job.first = bench_random32() >> 1;
    job.last = job.first + count - 1;
    bench_job_aim(&job, count < 10 ? count : 10);
    bench_start(bus, &job, id);
    bench_collect(bus, id, &found);
    assert_int_equal(found.last, job.last);
    bench_check(&job, &found);
  }
}

static void last_batches_of_every_size(void **state)
{
  (void)state;
  at_every_u(partial_batches);
}

/* Longer than 2^16: LAST is compared in all its bits, and ATTEMPTS carries on. Only where it is
 * quick.
 */
static void long_range(struct frank_bus *bus)
{
  static struct bench_found found;
  uint32_t id = next_id();
  if (bench_in_flight(bus) < 9) {
    return;
  }
  bench_job_random(&job, 1, (unsigned)bench_below(15));
  job.first = bench_random32() >> 1;
  job.last = job.first + 0x10000 + (uint32_t)bench_below(1000);
  job.target = UINT32_MAX >> 14; /* about four hits */
  bench_load(bus, &job);
  uint32_t before = bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO);
  bench_start(bus, &job, id);
  bench_collect(bus, id, &found);
  assert_int_equal(found.last, job.last);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO) - before, job.last - job.first + 1);
  bench_check(&job, &found);
}

static void ranges_longer_than_16_bits(void **state)
{
  (void)state;
  at_every_u(long_range);
}

/* The next job is loaded into the other buffer while one runs, and waits for it. */
static void back_to_back(struct frank_bus *bus)
{
  static struct bench_job jobs[6];
  static struct bench_found found;
  uint32_t batch = bench_in_flight(bus);
  size_t count = sizeof jobs / sizeof jobs[0];
  for (size_t i = 0; i < count; i++) {
    bench_job_random(&jobs[i], 2 + (unsigned)i % 2, (unsigned)bench_below(15));
    jobs[i].buffer = i % 2;
    jobs[i].first = bench_random32() >> 1;
    jobs[i].last = jobs[i].first + 12 * batch - 1 + (uint32_t)i;
    bench_job_aim(&jobs[i], 5);
  }
  uint32_t id = next_id();
  bench_load(bus, &jobs[0]);
  bench_start(bus, &jobs[0], id);
  for (size_t i = 0; i < count; i++) {
    uint32_t next = next_id();
    if (i + 1 < count) {
      uint32_t busy = FRANK_FPGA_REG_STATUS_RUNNING_MASK;
      bench_load(bus, &jobs[i + 1]);
      bench_start(bus, &jobs[i + 1], next);
      busy = bench_read(bus, FRANK_FPGA_REG_STATUS);
      if (busy & FRANK_FPGA_REG_STATUS_PENDING_MASK) {
        assert_int_equal(busy & FRANK_FPGA_REG_STATUS_BUFFER_BUSY_MASK,
                         FRANK_FPGA_REG_STATUS_BUFFER_BUSY_MASK);
      }
    }
    bench_collect(bus, id, &found);
    assert_false(found.dropped);
    assert_int_equal(found.last, jobs[i].last);
    bench_check(&jobs[i], &found);
    id = next;
  }
}

static void jobs_one_after_the_other(void **state)
{
  (void)state;
  at_every_u(back_to_back);
}

/* POP of an entry that is no longer the oldest, and START of the id that was started, do nothing.
 */
static void repeats(struct frank_bus *bus)
{
  static struct bench_found found;
  uint32_t id = next_id();
  bench_job_random(&job, 1, 2);
  job.last = 5;
  job.target = UINT32_MAX;
  bench_load(bus, &job);
  bench_start(bus, &job, id);
  frank_sim_run(bus, 2 * UINT64_C(64) * 66);
  uint32_t level = bench_read(bus, FRANK_FPGA_REG_FIFO_LEVEL);
  assert_int_equal(level, 7);
  uint32_t sequence =
      (bench_read(bus, FRANK_FPGA_REG_ENTRY_TAG) & FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) >>
      FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT;
  for (unsigned i = 0; i < 3; i++) {
    bench_write(bus, FRANK_FPGA_REG_ENTRY_POP, sequence);
    assert_int_equal(bench_read(bus, FRANK_FPGA_REG_FIFO_LEVEL), level - 1);
  }
  for (unsigned i = 0; i < 3; i++) {
    bench_write(bus, FRANK_FPGA_REG_START_ID, id);
    assert_false(bench_read(bus, FRANK_FPGA_REG_STATUS) &
                 (FRANK_FPGA_REG_STATUS_RUNNING_MASK | FRANK_FPGA_REG_STATUS_PENDING_MASK));
  }
  bench_collect(bus, id, &found);
  assert_int_equal(found.count, level - 2);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_FIFO_LEVEL), 0);
}

static void what_is_repeated_does_nothing(void **state)
{
  (void)state;
  at_every_u(repeats);
}

static void refusals(struct frank_bus *bus)
{
  static struct bench_found found;
  uint32_t id = next_id();
  bench_job_random(&job, 2, 4);
  job.first = 7;
  job.last = UINT32_MAX;
  job.buffer = 1;
  bench_load(bus, &job);
  bench_start(bus, &job, id);
  /* Buffer 1 runs: it is locked, 0 is not. */
  bench_write_refused(bus, FRANK_FPGA_REG_TEMPLATE, 0);
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_BUFFER);
  bench_write_refused(bus, FRANK_FPGA_REG_KW + 256, 0);
  bench_write_refused(bus, FRANK_FPGA_REG_INIT + 28, 0);
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_BUFFER);
  bench_write(bus, FRANK_FPGA_REG_LOAD_BUFFER, 0);
  bench_write(bus, FRANK_FPGA_REG_TEMPLATE, 0);
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_NONE);
  /* A job in buffer 0 waits: both are locked, and so are the JOB registers. */
  job.buffer = 0;
  bench_start(bus, &job, next_id());
  bench_write_refused(bus, FRANK_FPGA_REG_TEMPLATE, 0);
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_BUFFER);
  bench_write_refused(bus, FRANK_FPGA_REG_JOB_FIRST, 0);
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_PENDING);
  bench_write_refused(bus, FRANK_FPGA_REG_START_ID, next_id());
  assert_int_equal(bench_error(bus), FRANK_FPGA_REG_ERR_CODE_CODE_PENDING);
  bench_write(bus, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_ABORT_MASK);
  bench_collect(bus, id, &found);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_START_ID) & FRANK_FPGA_REG_START_ID_NONE_MASK,
                   FRANK_FPGA_REG_START_ID_NONE_MASK);
  /* Jobs that cannot be. */
  const struct {
    unsigned blocks, word;
    uint32_t first, last, code;
  } wrong[] = {
      {0, 0, 0, 0, FRANK_FPGA_REG_ERR_CODE_CODE_BLOCKS},
      {13, 0, 0, 0, FRANK_FPGA_REG_ERR_CODE_CODE_BLOCKS},
      {15, 0, 0, 0, FRANK_FPGA_REG_ERR_CODE_CODE_BLOCKS},
      {1, 15, 0, 0, FRANK_FPGA_REG_ERR_CODE_CODE_WORD},
      {1, 14, 1, 0, FRANK_FPGA_REG_ERR_CODE_CODE_RANGE},
      {1, 14, UINT32_MAX, 0, FRANK_FPGA_REG_ERR_CODE_CODE_RANGE},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    bench_write(bus, FRANK_FPGA_REG_JOB_SHAPE,
                wrong[i].blocks << FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_SHIFT |
                    wrong[i].word << FRANK_FPGA_REG_JOB_SHAPE_WORD_SHIFT);
    bench_write(bus, FRANK_FPGA_REG_JOB_FIRST, wrong[i].first);
    bench_write(bus, FRANK_FPGA_REG_JOB_LAST, wrong[i].last);
    bench_write_refused(bus, FRANK_FPGA_REG_START_ID, next_id());
    assert_int_equal(bench_error(bus), wrong[i].code);
    assert_false(bench_read(bus, FRANK_FPGA_REG_STATUS) & FRANK_FPGA_REG_STATUS_RUNNING_MASK);
  }
}

static void what_cannot_be_is_refused(void **state)
{
  (void)state;
  at_every_u(refusals);
}

/* Every cause by IRQ_TEST, against every enable; READY is there by itself. */
static void interrupts(struct frank_bus *bus)
{
  const uint32_t ready = FRANK_FPGA_REG_IRQ_STATE_READY_MASK;
  for (uint32_t i = 0; i < 64; i++) {
    uint32_t enable = i & 7;
    uint32_t test = i >> 3;
    bool level;
    bench_write(bus, FRANK_FPGA_REG_IRQ_ENABLE, enable);
    bench_write(bus, FRANK_FPGA_REG_IRQ_TEST, test);
    assert_int_equal(bench_read(bus, FRANK_FPGA_REG_IRQ_STATE), test | ready);
    assert_int_equal(bus->ops->wait_irq(bus->ctx, UINT64_C(2) * FRANK_SIM_CYCLE_NS, &level),
                     FRANK_FPGA_OK);
    assert_int_equal(level, (enable & (test | ready)) != 0);
  }
  bench_write(bus, FRANK_FPGA_REG_IRQ_TEST, 0);
  bench_write(bus, FRANK_FPGA_REG_IRQ_ENABLE, FRANK_FPGA_REG_IRQ_ENABLE_ERROR_MASK);
  bench_write_refused(bus, FRANK_FPGA_REG_START_ID, next_id()); /* of no block */
  bool level;
  assert_int_equal(bus->ops->wait_irq(bus->ctx, UINT64_C(2) * FRANK_SIM_CYCLE_NS, &level),
                   FRANK_FPGA_OK);
  assert_true(level);
  (void)bench_error(bus);
  bench_write(bus, FRANK_FPGA_REG_IRQ_ENABLE, 0);
}

static void each_cause_reaches_the_line(void **state)
{
  (void)state;
  at_every_u(interrupts);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(digits_carry),
      cmocka_unit_test(targets_at_and_beside_the_hash),
      cmocka_unit_test(first_and_last_counter),
      cmocka_unit_test(whole_range_is_begun),
      cmocka_unit_test(last_batches_of_every_size),
      cmocka_unit_test(ranges_longer_than_16_bits),
      cmocka_unit_test(jobs_one_after_the_other),
      cmocka_unit_test(what_is_repeated_does_nothing),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(each_cause_reaches_the_line),
  };
  return BENCH_MAIN("hdl_edges", argc, argv, tests);
}
