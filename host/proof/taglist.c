/* The tag-list of RFC 6376, section 3.2. See taglist.h. */
#include "proof/taglist.h"

#include <string.h>

bool frank_is_white(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_alpha(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ALNUMPUNC */
static bool is_name_char(char c)
{
  return is_alpha(c) || (c >= '0' && c <= '9') || c == '_';
}

/* VALCHAR: what is printable, but for the semicolon */
static bool is_value_char(char c)
{
  return c > ' ' && c <= '~' && c != ';';
}

bool frank_view_is(struct frank_view view, const char *text)
{
  size_t len = strlen(text);

  return view.text && view.len_bytes == len && memcmp(view.text, text, len) == 0;
}

static bool same_text(struct frank_view a, struct frank_view b)
{
  return a.len_bytes == b.len_bytes && memcmp(a.text, b.text, a.len_bytes) == 0;
}

static const char *skip_white(const char *p, const char *end)
{
  while (p < end && frank_is_white(*p)) {
    p++;
  }
  return p;
}

/* Reads one tag at *at, up to its ';' or the end. */
static enum frank_err read_tag(const char **at, const char *end, struct frank_tag *tag,
                               const char **why)
{
  const char *p = skip_white(*at, end);
  const char *last;

  if (p == end || !is_alpha(*p)) {
    *why = "tag-list: a tag's name must begin with a letter";
    return FRANK_ERR_MALFORMED;
  }
  tag->name.text = p;
  while (p < end && is_name_char(*p)) {
    p++;
  }
  tag->name.len_bytes = (size_t)(p - tag->name.text);
  p = skip_white(p, end);
  if (p == end || *p != '=') {
    *why = "tag-list: a tag without '='";
    return FRANK_ERR_MALFORMED;
  }
  p = skip_white(p + 1, end);
  tag->value.text = p;
  last = p; /* just past the last character that is not white */
  for (; p < end && *p != ';'; p++) {
    if (is_value_char(*p)) {
      last = p + 1;
    } else if (!frank_is_white(*p)) {
      *why = "tag-list: a character that a tag's value cannot have";
      return FRANK_ERR_MALFORMED;
    }
  }
  tag->value.len_bytes = (size_t)(last - tag->value.text);
  *at = p;
  return FRANK_OK;
}

enum frank_err frank_taglist_parse(const char *text, size_t len_bytes, struct frank_taglist *list,
                                   const char **why)
{
  const char *p = text, *end = len_bytes > 0 ? text + len_bytes : text;

  list->count = 0;
  do {
    struct frank_tag tag;
    enum frank_err err = read_tag(&p, end, &tag, why);

    if (err) {
      return err;
    }
    for (size_t i = 0; i < list->count; i++) {
      if (same_text(list->tags[i].name, tag.name)) {
        *why = "tag-list: a tag stands twice";
        return FRANK_ERR_MALFORMED;
      }
    }
    if (list->count == FRANK_TAGS_MAX) {
      *why = "tag-list: more than 64 tags";
      return FRANK_ERR_MALFORMED;
    }
    list->tags[list->count++] = tag;
    p = p < end ? skip_white(p + 1, end) : p; /* past the ';', which may be the last character */
  } while (p < end);
  return FRANK_OK;
}

struct frank_view frank_taglist_get(const struct frank_taglist *list, const char *name)
{
  for (size_t i = 0; i < list->count; i++) {
    if (frank_view_is(list->tags[i].name, name)) {
      return list->tags[i].value;
    }
  }
  return (struct frank_view){NULL, 0};
}

static bool can_be_name(struct frank_view name)
{
  if (name.len_bytes == 0 || !is_alpha(name.text[0])) {
    return false;
  }
  for (size_t i = 1; i < name.len_bytes; i++) {
    if (!is_name_char(name.text[i])) {
      return false;
    }
  }
  return true;
}

static bool can_be_value(struct frank_view value)
{
  for (size_t i = 0; i < value.len_bytes; i++) {
    bool is_outer = i == 0 || i == value.len_bytes - 1;

    /* outer white space would be trimmed by the reader */
    if (!is_value_char(value.text[i]) && (is_outer || !frank_is_white(value.text[i]))) {
      return false;
    }
  }
  return true;
}

enum frank_err frank_taglist_append(char *out, size_t size_bytes, size_t *len_bytes,
                                    const char *separator, const struct frank_tag *tag)
{
  size_t separator_bytes = *len_bytes > 0 ? strlen(separator) : 0;
  size_t fixed_bytes = (*len_bytes > 0 ? 1U : 0U) + separator_bytes + 1 + 1; /* ';' '=' NUL */
  size_t room = size_bytes - (*len_bytes < size_bytes ? *len_bytes : size_bytes);
  char *p = out + *len_bytes;

  if (!can_be_name(tag->name) || !can_be_value(tag->value) ||
      strspn(separator, " \t\r\n") != strlen(separator)) {
    return FRANK_ERR_MALFORMED;
  }
  if (fixed_bytes > room || tag->name.len_bytes > room - fixed_bytes ||
      tag->value.len_bytes > room - fixed_bytes - tag->name.len_bytes) {
    return FRANK_ERR_TOO_LONG;
  }
  if (*len_bytes > 0) {
    *p++ = ';';
    memcpy(p, separator, separator_bytes);
    p += separator_bytes;
  }
  memcpy(p, tag->name.text, tag->name.len_bytes);
  p += tag->name.len_bytes;
  *p++ = '=';
  if (tag->value.len_bytes > 0) {
    memcpy(p, tag->value.text, tag->value.len_bytes);
    p += tag->value.len_bytes;
  }
  *p = '\0';
  *len_bytes = (size_t)(p - out);
  return FRANK_OK;
}
