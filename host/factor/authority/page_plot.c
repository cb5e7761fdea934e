/*
 * The history as a drawing: steps over time, their height the logarithm of the factor.
 *
 * Widths are in per cent and heights in pixels, so that the drawing fits a telephone and a wide
 * window while its letters keep their size. Only the line itself is stretched: it lies in a drawing
 * of its own, 1000 units wide.
 */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>

#define DAY_S            INT64_C(86400)
#define GUTTER_PX        88 /* left of it, for the scale: page.css has the same for the page */
#define TOP_PX           24 /* of the plot; above it a label may stand */
#define PLOT_PX          250
#define BOTTOM_PX        (TOP_PX + PLOT_PX)
#define HEIGHT_PX        (BOTTOM_PX + 38) /* below it the last line of the scale, then times */
#define WIDTH            1000             /* of the line's own drawing */
#define WIDTH_PCT        98               /* of it in the whole: room for the mark at its end */
#define LINES_MAX        6
#define TICKS_MAX        8
#define NARROW_TICKS_MAX 3
#define LABEL_ABOVE_PX   11
#define LABEL_BELOW_PX   21
#define ONE_BIT          65536
#define EDGE             60 /* in units: a tick closer to the end has its label before it */

struct plot {
  const struct frank_authority_view *view;
  int64_t from_s;
  int64_t until_s;
  size_t first; /* the epoch in force at from_s, or the first one of all */
  uint32_t lowest;
  uint32_t highest; /* of the factors that are shown: log2, in units of 2^-16 */
  uint32_t low_bits;
  uint32_t high_bits; /* the ends of the axis */
  uint32_t step_bits;
};

static int x_of(const struct plot *plot, int64_t unix_s)
{
  int64_t at_s = unix_s < plot->from_s ? plot->from_s : unix_s;
  if (at_s >= plot->until_s) {
    return WIDTH;
  }
  /* In double: the span of a view that is odd times WIDTH might not fit an integer. */
  return (int)((double)(at_s - plot->from_s) * WIDTH / (double)(plot->until_s - plot->from_s) +
               0.5);
}

static int y_of(const struct plot *plot, uint32_t log)
{
  uint64_t span = (uint64_t)(plot->high_bits - plot->low_bits) * ONE_BIT;
  uint64_t below = (uint64_t)plot->high_bits * ONE_BIT - log;
  return (int)((below * PLOT_PX + span / 2) / span);
}

/* Times are shown up to the year 9999; a view that is odd must not overflow anything. */
static int64_t sane_time(int64_t unix_s)
{
  struct frank_page_date date = frank_page_date(unix_s);
  return date.days * DAY_S + date.hour * INT64_C(3600) + date.minute * INT64_C(60) + date.second;
}

static void choose_span(struct plot *plot, size_t range)
{
  const struct frank_authority_view *view = plot->view;
  int64_t seconds = frank_authority_ranges[range].seconds;
  int64_t begin_s = sane_time(view->history[0].issued_s);
  plot->until_s = sane_time(view->now_s);
  plot->from_s =
      seconds == 0 || plot->until_s - seconds < begin_s ? begin_s : plot->until_s - seconds;
  if (plot->from_s > plot->until_s - DAY_S) {
    plot->from_s = plot->until_s - DAY_S;
  }
  plot->first = 0;
  while (plot->first + 1 < view->history_count &&
         view->history[plot->first + 1].issued_s <= plot->from_s) {
    plot->first++;
  }
}

static void choose_axis(struct plot *plot)
{
  static const uint32_t steps[] = {1, 2, 5, 10, 20};
  const struct frank_authority_view *view = plot->view;
  plot->lowest = UINT32_MAX;
  plot->highest = 0;
  for (size_t i = plot->first; i < view->history_count; i++) {
    uint32_t log = frank_page_log2(view->history[i].factor);
    plot->lowest = log < plot->lowest ? log : plot->lowest;
    plot->highest = log > plot->highest ? log : plot->highest;
  }
  uint32_t low = plot->lowest / ONE_BIT;
  uint32_t high = (plot->highest + ONE_BIT - 1) / ONE_BIT;
  if (high - low < 2) { /* a little change must not look like a large one */
    low -= low > 0 ? 1 : 0;
    high = low + 2 > high ? low + 2 : high;
  }
  size_t i = 0;
  do {
    plot->step_bits = steps[i];
    plot->low_bits = low / steps[i] * steps[i];
    plot->high_bits = (high + steps[i] - 1) / steps[i] * steps[i];
    i++;
  } while ((plot->high_bits - plot->low_bits) / plot->step_bits > LINES_MAX &&
           i < sizeof steps / sizeof steps[0]);
}

/* ---- lines across, and what they stand for: bits, and attempts below ---- */

static void put_grid(struct frank_page_text *text, const struct plot *plot)
{
  for (uint32_t bits = plot->low_bits; bits <= plot->high_bits; bits += plot->step_bits) {
    int y = TOP_PX + y_of(plot, bits * ONE_BIT);
    frank_page_putf(text, "<line class=\"g\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>\n", y, y);
  }
}

/* Left of the drawing, where its owner has left GUTTER_PX of room. */
static void put_scale(struct frank_page_text *text, const struct plot *plot)
{
  for (uint32_t bits = plot->low_bits; bits <= plot->high_bits; bits += plot->step_bits) {
    int y = TOP_PX + y_of(plot, bits * ONE_BIT);
    frank_page_putf(text,
                    "<text class=\"e\" x=\"-10\" y=\"%d\">%" PRIu32 " %s</text>"
                    "<text class=\"e\" x=\"-10\" y=\"%d\">%s</text>\n",
                    y - 1, bits, bits == 1 ? "bit" : "bits", y + 13,
                    frank_page_short(UINT64_C(1) << bits, FRANK_PAGE_BUFFER));
  }
}

/* ---- times along the bottom ---- */

/* What ticks can be apart: seconds, or months. The first that gives few enough is taken. */
struct tick {
  int64_t seconds;
  int64_t months;
};
static const struct tick ticks[] = {
    {10800, 0},      {21600, 0}, {DAY_S, 0}, {2 * DAY_S, 0}, {4 * DAY_S, 0}, {7 * DAY_S, 0},
    {14 * DAY_S, 0}, {0, 1},     {0, 2},     {0, 3},         {0, 6},         {0, 12},
    {0, 24},         {0, 60},    {0, 120},   {0, 240},       {0, 600},       {0, 1200},
    {0, 2400},       {0, 6000},  {0, 12000},
};
#define MONTH_S (30 * DAY_S + 37800) /* on average */

static void put_tick_label(struct frank_page_text *text, const struct tick *tick, int64_t at_s)
{
  struct frank_page_date date = frank_page_date(at_s);
  const char *month = frank_page_month_name(date.month);
  if (tick->months >= 12) {
    frank_page_putf(text, "%d", date.year);
  } else if (tick->months > 0) {
    frank_page_putf(text, "%.3s %d", month, date.year);
  } else if (tick->seconds >= DAY_S) {
    frank_page_putf(text, "%d %.3s", date.day, month);
  } else {
    frank_page_putf(text, "%02d:%02d", date.hour, date.minute);
  }
}

/* The first tick at `from_s` or later, or the next one behind `*at_s`. */
static int64_t next_tick(const struct tick *tick, int64_t from_s)
{
  if (tick->months == 0) {
    return (from_s + tick->seconds - 1) / tick->seconds * tick->seconds;
  }
  struct frank_page_date date = frank_page_date(from_s);
  int64_t months = (date.year * INT64_C(12) + date.month - 1) / tick->months * tick->months;
  while (frank_page_month_begin(months) < from_s) {
    months += tick->months;
  }
  return frank_page_month_begin(months);
}

static const struct tick *choose_tick(const struct plot *plot)
{
  const struct tick *tick = ticks;
  const struct tick *last = ticks + sizeof ticks / sizeof ticks[0] - 1;
  int64_t span_s = plot->until_s - plot->from_s;
  while (tick < last &&
         span_s / (tick->months > 0 ? tick->months * MONTH_S : tick->seconds) >= TICKS_MAX) {
    tick++;
  }
  return tick;
}

static void put_times(struct frank_page_text *text, const struct plot *plot)
{
  const struct tick *tick = choose_tick(plot);
  int count = 0;
  for (int64_t at_s = next_tick(tick, plot->from_s); at_s <= plot->until_s;
       at_s = next_tick(tick, at_s + 1)) {
    count++;
  }
  int period = (count + NARROW_TICKS_MAX - 1) / NARROW_TICKS_MAX;
  int64_t at_s = next_tick(tick, plot->from_s);
  for (int i = 0; i < count; i++) {
    int x = x_of(plot, at_s);
    int permille = x * WIDTH_PCT / 100;
    const char *anchor = x > WIDTH - EDGE ? "e" : "m";
    const char *is_spare = i % period != 0 ? " o" : ""; /* left out where there is little room */
    frank_page_putf(text,
                    "<line class=\"g%s\" x1=\"%d.%d%%\" x2=\"%d.%d%%\" y1=\"%d\" y2=\"%d\"/>"
                    "<text class=\"%s%s\" x=\"%d.%d%%\" y=\"%d\">",
                    is_spare, permille / 10, permille % 10, permille / 10, permille % 10, BOTTOM_PX,
                    BOTTOM_PX + 6, anchor, is_spare, permille / 10, permille % 10, HEIGHT_PX - 6);
    put_tick_label(text, tick, at_s);
    frank_page_put(text, "</text>\n");
    at_s = next_tick(tick, at_s + 1);
  }
}

/* ---- the line ---- */

static void put_stroke(struct frank_page_text *text, char direction, int by)
{
  if (by != 0) {
    frank_page_putf(text, "%c%d", direction, by);
  }
}

/* Epochs of one moment of the drawing are one stroke from the lowest to the highest of them. */
static void put_steps(struct frank_page_text *text, const struct plot *plot)
{
  const struct frank_authority_view *view = plot->view;
  int x = x_of(plot, view->history[plot->first].issued_s);
  int y = y_of(plot, frank_page_log2(view->history[plot->first].factor));
  frank_page_putf(text,
                  "<svg y=\"%d\" width=\"%d%%\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                  "preserveAspectRatio=\"none\" overflow=\"visible\">"
                  "<path class=\"s\" vector-effect=\"non-scaling-stroke\" d=\"M%d %d",
                  TOP_PX, WIDTH_PCT, PLOT_PX, WIDTH, PLOT_PX, x, y);
  size_t i = plot->first + 1;
  while (i < view->history_count) {
    int next_x = x_of(plot, view->history[i].issued_s);
    int before = y;
    int top = y;
    int bottom = y;
    put_stroke(text, 'h', next_x > x ? next_x - x : 0);
    x = next_x > x ? next_x : x;
    while (i < view->history_count && x_of(plot, view->history[i].issued_s) <= x) {
      y = y_of(plot, frank_page_log2(view->history[i].factor));
      top = y < top ? y : top;
      bottom = y > bottom ? y : bottom;
      i++;
    }
    put_stroke(text, 'v', top - before);
    put_stroke(text, 'v', bottom - top);
    put_stroke(text, 'v', y - bottom);
  }
  frank_page_putf(text, "h%d\"/></svg>\n", WIDTH - x);
}

/* Where the label of the value in force does not lie on the line: above all of the line's right
 * half, or below it, whichever is nearer to its end. */
static int label_y(const struct plot *plot, int y_now)
{
  const struct frank_authority_view *view = plot->view;
  int top = y_now;
  int bottom = y_now;
  for (size_t i = plot->first; i < view->history_count; i++) {
    bool is_last = i + 1 == view->history_count;
    if (is_last || x_of(plot, view->history[i + 1].issued_s) > WIDTH / 2) {
      int y = TOP_PX + y_of(plot, frank_page_log2(view->history[i].factor));
      top = y < top ? y : top;
      bottom = y > bottom ? y : bottom;
    }
  }
  int above = top - LABEL_ABOVE_PX;
  int below = bottom + LABEL_BELOW_PX;
  bool has_room = below < BOTTOM_PX;
  return has_room && bottom - y_now < y_now - top ? below : above;
}

static void put_now(struct frank_page_text *text, uint64_t factor, int y, int label)
{
  frank_page_putf(text,
                  "<circle class=\"n\" cx=\"%d%%\" cy=\"%d\" r=\"5\"/>"
                  "<text class=\"n e\" x=\"100%%\" y=\"%d\">%s, %s bits</text>\n",
                  WIDTH_PCT, y, label, frank_page_short(factor, FRANK_PAGE_BUFFER),
                  frank_page_bits(factor, false, FRANK_PAGE_BUFFER));
}

static void put_description(struct frank_page_text *text, const struct plot *plot)
{
  const struct frank_authority_view *view = plot->view;
  const struct frank_authority_epoch *last = &view->history[view->history_count - 1];
  uint64_t lowest = last->factor;
  uint64_t highest = last->factor;
  for (size_t i = plot->first; i < view->history_count; i++) {
    uint64_t factor = view->history[i].factor;
    lowest = factor < lowest ? factor : lowest;
    highest = factor > highest ? factor : highest;
  }
  frank_page_putf(text,
                  "From %s to %s: at first %s bits, lowest %s, highest %s, now %s bits, that is %s "
                  "attempts. Changes in this time: %zu.",
                  frank_page_time_words(plot->from_s, FRANK_PAGE_BUFFER),
                  frank_page_time_words(plot->until_s, FRANK_PAGE_BUFFER),
                  frank_page_bits(view->history[plot->first].factor, true, FRANK_PAGE_BUFFER),
                  frank_page_bits(lowest, true, FRANK_PAGE_BUFFER),
                  frank_page_bits(highest, true, FRANK_PAGE_BUFFER),
                  frank_page_bits(last->factor, true, FRANK_PAGE_BUFFER),
                  frank_page_short(last->factor, FRANK_PAGE_BUFFER),
                  view->history_count - 1 - plot->first);
}

/* All between <svg> and </svg>. */
static void put_drawing(struct frank_page_text *text, const struct frank_authority_view *view,
                        size_t range)
{
  uint64_t factor = view->history[view->history_count - 1].factor;
  struct plot plot = {.view = view};
  choose_span(&plot, range);
  choose_axis(&plot);
  int y_now = TOP_PX + y_of(&plot, frank_page_log2(factor));
  int y_label = label_y(&plot, y_now);
  frank_page_put(text, "<title id=\"plot-title\">Scaling factor of ");
  frank_page_put_escaped(text, view->document.issuer);
  frank_page_put(text, "</title>\n<desc id=\"plot-desc\">");
  put_description(text, &plot);
  frank_page_put(text, "</desc>\n");
  put_grid(text, &plot);
  put_steps(text, &plot);
  put_scale(text, &plot);
  put_times(text, &plot);
  put_now(text, factor, y_now, y_label);
}

void frank_page_put_plot(struct frank_page_text *text, const struct frank_authority_view *view,
                         size_t range)
{
  frank_page_putf(text,
                  "<div class=\"plot\"><svg role=\"img\" aria-labelledby=\"plot-title plot-desc\" "
                  "width=\"100%%\" height=\"%d\">\n",
                  HEIGHT_PX);
  put_drawing(text, view, range);
  frank_page_put(text, "</svg></div>\n");
}

#define ALONE_WIDTH_PX  760
#define ALONE_HEAD_PX   80
#define ALONE_MARGIN_PX 20

void frank_page_svg(struct frank_page_text *text, const struct frank_authority_view *view,
                    size_t range)
{
  int height = ALONE_HEAD_PX + HEIGHT_PX + ALONE_MARGIN_PX;
  int left = ALONE_MARGIN_PX + GUTTER_PX;
  frank_page_putf(text,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                  "aria-labelledby=\"plot-title plot-desc\" width=\"%d\" height=\"%d\" "
                  "viewBox=\"0 0 %d %d\">\n<style>",
                  ALONE_WIDTH_PX, height, ALONE_WIDTH_PX, height);
  frank_page_put(text, frank_plot_style.text);
  frank_page_putf(text,
                  "</style>\n<rect class=\"b\" width=\"100%%\" height=\"100%%\"/>\n"
                  "<text class=\"h\" x=\"%d\" y=\"32\">Scaling factor</text>\n"
                  "<text x=\"%d\" y=\"52\">",
                  ALONE_MARGIN_PX, ALONE_MARGIN_PX);
  frank_page_put_escaped(text, view->document.issuer);
  frank_page_putf(text,
                  "</text>\n<text x=\"%d\" y=\"68\">%sAttempts expected for a stamp, on a "
                  "logarithmic scale, as of %s</text>\n"
                  "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" overflow=\"visible\">\n",
                  ALONE_MARGIN_PX, view->document.testing != 0 ? "Testing. " : "",
                  frank_page_time_words(view->now_s, FRANK_PAGE_BUFFER), left, ALONE_HEAD_PX,
                  ALONE_WIDTH_PX - ALONE_MARGIN_PX - left, HEIGHT_PX);
  put_drawing(text, view, range);
  frank_page_put(text, "</svg>\n</svg>\n");
}
