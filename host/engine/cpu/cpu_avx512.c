/*
 * cpu_avx512: the search with 512-bit vectors: two groups of 16 counters, interleaved.
 *
 * What decides the speed, by measurement:
 *  - `vpternlogd` computes xor3, choose and majority in one operation each;
 *  - K+W of the later blocks comes ready and is added as a broadcast memory operand;
 *  - two groups in flight hide the latency (2 cycles on Zen 5, 1 on Zen 4); three do not fit the 32
 *    registers;
 *  - rolled loops for all that is done often: fully unrolled, two blocks are 36 KB of code and run
 *    a third slower where they overrun the instruction caches;
 *  - everything about block 0 that is the same for all counters is done once per slice. Which of
 *    its schedule words those are depends on the counter's place alone, so the rounds up to 31 are
 *    compiled once for each of the 15 places.
 * A Zen 5 core does four 512-bit operations a cycle, two of them rotates; Zen 4 half of that. A
 * round with a ready K+W is 16 operations, so one compression of 16 counters with them costs 256
 * cycles on Zen 5 and 512 on Zen 4 at best.
 *
 * Only the first word of the hash is compared; the host looks at the rest.
 */
#include "engine/cpu/first_block.h"
#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#include <immintrin.h>
#include <string.h>

#define LANES  ((size_t)16)
#define GROUPS ((size_t)2)
#define STEP   (LANES * GROUPS)

#define INLINE static inline __attribute__((always_inline))

/* ---- vectors ---- */

#define XOR3     0x96 /* truth tables of vpternlogd */
#define CHOOSE   0xca
#define MAJORITY 0xe8

INLINE __m512i all(uint32_t value)
{
  return _mm512_set1_epi32((int)value);
}

INLINE __m512i add(__m512i x, __m512i y)
{
  return _mm512_add_epi32(x, y);
}

INLINE __m512i big_sigma0(__m512i x)
{
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, 2), _mm512_ror_epi32(x, 13),
                                   _mm512_ror_epi32(x, 22), XOR3);
}

INLINE __m512i big_sigma1(__m512i x)
{
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, 6), _mm512_ror_epi32(x, 11),
                                   _mm512_ror_epi32(x, 25), XOR3);
}

INLINE __m512i small_sigma0(__m512i x)
{
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18),
                                   _mm512_srli_epi32(x, 3), XOR3);
}

INLINE __m512i small_sigma1(__m512i x)
{
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(x, 17), _mm512_ror_epi32(x, 19),
                                   _mm512_srli_epi32(x, 10), XOR3);
}

/* Sixteen bits of each lane as four hexadecimal digits, most significant first. */
INLINE __m512i hex4(__m512i value)
{
  const __m512i digits = _mm512_broadcast_i32x4(_mm_setr_epi8(
      '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'));
  /* 0x0000abcd -> 0x00ab00cd -> 0x0a0b0c0d */
  __m512i pairs =
      _mm512_and_si512(_mm512_or_si512(value, _mm512_slli_epi32(value, 8)), all(0x00ff00ffU));
  __m512i nibbles =
      _mm512_and_si512(_mm512_or_si512(pairs, _mm512_slli_epi32(pairs, 4)), all(0x0f0f0f0fU));
  return _mm512_shuffle_epi8(digits, nibbles);
}

/* One round of one group (FIPS 180-4 section 6.2.2, step 3). */
INLINE void group_round(__m512i a, __m512i b, __m512i c, __m512i *d, __m512i e, __m512i f,
                        __m512i g, __m512i *h, __m512i kw)
{
  __m512i t1 = add(add(add(*h, kw), _mm512_ternarylogic_epi32(e, f, g, CHOOSE)), big_sigma1(e));
  *d = add(*d, t1);
  *h = add(add(t1, _mm512_ternarylogic_epi32(a, b, c, MAJORITY)), big_sigma0(a));
}

/* The variable that plays part `i` (0 is a) in round `t`: names turn, values stay. */
#define PART(s, i, t) (s)[((i) + 64 - (t)) % 8]

INLINE void round_of(__m512i s[8], unsigned t, __m512i kw)
{
  group_round(PART(s, 0, t), PART(s, 1, t), PART(s, 2, t), &PART(s, 3, t), PART(s, 4, t),
              PART(s, 5, t), PART(s, 6, t), &PART(s, 7, t), kw);
}

/* Both groups between the parts of a compression. */
struct lanes {
  __m512i s[GROUPS][8];
  __m512i w[GROUPS][16]; /* W[t] at t % 16 */
};

/* ---- block 0 up to round 31, compiled for each place of the counter ---- */

INLINE void first_rounds(const struct frank_cpu_first_block *p, const __m512i counters[GROUPS],
                         struct lanes *lanes, const unsigned at)
{
  const uint32_t varies = frank_cpu_varying_words(at);
  const __m512i low_half = all(0xffffU);
  __m512i s[GROUPS][8];
  __m512i w[GROUPS][32];
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; i++) {
    /* start[] is a..h of round `at` */
    PART(s[0], i, at) = all(p->start[i]);
    PART(s[1], i, at) = all(p->start[i]);
  }
#pragma GCC unroll 2
  for (unsigned k = 0; k < GROUPS; k++) {
    w[k][at] = hex4(_mm512_srli_epi32(counters[k], 16));
    w[k][at + 1] = hex4(_mm512_and_si512(counters[k], low_half));
  }
#pragma GCC unroll 32
  for (unsigned t = 0; t < 32; t++) {
    if (t < at) {
      continue;
    }
#pragma GCC unroll 2
    for (unsigned k = 0; k < GROUPS; k++) {
      if ((varies >> t & 1) == 0) {
        round_of(s[k], t, all(p->kw[t]));
        if (t >= 16) {
          lanes->w[k][t - 16] = all(p->w[t]);
        }
        continue;
      }
      if (t >= 16) {
        __m512i sum = all(p->constant[t]);
        if ((varies >> (t - 16) & 1) != 0) {
          sum = add(sum, w[k][t - 16]);
        }
        if ((varies >> (t - 15) & 1) != 0) {
          sum = add(sum, small_sigma0(w[k][t - 15]));
        }
        if ((varies >> (t - 7) & 1) != 0) {
          sum = add(sum, w[k][t - 7]);
        }
        if ((varies >> (t - 2) & 1) != 0) {
          sum = add(sum, small_sigma1(w[k][t - 2]));
        }
        w[k][t] = sum;
        lanes->w[k][t - 16] = sum;
      }
      round_of(s[k], t, add(w[k][t], all(frank_sha256_k[t])));
    }
  }
  memcpy(lanes->s, s, sizeof s);
}

typedef void first_rounds_fn(const struct frank_cpu_first_block *p, const __m512i counters[GROUPS],
                             struct lanes *lanes);

#define FIRST_ROUNDS(at)                                                                           \
  static void first_rounds_##at(const struct frank_cpu_first_block *p,                             \
                                const __m512i counters[GROUPS], struct lanes *lanes)               \
  {                                                                                                \
    first_rounds(p, counters, lanes, at);                                                          \
  }
FIRST_ROUNDS(0)
FIRST_ROUNDS(1)
FIRST_ROUNDS(2)
FIRST_ROUNDS(3)
FIRST_ROUNDS(4)
FIRST_ROUNDS(5)
FIRST_ROUNDS(6)
FIRST_ROUNDS(7)
FIRST_ROUNDS(8)
FIRST_ROUNDS(9)
FIRST_ROUNDS(10)
FIRST_ROUNDS(11)
FIRST_ROUNDS(12)
FIRST_ROUNDS(13)
FIRST_ROUNDS(14)

static first_rounds_fn *const first_rounds_at[15] = {
    first_rounds_0,  first_rounds_1,  first_rounds_2,  first_rounds_3,  first_rounds_4,
    first_rounds_5,  first_rounds_6,  first_rounds_7,  first_rounds_8,  first_rounds_9,
    first_rounds_10, first_rounds_11, first_rounds_12, first_rounds_13, first_rounds_14,
};

/* ---- the rest, the same for every place ---- */

/* Rounds 32 to 63 of block 0, and its end: the state is added to the one before it. */
static void last_rounds(struct lanes *lanes, const uint32_t init[8])
{
  __m512i s[GROUPS][8];
  memcpy(s, lanes->s, sizeof s);
#pragma GCC unroll 1
  for (unsigned base = 32; base < 64; base += 16) {
    const uint32_t *k = &frank_sha256_k[base];
#pragma GCC unroll 16
    for (unsigned t = 0; t < 16; t++) {
#pragma GCC unroll 2
      for (unsigned g = 0; g < GROUPS; g++) {
        __m512i *w = lanes->w[g];
        w[t] = add(add(w[t], small_sigma0(w[(t + 1) % 16])),
                   add(w[(t + 9) % 16], small_sigma1(w[(t + 14) % 16])));
        round_of(s[g], t, add(w[t], all(k[t])));
      }
    }
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; i++) {
    lanes->s[0][i] = add(s[0][i], all(init[i]));
    lanes->s[1][i] = add(s[1][i], all(init[i]));
  }
}

/* One of the later blocks, whose K+W is ready. */
static void later_block(struct lanes *lanes, const uint32_t kw[64])
{
  __m512i s[GROUPS][8];
  memcpy(s, lanes->s, sizeof s);
#pragma GCC unroll 1
  for (unsigned base = 0; base < 64; base += 8) {
    const uint32_t *ready = kw + base;
#pragma GCC unroll 8
    for (unsigned t = 0; t < 8; t++) {
      round_of(s[0], t, all(ready[t]));
      round_of(s[1], t, all(ready[t]));
    }
  }
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; i++) {
    lanes->s[0][i] = add(s[0][i], lanes->s[0][i]);
    lanes->s[1][i] = add(s[1][i], lanes->s[1][i]);
  }
}

/* Keeps the candidates of one step. True when the search may stop with them. */
static bool keep_candidates(const struct frank_slice *slice, struct frank_scan *result,
                            const struct lanes *lanes, uint32_t counter, uint32_t candidates)
{
  uint32_t words[STEP];
  bool stop = false;
  _mm512_storeu_si512(&words[0], lanes->s[0][0]);
  _mm512_storeu_si512(&words[LANES], lanes->s[1][0]);
  for (; candidates != 0; candidates &= candidates - 1) {
    unsigned lane = (unsigned)__builtin_ctz(candidates);
    frank_cpu_keep(slice, result, counter + lane, words[lane]);
    stop = stop || (slice->may_stop && words[lane] <= slice->stop_at);
  }
  return stop;
}

void frank_cpu_scan_avx512(const struct frank_slice *slice, struct frank_scan *result)
{
  struct frank_cpu_first_block p;
  struct lanes lanes;
  frank_cpu_first_block_prepare(slice, &p);
  first_rounds_fn *first = first_rounds_at[slice->counter_word];
  const __m512i bound = all(slice->bound);
  const __m512i lane_numbers =
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

  for (uint64_t done = 0; done < slice->count; done += STEP) {
    uint32_t counter = (uint32_t)(slice->first + done);
    __m512i counters[GROUPS];
    counters[0] = add(all(counter), lane_numbers);
    counters[1] = add(all(counter + LANES), lane_numbers);
    first(&p, counters, &lanes);
    last_rounds(&lanes, slice->init);
    for (unsigned block = 1; block < slice->blocks; block++) {
      later_block(&lanes, slice->kw + (size_t)(block - 1) * 64);
    }

    uint32_t candidates = (uint32_t)_mm512_cmple_epu32_mask(lanes.s[0][0], bound) |
                          (uint32_t)_mm512_cmple_epu32_mask(lanes.s[1][0], bound) << LANES;
    if (candidates == 0) {
      continue;
    }
    uint64_t left = slice->count - done;
    if (left < STEP) {
      candidates &= (UINT32_C(1) << left) - 1; /* lanes past the end were never asked for */
    }
    if (keep_candidates(slice, result, &lanes, counter, candidates)) {
      result->attempts = done + (left < STEP ? left : STEP);
      return;
    }
  }
  result->attempts = slice->count;
}
