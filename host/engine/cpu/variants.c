/*
 * variants: the table of code paths in order of measured speed, and the choice among them.
 */
#include "engine/cpu/variant.h"

#include <stdio.h>
#include <string.h>

#define ROW(name_, needs_) {.name = #name_, .needs = (needs_), .scan = frank_cpu_scan_##name_},
static const struct frank_cpu_variant variants[] = {FRANK_CPU_VARIANT_LIST(ROW)};
#undef ROW

#define VARIANT_COUNT (sizeof variants / sizeof variants[0])
_Static_assert(VARIANT_COUNT <= FRANK_CPU_VARIANTS_MAX, "more rows than callers have room for");

#define CLEARLY_FASTER 1.05

const struct frank_cpu_variant *frank_cpu_variant_at(size_t i)
{
  return i < VARIANT_COUNT ? &variants[i] : NULL;
}

/* The names of the variants that run here, separated by blanks. */
static void list_runnable(uint32_t features, char *text, size_t size_bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < VARIANT_COUNT; i++) {
    if (!frank_cpu_variant_runs(&variants[i], features)) {
      continue;
    }
    int more =
        snprintf(text + used, size_bytes - used, "%s%s", used == 0 ? "" : " ", variants[i].name);
    if (more < 0 || (size_t)more >= size_bytes - used) {
      return;
    }
    used += (size_t)more;
  }
}

enum frank_err frank_cpu_variant_choose(const char *name, uint32_t features,
                                        const struct frank_cpu_variant **out, char *why)
{
  size_t i = 0;
  while (i < VARIANT_COUNT && strcmp(name, variants[i].name) != 0) {
    i++;
  }
  if (i < VARIANT_COUNT && frank_cpu_variant_runs(&variants[i], features)) {
    *out = &variants[i];
    return FRANK_OK;
  }
  char list[128];
  list_runnable(features, list, sizeof list);
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "cpu variant \"%.31s\" %s; here run: %s", name,
                 i < VARIANT_COUNT ? "needs instructions that this CPU does not have"
                                   : "is not in this build",
                 list);
  return FRANK_ERR_UNSUPPORTED;
}

const struct frank_cpu_variant *
frank_cpu_variant_fastest(uint32_t features, const double rates_cps[FRANK_CPU_VARIANTS_MAX])
{
  size_t best = VARIANT_COUNT - 1; /* portable, which always runs */
  for (size_t i = VARIANT_COUNT; i-- > 0;) {
    if (frank_cpu_variant_runs(&variants[i], features)) {
      best = i;
    }
  }
  for (size_t i = best + 1; i < VARIANT_COUNT; i++) {
    if (frank_cpu_variant_runs(&variants[i], features) &&
        rates_cps[i] > rates_cps[best] * CLEARLY_FASTER) {
      best = i;
    }
  }
  return &variants[best];
}
