/*
 * ask: questions to a frank-resolver of one's own, for a program that has no frankd: what some
 * sources publish, and what some domains do.
 *
 * The resolver is started for these questions and ended after them; what it keeps in state_dir
 * serves those of the next time. Blocking, within limits; nothing outlives the call. Nothing that
 * the resolver says is believed without a check of its form.
 */
#ifndef FRANK_FACTOR_ASK_H
#define FRANK_FACTOR_ASK_H

#include "base/err.h"
#include "factor/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_FACTOR_ASK_DOMAINS_MAX 1000

struct frank_factor_ask {
  const char *const *sources;     /* as --source of frank-resolver has them */
  size_t source_count;            /* FRANK_RESOLVER_SOURCES_MAX at most (asserted) */
  const char *const *domains;     /* as frank_txt_domain writes them, each once */
  size_t domain_count;            /* FRANK_FACTOR_ASK_DOMAINS_MAX at most (asserted) */
  uint32_t limit_ms;              /* for all of it, from the call on */
  uint32_t domain_limit_ms;       /* for a look-up, from when the resolver works; domains go
                                     FRANK_RESOLVER_LOOKUPS_MAX at a time, each lot with this limit */
  const char *state_dir;          /* folder of the last good documents; NULL: nothing is kept */
  const char *const *dns_servers; /* ADDR[@PORT]; none: those of the system */
  size_t dns_server_count;        /* FRANK_RESOLVER_SERVERS_MAX at most (asserted) */
  const char *dns_anchor;         /* file of the keys for DNSSEC; NULL: it is not checked */
  const char *ca_file;            /* whom https believes; NULL: the system's */
  bool (*stop)(void);             /* NULL, or looked at ten times a second: true ends it all */
};

/* Asks all of it at once. sources[source_count] and domains[domain_count] get an answer each, in
 * the order of the questions. Of a source that gave no good answer now `why` says the reason, and
 * has_document tells of one that is kept from before. A domain without an answer is FAILED.
 * On an error there is no answer to anything, and `why` (FRANK_FACTOR_WHY_BYTES) is a sentence:
 * FRANK_ERR_NOT_FOUND (there is no frank-resolver), FRANK_ERR_CLOSED (it died before it worked),
 * FRANK_ERR_TIMEOUT (it did not work within limit_ms), FRANK_ERR_MALFORMED (what it says is no
 * answer), FRANK_ERR_AGAIN (stopped), FRANK_ERR_IO, FRANK_ERR_NOMEM, or what it failed with. */
FRANK_MUST_CHECK enum frank_err frank_factor_ask(const struct frank_factor_ask *ask,
                                                 struct frank_resolver_source *sources,
                                                 struct frank_resolver_domain *domains, char *why);

#endif
