/*
 * lookups: the look-ups for recipients that are under way, each domain once, however many asked.
 * Pure; time is passed in.
 *
 * Owner: the resolver's loop. Bounded: FRANK_RESOLVER_LOOKUPS_MAX askers, whatever they ask.
 */
#ifndef FRANK_FACTOR_RESOLVER_LOOKUPS_H
#define FRANK_FACTOR_RESOLVER_LOOKUPS_H

#include "factor/messages.h"
#include "factor/resolver/answer.h"

#include <stdbool.h>
#include <stdint.h>

struct frank_lookup {
  char domain[FRANK_TXT_DOMAIN_BYTES];
  uint32_t askers; /* 0: the slot is free */
  uint64_t since_us;
  uint64_t token; /* the caller's: of the question in DNS */
};

/* Zero-initialised. */
struct frank_lookups {
  uint32_t askers; /* of all */
  struct frank_lookup list[FRANK_RESOLVER_LOOKUPS_MAX];
};

/* One more asks for `domain`. *out is its slot, *is_first whether somebody has to ask DNS.
 * FRANK_ERR_FULL. */
FRANK_MUST_CHECK enum frank_err frank_lookups_add(struct frank_lookups *lookups, const char *domain,
                                                  uint64_t now_us, struct frank_lookup **out,
                                                  bool *is_first);

/* Frees a slot; returns how many are to be answered. */
uint32_t frank_lookups_end(struct frank_lookups *lookups, struct frank_lookup *lookup);

/* One that has taken FRANK_RESOLVER_LOOKUP_LIMIT_S; NULL: none. */
struct frank_lookup *frank_lookups_late(struct frank_lookups *lookups, uint64_t now_us);
/* When the first will have; FRANK_NEVER_US: none is under way. */
uint64_t frank_lookups_due_us(const struct frank_lookups *lookups);

/* The record that tells of it: of what DNS has said, f and nothing else counts. */
void frank_lookups_tell(const struct frank_lookup *lookup, const struct frank_answer *answer,
                        uint64_t now_us, struct frank_resolver_domain *out);

#endif
