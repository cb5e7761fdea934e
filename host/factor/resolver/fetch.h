/*
 * fetch: gets small documents by HTTP (libcurl's multi interface) on our own loop, within limits
 * that hold against any server.
 *
 * GET only; no redirect is followed; no cookie, no .netrc, no user in the URL, no compression, no
 * HTTP/2. A proxy is used where the environment names one, as by the curl command (https_proxy,
 * no_proxy). Names of hosts are looked up by the system (nsswitch.conf), in a thread of libcurl's
 * that touches nothing of ours.
 *
 * Owner: who owns the loop. Lifetime: from new to destroy.
 */
#ifndef FRANK_FACTOR_RESOLVER_FETCH_H
#define FRANK_FACTOR_RESOLVER_FETCH_H

#include "base/err.h"
#include "base/loop.h"
#include "factor/document.h"
#include "factor/resolver/headers.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_FETCH_CONNECT_MS   3000
#define FRANK_FETCH_TOTAL_MS     10000
#define FRANK_FETCH_SLOW_BPS     64 /* slower than this for SLOW_S: given up */
#define FRANK_FETCH_SLOW_S       5
#define FRANK_FETCH_HEADER_BYTES 16384
#define FRANK_FETCH_SLOTS        8 /* at a time */

struct frank_fetch;

struct frank_fetch_config {
  const char *ca_file; /* PEM, in place of the system's authorities; NULL: those. A view */
};

/* How a fetch went. */
struct frank_fetch_reply {
  enum frank_err err; /* FRANK_OK: the server answered, whatever the status */
  uint32_t status;    /* HTTP */
  const char *body;   /* NUL-terminated; a view that lasts for the callback */
  size_t body_len;
  const char *etag; /* "" none; likewise */
  int64_t fresh_s;  /* -1: it does not say */
  const char *why;  /* of an err */
};

/* Called once for each fetch that was begun and not destroyed. It may start another. */
typedef void frank_fetch_fn(void *arg, const struct frank_fetch_reply *reply);

/* `loop` stays the caller's. FRANK_ERR_NOMEM, FRANK_ERR_IO; FRANK_ERR_NOT_FOUND: the file of
 * certificates cannot be read. `why` (FRANK_FACTOR_WHY_BYTES) names it. */
FRANK_MUST_CHECK enum frank_err frank_fetch_new(struct frank_loop *loop,
                                                const struct frank_fetch_config *config,
                                                struct frank_fetch **out, char *why);
void frank_fetch_destroy(struct frank_fetch **fetch);

/* Begins a GET of `url` (one that frank_txt_url has let pass, and a path) with `etag` ("" none) as
 * If-None-Match; the answer's body is bounded by FRANK_FACTOR_BODY_MAX_BYTES. FRANK_ERR_FULL:
 * FRANK_FETCH_SLOTS run; FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_fetch_start(struct frank_fetch *fetch, const char *url,
                                                  const char *accept, const char *etag,
                                                  frank_fetch_fn *fn, void *arg);

/* When frank_fetch_run is due; FRANK_NEVER_US: nothing waits. */
uint64_t frank_fetch_wake_us(const struct frank_fetch *fetch);
void frank_fetch_run(struct frank_fetch *fetch, uint64_t now_us);

#endif
