/* A DNS message is read within its bounds, and what it comes to is one of three answers. The first
 * byte says what libunbound made of it. */
#include "factor/resolver/answer.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_answer answer;
  if (size == 0) {
    return 0;
  }
  const struct frank_answer_raw raw = {.message = data + 1,
                                       .len_bytes = size - 1,
                                       .dnssec = (enum frank_dnssec)(data[0] % FRANK_DNSSEC_COUNT)};
  bool is_required = (data[0] & 0x80) != 0;
  frank_answer_read(&raw, is_required, &answer);
  FUZZ_CHECK(answer.ttl_s >= FRANK_ANSWER_TTL_MIN_S && answer.ttl_s <= FRANK_ANSWER_TTL_MAX_S);
  FUZZ_CHECK(answer.dnssec == raw.dnssec);
  FUZZ_CHECK(memchr(answer.why, '\0', sizeof answer.why) != NULL);
  switch (answer.state) {
  case FRANK_RESOLVER_FOUND:
    FUZZ_CHECK(raw.dnssec != FRANK_DNSSEC_BOGUS);
    FUZZ_CHECK(!is_required || raw.dnssec == FRANK_DNSSEC_SECURE);
    break;
  case FRANK_RESOLVER_ABSENT:
  case FRANK_RESOLVER_FAILED:
    FUZZ_CHECK(answer.why[0] != '\0');
    break;
  default:
    FUZZ_CHECK(0);
  }
  return 0;
}
