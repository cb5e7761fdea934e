#include "door/wire.h"

#include "door/wire_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_REQUEST "bad-request"
#define INTERNAL    "internal"

static bool domain_is_plausible(const char *domain, size_t len_bytes)
{
  if (len_bytes == 0 || len_bytes > 255) {
    return false;
  }
  bool literal = domain[0] == '['; /* an address literal, RFC 5321 section 4.1.3 */
  if (literal) {
    return len_bytes > 2 && domain[len_bytes - 1] == ']' &&
           strspn(domain + 1, "0123456789abcdefABCDEF.:IPvipV") == len_bytes - 2;
  }
  size_t label = 0;
  for (size_t i = 0; i < len_bytes; i++) {
    unsigned char c = (unsigned char)domain[i];
    bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                c == '-' || c == '_' || c >= 0x80; /* RFC 6531: UTF-8 in domains */
    if (c == '.' && label > 0) {
      label = 0;
    } else if (word && label < 63) {
      label++;
    } else {
      return false;
    }
  }
  return label > 0;
}

/* The domain of an address or domain: a view into `text`, or NULL. */
static const char *domain_of(const char *text, size_t len_bytes)
{
  if (len_bytes == 0 || len_bytes > FRANK_WIRE_RECIPIENT_BYTES) {
    return NULL;
  }
  for (size_t i = 0; i < len_bytes; i++) {
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
      return NULL;
    }
  }
  const char *at = strrchr(text, '@');
  if (at == text) {
    return NULL;
  }
  const char *domain = at ? at + 1 : text;
  return domain_is_plausible(domain, len_bytes - (size_t)(domain - text)) ? domain : NULL;
}

/* Checks the list. `set`, where given, gets the distinct lower-cased domains as keys. */
enum frank_err frank_wire_take_recipients(const json_t *value, json_t *set,
                                          struct frank_wire_fault *fault)
{
  if (!value) {
    return FRANK_OK;
  }
  if (!json_is_array(value)) {
    return frank_wire_refuse_value(value, "recipients", "not an array of strings", fault);
  }
  size_t count = json_array_size(value);
  if (count > FRANK_WIRE_RECIPIENTS_MAX) {
    frank_wire_fault_set(fault, BAD_REQUEST, "recipients has %zu elements, more than %d", count,
                         FRANK_WIRE_RECIPIENTS_MAX);
    return FRANK_ERR_MALFORMED;
  }
  for (size_t i = 0; i < count; i++) {
    const json_t *element = json_array_get(value, i);
    char name[32];
    (void)snprintf(name, sizeof name, "recipients[%zu]", i);
    if (!json_is_string(element)) {
      return frank_wire_refuse_value(element, name, "not a string", fault);
    }
    const char *domain = domain_of(json_string_value(element), json_string_length(element));
    if (!domain) {
      return frank_wire_refuse_value(element, name, "neither an address nor a domain", fault);
    }
    if (set) {
      char key[FRANK_WIRE_RECIPIENT_BYTES + 1];
      size_t len = strlen(domain);
      for (size_t k = 0; k <= len; k++) {
        char c = domain[k];
        key[k] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
      }
      if (json_object_set_new(set, key, json_true()) != 0) {
        frank_wire_fault_set(fault, INTERNAL, "no memory for %zu recipients", count);
        return FRANK_ERR_NOMEM;
      }
    }
  }
  return FRANK_OK;
}

/* The keys of `set`, one after another, each with its NUL. */
static enum frank_err flatten(json_t *set, char **domains, size_t *len_bytes)
{
  size_t need = 0;
  const char *key = NULL;
  json_t *value = NULL;
  json_object_foreach(set, key, value)
  {
    need += strlen(key) + 1;
  }
  *domains = NULL;
  *len_bytes = need;
  if (need == 0) {
    return FRANK_OK;
  }
  char *at = malloc(need);
  if (!at) {
    return FRANK_ERR_NOMEM;
  }
  *domains = at;
  json_object_foreach(set, key, value)
  {
    size_t len = strlen(key) + 1;
    memcpy(at, key, len);
    at += len;
  }
  return FRANK_OK;
}

/* The distinct domains of the recipients, one after another, each with its NUL. */
enum frank_err frank_wire_take_domains(const json_t *value, char **domains, size_t *len_bytes,
                                       size_t *count, struct frank_wire_fault *fault)
{
  *domains = NULL;
  *len_bytes = *count = 0;
  if (!value) {
    return FRANK_OK;
  }
  json_t *set = json_object();
  enum frank_err err = set ? frank_wire_take_recipients(value, set, fault) : FRANK_ERR_NOMEM;
  if (err == FRANK_OK) {
    err = flatten(set, domains, len_bytes);
    *count = json_object_size(set);
  }
  if (err == FRANK_ERR_NOMEM) {
    frank_wire_fault_set(fault, INTERNAL, "no memory for %zu recipients", json_array_size(value));
    *len_bytes = *count = 0;
  }
  json_decref(set);
  return err;
}
