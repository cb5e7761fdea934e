/*
 * jws: signed documents: compact JWS (RFC 7515) with alg EdDSA over Ed25519 (RFC 8037), and the
 * keys to check them by: JWK sets (RFC 7517), named by their SHA-256 thumbprint (RFC 7638).
 *
 * One algorithm, so nothing in a header can choose a weaker one. Blocking arithmetic by OpenSSL;
 * keeps no state.
 */
#ifndef FRANK_FACTOR_JWS_H
#define FRANK_FACTOR_JWS_H

#include "base/err.h"
#include "factor/document.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_JWS_KEY_BYTES       32 /* of a public key, and of the seed of a private one */
#define FRANK_JWS_KEY_ID_BYTES    44 /* 43 characters of base64url and the NUL */
#define FRANK_JWS_KEY_TEXT_BYTES  45 /* a public key in base64 with padding, and the NUL */
#define FRANK_JWS_KEYS_MAX        8
#define FRANK_JWS_KEYS_TEXT_BYTES 2048 /* of a key set that we write, with the NUL */
#define FRANK_JWS_TEXT_BYTES      4096 /* of a JWS that we write, with the NUL */

/* typ of the header: what the payload is. A signed set of keys is no document. */
#define FRANK_JWS_TYPE_FACTOR "msmr-factor+jws"
#define FRANK_JWS_TYPE_KEYS   "jwk-set+jws"

struct frank_jws_key {
  uint8_t bytes[FRANK_JWS_KEY_BYTES];
  char id[FRANK_JWS_KEY_ID_BYTES]; /* thumbprint: kid */
};

struct frank_jws_keys {
  struct frank_jws_key list[FRANK_JWS_KEYS_MAX];
  uint32_t count;
  int64_t issued_s; /* when the set was made; 0: not told */
};

/* The public key of 32 bytes, with its thumbprint. FRANK_ERR_MALFORMED: no point of the curve, or
 * one of small order. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_jws_key_init(const uint8_t bytes[FRANK_JWS_KEY_BYTES],
                                                   struct frank_jws_key *key);
/* The same of base64 or base64url text, with or without padding (k= in DNS, --factor-key).
 * FRANK_ERR_MALFORMED, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_jws_key_parse(const char *text, size_t len_bytes,
                                                    struct frank_jws_key *key);
/* In base64 with padding, as k= has it. */
void frank_jws_key_format(const struct frank_jws_key *key, char out[FRANK_JWS_KEY_TEXT_BYTES]);
/* NULL where the set has none by that id. */
const struct frank_jws_key *frank_jws_key_find(const struct frank_jws_keys *keys, const char *id);

/* A new private key: its seed and its public key. FRANK_ERR_IO: no random numbers;
 * FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_jws_generate(uint8_t seed[FRANK_JWS_KEY_BYTES],
                                                   struct frank_jws_key *key);
/* The public key of a seed. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_jws_public(const uint8_t seed[FRANK_JWS_KEY_BYTES],
                                                 struct frank_jws_key *key);

/* Signs len_bytes of payload: header {"alg":"EdDSA","kid":...,"typ":type}; `type`
 * (FRANK_JWS_TYPE_...) is left out where NULL. *out_len is without the NUL.
 * FRANK_ERR_TOO_LONG: it does not fit out_size; FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_jws_sign(const uint8_t seed[FRANK_JWS_KEY_BYTES],
                                               const char *type, const void *payload,
                                               size_t len_bytes, char *out, size_t out_size,
                                               size_t *out_len);

/* Checks a compact JWS of len_bytes (any bytes, FRANK_FACTOR_BODY_MAX_BYTES at most; white space
 * around it is left out) against `keys`, and gives its payload (*payload: malloc, the caller frees
 * it; a NUL follows *payload_len bytes) and the key that signed it (a view into keys). The header's
 * kid chooses the key; where it has none every key is tried. `type`: where the header names a typ,
 * it must be this one (NULL: any), so that a signed key set is no document.
 * FRANK_ERR_MALFORMED: not a JWS. FRANK_ERR_UNSUPPORTED: another alg, a crit header, another typ.
 * FRANK_ERR_NOT_FOUND: signed by a key that is not in the set. FRANK_ERR_DENIED: the signature is
 * wrong. FRANK_ERR_TOO_LONG, FRANK_ERR_NOMEM. `why` (FRANK_FACTOR_WHY_BYTES) says it in words. */
FRANK_MUST_CHECK enum frank_err frank_jws_verify(const char *text, size_t len_bytes,
                                                 const char *type,
                                                 const struct frank_jws_keys *keys, char **payload,
                                                 size_t *payload_len,
                                                 const struct frank_jws_key **by, char *why);

/* A JWK set: {"issued":...,"keys":[{"kty":"OKP","crv":"Ed25519","x":...,"kid":...,"use":"sig",
 * "alg":"EdDSA"}...]}. Keys of other kinds are passed over; kid, where there is one, must be the
 * thumbprint. FRANK_ERR_MALFORMED, FRANK_ERR_NOT_FOUND (no Ed25519 key in it), FRANK_ERR_FULL (more
 * than FRANK_JWS_KEYS_MAX), FRANK_ERR_TOO_LONG, FRANK_ERR_NOMEM; `why` as above. */
FRANK_MUST_CHECK enum frank_err frank_jws_keys_parse(const char *text, size_t len_bytes,
                                                     struct frank_jws_keys *keys, char *why);
/* Returns the length without the NUL. */
size_t frank_jws_keys_format(const struct frank_jws_keys *keys,
                             char out[FRANK_JWS_KEYS_TEXT_BYTES]);

#endif
