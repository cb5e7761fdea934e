/*
 * sha256: SHA-256 (FIPS 180-4), portable, one-shot and by the block.
 *
 * Used for the host's check of every candidate, for the search plan (K+W of constant blocks), and
 * by the portable search engine. Pure; no allocation.
 */
#ifndef FRANK_PROOF_SHA256_H
#define FRANK_PROOF_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define FRANK_SHA256_BYTES       32
#define FRANK_SHA256_BLOCK_BYTES 64

extern const uint32_t frank_sha256_k[64]; /* round constants, FIPS 180-4 section 4.2.2 */
extern const uint32_t frank_sha256_h[8];  /* initial hash value, section 5.3.3 */

/* A hash as a 256-bit big-endian number: bytes[0] is the most significant. */
struct frank_hash {
  uint8_t bytes[FRANK_SHA256_BYTES];
};

/* Hash of `a_len` bytes of `a` followed by `b_len` bytes of `b`; either may be NULL with 0. */
void frank_sha256(const void *a, size_t a_len, const void *b, size_t b_len, struct frank_hash *out);

/* Sixteen big-endian words from 64 bytes. */
void frank_sha256_load(const uint8_t bytes[64], uint32_t words[16]);

/* K[t]+W[t] for t = 0..63 from a block's sixteen words (section 6.2.2, step 1). */
void frank_sha256_expand(const uint32_t words[16], uint32_t kw[64]);

/* One compression with ready K+W: state += rounds(state). Section 6.2.2, steps 2 to 4. */
void frank_sha256_rounds(uint32_t state[8], const uint32_t kw[64]);

#endif
