/*
 * Attempts per clock cycle, through the driver: what the ring promises, less 2%. Cycles of a
 * simulation are counted, not time, so a busy machine does no harm.
 */
#include "device.h"
#include "driver/core.h"
#include "oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define JOBS   4
#define CYCLES 250000U /* of each */

static uint64_t seed;

static void examines_as_many_as_the_ring_can(void **state)
{
  (void)state;
  static const unsigned blocks[] = {2, 3, 6, 11};
  uint64_t random = seed;
  struct frank_fpga *core = device_open(NULL, NULL);
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
    static struct oracle_job made;
    struct frank_fpga_job jobs[JOBS];
    struct frank_fpga_result results[JOBS];
    double ideal = frank_fpga_params(core)->unroll / (64.0 * blocks[i]);
    uint64_t attempts = 0;
    uint64_t cycles = 0;
    oracle_fill(&made, &random, blocks[i], 0, (uint64_t)(ideal * CYCLES), 0);
    for (size_t job = 0; job < JOBS; job++) {
      jobs[job] = made.job;
    }
    /* The first call loads the message and asks for known answers. */
    assert_int_equal(frank_fpga_search(core, jobs, 1, results), FRANK_FPGA_OK);
    assert_int_equal(frank_fpga_search(core, jobs, JOBS, results), FRANK_FPGA_OK);
    for (size_t job = 0; job < JOBS; job++) {
      assert_int_equal(results[job].attempts, made.job.count);
      attempts += results[job].attempts;
      cycles += results[job].cycles;
    }
    double reached = (double)attempts / (double)cycles;
    (void)printf("U=%u, %u blocks: %.6f attempts per cycle, %.2f%% of U/(64 N)\n",
                 frank_fpga_params(core)->unroll, blocks[i], reached, 100 * reached / ideal);
    assert_true(reached > 0.98 * ideal);
    assert_true(reached <= ideal);
  }
  frank_fpga_close(&core);
}

int main(int argc, char **argv)
{
  device_choose(argc, argv);
  seed = oracle_seed();
  const struct CMUnitTest tests[] = {cmocka_unit_test(examines_as_many_as_the_ring_can)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
