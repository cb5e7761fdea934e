/*
 * control: the estimation of an authority: what was observed, the reports that add to it, and one
 * step of the estimate for each of its epochs (a day), which may publish another factor.
 *
 * Owner: the keeper. Blocking: disk. Time passed in. The store stays the caller's.
 */
#ifndef FRANK_FACTOR_AUTHORITY_CONTROL_H
#define FRANK_FACTOR_AUTHORITY_CONTROL_H

#include "base/err.h"
#include "factor/authority/messages.h"
#include "factor/authority/store.h"
#include "factor/estimate.h"

#include <stdbool.h>
#include <stdint.h>

struct frank_control;

struct frank_control_config {
  double reference_hps; /* 0: frank_estimate_reference_hps of the day */
  double min_seconds;   /* of the reference's work: floor and ceiling */
  double max_seconds;
};

/* Opens DIR/observations.db, and makes it where `writable` and it is missing. Errors as
 * frank_observations_open; `why` (FRANK_AUTHORITY_WHY_BYTES) names the file. */
FRANK_MUST_CHECK enum frank_err frank_control_new(const char *dir, bool writable,
                                                  const struct frank_control_config *config,
                                                  struct frank_control **out, char *why);
void frank_control_destroy(struct frank_control **control);

/* Takes one report; `body` has report->len_bytes. Fills in all of *reply but its id. */
void frank_control_report(struct frank_control *control,
                          const struct frank_authority_report *report, const void *body,
                          uint64_t now_us, int64_t now_s, struct frank_authority_reply *reply);

/* What a step at now_s would come to, from `state`; nothing is kept. `wanted` is what the last step
 * wanted (0: none yet). Errors as frank_observations_sums. */
FRANK_MUST_CHECK enum frank_err frank_control_look(struct frank_control *control,
                                                   const struct frank_authority_state *state,
                                                   double wanted, int64_t now_s,
                                                   struct frank_estimate *out, char *why);

/* Takes the step where it is due, and publishes where that says so. *next_s: when the next is due.
 * FRANK_ERR_AGAIN: another epoch came in between; call again. */
FRANK_MUST_CHECK enum frank_err frank_control_step(struct frank_control *control,
                                                   struct frank_authority_store *store,
                                                   int64_t now_s, int64_t *next_s, char *why);

#endif
