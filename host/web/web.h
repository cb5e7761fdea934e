/*
 * web: the HTTP service: health, status and metrics, for this host alone. The body of the program
 * frank-web.
 *
 * One thread, one loop: libmicrohttpd's epoll descriptor and the channel to frankd. It answers from
 * the snapshot that frankd sends every second, so a request costs frankd nothing. GET and HEAD
 * only; bodies are refused.
 *
 * frankd starts it as
 *
 *     frank-web --http ADDRESS:PORT [--log-level LEVEL]
 *
 * with its end of the channel at FRANK_CHILD_FD. It ignores SIGTERM and SIGINT, which a service
 * manager sends to every process of a service, so that /readyz can say "shutting down" during the
 * drain; it leaves when frankd closes the channel. Records: host/door/messages.h.
 */
#ifndef FRANK_WEB_WEB_H
#define FRANK_WEB_WEB_H

#include "base/chan.h"
#include "base/err.h"

#include <stdint.h>

#define FRANK_WEB_CONNECTIONS      256 /* more wait in the listen queue */
#define FRANK_WEB_CONNECTION_BYTES 8192
#define FRANK_WEB_IDLE_S           10                 /* without a byte, a connection is closed */
#define FRANK_WEB_REQUEST_US       UINT64_C(10000000) /* a request must be whole by then */
#define FRANK_WEB_MEMORY_BYTES     (UINT64_C(32) << 20)
#define FRANK_WEB_DESCRIPTORS      320
#define FRANK_WEB_WHY_BYTES        256

/* Listens on `listen` (a loopback "ADDRESS:PORT"; port 0: any free one), tells frankd READY, and
 * serves until the channel closes: FRANK_OK. On an error that ends it, it has told frankd FAILED,
 * and `why` (FRANK_WEB_WHY_BYTES) names the input: FRANK_ERR_MALFORMED and FRANK_ERR_RANGE (the
 * address, or a record of frankd), FRANK_ERR_DENIED (not a loopback address, or a port that needs
 * rights), FRANK_ERR_TAKEN (port in use), FRANK_ERR_IO, FRANK_ERR_NOMEM. `chan` stays the
 * caller's. */
FRANK_MUST_CHECK enum frank_err frank_web_run(const char *listen, struct frank_chan *chan,
                                              char *why);

#endif
