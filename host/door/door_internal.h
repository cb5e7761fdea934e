/*
 * door_internal: what the parts of the door share.
 *
 *     door.c       setting up, the one loop, timers
 *     reception.c  messages of strangers: the verbs, refusals
 *     records.c    records of frankd: answers and the rest
 */
#ifndef FRANK_DOOR_DOOR_INTERNAL_H
#define FRANK_DOOR_DOOR_INTERNAL_H

#include "base/log.h"
#include "door/allow.h"
#include "door/door.h"
#include "door/ledger.h"
#include "door/listener.h"
#include "door/messages.h"
#include "door/replies.h"
#include "door/wire.h"
#include "door/zap.h"

#define FRANK_DOOR_RETRY_AFTER_MS 1000

/* Those who wait for the same kind of record, in the order in which frankd was asked. */
struct frank_waiters {
  struct frank_asked *first, *last;
  uint32_t count;
  bool asked; /* status: one question is under way for all of them */
};

struct frank_door {
  const struct frank_door_config *config;
  struct frank_chan *chan;
  const char *kind; /* of clients' names where there is no CURVE: "ipc" or "tcp" */
  void *context;
  void *router;
  struct frank_listener *listener;
  struct frank_allow *allow; /* NULL: no CURVE */
  struct frank_zap *zap;
  struct frank_ledger *ledger;
  struct frank_replies *replies;
  int signal_fd;
  struct frank_waiters cancels, statuses;
  uint32_t questions;         /* about factors, that frankd has not answered */
  uint64_t cancels_of_nobody; /* sent to frankd for peers that lost their places */
  struct frank_door_counts counts, counts_told;
  uint64_t counts_due_us;
  uint64_t folder_due_us;
  uint64_t now_us; /* of this turn */
  bool draining;
  bool pong_due;
  struct frank_record_tag pong;
  bool closed; /* frankd is gone */
  struct frank_log_limit log_dropped, log_refused, log_lost, log_folder;
};

/* ---- reception.c ---- */

/* Reads messages while there are any, the channel (if it is open) has room for what they bring, and
 * not too many for one turn. */
void frank_reception_read(struct frank_door *door);
/* frankd is gone, or this door leaves after a fault of its own: answers `shutting-down` to all who
 * wait. */
void frank_reception_end(struct frank_door *door);
/* Sends a reply; what becomes of it is logged. `body` stays the caller's. */
void frank_reception_send(struct frank_door *door, struct frank_peer *peer,
                          const struct frank_reply_head *head, zmq_msg_t *body);
/* Answers a request of the ledger, which forgets it. */
void frank_reception_answer(struct frank_door *door, struct frank_asked *asked, bool ok,
                            const char *body, size_t len_bytes);
struct frank_reply_head frank_reception_head(const struct frank_asked *asked, bool ok);

/* ---- records.c ---- */

/* Reads what frankd sent; sets door->closed when it is gone. False when there may be more. */
bool frank_records_read(struct frank_door *door);
/* Asks frankd for its status, once for all who wait. What cannot be sent now is tried in the next
 * turn. */
void frank_records_ask(struct frank_door *door);

#endif
