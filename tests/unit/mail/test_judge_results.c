/* Several keys and signatures, replays, and the field that is added to a message. */
#include "judge_scene.h"
#include "mail/authres.h"
#include "proof/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- several keys and signatures ---- */

#define KEY_BYTES (FRANK_MSMR_HEADER_MAX_BYTES + 64)

static void keep(char key[KEY_BYTES], const char *field_text)
{
  snprintf(key, KEY_BYTES, "%s", field_text);
}

/* Keys of every kind, and those of several kinds: the best counts, wherever it stands. */
static void the_best_of_the_keys_counts(void **state)
{
  static char keys[FRANK_VERDICT_COUNT][KEY_BYTES];
  static const enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX] = {FRANK_DKIM_PASS,
                                                                         FRANK_DKIM_TEMPERROR};

  (void)state;
  keep(keys[FRANK_VERDICT_PASS], stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, HARD));
  keep(keys[FRANK_VERDICT_POLICY], stamp(FRANK_ALG_RSA_SHA256, B, 1, 2));
  keep(keys[FRANK_VERDICT_TEMPERROR], stamp(FRANK_ALG_RSA_SHA256, B2, FACTOR, 0));
  keep(keys[FRANK_VERDICT_FAIL], stamp(FRANK_ALG_RSA_SHA256, "AAAA", 1, 0));
  keep(keys[FRANK_VERDICT_NEUTRAL], "MSMR-Key: v=2\n");
  keep(keys[FRANK_VERDICT_PERMERROR], "MSMR-Key: nonsense\n");
  for (int first = FRANK_VERDICT_PASS; first <= FRANK_VERDICT_PERMERROR; first++) {
    for (int second = FRANK_VERDICT_PASS; second <= FRANK_VERDICT_PERMERROR; second++) {
      int best = first < second ? first : second;

      sprintf(text, "%s%s%s%s" TO "\n", keys[first], keys[second], signature("rsa-sha256", TAGS, B),
              signature("rsa-sha256", TAGS, B2));
      begin();
      rules_at(NULL, &normal, dkim, "bob@x.example", NOW_S);
      assert_int_equal(judge.verdict, best);
      assert_int_equal(judge.best, first <= second ? 0 : 1);
      assert_string_equal(judge.why, judge.candidates[judge.best].why);
    }
  }
  sprintf(text, "%s%s" TO "\n", signature("rsa-sha256", TAGS, B), "");
  begin();
  assert_false(frank_judge_wants_dkim(&judge));
  rules_at(NULL, &normal, dkim, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_NONE, "no MSMR-Key");
}

static void of_equals_the_one_with_more_bits_counts(void **state)
{
  const char *low = stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, UINT64_C(2) * FACTOR);
  const char *high = stamp(FRANK_ALG_RSA_SHA256, B, UINT64_C(4) * FACTOR, 0);

  (void)state;
  for (int turn = 0; turn < 2; turn++) {
    sprintf(text, "%s%s%s" TO "\n", turn ? high : low, turn ? low : high,
            signature("rsa-sha256", TAGS, B));
    begin();
    rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
    assert_int_equal(judge.best, turn ? 0 : 1);
    assert_true(frank_judge_bits(&judge) > 10.2);
  }
}

/* RFC 8463's pair: an Ed25519 and an RSA signature, a key for one or each. */
static void a_dual_signed_message_is_judged_by_what_is_stamped(void **state)
{
  static const enum frank_dkim_result rsa_only[FRANK_MSMR_SIGNATURES_MAX] = {FRANK_DKIM_FAIL,
                                                                             FRANK_DKIM_PASS};
  char prefix[9];

  (void)state;
  sprintf(text, "%s%s%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0),
          signature("ed25519-sha256", TAGS, B2), signature("rsa-sha256", TAGS, B));
  begin();
  assert_false(judge.bound[0]); /* what no key is bound to need not be verified */
  assert_true(judge.bound[1]);
  rules_at(NULL, &normal, rsa_only, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  frank_judge_b_prefix(&judge, prefix);
  assert_string_equal(prefix, "PCy4cbsW");
  sprintf(text, "%s%s%s%s" TO "\n", stamp(FRANK_ALG_ED25519_SHA256, B2, UINT64_C(4) * FACTOR, 0),
          stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, UINT64_C(2) * FACTOR),
          signature("ed25519-sha256", TAGS, B2), signature("rsa-sha256", TAGS, B));
  begin();
  assert_true(judge.bound[0] && judge.bound[1]);
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  assert_int_equal(judge.best, 0);
  rules_at(NULL, &normal, rsa_only, "bob@x.example", NOW_S); /* fewer bits, but verified */
  expect(FRANK_VERDICT_PASS, "");
  assert_int_equal(judge.best, 1);
}

/* The same b under another a= is another signature; of two alike the upper one is meant. */
static void a_key_binds_by_algorithm_from_the_top(void **state)
{
  (void)state;
  sprintf(text, "%s%s%s%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0),
          signature("ed25519-sha256", TAGS, B), signature("rsa-sha256", "h=from", B),
          signature("rsa-sha256", TAGS, B));
  begin();
  assert_int_equal(judge.candidates[0].judgement.signature_index, 1);
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_POLICY, "cover: h= does not cover To:");
}

static void eight_keys_and_signatures_are_looked_at(void **state)
{
  size_t at;

  (void)state;
  for (int extra = 0; extra < 2; extra++) {
    at = 0;
    for (int i = 0; i < FRANK_MSMR_SIGNATURES_MAX - 1 + extra; i++) {
      at += (size_t)sprintf(text + at, "MSMR-Key: v=2\n");
    }
    at += (size_t)sprintf(text + at, "%s", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0));
    for (int i = 0; i < 500; i++) {
      at += (size_t)sprintf(text + at, "%s", signature("rsa-sha256", TAGS, i == 7 ? B : "AAAA"));
    }
    sprintf(text + at, TO "\n");
    begin();
    rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
    assert_int_equal(judge.verdict, extra ? FRANK_VERDICT_NEUTRAL : FRANK_VERDICT_PASS);
  }
}

/* ---- replays ---- */

static void replay(uint64_t recipients, uint64_t most, int64_t first_s)
{
  const struct frank_replay_counts counts = {recipients, most, first_s};

  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  assert_true(judge.wants_replay);
  frank_judge_replay(&judge, &counts, NOW_S);
}

static void replays_are_told_by_their_count(void **state)
{
  (void)state;
  one_message("h=from:to:cc", TO "Cc: al@y.example\n");
  replay(1, 1, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  replay(2, FRANK_JUDGE_REPEATS_MAX, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  replay(3, 1, NOW_S);
  expect(FRANK_VERDICT_POLICY, "replay: delivered to 3 recipients, addressed to 2");
  assert_int_equal(judge.candidates[0].rule, FRANK_RULE_REPLAY);
  replay(7, 9, NOW_S);
  expect(FRANK_VERDICT_POLICY, "replay: delivered to 7 recipients, addressed to 2");
  replay(2, FRANK_JUDGE_REPEATS_MAX + 1, NOW_S);
  expect(FRANK_VERDICT_POLICY, "replay: delivered 4 times to one recipient");
  replay(UINT64_MAX, UINT64_MAX, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "replay: delivered to 18446744073709551615 recipients, addressed to 2");
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  frank_judge_replay(&judge, NULL, NOW_S);
  expect(FRANK_VERDICT_TEMPERROR, "replay: the store cannot be had now");
}

static void without_t_the_first_sight_is_its_age(void **state)
{
  char tags[64];

  (void)state;
  one_message("h=from:to", TO);
  replay(1, 1, NOW_S - 28 * DAY_S);
  expect(FRANK_VERDICT_PASS, "");
  replay(1, 1, NOW_S - 29 * DAY_S);
  expect(FRANK_VERDICT_POLICY, "age: no t=, first seen 29 days ago");
  assert_int_equal(judge.candidates[0].rule, FRANK_RULE_AGE);
  rules_at("age", &normal, all_pass, "bob@x.example", NOW_S);
  const struct frank_replay_counts counts = {1, 1, NOW_S - 29 * DAY_S};
  frank_judge_replay(&judge, &counts, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  snprintf(tags, sizeof tags, "h=from:to; t=%" PRId64, NOW_S);
  one_message(tags, TO);
  replay(1, 1, NOW_S - 29 * DAY_S);
  expect(FRANK_VERDICT_PASS, "");
}

/* Other results stay what they are: only what the counts could make worse is changed. */
static void replays_change_nothing_else(void **state)
{
  const struct frank_replay_counts many = {9, 9, NOW_S};
  const struct frank_judge_factor none = {.source = ""};

  (void)state;
  one_message("h=from:to", TO);
  rules_at(NULL, &normal, all_pass, "al@y.example", NOW_S);
  assert_true(judge.wants_replay); /* it is noted all the same */
  frank_judge_replay(&judge, &many, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:");
  frank_judge_replay(&judge, NULL, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:");
  rules_at("replay", &normal, all_pass, "bob@x.example", NOW_S);
  assert_false(judge.wants_replay);
  frank_judge_replay(&judge, &many, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  rules_at(NULL, &none, all_pass, "bob@x.example", NOW_S);
  frank_judge_replay(&judge, &many, NOW_S);
  expect(FRANK_VERDICT_POLICY, "replay: delivered to 9 recipients, addressed to 1");
  rules_at(NULL, &none, all_pass, "bob@x.example", NOW_S);
  frank_judge_replay(&judge, NULL, NOW_S);
  assert_int_equal(judge.verdict, FRANK_VERDICT_TEMPERROR);
  sprintf(text, "MSMR-Key: v=2\n%s" TO "\n", signature("rsa-sha256", TAGS, B));
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  assert_false(judge.wants_replay);
  frank_judge_replay(&judge, &many, NOW_S);
  assert_int_equal(judge.verdict, FRANK_VERDICT_NEUTRAL);
}

static void it_is_remembered_for_28_days_or_until_x(void **state)
{
  const struct {
    int64_t x_s, until_s;
  } rows[] = {
      {0, NOW_S + 28 * DAY_S},         {NOW_S + DAY_S, NOW_S + DAY_S},
      {NOW_S + 1, NOW_S + 1},          {NOW_S + 29 * DAY_S, NOW_S + 28 * DAY_S},
      {INT64_MAX, NOW_S + 28 * DAY_S}, {NOW_S, NOW_S + 28 * DAY_S}, /* past: of no help */
      {1, NOW_S + 28 * DAY_S},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char tags[64];

    snprintf(tags, sizeof tags, rows[i].x_s ? "h=from:to; x=%" PRId64 : "h=from:to", rows[i].x_s);
    one_message(tags, TO);
    rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
    assert_int_equal(judge.remember_until_s, rows[i].until_s);
  }
}

/* The decoded signature, not its text; the algorithm is part of it. */
static void the_id_is_of_the_decoded_signature(void **state)
{
  static const char hashed[] = "rsa-sha256\0ABCDEFGHIJKLMNOP", /* B2, decoded */
      hashed_ed[] = "ed25519-sha256\0ABCDEFGHIJKLMNOP";
  struct frank_hash expected;
  uint8_t id[32];

  (void)state;
  sprintf(text, "%s%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, B2, FACTOR, 0),
          signature("rsa-sha256", TAGS, "QUJDREVGR0hJ\n\tSktMTU5PUA =="));
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  frank_judge_signature_id(&judge, id);
  frank_sha256(hashed, sizeof hashed - 1, NULL, 0, &expected);
  assert_memory_equal(id, expected.bytes, sizeof id);
  sprintf(text, "%s%s" TO "\n", stamp(FRANK_ALG_ED25519_SHA256, B2, FACTOR, 0),
          signature("ed25519-sha256", TAGS, B2));
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  frank_judge_signature_id(&judge, id);
  frank_sha256(hashed_ed, sizeof hashed_ed - 1, NULL, 0, &expected);
  assert_memory_equal(id, expected.bytes, sizeof id);
}

/* ---- the field ---- */

static char field[FRANK_JUDGE_FIELD_BYTES];

static void expect_field(const char *expected)
{
  struct frank_authres_result result;
  struct frank_view value = {field, 0};
  size_t cursor = 0;
  char b[9];

  frank_judge_field(&judge, "mx.example", "\n", field);
  if (strcmp(field, expected) != 0) {
    fail_msg("%s\nis not\n%s", field, expected);
  }
  /* what is written is read back */
  value.len_bytes = strlen(field);
  assert_true(frank_authres_is_of(value, "mx.example"));
  assert_true(frank_authres_is_forged(value, "mx.example")); /* where it comes from outside */
  assert_true(frank_authres_next(value, &cursor, &result));
  assert_true(frank_view_is(result.method, FRANK_AUTHRES_METHOD));
  assert_true(frank_view_is(result.result, frank_verdict_name(judge.verdict)));
  frank_judge_b_prefix(&judge, b);
  assert_true(b[0] ? frank_view_is(result.header_b, b) : !result.header_b.text);
  assert_false(frank_authres_next(value, &cursor, &result));
}

static void the_field_tells_the_result(void **state)
{
  struct frank_judge_factor factor = normal;
  const struct frank_replay_counts many = {9, 9, NOW_S};
  char expected[1024];

  (void)state;
  one_message("h=from:to", TO);
  rules_at(NULL, &factor, all_pass, "bob@x.example", NOW_S);
  snprintf(expected, sizeof expected,
           "mx.example; x-msmr=pass (%.2f bits, factor 300)\n"
           "\theader.b=PCy4cbsW policy.factor=300 policy.source=a.example#7",
           frank_judge_bits(&judge));
  expect_field(expected);
  frank_judge_replay(&judge, &many, NOW_S);
  snprintf(expected, sizeof expected,
           "mx.example; x-msmr=policy (%.2f bits, factor 300)\n"
           "\treason=\"replay: delivered to 9 recipients, addressed to 1\"\n"
           "\theader.b=PCy4cbsW policy.factor=300 policy.source=a.example#7",
           frank_judge_bits(&judge));
  expect_field(expected);
  factor.testing = true; /* told, and nothing else is changed by it */
  snprintf(factor.source, sizeof factor.source, "%s", "file:/etc/frank/factor");
  rules_at(NULL, &factor, all_pass, "bob@x.example", NOW_S);
  assert_true(judge.testing);
  snprintf(expected, sizeof expected,
           "mx.example; x-msmr=pass (%.2f bits, factor 300)\n"
           "\theader.b=PCy4cbsW policy.factor=300\n"
           "\tpolicy.source=\"file:/etc/frank/factor\" policy.mode=testing",
           frank_judge_bits(&judge));
  expect_field(expected);
  factor = (struct frank_judge_factor){.factor = 0};
  rules_at(NULL, &factor, all_pass, "bob@x.example", NOW_S);
  snprintf(expected, sizeof expected,
           "mx.example; x-msmr=temperror (%.2f bits)\n"
           "\treason=\"the factor cannot be had now\"\n"
           "\theader.b=PCy4cbsW",
           frank_judge_bits(&judge));
  expect_field(expected);
}

static void the_field_of_what_is_not_bound_is_short(void **state)
{
  (void)state;
  sprintf(text, TO "\n");
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  expect_field("mx.example; x-msmr=none");
  sprintf(text, "%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0));
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  expect_field("mx.example; x-msmr=fail\n\treason=\"no usable DKIM-Signature\"");
  sprintf(text, "MSMR-Key: v=2\n\n");
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  expect_field("mx.example; x-msmr=neutral\n"
               "\treason=\"MSMR-Key: v= is a version that is not ours\"");
}

/* header.b that is no token has quotes. */
static void the_field_quotes_what_is_no_token(void **state)
{
  static const char b[] = "AB/+CA==";

  (void)state;
  sprintf(text, "%s%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, b, FACTOR, 0),
          signature("rsa-sha256", TAGS, b));
  begin();
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  frank_judge_field(&judge, "mx.example", "\r\n", field);
  assert_non_null(strstr(field, "\r\n\theader.b=\"AB/+CA==\" policy.factor=300 "));
}

/* No line is longer than it must: one word longer than a line by itself may stand alone in it. */
static void check_columns(size_t id_len)
{
  for (char *line = field, *next; line; line = next) {
    size_t before = line == field ? strlen("Authentication-Results: ") : 7, columns;
    char copy[FRANK_JUDGE_FIELD_BYTES];

    next = strstr(line, "\r\n");
    snprintf(copy, sizeof copy, "%.*s", (int)(next ? (size_t)(next - line) : strlen(line)), line);
    columns = before + strlen(copy);
    if (columns > 78 && !(line == field && id_len > 40) && !strstr(copy, "policy.source=")) {
      fail_msg("%zu columns: %s\n%s", columns, copy, field);
    }
    next = next ? next + 2 : NULL;
    assert_true(!next || *next == '\t');
  }
}

/* Whatever is long stays within 78 columns, but for a word that is longer by itself; and it fits.
 */
static void the_field_keeps_to_its_columns(void **state)
{
  struct frank_judge_factor factor = {.factor = FRANK_FACTOR_MAX};
  char id[FRANK_AUTHRES_ID_BYTES];

  (void)state;
  memset(factor.source, '"', sizeof factor.source - 1);
  one_message("h=from:to", TO);
  for (size_t len = 1; len < sizeof id; len++) {
    memset(id, 'm', len);
    id[len] = '\0';
    factor.testing = len % 2 == 0;
    rules_at(NULL, &factor, all_pass, "bob@x.example", NOW_S);
    memset(judge.why, '"', sizeof judge.why - 1); /* longer than any that there is */
    judge.why[sizeof judge.why - 1] = '\0';
    frank_judge_field(&judge, id, "\r\n", field);
    assert_true(strlen(field) < sizeof field);
    snprintf(judge.why, sizeof judge.why, "%s", "cover: two To: fields");
    frank_judge_field(&judge, id, "\r\n", field);
    check_columns(len);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_of_the_keys_counts),
      cmocka_unit_test(of_equals_the_one_with_more_bits_counts),
      cmocka_unit_test(a_dual_signed_message_is_judged_by_what_is_stamped),
      cmocka_unit_test(a_key_binds_by_algorithm_from_the_top),
      cmocka_unit_test(eight_keys_and_signatures_are_looked_at),
      cmocka_unit_test(replays_are_told_by_their_count),
      cmocka_unit_test(without_t_the_first_sight_is_its_age),
      cmocka_unit_test(replays_change_nothing_else),
      cmocka_unit_test(it_is_remembered_for_28_days_or_until_x),
      cmocka_unit_test(the_id_is_of_the_decoded_signature),
      cmocka_unit_test(the_field_tells_the_result),
      cmocka_unit_test(the_field_of_what_is_not_bound_is_short),
      cmocka_unit_test(the_field_quotes_what_is_no_token),
      cmocka_unit_test(the_field_keeps_to_its_columns),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
