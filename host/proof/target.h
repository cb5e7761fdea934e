/*
 * target: the exact arithmetic of "this hash meets that factor", and the scale for people.
 *
 * A hash H meets a factor F if and only if H * F < 2^256, in integers. F runs from 1 to 2^53-1
 * (exact in JSON). Pure.
 */
#ifndef FRANK_PROOF_TARGET_H
#define FRANK_PROOF_TARGET_H

#include "base/err.h"
#include "proof/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_FACTOR_MAX ((UINT64_C(1) << 53) - 1)

/* H * factor < 2^256, exactly. `factor` 1..FRANK_FACTOR_MAX (asserted). */
bool frank_target_meets(const struct frank_hash *hash, uint64_t factor);

/* The largest first 32-bit word that a hash meeting `factor` can have: a hash with a larger one
 * cannot meet it, one with a smaller one does. */
uint32_t frank_target_first_word(uint64_t factor);

/* <0, 0, >0 as a is below, equal to, above b, read as 256-bit big-endian numbers. */
int frank_hash_compare(const struct frank_hash *a, const struct frank_hash *b);

/* 256 - log2(max(H,1)): the work that the hash shows, in bits (0 to 256). */
double frank_target_bits(const struct frank_hash *hash);

/* bits(H) - log2(factor): 0 or more when it meets, up to rounding. */
double frank_target_score(const struct frank_hash *hash, uint64_t factor);

/* A factor in decimal digits, no sign, no fraction, no exponent, no leading or trailing anything.
 * FRANK_ERR_MALFORMED, FRANK_ERR_RANGE (0, or above FRANK_FACTOR_MAX). */
FRANK_MUST_CHECK enum frank_err frank_factor_parse(const char *text, size_t len_bytes,
                                                   uint64_t *factor);

/* The factor of `bits` of work: 2^bits rounded to the nearest integer, for 0 <= bits < 53.
 * FRANK_ERR_RANGE for another number (NaN included). */
FRANK_MUST_CHECK enum frank_err frank_factor_from_bits(double bits, uint64_t *factor);

/* 64 hexadecimal digits, either case, to a hash. FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_hash_parse(const char *text, size_t len_bytes,
                                                 struct frank_hash *hash);
/* Lower-case hexadecimal digits and a NUL. */
void frank_hash_format(const struct frank_hash *hash, char text[65]);

#endif
