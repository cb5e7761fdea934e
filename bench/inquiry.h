/*
 * inquiry: what a running frankd says of itself, asked for by a client.
 */
#ifndef FRANK_BENCH_INQUIRY_H
#define FRANK_BENCH_INQUIRY_H

#include "base/err.h"
#include "door/client.h"

#include <jansson.h>
#include <stddef.h>

/* Errors of all: FRANK_ERR_TIMEOUT, FRANK_ERR_MALFORMED, FRANK_ERR_DEVICE, FRANK_ERR_CLOSED (asked
 * to stop), ...; `why` has BENCH_WHY_BYTES. */

/* Checks that exactly `wanted` devices are ready, all by one code path, whose name is given back.
 */
FRANK_MUST_CHECK enum frank_err bench_inquiry_devices(const char *endpoint, size_t wanted,
                                                      char *variant, size_t variant_size,
                                                      char *why);
/* Waits until exactly `count` requests wait or run; *status (the caller's to decref) is of that
 * moment. */
FRANK_MUST_CHECK enum frank_err bench_inquiry_queued(struct frank_client *client, json_int_t count,
                                                     json_t **status, char *why);
/* A member's text; empty where it has none. */
const char *bench_inquiry_text(const json_t *object, const char *name);

#endif
