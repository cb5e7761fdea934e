/*
 * Whole messages, judged: the first byte is which rules are asked for, the second what DKIM said,
 * the rest the message. The result is the best of the keys; pass means that a hash is right and no
 * rule that is asked for is broken; switching all off never makes it worse; and the field that
 * tells it reads back.
 */
#include "fuzz.h"
#include "mail/authres.h"
#include "mail/judge.h"
#include "proof/target.h"

#include <string.h>

#define NOW_S INT64_C(1795305600)

static void check_verdict(const struct frank_judge *judge, const struct frank_judge_policy *policy,
                          const enum frank_dkim_result *dkim)
{
  FUZZ_CHECK((judge->verdict == FRANK_VERDICT_NONE) == (judge->proofs.key_count == 0));
  FUZZ_CHECK(memchr(judge->why, '\0', sizeof judge->why) != NULL);
  FUZZ_CHECK((judge->why[0] == '\0') == (judge->verdict == FRANK_VERDICT_PASS));
  for (const char *p = judge->why; *p; p++) {
    FUZZ_CHECK(*p >= ' ' && *p <= '~');
  }
  for (size_t i = 0; i < judge->proofs.key_count; i++) {
    const struct frank_judge_candidate *one = &judge->candidates[i];
    int index = one->judgement.signature_index;

    FUZZ_CHECK(judge->verdict <= one->verdict);
    FUZZ_CHECK(index < 0 || judge->bound[index]);
    FUZZ_CHECK(one->verdict != FRANK_VERDICT_PASS ||
               (index >= 0 && one->rule == FRANK_RULE_COUNT &&
                frank_target_meets(&one->judgement.key.h, judge->factor) &&
                (!policy->rules[FRANK_RULE_DKIM] || dkim[index] == FRANK_DKIM_PASS)));
    FUZZ_CHECK((one->judgement.bits > 0) <= (index >= 0));
  }
}

static void check_field(const struct frank_judge *judge)
{
  char field[FRANK_JUDGE_FIELD_BYTES], b[9];
  struct frank_authres_result result;
  struct frank_view value = {field, 0};
  size_t cursor = 0;

  frank_judge_field(judge, "mx.example", "\n", field);
  value.len_bytes = strlen(field);
  FUZZ_CHECK(frank_authres_is_of(value, "mx.example"));
  FUZZ_CHECK(frank_authres_next(value, &cursor, &result));
  FUZZ_CHECK(frank_view_is(result.method, FRANK_AUTHRES_METHOD));
  FUZZ_CHECK(frank_view_is(result.result, frank_verdict_name(judge->verdict)));
  frank_judge_b_prefix(judge, b);
  FUZZ_CHECK(b[0] == '\0' ? !result.header_b.text : frank_view_is(result.header_b, b));
  FUZZ_CHECK(!frank_authres_next(value, &cursor, &result));
}

/* Counts that are low change nothing; a store that is away, and high counts, only make it worse. */
static void check_replay(const struct frank_judge *judged)
{
  static struct frank_judge judge;
  const struct frank_replay_counts low = {0, 1, NOW_S}, high = {UINT64_MAX, 1, NOW_S};
  uint8_t id[FRANK_SHA256_BYTES];

  FUZZ_CHECK(judged->remember_until_s > NOW_S &&
             judged->remember_until_s <= NOW_S + FRANK_JUDGE_AGE_MAX_S);
  frank_judge_signature_id(judged, id);
  judge = *judged;
  frank_judge_replay(&judge, &low, NOW_S);
  FUZZ_CHECK(judge.verdict == judged->verdict && strcmp(judge.why, judged->why) == 0);
  frank_judge_replay(&judge, &high, NOW_S);
  FUZZ_CHECK(judge.verdict != FRANK_VERDICT_PASS && judge.verdict >= judged->verdict);
  judge = *judged;
  frank_judge_replay(&judge, NULL, NOW_S);
  FUZZ_CHECK(judge.verdict != FRANK_VERDICT_PASS && judge.verdict >= judged->verdict);
}

/* `asked` is the two bytes. True where the message passes without the mail rules. */
static bool judge_message(const uint8_t asked[2], const struct frank_message *message)
{
  static struct frank_judge judge;
  static const struct frank_address_text recipients[] = {{"bob@x.example"}, {"all@l.example"}};
  static const char *const lists[] = {"*.example"};
  const struct frank_judge_envelope envelope = {recipients, 2, 0};
  const struct frank_judge_factor factor = {.factor = 1, .source = "a.example#1"};
  struct frank_judge_policy policy = {.lists = lists, .list_count = asked[0] >> 7};
  enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX];
  enum frank_verdict verdict;

  for (int rule = 0; rule < FRANK_RULE_COUNT; rule++) {
    policy.rules[rule] = (asked[0] >> rule & 1) != 0;
  }
  for (int i = 0; i < FRANK_MSMR_SIGNATURES_MAX; i++) {
    dkim[i] = (enum frank_dkim_result)((asked[1] >> (i % 4 * 2)) % FRANK_DKIM_RESULT_COUNT);
  }
  frank_judge_begin(message, &judge);
  frank_judge_rules(&judge, &policy, &factor, dkim, &envelope, NOW_S);
  check_verdict(&judge, &policy, dkim);
  check_field(&judge);
  if (judge.wants_replay) {
    check_replay(&judge);
  }
  verdict = judge.verdict;
  memset(policy.rules, 0, sizeof policy.rules);
  frank_judge_rules(&judge, &policy, &factor, dkim, NULL, NOW_S);
  check_verdict(&judge, &policy, dkim);
  FUZZ_CHECK(judge.verdict <= verdict && !judge.wants_replay);
  return judge.verdict == FRANK_VERDICT_PASS;
}

/* The message with a stamp in front for the signature that a mint would choose: most inputs have
 * none that is right. */
static void judge_stamped(const uint8_t asked[2], const struct frank_message *message)
{
  struct frank_msmr key = {.n = "1f"};
  struct frank_dkim chosen;
  struct frank_message stamped;
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  size_t header_len, len = message->len_bytes - message->header_at;
  const char *why;
  char *text;

  if (frank_message_choose(message, NULL, NULL, &chosen, &why) != FRANK_OK) {
    return;
  }
  key.alg = chosen.alg;
  frank_msmr_hash(key.n, strlen(key.n), chosen.b, chosen.b_len, &key.h);
  frank_msmr_format(&key, "\n", header);
  header_len = strlen(header);
  text = malloc(header_len + 1 + len);
  FUZZ_CHECK(text != NULL);
  memcpy(text, header, header_len);
  text[header_len] = '\n';
  memcpy(text + header_len + 1, message->text + message->header_at, len);
  if (frank_message_open(text, header_len + 1 + len, &stamped, &why) == FRANK_OK) {
    FUZZ_CHECK(judge_message(asked, &stamped));
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_message message;
  const char *why;

  if (size < 2 ||
      frank_message_open((const char *)data + 2, size - 2, &message, &why) != FRANK_OK) {
    return 0;
  }
  (void)judge_message(data, &message);
  judge_stamped(data, &message);
  return 0;
}
