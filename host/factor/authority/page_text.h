/*
 * page_text: a text that grows while a page is written, and what makes foreign text harmless in it.
 *
 * An allocation that fails is remembered, not reported at once: what is put after it goes nowhere,
 * and frank_page_text_take says FRANK_ERR_NOMEM. So a page is written without a check at each line.
 * Zero-initialise it; its owner takes the text out at the end, which also frees it on an error.
 */
#ifndef FRANK_FACTOR_AUTHORITY_PAGE_TEXT_H
#define FRANK_FACTOR_AUTHORITY_PAGE_TEXT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct frank_page_text {
  char *bytes; /* NUL-terminated where not NULL */
  size_t len_bytes;
  size_t size_bytes;
  bool failed;
};

/* As it is. */
void frank_page_put(struct frank_page_text *text, const char *piece);
/* printf. No number with a fraction: its point would depend on the locale. */
void frank_page_putf(struct frank_page_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For the content and the quoted attributes of HTML and XML. */
void frank_page_put_escaped(struct frank_page_text *text, const char *piece);
/* A JSON string, quotes included; no tag begins in it, whatever a browser takes it for. */
void frank_page_put_json(struct frank_page_text *text, const char *piece);
/* A CSV field (RFC 4180), quotes included. One that a spreadsheet would take for a formula gets an
 * apostrophe in front. */
void frank_page_put_csv(struct frank_page_text *text, const char *piece);
/* In all three, bytes that are not printable ASCII are written as '?': XML forbids most control
 * characters, and others turn the reading order around. */

/* Hands the text over (*out: malloc, the caller frees it; a NUL follows *len_bytes bytes) and
 * leaves `text` empty. FRANK_ERR_NOMEM: nothing is handed over. */
FRANK_MUST_CHECK enum frank_err frank_page_text_take(struct frank_page_text *text, char **out,
                                                     size_t *len_bytes);

#endif
