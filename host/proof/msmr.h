/*
 * msmr: the MSMR-Key header (Message Signature Mining Reputation, version 1).
 *
 *     MSMR-Key: v=1; a=rsa-sha256; n=ba4f33;
 *             h=00000000000f15db...
 *
 * h = SHA-256(n || b): n the ASCII digits as they stand, b the DKIM-Signature's base64 text with
 * white space removed. This module reads and writes the header and judges it against signatures.
 * Pure; no allocation.
 */
#ifndef FRANK_PROOF_MSMR_H
#define FRANK_PROOF_MSMR_H

#include "base/err.h"
#include "proof/sha256.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_MSMR_FIELD            "MSMR-Key"
#define FRANK_MSMR_NONCE_MAX        64  /* digits a reader takes */
#define FRANK_MSMR_NONCE_WRITTEN    40  /* digits a mint makes: they fit the header's first line */
#define FRANK_MSMR_HEADER_MAX_BYTES 192 /* a written header with its NUL */
#define FRANK_MSMR_SIGNATURES_MAX   8   /* signatures and keys that are looked at in one message */
#define FRANK_B_MIN_BYTES           4
#define FRANK_B_MAX_BYTES           2048

/* The signing algorithms that a stamp can be bound to; the part after '-' names the hash. */
enum frank_alg { FRANK_ALG_RSA_SHA256, FRANK_ALG_ED25519_SHA256, FRANK_ALG_COUNT };

const char *frank_alg_name(enum frank_alg alg); /* "rsa-sha256" */
/* Exact, case-sensitive. FRANK_ERR_UNSUPPORTED for any other text, rsa-sha1 included. */
FRANK_MUST_CHECK enum frank_err frank_alg_parse(const char *text, size_t len_bytes,
                                                enum frank_alg *alg);

struct frank_msmr {
  enum frank_alg alg;
  char n[FRANK_MSMR_NONCE_MAX + 1]; /* digits as they stand, NUL */
  struct frank_hash h;
};

/* Reads the field's value (after the colon; folds allowed). On an error *why gets a static text
 * that names the tag. FRANK_ERR_MALFORMED (permerror), FRANK_ERR_UNSUPPORTED (neutral). */
FRANK_MUST_CHECK enum frank_err frank_msmr_parse(const char *value, size_t len_bytes,
                                                 struct frank_msmr *key, const char **why);

/* Writes "MSMR-Key: v=1; a=...; n=...;<line_end>\th=..." with a NUL, no line end at the end.
 * `line_end` is "\r\n" or "\n". Takes every key that frank_msmr_parse yields: a nonce of more than
 * FRANK_MSMR_NONCE_WRITTEN digits, which another writer made, gets a line of its own, so that every
 * line stays within 78 columns. The nonce is written as it stands (a mint makes it lower-case), for
 * another case is another hash. */
void frank_msmr_format(const struct frank_msmr *key, const char *line_end,
                       char out[FRANK_MSMR_HEADER_MAX_BYTES]);

/* SHA-256(n || b). */
void frank_msmr_hash(const char *n, size_t n_len, const char *b, size_t b_len,
                     struct frank_hash *out);

/* Copies `text` without SP, HTAB, CR and LF, and checks that what is left is canonical base64 of
 * 4 to 2048 characters. *b_len gets the length, b a NUL. FRANK_ERR_MALFORMED, FRANK_ERR_TOO_LONG;
 * *why as above. */
FRANK_MUST_CHECK enum frank_err frank_b_normalize(const char *text, size_t len_bytes,
                                                  char b[FRANK_B_MAX_BYTES + 1], size_t *b_len,
                                                  const char **why);

/* In the order of preference: when several keys are judged, the best result counts. */
enum frank_verdict {
  FRANK_VERDICT_PASS,
  FRANK_VERDICT_POLICY,
  FRANK_VERDICT_TEMPERROR,
  FRANK_VERDICT_FAIL,
  FRANK_VERDICT_NEUTRAL,
  FRANK_VERDICT_PERMERROR,
  FRANK_VERDICT_NONE,
  FRANK_VERDICT_COUNT
};
const char *frank_verdict_name(enum frank_verdict verdict); /* "pass" */

/* One usable signature, normalised. */
struct frank_signature {
  enum frank_alg alg;
  const char *b; /* view, b_len bytes */
  size_t b_len;
};

struct frank_judgement {
  enum frank_verdict verdict;
  const char *why;       /* static text for people; never NULL */
  int key_index;         /* which MSMR-Key, -1 where none */
  int signature_index;   /* which signature it is bound to, -1 where none */
  struct frank_msmr key; /* set where key_index >= 0 and it was well-formed */
  double bits;           /* work shown; 0 unless bound to a signature */
};

/* Judges `key_count` field values against `signature_count` usable signatures, from the top, at
 * most FRANK_MSMR_SIGNATURES_MAX of each. Of equal verdicts the one that shows more work counts,
 * then the upper key. factor 0: the factor cannot be had now: a stamp whose
 * hash is right is temperror. Hash and factor only; the mail rules are the caller's. */
void frank_msmr_judge(const char *const *keys, const size_t *key_lens, size_t key_count,
                      const struct frank_signature *signatures, size_t signature_count,
                      uint64_t factor, struct frank_judgement *out);

#endif
