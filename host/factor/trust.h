/*
 * trust: what a client believes of one source: the keys that may sign for it, and the last good
 * document. All rules of taking a document are here, apart from the network.
 *
 * Without a key the source's documents are plain JSON, believed for where they came from. With one,
 * only signed ones are. New keys are taken only from a set that a trusted key has signed, and that
 * is not older than the last one. Pure, but for the memory of a parse. Owner: who follows the
 * source.
 */
#ifndef FRANK_FACTOR_TRUST_H
#define FRANK_FACTOR_TRUST_H

#include "base/err.h"
#include "factor/document.h"
#include "factor/jws.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frank_factor_trust {
  struct frank_jws_keys keys; /* count 0: unsigned documents are taken */
  bool has_last;
  struct frank_factor_document last;   /* good when it was taken; it may have expired since */
  char key_id[FRANK_JWS_KEY_ID_BYTES]; /* of the key that signed `last`; "" unsigned */
};

/* Nothing known yet; `key` is the configured one, NULL for none. */
void frank_factor_trust_init(struct frank_factor_trust *trust, const struct frank_jws_key *key);

/* Takes a document as it came: compact JWS where there are keys, else JSON. On FRANK_OK it is the
 * last good one; *is_new (may be NULL) tells whether anything of it differs from the one before.
 * On an error nothing changes. Errors as frank_jws_verify, frank_factor_document_parse and
 * frank_factor_document_check; FRANK_ERR_NOT_FOUND (an unknown key) is worth a look at the keys. */
FRANK_MUST_CHECK enum frank_err frank_factor_trust_take(struct frank_factor_trust *trust,
                                                        const char *text, size_t len_bytes,
                                                        int64_t now_s, bool *is_new, char *why);

/* Takes a signed key set in place of the keys. FRANK_ERR_DENIED also where it was made before the
 * last one that was taken. Without keys: FRANK_ERR_UNSUPPORTED. On an error nothing changes. */
FRANK_MUST_CHECK enum frank_err frank_factor_trust_take_keys(struct frank_factor_trust *trust,
                                                             const char *text, size_t len_bytes,
                                                             char *why);

/* True while `last` may be used: it is there and has not expired at now_s. */
bool frank_factor_trust_is_good(const struct frank_factor_trust *trust, int64_t now_s);

#endif
