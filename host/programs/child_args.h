/*
 * child_args: the command lines of frankd's children, from the configuration.
 */
#ifndef FRANK_PROGRAMS_CHILD_ARGS_H
#define FRANK_PROGRAMS_CHILD_ARGS_H

#include "programs/frankd_config.h"

#include <stddef.h>

#define CHILD_ARGS_MAX  48
#define CHILD_ARG_BYTES 320

/* Zero-initialised; argv is NULL-terminated and points into text, so it must not be copied. */
struct frankd_child_args {
  char text[CHILD_ARGS_MAX][CHILD_ARG_BYTES];
  char *argv[CHILD_ARGS_MAX + 1];
  size_t count;
};

/* argv of `program` ("frank-door") at `endpoint`; NULL for the others, which have none. */
void frankd_child_args_make(const struct frankd_config *config, const char *program,
                            const char *endpoint, struct frankd_child_args *args);

#endif
