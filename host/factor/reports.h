/*
 * reports: what a reporter POSTs to an authority: how many messages showed how many bits, and what
 * they were.
 *
 *     POST /.well-known/msmr/report        Authorization: Bearer TOKEN
 *     {"v":1, "id":"2026-11-26-mx1", "observations":[
 *       {"bits":24.31, "spam":false, "count":1, "at":1795312800}, ...]}
 *
 * Limits: a body of FRANK_REPORT_MAX_BYTES, FRANK_REPORT_OBSERVATIONS_MAX observations, messages
 * per reporter and day, and wrong tokens per address. A report is taken once: the same id again is
 * answered 200 and counts for nothing. Owner: the authority's service; time passed in.
 */
#ifndef FRANK_FACTOR_REPORTS_H
#define FRANK_FACTOR_REPORTS_H

#include "base/err.h"
#include "factor/observations.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_REPORT_MAX_BYTES        65536
#define FRANK_REPORT_OBSERVATIONS_MAX 1000
#define FRANK_REPORT_REPLY_BYTES      512

struct frank_reports;

/* `observations` stays the caller's. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_reports_new(struct frank_observations *observations,
                                                  struct frank_reports **out);
void frank_reports_destroy(struct frank_reports **reports);

/* Handles one POST. `authorization` is that header's value or NULL, `peer` the address it came from
 * in text. Returns the HTTP status (200, 400, 401, 403, 409, 413, 429, 503); `reply`
 * (FRANK_REPORT_REPLY_BYTES) gets the JSON body, *retry_after_s what Retry-After says, 0 for none.
 */
unsigned frank_reports_post(struct frank_reports *reports, const char *authorization,
                            const char *peer, const void *body, size_t len_bytes, uint64_t now_us,
                            int64_t now_s, char *reply, uint32_t *retry_after_s);

#endif
