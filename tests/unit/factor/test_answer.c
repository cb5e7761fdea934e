/* What answer, headers and lookups promise: any bytes are read within their bounds, and what they
 * mean is told. */
#include "factor/resolver/answer.h"
#include "factor/resolver/headers.h"
#include "factor/resolver/lookups.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An answer of one TXT record of two strings, TTL 300, behind an alias with TTL 200. */
#define QUESTION                                                                                   \
  "\x12\x34\x81\x80\0\1\0\2\0\0\0\0"                                                               \
  "\5_msmr\7example\3org\0\0\x10\0\1"
#define ALIAS "\xc0\x0c\0\5\0\1\0\0\0\xc8\0\7\4else\xc0\x12"
#define TEXT                                                                                       \
  "\xc0\x0c\0\x10\0\1\0\0\1\x2c\0\x13"                                                             \
  "\x08v=MSMR1;"                                                                                   \
  "\x09 f=123456"
#define MESSAGE       QUESTION ALIAS TEXT
#define MESSAGE_BYTES (sizeof MESSAGE - 1)

/* No such name, with a SOA of TTL 900 and a minimum of 120. */
static const char nothing[] = "\x12\x34\x81\x83\0\1\0\0\0\1\0\0"
                              "\5_msmr\7example\3org\0\0\x10\0\1"
                              "\xc0\x12\0\6\0\1\0\0\3\x84\0\x16"
                              "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x78";

static struct frank_answer answer;

static void read_bytes(const void *bytes, size_t len_bytes, enum frank_dnssec dnssec, bool required)
{
  /* In memory of just that size, so that a sanitizer sees a step beyond. */
  uint8_t *copy = malloc(len_bytes > 0 ? len_bytes : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, len_bytes);
  const struct frank_answer_raw raw = {.message = copy, .len_bytes = len_bytes, .dnssec = dnssec};
  frank_answer_read(&raw, required, &answer);
  free(copy);
  assert_in_range(answer.ttl_s, FRANK_ANSWER_TTL_MIN_S, FRANK_ANSWER_TTL_MAX_S);
  assert_true(answer.state == FRANK_RESOLVER_FOUND || answer.why[0] != '\0');
}

static void answers_are_read(void **state)
{
  (void)state;
  read_bytes(MESSAGE, MESSAGE_BYTES, FRANK_DNSSEC_SECURE, true);
  assert_int_equal(answer.state, FRANK_RESOLVER_FOUND);
  assert_int_equal(answer.txt.factor, 123456);
  assert_int_equal(answer.ttl_s, 200);
  assert_int_equal(answer.dnssec, FRANK_DNSSEC_SECURE);
  read_bytes(MESSAGE, MESSAGE_BYTES, FRANK_DNSSEC_NONE, true);
  assert_int_equal(answer.state, FRANK_RESOLVER_ABSENT);
  assert_int_equal(answer.txt.factor, 0);
  read_bytes(MESSAGE, MESSAGE_BYTES, FRANK_DNSSEC_BOGUS, false);
  assert_int_equal(answer.state, FRANK_RESOLVER_FAILED);
  assert_int_equal(answer.txt.factor, 0);
  /* Strings that do not add up to the record: it is none of ours. */
  char bytes[MESSAGE_BYTES];
  memcpy(bytes, MESSAGE, sizeof bytes);
  bytes[sizeof bytes - sizeof "\x09 f=123456" + 1] = 9 + 1;
  read_bytes(bytes, sizeof bytes, FRANK_DNSSEC_NONE, false);
  assert_int_equal(answer.state, FRANK_RESOLVER_ABSENT);
  read_bytes(nothing, sizeof nothing - 1, FRANK_DNSSEC_NONE, false);
  assert_int_equal(answer.state, FRANK_RESOLVER_ABSENT);
  assert_int_equal(answer.ttl_s, 120);
  for (int rcode = 1; rcode < 24; rcode++) {
    const struct frank_answer_raw raw = {.rcode = rcode};
    frank_answer_read(&raw, false, &answer);
    assert_int_equal(answer.state, rcode == 3 ? FRANK_RESOLVER_ABSENT : FRANK_RESOLVER_FAILED);
    assert_string_not_equal(answer.why, "");
  }
}

static void damaged_answers_do_no_harm(void **state)
{
  (void)state;
  for (size_t len = 0; len < MESSAGE_BYTES; len++) {
    read_bytes(MESSAGE, len, FRANK_DNSSEC_NONE, false);
    assert_int_equal(answer.state, FRANK_RESOLVER_FAILED);
  }
  char bytes[MESSAGE_BYTES];
  for (size_t at = 0; at < MESSAGE_BYTES; at++) {
    for (unsigned value = 0; value < 256; value++) {
      memcpy(bytes, MESSAGE, sizeof bytes);
      bytes[at] = (char)value;
      read_bytes(bytes, sizeof bytes, FRANK_DNSSEC_NONE, false);
    }
  }
}

static struct frank_headers headers;

static void take(const char *line)
{
  frank_headers_take(&headers, line, strlen(line));
}

static void header_lines_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    const char *etag;
    int64_t fresh_s;
  } cases[] = {
      {"ETag: \"abc\"\r\n", "\"abc\"", -1},
      {"etag:W/\"abc\"", "W/\"abc\"", -1},
      {"ETag: \"\"\r\n", "\"\"", -1},
      {"ETag: abc\r\n", "", -1},
      {"ETag: \"a\"b\"\r\n", "", -1},
      {"ETag: \"a b\"\r\n", "", -1},
      {"ETag: \"", "", -1},
      {"ETag: W/\"", "", -1},
      {"ETag: W/", "", -1},
      {"ETag:", "", -1},
      {"ETag: \"a\x80\"\r\n", "", -1},
      {"Cache-Control: max-age=300\r\n", "", 300},
      {"CACHE-CONTROL:public , MAX-AGE=5,must-revalidate\r\n", "", 5},
      {"Cache-Control: s-maxage=5\r\n", "", -1},
      {"Cache-Control: max-age=\"5\"\r\n", "", -1},
      {"Cache-Control: max-age=-5\r\n", "", -1},
      {"Cache-Control: max-age=0\r\n", "", 0},
      {"Cache-Control: max-age=5, max-age=7\r\n", "", 5},
      {"Cache-Control: max-age=99999999999999999999999\r\n", "", FRANK_HEADERS_AGE_MAX_S},
      {"Cache-Control: no-store\r\n", "", -1},
      {"X-ETag: \"abc\"\r\n", "", -1},
      {"", "", -1},
      {"\r\n", "", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    headers = (struct frank_headers){0};
    take("HTTP/1.1 200 OK\r\n");
    take(cases[i].line);
    assert_string_equal(headers.etag, cases[i].etag);
    assert_true(frank_headers_fresh_s(&headers) == cases[i].fresh_s);
  }
  take("Cache-Control: max-age=100\r\n");
  take("Age: 30\r\n");
  assert_true(frank_headers_fresh_s(&headers) == 70);
  take("Age: 300\r\n");
  assert_true(frank_headers_fresh_s(&headers) == 0);
  take("ETag: \"of the 100\"\r\n");
  take("HTTP/1.1 200 OK\r\n"); /* all before it was a 100 (Continue)'s */
  assert_true(frank_headers_fresh_s(&headers) == -1);
  char line[400];
  memset(line, 'x', sizeof line);
  (void)snprintf(line, sizeof line, "ETag: \"");
  line[7] = 'x';
  for (size_t len = 8; len < sizeof line; len++) {
    char *copy = malloc(len);
    assert_non_null(copy);
    memcpy(copy, line, len);
    copy[len - 1] = '"';
    frank_headers_take(&headers, copy, len);
    free(copy);
    size_t tag_len = len - 6;
    assert_int_equal(strlen(headers.etag), tag_len < FRANK_HEADERS_ETAG_BYTES ? tag_len : 0);
  }
}

static void look_ups_are_shared_and_bounded(void **state)
{
  (void)state;
  static struct frank_lookups lookups;
  struct frank_lookup *lookup = NULL;
  struct frank_lookup *other = NULL;
  bool is_first = false;
  char domain[32];
  uint64_t now_us = 5 * FRANK_US_PER_S;
  assert_true(frank_lookups_due_us(&lookups) == FRANK_NEVER_US);
  assert_int_equal(frank_lookups_add(&lookups, "a.org", now_us, &lookup, &is_first), FRANK_OK);
  assert_true(is_first);
  assert_int_equal(frank_lookups_add(&lookups, "a.org", now_us + 9, &other, &is_first), FRANK_OK);
  assert_false(is_first);
  assert_ptr_equal(lookup, other);
  for (unsigned i = 2; i < FRANK_RESOLVER_LOOKUPS_MAX; i++) {
    (void)snprintf(domain, sizeof domain, "d%u.org", i);
    assert_int_equal(
        frank_lookups_add(&lookups, domain, now_us + i * FRANK_US_PER_S, &other, &is_first),
        FRANK_OK);
    assert_true(is_first);
  }
  assert_int_equal(frank_lookups_add(&lookups, "b.org", now_us, &other, &is_first), FRANK_ERR_FULL);
  assert_int_equal(frank_lookups_add(&lookups, "a.org", now_us, &other, &is_first), FRANK_ERR_FULL);
  uint64_t late_us = now_us + FRANK_RESOLVER_LOOKUP_LIMIT_S * FRANK_US_PER_S;
  assert_true(frank_lookups_due_us(&lookups) == late_us);
  assert_null(frank_lookups_late(&lookups, late_us - 1));
  assert_ptr_equal(frank_lookups_late(&lookups, late_us), lookup);
  assert_int_equal(frank_lookups_end(&lookups, lookup), 2);
  assert_null(frank_lookups_late(&lookups, late_us));
  assert_int_equal(frank_lookups_add(&lookups, "a.org", now_us, &other, &is_first), FRANK_OK);
  assert_true(is_first);
}

static void look_ups_tell_f_and_nothing_else(void **state)
{
  (void)state;
  struct frank_lookup lookup = {.domain = "a.org", .askers = 1, .since_us = 1000};
  struct frank_resolver_domain record;
  struct frank_answer given = {.state = FRANK_RESOLVER_FOUND,
                               .ttl_s = 77,
                               .txt = {.factor = 5, .epoch = 6, .url = "https://else.org"}};
  frank_lookups_tell(&lookup, &given, 251000, &record);
  assert_int_equal(record.answer, FRANK_RESOLVER_FOUND);
  assert_int_equal(record.factor, 5);
  assert_int_equal(record.took_ms, 250);
  assert_int_equal(record.ttl_s, 77);
  assert_string_equal(record.why, "");
  given.txt.factor = 0;
  frank_lookups_tell(&lookup, &given, 251000, &record);
  assert_int_equal(record.answer, FRANK_RESOLVER_ABSENT);
  assert_string_not_equal(record.why, "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_read),
      cmocka_unit_test(damaged_answers_do_no_harm),
      cmocka_unit_test(header_lines_are_read),
      cmocka_unit_test(look_ups_are_shared_and_bounded),
      cmocka_unit_test(look_ups_tell_f_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
