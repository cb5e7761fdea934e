/*
 * replies: sends replies through the ROUTER, and keeps those for which a peer has no room.
 *
 * A ROUTER drops what a slow peer does not take, or, told to be mandatory, says that it has no
 * room; but it cannot say when there is room again. So a refused reply is kept, in order, and tried
 * again with growing pauses, and requests of that peer count as outstanding until it has read the
 * replies. What is kept is bounded for the peer by its budget and in all by
 * FRANK_REPLIES_HELD_BYTES; past that the client for whom the most is kept loses it, so that those
 * who do not read cost nobody else a reply.
 *
 * Owner: the door. Lifetime: from new to destroy.
 */
#ifndef FRANK_DOOR_REPLIES_H
#define FRANK_DOOR_REPLIES_H

#include "base/err.h"
#include "door/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#define FRANK_REPLIES_SNDHWM     128 /* messages that libzmq holds for a peer */
#define FRANK_REPLIES_HELD_BYTES ((size_t)8 << 20)
#define FRANK_REPLIES_HELD_PEER  20000                          /* replies held for one peer */
#define FRANK_REPLIES_MANY_BYTES (FRANK_REPLIES_HELD_BYTES / 8) /* for one peer: a large share */

struct frank_replies;

struct frank_reply_head {
  bool delimited;
  bool ok;
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
};

/* `router` must outlive it. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_replies_new(void *router, struct frank_replies **out);
void frank_replies_destroy(struct frank_replies **replies);

/* Sends a reply to `peer`, or keeps it, for which another peer may lose what is held for it (logged
 * and counted). `body` stays the caller's (libzmq shares long contents).
 * FRANK_ERR_CLOSED: the peer is gone; FRANK_ERR_FULL: it does not read, the reply is lost;
 * FRANK_ERR_NOMEM likewise. */
FRANK_MUST_CHECK enum frank_err frank_replies_send(struct frank_replies *replies,
                                                   struct frank_peer *peer,
                                                   const struct frank_reply_head *head,
                                                   zmq_msg_t *body, uint64_t now_us);

/* The same, but nothing is kept: for a peer that is in no ledger. */
FRANK_MUST_CHECK enum frank_err frank_replies_try(struct frank_replies *replies,
                                                  const struct frank_peer *peer,
                                                  const struct frank_reply_head *head,
                                                  zmq_msg_t *body);

/* Drops what is held for `peer`. */
void frank_replies_drop(struct frank_replies *replies, struct frank_peer *peer);

/* Tries again what is due. Call at frank_replies_next_due_us at the latest. */
void frank_replies_tick(struct frank_replies *replies, uint64_t now_us);
uint64_t frank_replies_next_due_us(const struct frank_replies *replies);

/* True when half of the room is taken: who holds many then is not served, so that libzmq's own
 * memory for those who do not read stays bounded as well. */
bool frank_replies_is_full(const struct frank_replies *replies);

/* True when so much is held for `peer` alone that it is what keeps others from their share. */
bool frank_replies_are_many(const struct frank_replies *replies, const struct frank_peer *peer);

/* Bytes of replies that are held for peers. */
size_t frank_replies_held(const struct frank_replies *replies);

/* Replies lost because a peer did not read them, since the start. */
uint64_t frank_replies_lost(const struct frank_replies *replies);

#endif
