#include "factor/board.h"

#include "factor/why.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[FRANK_BOARD_KIND_COUNT] = {
    [FRANK_BOARD_FIXED] = "fixed", [FRANK_BOARD_FILE] = "file",   [FRANK_BOARD_URL] = "url",
    [FRANK_BOARD_DNS] = "dns",     [FRANK_BOARD_FLOOR] = "floor",
};

const char *frank_board_kind_name(enum frank_board_kind kind)
{
  return (unsigned)kind < FRANK_BOARD_KIND_COUNT ? kind_names[kind] : "";
}

void frank_board_init(struct frank_board *board, uint64_t max_factor)
{
  memset(board, 0, sizeof *board);
  board->max_factor = max_factor;
}

enum frank_err frank_board_add(struct frank_board *board, enum frank_board_kind kind,
                               const char *name, uint64_t factor)
{
  if (board->count == FRANK_BOARD_SOURCES_MAX) {
    return FRANK_ERR_FULL;
  }
  struct frank_board_source *source = &board->list[board->count++];
  source->kind = kind;
  source->factor = factor;
  (void)snprintf(source->name, sizeof source->name, "%s", name);
  return FRANK_OK;
}

static bool is_followed(const struct frank_board_source *source)
{
  return source->kind == FRANK_BOARD_URL || source->kind == FRANK_BOARD_DNS;
}

/* The index of the resolver's source number `number`: URL and DNS sources in their order. */
static enum frank_err find_followed(const struct frank_board *board, uint32_t number, size_t *index)
{
  for (size_t i = 0; i < board->count; i++) {
    if (is_followed(&board->list[i]) && number-- == 0) {
      *index = i;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_NOT_FOUND;
}

/* Goes on with the document that `old` has where `state` gives none that may follow it: a resolver
 * that was started again, and has lost what it knew. A document that stands for a record in DNS has
 * no order of its own. */
static void keep_last(const struct frank_resolver_source *old, int64_t now_s,
                      struct frank_resolver_source *state)
{
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  bool has_last = old->has_document != 0 && old->document.expires_s > now_s;
  bool is_record = state->dns_only != 0 || old->dns_only != 0;
  if (!has_last || (state->has_document != 0 &&
                    (is_record || frank_factor_document_check(&state->document, &old->document,
                                                              now_s, why) == FRANK_OK))) {
    return;
  }
  state->has_document = 1;
  state->document = old->document;
  state->dns_only = old->dns_only;
  state->kept = 1;
  state->confirmed_s = old->confirmed_s;
  memcpy(state->key_id, old->key_id, sizeof state->key_id);
  if (state->why[0] == '\0') {
    memcpy(state->why, why, sizeof state->why);
  }
}

enum frank_err frank_board_hear(struct frank_board *board,
                                const struct frank_resolver_source *state, int64_t now_s)
{
  size_t index = 0;
  if (find_followed(board, state->index, &index) != FRANK_OK ||
      !frank_resolver_source_is_sound(state)) {
    return FRANK_ERR_MALFORMED;
  }
  struct frank_resolver_source heard = *state;
  if (board->list[index].heard) {
    keep_last(&board->list[index].state, now_s, &heard);
  }
  board->list[index].state = heard;
  board->list[index].heard = true;
  return FRANK_OK;
}

/* ---- choosing ---- */

static enum frank_err above_max(const struct frank_board *board, uint64_t factor, char *why)
{
  return frank_factor_fail(FRANK_ERR_NOT_FOUND, why,
                           "its factor %" PRIu64 " is above max-factor %" PRIu64, factor,
                           board->max_factor);
}

static enum frank_err look_followed(const struct frank_board *board,
                                    const struct frank_board_source *source, int64_t now_s,
                                    struct frank_board_choice *choice, char *why)
{
  const struct frank_resolver_source *state = &source->state;
  const struct frank_factor_document *document = &state->document;
  if (!source->heard || (!state->has_document && state->why[0] == '\0')) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "it has not answered yet");
  }
  if (!state->has_document) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "%s", state->why);
  }
  if (document->expires_s <= now_s) {
    return frank_factor_fail(
        FRANK_ERR_NOT_FOUND, why, "its document expired %" PRId64 " s ago%s%.120s",
        now_s - document->expires_s, state->why[0] != '\0' ? "; " : "", state->why);
  }
  if (document->issued_s > now_s + FRANK_FACTOR_FUTURE_MAX_S) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "its document is issued in the future");
  }
  if (document->factor > board->max_factor) {
    return above_max(board, document->factor, why);
  }
  choice->factor = document->factor;
  choice->expires_s = document->expires_s;
  frank_resolver_source_name(state, choice->source);
  return FRANK_OK;
}

enum frank_err frank_board_look(const struct frank_board *board, size_t index, int64_t now_s,
                                struct frank_board_choice *choice, char *why)
{
  assert(index < board->count);
  const struct frank_board_source *source = &board->list[index];
  memset(choice, 0, sizeof *choice);
  why[0] = '\0';
  choice->index = index;
  if (is_followed(source)) {
    return look_followed(board, source, now_s, choice, why);
  }
  if (source->factor == 0) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "%s", source->why);
  }
  /* A file's may be older than max_factor. */
  if (source->kind == FRANK_BOARD_FILE && source->factor > board->max_factor) {
    return above_max(board, source->factor, why);
  }
  choice->factor = source->factor;
  (void)snprintf(choice->source, sizeof choice->source, "%s", frank_board_kind_name(source->kind));
  return FRANK_OK;
}

void frank_board_choose(const struct frank_board *board, int64_t now_s,
                        struct frank_board_choice *choice)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  for (size_t i = 0; i < board->count; i++) {
    if (frank_board_look(board, i, now_s, choice, why) == FRANK_OK) {
      return;
    }
  }
  assert(false); /* the floor, which comes last, always gives one */
}
