/*
 * serving: a server of the driver in a process of its own, and a bus that notes what is written.
 */
#ifndef FRANK_TESTS_DRIVER_SERVING_H
#define FRANK_TESTS_DRIVER_SERVING_H

#include "driver/bus.h"

#include <sys/types.h>

#define SERVING_PLACE_BYTES 32
#define SERVING_WRITES_MAX  65536

/* Serves `bus` at `at`; `place` (SERVING_PLACE_BYTES) becomes where it listens. The bus is the
 * child's. To be ended with proxy_stop. */
pid_t serving_start(struct frank_bus *bus, const char *at, char *place);

/* A bus that notes the writes, in memory that parent and child see. A read gives three times its
 * address. */
struct serving_notes {
  struct frank_bus bus;
  uint64_t count;
  uint32_t refuse; /* writes to this address are refused */
  uint32_t broken; /* writes to this one fail */
  uint32_t values[SERVING_WRITES_MAX];
};

/* It is never freed: tests end. */
struct serving_notes *serving_note(void);

#endif
