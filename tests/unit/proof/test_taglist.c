/* The tag-list of RFC 6376, section 3.2: what is read, what is refused, what is written. */
#include "proof/taglist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Reads `text` and writes the tags as "name<value>name<value>", or NULL where it is refused. */
static const char *read_list(const char *text, size_t len)
{
  static char out[4096];
  struct frank_taglist list;
  const char *why = NULL;
  size_t at = 0;

  if (frank_taglist_parse(text, len, &list, &why) != FRANK_OK) {
    assert_non_null(why);
    return NULL;
  }
  out[0] = '\0';
  for (size_t i = 0; i < list.count; i++) {
    at += (size_t)snprintf(out + at, sizeof out - at, "%.*s<%.*s>",
                           (int)list.tags[i].name.len_bytes, list.tags[i].name.text,
                           (int)list.tags[i].value.len_bytes, list.tags[i].value.text);
  }
  return out;
}

static void reads_what_the_grammar_has(void **state)
{
  static const struct {
    const char *text, *tags;
  } rows[] = {
      {"v=1", "v<1>"},
      {"v=1;", "v<1>"},
      {"v=1 ; \r\n\t", "v<1>"},
      {" \t\r\n v \t = \r\n 1 ; a = x ", "v<1>a<x>"},
      {"d=x\r\n\t; s=y", "d<x>s<y>"},
      {"d=x\n ;\ns=y", "d<x>s<y>"},
      {"a=;b=", "a<>b<>"},
      {"a= ; b= ", "a<>b<>"},
      {"a", NULL},
      {"a=b=c==", "a<b=c==>"},
      {"h=from : to :", "h<from : to :>"},
      {"b=ab\r\n  cd ef", "b<ab\r\n  cd ef>"},
      {"v=1;V=2", "v<1>V<2>"}, /* names are case-sensitive */
      {"a1_B=x", "a1_B<x>"},
      {"ab=1;a=2;abc=3", "ab<1>a<2>abc<3>"},
      {"z=!\"#$%&'()*+,-./:<=>?@[\\]^_`{|}~", "z<!\"#$%&'()*+,-./:<=>?@[\\]^_`{|}~>"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *tags = read_list(rows[i].text, strlen(rows[i].text));

    if (!tags != !rows[i].tags || (tags && strcmp(tags, rows[i].tags) != 0)) {
      fail_msg("\"%s\" reads as %s", rows[i].text, tags ? tags : "malformed");
    }
  }
}

static void refuses_what_it_has_not(void **state)
{
  static const struct {
    const char *text;
    size_t len;
  } rows[] = {
      {"", 0},
      {" \r\n", 3},
      {";", 1},
      {";v=1", 4},
      {"v=1;;", 5},
      {"v=1;;a=2", 8},
      {"v=1; ;a=2", 9},
      {"v", 1},
      {"v 1", 3},
      {"v;a=1", 5},
      {"=1", 2},
      {"1v=1", 4},
      {"_v=1", 4},
      {"v-w=1", 5},
      {"v w=1", 5},
      {"v=1;v=1", 7},
      {"v=1;a=2;v=3", 11},
      {"v=\x80", 3},
      {"v=\xc3\xa4", 4},
      {"\xc3\xa4=1", 4},
      {"v=1\0", 4},
      {"v=1\0;a=2", 8},
      {"\0v=1", 4},
      {"v=\x7f", 3},
      {"v=1\v;a=2", 8}, /* isspace() would take VT and FF */
      {"v=1\f;a=2", 8},
      {"\vv=1", 4},
      {"v=\x1b", 3},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (read_list(rows[i].text, rows[i].len)) {
      fail_msg("row %zu, \"%s\", is read", i, rows[i].text);
    }
  }
  assert_null(read_list(NULL, 0));
}

static size_t write_many(char *text, size_t count)
{
  size_t at = 0;

  for (size_t i = 0; i < count; i++) {
    at += (size_t)sprintf(text + at, "t%zu=%zu;", i, i);
  }
  return at;
}

static void takes_64_tags_and_no_more(void **state)
{
  char text[2048];
  struct frank_taglist list;
  const char *why;

  (void)state;
  assert_int_equal(frank_taglist_parse(text, write_many(text, FRANK_TAGS_MAX), &list, &why),
                   FRANK_OK);
  assert_int_equal(list.count, FRANK_TAGS_MAX);
  assert_true(frank_view_is(frank_taglist_get(&list, "t63"), "63"));
  assert_int_equal(frank_taglist_parse(text, write_many(text, FRANK_TAGS_MAX + 1), &list, &why),
                   FRANK_ERR_MALFORMED);
}

static void finds_a_tag_by_its_exact_name(void **state)
{
  static const char text[] = "bh=1; b=2; e=";
  struct frank_taglist list;
  const char *why;

  (void)state;
  assert_int_equal(frank_taglist_parse(text, strlen(text), &list, &why), FRANK_OK);
  assert_true(frank_view_is(frank_taglist_get(&list, "b"), "2"));
  assert_true(frank_view_is(frank_taglist_get(&list, "bh"), "1"));
  assert_true(frank_view_is(frank_taglist_get(&list, "e"), ""));
  assert_null(frank_taglist_get(&list, "B").text);
  assert_null(frank_taglist_get(&list, "").text);
  assert_false(frank_view_is(frank_taglist_get(&list, "x"), ""));
}

static struct frank_tag tag_of(const char *name, const char *value)
{
  return (struct frank_tag){{name, strlen(name)}, {value, strlen(value)}};
}

static void writes_what_it_reads(void **state)
{
  struct frank_tag v = tag_of("v", "1"), n = tag_of("n", "a b"), e = tag_of("e", "");
  char out[64];
  size_t len = 0;

  (void)state;
  assert_int_equal(frank_taglist_append(out, sizeof out, &len, " ", &v), FRANK_OK);
  assert_string_equal(out, "v=1");
  assert_int_equal(frank_taglist_append(out, sizeof out, &len, "\r\n\t", &n), FRANK_OK);
  assert_int_equal(frank_taglist_append(out, sizeof out, &len, "", &e), FRANK_OK);
  assert_string_equal(out, "v=1;\r\n\tn=a b;e=");
  assert_int_equal(len, strlen(out));
  assert_string_equal(read_list(out, len), "v<1>n<a b>e<>");
}

static void writes_nothing_that_would_not_be_read_back(void **state)
{
  static const struct {
    const char *name, *value, *separator;
  } rows[] = {
      {"", "1", ""},     {"1a", "1", ""},   {"a b", "1", ""}, {"a-b", "1", ""},
      {"a", "1;2", ""},  {"a", " 1", ""},   {"a", "1 ", ""},  {"a", " ", ""},
      {"a", "\x80", ""}, {"a", "1\v2", ""}, {"a", "1", ";"},  {"a", "1", "\v"},
  };
  struct frank_tag v = tag_of("v", "1");
  char out[64];
  size_t len = 0;

  (void)state;
  assert_int_equal(frank_taglist_append(out, sizeof out, &len, "", &v), FRANK_OK);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_tag tag = tag_of(rows[i].name, rows[i].value);

    assert_int_equal(frank_taglist_append(out, sizeof out, &len, rows[i].separator, &tag),
                     FRANK_ERR_MALFORMED);
    assert_int_equal(len, 3);
    assert_string_equal(out, "v=1");
  }
}

/* Every size of buffer: either all of it with its NUL, or nothing touched past the bound. */
static void stays_in_its_buffer(void **state)
{
  struct frank_tag v = tag_of("v", "1"), name = tag_of("name", "value");

  (void)state;
  for (size_t size = 0; size <= 20; size++) {
    char out[32];
    size_t len = 0;
    enum frank_err first, second;

    memset(out, '#', sizeof out);
    first = frank_taglist_append(out, size, &len, " ", &v);
    assert_int_equal(first, size >= 4 ? FRANK_OK : FRANK_ERR_TOO_LONG);
    if (first == FRANK_OK) {
      second = frank_taglist_append(out, size, &len, " ", &name);
      assert_int_equal(second, size >= 16 ? FRANK_OK : FRANK_ERR_TOO_LONG);
      assert_string_equal(out, second == FRANK_OK ? "v=1; name=value" : "v=1");
    }
    for (size_t i = size; i < sizeof out; i++) {
      assert_int_equal(out[i], '#');
    }
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_the_grammar_has),
      cmocka_unit_test(refuses_what_it_has_not),
      cmocka_unit_test(takes_64_tags_and_no_more),
      cmocka_unit_test(finds_a_tag_by_its_exact_name),
      cmocka_unit_test(writes_what_it_reads),
      cmocka_unit_test(writes_nothing_that_would_not_be_read_back),
      cmocka_unit_test(stays_in_its_buffer),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
