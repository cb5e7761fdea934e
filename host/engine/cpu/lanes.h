/*
 * lanes: the search loop of all variants that hold one counter in each lane of a vector.
 *
 * A template: a variant's file defines the vector and its operations, then includes this once:
 *
 *     SCAN                       name of the scan function
 *     VEC, LANES, GROUPS         vector of LANES 32-bit words; so many vectors are interleaved
 *     v_all(x), v_load(p), v_store(p, v)            one word in all lanes; LANES words (unaligned)
 *     v_add(x, y), v_shr(x, n), v_rotr(x, n), v_xor3(x, y, z)
 *     v_choose(e, f, g)          (e & f) ^ (~e & g)
 *     v_majority(a, b, c, cache) *cache is b ^ c before and a ^ b after, for those who need it
 *     v_not_above(v, word)       a bit for each lane that is <= word; lane 0 is bit 0
 *     v_round_ready(s, t, word), v_round_next(s, t, w, k)
 *                                the rounds that are done most, as round_ready and round_next
 *                                below: only where no compiler makes the best of those
 *
 * What decides the speed, by measurement:
 *  - K+W of the later blocks comes ready and is added as a broadcast memory operand;
 *  - within a run (first_block.h) one word of block 0 changes: rounds before it, the schedule words
 *    that it does not reach and the constant parts of the others are outside of the loop. Which
 *    they are depends on its place alone, so the rounds up to 31 are compiled once for each of the
 *    15 places;
 *  - its upper two digits change every 256 counters, its lower two come from a table of vectors;
 *  - interleaved groups hide the latency of operations, as long as they fit the registers;
 *  - rolled loops for all that is done often: fully unrolled, two blocks are 36 KB of code with
 *    AVX-512 and run a third slower where they overrun the instruction caches;
 *  - only the first word of the hash is compared; the host looks at the rest.
 */
#include "engine/cpu/first_block.h"
#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#define STEP (LANES * GROUPS)

#define INLINE static inline __attribute__((always_inline))

INLINE VEC big_sigma0(VEC x)
{
  return v_xor3(v_rotr(x, 2), v_rotr(x, 13), v_rotr(x, 22));
}

INLINE VEC big_sigma1(VEC x)
{
  return v_xor3(v_rotr(x, 6), v_rotr(x, 11), v_rotr(x, 25));
}

INLINE VEC small_sigma0(VEC x)
{
  return v_xor3(v_rotr(x, 7), v_rotr(x, 18), v_shr(x, 3));
}

INLINE VEC small_sigma1(VEC x)
{
  return v_xor3(v_rotr(x, 17), v_rotr(x, 19), v_shr(x, 10));
}

/* All groups between the parts of a compression. */
struct lanes {
  VEC s[GROUPS][8];
  VEC w[GROUPS][16]; /* W[t] at t % 16 */
};

/* The variable that plays part `i` (0 is a) in round `t`: names turn, values stay. */
#define PART(s, i, t) (s)[((i) + 64 - (t)) % 8]

/* Round `t` of one group (FIPS 180-4 section 6.2.2, step 3). `hkw` is h + K + W. */
INLINE void round_with(VEC s[8], unsigned t, VEC hkw, VEC *cache)
{
  VEC e = PART(s, 4, t);
  VEC a = PART(s, 0, t);
  VEC t1 = v_add(v_add(hkw, v_choose(e, PART(s, 5, t), PART(s, 6, t))), big_sigma1(e));
  PART(s, 3, t) = v_add(PART(s, 3, t), t1);
  PART(s, 7, t) =
      v_add(v_add(t1, v_majority(a, PART(s, 1, t), PART(s, 2, t), cache)), big_sigma0(a));
}

INLINE void round_of(VEC s[8], unsigned t, VEC kw, VEC *cache)
{
  round_with(s, t, v_add(PART(s, 7, t), kw), cache);
}

/* Round `t` with K+W from memory. */
INLINE void round_ready(VEC s[8], unsigned t, const uint32_t *kw, VEC *cache)
{
#ifdef v_round_ready
  (void)cache;
  v_round_ready(s, t, *kw);
#else
  round_of(s, t, v_all(*kw), cache);
#endif
}

/* Word `t` (of 16) of the schedule from the sixteen before it, and its round. */
INLINE void round_next(VEC s[8], unsigned t, VEC w[16], const uint32_t *k, VEC *cache)
{
#ifdef v_round_next
  (void)cache;
  v_round_next(s, t, w, *k);
#else
  w[t] = v_add(v_add(w[t], small_sigma0(w[(t + 1) % 16])),
               v_add(w[(t + 9) % 16], small_sigma1(w[(t + 14) % 16])));
  round_of(s, t, v_add(w[t], v_all(*k)), cache);
#endif
}

/* What the majority of the next round needs of the one before it; round `t` is the next. */
INLINE VEC cache_of(VEC s[8], unsigned t)
{
  return v_xor(PART(s, 1, t), PART(s, 2, t));
}

/* Copies the variables of all groups: as assignments, so that they stay in registers (memcpy
 * becomes a call of the library). */
INLINE void copy_state(VEC to[GROUPS][8], VEC from[GROUPS][8])
{
#pragma GCC unroll 4
  for (unsigned g = 0; g < GROUPS; g++) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
      to[g][i] = from[g][i];
    }
  }
}

/* ---- block 0 up to round 31, compiled for each place of the word that changes ---- */

/* W[t], 16 <= t < 32, from those before it: only the terms that change, and what does not. */
INLINE VEC early_word(const struct frank_cpu_first_block *first, const VEC w[32], unsigned t,
                      const uint32_t varies)
{
  VEC sum = v_all(first->w[t]);
  if ((varies >> (t - 16) & 1) != 0) {
    sum = v_add(sum, w[t - 16]);
  }
  if ((varies >> (t - 15) & 1) != 0) {
    sum = v_add(sum, small_sigma0(w[t - 15]));
  }
  if ((varies >> (t - 7) & 1) != 0) {
    sum = v_add(sum, w[t - 7]);
  }
  if ((varies >> (t - 2) & 1) != 0) {
    sum = v_add(sum, small_sigma1(w[t - 2]));
  }
  return sum;
}

/* `low` is the run's counter at the first lane. */
INLINE void first_rounds(const struct frank_cpu_first_block *first, uint32_t low,
                         struct lanes *lanes, const unsigned at)
{
  const uint32_t varies = frank_cpu_varying_words(at);
  const VEC high_digits = v_all(frank_cpu_hex2[low >> 8] << 16);
  VEC s[GROUPS][8];
  VEC w[GROUPS][32];
  VEC cache[GROUPS];
#pragma GCC unroll 4
  for (unsigned g = 0; g < GROUPS; g++) {
    w[g][at] = v_add(v_load(&frank_cpu_hex2[(low & 0xffU) + g * LANES]), high_digits);
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
      PART(s[g], i, at + 1) = v_all(first->start[i]);
    }
    PART(s[g], 0, at + 1) = v_add(PART(s[g], 0, at + 1), w[g][at]);
    PART(s[g], 4, at + 1) = v_add(PART(s[g], 4, at + 1), w[g][at]);
    cache[g] = cache_of(s[g], at + 1);
  }
#pragma GCC unroll 32
  for (unsigned t = 0; t < 32; t++) {
    if (t <= at && t < 16) {
      continue;
    }
#pragma GCC unroll 4
    for (unsigned g = 0; g < GROUPS; g++) {
      VEC kw = v_all(first->kw[t]);
      if ((varies >> t & 1) != 0) {
        w[g][t] = early_word(first, w[g], t, varies);
        kw = v_add(w[g][t], kw);
      } else {
        w[g][t] = v_all(first->w[t]);
      }
      if (t <= at + 3) {
        round_with(s[g], t, kw, &cache[g]); /* h is in first->kw */
      } else {
        round_of(s[g], t, kw, &cache[g]);
      }
      if (t >= 16) {
        lanes->w[g][t - 16] = w[g][t];
      }
    }
  }
  copy_state(lanes->s, s);
}

typedef void first_rounds_fn(const struct frank_cpu_first_block *first, uint32_t low,
                             struct lanes *lanes);

#define FIRST_ROUNDS(at)                                                                           \
  static void first_rounds_##at(const struct frank_cpu_first_block *first, uint32_t low,           \
                                struct lanes *lanes)                                               \
  {                                                                                                \
    first_rounds(first, low, lanes, at);                                                           \
  }
FRANK_CPU_EVERY_PLACE(FIRST_ROUNDS)
#undef FIRST_ROUNDS

#define FIRST_ROUNDS(at) first_rounds_##at,
static first_rounds_fn *const first_rounds_at[] = {NULL, FRANK_CPU_EVERY_PLACE(FIRST_ROUNDS)};

/* ---- the rest, the same for every place ---- */

/* Rounds 32 to 63 of block 0, and its end: the state is added to the one before it. */
static void last_rounds(struct lanes *lanes, const uint32_t init[8])
{
  VEC s[GROUPS][8];
  VEC cache[GROUPS];
  copy_state(s, lanes->s);
#pragma GCC unroll 4
  for (unsigned g = 0; g < GROUPS; g++) {
    cache[g] = cache_of(s[g], 0);
  }
  const uint32_t *k = &frank_sha256_k[32];
  const uint32_t *k_end = k + 32;
  __asm__("" : "+r"(k_end)); /* two turns of a loop, not two copies of its code */
#pragma GCC unroll 1
  for (; k != k_end; k += 16) {
#pragma GCC unroll 16
    for (unsigned t = 0; t < 16; t++) {
#pragma GCC unroll 4
      for (unsigned g = 0; g < GROUPS; g++) {
        round_next(s[g], t, lanes->w[g], &k[t], &cache[g]);
      }
    }
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; i++) {
#pragma GCC unroll 4
    for (unsigned g = 0; g < GROUPS; g++) {
      lanes->s[g][i] = v_add(s[g][i], v_all(init[i]));
    }
  }
}

/* One of the later blocks, whose K+W is ready. */
static void later_block(struct lanes *lanes, const uint32_t kw[64])
{
  VEC s[GROUPS][8];
  VEC cache[GROUPS];
  copy_state(s, lanes->s);
#pragma GCC unroll 4
  for (unsigned g = 0; g < GROUPS; g++) {
    cache[g] = cache_of(s[g], 0);
  }
#pragma GCC unroll 1
  for (unsigned base = 0; base < 64; base += 8) {
    const uint32_t *ready = kw + base;
#pragma GCC unroll 8
    for (unsigned t = 0; t < 8; t++) {
#pragma GCC unroll 4
      for (unsigned g = 0; g < GROUPS; g++) {
        round_ready(s[g], t, &ready[t], &cache[g]);
      }
    }
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; i++) {
#pragma GCC unroll 4
    for (unsigned g = 0; g < GROUPS; g++) {
      lanes->s[g][i] = v_add(s[g][i], lanes->s[g][i]);
    }
  }
}

/* ---- what search.h asks for ---- */

struct search {
  struct lanes lanes;
  struct frank_cpu_first_block first;
  first_rounds_fn *rounds;
};

INLINE void search_begin_run(struct search *search, const struct frank_slice *slice,
                             uint32_t counter)
{
  frank_cpu_first_block_prepare(slice, counter, &search->first);
  search->rounds = first_rounds_at[search->first.at];
}

INLINE void search_step(struct search *search, const struct frank_slice *slice, uint32_t low)
{
  search->rounds(&search->first, low, &search->lanes);
  last_rounds(&search->lanes, slice->init);
  for (unsigned block = 1; block < slice->blocks; block++) {
    later_block(&search->lanes, slice->kw + (size_t)(block - 1) * 64);
  }
}

INLINE uint32_t search_candidates(const struct search *search, uint32_t bound)
{
  uint32_t candidates = 0;
#pragma GCC unroll 4
  for (unsigned g = 0; g < GROUPS; g++) {
    candidates |= v_not_above(search->lanes.s[g][0], bound) << (g * LANES);
  }
  return candidates;
}

INLINE void search_words(const struct search *search, uint32_t words[STEP])
{
  for (unsigned g = 0; g < GROUPS; g++) {
    v_store(&words[g * LANES], search->lanes.s[g][0]);
  }
}

#include "engine/cpu/search.h"
