/* Addresses of To: and Cc: fields and of envelopes: every corner of the grammar, and what breaks
 * it.
 */
#include "base/clock.h"
#include "mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_BYTES ((size_t)4 * FRANK_ADDRESS_BYTES)

static struct frank_view view(const char *text)
{
  return (struct frank_view){text, strlen(text)};
}

/* "a@x b@y |N": the addresses, and how many things were passed over. */
static const char *read_all(struct frank_view value)
{
  static char out[2048];
  struct frank_address_text text;
  size_t cursor = 0, passed_over = 0, at = 0;

  out[0] = '\0';
  while (frank_address_next(value, &cursor, &text, &passed_over)) {
    at += (size_t)snprintf(out + at, sizeof out - at, "%s ", text.text);
    assert_true(at < sizeof out);
  }
  snprintf(out + at, sizeof out - at, "|%zu", passed_over);
  assert_false(frank_address_next(value, &cursor, &text, &passed_over)); /* stays at the end */
  return out;
}

struct row {
  const char *value, *read;
};

static void check_rows(const struct row *rows, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const char *read = read_all(view(rows[i].value));

    if (strcmp(read, rows[i].read) != 0) {
      fail_msg("row %zu: %s\nis read as: %s\nnot as:     %s", i, rows[i].value, read, rows[i].read);
    }
  }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

static void reads_addresses_of_fields(void **state)
{
  static const struct row rows[] = {
      {"", "|0"},
      {"   ", "|0"},
      {" bob@x.example", "bob@x.example |0"},
      {"bob@x.example, alice@y.example", "bob@x.example alice@y.example |0"},
      {"<bob@x.example>", "bob@x.example |0"},
      {"Bob <bob@x.example>", "bob@x.example |0"},
      {"Bob<bob@x.example>", "bob@x.example |0"},
      {"Bob B. Builder <bob@x.example>", "bob@x.example |0"}, /* obsolete: a dot in a phrase */
      {"\"B, <no@no.example>; :\" <bob@x.example>, c@y.example", "bob@x.example c@y.example |0"},
      {"\"a \\\" b\" <bob@x.example>", "bob@x.example |0"},
      {"bob@x.example <alice@y.example>", "alice@y.example |0"}, /* a name that looks like one */
      {"[Sales] <s@x.example>", "s@x.example |0"},
      {"O'Brien <o'brien@x.example>", "o'brien@x.example |0"},
      {"a@x.example,\r\n\tb@y.example,\r\n c@z.example", "a@x.example b@y.example c@z.example |0"},
      {"a@x.example,\n\tb@y.example", "a@x.example b@y.example |0"},
      {"\r\n Bob\r\n <bob@x.example>", "bob@x.example |0"},
      {"bob+tag@x.example", "bob+tag@x.example |0"},
      {"!#$%&'*+-/=?^_`{|}~@x.example", "!#$%&'*+-/=?^_`{|}~@x.example |0"},
      {"bob@[192.0.2.1]", "bob@[192.0.2.1] |0"},
      {"bob@[IPv6:2001:DB8::1]", "bob@[ipv6:2001:db8::1] |0"},
      {"bob@localhost", "bob@localhost |0"},
      {"Bob@X.Example", "bob@x.example |0"},
      {"bob@x.example.", "bob@x.example |0"},
      {"bob.@x.example, a..b@x.example, .c@x.example",
       "bob.@x.example a..b@x.example .c@x.example |0"},
      {",,a@x.example,, ,b@y.example,", "a@x.example b@y.example |0"},
      {"a@x.example; b@y.example", "a@x.example b@y.example |0"}, /* as Outlook's users type them */
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void reads_groups(void **state)
{
  static const struct row rows[] = {
      {"undisclosed-recipients:;", "|0"},
      {"A Group:;", "|0"},
      {"A Group: ;, a@x.example", "a@x.example |0"},
      {"A Group:Ed <ed@x.example>,joe@y.example,John <jdoe@z.example>;",
       "ed@x.example joe@y.example jdoe@z.example |0"},
      {"\"a: b\": a@x.example;", "a@x.example |0"},
      {"g: a@x.example (; b@y.example ;), c@z.example;, d@x.example",
       "a@x.example c@z.example d@x.example |0"},
      {"g: a@x.example; h: b@y.example; c@z.example", "a@x.example b@y.example c@z.example |0"},
      {"g: a@x.example", "a@x.example |0"}, /* not closed */
      {"list@x.example: a@y.example;", "a@y.example |0"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void reads_comments(void **state)
{
  static const struct row rows[] = {
      {"(Bob)bob@x.example", "bob@x.example |0"},
      {"bob@x.example (Bob)", "bob@x.example |0"},
      {"bob@x.example (Bob, <no@no.example>)", "bob@x.example |0"},
      {"bob@x.example ((a(b)c)(d)), c@y.example", "bob@x.example c@y.example |0"},
      {"bob@x.example (\\), no@no.example), c@y.example", "bob@x.example c@y.example |0"},
      {"bob@x.example (\\(), c@y.example", "bob@x.example c@y.example |0"},
      {"bob@x.example (\"), c@y.example", "bob@x.example c@y.example |0"}, /* no quotes in there */
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test |0"},
      {"bob (c) @ (c) x (c) . (c) example", "bob@x.example |0"},
      {"bob . smith @ x . example", "bob.smith@x.example |0"}, /* RFC 5322 section 4.4 */
      {"(only a comment)", "|0"},
      {"(a),(b),a@x.example", "a@x.example |0"},
      {"a@x.example (caf\xc3\xa9)", "a@x.example |0"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void reads_quoted_local_parts(void **state)
{
  static const struct row rows[] = {
      {"\"bob\"@x.example", "bob@x.example |0"},
      {"\"Bob.Smith\"@x.example", "bob.smith@x.example |0"},
      {"\"b\\o\\b\"@x.example", "bob@x.example |0"},
      {"\"bob smith\"@x.example", "\"bob smith\"@x.example |0"},
      {"\"bob@y\"@x.example", "\"bob@y\"@x.example |0"},
      {"\"bob\\\"\\\\\"@x.example", "\"bob\\\"\\\\\"@x.example |0"},
      {"\"\"@x.example", "\"\"@x.example |0"},
      {"\"a\".\"b\"@x.example", "a.b@x.example |0"},
      {"\"a b\".c@x.example", "\"a b.c\"@x.example |0"},
      {"\"bob\r\n smith\"@x.example", "\"bob smith\"@x.example |0"}, /* the fold is no part */
      {"\"a\".b@x.example", "a.b@x.example |0"},
      {"Bob <\"bob smith\"@x.example>", "\"bob smith\"@x.example |0"},
      {"\"bob,\"@x.example,c@y.example", "\"bob,\"@x.example c@y.example |0"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void passes_routes_over(void **state)
{
  static const struct row rows[] = {
      {"<@a.example:bob@x.example>", "bob@x.example |0"},
      {"Mary <@a.test,@b.test:mary@example.net>, c@y.example", "mary@example.net c@y.example |0"},
      {"<@a.example, ,@[192.0.2.1] : bob@x.example>", "bob@x.example |0"},
      {"<@a.example>", "|1"},
      {"<@a.example:>", "|1"},
      {"<@a.example;:bob@x.example>", "|1"},
      {"<@a.example", "|1"},
  };

  (void)state;
  CHECK_ROWS(rows);
}

static void reads_8_bit_and_encoded_words(void **state)
{
  static const struct row rows[] = {
      {"M\xc3\xbcller <m@x.example>", "m@x.example |0"},
      {"M\xfcller <m@x.example>", "m@x.example |0"}, /* Latin 1 */
      {"m\xc3\xbcller@b\xc3\xbc"
       "cher.example",
       "m\xc3\xbcller@b\xc3\xbc"
       "cher.example |0"},
      {"=?utf-8?q?M=C3=BCller?= <m@x.example>", "m@x.example |0"},
      {"=?utf-8?q?no=40no=2Eexample=2C?= <m@x.example>", "m@x.example |0"},
      {"=?iso-8859-1?B?Tfxs/GVy?= =?utf-8?b?PG5vQG5vLmV4YW1wbGU+?= <m@x.example>",
       "m@x.example |0"},
      {"=?utf-8?b?Ym9iQHguZXhhbXBsZQ==?=", "|1"}, /* what is encoded is no address */
  };

  (void)state;
  CHECK_ROWS(rows);
}

/* What is no address never becomes one, and costs no more than itself where its end is known. */
static void passes_over_what_is_none(void **state)
{
  static const struct row rows[] = {
      {"bob", "|1"},
      {"bob@", "|1"},
      {"@x.example", "|1"},
      {"bob@@x.example", "|1"},
      {"bob@x@y", "|1"},
      {"bob@x..example", "|1"},
      {"bob@.example", "|1"},
      {"bob smith@x.example", "|1"},
      {"bob@x example", "|1"},
      {"bob@\"x\"", "|1"},
      {"\"a\"b@x.example", "|1"},
      {"bob@[192.0.2.1", "|1"},
      {"bob@[a@b]", "|1"},
      {"bob@x[192.0.2.1]", "|1"},
      {"<>", "|1"},
      {"<bob>", "|1"},
      {"<bob@x.example", "|1"},
      {"bob@x.example>", "|1"},
      {"<<bob@x.example>>", "|1"},
      {"<bob@x.example> Bob", "|1"},
      {"<bob@x.example><c@y.example>", "|1"},
      {"<bob@x.example>: c@y.example", "|1"},
      {"<bob@x.example, c@y.example>, d@z.example", "d@z.example |1"},
      {"bob, c@y.example, d", "c@y.example |2"},
      {"bob\\@x.example, c@y.example", "c@y.example |1"},
      {"bob]@x.example, c@y.example", "c@y.example |1"},
      {"bob)@x.example, c@y.example", "c@y.example |1"},
      /* an open quote or comment takes all that follows */
      {"a@x.example, \"Bob <bob@x.example>, c@y.example", "a@x.example |1"},
      {"a@x.example, Bob (b <bob@x.example>, c@y.example", "a@x.example |1"},
      {"a@x.example (((), c@y.example", "|1"},
      {"a@x.example, \"", "a@x.example |1"},
      {"a@x.example, (", "a@x.example |1"},
      {"a@x.example, \"\\", "a@x.example |1"},
      {"a@x.example, (\\", "a@x.example |1"},
      {"\"bob\x01\"@x.example", "|1"},
      {"bob\x7f@x.example", "|1"},
  };

  (void)state;
  CHECK_ROWS(rows);
  assert_string_equal(read_all((struct frank_view){"bob\0@x.example,a@x.example", 26}),
                      "a@x.example |1");
  assert_string_equal(read_all((struct frank_view){"\"b\0b\"@x.example,a@x.example", 27}),
                      "a@x.example |1");
}

/* FRANK_ADDRESS_BYTES - 1 is the longest; what is longer is passed over, not cut. */
static void bounds_the_length(void **state)
{
  char value[LONG_BYTES];
  struct frank_address_text text;

  (void)state;
  for (size_t len = FRANK_ADDRESS_BYTES - 4; len < (size_t)2 * FRANK_ADDRESS_BYTES; len++) {
    static const char domain[] = "@x.example";
    size_t local = len - (sizeof domain - 1), cursor = 0, passed_over = 0;
    bool fits = len < FRANK_ADDRESS_BYTES;

    memset(value, 'a', local);
    memcpy(value + local, domain, sizeof domain);
    assert_int_equal(frank_address_next(view(value), &cursor, &text, &passed_over), fits);
    assert_int_equal(passed_over, !fits);
    assert_int_equal(frank_address_of_envelope(value, len, &text),
                     fits ? FRANK_OK : FRANK_ERR_TOO_LONG);
    /* the same with the domain as what is long, and with escapes that double the length */
    memset(value, 'a', len);
    value[1] = '@';
    cursor = 0;
    assert_int_equal(frank_address_next(view(value), &cursor, &text, NULL), fits);
  }
  value[0] = '"';
  for (size_t i = 0; i < FRANK_ADDRESS_BYTES; i++) {
    value[1 + 2 * i] = '\\';
    value[2 + 2 * i] = '"';
  }
  snprintf(value + 1 + (size_t)2 * FRANK_ADDRESS_BYTES, 5, "%s", "\"@x");
  assert_string_equal(read_all(view(value)), "|1");
}

static void reads_a_thousand(void **state)
{
  char *value = malloc((size_t)64 * 1000);
  struct frank_address_text text;
  size_t cursor = 0, len = 0, passed_over = 0;

  (void)state;
  assert_non_null(value);
  for (int i = 0; i < 1000; i++) {
    len += (size_t)sprintf(value + len, "%s\"User, %d\" <user%d@x%d.example>", i ? ",\r\n\t" : " ",
                           i, i, i % 7);
  }
  for (int i = 0; i < 1000; i++) {
    char expected[64];

    assert_true(frank_address_next((struct frank_view){value, len}, &cursor, &text, &passed_over));
    snprintf(expected, sizeof expected, "user%d@x%d.example", i, i % 7);
    assert_string_equal(text.text, expected);
  }
  assert_false(frank_address_next((struct frank_view){value, len}, &cursor, &text, &passed_over));
  assert_int_equal(passed_over, 0);
  free(value);
}

static uint64_t cpu_us_of(const char *value, size_t len)
{
  uint64_t best = UINT64_MAX;

  for (int round = 0; round < 5; round++) {
    struct frank_address_text text;
    size_t cursor = 0;
    uint64_t start = frank_clock_cpu_us(), took;

    while (frank_address_next((struct frank_view){value, len}, &cursor, &text, NULL)) {
    }
    took = frank_clock_cpu_us() - start;
    best = took < best ? took : best;
  }
  return best;
}

/* Sixteen times the length may not take a hundred times as long. Quadratic would be 256 times. */
static void time_is_linear_whatever_comes(void **state)
{
  static const char *const pieces[] = {
      "(",  "\"", "((\\", "<",      "a@x,", ":",    ";",  "[",
      "\\", "@",  "(a)",  "\"a\".", "<@a:", "a b ", "g:",
  };
  enum { SHORT = 1 << 14, LONG = 1 << 18 };
  char *value = malloc(LONG);

  (void)state;
  assert_non_null(value);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t len = strlen(pieces[i]);

    for (size_t at = 0; at < LONG; at++) {
      value[at] = pieces[i][at % len];
    }
    uint64_t short_us = cpu_us_of(value, SHORT), long_us = cpu_us_of(value, LONG);

    if (long_us > 100 * (short_us + 200)) {
      fail_msg("'%s': %llu us for 16 KiB, %llu us for 256 KiB", pieces[i],
               (unsigned long long)short_us, (unsigned long long)long_us);
    }
  }
  free(value);
}

static void reads_envelopes(void **state)
{
  static const struct {
    const char *text;
    enum frank_err err;
    const char *address;
  } rows[] = {
      {"<bob@x.example>", FRANK_OK, "bob@x.example"},
      {"bob@x.example", FRANK_OK, "bob@x.example"},
      {"<BOB@X.Example>", FRANK_OK, "bob@x.example"},
      {"<\"bob\"@x.example>", FRANK_OK, "bob@x.example"},
      {"<\"bob smith\"@x.example>", FRANK_OK, "\"bob smith\"@x.example"},
      {"<bob smith@x.example>", FRANK_OK, "\"bob smith\"@x.example"}, /* as some servers keep it */
      {"<bob@y@x.example>", FRANK_OK, "\"bob@y\"@x.example"},
      {"<bob(c)@x.example>", FRANK_OK, "\"bob(c)\"@x.example"}, /* no comments there */
      {"<a,b@x.example>", FRANK_OK, "\"a,b\"@x.example"},
      {"<@a.example,@b.example:bob@x.example>", FRANK_OK, "bob@x.example"},
      {"<bob@[192.0.2.1]>", FRANK_OK, "bob@[192.0.2.1]"},
      {"<bob@x.example.>", FRANK_OK, "bob@x.example"},
      {"<m\xc3\xbcller@b\xc3\xbc"
       "cher.example>",
       FRANK_OK,
       "m\xc3\xbcller@b\xc3\xbc"
       "cher.example"},
      {"<prvs=1234=bob@x.example>", FRANK_OK, "prvs=1234=bob@x.example"},
      {"<>", FRANK_ERR_MALFORMED, NULL},
      {"", FRANK_ERR_MALFORMED, NULL},
      {"<postmaster>", FRANK_ERR_MALFORMED, NULL},
      {"<bob@>", FRANK_ERR_MALFORMED, NULL},
      {"<@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob@x example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob@x.example", FRANK_ERR_MALFORMED, NULL},
      {"bob@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob@x,y>", FRANK_ERR_MALFORMED, NULL},
      {"<\"bob@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<\"bob\"smith@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob\\@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob\r\n@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob\t@x.example>", FRANK_ERR_MALFORMED, NULL},
      {"<bob@x\x7f.example>", FRANK_ERR_MALFORMED, NULL},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_address_text text;
    enum frank_err err = frank_address_of_envelope(rows[i].text, strlen(rows[i].text), &text);

    if (err != rows[i].err || (err == FRANK_OK && strcmp(text.text, rows[i].address) != 0)) {
      fail_msg("row %zu: %s: %s, %s", i, rows[i].text, frank_err_text(err),
               err == FRANK_OK ? text.text : "");
    }
  }
}

/* What is read of a field, put into an envelope, is the same address: the two can be compared. */
static void fields_and_envelopes_agree(void **state)
{
  static const char *const values[] = {
      "Bob@X.example",           "\"bob\"@x.example",
      "\"bob smith\"@x.example", "\"a\\\"b\\\\\"@x.example",
      "\"\"@x.example",          "\"@\"@x.example",
      "bob@[IPv6:::1]",          "a..b@x.example.",
      "m\xc3\xbc@x.example",
  };

  (void)state;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    struct frank_address_text of_field, of_envelope;
    size_t cursor = 0;
    char path[FRANK_ADDRESS_BYTES + 2];

    assert_true(frank_address_next(view(values[i]), &cursor, &of_field, NULL));
    assert_int_equal(frank_address_of_envelope(values[i], strlen(values[i]), &of_envelope),
                     FRANK_OK);
    assert_string_equal(of_field.text, of_envelope.text);
    snprintf(path, sizeof path, "<%s>", of_field.text);
    assert_int_equal(frank_address_of_envelope(path, strlen(path), &of_envelope), FRANK_OK);
    assert_string_equal(of_field.text, of_envelope.text);
  }
}

static void patterns_name_addresses_domains_and_below(void **state)
{
  static const struct {
    const char *address, *pattern;
    bool matches;
  } rows[] = {
      {"bob@x.example", "bob@x.example", true},
      {"bob@x.example", "Bob@X.EXAMPLE", true},
      {"bob@x.example", "x.example", true},
      {"bob@x.example", "X.Example", true},
      {"bob@x.example", "@x.example", true},
      {"bob@x.example", "*.example", true},
      {"bob@a.x.example", "*.x.example", true},
      {"bob@a.b.x.example", "*.x.example", true},
      {"bob@x.example", "*.x.example", false},
      {"bob@ax.example", "*.x.example", false},
      {"bob@x.example", "alice@x.example", false},
      {"bob@x.example", "y.example", false},
      {"bob@x.example", "example", false},
      {"bob@a.x.example", "x.example", false},
      {"bob@a.x.example", "@x.example", false},
      {"bob@x.example", "ob@x.example", false},
      {"bob@x.example", "", false},
      {"bob@x.example", "*", false},
      {"bob@x.example", "*.", false},
      {"bob@x.example", "@", false},
      {"*.@x.example", "*.@x.example", true},
      {"bob@x.example", "*bob@x.example", false},
      {"\"a@b\"@x.example", "x.example", true},
      {"\"a@y.example\"@x.example", "\"a@y.example\"@x.example", true},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_address_text text;

    assert_int_equal(frank_address_of_envelope(rows[i].address, strlen(rows[i].address), &text),
                     FRANK_OK);
    if (frank_address_matches(&text, rows[i].pattern) != rows[i].matches) {
      fail_msg("row %zu: %s, %s", i, rows[i].address, rows[i].pattern);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_addresses_of_fields),
      cmocka_unit_test(reads_groups),
      cmocka_unit_test(reads_comments),
      cmocka_unit_test(reads_quoted_local_parts),
      cmocka_unit_test(passes_routes_over),
      cmocka_unit_test(reads_8_bit_and_encoded_words),
      cmocka_unit_test(passes_over_what_is_none),
      cmocka_unit_test(bounds_the_length),
      cmocka_unit_test(reads_a_thousand),
      cmocka_unit_test(time_is_linear_whatever_comes),
      cmocka_unit_test(reads_envelopes),
      cmocka_unit_test(fields_and_envelopes_agree),
      cmocka_unit_test(patterns_name_addresses_domains_and_below),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
