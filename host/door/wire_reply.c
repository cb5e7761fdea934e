#include "door/wire.h"

#include "base/json_text.h"
#include "door/wire_internal.h"
#include "proof/msmr.h"
#include "proof/target.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void put_string(struct frank_json_text *json, const char *name, const char *text)
{
  frank_json_text_string(json, name, text, strlen(text));
}

/* An error's body with the numbers that its code comes with. */
static size_t format_fault(const struct frank_wire_fault *fault, uint64_t retry_after_ms,
                           bool with_eta, uint64_t eta_ms, char *out)
{
  struct frank_json_text json;
  frank_json_text_begin(&json, out, FRANK_WIRE_REPLY_MAX_BYTES);
  put_string(&json, "error", fault->code);
  put_string(&json, "message", fault->message);
  if (retry_after_ms > 0) {
    frank_json_text_integer(&json, "retry_after_ms", retry_after_ms);
  }
  if (with_eta && eta_ms > 0) {
    frank_json_text_integer(&json, "eta_ms", eta_ms);
  } else if (with_eta) {
    frank_json_text_raw(&json, "eta_ms", "null"); /* no device works: no estimate */
  }
  size_t len = frank_json_text_end(&json);
  assert(len > 0); /* codes are short and a message has 255 bytes of at most 2 each */
  return len;
}

size_t frank_wire_fault_format(const struct frank_wire_fault *fault, uint64_t retry_after_ms,
                               char out[FRANK_WIRE_REPLY_MAX_BYTES])
{
  return format_fault(fault, retry_after_ms, false, 0, out);
}

static bool answer_has_stamp(const struct frank_answer *answer)
{
  size_t n_len = strnlen(answer->n, sizeof answer->n);
  return answer->alg < FRANK_ALG_COUNT && n_len >= 1 && n_len <= FRANK_MSMR_NONCE_WRITTEN &&
         strspn(answer->n, "0123456789abcdef") == n_len;
}

size_t frank_wire_answer_format(const struct frank_answer *answer,
                                char out[FRANK_WIRE_REPLY_MAX_BYTES], bool *ok)
{
  *ok = answer->refusal == FRANK_REFUSAL_NONE && answer_has_stamp(answer);
  if (!*ok) {
    struct frank_wire_fault fault;
    bool known = answer->refusal > FRANK_REFUSAL_NONE && answer->refusal < FRANK_REFUSAL_COUNT;
    frank_wire_fault_set(
        &fault, known ? frank_refusal_code((enum frank_refusal)answer->refusal) : "internal",
        "%.*s", (int)sizeof answer->message, known ? answer->message : "the answer is not a stamp");
    return format_fault(&fault, answer->retry_after_ms, answer->refusal == FRANK_REFUSAL_TOO_HARD,
                        answer->eta_ms, out);
  }
  struct frank_msmr key = {.alg = (enum frank_alg)answer->alg, .h = answer->h};
  memcpy(key.n, answer->n, strlen(answer->n) + 1);
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  char h[65];
  frank_msmr_format(&key, "\r\n", header);
  frank_hash_format(&key.h, h);
  struct frank_json_text json;
  frank_json_text_begin(&json, out, FRANK_WIRE_REPLY_MAX_BYTES);
  put_string(&json, "header", header);
  put_string(&json, "n", key.n);
  put_string(&json, "h", h);
  put_string(&json, "a", frank_alg_name(key.alg));
  frank_json_text_integer(&json, "factor", answer->factor);
  frank_json_text_string(&json, "source", answer->source,
                         strnlen(answer->source, sizeof answer->source));
  frank_json_text_bool(&json, "met", answer->met != 0);
  frank_json_text_decimal(&json, "bits", frank_target_bits(&key.h), 4);
  frank_json_text_integer(&json, "attempts", answer->attempts);
  frank_json_text_integer(&json, "elapsed_ms", answer->elapsed_ms);
  frank_json_text_string(&json, "device", answer->device,
                         strnlen(answer->device, sizeof answer->device));
  size_t len = frank_json_text_end(&json);
  assert(len > 0); /* 192 + 40 + 64 + 6 * (96 + 32) and the names: below the buffer */
  return len;
}

size_t frank_wire_cancelled_format(bool found, char out[FRANK_WIRE_REPLY_MAX_BYTES])
{
  struct frank_json_text json;
  frank_json_text_begin(&json, out, FRANK_WIRE_REPLY_MAX_BYTES);
  frank_json_text_bool(&json, "found", found);
  return frank_json_text_end(&json);
}

/* One object per domain, in the order asked for. */
static json_t *domains_array(const struct frank_wire_factor *factor)
{
  json_t *list = json_array();
  const char *domain = factor->domains;
  for (size_t i = 0; list && i < factor->domain_count; i++) {
    json_t *one = json_pack("{s:s, s:I, s:s}", "domain", domain, "factor",
                            (json_int_t)factor->factor, "source", factor->source);
    if (!one || json_array_append_new(list, one) != 0) {
      json_decref(list);
      list = NULL;
    }
    domain += strlen(domain) + 1;
  }
  return list;
}

enum frank_err frank_wire_factor_format(const struct frank_wire_factor *factor, char **out,
                                        size_t *len_bytes)
{
  frank_wire_json_begin();
  json_t *root = json_object();
  json_t *domains = domains_array(factor);
  char *text = NULL;
  double eta_ms = factor->rate_hps > 0 ? (double)factor->factor / factor->rate_hps * 1000 : -1;
  bool has_eta = eta_ms >= 0 && eta_ms < 1e18;
  if (root && domains &&
      json_object_set_new(root, "factor", json_integer((json_int_t)factor->factor)) == 0 &&
      json_object_set_new(root, "source", json_string(factor->source)) == 0 &&
      json_object_set(root, "domains", domains) == 0 &&
      json_object_set_new(root, "expires",
                          factor->expires_s > 0 ? json_integer(factor->expires_s) : json_null()) ==
          0 &&
      json_object_set_new(root, "eta_ms",
                          has_eta ? json_integer((json_int_t)(eta_ms + 0.5)) : json_null()) == 0) {
    text = json_dumps(root, JSON_COMPACT);
  }
  json_decref(domains);
  json_decref(root);
  if (!text || frank_wire_json_failed()) {
    free(text);
    return FRANK_ERR_NOMEM;
  }
  *out = text;
  *len_bytes = strlen(text);
  return FRANK_OK;
}
