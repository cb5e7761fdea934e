#include "factor/authority/answers.h"
#include "factor/authority/pages.h"
#include "proof/sha256.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX  16
#define RANGES_MAX 8

enum document {
  DOCUMENT_FACTOR,
  DOCUMENT_FACTOR_JWS,
  DOCUMENT_KEYS,
  DOCUMENT_KEYS_JWS,
  DOCUMENT_HISTORY,
  DOCUMENT_COUNT
};

/* RFC 7515 section 9.2.1, RFC 7517 section 8.5. */
static const struct {
  const char *path;
  const char *type;
} documents[DOCUMENT_COUNT] = {
    [DOCUMENT_FACTOR] = {"/.well-known/msmr/factor", "application/json"},
    [DOCUMENT_FACTOR_JWS] = {"/.well-known/msmr/factor.jws", "application/jose"},
    [DOCUMENT_KEYS] = {"/.well-known/msmr/keys", "application/jwk-set+json"},
    [DOCUMENT_KEYS_JWS] = {"/.well-known/msmr/keys.jws", "application/jose"},
    [DOCUMENT_HISTORY] = {"/.well-known/msmr/history", "application/json"},
};

struct page {
  struct frank_answer answer; /* whole NULL: not made yet */
  int64_t made_s;
  int64_t until_s; /* it would read otherwise from then on */
};

struct frank_answers {
  uint32_t max_age_s;
  const char *base_url;
  struct frank_answer documents[DOCUMENT_COUNT];
  struct page pages[PAGES_MAX][RANGES_MAX];
  struct frank_authority_state state;
};

/* ---- one answer ---- */

static void forget(struct frank_answer *answer)
{
  if (answer->whole != NULL) {
    MHD_destroy_response(answer->whole); /* connections that still send it hold it */
  }
  if (answer->not_changed != NULL) {
    MHD_destroy_response(answer->not_changed);
  }
  *answer = (struct frank_answer){0};
}

bool frank_answers_secure(struct MHD_Response *response)
{
  static char csp[FRANK_AUTHORITY_CSP_BYTES];
  if (csp[0] == '\0') {
    (void)frank_authority_pages_csp(csp);
  }
  const struct {
    const char *name;
    const char *value;
  } headers[] = {
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Content-Security-Policy", csp},
  };
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES) {
      return false;
    }
  }
  return true;
}

static bool add_headers(struct MHD_Response *response, const char *etag, uint32_t max_age_s)
{
  char cache[40];
  (void)snprintf(cache, sizeof cache, "public, max-age=%" PRIu32, max_age_s);
  return MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, etag) == MHD_YES &&
         MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache) == MHD_YES &&
         frank_answers_secure(response);
}

/* Takes `text` (malloc) in any case. */
static enum frank_err make(char *text, size_t len_bytes, const char *type, uint32_t max_age_s,
                           struct frank_answer *out)
{
  struct frank_hash hash;
  char digits[65];
  *out = (struct frank_answer){.len_bytes = len_bytes};
  frank_sha256(text, len_bytes, NULL, 0, &hash);
  for (size_t i = 0; i < 16; i++) {
    (void)snprintf(digits + 2 * i, 3, "%02x", hash.bytes[i]);
  }
  (void)snprintf(out->etag, sizeof out->etag, "\"%.32s\"", digits);
  out->whole = MHD_create_response_from_buffer(len_bytes, text, MHD_RESPMEM_MUST_FREE);
  if (out->whole == NULL) {
    free(text);
    return FRANK_ERR_NOMEM;
  }
  out->not_changed = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
  if (out->not_changed == NULL || !add_headers(out->whole, out->etag, max_age_s) ||
      !add_headers(out->not_changed, out->etag, max_age_s) ||
      MHD_add_response_header(out->whole, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES) {
    forget(out);
    return FRANK_ERR_NOMEM;
  }
  return FRANK_OK;
}

/* ---- documents ---- */

static char *history_text(const struct frank_authority_state *state)
{
  json_t *list = json_array();
  for (size_t i = 0; i < state->history_count; i++) {
    const struct frank_authority_epoch *epoch = &state->history[i];
    (void)json_array_append_new(list,
                                json_pack("{s:I,s:I,s:I,s:s}", "epoch", (json_int_t)epoch->epoch,
                                          "factor", (json_int_t)epoch->factor, "issued",
                                          (json_int_t)epoch->issued_s, "reason", epoch->reason));
  }
  char *text = NULL;
  if (json_array_size(list) == state->history_count) {
    json_t *whole =
        json_pack("{s:i,s:s,s:O}", "v", 1, "issuer", state->document.issuer, "epochs", list);
    text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
  }
  json_decref(list);
  return text;
}

static enum frank_err make_documents(const struct frank_authority_state *state, uint32_t max_age_s,
                                     struct frank_answer out[DOCUMENT_COUNT])
{
  char *texts[DOCUMENT_COUNT] = {
      [DOCUMENT_FACTOR] = strdup(state->document_text),
      [DOCUMENT_FACTOR_JWS] = strdup(state->document_jws),
      [DOCUMENT_KEYS] = strdup(state->keys_text),
      [DOCUMENT_KEYS_JWS] = strdup(state->keys_jws),
      [DOCUMENT_HISTORY] = history_text(state),
  };
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
    err = texts[i] == NULL ? FRANK_ERR_NOMEM : err;
  }
  for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
    if (err == FRANK_OK) {
      err = make(texts[i], strlen(texts[i]), documents[i].type, max_age_s, &out[i]);
    } else {
      free(texts[i]);
    }
  }
  for (size_t i = 0; i < DOCUMENT_COUNT && err != FRANK_OK; i++) {
    forget(&out[i]);
  }
  return err;
}

/* ---- pages ---- */

static void fill_view(const struct frank_authority_state *state, const char *base_url,
                      int64_t now_s, struct frank_authority_view *view)
{
  *view = (struct frank_authority_view){.document = state->document,
                                        .history = state->history,
                                        .history_count = state->history_count,
                                        .now_s = now_s,
                                        .next_change_s = state->next_change_s,
                                        .floor = state->floor,
                                        .ceiling = state->ceiling,
                                        .reports_total = state->reports_total,
                                        .base_url = base_url,
                                        .key = state->keys[0].key};
  for (size_t i = 1; i < state->key_count; i++) {
    if (state->keys[i].state == FRANK_AUTHORITY_KEY_NEXT) {
      view->next_key = state->keys[i].key;
      view->next_key_s = state->keys[i].change_s;
    }
  }
}

static enum frank_err make_page(struct frank_answers *answers, size_t page, size_t range,
                                int64_t now_s)
{
  struct frank_authority_view view;
  struct frank_answer made;
  struct page *kept = &answers->pages[page][range];
  char *text = NULL;
  size_t len = 0;
  fill_view(&answers->state, answers->base_url, now_s, &view);
  enum frank_err err = frank_authority_page_make(&view, page, range, &text, &len);
  if (err == FRANK_OK) {
    uint32_t age_s = answers->max_age_s < FRANK_ANSWERS_PAGE_AGE_S ? answers->max_age_s
                                                                   : FRANK_ANSWERS_PAGE_AGE_S;
    err = make(text, len, frank_authority_pages[page].content_type, age_s, &made);
  }
  if (err == FRANK_OK) {
    forget(&kept->answer);
    kept->answer = made;
    kept->made_s = now_s;
    kept->until_s = frank_authority_pages_until_s(&view);
  }
  return err;
}

static enum frank_err find_range(const char *name, size_t *range)
{
  *range = 0;
  for (size_t i = 0; name != NULL && i < frank_authority_range_count; i++) {
    if (strcmp(name, frank_authority_ranges[i].name) == 0) {
      *range = i;
      return FRANK_OK;
    }
  }
  return name == NULL ? FRANK_OK : FRANK_ERR_RANGE;
}

/* ---- the set ---- */

enum frank_err frank_answers_new(uint32_t max_age_s, const char *base_url,
                                 struct frank_answers **out)
{
  assert(frank_authority_page_count <= PAGES_MAX && frank_authority_range_count <= RANGES_MAX);
  struct frank_answers *answers = calloc(1, sizeof *answers);
  if (answers == NULL) {
    return FRANK_ERR_NOMEM;
  }
  answers->max_age_s = max_age_s;
  answers->base_url = base_url;
  *out = answers;
  return FRANK_OK;
}

static void forget_all(struct frank_answers *answers)
{
  for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
    forget(&answers->documents[i]);
  }
  for (size_t i = 0; i < PAGES_MAX; i++) {
    for (size_t j = 0; j < RANGES_MAX; j++) {
      forget(&answers->pages[i][j].answer);
    }
  }
}

void frank_answers_destroy(struct frank_answers **answers)
{
  if (*answers == NULL) {
    return;
  }
  forget_all(*answers);
  free(*answers);
  *answers = NULL;
}

enum frank_err frank_answers_take(struct frank_answers *answers,
                                  const struct frank_authority_state *state)
{
  struct frank_answer made[DOCUMENT_COUNT] = {0};
  enum frank_err err = make_documents(state, answers->max_age_s, made);
  if (err != FRANK_OK) {
    return err;
  }
  forget_all(answers);
  memcpy(answers->documents, made, sizeof made);
  answers->state = *state;
  return FRANK_OK;
}

size_t frank_answers_route_count(void)
{
  return DOCUMENT_COUNT + frank_authority_page_count;
}

const char *frank_answers_route_path(size_t route)
{
  return route < DOCUMENT_COUNT ? documents[route].path
                                : frank_authority_pages[route - DOCUMENT_COUNT].path;
}

enum frank_err frank_answers_find(struct frank_answers *answers, const char *path,
                                  const char *range, int64_t now_s, const struct frank_answer **out,
                                  size_t *route)
{
  for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
    if (strcmp(path, documents[i].path) == 0) {
      *route = i;
      *out = &answers->documents[i];
      return FRANK_OK;
    }
  }
  for (size_t i = 0; i < frank_authority_page_count; i++) {
    if (strcmp(path, frank_authority_pages[i].path) != 0) {
      continue;
    }
    size_t number = 0;
    *route = DOCUMENT_COUNT + i;
    enum frank_err err = find_range(frank_authority_pages[i].has_range ? range : NULL, &number);
    if (err != FRANK_OK) {
      return err;
    }
    struct page *page = &answers->pages[i][number];
    if (page->answer.whole == NULL || now_s < page->made_s || now_s >= page->until_s) {
      err = make_page(answers, i, number, now_s);
    }
    *out = &page->answer;
    return err;
  }
  return FRANK_ERR_NOT_FOUND;
}

bool frank_answers_match(const char *if_none_match, const char *etag)
{
  size_t etag_len = strlen(etag);
  const char *at = if_none_match;
  while (*at != '\0') {
    at += strspn(at, " \t,");
    if (*at == '*') {
      return true;
    }
    at += strncmp(at, "W/", 2) == 0 ? 2 : 0;
    size_t len = strcspn(at, ",");
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) {
      len--;
    }
    if (len == etag_len && memcmp(at, etag, len) == 0) {
      return true;
    }
    at += strcspn(at, ",");
  }
  return false;
}
