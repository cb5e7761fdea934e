/*
 * metrics: what a service has done and what it serves, in Prometheus's text format. Pure, but for
 * memory.
 */
#ifndef FRANK_FACTOR_AUTHORITY_METRICS_H
#define FRANK_FACTOR_AUTHORITY_METRICS_H

#include "base/err.h"
#include "factor/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_METRICS_ROUTES_MAX 32
#define FRANK_METRICS_CODES_MAX  16

struct frank_authority_metrics {
  struct frank_factor_document document;
  bool takes_reports;
  int64_t started_s;
  int64_t loaded_s;       /* when the state was last read, unix */
  uint64_t load_errors;   /* times that it could not be */
  uint64_t dropped_lines; /* of the access log */
  size_t connections;
  uint64_t connections_taken, connections_refused, connections_cut;
  /* How many answers, by route and code; 0 are left out. */
  size_t route_count;
  const char *routes[FRANK_METRICS_ROUTES_MAX];
  unsigned codes[FRANK_METRICS_CODES_MAX]; /* 0 ends */
  uint64_t answers[FRANK_METRICS_ROUTES_MAX][FRANK_METRICS_CODES_MAX];
};

/* Counts an answer. A code that is not among `codes` gets a place there, while there is one. */
void frank_authority_metrics_count(struct frank_authority_metrics *metrics, size_t route,
                                   unsigned code);
/* *text (malloc, the caller frees it). FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err
frank_authority_metrics_text(const struct frank_authority_metrics *metrics, char **text,
                             size_t *len_bytes);

#endif
