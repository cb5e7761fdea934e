/*
 * dkim: what Frank reads of a DKIM-Signature value (RFC 6376 section 3.5, RFC 8463).
 *
 * It does not verify the signature. Views point into the value that was parsed. Pure.
 */
#ifndef FRANK_PROOF_DKIM_H
#define FRANK_PROOF_DKIM_H

#include "base/err.h"
#include "proof/msmr.h"
#include "proof/taglist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_DKIM_FIELD "DKIM-Signature"

struct frank_dkim {
  enum frank_alg alg;
  char b[FRANK_B_MAX_BYTES + 1]; /* normalised, NUL */
  size_t b_len;
  struct frank_view d, s, h; /* as they stand, outer white space trimmed; NULL where absent */
  bool has_t, has_x;         /* false where the tag is absent or its value is not a number */
  bool has_l; /* the tag is there, whatever it says: libopendkim takes what is no number for
                 0, and then the body is unsigned */
  bool is_l_number;
  uint64_t l_bytes, t_s, x_s; /* body length; signing and expiry time, seconds since 1970; a number
                                 that does not fit is UINT64_MAX (the RFC lets x= be "infinite") */
};

/* Reads a whole value (after the colon; folds allowed). A signature that comes back FRANK_OK is
 * usable: a= is ours, b= is canonical base64. Bounds of ours, beyond which no signer goes: 64 KiB,
 * FRANK_TAGS_MAX tags; a longer value is not usable. FRANK_ERR_MALFORMED, FRANK_ERR_UNSUPPORTED (a=
 * or v= not ours), FRANK_ERR_TOO_LONG; *why gets a static text that names the tag. */
FRANK_MUST_CHECK enum frank_err frank_dkim_parse(const char *value, size_t len_bytes,
                                                 struct frank_dkim *out, const char **why);

#endif
