#include "door/door_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Read in one turn of the loop at most, so that no source starves another. */
#define MESSAGES_AT_ONCE 256
#define WAITERS_MAX      64 /* for a status */
#define QUESTIONS_MAX    64 /* about factors: an answer has up to 80 KiB */

/* One message, as it came. */
struct message {
  zmq_msg_t routing_id;
  zmq_msg_t frames[FRANK_WIRE_FRAMES_MAX];
  size_t count; /* FRANK_WIRE_FRAMES_MAX + 1 stands for more */
};

/* Who is being answered, for a request that is in no ledger yet. */
struct asker {
  struct frank_peer *peer;
  const struct frank_wire_envelope *envelope;
};

/* ---- replies ---- */

void frank_reception_send(struct frank_door *door, struct frank_peer *peer,
                          const struct frank_reply_head *head, zmq_msg_t *body)
{
  enum frank_err err = frank_replies_send(door->replies, peer, head, body, door->now_us);
  if ((err == FRANK_ERR_FULL || err == FRANK_ERR_NOMEM) &&
      frank_log_allow(&door->log_lost, door->now_us)) {
    frank_log(FRANK_LOG_WARN, "event=reply_lost client=\"%s\" lost=%" PRIu64 " why=\"%s\"",
              peer->name, frank_replies_lost(door->replies),
              err == FRANK_ERR_FULL ? "it does not read its replies" : "no memory");
  }
  /* FRANK_ERR_CLOSED: it went away; when it comes back it asks again. */
}

static void send_body(struct frank_door *door, struct frank_peer *peer,
                      const struct frank_reply_head *head, const char *body, size_t len_bytes)
{
  zmq_msg_t message;
  if (zmq_msg_init_size(&message, len_bytes) != 0) {
    return;
  }
  memcpy(zmq_msg_data(&message), body, len_bytes);
  frank_reception_send(door, peer, head, &message);
  (void)zmq_msg_close(&message);
}

struct frank_reply_head frank_reception_head(const struct frank_asked *asked, bool ok)
{
  struct frank_reply_head head = {.delimited = asked->delimited, .ok = ok};
  memcpy(head.id, asked->id, sizeof head.id);
  return head;
}

void frank_reception_answer(struct frank_door *door, struct frank_asked *asked, bool ok,
                            const char *body, size_t len_bytes)
{
  struct frank_peer *peer = asked->peer;
  struct frank_reply_head head = frank_reception_head(asked, ok);
  frank_ledger_remove(door->ledger, asked);
  if (peer) {
    send_body(door, peer, &head, body, len_bytes);
  }
}

/* Answers a request that is in no ledger. */
static void answer_now(struct frank_door *door, const struct asker *asker, bool ok,
                       const char *body, size_t len_bytes)
{
  struct frank_reply_head head = {.delimited = asker->envelope->delimited, .ok = ok};
  memcpy(head.id, asker->envelope->id, sizeof head.id);
  send_body(door, asker->peer, &head, body, len_bytes);
}

#define LOG_TEXT_BYTES 256

/* A stranger's text as a field of a log line: nothing in it ends the field and begins another. */
static const char *log_text(char out[LOG_TEXT_BYTES], const char *text)
{
  size_t at = 0;
  for (; text[at] != '\0' && at < LOG_TEXT_BYTES - 1; at++) {
    out[at] = (char)(text[at] == '"' || text[at] == '\\' ? '\'' : text[at]);
  }
  out[at] = '\0';
  return out;
}

static void refuse(struct frank_door *door, const struct asker *asker,
                   const struct frank_wire_fault *fault, uint64_t retry_after_ms)
{
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  size_t len = frank_wire_fault_format(fault, retry_after_ms, body);
  door->counts.refused++;
  if (frank_log_allow(&door->log_refused, door->now_us)) {
    char id[LOG_TEXT_BYTES];
    char why[LOG_TEXT_BYTES];
    frank_log(FRANK_LOG_INFO, "event=refused client=\"%s\" id=\"%s\" code=%s why=\"%s\"",
              asker->peer->name, log_text(id, asker->envelope->id), fault->code,
              log_text(why, fault->message));
  }
  answer_now(door, asker, false, body, len);
}

static void refuse_busy(struct frank_door *door, const struct asker *asker, const char *what,
                        uint64_t bound, uint64_t retry_after_ms)
{
  struct frank_wire_fault fault;
  frank_wire_fault_set(&fault, "busy", "%s (%" PRIu64 ")", what, bound);
  refuse(door, asker, &fault, retry_after_ms);
}

/* ---- requests ---- */

static void set_shutting_down(struct frank_wire_fault *fault)
{
  frank_wire_fault_set(fault, "shutting-down", "the daemon is shutting down");
}

static void refuse_leaving(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  set_shutting_down(&fault);
  refuse(door, asker, &fault, FRANK_DOOR_RETRY_AFTER_MS);
}

void frank_reception_end(struct frank_door *door)
{
  struct frank_wire_fault fault;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  set_shutting_down(&fault);
  size_t len = frank_wire_fault_format(&fault, FRANK_DOOR_RETRY_AFTER_MS, body);
  struct frank_asked *asked = NULL;
  while ((asked = frank_ledger_next(door->ledger, asked)) != NULL) {
    frank_reception_answer(door, asked, false, body, len);
  }
  door->cancels = door->statuses = (struct frank_waiters){.count = 0};
  door->questions = 0;
}

/* Enters a request into the ledger; where that cannot be, refuses it and returns NULL. */
static struct frank_asked *enter(struct frank_door *door, const struct asker *asker)
{
  struct frank_asked *asked = NULL;
  if (door->closed) { /* nobody would answer it */
    refuse_leaving(door, asker);
    return NULL;
  }
  if (asker->peer->budget->outstanding >= door->config->in_flight) {
    refuse_busy(door, asker, "this client has as many requests in flight as it may",
                door->config->in_flight, FRANK_DOOR_RETRY_AFTER_MS);
    return NULL;
  }
  enum frank_err err = frank_ledger_add(door->ledger, asker->peer, asker->envelope, &asked);
  if (err == FRANK_ERR_TAKEN) {
    struct frank_wire_fault fault;
    frank_wire_fault_set(&fault, "bad-request", "id %s is in flight already", asker->envelope->id);
    refuse(door, asker, &fault, 0);
    return NULL;
  }
  if (err != FRANK_OK) {
    refuse_busy(door, asker, "the door has as many requests in flight as it can",
                door->config->requests, FRANK_DOOR_RETRY_AFTER_MS);
    return NULL;
  }
  return asked;
}

static void wait_for(struct frank_waiters *waiters, struct frank_asked *asked)
{
  asked->wait_next = NULL;
  *(waiters->first ? &waiters->last->wait_next : &waiters->first) = asked;
  waiters->last = asked;
  waiters->count++;
}

/* A request's b and the domains of its recipients travel behind it. */
static enum frank_err put_mint(struct frank_door *door, const struct frank_request *request,
                               const char *b, const char *domains)
{
  char tail[FRANK_B_MAX_BYTES + FRANK_WIRE_BODY_MAX_BYTES];
  size_t len = (size_t)request->b_len + request->domains_len;
  if (len > sizeof tail) {
    return FRANK_ERR_TOO_LONG; /* domains are parts of a body, and so cannot be longer */
  }
  memcpy(tail, b, request->b_len);
  if (request->domains_len > 0) {
    memcpy(tail + request->b_len, domains, request->domains_len);
  }
  return frank_chan_put(door->chan, FRANK_DOOR_MINT, request, sizeof *request, tail, len);
}

static void on_mint(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  struct frank_request request;
  char b[FRANK_B_MAX_BYTES + 1];
  char *domains = NULL;
  const struct frank_wire_frame *body = &asker->envelope->body;
  if (frank_wire_mint_parse(body->bytes, body->len_bytes, &request, b, &domains, &fault) !=
      FRANK_OK) {
    refuse(door, asker, &fault, 0);
    return;
  }
  if (door->draining) {
    refuse_leaving(door, asker);
    goto cleanup;
  }
  struct frank_asked *asked = enter(door, asker);
  if (!asked) {
    goto cleanup;
  }
  request.tag = asked->tag;
  memcpy(request.client, asker->peer->name, sizeof request.client);
  if (put_mint(door, &request, b, domains) != FRANK_OK) {
    frank_ledger_remove(door->ledger, asked);
    refuse_busy(door, asker, "no room on the way to the mint service; bytes of b", request.b_len,
                FRANK_DOOR_RETRY_AFTER_MS);
  }

cleanup:
  free(domains);
}

static void on_cancel(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
  const struct frank_wire_frame *body = &asker->envelope->body;
  if (frank_wire_cancel_parse(body->bytes, body->len_bytes, id, &fault) != FRANK_OK) {
    refuse(door, asker, &fault, 0);
    return;
  }
  const struct frank_asked *target = frank_ledger_by_id(door->ledger, asker->peer, id);
  if (!target || target->verb != FRANK_WIRE_MINT) {
    char text[FRANK_WIRE_REPLY_MAX_BYTES];
    size_t len = frank_wire_cancelled_format(false, text);
    answer_now(door, asker, true, text, len);
    return;
  }
  struct frank_record_tag tag = {.tag = target->tag};
  struct frank_asked *asked = enter(door, asker);
  if (!asked) {
    return;
  }
  if (frank_chan_put(door->chan, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL, 0) != FRANK_OK) {
    frank_ledger_remove(door->ledger, asked);
    refuse_busy(door, asker, "no room on the way to the mint service; requests to cancel", 1,
                FRANK_DOOR_RETRY_AFTER_MS);
    return;
  }
  asked->cancels = tag.tag;
  wait_for(&door->cancels, asked);
}

static void on_status(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  const struct frank_wire_frame *body = &asker->envelope->body;
  if (frank_wire_plain_parse(body->bytes, body->len_bytes, &fault) != FRANK_OK) {
    refuse(door, asker, &fault, 0);
    return;
  }
  if (door->statuses.count >= WAITERS_MAX) {
    refuse_busy(door, asker, "as many wait for the status as may", WAITERS_MAX,
                FRANK_DOOR_RETRY_AFTER_MS);
    return;
  }
  struct frank_asked *asked = enter(door, asker);
  if (asked) {
    wait_for(&door->statuses, asked);
  }
}

static void on_factor(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  struct frank_wire_question question;
  const struct frank_wire_frame *body = &asker->envelope->body;
  if (frank_wire_factor_parse(body->bytes, body->len_bytes, &question, &fault) != FRANK_OK) {
    refuse(door, asker, &fault, 0);
    return;
  }
  struct frank_asked *asked = NULL;
  if (door->questions >= QUESTIONS_MAX) {
    refuse_busy(door, asker, "as many wait for the factor as may", QUESTIONS_MAX,
                FRANK_DOOR_RETRY_AFTER_MS);
  } else {
    asked = enter(door, asker);
  }
  if (!asked) {
    free(question.domains);
    return;
  }
  struct frank_door_question record = {.tag = asked->tag,
                                       .domains_len = (uint32_t)question.domains_len,
                                       .domain_count = (uint32_t)question.domain_count,
                                       .purge = question.purge};
  asked->domains = question.domains; /* freed with the entry */
  asked->domain_count = question.domain_count;
  if (frank_chan_put(door->chan, FRANK_DOOR_ASK_FACTOR, &record, sizeof record, question.domains,
                     question.domains_len) != FRANK_OK) {
    frank_ledger_remove(door->ledger, asked);
    refuse_busy(door, asker, "no room on the way to the mint service; domains",
                question.domain_count, FRANK_DOOR_RETRY_AFTER_MS);
    return;
  }
  door->questions++;
}

static void on_ping(struct frank_door *door, const struct asker *asker)
{
  struct frank_wire_fault fault;
  const struct frank_wire_frame *body = &asker->envelope->body;
  if (frank_wire_plain_parse(body->bytes, body->len_bytes, &fault) != FRANK_OK) {
    refuse(door, asker, &fault, 0);
    return;
  }
  answer_now(door, asker, true, "{}", 2);
}

typedef void verb_fn(struct frank_door *door, const struct asker *asker);
static verb_fn *const verbs[FRANK_WIRE_VERB_COUNT] = {
    [FRANK_WIRE_MINT] = on_mint,     [FRANK_WIRE_CANCEL] = on_cancel,
    [FRANK_WIRE_STATUS] = on_status, [FRANK_WIRE_FACTOR] = on_factor,
    [FRANK_WIRE_PING] = on_ping,
};

/* ---- messages ---- */

static void drop(struct frank_door *door, const char *why)
{
  door->counts.dropped++;
  if (frank_log_allow(&door->log_dropped, door->now_us)) {
    frank_log(FRANK_LOG_INFO, "event=message_dropped dropped=%" PRIu64 " why=\"%s\"",
              door->counts.dropped, why);
  }
}

/* Takes a request back from frankd whose peer gives up its place. */
static bool take_back(void *arg, const struct frank_asked *asked)
{
  struct frank_door *door = arg;
  const struct frank_record_tag tag = {.tag = asked->tag};
  if (asked->verb != FRANK_WIRE_MINT) {
    return true; /* answered soon, and costs nothing */
  }
  if (frank_chan_put(door->chan, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL, 0) != FRANK_OK) {
    return false;
  }
  door->cancels_of_nobody++;
  return true;
}

/* Room for a new peer where every place is taken by one that waits for an answer, or is gone. */
static bool make_place(struct frank_door *door)
{
  const struct frank_peer *evicted = NULL;
  if (frank_ledger_evict(door->ledger, take_back, door, &evicted) != FRANK_OK) {
    return false;
  }
  if (frank_log_allow(&door->log_lost, door->now_us)) {
    frank_log(FRANK_LOG_WARN,
              "event=client_evicted client=\"%s\" why=\"%d clients wait, and of "
              "the one with the most connections this was silent the longest\"",
              evicted->name, FRANK_LEDGER_PEERS);
  }
  return true;
}

/* The peer of a message, known or new. *allowed tells whether its key is (still) on the list. */
static enum frank_err find_peer(struct frank_door *door, struct message *message,
                                struct frank_peer **peer, bool *allowed)
{
  struct frank_allow_client *client = NULL;
  const char *user_id = "";
  bool is_new = false;
  if (door->allow) {
    user_id = zmq_msg_gets(&message->frames[0], "User-Id");
    user_id = user_id && strlen(user_id) < FRANK_LEDGER_USER_ID_BYTES ? user_id : "";
    client = frank_allow_by_user_id(door->allow, user_id);
  }
  *allowed = !door->allow || client;
  const void *routing_id = zmq_msg_data(&message->routing_id);
  size_t len = zmq_msg_size(&message->routing_id);
  enum frank_err err = frank_ledger_peer(door->ledger, routing_id, len, user_id, peer, &is_new);
  if (err == FRANK_ERR_FULL && make_place(door)) {
    err = frank_ledger_peer(door->ledger, routing_id, len, user_id, peer, &is_new);
  }
  if (err == FRANK_OK && is_new) {
    if (client) {
      (*peer)->budget = &client->budget;
      memcpy((*peer)->name, client->name, sizeof(*peer)->name);
    } else {
      frank_ledger_name(door->ledger, *peer, door->kind);
    }
  }
  return err;
}

/* `busy` for somebody whom the table of peers has no place for, since frankd has no room for what
 * would have to be taken back. */
static void refuse_stranger(struct frank_door *door, struct message *message,
                            const struct frank_wire_envelope *envelope)
{
  struct frank_peer stranger = {.routing_id_len = (uint8_t)zmq_msg_size(&message->routing_id)};
  struct frank_reply_head head = {.delimited = envelope->delimited};
  struct frank_wire_fault fault;
  char text[FRANK_WIRE_REPLY_MAX_BYTES];
  zmq_msg_t body;
  memcpy(stranger.routing_id, zmq_msg_data(&message->routing_id), stranger.routing_id_len);
  memcpy(head.id, envelope->id, sizeof head.id);
  frank_wire_fault_set(&fault, "busy", "as many clients have requests in flight as may (%d)",
                       FRANK_LEDGER_PEERS);
  size_t len = frank_wire_fault_format(&fault, FRANK_DOOR_RETRY_AFTER_MS, text);
  door->counts.refused++;
  if (zmq_msg_init_size(&body, len) == 0) {
    memcpy(zmq_msg_data(&body), text, len);
    if (frank_replies_try(door->replies, &stranger, &head, &body) != FRANK_OK) {
      drop(door, "no room for a busy reply");
    }
    (void)zmq_msg_close(&body);
  }
}

static void take_message(struct frank_door *door, struct message *message)
{
  struct frank_wire_frame frames[FRANK_WIRE_FRAMES_MAX];
  struct frank_wire_envelope envelope;
  struct frank_wire_fault fault;
  uint64_t retry_after_ms = 0;
  bool allowed = false;
  size_t kept = message->count < FRANK_WIRE_FRAMES_MAX ? message->count : FRANK_WIRE_FRAMES_MAX;
  for (size_t i = 0; i < kept; i++) {
    frames[i] = (struct frank_wire_frame){zmq_msg_data(&message->frames[i]),
                                          zmq_msg_size(&message->frames[i])};
  }
  enum frank_err err = frank_wire_envelope_parse(frames, message->count, &envelope, &fault);
  if (err == FRANK_ERR_MALFORMED) {
    drop(door, "no envelope");
    return;
  }
  struct asker asker = {.envelope = &envelope};
  if (find_peer(door, message, &asker.peer, &allowed) != FRANK_OK) {
    refuse_stranger(door, message, &envelope);
    return;
  }
  /* Nobody searches for those who leave no room for the answer, nor tells them so for ever. */
  if ((asker.peer->budget->outstanding >= door->config->in_flight ||
       frank_replies_is_full(door->replies)) &&
      frank_replies_are_many(door->replies, asker.peer)) {
    drop(door, "the client does not read its replies");
    return;
  }
  /* The rate first: a wrong request costs as much as a right one. Whose key is gone has no claim on
   * a budget that may be another client's by now. */
  struct frank_budget *budget = allowed ? asker.peer->budget : &asker.peer->own;
  if (!frank_budget_take(budget, door->config->rate, door->now_us, &retry_after_ms)) {
    refuse_busy(door, &asker, "more requests per second than this client may send",
                door->config->rate, retry_after_ms);
  } else if (!allowed) {
    frank_wire_fault_set(&fault, "forbidden", "the key of this connection was taken away");
    refuse(door, &asker, &fault, 0);
  } else if (err != FRANK_OK) {
    refuse(door, &asker, &fault, 0);
  } else {
    verbs[envelope.verb](door, &asker);
  }
}

/* Reads one message; false when there is none. */
static bool read_message(void *router, struct message *message)
{
  message->count = 0;
  (void)zmq_msg_init(&message->routing_id);
  if (zmq_msg_recv(&message->routing_id, router, ZMQ_DONTWAIT) < 0) {
    (void)zmq_msg_close(&message->routing_id);
    return false;
  }
  bool more = zmq_msg_more(&message->routing_id) != 0;
  while (more) {
    zmq_msg_t excess;
    bool keep = message->count < FRANK_WIRE_FRAMES_MAX;
    zmq_msg_t *frame = keep ? &message->frames[message->count] : &excess;
    (void)zmq_msg_init(frame);
    if (zmq_msg_recv(frame, router, ZMQ_DONTWAIT) < 0) {
      (void)zmq_msg_close(frame);
      break; /* the rest of a message is always there: this does not happen */
    }
    more = zmq_msg_more(frame) != 0;
    if (keep) {
      message->count++;
    } else {
      (void)zmq_msg_close(&excess);
      message->count = FRANK_WIRE_FRAMES_MAX + 1;
    }
  }
  return true;
}

void frank_reception_read(struct frank_door *door)
{
  for (int i = 0; i < MESSAGES_AT_ONCE && (door->closed || frank_chan_has_room(door->chan)); i++) {
    struct message message;
    if (!read_message(door->router, &message)) {
      return;
    }
    if (message.count > 0) {
      take_message(door, &message);
    } else {
      drop(door, "no frames");
    }
    size_t kept = message.count < FRANK_WIRE_FRAMES_MAX ? message.count : FRANK_WIRE_FRAMES_MAX;
    for (size_t k = 0; k < kept; k++) {
      (void)zmq_msg_close(&message.frames[k]);
    }
    (void)zmq_msg_close(&message.routing_id);
  }
}
