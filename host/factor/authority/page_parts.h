/*
 * page_parts: the parts that pages are made of. Inside this folder only; each writes to `text`,
 * which remembers a failed allocation.
 */
#ifndef FRANK_FACTOR_AUTHORITY_PAGE_PARTS_H
#define FRANK_FACTOR_AUTHORITY_PAGE_PARTS_H

#include "factor/authority/page_text.h"
#include "factor/authority/pages.h"
#include "factor/authority/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The styles, embedded at build; `len_bytes` without the NUL. */
struct frank_page_style {
  const char *text;
  size_t len_bytes;
};
extern const struct frank_page_style frank_page_style; /* page.css */
extern const struct frank_page_style frank_plot_style; /* plot.css */

/* Whole pages. */
typedef void frank_page_fn(struct frank_page_text *text, const struct frank_authority_view *view,
                           size_t range);
frank_page_fn frank_page_index;
frank_page_fn frank_page_svg;
frank_page_fn frank_page_csv;
frank_page_fn frank_page_json;

/* Sections of the index, and the plot in it. */
frank_page_fn frank_page_put_cost;
frank_page_fn frank_page_put_history;
frank_page_fn frank_page_put_guide;
frank_page_fn frank_page_put_keys;
frank_page_fn frank_page_put_plot;

/* <time datetime="2026-11-21T14:00:00Z">21 November 2026, 14:00 UTC</time> */
void frank_page_put_time(struct frank_page_text *text, int64_t unix_s);
/* What a stamp takes on the first device of the table of costs, as an entry of a <dl>. */
void frank_page_put_cost_in_brief(struct frank_page_text *text, uint64_t factor);
/* "about 16.8 million attempts, 24 bits" */
void frank_page_put_factor(struct frank_page_text *text, uint64_t factor);

#endif
