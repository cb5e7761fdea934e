/* Signed documents: RFC 8037's example, what must not verify, and what is signed here. */
#include "factor/jws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8037, appendices A.1 to A.5. */
#define RFC_X       "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC_KID     "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
#define RFC_PAYLOAD "Example of Ed25519 signing"
#define RFC_JWS                                                                                    \
  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"          \
  "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static const uint8_t rfc_seed[FRANK_JWS_KEY_BYTES] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

static struct frank_jws_keys rfc_keys(void)
{
  struct frank_jws_keys keys = {.count = 1};
  assert_int_equal(frank_jws_key_parse(RFC_X, strlen(RFC_X), &keys.list[0]), FRANK_OK);
  return keys;
}

static enum frank_err verify(const char *text, const char *type, const struct frank_jws_keys *keys)
{
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  char *payload = NULL;
  size_t len = 0;
  const struct frank_jws_key *by = NULL;
  enum frank_err err = frank_jws_verify(text, strlen(text), type, keys, &payload, &len, &by, why);
  assert_int_equal(err == FRANK_OK, payload != NULL);
  assert_int_equal(err == FRANK_OK, why[0] == '\0');
  free(payload);
  return err;
}

static void verifies_the_example_of_rfc8037(void **state)
{
  (void)state;
  struct frank_jws_keys keys = rfc_keys();
  char why[FRANK_FACTOR_WHY_BYTES];
  char *payload = NULL;
  size_t len = 0;
  const struct frank_jws_key *by = NULL;
  assert_string_equal(keys.list[0].id, RFC_KID);
  assert_int_equal(
      frank_jws_verify(RFC_JWS, strlen(RFC_JWS), NULL, &keys, &payload, &len, &by, why), FRANK_OK);
  assert_int_equal(len, strlen(RFC_PAYLOAD));
  assert_string_equal(payload, RFC_PAYLOAD);
  assert_ptr_equal(by, &keys.list[0]);
  free(payload);
  assert_int_equal(verify("\r\n " RFC_JWS "\n", NULL, &keys), FRANK_OK);
}

static void has_the_examples_public_key(void **state)
{
  (void)state;
  struct frank_jws_key key;
  char text[FRANK_JWS_KEY_TEXT_BYTES];
  assert_int_equal(frank_jws_public(rfc_seed, &key), FRANK_OK);
  assert_string_equal(key.id, RFC_KID);
  frank_jws_key_format(&key, text);
  assert_string_equal(text, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  struct frank_jws_key again;
  assert_int_equal(frank_jws_key_parse(text, strlen(text), &again), FRANK_OK);
  assert_memory_equal(&again, &key, sizeof key);
}

static void no_changed_character_verifies(void **state)
{
  (void)state;
  struct frank_jws_keys keys = rfc_keys();
  char text[sizeof RFC_JWS];
  for (size_t i = 0; i < strlen(RFC_JWS); i++) {
    for (const char *c = "AZaz09-_.= "; *c != '\0'; c++) {
      memcpy(text, RFC_JWS, sizeof text);
      text[i] = *c;
      if (strcmp(text, RFC_JWS) != 0) {
        assert_int_not_equal(verify(text, NULL, &keys), FRANK_OK);
      }
    }
  }
  for (size_t len = 0; len < strlen(RFC_JWS); len++) {
    memcpy(text, RFC_JWS, len);
    text[len] = '\0';
    assert_int_not_equal(verify(text, NULL, &keys), FRANK_OK);
  }
}

static void refuses_by_reason(void **state)
{
  /* Headers: {"alg":"none"}; {"alg":"HS256"}; {"alg":"EdDSA","crit":["x"]}; {"alg":"EdDSA",
   * "kid":"other"}; {"alg":"EdDSA","b64":false} */
  static const char rest[] = ".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
                             "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  static const struct {
    const char *header;
    enum frank_err err;
  } rows[] = {
      {"eyJhbGciOiJub25lIn0", FRANK_ERR_UNSUPPORTED},
      {"eyJhbGciOiJIUzI1NiJ9", FRANK_ERR_UNSUPPORTED},
      {"eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdfQ", FRANK_ERR_UNSUPPORTED},
      {"eyJhbGciOiJFZERTQSIsImI2NCI6ZmFsc2V9", FRANK_ERR_UNSUPPORTED},
      {"eyJhbGciOiJFZERTQSIsImtpZCI6Im90aGVyIn0", FRANK_ERR_NOT_FOUND},
      {"", FRANK_ERR_MALFORMED},
      {"W10", FRANK_ERR_MALFORMED}, /* [] */
      {"e30", FRANK_ERR_MALFORMED}, /* {} */
  };
  (void)state;
  struct frank_jws_keys keys = rfc_keys();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s", rows[i].header, rest);
    assert_int_equal(verify(text, NULL, &keys), rows[i].err);
  }
  struct frank_jws_keys others = {.count = 1};
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  assert_int_equal(frank_jws_generate(seed, &others.list[0]), FRANK_OK);
  assert_int_equal(verify(RFC_JWS, NULL, &others), FRANK_ERR_NOT_FOUND); /* it names no key */
  assert_int_equal(verify("{\"v\":1}", NULL, &keys), FRANK_ERR_MALFORMED);
}

static void verifies_what_it_signed_and_under_its_type_only(void **state)
{
  (void)state;
  struct frank_jws_keys keys = {.count = 2};
  uint8_t seeds[2][FRANK_JWS_KEY_BYTES];
  for (int i = 0; i < 2; i++) {
    assert_int_equal(frank_jws_generate(seeds[i], &keys.list[i]), FRANK_OK);
  }
  for (size_t len = 0; len < 300; len++) {
    char payload[300];
    char text[FRANK_JWS_TEXT_BYTES];
    size_t text_len = 0;
    memset(payload, (int)('a' + len % 26), sizeof payload);
    assert_int_equal(frank_jws_sign(seeds[len % 2], FRANK_JWS_TYPE_FACTOR, payload, len, text,
                                    sizeof text, &text_len),
                     FRANK_OK);
    assert_int_equal(text_len, strlen(text));
    assert_int_equal(verify(text, FRANK_JWS_TYPE_FACTOR, &keys), FRANK_OK);
    assert_int_equal(verify(text, FRANK_JWS_TYPE_KEYS, &keys), FRANK_ERR_UNSUPPORTED);
    assert_int_equal(frank_jws_sign(seeds[0], NULL, payload, len, text, 64, &text_len),
                     FRANK_ERR_TOO_LONG);
  }
  /* The same kid with another key's signature. */
  char text[FRANK_JWS_TEXT_BYTES];
  size_t text_len = 0;
  assert_int_equal(frank_jws_sign(seeds[0], NULL, "x", 1, text, sizeof text, &text_len), FRANK_OK);
  struct frank_jws_keys lying = keys;
  memcpy(lying.list[0].bytes, keys.list[1].bytes, FRANK_JWS_KEY_BYTES);
  assert_int_equal(verify(text, NULL, &lying), FRANK_ERR_DENIED);
}

static void writes_and_reads_sets_of_keys(void **state)
{
  (void)state;
  struct frank_jws_keys keys = {.count = FRANK_JWS_KEYS_MAX, .issued_s = 1795312800};
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  for (uint32_t i = 0; i < keys.count; i++) {
    assert_int_equal(frank_jws_generate(seed, &keys.list[i]), FRANK_OK);
  }
  char text[FRANK_JWS_KEYS_TEXT_BYTES];
  size_t len = frank_jws_keys_format(&keys, text);
  struct frank_jws_keys again;
  char why[FRANK_FACTOR_WHY_BYTES];
  assert_int_equal(frank_jws_keys_parse(text, len, &again, why), FRANK_OK);
  assert_memory_equal(&again, &keys, sizeof keys);
}

static void takes_no_odd_sets(void **state)
{
#define JWK(x, kid) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\",\"kid\":\"" kid "\"}"
  static const struct {
    const char *text;
    enum frank_err err;
  } rows[] = {
      {"{\"keys\":[" JWK(RFC_X, RFC_KID) "]}", FRANK_OK},
      {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ\"}," JWK(RFC_X, RFC_KID) "]}", FRANK_OK},
      {"{\"keys\":[{\"kty\":\"RSA\"}]}", FRANK_ERR_NOT_FOUND},
      {"{\"keys\":[]}", FRANK_ERR_NOT_FOUND},
      {"{\"keys\":{}}", FRANK_ERR_MALFORMED},
      {"{}", FRANK_ERR_MALFORMED},
      {"[]", FRANK_ERR_MALFORMED},
      {"{\"keys\":[" JWK(RFC_X, "wrong") "]}", FRANK_ERR_MALFORMED},
      {"{\"keys\":[" JWK("AAAA", RFC_KID) "]}", FRANK_ERR_MALFORMED},
      {"{\"issued\":\"now\",\"keys\":[" JWK(RFC_X, RFC_KID) "]}", FRANK_ERR_MALFORMED},
      /* Of small order: a signature by it says nothing. */
      {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
       "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
       FRANK_ERR_MALFORMED},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_jws_keys keys;
    char why[FRANK_FACTOR_WHY_BYTES];
    enum frank_err err = frank_jws_keys_parse(rows[i].text, strlen(rows[i].text), &keys, why);
    if (err != rows[i].err || (err == FRANK_OK) != (why[0] == '\0')) {
      fail_msg("%s: %d \"%s\"", rows[i].text, (int)err, why);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verifies_the_example_of_rfc8037),
      cmocka_unit_test(has_the_examples_public_key),
      cmocka_unit_test(no_changed_character_verifies),
      cmocka_unit_test(refuses_by_reason),
      cmocka_unit_test(verifies_what_it_signed_and_under_its_type_only),
      cmocka_unit_test(writes_and_reads_sets_of_keys),
      cmocka_unit_test(takes_no_odd_sets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
