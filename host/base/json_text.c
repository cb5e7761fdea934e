#include "base/json_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void put(struct frank_json_text *json, const char *bytes, size_t len_bytes)
{
  if (json->full || len_bytes >= json->size_bytes - json->len_bytes) {
    json->full = true; /* one byte stays for the NUL */
    return;
  }
  memcpy(json->text + json->len_bytes, bytes, len_bytes);
  json->len_bytes += len_bytes;
}

static void put_text(struct frank_json_text *json, const char *text)
{
  put(json, text, strlen(text));
}

static void put_name(struct frank_json_text *json, const char *name)
{
  put_text(json, json->open ? ",\"" : "\"");
  put_text(json, name);
  put_text(json, "\":");
  json->open = true;
}

void frank_json_text_begin(struct frank_json_text *json, char *text, size_t size_bytes)
{
  assert(size_bytes >= 2);
  *json = (struct frank_json_text){.text = text, .size_bytes = size_bytes};
  put_text(json, "{");
}

size_t frank_json_text_end(struct frank_json_text *json)
{
  put_text(json, "}");
  json->text[json->len_bytes] = '\0';
  return json->full ? 0 : json->len_bytes;
}

static bool needs_escape(unsigned char c)
{
  return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void put_escape(struct frank_json_text *json, unsigned char c)
{
  static const struct {
    char from;
    const char *to;
  } shorts[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\r', "\\r"}, {'\n', "\\n"}, {'\t', "\\t"}};
  for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++) {
    if (c == (unsigned char)shorts[i].from) {
      put_text(json, shorts[i].to);
      return;
    }
  }
  static const char digits[] = "0123456789abcdef";
  char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
  put(json, escape, sizeof escape);
}

void frank_json_text_string(struct frank_json_text *json, const char *name, const char *text,
                            size_t len_bytes)
{
  put_name(json, name);
  put_text(json, "\"");
  size_t plain = 0; /* start of a run that needs no escape */
  for (size_t i = 0; i < len_bytes; i++) {
    unsigned char c = (unsigned char)text[i];
    if (needs_escape(c)) {
      put(json, text + plain, i - plain);
      put_escape(json, c);
      plain = i + 1;
    }
  }
  put(json, text + plain, len_bytes - plain);
  put_text(json, "\"");
}

void frank_json_text_integer(struct frank_json_text *json, const char *name, uint64_t value)
{
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  put_name(json, name);
  put(json, digits + at, sizeof digits - at);
}

void frank_json_text_bool(struct frank_json_text *json, const char *name, bool value)
{
  put_name(json, name);
  put_text(json, value ? "true" : "false");
}

void frank_json_text_decimal(struct frank_json_text *json, const char *name, double value,
                             int decimals)
{
  char text[336]; /* the largest double has 309 digits before the point */
  int len = snprintf(text, sizeof text, "%.*f", decimals, value);
  put_name(json, name);
  put(json, text, len > 0 && (size_t)len < sizeof text ? (size_t)len : 0);
}

void frank_json_text_raw(struct frank_json_text *json, const char *name, const char *value)
{
  put_name(json, name);
  put_text(json, value);
}

void frank_json_walk(const char *text, size_t len_bytes, struct frank_json_walk *walk)
{
  *walk = (struct frank_json_walk){0};
  size_t depth = 0;
  size_t string_start = 0;
  size_t string_len = 0;
  bool in_string = false;
  for (size_t i = 0; i < len_bytes; i++) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') {
        i++; /* whatever it escapes does not end the string */
      } else if (c == '"') {
        in_string = false;
        string_len = i - string_start;
      }
    } else if (c == '"') {
      in_string = true;
      string_start = i + 1;
    } else if (c == '{' || c == '[') {
      depth++;
      walk->depth_max = depth > walk->depth_max ? depth : walk->depth_max;
    } else if (c == '}' || c == ']') {
      depth -= depth > 0;
    } else if (depth == 1 && c == ':') {
      walk->key = text + string_start;
      walk->key_len = string_len;
    } else if (depth == 1 && c == ',') {
      walk->key = NULL;
    }
  }
}
