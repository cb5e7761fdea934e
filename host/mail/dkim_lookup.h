/*
 * dkim_lookup: the keys of one message's signatures: from a file of keys, or from DNS, each name
 * once, all within one limit of time. Owner: a frank_dkim_verify, in one thread.
 */
#ifndef FRANK_MAIL_DKIM_LOOKUP_H
#define FRANK_MAIL_DKIM_LOOKUP_H

#include "mail/dkim_answer.h"
#include "mail/dkim_dns.h"
#include "mail/dkim_keys.h"
#include "proof/msmr.h"

#include <stddef.h>
#include <stdint.h>

/* What was learned of one name. */
struct frank_dkim_key {
  char name[FRANK_DKIM_NAME_BYTES]; /* "" where s= and d= are too long to make one */
  enum frank_dkim_key_state state;  /* FOUND, ABSENT or LATER */
  const char *why;                  /* static; "" where it is found */
  char text[FRANK_DKIM_KEY_BYTES];
};

struct frank_dkim_lookup {
  const struct frank_dkim_keys *keys; /* NULL: DNS is asked */
  struct frank_dkim_dns dns; /* count 0: the system's servers, read at the first question */
  uint32_t limit_ms;         /* from the first question on */
  uint64_t deadline_us;      /* 0: nothing was asked */
  struct frank_dkim_key found[FRANK_MSMR_SIGNATURES_MAX];
  size_t count;
};

/* Nothing asked yet. `keys` is borrowed. */
void frank_dkim_lookup_init(struct frank_dkim_lookup *lookup, const struct frank_dkim_keys *keys,
                            const struct frank_dkim_dns *dns, uint32_t limit_ms);

/* The key of "SELECTOR._domainkey.DOMAIN", asked for where it is not known. Blocking, until the
 * limit. At most FRANK_MSMR_SIGNATURES_MAX different ones (asserted). */
const struct frank_dkim_key *frank_dkim_lookup_key(struct frank_dkim_lookup *lookup,
                                                   const char *selector, const char *domain);

#endif
