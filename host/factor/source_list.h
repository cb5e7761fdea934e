/*
 * source_list: the sources of the factor that a configuration names, in their order.
 *
 *     factor > 0:  that alone
 *     else:        factor_url (with factor_key), factor_sources in their order, factor_file
 *
 * and in any case the floor after them. Pure.
 */
#ifndef FRANK_FACTOR_SOURCE_LIST_H
#define FRANK_FACTOR_SOURCE_LIST_H

#include "base/config.h"
#include "base/err.h"
#include "factor/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_SOURCES_MAX 8 /* in factor_sources */

/* What a configuration says; the texts are views, "" for none. */
struct frank_source_settings {
  uint64_t factor; /* 0: none is fixed */
  uint64_t floor;
  uint64_t max_factor;
  const char *url;
  const char *key; /* of the url */
  const char *file;
  const struct frank_config_list *more; /* factor_sources */
  bool allow_http;                      /* http:// to other hosts than this */
};

struct frank_source {
  enum frank_board_kind kind;
  char text[FRANK_BOARD_NAME_BYTES]; /* as frank-resolver takes it, or "file:PATH", "fixed" */
  const char *path;                  /* FILE: view into text, or into the settings */
  uint64_t factor;                   /* FIXED, FLOOR */
};

struct frank_source_list {
  struct frank_source list[FRANK_BOARD_SOURCES_MAX];
  size_t count;
};

/* Checks of single texts, for a table of keys: NULL, or what is expected. */
const char *frank_source_check(const char *text);
const char *frank_source_check_url(const char *text);
const char *frank_source_check_key(const char *text);
const char *frank_source_check_server(const char *text);

/* What the texts mean together. FRANK_ERR_FULL: more than FRANK_RESOLVER_SOURCES_MAX are to be
 * followed; FRANK_ERR_DENIED: http:// to another host without allow_http; FRANK_ERR_RANGE: above
 * max_factor; FRANK_ERR_MALFORMED: a key without a url. `why` (FRANK_CONFIG_WHY_BYTES) names the
 * source. */
FRANK_MUST_CHECK enum frank_err
frank_source_list_check(const struct frank_source_settings *settings, char *why);

/* The list of checked settings. */
void frank_source_list_make(const struct frank_source_settings *settings,
                            struct frank_source_list *out);
/* True where the resolver follows it: a URL, a domain. */
bool frank_source_is_followed(const struct frank_source *source);
/* The board of that list, with what `old` (may be NULL) knows of the same sources. */
void frank_source_list_board(const struct frank_source_list *list, uint64_t max_factor,
                             const struct frank_board *old, struct frank_board *board);

#endif
