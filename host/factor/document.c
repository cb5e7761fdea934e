#include "factor/document.h"

#include "base/json_text.h"
#include "factor/json.h"
#include "factor/why.h"
#include "proof/target.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8                     /* jansson recurses */
#define TIME_MAX  INT64_C(253402300799) /* the end of the year 9999 */
#define EPOCH_MAX ((INT64_C(1) << 53) - 1)

static const char *const kind_names[FRANK_FACTOR_KIND_COUNT] = {
    [FRANK_FACTOR_AUTHORITY] = "authority",
    [FRANK_FACTOR_PROVIDER] = "provider",
    [FRANK_FACTOR_LOCAL] = "local",
};

const char *frank_factor_kind_name(enum frank_factor_kind kind)
{
  return (unsigned)kind < FRANK_FACTOR_KIND_COUNT ? kind_names[kind] : "";
}

static enum frank_err parse_kind(const char *text, enum frank_factor_kind *kind)
{
  for (unsigned i = 0; i < FRANK_FACTOR_KIND_COUNT; i++) {
    if (strcmp(text, kind_names[i]) == 0) {
      *kind = (enum frank_factor_kind)i;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_UNSUPPORTED;
}

/* ---- reading ---- */

static enum frank_err take_integer(const json_t *object, const char *member, int64_t least,
                                   int64_t most, int64_t *out, char *why)
{
  const char *name = strrchr(member, '.') ? strrchr(member, '.') + 1 : member;
  const json_t *value = json_object_get(object, name);
  if (!value) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is missing", member);
  }
  if (!json_is_integer(value)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is no whole number", member);
  }
  json_int_t number = json_integer_value(value);
  if (number < least || number > most) {
    return frank_factor_fail(FRANK_ERR_RANGE, why,
                             "%s is %" JSON_INTEGER_FORMAT ", not from %" PRId64 " to %" PRId64,
                             member, number, least, most);
  }
  *out = number;
  return FRANK_OK;
}

static enum frank_err take_text(const json_t *object, const char *name, const char **out, char *why)
{
  const json_t *value = json_object_get(object, name);
  if (!value) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is missing", name);
  }
  const char *text = json_string_value(value);
  if (!text || strlen(text) != json_string_length(value)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is no text", name);
  }
  *out = text;
  return FRANK_OK;
}

static bool issuer_is_valid(const char *issuer)
{
  size_t len = strlen(issuer);
  if (len == 0 || len >= FRANK_FACTOR_ISSUER_BYTES) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (issuer[i] <= ' ' || issuer[i] > '~' || strchr("\"\\#", issuer[i])) {
      return false;
    }
  }
  return true;
}

static enum frank_err take_names(const json_t *root, struct frank_factor_document *out, char *why)
{
  int64_t version = 0;
  const char *issuer = "";
  const char *kind_text = "";
  enum frank_factor_kind kind = FRANK_FACTOR_AUTHORITY;
  enum frank_err err = take_integer(root, "v", 0, INT32_MAX, &version, why);
  if (err == FRANK_OK && version != 1) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why, "v is %" PRId64 ", not 1", version);
  }
  if (err == FRANK_OK) {
    err = take_text(root, "issuer", &issuer, why);
  }
  if (err == FRANK_OK && !issuer_is_valid(issuer)) {
    err = frank_factor_fail(FRANK_ERR_MALFORMED, why,
                            "issuer is no name of 1 to %d printable characters",
                            FRANK_FACTOR_ISSUER_BYTES - 1);
  }
  if (err == FRANK_OK) {
    err = take_text(root, "kind", &kind_text, why);
  }
  if (err == FRANK_OK && parse_kind(kind_text, &kind) != FRANK_OK) {
    err = frank_factor_fail(FRANK_ERR_UNSUPPORTED, why,
                            "kind is \"%.32s\", not authority, provider or local", kind_text);
  }
  if (err == FRANK_OK) {
    memcpy(out->issuer, issuer, strlen(issuer) + 1);
    out->kind = kind;
  }
  return err;
}

static enum frank_err take_mode(const json_t *root, struct frank_factor_document *out, char *why)
{
  const char *mode = "";
  if (!json_object_get(root, "mode")) {
    return FRANK_OK;
  }
  enum frank_err err = take_text(root, "mode", &mode, why);
  out->testing = err == FRANK_OK && strcmp(mode, "testing") == 0 ? 1 : 0;
  return err; /* another mode is one that we do not know, and so left alone */
}

static enum frank_err take_previous(const json_t *root, struct frank_factor_document *out,
                                    char *why)
{
  const json_t *previous = json_object_get(root, "previous");
  int64_t epoch = 0;
  int64_t factor = 0;
  int64_t until_s = 0;
  if (!previous || json_is_null(previous)) {
    return FRANK_OK;
  }
  if (!json_is_object(previous)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "previous is no object");
  }
  enum frank_err err = take_integer(previous, "previous.epoch", 1, EPOCH_MAX, &epoch, why);
  if (err == FRANK_OK) {
    err = take_integer(previous, "previous.factor", 1, (int64_t)FRANK_FACTOR_MAX, &factor, why);
  }
  if (err == FRANK_OK) {
    err = take_integer(previous, "previous.until", 0, TIME_MAX, &until_s, why);
  }
  if (err == FRANK_OK && (uint64_t)epoch >= out->epoch) {
    err = frank_factor_fail(FRANK_ERR_RANGE, why,
                            "previous.epoch %" PRId64 " is not below epoch %" PRIu64, epoch,
                            out->epoch);
  }
  out->has_previous = 1;
  out->previous_epoch = (uint64_t)epoch;
  out->previous_factor = (uint64_t)factor;
  out->previous_until_s = until_s;
  return err;
}

static enum frank_err take_numbers(const json_t *root, struct frank_factor_document *out, char *why)
{
  int64_t epoch = 0;
  int64_t factor = 0;
  enum frank_err err = take_integer(root, "epoch", 1, EPOCH_MAX, &epoch, why);
  if (err == FRANK_OK) {
    err = take_integer(root, "issued", 0, TIME_MAX, &out->issued_s, why);
  }
  if (err == FRANK_OK) {
    err = take_integer(root, "expires", 0, TIME_MAX, &out->expires_s, why);
  }
  if (err == FRANK_OK) {
    err = take_integer(root, "factor", 1, (int64_t)FRANK_FACTOR_MAX, &factor, why);
  }
  if (err == FRANK_OK && out->expires_s <= out->issued_s) {
    err =
        frank_factor_fail(FRANK_ERR_RANGE, why, "expires %" PRId64 " is not after issued %" PRId64,
                          out->expires_s, out->issued_s);
  }
  out->epoch = (uint64_t)epoch;
  out->factor = (uint64_t)factor;
  return err;
}

enum frank_err frank_factor_document_parse(const char *text, size_t len_bytes,
                                           struct frank_factor_document *out, char *why)
{
  json_t *root = NULL;
  *out = (struct frank_factor_document){.kind = FRANK_FACTOR_AUTHORITY};
  why[0] = '\0';
  enum frank_err err = frank_factor_json_load(text, len_bytes, "the document", &root, why);
  if (err == FRANK_OK) {
    err = take_names(root, out, why);
  }
  if (err == FRANK_OK) {
    err = take_numbers(root, out, why);
  }
  if (err == FRANK_OK) {
    err = take_mode(root, out, why);
  }
  if (err == FRANK_OK) {
    err = take_previous(root, out, why);
  }
  json_decref(root);
  return err;
}

/* ---- writing ---- */

size_t frank_factor_document_format(const struct frank_factor_document *document,
                                    char out[FRANK_FACTOR_DOCUMENT_MAX_BYTES])
{
  struct frank_json_text json;
  assert(issuer_is_valid(document->issuer) && document->kind < FRANK_FACTOR_KIND_COUNT);
  assert(document->epoch >= 1 && document->factor >= 1 && document->factor <= FRANK_FACTOR_MAX);
  assert(document->issued_s >= 0 && document->expires_s > document->issued_s);
  frank_json_text_begin(&json, out, FRANK_FACTOR_DOCUMENT_MAX_BYTES);
  frank_json_text_integer(&json, "v", 1);
  frank_json_text_string(&json, "issuer", document->issuer, strlen(document->issuer));
  const char *kind = frank_factor_kind_name((enum frank_factor_kind)document->kind);
  frank_json_text_string(&json, "kind", kind, strlen(kind));
  if (document->testing) {
    frank_json_text_string(&json, "mode", "testing", strlen("testing"));
  }
  frank_json_text_integer(&json, "epoch", document->epoch);
  frank_json_text_integer(&json, "issued", (uint64_t)document->issued_s);
  frank_json_text_integer(&json, "expires", (uint64_t)document->expires_s);
  frank_json_text_integer(&json, "factor", document->factor);
  if (document->has_previous) {
    char previous[128];
    struct frank_json_text inner;
    frank_json_text_begin(&inner, previous, sizeof previous);
    frank_json_text_integer(&inner, "epoch", document->previous_epoch);
    frank_json_text_integer(&inner, "factor", document->previous_factor);
    frank_json_text_integer(&inner, "until", (uint64_t)document->previous_until_s);
    (void)frank_json_text_end(&inner);
    frank_json_text_raw(&json, "previous", previous);
  }
  size_t len = frank_json_text_end(&json);
  assert(len > 0);
  return len;
}

/* ---- rules ---- */

enum frank_err frank_factor_document_check(const struct frank_factor_document *document,
                                           const struct frank_factor_document *last, int64_t now_s,
                                           char *why)
{
  why[0] = '\0';
  if (document->expires_s <= now_s) {
    return frank_factor_fail(FRANK_ERR_TIMEOUT, why, "it expired %" PRId64 " s ago",
                             now_s - document->expires_s);
  }
  if (document->issued_s > now_s + FRANK_FACTOR_FUTURE_MAX_S) {
    return frank_factor_fail(FRANK_ERR_RANGE, why,
                             "it is issued %" PRId64 " s in the future, above %d",
                             document->issued_s - now_s, FRANK_FACTOR_FUTURE_MAX_S);
  }
  if (!last || last->expires_s <= now_s) {
    return FRANK_OK;
  }
  if (strcmp(document->issuer, last->issuer) != 0) {
    return frank_factor_fail(FRANK_ERR_DENIED, why, "its issuer is %s, not %s", document->issuer,
                             last->issuer);
  }
  if (document->epoch < last->epoch) {
    return frank_factor_fail(FRANK_ERR_DENIED, why, "its epoch %" PRIu64 " is below %" PRIu64,
                             document->epoch, last->epoch);
  }
  if (document->epoch == last->epoch && document->factor != last->factor) {
    return frank_factor_fail(FRANK_ERR_DENIED, why,
                             "epoch %" PRIu64 " has factor %" PRIu64 " now, and had %" PRIu64,
                             last->epoch, document->factor, last->factor);
  }
  return FRANK_OK;
}

uint64_t frank_factor_document_asks(const struct frank_factor_document *document, int64_t now_s,
                                    bool *is_previous)
{
  *is_previous = document->has_previous && now_s < document->previous_until_s &&
                 document->previous_factor < document->factor;
  return *is_previous ? document->previous_factor : document->factor;
}

void frank_factor_document_source(const struct frank_factor_document *document,
                                  char out[FRANK_FACTOR_SOURCE_BYTES])
{
  (void)snprintf(out, FRANK_FACTOR_SOURCE_BYTES, "%.*s#%" PRIu64, FRANK_FACTOR_ISSUER_BYTES - 1,
                 document->issuer, document->epoch);
}
