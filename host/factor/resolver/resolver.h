/*
 * resolver: follows the configured sources of factors and looks up what domains say in DNS. The
 * body of the program frank-resolver.
 *
 * One thread, one loop: the channel to the starter (frankd, or frank without one), libcurl's
 * sockets, libunbound's. Records: host/factor/messages.h. Look-ups and the records of configured
 * domains have a cache each, so that recipients' domains cannot crowd out a source, and REFRESH
 * can empty the one without the other.
 */
#ifndef FRANK_FACTOR_RESOLVER_RESOLVER_H
#define FRANK_FACTOR_RESOLVER_RESOLVER_H

#include "base/chan.h"
#include "base/err.h"
#include "factor/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_RESOLVER_MEMORY_BYTES (UINT64_C(96) << 20)
#define FRANK_RESOLVER_STACK_BYTES  (UINT64_C(512) << 10) /* of libcurl's threads for names */
#define FRANK_RESOLVER_DESCRIPTORS  512
#define FRANK_RESOLVER_WHY_BYTES    256

/* Views that outlive the run. */
struct frank_resolver_config {
  const char *sources[FRANK_RESOLVER_SOURCES_MAX];
  size_t source_count;
  const char *state_dir; /* NULL: nothing is kept */
  const char *dns_servers[FRANK_RESOLVER_SERVERS_MAX];
  size_t dns_server_count;
  const char *dns_anchor; /* NULL: DNSSEC is not validated */
  bool require_dnssec;
  const char *ca_file; /* NULL: the system's */
  bool allow_http;
};

/* Tells the starter READY and every SOURCE, and serves until the channel closes: FRANK_OK. On an
 * error that ends it, it has told FAILED, and `why` (FRANK_RESOLVER_WHY_BYTES) names the input.
 * `chan` stays the caller's. */
FRANK_MUST_CHECK enum frank_err frank_resolver_run(const struct frank_resolver_config *config,
                                                   struct frank_chan *chan, char *why);

#endif
