/*
 * variants: the table of code paths in order of measured speed, and the choice among them.
 */
#include "engine/cpu/variant.h"

#include <stdio.h>
#include <string.h>

/* Fastest first, as measured; where a machine differs by more than 5%, its own measurement decides.
 * Two blocks, million attempts a second on one core: Zen 4: avx512 39, portable 3.4. Golden Cove
 * at 3 GHz: sha_ni 16. */
static const struct frank_cpu_variant variants[] = {
#if defined(__x86_64__)
    {.name = "avx512", .needs = FRANK_CPU_AVX512, .scan = frank_cpu_scan_avx512},
    {.name = "sha_ni", .needs = FRANK_CPU_SHA_NI, .scan = frank_cpu_scan_sha_ni},
#elif defined(__aarch64__)
    {.name = "arm_sha2", .needs = FRANK_CPU_ARM_SHA2, .scan = frank_cpu_scan_arm_sha2},
#endif
    {.name = "portable", .scan = frank_cpu_scan_portable},
};

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
