/*
 * search: the embedded service of `frank`: the scheduler (host/mint) and workers of this program's
 * own, in one loop, without a daemon. Used by mint, devices and the dry run.
 *
 * While it lives, SIGINT, SIGTERM and SIGHUP end a search instead of the program; destroy gives
 * them back.
 *
 * Owner: one command. Lifetime: from new to destroy, which ends the workers.
 */
#ifndef FRANK_PROGRAMS_SEARCH_H
#define FRANK_PROGRAMS_SEARCH_H

#include "base/err.h"
#include "mint/answer.h"
#include "mint/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_SEARCH_WHY_BYTES 1024

struct frank_search;

struct frank_search_config {
  const char *const *devices; /* names; none: every device that is not on demand */
  size_t device_count;
  const char *isa;      /* forced code path, NULL: the fastest */
  unsigned fpga_unroll; /* of simulated FPGA cores; 0: their usual */
  bool tune;            /* devices measure again what was tuned before */
};

/* Starts looking for devices. `why` (FRANK_SEARCH_WHY_BYTES) names what failed: FRANK_ERR_NOT_FOUND
 * (no frank-worker), FRANK_ERR_NOMEM, FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_search_new(const struct frank_search_config *config,
                                                 struct frank_search **out, char *why);
void frank_search_destroy(struct frank_search **search);

/* Waits, until `until_us` at most, for devices: with `all`, until each has become ready or failed;
 * else until the first is ready and, where devices were named, it is known which exist.
 * FRANK_ERR_NOT_FOUND: a named device does not exist; FRANK_ERR_DEVICE: none is usable;
 * FRANK_ERR_TIMEOUT; FRANK_ERR_CLOSED: a signal came; FRANK_ERR_IO. `why` (FRANK_SEARCH_WHY_BYTES)
 * says what there is instead. */
FRANK_MUST_CHECK enum frank_err frank_search_wait(struct frank_search *search, bool all,
                                                  uint64_t until_us, char *why);

/* What a search has come to, for a progress line. */
struct frank_search_progress {
  uint64_t attempts;
  double rate_hps; /* since the search began */
  double bits;     /* of the lowest hash yet */
};
typedef void frank_search_progress_fn(void *arg, const struct frank_search_progress *progress);

/* One search: blocks until it is answered, `request->deadline_ms` from now at the latest.
 * `progress` (or NULL) is called some five times a second. A signal ends the search with the best
 * nonce so far. FRANK_ERR_IO when the loop fails. */
FRANK_MUST_CHECK enum frank_err frank_search_mint(struct frank_search *search,
                                                  const struct frank_request *request,
                                                  const char *b, frank_search_progress_fn *progress,
                                                  void *arg, struct frank_answer *answer);

/* The signal that came, 0 for none. */
int frank_search_signal(const struct frank_search *search);
/* A snapshot of devices. */
void frank_search_status(const struct frank_search *search, struct frank_status *status);
/* Devices that are left out, and why, in lines of text; and why nothing is kept between runs, where
 * somebody wanted that. */
void frank_search_notes(const struct frank_search *search, char *out, size_t out_size);

#endif
