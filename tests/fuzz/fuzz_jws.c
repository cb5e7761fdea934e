/* No bytes verify but those that were signed. The first byte chooses: the input is a JWS as it
 * came, or a payload that is signed here, one character of which is changed after that. */
#include "factor/jws.h"
#include "fuzz.h"

#include <string.h>

static void verify(const char *text, size_t len, const struct frank_jws_keys *keys, bool may_hold)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  char *payload = NULL;
  size_t payload_len = 0;
  const struct frank_jws_key *by = NULL;
  enum frank_err err = frank_jws_verify(text, len, NULL, keys, &payload, &payload_len, &by, why);
  FUZZ_CHECK(may_hold || err != FRANK_OK);
  FUZZ_CHECK((err == FRANK_OK) == (payload != NULL) && (err == FRANK_OK) == (why[0] == '\0'));
  FUZZ_CHECK(!payload || payload[payload_len] == '\0');
  free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const uint8_t seed[FRANK_JWS_KEY_BYTES] = {1, 2, 3};
  static struct frank_jws_keys keys;
  if (keys.count == 0) {
    FUZZ_CHECK(frank_jws_public(seed, &keys.list[0]) == FRANK_OK);
    keys.count = 1;
  }
  if (size < 4) {
    return 0;
  }
  const char *text = (const char *)data + 4;
  if (data[0] % 2 == 0) {
    verify(text, size - 4, &keys, false); /* nobody but us has the key */
  } else {
    static char jws[2 * FRANK_FACTOR_BODY_MAX_BYTES];
    size_t len = 0;
    enum frank_err err = frank_jws_sign(seed, FRANK_JWS_TYPE_FACTOR, text, size - 4, jws,
                                        FRANK_FACTOR_BODY_MAX_BYTES, &len);
    FUZZ_CHECK(err == FRANK_OK || err == FRANK_ERR_TOO_LONG);
    if (err == FRANK_OK) {
      verify(jws, len, &keys, true);
      size_t at = (data[1] * 256U + data[2]) % len;
      bool changed = jws[at] != (char)data[3];
      jws[at] = (char)data[3];
      bool is_outer_white = (at == 0 || at == len - 1) && strchr(" \t\r\n", jws[at]);
      verify(jws, len, &keys, !changed || is_outer_white);
    }
  }
  return 0;
}
