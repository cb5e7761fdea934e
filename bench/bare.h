/*
 * bare: what the engines do by themselves: one process for each CPU device, bound to its core, that
 * searches the plan of a shape in slices as long as the daemon's, and does nothing else.
 */
#ifndef FRANK_BENCH_BARE_H
#define FRANK_BENCH_BARE_H

#include "base/err.h"
#include "bench/shape.h"

#include <stddef.h>
#include <stdint.h>

struct bench_bare {
  double rate_hps; /* of all devices: each one's own attempts over its own time, added */
  size_t devices;
  char model[96];
  char variant[32]; /* the code path chosen */
  uint32_t blocks;  /* compressions per attempt */
};

/* Searches for `seconds` with every CPU device at once. `factor` and `shape` make the plan.
 * FRANK_ERR_DEVICE, FRANK_ERR_NOT_FOUND (no CPU device), FRANK_ERR_IO, FRANK_ERR_TIMEOUT,
 * FRANK_ERR_CLOSED (asked to stop); `why` (BENCH_WHY_BYTES) names the device. No process is left.
 */
FRANK_MUST_CHECK enum frank_err bench_bare_run(const struct bench_shape *shape, uint64_t factor,
                                               uint32_t seconds, struct bench_bare *out, char *why);

#endif
