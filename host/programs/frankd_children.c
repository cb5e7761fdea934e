#include "programs/frankd_children.h"

#include "base/chan.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "door/messages.h"
#include "door/wire.h"
#include "factor/messages.h"
#include "mint/supervisor.h"
#include "programs/child_args.h"
#include "programs/frankd_sources.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PING_EVERY_US    FRANK_US_PER_S
#define PONG_LIMIT_US    (3 * FRANK_US_PER_S) /* a stopped door is ended after this */
#define START_LIMIT_US   (15 * FRANK_US_PER_S)
#define RECORDS_PER_TURN 512
#define PAUSE_MAX_US     (2 * FRANK_US_PER_S)
#define ORIGIN_BITS      8 /* of an origin: the index of the child; above them its life */

_Static_assert(sizeof(struct frank_status) <= FRANK_CHAN_RECORD_MAX_BYTES,
               "a snapshot travels in one record");
_Static_assert(FRANKD_LISTEN_MAX + 2 <= FRANK_STATUS_CHILDREN_MAX, "a snapshot names every child");

/* What a child is, a bit each: the records that it may send depend on it. */
enum kind { DOOR = 1, WEB = 2, RESOLVER = 4, ANY = 7 };

struct child {
  struct frankd_children *all;
  enum kind kind;
  const char *program;
  const char *endpoint; /* DOOR */
  char path[PATH_MAX];
  char name[96];
  struct frank_supervisor supervisor;
  struct frank_chan *chan;
  struct frank_loop_watch *watch;
  uint32_t watched; /* events */
  pid_t pid;
  uint64_t origin;
  uint64_t life;
  uint64_t pinged_us; /* last ping */
  uint64_t heard_us;  /* last pong */
  uint64_t drain_tag; /* of the ping behind DRAIN whose pong is awaited; 0: none */
  uint64_t dropped_before;
  uint64_t dropped;
  bool wanted; /* to be started; a resolver is when it is needed first */
  bool is_ready;
  bool overflow; /* it does not take its answers: ended after this turn */
};

struct frankd_children {
  const struct frankd_config *config;
  struct frank_loop *loop;
  struct frank_mint *mint;
  struct frankd_factors *factors;
  frankd_status_fn *status;
  void *status_arg;
  struct child list[FRANKD_LISTEN_MAX + 2];
  struct child *resolver; /* one of them; NULL: none to be had */
  size_t count;
  struct frank_supervisor_policy policy;
  struct frank_child_graves graves;
  bool all_were_ready;
  bool closing;
  char fatal[320];
  struct frank_status snapshot; /* too large for the stack of a small process */
};

static bool is_door(const struct child *c)
{
  return c->kind == DOOR;
}

/* ---- starting and ending ---- */

static void child_failed(struct child *c, const char *why, uint64_t now_us)
{
  struct frankd_children *all = c->all;
  frank_loop_remove(&c->watch);
  frank_chan_destroy(&c->chan);
  frank_child_end(&all->graves, &c->pid);
  c->is_ready = false;
  c->drain_tag = 0;
  c->overflow = false;
  c->dropped_before += c->dropped;
  c->dropped = 0;
  if (is_door(c)) {
    frankd_factors_origin_gone(all->factors, c->origin, now_us);
  }
  if (c->kind == RESOLVER) {
    frankd_factors_resolver_gone(all->factors, now_us);
  }
  frank_supervisor_failed(&c->supervisor, now_us, false);
  frank_log(FRANK_LOG_WARN, "event=child-failed child=\"%s\" state=%s failures=%u why=\"%s\"",
            c->name, frank_child_state_name(c->supervisor.state), c->supervisor.failures, why);
}

static void on_child_event(void *arg, uint32_t events);

static void child_start(struct child *c, uint64_t now_us)
{
  struct frankd_children *all = c->all;
  const struct frankd_config *config = all->config;
  struct frankd_child_args args = {.count = 0};
  frank_supervisor_started(&c->supervisor, now_us);
  frankd_child_args_make(all->config, c->program, c->endpoint, &args);
  c->life++;
  c->origin = c->life << ORIGIN_BITS | (uint64_t)(c - all->list);
  c->pinged_us = c->heard_us = now_us;
  enum frank_err err = frank_child_spawn(c->path, args.argv, &c->pid, &c->chan);
  if (err == FRANK_OK && is_door(c)) {
    /* A common deadline or the end answers everything that waits at once. */
    size_t answers = config->queue * (sizeof(struct frank_answer) + 8);
    frank_chan_set_queue(c->chan, FRANK_CHAN_QUEUE_PACKETS + answers / FRANK_CHAN_PACKET_MAX_BYTES);
  }
  if (err == FRANK_OK) {
    c->watched = FRANK_LOOP_READ;
    err =
        frank_loop_add(all->loop, frank_chan_fd(c->chan), c->watched, on_child_event, c, &c->watch);
  }
  if (err != FRANK_OK) {
    child_failed(c, "it could not be started", now_us);
  }
}

/* ---- what children say ---- */

static void put(struct child *c, uint16_t type, const void *payload, size_t len_bytes)
{
  if (c->chan && !c->overflow) {
    c->overflow = frank_chan_put(c->chan, type, payload, len_bytes, NULL, 0) != FRANK_OK;
  }
}

/* The child of that origin, in that life; NULL: it is no more. */
static struct child *by_origin(struct frankd_children *all, uint64_t origin)
{
  size_t i = (size_t)(origin & ((1U << ORIGIN_BITS) - 1));
  return i < all->count && all->list[i].origin == origin ? &all->list[i] : NULL;
}

void frankd_children_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  struct child *c = by_origin(arg, origin);
  if (c) {
    put(c, FRANK_DOOR_ANSWER, answer, sizeof *answer);
  }
}

static void on_ready(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_ready ready;
  if (c->is_ready) {
    child_failed(c, "it spoke out of turn", now_us);
    return;
  }
  memcpy(&ready, payload, sizeof ready);
  ready.endpoint[sizeof ready.endpoint - 1] = '\0';
  if (c->kind != RESOLVER) {
    snprintf(c->name, sizeof c->name, "%s %.80s", is_door(c) ? "door" : "web", ready.endpoint);
  }
  c->is_ready = true;
  c->heard_us = now_us;
  frank_supervisor_ready(&c->supervisor, now_us);
  frank_log(FRANK_LOG_INFO, "event=listening child=\"%s\" pid=%d", c->name, (int)c->pid);
  if (is_door(c) && frank_mint_is_draining(c->all->mint)) {
    put(c, FRANK_DOOR_DRAIN, NULL, 0);
  }
}

static void on_failed(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_failed failed;
  memcpy(&failed, payload, sizeof failed);
  failed.why[sizeof failed.why - 1] = '\0';
  if (failed.fatal && !c->all->all_were_ready && c->all->fatal[0] == '\0') {
    snprintf(c->all->fatal, sizeof c->all->fatal, "%s", failed.why);
  }
  child_failed(c, failed.why, now_us);
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

static void on_mint(struct child *c, const struct frank_record *record, uint64_t now_us)
{
  struct frank_request request;
  if (record->len_bytes < sizeof request) {
    child_failed(c, "it sent a malformed request", now_us);
    return;
  }
  memcpy(&request, record->payload, sizeof request);
  const char *b = (const char *)record->payload + sizeof request;
  const char *domains = b + request.b_len;
  if (record->len_bytes != sizeof request + request.b_len + (uint64_t)request.domains_len ||
      count_texts(domains, request.domains_len) > FRANK_WIRE_RECIPIENTS_MAX) {
    child_failed(c, "it sent a malformed request", now_us);
    return;
  }
  /* What is frankd's to say. */
  request.waited_us = 0;
  memset(request.source, 0, sizeof request.source);
  frankd_factors_request(c->all->factors, c->origin, &request, b, domains, now_us);
}

static void on_cancel(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_tag tag;
  memcpy(&tag, payload, sizeof tag);
  struct frank_door_cancelled cancelled = {.tag = tag.tag};
  cancelled.found =
      frankd_factors_cancel(c->all->factors, c->origin, tag.tag, now_us) == FRANK_OK ? 1 : 0;
  put(c, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
}

static void put_status(struct child *c)
{
  struct frankd_children *all = c->all;
  memset(&all->snapshot, 0, sizeof all->snapshot);
  all->status(all->status_arg, &all->snapshot);
  put(c, FRANK_DOOR_STATUS, &all->snapshot, sizeof all->snapshot);
}

static void on_ask_status(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  (void)payload;
  (void)now_us;
  put_status(c);
}

static void on_question(struct child *c, const struct frank_record *record, uint64_t now_us)
{
  struct frank_door_question question;
  if (record->len_bytes < sizeof question) {
    child_failed(c, "it sent a malformed question", now_us);
    return;
  }
  memcpy(&question, record->payload, sizeof question);
  const char *domains = (const char *)record->payload + sizeof question;
  if (record->len_bytes != sizeof question + (uint64_t)question.domains_len ||
      question.domain_count > FRANK_WIRE_RECIPIENTS_MAX ||
      count_texts(domains, question.domains_len) != question.domain_count) {
    child_failed(c, "it sent a malformed question", now_us);
    return;
  }
  frankd_factors_ask(c->all->factors, c->origin, &question, domains, now_us);
}

static void on_source(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_resolver_source source;
  memcpy(&source, payload, sizeof source);
  if (frankd_factors_source(c->all->factors, &source, now_us) != FRANK_OK) {
    child_failed(c, "it told of a source what no source can be", now_us);
  }
}

static void on_domain(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_resolver_domain domain;
  memcpy(&domain, payload, sizeof domain);
  if (frankd_factors_domain(c->all->factors, &domain, now_us) != FRANK_OK) {
    child_failed(c, "it told of a domain what no domain can be", now_us);
  }
}

static void on_pong(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  struct frank_record_tag tag;
  memcpy(&tag, payload, sizeof tag);
  c->heard_us = now_us;
  if (tag.tag == c->drain_tag) {
    c->drain_tag = 0;
  }
}

static void on_counts(struct child *c, const uint8_t *payload, uint64_t now_us)
{
  (void)now_us;
  struct frank_door_counts counts;
  memcpy(&counts, payload, sizeof counts);
  c->dropped = counts.dropped;
}

/* Records of a fixed length. */
static const struct {
  uint16_t type;
  enum kind from;
  uint32_t len_bytes;
  void (*fn)(struct child *c, const uint8_t *payload, uint64_t now_us);
} handlers[] = {
    {FRANK_RECORD_READY, ANY, sizeof(struct frank_record_ready), on_ready},
    {FRANK_RECORD_FAILED, ANY, sizeof(struct frank_record_failed), on_failed},
    {FRANK_RECORD_PONG, ANY, sizeof(struct frank_record_tag), on_pong},
    {FRANK_DOOR_CANCEL, DOOR, sizeof(struct frank_record_tag), on_cancel},
    {FRANK_DOOR_ASK_STATUS, DOOR, 0, on_ask_status},
    {FRANK_DOOR_COUNTS, DOOR, sizeof(struct frank_door_counts), on_counts},
    {FRANK_RESOLVER_SOURCE, RESOLVER, sizeof(struct frank_resolver_source), on_source},
    {FRANK_RESOLVER_DOMAIN, RESOLVER, sizeof(struct frank_resolver_domain), on_domain},
};

/* Records with something of its own length behind them; they check that themselves. */
static const struct {
  uint16_t type;
  enum kind from;
  void (*fn)(struct child *c, const struct frank_record *record, uint64_t now_us);
} long_handlers[] = {
    {FRANK_DOOR_MINT, DOOR, on_mint},
    {FRANK_DOOR_ASK_FACTOR, DOOR, on_question},
};

static void on_record(struct child *c, const struct frank_record *record, uint64_t now_us)
{
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
  child_failed(c, "it spoke out of turn", now_us);
}

static void on_child_event(void *arg, uint32_t events)
{
  struct child *c = arg;
  uint64_t now_us = frank_clock_now_us();
  if ((events & FRANK_LOOP_WRITE) != 0) {
    /* An error shows in reading. Room made here lets reading go on where it had stopped. */
    enum frank_err ignored = frank_chan_flush(c->chan);
    (void)ignored;
  }
  struct frank_record record;
  uint32_t count = 0;
  /* While it does not take its answers, it gets no more of them to wait for. */
  while (c->chan && !c->overflow && frank_chan_has_room(c->chan)) {
    if (count++ >= RECORDS_PER_TURN && !frank_chan_has_unread(c->chan)) {
      return; /* the others' turn; the descriptor is still readable */
    }
    enum frank_err err = frank_chan_read(c->chan, &record);
    if (err == FRANK_ERR_AGAIN) {
      return;
    }
    if (err != FRANK_OK) {
      child_failed(c, err == FRANK_ERR_CLOSED ? "it died" : frank_err_text(err), now_us);
      return;
    }
    on_record(c, &record, now_us);
  }
}

/* ---- the turn ---- */

static void pump_child(struct child *c, uint64_t now_us)
{
  if (!c->chan) {
    return;
  }
  if (c->overflow) {
    child_failed(c, "it does not take its answers", now_us);
    return;
  }
  enum frank_err err = frank_chan_flush(c->chan);
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    child_failed(c, "it died", now_us);
    return;
  }
  uint32_t events = frank_chan_has_room(c->chan) ? FRANK_LOOP_READ : 0;
  events |= frank_chan_has_unsent(c->chan) ? FRANK_LOOP_WRITE : 0;
  if (events != c->watched) {
    c->watched = events;
    if (frank_loop_change(c->watch, events) != FRANK_OK) {
      child_failed(c, "it cannot be watched", now_us);
    }
  }
}

void frankd_children_pump(struct frankd_children *children, uint64_t now_us)
{
  bool all_ready = true;
  for (size_t i = 0; i < children->count; i++) {
    struct child *c = &children->list[i];
    pump_child(c, now_us);
    all_ready = all_ready && (c->is_ready || c->kind == RESOLVER); /* we do without one */
    if (c->chan && frank_chan_has_unread(c->chan) && frank_chan_has_room(c->chan)) {
      /* Reading stopped for want of room in the middle of a packet: no event tells of the rest. */
      on_child_event(c, FRANK_LOOP_READ);
    }
  }
  children->all_were_ready = children->all_were_ready || all_ready;
}

static void tick_child(struct child *c, uint64_t now_us)
{
  if (!c->wanted) {
    return;
  }
  if (frank_supervisor_should_start(&c->supervisor, now_us)) {
    child_start(c, now_us);
    return;
  }
  if (frank_supervisor_is_late(&c->supervisor, now_us)) {
    child_failed(c, "it did not listen in time", now_us);
    return;
  }
  if (!c->is_ready) {
    return;
  }
  if (now_us - c->heard_us > PONG_LIMIT_US) {
    child_failed(c, "it hung", now_us);
    return;
  }
  if (now_us - c->pinged_us >= PING_EVERY_US) {
    struct frank_record_tag tag = {.tag = now_us};
    c->pinged_us = now_us;
    put(c, FRANK_RECORD_PING, &tag, sizeof tag);
    if (c->kind == WEB) {
      put_status(c);
    }
  }
}

void frankd_children_tick(struct frankd_children *children, uint64_t now_us)
{
  frank_child_reap(&children->graves);
  for (size_t i = 0; i < children->count && !children->closing; i++) {
    tick_child(&children->list[i], now_us);
  }
}

uint64_t frankd_children_next_due_us(const struct frankd_children *children)
{
  uint64_t due_us = FRANK_NEVER_US;
  for (size_t i = 0; i < children->count; i++) {
    const struct child *c = &children->list[i];
    if (!c->wanted) {
      continue;
    }
    uint64_t at_us =
        c->is_ready ? c->pinged_us + PING_EVERY_US : frank_supervisor_next_due_us(&c->supervisor);
    due_us = at_us < due_us ? at_us : due_us;
  }
  return due_us;
}

/* ---- the whole ---- */

static enum frank_err add_child(struct frankd_children *all, enum kind kind, const char *endpoint,
                                const struct frank_supervisor_policy *policy, uint64_t now_us,
                                char *why)
{
  struct child *c = &all->list[all->count];
  const char *program = kind == DOOR ? "frank-door" : kind == WEB ? "frank-web" : "frank-resolver";
  *c = (struct child){.all = all,
                      .kind = kind,
                      .program = program,
                      .endpoint = endpoint,
                      .wanted = kind != RESOLVER};
  switch (kind) {
  case DOOR:
    snprintf(c->name, sizeof c->name, "door %.80s", endpoint);
    break;
  case WEB:
    snprintf(c->name, sizeof c->name, "web %.80s", all->config->http);
    break;
  default:
    snprintf(c->name, sizeof c->name, "resolver");
  }
  enum frank_err err = frank_child_find(program, c->path, sizeof c->path);
  if (err != FRANK_OK) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s is not to be found beside frankd", program);
    return err;
  }
  frank_supervisor_init(&c->supervisor, policy, now_us);
  all->count++;
  return FRANK_OK;
}

/* True where the configuration names a source that a resolver must follow. */
static bool has_followed_source(const struct frankd_config *config)
{
  static struct frankd_source_list sources; /* too large for the stack of a small process */
  frankd_sources_list(config, &sources);
  for (size_t i = 0; i < sources.count; i++) {
    if (sources.list[i].kind == FRANK_BOARD_URL || sources.list[i].kind == FRANK_BOARD_DNS) {
      return true;
    }
  }
  return false;
}

/* The resolver: needed for sources; for look-ups it can be done without, where this build has none.
 */
static enum frank_err add_resolver(struct frankd_children *all,
                                   const struct frank_supervisor_policy *policy, uint64_t now_us,
                                   char *why)
{
  bool needed = has_followed_source(all->config);
  enum frank_err err = add_child(all, RESOLVER, NULL, policy, now_us, why);
  if (err == FRANK_OK) {
    all->resolver = &all->list[all->count - 1];
    all->resolver->wanted = needed;
  }
  return needed ? err : FRANK_OK;
}

enum frank_err frankd_children_new(const struct frankd_config *config, struct frank_loop *loop,
                                   frankd_status_fn *status, void *arg, uint64_t now_us,
                                   struct frankd_children **out, char *why)
{
  struct frankd_children *all = calloc(1, sizeof *all);
  if (!all) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  all->config = config;
  all->loop = loop;
  all->status = status;
  all->status_arg = arg;
  struct frank_supervisor_policy policy;
  frank_supervisor_policy_init(&policy);
  policy.start_limit_us = START_LIMIT_US;
  policy.pause_max_us = PAUSE_MAX_US; /* without its door frankd serves nobody */
  policy.quarantine_us = PAUSE_MAX_US;
  policy.quarantine_doublings = 0;
  all->policy = policy;
  enum frank_err err = FRANK_OK;
  for (uint32_t i = 0; i < config->listen.count && i < FRANKD_LISTEN_MAX && err == FRANK_OK; i++) {
    err = add_child(all, DOOR, config->listen.items[i], &policy, now_us, why);
  }
  if (err == FRANK_OK && config->http[0] != '\0') {
    err = add_child(all, WEB, NULL, &policy, now_us, why);
  }
  if (err == FRANK_OK) {
    err = add_resolver(all, &policy, now_us, why);
  }
  if (err != FRANK_OK) {
    frankd_children_destroy(&all);
    return err;
  }
  *out = all;
  return FRANK_OK;
}

void frankd_children_serve(struct frankd_children *children, struct frank_mint *mint,
                           struct frankd_factors *factors)
{
  children->mint = mint;
  children->factors = factors;
}

bool frankd_children_look_up(void *arg, const char *domain)
{
  struct frankd_children *all = arg;
  struct child *c = all->resolver;
  if (!c || all->closing) {
    return false;
  }
  if (!c->wanted) {
    c->wanted = true;
    child_start(c, frank_clock_now_us());
  }
  if (!c->chan || !frank_chan_has_room(c->chan)) {
    return false;
  }
  struct frank_resolver_lookup lookup = {.domain = ""};
  snprintf(lookup.domain, sizeof lookup.domain, "%s", domain);
  put(c, FRANK_RESOLVER_LOOKUP, &lookup, sizeof lookup);
  return true;
}

void frankd_children_refresh(void *arg)
{
  struct frankd_children *all = arg;
  if (all->resolver) {
    put(all->resolver, FRANK_RESOLVER_REFRESH, NULL, 0);
  }
}

void frankd_children_factor(void *arg, uint64_t origin, const struct frank_door_factor *factor,
                            const struct frank_door_domain *rows)
{
  struct child *c = by_origin(arg, origin);
  if (c && c->chan && !c->overflow) {
    c->overflow = frank_chan_put(c->chan, FRANK_DOOR_FACTOR, factor, sizeof *factor, rows,
                                 factor->domain_count * sizeof *rows) != FRANK_OK;
  }
}

void frankd_children_restart_resolver(struct frankd_children *all, uint64_t now_us)
{
  struct child *c = all->resolver;
  bool needed = has_followed_source(all->config);
  if (!c) {
    if (needed) {
      frank_log(FRANK_LOG_ERROR,
                "event=no-resolver why=\"this build has no frank-resolver: URL and "
                "DNS sources cannot be followed\"");
    }
    return;
  }
  if (c->chan) {
    child_failed(c, "its settings changed", now_us);
  }
  c->wanted = c->wanted || needed;
  frank_supervisor_init(&c->supervisor, &all->policy, now_us);
}

void frankd_children_destroy(struct frankd_children **children)
{
  struct frankd_children *all = *children;
  if (!all) {
    return;
  }
  frankd_children_close(all);
  for (size_t i = 0; i < all->count; i++) {
    frank_chan_destroy(&all->list[i].chan);
    frank_child_end(&all->graves, &all->list[i].pid);
  }
  frank_child_reap(&all->graves);
  free(all);
  *children = NULL;
}

bool frankd_children_ready(const struct frankd_children *children)
{
  for (size_t i = 0; i < children->count; i++) {
    if (is_door(&children->list[i]) && !children->list[i].is_ready) {
      return false;
    }
  }
  return true;
}

bool frankd_children_started(const struct frankd_children *children)
{
  return children->all_were_ready;
}

void frankd_children_forgive(struct frankd_children *children, uint64_t pause_us, uint64_t now_us)
{
  for (size_t i = 0; i < children->count; i++) {
    uint64_t *heard_us = &children->list[i].heard_us;
    *heard_us = *heard_us + pause_us < now_us ? *heard_us + pause_us : now_us;
  }
}

const char *frankd_children_fatal(const struct frankd_children *children)
{
  return children->fatal[0] != '\0' ? children->fatal : NULL;
}

void frankd_children_reload(struct frankd_children *children)
{
  for (size_t i = 0; i < children->count; i++) {
    /* One that is not ready has not said yet what the signal means to it: it would die. */
    if (is_door(&children->list[i]) && children->list[i].is_ready) {
      (void)kill(children->list[i].pid, SIGHUP);
    }
  }
}

void frankd_children_drain(struct frankd_children *children, uint64_t now_us)
{
  for (size_t i = 0; i < children->count; i++) {
    struct child *c = &children->list[i];
    if (is_door(c) && c->is_ready) {
      struct frank_record_tag tag = {.tag = now_us};
      c->drain_tag = now_us;
      c->pinged_us = now_us;
      put(c, FRANK_DOOR_DRAIN, NULL, 0);
      put(c, FRANK_RECORD_PING, &tag, sizeof tag);
    }
  }
}

bool frankd_children_drained(const struct frankd_children *children)
{
  for (size_t i = 0; i < children->count; i++) {
    if (children->list[i].drain_tag != 0) {
      return false;
    }
  }
  return true;
}

bool frankd_children_has_unsent(const struct frankd_children *children)
{
  for (size_t i = 0; i < children->count; i++) {
    if (children->list[i].chan && frank_chan_has_unsent(children->list[i].chan)) {
      return true;
    }
  }
  return false;
}

void frankd_children_close(struct frankd_children *children)
{
  children->closing = true;
  for (size_t i = 0; i < children->count; i++) {
    struct child *c = &children->list[i];
    frank_loop_remove(&c->watch);
    if (c->chan) {
      /* One direction only: a socket that is closed with something unread in it resets its peer,
       * which would lose the answers that it has not read yet. */
      (void)shutdown(frank_chan_fd(c->chan), SHUT_WR);
    }
  }
}

bool frankd_children_gone(struct frankd_children *children)
{
  bool gone = true;
  for (size_t i = 0; i < children->count; i++) {
    struct child *c = &children->list[i];
    if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) != 0) {
      c->pid = 0;
    }
    gone = gone && c->pid <= 0;
  }
  return gone;
}

void frankd_children_status(const struct frankd_children *children, struct frank_status *status)
{
  for (size_t i = 0; i < children->count; i++) {
    const struct child *c = &children->list[i];
    if (!c->wanted) {
      continue;
    }
    struct frank_status_child *out = &status->children[status->child_count++];
    memcpy(out->name, c->name, sizeof out->name);
    out->state = (uint32_t)c->supervisor.state;
    out->pid = c->pid > 0 ? (uint32_t)c->pid : 0;
    out->restarts = c->supervisor.restarts;
    out->dropped = c->dropped_before + c->dropped;
  }
}
