/*
 * remote: talking to a running frankd, for the commands that take --connect.
 */
#ifndef FRANK_PROGRAMS_REMOTE_H
#define FRANK_PROGRAMS_REMOTE_H

#include "base/err.h"
#include "door/client.h"
#include "programs/cmd.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What went wrong, for people and for JSON. */
struct frank_remote_error {
  int status; /* enum frank_exit */
  char code[32];
  char message[384];
};

/* A client for the endpoints of --connect (or the default one) and the keys of --keys. */
FRANK_MUST_CHECK enum frank_err frank_remote_open(const struct frank_cmd_line *line,
                                                  struct frank_client **client,
                                                  struct frank_remote_error *error);

/* True where the default endpoint is asked (no --connect) and nobody listens there, or none of us
 * may ask: *why says it as the system does. Asking would only wait for it. */
bool frank_remote_is_absent(const struct frank_cmd_line *line, const char **why);

/* Asks `verb` with `body` (an object, stolen; NULL: none). *reply is the caller's; without --json
 * its texts (not the names of members) are fit for a terminal. error->code is "timeout",
 * "bad-reply", or frankd's own. */
FRANK_MUST_CHECK enum frank_err frank_remote_ask(const struct frank_cmd_line *line,
                                                 struct frank_client *client, const char *verb,
                                                 json_t *body, int timeout_ms, json_t **reply,
                                                 struct frank_remote_error *error);

/* The exit status of an error code of the protocol. */
int frank_remote_exit(const char *code);

/* Members of a reply, with a default where they are absent or of another type. */
const char *frank_remote_text(const json_t *object, const char *member, const char *otherwise);
double frank_remote_number(const json_t *object, const char *member, double otherwise);

#endif
