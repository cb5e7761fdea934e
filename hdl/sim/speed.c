/*
 * frank-sim-speed: how fast the models run, with nothing but the search going on.
 *
 *     frank-sim-speed [SECONDS]
 *
 * Prints for each model of this build the simulated clock cycles per second and the attempts per
 * second at two blocks that they make.
 */
#include "driver/registers.h"
#include "hdl/sim/frank_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define UNROLLS_MAX 7
#define RUN_CYCLES  50000
#define BLOCKS      2U

static double seconds_now(void)
{
  struct timespec at;
  (void)clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static enum frank_fpga_err start(struct frank_bus *bus)
{
  static const uint32_t WRITES[][2] = {
      {FRANK_FPGA_REG_JOB_SHAPE, BLOCKS << FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_SHIFT},
      {FRANK_FPGA_REG_JOB_TARGET, 0},
      {FRANK_FPGA_REG_JOB_FIRST, 0},
      {FRANK_FPGA_REG_JOB_LAST, UINT32_MAX},
      {FRANK_FPGA_REG_START_ID, 1},
  };
  for (size_t i = 0; i < sizeof WRITES / sizeof WRITES[0]; i++) {
    enum frank_fpga_err err = bus->ops->write32(bus->ctx, WRITES[i][0], WRITES[i][1]);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
  }
  return FRANK_FPGA_OK;
}

static int measure(unsigned unroll, double seconds)
{
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *bus = NULL;
  if (frank_sim_open(unroll, &bus, why) != FRANK_FPGA_OK) {
    (void)fprintf(stderr, "frank-sim-speed: %s\n", why);
    return 1;
  }
  if (start(bus) != FRANK_FPGA_OK) {
    (void)fprintf(stderr, "frank-sim-speed: U=%u: %s\n", unroll, bus->ops->failure(bus->ctx));
    bus->ops->close(bus->ctx);
    return 1;
  }
  uint64_t cycles = frank_sim_cycles(bus);
  uint32_t before = 0;
  uint32_t attempts = 0;
  (void)bus->ops->read32(bus->ctx, FRANK_FPGA_REG_ATTEMPTS_LO, &before);
  double began = seconds_now();
  double took = 0;
  while (took < seconds) {
    frank_sim_run(bus, RUN_CYCLES);
    took = seconds_now() - began;
  }
  (void)bus->ops->read32(bus->ctx, FRANK_FPGA_REG_ATTEMPTS_LO, &attempts);
  cycles = frank_sim_cycles(bus) - cycles;
  (void)printf("%4u %10.2f %10.3f\n", unroll, (double)cycles / took / 1e6,
               (double)(uint32_t)(attempts - before) / took / 1e6);
  bus->ops->close(bus->ctx);
  return 0;
}

int main(int argc, char **argv)
{
  double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
  unsigned unrolls[UNROLLS_MAX];
  size_t count = frank_sim_unrolls(unrolls, UNROLLS_MAX);
  int status = 0;
  (void)printf("   U M cycles/s M attempts/s at %u blocks\n", BLOCKS);
  for (size_t i = 0; i < count && i < UNROLLS_MAX; i++) {
    status |= measure(unrolls[i], seconds);
  }
  return status;
}
