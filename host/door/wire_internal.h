/*
 * wire_internal: what wire.c and wire_reply.c share.
 *
 * jansson 2.14 does not tell of every allocation that fails: its lexer goes on and loses a byte of
 * a string without a word. So its allocator is replaced by one that remembers.
 */
#ifndef FRANK_DOOR_WIRE_INTERNAL_H
#define FRANK_DOOR_WIRE_INTERNAL_H

#include <stdbool.h>

/* Before jansson is used: forgets failures. */
void frank_wire_json_begin(void);
/* After: what it made is not to be believed when an allocation has failed meanwhile. */
bool frank_wire_json_failed(void);

#endif
