#include "base/ucl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Says what is wrong at the reader's line. */
__attribute__((format(printf, 3, 4))) static enum frank_err
refuse(struct frank_ucl_reader *reader, enum frank_err err, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(reader->why, sizeof reader->why, format, args);
  va_end(args);
  return err;
}

static enum frank_err refuse_byte(struct frank_ucl_reader *reader, const char *where)
{
  unsigned char byte = (unsigned char)*reader->at;
  if (byte > 0x20 && byte < 0x7f) {
    return refuse(reader, FRANK_ERR_MALFORMED, "unexpected '%c' %s", byte, where);
  }
  return refuse(reader, FRANK_ERR_MALFORMED, "unexpected byte 0x%02x %s", byte, where);
}

static bool at_end(const struct frank_ucl_reader *reader)
{
  return reader->at == reader->end;
}

static bool looking_at(const struct frank_ucl_reader *reader, const char *text)
{
  size_t len = strlen(text);
  return (size_t)(reader->end - reader->at) >= len && memcmp(reader->at, text, len) == 0;
}

static bool is_one_of(char c, const char *set)
{
  return c != '\0' && strchr(set, c) != NULL;
}

static bool is_key_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

/* Skips a comment of the slash-and-star kind, which may nest in UCL. */
static enum frank_err skip_block_comment(struct frank_ucl_reader *reader)
{
  uint32_t first_line = reader->line;
  uint32_t depth = 0;
  do {
    if (at_end(reader)) {
      reader->line = first_line;
      return refuse(reader, FRANK_ERR_MALFORMED, "this comment has no end");
    }
    if (looking_at(reader, "/*")) {
      depth++;
      reader->at += 2;
    } else if (looking_at(reader, "*/")) {
      depth--;
      reader->at += 2;
    } else {
      reader->line += *reader->at == '\n';
      reader->at++;
    }
  } while (depth > 0);
  return FRANK_OK;
}

/* Skips comments and every character of `blanks`. */
static enum frank_err skip(struct frank_ucl_reader *reader, const char *blanks)
{
  while (!at_end(reader)) {
    if (*reader->at == '#') {
      const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
      reader->at = newline ? newline : reader->end;
    } else if (looking_at(reader, "/*")) {
      enum frank_err err = skip_block_comment(reader);
      if (err != FRANK_OK) {
        return err;
      }
    } else if (is_one_of(*reader->at, blanks)) {
      reader->line += *reader->at == '\n';
      reader->at++;
    } else {
      break;
    }
  }
  return FRANK_OK;
}

static enum frank_err read_quoted(struct frank_ucl_reader *reader, char *out, size_t out_size)
{
  size_t used = 0;
  reader->at++; /* the opening quote */
  while (!at_end(reader) && *reader->at != '"') {
    char c = *reader->at;
    if (c == '\\') {
      reader->at++;
      if (at_end(reader) || !is_one_of(*reader->at, "\"\\/")) {
        return refuse(reader, FRANK_ERR_MALFORMED,
                      "after a backslash in quotes only \\ and \" and / are taken");
      }
      c = *reader->at;
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
      return refuse_byte(reader, "inside quotes");
    }
    if (used + 1 >= out_size) {
      return refuse(reader, FRANK_ERR_MALFORMED, "longer than %zu bytes", out_size - 1);
    }
    out[used++] = c;
    reader->at++;
  }
  if (at_end(reader)) {
    return refuse(reader, FRANK_ERR_MALFORMED, "this text in quotes has no end");
  }
  reader->at++;
  out[used] = '\0';
  return FRANK_OK;
}

/* Bare text runs to `;`, `,`, `]`, a tab, a comment or the end of the line. What the full parser
 * would read in a way that surprises (braces, quotes, a comment that begins inside a path) is
 * refused. */
static enum frank_err read_bare(struct frank_ucl_reader *reader, char *out, size_t out_size)
{
  if (looking_at(reader, "<<")) {
    return refuse(reader, FRANK_ERR_UNSUPPORTED, "here-documents are not taken");
  }
  size_t used = 0;
  size_t used_to_last_word = 0;
  while (!at_end(reader) && !is_one_of(*reader->at, ";,]#\t\r\n")) {
    char c = *reader->at;
    if (looking_at(reader, "/*") || is_one_of(c, "[{}\"'\\")) {
      return refuse(reader, FRANK_ERR_MALFORMED, "a value with %s must stand in double quotes",
                    looking_at(reader, "/*") ? "/*" : "brackets, quotes or backslashes");
    }
    if ((unsigned char)c < 0x20 || c == 0x7f) {
      return refuse_byte(reader, "in a value");
    }
    if (used + 1 >= out_size) {
      return refuse(reader, FRANK_ERR_MALFORMED, "longer than %zu bytes", out_size - 1);
    }
    out[used++] = c;
    used_to_last_word = c == ' ' ? used_to_last_word : used;
    reader->at++;
  }
  out[used_to_last_word] = '\0';
  if (used_to_last_word == 0) {
    return refuse(reader, FRANK_ERR_MALFORMED, "\"%s\" has no value", reader->key);
  }
  return FRANK_OK;
}

static enum frank_err read_text(struct frank_ucl_reader *reader, struct frank_ucl_item *item)
{
  item->line = reader->line;
  item->quoted = !at_end(reader) && *reader->at == '"';
  return item->quoted ? read_quoted(reader, item->text, sizeof item->text)
                      : read_bare(reader, item->text, sizeof item->text);
}

static enum frank_err read_key(struct frank_ucl_reader *reader)
{
  if (*reader->at == '.') {
    return refuse(reader, FRANK_ERR_UNSUPPORTED, "macros such as .include are not taken");
  }
  if (is_one_of(*reader->at, "{}")) {
    return refuse(reader, FRANK_ERR_UNSUPPORTED, "sections are not taken: keys stand alone");
  }
  if (*reader->at == '"') {
    return read_quoted(reader, reader->key, sizeof reader->key);
  }
  size_t used = 0;
  while (!at_end(reader) && is_key_char(*reader->at)) {
    if (used + 1 >= sizeof reader->key) {
      return refuse(reader, FRANK_ERR_MALFORMED, "a key longer than %zu bytes",
                    sizeof reader->key - 1);
    }
    reader->key[used++] = *reader->at++;
  }
  reader->key[used] = '\0';
  return used > 0 ? FRANK_OK : refuse_byte(reader, "where a key should begin");
}

/* After a value outside a list: something must end it. */
static enum frank_err read_end(struct frank_ucl_reader *reader)
{
  enum frank_err err = skip(reader, " \t\r");
  if (err != FRANK_OK || at_end(reader) || is_one_of(*reader->at, ";,\n")) {
    return err;
  }
  return refuse_byte(reader, "after a value");
}

static enum frank_err next_element(struct frank_ucl_reader *reader, struct frank_ucl_item *item,
                                   bool *list_ended)
{
  enum frank_err err = skip(reader, " \t\r\n");
  if (err != FRANK_OK) {
    return err;
  }
  if (at_end(reader)) {
    return refuse(reader, FRANK_ERR_MALFORMED, "the list of \"%s\" has no end", reader->key);
  }
  *list_ended = *reader->at == ']';
  if (*list_ended) {
    reader->at++;
    reader->in_list = false;
    return read_end(reader);
  }
  if (is_one_of(*reader->at, "[{")) {
    return refuse(reader, FRANK_ERR_UNSUPPORTED, "a list holds values, no lists or sections");
  }
  item->kind = FRANK_UCL_ELEMENT;
  err = read_text(reader, item);
  if (err != FRANK_OK) {
    return err;
  }
  err = skip(reader, " \t\r\n");
  if (err != FRANK_OK) {
    return err;
  }
  if (!at_end(reader) && *reader->at == ',') {
    reader->at++;
  } else if (!at_end(reader) && *reader->at != ']') {
    return refuse_byte(reader, "in a list, where a comma or ] should be");
  }
  return FRANK_OK;
}

static enum frank_err next_key(struct frank_ucl_reader *reader, struct frank_ucl_item *item)
{
  enum frank_err err = skip(reader, " \t\r\n;,");
  if (err != FRANK_OK) {
    return err;
  }
  if (at_end(reader)) {
    return FRANK_ERR_NOT_FOUND;
  }
  err = read_key(reader);
  if (err != FRANK_OK) {
    return err;
  }
  err = skip(reader, " \t");
  if (err != FRANK_OK) {
    return err;
  }
  if (!at_end(reader) && is_one_of(*reader->at, "=:")) {
    reader->at++;
    err = skip(reader, " \t");
    if (err != FRANK_OK) {
      return err;
    }
  }
  if (!at_end(reader) && *reader->at == '{') {
    return refuse(reader, FRANK_ERR_UNSUPPORTED, "\"%s\" opens a section: keys stand alone",
                  reader->key);
  }
  if (!at_end(reader) && *reader->at == '[') {
    reader->at++;
    reader->in_list = true;
    item->kind = FRANK_UCL_LIST;
    item->line = reader->line;
    item->quoted = false;
    item->text[0] = '\0';
    return FRANK_OK;
  }
  item->kind = FRANK_UCL_VALUE;
  err = read_text(reader, item);
  return err == FRANK_OK ? read_end(reader) : err;
}

void frank_ucl_init(struct frank_ucl_reader *reader, const char *text, size_t len_bytes)
{
  *reader = (struct frank_ucl_reader){.at = text, .end = text + len_bytes, .line = 1};
}

enum frank_err frank_ucl_next(struct frank_ucl_reader *reader, struct frank_ucl_item *item)
{
  assert(reader->at != NULL);
  if (reader->in_list) {
    bool list_ended = false;
    enum frank_err err = next_element(reader, item, &list_ended);
    if (err != FRANK_OK || !list_ended) {
      memcpy(item->key, reader->key, sizeof item->key);
      return err;
    }
  }
  enum frank_err err = next_key(reader, item);
  memcpy(item->key, reader->key, sizeof item->key);
  return err;
}
