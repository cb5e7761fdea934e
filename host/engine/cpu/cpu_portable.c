/*
 * cpu_portable: the search in plain C, one counter at a time, for machines without a better
 * variant, and what the others are measured against.
 *
 * Rounds before the counter's words are the same for the whole slice and are done once; the K+W of
 * the later blocks comes ready with the slice.
 */
#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#include <string.h>

static inline uint32_t rotr(uint32_t x, unsigned bits)
{
  return (x >> bits) | (x << (32 - bits));
}

static inline uint32_t small_sigma0(uint32_t x)
{
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3);
}

static inline uint32_t small_sigma1(uint32_t x)
{
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >> 10);
}

/* One round (FIPS 180-4 section 6.2.2, step 3) in place: the caller turns the names of the
 * variables instead of moving their values. */
#define ROUND(a, b, c, d, e, f, g, h, kw)                                                          \
  do {                                                                                             \
    uint32_t t1 =                                                                                  \
        (h) + (kw) + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((g) ^ ((e) & ((f) ^ (g))));       \
    uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + (((a) & (b)) | ((c) & ((a) | (b))));  \
    (d) += t1;                                                                                     \
    (h) = t1 + t2;                                                                                 \
  } while (0)

/* Eight rounds, after which every variable has its own name again. */
#define EIGHT_ROUNDS(s, kw)                                                                        \
  do {                                                                                             \
    ROUND(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], (kw)[0]);                                \
    ROUND(s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6], (kw)[1]);                                \
    ROUND(s[6], s[7], s[0], s[1], s[2], s[3], s[4], s[5], (kw)[2]);                                \
    ROUND(s[5], s[6], s[7], s[0], s[1], s[2], s[3], s[4], (kw)[3]);                                \
    ROUND(s[4], s[5], s[6], s[7], s[0], s[1], s[2], s[3], (kw)[4]);                                \
    ROUND(s[3], s[4], s[5], s[6], s[7], s[0], s[1], s[2], (kw)[5]);                                \
    ROUND(s[2], s[3], s[4], s[5], s[6], s[7], s[0], s[1], (kw)[6]);                                \
    ROUND(s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[0], (kw)[7]);                                \
  } while (0)

/* One round that moves the values, for starting in the middle of a block. */
static void shifting_round(uint32_t s[8], uint32_t kw)
{
  uint32_t h = s[7];
  uint32_t d = s[3];
  ROUND(s[0], s[1], s[2], d, s[4], s[5], s[6], h, kw);
  memmove(&s[1], &s[0], 7 * sizeof s[0]);
  s[0] = h;
  s[4] = d;
}

/* What is the same for every counter of a slice. */
struct prepared {
  uint32_t start[8]; /* state after the rounds before the counter's words */
  uint32_t kw[16];   /* K+W of block 0; the counter's two are filled in for each attempt */
  uint32_t w[16];
};

static void prepare(const struct frank_slice *slice, struct prepared *p)
{
  memcpy(p->start, slice->init, sizeof p->start);
  for (unsigned t = 0; t < 16; t++) {
    p->w[t] = slice->block[t];
    p->kw[t] = slice->block[t] + frank_sha256_k[t];
  }
  for (unsigned t = 0; t < slice->counter_word; t++) {
    shifting_round(p->start, p->kw[t]);
  }
}

/* The first block for one counter: state = init + rounds. */
static void first_block(const struct frank_slice *slice, struct prepared *p, uint32_t counter,
                        uint32_t state[8])
{
  unsigned at = slice->counter_word;
  p->w[at] = frank_cpu_hex4(counter >> 16);
  p->w[at + 1] = frank_cpu_hex4(counter & 0xffffU);
  p->kw[at] = p->w[at] + frank_sha256_k[at];
  p->kw[at + 1] = p->w[at + 1] + frank_sha256_k[at + 1];

  uint32_t s[8];
  memcpy(s, p->start, sizeof s);
  for (unsigned t = at; t < 16; t++) {
    shifting_round(s, p->kw[t]);
  }
  uint32_t w[16];
  memcpy(w, p->w, sizeof w);
  for (unsigned t = 16; t < 64; t += 16) {
    uint32_t kw[16];
    for (unsigned i = 0; i < 16; i++) {
      w[i] += small_sigma0(w[(i + 1) & 15]) + w[(i + 9) & 15] + small_sigma1(w[(i + 14) & 15]);
      kw[i] = w[i] + frank_sha256_k[t + i];
    }
    EIGHT_ROUNDS(s, kw);
    EIGHT_ROUNDS(s, kw + 8);
  }
  for (unsigned i = 0; i < 8; i++) {
    state[i] = slice->init[i] + s[i];
  }
}

static void later_blocks(const struct frank_slice *slice, uint32_t state[8])
{
  const uint32_t *kw = slice->kw;
  for (unsigned block = 1; block < slice->blocks; block++, kw += 64) {
    uint32_t s[8];
    memcpy(s, state, sizeof s);
    for (unsigned t = 0; t < 64; t += 8) {
      EIGHT_ROUNDS(s, kw + t);
    }
    for (unsigned i = 0; i < 8; i++) {
      state[i] += s[i];
    }
  }
}

void frank_cpu_scan_portable(const struct frank_slice *slice, struct frank_scan *result)
{
  struct prepared p;
  prepare(slice, &p);
  for (uint64_t done = 0; done < slice->count; done++) {
    uint32_t counter = (uint32_t)(slice->first + done);
    uint32_t state[8];
    first_block(slice, &p, counter, state);
    later_blocks(slice, state);
    if (state[0] > slice->bound) {
      continue;
    }
    frank_cpu_keep(slice, result, counter, state[0]);
    if (slice->may_stop && state[0] <= slice->stop_at) {
      result->attempts = done + 1;
      return;
    }
  }
  result->attempts = slice->count;
}
