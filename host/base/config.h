/*
 * config: a program's configuration from one table of keys.
 *
 * Each key has a name, a type, a range, a default and a line of help, and says where in the
 * program's plain struct its value lives. Everything follows from the table: reading a UCL file
 * (base/ucl.h), command-line overrides, the commented dump, and what a reload may change.
 * Every value, defaults included, goes through the same check.
 *
 * Members by type:  BOOL bool · UINT, SIZE (bytes), DURATION (microseconds) uint64_t ·
 * ENUM uint32_t, index into `choices` · TEXT char[size] · LIST struct frank_config_list
 *
 * Pure but for frank_config_load (reads a file), frank_config_check_files (looks for files) and
 * frank_config_dump (writes a stream).
 */
#ifndef FRANK_BASE_CONFIG_H
#define FRANK_BASE_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FRANK_CONFIG_FILE_MAX_BYTES 262144
#define FRANK_CONFIG_WHY_BYTES      1024
#define FRANK_CONFIG_ITEM_BYTES     192
#define FRANK_CONFIG_LIST_MAX       128
#define FRANK_CONFIG_KEYS_MAX       64

enum frank_config_type {
  FRANK_CONFIG_BOOL,     /* true, yes, on; false, no, off */
  FRANK_CONFIG_UINT,     /* 10, 10k (thousand), 2m, 1g; 1kb is 1024, mb, gb */
  FRANK_CONFIG_SIZE,     /* bytes, the same suffixes */
  FRANK_CONFIG_DURATION, /* 50ms, 10s, 5min, 2h, 1d; a bare number is seconds; fractions */
  FRANK_CONFIG_ENUM,     /* one of `choices` */
  FRANK_CONFIG_TEXT,     /* a string that fits its member, without control characters */
  FRANK_CONFIG_MODE,     /* a file mode, three or four octal digits in a string: uint64_t */
  FRANK_CONFIG_LIST,     /* strings: [ "a", "b" ], one alone, or the key written several times */
};

struct frank_config_list {
  uint32_t count;
  char items[FRANK_CONFIG_LIST_MAX][FRANK_CONFIG_ITEM_BYTES];
};

/* A further check of a TEXT, or of each element of a LIST: NULL when it is fine, else what is
 * expected ("ADDRESS:PORT with a loopback address"). Static text. */
typedef const char *frank_config_check_fn(const char *text);

struct frank_config_key {
  const char *name;
  enum frank_config_type type;
  bool reloadable;    /* SIGHUP can change it */
  bool is_read;       /* TEXT: a file or folder that must be there to be read, where it is named */
  size_t offset;      /* of the member */
  size_t size;        /* of a TEXT member, with its NUL */
  uint64_t min, max;  /* UINT, SIZE, DURATION (us), MODE: the value; LIST: how many elements */
  const char *normal; /* the default, written as in a file; LIST: one element, or "" for none */
  const char *const *choices; /* ENUM: NULL-terminated */
  frank_config_check_fn *check;
  const char *help; /* one line */
};

struct frank_config_table {
  const char *program; /* named in the dump */
  const struct frank_config_key *keys;
  size_t key_count; /* FRANK_CONFIG_KEYS_MAX at most */
};

/* Sets every member in the table to its default. A default that does not pass its own key's check
 * is a programmer's error (asserted). */
void frank_config_defaults(const struct frank_config_table *table, void *values);

/* Reads the file at `path` over what `values` holds; on an error they may be partly changed.
 * A key written twice is refused, but for a LIST, which gathers its elements; the first mention of
 * a LIST in a file replaces what was there. `why` (FRANK_CONFIG_WHY_BYTES) gets
 * "PATH:LINE: ..." that names the key, and the nearest known key where it is not known.
 * FRANK_ERR_NOT_FOUND (no such file), FRANK_ERR_DENIED, FRANK_ERR_IO, FRANK_ERR_TOO_LONG,
 * FRANK_ERR_NOMEM; FRANK_ERR_MALFORMED, FRANK_ERR_UNSUPPORTED, FRANK_ERR_RANGE (contents). */
FRANK_MUST_CHECK enum frank_err frank_config_load(const struct frank_config_table *table,
                                                  const char *path, void *values, char *why);

/* The same of `len_bytes` of text in memory; `path` is only named. */
FRANK_MUST_CHECK enum frank_err frank_config_parse(const struct frank_config_table *table,
                                                   const char *path, const char *text,
                                                   size_t len_bytes, void *values, char *why);

/* Sets one key from a command-line flag's argument, by the same checks. `flag` ("--factor") is
 * named in `why`. With `append` a LIST keeps the elements that it has. The key must be in the
 * table (asserted). FRANK_ERR_MALFORMED, FRANK_ERR_RANGE. */
FRANK_MUST_CHECK enum frank_err frank_config_set(const struct frank_config_table *table,
                                                 const char *key, const char *flag,
                                                 const char *text, bool append, void *values,
                                                 char *why);

/* FRANK_ERR_IO where a key that `is_read` names what is not there, or what this process may not
 * read: `why` (FRANK_CONFIG_WHY_BYTES) gets "KEY: PATH: ...". With `reload` only those count that
 * a reload takes over. */
FRANK_MUST_CHECK enum frank_err frank_config_check_files(const struct frank_config_table *table,
                                                         const void *values, bool reload,
                                                         char *why);

/* Writes a commented UCL file that loads back to the same values; with `changed_only` just the
 * keys that differ from their defaults. FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_config_dump(const struct frank_config_table *table,
                                                  const void *values, bool changed_only, FILE *out);

/* Writes each key as an entry of a manual page in scdoc(5): name, help, type, range and default.
 * FRANK_ERR_IO, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_config_manual(const struct frank_config_table *table,
                                                    FILE *out);

/* One key's help, type, range and default, for `--help=KEY`. FRANK_ERR_NOT_FOUND with the nearest
 * key in `why`. */
FRANK_MUST_CHECK enum frank_err frank_config_explain(const struct frank_config_table *table,
                                                     const char *key, FILE *out, char *why);

/* Which keys differ between two sets of values: fills `changed` (FRANK_CONFIG_KEYS_MAX pointers) in
 * the table's order, returns how many. key->reloadable says whether one can be taken over. */
size_t frank_config_compare(const struct frank_config_table *table, const void *old_values,
                            const void *new_values, const struct frank_config_key **changed);

/* Copies one key's value from one set of values to another. */
void frank_config_copy(const struct frank_config_key *key, const void *from, void *to);

#endif
