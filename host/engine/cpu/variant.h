/*
 * variant: what a code path of the CPU engine is, and what all of them share.
 *
 * A variant is one scan function compiled for one instruction set in a file of its own. Those that
 * this build holds are listed in variant_list.h; the choice among them is in variants.c. Whether
 * this machine can run them is asked in features.c: never in a file that is itself compiled with
 * the flags of the instruction set.
 *
 * Private to host/engine/cpu; the conformance suite and the benchmark walk the table, too.
 */
#ifndef FRANK_ENGINE_CPU_VARIANT_H
#define FRANK_ENGINE_CPU_VARIANT_H

#include "engine/cpu/features.h"
#include "engine/cpu/variant_list.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Searches one slice and fills *result, which is zeroed. The slice is sane (frank_slice's ranges
 * hold) and its count is not 0. */
typedef void frank_cpu_scan_fn(const struct frank_slice *slice, struct frank_scan *result);

struct frank_cpu_variant {
  const char *name;
  uint32_t needs; /* FRANK_CPU_... (features.h): all of them */
  frank_cpu_scan_fn *scan;
};

#define FRANK_CPU_VARIANTS_MAX 8 /* rows of the table */

/* The i-th variant of this build, fastest first as measured where each was written; NULL past the
 * end. */
const struct frank_cpu_variant *frank_cpu_variant_at(size_t i);

/* True where a machine with these features (features.h) can run it. */
static inline bool frank_cpu_variant_runs(const struct frank_cpu_variant *variant,
                                          uint32_t features)
{
  return (variant->needs & ~features) == 0;
}

/* The variant named `name`, if it runs with `features`. FRANK_ERR_UNSUPPORTED, with `why`
 * (FRANK_ENGINE_WHY_BYTES) naming it and those that run. */
FRANK_MUST_CHECK enum frank_err frank_cpu_variant_choose(const char *name, uint32_t features,
                                                         const struct frank_cpu_variant **out,
                                                         char *why);

/* The fastest of the variants that run with `features`; never NULL. rates_cps[i] is what
 * frank_cpu_speed_measure (speed.h) found for the i-th, 0 where nothing is known of it. Rows that
 * come within 5% of each other are taken for equal, and the earlier one is chosen: so noise does
 * not decide, and two cores of a kind agree. Pure. */
const struct frank_cpu_variant *
frank_cpu_variant_fastest(uint32_t features, const double rates_cps[FRANK_CPU_VARIANTS_MAX]);

/* frank_cpu_scan_portable and so on: one file each. */
#define FRANK_CPU_VARIANT_SCAN(name, needs) extern frank_cpu_scan_fn frank_cpu_scan_##name;
FRANK_CPU_VARIANT_LIST(FRANK_CPU_VARIANT_SCAN)

/* Keeps a counter whose first hash word is <= bound. When all places are taken, one that ends the
 * search (`word` <= stop_at) still finds room, because it is what the host is waiting for. */
static inline void frank_cpu_keep(const struct frank_slice *slice, struct frank_scan *result,
                                  uint32_t counter, uint32_t word)
{
  if (result->hit_count < FRANK_SCAN_HITS) {
    result->hits[result->hit_count++] = counter;
    return;
  }
  result->overflow = true;
  if (word <= slice->stop_at) {
    result->hits[FRANK_SCAN_HITS - 1] = counter;
  }
}

/* One of the counter's two words: 16 bits as four hexadecimal digits. */
static inline uint32_t frank_cpu_hex4(uint32_t value)
{
  /* Each nibble to its byte, most significant first; then '0' + n, and 39 more from 'a' on. */
  uint32_t spread = ((value & 0xf000U) << 12) | ((value & 0x0f00U) << 8) |
                    ((value & 0x00f0U) << 4) | (value & 0x000fU);
  uint32_t above_nine = ((spread + 0x06060606U) >> 4) & 0x01010101U;
  return spread + 0x30303030U + above_nine * 39U;
}

#endif
