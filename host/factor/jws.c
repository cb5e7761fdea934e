#include "factor/jws.h"

#include "base/json_text.h"
#include "factor/json.h"
#include "factor/why.h"
#include "proof/taglist.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_BYTES 64
#define TIME_MAX        INT64_C(253402300799)

/* ---- base64url (RFC 4648, section 5; RFC 7515, section 2: without padding) ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* `out` has room for len_bytes * 4 / 3 + 3 characters and a NUL. */
static size_t encode(const uint8_t *bytes, size_t len_bytes, char *out)
{
  size_t at = 0;
  for (size_t i = 0; i < len_bytes; i += 3) {
    size_t left = len_bytes - i;
    uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                    (left > 2 ? bytes[i + 2] : 0);
    out[at++] = alphabet[word >> 18];
    out[at++] = alphabet[word >> 12 & 63];
    if (left > 1) {
      out[at++] = alphabet[word >> 6 & 63];
    }
    if (left > 2) {
      out[at++] = alphabet[word & 63];
    }
  }
  out[at] = '\0';
  return at;
}

static int sextet(char c, bool also_plain)
{
  if (also_plain && (c == '+' || c == '/')) {
    return c == '+' ? 62 : 63;
  }
  const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
  return at ? (int)(at - alphabet) : -1;
}

/* Only what encode would give back is taken; `also_plain`: '+' and '/' too. `out` has room for
 * len_bytes * 3 / 4 bytes. */
static bool decode(const char *text, size_t len_bytes, bool also_plain, uint8_t *out,
                   size_t *out_len)
{
  uint32_t bits = 0;
  unsigned count = 0;
  *out_len = 0;
  if (len_bytes % 4 == 1) {
    return false;
  }
  for (size_t i = 0; i < len_bytes; i++) {
    int value = sextet(text[i], also_plain);
    if (value < 0) {
      return false;
    }
    bits = (bits << 6 | (uint32_t)value) & 0xffffU;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[(*out_len)++] = (uint8_t)(bits >> count);
    }
  }
  return (bits & ((1U << count) - 1)) == 0;
}

/* ---- keys ---- */

/* Points of small order, by their y: what such a "key" has signed says nothing. */
static const uint8_t small_order[][FRANK_JWS_KEY_BYTES] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool is_small_order(const uint8_t bytes[FRANK_JWS_KEY_BYTES])
{
  for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++) {
    if (memcmp(bytes, small_order[i], FRANK_JWS_KEY_BYTES - 1) == 0 &&
        (bytes[FRANK_JWS_KEY_BYTES - 1] & 0x7f) == small_order[i][FRANK_JWS_KEY_BYTES - 1]) {
      return true;
    }
  }
  return false;
}

/* RFC 7638, section 3, with the members that RFC 8037, section 2 asks for. */
static enum frank_err thumbprint(struct frank_jws_key *key)
{
  char x[FRANK_JWS_KEY_BYTES * 4 / 3 + 4];
  char text[96];
  uint8_t digest[EVP_MAX_MD_SIZE];
  encode(key->bytes, sizeof key->bytes, x);
  int len = snprintf(text, sizeof text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
  if (EVP_Digest(text, (size_t)len, digest, NULL, EVP_sha256(), NULL) != 1) {
    return FRANK_ERR_NOMEM;
  }
  encode(digest, 32, key->id);
  return FRANK_OK;
}

enum frank_err frank_jws_key_init(const uint8_t bytes[FRANK_JWS_KEY_BYTES],
                                  struct frank_jws_key *key)
{
  if (is_small_order(bytes)) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(key->bytes, bytes, FRANK_JWS_KEY_BYTES);
  return thumbprint(key);
}

enum frank_err frank_jws_key_parse(const char *text, size_t len_bytes, struct frank_jws_key *key)
{
  uint8_t bytes[FRANK_JWS_KEY_BYTES + 1];
  size_t len = 0;
  if (len_bytes == FRANK_JWS_KEY_TEXT_BYTES - 1 && text[len_bytes - 1] == '=') {
    len_bytes--;
  }
  if (len_bytes != FRANK_JWS_KEY_ID_BYTES - 1 || !decode(text, len_bytes, true, bytes, &len) ||
      len != FRANK_JWS_KEY_BYTES) {
    return FRANK_ERR_MALFORMED;
  }
  return frank_jws_key_init(bytes, key);
}

void frank_jws_key_format(const struct frank_jws_key *key, char out[FRANK_JWS_KEY_TEXT_BYTES])
{
  size_t len = encode(key->bytes, sizeof key->bytes, out);
  for (size_t i = 0; i < len; i++) {
    out[i] = (char)(out[i] == '-' ? '+' : out[i] == '_' ? '/' : out[i]);
  }
  out[len] = '=';
  out[len + 1] = '\0';
}

const struct frank_jws_key *frank_jws_key_find(const struct frank_jws_keys *keys, const char *id)
{
  for (uint32_t i = 0; i < keys->count; i++) {
    if (strcmp(keys->list[i].id, id) == 0) {
      return &keys->list[i];
    }
  }
  return NULL;
}

enum frank_err frank_jws_public(const uint8_t seed[FRANK_JWS_KEY_BYTES], struct frank_jws_key *key)
{
  size_t len = sizeof key->bytes;
  EVP_PKEY *secret =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, FRANK_JWS_KEY_BYTES);
  bool done = secret && EVP_PKEY_get_raw_public_key(secret, key->bytes, &len) == 1;
  EVP_PKEY_free(secret);
  return done ? thumbprint(key) : FRANK_ERR_NOMEM;
}

enum frank_err frank_jws_generate(uint8_t seed[FRANK_JWS_KEY_BYTES], struct frank_jws_key *key)
{
  return RAND_priv_bytes(seed, FRANK_JWS_KEY_BYTES) == 1 ? frank_jws_public(seed, key)
                                                         : FRANK_ERR_IO;
}

/* ---- signing ---- */

enum frank_err frank_jws_sign(const uint8_t seed[FRANK_JWS_KEY_BYTES], const char *type,
                              const void *payload, size_t len_bytes, char *out, size_t out_size,
                              size_t *out_len)
{
  struct frank_jws_key key;
  char header[256];
  struct frank_json_text json;
  enum frank_err err = frank_jws_public(seed, &key);
  if (err != FRANK_OK) {
    return err;
  }
  frank_json_text_begin(&json, header, sizeof header);
  frank_json_text_string(&json, "alg", "EdDSA", strlen("EdDSA"));
  frank_json_text_string(&json, "kid", key.id, strlen(key.id));
  if (type) {
    frank_json_text_string(&json, "typ", type, strlen(type));
  }
  size_t header_len = frank_json_text_end(&json);
  assert(header_len > 0);
  if ((header_len + len_bytes + SIGNATURE_BYTES) * 4 / 3 + 16 > out_size) {
    return FRANK_ERR_TOO_LONG;
  }
  size_t at = encode((const uint8_t *)header, header_len, out);
  out[at++] = '.';
  at += encode(payload, len_bytes, out + at);
  uint8_t signature[SIGNATURE_BYTES];
  size_t signature_len = sizeof signature;
  EVP_PKEY *secret =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, FRANK_JWS_KEY_BYTES);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool done = secret && context && EVP_DigestSignInit(context, NULL, NULL, NULL, secret) == 1 &&
              EVP_DigestSign(context, signature, &signature_len, (const uint8_t *)out, at) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(secret);
  if (!done) {
    return FRANK_ERR_NOMEM;
  }
  out[at++] = '.';
  at += encode(signature, signature_len, out + at);
  *out_len = at;
  return FRANK_OK;
}

/* ---- checking ---- */

/* The three parts of a compact JWS; the signed text is from the first to the end of the second. */
struct parts {
  const char *text[3];
  size_t len_bytes[3];
};

static bool split(const char *text, size_t len_bytes, struct parts *parts)
{
  while (len_bytes > 0 && frank_is_white(text[len_bytes - 1])) {
    len_bytes--;
  }
  while (len_bytes > 0 && frank_is_white(text[0])) {
    text++;
    len_bytes--;
  }
  for (int i = 0; i < 3; i++) {
    const char *dot = i < 2 ? memchr(text, '.', len_bytes) : text + len_bytes;
    if (!dot) {
      return false;
    }
    parts->text[i] = text;
    parts->len_bytes[i] = (size_t)(dot - text);
    if (i < 2) {
      len_bytes -= parts->len_bytes[i] + 1;
      text = dot + 1;
    }
  }
  return true;
}

/* A decoded part with a NUL behind it; NULL: no memory, or (*malformed) no base64url. */
static char *decode_part(const struct parts *parts, int i, size_t *len_bytes, bool *malformed)
{
  char *bytes = malloc(parts->len_bytes[i] + 1);
  *malformed = false;
  if (bytes && !decode(parts->text[i], parts->len_bytes[i], false, (uint8_t *)bytes, len_bytes)) {
    *malformed = true;
    free(bytes);
    return NULL;
  }
  if (bytes) {
    bytes[*len_bytes] = '\0';
  }
  return bytes;
}

/* What the header asks for; *id is "" where it names no key. */
static enum frank_err read_header(const char *text, size_t len_bytes, const char *type,
                                  char id[FRANK_JWS_KEY_ID_BYTES], char *why)
{
  json_t *root = NULL;
  enum frank_err err = frank_factor_json_load(text, len_bytes, "the JWS header", &root, why);
  if (err != FRANK_OK) {
    return err;
  }
  const json_t *alg = json_object_get(root, "alg");
  const json_t *kid = json_object_get(root, "kid");
  const json_t *typ = json_object_get(root, "typ");
  id[0] = '\0';
  if (!json_is_string(alg)) {
    err = frank_factor_fail(FRANK_ERR_MALFORMED, why, "the JWS header names no alg");
  } else if (strcmp(json_string_value(alg), "EdDSA") != 0) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why, "the JWS has alg \"%.32s\", not EdDSA",
                            json_string_value(alg));
  } else if (json_object_get(root, "crit")) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why,
                            "the JWS header has crit: extensions are not known");
  } else if (json_object_get(root, "b64")) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why,
                            "the JWS header has b64: RFC 7797 is not known");
  } else if (typ && type && (!json_is_string(typ) || strcmp(json_string_value(typ), type) != 0)) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why, "the JWS is a \"%.32s\", not \"%s\"",
                            json_is_string(typ) ? json_string_value(typ) : "?", type);
  } else if (kid && (!json_is_string(kid) || json_string_length(kid) >= FRANK_JWS_KEY_ID_BYTES)) {
    err = frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "the kid of the JWS header is no thumbprint");
  } else if (kid) {
    memcpy(id, json_string_value(kid), json_string_length(kid) + 1);
  }
  json_decref(root);
  return err;
}

/* FRANK_OK right, FRANK_ERR_DENIED wrong, FRANK_ERR_NOMEM. */
static enum frank_err check(const struct frank_jws_key *key, const struct parts *parts,
                            const uint8_t *signature)
{
  size_t signed_len = parts->len_bytes[0] + 1 + parts->len_bytes[1];
  EVP_PKEY *public =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool ready = public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1;
  bool right = ready && EVP_DigestVerify(context, signature, SIGNATURE_BYTES,
                                         (const uint8_t *)parts->text[0], signed_len) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(public);
  return !ready ? FRANK_ERR_NOMEM : right ? FRANK_OK : FRANK_ERR_DENIED;
}

static enum frank_err check_all(const struct frank_jws_keys *keys, const char *id,
                                const struct parts *parts, const uint8_t *signature,
                                const struct frank_jws_key **by, char *why)
{
  if (id[0] != '\0' && !frank_jws_key_find(keys, id)) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "signed by key %s, which is not trusted",
                             id);
  }
  for (uint32_t i = 0; i < keys->count; i++) {
    if (id[0] != '\0' && strcmp(id, keys->list[i].id) != 0) {
      continue;
    }
    enum frank_err err = check(&keys->list[i], parts, signature);
    if (err == FRANK_OK) {
      *by = &keys->list[i];
    }
    if (err != FRANK_ERR_DENIED) {
      return err == FRANK_OK ? err : frank_factor_fail(err, why, "no memory to check a signature");
    }
  }
  return id[0] != '\0'
             ? frank_factor_fail(FRANK_ERR_DENIED, why, "the signature is wrong for key %s", id)
             : frank_factor_fail(FRANK_ERR_NOT_FOUND, why,
                                 "no trusted key has signed it (it names none)");
}

enum frank_err frank_jws_verify(const char *text, size_t len_bytes, const char *type,
                                const struct frank_jws_keys *keys, char **payload,
                                size_t *payload_len, const struct frank_jws_key **by, char *why)
{
  struct parts parts;
  char id[FRANK_JWS_KEY_ID_BYTES];
  char *decoded[3] = {NULL, NULL, NULL};
  size_t len[3] = {0, 0, 0};
  enum frank_err err = FRANK_OK;
  why[0] = '\0';
  *payload = NULL;
  if (len_bytes > FRANK_FACTOR_BODY_MAX_BYTES) {
    return frank_factor_fail(FRANK_ERR_TOO_LONG, why, "a JWS of %zu bytes, above %d", len_bytes,
                             FRANK_FACTOR_BODY_MAX_BYTES);
  }
  if (!split(text, len_bytes, &parts)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why,
                             "not signed: no compact JWS (three parts, two dots)");
  }
  static const char *const names[3] = {"header", "payload", "signature"};
  for (int i = 0; i < 3 && err == FRANK_OK; i++) {
    bool malformed = false;
    decoded[i] = decode_part(&parts, i, &len[i], &malformed);
    if (malformed) {
      err = frank_factor_fail(FRANK_ERR_MALFORMED, why, "the %s of the JWS is no base64url",
                              names[i]);
    } else if (!decoded[i]) {
      err = frank_factor_fail(FRANK_ERR_NOMEM, why, "no memory for a JWS of %zu bytes", len_bytes);
    }
  }
  if (err == FRANK_OK && len[2] != SIGNATURE_BYTES) {
    err = frank_factor_fail(FRANK_ERR_MALFORMED, why,
                            "the signature of the JWS has %zu bytes, not %d", len[2],
                            SIGNATURE_BYTES);
  }
  if (err == FRANK_OK) {
    err = read_header(decoded[0], len[0], type, id, why);
  }
  if (err == FRANK_OK) {
    err = check_all(keys, id, &parts, (const uint8_t *)decoded[2], by, why);
  }
  if (err == FRANK_OK) {
    *payload = decoded[1];
    *payload_len = len[1];
    decoded[1] = NULL;
  }
  for (int i = 0; i < 3; i++) {
    free(decoded[i]);
  }
  return err;
}

/* ---- sets of keys ---- */

/* FRANK_ERR_UNSUPPORTED: another kind of key, to be passed over. */
static enum frank_err take_jwk(const json_t *jwk, struct frank_jws_key *key, char *why)
{
  const char *kty = json_string_value(json_object_get(jwk, "kty"));
  const char *crv = json_string_value(json_object_get(jwk, "crv"));
  const char *use = json_string_value(json_object_get(jwk, "use"));
  const json_t *x = json_object_get(jwk, "x");
  const json_t *kid = json_object_get(jwk, "kid");
  if (!kty || strcmp(kty, "OKP") != 0 || !crv || strcmp(crv, "Ed25519") != 0 ||
      (use && strcmp(use, "sig") != 0)) {
    return FRANK_ERR_UNSUPPORTED;
  }
  uint8_t bytes[FRANK_JWS_KEY_BYTES + 1];
  size_t len = 0;
  if (!json_is_string(x) || json_string_length(x) != FRANK_JWS_KEY_ID_BYTES - 1 ||
      !decode(json_string_value(x), json_string_length(x), false, bytes, &len) ||
      len != FRANK_JWS_KEY_BYTES) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why,
                             "the x of a key is not 32 bytes in base64url");
  }
  enum frank_err err = frank_jws_key_init(bytes, key);
  if (err != FRANK_OK) {
    return frank_factor_fail(err, why, "%s",
                             err == FRANK_ERR_MALFORMED ? "a key is of small order"
                                                        : "no memory for a key");
  }
  if (kid && (!json_is_string(kid) || strcmp(json_string_value(kid), key->id) != 0)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "the kid of key %s is not its thumbprint",
                             key->id);
  }
  return FRANK_OK;
}

static enum frank_err take_jwks(const json_t *list, struct frank_jws_keys *keys, char *why)
{
  size_t i = 0;
  const json_t *jwk = NULL;
  json_array_foreach(list, i, jwk)
  {
    struct frank_jws_key key;
    enum frank_err err = take_jwk(jwk, &key, why);
    if (err == FRANK_ERR_UNSUPPORTED || (err == FRANK_OK && frank_jws_key_find(keys, key.id))) {
      continue;
    }
    if (err != FRANK_OK) {
      return err;
    }
    if (keys->count == FRANK_JWS_KEYS_MAX) {
      return frank_factor_fail(FRANK_ERR_FULL, why, "a set of more than %d keys",
                               FRANK_JWS_KEYS_MAX);
    }
    keys->list[keys->count++] = key;
  }
  return keys->count > 0
             ? FRANK_OK
             : frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "a set without an Ed25519 key");
}

enum frank_err frank_jws_keys_parse(const char *text, size_t len_bytes, struct frank_jws_keys *keys,
                                    char *why)
{
  json_t *root = NULL;
  memset(keys, 0, sizeof *keys);
  why[0] = '\0';
  enum frank_err err = frank_factor_json_load(text, len_bytes, "the set of keys", &root, why);
  if (err != FRANK_OK) {
    return err;
  }
  const json_t *issued = json_object_get(root, "issued");
  const json_t *list = json_object_get(root, "keys");
  if (!json_is_array(list)) {
    err = frank_factor_fail(FRANK_ERR_MALFORMED, why, "the set of keys has no list \"keys\"");
  } else if (issued && (!json_is_integer(issued) || json_integer_value(issued) < 0 ||
                        json_integer_value(issued) > TIME_MAX)) {
    err = frank_factor_fail(FRANK_ERR_MALFORMED, why,
                            "the set of keys has an \"issued\" that is no time");
  } else {
    keys->issued_s = issued ? json_integer_value(issued) : 0;
    err = take_jwks(list, keys, why);
  }
  json_decref(root);
  return err;
}

size_t frank_jws_keys_format(const struct frank_jws_keys *keys, char out[FRANK_JWS_KEYS_TEXT_BYTES])
{
  size_t at = 0;
  int len = snprintf(out, FRANK_JWS_KEYS_TEXT_BYTES, "{\"issued\":%" PRId64 ",\"keys\":[",
                     keys->issued_s);
  at += (size_t)len;
  for (uint32_t i = 0; i < keys->count && i < FRANK_JWS_KEYS_MAX; i++) {
    char x[FRANK_JWS_KEY_BYTES * 4 / 3 + 4];
    encode(keys->list[i].bytes, FRANK_JWS_KEY_BYTES, x);
    len = snprintf(out + at, FRANK_JWS_KEYS_TEXT_BYTES - at,
                   "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"kid\":\"%s\","
                   "\"use\":\"sig\",\"alg\":\"EdDSA\"}",
                   i > 0 ? "," : "", x, keys->list[i].id);
    at += (size_t)len;
    assert(at < FRANK_JWS_KEYS_TEXT_BYTES); /* 8 times 160 characters */
  }
  len = snprintf(out + at, FRANK_JWS_KEYS_TEXT_BYTES - at, "]}");
  return at + (size_t)len;
}
