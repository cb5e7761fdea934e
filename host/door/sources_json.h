/*
 * sources_json: the sources of the factor as JSON, for `status`, /status and `factor` alike.
 */
#ifndef FRANK_DOOR_SOURCES_JSON_H
#define FRANK_DOOR_SOURCES_JSON_H

#include "mint/status.h"

#include <jansson.h>
#include <stdbool.h>

/* True when every text has its NUL and every number its range: to be asked once of what came
 * through a channel. */
bool frank_sources_are_sound(const struct frank_status_source *sources, uint32_t count);

/* An array with an object for each source, in their order. NULL: no memory. `sources` are sound. */
json_t *frank_sources_json(const struct frank_status_source *sources, uint32_t count);

/* "none", "secure", "bogus" (RFC 4035, section 4.3); `dnssec` is of a sound source or domain. */
const char *frank_dnssec_text(uint32_t dnssec);

#endif
