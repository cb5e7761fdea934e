#include "door/replies.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_FIRST_US 2000
#define PAUSE_MOST_US  100000
/* Peers tried in one go, so that a turn of the loop stays short. */
#define PEERS_AT_ONCE 64

struct frank_reply {
  struct frank_reply *next;
  struct frank_reply_head head;
  zmq_msg_t body;
};

struct frank_replies {
  void *router;
  size_t held_bytes;
  uint64_t lost;
  uint64_t due_us;
  struct frank_peer *stalled_first, *stalled_last;
  struct frank_log_limit log_dropped;
};

enum frank_err frank_replies_new(void *router, struct frank_replies **out)
{
  struct frank_replies *replies = calloc(1, sizeof *replies);
  if (!replies) {
    return FRANK_ERR_NOMEM;
  }
  replies->router = router;
  replies->due_us = FRANK_NEVER_US;
  replies->log_dropped = (struct frank_log_limit){.burst = 5, .interval_us = FRANK_US_PER_S};
  *out = replies;
  return FRANK_OK;
}

void frank_replies_destroy(struct frank_replies **replies)
{
  if (!*replies) {
    return;
  }
  while ((*replies)->stalled_first) {
    frank_replies_drop(*replies, (*replies)->stalled_first);
  }
  free(*replies);
  *replies = NULL;
}

/* ---- the list of peers that replies are held for ---- */

static void stalled_append(struct frank_replies *replies, struct frank_peer *peer)
{
  peer->stalled_next = NULL;
  peer->stalled_prev = replies->stalled_last;
  *(replies->stalled_last ? &replies->stalled_last->stalled_next : &replies->stalled_first) = peer;
  replies->stalled_last = peer;
}

static void stalled_unlink(struct frank_replies *replies, struct frank_peer *peer)
{
  *(peer->stalled_prev ? &peer->stalled_prev->stalled_next : &replies->stalled_first) =
      peer->stalled_next;
  *(peer->stalled_next ? &peer->stalled_next->stalled_prev : &replies->stalled_last) =
      peer->stalled_prev;
}

static size_t cost(zmq_msg_t *body)
{
  return sizeof(struct frank_reply) + zmq_msg_size(body);
}

/* ---- sending ---- */

static enum frank_err send_frame(void *router, const void *bytes, size_t len_bytes, int flags)
{
  if (zmq_send(router, bytes, len_bytes, flags | ZMQ_DONTWAIT) >= 0) {
    return FRANK_OK;
  }
  return errno == EAGAIN ? FRANK_ERR_AGAIN : FRANK_ERR_CLOSED;
}

/* Only the first frame can be refused: it picks the peer and asks for room. */
static enum frank_err send_now(void *router, const struct frank_peer *peer,
                               const struct frank_reply_head *head, zmq_msg_t *body)
{
  enum frank_err err = send_frame(router, peer->routing_id, peer->routing_id_len, ZMQ_SNDMORE);
  if (err != FRANK_OK) {
    return err;
  }
  if (head->delimited) {
    err = send_frame(router, "", 0, ZMQ_SNDMORE);
  }
  if (err == FRANK_OK) {
    err = send_frame(router, FRANK_WIRE_VERSION, strlen(FRANK_WIRE_VERSION), ZMQ_SNDMORE);
  }
  if (err == FRANK_OK) {
    err = head->ok ? send_frame(router, "ok", 2, ZMQ_SNDMORE)
                   : send_frame(router, "error", 5, ZMQ_SNDMORE);
  }
  if (err == FRANK_OK) {
    err = send_frame(router, head->id, strlen(head->id), ZMQ_SNDMORE);
  }
  zmq_msg_t copy;
  if (err != FRANK_OK || zmq_msg_init(&copy) != 0 || zmq_msg_copy(&copy, body) != 0) {
    return FRANK_ERR_CLOSED;
  }
  if (zmq_msg_send(&copy, router, ZMQ_DONTWAIT) < 0) {
    (void)zmq_msg_close(&copy);
    return FRANK_ERR_CLOSED;
  }
  return FRANK_OK;
}

/* A peer of the client for whom the most is held, that of its peers with the most. By client first:
 * spreading over many connections must not make anybody the lesser evil. */
static struct frank_peer *greediest(const struct frank_replies *replies)
{
  struct frank_peer *found = replies->stalled_first;
  for (struct frank_peer *p = found; p; p = p->stalled_next) {
    size_t most = found->budget->held_bytes;
    if (p->budget->held_bytes > most ||
        (p->budget->held_bytes == most && p->held_bytes > found->held_bytes)) {
      found = p;
    }
  }
  return found;
}

/* Room for one more reply to `peer`, at the cost of those who do not read. All that is held for the
 * greediest goes at once: one search of the list makes room for many replies. False when that would
 * be `peer` itself: what it has is worth as much as what is new. */
static bool make_room(struct frank_replies *replies, const struct frank_peer *peer, size_t bytes,
                      uint64_t now_us)
{
  while (replies->held_bytes + bytes > FRANK_REPLIES_HELD_BYTES) {
    struct frank_peer *loser = greediest(replies);
    if (!loser || loser == peer) {
      return false;
    }
    replies->lost += loser->held;
    if (frank_log_allow(&replies->log_dropped, now_us)) {
      frank_log(FRANK_LOG_WARN,
                "event=replies_dropped client=\"%s\" replies=%" PRIu32 " bytes=%zu lost=%" PRIu64
                " why=\"it does not read them, and others need the room\"",
                loser->name, loser->held, loser->held_bytes, replies->lost);
    }
    frank_replies_drop(replies, loser);
  }
  return true;
}

static enum frank_err hold(struct frank_replies *replies, struct frank_peer *peer,
                           const struct frank_reply_head *head, zmq_msg_t *body, uint64_t now_us)
{
  if (peer->held >= FRANK_REPLIES_HELD_PEER || !make_room(replies, peer, cost(body), now_us)) {
    replies->lost++;
    return FRANK_ERR_FULL;
  }
  struct frank_reply *reply = malloc(sizeof *reply);
  if (!reply) {
    replies->lost++;
    return FRANK_ERR_NOMEM;
  }
  *reply = (struct frank_reply){.head = *head};
  (void)zmq_msg_init(&reply->body);
  (void)zmq_msg_copy(&reply->body, body);
  if (peer->held == 0) {
    peer->retry_pause_us = PAUSE_FIRST_US;
    peer->retry_at_us = now_us + peer->retry_pause_us;
    stalled_append(replies, peer);
    replies->due_us = peer->retry_at_us < replies->due_us ? peer->retry_at_us : replies->due_us;
    peer->held_first = reply;
  } else {
    peer->held_last->next = reply;
  }
  peer->held_last = reply;
  peer->held++;
  peer->budget->outstanding++;
  peer->held_bytes += cost(body);
  peer->budget->held_bytes += cost(body);
  replies->held_bytes += cost(body);
  return FRANK_OK;
}

enum frank_err frank_replies_send(struct frank_replies *replies, struct frank_peer *peer,
                                  const struct frank_reply_head *head, zmq_msg_t *body,
                                  uint64_t now_us)
{
  enum frank_err err =
      peer->held > 0 ? FRANK_ERR_AGAIN : send_now(replies->router, peer, head, body);
  return err == FRANK_ERR_AGAIN ? hold(replies, peer, head, body, now_us) : err;
}

enum frank_err frank_replies_try(struct frank_replies *replies, const struct frank_peer *peer,
                                 const struct frank_reply_head *head, zmq_msg_t *body)
{
  enum frank_err err = send_now(replies->router, peer, head, body);
  if (err == FRANK_ERR_AGAIN) {
    replies->lost++;
    return FRANK_ERR_FULL;
  }
  return err;
}

/* ---- trying again ---- */

static void release_first(struct frank_replies *replies, struct frank_peer *peer)
{
  struct frank_reply *reply = peer->held_first;
  peer->held_first = reply->next;
  peer->held--;
  peer->budget->outstanding--;
  peer->held_bytes -= cost(&reply->body);
  peer->budget->held_bytes -= cost(&reply->body);
  replies->held_bytes -= cost(&reply->body);
  (void)zmq_msg_close(&reply->body);
  free(reply);
  if (peer->held == 0) {
    peer->held_last = NULL;
    stalled_unlink(replies, peer);
  }
}

void frank_replies_drop(struct frank_replies *replies, struct frank_peer *peer)
{
  while (peer->held > 0) {
    release_first(replies, peer);
  }
}

static void try_peer(struct frank_replies *replies, struct frank_peer *peer, uint64_t now_us)
{
  bool moved = false;
  while (peer->held > 0) {
    enum frank_err err =
        send_now(replies->router, peer, &peer->held_first->head, &peer->held_first->body);
    if (err == FRANK_ERR_CLOSED) {
      frank_replies_drop(replies, peer);
      return;
    }
    if (err == FRANK_ERR_AGAIN) {
      uint32_t longer = peer->retry_pause_us * 2;
      peer->retry_pause_us = moved                    ? PAUSE_FIRST_US
                             : longer < PAUSE_MOST_US ? longer
                                                      : PAUSE_MOST_US;
      peer->retry_at_us = now_us + peer->retry_pause_us;
      /* To the end, so that those who wait behind it get their turn. */
      stalled_unlink(replies, peer);
      stalled_append(replies, peer);
      return;
    }
    release_first(replies, peer);
    moved = true;
  }
}

void frank_replies_tick(struct frank_replies *replies, uint64_t now_us)
{
  if (now_us < replies->due_us) {
    return;
  }
  uint64_t due_us = FRANK_NEVER_US;
  int tried = 0;
  struct frank_peer *last = replies->stalled_last;
  struct frank_peer *peer = replies->stalled_first;
  while (peer) {
    struct frank_peer *next = peer == last ? NULL : peer->stalled_next;
    if (peer->retry_at_us <= now_us && tried < PEERS_AT_ONCE) {
      try_peer(replies, peer, now_us);
      tried++;
    }
    if (peer->held > 0 && peer->retry_at_us < due_us) {
      due_us = peer->retry_at_us;
    }
    peer = next;
  }
  replies->due_us = due_us;
}

uint64_t frank_replies_next_due_us(const struct frank_replies *replies)
{
  return replies->due_us;
}

bool frank_replies_is_full(const struct frank_replies *replies)
{
  return replies->held_bytes > FRANK_REPLIES_HELD_BYTES / 2;
}

bool frank_replies_are_many(const struct frank_replies *replies, const struct frank_peer *peer)
{
  size_t stalled = 0;
  for (const struct frank_peer *p = replies->stalled_first; p; p = p->stalled_next) {
    stalled++;
  }
  /* Many small hoards fill the room as one large one does. */
  size_t share = stalled > 0 ? FRANK_REPLIES_HELD_BYTES / (2 * stalled) : FRANK_REPLIES_HELD_BYTES;
  return peer->held_bytes > (share < FRANK_REPLIES_MANY_BYTES ? share : FRANK_REPLIES_MANY_BYTES);
}

size_t frank_replies_held(const struct frank_replies *replies)
{
  return replies->held_bytes;
}

uint64_t frank_replies_lost(const struct frank_replies *replies)
{
  return replies->lost;
}
