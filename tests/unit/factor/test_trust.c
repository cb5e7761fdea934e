/* What a client takes from a source, and that it never goes back. */
#include "factor/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795312800)

struct authority {
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  struct frank_jws_key key;
};

static struct authority new_authority(void)
{
  struct authority authority;
  assert_int_equal(frank_jws_generate(authority.seed, &authority.key), FRANK_OK);
  return authority;
}

static struct frank_factor_document document(uint64_t epoch, uint64_t factor)
{
  struct frank_factor_document made = {.issuer = "a.example",
                                       .epoch = epoch,
                                       .factor = factor,
                                       .issued_s = NOW,
                                       .expires_s = NOW + 1000};
  return made;
}

static enum frank_err take_signed(struct frank_factor_trust *trust, const struct authority *by,
                                  const struct frank_factor_document *given, int64_t now_s)
{
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char jws[FRANK_JWS_TEXT_BYTES];
  char why[FRANK_FACTOR_WHY_BYTES];
  size_t len = frank_factor_document_format(given, text);
  size_t jws_len = 0;
  assert_int_equal(
      frank_jws_sign(by->seed, FRANK_JWS_TYPE_FACTOR, text, len, jws, sizeof jws, &jws_len),
      FRANK_OK);
  return frank_factor_trust_take(trust, jws, jws_len, now_s, NULL, why);
}

static enum frank_err take_keys(struct frank_factor_trust *trust, const struct authority *by,
                                const struct frank_jws_keys *keys)
{
  char text[FRANK_JWS_KEYS_TEXT_BYTES];
  char jws[FRANK_JWS_TEXT_BYTES];
  char why[FRANK_FACTOR_WHY_BYTES];
  size_t len = frank_jws_keys_format(keys, text);
  size_t jws_len = 0;
  assert_int_equal(
      frank_jws_sign(by->seed, FRANK_JWS_TYPE_KEYS, text, len, jws, sizeof jws, &jws_len),
      FRANK_OK);
  return frank_factor_trust_take_keys(trust, jws, jws_len, why);
}

static void takes_signed_documents_forwards_only(void **state)
{
  (void)state;
  struct authority authority = new_authority();
  struct authority stranger = new_authority();
  struct frank_factor_trust trust;
  frank_factor_trust_init(&trust, &authority.key);
  struct frank_factor_document first = document(5, 1000);
  struct frank_factor_document lower = document(4, 900);
  struct frank_factor_document higher = document(6, 1200);
  assert_false(frank_factor_trust_is_good(&trust, NOW));
  assert_int_equal(take_signed(&trust, &stranger, &first, NOW), FRANK_ERR_NOT_FOUND);
  assert_false(trust.has_last);
  assert_int_equal(take_signed(&trust, &authority, &first, NOW), FRANK_OK);
  assert_string_equal(trust.key_id, authority.key.id);
  assert_int_equal(take_signed(&trust, &authority, &lower, NOW), FRANK_ERR_DENIED);
  assert_int_equal(trust.last.epoch, 5);
  assert_int_equal(take_signed(&trust, &authority, &higher, NOW), FRANK_OK);
  assert_int_equal(take_signed(&trust, &authority, &first, NOW), FRANK_ERR_DENIED);
  assert_int_equal(trust.last.factor, 1200);
  assert_true(frank_factor_trust_is_good(&trust, NOW + 999));
  assert_false(frank_factor_trust_is_good(&trust, NOW + 1000));
  /* Expired: its epoch binds nobody any more. */
  lower.expires_s = NOW + 5000;
  assert_int_equal(take_signed(&trust, &authority, &lower, NOW + 1000), FRANK_OK);
}

static void wants_a_signature_where_there_is_a_key_and_only_there(void **state)
{
  (void)state;
  struct authority authority = new_authority();
  struct frank_factor_document given = document(5, 1000);
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char why[FRANK_FACTOR_WHY_BYTES];
  size_t len = frank_factor_document_format(&given, text);
  struct frank_factor_trust trust;
  frank_factor_trust_init(&trust, &authority.key);
  assert_int_equal(frank_factor_trust_take(&trust, text, len, NOW, NULL, why), FRANK_ERR_MALFORMED);
  assert_non_null(strstr(why, "not signed"));
  frank_factor_trust_init(&trust, NULL);
  bool is_new = false;
  assert_int_equal(frank_factor_trust_take(&trust, text, len, NOW, &is_new, why), FRANK_OK);
  assert_true(is_new);
  assert_string_equal(trust.key_id, "");
  assert_int_equal(frank_factor_trust_take(&trust, text, len, NOW, &is_new, why), FRANK_OK);
  assert_false(is_new);
  assert_int_equal(take_signed(&trust, &authority, &given, NOW), FRANK_ERR_MALFORMED);
}

static void takes_new_keys_from_trusted_hands_only(void **state)
{
  (void)state;
  struct authority old = new_authority();
  struct authority new = new_authority();
  struct frank_factor_document given = document(5, 1000);
  struct frank_factor_trust trust;
  frank_factor_trust_init(&trust, &old.key);
  struct frank_jws_keys both = {.list = {old.key, new.key}, .count = 2, .issued_s = NOW};
  struct frank_jws_keys only_new = {.list = {new.key}, .count = 1, .issued_s = NOW + 10};
  /* A stranger cannot bring himself in. */
  assert_int_equal(take_keys(&trust, &new, &both), FRANK_ERR_NOT_FOUND);
  assert_int_equal(take_signed(&trust, &new, &given, NOW), FRANK_ERR_NOT_FOUND);
  assert_int_equal(take_keys(&trust, &old, &both), FRANK_OK);
  assert_int_equal(take_signed(&trust, &new, &given, NOW), FRANK_OK);
  assert_int_equal(take_keys(&trust, &new, &only_new), FRANK_OK);
  assert_int_equal(take_signed(&trust, &old, &given, NOW), FRANK_ERR_NOT_FOUND);
  /* The older set, signed rightly once, does not bring the old key back. */
  assert_int_equal(take_keys(&trust, &new, &both), FRANK_ERR_DENIED);
  assert_int_equal(trust.keys.count, 1);
}

static void a_signed_document_is_no_set_of_keys(void **state)
{
  (void)state;
  struct authority authority = new_authority();
  struct frank_factor_trust trust;
  frank_factor_trust_init(&trust, &authority.key);
  struct frank_jws_keys keys = {.list = {authority.key}, .count = 1};
  char text[FRANK_JWS_KEYS_TEXT_BYTES];
  char jws[FRANK_JWS_TEXT_BYTES];
  char why[FRANK_FACTOR_WHY_BYTES];
  size_t len = frank_jws_keys_format(&keys, text);
  size_t jws_len = 0;
  assert_int_equal(
      frank_jws_sign(authority.seed, FRANK_JWS_TYPE_FACTOR, text, len, jws, sizeof jws, &jws_len),
      FRANK_OK);
  assert_int_equal(frank_factor_trust_take_keys(&trust, jws, jws_len, why), FRANK_ERR_UNSUPPORTED);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_signed_documents_forwards_only),
      cmocka_unit_test(wants_a_signature_where_there_is_a_key_and_only_there),
      cmocka_unit_test(takes_new_keys_from_trusted_hands_only),
      cmocka_unit_test(a_signed_document_is_no_set_of_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
