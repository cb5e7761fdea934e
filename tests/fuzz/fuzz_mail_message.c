/*
 * Whole messages: the fields cover the header without gap or overlap; what minting chooses, of any
 * domain and algorithm, is among what verifying collects; and a stamp that is put in front, as a
 * filter does it, is found and passes.
 */
#include "fuzz.h"
#include "mail/message.h"
#include "proof/target.h"

#include <string.h>
#include <strings.h>

static void check_fields(const struct frank_message *message)
{
  size_t cursor = 0, at = message->header_at, count = 0;
  struct frank_field field;

  while (frank_message_next(message, &cursor, &field)) {
    const char *value_end = field.value.text + field.value.len_bytes;

    FUZZ_CHECK(field.at == at && field.end > at && cursor == field.end);
    FUZZ_CHECK(field.name.text == message->text + at && field.name.len_bytes > 0);
    FUZZ_CHECK(field.value.text > field.name.text + field.name.len_bytes - 1);
    FUZZ_CHECK(field.value.text[-1] == ':');
    FUZZ_CHECK(value_end <= message->text + field.end);
    /* between the value and the field's end stands its line end alone */
    for (const char *p = value_end; p < message->text + field.end; p++) {
      FUZZ_CHECK(*p == '\r' || *p == '\n');
    }
    at = field.end;
    count++;
  }
  FUZZ_CHECK(at == message->header_end && count == message->field_count);
  FUZZ_CHECK(message->body_at - message->header_end <= 2 ||
             message->body_at == message->header_end);
  FUZZ_CHECK(message->body_at <= message->len_bytes);
}

/* True where the signature is one of those that verifying looks at: this very field, not its like.
 */
static bool is_collected(const struct frank_proofs *proofs, const struct frank_dkim *chosen)
{
  for (size_t i = 0; i < proofs->signature_count; i++) {
    const struct frank_dkim *one = &proofs->signatures[i];

    if (one->alg == chosen->alg && one->d.text == chosen->d.text &&
        strcmp(one->b, chosen->b) == 0) {
      return true;
    }
  }
  return false;
}

/* The chosen signature is the first that is collected. */
static void check_choice(const struct frank_dkim *chosen, const struct frank_proofs *proofs)
{
  FUZZ_CHECK(proofs->signature_count >= 1);
  FUZZ_CHECK(proofs->signatures[0].alg == chosen->alg);
  FUZZ_CHECK(strcmp(proofs->signatures[0].b, chosen->b) == 0);
}

/* Whatever domain of the message is asked for, and whatever algorithm: what is chosen is what
 * verifying looks at, and has them; and what verifying looks at can be chosen. */
static void check_wanted(const struct frank_message *message, const struct frank_proofs *proofs)
{
  struct frank_field field;
  size_t cursor = 0, chosen_count = 0;

  while (frank_message_next_named(message, FRANK_DKIM_FIELD, &cursor, &field)) {
    struct frank_dkim dkim, chosen;
    const char *why = NULL;
    char *domain;

    if (frank_dkim_parse(field.value.text, field.value.len_bytes, &dkim, &why) != FRANK_OK ||
        !dkim.d.text) {
      continue;
    }
    domain = strndup(dkim.d.text, dkim.d.len_bytes);
    FUZZ_CHECK(domain != NULL);
    for (int with_alg = 0; with_alg < 2; with_alg++) {
      enum frank_err err =
          frank_message_choose(message, domain, with_alg ? &dkim.alg : NULL, &chosen, &why);

      FUZZ_CHECK(err == FRANK_OK || why);
      FUZZ_CHECK(err == FRANK_OK || !is_collected(proofs, &dkim));
      if (err == FRANK_OK) {
        FUZZ_CHECK(is_collected(proofs, &chosen));
        FUZZ_CHECK(chosen.d.text && strncasecmp(chosen.d.text, domain, strlen(domain)) == 0);
        FUZZ_CHECK(!with_alg || chosen.alg == dkim.alg);
        chosen_count++;
      }
    }
    free(domain);
    if (chosen_count > 200) {
      break; /* thousands of equal ones would only take time */
    }
  }
}

/* Puts a stamp for `chosen` where a filter puts it. */
static void check_stamped(const struct frank_message *message, const struct frank_dkim *chosen)
{
  struct frank_msmr key = {.alg = chosen->alg, .n = "0123456789abcdef0123456789abcdef01234567"};
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  struct frank_message stamped;
  struct frank_judgement out;
  struct frank_proofs proofs;
  size_t header_len, end_len = strlen(message->line_end), at = message->header_at;
  const char *why;
  char *text;

  frank_msmr_hash(key.n, strlen(key.n), chosen->b, chosen->b_len, &key.h);
  frank_msmr_format(&key, message->line_end, header);
  header_len = strlen(header);
  text = malloc(message->len_bytes + header_len + end_len);
  FUZZ_CHECK(text != NULL);
  memcpy(text, message->text, at);
  memcpy(text + at, header, header_len);
  memcpy(text + at + header_len, message->line_end, end_len);
  memcpy(text + at + header_len + end_len, message->text + at, message->len_bytes - at);
  if (frank_message_open(text, message->len_bytes + header_len + end_len, &stamped, &why) !=
      FRANK_OK) {
    FUZZ_CHECK(message->field_count == FRANK_MESSAGE_FIELDS_MAX ||
               message->header_end - at + header_len + end_len > FRANK_MESSAGE_HEADER_MAX_BYTES);
    free(text);
    return;
  }
  FUZZ_CHECK(stamped.field_count == message->field_count + 1);
  FUZZ_CHECK(stamped.len_bytes - stamped.body_at == message->len_bytes - message->body_at);
  FUZZ_CHECK(frank_message_has_stamp(&stamped, chosen, 1, &out));
  frank_message_collect(&stamped, &proofs);
  frank_proofs_judge(&proofs, 1, &out);
  FUZZ_CHECK(out.verdict == FRANK_VERDICT_PASS);
  frank_proofs_judge(&proofs, 0, &out);
  FUZZ_CHECK(out.verdict == FRANK_VERDICT_TEMPERROR);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *why = NULL;
  struct frank_message message;
  struct frank_judgement out;
  struct frank_proofs proofs;
  struct frank_dkim chosen;

  if (frank_message_open((const char *)data, size, &message, &why) != FRANK_OK) {
    FUZZ_CHECK(why != NULL);
    return 0;
  }
  check_fields(&message);
  frank_message_collect(&message, &proofs);
  frank_proofs_judge(&proofs, 1, &out);
  FUZZ_CHECK((out.verdict == FRANK_VERDICT_NONE) == (proofs.key_count == 0));
  FUZZ_CHECK(out.verdict != FRANK_VERDICT_PASS || proofs.signature_count > 0);
  check_wanted(&message, &proofs);
  if (frank_message_choose(&message, NULL, NULL, &chosen, &why) == FRANK_OK) {
    check_choice(&chosen, &proofs);
    check_stamped(&message, &chosen);
  } else {
    FUZZ_CHECK(why != NULL && proofs.signature_count == 0);
  }
  return 0;
}
