/*
 * json_text: writes JSON into a buffer of fixed size, fast: the replies of the door, the requests
 * of the client library and the documents of a factor are flat objects of a few members. And looks
 * over JSON text before it is parsed.
 *
 * Text goes in as UTF-8 and is escaped where RFC 8259 section 7 asks for it. What does not fit sets
 * `full`, after which nothing more is written. Owner: the caller, on its stack. Pure.
 */
#ifndef FRANK_BASE_JSON_TEXT_H
#define FRANK_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frank_json_text {
  char *text; /* the caller's; holds a NUL at len_bytes */
  size_t size_bytes;
  size_t len_bytes;
  bool full;
  bool open; /* the object has a member already */
};

/* Starts with "{". `size_bytes` is 2 or more (asserted). */
void frank_json_text_begin(struct frank_json_text *json, char *text, size_t size_bytes);
/* Ends with "}". Returns the length, 0 when it did not fit. */
size_t frank_json_text_end(struct frank_json_text *json);

/* One member each. `name` is a plain word. */
void frank_json_text_string(struct frank_json_text *json, const char *name, const char *text,
                            size_t len_bytes);
void frank_json_text_integer(struct frank_json_text *json, const char *name, uint64_t value);
void frank_json_text_bool(struct frank_json_text *json, const char *name, bool value);
/* A finite number with `decimals` (0..9) decimals. */
void frank_json_text_decimal(struct frank_json_text *json, const char *name, double value,
                             int decimals);
/* A value that is JSON already. */
void frank_json_text_raw(struct frank_json_text *json, const char *name, const char *value);

/* A walk over JSON text that knows strings from structure, and nothing more. It bounds the nesting
 * before a parser recurses into it, and finds the member that a syntax error belongs to. */
struct frank_json_walk {
  size_t depth_max; /* of objects and arrays */
  const char *key;  /* member of the outermost object that the text ends in, a view; NULL: none */
  size_t key_len;
};
/* Any bytes are taken, JSON or not. */
void frank_json_walk(const char *text, size_t len_bytes, struct frank_json_walk *walk);

#endif
