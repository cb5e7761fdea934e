/*
 * pages: what the HTTP service answers to a path, apart from HTTP.
 *
 * Pure: the snapshot and its age come in, a status code and a body go out.
 */
#ifndef FRANK_WEB_PAGES_H
#define FRANK_WEB_PAGES_H

#include "base/err.h"
#include "mint/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A snapshot older than this says nothing about now: frankd sends one every second. */
#define FRANK_PAGES_FRESH_US UINT64_C(3000000)

enum frank_page {
  FRANK_PAGE_INDEX,   /* / */
  FRANK_PAGE_HEALTHZ, /* /healthz: this process answers */
  FRANK_PAGE_READYZ,  /* /readyz: 200 when requests are served, else 503 and why */
  FRANK_PAGE_STATUS,  /* /status: JSON */
  FRANK_PAGE_METRICS, /* /metrics: Prometheus */
  FRANK_PAGE_COUNT
};

/* The page at `path` (without query). FRANK_ERR_NOT_FOUND. */
FRANK_MUST_CHECK enum frank_err frank_page_find(const char *path, enum frank_page *page);

/* True where the body can be kept until the next snapshot comes, or this one is older than
 * FRANK_PAGES_FRESH_US: from then on /status and /metrics say that nothing is ready. The age that
 * they tell is that of when they were made. */
bool frank_page_is_lasting(enum frank_page page);

struct frank_page_body {
  unsigned code;    /* HTTP status */
  const char *type; /* Content-Type; static */
  char *text;       /* malloc, the caller frees it */
  size_t len_bytes;
};

/* `status` is the last snapshot (sound), NULL where none has come yet; `age_us` its age.
 * FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_page_make(enum frank_page page,
                                                const struct frank_status *status, uint64_t age_us,
                                                struct frank_page_body *body);

#endif
