/*
 * bare: what devices do by themselves: one process for each, bound to its place, that searches the
 * plan of a shape in slices as long as the daemon's, and does nothing else. All at the same time.
 */
#ifndef FRANK_BENCH_BARE_H
#define FRANK_BENCH_BARE_H

#include "base/err.h"
#include "bench/limit.h"
#include "bench/shape.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_bare_task {
  const struct frank_device_info *devices; /* their names count */
  size_t device_count;                     /* 1..FRANK_ENGINE_DEVICES_MAX (asserted) */
  const char *variant;   /* code path to force; NULL or empty: the engine chooses */
  const char *cache_dir; /* where engines keep tuning; NULL or empty: nowhere */
  const struct bench_shape *shape;
  uint64_t factor; /* makes the plan, with the shape */
  uint32_t seconds;
  struct bench_ports *ports; /* of each device: the best so far, from run to run; zeroed at first */
};

struct bench_bare {
  double rate_hps;  /* of all devices: each one's own attempts over its own time, added */
  double attempts;  /* of all devices */
  double cycles;    /* simulated ones, likewise; 0: none are simulated */
  double per_cycle; /* attempts that the rounds of an FPGA core make in a cycle at most, U/(64 N);
                       0: another device */
  bool simulated;   /* one of the devices is */
  char variant[32]; /* the code path, of the first device */
  uint32_t blocks;  /* compressions per attempt */
  double limit_hps; /* what the arithmetic units of all devices allow, at the clocks that they had
                       in the search; 0: not known */
  double plain_hps; /* the same by the plain counts */
  char limit_text[BENCH_LIMIT_TEXT_BYTES]; /* what that rests on, or why it is not known */
  bool has_joules;
  double joules; /* that the processors took meanwhile */
};

/* FRANK_ERR_DEVICE, FRANK_ERR_NOT_FOUND, FRANK_ERR_UNSUPPORTED (the code path), FRANK_ERR_IO,
 * FRANK_ERR_TIMEOUT, FRANK_ERR_CLOSED (asked to stop); `why` (BENCH_WHY_BYTES) names the device. No
 * process is left. */
FRANK_MUST_CHECK enum frank_err bench_bare_run(const struct bench_bare_task *task,
                                               struct bench_bare *out, char *why);

#endif
