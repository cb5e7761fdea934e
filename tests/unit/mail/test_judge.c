/* Each mail rule and its switch, and the factor: by messages that are stamped here. */
#include "judge_scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one rule at a time ---- */

struct row {
  const char *tags;       /* NULL: "h=from:to:cc" and a t= of a minute ago */
  const char *fields;     /* NULL: to bob */
  const char *recipients; /* NULL: bob */
  enum frank_dkim_result dkim;
  const char *why; /* "": pass */
};

/* Each row's rule is broken as it says, and is not asked where it is switched off. */
static void check_rows(const char *rule, const struct row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const struct row *row = &rows[i];
    enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX] = {row->dkim};
    const char *recipients = row->recipients ? row->recipients : "bob@x.example";
    char tags[200];

    snprintf(tags, sizeof tags, "h=from:to:cc; t=%" PRId64, NOW_S - 60);
    sprintf(text, "%s%s%s\nbody\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0),
            signature("rsa-sha256", row->tags ? row->tags : tags, B),
            row->fields ? row->fields : "From: a@a.example\nTo: Bob <bob@x.example>\n");
    begin();
    assert_true(judge.bound[0] && frank_judge_wants_dkim(&judge));
    rules_at(NULL, &normal, dkim, recipients, NOW_S);
    expect(row->why[0] ? FRANK_VERDICT_POLICY : FRANK_VERDICT_PASS, row->why);
    if (row->why[0]) {
      assert_int_equal(strncmp(row->why, rule, strlen(rule)), 0);
      assert_string_equal(frank_rule_name(judge.candidates[0].rule), rule);
    } else {
      assert_int_equal(judge.candidates[0].rule, FRANK_RULE_COUNT);
    }
    rules_at(rule, &normal, dkim, recipients, NOW_S);
    if (judge.candidates[0].rule < FRANK_RULE_COUNT) {
      assert_string_not_equal(frank_rule_name(judge.candidates[0].rule), rule);
    }
    rules_at("dkim cover recipient age replay", &normal, dkim, recipients, NOW_S);
    expect(FRANK_VERDICT_PASS, "");
    assert_false(judge.wants_replay);
  }
}
#define CHECK_ROWS(rule, rows) check_rows(rule, rows, sizeof(rows) / sizeof(rows)[0])

static void the_signature_must_have_been_verified(void **state)
{
  static const struct row rows[] = {
      {.dkim = FRANK_DKIM_PASS, .why = ""},
      {.dkim = FRANK_DKIM_FAIL, .why = "dkim: the signature does not verify"},
      {.dkim = FRANK_DKIM_NOT_CHECKED, .why = "dkim: the signature was not verified"},
  };

  (void)state;
  CHECK_ROWS("dkim", rows);
}

#define PASS .dkim = FRANK_DKIM_PASS

/* A header list of so many bytes that ends in To:. */
static const char *long_h(size_t len_bytes)
{
  static char texts[2][4200];
  static size_t used;
  char *to = texts[used++ % 2];

  (void)snprintf(to, sizeof texts[0], "h=%0*d:to", (int)len_bytes - 3, 0);
  return to;
}

static void the_signature_must_cover_one_to_field_and_all_of_the_body(void **state)
{
  const struct row rows[] = {
      {PASS, .tags = "h=from:to", .why = ""},
      {PASS, .tags = "h=From : TO :\r\n\tDate", .why = ""},
      {PASS, .tags = "h=to", .why = ""},
      {PASS, .tags = "h=from:to:to", .why = ""}, /* oversigned: none can be added */
      {PASS, .tags = "h=from:subject", .why = "cover: h= does not cover To:"},
      {PASS, .tags = "h=from:to-x:xto", .why = "cover: h= does not cover To:"},
      {PASS, .tags = "h=from:t o", .why = "cover: h= does not cover To:"},
      {PASS, .tags = "h=", .why = "cover: h= does not cover To:"},
      {PASS, .tags = "c=simple", .why = "cover: h= does not cover To:"},
      {PASS, .tags = "h=from:to; l=0", .why = "cover: l= leaves a part of the body unsigned"},
      {PASS, .tags = "h=from:to; l=99999999999999999999999",
       .why = "cover: l= leaves a part of the body unsigned"},
      {PASS, .tags = "h=from:to; l=", .why = "cover: l= leaves a part of the body unsigned"},
      {PASS, .tags = "h=from:to; l=+0", .why = "cover: l= leaves a part of the body unsigned"},
      {PASS, .tags = long_h(4095), .why = ""},
      {PASS, .tags = long_h(4096), .why = "cover: h= is longer than verifiers read"},
      {PASS, .fields = "From: a@a.example\n", .why = "cover: no To: field"},
      {PASS, .fields = "From: a@a.example\nCc: bob@x.example\n", .why = "cover: no To: field"},
      {PASS, .fields = TO TO, .why = "cover: two To: fields"},
      {PASS, .fields = TO "tO : bob@x.example\n", .why = "cover: two To: fields"},
      {PASS, .fields = TO TO TO, .tags = "h=to:to:to", .why = "cover: 3 To: fields"},
      {PASS, .fields = TO "X-To: x\n", .why = ""},
  };

  (void)state;
  CHECK_ROWS("cover", rows);
}

static void each_recipient_must_be_addressed(void **state)
{
  static const struct row rows[] = {
      {PASS, .recipients = "<BOB@X.example>", .why = ""},
      {PASS, .recipients = "", .why = ""},
      {PASS, .fields = TO "Cc: al@y.example\n", .recipients = "al@y.example", .why = ""},
      {PASS, .fields = TO "Cc: al@y.example\n", .recipients = "al@y.example bob@x.example",
       .why = ""},
      {PASS, .fields = "To: g: \"B\" (c) <bob@x.example>, al@y.example;\n",
       .recipients = "al@y.example bob@x.example", .why = ""},
      {PASS, .recipients = "al@y.example",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .recipients = "al@y.example bob@x.example ed@z.example",
       .why = "recipient: 2 of 3 envelope recipients are not in the signed To: or Cc:"},
      {PASS, .recipients = "postmaster", /* no address */
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .recipients = "bob+tag@x.example",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .fields = "To: undisclosed-recipients:;\n",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .fields = "To: \"bob@x.example\" <al@y.example>\n",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .fields = "To: al@y.example\nBcc: bob@x.example\n",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      /* only what h= covers counts: the lowest, one for each time that it is named */
      {PASS, .tags = "h=from:to", .fields = TO "Cc: al@y.example\n", .recipients = "al@y.example",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .fields = TO "Cc: al@y.example\nCc: ed@z.example\n", .recipients = "ed@z.example",
       .why = ""},
      {PASS, .fields = TO "Cc: al@y.example\nCc: ed@z.example\n", .recipients = "al@y.example",
       .why = "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {PASS, .fields = TO "Cc: al@y.example\nCc: ed@z.example\n", .tags = "h=cc:to:cc",
       .recipients = "al@y.example ed@z.example", .why = ""},
      {PASS, .fields = TO "Cc: al@y.example\n", .tags = "h=cc:to:cc:cc",
       .recipients = "al@y.example", .why = ""},
  };

  (void)state;
  CHECK_ROWS("recipient", rows);
}

static void the_signature_must_be_of_these_days(void **state)
{
  static char tags[16][64];
  const struct {
    int64_t t_s, x_s; /* 0: absent */
    const char *why;
  } cases[] = {
      {NOW_S, 0, ""},
      {NOW_S - 28 * DAY_S, 0, ""},
      {NOW_S - 28 * DAY_S - 1, 0, "age: t= is 28 days old"},
      {NOW_S - 31 * DAY_S, 0, "age: t= is 31 days old"},
      {1, 0, "age: t= is 20778 days old"},
      {NOW_S + 3600, 0, ""},
      {NOW_S + 3601, 0, "age: t= is 1 hour ahead"},
      {NOW_S + 2 * DAY_S, 0, "age: t= is 48 hours ahead"},
      {INT64_MAX, 0, "age: t= is 2562047787516519 hours ahead"},
      {NOW_S, NOW_S, ""},
      {NOW_S, NOW_S + 1, ""},
      {NOW_S - 60, NOW_S - 1, "age: x= is past"},
      {0, NOW_S - 1, "age: x= is past"},
      {0, INT64_MAX, ""},
      {0, 0, ""},
  };
  struct row rows[sizeof cases / sizeof cases[0]] = {{0}};

  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t len = (size_t)sprintf(tags[i], "h=from:to");

    if (cases[i].t_s) {
      len += (size_t)sprintf(tags[i] + len, "; t=%" PRId64, cases[i].t_s);
    }
    if (cases[i].x_s) {
      sprintf(tags[i] + len, "; x=%" PRId64, cases[i].x_s);
    }
    rows[i] = (struct row){PASS, .tags = tags[i], .why = cases[i].why};
  }
  CHECK_ROWS("age", rows);
}

/* The first of the rules, in their order, that is broken and asked for is told. */
static void the_first_broken_rule_is_told(void **state)
{
  static const struct {
    const char *off, *why;
  } rows[] = {
      {"", "dkim: the signature does not verify"},
      {"dkim", "cover: h= does not cover To:"},
      {"dkim cover", "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:"},
      {"dkim cover recipient", "age: t= is 40 days old"},
      {"dkim cover recipient age", ""},
      {"cover recipient age replay", "dkim: the signature does not verify"},
  };
  static const enum frank_dkim_result failed[FRANK_MSMR_SIGNATURES_MAX] = {FRANK_DKIM_FAIL};
  char tags[64];

  (void)state;
  snprintf(tags, sizeof tags, "h=from; t=%" PRId64, NOW_S - 40 * DAY_S);
  sprintf(text, "%s%s" TO "\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, 0),
          signature("rsa-sha256", tags, B));
  begin();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    rules_at(rows[i].off, &normal, failed, "bob@x.example", NOW_S);
    expect(rows[i].why[0] ? FRANK_VERDICT_POLICY : FRANK_VERDICT_PASS, rows[i].why);
  }
}

/* ---- lists, files, many ---- */

static void listed_recipients_are_excepted(void **state)
{
  static const char *const lists[] = {"*.lists.example", "all@x.example"};
  struct frank_judge_policy policy = policy_without(NULL);
  struct frank_judge_envelope envelope;

  (void)state;
  policy.lists = lists;
  policy.list_count = 2;
  one_message("h=from:to:cc", TO "Cc: dev@a.lists.example, dev@lists.example, all@x.example\n");
  envelope = envelope_to("bob@x.example all@x.example any@b.lists.example");
  frank_judge_rules(&judge, &policy, &normal, all_pass, &envelope, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_int_equal(judge.addressed, 2); /* bob, and a domain that is not below itself */
  assert_true(frank_judge_is_list(&policy, &envelope.recipients[1]));
  assert_false(frank_judge_is_list(&policy, &envelope.recipients[0]));
  struct frank_address_text noted[3];
  memcpy(noted, envelope.recipients, sizeof noted);
  assert_int_equal(frank_judge_without_lists(&policy, noted, 3), 1);
  assert_string_equal(noted[0].text, "bob@x.example");
  envelope = envelope_to("ed@x.example all@x.example any@b.lists.example");
  frank_judge_rules(&judge, &policy, &normal, all_pass, &envelope, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 3 envelope recipients is not in the signed To: or Cc:");
}

static void a_file_has_no_envelope(void **state)
{
  struct frank_judge_policy policy = policy_without(NULL);

  (void)state;
  one_message("h=from:to", TO);
  frank_judge_rules(&judge, &policy, &normal, all_pass, NULL, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_false(judge.wants_replay); /* nothing was delivered */
}

/* An address counts once, wherever and however it stands. */
static void addresses_are_counted_once(void **state)
{
  (void)state;
  one_message("h=from:to:cc", "To: bob@x.example, BOB@X.EXAMPLE, \"bob\"@x.example, al@y.example\n"
                              "Cc: Bob <bob@x.example>, ed@z.example, nobody\n");
  rules_at(NULL, &normal, all_pass, "bob@x.example", NOW_S);
  assert_int_equal(judge.addressed, 3);
}

static void a_thousand_recipients_are_looked_up(void **state)
{
  char *recipients = malloc((size_t)64 * 1001), *to = malloc((size_t)64 * 1001);
  size_t at = 0, to_at = 0;

  (void)state;
  assert_true(recipients && to);
  to_at += (size_t)sprintf(to, "To: ");
  for (int i = 0; i < 1000; i++) {
    at += (size_t)sprintf(recipients + at, "%su%d@x.example", i ? " " : "", i);
    to_at += (size_t)sprintf(to + to_at, "%sUser %d <u%d@x.example>", i ? ",\n\t" : "", i, 999 - i);
  }
  sprintf(to + to_at, "\n");
  one_message("h=from:to", to);
  rules_at(NULL, &normal, all_pass, recipients, NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_int_equal(judge.addressed, 1000);
  sprintf(recipients + at, " u1000@x.example");
  rules_at(NULL, &normal, all_pass, recipients, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1001 envelope recipients is not in the signed To: or Cc:");
  /* one more is not looked at */
  sprintf(to + to_at, ", User 1000 <u1000@x.example>\n");
  one_message("h=from:to", to);
  rules_at(NULL, &normal, all_pass, recipients, NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1001 envelope recipients is not in the signed To: or Cc:");
  free(recipients);
  free(to);
}

/* ---- the factor ---- */

static void the_factor_must_be_met(void **state)
{
  const struct frank_judge_factor hard = {.factor = HARD, .source = "h"}, none = {.source = ""};
  char why[FRANK_JUDGE_WHY_BYTES];

  (void)state;
  one_message("h=from:to", TO);
  rules_at(NULL, &hard, all_pass, "bob@x.example", NOW_S);
  snprintf(why, sizeof why, "factor: %.4f bits, the hash does not meet the factor",
           frank_judge_bits(&judge));
  expect(FRANK_VERDICT_POLICY, why);
  assert_int_equal(judge.factor, HARD);
  assert_true(frank_judge_bits(&judge) > 8 && frank_judge_bits(&judge) < 16);
  rules_at(NULL, &none, all_pass, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_TEMPERROR, "the factor cannot be had now");
  assert_int_equal(judge.factor, 0);
  /* a rule that is broken is so whatever the factor would be */
  rules_at(NULL, &none, all_pass, "al@y.example", NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:");
}

static void the_factor_before_counts_for_its_time(void **state)
{
  const struct frank_judge_factor risen = {.factor = HARD,
                                           .previous = FACTOR,
                                           .previous_until_s = NOW_S + 1,
                                           .source = "a#8",
                                           .previous_source = "a#7"},
                                  fallen = {.factor = FACTOR,
                                            .previous = HARD,
                                            .previous_until_s = NOW_S + 1,
                                            .source = "a#8",
                                            .previous_source = "a#7"},
                                  gone = {.previous = FACTOR, .previous_until_s = NOW_S + 1};

  (void)state;
  one_message("h=from:to", TO);
  rules_at(NULL, &risen, all_pass, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_int_equal(judge.factor, FACTOR);
  assert_string_equal(judge.source, "a#7");
  rules_at(NULL, &risen, all_pass, "bob@x.example", NOW_S + 1); /* its time is over */
  assert_int_equal(judge.verdict, FRANK_VERDICT_POLICY);
  assert_int_equal(judge.factor, HARD);
  assert_string_equal(judge.source, "a#8");
  rules_at(NULL, &fallen, all_pass, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_int_equal(judge.factor, FACTOR);
  assert_string_equal(judge.source, "a#8");
  rules_at(NULL, &gone, all_pass, "bob@x.example", NOW_S);
  assert_int_equal(judge.verdict, FRANK_VERDICT_TEMPERROR);
}

static void a_key_that_cannot_be_had_is_temporary(void **state)
{
  static const enum frank_dkim_result later[FRANK_MSMR_SIGNATURES_MAX] = {FRANK_DKIM_TEMPERROR};
  const struct frank_judge_factor hard = {.factor = HARD, .source = "h"};

  (void)state;
  one_message("h=from:to", TO);
  rules_at(NULL, &normal, later, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_TEMPERROR, "dkim: the key of the signature cannot be had now");
  assert_false(judge.wants_replay);
  rules_at("dkim", &normal, later, "bob@x.example", NOW_S);
  expect(FRANK_VERDICT_PASS, "");
  assert_false(judge.wants_replay); /* strangers do not fill the store, whatever is switched off */
  /* what is policy anyway is not asked for again */
  rules_at(NULL, &normal, later, "al@y.example", NOW_S);
  expect(FRANK_VERDICT_POLICY,
         "recipient: 1 of 1 envelope recipients is not in the signed To: or Cc:");
  rules_at(NULL, &hard, later, "bob@x.example", NOW_S);
  assert_int_equal(judge.verdict, FRANK_VERDICT_POLICY);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_signature_must_have_been_verified),
      cmocka_unit_test(the_signature_must_cover_one_to_field_and_all_of_the_body),
      cmocka_unit_test(each_recipient_must_be_addressed),
      cmocka_unit_test(the_signature_must_be_of_these_days),
      cmocka_unit_test(the_first_broken_rule_is_told),
      cmocka_unit_test(listed_recipients_are_excepted),
      cmocka_unit_test(a_file_has_no_envelope),
      cmocka_unit_test(addresses_are_counted_once),
      cmocka_unit_test(a_thousand_recipients_are_looked_up),
      cmocka_unit_test(the_factor_must_be_met),
      cmocka_unit_test(the_factor_before_counts_for_its_time),
      cmocka_unit_test(a_key_that_cannot_be_had_is_temporary),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
