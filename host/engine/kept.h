/*
 * kept: a folder of files that an engine can make anew, and would rather not: compiled kernels,
 * what tuning has found.
 *
 * A file is made for a key, a hash of all that its content depends on (the device, its driver, our
 * source); asked for another key it counts as absent. Nothing in the folder is believed unseen:
 * what is not a plain file of ours or root's that nobody else may write, or is not whole, is
 * refused with a reason, and the next write puts a sound one in its place.
 *
 * Any number of processes may read and write one file at the same time: a reader finds the old or
 * the new one, never a part of either.
 *
 * Blocking; keeps no state. Who may call it: engines, while they open a device.
 */
#ifndef FRANK_ENGINE_KEPT_H
#define FRANK_ENGINE_KEPT_H

#include "base/err.h"
#include "proof/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_KEPT_NAME_MAX_BYTES 64 /* of a file's name, without the NUL */

/* In a file before the data: 8 bytes of magic and version, 32 of the key, 8 of the data's length
 * (least significant first), 32 of its SHA-256. */
#define FRANK_KEPT_HEAD_BYTES 80

/* Reads the file `name` of the folder `dir`, made for `key`. `name` is a plain file name of the
 * caller's own making, 1..FRANK_KEPT_NAME_MAX_BYTES, no slash, not "." or ".." (asserted).
 * On FRANK_OK *data is the caller's to free, and holds *len_bytes, at most `max_bytes`.
 * FRANK_ERR_NOT_FOUND: there is none, or it was made for another key or by another version of
 * this module; nothing is wrong. FRANK_ERR_MALFORMED: it is cut, longer than it says, longer than
 * max_bytes, or damaged. FRANK_ERR_DENIED: it is a link, a pipe or another special file, belongs
 * to somebody else, may be written by others, or may not be read. FRANK_ERR_IO, FRANK_ERR_NOMEM.
 * `why` (FRANK_ENGINE_WHY_BYTES) names file and cause; it is empty with FRANK_OK and
 * FRANK_ERR_NOT_FOUND. */
FRANK_MUST_CHECK enum frank_err frank_kept_read(const char *dir, const char *name,
                                                const struct frank_hash *key, size_t max_bytes,
                                                uint8_t **data, size_t *len_bytes, char *why);

/* Keeps `len_bytes` of `data` for `key` in place of what was there. Makes the folder (mode 0700)
 * and its parents where they are missing. It need not outlast a power cut: a file that is not
 * whole is refused by the reader.
 * FRANK_ERR_DENIED: the folder may not be made or written. FRANK_ERR_TOO_LONG: its name is.
 * FRANK_ERR_FULL: many are writing this file just now; later may help. FRANK_ERR_IO: anything
 * else, such as a full disk or a file where the folder should be. What was kept before stays then.
 * `why` (FRANK_ENGINE_WHY_BYTES) names file and cause; it is empty with FRANK_OK. */
FRANK_MUST_CHECK enum frank_err frank_kept_write(const char *dir, const char *name,
                                                 const struct frank_hash *key, const void *data,
                                                 size_t len_bytes, char *why);

#endif
