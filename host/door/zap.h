/*
 * zap: the authentication handler of a door with CURVE (ZeroMQ RFC 27): lets in the clients of the
 * allow-list and refuses everything else, other mechanisms included.
 *
 * libzmq asks by a REP socket of ours inside the process, polled by the door's one loop. It must be
 * bound before the door listens: without it libzmq would admit any key.
 */
#ifndef FRANK_DOOR_ZAP_H
#define FRANK_DOOR_ZAP_H

#include "base/err.h"
#include "door/allow.h"

#include <stdint.h>

#define FRANK_ZAP_DOMAIN "frank"

struct frank_zap;

/* `allow` must outlive the handler. FRANK_ERR_NOMEM, FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_zap_new(void *context, const struct frank_allow *allow,
                                              struct frank_zap **out);
void frank_zap_destroy(struct frank_zap **zap);

/* The socket to poll for reading. */
void *frank_zap_socket(const struct frank_zap *zap);
/* Answers the questions that are there. */
void frank_zap_read(struct frank_zap *zap, uint64_t now_us);

#endif
