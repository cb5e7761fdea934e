/* What is read of a DKIM-Signature, and which signature is usable. */
#include "proof/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8463, appendix A.3, the Ed25519 one */
static const char rfc8463[] = " v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
                              " d=football.example.com; i=@football.example.com;\r\n"
                              " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
                              " subject : date : message-id : from : subject : date;\r\n"
                              " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                              " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
                              " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";

static enum frank_err parse(const char *value, struct frank_dkim *dkim, const char **why)
{
  *why = NULL;
  enum frank_err err = frank_dkim_parse(value, strlen(value), dkim, why);
  assert_true((err == FRANK_OK) == (*why == NULL));
  return err;
}

static void reads_the_rfcs_example(void **state)
{
  struct frank_dkim dkim;
  const char *why;

  (void)state;
  assert_int_equal(parse(rfc8463, &dkim, &why), FRANK_OK);
  assert_int_equal(dkim.alg, FRANK_ALG_ED25519_SHA256);
  assert_string_equal(
      dkim.b,
      "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
  assert_int_equal(dkim.b_len, 88);
  assert_true(frank_view_is(dkim.d, "football.example.com"));
  assert_true(frank_view_is(dkim.s, "brisbane"));
  assert_true(
      frank_view_is(dkim.h, "from : to :\r\n subject : date : message-id : from : subject : date"));
  assert_true(dkim.has_t && dkim.t_s == 1528637909);
  assert_false(dkim.has_x || dkim.has_l);
}

static void is_usable_by_a_and_b_alone(void **state)
{
  static const struct {
    const char *value;
    enum frank_err err;
    const char *names; /* what the text must name */
  } rows[] = {
      {"v=1; a=rsa-sha256; b=Zm9v", FRANK_OK, ""},
      {"b=Zm\r\n 9v ;a=ed25519-sha256\r\n\t;v=1 ; ", FRANK_OK, ""},
      {"v=1; a=rsa-sha256; b=Zm9v; l=0; t=0; x=0", FRANK_OK, ""},
      {"", FRANK_ERR_MALFORMED, "tag-list"},
      {"v=1; a=rsa-sha256; b=Zm9v; b=Zm9v", FRANK_ERR_MALFORMED, "twice"},
      {"a=rsa-sha256; b=Zm9v", FRANK_ERR_MALFORMED, "v="},
      {"v=1; b=Zm9v", FRANK_ERR_MALFORMED, "a="},
      {"v=1; a=rsa-sha256", FRANK_ERR_MALFORMED, "b="},
      {"v=1; a=rsa-sha256; B=Zm9v", FRANK_ERR_MALFORMED, "b="},
      {"v=0.5; a=rsa-sha256; b=Zm9v", FRANK_ERR_UNSUPPORTED, "v="},
      {"v=1; a=rsa-sha1; b=Zm9v", FRANK_ERR_UNSUPPORTED, "a="},
      {"v=1; a=rsa-sha512; b=Zm9v", FRANK_ERR_UNSUPPORTED, "a="},
      {"v=1; a=rsa-sha256; b=", FRANK_ERR_MALFORMED, "b="},
      {"v=1; a=rsa-sha256; b=Zh==", FRANK_ERR_MALFORMED, "canonical"},
      {"v=1; a=rsa-sha256; b=Zg", FRANK_ERR_MALFORMED, "padding"},
      {"v=1; a=rsa-sha256; b=Zg==!", FRANK_ERR_MALFORMED, "base64"},
      {"v=1; a=rsa-sha256; b=Zg==Zm9v", FRANK_ERR_MALFORMED, "base64"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_dkim dkim;
    const char *why;
    enum frank_err err = parse(rows[i].value, &dkim, &why);

    if (err != rows[i].err || (err && !strstr(why, rows[i].names))) {
      fail_msg("\"%s\": %s (%s)", rows[i].value, frank_err_text(err), why ? why : "");
    }
    if (err == FRANK_OK) {
      assert_string_equal(dkim.b, "Zm9v");
      assert_null(dkim.d.text);
      assert_null(dkim.s.text);
      assert_null(dkim.h.text);
    }
  }
}

static void reads_numbers_to_their_limit(void **state)
{
  static const struct {
    const char *digits;
    uint64_t number;
  } rows[] = {
      {"0", 0},
      {"007", 7},
      {"18446744073709551614", UINT64_MAX - 1},
      {"18446744073709551615", UINT64_MAX},
      {"18446744073709551616", UINT64_MAX},
      {"18446744073709551620", UINT64_MAX},
      {"9999999999999999999999999999999999999999999999999999999999999999999999999999", UINT64_MAX},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_dkim dkim;
    const char *why;
    char value[400];

    snprintf(value, sizeof value, "v=1; a=rsa-sha256; b=Zm9v; l=%s; x=%s; t=%s", rows[i].digits,
             rows[i].digits, rows[i].digits);
    assert_int_equal(parse(value, &dkim, &why), FRANK_OK);
    assert_true(dkim.has_l && dkim.has_x && dkim.has_t);
    assert_true(dkim.l_bytes == rows[i].number);
    assert_true(dkim.x_s == rows[i].number);
    assert_true(dkim.t_s == rows[i].number);
  }
}

/* A verifier's affair: the signature is usable, and has no such number; but an l= that is there is
 * told, for some take it for 0. */
static void leaves_out_what_is_no_number(void **state)
{
  static const char *const texts[] = {"", "yesterday", "-1", "+1", "1 2", "0x10", "1.5"};

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    static const char names[] = "ltx";

    for (size_t wrong = 0; wrong < 3; wrong++) {
      struct frank_dkim dkim;
      const char *why;
      char value[200];

      snprintf(value, sizeof value, "v=1; a=rsa-sha256; b=Zm9v; l=%s; t=%s; x=%s",
               names[wrong] == 'l' ? texts[i] : "5", names[wrong] == 't' ? texts[i] : "6",
               names[wrong] == 'x' ? texts[i] : "7");
      assert_int_equal(parse(value, &dkim, &why), FRANK_OK);
      assert_string_equal(dkim.b, "Zm9v");
      assert_true(dkim.has_l);
      assert_int_equal(dkim.is_l_number, wrong != 0);
      assert_int_equal(dkim.has_t, wrong != 1);
      assert_int_equal(dkim.has_x, wrong != 2);
      assert_int_equal(dkim.l_bytes, wrong != 0 ? 5 : 0);
      assert_int_equal(dkim.t_s, wrong != 1 ? 6 : 0);
      assert_int_equal(dkim.x_s, wrong != 2 ? 7 : 0);
    }
  }
}

static void takes_64_kib_and_no_more(void **state)
{
  static const char start[] = "v=1; a=rsa-sha256; b=Zm9v;";
  char *value = malloc(65537);
  struct frank_dkim dkim;
  const char *why;

  (void)state;
  assert_non_null(value);
  memset(value, ' ', 65537);
  for (size_t i = 0; start[i]; i++) {
    value[i] = start[i];
  }
  assert_int_equal(frank_dkim_parse(value, 65536, &dkim, &why), FRANK_OK);
  assert_int_equal(frank_dkim_parse(value, 65537, &dkim, &why), FRANK_ERR_TOO_LONG);
  memset(value + strlen("v=1; a=rsa-sha256; b="), 'A', 2049);
  assert_int_equal(frank_dkim_parse(value, 3000, &dkim, &why), FRANK_ERR_TOO_LONG);
  free(value);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_rfcs_example),
      cmocka_unit_test(is_usable_by_a_and_b_alone),
      cmocka_unit_test(reads_numbers_to_their_limit),
      cmocka_unit_test(leaves_out_what_is_no_number),
      cmocka_unit_test(takes_64_kib_and_no_more),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
