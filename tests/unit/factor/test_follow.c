/* What follow promises: when a source is asked for what, and that no answer takes the last good
 * document away. Time and chance are the test's. */
#include "factor/resolver/follow.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define URL   "https://authority.example.org"
#define NOW_S INT64_C(1795312800)

struct pair {
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  struct frank_jws_key key;
  char text[FRANK_JWS_KEY_TEXT_BYTES];
};

static struct frank_follow follow;
static struct frank_follow_moment at;
static char why[FRANK_FACTOR_WHY_BYTES];
static char body[FRANK_JWS_TEXT_BYTES];
static struct pair first;
static struct pair second;

static void make_pair(struct pair *pair)
{
  assert_int_equal(frank_jws_generate(pair->seed, &pair->key), FRANK_OK);
  frank_jws_key_format(&pair->key, pair->text);
}

static int set_up(void **state)
{
  (void)state;
  make_pair(&first);
  make_pair(&second);
  at = (struct frank_follow_moment){.now_us = 1000 * FRANK_US_PER_S, .now_s = NOW_S};
  return 0;
}

static void start(const char *place, const struct pair *pair)
{
  char text[FRANK_FOLLOW_TEXT_BYTES];
  (void)snprintf(text, sizeof text, "%s%s%s", place, pair != NULL ? " " : "",
                 pair != NULL ? pair->text : "");
  assert_int_equal(frank_follow_init(&follow, text, false, why), FRANK_OK);
}

static void pass(uint64_t seconds)
{
  at.now_us += seconds * FRANK_US_PER_S;
  at.now_s += (int64_t)seconds;
}

static struct frank_factor_document document(uint64_t epoch, uint64_t factor)
{
  return (struct frank_factor_document){.issuer = "authority.example.org",
                                        .epoch = epoch,
                                        .issued_s = at.now_s,
                                        .expires_s = at.now_s + 86400,
                                        .factor = factor};
}

/* The step that is due is this one; begins it. */
static void begin(enum frank_follow_step step)
{
  assert_int_equal(frank_follow_next(&follow, at.now_us), step);
  frank_follow_begin(&follow, step, at.now_us);
  assert_int_equal(frank_follow_next(&follow, at.now_us), FRANK_FOLLOW_WAIT);
  assert_true(frank_follow_due_us(&follow) == FRANK_NEVER_US);
}

static void give(const char *text, uint32_t status, int64_t fresh_s)
{
  const struct frank_follow_reply reply = {.status = status,
                                           .body = text,
                                           .body_len = strlen(text),
                                           .etag = status == 200 ? "\"tag\"" : "",
                                           .fresh_s = fresh_s,
                                           .why = ""};
  frank_follow_on_document(&follow, &at, &reply);
}

static const char *sign_document(const struct pair *pair, uint64_t epoch, uint64_t factor)
{
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  const struct frank_factor_document made = document(epoch, factor);
  size_t len = frank_factor_document_format(&made, text);
  size_t out_len = 0;
  assert_int_equal(
      frank_jws_sign(pair->seed, FRANK_JWS_TYPE_FACTOR, text, len, body, sizeof body, &out_len),
      FRANK_OK);
  return body;
}

static void give_keys(const struct pair *by, const struct pair *a, const struct pair *b,
                      int64_t issued_s)
{
  struct frank_jws_keys keys = {.count = b != NULL ? 2 : 1, .issued_s = issued_s};
  char text[FRANK_JWS_KEYS_TEXT_BYTES];
  size_t out_len = 0;
  keys.list[0] = a->key;
  if (b != NULL) {
    keys.list[1] = b->key;
  }
  size_t len = frank_jws_keys_format(&keys, text);
  assert_int_equal(
      frank_jws_sign(by->seed, FRANK_JWS_TYPE_KEYS, text, len, body, sizeof body, &out_len),
      FRANK_OK);
  const struct frank_follow_reply reply = {
      .status = 200, .body = body, .body_len = out_len, .etag = "", .fresh_s = -1, .why = ""};
  frank_follow_on_keys(&follow, &at, &reply);
}

static void fail_document(void)
{
  const struct frank_follow_reply reply = {
      .err = FRANK_ERR_TIMEOUT, .body = "", .etag = "", .fresh_s = -1, .why = "timed out"};
  frank_follow_on_document(&follow, &at, &reply);
}

/* Seconds until the document is due, rounded down to tenths times ten. */
static uint64_t due_ms(uint64_t due_us)
{
  assert_true(due_us != FRANK_NEVER_US && due_us >= at.now_us);
  return (due_us - at.now_us) / FRANK_US_PER_MS;
}

static struct frank_resolver_source told(void)
{
  struct frank_resolver_source source;
  frank_follow_tell(&follow, 3, &at, &source);
  assert_int_equal(source.index, 3);
  return source;
}

static void texts_are_read_or_named(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum frank_err err;
    const char *word;
  } cases[] = {
      {"https://authority.example.org/below/", FRANK_OK, ""},
      {"http://127.0.0.1:8080", FRANK_OK, ""},
      {"dns:Example.ORG.", FRANK_OK, ""},
      {"http://authority.example.org", FRANK_ERR_DENIED, "without TLS"},
      {"ftp://example.org", FRANK_ERR_MALFORMED, "ftp://example.org"},
      {"", FRANK_ERR_MALFORMED, "neither"},
      {"dns:", FRANK_ERR_MALFORMED, "dns:"},
      {"dns:192.0.2.1", FRANK_ERR_MALFORMED, "192.0.2.1"},
      {"https://example.org no-key", FRANK_ERR_MALFORMED, "no Ed25519 key"},
      {"https://example.org AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", FRANK_ERR_MALFORMED,
       "no Ed25519 key"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    why[0] = '\0';
    assert_int_equal(frank_follow_init(&follow, cases[i].text, false, why), cases[i].err);
    assert_non_null(strstr(why, cases[i].word));
  }
  char text[FRANK_FOLLOW_TEXT_BYTES + 10];
  memset(text, 'x', sizeof text);
  memcpy(text, "https://", 8);
  text[sizeof text - 1] = '\0';
  assert_int_equal(frank_follow_init(&follow, text, false, why), FRANK_ERR_TOO_LONG);
  assert_int_equal(frank_follow_init(&follow, "http://example.org", true, why), FRANK_OK);
}

static void fresh_documents_are_asked_for_ahead_of_time(void **state)
{
  (void)state;
  static const struct {
    int64_t fresh_s;
    uint32_t random;
    uint64_t low_ms;
    uint64_t high_ms;
  } cases[] = {
      {100, 0, 70000, 70000},
      {100, UINT32_MAX, 89900, 90000},
      {-1, 0, 210000, 210000},
      {-1, UINT32_MAX, 269900, 270000},
      {0, 0, 700, 700},
      {INT64_C(1) << 40, 0, 2520000, 2520000},
      {7200, UINT32_MAX, 3239000, 3240000},
  };
  char url[FRANK_FOLLOW_URL_BYTES];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    start(URL, &first);
    at.random = cases[i].random;
    begin(FRANK_FOLLOW_DOCUMENT);
    frank_follow_url(&follow, FRANK_FOLLOW_DOCUMENT, url);
    assert_string_equal(url, URL "/.well-known/msmr/factor.jws");
    give(sign_document(&first, 1, 1000), 200, cases[i].fresh_s);
    assert_string_equal(told().why, "");
    uint64_t ms = due_ms(follow.document.due_us);
    assert_in_range(ms, cases[i].low_ms, cases[i].high_ms);
    /* The set of keys goes along with the first one, and then once an hour. */
    begin(FRANK_FOLLOW_KEYS);
    frank_follow_url(&follow, FRANK_FOLLOW_KEYS, url);
    assert_string_equal(url, URL "/.well-known/msmr/keys.jws");
    give_keys(&first, &first, NULL, NOW_S);
    assert_in_range(due_ms(follow.keys_due_us), 2520000, 3240000);
  }
  start(URL, NULL);
  frank_follow_url(&follow, FRANK_FOLLOW_DOCUMENT, url);
  assert_string_equal(url, URL "/.well-known/msmr/factor");
}

static void documents_are_asked_for_ahead_of_their_end(void **state)
{
  (void)state;
  start(URL, &first);
  begin(FRANK_FOLLOW_DOCUMENT);
  const char *signed_one = sign_document(&first, 1, 1000);
  pass(86400 - 100);
  give(signed_one, 200, 3600);
  assert_in_range(due_ms(follow.document.due_us), 70000, 90000);
}

static void failures_pause_ever_longer(void **state)
{
  (void)state;
  static const uint64_t pauses_s[] = {5, 10, 20, 40, 80, 160, 320, 600, 600, 600};
  for (uint32_t round = 0; round < 2; round++) {
    start(URL, &first);
    at.random = round == 0 ? 0 : UINT32_MAX;
    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
      begin(FRANK_FOLLOW_DOCUMENT);
      fail_document();
      uint64_t pause_ms = due_ms(follow.document.due_us);
      assert_in_range(pause_ms, pauses_s[i] * 750, pauses_s[i] * 1000);
      assert_true(round == 1 || pause_ms == pauses_s[i] * 750);
      pass(pauses_s[i]);
    }
    assert_int_equal(told().failures, sizeof pauses_s / sizeof pauses_s[0]);
    begin(FRANK_FOLLOW_DOCUMENT);
    give(sign_document(&first, 1, 1000), 200, 100);
    begin(FRANK_FOLLOW_KEYS);
    give_keys(&first, &first, NULL, NOW_S);
    pass(90);
    begin(FRANK_FOLLOW_DOCUMENT);
    fail_document();
    assert_in_range(due_ms(follow.document.due_us), 3750, 5000); /* from the start */
    assert_int_equal(told().has_document, 1);
    assert_string_equal(told().why, "timed out");
  }
}

static void not_modified_confirms_what_was_named(void **state)
{
  (void)state;
  start(URL, &first);
  begin(FRANK_FOLLOW_DOCUMENT);
  give("", 304, 100); /* nothing was named */
  assert_int_equal(told().failures, 1);
  pass(5);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 100);
  assert_string_equal(follow.etag, "\"tag\"");
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, NULL, NOW_S);
  follow.must_keep = false;
  pass(90);
  begin(FRANK_FOLLOW_DOCUMENT);
  give("", 304, 100);
  struct frank_resolver_source source = told();
  assert_string_equal(source.why, "");
  assert_true(source.confirmed_s == at.now_s && source.document.epoch == 1);
  assert_false(follow.must_keep); /* nothing to write */
  pass(86400);
  begin(FRANK_FOLLOW_KEYS == frank_follow_next(&follow, at.now_us) ? FRANK_FOLLOW_KEYS
                                                                   : FRANK_FOLLOW_DOCUMENT);
  give("", 304, 100); /* it has expired meanwhile */
  assert_non_null(strstr(told().why, "expired"));
  assert_string_equal(follow.etag, "");
}

static void unknown_keys_lead_to_the_set_once(void **state)
{
  (void)state;
  start(URL, &first);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 100);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, NULL, NOW_S);
  pass(90);
  /* At once the set, at once the document again. */
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 2, 2000), 200, 100);
  assert_int_equal(told().failures, 0);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, &second, NOW_S + 1);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 2, 2000), 200, 100);
  struct frank_resolver_source source = told();
  assert_int_equal(source.document.epoch, 2);
  assert_string_equal(source.key_id, second.key.id);
  assert_string_equal(source.why, "");
  /* A set that does not help: one try, then it is a failure like any other. */
  struct pair stranger;
  make_pair(&stranger);
  pass(90);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&stranger, 3, 666), 200, 100);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, &second, NOW_S + 1);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&stranger, 3, 666), 200, 100);
  assert_int_equal(frank_follow_next(&follow, at.now_us), FRANK_FOLLOW_WAIT);
  assert_int_equal(told().document.epoch, 2);
  assert_int_equal(told().failures, 1);
  /* A stranger's set, and one that is older: the keys stay. */
  pass(600);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&stranger, 3, 666), 200, 100);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&stranger, &stranger, NULL, NOW_S + 5);
  assert_int_equal(follow.trust.keys.count, 2);
  pass(600);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&stranger, 3, 666), 200, 100);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, &stranger, NOW_S);
  assert_non_null(frank_jws_key_find(&follow.trust.keys, second.key.id));
  assert_int_equal(told().document.epoch, 2);
}

static void refresh_has_a_least_distance(void **state)
{
  (void)state;
  start(URL, &first);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 3600);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, NULL, NOW_S);
  pass(1);
  frank_follow_refresh(&follow, at.now_us);
  assert_int_equal(due_ms(follow.document.due_us), 4000);
  pass(4);
  begin(FRANK_FOLLOW_DOCUMENT);
  frank_follow_refresh(&follow, at.now_us);
  fail_document();
  pass(100);
  frank_follow_refresh(&follow, at.now_us);
  begin(FRANK_FOLLOW_DOCUMENT); /* whatever the pause */
}

/* ---- domains ---- */

static void give_record(const char *text, uint32_t ttl_s, enum frank_dnssec dnssec)
{
  struct frank_answer answer = {.state = FRANK_RESOLVER_FOUND, .dnssec = dnssec, .ttl_s = ttl_s};
  assert_int_equal(frank_txt_parse(text, strlen(text), &answer.txt, why), FRANK_OK);
  frank_follow_on_record(&follow, &at, &answer);
}

static void fail_record(enum frank_resolver_answer kind, const char *text)
{
  struct frank_answer answer;
  frank_answer_fail(&answer, text);
  answer.state = kind;
  frank_follow_on_record(&follow, &at, &answer);
}

static void say(char *out, size_t size, const struct pair *pair, uint64_t epoch)
{
  (void)snprintf(out, size, "v=MSMR1; u=%s; k=%s; e=%llu", URL, pair->text,
                 (unsigned long long)epoch);
}

static void domains_lead_to_documents(void **state)
{
  (void)state;
  char text[300];
  start("dns:example.org", NULL);
  begin(FRANK_FOLLOW_RECORD);
  say(text, sizeof text, &first, 1);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  assert_in_range(due_ms(follow.record.due_us), 60000, 66000);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 3600);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, NULL, NOW_S);
  assert_int_equal(told().dnssec, FRANK_DNSSEC_SECURE);
  assert_string_equal(told().url, URL);
  /* The same epoch: nothing to fetch. A higher one: at once. */
  pass(66);
  begin(FRANK_FOLLOW_RECORD);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  assert_int_equal(frank_follow_next(&follow, at.now_us), FRANK_FOLLOW_WAIT);
  pass(66);
  begin(FRANK_FOLLOW_RECORD);
  say(text, sizeof text, &first, 2);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 2, 2000), 200, 3600);
  assert_int_equal(told().document.epoch, 2);
  /* Records that fail leave the document and its place alone. */
  pass(66);
  begin(FRANK_FOLLOW_RECORD);
  fail_record(FRANK_RESOLVER_FAILED, "DNS: SERVFAIL");
  assert_string_equal(told().why, "DNS: SERVFAIL");
  assert_int_equal(told().document.epoch, 2);
  pass(3600);
  begin(FRANK_FOLLOW_RECORD);
  fail_record(FRANK_RESOLVER_FAILED, "bogus");
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 3, 3000), 200, 3600);
  assert_int_equal(told().document.epoch, 3);
  /* Another key takes the place of the set; the epoch rule stays. */
  while (frank_follow_next(&follow, at.now_us) != FRANK_FOLLOW_WAIT) {
    begin(FRANK_FOLLOW_KEYS);
    give_keys(&first, &first, NULL, NOW_S);
  }
  pass(600);
  begin(FRANK_FOLLOW_RECORD);
  say(text, sizeof text, &second, 3);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 2, 2000), 200, 3600);
  assert_int_equal(told().document.epoch, 3);
  assert_int_equal(follow.document.failures_in_a_row, 1);
  pass(10);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 4, 4000), 200, 3600);
  assert_int_equal(told().document.epoch, 4);
}

static void domains_that_name_nothing_any_more_are_not_followed(void **state)
{
  (void)state;
  char text[300];
  start("dns:example.org", NULL);
  say(text, sizeof text, &first, 1);
  begin(FRANK_FOLLOW_RECORD);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 3600);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, NULL, NOW_S);
  pass(70);
  begin(FRANK_FOLLOW_RECORD);
  fail_record(FRANK_RESOLVER_ABSENT, "no record");
  /* Hours later only the record is asked for; the document stays as it was. */
  for (unsigned i = 0; i < 20; i++) {
    pass(3600);
    begin(FRANK_FOLLOW_RECORD);
    fail_record(FRANK_RESOLVER_ABSENT, "no record");
  }
  assert_int_equal(told().document.epoch, 1);
  assert_string_equal(told().why, "no record");
  pass(3600);
  begin(FRANK_FOLLOW_RECORD);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 2, 2000), 200, 3600);
  assert_int_equal(told().document.epoch, 2);
}

static void pinned_keys_win_over_named_ones(void **state)
{
  (void)state;
  char text[300];
  start("dns:example.org", &first);
  begin(FRANK_FOLLOW_RECORD);
  say(text, sizeof text, &second, 1);
  give_record(text, 60, FRANK_DNSSEC_SECURE);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 1, 666), 200, 3600);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&second, &second, NULL, NOW_S);
  assert_int_equal(told().has_document, 0);
  pass(10);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 1, 1000), 200, 3600);
  assert_int_equal(told().document.factor, 1000);
  /* And f= in DNS alone is not signed by it. */
  pass(66);
  if (frank_follow_next(&follow, at.now_us) == FRANK_FOLLOW_RECORD) {
    begin(FRANK_FOLLOW_RECORD);
    give_record("v=MSMR1; f=666; e=9", 60, FRANK_DNSSEC_SECURE);
  }
  assert_int_equal(told().document.factor, 1000);
  assert_non_null(strstr(told().why, "pinned key"));
}

static void records_stand_for_documents(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    uint64_t epoch;
    uint64_t factor;
    bool fails;
  } cases[] = {
      {"v=MSMR1; f=1000", 1, 1000, false},  {"v=MSMR1; f=1000", 1, 1000, false},
      {"v=MSMR1; f=2000", 2, 2000, false},  {"v=MSMR1; f=3000; e=7", 7, 3000, false},
      {"v=MSMR1; f=9; e=6", 7, 3000, true}, {"v=MSMR1; f=9; e=7", 7, 3000, true},
      {"v=MSMR1; e=9", 7, 3000, true},      {"v=MSMR1; f=3000; e=7", 7, 3000, false},
  };
  start("dns:example.org", NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    begin(FRANK_FOLLOW_RECORD);
    give_record(cases[i].text, 60, FRANK_DNSSEC_NONE);
    struct frank_resolver_source source = told();
    assert_int_equal(source.dns_only, 1);
    assert_int_equal(source.document.epoch, cases[i].epoch);
    assert_int_equal(source.document.factor, cases[i].factor);
    assert_string_equal(source.document.issuer, "example.org");
    assert_int_equal(source.why[0] != '\0', cases[i].fails);
    assert_int_equal(frank_follow_next(&follow, at.now_us), FRANK_FOLLOW_WAIT);
    pass(70);
  }
  assert_true(told().document.expires_s == at.now_s - 70 + 86400);
  /* It names a document from now on: that has an issuer and epochs of its own. */
  begin(FRANK_FOLLOW_RECORD);
  give_record("v=MSMR1; f=3000; u=" URL, 60, FRANK_DNSSEC_NONE);
  assert_int_equal(told().document.factor, 3000);
  begin(FRANK_FOLLOW_DOCUMENT);
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  const struct frank_factor_document made = document(1, 4000);
  (void)frank_factor_document_format(&made, text);
  give(text, 200, 3600);
  struct frank_resolver_source source = told();
  assert_int_equal(source.document.factor, 4000);
  assert_int_equal(source.dns_only, 0);
}

static void what_was_kept_comes_back_as_kept(void **state)
{
  (void)state;
  struct frank_lastgood kept;
  start(URL, &first);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&first, 5, 1000), 200, 3600);
  assert_true(follow.must_keep);
  begin(FRANK_FOLLOW_KEYS);
  give_keys(&first, &first, &second, NOW_S);
  frank_follow_kept(&follow, &kept);
  start(URL, &first);
  frank_follow_restore(&follow, &kept);
  struct frank_resolver_source source = told();
  assert_int_equal(source.kept, 1);
  assert_int_equal(source.document.epoch, 5);
  assert_string_equal(source.key_id, first.key.id);
  /* The epoch rule and the keys are back as well. */
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 4, 9), 200, 3600);
  assert_int_equal(told().document.epoch, 5);
  assert_int_equal(told().kept, 1);
  pass(10);
  begin(FRANK_FOLLOW_DOCUMENT);
  give(sign_document(&second, 6, 6000), 200, 3600);
  assert_int_equal(told().document.epoch, 6);
  assert_int_equal(told().kept, 0);
  /* A file without keys is no way around the pinned one. */
  kept.trust.keys.count = 0;
  start(URL, &first);
  frank_follow_restore(&follow, &kept);
  assert_int_equal(told().has_document, 0);
  assert_int_equal(follow.trust.keys.count, 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(texts_are_read_or_named, set_up),
      cmocka_unit_test_setup(fresh_documents_are_asked_for_ahead_of_time, set_up),
      cmocka_unit_test_setup(documents_are_asked_for_ahead_of_their_end, set_up),
      cmocka_unit_test_setup(failures_pause_ever_longer, set_up),
      cmocka_unit_test_setup(not_modified_confirms_what_was_named, set_up),
      cmocka_unit_test_setup(unknown_keys_lead_to_the_set_once, set_up),
      cmocka_unit_test_setup(refresh_has_a_least_distance, set_up),
      cmocka_unit_test_setup(domains_lead_to_documents, set_up),
      cmocka_unit_test_setup(domains_that_name_nothing_any_more_are_not_followed, set_up),
      cmocka_unit_test_setup(pinned_keys_win_over_named_ones, set_up),
      cmocka_unit_test_setup(records_stand_for_documents, set_up),
      cmocka_unit_test_setup(what_was_kept_comes_back_as_kept, set_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
