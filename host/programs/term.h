/*
 * term: what a terminal wants to see: a progress line that rewrites itself, colour, and numbers
 * for people. On anything but a terminal there is neither progress nor colour; NO_COLOR and
 * TERM=dumb are heeded.
 */
#ifndef FRANK_PROGRAMS_TERM_H
#define FRANK_PROGRAMS_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_TERM_PROGRESS_US  UINT64_C(200000) /* five lines a second */
#define FRANK_TERM_NUMBER_BYTES 24
#define FRANK_TERM_WHEN_BYTES   80

/* True when standard error is a terminal that can rewrite a line. */
bool frank_term_has_progress(void);
/* True when the terminal at `fd` may be coloured. */
bool frank_term_has_colour(int fd);

enum frank_colour { FRANK_COLOUR_GREEN, FRANK_COLOUR_YELLOW, FRANK_COLOUR_RED };
/* Writes `text` to standard output, padded to `width`, coloured where that is allowed. */
void frank_term_print(enum frank_colour colour, int width, const char *text);

/* Rewrites the progress line, cut to the terminal's width; clear takes it away. */
void frank_term_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void frank_term_clear(void);

/* "812", "1.23 k", "45.6 M": three digits and an SI prefix. */
const char *frank_term_count(double number, char text[FRANK_TERM_NUMBER_BYTES]);
/* "0.4 s", "12 s", "3.5 min", "2.1 h", "40 d", "1.2 years". */
const char *frank_term_seconds(double seconds, char text[FRANK_TERM_NUMBER_BYTES]);
/* A moment, both in seconds since 1970: "in 21 h (2026-11-27 21:00:00Z)", "3.0 min ago (...)"; "at
 * no time of the calendar" where it is before year 1970 or after 9999. */
const char *frank_term_when(int64_t at_s, int64_t now_s, char text[FRANK_TERM_WHEN_BYTES]);

#endif
