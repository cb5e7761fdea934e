/*
 * dirs: the folders that the environment gives a program, by name: whether there is one is not
 * looked at. `out` is empty on an error.
 *
 * FRANK_ERR_NOT_FOUND: the environment names none. FRANK_ERR_TOO_LONG: the first does not fit in
 * out_size bytes, and no other is tried, for that would be a surprise.
 */
#ifndef FRANK_BASE_DIRS_H
#define FRANK_BASE_DIRS_H

#include "base/err.h"

#include <stddef.h>

#define FRANK_DIR_BYTES 256 /* what our messages have room for, the NUL included */

/* For what can be made anew. The first of these that is set to an absolute path:
 *
 *     $CACHE_DIRECTORY         its first entry: systemd's, for a unit with CacheDirectory=
 *     $XDG_CACHE_HOME/frank    XDG Base Directory Specification, which has relative ones ignored
 *     $HOME/.cache/frank */
FRANK_MUST_CHECK enum frank_err frank_cache_dir(char *out, size_t out_size);

/* For what is to outlast a restart and cannot be made anew at will: likewise of
 *
 *     $STATE_DIRECTORY         its first entry, for a unit with StateDirectory=
 *     $XDG_STATE_HOME/frank
 *     $HOME/.local/state/frank */
FRANK_MUST_CHECK enum frank_err frank_state_dir(char *out, size_t out_size);

/* Makes the folders above `dir` that are missing (XDG Base Directory Specification: mode 0700), for
 * a folder that one of these two gave: in a new home there may be none. `dir` itself is for who
 * uses it to make. Whoever cannot use it will find out; nothing is told here. A name of
 * FRANK_DIR_BYTES or more makes nothing. */
void frank_dir_make_above(const char *dir);

#endif
