/*
 * plan: how a proof of work "hash(nonce || suffix) is small" is laid out for a search device.
 *
 * The nonce is `digits` hexadecimal characters at the very front. Eight of them, in two
 * neighbouring 32-bit words of the first block, are the device's 32-bit counter; the others stay
 * fixed for a slice. Everything after the first block is the same for every nonce, so its message
 * schedule is expanded once per job.
 *
 *     block 0:  d d d d | d d d d | C C C C | C C C C | d d d s | s s s s ...   d fixed digit
 *     block 1+: s s s s ...                           ... 0x80 0 ... length     C counter digit
 *
 * Nothing here knows of mail. Room for other proofs: `init` and `before_bytes` allow whole
 * constant blocks before the nonce. Pure; no allocation.
 */
#ifndef FRANK_PROOF_PLAN_H
#define FRANK_PROOF_PLAN_H

#include "base/err.h"
#include "proof/sha256.h"
#include "proof/target.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_PLAN_DIGITS_MAX       40
#define FRANK_PLAN_DIGITS_MIN       8
#define FRANK_PLAN_SUFFIX_MAX_BYTES 2048
#define FRANK_PLAN_BLOCKS_MAX       33 /* 15 + 2048 + 9 octets; see frank_plan_make */
#define FRANK_PLAN_TAIL_MAX_BYTES   ((FRANK_PLAN_BLOCKS_MAX - 1) * 64)

struct frank_plan {
  uint8_t digits;       /* length of the nonce in characters, 8..40 */
  uint8_t blocks;       /* compressions per attempt, 1..FRANK_PLAN_BLOCKS_MAX */
  uint8_t counter_word; /* index of the first of the counter's two words in block 0, 0..14 */
  uint16_t suffix_bytes;
  uint32_t init[8];      /* state before block 0: SHA-256's initial value */
  uint64_t before_bytes; /* constant bytes hashed into init, a multiple of 64 */
};

/* The nonce of a search: its fixed digits, enumerated from a random start so that two appliances
 * do not repeat each other. The counter's places hold '0'. */
struct frank_nonce {
  char text[FRANK_PLAN_DIGITS_MAX + 1]; /* digits, NUL */
};

/* The layout for a suffix of `suffix_bytes` (1..FRANK_PLAN_SUFFIX_MAX_BYTES) and a factor: the
 * fewest blocks that hold 8 digits, or as many as 64*factor nonces need; then as many digits, 40 at
 * most, as fit without another block. FRANK_ERR_RANGE for a suffix or factor out of range. */
FRANK_MUST_CHECK enum frank_err frank_plan_make(size_t suffix_bytes, uint64_t factor,
                                                struct frank_plan *plan);

/* Turns 40 random bytes into the fixed digits of a first nonce. */
void frank_plan_nonce_start(const struct frank_plan *plan, const uint8_t random[40],
                            struct frank_nonce *nonce);

/* The next combination of fixed digits, wrapping round; the counter's places stay '0'. */
void frank_plan_nonce_next(const struct frank_plan *plan, struct frank_nonce *nonce);

/* The nonce with the counter written into its places: plan->digits characters and a NUL. */
void frank_plan_nonce_at(const struct frank_plan *plan, const struct frank_nonce *nonce,
                         uint32_t counter, char text[FRANK_PLAN_DIGITS_MAX + 1]);

/* Block 0 as big-endian words, the counter's two words holding '0' digits, padding included where
 * blocks is 1. `suffix` has plan->suffix_bytes bytes. */
void frank_plan_first_block(const struct frank_plan *plan, const struct frank_nonce *nonce,
                            const char *suffix, uint32_t words[16]);

/* The bytes of blocks 1..blocks-1, padding and length included: (blocks-1)*64 bytes. */
void frank_plan_tail(const struct frank_plan *plan, const char *suffix, uint8_t *tail);

/* The counter's two words: eight lower-case hexadecimal digits, most significant first. */
void frank_plan_counter_words(uint32_t counter, uint32_t words[2]);

#endif
