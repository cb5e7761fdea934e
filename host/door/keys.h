/*
 * keys: CURVE key files: one key per file, Z85 text (40 characters, ZeroMQ RFC 32) and a line end.
 *
 * `frank keygen DIR` makes
 *
 *     DIR/server.secret  DIR/server.public    the daemon's pair
 *     DIR/client.secret  DIR/client.public    a first client's pair
 *
 * A daemon needs server.secret and a folder of allowed clients: any number of files, each named as
 * the client and holding its public key (`mkdir clients; cp client.public clients/mail1`). A
 * client needs a folder with client.secret and server.public.
 */
#ifndef FRANK_DOOR_KEYS_H
#define FRANK_DOOR_KEYS_H

#include "base/err.h"

#include <stdbool.h>

#define FRANK_KEY_BYTES      32
#define FRANK_KEY_TEXT_BYTES 41 /* Z85 text and NUL */
#define FRANK_KEYS_WHY_BYTES 256

#define FRANK_KEY_SERVER_SECRET "server.secret"
#define FRANK_KEY_SERVER_PUBLIC "server.public"
#define FRANK_KEY_CLIENT_SECRET "client.secret"
#define FRANK_KEY_CLIENT_PUBLIC "client.public"

/* Makes the four files in `dir`, and `dir` itself (mode 0700) where it is not there. Secrets have
 * mode 0600 from the first moment, public keys 0644; each file appears whole or not at all. An
 * existing key is never overwritten: FRANK_ERR_TAKEN, and nothing was made. FRANK_ERR_NOT_FOUND
 * (the folder above), FRANK_ERR_DENIED, FRANK_ERR_IO, FRANK_ERR_TOO_LONG; FRANK_ERR_UNSUPPORTED: a
 * libzmq without CURVE. `why` (FRANK_KEYS_WHY_BYTES) names the path. */
FRANK_MUST_CHECK enum frank_err frank_keys_generate(const char *dir, char *why);

/* Reads the key file `path`. A secret one must not be readable by everybody, nor be
 * writable by others than its owner (FRANK_ERR_DENIED). FRANK_ERR_NOT_FOUND, FRANK_ERR_MALFORMED,
 * FRANK_ERR_DENIED, FRANK_ERR_IO; `why` as above. */
FRANK_MUST_CHECK enum frank_err frank_keys_read(const char *path, bool secret,
                                                char key[FRANK_KEY_TEXT_BYTES], char *why);

/* The same for the file `name` in the folder `dir`. FRANK_ERR_TOO_LONG too. */
FRANK_MUST_CHECK enum frank_err frank_keys_read_in(const char *dir, const char *name, bool secret,
                                                   char key[FRANK_KEY_TEXT_BYTES], char *why);

#endif
