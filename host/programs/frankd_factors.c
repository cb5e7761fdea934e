#include "programs/frankd_factors.h"

#include "base/chan.h"
#include "base/clock.h"
#include "base/log.h"
#include "door/wire.h"
#include "factor/board.h"
#include "factor/desk.h"
#include "factor/factor_file.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FILES_EVERY_US (500 * FRANK_US_PER_MS)
#define CLOCK_EVERY_US FRANK_US_PER_S /* documents expire by the wall clock, which may jump */
#define REFRESH_US     (5 * FRANK_US_PER_S)

/* A source that is a file. */
struct watched {
  struct frank_factor_file file;
  bool changed; /* seen, not read yet */
};

struct frankd_factors {
  const struct frankd_config *config;
  struct frankd_factors_calls calls;
  struct frank_mint *mint;
  struct frank_source_list sources;
  struct watched watched[FRANK_BOARD_SOURCES_MAX];
  struct frank_board board;
  struct frank_board_choice choice; /* in force */
  struct frank_desk *desk;
  uint64_t files_due_us; /* FRANK_NEVER_US: there are none */
  uint64_t clock_due_us;
  uint64_t refreshed_us;
  struct frank_log_limit log_too_high;
  struct frank_log_limit log_factor; /* who publishes it can change it at every fetch */
  struct frank_door_domain rows[FRANK_WIRE_RECIPIENTS_MAX]; /* of the answer that is being made */
};

/* What waits with a question of the desk. */
enum payload_kind { PAYLOAD_MINT, PAYLOAD_QUESTION };
struct payload_mint {
  uint32_t kind;
  struct frank_request request;
  char b[FRANK_B_MAX_BYTES];
};
struct payload_question {
  uint32_t kind;
  struct frank_door_question question;
};

/* ---- the factor in force ---- */

static void apply(struct frankd_factors *f, uint64_t now_us)
{
  struct frank_board_choice choice;
  frank_board_choose(&f->board, frank_clock_unix_s(), &choice);
  bool same = choice.factor == f->choice.factor && choice.expires_s == f->choice.expires_s &&
              strcmp(choice.source, f->choice.source) == 0;
  bool same_factor =
      choice.factor == f->choice.factor && strcmp(choice.source, f->choice.source) == 0;
  f->choice = choice;
  if (same) {
    return;
  }
  frank_mint_set_factor(f->mint, choice.factor, choice.source, choice.expires_s);
  if (!same_factor && frank_log_allow(&f->log_factor, now_us)) {
    frank_log(FRANK_LOG_INFO, "event=factor factor=%" PRIu64 " source=\"%s\" from=\"%s\"",
              choice.factor, choice.source, f->board.list[choice.index].name);
  }
}

/* Reads source `i`, a file, anew. What it said before goes on to count where it cannot be read. */
static enum frank_err read_file(struct frankd_factors *f, size_t i, char *why, size_t why_size)
{
  struct frank_board_source *source = &f->board.list[i];
  uint64_t factor = 0;
  f->watched[i].changed = false;
  enum frank_err err =
      frank_factor_file_read(&f->watched[i].file, f->sources.list[i].path, &factor, why, why_size);
  if (err == FRANK_OK && factor > f->board.max_factor) {
    (void)snprintf(why, why_size, "factor file %s: %" PRIu64 " is above max_factor, %" PRIu64,
                   f->sources.list[i].path, factor, f->board.max_factor);
    err = FRANK_ERR_RANGE;
  }
  if (err == FRANK_OK) {
    source->factor = factor;
    source->why[0] = '\0';
  } else {
    (void)snprintf(source->why, sizeof source->why, "%.*s", (int)sizeof source->why - 1, why);
  }
  return err;
}

static void watch_files(struct frankd_factors *f, uint64_t now_us)
{
  f->files_due_us = FRANK_NEVER_US;
  for (size_t i = 0; i < f->board.count; i++) {
    if (f->board.list[i].kind != FRANK_BOARD_FILE) {
      continue;
    }
    f->files_due_us = now_us + FILES_EVERY_US;
    /* One that changed is read at the next look if it has stayed since: it may be half written. */
    bool changed = frank_factor_file_changed(&f->watched[i].file, f->sources.list[i].path);
    bool due = f->watched[i].changed && !changed;
    f->watched[i].changed = changed;
    char why[FRANK_CONFIG_WHY_BYTES];
    if (due && read_file(f, i, why, sizeof why) != FRANK_OK) {
      frank_log(FRANK_LOG_WARN, "event=factor-kept why=\"%s\"", why);
    }
  }
  apply(f, now_us);
}

/* The board of the configuration, with what `old` (may be NULL) knows of the same sources. */
static void set_up_board(struct frankd_factors *f, const struct frank_board *old)
{
  const struct frank_source_settings settings = frankd_config_sources(f->config);
  frank_source_list_make(&settings, &f->sources);
  frank_source_list_board(&f->sources, f->config->max_factor, old, &f->board);
  memset(f->watched, 0, sizeof f->watched);
}

void frankd_factors_reload(struct frankd_factors *f, uint64_t now_us)
{
  struct frank_board *old = malloc(sizeof *old);
  if (old) {
    *old = f->board;
  }
  set_up_board(f, old);
  free(old);
  for (size_t i = 0; i < f->board.count; i++) {
    char why[FRANK_CONFIG_WHY_BYTES];
    if (f->board.list[i].kind == FRANK_BOARD_FILE && read_file(f, i, why, sizeof why) != FRANK_OK) {
      frank_log(FRANK_LOG_WARN, "event=factor-kept why=\"%s\"", why);
    }
  }
  watch_files(f, now_us);
}

/* ---- requests and questions ---- */

static void report_too_high(struct frankd_factors *f, const char *domain, uint64_t now_us)
{
  struct frank_desk_domain known;
  if (!domain || !frank_log_allow(&f->log_too_high, now_us)) {
    return;
  }
  frank_desk_look(f->desk, domain, now_us, &known);
  frank_log(FRANK_LOG_WARN,
            "event=factor-ignored domain=\"%s\" factor=%" PRIu64 " why=\"above max_factor, %" PRIu64
            "\"",
            domain, known.factor, f->board.max_factor);
}

/* The factor for these domains, and its source where it is a domain's; else source is "". */
static uint64_t factor_for(struct frankd_factors *f, const char *domains, size_t domains_len,
                           uint64_t now_us, char source[FRANK_SOURCE_BYTES])
{
  const char *domain = NULL;
  const char *too_high = NULL;
  uint64_t factor = frank_desk_largest(f->desk, domains, domains_len, f->choice.factor,
                                       f->board.max_factor, now_us, &domain, &too_high);
  report_too_high(f, too_high, now_us);
  memset(source, 0, FRANK_SOURCE_BYTES);
  if (domain) {
    (void)snprintf(source, FRANK_SOURCE_BYTES, "dns:%.*s", FRANK_SOURCE_BYTES - 5, domain);
  }
  return factor;
}

static void mint_now(struct frankd_factors *f, const struct frank_desk_question *question,
                     uint64_t now_us)
{
  const struct payload_mint *payload = question->payload;
  struct frank_request request = payload->request;
  char source[FRANK_SOURCE_BYTES];
  uint64_t factor = factor_for(f, question->domains, question->domains_len, now_us, source);
  if (source[0] != '\0') {
    request.factor = factor;
    memcpy(request.source, source, sizeof source);
  }
  request.waited_us = now_us - question->arrived_us;
  frank_mint_request(f->mint, question->origin, &request, payload->b, now_us);
}

static void fill_row(struct frankd_factors *f, const char *domain, uint64_t now_us,
                     struct frank_door_domain *row)
{
  static const uint32_t states[] = {[FRANK_DESK_UNKNOWN] = FRANK_DOOR_DOMAIN_UNKNOWN,
                                    [FRANK_DESK_FOUND] = FRANK_DOOR_DOMAIN_FOUND,
                                    [FRANK_DESK_ABSENT] = FRANK_DOOR_DOMAIN_ABSENT,
                                    [FRANK_DESK_FAILED] = FRANK_DOOR_DOMAIN_FAILED};
  struct frank_desk_domain known;
  frank_desk_look(f->desk, domain, now_us, &known);
  memset(row, 0, sizeof *row);
  row->state = known.state == FRANK_DESK_FOUND && known.factor > f->board.max_factor
                   ? FRANK_DOOR_DOMAIN_TOO_HIGH
                   : states[known.state];
  row->factor = known.factor;
  row->dnssec = known.dnssec;
  row->ttl_s = known.ttl_s;
  (void)snprintf(row->why, sizeof row->why, "%.*s", (int)sizeof row->why - 1, known.why);
}

static void fill_source(const struct frankd_factors *f, size_t i, int64_t now_s,
                        struct frank_status_source *out)
{
  const struct frank_board_source *source = &f->board.list[i];
  const struct frank_resolver_source *state = &source->state;
  const struct frank_factor_document *document = &state->document;
  struct frank_board_choice choice;
  memset(out, 0, sizeof *out);
  (void)snprintf(out->name, sizeof out->name, "%s", source->name);
  (void)snprintf(out->kind, sizeof out->kind, "%s", frank_board_kind_name(source->kind));
  if (frank_board_look(&f->board, i, now_s, &choice, out->why) == FRANK_OK) {
    out->factor = choice.factor;
    out->expires_s = choice.expires_s;
    memcpy(out->source, choice.source, sizeof out->source);
    (void)snprintf(out->why, sizeof out->why, "%s", source->heard ? state->why : source->why);
  }
  out->in_force = i == f->choice.index ? 1 : 0;
  if (!source->heard) {
    return;
  }
  out->confirmed_s = state->confirmed_s;
  out->next_s = state->next_s;
  out->fetches = state->fetches;
  out->failures = state->failures;
  out->kept = state->kept;
  out->dnssec = state->dnssec;
  if (state->has_document) {
    out->issued_s = document->issued_s;
    out->testing = document->testing;
    out->previous_factor = document->has_previous ? document->previous_factor : 0;
    out->previous_until_s = document->has_previous ? document->previous_until_s : 0;
  }
}

_Static_assert(FRANK_BOARD_SOURCES_MAX == FRANK_STATUS_SOURCES_MAX, "all sources are told");
_Static_assert(FRANK_FACTOR_SOURCE_BYTES == FRANK_SOURCE_BYTES, "a source's name fits");
_Static_assert(sizeof(struct frank_door_factor) +
                       FRANK_WIRE_RECIPIENTS_MAX * sizeof(struct frank_door_domain) <=
                   FRANK_CHAN_RECORD_MAX_BYTES,
               "an answer travels in one record");

static void answer_question(struct frankd_factors *f, const struct frank_desk_question *question,
                            uint64_t now_us)
{
  const struct payload_question *payload = question->payload;
  struct frank_door_factor answer = {.tag = question->tag,
                                     .otherwise = f->choice.factor,
                                     .expires_s = f->choice.expires_s,
                                     .rate_hps = frank_mint_rate_hps(f->mint),
                                     .domain_count = payload->question.domain_count,
                                     .source_count = (uint32_t)f->board.count};
  memcpy(answer.otherwise_source, f->choice.source, sizeof answer.otherwise_source);
  answer.factor = factor_for(f, question->domains, question->domains_len, now_us, answer.source);
  if (answer.source[0] == '\0') {
    memcpy(answer.source, f->choice.source, sizeof answer.source);
  } else {
    answer.expires_s = 0;
  }
  const char *domain = question->domains;
  for (uint32_t i = 0; i < answer.domain_count; i++) {
    fill_row(f, domain, now_us, &f->rows[i]);
    domain += strlen(domain) + 1;
  }
  int64_t now_s = frank_clock_unix_s();
  for (uint32_t i = 0; i < answer.source_count; i++) {
    fill_source(f, i, now_s, &answer.sources[i]);
  }
  f->calls.answer(f->calls.arg, question->origin, &answer, f->rows);
}

static void on_done(void *arg, const struct frank_desk_question *question, uint64_t now_us)
{
  uint32_t kind = 0;
  memcpy(&kind, question->payload, sizeof kind);
  if (kind == PAYLOAD_MINT) {
    mint_now(arg, question, now_us);
  } else {
    answer_question(arg, question, now_us);
  }
}

void frankd_factors_request(struct frankd_factors *f, uint64_t origin,
                            const struct frank_request *request, const char *b, const char *domains,
                            uint64_t now_us)
{
  struct payload_mint payload; /* filled for those who wait alone: most pass through */
  if (request->domains_len == 0 || request->factor > 0 || request->b_len > sizeof payload.b ||
      frank_mint_is_draining(f->mint)) {
    frank_mint_request(f->mint, origin, request, b, now_us);
    return;
  }
  payload.kind = PAYLOAD_MINT;
  payload.request = *request;
  memcpy(payload.b, b, request->b_len);
  uint64_t half_us = (uint64_t)request->deadline_ms * FRANK_US_PER_MS / 2;
  uint64_t limit_us = f->config->look_up_limit_us;
  const struct frank_desk_question question = {
      .origin = origin,
      .tag = request->tag,
      .domains = domains,
      .domains_len = request->domains_len,
      .payload = &payload,
      .payload_len = offsetof(struct payload_mint, b) + request->b_len,
      .arrived_us = now_us,
      .due_us = now_us + (half_us < limit_us ? half_us : limit_us),
  };
  frank_desk_ask(f->desk, &question, now_us);
}

enum frank_err frankd_factors_cancel(struct frankd_factors *f, uint64_t origin, uint64_t tag,
                                     uint64_t now_us)
{
  frank_desk_hurry(f->desk, origin, tag, now_us); /* then it is the service's to take back */
  return frank_mint_cancel(f->mint, origin, tag, now_us);
}

void frankd_factors_origin_gone(struct frankd_factors *f, uint64_t origin, uint64_t now_us)
{
  frank_desk_origin_gone(f->desk, origin);
  frank_mint_origin_gone(f->mint, origin, now_us);
}

void frankd_factors_ask(struct frankd_factors *f, uint64_t origin,
                        const struct frank_door_question *question, const char *domains,
                        uint64_t now_us)
{
  struct payload_question payload = {.kind = PAYLOAD_QUESTION, .question = *question};
  /* While the service drains nobody may be there any more when a look-up ends. */
  uint64_t limit_us = frank_mint_is_draining(f->mint) ? 0 : f->config->look_up_limit_us;
  const struct frank_desk_question asked = {.origin = origin,
                                            .tag = question->tag,
                                            .domains = domains,
                                            .domains_len = question->domains_len,
                                            .payload = &payload,
                                            .payload_len = sizeof payload,
                                            .arrived_us = now_us,
                                            .due_us = now_us + limit_us};
  if (question->purge) {
    const char *end = domains + question->domains_len;
    for (const char *at = domains; at < end; at += strlen(at) + 1) {
      frank_desk_forget(f->desk, at);
    }
    if (question->domain_count == 0) {
      frank_desk_forget(f->desk, NULL);
    }
    if (question->domain_count == 0 &&
        (f->refreshed_us == 0 || now_us - f->refreshed_us >= REFRESH_US)) {
      f->refreshed_us = now_us;
      f->calls.refresh(f->calls.arg);
    }
  }
  frank_desk_ask(f->desk, &asked, now_us);
}

/* ---- what the resolver says ---- */

enum frank_err frankd_factors_source(struct frankd_factors *f,
                                     const struct frank_resolver_source *source, uint64_t now_us)
{
  enum frank_err err = frank_board_hear(&f->board, source, frank_clock_unix_s());
  if (err == FRANK_OK) {
    apply(f, now_us);
  }
  return err;
}

enum frank_err frankd_factors_domain(struct frankd_factors *f,
                                     const struct frank_resolver_domain *domain, uint64_t now_us)
{
  return frank_desk_hear(f->desk, domain, now_us);
}

void frankd_factors_resolver_gone(struct frankd_factors *f, uint64_t now_us)
{
  frank_desk_deaf(f->desk, now_us);
}

/* ---- life ---- */

static bool look_up(void *arg, const char *domain, bool fresh)
{
  struct frankd_factors *f = arg;
  return f->calls.look_up(f->calls.arg, domain, fresh);
}

enum frank_err frankd_factors_new(const struct frankd_config *config,
                                  const struct frankd_factors_calls *calls, struct frank_mint *mint,
                                  uint64_t now_us, struct frankd_factors **out, char *why)
{
  struct frankd_factors *f = calloc(1, sizeof *f);
  enum frank_err err = f ? FRANK_OK : FRANK_ERR_NOMEM;
  (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "no memory for the factor's sources");
  if (err == FRANK_OK) {
    struct frank_desk_config desk = {
        .look_up = config->look_up ? look_up : NULL, .done = on_done, .arg = f};
    f->config = config;
    f->calls = *calls;
    f->mint = mint;
    f->log_factor = (struct frank_log_limit){.burst = 20, .interval_us = FRANK_US_PER_S};
    f->log_too_high = (struct frank_log_limit){.burst = 5, .interval_us = 12 * FRANK_US_PER_S};
    if (getrandom(&desk.salt, sizeof desk.salt, 0) != (ssize_t)sizeof desk.salt) {
      err = FRANK_ERR_IO;
    } else {
      err = frank_desk_new(&desk, &f->desk);
    }
  }
  if (err != FRANK_OK) {
    free(f);
    return err;
  }
  set_up_board(f, NULL);
  for (size_t i = 0; i < f->board.count && err == FRANK_OK; i++) {
    if (f->board.list[i].kind == FRANK_BOARD_FILE) {
      err = read_file(f, i, why, FRANK_CONFIG_WHY_BYTES);
    }
  }
  if (err != FRANK_OK) {
    frankd_factors_destroy(&f);
    return err;
  }
  watch_files(f, now_us);
  *out = f;
  return FRANK_OK;
}

void frankd_factors_destroy(struct frankd_factors **factors)
{
  if (*factors) {
    frank_desk_destroy(&(*factors)->desk);
    free(*factors);
    *factors = NULL;
  }
}

void frankd_factors_tick(struct frankd_factors *f, uint64_t now_us)
{
  frank_desk_tick(f->desk, now_us);
  if (now_us >= f->files_due_us) {
    watch_files(f, now_us);
  }
  if (now_us >= f->clock_due_us) {
    f->clock_due_us = now_us + CLOCK_EVERY_US;
    apply(f, now_us);
  }
}

uint64_t frankd_factors_next_due_us(const struct frankd_factors *f)
{
  uint64_t due_us = frank_desk_next_due_us(f->desk);
  due_us = f->files_due_us < due_us ? f->files_due_us : due_us;
  /* Only a document expires. */
  if (f->choice.expires_s != 0 && f->clock_due_us < due_us) {
    due_us = f->clock_due_us;
  }
  return due_us;
}

void frankd_factors_finish(struct frankd_factors *f, uint64_t now_us)
{
  frank_desk_finish(f->desk, now_us);
}

void frankd_factors_status(const struct frankd_factors *f, struct frank_status *status)
{
  struct frank_desk_counts counts;
  size_t waiting = 0;
  size_t kept = 0;
  frank_desk_counts(f->desk, &counts);
  frank_desk_sizes(f->desk, &waiting, &kept);
  status->lookups = (struct frank_status_lookups){
      .started = counts.look_ups,
      .found = counts.found,
      .absent = counts.absent,
      .failed = counts.failed,
      .timed_out = counts.timed_out,
      .too_high = counts.too_high,
      .crowded = counts.crowded,
      .waiting = (uint32_t)waiting,
      .kept = (uint32_t)kept,
  };
  int64_t now_s = frank_clock_unix_s();
  status->source_count = (uint32_t)f->board.count;
  for (size_t i = 0; i < f->board.count; i++) {
    fill_source(f, i, now_s, &status->sources[i]);
  }
}
