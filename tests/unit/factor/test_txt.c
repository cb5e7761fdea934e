/* What domains say in DNS, their names, and the URLs that they name. */
#include "factor/txt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void reads_records(void **state)
{
  (void)state;
  static const char text[] = "v=MSMR1; f=16777216; u=https://msmr.example.org/; k=" KEY "; e=412";
  struct frank_txt txt;
  char why[FRANK_FACTOR_WHY_BYTES];
  assert_true(frank_txt_is_ours(text, strlen(text)));
  assert_int_equal(frank_txt_parse(text, strlen(text), &txt, why), FRANK_OK);
  assert_int_equal(txt.factor, 16777216);
  assert_int_equal(txt.epoch, 412);
  assert_string_equal(txt.url, "https://msmr.example.org");
  assert_true(txt.has_key);
  assert_string_equal(txt.key.id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  assert_int_equal(frank_txt_parse("v=MSMR1", 7, &txt, why), FRANK_OK);
  assert_int_equal(txt.factor, 0);
  assert_false(txt.has_key);
  assert_int_equal(frank_txt_parse("v = MSMR1 ;x=y;", 15, &txt, why), FRANK_OK);
}

static void refuses_records_by_tag(void **state)
{
  static const struct {
    const char *text;
    const char *named;
  } rows[] = {
      {"v=MSMR1; f=0", "f=0"},
      {"v=MSMR1; f=1152921504606846976", "f=1152921504606846976"},
      {"v=MSMR1; f=1e6", "f=1e6"},
      {"v=MSMR1; f=", "f="},
      {"v=MSMR1; e=-1", "e=-1"},
      {"v=MSMR1; u=ftp://x.example", "u=ftp"},
      {"v=MSMR1; u=https://user@x.example", "u="},
      {"v=MSMR1; k=AAAA", "k="},
      {"v=MSMR1; f=1; f=2", ""},
      {"v=spf1 -all", "v="},
      {"v=MSMR2; f=1", "v="},
      {"f=1; v=MSMR1", "v="},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_txt txt;
    char why[FRANK_FACTOR_WHY_BYTES];
    enum frank_err err = frank_txt_parse(rows[i].text, strlen(rows[i].text), &txt, why);
    if (err == FRANK_OK || !strstr(why, rows[i].named)) {
      fail_msg("%s: %d \"%s\"", rows[i].text, (int)err, why);
    }
  }
  assert_false(frank_txt_is_ours("v=MSMR12", 8));
  assert_false(frank_txt_is_ours("", 0));
}

static void knows_names_that_dns_can_be_asked_for(void **state)
{
  static const struct {
    const char *text;
    const char *out; /* NULL: none */
  } rows[] = {
      {"example.org", "example.org"},
      {"Example.ORG.", "example.org"},
      {"a-b.c_d.xn--p1ai", "a-b.c_d.xn--p1ai"},
      {"org", NULL},
      {"", NULL},
      {".", NULL},
      {"a..b", NULL},
      {".a.b", NULL},
      {"127.0.0.1", NULL},
      {"[127.0.0.1]", NULL},
      {"b\xc3\xbc"
       "cher.example",
       NULL},
      {"a b.example", NULL},
      {"a.b/c", NULL},
      {"0123456789012345678901234567890123456789012345678901234567890123.example", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[FRANK_TXT_DOMAIN_BYTES];
    enum frank_err err = frank_txt_domain(rows[i].text, strlen(rows[i].text), out);
    assert_int_equal(err == FRANK_OK, rows[i].out != NULL);
    assert_string_equal(out, rows[i].out ? rows[i].out : "");
  }
  char name[300];
  char out[FRANK_TXT_DOMAIN_BYTES];
  memset(name, 'a', sizeof name);
  for (size_t i = 31; i < sizeof name; i += 32) {
    name[i] = '.';
  }
  assert_int_equal(frank_txt_domain(name, 247, out), FRANK_OK);
  assert_int_equal(frank_txt_domain(name, 248, out), FRANK_ERR_TOO_LONG);
}

static void knows_urls(void **state)
{
  static const struct {
    const char *text;
    enum frank_err err;
  } rows[] = {
      {"https://a.example", FRANK_OK},
      {"https://a.example:8443/base/", FRANK_OK},
      {"https://[2001:db8::1]:443", FRANK_OK},
      {"http://127.0.0.1:8080", FRANK_OK},
      {"http://[::1]/x", FRANK_OK},
      {"http://localhost:1", FRANK_OK},
      {"http://a.example", FRANK_ERR_DENIED},
      {"http://127.0.0.1.a.example", FRANK_ERR_DENIED},
      {"https://", FRANK_ERR_MALFORMED},
      {"https:///x", FRANK_ERR_MALFORMED},
      {"https://a.example:0", FRANK_ERR_MALFORMED},
      {"https://a.example:65536", FRANK_ERR_MALFORMED},
      {"https://a.example:", FRANK_ERR_MALFORMED},
      {"https://a@b.example", FRANK_ERR_MALFORMED},
      {"https://a.example/?q", FRANK_ERR_MALFORMED},
      {"https://a.example/#f", FRANK_ERR_MALFORMED},
      {"https://a.example/ x", FRANK_ERR_MALFORMED},
      {"https://[a.example]", FRANK_ERR_MALFORMED},
      {"file:///etc/passwd", FRANK_ERR_MALFORMED},
      {"HTTPS://a.example", FRANK_ERR_MALFORMED},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[FRANK_TXT_URL_BYTES];
    enum frank_err err = frank_txt_url(rows[i].text, strlen(rows[i].text), false, out);
    if (err != rows[i].err) {
      fail_msg("%s: %d", rows[i].text, (int)err);
    }
  }
  char out[FRANK_TXT_URL_BYTES];
  assert_int_equal(frank_txt_url("http://a.example///", 19, true, out), FRANK_OK);
  assert_string_equal(out, "http://a.example");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_records),
      cmocka_unit_test(refuses_records_by_tag),
      cmocka_unit_test(knows_names_that_dns_can_be_asked_for),
      cmocka_unit_test(knows_urls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
