#include "factor/trust.h"

#include "factor/why.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void frank_factor_trust_init(struct frank_factor_trust *trust, const struct frank_jws_key *key)
{
  memset(trust, 0, sizeof *trust);
  if (key) {
    trust->keys.list[0] = *key;
    trust->keys.count = 1;
  }
}

enum frank_err frank_factor_trust_take(struct frank_factor_trust *trust, const char *text,
                                       size_t len_bytes, int64_t now_s, bool *is_new, char *why)
{
  const struct frank_jws_key *by = NULL;
  struct frank_factor_document document;
  char *payload = NULL;
  enum frank_err err = FRANK_OK;
  why[0] = '\0';
  if (trust->keys.count > 0) {
    size_t payload_len = 0;
    err = frank_jws_verify(text, len_bytes, FRANK_JWS_TYPE_FACTOR, &trust->keys, &payload,
                           &payload_len, &by, why);
    if (err == FRANK_OK) {
      err = frank_factor_document_parse(payload, payload_len, &document, why);
    }
  } else {
    err = frank_factor_document_parse(text, len_bytes, &document, why);
  }
  free(payload);
  if (err == FRANK_OK) {
    err = frank_factor_document_check(&document, trust->has_last ? &trust->last : NULL, now_s, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  if (is_new) {
    *is_new = !trust->has_last || memcmp(&document, &trust->last, sizeof document) != 0;
  }
  trust->last = document;
  trust->has_last = true;
  memset(trust->key_id, 0, sizeof trust->key_id);
  if (by) {
    memcpy(trust->key_id, by->id, sizeof by->id);
  }
  return FRANK_OK;
}

enum frank_err frank_factor_trust_take_keys(struct frank_factor_trust *trust, const char *text,
                                            size_t len_bytes, char *why)
{
  const struct frank_jws_key *by = NULL;
  struct frank_jws_keys keys;
  char *payload = NULL;
  size_t payload_len = 0;
  if (trust->keys.count == 0) {
    return frank_factor_fail(FRANK_ERR_UNSUPPORTED, why,
                             "no key is trusted that could sign others");
  }
  enum frank_err err = frank_jws_verify(text, len_bytes, FRANK_JWS_TYPE_KEYS, &trust->keys,
                                        &payload, &payload_len, &by, why);
  if (err == FRANK_OK) {
    err = frank_jws_keys_parse(payload, payload_len, &keys, why);
  }
  free(payload);
  if (err == FRANK_OK && keys.issued_s < trust->keys.issued_s) {
    err = frank_factor_fail(FRANK_ERR_DENIED, why,
                            "a set of keys made at %" PRId64 ", before the last one, of %" PRId64,
                            keys.issued_s, trust->keys.issued_s);
  }
  if (err == FRANK_OK) {
    trust->keys = keys;
  }
  return err;
}

bool frank_factor_trust_is_good(const struct frank_factor_trust *trust, int64_t now_s)
{
  return trust->has_last && trust->last.expires_s > now_s;
}
