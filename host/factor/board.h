/*
 * board: which source's factor is in force: sources in the operator's order, each with how it
 * stands.
 *
 * The first that has something good to say is in force; after the last comes the floor, so that
 * there always is a factor. A document counts while it has not expired and its factor is within
 * max-factor; a resolver that was started again, and knows less, does not end it. Pure: time is an
 * argument. Owner: frankd's main loop.
 */
#ifndef FRANK_FACTOR_BOARD_H
#define FRANK_FACTOR_BOARD_H

#include "base/err.h"
#include "factor/document.h"
#include "factor/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_BOARD_NAME_BYTES 192
#define FRANK_BOARD_SOURCES_MAX                                                                    \
  (FRANK_RESOLVER_SOURCES_MAX + 4) /* files, fixed ones, the floor                                 \
                                    */

enum frank_board_kind {
  FRANK_BOARD_FIXED,
  FRANK_BOARD_FILE,
  FRANK_BOARD_URL, /* followed by the resolver */
  FRANK_BOARD_DNS, /* likewise */
  FRANK_BOARD_FLOOR,
  FRANK_BOARD_KIND_COUNT
};
/* "fixed", "file", "url", "dns", "floor": as status and JSON name them. */
const char *frank_board_kind_name(enum frank_board_kind kind);

struct frank_board_source {
  enum frank_board_kind kind;
  char name[FRANK_BOARD_NAME_BYTES]; /* as configured */
  uint64_t factor;                   /* FIXED, FILE, FLOOR; 0: the file gives none */
  bool heard;                        /* the resolver has spoken of it */
  struct frank_resolver_source state;
  char why[FRANK_FACTOR_WHY_BYTES]; /* FILE: why it gives none */
};

struct frank_board {
  struct frank_board_source list[FRANK_BOARD_SOURCES_MAX];
  size_t count;
  uint64_t max_factor;
};

/* The factor in force. */
struct frank_board_choice {
  size_t index;
  uint64_t factor;
  int64_t expires_s;                      /* unix; 0: it does not */
  char source[FRANK_FACTOR_SOURCE_BYTES]; /* "fixed", "file", "issuer#epoch", "dns:DOMAIN", "floor"
                                           */
};

void frank_board_init(struct frank_board *board, uint64_t max_factor);
/* Adds a source at the end; `factor` where the kind has its own. The floor comes last, and must be
 * there before the first choice (asserted). FRANK_ERR_FULL: there are as many as may be. */
FRANK_MUST_CHECK enum frank_err frank_board_add(struct frank_board *board,
                                                enum frank_board_kind kind, const char *name,
                                                uint64_t factor);
/* What the resolver says of one of its sources, at now_s (unix); nothing in it is believed unseen.
 * The document that was there before stays until it expires where none comes instead, or one that
 * may not follow it (frank_factor_document_check). FRANK_ERR_MALFORMED: no such source, or
 * frank_resolver_source_is_sound says no. */
FRANK_MUST_CHECK enum frank_err frank_board_hear(struct frank_board *board,
                                                 const struct frank_resolver_source *state,
                                                 int64_t now_s);

void frank_board_choose(const struct frank_board *board, int64_t now_s,
                        struct frank_board_choice *choice);
/* What source `index` would give: FRANK_OK, or FRANK_ERR_NOT_FOUND with the reason in `why`
 * (FRANK_FACTOR_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err frank_board_look(const struct frank_board *board, size_t index,
                                                 int64_t now_s, struct frank_board_choice *choice,
                                                 char *why);

#endif
