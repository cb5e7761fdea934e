/*
 * first_block: what block 0 has in common for all counters of a slice, worked out once.
 *
 * Only the counter's two words of block 0 change from attempt to attempt. So the rounds before
 * them, the schedule words that none of them reaches, and the constant parts of those that one
 * reaches are the same for the whole slice. Which these are depends on the counter's place alone,
 * so a variant compiled for that place can leave them out of its loop.
 *
 * Private to host/engine/cpu. Pure.
 */
#ifndef FRANK_ENGINE_CPU_FIRST_BLOCK_H
#define FRANK_ENGINE_CPU_FIRST_BLOCK_H

#include "engine/engine.h"

#include <stdint.h>

#define FRANK_CPU_COUNTER_PLACES 15 /* counter_word is 0 to 14 */

struct frank_cpu_first_block {
  uint32_t start[8];     /* a..h before round counter_word */
  uint32_t kw[32];       /* K[t]+W[t] where no digit of the counter comes in; else see constant */
  uint32_t constant[32]; /* t = 16..31: the sum of what W[t] has of words without digits */
  uint32_t w[32];        /* W[t] without digits; 0 for the counter's own words */
};

/* Fills *first from a slice; takes about a microsecond. */
void frank_cpu_first_block_prepare(const struct frank_slice *slice,
                                   struct frank_cpu_first_block *first);

/* Bit t is set where W[t], t < 32, depends on a counter at words `at` and at+1 (FIPS 180-4 section
 * 6.2.2, step 1). For a constant `at` the compiler computes this away. */
static inline __attribute__((always_inline)) uint32_t frank_cpu_varying_words(unsigned at)
{
  uint32_t varies = 3U << at;
#pragma GCC unroll 16
  for (unsigned t = 16; t < 32; t++) {
    uint32_t sources = 1U << (t - 16) | 1U << (t - 15) | 1U << (t - 7) | 1U << (t - 2);
    if ((varies & sources) != 0) {
      varies |= 1U << t;
    }
  }
  return varies;
}

#endif
