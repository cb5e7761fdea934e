/* Canonical base64: RFC 4648's examples, what DKIM verifiers let through, and OpenSSL. */
#include "../random.h"
#include "proof/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

static void decodes_the_rfcs_examples(void **state)
{
  static const struct {
    const char *text, *decoded;
  } rows[] = {
      {"", ""},
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYmFy", "foobar"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t out[16];
    size_t len = 99;
    const char *why;

    assert_int_equal(frank_base64_decode(rows[i].text, strlen(rows[i].text), out, &len, &why),
                     FRANK_OK);
    assert_int_equal(len, strlen(rows[i].decoded));
    assert_memory_equal(out, rows[i].decoded, len);
  }
}

static void refuses_what_is_not_canonical(void **state)
{
  static const char *const rows[] = {
      "Zh==",     "Zm9=",     "Zm8",   "Zg=",  "Zg",   "Z",        "Z===",    "A===",
      "AAAAA===", "A==A",     "====",  "=",    "==",   "Zg==Zg==", "Z=g=",    "=Zg=",
      "Zm9v=",    "Zm9v====", "Zm9\n", " Zm9", "Zm-_", "Zm9!",     "Zm\x80v",
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *why = NULL;

    if (frank_base64_decode(rows[i], strlen(rows[i]), NULL, NULL, &why) == FRANK_OK) {
      fail_msg("\"%s\" is taken", rows[i]);
    }
    assert_non_null(why);
  }
}

/* What OpenSSL encodes is decoded to the same bytes; with one character changed it is either
 * refused or decodes to other bytes, so that no two texts stand for the same signature. */
static void agrees_with_openssl_and_is_one_to_one(void **state)
{
  (void)state;
  for (int i = 0; i < 20000; i++) {
    uint8_t bytes[300], decoded[303], changed_bytes[303];
    char text[405];
    size_t len = 1 + random_below(i % 10 == 0 ? sizeof bytes : 12), decoded_len, changed_len;
    size_t text_len, at;
    const char *why;

    random_bytes(bytes, len);
    text_len = (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    assert_true(FRANK_BASE64_DECODED_MAX(text_len) <= sizeof decoded);
    assert_int_equal(frank_base64_decode(text, text_len, decoded, &decoded_len, &why), FRANK_OK);
    assert_int_equal(decoded_len, len);
    assert_memory_equal(decoded, bytes, len);

    at = random_below(text_len);
    char before = text[at];
    do {
      text[at] = (char)random_u64();
    } while (text[at] == before);
    if (frank_base64_decode(text, text_len, changed_bytes, &changed_len, &why) == FRANK_OK) {
      assert_true(changed_len != len || memcmp(changed_bytes, bytes, len) != 0);
      char again[405];
      assert_int_equal(EVP_EncodeBlock((unsigned char *)again, changed_bytes, (int)changed_len),
                       text_len);
      assert_memory_equal(again, text, text_len);
    }
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(decodes_the_rfcs_examples),
      cmocka_unit_test(refuses_what_is_not_canonical),
      cmocka_unit_test(agrees_with_openssl_and_is_one_to_one),
  };

  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
