#include "programs/frankd_children_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "door/messages.h"
#include "door/wire.h"
#include "factor/messages.h"

#include <stdio.h>
#include <string.h>

void frankd_child_put(struct frankd_child *c, uint16_t type, const void *payload, size_t len_bytes)
{
  if (c->chan && !c->overflow) {
    c->overflow = frank_chan_put(c->chan, type, payload, len_bytes, NULL, 0) != FRANK_OK;
  }
}

/* The child of that origin, in that life; NULL: it is no more. */
static struct frankd_child *by_origin(struct frankd_children *all, uint64_t origin)
{
  size_t i = (size_t)(origin & ((1U << FRANKD_ORIGIN_BITS) - 1));
  return i < all->count && all->list[i].origin == origin ? &all->list[i] : NULL;
}

void frankd_children_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  struct frankd_child *c = by_origin(arg, origin);
  if (c) {
    frankd_child_put(c, FRANK_DOOR_ANSWER, answer, sizeof *answer);
  }
}

static void on_ready(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_ready ready;
  if (c->is_ready) {
    frankd_child_failed(c, "it spoke out of turn", now_us);
    return;
  }
  memcpy(&ready, payload, sizeof ready);
  ready.endpoint[sizeof ready.endpoint - 1] = '\0';
  if (c->kind != FRANKD_RESOLVER) {
    snprintf(c->name, sizeof c->name, "%s %.80s", c->kind == FRANKD_DOOR ? "door" : "web",
             ready.endpoint);
  }
  c->is_ready = true;
  frank_supervisor_ready(&c->supervisor, now_us);
  frank_log(FRANK_LOG_INFO, "event=listening child=\"%s\" pid=%d", c->name, (int)c->pid);
  if (c->kind == FRANKD_DOOR && frank_mint_is_draining(c->all->mint)) {
    frankd_child_put(c, FRANK_DOOR_DRAIN, NULL, 0);
  }
}

static void on_failed(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_failed failed;
  memcpy(&failed, payload, sizeof failed);
  failed.why[sizeof failed.why - 1] = '\0';
  /* Without its resolver frankd serves with what else it has. */
  if (failed.fatal && c->kind != FRANKD_RESOLVER && !c->all->all_were_ready &&
      c->all->fatal[0] == '\0') {
    snprintf(c->all->fatal, sizeof c->all->fatal, "%s", failed.why);
  }
  frankd_child_failed(c, failed.why, now_us);
}

/* How many texts, each with its NUL, `len_bytes` are; more than any bound where they are not. */
static size_t count_texts(const char *text, size_t len_bytes)
{
  size_t count = 0;
  for (size_t i = 0; i < len_bytes; i++) {
    count += text[i] == '\0' ? 1 : 0;
  }
  return len_bytes > 0 && text[len_bytes - 1] != '\0' ? SIZE_MAX : count;
}

static void on_mint(struct frankd_child *c, const struct frank_record *record, uint64_t now_us)
{
  struct frank_request request;
  if (record->len_bytes < sizeof request) {
    frankd_child_failed(c, "it sent a malformed request", now_us);
    return;
  }
  memcpy(&request, record->payload, sizeof request);
  const char *b = (const char *)record->payload + sizeof request;
  const char *domains = b + request.b_len;
  if (record->len_bytes != sizeof request + request.b_len + (uint64_t)request.domains_len ||
      count_texts(domains, request.domains_len) > FRANK_WIRE_RECIPIENTS_MAX) {
    frankd_child_failed(c, "it sent a malformed request", now_us);
    return;
  }
  /* What is frankd's to say. */
  request.waited_us = 0;
  memset(request.source, 0, sizeof request.source);
  frankd_factors_request(c->all->factors, c->origin, &request, b, domains, now_us);
}

static void on_cancel(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_tag tag;
  memcpy(&tag, payload, sizeof tag);
  struct frank_door_cancelled cancelled = {.tag = tag.tag};
  cancelled.found =
      frankd_factors_cancel(c->all->factors, c->origin, tag.tag, now_us) == FRANK_OK ? 1 : 0;
  frankd_child_put(c, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
}

void frankd_child_put_status(struct frankd_child *c)
{
  struct frankd_children *all = c->all;
  memset(&all->snapshot, 0, sizeof all->snapshot);
  all->status(all->status_arg, &all->snapshot);
  frankd_child_put(c, FRANK_DOOR_STATUS, &all->snapshot, sizeof all->snapshot);
}

static void on_ask_status(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  (void)payload;
  (void)now_us;
  frankd_child_put_status(c);
}

static void on_question(struct frankd_child *c, const struct frank_record *record, uint64_t now_us)
{
  struct frank_door_question question;
  if (record->len_bytes < sizeof question) {
    frankd_child_failed(c, "it sent a malformed question", now_us);
    return;
  }
  memcpy(&question, record->payload, sizeof question);
  const char *domains = (const char *)record->payload + sizeof question;
  if (record->len_bytes != sizeof question + (uint64_t)question.domains_len ||
      question.domain_count > FRANK_WIRE_RECIPIENTS_MAX ||
      count_texts(domains, question.domains_len) != question.domain_count) {
    frankd_child_failed(c, "it sent a malformed question", now_us);
    return;
  }
  frankd_factors_ask(c->all->factors, c->origin, &question, domains, now_us);
}

static void on_source(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_resolver_source source;
  memcpy(&source, payload, sizeof source);
  if (frankd_factors_source(c->all->factors, &source, now_us) != FRANK_OK) {
    frankd_child_failed(c, "it told of a source what no source can be", now_us);
  }
}

static void on_domain(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_resolver_domain domain;
  memcpy(&domain, payload, sizeof domain);
  if (frankd_factors_domain(c->all->factors, &domain, now_us) != FRANK_OK) {
    frankd_child_failed(c, "it told of a domain what no domain can be", now_us);
  }
}

static void on_pong(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  (void)now_us;
  struct frank_record_tag tag;
  memcpy(&tag, payload, sizeof tag);
  if (tag.tag == c->drain_tag) {
    c->drain_tag = 0;
  }
}

static void on_counts(struct frankd_child *c, const uint8_t *payload, uint64_t now_us)
{
  (void)now_us;
  struct frank_door_counts counts;
  memcpy(&counts, payload, sizeof counts);
  c->dropped = counts.dropped;
}

/* Records of a fixed length. */
static const struct {
  uint16_t type;
  enum frankd_child_kind from;
  uint32_t len_bytes;
  void (*fn)(struct frankd_child *c, const uint8_t *payload, uint64_t now_us);
} handlers[] = {
    {FRANK_RECORD_READY, FRANKD_ANY, sizeof(struct frank_record_ready), on_ready},
    {FRANK_RECORD_FAILED, FRANKD_ANY, sizeof(struct frank_record_failed), on_failed},
    {FRANK_RECORD_PONG, FRANKD_ANY, sizeof(struct frank_record_tag), on_pong},
    {FRANK_DOOR_CANCEL, FRANKD_DOOR, sizeof(struct frank_record_tag), on_cancel},
    {FRANK_DOOR_ASK_STATUS, FRANKD_DOOR, 0, on_ask_status},
    {FRANK_DOOR_COUNTS, FRANKD_DOOR, sizeof(struct frank_door_counts), on_counts},
    {FRANK_RESOLVER_SOURCE, FRANKD_RESOLVER, sizeof(struct frank_resolver_source), on_source},
    {FRANK_RESOLVER_DOMAIN, FRANKD_RESOLVER, sizeof(struct frank_resolver_domain), on_domain},
};

/* Records with something of its own length behind them; they check that themselves. */
static const struct {
  uint16_t type;
  enum frankd_child_kind from;
  void (*fn)(struct frankd_child *c, const struct frank_record *record, uint64_t now_us);
} long_handlers[] = {
    {FRANK_DOOR_MINT, FRANKD_DOOR, on_mint},
    {FRANK_DOOR_ASK_FACTOR, FRANKD_DOOR, on_question},
};

void frankd_child_record(struct frankd_child *c, const struct frank_record *record, uint64_t now_us)
{
  /* Who speaks has not hung: a door that reads hundreds of long requests in one turn answers pings
   * after them. */
  c->heard_us = now_us;
  for (size_t i = 0; i < sizeof long_handlers / sizeof long_handlers[0]; i++) {
    if (long_handlers[i].type == record->type && (long_handlers[i].from & c->kind) != 0) {
      long_handlers[i].fn(c, record, now_us);
      return;
    }
  }
  for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
    if (handlers[i].type == record->type && handlers[i].len_bytes == record->len_bytes &&
        (handlers[i].from & c->kind) != 0) {
      handlers[i].fn(c, record->payload, now_us);
      return;
    }
  }
  frankd_child_failed(c, "it spoke out of turn", now_us);
}

/* ---- what frankd_factors asks ---- */

bool frankd_children_look_up(void *arg, const char *domain, bool fresh)
{
  struct frankd_children *all = arg;
  struct frankd_child *c = all->resolver;
  if (!c || all->closing) {
    return false;
  }
  if (!c->wanted) {
    c->wanted = true;
    frankd_child_start(c, frank_clock_now_us());
  }
  if (!c->chan || !frank_chan_has_room(c->chan)) {
    return false;
  }
  struct frank_resolver_lookup lookup = {.fresh = fresh ? 1 : 0};
  snprintf(lookup.domain, sizeof lookup.domain, "%s", domain);
  frankd_child_put(c, FRANK_RESOLVER_LOOKUP, &lookup, sizeof lookup);
  return true;
}

void frankd_children_refresh(void *arg)
{
  struct frankd_children *all = arg;
  if (all->resolver) {
    frankd_child_put(all->resolver, FRANK_RESOLVER_REFRESH, NULL, 0);
  }
}

void frankd_children_factor(void *arg, uint64_t origin, const struct frank_door_factor *factor,
                            const struct frank_door_domain *rows)
{
  struct frankd_child *c = by_origin(arg, origin);
  if (c && c->chan && !c->overflow) {
    c->overflow = frank_chan_put(c->chan, FRANK_DOOR_FACTOR, factor, sizeof *factor, rows,
                                 factor->domain_count * sizeof *rows) != FRANK_OK;
  }
}
