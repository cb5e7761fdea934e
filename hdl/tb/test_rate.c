/*
 * How many counters the core examines per clock cycle, from START to END as the bus sees it, over a
 * long range: U / (64 blocks), less the 2% that the start and the last batch may cost. Counted in
 * simulated cycles, so the same on any machine.
 */
#include "hdl/tb/bench.h"

#include "driver/registers.h"

#include <inttypes.h>

/* Batches of the ring in a range. */
#define BATCHES 250

static uint64_t attempts_now(struct frank_bus *bus)
{
  uint32_t high = bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_HI);
  for (;;) {
    uint32_t low = bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_LO);
    uint32_t again = bench_read(bus, FRANK_FPGA_REG_ATTEMPTS_HI);
    if (again == high) {
      return (uint64_t)high << 32 | low;
    }
    high = again;
  }
}

static void measure(struct frank_bus *bus, unsigned unroll, unsigned blocks)
{
  static struct bench_job job;
  static struct bench_found found;
  bench_job_random(&job, blocks, 2);
  job.first = bench_random32() >> 1;
  job.last = job.first + BATCHES * (unroll + 1);
  bench_load(bus, &job);
  uint64_t attempts = attempts_now(bus);
  uint64_t cycles = frank_sim_cycles(bus);
  bench_start(bus, &job, blocks);
  bench_collect(bus, blocks, &found);
  cycles = frank_sim_cycles(bus) - cycles;
  attempts = attempts_now(bus) - attempts;
  assert_int_equal(attempts, job.last - job.first + 1);
  double rate = (double)attempts / (double)cycles;
  double ideal = (double)unroll / (64.0 * blocks);
  print_message("U=%-2u blocks=%-2u %8" PRIu64 " attempts in %8" PRIu64
                " cycles: %.6f per cycle, %.2f%% of U/(64 blocks)\n",
                unroll, blocks, attempts, cycles, rate, 100 * rate / ideal);
  assert_true(rate >= 0.98 * ideal);
  assert_true(rate <= 1.02 * ideal);
}

static void rate_is_that_of_the_rounds(void **state)
{
  (void)state;
  static const unsigned BLOCKS[] = {2, 3, 6, 11};
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t count = bench_unrolls(unrolls);
  for (size_t i = 0; i < count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    for (size_t j = 0; j < sizeof BLOCKS / sizeof BLOCKS[0]; j++) {
      measure(bus, unrolls[i], BLOCKS[j]);
    }
    bench_close(bus);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rate_is_that_of_the_rounds),
  };
  return BENCH_MAIN("hdl_rate", argc, argv, tests);
}
