/* The answers of DNS for DKIM keys: what each is taken for. */
#include "mail/dkim_answer.h"
#include "mail/dkim_dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define NAME                   "s._domainkey.x.example"
#define QUESTION               "\1s\12_domainkey\1x\7example\0\0\20\0\1"
#define OWNER                  "\xc0\x0c"           /* the question's name */
#define TXT                    "\0\20\0\1\0\0\0\74" /* type, class, 60 s */
#define CNAME                  "\0\5\0\1\0\0\0\74"
#define HEADER(flags, answers) "\x12\x34" flags "\0\1\0" answers "\0\0\0\0"
#define GOOD                   "\x81\x80"

#define ROW(label, literal, state, shown)                                                          \
  {                                                                                                \
    label, literal, sizeof(literal) - 1, state, shown                                              \
  }

static const struct {
  const char *label;
  const char *message;
  size_t len_bytes;
  enum frank_dkim_key_state state;
  const char *shown; /* the text, or a word of the reason */
} rows[] = {
    ROW("found", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\6\5v=abc", FRANK_DKIM_KEY_FOUND,
        "v=abc"),
    ROW("strings", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\7\1v\0\3=ab", FRANK_DKIM_KEY_FOUND,
        "v=ab"),
    ROW("name in another case", HEADER(GOOD, "\1") QUESTION "\1S\12_DOMAINKEY\300\31" TXT "\0\2\1v",
        FRANK_DKIM_KEY_FOUND, "v"),
    ROW("alias", HEADER(GOOD, "\2") QUESTION OWNER CNAME "\0\4\1t\300\16\1t\300\16" TXT "\0\2\1v",
        FRANK_DKIM_KEY_FOUND, "v"),
    ROW("alias behind the record",
        HEADER(GOOD, "\2") QUESTION "\1t\300\16" TXT "\0\2\1v" OWNER CNAME "\0\4\1t\300\16",
        FRANK_DKIM_KEY_FOUND, "v"),
    ROW("another's record", HEADER(GOOD, "\1") QUESTION "\1t\300\16" TXT "\0\2\1v",
        FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("alias to nothing",
        HEADER(GOOD, "\2") QUESTION OWNER CNAME "\0\4\1t\300\16" OWNER TXT "\0\2\1v",
        FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("alias to itself", HEADER(GOOD, "\1") QUESTION OWNER CNAME "\0\2" OWNER,
        FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("two", HEADER(GOOD, "\2") QUESTION OWNER TXT "\0\2\1v" OWNER TXT "\0\2\1v",
        FRANK_DKIM_KEY_ABSENT, "more than one"),
    ROW("empty", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\1\0", FRANK_DKIM_KEY_ABSENT, "empty"),
    ROW("nothing in it", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\0", FRANK_DKIM_KEY_ABSENT,
        "empty"),
    ROW("NUL", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\4\3v\0=", FRANK_DKIM_KEY_ABSENT, "NUL"),
    ROW("string past its record",
        HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\3\5v=", FRANK_DKIM_KEY_ABSENT, "cut short"),
    ROW("other class", HEADER(GOOD, "\1") QUESTION OWNER "\0\20\0\3\0\0\0\74\0\2\1v",
        FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("no records", HEADER(GOOD, "\0") QUESTION, FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("NXDOMAIN", HEADER("\x81\x83", "\0") QUESTION, FRANK_DKIM_KEY_ABSENT, "no key"),
    ROW("SERVFAIL", HEADER("\x81\x82", "\0") QUESTION, FRANK_DKIM_KEY_LATER, "fails"),
    ROW("REFUSED", HEADER("\x81\x85", "\0") QUESTION, FRANK_DKIM_KEY_LATER, "fails"),
    ROW("FORMERR", HEADER("\x81\x81", "\0") QUESTION, FRANK_DKIM_KEY_PLAIN, "understand"),
    ROW("NOTIMP", HEADER("\x81\x84", "\0") QUESTION, FRANK_DKIM_KEY_PLAIN, "understand"),
    ROW("truncated", HEADER("\x83\x80", "\1") QUESTION OWNER, FRANK_DKIM_KEY_CUT, ""),
    ROW("record past the message", HEADER(GOOD, "\1") QUESTION OWNER TXT "\0\7\1v",
        FRANK_DKIM_KEY_LATER, "read"),
    ROW("fewer records than it says", HEADER(GOOD, "\3") QUESTION OWNER TXT "\0\2\1v",
        FRANK_DKIM_KEY_LATER, "read"),
    ROW("pointer to itself", HEADER(GOOD, "\1") QUESTION "\300\50" TXT "\0\2\1v",
        FRANK_DKIM_KEY_LATER, "read"),
    ROW("nothing", "", FRANK_DKIM_KEY_LATER, "read"),
};

static void answers_are_what_they_say(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[FRANK_DKIM_KEY_BYTES];
    const char *why = NULL;
    enum frank_dkim_key_state got = frank_dkim_answer_read((const uint8_t *)rows[i].message,
                                                           rows[i].len_bytes, NAME, text, &why);
    if (got != rows[i].state ||
        strstr(got == FRANK_DKIM_KEY_FOUND ? text : why, rows[i].shown) == NULL) {
      fail_msg("%s: %d, text '%s', why '%s'", rows[i].label, (int)got, text, why);
    }
  }
}

/* 64 records are looked at; 1024 bytes of one. */
static void bounds_hold(void **state)
{
  static const uint8_t start[] = HEADER(GOOD, "\0") QUESTION;
  static uint8_t message[65536];
  char text[FRANK_DKIM_KEY_BYTES];
  const char *why = NULL;
  (void)state;
  for (unsigned count = 64; count <= 65; count++) {
    size_t at = sizeof start - 1;
    memcpy(message, start, at);
    message[7] = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
      static const uint8_t other[] = "\1o\300\16" TXT "\0\2\1v";
      static const uint8_t ours[] = OWNER TXT "\0\2\1v";
      size_t len = i + 1 == count ? sizeof ours - 1 : sizeof other - 1;
      memcpy(message + at, i + 1 == count ? ours : other, len);
      at += len;
    }
    assert_int_equal(frank_dkim_answer_read(message, at, NAME, text, &why),
                     count == 64 ? FRANK_DKIM_KEY_FOUND : FRANK_DKIM_KEY_ABSENT);
  }
  for (size_t len = 1024; len <= 1025; len++) {
    size_t at = sizeof start - 1;
    memcpy(message, start, at);
    message[7] = 1;
    static const uint8_t record[] = OWNER TXT;
    memcpy(message + at, record, sizeof record - 1);
    size_t string_count = (len + 254) / 255;
    message[at + 10] = (uint8_t)((len + string_count) >> 8);
    message[at + 11] = (uint8_t)(len + string_count);
    at += 12;
    for (size_t left = len; left > 0;) {
      size_t part = left < 255 ? left : 255;
      message[at++] = (uint8_t)part;
      memset(message + at, 'x', part);
      at += part;
      left -= part;
    }
    assert_int_equal(frank_dkim_answer_read(message, at, NAME, text, &why),
                     len == 1024 ? FRANK_DKIM_KEY_FOUND : FRANK_DKIM_KEY_ABSENT);
    assert_int_equal(strlen(text), len == 1024 ? 1024 : 0);
  }
}

static void only_answers_to_the_question_count(void **state)
{
  static const char good[] = HEADER(GOOD, "\0") QUESTION;
  uint8_t message[sizeof good - 1];
  (void)state;
  memcpy(message, good, sizeof message);
  assert_true(frank_dkim_answer_is_ours(message, sizeof message, 0x1234, NAME));
  assert_true(frank_dkim_answer_is_ours(message, sizeof message, 0x1234, "S._DOMAINKEY.x.example"));
  assert_false(frank_dkim_answer_is_ours(message, sizeof message, 0x1235, NAME));
  assert_false(
      frank_dkim_answer_is_ours(message, sizeof message, 0x1234, "t._domainkey.x.example"));
  for (size_t len = 0; len < sizeof message; len++) {
    assert_false(frank_dkim_answer_is_ours(message, len, 0x1234, NAME));
  }
  static const size_t places[] = {2, 5, sizeof message - 3, sizeof message - 1};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) { /* QR, QDCOUNT, type, class */
    memcpy(message, good, sizeof message);
    message[places[i]] ^= places[i] == 2 ? 0x80 : 0x02;
    assert_false(frank_dkim_answer_is_ours(message, sizeof message, 0x1234, NAME));
  }
}

static void servers_are_addresses(void **state)
{
  static const struct {
    const char *text;
    enum frank_err err;
    int family;
  } servers[] = {
      {"127.0.0.1", FRANK_OK, AF_INET},
      {"192.0.2.1@53", FRANK_OK, AF_INET},
      {"::1", FRANK_OK, AF_INET6},
      {"2001:db8::1@65535", FRANK_OK, AF_INET6},
      {"", FRANK_ERR_MALFORMED, 0},
      {"@53", FRANK_ERR_MALFORMED, 0},
      {"example.org", FRANK_ERR_MALFORMED, 0},
      {"127.0.0.1@", FRANK_ERR_MALFORMED, 0},
      {"127.0.0.1@+1", FRANK_ERR_MALFORMED, 0},
      {"127.0.0.1@53x", FRANK_ERR_MALFORMED, 0},
      {"127.0.0.1@0", FRANK_ERR_RANGE, 0},
      {"127.0.0.1@65536", FRANK_ERR_RANGE, 0},
      {"127.0.0.1@999999", FRANK_ERR_RANGE, 0},
      {"127.1", FRANK_ERR_MALFORMED, 0},
      {"fe80::1%lo", FRANK_ERR_MALFORMED, 0},
      {" 127.0.0.1", FRANK_ERR_MALFORMED, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
    struct frank_dkim_dns_server server;
    enum frank_err err = frank_dkim_dns_server_parse(servers[i].text, &server);
    if (err != servers[i].err ||
        (err == FRANK_OK && server.address.ss_family != servers[i].family)) {
      fail_msg("'%s': %d", servers[i].text, (int)err);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_what_they_say),
      cmocka_unit_test(bounds_hold),
      cmocka_unit_test(only_answers_to_the_question_count),
      cmocka_unit_test(servers_are_addresses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
