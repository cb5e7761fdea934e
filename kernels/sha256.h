/*
 * sha256: rounds of SHA-256 (FIPS 180-4 section 6.2.2) on vectors, one counter in each lane, and on
 * single words for what all counters of a work item have in common.
 */
#ifndef FRANK_KERNELS_SHA256_H
#define FRANK_KERNELS_SHA256_H

/* Section 4.2.2. */
__constant uint frank_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define BIG_SIGMA0(x)   (v_rotr(x, 2) ^ v_rotr(x, 13) ^ v_rotr(x, 22))
#define BIG_SIGMA1(x)   (v_rotr(x, 6) ^ v_rotr(x, 11) ^ v_rotr(x, 25))
#define SMALL_SIGMA0(x) (v_rotr(x, 7) ^ v_rotr(x, 18) ^ ((x) >> 3))
#define SMALL_SIGMA1(x) (v_rotr(x, 17) ^ v_rotr(x, 19) ^ ((x) >> 10))

/* The variable that plays part `i` (0 is a) in round `t`: names turn, values stay. */
#define PART(s, i, t) (s)[((i) + 64 - (t)) % 8]

/* Round `t`, which adds `kw`: K + W. */
INLINE void round_of(vec s[8], uint t, vec kw)
{
  vec e = PART(s, 4, t);
  vec a = PART(s, 0, t);
  vec t1 = PART(s, 7, t) + kw + v_choose(e, PART(s, 5, t), PART(s, 6, t)) + BIG_SIGMA1(e);
  PART(s, 3, t) += t1;
  PART(s, 7, t) = t1 + v_majority(a, PART(s, 1, t), PART(s, 2, t)) + BIG_SIGMA0(a);
}

/* W[t] in place of W[t-16], `t` below 16 and all sixteen in w. */
INLINE void next_word(vec w[16], uint t)
{
  w[t] += SMALL_SIGMA0(w[(t + 1) % 16]) + w[(t + 9) % 16] + SMALL_SIGMA1(w[(t + 14) % 16]);
}

/* ---- single words ---- */

INLINE uint rotr(uint x, uint n)
{
  return x >> n | x << (32 - n);
}

INLINE uint small_sigma0(uint x)
{
  return rotr(x, 7) ^ rotr(x, 18) ^ x >> 3;
}

INLINE uint small_sigma1(uint x)
{
  return rotr(x, 17) ^ rotr(x, 19) ^ x >> 10;
}

/* A round of single words; s[0] is a, s[7] is h. */
INLINE void scalar_round(uint s[8], uint kw)
{
  uint t1 = s[7] + kw + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) +
            (s[6] ^ (s[4] & (s[5] ^ s[6])));
  uint t2 =
      (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) + ((s[0] & s[1]) | (s[2] & (s[0] | s[1])));
  s[7] = s[6];
  s[6] = s[5];
  s[5] = s[4];
  s[4] = s[3] + t1;
  s[3] = s[2];
  s[2] = s[1];
  s[1] = s[0];
  s[0] = t1 + t2;
}

#endif
