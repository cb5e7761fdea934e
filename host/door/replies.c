#include "door/replies.h"

#include "base/clock.h"

#include <errno.h>
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
};

enum frank_err frank_replies_new(void *router, struct frank_replies **out)
{
  struct frank_replies *replies = calloc(1, sizeof *replies);
  if (!replies) {
    return FRANK_ERR_NOMEM;
  }
  replies->router = router;
  replies->due_us = FRANK_NEVER_US;
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

static enum frank_err hold(struct frank_replies *replies, struct frank_peer *peer,
                           const struct frank_reply_head *head, zmq_msg_t *body, uint64_t now_us)
{
  if (replies->held_bytes + cost(body) > FRANK_REPLIES_HELD_BYTES ||
      peer->held >= FRANK_REPLIES_HELD_PEER) {
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
  return replies->held_bytes + sizeof(struct frank_reply) + FRANK_WIRE_REPLY_MAX_BYTES >
         FRANK_REPLIES_HELD_BYTES;
}

uint64_t frank_replies_lost(const struct frank_replies *replies)
{
  return replies->lost;
}
