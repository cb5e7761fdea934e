/* Which outbound mail gets a stamp: one row for each rule, and for what comes before what. */
#include "mail/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define B_1 "QUFBQQ=="
#define B_2 "QkJCQg=="
#define SIGNED_1                                                                                   \
  "DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=s; h=from:to; bh=x; b=" B_1 "\n"
#define SIGNED_2                                                                                   \
  "DKIM-Signature: v=1; a=ed25519-sha256; d=other.test; s=s; h=from; bh=x; b=" B_2 "\n"

struct row {
  const char *header;
  const char *recipients;             /* separated by spaces; "" none */
  size_t more;                        /* recipients that are not kept */
  const char *local, *skip, *domains; /* separated by spaces */
  const char *b;                      /* of the chosen signature */
  enum frank_unstamped why;
  bool is_bounce;
  bool skip_lists;
};

static void fill(struct frank_config_list *list, const char *text)
{
  char copy[256];
  char *save = NULL;
  memset(list, 0, sizeof *list);
  (void)snprintf(copy, sizeof copy, "%s", text != NULL ? text : "");
  for (char *at = strtok_r(copy, " ", &save); at != NULL; at = strtok_r(NULL, " ", &save)) {
    (void)snprintf(list->items[list->count++], FRANK_CONFIG_ITEM_BYTES, "%s", at);
  }
}

static enum frank_unstamped choose(const struct row *row, struct frank_dkim *signature,
                                   const char **detail)
{
  static struct frank_config_list local, skip, domains, names;
  struct frank_address_text recipients[16];
  struct frank_message message;
  const char *why = "";
  fill(&local, row->local);
  fill(&skip, row->skip);
  fill(&domains, row->domains);
  fill(&names, row->recipients);
  for (uint32_t i = 0; i < names.count; i++) {
    assert_int_equal(
        frank_address_of_envelope(names.items[i], strlen(names.items[i]), &recipients[i]),
        FRANK_OK);
  }
  const struct frank_rules rules = {.max_recipients = 3,
                                    .skip_lists = row->skip_lists,
                                    .local_domains = &local,
                                    .skip_domains = &skip,
                                    .signing_domains = &domains};
  const struct frank_rules_envelope envelope = {.is_bounce = row->is_bounce,
                                                .recipients = recipients,
                                                .recipient_count = names.count,
                                                .recipient_total = names.count + row->more};
  assert_int_equal(frank_message_open(row->header, strlen(row->header), &message, &why), FRANK_OK);
  memset(signature, 0, sizeof *signature);
  return frank_rules_choose(&rules, &envelope, &message, signature, detail);
}

static void each_rule_has_its_reason(void **state)
{
  static const struct row rows[] = {
      {SIGNED_1, "bob@x.test", .why = FRANK_STAMP, .b = B_1},
      {"From: a@sender.test\n" SIGNED_1 SIGNED_2, "bob@x.test", .why = FRANK_STAMP, .b = B_1},
      {"From: a@sender.test\n", "bob@x.test", .why = FRANK_UNSTAMPED_NO_SIGNATURE},
      {"", "bob@x.test", .why = FRANK_UNSTAMPED_NO_SIGNATURE},
      /* d= that is wanted */
      {SIGNED_1 SIGNED_2, "bob@x.test", .domains = "OTHER.test", .why = FRANK_STAMP, .b = B_2},
      {SIGNED_1 SIGNED_2, "bob@x.test", .domains = "none.test other.test", .why = FRANK_STAMP,
       .b = B_2},
      {SIGNED_1, "bob@x.test", .domains = "other.test", .why = FRANK_UNSTAMPED_NO_SIGNATURE},
      /* the sender's own wish */
      {"X-MSMR: skip\n" SIGNED_1, "bob@x.test", .why = FRANK_UNSTAMPED_SKIP_HEADER},
      {"x-msmr:\tSKIP \n" SIGNED_1, "bob@x.test", .why = FRANK_UNSTAMPED_SKIP_HEADER},
      {"X-MSMR: skip-not\n" SIGNED_1, "bob@x.test", .why = FRANK_STAMP, .b = B_1},
      {"X-MSMR: no\nX-MSMR: skip\n" SIGNED_1, "bob@x.test", .why = FRANK_UNSTAMPED_SKIP_HEADER},
      /* bounces */
      {SIGNED_1, "bob@x.test", .is_bounce = true, .why = FRANK_UNSTAMPED_BOUNCE},
      /* recipients: 3 at most */
      {SIGNED_1, "a@x.test b@x.test c@x.test", .why = FRANK_STAMP, .b = B_1},
      {SIGNED_1, "a@x.test b@x.test c@x.test d@x.test", .why = FRANK_UNSTAMPED_RECIPIENTS},
      {SIGNED_1, "a@x.test b@x.test c@x.test", 1, .why = FRANK_UNSTAMPED_RECIPIENTS},
      /* lists, only where that is asked for */
      {"List-Id: <l.x.test>\n" SIGNED_1, "bob@x.test", .why = FRANK_STAMP, .b = B_1},
      {"List-Id: <l.x.test>\n" SIGNED_1, "bob@x.test", .skip_lists = true,
       .why = FRANK_UNSTAMPED_LIST},
      {"Precedence: bulk\n" SIGNED_1, "bob@x.test", .skip_lists = true,
       .why = FRANK_UNSTAMPED_LIST},
      {"precedence: List\n" SIGNED_1, "bob@x.test", .skip_lists = true,
       .why = FRANK_UNSTAMPED_LIST},
      {"Precedence: first-class\n" SIGNED_1, "bob@x.test", .skip_lists = true, .why = FRANK_STAMP,
       .b = B_1},
      /* local and skipped recipients: all of them */
      {SIGNED_1, "bob@x.test", .local = "x.test", .why = FRANK_UNSTAMPED_LOCAL},
      {SIGNED_1, "bob@X.TEST", .local = "x.test", .why = FRANK_UNSTAMPED_LOCAL},
      {SIGNED_1, "bob@sub.x.test", .local = "x.test", .why = FRANK_STAMP, .b = B_1},
      {SIGNED_1, "bob@sub.x.test", .local = "*.x.test", .why = FRANK_UNSTAMPED_LOCAL},
      {SIGNED_1, "bob@x.test eve@y.test", .local = "x.test", .why = FRANK_STAMP, .b = B_1},
      {SIGNED_1, "bob@x.test eve@y.test", .local = "x.test", .skip = "y.test",
       .why = FRANK_UNSTAMPED_SKIP_DOMAIN},
      {SIGNED_1, "bob@x.test", .skip = "bob@x.test", .why = FRANK_UNSTAMPED_SKIP_DOMAIN},
      {SIGNED_1, "eve@x.test", .skip = "bob@x.test", .why = FRANK_STAMP, .b = B_1},
      {SIGNED_1, "bob@x.test", 1, .local = "x.test", .why = FRANK_STAMP, .b = B_1},
      {SIGNED_1, "", .local = "x.test", .why = FRANK_STAMP, .b = B_1},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_dkim signature;
    const char *detail = NULL;
    enum frank_unstamped why = choose(&rows[i], &signature, &detail);
    if (why != rows[i].why || (rows[i].b != NULL && strcmp(signature.b, rows[i].b) != 0)) {
      fail_msg("row %zu: %s, b \"%s\"", i,
               why < FRANK_UNSTAMPED_COUNT ? frank_unstamped_name(why) : "a stamp", signature.b);
    }
    assert_non_null(detail);
  }
}

/* Each name once: they are labels of metrics, and what an operator greps for. */
static void names_are_distinct(void **state)
{
  (void)state;
  for (unsigned i = 0; i < FRANK_UNSTAMPED_COUNT; i++) {
    const char *name = frank_unstamped_name((enum frank_unstamped)i);
    assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name) && name[0] != '\0');
    for (unsigned j = 0; j < i; j++) {
      assert_string_not_equal(name, frank_unstamped_name((enum frank_unstamped)j));
    }
  }
  assert_false(frank_unstamped_is_failure(FRANK_UNSTAMPED_BOUNCE));
  assert_false(frank_unstamped_is_failure(FRANK_UNSTAMPED_NO_SIGNATURE));
  assert_true(frank_unstamped_is_failure(FRANK_UNSTAMPED_HEADER));
  assert_true(frank_unstamped_is_failure(FRANK_UNSTAMPED_INTERNAL));
  assert_false(frank_unstamped_is_failure(FRANK_STAMP));
}

static void codes_of_the_daemon_have_their_reason(void **state)
{
  static const char *const codes[] = {"bad-request", "unsupported", "too-hard",      "busy",
                                      "deadline",    "no-device",   "no-factor",     "forbidden",
                                      "internal",    "timeout",     "shutting-down", "bad-reply"};
  (void)state;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    assert_string_equal(frank_unstamped_name(frank_unstamped_of_code(codes[i])), codes[i]);
  }
  assert_int_equal(frank_unstamped_of_code("never-heard"), FRANK_UNSTAMPED_INTERNAL);
  assert_int_equal(frank_unstamped_of_code(""), FRANK_UNSTAMPED_INTERNAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_rule_has_its_reason),
      cmocka_unit_test(names_are_distinct),
      cmocka_unit_test(codes_of_the_daemon_have_their_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
