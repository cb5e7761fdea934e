/*
 * estimate: which factor the observations ask for: a control with hysteresis at the factor in
 * force. Pure arithmetic.
 *
 * Once an epoch it looks at the stamps that meet the factor F in force, decayed by a half-life, and
 * at the share of spam among them. The factor rises (at most x2) where the lower 95%
 * Clopper-Pearson bound of the share is above 1%, sinks slowly (x0.97) where the upper bound is
 * below 0.25%, and stays otherwise, and with too few data. It is held between floor and ceiling,
 * and published only where it is 15% or more from what was published last; what it wants in between
 * is kept as `wanted`, which the next step starts from.
 *
 * Five things keep it from running away, from sawing and from being pushed:
 * - Only mail that came since the last rise counts (observations.h says why).
 * - For hold_s after a rise it sinks no lower than hold_above x the factor that it rose from: that
 *   one was too low, and to try it again each time the spam has gone would only bring it back.
 * - No reporter counts for more than reporter_most times an equal share of all reporters that are
 *   known, whatever it reports and however many of the others are silent.
 * - The reporters that say the most spam, and those that say the least, are left out: trim_share of
 *   the weight on each side. So false reporters up to a quarter of all (trim_share /
 *   reporter_most), however large they are, can only shift which of the honest ones are heard. The
 *   price: spam that reaches fewer than two thirds of the reporters can look like false reports,
 * and the factor then does not answer it; the reporters' own estimates do (kinds provider and
 * local).
 * - Who has told nothing for a week is not heard: old data must not let the
 *   factor sink.
 * One or two reporters alone are believed as they are: their operator knows them.
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

#define FRANK_ESTIMATE_REASON_BYTES 192

struct frank_estimate_config {
  double reference_hps;  /* attempts per second of the reference core; see below */
  double min_seconds;    /* floor = reference_hps x min_seconds: 0.2 */
  double max_seconds;    /* ceiling = reference_hps x max_seconds: 120 */
  double raise_above;    /* spam share: 0.01 */
  double sink_below;     /* 0.0025 */
  double raise_most;     /* 2; less where the share is not far above raise_above */
  double sink_by;        /* 0.97 */
  double publish_from;   /* 0.15 */
  double hold_s;         /* 180 days */
  double hold_above;     /* 1.25 */
  double reporter_most;  /* one counts for at most so many equal shares: 4/3 */
  double reporter_known; /* stamped messages, decayed, from which on a reporter is known, if it is
                            not new: 300 */
  double reporter_least; /* that meet the factor, since it rose, from which on it is heard: 100 */
  double trim_share;     /* of the weight, left out on each side: 1/3 */
  double least_messages; /* of all that is counted in the end; fewer are too few: 100 */
  double half_life_s;    /* 14 days */
  double epoch_s;        /* a step at most so often: a day */
};
/* The values above, with the reference core of frank_estimate_reference_hps(0). */
void frank_estimate_config_init(struct frank_estimate_config *config);

/* The reference core at now_s (unix): one core of a small server with SHA-NI does 5 million
 * attempts per second for an RSA-2048 signature (measured in 2026, bench/README.md); that doubles
 * every 5 years, as single cores did since 2010. Times before 2026-11 give the figure of then. With
 * it floor and ceiling rise with the state of the art. */
double frank_estimate_reference_hps(int64_t now_s);

/* Why the figure is what it is: the limit that decided. */
enum frank_estimate_limit {
  FRANK_ESTIMATE_TOO_FEW, /* data */
  FRANK_ESTIMATE_STAYS,   /* the share lies between the bounds */
  FRANK_ESTIMATE_RISES,
  FRANK_ESTIMATE_SINKS,
  FRANK_ESTIMATE_HELD, /* it rose not long ago */
  FRANK_ESTIMATE_AT_FLOOR,
  FRANK_ESTIMATE_AT_CEILING,
  FRANK_ESTIMATE_UNPUBLISHED, /* it moved, but by less than is published */
  FRANK_ESTIMATE_LIMIT_COUNT
};
const char *frank_estimate_limit_name(enum frank_estimate_limit limit);

struct frank_estimate {
  double ham, spam;             /* counted, after caps and trimming */
  double share_low, share_high; /* 95% bounds of the spam share */
  uint64_t floor, ceiling;
  double wanted;   /* what the control wants; the next step's start */
  uint64_t factor; /* to publish: the one in force, or another where `publish` */
  bool publish;
  uint32_t reporters; /* that are known: they send enough to be reckoned with */
  uint32_t heard;     /* of those, that have told something of late, and enough of it */
  uint32_t capped;    /* of those, whose weight was cut */
  enum frank_estimate_limit limit;
  char reason[FRANK_ESTIMATE_REASON_BYTES]; /* one line in words, with the figures */
};

/* What was published until now. */
struct frank_estimate_past {
  uint64_t factor;     /* in force */
  double wanted;       /* what the last step wanted; 0: the first step */
  int64_t risen_s;     /* when it last rose: the since_s of frank_observations_sums; 0: never */
  uint64_t risen_from; /* what the last climb began at: rises with nothing lower in between; 0 where
                          it ended more than hold_s ago, or there was none */
};
struct frank_estimate_epoch {
  uint64_t factor;
  int64_t issued_s; /* unix */
};
/* Reads it from the epochs, oldest first, `count` 1 or more (asserted); the last few hundred are
 * enough. `wanted` is the caller's to set. */
void frank_estimate_look_back(const struct frank_estimate_config *config,
                              const struct frank_estimate_epoch *epochs, size_t count,
                              int64_t now_s, struct frank_estimate_past *past);

/* One step. `sums` are of stamps that meet past->factor, since it last rose; their order does not
 * matter. FRANK_ERR_NOMEM: `out` is not set. */
FRANK_MUST_CHECK enum frank_err frank_estimate_step(const struct frank_estimate_config *config,
                                                    const struct frank_estimate_past *past,
                                                    const struct frank_observations_sum *sums,
                                                    size_t count, struct frank_estimate *out);

/* The Clopper-Pearson bounds, each one-sided at (1 - level) / 2, of a share of `hits` in `tries`
 * (fractions allowed: sums decay); level 0.95. Without tries: 0 and 1. */
void frank_estimate_bounds(double hits, double tries, double level, double *low, double *high);

#endif
