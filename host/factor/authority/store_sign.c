/*
 * store_sign: the four texts that are served, signed with the key in force.
 */
#include "factor/authority/store_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* A set made later must not look older: a clock may go back. */
static enum frank_err keys_issued(struct frank_authority_store *store, int64_t now_s,
                                  int64_t *issued_s, char *why)
{
  enum frank_err err = store_meta_seconds(store, "keys_issued", issued_s, why);
  if (err == FRANK_ERR_NOT_FOUND) {
    *issued_s = 0;
    err = FRANK_OK;
  }
  *issued_s = *issued_s > now_s ? *issued_s : now_s;
  char text[32];
  (void)snprintf(text, sizeof text, "%lld", (long long)*issued_s);
  return err == FRANK_OK ? store_set_meta(store, "keys_issued", text, why) : err;
}

static enum frank_err make_keys(struct frank_authority_store *store, int64_t now_s,
                                struct frank_jws_keys *keys, char *why)
{
  struct frank_authority_key list[FRANK_JWS_KEYS_MAX];
  size_t count = 0;
  memset(keys, 0, sizeof *keys);
  enum frank_err err = store_keys_read(store, list, &count, why);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < count; i++) {
    keys->list[i] = list[i].key;
  }
  keys->count = (uint32_t)count;
  return keys_issued(store, now_s, &keys->issued_s, why);
}

enum frank_err store_sign(struct frank_authority_store *store,
                          const struct frank_factor_document *document, int64_t now_s, char *why)
{
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char text_jws[FRANK_JWS_TEXT_BYTES];
  char set[FRANK_JWS_KEYS_TEXT_BYTES];
  char set_jws[FRANK_JWS_TEXT_BYTES];
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  struct frank_jws_keys keys;
  size_t ignored = 0;
  enum frank_err err = make_keys(store, now_s, &keys, why);
  if (err == FRANK_OK) {
    err = store_key_seed(store, keys.list[0].id, seed, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  size_t text_len = frank_factor_document_format(document, text);
  size_t set_len = frank_jws_keys_format(&keys, set);
  err = frank_jws_sign(seed, FRANK_JWS_TYPE_FACTOR, text, text_len, text_jws, sizeof text_jws,
                       &ignored);
  if (err == FRANK_OK) {
    err =
        frank_jws_sign(seed, FRANK_JWS_TYPE_KEYS, set, set_len, set_jws, sizeof set_jws, &ignored);
  }
  OPENSSL_cleanse(seed, sizeof seed);
  if (err != FRANK_OK) {
    return store_refuse(store, err, why, "cannot sign: %s", frank_err_text(err));
  }
  return store_run(store, why,
                   "INSERT OR REPLACE INTO current (id, document, document_jws, keys, keys_jws) "
                   "VALUES (1, ?, ?, ?, ?)",
                   "tttt", text, text_jws, set, set_jws);
}
