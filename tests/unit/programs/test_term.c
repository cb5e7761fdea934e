/* Numbers for people: the edges where a prefix or a unit changes. */
#include "programs/term.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void term_counts_in_three_digits(void **state)
{
  static const struct {
    double number;
    const char *text;
  } cases[] = {{0, "0"},           {1, "1"},
               {999, "999"},       {999.4, "999"},
               {999.6, "1.00 k"},  {1000, "1.00 k"},
               {9994, "9.99 k"},   {9996, "10.0 k"},
               {99940, "99.9 k"},  {99960, "100 k"},
               {999400, "999 k"},  {999600, "1.00 M"},
               {37.5e6, "37.5 M"}, {9007199254740991.0, "9.01 P"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[FRANK_TERM_NUMBER_BYTES];
    assert_string_equal(frank_term_count(cases[i].number, text), cases[i].text);
  }
}

static void term_picks_the_unit_of_a_time(void **state)
{
  static const struct {
    double seconds;
    const char *text;
  } cases[] = {{0, "0.0 ms"},           {0.0014, "1.4 ms"},  {0.25, "250 ms"},
               {0.9994, "999 ms"},      {1, "1.0 s"},        {30, "30 s"},
               {119, "119 s"},          {120, "2.0 min"},    {3600, "60 min"},
               {7200, "2.0 h"},         {86400, "24 h"},     {172800, "2.0 d"},
               {31557600, "1.0 years"}, {3.2e9, "101 years"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[FRANK_TERM_NUMBER_BYTES];
    assert_string_equal(frank_term_seconds(cases[i].seconds, text), cases[i].text);
  }
}

static void term_tells_a_moment_both_ways(void **state)
{
  static const struct {
    int64_t at_s;
    int64_t now_s;
    const char *text;
  } cases[] = {
      {1795312800, 1795312800, "now (2026-11-22 02:00:00Z)"},
      {1795312800, 1795309200, "in 60 min (2026-11-22 02:00:00Z)"},
      {1795312800, 1795312803, "3.0 s ago (2026-11-22 02:00:00Z)"},
      {0, 1, "1.0 s ago (1970-01-01 00:00:00Z)"},
      {253402300799, 0, "in 8030 years (9999-12-31 23:59:59Z)"},
      {253402300800, 0, "at no time of the calendar"},
      {-1, 0, "at no time of the calendar"},
      {INT64_MAX, INT64_MIN, "at no time of the calendar"},
      {0, INT64_MIN, "in 292271023045 years (1970-01-01 00:00:00Z)"},
      {0, INT64_MAX, "292271023045 years ago (1970-01-01 00:00:00Z)"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[FRANK_TERM_WHEN_BYTES];
    assert_string_equal(frank_term_when(cases[i].at_s, cases[i].now_s, text), cases[i].text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(term_counts_in_three_digits),
      cmocka_unit_test(term_picks_the_unit_of_a_time),
      cmocka_unit_test(term_tells_a_moment_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
