/*
 * answer: reads what DNS said of `_msmr.<domain>`: a message in wire format (RFC 1035, section 4)
 * that libunbound has fetched and judged. Pure; any bytes.
 *
 * Records that are not ours (frank_txt_is_ours) are passed over, however many. More than one of
 * ours is no policy at all, as with SPF (RFC 7208, section 4.5), DMARC (RFC 7489, section 6.6.3)
 * and MTA-STS (RFC 8461, section 3.1): nobody could tell which of them is meant.
 */
#ifndef FRANK_FACTOR_RESOLVER_ANSWER_H
#define FRANK_FACTOR_RESOLVER_ANSWER_H

#include "factor/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_ANSWER_TTL_MIN_S 30
#define FRANK_ANSWER_TTL_MAX_S 3600

struct frank_answer {
  enum frank_resolver_answer state; /* FOUND: a record of ours, whether or not it has f= */
  enum frank_dnssec dnssec;
  uint32_t ttl_s;       /* FRANK_ANSWER_TTL_MIN_S..MAX_S; of a failure the least */
  struct frank_txt txt; /* FOUND */
  char why[FRANK_FACTOR_WHY_BYTES];
};

/* How libunbound came back. */
struct frank_answer_raw {
  int rcode; /* of the resolving; NXDOMAIN is in the message alone */
  const uint8_t *message;
  size_t len_bytes;
  enum frank_dnssec dnssec;
  const char *why_bogus; /* NULL: not told */
};

/* Reads it; never fails, for a bad answer is one as well. `require_dnssec`: what is not signed
 * counts as ABSENT, with the reason. */
void frank_answer_read(const struct frank_answer_raw *raw, bool require_dnssec,
                       struct frank_answer *out);

/* Makes *out a failure for a reason of the caller's. */
void frank_answer_fail(struct frank_answer *out, const char *why);

#endif
