/*
 * Jobs that are stopped at any moment: ABORT, RESET, the reset line. A FIFO that nobody empties. A
 * bit that flips in the ring. Whatever happened, the next job's results are right.
 */
#include "hdl/tb/bench.h"

#include "driver/registers.h"

#include <inttypes.h>

static struct bench_job job;
static struct bench_found found;
static uint32_t id;

static void next_id(void)
{
  if (id == 0) {
    id = bench_random32();
  }
  id = (id + 1) & FRANK_FPGA_REG_START_ID_ID_MASK;
}

static void long_job(struct frank_bus *bus, unsigned blocks, uint32_t target)
{
  bench_job_random(&job, blocks, (unsigned)bench_below(15));
  job.buffer = bench_below(2) != 0;
  job.first = bench_random32() >> 1;
  job.last = job.first + 0x10000000;
  job.target = target;
  next_id();
  bench_load(bus, &job);
  bench_start(bus, &job, id);
}

/* A job after the trouble. */
static void recovers(struct frank_bus *bus)
{
  uint32_t batch = bench_in_flight(bus);
  bench_job_random(&job, 1 + (unsigned)bench_below(3), (unsigned)bench_below(15));
  job.buffer = bench_below(2) != 0;
  job.first = bench_random32() >> 1;
  job.last = job.first + batch + (uint32_t)bench_below(batch);
  bench_job_aim(&job, 3);
  next_id();
  bench_run(bus, &job, id);
}

static void drained(struct frank_bus *bus)
{
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_FIFO_LEVEL), 0);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_ENTRY_TAG), 0);
}

/* Often soon after the start, where much happens at once; now and then late. */
static void run_a_while(struct frank_bus *bus)
{
  static const size_t MOST[] = {20, 300, 300, 6000};
  frank_sim_run(bus, bench_below(MOST[bench_below(4)]));
}

static void each(void (*body)(struct frank_bus *bus), unsigned times)
{
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t count = bench_unrolls(unrolls);
  for (size_t i = 0; i < count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    for (unsigned j = 0; j < times * bench_scale(50); j++) {
      body(bus);
    }
    bench_close(bus);
  }
}

static void abort_one(struct frank_bus *bus)
{
  long_job(bus, 1 + (unsigned)bench_below(2), UINT32_MAX >> 6);
  run_a_while(bus);
  bench_write(bus, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_ABORT_MASK);
  bench_collect(bus, id, &found);
  bench_check(&job, &found);
  drained(bus);
  recovers(bus);
}

static void abort_tells_what_was_examined(void **state)
{
  (void)state;
  each(abort_one, 30);
}

/* Two jobs, and an ABORT while the second waits, is taken, or runs: START_ID tells whether it was
 * dropped, and a START right behind the ABORT runs. */
static void abort_two(struct frank_bus *bus, uint32_t cycles)
{
  static struct bench_job jobs[3];
  uint32_t ids[3];
  uint32_t batch = bench_in_flight(bus);
  for (size_t i = 0; i < 3; i++) {
    bench_job_random(&jobs[i], 1, (unsigned)bench_below(15));
    jobs[i].buffer = i == 1;
    jobs[i].first = bench_random32() >> 1;
    jobs[i].last = jobs[i].first + batch + 1;
    bench_job_aim(&jobs[i], 2);
    next_id();
    ids[i] = id;
  }
  bench_load(bus, &jobs[0]);
  bench_load(bus, &jobs[1]);
  bench_start(bus, &jobs[0], ids[0]);
  bench_start(bus, &jobs[1], ids[1]);
  frank_sim_run(bus, cycles);
  bench_write(bus, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_ABORT_MASK);
  uint32_t started = bench_read(bus, FRANK_FPGA_REG_START_ID);
  bench_collect(bus, ids[0], &found);
  bench_check(&jobs[0], &found);
  if (started == ids[1]) {
    bench_collect(bus, ids[1], &found);
    bench_check(&jobs[1], &found);
  } else {
    assert_int_equal(started & FRANK_FPGA_REG_START_ID_NONE_MASK,
                     FRANK_FPGA_REG_START_ID_NONE_MASK);
  }
  bench_run(bus, &jobs[2], ids[2]);
  drained(bus);
}

static void abort_hits_one_job_or_two(void **state)
{
  (void)state;
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t count = bench_unrolls(unrolls);
  for (size_t i = 0; i < count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    /* Two batches of the first job, and the second's beginning; where that is long, the end of
     * the first cycle by cycle. */
    uint32_t group = 64 / unrolls[i] * (unrolls[i] + 1);
    for (uint32_t cycles = 0; cycles < 2 * group + 120; cycles += cycles + 60 < 2 * group ? 7 : 1) {
      abort_two(bus, cycles);
    }
    bench_close(bus);
  }
}

static void reset_one(struct frank_bus *bus)
{
  uint32_t attempts;
  /* All are hits: some just then. */
  long_job(bus, 1 + (unsigned)bench_below(2), UINT32_MAX);
  bench_write(bus, FRANK_FPGA_REG_IRQ_ENABLE, 7);
  bench_write(bus, FRANK_FPGA_REG_IRQ_TEST, 7);
  bench_write_refused(bus, FRANK_FPGA_REG_TEMPLATE, 0); /* its buffer is in use */
  run_a_while(bus);
  attempts = bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO);
  bench_write(bus, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_RESET_MASK);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_STATUS) &
                       (FRANK_FPGA_REG_STATUS_RUNNING_MASK | FRANK_FPGA_REG_STATUS_PENDING_MASK |
                        FRANK_FPGA_REG_STATUS_READY_MASK),
                   FRANK_FPGA_REG_STATUS_READY_MASK);
  drained(bus);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_FIFO_DROPPED), 0);
  assert_true(bench_read(bus, FRANK_FPGA_REG_START_ID) & FRANK_FPGA_REG_START_ID_NONE_MASK);
  static const uint32_t cleared[] = {FRANK_FPGA_REG_ERR_CODE,   FRANK_FPGA_REG_IRQ_ENABLE,
                                     FRANK_FPGA_REG_IRQ_TEST,   FRANK_FPGA_REG_JOB_SHAPE,
                                     FRANK_FPGA_REG_JOB_TARGET, FRANK_FPGA_REG_JOB_FIRST,
                                     FRANK_FPGA_REG_JOB_LAST,   FRANK_FPGA_REG_LOAD_BUFFER};
  for (size_t i = 0; i < sizeof cleared / sizeof cleared[0]; i++) {
    assert_int_equal(bench_read(bus, cleared[i]), 0);
  }
  assert_true(bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO) >= attempts);
  frank_sim_run(bus, 200); /* nothing of the dropped job comes later */
  drained(bus);
  recovers(bus);
}

static void soft_reset_at_any_moment(void **state)
{
  (void)state;
  each(reset_one, 30);
}

static void pull_one(struct frank_bus *bus)
{
  long_job(bus, 1 + (unsigned)bench_below(2), UINT32_MAX);
  run_a_while(bus);
  assert_int_equal(bus->ops->reset(bus->ctx), FRANK_FPGA_OK);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_ID), FRANK_FPGA_ID);
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO), 0);
  frank_sim_run(bus, 200);
  drained(bus);
  recovers(bus);
}

static void reset_line_at_any_moment(void **state)
{
  (void)state;
  each(pull_one, 15);
}

/* Two jobs, and a RESET while the second waits or runs. */
static void reset_two(struct frank_bus *bus)
{
  long_job(bus, 1, UINT32_MAX >> 6);
  struct bench_job second = job;
  second.buffer = !job.buffer;
  next_id();
  bench_load(bus, &second);
  bench_start(bus, &second, id);
  run_a_while(bus);
  bench_write(bus, FRANK_FPGA_REG_CTRL,
              bench_below(2) != 0
                  ? FRANK_FPGA_REG_CTRL_RESET_MASK
                  : FRANK_FPGA_REG_CTRL_RESET_MASK | FRANK_FPGA_REG_CTRL_ABORT_MASK);
  frank_sim_run(bus, 200);
  drained(bus);
  recovers(bus);
}

static void reset_drops_both_jobs(void **state)
{
  (void)state;
  each(reset_two, 8);
}

/* Every counter a hit and nobody takes them: what is kept is the first ones, what is not is
 * counted, END still comes and says so, and the next job is told apart. */
static void overflow_one(struct frank_bus *bus)
{
  uint32_t depth = bench_fifo_depth(bus);
  uint32_t count = depth - 3 + (uint32_t)bench_below(2 * (size_t)depth);
  uint32_t dropped = bench_read(bus, FRANK_FPGA_REG_FIFO_DROPPED);
  bench_job_random(&job, 1, 1);
  job.first = bench_random32() >> 1;
  job.last = job.first + count - 1;
  job.target = UINT32_MAX;
  next_id();
  bench_load(bus, &job);
  bench_start(bus, &job, id);
  frank_sim_run(bus, UINT64_C(70) * 64);
  assert_false(bench_read(bus, FRANK_FPGA_REG_STATUS) & FRANK_FPGA_REG_STATUS_RUNNING_MASK);
  bench_collect(bus, id, &found);
  dropped = bench_read(bus, FRANK_FPGA_REG_FIFO_DROPPED) - dropped;
  assert_int_equal(found.count + dropped, count);
  assert_int_equal(found.dropped, dropped != 0);
  assert_int_equal(found.last, job.last);
  /* The last two places are not for hits. */
  assert_int_equal(found.count, count < depth - 2 ? count : depth - 2);
  for (size_t i = 0; i < found.count; i++) {
    assert_int_equal(found.counters[i], job.first + i);
  }
  recovers(bus);
}

static void full_fifo_drops_and_tells(void **state)
{
  (void)state;
  each(overflow_one, 12);
}

/* ENDs never get lost: a job waits for a place for its END, however long. */
static void ends_wait(struct frank_bus *bus)
{
  uint32_t depth = bench_fifo_depth(bus);
  uint32_t started = 0;
  uint32_t ids[256];
  bench_job_random(&job, 1, 1);
  job.target = 0;
  bench_load(bus, &job);
  for (unsigned tries = 0; tries < 4 * depth; tries++) {
    if (bench_read(bus, FRANK_FPGA_REG_STATUS) & FRANK_FPGA_REG_STATUS_READY_MASK) {
      next_id();
      ids[started++] = id;
      bench_start(bus, &job, id);
    }
    frank_sim_run(bus, 200);
  }
  /* All in the FIFO but the one that has no place and the one that waits behind it. */
  assert_int_equal(bench_read(bus, FRANK_FPGA_REG_FIFO_LEVEL), depth);
  assert_int_equal(started, depth + 2);
  for (uint32_t i = 0; i < started; i++) {
    bench_collect(bus, ids[i], &found);
    assert_false(found.dropped);
  }
  recovers(bus);
}

static void ends_wait_for_a_place(void **state)
{
  (void)state;
  each(ends_wait, 1);
}

/* A flipped bit spoils results of one batch and nothing else. Where the ring is large few of its
 * bits matter at a given moment: as many are flipped as it takes to see one. */
#define FLIPS     60U
#define FLIPS_MAX 6000U

static void flips_spoil_only_the_batch(void **state)
{
  (void)state;
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t count = bench_unrolls(unrolls);
  for (size_t i = 0; i < count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    unsigned spoilt = 0;
    unsigned flips = 0;
    for (; flips < FLIPS || (spoilt == 0 && flips < FLIPS_MAX); flips++) {
      uint32_t batch = bench_in_flight(bus);
      bench_job_random(&job, 1, 1);
      job.first = job.last = bench_random32() >> 1;
      job.last += batch - 1; /* one batch: every nonce counts */
      job.target = UINT32_MAX >> 1;
      next_id();
      bench_load(bus, &job);
      bench_start(bus, &job, id);
      frank_sim_run(bus, 25 + bench_below(60));
      frank_sim_flip(bus, bench_random());
      bench_collect(bus, id, &found);
      assert_int_equal(found.last, job.last);
      size_t wrong = 0;
      size_t hits = 0;
      for (uint32_t k = 0; k < batch; k++) {
        hits += bench_hash0(&job, job.first + k) <= job.target;
      }
      for (size_t k = 0; k < found.count; k++) {
        wrong += bench_hash0(&job, found.counters[k]) > job.target;
      }
      spoilt += wrong != 0 || (found.count != hits && !found.dropped);
      recovers(bus);
    }
    print_message("U=%u: %u of %u flips were seen\n", unrolls[i], spoilt, flips);
    assert_true(spoilt > 0);
    bench_close(bus);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(abort_tells_what_was_examined), cmocka_unit_test(abort_hits_one_job_or_two),
      cmocka_unit_test(soft_reset_at_any_moment),      cmocka_unit_test(reset_line_at_any_moment),
      cmocka_unit_test(reset_drops_both_jobs),         cmocka_unit_test(full_fifo_drops_and_tells),
      cmocka_unit_test(ends_wait_for_a_place),         cmocka_unit_test(flips_spoil_only_the_batch),
  };
  return BENCH_MAIN("hdl_stops", argc, argv, tests);
}
