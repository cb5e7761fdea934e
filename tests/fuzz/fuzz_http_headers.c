/* Header lines: what is kept of an ETag can be sent back in a line of its own. */
#include "factor/resolver/headers.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_headers headers = {0};
  const char *at = (const char *)data;
  size_t left = size;
  while (left > 0) {
    const char *end = memchr(at, '\n', left);
    size_t len = end != NULL ? (size_t)(end - at) + 1 : left;
    frank_headers_take(&headers, at, len);
    at += len;
    left -= len;
  }
  const char *nul = memchr(headers.etag, '\0', sizeof headers.etag);
  FUZZ_CHECK(nul != NULL);
  for (const char *c = headers.etag; c < nul; c++) {
    FUZZ_CHECK(*c > ' ' && *c <= '~');
  }
  int64_t fresh_s = frank_headers_fresh_s(&headers);
  FUZZ_CHECK(fresh_s >= -1 && fresh_s <= FRANK_HEADERS_AGE_MAX_S);
  return 0;
}
