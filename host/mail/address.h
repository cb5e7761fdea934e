/*
 * address: the addresses in a To: or Cc: field, and of an envelope (RFC 5322 section 3.4, RFC 5321
 * section 4.1.2), so that the two can be compared.
 *
 *     Alice <alice@example.org>, "B, C" <b@x.example>, list: c@y.example, d@y.example;  (comment)
 *
 * Groups, comments, quoted local parts, obsolete routes and folds are read; what is not an address
 * is passed over and counted. Two addresses are the same where they are so without regard to the
 * case of ASCII letters (a local part's case matters to nobody in practice, and a signed To: is
 * often spelled otherwise than the envelope). Quotes that a local part does not need go:
 * "bob"@x is bob@x. Pure; no allocation; any bytes.
 */
#ifndef FRANK_MAIL_ADDRESS_H
#define FRANK_MAIL_ADDRESS_H

#include "base/err.h"
#include "proof/taglist.h"

#include <stdbool.h>
#include <stddef.h>

#define FRANK_ADDRESS_BYTES 321 /* 64 + '@' + 255 (RFC 5321 section 4.5.3.1) and the NUL */

/* An address by which others are found: lower-case ASCII, local part, '@', domain. */
struct frank_address_text {
  char text[FRANK_ADDRESS_BYTES];
};

/* Of an envelope: "<bob@x>", "bob@x", with SMTPUTF8 any bytes but controls. FRANK_ERR_MALFORMED: no
 * domain, empty (the null sender "<>" too), a control character; FRANK_ERR_TOO_LONG. */
FRANK_MUST_CHECK enum frank_err frank_address_of_envelope(const char *text, size_t len_bytes,
                                                          struct frank_address_text *out);

/* The next address of a field's value (folds kept). *cursor starts at 0 and belongs to the caller.
 * False at the end. What cannot be read as an address is passed over, and *passed_over (may be
 * NULL) counts it. Linear in the value's length over all calls. */
bool frank_address_next(struct frank_view value, size_t *cursor, struct frank_address_text *out,
                        size_t *passed_over);

/* The part after the last '@'; a view into it. */
struct frank_view frank_address_domain(const struct frank_address_text *address);

/* True where `pattern` names the address: all of it ("list@example.org"), its domain
 * ("example.org", "@example.org"), or a domain below that ("*.example.org"), in any case. */
bool frank_address_matches(const struct frank_address_text *address, const char *pattern);

#endif
