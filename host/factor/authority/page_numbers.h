/*
 * page_numbers: numbers and times as people read them, the same on every machine and in every
 * locale. Pure.
 *
 * Each function writes into `out` and returns it, so that a call can stand among the arguments of
 * frank_page_putf with a buffer of its own: frank_page_grouped(n,
 * (char[FRANK_PAGE_NUMBER_BYTES]){0}).
 */
#ifndef FRANK_FACTOR_AUTHORITY_PAGE_NUMBERS_H
#define FRANK_FACTOR_AUTHORITY_PAGE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define FRANK_PAGE_NUMBER_BYTES 40
#define FRANK_PAGE_BUFFER       ((char[FRANK_PAGE_NUMBER_BYTES]){0})

/* "16,777,216" */
const char *frank_page_grouped(uint64_t number, char out[FRANK_PAGE_NUMBER_BYTES]);
/* "16.8 million": three digits that count; below a million as frank_page_grouped. */
const char *frank_page_short(uint64_t number, char out[FRANK_PAGE_NUMBER_BYTES]);
/* True where frank_page_short tells the whole number, not about how much. */
bool frank_page_short_is_exact(uint64_t number);

/* log2(number) in units of 2^-16; 0 for 0. By squaring in integers: no libm decides a digit. */
uint32_t frank_page_log2(uint64_t number);
/* log2(number): "23.6", "24" where nothing follows the point; with `hundredths` always "23.58",
 * "24.00". */
const char *frank_page_bits(uint64_t number, bool hundredths, char out[FRANK_PAGE_NUMBER_BYTES]);

/* "+33.3%", "−25.0%", from a tenfold change on "×12.3" and "÷12.3"; "same". before, after: 1 or
 * more, below 2^53. */
const char *frank_page_change(uint64_t before, uint64_t after, char out[FRANK_PAGE_NUMBER_BYTES]);

/* "460 ms", "1.2 s", "4.9 days": two digits that count. seconds: 0 or more. */
const char *frank_page_duration(double seconds, char out[FRANK_PAGE_NUMBER_BYTES]);

/* Seconds since 1970 in UTC; what is outside the years 1970 to 9999 is shown as their end. */
struct frank_page_date {
  int64_t days; /* since 1970 */
  int year;
  int month; /* 1..12 */
  int day;   /* 1..31 */
  int hour;
  int minute;
  int second;
};
struct frank_page_date frank_page_date(int64_t unix_s);
/* Of the first second of a month; `months` counts from January of year 0. */
int64_t frank_page_month_begin(int64_t months);
/* "January"; `month` 1..12. */
const char *frank_page_month_name(int month);
/* "2026-11-21T14:00:00Z" */
const char *frank_page_time_iso(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES]);
/* "2026-11-21 14:00" */
const char *frank_page_time_plain(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES]);
/* "21 November 2026, 14:00 UTC" */
const char *frank_page_time_words(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES]);

#endif
