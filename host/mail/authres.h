/*
 * authres: Authentication-Results (RFC 8601), read. (frank_judge_field writes ours.)
 *
 * Reading serves two questions: does this field claim to be ours, and what does a filter that ran
 * before us say of DKIM? Comments, folds, quoted strings, and a version after the authserv-id are
 * read as the grammar of section 2.2 has them. A field that breaks the grammar can still claim to
 * be ours: what is removed is decided by how a reader in a hurry would take it. Pure; no
 * allocation.
 */
#ifndef FRANK_MAIL_AUTHRES_H
#define FRANK_MAIL_AUTHRES_H

#include "base/err.h"
#include "mail/message.h"
#include "proof/taglist.h"

#include <stdbool.h>
#include <stddef.h>

#define FRANK_AUTHRES_FIELD       "Authentication-Results"
#define FRANK_AUTHRES_METHOD      "x-msmr"
#define FRANK_AUTHRES_RESULTS_MAX 64  /* results of one field that frank_authres_dkim looks at */
#define FRANK_AUTHRES_ID_BYTES    256 /* an authserv-id with its NUL */

/* One "method=result" with the properties that we look at; views into the value, comments and
 * quotes taken off (escapes within quotes stay). text NULL where absent. A property that stands
 * twice is taken for absent: a filter repeats what a stranger's signature says, and that may have
 * been made to look like another property. */
struct frank_authres_result {
  struct frank_view method;   /* "dkim" */
  struct frank_view version;  /* of the method: "1" in "dkim/1"; usually absent */
  struct frank_view result;   /* "pass" */
  struct frank_view header_b; /* header.b= (RFC 6008), its quotes taken off */
  struct frank_view header_d;
  struct frank_view header_s;
  struct frank_view header_a;
};

/* True where the field's authserv-id is `id` (any case), or may be taken for it: comments before
 * or within it, quotes round it, a version or a root's dot behind it, a character that the grammar
 * does not have behind it, no results; without what is not ASCII, in both. Where a comment or a
 * quoted string does not end, `id` anywhere will do. */
bool frank_authres_is_of(struct frank_view value, const char *id);

/* True where a field of that authserv-id (frank_authres_is_of) is to be removed before ours is
 * added: it says anything of x-msmr, in any case, with a version or comments in between; or its
 * grammar is broken, or its id by the grammar is another, and the word x-msmr stands somewhere in
 * it. However many results it has. Where x-msmr is just what another method's comment, reason or
 * property holds the field stays. An encoded word (RFC 2047) in the place of an authserv-id is
 * taken for ours, and for x-msmr where it breaks the grammar of a field that is ours. */
bool frank_authres_is_forged(struct frank_view value, const char *id);

/* The next result. *cursor starts at 0 and belongs to the caller. False at the end, and at the
 * first place that breaks the grammar (what came before it counts). A value without quotes may hold
 * what the grammar would have in quotes, as most filters write it; a ';' too many is passed over.
 */
bool frank_authres_next(struct frank_view value, size_t *cursor,
                        struct frank_authres_result *result);

/* What the topmost Authentication-Results of authserv-id `id` that has a dkim result says of a
 * signature by its b= text: the result of method dkim whose header.b (8 characters at least, or all
 * of a shorter one) is how `b` begins. To be believed the field must have that id by the grammar,
 * and no other version than 1; what only looks like ours (frank_authres_is_of) is passed over. */
enum frank_dkim_said {
  FRANK_DKIM_SAID_NOTHING, /* no such field, or it does not speak of this signature */
  FRANK_DKIM_SAID_PASS,
  FRANK_DKIM_SAID_TEMPERROR,
  FRANK_DKIM_SAID_OTHER, /* fail, policy, neutral, permerror, none */
  FRANK_DKIM_SAID_COUNT
};
/* Where several results speak of the signature the worst of them counts: two signatures can begin
 * alike, and only one of them may have passed. */
enum frank_dkim_said frank_authres_dkim(const struct frank_message *message, const char *id,
                                        const char *b, size_t b_len);

/* True for a text that is an authserv-id without quotes: a host name or another RFC 2045 token,
 * FRANK_AUTHRES_ID_BYTES at most. */
bool frank_authres_is_id(const char *text);

#endif
