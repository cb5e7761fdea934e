/*
 * lastgood: what is kept of a source on disk, so that a restart, or a source that is down, leaves
 * nobody without a factor: the keys that are trusted and the last good document.
 *
 * One file for a source, of lines of text that a person can read, the last of them the SHA-256 of
 * those before. It belongs to the text of the source and its configured key: for another text or
 * key it counts as absent. Nothing in the folder is believed unseen: what is not a plain file of
 * ours or root's that nobody else may write, or is not whole, is refused with a reason, and the
 * next write puts a sound one in its place.
 *
 * Written whole: a draft beside it, fsync, rename, fsync of the folder. So after a crash or a full
 * disk at any point there is the old state or the new one. Several processes may have a folder: one
 * of them writes at a time.
 *
 * Blocking (disk); keeps no state. Who may call it: the resolver's loop.
 */
#ifndef FRANK_FACTOR_RESOLVER_LASTGOOD_H
#define FRANK_FACTOR_RESOLVER_LASTGOOD_H

#include "base/err.h"
#include "factor/messages.h"
#include "factor/resolver/headers.h"
#include "factor/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_LASTGOOD_MAX_BYTES 8192 /* of a file */

struct frank_lastgood {
  struct frank_factor_trust trust;
  bool is_dns_only;
  int64_t confirmed_s;
  char url[FRANK_TXT_URL_BYTES]; /* of a domain's record; else the configured one */
  bool has_named_key;            /* of a domain's record */
  struct frank_jws_key named_key;
  char etag[FRANK_HEADERS_ETAG_BYTES];
};

/* Reads what folder `dir` keeps of the source `text` (as configured, its key included).
 * FRANK_ERR_NOT_FOUND: nothing, and nothing is wrong. FRANK_ERR_MALFORMED: damaged, or of another
 * version. FRANK_ERR_DENIED: a link or special file, somebody else's, or others may write it.
 * FRANK_ERR_IO, FRANK_ERR_NOMEM. `why` (FRANK_FACTOR_WHY_BYTES) names file and cause. */
FRANK_MUST_CHECK enum frank_err frank_lastgood_read(const char *dir, const char *text,
                                                    struct frank_lastgood *out, char *why);

/* Keeps it in place of what was there; makes the folder (mode 0700), not those above it. On an
 * error what was there is still there. FRANK_ERR_DENIED, FRANK_ERR_IO (a full disk, say),
 * FRANK_ERR_AGAIN (another process writes there for longer than half a second). */
FRANK_MUST_CHECK enum frank_err frank_lastgood_write(const char *dir, const char *text,
                                                     const struct frank_lastgood *kept, char *why);

#endif
