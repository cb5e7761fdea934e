/*
 * taglist: DKIM's list of tags, "v=1; a=rsa-sha256; ..." (RFC 6376 section 3.2), read and written.
 *
 * Tag names are case-sensitive and stand once; white space is SP, HTAB, CR and LF and no other,
 * whether or not it makes a proper fold (files reach us with their line ends changed); one ';' may
 * come last. Views point into the text that was read. Pure; no allocation.
 */
#ifndef FRANK_PROOF_TAGLIST_H
#define FRANK_PROOF_TAGLIST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define FRANK_TAGS_MAX 64 /* tags in one list; a signature has about 15 */

/* Bytes that belong to somebody else. Not terminated by a NUL. */
struct frank_view {
  const char *text; /* NULL where what it stands for is absent */
  size_t len_bytes;
};

struct frank_tag {
  struct frank_view name;
  struct frank_view value; /* outer white space trimmed, inner kept; never NULL, may be empty */
};

struct frank_taglist {
  struct frank_tag tags[FRANK_TAGS_MAX]; /* in the order of the text */
  size_t count;
};

/* SP, HTAB, CR, LF. Not isspace(): the locale and VT, FF have no say here. */
bool frank_is_white(char c);

/* Reads a whole list. FRANK_ERR_MALFORMED: empty, a character that the grammar does not have, a
 * duplicate, more than FRANK_TAGS_MAX tags; *why gets a static text. */
FRANK_MUST_CHECK enum frank_err frank_taglist_parse(const char *text, size_t len_bytes,
                                                    struct frank_taglist *list, const char **why);

/* The value of the tag `name`; a view with text NULL where it is absent. */
struct frank_view frank_taglist_get(const struct frank_taglist *list, const char *name);

/* Appends "name=value" to the list in `out`, with ';' and `separator` (white space or nothing)
 * before it where *len_bytes is not 0. *len_bytes grows, `out` gets a NUL. FRANK_ERR_MALFORMED: the
 * name, the value or the separator would not be read back; FRANK_ERR_TOO_LONG: not in size_bytes.
 * After an error nothing has changed. It does not look for duplicates. */
FRANK_MUST_CHECK enum frank_err frank_taglist_append(char *out, size_t size_bytes,
                                                     size_t *len_bytes, const char *separator,
                                                     const struct frank_tag *tag);

/* True where the view holds exactly this text. */
bool frank_view_is(struct frank_view view, const char *text);

#endif
