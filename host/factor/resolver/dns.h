/*
 * dns: asks DNS for the TXT record at `_msmr.<domain>`, by libunbound's event interface: no thread,
 * no forked process. libunbound validates (DNSSEC), caches, goes over to TCP where an answer was
 * cut short, and follows aliases.
 *
 * Owner: who owns the loop. Lifetime: from new to destroy, before its events are destroyed. What
 * one answer may cost is bounded by libunbound (KeyTrap, CVE-2023-50387: 1.17.1-2+deb12u2 and
 * later) and, if that fails, by the starter, whose PING goes unanswered while we compute.
 */
#ifndef FRANK_FACTOR_RESOLVER_DNS_H
#define FRANK_FACTOR_RESOLVER_DNS_H

#include "factor/messages.h"
#include "factor/resolver/answer.h"
#include "factor/resolver/events.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frank_dns;

struct frank_dns_config {
  const char *const *servers; /* ADDRESS[@PORT]; views that outlive the frank_dns */
  size_t server_count;        /* 0: those of /etc/resolv.conf */
  const char *anchor_file;    /* NULL: DNSSEC is not validated */
  bool require_dnssec;
  uint32_t questions_max; /* at a time */
};

/* Called once for each question that was not cancelled, possibly before frank_dns_ask has come
 * back. It may ask and cancel, but not flush and not destroy. */
typedef void frank_dns_fn(void *arg, const struct frank_answer *answer);

/* FRANK_ERR_MALFORMED (a server's address), FRANK_ERR_NOT_FOUND (the anchor's file cannot be read
 * as such), FRANK_ERR_NOMEM, FRANK_ERR_IO; `why` (FRANK_FACTOR_WHY_BYTES) names the input. */
FRANK_MUST_CHECK enum frank_err frank_dns_new(struct frank_events *events,
                                              const struct frank_dns_config *config,
                                              struct frank_dns **out, char *why);
void frank_dns_destroy(struct frank_dns **dns);

/* Asks for `domain` (by frank_txt_domain). *token, never 0, is for frank_dns_cancel.
 * FRANK_ERR_FULL: questions_max are being asked. Whatever else goes wrong is told to `fn` as an
 * answer. */
FRANK_MUST_CHECK enum frank_err frank_dns_ask(struct frank_dns *dns, const char *domain,
                                              frank_dns_fn *fn, void *arg, uint64_t *token);

/* Gives a question up; its callback does not come any more. A token whose answer came is passed
 * over. */
void frank_dns_cancel(struct frank_dns *dns, uint64_t token);

/* Forgets what was cached, so that the next question goes out. FRANK_ERR_AGAIN: questions are being
 * asked (nothing was done); FRANK_ERR_NOMEM, FRANK_ERR_IO: the old cache stays. */
FRANK_MUST_CHECK enum frank_err frank_dns_flush(struct frank_dns *dns);

#endif
