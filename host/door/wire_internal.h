/*
 * wire_internal: what wire.c, wire_recipients.c and wire_reply.c share.
 */
#ifndef FRANK_DOOR_WIRE_INTERNAL_H
#define FRANK_DOOR_WIRE_INTERNAL_H

#include "base/err.h"
#include "door/wire.h"

#include <jansson.h>
#include <stdbool.h>

/* Before jansson is used: its memory comes from base/json_memory.h, which forgets failures. */
void frank_wire_json_begin(void);

/* A member's value that is of no use: the fault names and shows it. FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_wire_refuse_value(const json_t *value, const char *name,
                                                        const char *what,
                                                        struct frank_wire_fault *fault);

/* ---- wire_recipients.c ---- */

/* Checks a list of recipients (NULL: there is none). `set`, where given, gets the distinct
 * lower-cased domains as keys. FRANK_ERR_MALFORMED, FRANK_ERR_NOMEM, with the fault. */
FRANK_MUST_CHECK enum frank_err frank_wire_take_recipients(const json_t *value, json_t *set,
                                                           struct frank_wire_fault *fault);
/* The distinct domains of the recipients, one after another, each with its NUL; the caller frees
 * *domains (NULL where there are none). Errors as above. */
FRANK_MUST_CHECK enum frank_err frank_wire_take_domains(const json_t *value, char **domains,
                                                        size_t *len_bytes, size_t *count,
                                                        struct frank_wire_fault *fault);

#endif
