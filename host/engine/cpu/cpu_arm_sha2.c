/*
 * cpu_arm_sha2: the search with the SHA-2 instructions of AArch64 (Arm Architecture Reference
 * Manual, C7: SHA256H, SHA256H2, SHA256SU0, SHA256SU1), two counters interleaved.
 *
 * SHA256H and SHA256H2 together do four rounds, and each waits for both of the four before: one
 * stream leaves a core idle for as long as they take, so there are two, and with two both fit into
 * the 32 registers. K+W of the later blocks comes ready with the slice. In block 0 what is the same
 * for all counters of a run (first_block.h) is done once; which of the schedule that is, in units
 * of four words, depends on the place of the word that changes alone, so the rounds up to 31 are
 * compiled once for each of the 15 places.
 *
 * Only the first word of the hash is compared; the host looks at the rest.
 */
#include "engine/cpu/first_block.h"
#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#include <arm_neon.h>
#include <string.h>

#define STREAMS 2U

#define INLINE static inline __attribute__((always_inline))

/* ---- the instructions ---- */

/* The variables of the rounds, the first one lowest. */
struct stream {
  uint32x4_t abcd;
  uint32x4_t efgh;
};

INLINE void four_rounds(struct stream *s, uint32x4_t kw)
{
  uint32x4_t abcd = s->abcd;
  s->abcd = vsha256hq_u32(abcd, s->efgh, kw);
  s->efgh = vsha256h2q_u32(s->efgh, abcd, kw);
}

INLINE struct stream sum_of(struct stream x, struct stream y)
{
  x.abcd = vaddq_u32(x.abcd, y.abcd);
  x.efgh = vaddq_u32(x.efgh, y.efgh);
  return x;
}

/* Four words of the schedule from the sixteen before them (FIPS 180-4 section 6.2.2, step 1). */
INLINE uint32x4_t expand(uint32x4_t w0, uint32x4_t w4, uint32x4_t w8, uint32x4_t w12)
{
  return vsha256su1q_u32(vsha256su0q_u32(w0, w4), w8, w12);
}

/* ---- once per run ---- */

struct prepared {
  struct frank_cpu_first_block first;
  struct stream init;  /* before block 0 */
  struct stream start; /* before the four rounds that the word that changes comes in */
  uint32_t kw[32];     /* K+W where no digit of it comes in */
  uint32x4_t ready[8]; /* quads 4 to 7: SHA256SU0 of words without digits */
};

/* True where SHA256SU0 for quad `quad` meets no word with a digit: words t-16 and t-15. */
INLINE bool su0_is_ready(uint32_t varies, size_t quad)
{
  return (varies >> (4 * quad - 16) & 0x1fU) == 0;
}

static void prepare(const struct frank_slice *slice, uint32_t counter, struct prepared *p)
{
  frank_cpu_first_block_prepare(slice, counter, &p->first);
  const uint32_t varies = frank_cpu_varying_words(p->first.at);
  const uint32_t *w = p->first.w;
  for (size_t t = 0; t < 32; t++) {
    p->kw[t] = w[t] + frank_sha256_k[t];
  }
  p->init.abcd = vld1q_u32(&slice->init[0]);
  p->init.efgh = vld1q_u32(&slice->init[4]);
  p->start = p->init;
  for (size_t quad = 0; quad < p->first.at / 4U; quad++) {
    four_rounds(&p->start, vld1q_u32(&p->kw[4 * quad]));
  }
  for (size_t quad = 4; quad < 8; quad++) {
    p->ready[quad] = su0_is_ready(varies, quad) ? vsha256su0q_u32(vld1q_u32(&w[4 * quad - 16]),
                                                                  vld1q_u32(&w[4 * quad - 12]))
                                                : vdupq_n_u32(0);
  }
}

/* ---- block 0 up to round 31, compiled for each place of the counter ---- */

/* Both counters between the parts of a compression. */
struct pair {
  struct stream s[STREAMS];
  uint32x4_t w[STREAMS][4]; /* the last sixteen words of the schedule */
};

/* The words of `quad`, which has digits in it: `word` at `at`; w[] holds the quads before it. */
INLINE uint32x4_t varying_quad(const struct prepared *p, const uint32x4_t w[8], uint32_t word,
                               const unsigned at, size_t quad)
{
  if (quad < 4) {
    const uint32x4_t words = {at % 4 == 0 ? word : 0, at % 4 == 1 ? word : 0,
                              at % 4 == 2 ? word : 0, at % 4 == 3 ? word : 0};
    return vorrq_u32(vld1q_u32(&p->first.w[4 * quad]), words);
  }
  const bool ready = su0_is_ready(frank_cpu_varying_words(at), quad);
  uint32x4_t sum = ready ? p->ready[quad] : vsha256su0q_u32(w[quad - 4], w[quad - 3]);
  return vsha256su1q_u32(sum, w[quad - 2], w[quad - 1]);
}

/* `low` is the lower half of the first stream's counter. */
INLINE void first_rounds(const struct prepared *p, uint32_t low, struct pair *pair,
                         const unsigned at)
{
  const uint32_t varies = frank_cpu_varying_words(at);
  struct stream s[STREAMS] = {p->start, p->start};
  uint32x4_t w[STREAMS][8];
  const uint32_t high_digits = frank_cpu_hex2[low >> 8] << 16;
#pragma GCC unroll 8
  for (size_t quad = 0; quad < 8; quad++) {
#pragma GCC unroll 2
    for (unsigned i = 0; i < STREAMS; i++) {
      if ((varies >> (4 * quad) & 0xfU) != 0) {
        uint32_t word = high_digits | frank_cpu_hex2[(low & 0xffU) + i];
        w[i][quad] = varying_quad(p, w[i], word, at, quad);
        four_rounds(&s[i], vaddq_u32(w[i][quad], vld1q_u32(&frank_sha256_k[4 * quad])));
        continue;
      }
      w[i][quad] = vld1q_u32(&p->first.w[4 * quad]);
      if (at < 4 * quad) { /* else done once per run */
        four_rounds(&s[i], vld1q_u32(&p->kw[4 * quad]));
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
  uint32x4_t w[STREAMS][4];
  memcpy(s, pair->s, sizeof s);
  memcpy(w, pair->w, sizeof w);
#pragma GCC unroll 1
  for (size_t base = 32; base < 64; base += 16) {
#pragma GCC unroll 4
    for (size_t quad = 0; quad < 4; quad++) {
      uint32x4_t k = vld1q_u32(&frank_sha256_k[base + 4 * quad]);
#pragma GCC unroll 2
      for (unsigned i = 0; i < STREAMS; i++) {
        w[i][quad] =
            expand(w[i][quad], w[i][(quad + 1) % 4], w[i][(quad + 2) % 4], w[i][(quad + 3) % 4]);
        four_rounds(&s[i], vaddq_u32(w[i][quad], k));
      }
    }
  }
  pair->s[0] = sum_of(s[0], *init);
  pair->s[1] = sum_of(s[1], *init);
}

/* One of the later blocks, whose K+W is ready. */
static void later_block(struct pair *pair, const uint32_t kw[64])
{
  struct stream s[STREAMS];
  memcpy(s, pair->s, sizeof s);
#pragma GCC unroll 1
  for (size_t base = 0; base < 64; base += 16) {
#pragma GCC unroll 4
    for (size_t t = 0; t < 16; t += 4) {
      uint32x4_t ready = vld1q_u32(&kw[base + t]);
      four_rounds(&s[0], ready);
      four_rounds(&s[1], ready);
    }
  }
  pair->s[0] = sum_of(s[0], pair->s[0]);
  pair->s[1] = sum_of(s[1], pair->s[1]);
}

/* The first word of a hash. */
INLINE uint32_t first_word(const struct stream *s)
{
  return vgetq_lane_u32(s->abcd, 0);
}

#define SCAN frank_cpu_scan_arm_sha2
#include "engine/cpu/streams.h"
