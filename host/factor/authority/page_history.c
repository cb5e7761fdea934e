/* The history: ranges, the plot, the last epochs as a table, downloads. */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>

#define ROWS_MAX 50

static void put_ranges(struct frank_page_text *text, size_t range)
{
  frank_page_put(text, "<nav class=\"ranges\" aria-label=\"Time that the plot shows\">");
  for (size_t i = 0; i < frank_authority_range_count; i++) {
    frank_page_putf(text, "<a href=\"?range=%s#history\"%s>%s</a> ", frank_authority_ranges[i].name,
                    i == range ? " aria-current=\"true\"" : "", frank_authority_ranges[i].title);
  }
  frank_page_put(text, "</nav>\n");
}

static void put_row(struct frank_page_text *text, const struct frank_authority_view *view, size_t i)
{
  const struct frank_authority_epoch *epoch = &view->history[i];
  frank_page_putf(text,
                  "<tr><th scope=\"row\"><time datetime=\"%s\">%s</time> "
                  "<small>epoch %" PRIu64 "</small></th>"
                  "<td>%s <small>%s bits</small></td><td>",
                  frank_page_time_iso(epoch->issued_s, FRANK_PAGE_BUFFER),
                  frank_page_time_plain(epoch->issued_s, FRANK_PAGE_BUFFER), epoch->epoch,
                  frank_page_grouped(epoch->factor, FRANK_PAGE_BUFFER),
                  frank_page_bits(epoch->factor, true, FRANK_PAGE_BUFFER));
  frank_page_put(text, i == 0 ? "first"
                              : frank_page_change(view->history[i - 1].factor, epoch->factor,
                                                  FRANK_PAGE_BUFFER));
  frank_page_put(text, " <small>");
  frank_page_put_escaped(text, epoch->reason);
  frank_page_put(text, "</small></td></tr>\n");
}

static void put_table(struct frank_page_text *text, const struct frank_authority_view *view)
{
  size_t count = view->history_count;
  size_t rows = count < ROWS_MAX ? count : ROWS_MAX;
  frank_page_put(text, "<table class=\"epochs\">\n<caption>");
  if (rows < count) {
    frank_page_putf(text, "The last %zu of %zu epochs, newest first; all are in the files above",
                    rows, count);
  } else {
    frank_page_put(text, count == 1 ? "The one epoch so far" : "All epochs, newest first");
  }
  frank_page_put(text, "</caption>\n<thead><tr><th scope=\"col\">Since, UTC</th><th scope=\"col\">"
                       "Factor</th><th scope=\"col\">Change, and why</th></tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < rows; i++) {
    put_row(text, view, count - 1 - i);
  }
  frank_page_put(text, "</tbody>\n</table>\n");
}

void frank_page_put_history(struct frank_page_text *text, const struct frank_authority_view *view,
                            size_t range)
{
  frank_page_put(text, "<section id=\"history\" aria-labelledby=\"history-title\">\n"
                       "<h2 id=\"history-title\">History</h2>\n");
  put_ranges(text, range);
  frank_page_put(text, "<figure>\n");
  frank_page_put_plot(text, view, range);
  frank_page_putf(text,
                  "<figcaption>Attempts expected for a stamp, on a logarithmic scale: one bit more "
                  "is twice the work. Download: <a href=\"history.svg?range=%s\">this plot "
                  "(SVG)</a>, all epochs as <a href=\"history.csv\">CSV</a> or "
                  "<a href=\"history.json\">JSON</a>.</figcaption>\n</figure>\n",
                  frank_authority_ranges[range].name);
  put_table(text, view);
  frank_page_put(text, "</section>\n");
}
