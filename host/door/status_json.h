/*
 * status_json: the status snapshot as JSON: the wire protocol's answer to `status`, and /status of
 * the HTTP service.
 *
 * Pure. Texts in the snapshot may hold any bytes (names come from drivers and clients): what is no
 * UTF-8 is written with question marks.
 */
#ifndef FRANK_DOOR_STATUS_JSON_H
#define FRANK_DOOR_STATUS_JSON_H

#include "base/err.h"
#include "mint/status.h"

#include <stdbool.h>
#include <stddef.h>

/* True when every count fits its array and every text has its NUL: to be asked once of a snapshot
 * that came through a channel. */
bool frank_status_is_sound(const struct frank_status *status);

/* One JSON object on one line, no newline; *text (malloc, the caller frees it) has *len_bytes bytes
 * and a NUL. `status` is sound. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_status_json(const struct frank_status *status, char **text,
                                                  size_t *len_bytes);

/* Why the service is not ready, in words ("no device is ready: cpu:0 is starting"); empty where
 * status->ready is set. */
void frank_status_why_not_ready(const struct frank_status *status, char *out, size_t out_size);

#endif
