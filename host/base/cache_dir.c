#include "base/cache_dir.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *variable;
  const char *ends_at; /* what ends its first entry */
  const char *below;
} places[] = {
    {"CACHE_DIRECTORY", ":", ""},
    {"XDG_CACHE_HOME", "", "/frank"},
    {"HOME", "", "/.cache/frank"},
};

enum frank_err frank_cache_dir(char *out, size_t out_size)
{
  out[0] = '\0';
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const char *value = getenv(places[i].variable);
    if (value == NULL || value[0] != '/') {
      continue;
    }
    size_t len = strcspn(value, places[i].ends_at);
    while (len > 1 && value[len - 1] == '/') {
      len--;
    }
    len = len == 1 && places[i].below[0] != '\0' ? 0 : len; /* "/": no second slash */
    size_t below_len = strlen(places[i].below);
    if (len >= out_size || below_len >= out_size - len) {
      return FRANK_ERR_TOO_LONG;
    }
    memcpy(out, value, len);
    memcpy(out + len, places[i].below, below_len + 1);
    return FRANK_OK;
  }
  return FRANK_ERR_NOT_FOUND;
}
