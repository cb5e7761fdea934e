#include "factor/resolver/headers.h"

#include <string.h>
#include <strings.h>

static bool is_white(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Digits at the start of the text, cut to the bound. False: there are none. */
static bool read_number(const char *text, size_t len_bytes, uint32_t *number)
{
  uint32_t value = 0;
  size_t i = 0;
  for (; i < len_bytes && text[i] >= '0' && text[i] <= '9'; i++) {
    value = value * 10 + (uint32_t)(text[i] - '0');
    value = value > FRANK_HEADERS_AGE_MAX_S ? FRANK_HEADERS_AGE_MAX_S : value;
  }
  *number = value;
  return i > 0;
}

/* An entity-tag: printable, between quotes. What it says is sent back as it came, so nothing that
 * could end a line is let in. */
static void take_etag(struct frank_headers *headers, const char *value, size_t len_bytes)
{
  size_t start = len_bytes > 2 && memcmp(value, "W/", 2) == 0 ? 2 : 0;
  headers->etag[0] = '\0';
  if (len_bytes >= sizeof headers->etag || len_bytes - start < 2 || value[start] != '"' ||
      value[len_bytes - 1] != '"') {
    return;
  }
  for (size_t i = start + 1; i < len_bytes - 1; i++) {
    if (value[i] <= ' ' || value[i] > '~' || value[i] == '"') {
      return;
    }
  }
  memcpy(headers->etag, value, len_bytes);
  headers->etag[len_bytes] = '\0';
}

static void take_cache_control(struct frank_headers *headers, const char *value, size_t len_bytes)
{
  static const char name[] = "max-age=";
  size_t at = 0;
  while (at < len_bytes) {
    while (at < len_bytes && (is_white(value[at]) || value[at] == ',')) {
      at++;
    }
    size_t length = 0;
    while (at + length < len_bytes && value[at + length] != ',') {
      length++;
    }
    size_t name_len = sizeof name - 1;
    if (length > name_len && strncasecmp(value + at, name, name_len) == 0 &&
        !headers->has_max_age) {
      headers->has_max_age =
          read_number(value + at + name_len, length - name_len, &headers->max_age_s);
    }
    at += length;
  }
}

static void take_age(struct frank_headers *headers, const char *value, size_t len_bytes)
{
  (void)read_number(value, len_bytes, &headers->age_s);
}

void frank_headers_take(struct frank_headers *headers, const char *line, size_t len_bytes)
{
  static const struct {
    const char *name;
    void (*take)(struct frank_headers *headers, const char *value, size_t len_bytes);
  } known[] = {{"etag:", take_etag}, {"cache-control:", take_cache_control}, {"age:", take_age}};
  if (len_bytes >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    *headers = (struct frank_headers){0};
    return;
  }
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    size_t name_len = strlen(known[i].name);
    if (len_bytes < name_len || strncasecmp(line, known[i].name, name_len) != 0) {
      continue;
    }
    const char *value = line + name_len;
    size_t length = len_bytes - name_len;
    while (length > 0 && is_white(value[0])) {
      value++;
      length--;
    }
    while (length > 0 && is_white(value[length - 1])) {
      length--;
    }
    known[i].take(headers, value, length);
    return;
  }
}

int64_t frank_headers_fresh_s(const struct frank_headers *headers)
{
  if (!headers->has_max_age) {
    return -1;
  }
  return headers->max_age_s > headers->age_s ? headers->max_age_s - headers->age_s : 0;
}
