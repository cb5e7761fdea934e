/*
 * why: the sentence beside an error of this folder: who is to blame, by name and figure.
 */
#ifndef FRANK_FACTOR_WHY_H
#define FRANK_FACTOR_WHY_H

#include "base/err.h"
#include "factor/document.h"

/* Writes `why` (FRANK_FACTOR_WHY_BYTES), printf-style, and returns `err`. A stranger's text may be
 * in it: what is not printable ASCII becomes '?'. */
FRANK_MUST_CHECK enum frank_err frank_factor_fail(enum frank_err err, char *why, const char *format,
                                                  ...) __attribute__((format(printf, 3, 4)));

#endif
