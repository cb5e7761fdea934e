#include "factor/authority/page_numbers.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define DAY_S      INT64_C(86400)
#define TIME_MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

const char *frank_page_grouped(uint64_t number, char out[FRANK_PAGE_NUMBER_BYTES])
{
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
  char *to = out;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0) {
      *to++ = ',';
    }
    *to++ = digits[i];
  }
  *to = '\0';
  return out;
}

static const struct {
  uint64_t value;
  const char *name;
} shorts[] = {
    {UINT64_C(1000000), "million"},
    {UINT64_C(1000000000), "billion"},
    {UINT64_C(1000000000000), "trillion"},
    {UINT64_C(1000000000000000), "quadrillion"},
    {UINT64_C(1000000000000000000), "quintillion"},
};
#define SHORT_COUNT (sizeof shorts / sizeof shorts[0])

/* number = *count * *unit, rounded to three digits (or to 1000), with *unit a power of ten. */
static void round_to_three(uint64_t number, uint64_t *count, uint64_t *unit)
{
  *unit = 1;
  while (number / *unit >= 1000) {
    *unit *= 10;
  }
  *count = number / *unit + (number % *unit >= *unit - number % *unit ? 1 : 0);
}

const char *frank_page_short(uint64_t number, char out[FRANK_PAGE_NUMBER_BYTES])
{
  uint64_t count = 0;
  uint64_t unit = 1;
  if (number < shorts[0].value) {
    return frank_page_grouped(number, out);
  }
  round_to_three(number, &count, &unit);
  size_t i = SHORT_COUNT - 1;
  while (shorts[i].value > count * unit) {
    i--;
  }
  /* unit is a hundredth, a tenth or the whole of the named one, by what is before the point; or a
   * thousandth, where rounding has just reached 1. */
  uint64_t parts = shorts[i].value / (unit < shorts[i].value ? unit : shorts[i].value);
  uint64_t whole = count * unit / shorts[i].value;
  uint64_t rest = count % parts;
  if (rest == 0) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 " %s", whole, shorts[i].name);
  } else if (rest % 10 == 0) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 ".%" PRIu64 " %s", whole, rest / 10,
             shorts[i].name);
  } else {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 ".%0*" PRIu64 " %s", whole,
             parts == 100 ? 2 : 1, rest, shorts[i].name);
  }
  return out;
}

bool frank_page_short_is_exact(uint64_t number)
{
  uint64_t count = 0;
  uint64_t unit = 1;
  round_to_three(number, &count, &unit);
  return number < shorts[0].value || count * unit == number;
}

uint32_t frank_page_log2(uint64_t number)
{
  uint32_t whole = 0;
  if (number == 0) {
    return 0;
  }
  while (whole < 63 && number >> (whole + 1) != 0) {
    whole++;
  }
  /* The number as 1.xxx with 31 bits behind the point; each squaring gives one bit of its log. */
  uint64_t mantissa = whole > 31 ? number >> (whole - 31) : number << (31 - whole);
  uint32_t log = whole;
  for (int i = 0; i < 16; i++) {
    mantissa = mantissa * mantissa >> 31;
    log <<= 1;
    if (mantissa >> 32 != 0) {
      mantissa >>= 1;
      log |= 1;
    }
  }
  return log;
}

const char *frank_page_bits(uint64_t number, bool hundredths, char out[FRANK_PAGE_NUMBER_BYTES])
{
  uint64_t scale = hundredths ? 100 : 10;
  uint64_t scaled = ((uint64_t)frank_page_log2(number) * scale + 32768) >> 16;
  if (hundredths) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 ".%02" PRIu64, scaled / 100, scaled % 100);
  } else if (scaled % 10 == 0) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64, scaled / 10);
  } else {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 ".%" PRIu64, scaled / 10, scaled % 10);
  }
  return out;
}

const char *frank_page_change(uint64_t before, uint64_t after, char out[FRANK_PAGE_NUMBER_BYTES])
{
  bool rises = after > before;
  uint64_t large = rises ? after : before;
  uint64_t small = rises ? before : after;
  assert(small > 0 && large >> 53 == 0);
  if (after == before) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "same");
    return out;
  }
  if (large / small >= 10) {
    char ratio[FRANK_PAGE_NUMBER_BYTES];
    uint64_t tenths = (large * 10 + small / 2) / small;
    if (tenths >= 1000) {
      snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%s%s", rises ? "×" : "÷",
               frank_page_short((large + small / 2) / small, ratio));
    } else {
      snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%s%" PRIu64 ".%" PRIu64, rises ? "×" : "÷",
               tenths / 10, tenths % 10);
    }
    return out;
  }
  uint64_t permille = ((large - small) * 1000 + before / 2) / before;
  if (permille == 0) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%sbelow 0.1%%", rises ? "+" : "−");
  } else {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%s%" PRIu64 ".%" PRIu64 "%%", rises ? "+" : "−",
             permille / 10, permille % 10);
  }
  return out;
}

#define YEAR_S 31557600.0 /* 365.25 days */
static const struct {
  double seconds;
  double from; /* the unit is used from this many of it on */
  const char *name;
} durations[] = {
    {1e-6, 1, "µs"},
    {1e-3, 1, "ms"},
    {1, 1, "s"},
    {60, 2, "minutes"},
    {3600, 2, "hours"},
    {86400, 2, "days"},
    {YEAR_S, 2, "years"},
    {YEAR_S * 1e3, 1, "thousand years"},
    {YEAR_S * 1e6, 1, "million years"},
    {YEAR_S * 1e9, 1, "billion years"},
};

const char *frank_page_duration(double seconds, char out[FRANK_PAGE_NUMBER_BYTES])
{
  size_t i = sizeof durations / sizeof durations[0] - 1;
  while (i > 0 && seconds < durations[i].seconds * durations[i].from) {
    i--;
  }
  double value = seconds / durations[i].seconds;
  if (value < 1) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "below 1 %s", durations[i].name);
    return out;
  }
  uint64_t tenths = value < 1e14 ? (uint64_t)(value * 10 + 0.5) : UINT64_C(1000000000000000);
  if (tenths < 100) {
    snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
             durations[i].name);
    return out;
  }
  uint64_t unit = 10; /* in tenths: what the second digit counts */
  while (tenths / unit >= 100) {
    unit *= 10;
  }
  char number[FRANK_PAGE_NUMBER_BYTES];
  frank_page_grouped((tenths + unit / 2) / unit * (unit / 10), number);
  snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%.20s %s", number, durations[i].name);
  return out;
}

/* Days since 1970 and dates of the Gregorian calendar, in eras of 400 years that begin on 1 March:
 * H. Hinnant, "chrono-compatible low-level date algorithms", 2013. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct frank_page_date frank_page_date(int64_t unix_s)
{
  int64_t s = unix_s < 0 ? 0 : unix_s > TIME_MAX_S ? TIME_MAX_S : unix_s;
  int64_t days = s / DAY_S;
  int64_t z = days + 719468;
  int64_t era = z / 146097;
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t m = (5 * day_of_year + 2) / 153; /* 0: March */
  int64_t month = m < 10 ? m + 3 : m - 9;
  return (struct frank_page_date){
      .days = days,
      .year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0)),
      .month = (int)month,
      .day = (int)(day_of_year - (153 * m + 2) / 5 + 1),
      .hour = (int)(s % DAY_S / 3600),
      .minute = (int)(s % 3600 / 60),
      .second = (int)(s % 60),
  };
}

int64_t frank_page_month_begin(int64_t months)
{
  return days_of(months / 12, months % 12 + 1, 1) * DAY_S;
}

const char *frank_page_month_name(int month)
{
  static const char *const names[] = {"January",   "February", "March",    "April",
                                      "May",       "June",     "July",     "August",
                                      "September", "October",  "November", "December"};
  assert(month >= 1 && month <= 12);
  return names[month - 1];
}

const char *frank_page_time_iso(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES])
{
  struct frank_page_date d = frank_page_date(unix_s);
  snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.year, d.month, d.day,
           d.hour, d.minute, d.second);
  return out;
}

const char *frank_page_time_plain(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES])
{
  struct frank_page_date d = frank_page_date(unix_s);
  snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%04d-%02d-%02d %02d:%02d", d.year, d.month, d.day, d.hour,
           d.minute);
  return out;
}

const char *frank_page_time_words(int64_t unix_s, char out[FRANK_PAGE_NUMBER_BYTES])
{
  struct frank_page_date d = frank_page_date(unix_s);
  snprintf(out, FRANK_PAGE_NUMBER_BYTES, "%d %s %04d, %02d:%02d UTC", d.day,
           frank_page_month_name(d.month), d.year, d.hour, d.minute);
  return out;
}
