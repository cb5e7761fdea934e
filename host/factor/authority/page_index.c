/* The page: its head, the factor in force in words, what this is; then the other sections. */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>
#include <string.h>

/* What a kind of issuer is, for people. */
static const char *const kinds[FRANK_FACTOR_KIND_COUNT] = {
    [FRANK_FACTOR_AUTHORITY] = "A central authority",
    [FRANK_FACTOR_PROVIDER] = "A mail provider",
    [FRANK_FACTOR_LOCAL] = "A single mail server",
};

void frank_page_put_time(struct frank_page_text *text, int64_t unix_s)
{
  frank_page_putf(text, "<time datetime=\"%s\">%s</time>",
                  frank_page_time_iso(unix_s, FRANK_PAGE_BUFFER),
                  frank_page_time_words(unix_s, FRANK_PAGE_BUFFER));
}

void frank_page_put_factor(struct frank_page_text *text, uint64_t factor)
{
  const char *bits = frank_page_bits(factor, false, FRANK_PAGE_BUFFER);
  frank_page_putf(text, "%s%s %s, %s %s", frank_page_short_is_exact(factor) ? "" : "about ",
                  frank_page_short(factor, FRANK_PAGE_BUFFER), factor == 1 ? "attempt" : "attempts",
                  bits, strcmp(bits, "1") == 0 ? "bit" : "bits");
}

static void put_head(struct frank_page_text *text, const struct frank_authority_view *view)
{
  frank_page_put(text, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                       "<title>");
  frank_page_put_factor(text, view->document.factor);
  frank_page_put(text, " · ");
  frank_page_put_escaped(text, view->document.issuer);
  frank_page_put(text,
                 "</title>\n<meta name=\"viewport\" content=\"width=device-width, "
                 "initial-scale=1\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n"
                 "<meta name=\"description\" content=\"The scaling factor for stamps on e-mail: "
                 "what it is now, what it costs, its history, how to use it.\"/>\n"
                 /* In the page, or browsers ask for /favicon.ico. */
                 "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg "
                 "xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
                 "fill='%23a3203a' d='M1 2h14v12H1z'/%3E%3Cpath stroke='%23fff' fill='none' "
                 "d='M4 11V9h3V7h3V5h3'/%3E%3C/svg%3E\"/>\n<style>");
  frank_page_put(text, frank_page_style.text);
  frank_page_put(text, "</style>\n</head>\n");
}

/* What a reader must know before anything else. */
static void put_warnings(struct frank_page_text *text, const struct frank_authority_view *view)
{
  const struct frank_factor_document *document = &view->document;
  if (document->expires_s <= view->now_s) {
    frank_page_put(text, "<p class=\"notice\" role=\"note\"><strong>Expired.</strong> This factor "
                         "was valid until ");
    frank_page_put_time(text, document->expires_s);
    frank_page_put(text, " and has not been renewed. Nobody should use it.</p>\n");
  }
  if (document->testing != 0) {
    frank_page_put(text,
                   "<p class=\"notice\" role=\"note\"><strong>Testing.</strong> The factor is "
                   "published for trial: receivers judge and report by it, but let no mail "
                   "suffer.</p>\n");
  }
}

static void put_previous(struct frank_page_text *text, const struct frank_authority_view *view)
{
  const struct frank_factor_document *document = &view->document;
  uint64_t factor = document->previous_factor;
  uint64_t epoch = document->previous_epoch;
  bool has_until = document->has_previous != 0;
  if (!has_until && view->history_count > 1) {
    const struct frank_authority_epoch *before = &view->history[view->history_count - 2];
    factor = before->factor;
    epoch = before->epoch;
  } else if (!has_until) {
    frank_page_put(text, "<dt>Previous</dt><dd>none: this is the first</dd>\n");
    return;
  }
  bool counts = has_until && document->previous_until_s > view->now_s;
  frank_page_put(text, "<dt>Previous</dt><dd>");
  frank_page_put_factor(text, factor);
  frank_page_putf(text, " (epoch %" PRIu64 ") ", epoch);
  if (has_until) {
    frank_page_put(text,
                   counts ? "<small>Stamps that meet it count until " : "<small>It counted until ");
    frank_page_put_time(text, document->previous_until_s);
    frank_page_put(text, counts ? ", for mail on its way.</small>" : ".</small>");
  } else {
    frank_page_put(text, "<small>It counts no more.</small>");
  }
  frank_page_put(text, "</dd>\n");
}

static void put_next(struct frank_page_text *text, const struct frank_authority_view *view)
{
  frank_page_put(text, "<dt>Next change</dt><dd>");
  if (view->next_change_s > view->now_s) {
    frank_page_put(text, "not before ");
    frank_page_put_time(text, view->next_change_s);
  } else {
    frank_page_put(text, view->next_change_s == 0 ? "not announced" : "possible at any time now");
  }
  frank_page_put(text, "</dd>\n<dt>Who decides</dt><dd>");
  if (view->floor == 0) {
    frank_page_put(text, "set by hand");
  } else {
    frank_page_putf(text, "a control that reads the share of spam among stamped mail; between %s ",
                    frank_page_short(view->floor, FRANK_PAGE_BUFFER));
    frank_page_putf(text, "and %s attempts", frank_page_short(view->ceiling, FRANK_PAGE_BUFFER));
  }
  if (view->reports_total > 0) {
    frank_page_putf(text, " <small>%s %s of mail reported so far</small>",
                    frank_page_grouped(view->reports_total, FRANK_PAGE_BUFFER),
                    view->reports_total == 1 ? "observation" : "observations");
  }
  frank_page_put(text, "</dd>\n");
}

static int64_t since_s(const struct frank_authority_view *view)
{
  const struct frank_authority_epoch *last = &view->history[view->history_count - 1];
  return last->epoch == view->document.epoch ? last->issued_s : view->document.issued_s;
}

static void put_now(struct frank_page_text *text, const struct frank_authority_view *view)
{
  const struct frank_factor_document *document = &view->document;
  bool exact = frank_page_short_is_exact(document->factor);
  frank_page_put(text, "<section id=\"now\" aria-labelledby=\"now-title\">\n<div class=\"stamp\">"
                       "\n<h1 id=\"now-title\">");
  frank_page_putf(text, "<small>A stamp takes%s</small> %s <small>", exact ? "" : " about",
                  frank_page_short(document->factor, FRANK_PAGE_BUFFER));
  frank_page_putf(text, "%s, %s bits</small></h1>\n</div>\n",
                  document->factor == 1 ? "attempt" : "attempts",
                  frank_page_bits(document->factor, false, FRANK_PAGE_BUFFER));
  put_warnings(text, view);
  frank_page_put(text, "<dl>\n<dt>Factor</dt><dd>");
  frank_page_putf(text, "%s <small>epoch %" PRIu64 "</small></dd>\n",
                  frank_page_grouped(document->factor, FRANK_PAGE_BUFFER), document->epoch);
  frank_page_put_cost_in_brief(text, document->factor);
  frank_page_put(text, "<dt>In force since</dt><dd>");
  frank_page_put_time(text, since_s(view));
  frank_page_put(text, "</dd>\n<dt>Valid until</dt><dd>");
  frank_page_put_time(text, document->expires_s);
  frank_page_put(text, document->expires_s > view->now_s
                           ? " <small>renewed before, changed or not</small></dd>\n"
                           : "</dd>\n");
  put_previous(text, view);
  put_next(text, view);
  frank_page_put(text, "</dl>\n</section>\n");
}

static void put_about(struct frank_page_text *text)
{
  frank_page_put(
      text,
      "<section id=\"about\" aria-labelledby=\"about-title\">\n"
      "<h2 id=\"about-title\">What this is</h2>\n"
      "<p>A stamp is a line in the head of an e-mail which shows that the sender’s computer has "
      "worked for it. The computer tries one number after the other until the hash of number and "
      "signature is small enough; each try is an attempt. For the mail that people write this is "
      "nothing to speak of, for a million spams it is. A receiver checks a stamp with one hash, "
      "and "
      "takes it as one sign among others. How many attempts a stamp must show on average is the "
      "scaling factor. Computing gets cheaper, so it is published here and renewed.</p>\n"
      "</section>\n");
}

static void put_frame_top(struct frank_page_text *text, const struct frank_authority_view *view)
{
  uint32_t kind = view->document.kind;
  frank_page_put(text, "<body>\n<header>\n<p class=\"issuer\"><b>");
  frank_page_put_escaped(text, view->document.issuer);
  frank_page_putf(text, "</b><span>%s. It publishes what stamps on e-mail must show.</span></p>\n",
                  kind < FRANK_FACTOR_KIND_COUNT ? kinds[kind] : "An issuer");
  frank_page_put(text, "<nav aria-label=\"On this page\"><a href=\"#about\">About</a> "
                       "<a href=\"#cost\">Cost</a> <a href=\"#history\">History</a> "
                       "<a href=\"#use\">Use it</a> <a href=\"#keys\">Keys</a></nav>\n"
                       "</header>\n<main>\n");
}

void frank_page_index(struct frank_page_text *text, const struct frank_authority_view *view,
                      size_t range)
{
  put_head(text, view);
  put_frame_top(text, view);
  put_now(text, view);
  put_about(text);
  frank_page_put_cost(text, view, range);
  frank_page_put_history(text, view, range);
  frank_page_put_guide(text, view, range);
  frank_page_put_keys(text, view, range);
  frank_page_put(text, "</main>\n<footer>\n<p>As of ");
  frank_page_put_time(text, view->now_s);
  frank_page_put(text, ". One request, no scripts, no cookies, nothing from elsewhere. Made by "
                       "frank-authority " FRANK_VERSION ".</p>\n</footer>\n</body>\n</html>\n");
}
