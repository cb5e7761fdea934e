/*
 * session: the server's side of the protocol, without its sockets: bytes of requests in, bytes of
 * answers out, a bus behind it.
 *
 * A session outlives its connection. A client whose line broke connects again, names its session,
 * and asks again what was not answered; what was done already is answered from what was kept, so
 * that nothing is done twice.
 */
#ifndef FRANK_DRIVER_SESSION_H
#define FRANK_DRIVER_SESSION_H

#include "bus.h"
#include "frame.h"

#define FRANK_BUS_SESSION_BYTES (FRANK_BUS_WINDOW * FRANK_BUS_FRAME_BYTES)

struct frank_bus_session {
  struct frank_bus *bus;
  bool known;    /* a client was here */
  uint32_t id;   /* its session */
  uint32_t next; /* the sequence number that comes next */
  uint32_t kept_count;
  uint8_t kept[FRANK_BUS_WINDOW][FRANK_BUS_FRAME_BYTES]; /* answer to sequence i at i % WINDOW */
  /* of the connection */
  uint8_t in[FRANK_BUS_SESSION_BYTES];
  size_t in_len;
  uint8_t out[FRANK_BUS_SESSION_BYTES];
  size_t out_len;
  /* a WAIT that goes on, in pieces that keep the server awake */
  bool waiting;
  struct frank_bus_frame wait;
  uint64_t wait_left_ns;
  uint64_t wait_until_ms;
  uint64_t piece_ns;
};

/* `bus` stays the caller's. */
void frank_bus_session_init(struct frank_bus_session *session, struct frank_bus *bus);

/* The answer to a HELLO, and whether it is one: protocol, session and first sequence number are
 * taken from it; a new connection begins. Not to be called where another client is to be kept. */
bool frank_bus_session_greet(struct frank_bus_session *session, const struct frank_bus_frame *hello,
                             uint8_t answer[FRANK_BUS_FRAME_BYTES]);

/* Does what the requests in `in` ask for, as far as `out` has room, and not for long: a WAIT is
 * answered in pieces, one each call, while `waiting` is set. False where the bytes are no requests,
 * or out of order: the connection is to be closed. */
bool frank_bus_session_run(struct frank_bus_session *session);

#endif
