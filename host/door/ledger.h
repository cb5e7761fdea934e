/*
 * ledger: who asked what: the peers of a door, their budgets, and their requests in flight.
 *
 * A peer is a ZeroMQ routing id. A client is who the limits are for: a CURVE key's owner, who may
 * have several peers, or a single peer where there is no CURVE. A request is known to its peer by
 * an id and to frankd by a tag. Both tables are bounded; peers without anything outstanding are
 * forgotten, the longest silent first, when room is needed. Where all have something outstanding,
 * the client with the most peers can be made to give up one: a ROUTER does not tell who has gone,
 * and those who went with a request in flight must not shut out everybody else.
 *
 * Pure: no socket, no clock. Owner: the door. Lifetime: from new to destroy.
 */
#ifndef FRANK_DOOR_LEDGER_H
#define FRANK_DOOR_LEDGER_H

#include "base/err.h"
#include "door/wire.h"
#include "mint/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_LEDGER_ROUTING_ID_BYTES 255
#define FRANK_LEDGER_PEERS            4096
#define FRANK_LEDGER_USER_ID_BYTES    24

/* What a client may do: a bucket of tokens for requests per second, and what it has outstanding:
 * requests in flight and replies that it has not read. Zero-initialised. */
struct frank_budget {
  double tokens;
  uint64_t filled_us;
  uint32_t outstanding;
  size_t held_bytes; /* of the replies that it has not read; door/replies.c */
  uint32_t peers;    /* the ledger's, while it looks for who has the most */
};

/* Takes a token where there is one. `rate` per second, up to one second's worth kept; 0: no limit.
 * Else *retry_after_ms says when there will be one. */
bool frank_budget_take(struct frank_budget *budget, uint32_t rate, uint64_t now_us,
                       uint64_t *retry_after_ms);

struct frank_ledger;
struct frank_reply; /* door/replies.h */

struct frank_peer {
  uint8_t routing_id[FRANK_LEDGER_ROUTING_ID_BYTES];
  uint8_t routing_id_len;
  char user_id[FRANK_LEDGER_USER_ID_BYTES]; /* who let it in: ZAP; empty without CURVE */
  char name[FRANK_CLIENT_NAME_BYTES];
  struct frank_budget own;
  struct frank_budget *budget; /* the client's: `own` or one that is shared */
  uint32_t in_flight;          /* requests */
  /* Replies that the peer has no room for; door/replies.c. */
  uint32_t held;
  size_t held_bytes;
  struct frank_reply *held_first, *held_last;
  uint64_t retry_at_us;
  uint32_t retry_pause_us;
  struct frank_peer *stalled_next, *stalled_prev;
  /* The ledger's. */
  bool used;
  uint32_t hash_next;
  struct frank_peer *older, *newer;
};

struct frank_asked {
  struct frank_peer *peer; /* NULL: the peer is no more, the answer is for nobody */
  uint64_t tag;            /* for frankd */
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
  uint8_t id_len;
  bool delimited;
  enum frank_wire_verb verb;
  uint64_t cancels; /* cancel: the tag of the request that is taken back */
  char *domains;    /* factor: freed with the entry */
  size_t domain_count;
  struct frank_asked *wait_next; /* the door's queues of those who wait for the same record */
  uint32_t hash_next;            /* the ledger's */
  bool used;
};

/* Called before a peer becomes somebody else, to drop the replies held for it. */
typedef void frank_ledger_drop_fn(void *arg, struct frank_peer *peer);

/* `seed` keeps strangers from choosing ids that collide. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_ledger_new(uint32_t requests_max, uint32_t peers_max,
                                                 uint64_t seed, frank_ledger_drop_fn *drop,
                                                 void *arg, struct frank_ledger **out);
void frank_ledger_destroy(struct frank_ledger **ledger);

/* The peer with this routing id and user id, a new one where there is none, and now the one heard
 * last. *is_new tells that name and budget are to be set: name is empty, budget is `own`. A peer
 * with the same routing id but another user id is somebody else: the old one's requests get no
 * answer any more.
 * FRANK_ERR_FULL: every peer has something outstanding; frank_ledger_evict may help. */
FRANK_MUST_CHECK enum frank_err frank_ledger_peer(struct frank_ledger *ledger,
                                                  const void *routing_id, size_t len_bytes,
                                                  const char *user_id, struct frank_peer **peer,
                                                  bool *is_new);

/* Called for each request in flight of a peer that gives up its place, to take it back from frankd.
 * False: not now. */
typedef bool frank_ledger_take_back_fn(void *arg, const struct frank_asked *asked);

/* Makes a peer give up its place: the longest silent one of the client (the budget) with the most
 * peers. What it asked is nobody's from now on, what is held for it is dropped. *evicted is that
 * peer, which has nothing outstanding any more and makes room in the next frank_ledger_peer.
 * FRANK_ERR_FULL: take_back said no; what it was not called for or refused stays the peer's.
 * FRANK_ERR_NOT_FOUND: there are no peers. */
FRANK_MUST_CHECK enum frank_err frank_ledger_evict(struct frank_ledger *ledger,
                                                   frank_ledger_take_back_fn *take_back, void *arg,
                                                   const struct frank_peer **evicted);

/* "KIND:HEX" of the peer's routing id; long ones end in a hash. For a peer without CURVE. */
void frank_ledger_name(const struct frank_ledger *ledger, struct frank_peer *peer,
                       const char *kind);

/* Adds a request of `peer`. FRANK_ERR_TAKEN: the id is in flight; FRANK_ERR_FULL. */
FRANK_MUST_CHECK enum frank_err frank_ledger_add(struct frank_ledger *ledger,
                                                 struct frank_peer *peer,
                                                 const struct frank_wire_envelope *envelope,
                                                 struct frank_asked **asked);
/* NULL where there is none. */
struct frank_asked *frank_ledger_by_id(const struct frank_ledger *ledger,
                                       const struct frank_peer *peer, const char *id);
struct frank_asked *frank_ledger_by_tag(const struct frank_ledger *ledger, uint64_t tag);
/* The first request after `after` (NULL: the first of all) whose asker is still there, in no order
 * that means anything; NULL: none. Removing those that were handed out is allowed. */
struct frank_asked *frank_ledger_next(const struct frank_ledger *ledger,
                                      const struct frank_asked *after);
/* Its tag is never used again. */
void frank_ledger_remove(struct frank_ledger *ledger, struct frank_asked *asked);

uint32_t frank_ledger_in_flight(const struct frank_ledger *ledger);

#endif
