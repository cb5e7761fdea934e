/*
 * example: mints a small stamp for a DKIM signature, prints the header, reads it back and judges
 * it.
 *
 *     cc example.c $(pkg-config --cflags --libs frank) -o example && ./example
 */
#include <proof/frank.h>

#include <stdio.h>
#include <string.h>

#define FACTOR 10000 /* attempts expected; a real one has seven digits and more */

int main(void)
{
  /* The value of the DKIM-Signature that the stamp is for, as it stands in the message. */
  static const char signature[] =
      "v=1; a=ed25519-sha256; d=example.org; s=mail; h=from:to;\r\n"
      "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
      "\tb=+ZGBPKBiq50JD6BjzQQrb3+3fjqhXExmh0LwsbTOhHjoSFYj3eNkwYTwXpqx\r\n"
      "\t 9m+ZOcWijUeVOPN/2jbEm2dDqw==";
  struct frank_dkim dkim;
  struct frank_msmr key;
  struct frank_judgement judgement;
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  const char *why;

  if (frank_dkim_parse(signature, strlen(signature), &dkim, &why) != FRANK_OK) {
    fprintf(stderr, "this signature cannot be stamped: %s\n", why);
    return 1;
  }
  key.alg = dkim.alg;
  for (unsigned nonce = 0;; nonce++) { /* a real mint uses proof/plan.h and every core */
    snprintf(key.n, sizeof key.n, "%08x", nonce);
    frank_msmr_hash(key.n, strlen(key.n), dkim.b, dkim.b_len, &key.h);
    if (frank_target_meets(&key.h, FACTOR)) {
      break;
    }
  }
  frank_msmr_format(&key, "\n", header);
  printf("%s\n", header);

  const char *value = strchr(header, ':') + 1;
  size_t value_len = strlen(value);
  struct frank_signature candidate = {dkim.alg, dkim.b, dkim.b_len};
  frank_msmr_judge(&value, &value_len, 1, &candidate, 1, FACTOR, &judgement);
  printf("%s: %s (%.4f bits)\n", frank_verdict_name(judgement.verdict), judgement.why,
         judgement.bits);
  return judgement.verdict == FRANK_VERDICT_PASS ? 0 : 1;
}
