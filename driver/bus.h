/*
 * bus: how a driver reaches an FPGA core, whatever lies between: a Verilated model in the same
 * process, a TCP connection to a simulator or a board, a wrapper that injects faults.
 *
 * A bus is a table of functions over a context of its back end. It belongs to one thread. Every
 * call can fail; what failed had its effect once or not at all, and may be asked again: the core's
 * registers are made so that repeating a read or a write does no harm.
 */
#ifndef FRANK_DRIVER_BUS_H
#define FRANK_DRIVER_BUS_H

#include <stdbool.h>
#include <stdint.h>

/* What driver functions return. The comment says whether asking again can help. */
enum frank_fpga_err {
  FRANK_FPGA_OK = 0,
  FRANK_FPGA_ERR_REFUSED,   /* the core answered SLVERR: no, the access had no effect; or a write
                               that was posted failed: no, what was written before is lost */
  FRANK_FPGA_ERR_IO,        /* the connection is broken: perhaps, after a reconnect */
  FRANK_FPGA_ERR_TIMEOUT,   /* no answer in time: perhaps */
  FRANK_FPGA_ERR_DEVICE,    /* the core does what it must not: no */
  FRANK_FPGA_ERR_ARGUMENT,  /* the caller asked for what the core cannot do: no */
  FRANK_FPGA_ERR_NOT_FOUND, /* there is no such device: no */
  FRANK_FPGA_ERR_NOMEM,     /* no memory: perhaps, later */
};

#define FRANK_FPGA_MUST_CHECK __attribute__((warn_unused_result))
#define FRANK_FPGA_WHY_BYTES  160

struct frank_bus;

struct frank_bus_ops {
  /* Reads the 32-bit register at byte offset `addr`. OK, REFUSED, IO, TIMEOUT. */
  enum frank_fpga_err (*read32)(void *ctx, uint32_t addr, uint32_t *value);

  /* Writes it. OK, REFUSED, IO, TIMEOUT. A back end may post it: OK then says nothing, all is done
   * in order, and where it fails, a later call that waits for an answer does, once, with REFUSED.
   */
  enum frank_fpga_err (*write32)(void *ctx, uint32_t addr, uint32_t value);

  /* Waits until the interrupt line is high, at most `timeout_ns` of the device's time (below).
   * OK in both cases: *level says which. A simulation's clock runs meanwhile. May return early with
   * the line low: a caller that wants to wait longer asks again. */
  enum frank_fpga_err (*wait_irq)(void *ctx, uint64_t timeout_ns, bool *level);

  /* The device's time in nanoseconds since any fixed moment: simulated time where the core is
   * simulated, else the host's monotonic clock. */
  enum frank_fpga_err (*now)(void *ctx, uint64_t *now_ns);

  /* Pulls the core's reset line. */
  enum frank_fpga_err (*reset)(void *ctx);

  /* Why the last call failed, in a few words; never NULL. A view that lasts until the next call. */
  const char *(*failure)(void *ctx);

  /* Ends it and frees ctx. */
  void (*close)(void *ctx);
};

struct frank_bus {
  const struct frank_bus_ops *ops;
  void *ctx;
  bool simulated; /* the device's time is simulated */
};

#endif
