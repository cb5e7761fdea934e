#include "programs/frankd_children_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "door/messages.h"
#include "door/wire.h"
#include "factor/messages.h"
#include "programs/child_args.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PING_EVERY_US    FRANK_US_PER_S
#define SILENT_LIMIT_US  (3 * FRANK_US_PER_S) /* a stopped door is ended after this */
#define START_LIMIT_US   (15 * FRANK_US_PER_S)
#define RECORDS_PER_TURN 512
#define PAUSE_MAX_US     (2 * FRANK_US_PER_S)

_Static_assert(sizeof(struct frank_status) <= FRANK_CHAN_RECORD_MAX_BYTES,
               "a snapshot travels in one record");
_Static_assert(FRANKD_LISTEN_MAX + 2 <= FRANK_STATUS_CHILDREN_MAX, "a snapshot names every child");

static bool is_door(const struct frankd_child *c)
{
  return c->kind == FRANKD_DOOR;
}

/* ---- starting and ending ---- */

void frankd_child_failed(struct frankd_child *c, const char *why, uint64_t now_us)
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
  if (c->kind == FRANKD_RESOLVER) {
    frankd_factors_resolver_gone(all->factors, now_us);
  }
  frank_supervisor_failed(&c->supervisor, now_us, false);
  frank_log(FRANK_LOG_WARN, "event=child-failed child=\"%s\" state=%s failures=%u why=\"%s\"",
            c->name, frank_child_state_name(c->supervisor.state), c->supervisor.failures, why);
}

static void on_child_event(void *arg, uint32_t events);

void frankd_child_start(struct frankd_child *c, uint64_t now_us)
{
  struct frankd_children *all = c->all;
  const struct frankd_config *config = all->config;
  struct frankd_child_args args = {.count = 0};
  frank_supervisor_started(&c->supervisor, now_us);
  frankd_child_args_make(all->config, c->program, c->endpoint, &args);
  c->life++;
  c->origin = c->life << FRANKD_ORIGIN_BITS | (uint64_t)(c - all->list);
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
    frankd_child_failed(c, "it could not be started", now_us);
  }
}

static void on_child_event(void *arg, uint32_t events)
{
  struct frankd_child *c = arg;
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
      frankd_child_failed(c, err == FRANK_ERR_CLOSED ? "it died" : frank_err_text(err), now_us);
      return;
    }
    frankd_child_record(c, &record, now_us);
  }
}

/* ---- the turn ---- */

static void pump_child(struct frankd_child *c, uint64_t now_us)
{
  if (!c->chan) {
    return;
  }
  if (c->overflow) {
    frankd_child_failed(c, "it does not take its answers", now_us);
    return;
  }
  enum frank_err err = frank_chan_flush(c->chan);
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    frankd_child_failed(c, "it died", now_us);
    return;
  }
  uint32_t events = frank_chan_has_room(c->chan) ? FRANK_LOOP_READ : 0;
  events |= frank_chan_has_unsent(c->chan) ? FRANK_LOOP_WRITE : 0;
  if (events != c->watched) {
    c->watched = events;
    if (frank_loop_change(c->watch, events) != FRANK_OK) {
      frankd_child_failed(c, "it cannot be watched", now_us);
    }
  }
}

void frankd_children_pump(struct frankd_children *children, uint64_t now_us)
{
  bool all_ready = true;
  for (size_t i = 0; i < children->count; i++) {
    struct frankd_child *c = &children->list[i];
    pump_child(c, now_us);
    all_ready = all_ready && (c->is_ready || c->kind == FRANKD_RESOLVER); /* we do without one */
    if (c->chan && frank_chan_has_unread(c->chan) && frank_chan_has_room(c->chan)) {
      /* Reading stopped for want of room in the middle of a packet: no event tells of the rest. */
      on_child_event(c, FRANK_LOOP_READ);
    }
  }
  children->all_were_ready = children->all_were_ready || all_ready;
}

static void tick_child(struct frankd_child *c, uint64_t now_us)
{
  if (!c->wanted) {
    return;
  }
  if (frank_supervisor_should_start(&c->supervisor, now_us)) {
    frankd_child_start(c, now_us);
    return;
  }
  if (frank_supervisor_is_late(&c->supervisor, now_us)) {
    frankd_child_failed(c, "it did not listen in time", now_us);
    return;
  }
  if (!c->is_ready) {
    return;
  }
  if (now_us - c->heard_us > SILENT_LIMIT_US) {
    frankd_child_failed(c, "it hung", now_us);
    return;
  }
  if (now_us - c->pinged_us >= PING_EVERY_US) {
    struct frank_record_tag tag = {.tag = now_us};
    c->pinged_us = now_us;
    frankd_child_put(c, FRANK_RECORD_PING, &tag, sizeof tag);
    if (c->kind == FRANKD_WEB) {
      frankd_child_put_status(c);
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
    const struct frankd_child *c = &children->list[i];
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

static enum frank_err add_child(struct frankd_children *all, enum frankd_child_kind kind,
                                const char *endpoint, const struct frank_supervisor_policy *policy,
                                uint64_t now_us, char *why)
{
  struct frankd_child *c = &all->list[all->count];
  const char *program = kind == FRANKD_DOOR  ? "frank-door"
                        : kind == FRANKD_WEB ? "frank-web"
                                             : "frank-resolver";
  *c = (struct frankd_child){.all = all,
                             .kind = kind,
                             .program = program,
                             .endpoint = endpoint,
                             .wanted = kind != FRANKD_RESOLVER};
  switch (kind) {
  case FRANKD_DOOR:
    snprintf(c->name, sizeof c->name, "door %.80s", endpoint);
    break;
  case FRANKD_WEB:
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
  static struct frank_source_list sources; /* too large for the stack of a small process */
  const struct frank_source_settings settings = frankd_config_sources(config);
  frank_source_list_make(&settings, &sources);
  for (size_t i = 0; i < sources.count; i++) {
    if (frank_source_is_followed(&sources.list[i])) {
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
  enum frank_err err = add_child(all, FRANKD_RESOLVER, NULL, policy, now_us, why);
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
    err = add_child(all, FRANKD_DOOR, config->listen.items[i], &policy, now_us, why);
  }
  if (err == FRANK_OK && config->http[0] != '\0') {
    err = add_child(all, FRANKD_WEB, NULL, &policy, now_us, why);
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

void frankd_children_restart_resolver(struct frankd_children *all, uint64_t now_us)
{
  struct frankd_child *c = all->resolver;
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
    frankd_child_failed(c, "its settings changed", now_us);
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
    struct frankd_child *c = &children->list[i];
    if (is_door(c) && c->is_ready) {
      struct frank_record_tag tag = {.tag = now_us};
      c->drain_tag = now_us;
      c->pinged_us = now_us;
      frankd_child_put(c, FRANK_DOOR_DRAIN, NULL, 0);
      frankd_child_put(c, FRANK_RECORD_PING, &tag, sizeof tag);
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
    struct frankd_child *c = &children->list[i];
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
    struct frankd_child *c = &children->list[i];
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
    const struct frankd_child *c = &children->list[i];
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
