/*
 * first_block: the constant part of block 0, in plain C: it runs once in 65536 counters.
 */
#include "engine/cpu/first_block.h"

#include "engine/cpu/variant.h"
#include "proof/sha256.h"

#include <string.h>

#define HEX1(n)   ((n) < 10 ? '0' + (n) : 'a' + (n)-10)
#define HEX2(n)   (uint32_t)(HEX1((n) / 16) << 8 | HEX1((n) % 16))
#define HEX2X4(n) HEX2(n), HEX2((n) + 1), HEX2((n) + 2), HEX2((n) + 3)
#define ROW(n)    HEX2X4(n), HEX2X4((n) + 4), HEX2X4((n) + 8), HEX2X4((n) + 12)

/* Aligned for the widest vectors. */
_Alignas(64) const uint32_t frank_cpu_hex2[256] = {
    ROW(0),   ROW(16),  ROW(32),  ROW(48),  ROW(64),  ROW(80),  ROW(96),  ROW(112),
    ROW(128), ROW(144), ROW(160), ROW(176), ROW(192), ROW(208), ROW(224), ROW(240),
};

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

/* Schedule words: all of the constant ones, the constant part of the others. */
static void expand(const uint32_t block[16], struct frank_cpu_first_block *first)
{
  uint32_t varies = frank_cpu_varying_words(first->at);
  for (unsigned t = 0; t < 16; t++) {
    first->w[t] = (varies >> t & 1) != 0 ? 0 : block[t];
  }
  for (unsigned t = 16; t < 32; t++) {
    uint32_t sum = 0;
    sum += (varies >> (t - 16) & 1) != 0 ? 0 : first->w[t - 16];
    sum += (varies >> (t - 15) & 1) != 0 ? 0 : small_sigma0(first->w[t - 15]);
    sum += (varies >> (t - 7) & 1) != 0 ? 0 : first->w[t - 7];
    sum += (varies >> (t - 2) & 1) != 0 ? 0 : small_sigma1(first->w[t - 2]);
    first->w[t] = sum;
  }
  for (unsigned t = 0; t < 32; t++) {
    first->kw[t] = frank_sha256_k[t] + ((varies >> t & 1) != 0 ? 0 : first->w[t]);
  }
}

void frank_cpu_first_block_prepare(const struct frank_slice *slice, uint32_t counter,
                                   struct frank_cpu_first_block *first)
{
  uint32_t block[16];
  memset(first, 0, sizeof *first);
  memcpy(block, slice->block, sizeof block);
  block[slice->counter_word] = frank_cpu_hex4(counter >> 16);
  first->at = slice->counter_word + 1U;
  expand(block, first);

  uint32_t s[8];
  memcpy(s, slice->init, sizeof s);
  for (unsigned t = 0; t <= first->at; t++) {
    uint32_t t1 = s[7] + first->kw[t] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) +
                  (s[6] ^ (s[4] & (s[5] ^ s[6])));
    uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) +
                  ((s[0] & s[1]) | (s[2] & (s[0] | s[1])));
    memmove(&s[1], &s[0], 7 * sizeof s[0]);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  memcpy(first->start, s, sizeof s);
  for (unsigned i = 1; i <= 3; i++) {
    first->kw[first->at + i] += s[8 - i]; /* h, then g, then f of now are the h of these rounds */
  }
}
