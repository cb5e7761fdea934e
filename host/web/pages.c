#include "web/pages.h"
#include "door/status_json.h"
#include "web/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT    "text/plain; charset=utf-8"
#define JSON    "application/json"
#define METRICS "text/plain; version=0.0.4; charset=utf-8"

enum { CODE_OK = 200, CODE_UNAVAILABLE = 503 };

typedef enum frank_err make_fn(const struct frank_status *status, uint64_t age_us,
                               struct frank_page_body *body);

__attribute__((format(printf, 2, 3))) static enum frank_err write_text(struct frank_page_body *body,
                                                                       const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int len = vasprintf(&body->text, format, args);
  va_end(args);
  if (len < 0) {
    body->text = NULL;
    return FRANK_ERR_NOMEM;
  }
  body->len_bytes = (size_t)len;
  return FRANK_OK;
}

static enum frank_err make_index(const struct frank_status *status, uint64_t age_us,
                                 struct frank_page_body *body)
{
  (void)status;
  (void)age_us;
  return write_text(body,
                    "frankd %s\n"
                    "\n"
                    "/healthz  200 while this process answers\n"
                    "/readyz   200 while requests for stamps are served, else 503 and why\n"
                    "/status   devices, queue and totals, JSON\n"
                    "/metrics  the same for Prometheus\n",
                    FRANK_VERSION);
}

static enum frank_err make_healthz(const struct frank_status *status, uint64_t age_us,
                                   struct frank_page_body *body)
{
  (void)status;
  (void)age_us;
  return write_text(body, "alive\n");
}

static enum frank_err make_readyz(const struct frank_status *status, uint64_t age_us,
                                  struct frank_page_body *body)
{
  char why[1024];
  body->code = CODE_UNAVAILABLE;
  if (status == NULL) {
    return write_text(body, "not ready: frankd has sent no status yet\n");
  }
  if (age_us >= FRANK_PAGES_FRESH_US) {
    return write_text(body, "not ready: frankd has sent no status for %" PRIu64 " s\n",
                      age_us / 1000000);
  }
  if (!status->ready || status->draining) {
    frank_status_why_not_ready(status, why, sizeof why);
    return write_text(body, "not ready: %s\n", why[0] ? why : "shutting down");
  }
  body->code = CODE_OK;
  return write_text(body, "ready\n");
}

typedef enum frank_err write_fn(const struct frank_status *status, char **text, size_t *len_bytes);

/* The text of a snapshot; of an old one, which does not know that frankd went silent, with `ready`
 * taken back. */
static enum frank_err write_snapshot(write_fn *write, const struct frank_status *status,
                                     uint64_t age_us, struct frank_page_body *body)
{
  if (age_us < FRANK_PAGES_FRESH_US) {
    return write(status, &body->text, &body->len_bytes);
  }
  struct frank_status *old = malloc(sizeof *old);
  if (old == NULL) {
    return FRANK_ERR_NOMEM;
  }
  *old = *status;
  old->ready = 0;
  enum frank_err err = write(old, &body->text, &body->len_bytes);
  free(old);
  return err;
}

/* Puts text behind the body, of which `cut_bytes` at the end are left out. */
__attribute__((format(printf, 3, 4))) static enum frank_err
append(struct frank_page_body *body, size_t cut_bytes, const char *format, ...)
{
  char more[256];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(more, sizeof more, format, args);
  va_end(args);
  size_t kept_bytes = body->len_bytes - cut_bytes;
  char *text = len >= 0 && (size_t)len < sizeof more
                   ? realloc(body->text, kept_bytes + (size_t)len + 1)
                   : NULL;
  if (text == NULL) {
    free(body->text);
    body->text = NULL;
    return FRANK_ERR_NOMEM;
  }
  memcpy(text + kept_bytes, more, (size_t)len + 1);
  body->text = text;
  body->len_bytes = kept_bytes + (size_t)len;
  return FRANK_OK;
}

static enum frank_err make_status(const struct frank_status *status, uint64_t age_us,
                                  struct frank_page_body *body)
{
  if (status == NULL) {
    body->code = CODE_UNAVAILABLE;
    return write_text(body, "{\"error\":\"frankd has sent no status yet\"}\n");
  }
  enum frank_err err = write_snapshot(frank_status_json, status, age_us, body);
  if (err != FRANK_OK) {
    return err;
  }
  /* The object's last brace makes room for one more member. */
  return append(body, 1, ",\"age_ms\":%" PRIu64 "}", age_us / 1000);
}

static enum frank_err make_metrics(const struct frank_status *status, uint64_t age_us,
                                   struct frank_page_body *body)
{
  if (status == NULL) {
    body->code = CODE_UNAVAILABLE;
    return write_text(body, "# frankd has sent no status yet\n");
  }
  enum frank_err err = write_snapshot(frank_metrics_text, status, age_us, body);
  if (err != FRANK_OK) {
    return err;
  }
  return append(body, 0,
                "# HELP frank_status_age_seconds Age of these numbers when this page was made.\n"
                "# TYPE frank_status_age_seconds gauge\n"
                "frank_status_age_seconds %" PRIu64 ".%03u\n",
                age_us / 1000000, (unsigned)(age_us / 1000 % 1000));
}

static const struct {
  const char *path;
  const char *type;
  bool lasting;
  make_fn *make;
} pages[FRANK_PAGE_COUNT] = {
    [FRANK_PAGE_INDEX] = {"/", TEXT, true, make_index},
    [FRANK_PAGE_HEALTHZ] = {"/healthz", TEXT, true, make_healthz},
    [FRANK_PAGE_READYZ] = {"/readyz", TEXT, false, make_readyz},
    [FRANK_PAGE_STATUS] = {"/status", JSON, true, make_status},
    [FRANK_PAGE_METRICS] = {"/metrics", METRICS, true, make_metrics},
};

enum frank_err frank_page_find(const char *path, enum frank_page *page)
{
  for (size_t i = 0; i < FRANK_PAGE_COUNT; i++) {
    if (strcmp(path, pages[i].path) == 0) {
      *page = (enum frank_page)i;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_NOT_FOUND;
}

bool frank_page_is_lasting(enum frank_page page)
{
  return pages[page].lasting;
}

enum frank_err frank_page_make(enum frank_page page, const struct frank_status *status,
                               uint64_t age_us, struct frank_page_body *body)
{
  *body = (struct frank_page_body){.code = CODE_OK, .type = pages[page].type};
  return pages[page].make(status, age_us, body);
}
