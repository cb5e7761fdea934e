/*
 * sha256: plain and small; it sees a few hundred counters a second, not millions.
 */
#include "sha256.h"

#include "core.h"

#include <string.h>

/* FIPS 180-4 section 4.2.2. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned bits)
{
  return (x >> bits) | (x << (32 - bits));
}

void frank_fpga_sha256_expand(const uint32_t words[16], uint32_t kw[64])
{
  uint32_t w[64];
  memcpy(w, words, 16 * sizeof w[0]);
  for (unsigned t = 16; t < 64; t++) {
    uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  for (unsigned t = 0; t < 64; t++) {
    kw[t] = w[t] + round_constants[t];
  }
}

void frank_fpga_sha256_rounds(uint32_t state[8], const uint32_t kw[64])
{
  uint32_t a = state[0];
  uint32_t b = state[1];
  uint32_t c = state[2];
  uint32_t d = state[3];
  uint32_t e = state[4];
  uint32_t f = state[5];
  uint32_t g = state[6];
  uint32_t h = state[7];
  for (unsigned t = 0; t < 64; t++) {
    uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + kw[t];
    uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/* Four hexadecimal digits in ASCII, the highest first. */
static uint32_t digits(uint32_t half)
{
  uint32_t word = 0;
  for (unsigned shift = 16; shift > 0; shift -= 4) {
    uint32_t nibble = half >> (shift - 4) & 0xf;
    word = word << 8 | (nibble < 10 ? '0' + nibble : 'a' + nibble - 10);
  }
  return word;
}

uint32_t frank_fpga_sha256_word(const struct frank_fpga_job *job, uint32_t counter)
{
  uint32_t words[16];
  uint32_t state[8];
  uint32_t kw[64];
  memcpy(words, job->block, sizeof words);
  memcpy(state, job->init, sizeof state);
  words[job->counter_word] = digits(counter >> 16);
  words[job->counter_word + 1] = digits(counter & 0xffff);
  frank_fpga_sha256_expand(words, kw);
  frank_fpga_sha256_rounds(state, kw);
  for (unsigned block = 1; block < job->blocks; block++) {
    frank_fpga_sha256_rounds(state, job->kw + (size_t)(block - 1) * 64);
  }
  return state[0];
}
