/* SHA-256 against FIPS 180-4's examples and against OpenSSL. */
#include "../random.h"
#include "proof/sha256.h"
#include "proof/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

static void gives_the_standards_examples(void **state)
{
  static const struct {
    const char *a, *b, *hash;
  } rows[] = {
      {"", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"a", "bc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighij", "hijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_hash hash;
    char text[65];

    frank_sha256(rows[i].a, strlen(rows[i].a), rows[i].b, strlen(rows[i].b), &hash);
    frank_hash_format(&hash, text);
    assert_string_equal(text, rows[i].hash);
  }
}

static void gives_the_million_a(void **state)
{
  struct frank_hash hash;
  char text[65], *million = malloc(1000000);

  (void)state;
  assert_non_null(million);
  memset(million, 'a', 1000000);
  frank_sha256(million, 999, million + 999, 999001, &hash);
  free(million);
  frank_hash_format(&hash, text);
  assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void takes_null_for_nothing(void **state)
{
  struct frank_hash with_null, without;

  (void)state;
  frank_sha256(NULL, 0, "x", 1, &with_null);
  frank_sha256("x", 1, NULL, 0, &without);
  assert_int_equal(frank_hash_compare(&with_null, &without), 0);
}

static void agrees_with_openssl(const uint8_t *data, size_t len, size_t cut)
{
  struct frank_hash hash;
  uint8_t theirs[32];

  frank_sha256(data, cut, data + cut, len - cut, &hash);
  assert_int_equal(EVP_Digest(data, len, theirs, NULL, EVP_sha256(), NULL), 1);
  assert_memory_equal(hash.bytes, theirs, sizeof theirs);
}

/* Every length around two block ends, cut at every place; then random lengths and cuts. */
static void agrees_with_openssl_at_every_length(void **state)
{
  static uint8_t data[5000];

  (void)state;
  random_bytes(data, sizeof data);
  for (size_t len = 0; len <= 130; len++) {
    for (size_t cut = 0; cut <= len; cut++) {
      agrees_with_openssl(data, len, cut);
    }
  }
  for (int i = 0; i < 3000; i++) {
    size_t len = random_below(sizeof data + 1);

    random_bytes(data, 64 < len ? 64 : len);
    agrees_with_openssl(data, len, random_below(len + 1));
  }
}

/* load, expand and rounds, by hand over a message of exactly one padded block */
static void works_by_the_block(void **state)
{
  uint8_t block[64] = {'a', 'b', 'c', 0x80};
  uint32_t words[16], kw[64], chain[8];
  struct frank_hash whole;

  (void)state;
  block[63] = 24;
  memcpy(chain, frank_sha256_h, sizeof chain);
  frank_sha256_load(block, words);
  assert_int_equal(words[0], 0x61626380);
  assert_int_equal(words[15], 24);
  frank_sha256_expand(words, kw);
  for (size_t t = 0; t < 16; t++) {
    assert_int_equal(kw[t], (uint32_t)(words[t] + frank_sha256_k[t]));
  }
  frank_sha256_rounds(chain, kw);
  frank_sha256("abc", 3, NULL, 0, &whole);
  for (size_t i = 0; i < 32; i++) {
    assert_int_equal(whole.bytes[i], (uint8_t)(chain[i / 4] >> (24 - 8 * (i % 4))));
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_standards_examples),
      cmocka_unit_test(gives_the_million_a),
      cmocka_unit_test(takes_null_for_nothing),
      cmocka_unit_test(agrees_with_openssl_at_every_length),
      cmocka_unit_test(works_by_the_block),
  };

  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
