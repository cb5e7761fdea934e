/*
 * first_block: the constant part of block 0, in plain C: it runs once per slice.
 */
#include "engine/cpu/first_block.h"

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

/* Schedule words: all of the constant ones, the constant part of the others. */
static void expand(const struct frank_slice *slice, uint32_t varies,
                   struct frank_cpu_first_block *first)
{
  memset(first, 0, sizeof *first);
  for (unsigned t = 0; t < 16; t++) {
    first->w[t] = (varies >> t & 1) != 0 ? 0 : slice->block[t];
    first->kw[t] = first->w[t] + frank_sha256_k[t];
  }
  for (unsigned t = 16; t < 32; t++) {
    uint32_t sum = 0;
    sum += (varies >> (t - 16) & 1) != 0 ? 0 : first->w[t - 16];
    sum += (varies >> (t - 15) & 1) != 0 ? 0 : small_sigma0(first->w[t - 15]);
    sum += (varies >> (t - 7) & 1) != 0 ? 0 : first->w[t - 7];
    sum += (varies >> (t - 2) & 1) != 0 ? 0 : small_sigma1(first->w[t - 2]);
    first->constant[t] = sum;
    first->w[t] = sum;
    first->kw[t] = sum + frank_sha256_k[t];
  }
}

void frank_cpu_first_block_prepare(const struct frank_slice *slice,
                                   struct frank_cpu_first_block *first)
{
  unsigned at = slice->counter_word;
  expand(slice, frank_cpu_varying_words(at), first);

  uint32_t s[8];
  memcpy(s, slice->init, sizeof s);
  for (unsigned t = 0; t < at; t++) {
    uint32_t t1 = s[7] + first->kw[t] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) +
                  (s[6] ^ (s[4] & (s[5] ^ s[6])));
    uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) +
                  ((s[0] & s[1]) | (s[2] & (s[0] | s[1])));
    memmove(&s[1], &s[0], 7 * sizeof s[0]);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  memcpy(first->start, s, sizeof s);
}
