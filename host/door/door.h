/*
 * door: the ZeroMQ server of one endpoint. The body of the program frank-door.
 *
 * One ROUTER socket, one thread of ours, one channel to frankd. It checks what strangers send,
 * hands requests to frankd, and sends the answers back; frankd links no network library and never
 * sees a byte that was not checked here. libzmq can be made to eat memory or to abort, so a door
 * is a process with limits of its own: it dies, frankd starts it again, its clients ask again.
 *
 * frankd starts it as
 *
 *     frank-door --endpoint ENDPOINT [--mode OCTAL] [--secret FILE --clients DIR | --insecure]
 *                [--rate N] [--in-flight N] [--requests N] [--memory BYTES] [--descriptors N]
 *                [--log-level LEVEL]
 *
 * with its end of the channel at FRANK_CHILD_FD; `frank-door --help` says what each means. It
 * re-reads the folder of clients' keys on SIGHUP and when the folder changes. It ignores SIGTERM
 * and SIGINT, which a service manager sends to every process of a service: frankd still needs it
 * for the answers of the drain. It leaves when frankd closes the channel, after at most 7 s for
 * replies that their peers had no room for (2 s where none of them makes room, 800 ms for who asks
 * on and on where none is held), and FRANK_DOOR_LINGER_MS for those that are still on their way
 * (frankd waits that long: a child dies with its parent).
 *
 * Records: host/door/messages.h. Protocol: host/door/README.md.
 */
#ifndef FRANK_DOOR_DOOR_H
#define FRANK_DOOR_DOOR_H

#include "base/chan.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define FRANK_DOOR_LINGER_MS           1000
#define FRANK_DOOR_MODE_DEFAULT        0660
#define FRANK_DOOR_IN_FLIGHT_DEFAULT   10000
#define FRANK_DOOR_REQUESTS_DEFAULT    16384
#define FRANK_DOOR_REQUESTS_MAX        131072
#define FRANK_DOOR_MEMORY_DEFAULT      (UINT64_C(48) << 20)
#define FRANK_DOOR_MEMORY_MIN          (UINT64_C(16) << 20)
#define FRANK_DOOR_DESCRIPTORS_DEFAULT 1024
#define FRANK_DOOR_DESCRIPTORS_MIN     32
#define FRANK_DOOR_DESCRIPTORS_SPARE   512 /* between the pause and the process's limit */

struct frank_door_config {
  const char *endpoint;    /* "ipc:///path" or "tcp://ADDRESS:PORT"; port * or 0: any free one */
  uint32_t mode;           /* of the ipc socket's file */
  const char *secret_file; /* CURVE: the server's secret key; NULL: none */
  const char *clients_dir; /* CURVE: allowed public keys, a file for each, named as the client */
  bool insecure;           /* tcp without CURVE; taken for loopback addresses only */
  uint32_t rate;           /* requests per second and client; 0: no limit */
  uint32_t in_flight;      /* requests in flight per client, 1..FRANK_DOOR_REQUESTS_MAX */
  uint32_t requests;       /* requests in flight in all, 1..FRANK_DOOR_REQUESTS_MAX */
  uint32_t descriptors;    /* listening pauses while more are open; 0: do not count */
};
/* The defaults above; no endpoint. */
void frank_door_config_init(struct frank_door_config *config);

#define FRANK_DOOR_WHY_BYTES 256

/* Listens, tells frankd READY, and serves until the channel closes: FRANK_OK. On an error that
 * ends it, it has told frankd FAILED, and `why` (FRANK_DOOR_WHY_BYTES) names the input:
 * FRANK_ERR_MALFORMED (endpoint, key file), FRANK_ERR_TAKEN (a path or port in use),
 * FRANK_ERR_DENIED (tcp without CURVE, a secret that others can read), FRANK_ERR_NOT_FOUND,
 * FRANK_ERR_IO, FRANK_ERR_NOMEM. `chan` stays the caller's. */
FRANK_MUST_CHECK enum frank_err frank_door_run(const struct frank_door_config *config,
                                               struct frank_chan *chan, char *why);

#endif
