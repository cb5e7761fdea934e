/*
 * view: what the authority's pages are made from: the document in force and its history, as plain
 * data. The service fills it once for each change; a page is text made of it. Pure.
 */
#ifndef FRANK_FACTOR_AUTHORITY_VIEW_H
#define FRANK_FACTOR_AUTHORITY_VIEW_H

#include "factor/document.h"
#include "factor/jws.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_AUTHORITY_HISTORY_MAX  1000 /* epochs that are published */
#define FRANK_AUTHORITY_REASON_BYTES 160

/* One epoch as it was published first. */
struct frank_authority_epoch {
  uint64_t epoch;
  uint64_t factor;
  int64_t issued_s;
  char reason[FRANK_AUTHORITY_REASON_BYTES]; /* in words, one line: "set by hand", "spam share ..."
                                              */
};

struct frank_authority_view {
  struct frank_factor_document document;
  const struct frank_authority_epoch *history; /* oldest first, the one in force last */
  size_t history_count;                        /* 1..FRANK_AUTHORITY_HISTORY_MAX */
  int64_t now_s;                               /* of the making of the page, unix */
  int64_t next_change_s; /* the factor stays at least until then; 0: not known */
  uint64_t floor;        /* the control keeps the factor between these; 0: no control runs */
  uint64_t ceiling;
  struct frank_jws_key key;      /* in force */
  struct frank_jws_key next_key; /* that signs from next_key_s on; id "" none */
  int64_t next_key_s;
  uint64_t reports_total; /* observations taken since the start of its store */
  const char *base_url;   /* where the service is reached, without a last slash; NULL: not told */
};

#endif
