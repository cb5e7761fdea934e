/*
 * case: what is measured in a round, as a table. For each shape all cases have their turn, and
 * after the last shape the next round begins, so that a machine whose speed drifts does so for all.
 */
#ifndef FRANK_BENCH_CASE_H
#define FRANK_BENCH_CASE_H

#include "base/err.h"
#include "bench/limit.h"
#include "bench/options.h"
#include "bench/progress.h"
#include "bench/result.h"
#include "bench/server.h"
#include "bench/subject.h"

#include <stdbool.h>
#include <stdint.h>

/* A round's view of the run. */
struct bench_run {
  const struct bench_options *options;
  const struct bench_subjects *subjects;
  struct bench_ports *ports; /* of each of the subjects' devices: what it was seen to do */
  struct bench_result *result;
  struct bench_progress *progress;
  const char *frankd; /* path; empty where no case needs one */
  uint32_t round;     /* from 1 */
  bool first_shape;   /* what does not depend on the shape is measured with the first */
};

struct bench_case {
  const char *name; /* for people: "engines" */
  bool needs_frankd;
  bool (*is_wanted)(const struct bench_options *options);
  /* About how long one round with one shape takes. */
  double (*seconds)(const struct bench_options *options, const struct bench_subjects *subjects);
  /* Measures one shape and adds to the result. Errors end the run; `why` has BENCH_WHY_BYTES. */
  enum frank_err (*run)(struct bench_run *run, const struct bench_shape *shape, char *why);
};

/* The i-th case in the order of a round; NULL past the end. */
const struct bench_case *bench_case_at(size_t i);

/* One file each. */
extern const struct bench_case bench_case_daemon;
extern const struct bench_case bench_case_engines;
extern const struct bench_case bench_case_stamps;
extern const struct bench_case bench_case_peers;

/* ---- for these ---- */

/* Adds a figure of this round. NULL: there is no room; `why` says so. */
struct bench_row *bench_run_add(const struct bench_run *run, const struct bench_row_key *key,
                                enum bench_role role, double value, char *why);

/* Measures through a frankd that searches with just the devices of `key` and by its code path. */
typedef enum frank_err bench_run_frankd_fn(struct bench_run *run, const struct bench_row_key *key,
                                           const struct bench_shape *shape,
                                           const struct bench_server *server, char *why);
/* Starts one for the devices of each subject in turn, once whatever code paths are measured
 * besides, and stops it. `key` has device, variant and shape. */
FRANK_MUST_CHECK enum frank_err bench_run_with_frankd(struct bench_run *run,
                                                      const struct bench_shape *shape,
                                                      bench_run_frankd_fn *measure, char *why);
/* How often that is. */
size_t bench_run_frankd_count(const struct bench_subjects *subjects);

#endif
