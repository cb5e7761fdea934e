/*
 * message: an RFC 5322 message that lies whole in memory, read as a list of header fields.
 *
 * It owns nothing: every view points into the caller's buffer, which must outlive it. Lines may end
 * in CRLF or LF; NUL bytes are ordinary bytes; an mbox "From " line may come first; the body may be
 * missing. As in Postfix and Sendmail, the header ends at the empty line or at the first line that
 * is neither a field nor the continuation of one. Names are compared in any case (RFC 5322, 1.2.2).
 * Every loop is bounded: the header's length, the number of fields, the fields that are looked at.
 *
 * Needs the C library and libfrank; frank_message_read alone allocates.
 */
#ifndef FRANK_MAIL_MESSAGE_H
#define FRANK_MAIL_MESSAGE_H

#include "base/err.h"
#include "proof/dkim.h"
#include "proof/msmr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_MESSAGE_MAX_BYTES        (UINT32_C(64) << 20) /* a sane bound for frank_message_read */
#define FRANK_MESSAGE_HEADER_MAX_BYTES (UINT32_C(1) << 20)  /* Postfix stops at 102400 */
#define FRANK_MESSAGE_FIELDS_MAX       4096
#define FRANK_MESSAGE_LOOKED_AT_MAX    64 /* DKIM-Signature fields that are parsed at all */

struct frank_message {
  const char *text;
  size_t len_bytes;
  size_t header_at;  /* where the first field starts: 0, or after the "From " line. A field that
                        is added in front is written here. */
  size_t header_end; /* just past the last field's line end (or end of text) */
  size_t body_at;    /* just past the empty line; len_bytes where there is no body */
  size_t field_count;
  const char *line_end; /* "\r\n" or "\n": that of the line at header_at; where it has none that of
                           the "From " line; "\n" where there is neither */
};

/* One header field; views and offsets into the message. */
struct frank_field {
  struct frank_view name;  /* white space before the colon left out */
  struct frank_view value; /* all after the colon, folds kept, without the last line end */
  size_t at, end;          /* the field's place in the text, its last line end included */
};

/* Finds the header and its end. FRANK_ERR_TOO_LONG: over FRANK_MESSAGE_HEADER_MAX_BYTES of header
 * or more than FRANK_MESSAGE_FIELDS_MAX fields; *why gets a static text. An empty text is a message
 * without fields. */
FRANK_MUST_CHECK enum frank_err frank_message_open(const char *text, size_t len_bytes,
                                                   struct frank_message *message, const char **why);

/* The next field from the top. *cursor starts at 0 and belongs to the caller. False at the end. */
bool frank_message_next(const struct frank_message *message, size_t *cursor,
                        struct frank_field *field);
/* The same, but only fields of this name, in any case. */
bool frank_message_next_named(const struct frank_message *message, const char *name, size_t *cursor,
                              struct frank_field *field);

/* Minting and verifying look at the same signatures: the first FRANK_MSMR_SIGNATURES_MAX usable
 * ones from the top, among the first FRANK_MESSAGE_LOOKED_AT_MAX DKIM-Signature fields. */

/* Minting: the first of those whose d= is `domain` (any case; NULL: any domain) and whose algorithm
 * is *alg (NULL: any). FRANK_ERR_NOT_FOUND: *why says whether there is none at all, none that is
 * wanted, or what is wrong with the first of those passed over. */
FRANK_MUST_CHECK enum frank_err frank_message_choose(const struct frank_message *message,
                                                     const char *domain, const enum frank_alg *alg,
                                                     struct frank_dkim *signature,
                                                     const char **why);

/* True where an MSMR-Key that verifying looks at binds to this signature and meets `factor`
 * (1..FRANK_FACTOR_MAX): such a message is left as it is. *judgement is that of the best key; its
 * indexes mean nothing. */
bool frank_message_has_stamp(const struct frank_message *message,
                             const struct frank_dkim *signature, uint64_t factor,
                             struct frank_judgement *judgement);

/* What verifying looks at: those signatures, and the first keys from the top. */
struct frank_proofs {
  struct frank_dkim signatures[FRANK_MSMR_SIGNATURES_MAX];
  size_t signature_count;
  struct frank_view keys[FRANK_MSMR_SIGNATURES_MAX]; /* values of MSMR-Key, as they stand */
  size_t key_count;
  size_t signature_fields; /* DKIM-Signature fields in the message, unusable ones included */
  size_t key_fields;       /* MSMR-Key fields in the message */
};

/* Collects them. A signature that is not usable is passed over as if absent. */
void frank_message_collect(const struct frank_message *message, struct frank_proofs *proofs);

/* Hash and factor of what was collected (frank_msmr_judge); the indexes in `out` are those of
 * proofs->keys and proofs->signatures. factor 0: it cannot be had now. */
void frank_proofs_judge(const struct frank_proofs *proofs, uint64_t factor,
                        struct frank_judgement *out);

/* Reads all of a file descriptor (blocking) into memory, `max_bytes` at most. The caller frees
 * *text with free(), after an error too: what had been read by then stands in *text and *len_bytes,
 * so that a filter can still pass the message on. FRANK_ERR_TOO_LONG (the bytes beyond may still be
 * in the descriptor; *len_bytes is then max_bytes + 1, all that was taken out of it),
 * FRANK_ERR_IO (errno says why), FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_message_read(int fd, size_t max_bytes, char **text,
                                                   size_t *len_bytes);

#endif
