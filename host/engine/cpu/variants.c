/*
 * variants: the table of code paths in order of measured speed, and the choice among them.
 */
#include "engine/cpu/variant.h"

#include <stdio.h>
#include <string.h>

/* Fastest first, as measured. On one core of an AMD EPYC of the Zen 4 kind, two blocks: 39 million
 * attempts a second with avx512, 3.4 with portable. */
static const struct frank_cpu_variant variants[] = {
#if defined(__x86_64__)
    {.name = "avx512", .needs = FRANK_CPU_AVX512, .scan = frank_cpu_scan_avx512},
    {.name = "sha_ni", .needs = FRANK_CPU_SHA_NI, .scan = frank_cpu_scan_sha_ni},
#endif
    {.name = "portable", .scan = frank_cpu_scan_portable},
};

#define VARIANT_COUNT (sizeof variants / sizeof variants[0])

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
  bool known = false;
  for (size_t i = 0; i < VARIANT_COUNT; i++) {
    if (name != NULL && strcmp(name, variants[i].name) != 0) {
      continue;
    }
    known = true;
    if (frank_cpu_variant_runs(&variants[i], features)) {
      *out = &variants[i];
      return FRANK_OK;
    }
  }
  char list[128];
  list_runnable(features, list, sizeof list);
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "cpu variant \"%.31s\" %s; here run: %s",
                 name == NULL ? "" : name,
                 known ? "needs instructions that this CPU does not have" : "is not in this build",
                 list);
  return FRANK_ERR_UNSUPPORTED;
}
