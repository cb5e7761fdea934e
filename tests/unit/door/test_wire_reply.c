/* What the door answers: written to the letter, whatever is in it. */
#include "door/wire.h"

#include "base/err.h"
#include "proof/target.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct frank_answer stamp(void)
{
  struct frank_answer answer = {.factor = 1000,
                                .attempts = 12345678901,
                                .elapsed_ms = 17,
                                .alg = FRANK_ALG_ED25519_SHA256,
                                .met = 1};
  answer.h.bytes[2] = 0x80;
  (void)snprintf(answer.n, sizeof answer.n, "00ba4f33");
  (void)snprintf(answer.source, sizeof answer.source, "floor");
  (void)snprintf(answer.device, sizeof answer.device, "cpu:0");
  return answer;
}

static void answer_is_written_to_the_letter(void **state)
{
  (void)state;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  bool ok = false;
  struct frank_answer answer = stamp();
  size_t len = frank_wire_answer_format(&answer, body, &ok);
  assert_true(ok);
  assert_int_equal(len, strlen(body));
  assert_string_equal(
      body, "{\"header\":\"MSMR-Key: v=1; a=ed25519-sha256; n=00ba4f33;\\r\\n\\th="
            "0000800000000000000000000000000000000000000000000000000000000000\","
            "\"n\":\"00ba4f33\","
            "\"h\":\"0000800000000000000000000000000000000000000000000000000000000000\","
            "\"a\":\"ed25519-sha256\",\"factor\":1000,\"source\":\"floor\",\"met\":true,"
            "\"bits\":17.0000,\"attempts\":12345678901,\"elapsed_ms\":17,\"device\":\"cpu:0\"}");
}

static void answer_escapes_what_json_wants(void **state)
{
  (void)state;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  bool ok = false;
  struct frank_answer answer = stamp();
  memset(answer.source, '\x01', sizeof answer.source); /* not even a NUL at its end */
  (void)snprintf(answer.device, sizeof answer.device, "a\"b\\c\td\n%c\x7f", 1);
  size_t len = frank_wire_answer_format(&answer, body, &ok);
  assert_true(ok);
  json_t *root = json_loadb(body, len, 0, NULL);
  assert_non_null(root);
  assert_string_equal(json_string_value(json_object_get(root, "device")), answer.device);
  assert_int_equal(json_string_length(json_object_get(root, "source")), sizeof answer.source);
  json_decref(root);
}

static void answer_that_is_no_stamp_is_internal(void **state)
{
  (void)state;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  static const char *const nonces[] = {"", "xyz", "BA4F33",
                                       "12345678901234567890123456789012345678901"};
  for (size_t i = 0; i < sizeof nonces / sizeof nonces[0]; i++) {
    bool ok = true;
    struct frank_answer answer = stamp();
    (void)snprintf(answer.n, sizeof answer.n, "%s", nonces[i]);
    (void)frank_wire_answer_format(&answer, body, &ok);
    assert_false(ok);
    assert_non_null(strstr(body, "{\"error\":\"internal\""));
  }
  bool ok = true;
  struct frank_answer answer = stamp();
  answer.refusal = FRANK_REFUSAL_COUNT;
  (void)frank_wire_answer_format(&answer, body, &ok);
  assert_false(ok);
}

static void refusals_have_their_codes_and_numbers(void **state)
{
  (void)state;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  bool ok = true;
  for (uint32_t refusal = 1; refusal < FRANK_REFUSAL_COUNT; refusal++) {
    struct frank_answer answer = {.refusal = refusal};
    char want[128];
    memcpy(answer.message, "a \"b\"\n", 7);
    (void)frank_wire_answer_format(&answer, body, &ok);
    assert_false(ok);
    (void)snprintf(want, sizeof want, "{\"error\":\"%s\",\"message\":\"a \\\"b\\\"?\"%s}",
                   frank_refusal_code((enum frank_refusal)refusal),
                   refusal == FRANK_REFUSAL_TOO_HARD ? ",\"eta_ms\":null" : "");
    assert_string_equal(body, want);
  }
  struct frank_answer busy = {.refusal = FRANK_REFUSAL_BUSY, .retry_after_ms = 1500};
  (void)frank_wire_answer_format(&busy, body, &ok);
  assert_string_equal(body, "{\"error\":\"busy\",\"message\":\"\",\"retry_after_ms\":1500}");
  struct frank_answer hard = {.refusal = FRANK_REFUSAL_TOO_HARD, .eta_ms = UINT64_MAX};
  (void)frank_wire_answer_format(&hard, body, &ok);
  assert_string_equal(body, "{\"error\":\"too-hard\",\"message\":\"\","
                            "\"eta_ms\":18446744073709551615}");
}

static void longest_replies_fit(void **state)
{
  (void)state;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  bool ok = false;
  struct frank_answer answer = stamp();
  memset(answer.n, 'a', FRANK_MSMR_NONCE_WRITTEN);
  answer.n[FRANK_MSMR_NONCE_WRITTEN] = '\0';
  memset(answer.source, '\x02', sizeof answer.source);
  memset(answer.device, '\x02', sizeof answer.device);
  answer.factor = answer.attempts = answer.elapsed_ms = UINT64_MAX;
  assert_true(frank_wire_answer_format(&answer, body, &ok) > 0);
  assert_true(ok);
  answer.refusal = FRANK_REFUSAL_TOO_HARD;
  answer.eta_ms = answer.retry_after_ms = UINT64_MAX;
  memset(answer.message, '"', sizeof answer.message);
  assert_true(frank_wire_answer_format(&answer, body, &ok) > 0);
  struct frank_wire_fault fault = {.code = "bad-request"};
  memset(fault.message, '\\', sizeof fault.message - 1);
  assert_true(frank_wire_fault_format(&fault, UINT64_MAX, body) > 0);
  assert_true(frank_wire_cancelled_format(false, body) > 0);
  assert_string_equal(body, "{\"found\":false}");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answer_is_written_to_the_letter),
      cmocka_unit_test(answer_escapes_what_json_wants),
      cmocka_unit_test(answer_that_is_no_stamp_is_internal),
      cmocka_unit_test(refusals_have_their_codes_and_numbers),
      cmocka_unit_test(longest_replies_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
