#include "factor/authority/page_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 4096

/* Room for `more` bytes and a NUL behind what is there. */
static bool reserve(struct frank_page_text *text, size_t more)
{
  size_t need = text->len_bytes + more + 1;
  if (text->failed) {
    return false;
  }
  if (need <= text->size_bytes) {
    return true;
  }
  size_t size = text->size_bytes == 0 ? FIRST_BYTES : text->size_bytes;
  while (size < need) {
    size *= 2;
  }
  char *bytes = realloc(text->bytes, size);
  if (bytes == NULL) {
    text->failed = true;
    return false;
  }
  text->bytes = bytes;
  text->size_bytes = size;
  return true;
}

static void put_bytes(struct frank_page_text *text, const char *bytes, size_t len)
{
  if (reserve(text, len)) {
    memcpy(text->bytes + text->len_bytes, bytes, len);
    text->len_bytes += len;
    text->bytes[text->len_bytes] = '\0';
  }
}

void frank_page_put(struct frank_page_text *text, const char *piece)
{
  put_bytes(text, piece, strlen(piece));
}

void frank_page_putf(struct frank_page_text *text, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0 || !reserve(text, (size_t)len)) {
    text->failed = true;
    return;
  }
  va_start(args, format);
  vsnprintf(text->bytes + text->len_bytes, (size_t)len + 1, format, args);
  va_end(args);
  text->len_bytes += (size_t)len;
}

/* Characters that a format must not see as they are. */
struct escape {
  char from;
  const char *to;
};

static void put_through(struct frank_page_text *text, const char *piece,
                        const struct escape *escapes, size_t count)
{
  for (const char *at = piece; *at != '\0'; at++) {
    char plain[2] = {*at >= ' ' && *at <= '~' ? *at : '?', '\0'};
    const char *to = plain;
    for (size_t i = 0; i < count; i++) {
      if (escapes[i].from == *at) {
        to = escapes[i].to;
        break;
      }
    }
    frank_page_put(text, to);
  }
}

void frank_page_put_escaped(struct frank_page_text *text, const char *piece)
{
  static const struct escape xml[] = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
  put_through(text, piece, xml, sizeof xml / sizeof xml[0]);
}

void frank_page_put_json(struct frank_page_text *text, const char *piece)
{
  static const struct escape json[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'<', "\\u003c"}};
  frank_page_put(text, "\"");
  put_through(text, piece, json, sizeof json / sizeof json[0]);
  frank_page_put(text, "\"");
}

void frank_page_put_csv(struct frank_page_text *text, const char *piece)
{
  static const struct escape csv[] = {{'"', "\"\""}};
  bool is_formula = *piece != '\0' && strchr("=+-@", *piece) != NULL;
  frank_page_put(text, is_formula ? "\"'" : "\"");
  put_through(text, piece, csv, sizeof csv / sizeof csv[0]);
  frank_page_put(text, "\"");
}

enum frank_err frank_page_text_take(struct frank_page_text *text, char **out, size_t *len_bytes)
{
  bool failed = !reserve(text, 0); /* an empty text has its NUL, too */
  if (failed) {
    free(text->bytes);
  } else {
    text->bytes[text->len_bytes] = '\0';
    *out = text->bytes;
    *len_bytes = text->len_bytes;
  }
  *text = (struct frank_page_text){0};
  return failed ? FRANK_ERR_NOMEM : FRANK_OK;
}
