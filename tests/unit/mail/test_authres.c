/* Authentication-Results: the RFC's own examples, what other filters write, and what forgers do. */
#include "mail/authres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "mx.example"
#define B  "PCy4cbsWMeTWfcHOlcHpFo=="

static struct frank_view view(const char *text)
{
  return (struct frank_view){text, strlen(text)};
}

static size_t show_view(char *out, const char *name, struct frank_view shown)
{
  return shown.text ? (size_t)sprintf(out, "%s%.*s", name, (int)shown.len_bytes, shown.text) : 0;
}

/* "dkim=pass b=... d=...|spf=fail|" */
static const char *read_all(const char *value)
{
  static char out[4096];
  struct frank_authres_result result;
  size_t cursor = 0, at = 0;

  out[0] = '\0';
  while (frank_authres_next(view(value), &cursor, &result)) {
    at += show_view(out + at, "", result.method);
    at += show_view(out + at, "/", result.version);
    at += show_view(out + at, "=", result.result);
    at += show_view(out + at, " b=", result.header_b);
    at += show_view(out + at, " d=", result.header_d);
    at += show_view(out + at, " s=", result.header_s);
    at += show_view(out + at, " a=", result.header_a);
    at += (size_t)sprintf(out + at, "|");
    assert_true(at < sizeof out - 200);
  }
  assert_false(frank_authres_next(view(value), &cursor, &result));
  return out;
}

struct row {
  const char *value, *read;
};

static void check_rows(const struct row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const char *read = read_all(rows[i].value);

    if (strcmp(read, rows[i].read) != 0) {
      fail_msg("row %zu: %s\nis read as: %s\nnot as:     %s", i, rows[i].value, read, rows[i].read);
    }
  }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

/* RFC 8601, appendix B, and section 2.7 of RFC 6008's use. */
static void reads_the_examples_of_the_rfc(void **state)
{
  static const struct row rows[] = {
      {" example.org 1; none", ""},
      {" example.com;\r\n      spf=pass smtp.mailfrom=example.net", "spf=pass|"},
      {" example.com;\r\n      auth=pass (cleartext) smtp.auth=sender@example.net;\r\n"
       "      spf=pass smtp.mailfrom=example.net",
       "auth=pass|spf=pass|"},
      {" example.com; iprev=pass\r\n      policy.iprev=192.0.2.200", "iprev=pass|"},
      {" example.com;\r\n      dkim=pass (good signature) header.d=example.com",
       "dkim=pass d=example.com|"},
      {" example.com;\r\n      dkim=pass reason=\"good signature\"\r\n"
       "        header.i=@mail-router.example.net;\r\n"
       "      dkim=fail reason=\"bad signature\"\r\n"
       "        header.i=@newyork.example.com",
       "dkim=pass|dkim=fail|"},
      {" foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait "
       "for"
       " it) fail\r\n      policy (A dot can go here) . (like that) expired\r\n    (this surprised "
       "me) = (as I wasn't expecting it) 1362471462",
       "dkim/1=fail|"},
      {" mail-router.example.com;\r\n dkim=pass header.d=example.net\r\n  "
       "header.b=\"3zGWBp3+\";\r\n"
       " dkim=fail header.d=example.com header.b=oINEO8hg",
       "dkim=pass b=3zGWBp3+ d=example.net|dkim=fail b=oINEO8hg d=example.com|"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void reads_what_filters_write(void **state)
{
  static const struct row rows[] = {
      /* OpenDKIM 2.11 */
      {" mx.example;\n\tdkim=pass (2048-bit key; unprotected) header.d=a.example "
       "header.i=@a.example"
       " header.a=rsa-sha256 header.s=sel header.b=\"PCy4cbsW\";\n\tdkim-atps=neutral",
       "dkim=pass b=PCy4cbsW d=a.example s=sel a=rsa-sha256|dkim-atps=neutral|"},
      /* rspamd 3.4 */
      {" mx.example;\r\n\tdkim=pass header.d=a.example header.s=sel header.b=PCy4c/sW;\r\n"
       "\tspf=pass (mx.example: domain of x=y=z@a.example designates 192.0.2.1 as permitted sender)"
       " smtp.mailfrom=x=y=z@a.example;\r\n\tdmarc=none",
       "dkim=pass b=PCy4c/sW d=a.example s=sel|spf=pass|dmarc=none|"},
      /* Exchange Online: a property without a dot, "none" with one */
      {" spf=none (sender IP is 192.0.2.1) smtp.mailfrom=a.example", ""},
      {" mx.example; dkim=pass (signature was verified) header.d=a.example;dmarc=pass action=none "
       "header.from=a.example;compauth=pass reason=100",
       "dkim=pass d=a.example|dmarc=pass|compauth=pass|"},
      {" mx.example; dkim=none (message not signed) header.d=none;", "dkim=none d=none|"},
      {" mx.example; spf=pass smtp.mailfrom=\"a b\"@c.example; dkim=pass header.d=a",
       "spf=pass|dkim=pass d=a|"},
      {" mx.example; spf=pass smtp.mailfrom=<>; iprev=pass smtp.remote-ip=2001:db8::1",
       "spf=pass|iprev=pass|"},
      {" \"mx.example\" 1 ;; dkim = pass header . b = \"ab(c)\" ;", "dkim=pass b=ab(c)|"},
      {"mx.example;DKIM=PASS HEADER.B=x", "DKIM=PASS b=x|"},
      {"mx.example; none; dkim=pass", "dkim=pass|"},
      {"mx.example;dkim=pass header.d=b\xc3\xbc"
       "cher.example",
       "dkim=pass d=b\xc3\xbc"
       "cher.example|"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

/* What breaks the grammar ends it; what came before counts, a result that is half there does not.
 */
static void stops_where_the_grammar_breaks(void **state)
{
  static const struct row rows[] = {
      {"", ""},
      {" ", ""},
      {";", ""},
      {"mx.example", ""},
      {"mx.example;", ""},
      {"mx.example dkim=pass", ""},
      {"mx.example x; dkim=pass", ""},
      {"mx.example, dkim=pass", ""},
      {"mx.example (; dkim=pass", ""},
      {"\"mx.example; dkim=pass", ""},
      {"mx.example; dkim", ""},
      {"mx.example; dkim=", ""},
      {"mx.example; =pass", ""},
      {"mx.example; dkim pass; spf=pass", ""},
      {"mx.example; dkim=pass; spf; x=y", "dkim=pass|"},
      {"mx.example; dkim=pass header.b; spf=pass", ""},
      {"mx.example; spf=pass; dkim=pass header.b=\"ab", "spf=pass|"},
      {"mx.example; spf=pass; dkim=pass header.b=a\"b", "spf=pass|"},
      {"mx.example; spf=pass; dkim=pass (", "spf=pass|"},
      {"mx.example; spf=pass; dkim=pass \x01", "spf=pass|"},
      {"mx.example; dkim/x=pass", ""},
      {"mx.example; dkim/=pass", "dkim/=pass|"},
      {"mx.example; none/1", ""},
      {"mx.example; none (", ""},
  };

  (void)state;
  CHECK_ROWS(rows);
}

/* i= is text of the signer's, which some filters decode and repeat. */
static void a_property_that_stands_twice_is_none(void **state)
{
  static const struct row rows[] = {
      {"mx.example; dkim=pass header.i=x header.b=PCy4cbsW y.z=@evil.example header.b=\"abcdefgh\"",
       "dkim=pass|"},
      {"mx.example; dkim=pass header.b=x header.b=x header.b=x header.d=d", "dkim=pass d=d|"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void finds_fields_that_claim_to_be_ours(void **state)
{
  static const struct {
    const char *value;
    bool is_of;
  } rows[] = {
      {"mx.example; x-msmr=pass", true},
      {" mx.example;none", true},
      {"mx.example", true},
      {" MX.Example ; none", true},
      {"\r\n\tmx.example\r\n\t; none", true},
      {"mx.example 1; none", true},
      {"mx.example(c)1; none", true},
      {"(c)mx.example; none", true},
      {"(c(d\\)))\r\n (e) mx.example; none", true},
      {"\"mx.example\"; none", true},
      {"\"MX.ex\\ample\"; none", true},
      {"\"mx\".example; none", true},
      {"mx(c).example; none", true},
      {"mx. example; none", true},
      {"mx.\r\n example; none", true},
      {"mx.example.; none", true},
      {"mx.example,x-msmr=pass", true},
      {"mx.example/1; none", true},
      {"mx.example=x", true},
      {"mx.example x-msmr=pass", true},
      {"; mx.example; x-msmr=pass", true},
      {"=mx.example; none", true},
      {"\"mx.example; x-msmr=pass", true},
      {"(mx.example; x-msmr=pass", true},
      {"other.example (mx.example; x-msmr=pass", true}, /* an open comment: some see none */
      {"mx\x01.example; none", true},
      {"mx.example\x01junk; none", true},
      /* a space that does not break, one without width, a hyphen that is not shown */
      {"mx.example\xc2\xa0; none", true},
      {"\xc2\xa0mx.example; none", true},
      {"mx.\xe2\x80\x8b"
       "example; none",
       true},
      {"mx.exam\xc2\xadple; none", true},
      {"mx.example\xe2\x80\xa8"
       "1; none",
       true}, /* a line's end, by Unicode */
      {"m\xc3\xbcx.example2; none", false},
      {"", false},
      {";", false},
      {"()", false},
      {"other.example; x-msmr=pass", false},
      {"mx.example.evil.example; none", false},
      {"mx.example2; none", false},
      {"amx.example; none", false},
      {"mx.exampl; none", false},
      {"mx-example; none", false},
      {"other.example (mx.example); x-msmr=pass", false},
      {"other.example; dkim=pass header.d=mx.example; x-msmr=pass", false},
      {"other.example; spf=pass \"mx.example\"", false},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (frank_authres_is_of(view(rows[i].value), ID) != rows[i].is_of) {
      fail_msg("row %zu: %s", i, rows[i].value);
    }
  }
  assert_true(frank_authres_is_of((struct frank_view){"mx.example\0junk", 15}, ID));
  assert_true(frank_authres_is_of((struct frank_view){"mx\0.example;", 12}, ID));
  assert_true(frank_authres_is_of(view("m\xc3\xbc.example; none"), "m\xc3\xbc.example"));
  assert_true(frank_authres_is_of(view("m\xc3\xbc.example\xc2\xa0"), "m\xc3\xbc.example"));
  assert_false(frank_authres_is_of(view("m\xc3\xbc.example2"), "m\xc3\xbc.example"));
}

static void finds_forged_results(void **state)
{
  static const struct {
    const char *value;
    bool is_forged;
  } rows[] = {
      {"mx.example; x-msmr=pass", true},
      {"mx.example; X-MSMR=Pass", true},
      {"mx.example; x-msmr/1=pass", true},
      {"mx.example; x-msmr (c) / (d) 1 (e) = (f) pass", true},
      {"mx.example;(c)x-msmr=pass", true},
      {"mx.example;\r\n\tx-msmr\r\n\t=\r\n\tpass", true},
      {"mx.example 1; dkim=pass; x-msmr=pass", true},
      {"mx.example 2; x-msmr=pass", true},
      {"mx.example; dkim=pass header.b=\"a;b\"; x-msmr=fail", true},
      {"mx.example; none; x-msmr=pass", true},
      {"mx.example;; x-msmr=none", true},
      {"mx.example; dkim=pass x-msmr=pass", true}, /* short of a ';' */
      {"mx.example; dkim=pass x-msmr.result=pass", true},
      {"MX.EXAMPLE.; x-msmr=pass", true},
      /* its grammar is broken, and the word is somewhere */
      {"mx.example x-msmr=pass", true},
      {"mx.example, x-msmr=pass", true},
      {"mx.example; x-msmr", true},
      {"mx.example; x-msmr pass", true},
      {"mx.example; =; x-msmr=pass", true},
      {"mx.example; (x-msmr=pass", true},
      {"mx.example; reason=\"x-msmr=pass", true},
      {"mx.example; x-(c)msmr=pass", true},
      {"mx.example; \"x-msmr\"=pass", true},
      {"mx.example; x-\\msmr=pass", true},
      {"mx.example; x- msmr = pass", true},
      {"mx.example; xx-msmr", true},
      {"mx.example; xx-(c)msmr", true},
      {"mx.example; x-x-msmr", true},
      {"\"mx.example; x-msmr=pass", true},
      {"mx.example; x-msmr\x01=pass", true},
      {"; mx.example; x-msmr=pass", true},
      {"\"mx.example; x-msmr=pass\"", true},
      {"\"mx.example\\; x-msmr=pass\"; none", true},
      {"mx.example\xc2\xa0; x-msmr=pass", true},
      {"mx.example; x-\xc2\xadmsmr=pass", true},
      {"mx.example; x-msmr\xe2\x80\x8b=pass", true},
      /* what Sieve and mail programs decode */
      {"=?us-ascii?q?mx.example?=; x-msmr=pass", true},
      {"=?us-ascii?q?mx.example=3B_x-msmr=3Dpass?=", true},
      {"\r\n\t=?utf-8?b?bXguZXhhbXBsZTsgeC1tc21yPXBhc3M=?=", true},
      {"mx.=?us-ascii?q?example?=; x-msmr=pass", true},
      {"mx.example; =?us-ascii?q?x-msmr=3Dpass?=", true},
      {"mx.example; dkim=pass =?us-ascii?q?=3B_x-msmr=3Dpass?=", true},
      {"(=?us-ascii?q?x?=) other.example; x-msmr=pass", false},
      {"other.example; spf=pass smtp.mailfrom=\"=?x?q?a?=\"@c.example", false},
      {"spf=pass smtp.mailfrom=a@c.example; dkim=none =?x?q?a?=", false},
      {"mx.example; dkim=pass (=?us-ascii?q?=3B_x-msmr=3Dpass?=)", false},
      /* other filters' results stay */
      {"mx.example; dkim=pass header.b=\"PCy4cbsW\"", false},
      {"mx.example; dkim=pass (x-msmr=pass)", false},
      {"mx.example; dkim=pass reason=\"x-msmr=pass\"", false},
      {"mx.example; dkim=pass header.d=x-msmr.example", false},
      {"mx.example; dkim=pass header.i=@x-msmr.example (2048-bit key)", false},
      {"mx.example; x-msmr2=pass", false},
      {"mx.example; dkim=pass header.x-msmr=pass", false},
      {"mx.example; =", false},
      {"mx.example; none", false},
      {"mx.example", false},
      {"\"MX.example\" 1; dkim=pass (x-msmr=pass)", false},
      /* and other hosts' */
      {"other.example; x-msmr=pass", false},
      {"other.example (mx.example); x-msmr=pass", false},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (frank_authres_is_forged(view(rows[i].value), ID) != rows[i].is_forged) {
      fail_msg("row %zu: %s", i, rows[i].value);
    }
  }
}

/* Behind however many results: 64, one more, thousands. */
static void no_number_of_results_hides_a_forged_one(void **state)
{
  static const size_t counts[] = {1, 63, FRANK_AUTHRES_RESULTS_MAX, FRANK_AUTHRES_RESULTS_MAX + 1,
                                  5000};
  char *value = malloc(5000 * 16 + 64);

  (void)state;
  assert_non_null(value);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    size_t len = (size_t)sprintf(value, "%s", ID);

    for (size_t n = 0; n < counts[i]; n++) {
      len += (size_t)sprintf(value + len, "; dkim=fail");
    }
    assert_false(frank_authres_is_forged((struct frank_view){value, len}, ID));
    len += (size_t)sprintf(value + len, "; x-msmr=pass");
    assert_true(frank_authres_is_forged((struct frank_view){value, len}, ID));
  }
  free(value);
}

static enum frank_dkim_said said(const char *text)
{
  struct frank_message message;
  const char *why;

  assert_int_equal(frank_message_open(text, strlen(text), &message, &why), FRANK_OK);
  return frank_authres_dkim(&message, ID, B, strlen(B));
}

#define AR     "Authentication-Results: mx.example; "
#define OTHERS "Authentication-Results: other.example; "

static void finds_what_is_said_of_a_signature(void **state)
{
  static const struct {
    const char *text;
    enum frank_dkim_said said;
  } rows[] = {
      {"", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_PASS},
      {AR "dkim=pass header.b=\"PCy4cbsW\"\n", FRANK_DKIM_SAID_PASS},
      {AR "dkim=pass header.b=" B "\n", FRANK_DKIM_SAID_PASS},
      {"authentication-results: MX.Example 1; DKIM/1=Pass header.b=PCy4cbsWMe\n",
       FRANK_DKIM_SAID_PASS},
      {"Authentication-Results: (c) \"mx.example\"; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_PASS},
      {AR "dkim=temperror header.b=PCy4cbsW\n", FRANK_DKIM_SAID_TEMPERROR},
      {AR "dkim=fail header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "dkim=policy header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "dkim=neutral header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "dkim=passed header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "spf=pass; dkim=fail header.b=abcdefgh; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_PASS},
      /* of another signature, or of nobody knows which */
      {AR "dkim=pass header.b=abcdefgh\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass header.b=pCy4cbsW\n", FRANK_DKIM_SAID_NOTHING}, /* b has case */
      {AR "dkim=pass header.b=PCy4cbs\n", FRANK_DKIM_SAID_NOTHING},  /* 7 characters */
      {AR "dkim=pass header.b=\"\"\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass header.b=" B "x\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass header.d=a.example\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass\n", FRANK_DKIM_SAID_NOTHING},
      {AR "spf=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim/2=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass (header.b=PCy4cbsW)\n", FRANK_DKIM_SAID_NOTHING},
      {AR "dkim=pass reason=\"header.b=PCy4cbsW\"\n", FRANK_DKIM_SAID_NOTHING},
      /* the worst counts */
      {AR "dkim=pass header.b=PCy4cbsW; dkim=fail header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "dkim=fail header.b=PCy4cbsW; dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_OTHER},
      {AR "dkim=pass header.b=PCy4cbsW; dkim=temperror header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_TEMPERROR},
      /* others' fields, and what only looks like ours, are not believed */
      {OTHERS "dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_NOTHING},
      {"Authentication-Results: mx(c).example; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_NOTHING},
      {"Authentication-Results: mx.example.; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_NOTHING},
      {"Authentication-Results: mx.example 2; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_NOTHING},
      {"Authentication-Results: mx.example dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_NOTHING},
      {"X-Authentication-Results: mx.example; dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_NOTHING},
      {OTHERS "dkim=fail header.b=PCy4cbsW\n" AR "dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_PASS},
      /* the topmost of ours that speaks of DKIM, no other */
      {AR "dkim=fail header.b=PCy4cbsW\n" AR "dkim=pass header.b=PCy4cbsW\n",
       FRANK_DKIM_SAID_OTHER},
      {AR "dkim=none\n" AR "dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_NOTHING},
      {AR "spf=pass\n" AR "none\n" AR "dkim=pass header.b=PCy4cbsW\n", FRANK_DKIM_SAID_PASS},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (said(rows[i].text) != rows[i].said) {
      fail_msg("row %zu: %d: %s", i, (int)said(rows[i].text), rows[i].text);
    }
  }
}

/* b= of 4 characters is all there is to compare. */
static void a_short_b_must_be_the_same(void **state)
{
  struct frank_message message;
  const char *why;
  static const char text[] = AR "dkim=pass header.b=AAAA\n";

  (void)state;
  assert_int_equal(frank_message_open(text, strlen(text), &message, &why), FRANK_OK);
  assert_int_equal(frank_authres_dkim(&message, ID, "AAAA", 4), FRANK_DKIM_SAID_PASS);
  assert_int_equal(frank_authres_dkim(&message, ID, "AAAAAAAA", 8), FRANK_DKIM_SAID_NOTHING);
  assert_int_equal(frank_authres_dkim(&message, ID, "AAAB", 4), FRANK_DKIM_SAID_NOTHING);
}

/* The bound on results that are looked at: 64 yes, the 65th no. */
static void looks_at_64_results_of_a_field(void **state)
{
  (void)state;
  for (int others = FRANK_AUTHRES_RESULTS_MAX - 1; others <= FRANK_AUTHRES_RESULTS_MAX; others++) {
    char text[4096];
    size_t len = (size_t)sprintf(text, "Authentication-Results: mx.example");

    for (int i = 0; i < others; i++) {
      len += (size_t)sprintf(text + len, "; dkim=fail header.b=xxxxxxxx");
    }
    sprintf(text + len, "; dkim=pass header.b=PCy4cbsW\n");
    assert_int_equal(said(text), others < FRANK_AUTHRES_RESULTS_MAX ? FRANK_DKIM_SAID_PASS
                                                                    : FRANK_DKIM_SAID_NOTHING);
  }
}

static void knows_an_authserv_id(void **state)
{
  static const char *const good[] = {"mx.example", "a", "mx1", "MX_1.example!",
                                     "m\xc3\xbc.example"};
  static const char *const bad[] = {"",     "mx example", "mx;",  "\"mx\"", "mx/1",
                                    "(mx)", "a=b",        "mx\n", "a@b",    "a,b",
                                    "a:b",  "[a]",        "a?",   "a\\b",   "\x7f"};
  char text[FRANK_AUTHRES_ID_BYTES + 1];

  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(frank_authres_is_id(good[i]));
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(frank_authres_is_id(bad[i]));
  }
  memset(text, 'a', sizeof text);
  text[FRANK_AUTHRES_ID_BYTES - 1] = '\0';
  assert_true(frank_authres_is_id(text));
  text[FRANK_AUTHRES_ID_BYTES - 1] = 'a';
  text[FRANK_AUTHRES_ID_BYTES] = '\0';
  assert_false(frank_authres_is_id(text));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_examples_of_the_rfc),
      cmocka_unit_test(reads_what_filters_write),
      cmocka_unit_test(stops_where_the_grammar_breaks),
      cmocka_unit_test(a_property_that_stands_twice_is_none),
      cmocka_unit_test(finds_fields_that_claim_to_be_ours),
      cmocka_unit_test(finds_forged_results),
      cmocka_unit_test(no_number_of_results_hides_a_forged_one),
      cmocka_unit_test(finds_what_is_said_of_a_signature),
      cmocka_unit_test(a_short_b_must_be_the_same),
      cmocka_unit_test(looks_at_64_results_of_a_field),
      cmocka_unit_test(knows_an_authserv_id),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
