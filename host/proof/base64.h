/*
 * base64: canonical base64 (RFC 4648 section 4) and nothing else.
 *
 * Canonical: decoding and encoding gives the same text. So the length is a multiple of four, the
 * padding is there, its unused bits are 0, and no other character occurs. DKIM verifiers are not so
 * strict, and an MSMR stamp binds to the text: whoever could change the text without breaking the
 * signature could mint and replay at will. Pure; no allocation.
 */
#ifndef FRANK_PROOF_BASE64_H
#define FRANK_PROOF_BASE64_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes that `text_len` characters hold at most. */
#define FRANK_BASE64_DECODED_MAX(text_len) ((text_len) / 4 * 3)

/* Checks and decodes. `out` has FRANK_BASE64_DECODED_MAX(text_len) bytes, or is NULL to check only;
 * *out_len gets the length and may be NULL too. The empty text decodes to nothing.
 * FRANK_ERR_MALFORMED: not canonical base64; *why gets a static text. */
FRANK_MUST_CHECK enum frank_err frank_base64_decode(const char *text, size_t text_len, uint8_t *out,
                                                    size_t *out_len, const char **why);

#endif
