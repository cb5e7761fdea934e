/*
 * txt: what a domain says in DNS of the factor: the TXT record at _msmr.<domain>.
 *
 *     v=MSMR1; f=16777216; u=https://msmr.example.org; k=<base64 Ed25519 key>; e=412
 *
 * A tag-list (RFC 6376, section 3.2); all but v are optional, tags that are not known are left
 * alone. Pure.
 */
#ifndef FRANK_FACTOR_TXT_H
#define FRANK_FACTOR_TXT_H

#include "base/err.h"
#include "factor/document.h"
#include "factor/jws.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_TXT_MAX_BYTES    2048 /* of a record, its strings joined */
#define FRANK_TXT_URL_BYTES    128  /* with the NUL */
#define FRANK_TXT_DOMAIN_BYTES 254  /* of a domain's name, with the NUL: RFC 1035, section 2.3.4 */

struct frank_txt {
  uint64_t factor;               /* f=; 0: not there */
  uint64_t epoch;                /* e=; 0: not there */
  char url[FRANK_TXT_URL_BYTES]; /* u=, without a last slash; "" not there */
  bool has_key;
  struct frank_jws_key key; /* k= */
};

/* True where the record (its strings joined) begins like one of ours: "v=MSMR1", then its end or
 * ";" (white space allowed). Others at the same name are none of our business. */
bool frank_txt_is_ours(const char *text, size_t len_bytes);

/* Reads one that is ours. FRANK_ERR_MALFORMED, FRANK_ERR_RANGE, FRANK_ERR_TOO_LONG; `why`
 * (FRANK_FACTOR_WHY_BYTES) names the tag. */
FRANK_MUST_CHECK enum frank_err frank_txt_parse(const char *text, size_t len_bytes,
                                                struct frank_txt *out, char *why);

/* The domain of `text` as DNS has it: lower case, no last dot. FRANK_ERR_MALFORMED: no host name in
 * ASCII letters, digits, hyphens and underscores with a dot in it (an address literal, a single
 * label); FRANK_ERR_TOO_LONG: "_msmr." before it makes more than 253. */
FRANK_MUST_CHECK enum frank_err frank_txt_domain(const char *text, size_t len_bytes,
                                                 char out[FRANK_TXT_DOMAIN_BYTES]);

/* The base of documents: https://HOST[:PORT][/PATH], or http:// where `allow_http` or the host is
 * 127.0.0.1, [::1] or localhost; no user, no query, no fragment, printable ASCII. Copied without a
 * last slash. FRANK_ERR_MALFORMED, FRANK_ERR_DENIED (http to elsewhere), FRANK_ERR_TOO_LONG. */
FRANK_MUST_CHECK enum frank_err frank_txt_url(const char *text, size_t len_bytes, bool allow_http,
                                              char out[FRANK_TXT_URL_BYTES]);

#endif
