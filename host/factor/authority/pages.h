/*
 * pages: the authority's website: the factor in words, what it costs, its history, how to use it.
 *
 * Whole in one page each, without scripts and without anything from elsewhere; the caller keeps
 * what is made until the view changes or frank_authority_pages_until_s has come, so a request costs
 * no work. Every text of the view is written escaped. Links are relative, so the site works below
 * any path that ends in a slash. Pure, but for memory.
 *
 *     /             the page, HTML that is well-formed XML as well
 *     /history.svg  its plot alone, with a style of its own
 *     /history.csv  all epochs, oldest first: epoch,factor,bits,issued,issued_utc,reason
 *     /history.json {"v":1,"issuer":...,"kind":...,"epochs":[{"epoch":1,"factor":16777216,
 *                   "bits":24.00,"issued":1795312800,"reason":...},...]}, oldest first
 *
 * pages.c: the tables of pages and ranges. page_index: the page, from its head down; page_cost,
 * page_history, page_guide: its sections; page_plot: the drawing; page_tables: CSV and JSON;
 * page_numbers, page_text: numbers in words, escaping. page.css, plot.css: the styles, which the
 * build embeds.
 */
#ifndef FRANK_FACTOR_AUTHORITY_PAGES_H
#define FRANK_FACTOR_AUTHORITY_PAGES_H

#include "base/err.h"
#include "factor/authority/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be asked for. `range_s` chooses what of the history is shown. */
struct frank_authority_page {
  const char *path;         /* "/", "/history.svg", "/history.csv", ... */
  const char *content_type; /* with charset where it is text */
  bool has_range;           /* ?range=... counts */
};
extern const struct frank_authority_page frank_authority_pages[];
extern const size_t frank_authority_page_count;

/* The ranges of ?range=: "1m", "6m", "2y", "all"; the first is what stands where none is named. */
struct frank_authority_range {
  const char *name;
  const char *title;
  int64_t seconds; /* before now; 0: all of it */
};
extern const struct frank_authority_range frank_authority_ranges[];
extern const size_t frank_authority_range_count;

/* Makes page number `page` with range number `range` (both asserted; `range` is ignored where the
 * page has none). *text (malloc, the caller frees it) has *len_bytes and a NUL. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_authority_page_make(const struct frank_authority_view *view,
                                                          size_t page, size_t range, char **text,
                                                          size_t *len_bytes);

/* The first moment after view->now_s at which the pages would read otherwise though the view is
 * the same: the previous factor ends, the factor may change or expires, the next key begins, or a
 * day has passed, which moves the plot. Make them again then, with a new now_s. */
int64_t frank_authority_pages_until_s(const struct frank_authority_view *view);

/* The Content-Security-Policy to serve them with: nothing is allowed but their own styles, by hash.
 * Returns the length without the NUL. */
#define FRANK_AUTHORITY_CSP_BYTES 320
size_t frank_authority_pages_csp(char out[FRANK_AUTHORITY_CSP_BYTES]);

#endif
