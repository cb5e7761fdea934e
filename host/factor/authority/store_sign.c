/*
 * store_sign: the four texts that are served, signed with the key in force.
 */
#include "factor/authority/store_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* Oldest first, so that the text of a set that is the same stays the same. */
static void add_in_order(struct frank_authority_key *list, size_t count,
                         const struct frank_authority_key *key)
{
  size_t at = count;
  while (at > 0 && (list[at - 1].created_s > key->created_s ||
                    (list[at - 1].created_s == key->created_s &&
                     strcmp(list[at - 1].key.id, key->key.id) > 0))) {
    list[at] = list[at - 1];
    at--;
  }
  list[at] = *key;
}

/* The set of all keys, and the one in force. */
static enum frank_err make_keys(struct frank_authority_store *store, struct frank_jws_keys *keys,
                                struct frank_jws_key *in_force, char *why)
{
  struct frank_authority_key list[FRANK_JWS_KEYS_MAX];
  struct frank_authority_key sorted[FRANK_JWS_KEYS_MAX];
  size_t count = 0;
  memset(keys, 0, sizeof *keys);
  enum frank_err err = store_keys_read(store, list, &count, why);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < count; i++) {
    add_in_order(sorted, i, &list[i]);
  }
  for (size_t i = 0; i < count; i++) {
    keys->list[i] = sorted[i].key;
  }
  keys->count = (uint32_t)count;
  *in_force = list[0].key;
  return store_meta_seconds(store, "keys_issued", &keys->issued_s, why);
}

enum frank_err store_sign(struct frank_authority_store *store,
                          const struct frank_factor_document *document, char *why)
{
  char text[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char text_jws[FRANK_JWS_TEXT_BYTES];
  char set[FRANK_JWS_KEYS_TEXT_BYTES];
  char set_jws[FRANK_JWS_TEXT_BYTES];
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  struct frank_jws_keys keys;
  size_t ignored = 0;
  struct frank_jws_key in_force;
  enum frank_err err = make_keys(store, &keys, &in_force, why);
  if (err == FRANK_OK) {
    err = store_key_seed(store, in_force.id, seed, why);
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
