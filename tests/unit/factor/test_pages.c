/* The authority's website: what its pages say of odd views, and how numbers and texts are written.
 * That they are well-formed, a real parser checks: tests/system/authority_pages.py. */
#include "../random.h"
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_text.h"
#include "factor/authority/pages.h"
#include "proof/target.h"
#include "sample_view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN_MAX_BYTES   40000  /* of the page, with reasons that people write */
#define HOSTILE_MAX_BYTES 100000 /* with any */

static struct sample_view sample;

static size_t page_of(const char *path)
{
  for (size_t i = 0; i < frank_authority_page_count; i++) {
    if (strcmp(frank_authority_pages[i].path, path) == 0) {
      return i;
    }
  }
  fail_msg("no page %s", path);
  return 0;
}

/* The page, which the caller frees. Made twice, it must be the same. */
static char *make(const char *path, size_t range)
{
  char *text = NULL;
  char *again = NULL;
  size_t len = 0;
  size_t again_len = 0;
  size_t page = page_of(path);
  assert_int_equal(frank_authority_page_make(&sample.view, page, range, &text, &len), FRANK_OK);
  assert_int_equal(frank_authority_page_make(&sample.view, page, range, &again, &again_len),
                   FRANK_OK);
  assert_int_equal(strlen(text), len);
  assert_int_equal(len, again_len);
  assert_string_equal(text, again);
  free(again);
  return text;
}

static size_t count(const char *text, const char *piece)
{
  size_t found = 0;
  for (const char *at = strstr(text, piece); at != NULL; at = strstr(at + 1, piece)) {
    found++;
  }
  return found;
}

/* The page of a view has each of the texts, up to NULL; one that begins with '!' it has not. */
static void expect(const char *name, const char *path, size_t range, const char *const *texts)
{
  assert_true(sample_view_make(&sample, name));
  char *page = make(path, range);
  for (size_t i = 0; texts[i] != NULL; i++) {
    bool is_absent = texts[i][0] == '!';
    if ((strstr(page, texts[i] + (is_absent ? 1 : 0)) == NULL) != is_absent) {
      fail_msg("%s of %s: %s", path, name, texts[i]);
    }
  }
  free(page);
}

/* ---- pages ---- */

static void check_everything(const char *name)
{
  assert_true(sample_view_make(&sample, name));
  bool is_hostile = strcmp(name, "hostile") == 0 || (*name >= '0' && *name <= '9');
  for (size_t page = 0; page < frank_authority_page_count; page++) {
    for (size_t range = 0; range < frank_authority_range_count; range++) {
      char *text = make(frank_authority_pages[page].path, range);
      for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if ((*at < ' ' && *at != '\n' && *at != '\r') || *at == 0x7f) {
          fail_msg("%s of %s has a byte %02x", frank_authority_pages[page].path, name, *at);
        }
      }
      /* A table is served as a table, and its fields are quoted. */
      assert_true(page == page_of("/history.csv") || strstr(text, "<script") == NULL);
      assert_null(strstr(text, "(null)"));
      if (page == page_of("/")) {
        assert_in_range(strlen(text), 5000, is_hostile ? HOSTILE_MAX_BYTES : PLAIN_MAX_BYTES);
      }
      free(text);
    }
  }
}

static void every_page_is_made_of_odd_views(void **state)
{
  (void)state;
  for (size_t i = 0; sample_view_names[i] != NULL; i++) {
    check_everything(sample_view_names[i]);
  }
}

static void every_page_is_made_of_random_views(void **state)
{
  (void)state;
  for (int i = 0; i < 60; i++) {
    char name[24];
    snprintf(name, sizeof name, "%llu", (unsigned long long)random_u64());
    check_everything(name);
  }
}

static void the_page_says_the_factor_in_words(void **state)
{
  (void)state;
  static const char *const ordinary[] = {
      "<title>about 16.8 million attempts, 24 bits · authority.example</title>",
      "<small>A stamp takes about</small> 16.8 million <small>attempts, 24 bits</small></h1>",
      "16,777,216 <small>epoch 24</small>",
      "A central authority.",
      "<dt>Cost</dt><dd>460 ms for Ed25519, 1.2 s for RSA-2048 on average",
      "renewed before, changed or not",
      "not before <time datetime=\"2026-12-01T22:00:00Z\">1 December 2026, 22:00 UTC</time>",
      "between 1.05 million and 268 million attempts",
      "1,234,567 observations",
      "about 19.6 million attempts, 24.2 bits (epoch 23)",
      "factor_url = \"https://msmr.authority.example\"",
      "v=MSMR1; f=16777216; e=24; u=https://msmr.authority.example; k=",
      "!Testing.",
      "!Expired.",
      "!Next key",
      "!ADDRESS",
      NULL};
  expect("ordinary", "/", 0, ordinary);
}

static void the_page_says_what_is_out_of_the_ordinary(void **state)
{
  (void)state;
  static const char *const one[] = {"none: this is the first", "The one epoch so far", NULL};
  static const char *const just_now[] = {"not announced", NULL};
  static const char *const least[] = {"A stamp takes</small> 1 <small>attempt, 0 bits", NULL};
  static const char *const most[] = {"9,007,199,254,740,991", "about</small> 9.01 quadrillion",
                                     "attempts, 53 bits", "×9.01 quadrillion", NULL};
  static const char *const testing[] = {"<strong>Testing.</strong>", "A mail provider.", NULL};
  static const char *const by_hand[] = {"set by hand",           "A single mail server.",
                                        "ADDRESS is that of",    "It counts no more",
                                        "!observations of mail", NULL};
  static const char *const next_key[] = {"Next key, signs from <time datetime=\"2026-12-10", NULL};
  static const char *const expired[] = {"<strong>Expired.</strong>", "It counted until",
                                        "possible at any time now", "!renewed before", NULL};
  expect("one", "/", 0, one);
  expect("just-now", "/", 0, just_now);
  expect("least", "/", 0, least);
  expect("most", "/", 0, most);
  expect("testing", "/", 0, testing);
  expect("by-hand", "/", 0, by_hand);
  expect("next-key", "/", 0, next_key);
  expect("expired", "/", 0, expired);
}

static void the_previous_factor_counts_until_its_time(void **state)
{
  (void)state;
  assert_true(sample_view_make(&sample, "ordinary"));
  sample.view.document.previous_until_s = sample.view.now_s + 1;
  char *page = make("/", 0);
  assert_non_null(strstr(page, "Stamps that meet it count until"));
  free(page);
  sample.view.now_s++;
  page = make("/", 0);
  assert_non_null(strstr(page, "It counted until"));
  free(page);
}

static void the_table_is_bounded_and_the_files_are_whole(void **state)
{
  (void)state;
  assert_true(sample_view_make(&sample, "thousand"));
  char *page = make("/", 0);
  assert_non_null(strstr(page, "The last 50 of 1000 epochs"));
  assert_int_equal(count(page, "<small>epoch "), 51); /* and the one in force, above */
  assert_true(strstr(page, "<small>epoch 999</small>") < strstr(page, "<small>epoch 951</small>"));
  assert_null(strstr(page, "<small>epoch 950</small>"));
  free(page);
  char *csv = make("/history.csv", 0);
  char *json = make("/history.json", 0);
  assert_int_equal(count(csv, "\r\n"), 1001);
  assert_int_equal(count(json, "\"epoch\":"), 1000);
  free(csv);
  free(json);
}

static void ranges_are_marked_and_cut_the_plot(void **state)
{
  (void)state;
  assert_true(sample_view_make(&sample, "thousand"));
  size_t before = 0;
  for (size_t range = 0; range < frank_authority_range_count; range++) {
    char link[64];
    snprintf(link, sizeof link, "?range=%s#history\" aria-current=\"true\"",
             frank_authority_ranges[range].name);
    char *page = make("/", range);
    assert_int_equal(count(page, "aria-current=\""), 1);
    assert_non_null(strstr(page, link));
    free(page);
    char *svg = make("/history.svg", range);
    const char *said = strstr(svg, "Changes in this time: ");
    assert_non_null(said);
    size_t changes = strtoul(said + strlen("Changes in this time: "), NULL, 10);
    assert_true(changes > before);
    before = changes;
    free(svg);
  }
  assert_int_equal(before, 999);
}

static void foreign_text_stays_text(void **state)
{
  (void)state;
  static const char *const html[] = {"&lt;script&gt;alert(1)",
                                     "onerror=&#39;y&#39;&gt;&quot;&amp;amp;",
                                     "!<img",
                                     "!alert(1)</",
                                     "!]]>",
                                     NULL};
  static const char *const csv[] = {"\"'=1+1</small>", ">\"\"&amp;", NULL};
  static const char *const json[] = {"onerror='y'>\\\"&amp;]]>-->\\u003c!--\\\\?[2J??", NULL};
  expect("hostile", "/", 0, html);
  expect("hostile", "/history.svg", 0, html);
  expect("hostile", "/history.csv", 0, csv);
  expect("hostile", "/history.json", 0, json);
}

static void pages_are_good_until_something_reads_otherwise(void **state)
{
  (void)state;
  const int64_t day_s = 86400;
  assert_true(sample_view_make(&sample, "next-key"));
  struct frank_authority_view *view = &sample.view;
  int64_t now_s = view->now_s;
  view->document.previous_until_s = now_s; /* past */
  view->document.expires_s = now_s + 500;
  view->next_change_s = now_s + 400;
  view->next_key_s = now_s + 300;
  assert_int_equal(frank_authority_pages_until_s(view), now_s + 300);
  view->next_key.id[0] = '\0';
  assert_int_equal(frank_authority_pages_until_s(view), now_s + 400);
  view->next_change_s = 0;
  assert_int_equal(frank_authority_pages_until_s(view), now_s + 500);
  view->document.previous_until_s = now_s + 1;
  assert_int_equal(frank_authority_pages_until_s(view), now_s + 1);
  view->document.has_previous = 0;
  view->document.expires_s = now_s + 2 * day_s;
  assert_int_equal(frank_authority_pages_until_s(view), now_s + day_s);
  view->now_s = INT64_MAX;
  assert_int_equal(frank_authority_pages_until_s(view), INT64_MAX);
}

/* ---- numbers and times ---- */

struct written {
  uint64_t number;
  const char *grouped;
  const char *in_short;
  bool exact;
  const char *bits;
  const char *hundredths;
};

static void numbers_are_written_the_same_everywhere(void **state)
{
  (void)state;
  static const struct written table[] = {
      {1, "1", "1", true, "0", "0.00"},
      {2, "2", "2", true, "1", "1.00"},
      {1000, "1,000", "1,000", true, "10", "9.97"},
      {999999, "999,999", "999,999", true, "19.9", "19.93"},
      {1000000, "1,000,000", "1 million", true, "19.9", "19.93"},
      {1500000, "1,500,000", "1.5 million", true, "20.5", "20.52"},
      {1048576, "1,048,576", "1.05 million", false, "20", "20.00"},
      {2007000, "2,007,000", "2.01 million", false, "20.9", "20.94"},
      {16777216, "16,777,216", "16.8 million", false, "24", "24.00"},
      {99949999, "99,949,999", "99.9 million", false, "26.6", "26.57"},
      {99950000, "99,950,000", "100 million", false, "26.6", "26.57"},
      {999499999, "999,499,999", "999 million", false, "29.9", "29.90"},
      {999500000, "999,500,000", "1 billion", false, "29.9", "29.90"},
      {5000000000, "5,000,000,000", "5 billion", true, "32.2", "32.22"},
      {FRANK_FACTOR_MAX, "9,007,199,254,740,991", "9.01 quadrillion", false, "53", "53.00"},
      {UINT64_MAX, "18,446,744,073,709,551,615", "18.4 quintillion", false, "64", "64.00"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const struct written *row = &table[i];
    assert_string_equal(frank_page_grouped(row->number, FRANK_PAGE_BUFFER), row->grouped);
    assert_string_equal(frank_page_short(row->number, FRANK_PAGE_BUFFER), row->in_short);
    assert_int_equal(frank_page_short_is_exact(row->number), row->exact);
    assert_string_equal(frank_page_bits(row->number, false, FRANK_PAGE_BUFFER), row->bits);
    assert_string_equal(frank_page_bits(row->number, true, FRANK_PAGE_BUFFER), row->hundredths);
  }
}

static void logarithms_are_right(void **state)
{
  (void)state;
  for (int bits = 0; bits < 64; bits++) {
    assert_int_equal(frank_page_log2(UINT64_C(1) << bits), bits * 65536);
  }
  for (int i = 0; i < 100000; i++) {
    uint64_t number = (random_u64() >> random_below(63)) | 1;
    double difference = frank_page_log2(number) / 65536.0 - log2((double)number);
    assert_true(difference < 1e-4 && difference > -1e-4);
  }
}

static void changes_are_written_as_shares(void **state)
{
  (void)state;
  static const struct {
    uint64_t before;
    uint64_t after;
    const char *text;
  } table[] = {
      {100, 100, "same"},
      {12582912, 16777216, "+33.3%"},
      {16777216, 12582912, "−25.0%"},
      {1000000, 1000001, "+below 0.1%"},
      {100, 999, "+899.0%"},
      {100, 1000, "×10.0"},
      {1000, 100, "÷10.0"},
      {2, 247, "×124"},
      {1, FRANK_FACTOR_MAX, "×9.01 quadrillion"},
      {FRANK_FACTOR_MAX, 1, "÷9.01 quadrillion"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    assert_string_equal(frank_page_change(table[i].before, table[i].after, FRANK_PAGE_BUFFER),
                        table[i].text);
  }
}

static void durations_are_written_by_two_digits(void **state)
{
  (void)state;
  static const struct {
    double seconds;
    const char *text;
  } table[] = {
      {0, "below 1 µs"},
      {9e-7, "below 1 µs"},
      {2.58e-3, "2.6 ms"},
      {0.462, "460 ms"},
      {0.9, "900 ms"},
      {9.96, "10 s"},
      {99.6, "100 s"},
      {119, "120 s"},
      {121, "2.0 minutes"},
      {462000, "5.3 days"},
      {86400 * 300.0, "300 days"},
      {31557600 * 2.5, "2.5 years"},
      {7.5e8 * 31557600, "750 million years"},
      {1e300, "100,000,000,000,000 billion years"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    assert_string_equal(frank_page_duration(table[i].seconds, FRANK_PAGE_BUFFER), table[i].text);
  }
}

static void times_are_those_of_the_calendar(void **state)
{
  (void)state;
  assert_string_equal(frank_page_time_iso(1795730400, FRANK_PAGE_BUFFER), "2026-11-26T22:00:00Z");
  assert_string_equal(frank_page_time_words(1795730400, FRANK_PAGE_BUFFER),
                      "26 November 2026, 22:00 UTC");
  assert_string_equal(frank_page_time_iso(INT64_MIN, FRANK_PAGE_BUFFER), "1970-01-01T00:00:00Z");
  assert_string_equal(frank_page_time_iso(INT64_MAX, FRANK_PAGE_BUFFER), "9999-12-31T23:59:59Z");
  for (int i = 0; i < 100000; i++) {
    time_t at = (time_t)(random_u64() % UINT64_C(253402300800));
    struct tm tm;
    struct frank_page_date date = frank_page_date(at);
    assert_non_null(gmtime_r(&at, &tm));
    assert_int_equal(date.year, tm.tm_year + 1900);
    assert_int_equal(date.month, tm.tm_mon + 1);
    assert_int_equal(date.day, tm.tm_mday);
    assert_int_equal(date.hour * 3600 + date.minute * 60 + date.second,
                     tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
    int64_t month_s = frank_page_month_begin(date.year * INT64_C(12) + date.month - 1);
    assert_int_equal(month_s, at - (date.day - 1) * INT64_C(86400) - at % 86400);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_page_is_made_of_odd_views),
      cmocka_unit_test(every_page_is_made_of_random_views),
      cmocka_unit_test(the_page_says_the_factor_in_words),
      cmocka_unit_test(the_page_says_what_is_out_of_the_ordinary),
      cmocka_unit_test(the_previous_factor_counts_until_its_time),
      cmocka_unit_test(the_table_is_bounded_and_the_files_are_whole),
      cmocka_unit_test(ranges_are_marked_and_cut_the_plot),
      cmocka_unit_test(foreign_text_stays_text),
      cmocka_unit_test(pages_are_good_until_something_reads_otherwise),
      cmocka_unit_test(numbers_are_written_the_same_everywhere),
      cmocka_unit_test(logarithms_are_right),
      cmocka_unit_test(changes_are_written_as_shares),
      cmocka_unit_test(durations_are_written_by_two_digits),
      cmocka_unit_test(times_are_those_of_the_calendar),
  };
  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
