/*
 * Bodies of requests: the first byte picks the verb. A body is taken, and then everything that was
 * taken is in range, or it is refused with a code of the protocol and printable text. What is taken
 * is written as an answer, or as a request again, and reads back the same.
 */
#include "door/messages.h"
#include "door/wire.h"
#include "fuzz.h"
#include "proof/target.h"

#include <jansson.h>
#include <string.h>

static void check_fault(const struct frank_wire_fault *fault)
{
  FUZZ_CHECK(strcmp(fault->code, "bad-request") == 0 || strcmp(fault->code, "unsupported") == 0);
  FUZZ_CHECK(fault->message[0] != '\0');
  FUZZ_CHECK(memchr(fault->message, '\0', sizeof fault->message) != NULL);
  for (const char *at = fault->message; *at; at++) {
    FUZZ_CHECK(*at >= 0x20 && *at <= 0x7e);
  }
  char text[FRANK_WIRE_REPLY_MAX_BYTES];
  size_t len = frank_wire_fault_format(fault, 0, text);
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
  FUZZ_CHECK(root && len == strlen(text));
  FUZZ_CHECK(strcmp(json_string_value(json_object_get(root, "error")), fault->code) == 0);
  FUZZ_CHECK(strcmp(json_string_value(json_object_get(root, "message")), fault->message) == 0);
  json_decref(root);
}

/* The same request in the plainest words. */
static void check_round_trip(const struct frank_request *request, const char *b)
{
  char body[FRANK_B_MAX_BYTES + 256];
  char b_again[FRANK_B_MAX_BYTES + 1];
  char factor[40] = "";
  struct frank_request again;
  struct frank_wire_fault fault;
  if (request->factor > 0) {
    (void)snprintf(factor, sizeof factor, ",\"factor\":%llu", (unsigned long long)request->factor);
  }
  int len = snprintf(body, sizeof body,
                     "{\"b\":\"%s\",\"a\":\"%s\"%s,\"deadline_ms\":%u,\"priority\":%u,"
                     "\"on_deadline\":\"%s\"}",
                     b, frank_alg_name((enum frank_alg)request->alg), factor, request->deadline_ms,
                     request->priority, request->fail_at_deadline ? "fail" : "best");
  char *domains = NULL;
  FUZZ_CHECK(frank_wire_mint_parse(body, (size_t)len, &again, b_again, &domains, &fault) ==
             FRANK_OK);
  again.domains_len = request->domains_len; /* the recipients were left out */
  FUZZ_CHECK(memcmp(&again, request, sizeof again) == 0);
  FUZZ_CHECK(strcmp(b, b_again) == 0);
}

static void check_mint(const char *body, size_t len)
{
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  char *domains = NULL;
  enum frank_err err = frank_wire_mint_parse(body, len, &request, b, &domains, &fault);
  if (err != FRANK_OK) {
    FUZZ_CHECK(err == FRANK_ERR_MALFORMED);
    check_fault(&fault);
    return;
  }
  FUZZ_CHECK((request.domains_len > 0) == (domains != NULL));
  FUZZ_CHECK(!domains || domains[request.domains_len - 1] == '\0');
  free(domains);
  FUZZ_CHECK(strlen(b) == request.b_len && request.b_len >= FRANK_B_MIN_BYTES);
  FUZZ_CHECK(request.alg < FRANK_ALG_COUNT && request.factor <= FRANK_FACTOR_MAX);
  FUZZ_CHECK(request.deadline_ms >= 1 && request.deadline_ms <= FRANK_DEADLINE_MAX_MS);
  FUZZ_CHECK(request.priority <= FRANK_PRIORITY_MAX && request.fail_at_deadline <= 1);
  check_round_trip(&request, b);
}

static void check_cancel(const char *body, size_t len)
{
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
  struct frank_wire_fault fault;
  if (frank_wire_cancel_parse(body, len, id, &fault) != FRANK_OK) {
    check_fault(&fault);
    return;
  }
  FUZZ_CHECK(strlen(id) >= 1 && strlen(id) <= FRANK_WIRE_ID_MAX_BYTES);
  for (const char *at = id; *at; at++) {
    FUZZ_CHECK(*at >= 0x21 && *at <= 0x7e);
  }
}

static void check_factor(const char *body, size_t len)
{
  static struct {
    struct frank_door_factor factor;
    struct frank_door_domain rows[FRANK_WIRE_RECIPIENTS_MAX];
  } record = {.factor = {.factor = 5, .source = "floor", .rate_hps = 1}};
  struct frank_wire_question question;
  struct frank_wire_fault fault;
  char *text = NULL;
  size_t text_len = 0;
  if (frank_wire_factor_parse(body, len, &question, &fault) != FRANK_OK) {
    check_fault(&fault);
    FUZZ_CHECK(!question.domains);
    return;
  }
  size_t count = question.domain_count;
  FUZZ_CHECK(count <= FRANK_WIRE_RECIPIENTS_MAX);
  FUZZ_CHECK((question.domains == NULL) == (count == 0));
  record.factor.domain_count = (uint32_t)count;
  FUZZ_CHECK(frank_wire_factor_format(&record, sizeof record.factor + count * sizeof record.rows[0],
                                      question.domains, count, &text, &text_len) == FRANK_OK);
  json_t *root = json_loadb(text, text_len, JSON_REJECT_DUPLICATES, NULL);
  FUZZ_CHECK(json_array_size(json_object_get(root, "domains")) == count);
  json_decref(root);
  free(text);
  free(question.domains);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_wire_fault fault;
  if (size == 0) {
    return 0;
  }
  /* A copy of its own, so that a read past its end is seen. */
  char *body = malloc(size);
  FUZZ_CHECK(body != NULL);
  memcpy(body, data + 1, size - 1);
  switch (data[0] & 3) {
  case 0:
    check_mint(body, size - 1);
    break;
  case 1:
    check_cancel(body, size - 1);
    break;
  case 2:
    check_factor(body, size - 1);
    break;
  default:
    if (frank_wire_plain_parse(body, size - 1, &fault) != FRANK_OK) {
      check_fault(&fault);
    }
  }
  free(body);
  return 0;
}
