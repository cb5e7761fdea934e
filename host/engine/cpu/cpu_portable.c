/*
 * cpu_portable: the search in plain C with the compiler's own vectors of four words: SSE2 on
 * x86-64, Neon on Arm, ordinary registers where there are none. For machines without a better
 * variant.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t frank_cpu_words __attribute__((vector_size(16)));

#define SCAN   frank_cpu_scan_portable
#define VEC    frank_cpu_words
#define LANES  ((size_t)4)
#define GROUPS ((size_t)1)

static inline frank_cpu_words load(const uint32_t words[4])
{
  frank_cpu_words x;
  memcpy(&x, words, sizeof x);
  return x;
}

static inline frank_cpu_words majority(frank_cpu_words a, frank_cpu_words b, frank_cpu_words *cache)
{
  frank_cpu_words difference = a ^ b;
  frank_cpu_words result = b ^ (difference & *cache);
  *cache = difference;
  return result;
}

static inline uint32_t not_above(frank_cpu_words x, uint32_t bound)
{
  return (uint32_t)(x[0] <= bound) | (uint32_t)(x[1] <= bound) << 1 |
         (uint32_t)(x[2] <= bound) << 2 | (uint32_t)(x[3] <= bound) << 3;
}

#define v_all(word)                ((frank_cpu_words){word, word, word, word})
#define v_load(words)              load(words)
#define v_store(words, x)          memcpy(words, &(x), sizeof(x))
#define v_add(x, y)                ((x) + (y))
#define v_xor(x, y)                ((x) ^ (y))
#define v_shr(x, bits)             ((x) >> (bits))
#define v_rotr(x, bits)            ((x) >> (bits) | (x) << (32 - (bits)))
#define v_xor3(x, y, z)            ((x) ^ (y) ^ (z))
#define v_choose(e, f, g)          ((g) ^ ((e) & ((f) ^ (g))))
#define v_majority(a, b, c, cache) majority(a, b, cache)
#define v_not_above(x, bound)      not_above(x, bound)

#include "engine/cpu/lanes.h"
