/*
 * observer: gathers what the filter's threads saw of mail (stamped with how much, spam or not) and
 * puts it into the store of observations, from which a factor is estimated (factor/observations.h).
 *
 * Owner: the keeper's loop. The threads write into a pipe; what gathers in a second becomes one
 * entry of the store.
 */
#ifndef FRANK_MAIL_MILTER_OBSERVER_H
#define FRANK_MAIL_MILTER_OBSERVER_H

#include "base/err.h"
#include "base/loop.h"
#include "mail/milter/counters.h"

#include <stdint.h>

#define FRANK_OBSERVER_WHY_BYTES 256

struct frank_observer;

/* Opens the store in folder `dir` (made where it is missing). *fd is the writing end for the
 * filter, the caller's, not close-on-exec, non-blocking. FRANK_ERR_UNSUPPORTED: this build has no
 * estimation. Else what frank_observations_open fails with; `why` (FRANK_OBSERVER_WHY_BYTES) names
 * the file. */
FRANK_MUST_CHECK enum frank_err frank_observer_new(const char *dir,
                                                   struct frank_milter_counters *counters,
                                                   struct frank_observer **out, int *fd, char *why);
void frank_observer_destroy(struct frank_observer **observer);

/* Stores what has gathered. Once a second. */
void frank_observer_tick(struct frank_observer *observer, int64_t now_s);

#endif
