/*
 * factor_report: what `frank factor` prints: an object as frankd's verb `factor` answers it
 * (host/door/README.md), whoever made it: frankd, or frank itself from what a resolver told. Here
 * it is made in the second case, and printed for people in both.
 */
#ifndef FRANK_PROGRAMS_FACTOR_REPORT_H
#define FRANK_PROGRAMS_FACTOR_REPORT_H

#include "factor/messages.h"
#include "programs/published.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One of "sources". `good` is what frank_published_is_good returned, and `why` what it wrote. NULL:
 * no memory. */
json_t *frank_factor_report_source(const struct frank_published *published,
                                   const struct frank_resolver_source *source, bool good,
                                   const char *why);

/* One of "domains": the factor that holds for mail to it, `factor` from `source`; `why` says why it
 * is not the domain's own, or is "". NULL: no memory. */
json_t *frank_factor_report_domain(const struct frank_resolver_domain *domain, uint64_t factor,
                                   const char *source, const char *why);

/* Prints it for people. `explain`: every step, sources and domains. Any member may be missing or
 * of another type, but texts are fit for a terminal (frank_remote_ask). `rate` says whose speed the
 * cost is reckoned by, where there is one. */
void frank_factor_report_print(const json_t *report, const char *rate, bool explain, int64_t now_s);

#endif
