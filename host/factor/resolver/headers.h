/*
 * headers: what a fetch needs of an answer's header lines: ETag (RFC 9110, section 8.8.3) and for
 * how long it is fresh (RFC 9111). Pure; any bytes.
 */
#ifndef FRANK_FACTOR_RESOLVER_HEADERS_H
#define FRANK_FACTOR_RESOLVER_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_HEADERS_ETAG_BYTES 136    /* with the NUL; a longer one counts as none */
#define FRANK_HEADERS_AGE_MAX_S  604800 /* a week; more is cut to it */

/* Zero-initialised: nothing seen. */
struct frank_headers {
  char etag[FRANK_HEADERS_ETAG_BYTES]; /* with its quotes, "W/" where it had one; "" none */
  bool has_max_age;
  uint32_t max_age_s;
  uint32_t age_s; /* spent in caches on the way */
};

/* Takes one line, its end included or not; lines of no interest are passed over. A status line
 * begins anew: what came with a 100 (Continue) does not count. */
void frank_headers_take(struct frank_headers *headers, const char *line, size_t len_bytes);

/* Seconds for which the answer is fresh; -1: it does not say. */
int64_t frank_headers_fresh_s(const struct frank_headers *headers);

#endif
