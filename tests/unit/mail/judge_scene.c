/* Mail with stamps that are minted here, and how it is judged. See judge_scene.h. */
#include "judge_scene.h"

#include "proof/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char text[TEXT_BYTES];
struct frank_message message;
struct frank_judge judge;

/* ---- making mail ---- */

/* An MSMR-Key for `b` that meets `factor` and not `above` (0: no matter). */
const char *stamp(enum frank_alg alg, const char *b, uint64_t factor, uint64_t above)
{
  static char fields[8][FRANK_MSMR_HEADER_MAX_BYTES + 1];
  static size_t turn;
  char *field = fields[turn++ % 8];
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  struct frank_msmr key = {.alg = alg};

  for (uint64_t nonce = 0;; nonce++) {
    snprintf(key.n, sizeof key.n, "%" PRIx64, nonce);
    frank_msmr_hash(key.n, strlen(key.n), b, strlen(b), &key.h);
    if (frank_target_meets(&key.h, factor) && (above == 0 || !frank_target_meets(&key.h, above))) {
      break;
    }
  }
  frank_msmr_format(&key, "\n", header);
  snprintf(field, sizeof fields[0], "%s\n", header);
  return field;
}

const char *signature(const char *a, const char *tags, const char *b)
{
  static char fields[8][6000];
  static size_t turn;
  char *field = fields[turn++ % 8];

  snprintf(field, sizeof fields[0], "DKIM-Signature: v=1; a=%s; d=a.example; s=s; %s; b=%s\n", a,
           tags, b);
  return field;
}

void begin(void)
{
  const char *why = "";

  if (frank_message_open(text, strlen(text), &message, &why) != FRANK_OK) {
    fail_msg("%s", why);
  }
  frank_judge_begin(&message, &judge);
}

/* ---- judging it ---- */

const struct frank_judge_factor normal = {.factor = FACTOR, .source = "a.example#7"};
const enum frank_dkim_result all_pass[FRANK_MSMR_SIGNATURES_MAX] = {
    FRANK_DKIM_PASS, FRANK_DKIM_PASS, FRANK_DKIM_PASS, FRANK_DKIM_PASS,
    FRANK_DKIM_PASS, FRANK_DKIM_PASS, FRANK_DKIM_PASS, FRANK_DKIM_PASS};

struct frank_judge_policy policy_without(const char *off)
{
  struct frank_judge_policy policy = {.lists = NULL};

  for (int rule = 0; rule < FRANK_RULE_COUNT; rule++) {
    policy.rules[rule] = !off || !strstr(off, frank_rule_name((enum frank_rule)rule));
  }
  return policy;
}

/* "bob@x.example alice@y.example" */
struct frank_judge_envelope envelope_to(const char *recipients)
{
  static struct frank_address_text list[1100];
  struct frank_judge_envelope envelope = {.recipients = list};
  size_t len;

  for (; *recipients; recipients += len + strspn(recipients + len, " ")) {
    len = strcspn(recipients, " ");
    if (frank_address_of_envelope(recipients, len, &list[envelope.recipient_count]) == FRANK_OK) {
      envelope.recipient_count++;
    } else {
      envelope.strange_count++;
    }
  }
  return envelope;
}

void rules_at(const char *off, const struct frank_judge_factor *factor,
              const enum frank_dkim_result *dkim, const char *recipients, int64_t now_s)
{
  struct frank_judge_policy policy = policy_without(off);
  struct frank_judge_envelope envelope = envelope_to(recipients);

  frank_judge_rules(&judge, &policy, factor, dkim, &envelope, now_s);
}

void expect(enum frank_verdict verdict, const char *why)
{
  if (judge.verdict != verdict || strcmp(judge.why, why) != 0) {
    fail_msg("%s '%s', not %s '%s', for\n%s", frank_verdict_name(judge.verdict), judge.why,
             frank_verdict_name(verdict), why, text);
  }
}

void one_message(const char *tags, const char *fields)
{
  sprintf(text, "%s%s%s\nbody\n", stamp(FRANK_ALG_RSA_SHA256, B, FACTOR, HARD),
          signature("rsa-sha256", tags, B), fields);
  begin();
}
