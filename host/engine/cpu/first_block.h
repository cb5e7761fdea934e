/*
 * first_block: what block 0 has in common for all counters of a run, worked out once.
 *
 * A run is the 65536 counters that share their upper 16 bits. Of block 0 only one word changes
 * within it, the second of the counter's two. So the rounds before that word, the schedule words
 * that it does not reach, and the constant parts of those that it reaches are the same for the
 * whole run. Which these are depends on the word's place alone, so a variant compiled for that
 * place leaves them out of its loop.
 *
 * Private to host/engine/cpu and to the benchmark, which counts what is left. Pure.
 */
#ifndef FRANK_ENGINE_CPU_FIRST_BLOCK_H
#define FRANK_ENGINE_CPU_FIRST_BLOCK_H

#include "engine/engine.h"

#include <stdint.h>

#define FRANK_CPU_RUN 65536U /* counters of a run */

/* Repeats a macro for each place of the word that changes. */
#define FRANK_CPU_EVERY_PLACE(DO)                                                                  \
  DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

struct frank_cpu_first_block {
  unsigned at;       /* the word that changes, 1 to 15 */
  uint32_t start[8]; /* a..h after round `at` with W[at] = 0: a and e still lack W[at] */
  uint32_t kw[32];   /* what round t > at adds that is the same for the run: K[t], W[t] where it
                        does not change, and h in the three rounds where that does not change */
  uint32_t
      w[32]; /* W[t] where it does not change, else the sum of those of its terms that do not */
};

/* Fills *first for the run that `counter` belongs to; takes less than a microsecond. */
void frank_cpu_first_block_prepare(const struct frank_slice *slice, uint32_t counter,
                                   struct frank_cpu_first_block *first);

/* Two hexadecimal digits for each of 256 values, as the lower half of a block's word. */
extern const uint32_t frank_cpu_hex2[256];

/* Bit t is set where W[t], t < 32, depends on word `at` (FIPS 180-4 section 6.2.2, step 1). For a
 * constant `at` the compiler computes this away. */
static inline __attribute__((always_inline)) uint32_t frank_cpu_varying_words(unsigned at)
{
  uint32_t varies = 1U << at;
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
