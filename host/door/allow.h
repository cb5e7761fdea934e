/*
 * allow: the list of clients that a door with CURVE lets in: a folder of public key files, each
 * named as its client. Re-read while the door runs.
 *
 * A client keeps its place in the list as long as its file is there, so that its connections keep
 * their budget over a re-read. `generation` tells connections that were let in by another key than
 * today's: place and generation together are the user id that ZAP gives a connection. A key that
 * is taken away and put back is the same key, and its connections count again.
 *
 * Owner: the door. Lifetime: from new to destroy.
 */
#ifndef FRANK_DOOR_ALLOW_H
#define FRANK_DOOR_ALLOW_H

#include "base/err.h"
#include "door/ledger.h"
#include "mint/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_ALLOW_CLIENTS_MAX   1024
#define FRANK_ALLOW_USER_ID_BYTES 24

struct frank_allow_client {
  char name[FRANK_CLIENT_NAME_BYTES];
  uint8_t key[32];
  uint32_t generation;
  bool live;
  bool seen; /* during a re-read */
  bool kept; /* its file could not be read the last time, and the key from before still counts */
  struct frank_budget budget;
};

struct frank_allow;

/* Reads `dir` (which must outlive the list). FRANK_ERR_NOT_FOUND, FRANK_ERR_DENIED, FRANK_ERR_IO,
 * FRANK_ERR_NOMEM; `why` (256 bytes) names the path. FRANK_ERR_DENIED also where everybody can
 * write to the folder, who could then let themselves in. Files that hold no key are logged and
 * passed over, as are names that begin with a dot or end with a tilde, clients beyond
 * FRANK_ALLOW_CLIENTS_MAX, and a key that another file holds already. */
FRANK_MUST_CHECK enum frank_err frank_allow_new(const char *dir, struct frank_allow **out,
                                                char *why);
void frank_allow_destroy(struct frank_allow **allow);

/* Reads the folder again. On an error the list stays as it is. Errors as above. A file that is
 * there but cannot be read or holds no key (now, while somebody writes it, say) takes nothing away
 * from a client that it let in before, and makes the list stale, so that it is tried again. */
FRANK_MUST_CHECK enum frank_err frank_allow_reload(struct frank_allow *allow, char *why);

/* True when the folder has changed since it was read last, or a file in it could not be used. */
bool frank_allow_is_stale(const struct frank_allow *allow);

size_t frank_allow_count(const struct frank_allow *allow);

/* The client with this public key, its user id written to `user_id`; NULL: nobody. */
const struct frank_allow_client *frank_allow_by_key(const struct frank_allow *allow,
                                                    const uint8_t key[32],
                                                    char user_id[FRANK_ALLOW_USER_ID_BYTES]);

/* The client of a user id; NULL when its key has been taken away since. */
struct frank_allow_client *frank_allow_by_user_id(struct frank_allow *allow, const char *user_id);

#endif
