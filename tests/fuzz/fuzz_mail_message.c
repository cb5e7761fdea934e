/*
 * Whole messages: the fields cover the header without gap or overlap; what minting chooses is what
 * verifying collects first; and a stamp that is put in front, as a filter does it, is found and
 * passes.
 */
#include "fuzz.h"
#include "mail/message.h"
#include "proof/target.h"

#include <string.h>

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

/* The chosen signature is the first that is collected, also when asked for by its own domain. */
static void check_choice(const struct frank_message *message, const struct frank_dkim *chosen,
                         const struct frank_proofs *proofs)
{
  struct frank_dkim by_domain;
  const char *why;

  FUZZ_CHECK(proofs->signature_count >= 1);
  FUZZ_CHECK(proofs->signatures[0].alg == chosen->alg);
  FUZZ_CHECK(strcmp(proofs->signatures[0].b, chosen->b) == 0);
  if (chosen->d.text) {
    char *domain = strndup(chosen->d.text, chosen->d.len_bytes);

    FUZZ_CHECK(domain != NULL);
    FUZZ_CHECK(frank_message_choose(message, domain, &by_domain, &why) == FRANK_OK);
    FUZZ_CHECK(strcmp(by_domain.b, chosen->b) == 0);
    free(domain);
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
  FUZZ_CHECK(frank_message_has_stamp(&stamped, chosen, 1));
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
  if (frank_message_choose(&message, NULL, &chosen, &why) == FRANK_OK) {
    check_choice(&message, &chosen, &proofs);
    check_stamped(&message, &chosen);
  } else {
    FUZZ_CHECK(why != NULL && proofs.signature_count == 0);
  }
  return 0;
}
