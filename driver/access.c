/*
 * access: registers over a bus that may fail now and then.
 */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>

#define TRIES       4 /* of one access */
#define SANE_TRIES  4 /* of a read that gives what no core gives */
#define ALL_ONES    0xffffffffU
#define MAY_HELP(e) ((e) == FRANK_FPGA_ERR_IO || (e) == FRANK_FPGA_ERR_TIMEOUT)

enum frank_fpga_err frank_fpga_fail(struct frank_fpga *core, enum frank_fpga_err err,
                                    const char *format, ...)
{
  if (core->why[0] == '\0') {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(core->why, sizeof core->why, format, args);
    va_end(args);
  }
  return err;
}

static const char *bus_failure(struct frank_fpga *core)
{
  return core->bus->ops->failure(core->bus->ctx);
}

/* True where an access that ended with err is asked again. */
static bool again(struct frank_fpga *core, enum frank_fpga_err err, unsigned tries)
{
  if (!MAY_HELP(err) || tries + 1 >= TRIES) {
    return false;
  }
  core->health.retries++;
  return true;
}

/* A refused access is the caller's to judge; all else that is left after some tries is told. */
static enum frank_fpga_err told(struct frank_fpga *core, enum frank_fpga_err err, const char *what,
                                uint32_t addr)
{
  if (err == FRANK_FPGA_OK || err == FRANK_FPGA_ERR_REFUSED) {
    return err;
  }
  return frank_fpga_fail(core, err, "%s 0x%03x: %.100s", what, (unsigned)addr, bus_failure(core));
}

enum frank_fpga_err frank_fpga_get(struct frank_fpga *core, uint32_t addr, uint32_t *value)
{
  enum frank_fpga_err err;
  unsigned tries = 0;
  do {
    err = core->bus->ops->read32(core->bus->ctx, addr, value);
  } while (again(core, err, tries++));
  return told(core, err, "reading register", addr);
}

enum frank_fpga_err frank_fpga_put(struct frank_fpga *core, uint32_t addr, uint32_t value)
{
  enum frank_fpga_err err;
  unsigned tries = 0;
  do {
    err = core->bus->ops->write32(core->bus->ctx, addr, value);
  } while (again(core, err, tries++));
  return told(core, err, "writing register", addr);
}

enum frank_fpga_err frank_fpga_wait(struct frank_fpga *core, uint64_t timeout_ns, bool *level)
{
  enum frank_fpga_err err;
  unsigned tries = 0;
  *level = false;
  do {
    err = core->bus->ops->wait_irq(core->bus->ctx, timeout_ns, level);
  } while (again(core, err, tries++));
  return told(core, err, "waiting for the interrupt of", FRANK_FPGA_REG_IRQ_STATE);
}

enum frank_fpga_err frank_fpga_now(struct frank_fpga *core, uint64_t *now_ns)
{
  enum frank_fpga_err err;
  unsigned tries = 0;
  do {
    err = core->bus->ops->now(core->bus->ctx, now_ns);
  } while (again(core, err, tries++));
  return told(core, err, "asking the time, not register", 0);
}

enum frank_fpga_err frank_fpga_get_sane(struct frank_fpga *core, uint32_t addr, uint32_t used,
                                        uint32_t *value)
{
  uint32_t id = 0;
  for (unsigned tries = 0; tries < SANE_TRIES; tries++) {
    enum frank_fpga_err err = frank_fpga_get(core, addr, value);
    if (err != FRANK_FPGA_OK || (*value & ~used) == 0) {
      return err;
    }
    core->health.retries++;
    err = frank_fpga_get(core, FRANK_FPGA_REG_ID, &id);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
  }
  if (id != FRANK_FPGA_ID) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           id == ALL_ONES ? "the core is gone: ID reads as 0x%08x"
                                          : "ID reads as 0x%08x, no longer as the core's",
                           (unsigned)id);
  }
  return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                         "register 0x%03x reads as 0x%08x, which it cannot hold", (unsigned)addr,
                         (unsigned)*value);
}
