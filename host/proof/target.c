/* The exact test, and the scale for people. See target.h. */
#include "proof/target.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LIMBS 8 /* of 32 bits, least significant first */

bool frank_target_meets(const struct frank_hash *hash, uint64_t factor)
{
  uint32_t h[LIMBS], product[LIMBS + 2] = {0};
  uint64_t low = (uint32_t)factor, high = factor >> 32; /* high < 2^21 */
  uint64_t carry = 0;

  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX);
  for (size_t i = 0; i < LIMBS; i++) {
    const uint8_t *p = hash->bytes + 4 * (LIMBS - 1 - i);
    h[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
  }
  for (size_t i = 0; i < LIMBS; i++) { /* (2^32-1)^2 + 2^32-1 fits */
    carry += h[i] * low;
    product[i] = (uint32_t)carry;
    carry >>= 32;
  }
  product[LIMBS] = (uint32_t)carry;
  carry = 0;
  for (size_t i = 0; i < LIMBS; i++) { /* the same, one limb up */
    carry += h[i] * high + product[i + 1];
    product[i + 1] = (uint32_t)carry;
    carry >>= 32;
  }
  product[LIMBS + 1] = (uint32_t)carry;
  return product[LIMBS] == 0 && product[LIMBS + 1] == 0;
}

uint32_t frank_target_first_word(uint64_t factor)
{
  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX);
  /* The largest H that meets is floor((2^256-1)/factor); its first word is that, without the last
   * 224 bits, and the order of the two roundings down does not matter. */
  return (uint32_t)(UINT32_MAX / factor);
}

int frank_hash_compare(const struct frank_hash *a, const struct frank_hash *b)
{
  return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

double frank_target_bits(const struct frank_hash *hash)
{
  uint64_t top = 0;
  size_t first = 0;
  int exponent;
  double mantissa;

  while (first < FRANK_SHA256_BYTES - 1 && hash->bytes[first] == 0) {
    first++;
  }
  if (first == FRANK_SHA256_BYTES - 1 && hash->bytes[first] == 0) {
    return 256.0; /* H = 0 counts as 1 */
  }
  /* The eight bytes from the first that is not 0: more than a double holds. */
  for (size_t i = 0; i < 8; i++) {
    top = top << 8 | (first + i < FRANK_SHA256_BYTES ? hash->bytes[first + i] : 0);
  }
  /* H = mantissa * 2^(exponent - 64 + 256 - 8*first); log2 of the mantissa alone loses nothing */
  mantissa = frexp((double)top, &exponent);
  return (double)(64 - exponent) + 8.0 * (double)first - log2(mantissa);
}

double frank_target_score(const struct frank_hash *hash, uint64_t factor)
{
  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX);
  return frank_target_bits(hash) - log2((double)factor);
}

enum frank_err frank_factor_parse(const char *text, size_t len_bytes, uint64_t *factor)
{
  uint64_t value = 0;

  if (len_bytes == 0 || (len_bytes > 1 && text[0] == '0')) {
    return FRANK_ERR_MALFORMED; /* "010": eight or ten? */
  }
  for (size_t i = 0; i < len_bytes; i++) {
    if (text[i] < '0' || text[i] > '9') {
      return FRANK_ERR_MALFORMED;
    }
  }
  for (size_t i = 0; i < len_bytes; i++) {
    value = value * 10 + (uint64_t)(text[i] - '0');
    if (value > FRANK_FACTOR_MAX) {
      return FRANK_ERR_RANGE;
    }
  }
  if (value == 0) {
    return FRANK_ERR_RANGE;
  }
  *factor = value;
  return FRANK_OK;
}

enum frank_err frank_factor_from_bits(double bits, uint64_t *factor)
{
  if (!(bits >= 0.0 && bits < 53.0)) { /* this way round, NaN fails too */
    return FRANK_ERR_RANGE;
  }
  *factor = (uint64_t)round(exp2(bits)); /* the largest double below 53 gives 2^53 - 44 */
  return FRANK_OK;
}

static int hex_value(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

enum frank_err frank_hash_parse(const char *text, size_t len_bytes, struct frank_hash *hash)
{
  struct frank_hash value;

  if (len_bytes != (size_t)2 * FRANK_SHA256_BYTES) {
    return FRANK_ERR_MALFORMED;
  }
  for (size_t i = 0; i < FRANK_SHA256_BYTES; i++) {
    int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return FRANK_ERR_MALFORMED;
    }
    value.bytes[i] = (uint8_t)(high << 4 | low);
  }
  *hash = value;
  return FRANK_OK;
}

void frank_hash_format(const struct frank_hash *hash, char text[65])
{
  static const char digits[] = "0123456789abcdef";

  for (size_t i = 0; i < FRANK_SHA256_BYTES; i++) {
    text[2 * i] = digits[hash->bytes[i] >> 4];
    text[2 * i + 1] = digits[hash->bytes[i] & 15];
  }
  text[(size_t)2 * FRANK_SHA256_BYTES] = '\0';
}
