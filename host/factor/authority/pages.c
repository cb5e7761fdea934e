#include "factor/authority/pages.h"
#include "factor/authority/page_parts.h"
#include "factor/authority/page_text.h"
#include "factor/jws.h"
#include "proof/sha256.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)

const struct frank_authority_page frank_authority_pages[] = {
    {"/", "text/html; charset=utf-8", true},
    {"/history.svg", "image/svg+xml; charset=utf-8", true},
    {"/history.csv", "text/csv; charset=utf-8; header=present", false},
    {"/history.json", "application/json", false},
};
#define PAGE_COUNT (sizeof frank_authority_pages / sizeof frank_authority_pages[0])
const size_t frank_authority_page_count = PAGE_COUNT;

static frank_page_fn *const makers[PAGE_COUNT] = {frank_page_index, frank_page_svg, frank_page_csv,
                                                  frank_page_json};

const struct frank_authority_range frank_authority_ranges[] = {
    {"1m", "1 month", 31 * DAY_S},
    {"6m", "6 months", 183 * DAY_S},
    {"2y", "2 years", 731 * DAY_S},
    {"all", "all", 0},
};
const size_t frank_authority_range_count =
    sizeof frank_authority_ranges / sizeof frank_authority_ranges[0];

enum frank_err frank_authority_page_make(const struct frank_authority_view *view, size_t page,
                                         size_t range, char **text, size_t *len_bytes)
{
  struct frank_page_text making = {0};
  assert(page < PAGE_COUNT && range < frank_authority_range_count);
  assert(view->history_count >= 1 && view->history_count <= FRANK_AUTHORITY_HISTORY_MAX);
  makers[page](&making, view, range);
  return frank_page_text_take(&making, text, len_bytes);
}

int64_t frank_authority_pages_until_s(const struct frank_authority_view *view)
{
  const struct frank_factor_document *document = &view->document;
  const int64_t moments[] = {
      document->has_previous ? document->previous_until_s : 0,
      document->expires_s,
      view->next_change_s,
      view->next_key.id[0] != '\0' ? view->next_key_s : 0,
  };
  int64_t first_s = view->now_s > INT64_MAX - DAY_S ? INT64_MAX : view->now_s + DAY_S;
  for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
    if (moments[i] > view->now_s && moments[i] < first_s) {
      first_s = moments[i];
    }
  }
  return first_s;
}

/* A hash of SHA-256 has as many bytes as a key of Ed25519, and the same text. */
_Static_assert(FRANK_SHA256_BYTES == FRANK_JWS_KEY_BYTES, "both are 32 bytes");
static void hash_style(const struct frank_page_style *style, char out[FRANK_JWS_KEY_TEXT_BYTES])
{
  struct frank_hash hash;
  struct frank_jws_key as_key = {0};
  frank_sha256(style->text, style->len_bytes, NULL, 0, &hash);
  memcpy(as_key.bytes, hash.bytes, sizeof as_key.bytes);
  frank_jws_key_format(&as_key, out);
}

size_t frank_authority_pages_csp(char out[FRANK_AUTHORITY_CSP_BYTES])
{
  char page[FRANK_JWS_KEY_TEXT_BYTES];
  char plot[FRANK_JWS_KEY_TEXT_BYTES];
  hash_style(&frank_page_style, page);
  hash_style(&frank_plot_style, plot);
  /* data: for the icon, which would else be a request of its own. */
  int len = snprintf(out, FRANK_AUTHORITY_CSP_BYTES,
                     "default-src 'none'; style-src 'sha256-%s' 'sha256-%s'; img-src 'self' data:; "
                     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                     page, plot);
  assert(len > 0 && len < FRANK_AUTHORITY_CSP_BYTES);
  return (size_t)len;
}
