/* The factor document: what is read, what is refused and by which name, what a client asks of it.
 */
#include "factor/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAMES   "\"v\":1,\"issuer\":\"authority.example\",\"kind\":\"authority\","
#define NUMBERS "\"epoch\":412,\"issued\":1795312800,\"expires\":1795399200,\"factor\":16777216"
#define WHOLE                                                                                      \
  "{" NAMES NUMBERS ",\"previous\":{\"epoch\":411,\"factor\":12582912,\"until\":1795320000}}"

static struct frank_factor_document parsed(const char *text)
{
  struct frank_factor_document document;
  char why[FRANK_FACTOR_WHY_BYTES];
  if (frank_factor_document_parse(text, strlen(text), &document, why) != FRANK_OK) {
    fail_msg("%s: %s", text, why);
  }
  return document;
}

static void reads_the_example_and_writes_it_back(void **state)
{
  (void)state;
  struct frank_factor_document document = parsed(WHOLE);
  assert_string_equal(document.issuer, "authority.example");
  assert_int_equal(document.kind, FRANK_FACTOR_AUTHORITY);
  assert_int_equal(document.testing, 0);
  assert_int_equal(document.epoch, 412);
  assert_int_equal(document.issued_s, 1795312800);
  assert_int_equal(document.expires_s, 1795399200);
  assert_int_equal(document.factor, 16777216);
  assert_int_equal(document.has_previous, 1);
  assert_int_equal(document.previous_epoch, 411);
  assert_int_equal(document.previous_factor, 12582912);
  assert_int_equal(document.previous_until_s, 1795320000);
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  size_t len = frank_factor_document_format(&document, text);
  assert_int_equal(len, strlen(text));
  assert_string_equal(text, WHOLE);
  char source[FRANK_FACTOR_SOURCE_BYTES];
  frank_factor_document_source(&document, source);
  assert_string_equal(source, "authority.example#412");
}

static void reads_what_is_optional_and_leaves_alone_what_it_does_not_know(void **state)
{
  (void)state;
  struct frank_factor_document document =
      parsed("{" NAMES NUMBERS ",\"mode\":\"testing\",\"extra\":[1,{\"a\":null}]}");
  assert_int_equal(document.testing, 1);
  assert_int_equal(document.has_previous, 0);
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  (void)frank_factor_document_format(&document, text);
  struct frank_factor_document again = parsed(text);
  assert_memory_equal(&again, &document, sizeof document);
  assert_int_equal(parsed("{" NAMES NUMBERS ",\"mode\":\"enforce\"}").testing, 0);
  assert_int_equal(parsed("{" NAMES NUMBERS ",\"previous\":null}").has_previous, 0);
}

static void refuses_by_name(void **state)
{
  static const struct {
    const char *text;
    enum frank_err err;
    const char *named;
  } rows[] = {
      {"", FRANK_ERR_MALFORMED, "JSON"},
      {"[]", FRANK_ERR_MALFORMED, "object"},
      {"{", FRANK_ERR_MALFORMED, "JSON"},
      {WHOLE "x", FRANK_ERR_MALFORMED, "JSON"},
      {"{" NUMBERS "}", FRANK_ERR_MALFORMED, "v is missing"},
      {"{\"v\":2,\"issuer\":\"a.b\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_UNSUPPORTED,
       "v is 2"},
      {"{\"v\":1.0,\"issuer\":\"a.b\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED, "v "},
      {"{\"v\":1,\"issuer\":7,\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED, "issuer"},
      {"{\"v\":1,\"issuer\":\"\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED, "issuer"},
      {"{\"v\":1,\"issuer\":\"a b\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED,
       "issuer"},
      {"{\"v\":1,\"issuer\":\"a#b\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED,
       "issuer"},
      {"{\"v\":1,\"issuer\":\"a\\u0000b\",\"kind\":\"local\"," NUMBERS "}", FRANK_ERR_MALFORMED,
       ""},
      {"{\"v\":1,\"issuer\":\"a.b\",\"kind\":\"king\"," NUMBERS "}", FRANK_ERR_UNSUPPORTED, "king"},
      {"{" NAMES "\"epoch\":0,\"issued\":1,\"expires\":2,\"factor\":1}", FRANK_ERR_RANGE,
       "epoch is 0"},
      {"{" NAMES "\"epoch\":1,\"issued\":-1,\"expires\":2,\"factor\":1}", FRANK_ERR_RANGE,
       "issued"},
      {"{" NAMES "\"epoch\":1,\"issued\":2,\"expires\":2,\"factor\":1}", FRANK_ERR_RANGE,
       "expires"},
      {"{" NAMES "\"epoch\":1,\"issued\":1,\"expires\":2,\"factor\":0}", FRANK_ERR_RANGE,
       "factor is 0"},
      {"{" NAMES "\"epoch\":1,\"issued\":1,\"expires\":2,\"factor\":1152921504606846976}",
       FRANK_ERR_RANGE, "factor is 1152921504606846976"},
      {"{" NAMES "\"epoch\":1,\"issued\":1,\"expires\":2,\"factor\":1e6}", FRANK_ERR_MALFORMED,
       "factor"},
      {"{" NAMES "\"epoch\":1,\"issued\":1,\"expires\":2,\"factor\":\"1\"}", FRANK_ERR_MALFORMED,
       "factor"},
      {"{" NAMES "\"epoch\":1,\"issued\":1,\"expires\":2}", FRANK_ERR_MALFORMED,
       "factor is missing"},
      {"{" NAMES NUMBERS ",\"factor\":1}", FRANK_ERR_MALFORMED, "JSON"},
      {"{" NAMES NUMBERS ",\"mode\":1}", FRANK_ERR_MALFORMED, "mode"},
      {"{" NAMES NUMBERS ",\"previous\":[]}", FRANK_ERR_MALFORMED, "previous"},
      {"{" NAMES NUMBERS ",\"previous\":{\"epoch\":412,\"factor\":1,\"until\":1}}", FRANK_ERR_RANGE,
       "previous.epoch"},
      {"{" NAMES NUMBERS ",\"previous\":{\"epoch\":411,\"factor\":0,\"until\":1}}", FRANK_ERR_RANGE,
       "previous.factor"},
      {"{" NAMES NUMBERS ",\"previous\":{\"epoch\":411,\"factor\":1}}", FRANK_ERR_MALFORMED,
       "previous.until"},
      {"{" NAMES NUMBERS ",\"x\":[[[[[[[[[[]]]]]]]]]]}", FRANK_ERR_MALFORMED, "nested"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_factor_document document;
    char why[FRANK_FACTOR_WHY_BYTES];
    enum frank_err err =
        frank_factor_document_parse(rows[i].text, strlen(rows[i].text), &document, why);
    if (err != rows[i].err || !strstr(why, rows[i].named) || why[0] == '\0') {
      fail_msg("%s: %d \"%s\"", rows[i].text, (int)err, why);
    }
  }
  static char large[FRANK_FACTOR_BODY_MAX_BYTES + 1];
  struct frank_factor_document document;
  char why[FRANK_FACTOR_WHY_BYTES];
  memset(large, ' ', sizeof large);
  assert_int_equal(frank_factor_document_parse(large, sizeof large, &document, why),
                   FRANK_ERR_TOO_LONG);
  assert_non_null(strstr(why, "16385"));
}

static void asks_what_the_spec_asks(void **state)
{
  (void)state;
  struct frank_factor_document last = parsed(WHOLE);
  struct frank_factor_document next = last;
  char why[FRANK_FACTOR_WHY_BYTES];
  const int64_t in_time_s = last.issued_s + 10;
  assert_int_equal(frank_factor_document_check(&next, NULL, in_time_s, why), FRANK_OK);
  assert_int_equal(frank_factor_document_check(&next, &last, in_time_s, why), FRANK_OK);
  /* From its last second on it has expired. */
  assert_int_equal(frank_factor_document_check(&next, NULL, last.expires_s - 1, why), FRANK_OK);
  assert_int_equal(frank_factor_document_check(&next, NULL, last.expires_s, why),
                   FRANK_ERR_TIMEOUT);
  /* A clock may be wrong by 300 s. */
  assert_int_equal(frank_factor_document_check(&next, NULL, last.issued_s - 300, why), FRANK_OK);
  assert_int_equal(frank_factor_document_check(&next, NULL, last.issued_s - 301, why),
                   FRANK_ERR_RANGE);
  next.epoch = 411;
  next.has_previous = 0;
  assert_int_equal(frank_factor_document_check(&next, &last, in_time_s, why), FRANK_ERR_DENIED);
  assert_non_null(strstr(why, "411"));
  assert_non_null(strstr(why, "412"));
  next.epoch = 412;
  next.factor++;
  assert_int_equal(frank_factor_document_check(&next, &last, in_time_s, why), FRANK_ERR_DENIED);
  next.epoch = 413;
  assert_int_equal(frank_factor_document_check(&next, &last, in_time_s, why), FRANK_OK);
  memcpy(next.issuer, "other.example", sizeof "other.example");
  assert_int_equal(frank_factor_document_check(&next, &last, in_time_s, why), FRANK_ERR_DENIED);
  assert_non_null(strstr(why, "other.example"));
  /* With the last one's expiry its rules lapse. */
  next.epoch = 1;
  next.expires_s = last.expires_s + 100;
  assert_int_equal(frank_factor_document_check(&next, &last, last.expires_s, why), FRANK_OK);
}

static void lets_the_previous_factor_count_until_its_time(void **state)
{
  (void)state;
  struct frank_factor_document document = parsed(WHOLE);
  bool is_previous = false;
  assert_int_equal(
      frank_factor_document_asks(&document, document.previous_until_s - 1, &is_previous), 12582912);
  assert_true(is_previous);
  assert_int_equal(frank_factor_document_asks(&document, document.previous_until_s, &is_previous),
                   16777216);
  assert_false(is_previous);
  /* A factor that sank: what meets the old one meets the new one all the more. */
  document.previous_factor = 33554432;
  assert_int_equal(frank_factor_document_asks(&document, document.issued_s, &is_previous),
                   16777216);
  assert_false(is_previous);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_example_and_writes_it_back),
      cmocka_unit_test(reads_what_is_optional_and_leaves_alone_what_it_does_not_know),
      cmocka_unit_test(refuses_by_name),
      cmocka_unit_test(asks_what_the_spec_asks),
      cmocka_unit_test(lets_the_previous_factor_count_until_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
