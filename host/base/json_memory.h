/*
 * json_memory: an allocator for jansson that remembers whether it ever had no memory.
 *
 * jansson 2.14 does not tell of every allocation that fails: its lexer goes on and loses a byte of
 * a long string without a word. So what it made is not to be believed when one has failed
 * meanwhile:
 *
 *     json_set_alloc_funcs(frank_json_memory_get, free);
 *     frank_json_memory_begin();
 *     ... json_loadb(...) ...
 *     if (frank_json_memory_failed()) ...
 *
 * One thread.
 */
#ifndef FRANK_BASE_JSON_MEMORY_H
#define FRANK_BASE_JSON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* malloc. */
void *frank_json_memory_get(size_t size_bytes);
/* Forgets failures. */
void frank_json_memory_begin(void);
/* True where an allocation has failed since begin. */
bool frank_json_memory_failed(void);

#endif
