/* wire: every error of the protocol, types and ranges, and replies that read back as written. */
#include "door/messages.h"
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

#define B88                                                                                        \
  "7WEhrjUuhJ1y5Gn3wkPzEYSlJDoeZsaBd1yBD9qcDTPVYRLs3nLpNXRcmv1oONSzzkvBUXCTr5TMbcVaawEsAA=="

/* Without the recipients' domains. */
static enum frank_err mint_parse(const char *body, size_t len, struct frank_request *request,
                                 char *b, struct frank_wire_fault *fault)
{
  char *domains = NULL;
  enum frank_err err = frank_wire_mint_parse(body, len, request, b, &domains, fault);
  free(domains);
  return err;
}

static void assert_printable(const char *text)
{
  for (; *text; text++) {
    assert_in_range(*text, 0x20, 0x7e);
  }
}

/* ---- envelopes ---- */

#define FRAME(text)                                                                                \
  {                                                                                                \
    (text), sizeof(text) - 1                                                                       \
  }

static void envelope_takes_four_frames_and_a_delimiter(void **state)
{
  (void)state;
  const struct frank_wire_frame frames[] = {FRAME(""), FRAME("frank/1"), FRAME("ping"), FRAME("!~"),
                                            FRAME("{}")};
  struct frank_wire_envelope envelope;
  struct frank_wire_fault fault;
  assert_int_equal(frank_wire_envelope_parse(frames, 5, &envelope, &fault), FRANK_OK);
  assert_true(envelope.delimited);
  assert_int_equal(envelope.verb, FRANK_WIRE_PING);
  assert_string_equal(envelope.id, "!~");
  assert_int_equal(envelope.body.len_bytes, 2);
  assert_int_equal(frank_wire_envelope_parse(frames + 1, 4, &envelope, &fault), FRANK_OK);
  assert_false(envelope.delimited);
}

static void envelope_knows_every_verb(void **state)
{
  (void)state;
  for (int verb = 0; verb < FRANK_WIRE_VERB_COUNT; verb++) {
    const char *name = frank_wire_verb_name((enum frank_wire_verb)verb);
    const struct frank_wire_frame frames[] = {
        FRAME("frank/1"), {name, strlen(name)}, FRAME("id"), FRAME("")};
    struct frank_wire_envelope envelope;
    struct frank_wire_fault fault;
    assert_int_equal(frank_wire_envelope_parse(frames, 4, &envelope, &fault), FRANK_OK);
    assert_int_equal(envelope.verb, verb);
  }
}

static void envelope_without_an_id_is_nobodys(void **state)
{
  (void)state;
  static const char long_id[] = "12345678901234567890123456789012345678901234567890123456789012345";
  static const struct {
    const char *what;
    size_t count;
    struct frank_wire_frame frames[6];
  } rows[] = {
      {"no frames", 0, {{NULL, 0}}},
      {"one frame", 1, {FRAME("frank/1")}},
      {"three frames", 3, {FRAME("frank/1"), FRAME("ping"), FRAME("id")}},
      {"a delimiter and three", 4, {FRAME(""), FRAME("frank/1"), FRAME("ping"), FRAME("id")}},
      {"five frames", 5, {FRAME("frank/1"), FRAME("ping"), FRAME("id"), FRAME("{}"), FRAME("")}},
      {"two delimiters", 6, {FRAME(""), FRAME(""), FRAME("frank/1"), FRAME("ping"), FRAME("id")}},
      {"another version", 4, {FRAME("frank/2"), FRAME("ping"), FRAME("id"), FRAME("{}")}},
      {"a longer version", 4, {FRAME("frank/1 "), FRAME("ping"), FRAME("id"), FRAME("{}")}},
      {"no id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME(""), FRAME("{}")}},
      {"a space in the id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME("a b"), FRAME("{}")}},
      {"DEL in the id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME("a\x7f"), FRAME("{}")}},
      {"NUL in the id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME("a\0b"), FRAME("{}")}},
      {"a high byte in the id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME("\xc3\xa4"), FRAME("")}},
      {"65 bytes of id", 4, {FRAME("frank/1"), FRAME("ping"), FRAME(long_id), FRAME("{}")}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_wire_envelope envelope;
    struct frank_wire_fault fault;
    enum frank_err err =
        frank_wire_envelope_parse(rows[i].frames, rows[i].count, &envelope, &fault);
    if (err != FRANK_ERR_MALFORMED) {
      fail_msg("%s: %s", rows[i].what, frank_err_text(err));
    }
  }
}

static void envelope_answers_unknown_verbs_and_long_bodies(void **state)
{
  (void)state;
  static char body[FRANK_WIRE_BODY_MAX_BYTES + 1];
  struct frank_wire_envelope envelope;
  struct frank_wire_fault fault;
  const struct frank_wire_frame verb[] = {FRAME("frank/1"), FRAME("MINT\n\x80"), FRAME("id"),
                                          FRAME("{}")};
  assert_int_equal(frank_wire_envelope_parse(verb, 4, &envelope, &fault), FRANK_ERR_UNSUPPORTED);
  assert_string_equal(fault.code, "bad-request");
  assert_non_null(strstr(fault.message, "\"MINT??\""));
  assert_string_equal(envelope.id, "id");
  const struct frank_wire_frame nothing[] = {FRAME("frank/1"), {NULL, 0}, FRAME("id"), FRAME("{}")};
  assert_int_equal(frank_wire_envelope_parse(nothing, 4, &envelope, &fault), FRANK_ERR_UNSUPPORTED);
  const struct frank_wire_frame size[] = {
      FRAME("frank/1"), FRAME("mint"), FRAME("id"), {body, sizeof body}};
  assert_int_equal(frank_wire_envelope_parse(size, 4, &envelope, &fault), FRANK_ERR_TOO_LONG);
  assert_string_equal(fault.code, "bad-request");
  assert_non_null(strstr(fault.message, "16385"));
  const struct frank_wire_frame most[] = {
      FRAME("frank/1"), FRAME("mint"), FRAME("id"), {body, sizeof body - 1}};
  assert_int_equal(frank_wire_envelope_parse(most, 4, &envelope, &fault), FRANK_OK);
}

/* ---- mint, taken ---- */

struct taken {
  const char *body;
  enum frank_alg alg;
  uint64_t factor;
  uint32_t deadline_ms;
  uint8_t priority, fail_at_deadline;
};

static void mint_takes_what_is_right(void **state)
{
  (void)state;
  static const struct taken rows[] = {
      {"{\"b\":\"" B88 "\"}", FRANK_ALG_RSA_SHA256, 0, 30000, 5, 0},
      {" {\"b\" : \"" B88 "\" , \"a\":\"ed25519-sha256\"}\r\n", FRANK_ALG_ED25519_SHA256, 0, 30000,
       5, 0},
      {"{\"b\":\"" B88 "\",\"factor\":1}", FRANK_ALG_RSA_SHA256, 1, 30000, 5, 0},
      {"{\"b\":\"" B88 "\",\"factor\":9007199254740991}", FRANK_ALG_RSA_SHA256, FRANK_FACTOR_MAX,
       30000, 5, 0},
      {"{\"b\":\"" B88 "\",\"deadline_ms\":1,\"priority\":0}", FRANK_ALG_RSA_SHA256, 0, 1, 0, 0},
      {"{\"b\":\"" B88 "\",\"deadline_ms\":3600000,\"priority\":9}", FRANK_ALG_RSA_SHA256, 0,
       3600000, 9, 0},
      {"{\"b\":\"" B88 "\",\"on_deadline\":\"fail\"}", FRANK_ALG_RSA_SHA256, 0, 30000, 5, 1},
      {"{\"b\":\"" B88 "\",\"on_deadline\":\"best\"}", FRANK_ALG_RSA_SHA256, 0, 30000, 5, 0},
      {"{\"b\":\"" B88 "\",\"whatever\":{\"x\":[null,1e6,\"\\u00e4\"]}}", FRANK_ALG_RSA_SHA256, 0,
       30000, 5, 0},
      {"{\"b\":\"" B88 "\",\"recipients\":[]}", FRANK_ALG_RSA_SHA256, 0, 30000, 5, 0},
      {"{\"b\":\"" B88 "\",\"recipients\":[\"a@example.org\",\"Example.ORG\",\"x@[192.0.2.1]\","
       "\"x@[IPv6:2001:db8::1]\",\"\\\"a b\\\"@b.example\",\"j\xc3\xb6rg@\xc3\xa4.example\"]}",
       FRANK_ALG_RSA_SHA256, 0, 30000, 5, 0},
      {"{\"dkim\":\"v=1; a=ed25519-sha256; d=x.example; s=y; h=from; bh=; b=" B88 "\"}",
       FRANK_ALG_ED25519_SHA256, 0, 30000, 5, 0},
      {"{\"a\":\"ed25519-sha256\",\"dkim\":\"v=1; a=ed25519-sha256; d=x; s=y; h=from; bh=; b=" B88
       "\"}",
       FRANK_ALG_ED25519_SHA256, 0, 30000, 5, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_request request;
    struct frank_wire_fault fault = {.code = ""};
    char b[FRANK_B_MAX_BYTES + 1];
    if (mint_parse(rows[i].body, strlen(rows[i].body), &request, b, &fault) != FRANK_OK) {
      fail_msg("%s: %s", rows[i].body, fault.message);
    }
    assert_string_equal(b, B88);
    assert_int_equal(request.b_len, strlen(B88));
    assert_int_equal(request.alg, rows[i].alg);
    assert_int_equal(request.factor, rows[i].factor);
    assert_int_equal(request.deadline_ms, rows[i].deadline_ms);
    assert_int_equal(request.priority, rows[i].priority);
    assert_int_equal(request.fail_at_deadline, rows[i].fail_at_deadline);
  }
}

static void mint_takes_white_space_in_b(void **state)
{
  (void)state;
  static const char body[] = "{\"b\":\" AAAA\\r\\n\\tBBBB \"}";
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  assert_int_equal(mint_parse(body, sizeof body - 1, &request, b, &fault), FRANK_OK);
  assert_string_equal(b, "AAAABBBB");
}

static void mint_gives_the_recipients_domains_but_not_beside_a_factor(void **state)
{
  (void)state;
  static const char body[] = "{\"b\":\"" B88 "\",\"recipients\":[\"a@X.example\",\"y.example\"]}";
  static const char with_factor[] =
      "{\"b\":\"" B88 "\",\"factor\":7,\"recipients\":[\"a@X.example\"]}";
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  char *domains = NULL;
  assert_int_equal(frank_wire_mint_parse(body, sizeof body - 1, &request, b, &domains, &fault),
                   FRANK_OK);
  assert_int_equal(request.domains_len, sizeof "x.example\0y.example");
  assert_memory_equal(domains, "x.example\0y.example", request.domains_len);
  free(domains);
  assert_int_equal(
      frank_wire_mint_parse(with_factor, sizeof with_factor - 1, &request, b, &domains, &fault),
      FRANK_OK);
  assert_int_equal(request.domains_len, 0);
  assert_null(domains);
}

/* ---- mint, refused ---- */

#define WITH_B(rest) "{\"b\":\"" B88 "\"," rest "}"
#define ED_DKIM      "v=1; a=ed25519-sha256; d=x; s=y; h=from; bh=; b=" B88

/* Each must be refused with this code, by a message that has this text. */
static const struct {
  const char *body;
  const char *code;
  const char *named;
} refused[] = {
    {"", "bad-request", "empty"},
    {"   ", "bad-request", "no JSON object"},
    {"null", "bad-request", "no JSON object"},
    {"17", "bad-request", "no JSON object"},
    {"\"b\"", "bad-request", "no JSON object"},
    {"[]", "bad-request", "array"},
    {"{", "bad-request", "no JSON object"},
    {"{}", "bad-request", "b and dkim are both missing"},
    {"{}{}", "bad-request", "no JSON object"},
    {"{'b':1}", "bad-request", "no JSON object"},
    {"{\"b\":\"AAAA\",}", "bad-request", "no JSON object"},
    {"{\"b\":\"AAAA\"", "bad-request", "no JSON object"},
    {"{\"b\":\"AAAA\"} x", "bad-request", "no JSON object"},
    {"{\"b\":\"\xff\"}", "bad-request", "at b"},
    {"{\"b\":\"\xc3\"}", "bad-request", "at b"},
    {"{\"b\":\"\xed\xa0\x80\"}", "bad-request", "at b"},
    {"{\"b\":\"AA\\u0000AA\"}", "bad-request", "at b"},
    {"{\"b\":\"AA\nAA\"}", "bad-request", "at b"},
    {"{\"b\":\"AAAA\",\"b\":\"BBBB\"}", "bad-request", "duplicate object key near '\"b\"'"},
    {WITH_B("\"x\":1,\"x\":2"), "bad-request", "duplicate object key near '\"x\"'"},
    {"{\"b\":17}", "bad-request", "b is 17, not a string"},
    {"{\"b\":null}", "bad-request", "b is null, not a string"},
    {"{\"b\":true}", "bad-request", "b is true, not a string"},
    {"{\"b\":[\"AAAA\"]}", "bad-request", "b is an array, not a string"},
    {"{\"b\":{}}", "bad-request", "b is an object, not a string"},
    {"{\"b\":\"\"}", "bad-request", "b is \"\""},
    {"{\"b\":\" \"}", "bad-request", "b is \" \""},
    {"{\"b\":\"AAA\"}", "bad-request", "b is \"AAA\""},
    {"{\"b\":\"AAAA=\"}", "bad-request", "b is \"AAAA=\""},
    {"{\"b\":\"AAA=AAAA\"}", "bad-request", "b is"},
    {"{\"b\":\"AB==\"}", "bad-request", "b is"},
    {"{\"b\":\"AA_-\"}", "bad-request", "b is"},
    {"{\"b\":\"\xc3\xa4\xc3\xb6\"}", "bad-request", "b is"},
    {"{\"b\":\"AAAA\\u000bBBBB\"}", "bad-request", "b is"},
    {"{\"dkim\":\"\"}", "bad-request", "dkim is"},
    {"{\"dkim\":17}", "bad-request", "dkim is 17, not a string"},
    {"{\"dkim\":\"v=1; a=rsa-sha256\"}", "bad-request", "dkim is"},
    {"{\"dkim\":\"v=1; a=rsa-sha256; d=x; s=y; h=from; bh=; b=A\"}", "bad-request", "dkim is"},
    {"{\"dkim\":\"v=1; a=rsa-sha1; d=x; s=y; h=from; bh=; b=AAAA\"}", "unsupported", "dkim is"},
    {"{\"b\":\"AAAA\",\"dkim\":\"" ED_DKIM "\"}", "bad-request", "b and dkim are both there"},
    {"{\"a\":\"rsa-sha256\",\"dkim\":\"" ED_DKIM "\"}", "bad-request", "a is \"rsa-sha256\", but"},
    {WITH_B("\"a\":17"), "bad-request", "a is 17"},
    {WITH_B("\"a\":\"rsa-sha1\""), "unsupported", "a is \"rsa-sha1\""},
    {WITH_B("\"a\":\"RSA-SHA256\""), "unsupported", "a is \"RSA-SHA256\""},
    {WITH_B("\"a\":\"\""), "unsupported", "a is \"\""},
    {WITH_B("\"factor\":0"), "bad-request", "factor is 0, not in 1 to 9007199254740991"},
    {WITH_B("\"factor\":-5"), "bad-request", "factor is -5"},
    {WITH_B("\"factor\":9007199254740992"), "bad-request", "factor is 9007199254740992"},
    {WITH_B("\"factor\":99999999999999999999999"), "bad-request", "at factor"},
    {WITH_B("\"factor\":-99999999999999999999999"), "bad-request", "at factor"},
    {WITH_B("\"factor\":1.5"), "bad-request", "factor is 1.5, not an integer"},
    {WITH_B("\"factor\":1.0"), "bad-request", "factor is 1.0, not an integer"},
    {WITH_B("\"factor\":1e6"), "bad-request", "factor is 1000000.0, not an integer"},
    {WITH_B("\"factor\":1e999"), "bad-request", "at factor"},
    {WITH_B("\"factor\":\"1\""), "bad-request", "factor is \"1\", not an integer"},
    {WITH_B("\"factor\":null"), "bad-request", "factor is null"},
    {WITH_B("\"factor\":true"), "bad-request", "factor is true"},
    {WITH_B("\"factor\":0x10"), "bad-request", "at factor"},
    {WITH_B("\"factor\":01"), "bad-request", "at factor"},
    {WITH_B("\"factor\":+1"), "bad-request", "at factor"},
    {WITH_B("\"factor\":NaN"), "bad-request", "at factor"},
    {WITH_B("\"deadline_ms\":0"), "bad-request", "deadline_ms is 0, not in 1 to 3600000"},
    {WITH_B("\"deadline_ms\":3600001"), "bad-request", "deadline_ms is 3600001"},
    {WITH_B("\"deadline_ms\":4294967297"), "bad-request", "deadline_ms is 4294967297"},
    {WITH_B("\"deadline_ms\":\"30s\""), "bad-request", "deadline_ms is \"30s\""},
    {WITH_B("\"priority\":-1"), "bad-request", "priority is -1, not in 0 to 9"},
    {WITH_B("\"priority\":10"), "bad-request", "priority is 10"},
    {WITH_B("\"priority\":256"), "bad-request", "priority is 256"},
    {WITH_B("\"on_deadline\":\"Best\""), "bad-request", "on_deadline is \"Best\""},
    {WITH_B("\"on_deadline\":1"), "bad-request", "on_deadline is 1"},
    {WITH_B("\"recipients\":\"a@b.example\""), "bad-request", "recipients is \"a@b.example\""},
    {WITH_B("\"recipients\":{}"), "bad-request", "recipients is an object"},
    {WITH_B("\"recipients\":[1]"), "bad-request", "recipients[0] is 1, not a string"},
    {WITH_B("\"recipients\":[\"a@b.example\",[]]"), "bad-request", "recipients[1] is an array"},
    {WITH_B("\"recipients\":[\"\"]"), "bad-request", "recipients[0] is \"\""},
    {WITH_B("\"recipients\":[\"a@\"]"), "bad-request", "recipients[0] is \"a@\""},
    {WITH_B("\"recipients\":[\"@b.example\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"a@b..example\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"a@.example\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"b example\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"a\\n@b.example\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"a@[]\"]"), "bad-request", "recipients[0]"},
    {WITH_B("\"recipients\":[\"a@[x;y]\"]"), "bad-request", "recipients[0]"},
    {"{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "bad-request", "17 deep"},
};

static void mint_refuses_and_names_the_member(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    struct frank_request request;
    struct frank_wire_fault fault = {.code = "", .message = ""};
    char b[FRANK_B_MAX_BYTES + 1];
    enum frank_err err = mint_parse(refused[i].body, strlen(refused[i].body), &request, b, &fault);
    if (err != FRANK_ERR_MALFORMED || strcmp(fault.code, refused[i].code) != 0 ||
        !strstr(fault.message, refused[i].named)) {
      fail_msg("%s: %s, %s: %s", refused[i].body, frank_err_text(err), fault.code, fault.message);
    }
    assert_printable(fault.message);
  }
}

/* Where the body is cut, whatever came before: never anything but a fault. */
static void mint_refuses_every_cut(void **state)
{
  (void)state;
  static const char body[] = WITH_B("\"a\":\"rsa-sha256\",\"factor\":5,\"recipients\":[\"a@b.c\"]");
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  for (size_t len = 0; len < sizeof body - 1; len++) {
    assert_int_equal(mint_parse(body, len, &request, b, &fault), FRANK_ERR_MALFORMED);
  }
  assert_int_equal(mint_parse(body, sizeof body - 1, &request, b, &fault), FRANK_OK);
}

static void mint_bounds_b_and_recipients(void **state)
{
  (void)state;
  static char body[FRANK_WIRE_BODY_MAX_BYTES];
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  for (size_t len = FRANK_B_MAX_BYTES; len <= FRANK_B_MAX_BYTES + 4; len += 4) {
    size_t at = (size_t)sprintf(body, "{\"b\":\"");
    memset(body + at, 'A', len);
    at += len;
    at += (size_t)sprintf(body + at, "\"}");
    assert_int_equal(mint_parse(body, at, &request, b, &fault),
                     len <= FRANK_B_MAX_BYTES ? FRANK_OK : FRANK_ERR_MALFORMED);
  }
  assert_string_equal(fault.code, "bad-request");
  assert_memory_equal(fault.message, "b is", 4);
  for (int count = FRANK_WIRE_RECIPIENTS_MAX; count <= FRANK_WIRE_RECIPIENTS_MAX + 1; count++) {
    size_t at = (size_t)sprintf(body, "{\"b\":\"AAAA\",\"recipients\":[\"a.b\"");
    for (int i = 1; i < count; i++) {
      at += (size_t)sprintf(body + at, ",\"a.b\"");
    }
    at += (size_t)sprintf(body + at, "]}");
    assert_int_equal(mint_parse(body, at, &request, b, &fault),
                     count <= FRANK_WIRE_RECIPIENTS_MAX ? FRANK_OK : FRANK_ERR_MALFORMED);
  }
  assert_non_null(strstr(fault.message, "recipients has 1001"));
}

static void mint_survives_deep_and_long_bodies(void **state)
{
  (void)state;
  static char body[FRANK_WIRE_BODY_MAX_BYTES + 1];
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  static const char fills[] = {'[', '{', '"', '\\', '\0', '9', ' ', '\xff'};
  for (size_t i = 0; i < sizeof fills; i++) {
    memset(body, fills[i], sizeof body);
    assert_int_equal(mint_parse(body, FRANK_WIRE_BODY_MAX_BYTES, &request, b, &fault),
                     FRANK_ERR_MALFORMED);
    assert_printable(fault.message);
  }
  assert_int_equal(mint_parse(body, sizeof body, &request, b, &fault), FRANK_ERR_MALFORMED);
  assert_non_null(strstr(fault.message, "16385"));
}

/* A member of 16 KiB must not drown the rest of the message. */
static void mint_shortens_what_it_repeats(void **state)
{
  (void)state;
  static char body[8192];
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  size_t at = (size_t)sprintf(body, "{\"b\":\"AAAA\",\"a\":\"");
  memset(body + at, 'x', 5000);
  at += 5000;
  at += (size_t)sprintf(body + at, "\"}");
  assert_int_equal(mint_parse(body, at, &request, b, &fault), FRANK_ERR_MALFORMED);
  assert_string_equal(fault.code, "unsupported");
  assert_non_null(strstr(fault.message, "xxx..., not rsa-sha256"));
}

/* ---- the other verbs ---- */

static void cancel_takes_an_id_and_nothing_else(void **state)
{
  (void)state;
  char id[FRANK_WIRE_ID_MAX_BYTES + 1] = "";
  struct frank_wire_fault fault;
  static const char right[] = "{\"id\":\"r-1\",\"more\":1}";
  assert_int_equal(frank_wire_cancel_parse(right, sizeof right - 1, id, &fault), FRANK_OK);
  assert_string_equal(id, "r-1");
  static const char *const wrong[] = {"",
                                      "{}",
                                      "{\"id\":1}",
                                      "{\"id\":null}",
                                      "{\"id\":\"\"}",
                                      "{\"id\":\"a b\"}",
                                      "{\"id\":\"\xc3\xa4\"}",
                                      "[\"id\"]"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(frank_wire_cancel_parse(wrong[i], strlen(wrong[i]), id, &fault),
                     FRANK_ERR_MALFORMED);
    assert_string_equal(fault.code, "bad-request");
  }
}

static void factor_gives_distinct_domains_in_order(void **state)
{
  (void)state;
  static const char body[] =
      "{\"recipients\":[\"a@X.example\",\"y.example\",\"b@x.EXAMPLE\"],\"purge\":true}";
  struct frank_wire_question question;
  struct frank_wire_fault fault;
  assert_int_equal(frank_wire_factor_parse(body, sizeof body - 1, &question, &fault), FRANK_OK);
  assert_int_equal(question.domain_count, 2);
  assert_int_equal(question.domains_len, sizeof "x.example\0y.example");
  assert_memory_equal(question.domains, "x.example\0y.example", question.domains_len);
  assert_true(question.purge);
  struct {
    struct frank_door_factor factor;
    struct frank_door_domain rows[2];
  } record = {.factor = {.factor = 4000000,
                         .source = "dns:y.example",
                         .otherwise = 1048576,
                         .otherwise_source = "floor",
                         .rate_hps = 1e6,
                         .domain_count = 2,
                         .source_count = 1,
                         .sources = {{.name = "floor",
                                      .kind = "floor",
                                      .source = "floor",
                                      .factor = 1048576,
                                      .in_force = 1}}},
              .rows = {{.state = FRANK_DOOR_DOMAIN_ABSENT, .ttl_s = 60, .why = "no record"},
                       {.state = FRANK_DOOR_DOMAIN_FOUND, .dnssec = 1, .factor = 4000000}}};
  char *text = NULL;
  size_t len = 0;
  assert_int_equal(
      frank_wire_factor_format(&record, sizeof record, question.domains, 2, &text, &len), FRANK_OK);
  assert_string_equal(
      text,
      "{\"factor\":4000000,\"source\":\"dns:y.example\",\"domains\":["
      "{\"domain\":\"x.example\",\"factor\":1048576,\"source\":\"floor\",\"state\":\"absent\","
      "\"published\":null,\"dnssec\":\"none\",\"ttl_s\":60,\"why\":\"no record\"},"
      "{\"domain\":\"y.example\",\"factor\":4000000,\"source\":\"dns:y.example\","
      "\"state\":\"found\",\"published\":4000000,\"dnssec\":\"secure\",\"ttl_s\":0,\"why\":\"\"}],"
      "\"expires\":null,\"eta_ms\":4000,\"sources\":[{\"name\":\"floor\",\"kind\":\"floor\","
      "\"state\":\"in-force\",\"in_force\":true,\"factor\":1048576,\"source\":\"floor\","
      "\"issued\":null,\"expires\":null,\"previous_factor\":null,\"previous_until\":null,"
      "\"confirmed\":null,\"next\":null,\"fetches\":0,\"failures\":0,\"kept\":false,"
      "\"testing\":false,\"dnssec\":\"none\",\"why\":\"\"}]}");
  assert_int_equal(len, strlen(text));
  free(text);
  /* A record that is not about this question, or not whole, is none. */
  assert_int_equal(
      frank_wire_factor_format(&record, sizeof record, question.domains, 1, &text, &len),
      FRANK_ERR_MALFORMED);
  assert_int_equal(
      frank_wire_factor_format(&record, sizeof record - 1, question.domains, 2, &text, &len),
      FRANK_ERR_MALFORMED);
  assert_int_equal(frank_wire_factor_format(&record, 8, question.domains, 2, &text, &len),
                   FRANK_ERR_MALFORMED);
  record.factor.source_count = FRANK_STATUS_SOURCES_MAX + 1;
  assert_int_equal(
      frank_wire_factor_format(&record, sizeof record, question.domains, 2, &text, &len),
      FRANK_ERR_MALFORMED);
  free(question.domains);
}

static void factor_without_a_device_has_no_estimate(void **state)
{
  (void)state;
  const struct frank_door_factor factor = {
      .factor = 5, .otherwise = 5, .source = "file", .expires_s = 1795399200};
  char *text = NULL;
  size_t len = 0;
  assert_int_equal(frank_wire_factor_format(&factor, sizeof factor, NULL, 0, &text, &len),
                   FRANK_OK);
  assert_string_equal(text, "{\"factor\":5,\"source\":\"file\",\"domains\":[],"
                            "\"expires\":1795399200,\"eta_ms\":null,\"sources\":[]}");
  free(text);
}

static void plain_bodies_may_be_empty_but_not_wrong(void **state)
{
  (void)state;
  struct frank_wire_fault fault;
  struct frank_wire_question question = {.domain_count = 1};
  assert_int_equal(frank_wire_plain_parse("", 0, &fault), FRANK_OK);
  assert_int_equal(frank_wire_plain_parse("{}", 2, &fault), FRANK_OK);
  assert_int_equal(frank_wire_plain_parse("{\"x\":1}", 7, &fault), FRANK_OK);
  assert_int_equal(frank_wire_plain_parse("x", 1, &fault), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_wire_factor_parse("", 0, &question, &fault), FRANK_OK);
  assert_null(question.domains);
  assert_int_equal(question.domain_count, 0);
  assert_int_equal(frank_wire_factor_parse("[]", 2, &question, &fault), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_wire_factor_parse("{\"purge\":1}", 11, &question, &fault),
                   FRANK_ERR_MALFORMED);
  assert_non_null(strstr(fault.message, "purge"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(envelope_takes_four_frames_and_a_delimiter),
      cmocka_unit_test(envelope_knows_every_verb),
      cmocka_unit_test(envelope_without_an_id_is_nobodys),
      cmocka_unit_test(envelope_answers_unknown_verbs_and_long_bodies),
      cmocka_unit_test(mint_takes_what_is_right),
      cmocka_unit_test(mint_takes_white_space_in_b),
      cmocka_unit_test(mint_refuses_and_names_the_member),
      cmocka_unit_test(mint_refuses_every_cut),
      cmocka_unit_test(mint_bounds_b_and_recipients),
      cmocka_unit_test(mint_survives_deep_and_long_bodies),
      cmocka_unit_test(mint_shortens_what_it_repeats),
      cmocka_unit_test(cancel_takes_an_id_and_nothing_else),
      cmocka_unit_test(mint_gives_the_recipients_domains_but_not_beside_a_factor),
      cmocka_unit_test(factor_gives_distinct_domains_in_order),
      cmocka_unit_test(factor_without_a_device_has_no_estimate),
      cmocka_unit_test(plain_bodies_may_be_empty_but_not_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
