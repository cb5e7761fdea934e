/* The exact test against OpenSSL's BIGNUM; the scale; factors as text and as bits. */
#include "../random.h"
#include "proof/target.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>

static struct {
  BN_CTX *context;
  BIGNUM *h, *f, *product, *limit; /* limit: 2^256 */
} bn;

static int bn_begin(void **state)
{
  (void)state;
  bn.context = BN_CTX_new();
  bn.h = BN_new();
  bn.f = BN_new();
  bn.product = BN_new();
  bn.limit = BN_new();
  return bn.context && bn.h && bn.f && bn.product && bn.limit && BN_set_bit(bn.limit, 256) ? 0 : -1;
}

static int bn_end(void **state)
{
  (void)state;
  BN_free(bn.h);
  BN_free(bn.f);
  BN_free(bn.product);
  BN_free(bn.limit);
  BN_CTX_free(bn.context);
  return 0;
}

static void set_factor(uint64_t factor)
{
  uint8_t bytes[8];

  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(factor >> (56 - 8 * i));
  }
  assert_non_null(BN_bin2bn(bytes, sizeof bytes, bn.f));
}

static bool bn_meets(const struct frank_hash *hash, uint64_t factor)
{
  set_factor(factor);
  assert_non_null(BN_bin2bn(hash->bytes, 32, bn.h));
  assert_int_equal(BN_mul(bn.product, bn.h, bn.f, bn.context), 1);
  return BN_cmp(bn.product, bn.limit) < 0;
}

static void check_meets(const struct frank_hash *hash, uint64_t factor, bool expected)
{
  char text[65];

  frank_hash_format(hash, text);
  if (frank_target_meets(hash, factor) != expected) {
    fail_msg("h=%s factor=%llu: expected %d", text, (unsigned long long)factor, expected);
  }
}

/* floor((2^256-1)/factor) meets and one more does not: the edge itself, for this factor. */
static void check_edge(uint64_t factor)
{
  struct frank_hash hash;

  set_factor(factor);
  assert_non_null(BN_copy(bn.h, bn.limit));
  assert_int_equal(BN_sub_word(bn.h, 1), 1);
  assert_int_equal(BN_div(bn.product, NULL, bn.h, bn.f, bn.context), 1);
  assert_int_equal(BN_bn2binpad(bn.product, hash.bytes, 32), 32);
  check_meets(&hash, factor, true);
  assert_int_equal(frank_target_first_word(factor),
                   (uint32_t)hash.bytes[0] << 24 | (uint32_t)hash.bytes[1] << 16 |
                       (uint32_t)hash.bytes[2] << 8 | hash.bytes[3]);
  if (factor > 1) {
    assert_int_equal(BN_add_word(bn.product, 1), 1);
    assert_int_equal(BN_bn2binpad(bn.product, hash.bytes, 32), 32);
    check_meets(&hash, factor, false);
  }
}

static uint64_t random_factor(void)
{
  uint64_t factor = random_u64() >> (11 + random_below(53));

  return factor == 0 ? 1 : factor;
}

static void meets_exactly_to_the_last_unit(void **state)
{
  (void)state;
  for (uint64_t factor = 1; factor <= 300; factor++) {
    check_edge(factor);
  }
  for (unsigned k = 1; k < 53; k++) {
    check_edge((UINT64_C(1) << k) - 1);
    check_edge(UINT64_C(1) << k);
    check_edge((UINT64_C(1) << k) + 1);
  }
  check_edge(FRANK_FACTOR_MAX - 1);
  check_edge(FRANK_FACTOR_MAX);
  for (int i = 0; i < 5000; i++) {
    check_edge(random_factor());
  }
}

/* 2^i * 2^k < 2^256: every place that the product's only bit can have, in each of the limbs. */
static void meets_by_powers_of_two(void **state)
{
  (void)state;
  for (unsigned i = 0; i < 256; i++) {
    struct frank_hash hash = {{0}};

    hash.bytes[31 - i / 8] = (uint8_t)(1U << (i % 8));
    for (unsigned k = 0; k < 53; k++) {
      check_meets(&hash, UINT64_C(1) << k, i + k < 256);
    }
  }
}

static void agrees_with_bignum_on_random_hashes(void **state)
{
  (void)state;
  for (int i = 0; i < 20000; i++) {
    struct frank_hash hash;
    size_t zeros = random_below(9);

    random_bytes(hash.bytes, sizeof hash.bytes);
    memset(hash.bytes, 0, zeros);
    if (i % 3 == 0) { /* long carries */
      memset(hash.bytes + 8, 0xff, 24);
    }
    uint64_t factor = random_factor();
    check_meets(&hash, factor, bn_meets(&hash, factor));
  }
}

static struct frank_hash hash_of(const char *text)
{
  struct frank_hash hash;

  assert_int_equal(frank_hash_parse(text, strlen(text), &hash), FRANK_OK);
  return hash;
}

#define ZEROS_60 "000000000000000000000000000000000000000000000000000000000000"
#define EFS_60   "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void shows_work_in_bits(void **state)
{
  static const struct {
    const char *hash;
    double bits;
  } rows[] = {
      {ZEROS_60 "0000", 256.0},
      {ZEROS_60 "0001", 256.0},
      {ZEROS_60 "0002", 255.0},
      {ZEROS_60 "0003", 256.0 - 1.5849625007211562},
      {ZEROS_60 "0100", 248.0},
      {"8000" ZEROS_60, 1.0},
      {"4000" ZEROS_60, 2.0},
      {"0001" ZEROS_60, 16.0},
      {"ffff" EFS_60, 0.0},
      {"0000" EFS_60, 16.0},
      {"c000" ZEROS_60, 0.41503749927884376},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_hash hash = hash_of(rows[i].hash);

    assert_true(fabs(frank_target_bits(&hash) - rows[i].bits) < 1e-12);
  }
}

static void scores_at_least_0_where_it_meets(void **state)
{
  struct frank_hash hash = hash_of("0001" ZEROS_60);

  (void)state;
  assert_true(fabs(frank_target_score(&hash, 1024) - 6.0) < 1e-12);
  for (int i = 0; i < 5000; i++) {
    uint64_t factor = random_factor();
    double score;

    random_bytes(hash.bytes, sizeof hash.bytes);
    memset(hash.bytes, 0, random_below(7));
    score = frank_target_score(&hash, factor);
    if (fabs(score) > 1e-9) {
      assert_int_equal(score > 0, frank_target_meets(&hash, factor));
    }
  }
}

static void compares_as_numbers(void **state)
{
  struct frank_hash low = hash_of("00ff" EFS_60), high = hash_of("0100" ZEROS_60);

  (void)state;
  assert_true(frank_hash_compare(&low, &high) < 0);
  assert_true(frank_hash_compare(&high, &low) > 0);
  assert_int_equal(frank_hash_compare(&low, &low), 0);
}

static void reads_hashes_in_either_case_and_length_64_only(void **state)
{
  struct frank_hash hash = hash_of("0F1e" EFS_60), before = hash;
  char text[65];

  (void)state;
  frank_hash_format(&hash, text);
  assert_string_equal(text, "0f1e" EFS_60);
  assert_int_equal(frank_hash_parse("0f1e" EFS_60, 63, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_parse("0f1e" EFS_60 "0", 65, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_parse("", 0, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_parse("0g1e" EFS_60, 64, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_parse("0x1e" EFS_60, 64, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_parse(" f1e" EFS_60, 64, &hash), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_hash_compare(&hash, &before), 0); /* a failure changes nothing */
}

static void reads_factors_in_plain_digits_only(void **state)
{
  static const struct {
    const char *text;
    enum frank_err err;
    uint64_t factor;
  } rows[] = {
      {"1", FRANK_OK, 1},
      {"1048576", FRANK_OK, 1048576},
      {"9007199254740991", FRANK_OK, FRANK_FACTOR_MAX},
      {"9007199254740992", FRANK_ERR_RANGE, 0},
      {"18446744073709551617", FRANK_ERR_RANGE, 0}, /* 2^64+1 must not read as 1 */
      {"99999999999999999999999999999999999999", FRANK_ERR_RANGE, 0},
      {"0", FRANK_ERR_RANGE, 0},
      {"", FRANK_ERR_MALFORMED, 0},
      {"010", FRANK_ERR_MALFORMED, 0},
      {"-1", FRANK_ERR_MALFORMED, 0},
      {"+1", FRANK_ERR_MALFORMED, 0},
      {" 1", FRANK_ERR_MALFORMED, 0},
      {"1 ", FRANK_ERR_MALFORMED, 0},
      {"1.0", FRANK_ERR_MALFORMED, 0},
      {"1e6", FRANK_ERR_MALFORMED, 0},
      {"0x10", FRANK_ERR_MALFORMED, 0},
      {"99999999999999999999999999999999999999x", FRANK_ERR_MALFORMED, 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t factor = 77;
    enum frank_err err = frank_factor_parse(rows[i].text, strlen(rows[i].text), &factor);

    if (err != rows[i].err || factor != (err ? 77 : rows[i].factor)) {
      fail_msg("\"%s\": error %d, factor %llu", rows[i].text, err, (unsigned long long)factor);
    }
  }
}

static void makes_factors_of_bits(void **state)
{
  static const double refused[] = {-0.5, -1e-300, 53.0, 64.0, 1e300, INFINITY, -INFINITY, NAN};
  uint64_t factor;

  (void)state;
  for (unsigned bits = 0; bits < 53; bits++) {
    assert_int_equal(frank_factor_from_bits(bits, &factor), FRANK_OK);
    assert_true(factor == UINT64_C(1) << bits);
  }
  assert_int_equal(frank_factor_from_bits(0.5, &factor), FRANK_OK);
  assert_true(factor == 1);
  assert_int_equal(frank_factor_from_bits(1.5849625007211562, &factor), FRANK_OK);
  assert_true(factor == 3);
  assert_int_equal(frank_factor_from_bits(nextafter(53.0, 0.0), &factor), FRANK_OK);
  assert_true(factor > FRANK_FACTOR_MAX - 100 && factor <= FRANK_FACTOR_MAX);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_int_equal(frank_factor_from_bits(refused[i], &factor), FRANK_ERR_RANGE);
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(meets_exactly_to_the_last_unit),
      cmocka_unit_test(meets_by_powers_of_two),
      cmocka_unit_test(agrees_with_bignum_on_random_hashes),
      cmocka_unit_test(shows_work_in_bits),
      cmocka_unit_test(scores_at_least_0_where_it_meets),
      cmocka_unit_test(compares_as_numbers),
      cmocka_unit_test(reads_hashes_in_either_case_and_length_64_only),
      cmocka_unit_test(reads_factors_in_plain_digits_only),
      cmocka_unit_test(makes_factors_of_bits),
  };

  random_seed();
  return cmocka_run_group_tests(tests, bn_begin, bn_end);
}
