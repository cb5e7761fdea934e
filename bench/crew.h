/*
 * crew: one process for each device, all of which begin to work at the same moment. The engines,
 * and what they are compared with, run by this, so that nothing but the work differs.
 *
 * Each member lowers its priority to the workers' nice value, is bound to its core, prepares, says
 * that it is ready, hears "go" when all are, works, and says what came of it. It dies with its
 * parent.
 */
#ifndef FRANK_BENCH_CREW_H
#define FRANK_BENCH_CREW_H

#include "base/err.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the members do. Both functions run in a member's process, with a copy of what `arg` points
 * to: changes last from the one to the other, and reach no other process. Their `why` has
 * BENCH_WHY_BYTES. */
struct bench_crew_work {
  const char *name;                        /* for messages: "OpenSSL" */
  const struct frank_device_info *devices; /* one for each member: their names count */
  size_t members;                          /* 1..FRANK_ENGINE_DEVICES_MAX (asserted) */
  uint32_t seconds;
  bool binds_itself; /* true: the members are left where they are; an engine's open binds them */
  /* Gets ready; fills `ready` (ready_bytes, zeroed). NULL: there is nothing to do. */
  enum frank_err (*prepare)(void *arg, size_t member, void *ready, char *why);
  /* Works for `seconds`; fills `result` (result_bytes, zeroed). */
  enum frank_err (*run)(void *arg, size_t member, uint32_t seconds, void *result, char *why);
  void *arg;
  size_t ready_bytes; /* each of the two may be 0, and as large as a list of all devices */
  size_t result_bytes;
};

/* Runs the work. `readies` and `results` have room for the messages of all members one after
 * another (NULL where the work has none). What a member gives back as an error comes back, with its
 * `why` and the name of its device; else FRANK_ERR_IO, FRANK_ERR_NOMEM, FRANK_ERR_DEVICE (one has
 * died), FRANK_ERR_TIMEOUT (a minute more than it should take), FRANK_ERR_CLOSED (asked to stop).
 * No process is left. */
FRANK_MUST_CHECK enum frank_err bench_crew_run(const struct bench_crew_work *work, void *readies,
                                               void *results, char *why);

#endif
