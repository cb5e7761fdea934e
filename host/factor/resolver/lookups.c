#include "factor/resolver/lookups.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_US (FRANK_RESOLVER_LOOKUP_LIMIT_S * FRANK_US_PER_S)

enum frank_err frank_lookups_add(struct frank_lookups *lookups, const char *domain, uint64_t now_us,
                                 struct frank_lookup **out, bool *is_first)
{
  struct frank_lookup *free_slot = NULL;
  if (lookups->askers == FRANK_RESOLVER_LOOKUPS_MAX) {
    return FRANK_ERR_FULL;
  }
  lookups->askers++;
  for (uint32_t i = 0; i < FRANK_RESOLVER_LOOKUPS_MAX; i++) {
    struct frank_lookup *lookup = &lookups->list[i];
    if (lookup->askers > 0 && strcmp(lookup->domain, domain) == 0) {
      lookup->askers++;
      *out = lookup;
      *is_first = false;
      return FRANK_OK;
    }
    if (lookup->askers == 0 && free_slot == NULL) {
      free_slot = lookup;
    }
  }
  assert(free_slot != NULL); /* as many slots as askers */
  *free_slot = (struct frank_lookup){.askers = 1, .since_us = now_us};
  (void)snprintf(free_slot->domain, sizeof free_slot->domain, "%s", domain);
  *out = free_slot;
  *is_first = true;
  return FRANK_OK;
}

uint32_t frank_lookups_end(struct frank_lookups *lookups, struct frank_lookup *lookup)
{
  uint32_t askers = lookup->askers;
  assert(askers > 0 && askers <= lookups->askers);
  lookups->askers -= askers;
  lookup->askers = 0;
  return askers;
}

static const struct frank_lookup *oldest(const struct frank_lookups *lookups)
{
  const struct frank_lookup *found = NULL;
  for (uint32_t i = 0; lookups->askers > 0 && i < FRANK_RESOLVER_LOOKUPS_MAX; i++) {
    const struct frank_lookup *lookup = &lookups->list[i];
    if (lookup->askers > 0 && (found == NULL || lookup->since_us < found->since_us)) {
      found = lookup;
    }
  }
  return found;
}

struct frank_lookup *frank_lookups_late(struct frank_lookups *lookups, uint64_t now_us)
{
  const struct frank_lookup *lookup = oldest(lookups);
  bool is_late = lookup != NULL && lookup->since_us + LIMIT_US <= now_us;
  return is_late ? &lookups->list[lookup - lookups->list] : NULL;
}

uint64_t frank_lookups_due_us(const struct frank_lookups *lookups)
{
  const struct frank_lookup *lookup = oldest(lookups);
  return lookup != NULL ? lookup->since_us + LIMIT_US : FRANK_NEVER_US;
}

void frank_lookups_tell(const struct frank_lookup *lookup, const struct frank_answer *answer,
                        uint64_t now_us, struct frank_resolver_domain *out)
{
  *out = (struct frank_resolver_domain){.answer = (uint32_t)answer->state,
                                        .dnssec = (uint32_t)answer->dnssec,
                                        .ttl_s = answer->ttl_s,
                                        .took_ms = (uint32_t)((now_us - lookup->since_us) / 1000)};
  (void)snprintf(out->domain, sizeof out->domain, "%s", lookup->domain);
  (void)snprintf(out->why, sizeof out->why, "%s", answer->why);
  if (answer->state == FRANK_RESOLVER_FOUND && answer->txt.factor == 0) {
    out->answer = FRANK_RESOLVER_ABSENT;
    (void)snprintf(out->why, sizeof out->why, "its record has no f=");
  } else if (answer->state == FRANK_RESOLVER_FOUND) {
    out->factor = answer->txt.factor;
  }
}
