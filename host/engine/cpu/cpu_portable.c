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

/* The variable that plays part `i` (0 is a) in round `t`: names turn, values stay. */
#define PART(s, i, t) (s)[((i) + 64U - (t)) % 8]

/* Round `t` (FIPS 180-4 section 6.2.2, step 3); for a constant t no value is moved. */
static inline __attribute__((always_inline)) void round_of(uint32_t s[8], unsigned t, uint32_t kw)
{
  uint32_t a = PART(s, 0, t);
  uint32_t b = PART(s, 1, t);
  uint32_t c = PART(s, 2, t);
  uint32_t e = PART(s, 4, t);
  uint32_t f = PART(s, 5, t);
  uint32_t g = PART(s, 6, t);
  uint32_t t1 = PART(s, 7, t) + kw + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g)));
  uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
  PART(s, 3, t) += t1;
  PART(s, 7, t) = t1 + t2;
}

/* What is the same for every counter of a slice. */
struct prepared {
  uint32_t start[8]; /* the variables, under their names of round counter_word, before it */
  uint32_t w[16];    /* block 0; the counter's two words are filled in for each attempt */
  uint32_t kw[16];   /* the same with K added */
};

static void prepare(const struct frank_slice *slice, struct prepared *p)
{
  memcpy(p->start, slice->init, sizeof p->start);
  for (unsigned t = 0; t < 16; t++) {
    p->w[t] = slice->block[t];
    p->kw[t] = slice->block[t] + frank_sha256_k[t];
  }
  for (unsigned t = 0; t < slice->counter_word; t++) {
    round_of(p->start, t, p->kw[t]);
  }
}

/* Rounds counter_word to 15. */
static inline __attribute__((always_inline)) void early_rounds(uint32_t s[8], unsigned from,
                                                               const uint32_t kw[16])
{
  switch (from) {
  case 0:
    round_of(s, 0, kw[0]); /* fall through */
  case 1:
    round_of(s, 1, kw[1]); /* fall through */
  case 2:
    round_of(s, 2, kw[2]); /* fall through */
  case 3:
    round_of(s, 3, kw[3]); /* fall through */
  case 4:
    round_of(s, 4, kw[4]); /* fall through */
  case 5:
    round_of(s, 5, kw[5]); /* fall through */
  case 6:
    round_of(s, 6, kw[6]); /* fall through */
  case 7:
    round_of(s, 7, kw[7]); /* fall through */
  case 8:
    round_of(s, 8, kw[8]); /* fall through */
  case 9:
    round_of(s, 9, kw[9]); /* fall through */
  case 10:
    round_of(s, 10, kw[10]); /* fall through */
  case 11:
    round_of(s, 11, kw[11]); /* fall through */
  case 12:
    round_of(s, 12, kw[12]); /* fall through */
  case 13:
    round_of(s, 13, kw[13]); /* fall through */
  default:
    round_of(s, 14, kw[14]);
    round_of(s, 15, kw[15]);
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
  uint32_t w[16];
  memcpy(s, p->start, sizeof s);
  memcpy(w, p->w, sizeof w);
  early_rounds(s, at, p->kw);
  for (unsigned base = 16; base < 64; base += 16) {
    const uint32_t *k = &frank_sha256_k[base];
#pragma GCC unroll 16
    for (unsigned t = 0; t < 16; t++) {
      w[t] += small_sigma0(w[(t + 1) % 16]) + w[(t + 9) % 16] + small_sigma1(w[(t + 14) % 16]);
      round_of(s, t, w[t] + k[t]);
    }
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
    for (unsigned base = 0; base < 64; base += 8) {
#pragma GCC unroll 8
      for (unsigned t = 0; t < 8; t++) {
        round_of(s, t, kw[base + t]);
      }
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
