/*
 * MSMR-Key values, several of them separated by the byte 0xff: what is read can be written and
 * reads the same; the judgement of all is the best of the judgements of each; a key whose h is made
 * right passes exactly where the exact test says so.
 */
#include "fuzz.h"
#include "proof/frank.h"

#include <string.h>

#define KEYS_MAX 10 /* more than are looked at */

static const struct frank_signature signatures[] = {
    {FRANK_ALG_RSA_SHA256, "PCy4cbsWMeTWfcHO", 16},
    {FRANK_ALG_ED25519_SHA256, "MImt6/uDKAwWMkw5", 16},
};
#define SIGNATURES (sizeof signatures / sizeof signatures[0])

static struct frank_judgement judge(const char *const *keys, const size_t *lens, size_t count,
                                    uint64_t factor)
{
  struct frank_judgement out;

  frank_msmr_judge(keys, lens, count, signatures, SIGNATURES, factor, &out);
  FUZZ_CHECK(out.why && (size_t)out.verdict < FRANK_VERDICT_COUNT);
  FUZZ_CHECK((out.key_index >= 0) == (out.verdict != FRANK_VERDICT_NONE));
  FUZZ_CHECK((out.signature_index >= 0) == (out.verdict <= FRANK_VERDICT_TEMPERROR));
  FUZZ_CHECK(out.signature_index >= 0 || out.bits == 0.0);
  return out;
}

/* Written and read again, it is the same key. */
static void check_round_trip(const struct frank_msmr *key)
{
  char header[FRANK_MSMR_HEADER_MAX_BYTES], twice[FRANK_MSMR_HEADER_MAX_BYTES];
  const char *value, *why;
  struct frank_msmr again;

  frank_msmr_format(key, "\r\n", header);
  FUZZ_CHECK(strncmp(header, "MSMR-Key: ", 10) == 0);
  for (const char *line = header; line; line = strchr(line + 1, '\n')) {
    FUZZ_CHECK(strcspn(line + 1, "\r") < 78);
  }
  value = header + strlen(FRANK_MSMR_FIELD) + 1;
  FUZZ_CHECK(frank_msmr_parse(value, strlen(value), &again, &why) == FRANK_OK);
  FUZZ_CHECK(again.alg == key->alg && strcmp(again.n, key->n) == 0);
  FUZZ_CHECK(frank_hash_compare(&again.h, &key->h) == 0);
  frank_msmr_format(&again, "\r\n", twice);
  FUZZ_CHECK(strcmp(header, twice) == 0);
}

/* With the hash that one of the signatures gives, it is bound to that signature. */
static void check_right_hash(struct frank_msmr key)
{
  static const uint64_t factors[] = {0, 1, 2, 3, 1000, FRANK_FACTOR_MAX};
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  const char *value = header + strlen(FRANK_MSMR_FIELD) + 1;
  size_t len;

  for (size_t s = 0; s < SIGNATURES; s++) {
    if (signatures[s].alg != key.alg) {
      continue;
    }
    frank_msmr_hash(key.n, strlen(key.n), signatures[s].b, signatures[s].b_len, &key.h);
    frank_msmr_format(&key, "\n", header);
    len = strlen(value);
    for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
      struct frank_judgement out = judge(&value, &len, 1, factors[f]);
      enum frank_verdict expected = factors[f] == 0 ? FRANK_VERDICT_TEMPERROR
                                    : frank_target_meets(&key.h, factors[f]) ? FRANK_VERDICT_PASS
                                                                             : FRANK_VERDICT_POLICY;

      FUZZ_CHECK(out.verdict == expected && out.signature_index == (int)s);
      FUZZ_CHECK(out.bits == frank_target_bits(&key.h));
    }
  }
}

/* One value; returns its verdict at factor 1. */
static enum frank_verdict check_key(const char *value, size_t len)
{
  struct frank_judgement alone = judge(&value, &len, 1, 1);
  const char *why = NULL;
  struct frank_msmr key;
  enum frank_err err = frank_msmr_parse(value, len, &key, &why);

  switch (err) {
  case FRANK_OK:
    FUZZ_CHECK(strlen(key.n) >= 1 && strlen(key.n) <= FRANK_MSMR_NONCE_MAX);
    FUZZ_CHECK(strspn(key.n, "0123456789abcdefABCDEF") == strlen(key.n));
    FUZZ_CHECK(alone.verdict == FRANK_VERDICT_PASS || alone.verdict == FRANK_VERDICT_FAIL);
    check_round_trip(&key);
    check_right_hash(key);
    break;
  case FRANK_ERR_UNSUPPORTED:
    FUZZ_CHECK(why && alone.verdict == FRANK_VERDICT_NEUTRAL);
    break;
  default:
    FUZZ_CHECK(err == FRANK_ERR_MALFORMED && why && alone.verdict == FRANK_VERDICT_PERMERROR);
  }
  return alone.verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *keys[KEYS_MAX], *at = (const char *)data, *end = at + size;
  enum frank_verdict best = FRANK_VERDICT_NONE;
  size_t lens[KEYS_MAX], count = 0;

  for (; count < KEYS_MAX; count++) {
    const char *separator = size > 0 ? memchr(at, 0xff, (size_t)(end - at)) : NULL;
    enum frank_verdict verdict;

    keys[count] = at;
    lens[count] = (size_t)((separator ? separator : end) - at);
    verdict = check_key(keys[count], lens[count]);
    if (count < FRANK_MSMR_SIGNATURES_MAX && verdict < best) {
      best = verdict;
    }
    if (!separator) {
      count++;
      break;
    }
    at = separator + 1;
  }
  FUZZ_CHECK(judge(keys, lens, count, 1).verdict == best);
  return 0;
}
