/* A DNS message with a DKIM key is read within its bounds; what is found is a text that fits, and
 * what is not has a reason. */
#include "fuzz.h"
#include "mail/dkim_answer.h"

#include <string.h>

#define NAME "s._domainkey.example.org"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char text[FRANK_DKIM_KEY_BYTES];
  const char *why = NULL;
  (void)frank_dkim_answer_is_ours(data, size, 0x1234, NAME);
  enum frank_dkim_key_state state = frank_dkim_answer_read(data, size, NAME, text, &why);
  FUZZ_CHECK(state < FRANK_DKIM_KEY_STATE_COUNT);
  FUZZ_CHECK(why != NULL);
  FUZZ_CHECK(memchr(text, '\0', sizeof text) != NULL);
  FUZZ_CHECK((state == FRANK_DKIM_KEY_FOUND) == (text[0] != '\0'));
  FUZZ_CHECK(state == FRANK_DKIM_KEY_FOUND || state == FRANK_DKIM_KEY_CUT || why[0] != '\0');
  return 0;
}
