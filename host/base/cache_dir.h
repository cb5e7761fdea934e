/*
 * cache_dir: the folder for what a program may keep between its runs and can make anew.
 */
#ifndef FRANK_BASE_CACHE_DIR_H
#define FRANK_BASE_CACHE_DIR_H

#include "base/err.h"

#include <stddef.h>

#define FRANK_CACHE_DIR_BYTES 256 /* what our messages have room for, the NUL included */

/* The name of the folder, from the environment alone; whether there is one is not looked at. The
 * first of these that is set to an absolute path:
 *
 *     $CACHE_DIRECTORY         its first entry: systemd's, for a unit with CacheDirectory=
 *     $XDG_CACHE_HOME/frank    XDG Base Directory Specification, which has relative ones ignored
 *     $HOME/.cache/frank
 *
 * FRANK_ERR_NOT_FOUND: none is. FRANK_ERR_TOO_LONG: it does not fit in out_size bytes, and no
 * other is tried, for that would be a surprise. `out` is empty then. */
FRANK_MUST_CHECK enum frank_err frank_cache_dir(char *out, size_t out_size);

#endif
