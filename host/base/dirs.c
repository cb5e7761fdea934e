#include "base/dirs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct place {
  const char *variable;
  const char *ends_at; /* what ends its first entry */
  const char *below;
};

#define PLACES 3

static enum frank_err first_of(const struct place places[PLACES], char *out, size_t out_size)
{
  out[0] = '\0';
  for (size_t i = 0; i < PLACES; i++) {
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

enum frank_err frank_cache_dir(char *out, size_t out_size)
{
  static const struct place places[PLACES] = {
      {"CACHE_DIRECTORY", ":", ""},
      {"XDG_CACHE_HOME", "", "/frank"},
      {"HOME", "", "/.cache/frank"},
  };
  return first_of(places, out, out_size);
}

enum frank_err frank_state_dir(char *out, size_t out_size)
{
  static const struct place places[PLACES] = {
      {"STATE_DIRECTORY", ":", ""},
      {"XDG_STATE_HOME", "", "/frank"},
      {"HOME", "", "/.local/state/frank"},
  };
  return first_of(places, out, out_size);
}

void frank_dir_make_above(const char *dir)
{
  char path[FRANK_DIR_BYTES];
  size_t len = strlen(dir);
  if (len >= sizeof path) {
    return;
  }
  memcpy(path, dir, len + 1);
  for (char *slash = path; *slash != '\0' && (slash = strchr(slash + 1, '/')) != NULL;) {
    *slash = '\0';
    (void)mkdir(path, S_IRWXU);
    *slash = '/';
  }
}
