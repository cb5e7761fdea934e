/* SHA-256 in plain C. See sha256.h; names follow FIPS 180-4. */
#include "proof/sha256.h"

#include <string.h>

const uint32_t frank_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t frank_sha256_h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static inline uint32_t rotr(uint32_t x, unsigned n)
{
  return (x >> n) | (x << (32 - n));
}

static inline uint32_t small_sigma0(uint32_t x)
{
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3);
}

static inline uint32_t small_sigma1(uint32_t x)
{
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >> 10);
}

void frank_sha256_load(const uint8_t bytes[64], uint32_t words[16])
{
  for (size_t i = 0; i < 16; i++) {
    const uint8_t *p = bytes + 4 * i;
    words[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
  }
}

void frank_sha256_expand(const uint32_t words[16], uint32_t kw[64])
{
  uint32_t w[64];

  memcpy(w, words, 16 * sizeof *w);
  for (size_t t = 16; t < 64; t++) {
    w[t] = small_sigma1(w[t - 2]) + w[t - 7] + small_sigma0(w[t - 15]) + w[t - 16];
  }
  for (size_t t = 0; t < 64; t++) {
    kw[t] = w[t] + frank_sha256_k[t];
  }
}

/* One round without moving the eight variables along: the caller turns their names instead. */
static inline void sha256_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
                                uint32_t f, uint32_t g, uint32_t *h, uint32_t kw)
{
  uint32_t big_sigma1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
  uint32_t ch = g ^ (e & (f ^ g));
  uint32_t t1 = *h + big_sigma1 + ch + kw;
  uint32_t big_sigma0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
  uint32_t maj = (a & b) | (c & (a | b));

  *d += t1;
  *h = t1 + big_sigma0 + maj;
}

void frank_sha256_rounds(uint32_t state[8], const uint32_t kw[64])
{
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

  for (size_t t = 0; t < 64; t += 8) {
    sha256_round(a, b, c, &d, e, f, g, &h, kw[t]);
    sha256_round(h, a, b, &c, d, e, f, &g, kw[t + 1]);
    sha256_round(g, h, a, &b, c, d, e, &f, kw[t + 2]);
    sha256_round(f, g, h, &a, b, c, d, &e, kw[t + 3]);
    sha256_round(e, f, g, &h, a, b, c, &d, kw[t + 4]);
    sha256_round(d, e, f, &g, h, a, b, &c, kw[t + 5]);
    sha256_round(c, d, e, &f, g, h, a, &b, kw[t + 6]);
    sha256_round(b, c, d, &e, f, g, h, &a, kw[t + 7]);
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

/* The hash in the making: the block that is not full yet, and the state after those before it. */
struct sha256_run {
  uint32_t state[8];
  uint8_t block[FRANK_SHA256_BLOCK_BYTES];
  size_t filled_bytes;
};

static void run_block(struct sha256_run *run)
{
  uint32_t words[16], kw[64];

  frank_sha256_load(run->block, words);
  frank_sha256_expand(words, kw);
  frank_sha256_rounds(run->state, kw);
  run->filled_bytes = 0;
}

static void run_add(struct sha256_run *run, const void *data, size_t len_bytes)
{
  const uint8_t *bytes = data;

  while (len_bytes > 0) {
    size_t room = sizeof run->block - run->filled_bytes;
    size_t take = len_bytes < room ? len_bytes : room;

    memcpy(run->block + run->filled_bytes, bytes, take);
    run->filled_bytes += take;
    bytes += take;
    len_bytes -= take;
    if (run->filled_bytes == sizeof run->block) {
      run_block(run);
    }
  }
}

void frank_sha256(const void *a, size_t a_len, const void *b, size_t b_len, struct frank_hash *out)
{
  static const uint8_t padding[FRANK_SHA256_BLOCK_BYTES] = {0x80};
  uint64_t len_bits = ((uint64_t)a_len + (uint64_t)b_len) * 8;
  struct sha256_run run = {.filled_bytes = 0};
  uint8_t len_be[8];

  memcpy(run.state, frank_sha256_h, sizeof run.state);
  run_add(&run, a, a_len);
  run_add(&run, b, b_len);
  /* 0x80 and zeros up to 8 bytes before the end of a block: 1 to 64 of them */
  run_add(&run, padding, 1 + (119 - run.filled_bytes) % 64);
  for (size_t i = 0; i < sizeof len_be; i++) {
    len_be[i] = (uint8_t)(len_bits >> (56 - 8 * i));
  }
  run_add(&run, len_be, sizeof len_be);
  for (size_t i = 0; i < FRANK_SHA256_BYTES; i++) {
    out->bytes[i] = (uint8_t)(run.state[i / 4] >> (24 - 8 * (i % 4)));
  }
}
