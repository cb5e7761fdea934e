#include "factor/txt.h"

#include "factor/why.h"
#include "proof/taglist.h"
#include "proof/target.h"

#include <stdio.h>
#include <string.h>

#define VERSION    "MSMR1"
#define NAME_MAX   253
#define LABEL_MAX  63
#define PREFIX_LEN (sizeof "_msmr." - 1)

static size_t skip_white(const char *text, size_t len_bytes, size_t at)
{
  while (at < len_bytes && frank_is_white(text[at])) {
    at++;
  }
  return at;
}

bool frank_txt_is_ours(const char *text, size_t len_bytes)
{
  static const char *const words[] = {"v", "=", VERSION};
  size_t at = 0;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t word_len = strlen(words[i]);
    at = skip_white(text, len_bytes, at);
    if (len_bytes - at < word_len || memcmp(text + at, words[i], word_len) != 0) {
      return false;
    }
    at += word_len;
  }
  at = skip_white(text, len_bytes, at);
  return at == len_bytes || text[at] == ';';
}

enum frank_err frank_txt_parse(const char *text, size_t len_bytes, struct frank_txt *out, char *why)
{
  struct frank_taglist list;
  const char *problem = "";
  memset(out, 0, sizeof *out);
  why[0] = '\0';
  if (len_bytes > FRANK_TXT_MAX_BYTES) {
    return frank_factor_fail(FRANK_ERR_TOO_LONG, why, "a TXT record of %zu bytes, above %d",
                             len_bytes, FRANK_TXT_MAX_BYTES);
  }
  if (!frank_txt_is_ours(text, len_bytes)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why,
                             "the TXT record does not begin with v=" VERSION);
  }
  if (frank_taglist_parse(text, len_bytes, &list, &problem) != FRANK_OK) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "the TXT record: %s", problem);
  }
  struct frank_view f = frank_taglist_get(&list, "f");
  struct frank_view u = frank_taglist_get(&list, "u");
  struct frank_view k = frank_taglist_get(&list, "k");
  struct frank_view e = frank_taglist_get(&list, "e");
  if (f.text && frank_factor_parse(f.text, f.len_bytes, &out->factor) != FRANK_OK) {
    return frank_factor_fail(FRANK_ERR_RANGE, why,
                             "the TXT record: f=%.*s is no factor from 1 to 2^53-1",
                             (int)(f.len_bytes < 32 ? f.len_bytes : 32), f.text);
  }
  if (e.text && frank_factor_parse(e.text, e.len_bytes, &out->epoch) != FRANK_OK) {
    return frank_factor_fail(FRANK_ERR_RANGE, why,
                             "the TXT record: e=%.*s is no epoch from 1 to 2^53-1",
                             (int)(e.len_bytes < 32 ? e.len_bytes : 32), e.text);
  }
  if (u.text) {
    enum frank_err err = frank_txt_url(u.text, u.len_bytes, true, out->url);
    if (err != FRANK_OK) {
      return frank_factor_fail(err, why, "the TXT record: u=%.*s is no base of documents",
                               (int)(u.len_bytes < 100 ? u.len_bytes : 100), u.text);
    }
  }
  if (k.text) {
    enum frank_err err = frank_jws_key_parse(k.text, k.len_bytes, &out->key);
    if (err != FRANK_OK) {
      return frank_factor_fail(err, why,
                               "the TXT record: k= is no Ed25519 key of 32 bytes in base64");
    }
    out->has_key = true;
  }
  return FRANK_OK;
}

static bool is_name_character(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

enum frank_err frank_txt_domain(const char *text, size_t len_bytes,
                                char out[FRANK_TXT_DOMAIN_BYTES])
{
  size_t label = 0;
  bool has_dot = false;
  bool has_letter = false; /* in the last label: no address */
  out[0] = '\0';
  if (len_bytes > 0 && text[len_bytes - 1] == '.') {
    len_bytes--;
  }
  if (len_bytes + PREFIX_LEN > NAME_MAX) {
    return FRANK_ERR_TOO_LONG;
  }
  for (size_t i = 0; i < len_bytes; i++) {
    char c = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    if (c == '.' && label > 0) {
      has_dot = true;
      has_letter = false;
      label = 0;
    } else if (is_name_character(c) && label < LABEL_MAX) {
      label++;
      has_letter = has_letter || (c >= 'a' && c <= 'z');
    } else {
      out[0] = '\0';
      return FRANK_ERR_MALFORMED;
    }
    out[i] = c;
  }
  if (!has_dot || label == 0 || !has_letter) {
    out[0] = '\0';
    return FRANK_ERR_MALFORMED;
  }
  out[len_bytes] = '\0';
  return FRANK_OK;
}

static bool host_is_loopback(const char *host, size_t len_bytes)
{
  static const char *const names[] = {"127.0.0.1", "[::1]", "localhost"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strlen(names[i]) == len_bytes && memcmp(names[i], host, len_bytes) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_host_character(char c, bool in_brackets)
{
  static const char hex[] = "0123456789abcdefABCDEF:.";
  char small = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return in_brackets ? c != '\0' && strchr(hex, c) != NULL : is_name_character(small) || c == '.';
}

/* The length of the host at `text`, brackets included; 0: none. */
static size_t host_length(const char *text, size_t len_bytes)
{
  bool in_brackets = len_bytes > 0 && text[0] == '[';
  size_t len = in_brackets ? 1 : 0;
  while (len < len_bytes && is_host_character(text[len], in_brackets)) {
    len++;
  }
  if (in_brackets) {
    return len < len_bytes && text[len] == ']' && len > 2 ? len + 1 : 0;
  }
  return len < len_bytes && text[len] != ':' && text[len] != '/' ? 0 : len;
}

static bool rest_is_valid(const char *text, size_t len_bytes)
{
  size_t at = 0;
  if (at < len_bytes && text[at] == ':') {
    unsigned port = 0;
    size_t digits = 0;
    for (at++; at < len_bytes && text[at] >= '0' && text[at] <= '9' && digits < 6; at++, digits++) {
      port = port * 10 + (unsigned)(text[at] - '0');
    }
    if (digits == 0 || port == 0 || port > 65535) {
      return false;
    }
  }
  if (at < len_bytes && text[at] != '/') {
    return false;
  }
  for (; at < len_bytes; at++) {
    if (text[at] <= ' ' || text[at] > '~' || strchr("\"\\<>^`{|}?#@", text[at])) {
      return false;
    }
  }
  return true;
}

enum frank_err frank_txt_url(const char *text, size_t len_bytes, bool allow_http,
                             char out[FRANK_TXT_URL_BYTES])
{
  static const char https[] = "https://";
  static const char http[] = "http://";
  size_t scheme_len = 0;
  bool is_http = false;
  out[0] = '\0';
  while (len_bytes > 0 && text[len_bytes - 1] == '/') {
    len_bytes--;
  }
  if (len_bytes >= FRANK_TXT_URL_BYTES) {
    return FRANK_ERR_TOO_LONG;
  }
  if (len_bytes > sizeof https - 1 && memcmp(text, https, sizeof https - 1) == 0) {
    scheme_len = sizeof https - 1;
  } else if (len_bytes > sizeof http - 1 && memcmp(text, http, sizeof http - 1) == 0) {
    scheme_len = sizeof http - 1;
    is_http = true;
  } else {
    return FRANK_ERR_MALFORMED;
  }
  const char *host = text + scheme_len;
  size_t host_len = host_length(host, len_bytes - scheme_len);
  if (host_len == 0 || !rest_is_valid(host + host_len, len_bytes - scheme_len - host_len)) {
    return FRANK_ERR_MALFORMED;
  }
  if (is_http && !allow_http && !host_is_loopback(host, host_len)) {
    return FRANK_ERR_DENIED;
  }
  memcpy(out, text, len_bytes);
  out[len_bytes] = '\0';
  return FRANK_OK;
}
