/*
 * searcher: the process of one device in a bare measurement, and what it says to its parent over a
 * socket, in this order:
 *
 *     searcher: ready    parent: one byte    searcher: result    parent: one byte    searcher:
 * limit
 *
 * Private to bare.
 */
#ifndef FRANK_BENCH_SEARCHER_H
#define FRANK_BENCH_SEARCHER_H

#include "bench/limit.h"
#include "bench/shape.h"
#include "engine/engine.h"

#include <stdint.h>

struct bench_ready {
  int32_t err; /* enum frank_err; not FRANK_OK: nothing follows */
  uint32_t blocks;
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES];
};

struct bench_found {
  int32_t err;
  uint64_t attempts;
  uint64_t cycles;
  uint64_t elapsed_us;
};

struct bench_bound {
  double limit_hps; /* 0: not known, and text says why */
  double plain_hps;
  char text[BENCH_LIMIT_TEXT_BYTES];
};

struct bench_searcher {
  const char *device;
  const char *variant; /* NULL: the engine chooses */
  const struct bench_shape *shape;
  uint64_t factor;
  uint32_t seconds;
};

/* Serves the parent at `fd`; returns the exit status of the process. */
int bench_searcher_run(int fd, const struct bench_searcher *searcher);

#endif
