/*
 * cpu_avx2: the search with 256-bit vectors: eight counters.
 *
 * There is no rotate and no operation of three inputs: a rotate is two shifts and an or, a round
 * with a ready K+W 34 operations and more. One group: the eight variables of a second would not fit
 * the 16 registers, and the work of one round is wide enough to fill the ports.
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN   frank_cpu_scan_avx2
#define VEC    __m256i
#define LANES  ((size_t)8)
#define GROUPS ((size_t)1)

#define v_all(word)       _mm256_set1_epi32((int)(word))
#define v_load(words)     _mm256_loadu_si256((const __m256i *)(const void *)(words))
#define v_store(words, x) _mm256_storeu_si256((__m256i *)(void *)(words), x)
#define v_add(x, y)       _mm256_add_epi32(x, y)
#define v_xor(x, y)       _mm256_xor_si256(x, y)
#define v_shr(x, bits)    _mm256_srli_epi32(x, bits)
#define v_rotr(x, bits)                                                                            \
  _mm256_or_si256(_mm256_srli_epi32(x, bits), _mm256_slli_epi32(x, 32 - (bits)))
#define v_xor3(x, y, z)            v_xor(v_xor(x, y), z)
#define v_choose(e, f, g)          v_xor(g, _mm256_and_si256(e, v_xor(f, g)))
#define v_majority(a, b, c, cache) majority(a, b, cache)
#define v_not_above(x, bound)      not_above(x, bound)

static inline __attribute__((always_inline)) __m256i majority(__m256i a, __m256i b, __m256i *cache)
{
  __m256i a_or_b = v_xor(a, b);
  __m256i result = v_xor(b, _mm256_and_si256(a_or_b, *cache));
  *cache = a_or_b;
  return result;
}

static inline __attribute__((always_inline)) uint32_t not_above(__m256i x, uint32_t bound)
{
  __m256i below = _mm256_cmpeq_epi32(_mm256_min_epu32(x, v_all(bound)), x);
  return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(below));
}

#include "engine/cpu/lanes.h"
