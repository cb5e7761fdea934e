/* Every allocation of the folder's pure part fails once, jansson's too: what comes out is the right
 * thing or an error, and nothing is lost. (Scorecard row 3.) */
#include "factor/desk.h"
#include "factor/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795312800)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static long fail_at = -1; /* counts down to the one that fails */
static bool failed;

static bool fails(void)
{
  bool now = fail_at == 0;
  fail_at -= fail_at >= 0 ? 1 : 0;
  failed = failed || now;
  return now;
}

void *__wrap_malloc(size_t size)
{
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  return fails() ? NULL : __real_calloc(count, size);
}

static char signed_document[FRANK_JWS_TEXT_BYTES];
static char signed_keys[FRANK_JWS_TEXT_BYTES];
static size_t document_len;
static size_t keys_len;
static struct frank_jws_key key;

static void sign_all(void)
{
  uint8_t seed[FRANK_JWS_KEY_BYTES] = {7};
  const struct frank_factor_document document = {.issuer = "an.authority.with.a.long.name.example",
                                                 .epoch = 5,
                                                 .factor = 1000,
                                                 .issued_s = NOW,
                                                 .expires_s = NOW + 100,
                                                 .has_previous = 1,
                                                 .previous_epoch = 4,
                                                 .previous_factor = 900,
                                                 .previous_until_s = NOW + 50};
  char text[FRANK_JWS_KEYS_TEXT_BYTES];
  assert_int_equal(frank_jws_public(seed, &key), FRANK_OK);
  size_t len = frank_factor_document_format(&document, text);
  assert_int_equal(frank_jws_sign(seed, FRANK_JWS_TYPE_FACTOR, text, len, signed_document,
                                  sizeof signed_document, &document_len),
                   FRANK_OK);
  const struct frank_jws_keys keys = {.list = {key}, .count = 1, .issued_s = NOW};
  len = frank_jws_keys_format(&keys, text);
  assert_int_equal(frank_jws_sign(seed, FRANK_JWS_TYPE_KEYS, text, len, signed_keys,
                                  sizeof signed_keys, &keys_len),
                   FRANK_OK);
}

static void a_document_is_taken_rightly_or_not_at_all(void **state)
{
  (void)state;
  sign_all();
  long sites = 0;
  for (bool more = true; more; sites++) {
    struct frank_factor_trust trust;
    char why[FRANK_FACTOR_WHY_BYTES];
    frank_factor_trust_init(&trust, &key);
    fail_at = sites;
    failed = false;
    enum frank_err err =
        frank_factor_trust_take(&trust, signed_document, document_len, NOW, NULL, why);
    enum frank_err keys_err = frank_factor_trust_take_keys(&trust, signed_keys, keys_len, why);
    fail_at = -1;
    more = failed;
    assert_int_equal(err == FRANK_OK, trust.has_last);
    if (err == FRANK_OK) {
      assert_string_equal(trust.last.issuer, "an.authority.with.a.long.name.example");
      assert_int_equal(trust.last.factor, 1000);
      assert_int_equal(trust.last.previous_factor, 900);
    }
    assert_int_equal(trust.keys.count, 1);
    assert_int_equal(keys_err == FRANK_OK, trust.keys.issued_s == NOW);
    assert_true(more || (err == FRANK_OK && keys_err == FRANK_OK));
    assert_true(!more || err != FRANK_OK || keys_err != FRANK_OK);
  }
  assert_in_range(sites, 20, 10000);
}

static size_t done_count;

static bool look_up(void *arg, const char *domain, bool fresh)
{
  (void)arg;
  (void)domain;
  (void)fresh;
  return true;
}

static void on_done(void *arg, const struct frank_desk_question *question, uint64_t now_us)
{
  (void)arg;
  (void)question;
  (void)now_us;
  done_count++;
}

static void a_question_is_done_once(void **state)
{
  static const char domains[] = "a.test\0b.test\0c.test";
  (void)state;
  const struct frank_desk_config config = {.look_up = look_up, .done = on_done, .salt = 1};
  long sites = 0;
  for (bool more = true; more; sites++) {
    struct frank_desk *desk = NULL;
    fail_at = sites;
    failed = false;
    done_count = 0;
    if (frank_desk_new(&config, &desk) == FRANK_OK) {
      const struct frank_desk_question question = {.origin = 1,
                                                   .tag = 2,
                                                   .domains = domains,
                                                   .domains_len = sizeof domains,
                                                   .payload = "x",
                                                   .payload_len = 1,
                                                   .arrived_us = 1,
                                                   .due_us = 1000};
      frank_desk_ask(desk, &question, 1);
      struct frank_resolver_domain answer = {.domain = "a.test", .factor = 7, .ttl_s = 60};
      assert_int_equal(frank_desk_hear(desk, &answer, 2), FRANK_OK);
      frank_desk_tick(desk, 1000);
      assert_int_equal(done_count, 1);
      frank_desk_destroy(&desk);
    }
    fail_at = -1;
    more = failed;
  }
  assert_in_range(sites, 7, 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_document_is_taken_rightly_or_not_at_all),
      cmocka_unit_test(a_question_is_done_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
