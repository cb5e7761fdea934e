/*
 * frankd_sources: the sources of the factor that a configuration names, in their order.
 *
 *     factor > 0:  that alone
 *     else:        factor_url (with factor_key), factor_sources in their order, factor_file
 *
 * and in any case the floor after them.
 */
#ifndef FRANK_PROGRAMS_FRANKD_SOURCES_H
#define FRANK_PROGRAMS_FRANKD_SOURCES_H

#include "base/err.h"
#include "factor/board.h"

#include <stddef.h>
#include <stdint.h>

struct frankd_config;

#define FRANKD_SOURCES_MAX 8 /* in factor_sources */

struct frankd_source {
  enum frank_board_kind kind;
  char text[FRANK_BOARD_NAME_BYTES]; /* as frank-resolver takes it, or "file:PATH", "fixed" */
  const char *path;                  /* FILE: view into text */
  uint64_t factor;                   /* FIXED, FLOOR */
};

struct frankd_source_list {
  struct frankd_source list[FRANK_BOARD_SOURCES_MAX];
  size_t count;
};

/* Checks of single texts, for the table of keys: NULL, or what is expected. */
const char *frankd_source_check(const char *text);
const char *frankd_source_check_url(const char *text);
const char *frankd_source_check_key(const char *text);
const char *frankd_source_check_server(const char *text);

/* What the texts mean together. FRANK_ERR_FULL: more than FRANK_RESOLVER_SOURCES_MAX are to be
 * followed; FRANK_ERR_DENIED: http:// to another host without factor_http; `why`
 * (FRANK_CONFIG_WHY_BYTES) names the source. */
FRANK_MUST_CHECK enum frank_err frankd_sources_check(const struct frankd_config *config, char *why);

/* The list of a checked configuration. */
void frankd_sources_list(const struct frankd_config *config, struct frankd_source_list *out);

#endif
