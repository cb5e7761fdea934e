#include "factor/why.h"

#include <stdarg.h>
#include <stdio.h>

enum frank_err frank_factor_fail(enum frank_err err, char *why, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  if (vsnprintf(why, FRANK_FACTOR_WHY_BYTES, format, args) < 0) {
    why[0] = '\0';
  }
  va_end(args);
  for (char *at = why; *at != '\0'; at++) {
    *at = (char)(*at < 0x20 || *at > 0x7e ? '?' : *at);
  }
  return err;
}
