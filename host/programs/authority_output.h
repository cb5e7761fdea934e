/*
 * authority_output: how frank-authority's verbs tell their results and errors.
 */
#ifndef FRANK_PROGRAMS_AUTHORITY_OUTPUT_H
#define FRANK_PROGRAMS_AUTHORITY_OUTPUT_H

#include "base/err.h"
#include "programs/authority_config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define AUTHORITY_TIME_BYTES 32

/* One line of JSON on standard output; takes `record`. False: it could not be made (NULL too) or
 * written. */
bool authority_emit(json_t *record, bool is_final);
/* Tells an error on standard error, and with --json as the final record. Returns the exit status.
 */
int authority_fail(const struct authority_config *config, enum frank_err err, const char *why);
/* Ends the output; `done`: all of it was made. Returns the exit status. */
int authority_finish(bool done);
/* RFC 3339, in UTC. Returns out. */
const char *authority_time(int64_t at_s, char out[AUTHORITY_TIME_BYTES]);

#endif
