/*
 * device: see the header.
 */
#include "device.h"

#include "driver/bus_fault.h"
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef FRANK_FPGA_SIM
#include "hdl/sim/frank_sim.h"
#endif

static bool core;
static unsigned unroll;
static struct frank_bus *last;

void device_choose(int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "model";
  core = strncmp(name, "sim", 3) == 0;
  unroll = strchr(name, ':') != NULL ? (unsigned)strtoul(strchr(name, ':') + 1, NULL, 10) : 0;
#ifdef FRANK_FPGA_SIM
  unsigned unrolls[16];
  size_t count = frank_sim_unrolls(unrolls, 16);
  bool there = unroll == 0;
  for (size_t i = 0; i < count && i < 16; i++) {
    there = there || unrolls[i] == unroll;
  }
  if (core && !there) {
    printf("skipped: this build has no simulated core with U=%u\n", unroll);
    exit(77); /* NOLINT(concurrency-mt-unsafe): one thread */
  }
#else
  if (core) {
    printf("skipped: this build has no simulated core (FRANK_FPGA_SIM)\n");
    exit(77); /* NOLINT(concurrency-mt-unsafe): one thread */
  }
#endif
}

bool device_is_core(void)
{
  return core;
}

struct frank_bus *device_bus(void)
{
  struct frank_bus *bus = NULL;
#ifdef FRANK_FPGA_SIM
  if (core) {
    char why[FRANK_FPGA_WHY_BYTES];
    assert_int_equal(frank_sim_open(unroll, &bus, why), FRANK_FPGA_OK);
    last = bus;
    return bus;
  }
#endif
  const struct model_options options = {.unroll = unroll};
  bus = model_open(&options);
  assert_non_null(bus);
  last = bus;
  return bus;
}

struct frank_fpga *device_open(const char *plan, const struct frank_fpga_options *options)
{
  struct frank_bus *bus = device_bus();
  struct frank_fpga *fpga = NULL;
  char why[FRANK_FPGA_WHY_BYTES];
  if (plan != NULL) {
    assert_int_equal(frank_bus_fault_open(bus, plan, &bus, why), FRANK_FPGA_OK);
  }
  enum frank_fpga_err err = frank_fpga_open(bus, options, &fpga, why);
  if (err != FRANK_FPGA_OK) {
    fail_msg("open: %s", why);
  }
  return fpga;
}

uint64_t device_now_ns(void)
{
  uint64_t now_ns;
  assert_int_equal(last->ops->now(last->ctx, &now_ns), FRANK_FPGA_OK);
  return now_ns;
}

#ifdef FRANK_FPGA_SIM
#define FLIP_NS_MAX 40000U /* for U = 1: some fifty counters of two blocks */

/* All but the wait goes straight to the inner bus. */
struct flipping {
  struct frank_bus bus;
  struct frank_bus *inner;
  uint64_t seed;
};

static enum frank_fpga_err flip_read(void *ctx, uint32_t addr, uint32_t *value)
{
  struct flipping *self = ctx;
  return self->inner->ops->read32(self->inner->ctx, addr, value);
}

static enum frank_fpga_err flip_write(void *ctx, uint32_t addr, uint32_t value)
{
  struct flipping *self = ctx;
  return self->inner->ops->write32(self->inner->ctx, addr, value);
}

static enum frank_fpga_err flip_wait(void *ctx, uint64_t timeout_ns, bool *level)
{
  struct flipping *self = ctx;
  /* Soon: most waits end at the next hit. */
  unsigned rounds = unroll != 0 ? unroll : frank_sim_unroll_default();
  uint64_t part_ns = (self->seed >> 32) % (FLIP_NS_MAX / rounds);
  part_ns = part_ns < timeout_ns ? part_ns : timeout_ns;
  enum frank_fpga_err err = self->inner->ops->wait_irq(self->inner->ctx, part_ns, level);
  if (err != FRANK_FPGA_OK || *level || timeout_ns == 0) {
    return err;
  }
  self->seed = self->seed * 6364136223846793005U + 1442695040888963407U;
  frank_sim_flip(self->inner, self->seed >> 16);
  return self->inner->ops->wait_irq(self->inner->ctx, timeout_ns - part_ns, level);
}

static enum frank_fpga_err flip_now(void *ctx, uint64_t *now_ns)
{
  struct flipping *self = ctx;
  return self->inner->ops->now(self->inner->ctx, now_ns);
}

static enum frank_fpga_err flip_reset(void *ctx)
{
  struct flipping *self = ctx;
  return self->inner->ops->reset(self->inner->ctx);
}

static const char *flip_failure(void *ctx)
{
  struct flipping *self = ctx;
  return self->inner->ops->failure(self->inner->ctx);
}

static void flip_close(void *ctx)
{
  struct flipping *self = ctx;
  self->inner->ops->close(self->inner->ctx);
  free(self);
}

struct frank_bus *device_bus_that_flips(uint64_t seed)
{
  static const struct frank_bus_ops ops = {flip_read,  flip_write,   flip_wait, flip_now,
                                           flip_reset, flip_failure, flip_close};
  struct flipping *self = calloc(1, sizeof *self);
  assert_non_null(self);
  self->inner = device_bus();
  self->seed = seed;
  self->bus = (struct frank_bus){&ops, self, true};
  return &self->bus;
}
#else
struct frank_bus *device_bus_that_flips(uint64_t seed)
{
  (void)seed;
  fail_msg("there is no core here");
  return NULL;
}
#endif
