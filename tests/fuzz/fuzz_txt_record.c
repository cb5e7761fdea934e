/* What a domain says in DNS: records, names and URLs are read within their bounds, and what was
 * read reads the same again. */
#include "factor/txt.h"
#include "fuzz.h"
#include "proof/target.h"

#include <stdio.h>
#include <string.h>

static void check_record(const char *text, size_t size)
{
  struct frank_txt txt;
  struct frank_txt again;
  char why[FRANK_FACTOR_WHY_BYTES];
  if (frank_txt_parse(text, size, &txt, why) != FRANK_OK) {
    FUZZ_CHECK(why[0] != '\0');
    return;
  }
  FUZZ_CHECK(frank_txt_is_ours(text, size));
  FUZZ_CHECK(txt.factor <= FRANK_FACTOR_MAX && txt.epoch <= FRANK_FACTOR_MAX);
  char key[FRANK_JWS_KEY_TEXT_BYTES] = "";
  char written[512];
  char number[32] = "";
  char epoch[32] = "";
  if (txt.has_key) {
    frank_jws_key_format(&txt.key, key);
  }
  if (txt.factor > 0) {
    (void)snprintf(number, sizeof number, "; f=%llu", (unsigned long long)txt.factor);
  }
  if (txt.epoch > 0) {
    (void)snprintf(epoch, sizeof epoch, "; e=%llu", (unsigned long long)txt.epoch);
  }
  int len = snprintf(written, sizeof written, "v=MSMR1%s%s%s%s%s%s", number, epoch,
                     txt.url[0] ? "; u=" : "", txt.url, key[0] ? "; k=" : "", key);
  FUZZ_CHECK(frank_txt_parse(written, (size_t)len, &again, why) == FRANK_OK);
  FUZZ_CHECK(again.factor == txt.factor && again.epoch == txt.epoch);
  FUZZ_CHECK(again.has_key == txt.has_key && strcmp(again.url, txt.url) == 0);
  FUZZ_CHECK(strcmp(again.key.id, txt.key.id) == 0);
}

static void check_names(const char *text, size_t size)
{
  char domain[FRANK_TXT_DOMAIN_BYTES];
  char domain_again[FRANK_TXT_DOMAIN_BYTES];
  char url[FRANK_TXT_URL_BYTES];
  char url_again[FRANK_TXT_URL_BYTES];
  if (frank_txt_domain(text, size, domain) == FRANK_OK) {
    FUZZ_CHECK(strlen(domain) + strlen("_msmr.") <= 253);
    FUZZ_CHECK(frank_txt_domain(domain, strlen(domain), domain_again) == FRANK_OK);
    FUZZ_CHECK(strcmp(domain, domain_again) == 0);
  }
  if (frank_txt_url(text, size, true, url) == FRANK_OK) {
    FUZZ_CHECK(frank_txt_url(url, strlen(url), true, url_again) == FRANK_OK);
    FUZZ_CHECK(strcmp(url, url_again) == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  check_record(text, size);
  check_names(text, size);
  return 0;
}
