/*
 * json: a stranger's JSON, read with care: bounded in length and nesting before jansson recurses
 * into it, members that stand twice refused, and nothing believed of it when memory ended
 * meanwhile (base/json_memory.h).
 */
#ifndef FRANK_FACTOR_JSON_H
#define FRANK_FACTOR_JSON_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/* Reads len_bytes of text as an object, *root is the caller's to free. `what` ("a document") is
 * named in `why` (FRANK_FACTOR_WHY_BYTES). FRANK_ERR_TOO_LONG: above FRANK_FACTOR_BODY_MAX_BYTES;
 * FRANK_ERR_MALFORMED, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_factor_json_load(const char *text, size_t len_bytes,
                                                       const char *what, json_t **root, char *why);

#endif
