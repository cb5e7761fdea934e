/*
 * factor_file: a file that holds a scaling factor in decimal digits, read again when it changes.
 */
#ifndef FRANK_FACTOR_FACTOR_FILE_H
#define FRANK_FACTOR_FACTOR_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* What the file looked like when it was last looked at. Zero-initialised. */
struct frank_factor_file {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec changed;
};

/* True when the file at `path` is not the one last looked at (gone counts, once). */
bool frank_factor_file_changed(struct frank_factor_file *file, const char *path);

/* Reads the factor: digits, white space around them allowed, nothing else. `why` names the file.
 * FRANK_ERR_IO, FRANK_ERR_MALFORMED, FRANK_ERR_RANGE. */
FRANK_MUST_CHECK enum frank_err frank_factor_file_read(struct frank_factor_file *file,
                                                       const char *path, uint64_t *factor,
                                                       char *why, size_t why_size);

#endif
