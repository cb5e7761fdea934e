/*
 * estimate: which factor the observations ask for: a control with hysteresis at the factor in
 * force. Pure arithmetic.
 *
 * Once an epoch it looks at the stamps that meet the factor F in force, decayed by a half-life, and
 * at the share of spam among them. The factor rises (at most x2) where the lower 95%
 * Clopper-Pearson bound of the share is above 1%, sinks slowly (x0.97) where the upper bound is
 * below 0.25%, and stays otherwise, and with too few data. One reporter counts for at most a set
 * share. The result is held between floor and ceiling, and published only where it is 15% or more
 * from what was published last; what it wants in between is kept as `wanted`, which the next step
 * starts from.
 *
 * Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in
 * the case of the binomial", Biometrika 26 (1934).
 */
#ifndef FRANK_FACTOR_ESTIMATE_H
#define FRANK_FACTOR_ESTIMATE_H

#include "base/err.h"
#include "factor/observations.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_ESTIMATE_REASON_BYTES 160

struct frank_estimate_config {
  double reference_hps;  /* attempts per second of the reference device */
  double min_seconds;    /* floor = reference_hps x min_seconds */
  double max_seconds;    /* ceiling = reference_hps x max_seconds */
  double raise_above;    /* spam share: 0.01 */
  double sink_below;     /* 0.0025 */
  double raise_most;     /* 2 */
  double sink_by;        /* 0.97 */
  double publish_from;   /* 0.15 */
  double reporter_share; /* of all that is counted, one reporter at most: 0.1 */
  double least_messages; /* after the caps; fewer are too few */
  double half_life_s;    /* 14 days */
  double epoch_s;        /* a step at most so often: a day */
};
void frank_estimate_config_init(struct frank_estimate_config *config);

/* Why the figure is what it is: the limit that decided. */
enum frank_estimate_limit {
  FRANK_ESTIMATE_TOO_FEW, /* data */
  FRANK_ESTIMATE_STAYS,   /* the share lies between the bounds */
  FRANK_ESTIMATE_RISES,
  FRANK_ESTIMATE_SINKS,
  FRANK_ESTIMATE_AT_FLOOR,
  FRANK_ESTIMATE_AT_CEILING,
  FRANK_ESTIMATE_UNPUBLISHED, /* it moved, but by less than is published */
  FRANK_ESTIMATE_LIMIT_COUNT
};
const char *frank_estimate_limit_name(enum frank_estimate_limit limit);

struct frank_estimate {
  double ham, spam;             /* counted, after the caps on reporters */
  double share_low, share_high; /* 95% bounds of the spam share */
  uint64_t floor, ceiling;
  double wanted;   /* what the control wants; the next step's start */
  uint64_t factor; /* to publish: the one in force, or another where `publish` */
  bool publish;
  uint32_t capped; /* reporters whose weight was cut */
  enum frank_estimate_limit limit;
  char reason[FRANK_ESTIMATE_REASON_BYTES]; /* one line in words, with the figures */
};

/* One step. `factor` is in force (published), `wanted` what the last step wanted (0: the first).
 * `sums` are of stamps that meet `factor`. */
void frank_estimate_step(const struct frank_estimate_config *config, uint64_t factor, double wanted,
                         const struct frank_observations_sum *sums, size_t count,
                         struct frank_estimate *out);

/* The Clopper-Pearson bounds, each one-sided at (1 - level) / 2, of a share of `hits` in `tries`
 * (fractions allowed: sums decay); level 0.95. */
void frank_estimate_bounds(double hits, double tries, double level, double *low, double *high);

#endif
