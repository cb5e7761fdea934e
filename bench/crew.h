/*
 * crew: one process for each CPU device, bound to its core and at the workers' nice value, all of
 * which start at the same moment. The engines, and what they are compared with, run by this, so
 * that nothing but the work differs.
 *
 * Each member prepares, says that it is ready, hears "go" when all are, works, and says what came
 * of it. It dies with its parent.
 */
#ifndef FRANK_BENCH_CREW_H
#define FRANK_BENCH_CREW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_CREW_MESSAGE_BYTES 1024

/* What the members do. Both functions run in a member's process, with a copy of what `arg` points
 * to: changes last from the one to the other, and reach no other process. Their `why` has
 * BENCH_WHY_BYTES. */
struct bench_crew_work {
  const char *name; /* for messages: "OpenSSL" */
  /* Gets ready; fills `ready` (ready_bytes, zeroed). */
  enum frank_err (*prepare)(void *arg, size_t member, void *ready, char *why);
  /* Works for `seconds`; fills `result` (result_bytes, zeroed). */
  enum frank_err (*run)(void *arg, size_t member, uint32_t seconds, void *result, char *why);
  void *arg;
  size_t ready_bytes;  /* 0 to BENCH_CREW_MESSAGE_BYTES */
  size_t result_bytes; /* likewise */
  bool binds_itself;   /* true: the members are left where they are; an engine's open binds them */
};

/* The result of work that counts attempts. */
struct bench_crew_count {
  uint64_t attempts;
  uint64_t elapsed_us;
};

/* How many CPU devices this process may use, as the CPU engine counts them. FRANK_ERR_NOT_FOUND
 * where there is none, FRANK_ERR_NOMEM; `why` (BENCH_WHY_BYTES) tells the cause. */
FRANK_MUST_CHECK enum frank_err bench_crew_size(size_t *members, char *why);

/* Runs the work in `members` processes. `readies` and `results` have room for `members` messages
 * one after another (NULL where the work has none). What a member gives back as an error comes
 * back, with its `why`; else FRANK_ERR_IO, FRANK_ERR_NOMEM, FRANK_ERR_DEVICE (one has died),
 * FRANK_ERR_TIMEOUT (a minute more than it should take), FRANK_ERR_CLOSED (asked to stop). No
 * process is left. */
FRANK_MUST_CHECK enum frank_err bench_crew_run(const struct bench_crew_work *work, size_t members,
                                               uint32_t seconds, void *readies, void *results,
                                               char *why);

/* Attempts per second of all members: each one's own over its own time, added. 0 where one has
 * taken no time. */
double bench_crew_rate_hps(const struct bench_crew_count *counts, size_t members);

#endif
