/*
 * client_internal: what the parts of the client library share. Not installed.
 *
 *     client.c        the handle, and what callers call
 *     client_link.c   the connection: opening, breaking, asking again, timers
 *     client_reply.c  replies: reading them and checking every stamp
 *
 * One connection at a time, to the endpoint that answered last. When it breaks, or nothing comes
 * back, it is closed, which also drops what it has queued, the next endpoint in the ring is tried,
 * and everything in flight is asked again there under new ids.
 */
#ifndef FRANK_DOOR_CLIENT_INTERNAL_H
#define FRANK_DOOR_CLIENT_INTERNAL_H

#include "base/clock.h"
#include "door/client.h"
#include "door/keys.h"

#define FRANK_LINK_PROTOCOL       "frank/1"
#define FRANK_LINK_DEADLINE_BYTES 32 /* ,"deadline_ms":3600000} */
#define FRANK_LINK_PAUSE_FIRST_US (50 * FRANK_US_PER_MS)

enum frank_slot_kind { FRANK_SLOT_FREE, FRANK_SLOT_MINT, FRANK_SLOT_ASK };

/* One request in flight, or one whose reply waits to be fetched. */
struct frank_slot {
  enum frank_slot_kind kind;
  uint64_t id; /* the caller's name for it: use of the slot and place in the table */
  const char *verb;
  char *body; /* mint: an object without its deadline and its last brace */
  size_t body_len;
  struct frank_signature signature; /* what the stamp must belong to; b is ours, NULL: unknown */
  uint64_t factor;                  /* asked for; 0: the daemon's */
  uint64_t deadline_us;             /* monotonic; 0: none */
  uint64_t due_us;                  /* when to ask again */
  uint32_t tries;                   /* asked so often, and nothing came back */
  bool cancelled;
  bool done;
  /* done */
  struct frank_client_reply *reply; /* mint; NULL: there was no memory for it */
  bool ok;                          /* ask */
  char *text;                       /* ask; likewise */
  struct frank_slot *next_done;
};

enum frank_link_state { FRANK_LINK_NONE, FRANK_LINK_CONNECTING, FRANK_LINK_UP };

struct frank_client {
  char *endpoints[FRANK_CLIENT_ENDPOINTS_MAX];
  size_t endpoint_count;
  bool curve;
  char server_public[FRANK_KEY_TEXT_BYTES];
  char client_public[FRANK_KEY_TEXT_BYTES];
  char client_secret[FRANK_KEY_TEXT_BYTES];
  uint64_t retry_us;
  uint32_t tries_max;

  /* The connection. */
  void *context;
  void *socket;
  void *monitor;
  int epoll_fd;
  enum frank_link_state state;
  size_t current;         /* the endpoint */
  uint64_t link_serial;   /* names the monitor's address */
  uint64_t open_at_us;    /* FRANK_LINK_NONE: when to try again */
  uint64_t pause_us;      /* before the next round over all endpoints */
  size_t failures;        /* endpoints that failed since one worked */
  uint64_t counted_at_us; /* when failing to connect last counted as a try */
  uint64_t heard_us;      /* the last sign of life of the daemon */
  char trouble[160];      /* what went wrong last */

  /* The requests. */
  struct frank_slot *slots[FRANK_CLIENT_IN_FLIGHT_MAX]; /* allocated when first used */
  uint32_t slot_count;
  uint32_t free_list[FRANK_CLIENT_IN_FLIGHT_MAX];
  uint32_t free_count;
  uint32_t in_flight; /* slots not free */
  uint64_t serial;
  uint64_t due_us; /* no slot is due before */
  struct frank_slot *done_first, *done_last;
};

/* ---- client.c ---- */

/* NULL when nothing by that name is in flight. */
struct frank_slot *frank_slot_by_id(const struct frank_client *client, uint64_t id);
/* The request has ended: a mint's reply can be fetched. */
void frank_slot_done(struct frank_client *client, struct frank_slot *slot);

/* ---- client_link.c ---- */

/* Asks, where there is a connection, and sets when to ask again. */
void frank_link_send(struct frank_client *client, struct frank_slot *slot, uint64_t now_us);
/* Sends a message of four frames. False: no room. */
bool frank_link_send_frames(void *socket, const char *verb, const char *wire_id, const char *body,
                            size_t body_len);
/* The id that the latest try of a request has on the wire. */
#define FRANK_LINK_WIRE_ID_BYTES 48
void frank_link_wire_id(const struct frank_slot *slot, char text[FRANK_LINK_WIRE_ID_BYTES]);
/* Sets when a request is due, and the client's own next moment with it. */
void frank_link_set_due(struct frank_client *client, struct frank_slot *slot, uint64_t due_us);
/* Ends a mint request without a daemon's word. */
void frank_link_fail(struct frank_client *client, struct frank_slot *slot, const char *code,
                     const char *message);
/* Counts a try that came to nothing; false when it was the last, and the request has ended. */
bool frank_link_failed_try(struct frank_client *client, struct frank_slot *slot);
/* Opens the connection when it is time and something waits, and asks all of that. */
void frank_link_open(struct frank_client *client, uint64_t now_us);
/* Closes it for good, or because it is no good. */
void frank_link_close(struct frank_client *client);
void frank_link_break(struct frank_client *client, const char *trouble, uint64_t now_us);
/* Reads what came, runs what is due. */
void frank_link_work(struct frank_client *client, uint64_t now_us);

/* ---- client_reply.c ---- */

/* Reads one message; false when there is none. */
bool frank_reply_read(struct frank_client *client, uint64_t now_us);

#endif
