#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

static size_t lesser(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* Edit distance with swaps (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b)
{
  size_t rows[FRANK_NEAREST_NAME_BYTES + 1][FRANK_NEAREST_NAME_BYTES + 1];
  size_t a_len = strnlen(a, FRANK_NEAREST_NAME_BYTES);
  size_t b_len = strnlen(b, FRANK_NEAREST_NAME_BYTES);
  for (size_t i = 0; i <= a_len; i++) {
    for (size_t j = 0; j <= b_len; j++) {
      if (i == 0 || j == 0) {
        rows[i][j] = i + j;
        continue;
      }
      size_t best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      best = lesser(best, lesser(rows[i - 1][j], rows[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = lesser(best, rows[i - 2][j - 2] + 1);
      }
      rows[i][j] = best;
    }
  }
  return rows[a_len][b_len];
}

const char *frank_nearest(const char *text, const char *const *names, size_t count,
                          size_t *distance)
{
  const char *nearest = NULL;
  size_t least = SIZE_MAX;
  size_t len = strlen(text);
  for (size_t i = 0; i < count; i++) {
    size_t slips = edit_distance(text, names[i]);
    if (slips > 1 && len >= 2 && strncmp(text, names[i], len) == 0) {
      slips = 1; /* a likely slip, whatever is missing */
    }
    if (slips < least) {
      least = slips;
      nearest = names[i];
    }
  }
  if (distance != NULL) {
    *distance = least;
  }
  return nearest;
}
