/*
 * model: the register map of the core as plain C, on a clock of its own. It is no core: it shows
 * that the driver keeps to the registers, fast and under sanitizers, and what no simulation gets
 * to, such as all 2^32 counters. What the core does the tests ask its Verilated model.
 */
#ifndef FRANK_TESTS_DRIVER_MODEL_H
#define FRANK_TESTS_DRIVER_MODEL_H

#include "driver/bus.h"

#include <stddef.h>

struct model_options {
  unsigned unroll;      /* 0: 8 */
  unsigned fifo_depth;  /* 0: 16 */
  const uint32_t *only; /* not NULL: no counters but these are hashed: a view, in order */
  size_t only_count;
  unsigned *kw_writes; /* not NULL: counts writes to the windows */
};

/* A bus over a new model. NULL: no memory. */
struct frank_bus *model_open(const struct model_options *options);

#endif
