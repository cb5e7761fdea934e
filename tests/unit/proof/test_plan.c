/* The layout of a search: its shape, its nonces, and that its pieces hash to SHA-256(n || b). */
#include "../random.h"
#include "proof/plan.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct frank_plan plan_for(size_t suffix_bytes, uint64_t factor)
{
  struct frank_plan plan;

  assert_int_equal(frank_plan_make(suffix_bytes, factor, &plan), FRANK_OK);
  return plan;
}

static void lays_out_every_key_type(void **state)
{
  static const struct {
    const char *name;
    size_t suffix_bytes;
    uint64_t factor;
    unsigned digits, blocks, counter_word;
  } rows[] = {
      {"Ed25519", 88, 1048576, 31, 2, 5},
      {"RSA-1024", 172, 1048576, 11, 3, 0},
      {"RSA-2048", 344, 1048576, 31, 6, 5},
      {"RSA-3072", 512, 1048576, 40, 9, 8},
      {"RSA-4096", 684, 1048576, 11, 11, 0},
      {"RSA-4096, the last factor of 11 digits", 684, UINT64_C(1) << 38, 11, 11, 0},
      {"RSA-4096, 12 digits wanted", 684, (UINT64_C(1) << 38) + 1, 40, 12, 8},
      {"RSA-1024, 12 digits wanted", 172, (UINT64_C(1) << 38) + 1, 40, 4, 8},
      {"shortest", 1, 1, 40, 1, 8},
      {"8 digits in one block", 47, UINT64_C(1) << 26, 8, 1, 0},
      {"9 digits wanted", 47, (UINT64_C(1) << 26) + 1, 40, 2, 8},
      {"no 8 digits in one block", 48, 1, 40, 2, 8},
      {"longest", 2048, 1, 40, 33, 8},
      {"longest, highest factor", 2048, FRANK_FACTOR_MAX, 40, 33, 8},
      {"15 digits wanted", 40, FRANK_FACTOR_MAX, 15, 1, 1},
      {"15 digits wanted, too many by one", 41, FRANK_FACTOR_MAX, 40, 2, 8},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_plan plan = plan_for(rows[i].suffix_bytes, rows[i].factor);

    if (plan.digits != rows[i].digits || plan.blocks != rows[i].blocks ||
        plan.counter_word != rows[i].counter_word || plan.suffix_bytes != rows[i].suffix_bytes) {
      fail_msg("%s: %u digits, %u blocks, counter at word %u", rows[i].name, plan.digits,
               plan.blocks, plan.counter_word);
    }
    assert_memory_equal(plan.init, frank_sha256_h, sizeof plan.init);
    assert_true(plan.before_bytes == 0);
  }
}

static void refuses_what_is_out_of_range(void **state)
{
  struct frank_plan plan;

  (void)state;
  assert_int_equal(frank_plan_make(0, 1, &plan), FRANK_ERR_RANGE);
  assert_int_equal(frank_plan_make(2049, 1, &plan), FRANK_ERR_RANGE);
  assert_int_equal(frank_plan_make(SIZE_MAX, 1, &plan), FRANK_ERR_RANGE);
  assert_int_equal(frank_plan_make(88, 0, &plan), FRANK_ERR_RANGE);
  assert_int_equal(frank_plan_make(88, FRANK_FACTOR_MAX + 1, &plan), FRANK_ERR_RANGE);
  assert_int_equal(frank_plan_make(88, UINT64_MAX, &plan), FRANK_ERR_RANGE);
}

/* The promises of plan.h for every length, at the ends of the factor's range and between. */
static void holds_its_bounds_at_every_length(void **state)
{
  static const uint64_t factors[] = {1, 1048576, (UINT64_C(1) << 38) + 1, FRANK_FACTOR_MAX};

  (void)state;
  for (size_t suffix = 1; suffix <= FRANK_PLAN_SUFFIX_MAX_BYTES; suffix++) {
    for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
      struct frank_plan plan = plan_for(suffix, factors[f]);
      size_t padded_bytes = (size_t)plan.blocks * 64;
      size_t used_bytes = plan.digits + suffix + 9;

      assert_in_range(plan.digits, 8, 40);
      assert_in_range(plan.blocks, 1, FRANK_PLAN_BLOCKS_MAX);
      assert_true(used_bytes <= padded_bytes && used_bytes + 64 > padded_bytes);
      assert_true(plan.digits == 40 || used_bytes == padded_bytes);
      assert_true(plan.digits >= 15 || UINT64_C(1) << (4 * plan.digits) >= 64 * factors[f]);
      /* whole words of digits, and as late as they allow */
      assert_true((plan.counter_word + 2) * 4 <= plan.digits);
      assert_true((plan.counter_word + 3) * 4 > plan.digits);
    }
  }
}

/* Hashes the plan's pieces as an engine does: the counter's words put into block 0, then the tail.
 */
static void hash_by_plan(const struct frank_plan *plan, const struct frank_nonce *nonce,
                         const char *suffix, uint32_t counter, struct frank_hash *out)
{
  uint32_t words[16], kw[64], chain[8];
  uint8_t tail[FRANK_PLAN_TAIL_MAX_BYTES];

  frank_plan_first_block(plan, nonce, suffix, words);
  assert_int_equal(words[plan->counter_word], 0x30303030);
  assert_int_equal(words[plan->counter_word + 1], 0x30303030);
  frank_plan_counter_words(counter, words + plan->counter_word);
  frank_plan_tail(plan, suffix, tail);
  memcpy(chain, plan->init, sizeof chain);
  for (size_t block = 0; block < plan->blocks; block++) {
    if (block > 0) {
      frank_sha256_load(tail + 64 * (block - 1), words);
    }
    frank_sha256_expand(words, kw);
    frank_sha256_rounds(chain, kw);
  }
  for (size_t i = 0; i < 32; i++) {
    out->bytes[i] = (uint8_t)(chain[i / 4] >> (24 - 8 * (i % 4)));
  }
}

static void its_pieces_hash_to_n_then_b(void **state)
{
  static const uint32_t counters[] = {0, 1, 9, 10, 0x0123abcd, 0x7fffffff, 0xfffffffe, 0xffffffff};
  static const size_t lengths[] = {1, 2, 3, 31, 40, 41, 47, 48, 88, 172, 344, 512, 684, 2047, 2048};
  char suffix[FRANK_PLAN_SUFFIX_MAX_BYTES];

  (void)state;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0] + 300; i++) {
    size_t known = sizeof lengths / sizeof lengths[0];
    size_t suffix_bytes = i < known ? lengths[i] : 1 + random_below(sizeof suffix);
    struct frank_plan plan =
        plan_for(suffix_bytes, 1 + (random_u64() >> (11 + random_below(53))) % FRANK_FACTOR_MAX);
    struct frank_nonce nonce;
    uint8_t random[40];

    random_bytes(suffix, suffix_bytes);
    random_bytes(random, sizeof random);
    frank_plan_nonce_start(&plan, random, &nonce);
    for (size_t c = 0; c < sizeof counters / sizeof counters[0]; c++) {
      char n[FRANK_PLAN_DIGITS_MAX + 1];
      struct frank_hash by_plan, whole;

      frank_plan_nonce_at(&plan, &nonce, counters[c], n);
      assert_int_equal(strlen(n), plan.digits);
      assert_int_equal(strspn(n, "0123456789abcdef"), plan.digits);
      frank_sha256(n, plan.digits, suffix, suffix_bytes, &whole);
      hash_by_plan(&plan, &nonce, suffix, counters[c], &by_plan);
      assert_int_equal(frank_hash_compare(&whole, &by_plan), 0);
    }
  }
}

static void counts_in_hexadecimal_digits(void **state)
{
  struct frank_plan plan = plan_for(88, 1);
  struct frank_nonce nonce;
  uint8_t random[40] = {0};
  char n[FRANK_PLAN_DIGITS_MAX + 1];
  uint32_t words[2];

  (void)state;
  frank_plan_counter_words(0x01239aef, words);
  assert_int_equal(words[0], 0x30313233);
  assert_int_equal(words[1], 0x39616566);
  for (uint8_t i = 0; i < 40; i++) {
    random[i] = (uint8_t)(0xf0 | (i & 15)); /* only the low four bits count */
  }
  frank_plan_nonce_start(&plan, random, &nonce);
  assert_string_equal(nonce.text, "0123456789abcdef012300000000cde");
  frank_plan_nonce_at(&plan, &nonce, 0xdeadbeef, n);
  assert_string_equal(n, "0123456789abcdef0123deadbeefcde");
}

static void enumerates_the_fixed_digits_round_and_round(void **state)
{
  struct frank_plan plan = plan_for(172, 1); /* 11 digits, the counter first: 3 fixed ones */
  struct frank_nonce nonce, first;
  uint8_t random[40] = {0};
  static bool seen[4096];

  (void)state;
  random[8] = 15;
  random[9] = 9;
  random[10] = 15;
  frank_plan_nonce_start(&plan, random, &nonce);
  assert_string_equal(nonce.text, "00000000f9f");
  first = nonce;
  for (int i = 0; i < 4096; i++) {
    unsigned value = (unsigned)strtoul(nonce.text + 8, NULL, 16);

    assert_memory_equal(nonce.text, "00000000", 8);
    assert_false(seen[value]);
    seen[value] = true;
    frank_plan_nonce_next(&plan, &nonce);
    if (i == 0) {
      assert_string_equal(nonce.text, "00000000fa0");
    }
  }
  assert_string_equal(nonce.text, first.text);
}

/* With digits on both sides of the counter the carry passes over it. */
static void carries_past_the_counter(void **state)
{
  struct frank_plan plan = plan_for(88, 1);
  struct frank_nonce nonce;
  uint8_t random[40] = {0};

  (void)state;
  random[28] = random[29] = random[30] = 15;
  frank_plan_nonce_start(&plan, random, &nonce);
  frank_plan_nonce_next(&plan, &nonce);
  assert_string_equal(nonce.text, "0000000000000000000100000000000");
}

static void has_one_combination_where_no_digit_is_fixed(void **state)
{
  struct frank_plan plan = plan_for(47, 1);
  struct frank_nonce nonce;
  uint8_t random[40];

  (void)state;
  memset(random, 0xff, sizeof random);
  frank_plan_nonce_start(&plan, random, &nonce);
  frank_plan_nonce_next(&plan, &nonce);
  assert_string_equal(nonce.text, "00000000");
}

/* Room for other proofs: constant blocks before the nonce count in the length. */
static void counts_constant_blocks_before_the_nonce(void **state)
{
  uint8_t whole[64 + 8 + 47];
  struct frank_plan plan = plan_for(47, 1);
  struct frank_nonce nonce;
  struct frank_hash by_plan, direct;
  uint32_t words[16], kw[64];
  uint8_t random[40] = {0};

  (void)state;
  random_bytes(whole, sizeof whole);
  for (size_t i = 0; i < 8; i++) {
    whole[64 + i] = (uint8_t) "0000abcd"[i];
  }
  frank_sha256_load(whole, words);
  frank_sha256_expand(words, kw);
  frank_sha256_rounds(plan.init, kw);
  plan.before_bytes = 64;
  frank_plan_nonce_start(&plan, random, &nonce);
  hash_by_plan(&plan, &nonce, (const char *)whole + 72, 0xabcd, &by_plan);
  frank_sha256(whole, sizeof whole, NULL, 0, &direct);
  assert_int_equal(frank_hash_compare(&by_plan, &direct), 0);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(lays_out_every_key_type),
      cmocka_unit_test(refuses_what_is_out_of_range),
      cmocka_unit_test(holds_its_bounds_at_every_length),
      cmocka_unit_test(its_pieces_hash_to_n_then_b),
      cmocka_unit_test(counts_in_hexadecimal_digits),
      cmocka_unit_test(enumerates_the_fixed_digits_round_and_round),
      cmocka_unit_test(carries_past_the_counter),
      cmocka_unit_test(has_one_combination_where_no_digit_is_fixed),
      cmocka_unit_test(counts_constant_blocks_before_the_nonce),
  };

  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
