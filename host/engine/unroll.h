/*
 * unroll: the numbers of rounds per cycle that an FPGA core can be built with, for those who name
 * one.
 */
#ifndef FRANK_ENGINE_UNROLL_H
#define FRANK_ENGINE_UNROLL_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FRANK_UNROLL_MAX 64U

/* True for "1", "2", "4" to "64": *unroll is the number. */
static inline bool frank_unroll_parse(const char *text, unsigned *unroll)
{
  for (unsigned u = 1; u <= FRANK_UNROLL_MAX; u *= 2) {
    char digits[4];
    (void)snprintf(digits, sizeof digits, "%u", u);
    if (strcmp(text, digits) == 0) {
      *unroll = u;
      return true;
    }
  }
  return false;
}

#endif
