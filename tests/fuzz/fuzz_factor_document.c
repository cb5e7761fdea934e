/* A factor document or a set of keys that is read can be written, and reads the same again. */
#include "factor/document.h"
#include "factor/jws.h"
#include "fuzz.h"

#include <string.h>

static void check_document(const char *text, size_t size)
{
  struct frank_factor_document document;
  struct frank_factor_document again;
  char why[FRANK_FACTOR_WHY_BYTES];
  char written[FRANK_FACTOR_DOCUMENT_MAX_BYTES];
  char source[FRANK_FACTOR_SOURCE_BYTES];
  enum frank_err err = frank_factor_document_parse(text, size, &document, why);
  FUZZ_CHECK(memchr(why, '\0', sizeof why) != NULL);
  FUZZ_CHECK((err == FRANK_OK) == (why[0] == '\0'));
  if (err != FRANK_OK) {
    return;
  }
  size_t len = frank_factor_document_format(&document, written);
  FUZZ_CHECK(frank_factor_document_parse(written, len, &again, why) == FRANK_OK);
  FUZZ_CHECK(memcmp(&again, &document, sizeof again) == 0);
  frank_factor_document_source(&document, source);
  FUZZ_CHECK(strrchr(source, '#') != NULL && strlen(source) < sizeof source);
  FUZZ_CHECK(frank_factor_document_check(&document, &document, document.issued_s, why) == FRANK_OK);
}

static void check_keys(const char *text, size_t size)
{
  struct frank_jws_keys keys;
  struct frank_jws_keys again;
  char why[FRANK_FACTOR_WHY_BYTES];
  char written[FRANK_JWS_KEYS_TEXT_BYTES];
  if (frank_jws_keys_parse(text, size, &keys, why) != FRANK_OK) {
    FUZZ_CHECK(why[0] != '\0');
    return;
  }
  FUZZ_CHECK(keys.count >= 1 && keys.count <= FRANK_JWS_KEYS_MAX);
  size_t len = frank_jws_keys_format(&keys, written);
  FUZZ_CHECK(frank_jws_keys_parse(written, len, &again, why) == FRANK_OK);
  FUZZ_CHECK(again.count == keys.count && again.issued_s == keys.issued_s);
  FUZZ_CHECK(memcmp(again.list, keys.list, keys.count * sizeof keys.list[0]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  check_document(text, size);
  check_keys(text, size);
  return 0;
}
