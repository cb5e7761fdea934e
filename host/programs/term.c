#include "programs/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CALENDAR_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

static bool is_capable(int fd)
{
  const char *term = getenv("TERM");
  return isatty(fd) == 1 && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool frank_term_has_progress(void)
{
  return is_capable(STDERR_FILENO);
}

bool frank_term_has_colour(int fd)
{
  const char *no_color = getenv("NO_COLOR"); /* no-color.org: any value but an empty one */
  return (no_color == NULL || no_color[0] == '\0') && is_capable(fd);
}

void frank_term_print(enum frank_colour colour, int width, const char *text)
{
  static const char *const codes[] = {
      [FRANK_COLOUR_GREEN] = "32", [FRANK_COLOUR_YELLOW] = "33", [FRANK_COLOUR_RED] = "31"};
  if (frank_term_has_colour(STDOUT_FILENO)) {
    printf("\033[%sm%-*s\033[0m", codes[colour], width, text);
  } else {
    printf("%-*s", width, text);
  }
}

void frank_term_progress(const char *format, ...)
{
  char text[256];
  struct winsize size;
  size_t columns = 80;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    columns = size.ws_col;
  }
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  /* The last column stays free: writing there makes some terminals wrap. */
  if (strlen(text) >= columns) {
    text[columns - 1] = '\0';
  }
  fprintf(stderr, "\r%s\033[K", text);
  fflush(stderr);
}

void frank_term_clear(void)
{
  fputs("\r\033[K", stderr);
  fflush(stderr);
}

const char *frank_term_count(double number, char text[FRANK_TERM_NUMBER_BYTES])
{
  static const char *const prefixes[] = {"", " k", " M", " G", " T", " P", " E"};
  size_t prefix = 0;
  /* 999.5 would print as 1000 with three digits. */
  while (number >= 999.5 && prefix + 1 < sizeof prefixes / sizeof prefixes[0]) {
    number /= 1000;
    prefix++;
  }
  int decimals = prefix == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  snprintf(text, FRANK_TERM_NUMBER_BYTES, "%.*f%s", decimals, number, prefixes[prefix]);
  return text;
}

const char *frank_term_seconds(double seconds, char text[FRANK_TERM_NUMBER_BYTES])
{
  static const struct {
    double below_s;
    double unit_s;
    const char *name;
  } scales[] = {{0.9995, 0.001, "ms"}, {120, 1, "s"},          {7200, 60, "min"},
                {172800, 3600, "h"},   {31557600, 86400, "d"}, {0, 31557600, "years"}};
  size_t i = 0;
  while (i + 1 < sizeof scales / sizeof scales[0] && seconds >= scales[i].below_s) {
    i++;
  }
  double number = seconds / scales[i].unit_s;
  snprintf(text, FRANK_TERM_NUMBER_BYTES, number < 9.95 ? "%.1f %s" : "%.0f %s", number,
           scales[i].name);
  return text;
}

const char *frank_term_when(int64_t at_s, int64_t now_s, char text[FRANK_TERM_WHEN_BYTES])
{
  char number[FRANK_TERM_NUMBER_BYTES];
  char utc[32];
  struct tm parts;
  time_t at = (time_t)at_s;
  if (at_s < 0 || at_s > CALENDAR_MAX_S || gmtime_r(&at, &parts) == NULL) {
    snprintf(text, FRANK_TERM_WHEN_BYTES, "at no time of the calendar");
    return text;
  }
  strftime(utc, sizeof utc, "%Y-%m-%d %H:%M:%SZ", &parts);
  double seconds = (double)at_s - (double)now_s;
  if (seconds == 0) {
    snprintf(text, FRANK_TERM_WHEN_BYTES, "now (%s)", utc);
  } else {
    snprintf(text, FRANK_TERM_WHEN_BYTES, "%s%s%s (%s)", seconds > 0 ? "in " : "",
             frank_term_seconds(seconds > 0 ? seconds : -seconds, number),
             seconds > 0 ? "" : " ago", utc);
  }
  return text;
}
