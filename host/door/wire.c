#include "door/wire.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "door/wire_internal.h"
#include "proof/dkim.h"
#include "proof/msmr.h"
#include "proof/target.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAD_REQUEST "bad-request"
#define UNSUPPORTED "unsupported"
#define INTERNAL    "internal"

/* How much of a value an error message repeats. */
#define SHOWN_BYTES 48

static const char *const verb_names[FRANK_WIRE_VERB_COUNT] = {
    [FRANK_WIRE_MINT] = "mint",     [FRANK_WIRE_CANCEL] = "cancel", [FRANK_WIRE_STATUS] = "status",
    [FRANK_WIRE_FACTOR] = "factor", [FRANK_WIRE_PING] = "ping",
};

const char *frank_wire_verb_name(enum frank_wire_verb verb)
{
  return verb_names[verb];
}

static void make_printable(char *text)
{
  for (; *text != '\0'; text++) {
    if (*text < 0x20 || *text > 0x7e) {
      *text = '?';
    }
  }
}

void frank_wire_fault_set(struct frank_wire_fault *fault, const char *code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fault->code = code;
  if (vsnprintf(fault->message, sizeof fault->message, format, args) < 0) {
    fault->message[0] = '\0';
  }
  va_end(args);
  make_printable(fault->message);
}

/* ---- frames ---- */

static bool frame_is(const struct frank_wire_frame *frame, const char *text)
{
  size_t len = strlen(text);
  return frame->len_bytes == len && memcmp(frame->bytes, text, len) == 0;
}

static bool id_is_valid(const void *bytes, size_t len_bytes)
{
  const unsigned char *id = bytes;
  if (len_bytes == 0 || len_bytes > FRANK_WIRE_ID_MAX_BYTES) {
    return false;
  }
  for (size_t i = 0; i < len_bytes; i++) {
    if (id[i] < 0x21 || id[i] > 0x7e) {
      return false;
    }
  }
  return true;
}

enum frank_err frank_wire_envelope_parse(const struct frank_wire_frame *frames, size_t count,
                                         struct frank_wire_envelope *envelope,
                                         struct frank_wire_fault *fault)
{
  envelope->delimited = count > 0 && frames[0].len_bytes == 0;
  if (envelope->delimited) {
    frames++;
    count--;
  }
  if (count != 4 || !frame_is(&frames[0], FRANK_WIRE_VERSION) ||
      !id_is_valid(frames[2].bytes, frames[2].len_bytes)) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(envelope->id, frames[2].bytes, frames[2].len_bytes);
  envelope->id[frames[2].len_bytes] = '\0';
  envelope->id_len = frames[2].len_bytes;
  envelope->body = frames[3];
  for (int verb = 0; verb < FRANK_WIRE_VERB_COUNT; verb++) {
    if (frame_is(&frames[1], verb_names[verb])) {
      envelope->verb = (enum frank_wire_verb)verb;
      if (envelope->body.len_bytes > FRANK_WIRE_BODY_MAX_BYTES) {
        frank_wire_fault_set(fault, BAD_REQUEST, "the body has %zu bytes, more than %d",
                             envelope->body.len_bytes, FRANK_WIRE_BODY_MAX_BYTES);
        return FRANK_ERR_TOO_LONG;
      }
      return FRANK_OK;
    }
  }
  int shown = frames[1].len_bytes < SHOWN_BYTES ? (int)frames[1].len_bytes : SHOWN_BYTES;
  frank_wire_fault_set(fault, BAD_REQUEST,
                       "unknown verb \"%.*s\": not mint, cancel, status, factor or ping", shown,
                       shown > 0 ? (const char *)frames[1].bytes : "");
  return FRANK_ERR_UNSUPPORTED;
}

/* ---- JSON in general ---- */

static void fault_of_syntax(const char *text, size_t len_bytes, const json_error_t *error,
                            struct frank_wire_fault *fault)
{
  size_t at = error->position > 0 ? (size_t)error->position : 0;
  struct frank_json_walk walk;
  frank_json_walk(text, at < len_bytes ? at : len_bytes, &walk);
  int shown = walk.key_len < SHOWN_BYTES ? (int)walk.key_len : SHOWN_BYTES;
  /* jansson's texts end in an excerpt of 20 bytes at most, or of a whole number. */
  frank_wire_fault_set(fault, BAD_REQUEST, "%s%.*s%sthe body is no JSON object: %.120s",
                       walk.key ? "at " : "", walk.key ? shown : 0, walk.key ? walk.key : "",
                       walk.key ? ": " : "", error->text);
}

void frank_wire_json_begin(void)
{
  json_set_alloc_funcs(frank_json_memory_get, free);
  frank_json_memory_begin();
}

/* NULL with the fault for wrong text, NULL with fault->code NULL for want of memory. */
static json_t *load(const char *body, size_t len_bytes, struct frank_wire_fault *fault)
{
  json_error_t error;
  frank_wire_json_begin();
  fault->code = NULL;
  json_t *root = json_loadb(body, len_bytes, JSON_REJECT_DUPLICATES, &error);
  if (frank_json_memory_failed()) {
    json_decref(root);
    return NULL;
  }
  if (!root) {
    fault_of_syntax(body, len_bytes, &error, fault);
  }
  return root;
}

/* The body as an object. An empty one is an object without members where `may_be_empty`. */
static enum frank_err parse_object(const void *body, size_t len_bytes, bool may_be_empty,
                                   json_t **root, struct frank_wire_fault *fault)
{
  *root = NULL;
  if (len_bytes > FRANK_WIRE_BODY_MAX_BYTES) {
    frank_wire_fault_set(fault, BAD_REQUEST, "the body has %zu bytes, more than %d", len_bytes,
                         FRANK_WIRE_BODY_MAX_BYTES);
    return FRANK_ERR_MALFORMED;
  }
  if (len_bytes == 0) {
    if (!may_be_empty) {
      frank_wire_fault_set(fault, BAD_REQUEST, "the body is empty");
      return FRANK_ERR_MALFORMED;
    }
    *root = json_object();
  } else {
    struct frank_json_walk walk;
    frank_json_walk(body, len_bytes, &walk);
    if (walk.depth_max > FRANK_WIRE_DEPTH_MAX) {
      frank_wire_fault_set(fault, BAD_REQUEST, "the body is nested %zu deep, more than %d",
                           walk.depth_max, FRANK_WIRE_DEPTH_MAX);
      return FRANK_ERR_MALFORMED;
    }
    *root = load(body, len_bytes, fault);
    if (!*root && fault->code) {
      return FRANK_ERR_MALFORMED;
    }
  }
  if (!*root) {
    frank_wire_fault_set(fault, INTERNAL, "no memory for a body of %zu bytes", len_bytes);
    return FRANK_ERR_NOMEM;
  }
  if (!json_is_object(*root)) {
    frank_wire_fault_set(fault, BAD_REQUEST, "the body is an array, not an object");
    json_decref(*root);
    *root = NULL;
    return FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

/* A value as an error message shows it. */
static void show(const json_t *value, char text[SHOWN_BYTES + 4])
{
  char *dump = NULL;
  if (json_is_object(value)) {
    memcpy(text, "an object", sizeof "an object");
    return;
  }
  if (json_is_array(value)) {
    memcpy(text, "an array", sizeof "an array");
    return;
  }
  dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
  size_t len = dump ? strlen(dump) : 0;
  size_t shown = len <= SHOWN_BYTES ? len : SHOWN_BYTES;
  if (dump) {
    memcpy(text, dump, shown);
  }
  memcpy(text + shown, len > SHOWN_BYTES ? "..." : "", len > SHOWN_BYTES ? 4 : 1);
  free(dump);
}

enum frank_err frank_wire_refuse_value(const json_t *value, const char *name, const char *what,
                                       struct frank_wire_fault *fault)
{
  char shown[SHOWN_BYTES + 4];
  show(value, shown);
  frank_wire_fault_set(fault, BAD_REQUEST, "%s is %s, %s", name, shown, what);
  return FRANK_ERR_MALFORMED;
}

/* Takes an integer member within its range; leaves *out alone where it is absent. */
static enum frank_err take_integer(const json_t *value, const char *name, json_int_t least,
                                   json_int_t most, uint64_t *out, struct frank_wire_fault *fault)
{
  if (!value) {
    return FRANK_OK;
  }
  if (!json_is_integer(value)) {
    return frank_wire_refuse_value(value, name, "not an integer written as one", fault);
  }
  json_int_t number = json_integer_value(value);
  if (number < least || number > most) {
    char range[80];
    (void)snprintf(range, sizeof range, "not in %lld to %lld", (long long)least, (long long)most);
    return frank_wire_refuse_value(value, name, range, fault);
  }
  *out = (uint64_t)number;
  return FRANK_OK;
}

/* ---- mint ---- */

/* The members of mint's body that are strings; order as in `struct mint_texts`. */
enum text_member { TEXT_B, TEXT_DKIM, TEXT_A, TEXT_ON_DEADLINE, TEXT_COUNT };
static const char *const text_names[TEXT_COUNT] = {
    [TEXT_B] = "b", [TEXT_DKIM] = "dkim", [TEXT_A] = "a", [TEXT_ON_DEADLINE] = "on_deadline"};

static enum frank_err take_texts(const json_t *root, const json_t *texts[TEXT_COUNT],
                                 struct frank_wire_fault *fault)
{
  for (int i = 0; i < TEXT_COUNT; i++) {
    texts[i] = json_object_get(root, text_names[i]);
    if (texts[i] && !json_is_string(texts[i])) {
      return frank_wire_refuse_value(texts[i], text_names[i], "not a string", fault);
    }
  }
  if (!texts[TEXT_B] == !texts[TEXT_DKIM]) {
    frank_wire_fault_set(fault, BAD_REQUEST, "%s: exactly one of them is needed",
                         texts[TEXT_B] ? "b and dkim are both there"
                                       : "b and dkim are both missing");
    return FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

static enum frank_err take_b(const json_t *value, struct frank_request *request, char *b,
                             struct frank_wire_fault *fault)
{
  const char *why = "";
  size_t b_len = 0;
  enum frank_err err =
      frank_b_normalize(json_string_value(value), json_string_length(value), b, &b_len, &why);
  if (err != FRANK_OK) {
    char shown[SHOWN_BYTES + 4];
    show(value, shown);
    frank_wire_fault_set(fault, BAD_REQUEST, "b is %s: %s", shown, why);
    return FRANK_ERR_MALFORMED;
  }
  request->b_len = (uint16_t)b_len;
  return FRANK_OK;
}

static enum frank_err take_dkim(const json_t *value, struct frank_request *request, char *b,
                                struct frank_wire_fault *fault)
{
  const char *why = "";
  struct frank_dkim dkim;
  enum frank_err err =
      frank_dkim_parse(json_string_value(value), json_string_length(value), &dkim, &why);
  if (err != FRANK_OK) {
    char shown[SHOWN_BYTES + 4];
    show(value, shown);
    frank_wire_fault_set(fault, err == FRANK_ERR_UNSUPPORTED ? UNSUPPORTED : BAD_REQUEST,
                         "dkim is %s: %s", shown, why);
    return FRANK_ERR_MALFORMED;
  }
  memcpy(b, dkim.b, dkim.b_len + 1);
  request->b_len = (uint16_t)dkim.b_len;
  request->alg = (uint32_t)dkim.alg;
  return FRANK_OK;
}

/* After b or dkim: what a= says must be ours, and must agree with dkim's. */
static enum frank_err take_alg(const json_t *value, bool from_dkim, struct frank_request *request,
                               struct frank_wire_fault *fault)
{
  if (!value) {
    return FRANK_OK;
  }
  enum frank_alg alg = FRANK_ALG_RSA_SHA256;
  if (frank_alg_parse(json_string_value(value), json_string_length(value), &alg) != FRANK_OK) {
    char shown[SHOWN_BYTES + 4];
    show(value, shown);
    frank_wire_fault_set(fault, UNSUPPORTED, "a is %s, not rsa-sha256 or ed25519-sha256", shown);
    return FRANK_ERR_MALFORMED;
  }
  if (from_dkim && request->alg != (uint32_t)alg) {
    frank_wire_fault_set(fault, BAD_REQUEST, "a is \"%s\", but dkim has a=%s", frank_alg_name(alg),
                         frank_alg_name((enum frank_alg)request->alg));
    return FRANK_ERR_MALFORMED;
  }
  request->alg = (uint32_t)alg;
  return FRANK_OK;
}

static enum frank_err take_on_deadline(const json_t *value, struct frank_request *request,
                                       struct frank_wire_fault *fault)
{
  if (!value || strcmp(json_string_value(value), "best") == 0) {
    return FRANK_OK;
  }
  if (strcmp(json_string_value(value), "fail") == 0) {
    request->fail_at_deadline = 1;
    return FRANK_OK;
  }
  return frank_wire_refuse_value(value, "on_deadline", "not \"best\" or \"fail\"", fault);
}

static enum frank_err take_numbers(const json_t *root, struct frank_request *request,
                                   struct frank_wire_fault *fault)
{
  uint64_t factor = 0;
  uint64_t deadline_ms = FRANK_DEADLINE_DEFAULT_MS;
  uint64_t priority = FRANK_PRIORITY_DEFAULT;
  const struct {
    const char *name;
    json_int_t least, most;
    uint64_t *out;
  } numbers[] = {{"factor", 1, (json_int_t)FRANK_FACTOR_MAX, &factor},
                 {"deadline_ms", 1, FRANK_DEADLINE_MAX_MS, &deadline_ms},
                 {"priority", 0, FRANK_PRIORITY_MAX, &priority}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    enum frank_err err = take_integer(json_object_get(root, numbers[i].name), numbers[i].name,
                                      numbers[i].least, numbers[i].most, numbers[i].out, fault);
    if (err != FRANK_OK) {
      return err;
    }
  }
  request->factor = factor;
  request->deadline_ms = (uint32_t)deadline_ms;
  request->priority = (uint8_t)priority;
  return FRANK_OK;
}

enum frank_err frank_wire_mint_parse(const void *body, size_t len_bytes,
                                     struct frank_request *request, char b[FRANK_B_MAX_BYTES + 1],
                                     char **domains, struct frank_wire_fault *fault)
{
  json_t *root = NULL;
  size_t domains_len = 0;
  size_t domain_count = 0;
  *domains = NULL;
  const json_t *texts[TEXT_COUNT] = {NULL};
  *request = (struct frank_request){.alg = FRANK_ALG_RSA_SHA256};
  enum frank_err err = parse_object(body, len_bytes, false, &root, fault);
  if (err != FRANK_OK) {
    return err;
  }
  err = take_texts(root, texts, fault);
  if (err == FRANK_OK) {
    err = take_numbers(root, request, fault);
  }
  if (err == FRANK_OK) {
    err = take_on_deadline(texts[TEXT_ON_DEADLINE], request, fault);
  }
  if (err == FRANK_OK) {
    err = texts[TEXT_B] ? take_b(texts[TEXT_B], request, b, fault)
                        : take_dkim(texts[TEXT_DKIM], request, b, fault);
  }
  if (err == FRANK_OK) {
    err = take_alg(texts[TEXT_A], texts[TEXT_DKIM] != NULL, request, fault);
  }
  const json_t *recipients = json_object_get(root, "recipients");
  if (err == FRANK_OK && request->factor > 0) {
    err = frank_wire_take_recipients(recipients, NULL, fault); /* checked, and of no further use */
  } else if (err == FRANK_OK) {
    err = frank_wire_take_domains(recipients, domains, &domains_len, &domain_count, fault);
    request->domains_len = (uint32_t)domains_len;
  }
  json_decref(root);
  return err;
}

/* ---- the other verbs ---- */

enum frank_err frank_wire_cancel_parse(const void *body, size_t len_bytes,
                                       char id[FRANK_WIRE_ID_MAX_BYTES + 1],
                                       struct frank_wire_fault *fault)
{
  json_t *root = NULL;
  enum frank_err err = parse_object(body, len_bytes, false, &root, fault);
  if (err != FRANK_OK) {
    return err;
  }
  const json_t *value = json_object_get(root, "id");
  if (!value) {
    frank_wire_fault_set(fault, BAD_REQUEST, "id is missing: the request to cancel");
    err = FRANK_ERR_MALFORMED;
  } else if (!json_is_string(value)) {
    err = frank_wire_refuse_value(value, "id", "not a string", fault);
  } else if (!id_is_valid(json_string_value(value), json_string_length(value))) {
    err = frank_wire_refuse_value(value, "id",
                                  "not 1 to 64 printable ASCII characters without spaces", fault);
  } else {
    memcpy(id, json_string_value(value), json_string_length(value) + 1);
  }
  json_decref(root);
  return err;
}

enum frank_err frank_wire_factor_parse(const void *body, size_t len_bytes,
                                       struct frank_wire_question *question,
                                       struct frank_wire_fault *fault)
{
  json_t *root = NULL;
  *question = (struct frank_wire_question){.domains = NULL};
  enum frank_err err = parse_object(body, len_bytes, true, &root, fault);
  if (err != FRANK_OK) {
    return err;
  }
  const json_t *purge = json_object_get(root, "purge");
  if (purge && !json_is_boolean(purge)) {
    err = frank_wire_refuse_value(purge, "purge", "neither true nor false", fault);
  }
  if (err == FRANK_OK) {
    question->purge = json_is_true(purge);
    err = frank_wire_take_domains(json_object_get(root, "recipients"), &question->domains,
                                  &question->domains_len, &question->domain_count, fault);
  }
  json_decref(root);
  return err;
}

enum frank_err frank_wire_plain_parse(const void *body, size_t len_bytes,
                                      struct frank_wire_fault *fault)
{
  json_t *root = NULL;
  enum frank_err err = parse_object(body, len_bytes, true, &root, fault);
  json_decref(root);
  return err;
}
