/*
 * dkim_keys: DKIM keys from a file, for tests: lines of "SELECTOR._domainkey.DOMAIN RECORD" as
 * OpenDKIM's TestPublicKeys has them; empty lines, and lines that begin with '#', are passed over.
 *
 * Read once; then nothing changes, so all threads may look.
 */
#ifndef FRANK_MAIL_DKIM_KEYS_H
#define FRANK_MAIL_DKIM_KEYS_H

#include "base/err.h"

#define FRANK_DKIM_KEYS_MAX       4096
#define FRANK_DKIM_KEYS_MAX_BYTES (1U << 20)

struct frank_dkim_keys;

/* FRANK_ERR_NOT_FOUND, FRANK_ERR_DENIED, FRANK_ERR_IO, FRANK_ERR_MALFORMED (a line),
 * FRANK_ERR_NOMEM, FRANK_ERR_TOO_LONG; `why` (FRANK_DKIM_WHY_BYTES) names file and line. */
FRANK_MUST_CHECK enum frank_err frank_dkim_keys_read(const char *path, struct frank_dkim_keys **out,
                                                     char *why);
void frank_dkim_keys_destroy(struct frank_dkim_keys **keys);

/* The record of a name, in any case; NULL where there is none. Lives as long as `keys`. */
const char *frank_dkim_keys_find(const struct frank_dkim_keys *keys, const char *name);

#endif
