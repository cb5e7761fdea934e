/*
 * metrics: the status snapshot in Prometheus' text format (exposition format 0.0.4).
 *
 * Names begin with frank_, units are base units, counters end in _total. README.md of this folder
 * lists them. Pure.
 */
#ifndef FRANK_WEB_METRICS_H
#define FRANK_WEB_METRICS_H

#include "base/err.h"
#include "mint/status.h"

#include <stddef.h>

/* *text (malloc, the caller frees it) has *len_bytes bytes and a NUL. `status` is sound
 * (frank_status_is_sound). FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_metrics_text(const struct frank_status *status, char **text,
                                                   size_t *len_bytes);

#endif
