/*
 * cpu_sha_ni: the search with the SHA instructions of x86 (Intel SDM volume 2: SHA256RNDS2,
 * SHA256MSG1, SHA256MSG2), two counters interleaved.
 *
 * SHA256RNDS2 does two rounds, and it is the limit: an attempt needs 32 for each block, less those
 * for the rounds before the counter. Measured on Intel's Golden Cove, which starts one every 3
 * cycles and has its result after 4: two streams keep it busy 98 to 100% of the time on the plans
 * of real keys, one stream 78 to 91%, three and four are no faster. What makes that possible:
 *  - K+W of the later blocks comes ready with the slice, and both streams use it as it is loaded;
 *  - the schedule of block 0 (MSG1 and MSG2, 6 cycles for four words) and the counter's digits go
 *    to other ports than the rounds, so they cost nothing as long as they are fewer;
 *  - in block 0 what is the same for all counters of a run (first_block.h) is done once. Which of
 *    the schedule that is, in units of four words, depends on the place of the word that changes
 *    alone, so the rounds up to 31 are compiled once for each of the 15 places.
 *
 * SSE only: on a mix with AVX every one of these instructions would wait for the upper half of its
 * register. Only the first word of the hash is compared; the host looks at the rest.
 */
#include "engine/cpu/first_block.h"
#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#include <immintrin.h>
#include <string.h>

#define STREAMS 2U

#define INLINE static inline __attribute__((always_inline))

/* ---- the instructions ---- */

/* The variables of the rounds as SHA256RNDS2 wants them, the first one highest. */
struct stream {
  __m128i abef;
  __m128i cdgh;
};

INLINE __m128i load4(const uint32_t *words)
{
  return _mm_loadu_si128((const __m128i *)(const void *)words);
}

INLINE __m128i load2(const uint32_t *words)
{
  return _mm_loadl_epi64((const __m128i *)(const void *)words);
}

/* Rounds 2*pair and 2*pair+1, with K+W in the low half of `kw`. The instruction overwrites c, d, g
 * and h with the new a, b, e and f, and the old ones of these become c, d, g and h: so in every
 * second pair the two registers have each other's name. */
INLINE void two_rounds(struct stream *s, size_t pair, __m128i kw)
{
  if (pair % 2 == 0) {
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, kw);
  } else {
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, kw);
  }
}

/* Rounds 4*quad to 4*quad+3 for words of the schedule; without the first two where `second_half`.
 */
INLINE void quad_rounds(struct stream *s, __m128i w, const uint32_t k[4], bool second_half)
{
  __m128i kw = _mm_add_epi32(w, load4(k));
  if (!second_half) {
    two_rounds(s, 0, kw);
  }
  two_rounds(s, 1, _mm_unpackhi_epi64(kw, kw));
}

/* Four words of the schedule from the sixteen before them (FIPS 180-4 section 6.2.2, step 1). */
INLINE __m128i expand(__m128i w0, __m128i w4, __m128i w8, __m128i w12)
{
  __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), _mm_alignr_epi8(w12, w8, 4));
  return _mm_sha256msg2_epu32(sum, w12);
}

/* ---- once per run ---- */

struct prepared {
  struct frank_cpu_first_block first;
  struct stream init;  /* before block 0 */
  struct stream start; /* before the pair of rounds that the word that changes comes in */
  uint32_t kw[32];     /* K+W where no digit of it comes in */
  __m128i ready[8];    /* quads 4 to 7: what `expand` has for SHA256MSG2 of words without digits */
};

/* What of quad `quad` needs no word with a digit: SHA256MSG1's sum, of the words t-16 and t-15; and
 * the words t-7. */
INLINE bool msg1_is_ready(uint32_t varies, size_t quad)
{
  return (varies >> (4 * quad - 16) & 0x1fU) == 0;
}

INLINE bool addend_is_ready(uint32_t varies, size_t quad)
{
  return (varies >> (4 * quad - 7) & 0xfU) == 0;
}

static void prepare(const struct frank_slice *slice, uint32_t counter, struct prepared *p)
{
  frank_cpu_first_block_prepare(slice, counter, &p->first);
  const uint32_t varies = frank_cpu_varying_words(p->first.at);
  const uint32_t *init = slice->init;
  const uint32_t *w = p->first.w;
  for (size_t t = 0; t < 32; t++) {
    p->kw[t] = w[t] + frank_sha256_k[t];
  }
  p->init.abef = _mm_set_epi32((int)init[0], (int)init[1], (int)init[4], (int)init[5]);
  p->init.cdgh = _mm_set_epi32((int)init[2], (int)init[3], (int)init[6], (int)init[7]);
  p->start = p->init;
  for (size_t pair = 0; pair < p->first.at / 2U; pair++) {
    two_rounds(&p->start, pair, load2(&p->kw[2 * pair]));
  }
  for (size_t quad = 4; quad < 8; quad++) {
    __m128i sum = _mm_setzero_si128();
    if (msg1_is_ready(varies, quad)) {
      sum = _mm_sha256msg1_epu32(load4(&w[4 * quad - 16]), load4(&w[4 * quad - 12]));
    }
    if (addend_is_ready(varies, quad)) {
      sum = _mm_add_epi32(sum, load4(&w[4 * quad - 7]));
    }
    p->ready[quad] = sum;
  }
}

/* ---- block 0 up to round 31, compiled for each place of the counter ---- */

/* Both counters between the parts of a compression. */
struct pair {
  struct stream s[STREAMS];
  __m128i w[STREAMS][4]; /* the last sixteen words of the schedule */
};

/* `word` at place 0 to 3 of four words, the others zero. */
INLINE __m128i placed(uint32_t word, unsigned place)
{
  return _mm_setr_epi32(place == 0 ? (int)word : 0, place == 1 ? (int)word : 0,
                        place == 2 ? (int)word : 0, place == 3 ? (int)word : 0);
}

/* The words of `quad`, which has digits in it: `word` at `at`; w[] holds the quads before it. */
INLINE __m128i varying_quad(const struct prepared *p, const __m128i w[8], uint32_t word,
                            unsigned at, size_t quad)
{
  const uint32_t varies = frank_cpu_varying_words(at);
  if (quad < 4) {
    return _mm_or_si128(load4(&p->first.w[4 * quad]), placed(word, at % 4));
  }
  const bool has_msg1 = msg1_is_ready(varies, quad);
  const bool has_addend = addend_is_ready(varies, quad);
  __m128i sum = p->ready[quad];
  if (!has_msg1) {
    __m128i msg1 = _mm_sha256msg1_epu32(w[quad - 4], w[quad - 3]);
    sum = has_addend ? _mm_add_epi32(sum, msg1) : msg1;
  }
  if (!has_addend) {
    sum = _mm_add_epi32(sum, _mm_alignr_epi8(w[quad - 1], w[quad - 2], 4));
  }
  return _mm_sha256msg2_epu32(sum, w[quad - 1]);
}

/* `low` is the lower half of the first stream's counter. */
INLINE void first_rounds(const struct prepared *p, uint32_t low, struct pair *pair,
                         const unsigned at)
{
  const uint32_t varies = frank_cpu_varying_words(at);
  struct stream s[STREAMS] = {p->start, p->start};
  __m128i w[STREAMS][8];
  const uint32_t high_digits = frank_cpu_hex2[low >> 8] << 16;
#pragma GCC unroll 8
  for (size_t quad = 0; quad < 8; quad++) {
    const bool second_half = at >= 4 * quad + 2; /* the first was done once per run */
#pragma GCC unroll 2
    for (unsigned i = 0; i < STREAMS; i++) {
      if ((varies >> (4 * quad) & 0xfU) != 0) {
        uint32_t word = high_digits | frank_cpu_hex2[(low & 0xffU) + i];
        w[i][quad] = varying_quad(p, w[i], word, at, quad);
        quad_rounds(&s[i], w[i][quad], &frank_sha256_k[4 * quad], second_half);
        continue;
      }
      w[i][quad] = load4(&p->first.w[4 * quad]);
      if (at < 4 * quad) {
        two_rounds(&s[i], 0, load2(&p->kw[4 * quad]));
        two_rounds(&s[i], 1, load2(&p->kw[4 * quad + 2]));
      }
    }
  }
#pragma GCC unroll 2
  for (unsigned i = 0; i < STREAMS; i++) {
    pair->s[i] = s[i];
    memcpy(pair->w[i], &w[i][4], sizeof pair->w[i]);
  }
}

/* ---- the rest, the same for every place ---- */

/* Rounds 32 to 63 of block 0, and its end: the state is added to the one before it. */
static void last_rounds(struct pair *pair, const struct stream *init)
{
  struct stream s[STREAMS];
  __m128i w[STREAMS][4];
  memcpy(s, pair->s, sizeof s);
  memcpy(w, pair->w, sizeof w);
#pragma GCC unroll 1
  for (size_t base = 32; base < 64; base += 16) {
#pragma GCC unroll 4
    for (size_t quad = 0; quad < 4; quad++) {
#pragma GCC unroll 2
      for (unsigned i = 0; i < STREAMS; i++) {
        w[i][quad] =
            expand(w[i][quad], w[i][(quad + 1) % 4], w[i][(quad + 2) % 4], w[i][(quad + 3) % 4]);
        quad_rounds(&s[i], w[i][quad], &frank_sha256_k[base + 4 * quad], false);
      }
    }
  }
#pragma GCC unroll 2
  for (unsigned i = 0; i < STREAMS; i++) {
    pair->s[i].abef = _mm_add_epi32(s[i].abef, init->abef);
    pair->s[i].cdgh = _mm_add_epi32(s[i].cdgh, init->cdgh);
  }
}

/* One of the later blocks, whose K+W is ready. */
static void later_block(struct pair *pair, const uint32_t kw[64])
{
  struct stream s[STREAMS];
  memcpy(s, pair->s, sizeof s);
#pragma GCC unroll 1
  for (size_t base = 0; base < 64; base += 16) {
#pragma GCC unroll 8
    for (size_t t = 0; t < 16; t += 2) {
      __m128i ready = load2(&kw[base + t]);
      two_rounds(&s[0], t / 2, ready);
      two_rounds(&s[1], t / 2, ready);
    }
  }
#pragma GCC unroll 2
  for (unsigned i = 0; i < STREAMS; i++) {
    pair->s[i].abef = _mm_add_epi32(s[i].abef, pair->s[i].abef);
    pair->s[i].cdgh = _mm_add_epi32(s[i].cdgh, pair->s[i].cdgh);
  }
}

/* The first word of a hash. */
INLINE uint32_t first_word(const struct stream *s)
{
  return (uint32_t)_mm_extract_epi32(s->abef, 3);
}

#define SCAN frank_cpu_scan_sha_ni
#include "engine/cpu/streams.h"
