/*
 * service: the part of an authority that answers HTTP: the body of frank-authority-http, a child of
 * frank-authority.
 *
 * One thread, one loop: libmicrohttpd's epoll descriptor and the channel to the keeper. It reads
 * the store (never writes) and looks for changes every FRANK_SERVICE_LOOK_US; every answer to GET
 * is made once for each change. It never sees a secret key. Reports go through the channel to the
 * keeper, so that no request waits for a disk. It leaves when the channel closes.
 */
#ifndef FRANK_FACTOR_AUTHORITY_SERVICE_H
#define FRANK_FACTOR_AUTHORITY_SERVICE_H

#include "base/chan.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_SERVICE_LOOK_US          UINT64_C(250000)
#define FRANK_SERVICE_CONNECTION_BYTES 8192 /* of a request's head */
#define FRANK_SERVICE_MEMORY_BYTES     (UINT64_C(64) << 20)
#define FRANK_SERVICE_DESCRIPTORS      1200
#define FRANK_SERVICE_WHY_BYTES        512

struct frank_service_config {
  int listen_fd;              /* listening; the service's from now on */
  const char *base_url;       /* where it is reached from outside, for pages; NULL: not told */
  const char *dir;            /* of the store */
  uint32_t max_age_s;         /* Cache-Control */
  bool takes_reports;         /* false: a read-only copy */
  const char *access_log;     /* file; NULL: none */
  const char *const *trusted; /* addresses of proxies whose X-Forwarded-For counts */
  size_t trusted_count;
};

/* Loads the state, tells the keeper READY, and serves until the channel closes: FRANK_OK. On an
 * error that ends it it has told the keeper FAILED; `why` (FRANK_SERVICE_WHY_BYTES) names the
 * input. Errors as frank_authority_store_open and _load; FRANK_ERR_MALFORMED also for an address or
 * a record of the keeper. `chan` stays the caller's. */
FRANK_MUST_CHECK enum frank_err frank_service_run(const struct frank_service_config *config,
                                                  struct frank_chan *chan, char *why);

#endif
