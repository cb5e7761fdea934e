/*
 * ucl: a reader of the flat part of UCL, the language of rspamd's configuration files.
 *
 *     factor = 2m;                  # a comment
 *     http = "127.0.0.1:9600";      # and another
 *     devices = [ "cpu:0", "cpu:1" ]
 *
 * Debian 12 has no package of the UCL parser (its libucl-dev is UPX's compression library), so this
 * reads a strict subset itself: what it takes means the same to the full parser. Taken: `key =
 * value`, `key: value` and `key value`, ended by `;`, `,` or the line's end; bare and double-quoted
 * text; lists of such; both kinds of comments. Refused by name and line: sections, macros such as
 * .include (a configuration file runs nothing and reads no other file), here-documents.
 *
 * A pull reader: the caller asks for one item after the other. It allocates nothing; the text must
 * outlive it.
 */
#ifndef FRANK_BASE_UCL_H
#define FRANK_BASE_UCL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_UCL_KEY_BYTES  64
#define FRANK_UCL_TEXT_BYTES 1024
#define FRANK_UCL_WHY_BYTES  128

enum frank_ucl_kind {
  FRANK_UCL_VALUE,   /* key and its one value */
  FRANK_UCL_LIST,    /* key, and a list begins: its elements follow */
  FRANK_UCL_ELEMENT, /* the next element of that list */
};

struct frank_ucl_item {
  enum frank_ucl_kind kind;
  uint32_t line; /* 1 is the first; of the value where there is one */
  bool quoted;   /* the value stood in double quotes */
  char key[FRANK_UCL_KEY_BYTES];
  char text[FRANK_UCL_TEXT_BYTES]; /* the value, escapes resolved */
};

struct frank_ucl_reader {
  const char *at;
  const char *end;
  uint32_t line;
  bool in_list;
  char key[FRANK_UCL_KEY_BYTES];
  char why[FRANK_UCL_WHY_BYTES]; /* what was wrong, after an error; `line` says where */
};

/* Starts to read `len_bytes` of `text` (borrowed). */
void frank_ucl_init(struct frank_ucl_reader *reader, const char *text, size_t len_bytes);

/* The next item. FRANK_ERR_NOT_FOUND at the end of the text; FRANK_ERR_MALFORMED and
 * FRANK_ERR_UNSUPPORTED with reader->why and reader->line set: reading cannot go on. */
FRANK_MUST_CHECK enum frank_err frank_ucl_next(struct frank_ucl_reader *reader,
                                               struct frank_ucl_item *item);

#endif
