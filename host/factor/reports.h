/*
 * reports: what a reporter POSTs to an authority: how many messages showed how many bits, and what
 * they were.
 *
 *     POST /.well-known/msmr/report        Authorization: Bearer TOKEN
 *     {"v":1, "id":"2026-11-26-mx1", "observations":[
 *       {"bits":24.31, "spam":false, "count":1, "at":1795312800}, ...]}
 *
 * Limits: a body of FRANK_REPORT_MAX_BYTES, FRANK_REPORT_OBSERVATIONS_MAX observations, none older
 * than FRANK_REPORT_AGE_MAX_S nor more than 300 s ahead; FRANK_REPORTER_DAY_MAX messages of a
 * reporter in a day; FRANK_REPORT_BURST reports at once of a reporter and one more every
 * FRANK_REPORT_EVERY_US; FRANK_REPORT_WRONG_MAX wrong tokens from an address in
 * FRANK_REPORT_WRONG_US, of IPv6 from a /64. A report is taken once: the same id again is answered
 * 200 and counts for nothing. All of a report counts, or nothing.
 *
 * Owner: the authority's service; time passed in. Memory is fixed. It blocks as the store does.
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
#define FRANK_REPORT_AGE_MAX_S        (INT64_C(30) * 86400)
#define FRANK_REPORT_BURST            60
#define FRANK_REPORT_EVERY_US         UINT64_C(10000000)
#define FRANK_REPORT_WRONG_MAX        10
#define FRANK_REPORT_WRONG_US         UINT64_C(600000000)
#define FRANK_REPORT_TABLE            1024 /* reporters and addresses that are remembered, each */

struct frank_reports;

/* `observations` stays the caller's. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_reports_new(struct frank_observations *observations,
                                                  struct frank_reports **out);
void frank_reports_destroy(struct frank_reports **reports);

/* Handles one POST. `authorization` is that header's value or NULL, `peer` the address it came from
 * in text. Returns the HTTP status: 200 ({"ok":true,"messages":N}, with "already":true and 0 where
 * the id was taken before), 400 (the body; `error` names the member), 401 (no token), 403 (a wrong
 * one), 413, 429 (too much of something), 503 (the store; the same report may be sent again).
 * `reply` (FRANK_REPORT_REPLY_BYTES) gets the JSON body, *retry_after_s what Retry-After says, 0
 * for none. `body` may hold any bytes. */
unsigned frank_reports_post(struct frank_reports *reports, const char *authorization,
                            const char *peer, const void *body, size_t len_bytes, uint64_t now_us,
                            int64_t now_s, char *reply, uint32_t *retry_after_s);

#endif
