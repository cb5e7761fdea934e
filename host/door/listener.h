/*
 * listener: the endpoint of a door: checked, locked, bound, and bound again when descriptors ran
 * out.
 *
 * ipc: libzmq unlinks whatever file is at the path and binds over it, so a second daemon would
 * steal the socket of a live one. A lock on PATH.lock, held as long as the process lives, and a
 * trial connection say whether the path is free; the lock file stays behind, for to remove it would
 * open a gap. The socket's file gets its mode by umask, so that it is never wider.
 *
 * At the descriptor limit libzmq's tcp listener accepts, fails and is told again at once: it spins;
 * its ipc listener aborts the process. So when too many descriptors are open, or accept has failed,
 * the endpoint is unbound for FRANK_LISTENER_PAUSE_US. Unbinding also closes the connections that
 * came in by it; clients connect again by themselves.
 *
 * Owner: the door. Lifetime: from new to destroy.
 */
#ifndef FRANK_DOOR_LISTENER_H
#define FRANK_DOOR_LISTENER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define FRANK_LISTENER_PAUSE_US       UINT64_C(1000000)
#define FRANK_LISTENER_ENDPOINT_BYTES 128
#define FRANK_LISTENER_WHY_BYTES      256

enum frank_endpoint_kind { FRANK_ENDPOINT_IPC, FRANK_ENDPOINT_TCP };

/* What kind of endpoint a daemon may listen at, and whether only this machine can reach it.
 * FRANK_ERR_MALFORMED, FRANK_ERR_TOO_LONG; `why` (FRANK_LISTENER_WHY_BYTES) names the endpoint. */
FRANK_MUST_CHECK enum frank_err frank_endpoint_check(const char *endpoint,
                                                     enum frank_endpoint_kind *kind, bool *loopback,
                                                     char *why);

struct frank_listener;

struct frank_listener_config {
  const char *endpoint;
  uint32_t mode;        /* of an ipc socket's file */
  uint32_t descriptors; /* pause when more are open, well below the limit; 0: do not count */
};

/* Binds `router` to the endpoint. FRANK_ERR_TAKEN (the path or port is in
 * use, or a file that is no socket is at the path), FRANK_ERR_NOT_FOUND (no such folder or
 * address), FRANK_ERR_DENIED, FRANK_ERR_IO, FRANK_ERR_NOMEM, and those of frank_endpoint_check. */
FRANK_MUST_CHECK enum frank_err frank_listener_new(void *context, void *router,
                                                   const struct frank_listener_config *config,
                                                   struct frank_listener **out, char *why);
/* Stops watching; before the router is closed. Idempotent. */
void frank_listener_close(struct frank_listener *listener);
/* Takes an ipc socket's file away and lets go of the lock; after the context has ended, for only
 * then libzmq has nothing more to do there. */
void frank_listener_destroy(struct frank_listener **listener);

/* The endpoint as bound, a free port filled in. */
const char *frank_listener_endpoint(const struct frank_listener *listener);

/* The socket to poll for reading: libzmq's events. */
void *frank_listener_monitor(const struct frank_listener *listener);
/* Reads the events that are there. */
void frank_listener_read(struct frank_listener *listener, uint64_t now_us);
/* Binds again when it is time. Call at frank_listener_next_due_us at the latest. */
void frank_listener_tick(struct frank_listener *listener, uint64_t now_us);
uint64_t frank_listener_next_due_us(const struct frank_listener *listener);

#endif
