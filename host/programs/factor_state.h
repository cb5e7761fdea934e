/*
 * factor_state: where `frank learn` and `frank factor --estimate` keep and find observations: the
 * folder of --state, or the environment's (base/dirs.h).
 */
#ifndef FRANK_PROGRAMS_FACTOR_STATE_H
#define FRANK_PROGRAMS_FACTOR_STATE_H

#include "programs/cmd.h"

#include <stdbool.h>

#define FRANK_STATE_PATH_BYTES 512

/* "FOLDER/FILE" into `path`; with `make` the folder is made where it is missing (0700, its parents
 * as the umask has it). Returns FRANK_EXIT_OK, or the exit status of what was told. */
int frank_state_path(struct frank_cmd_line *line, bool make, const char *file,
                     char path[FRANK_STATE_PATH_BYTES]);

#endif
