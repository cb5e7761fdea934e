#include "door/wire.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/records.h"
#include "door/messages.h"
#include "door/sources_json.h"
#include "door/wire_internal.h"
#include "proof/msmr.h"
#include "proof/target.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
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

static const char *const domain_states[FRANK_DOOR_DOMAIN_STATES] = {
    [FRANK_DOOR_DOMAIN_UNKNOWN] = "unknown",   [FRANK_DOOR_DOMAIN_FOUND] = "found",
    [FRANK_DOOR_DOMAIN_ABSENT] = "absent",     [FRANK_DOOR_DOMAIN_FAILED] = "failed",
    [FRANK_DOOR_DOMAIN_TOO_HIGH] = "too-high",
};

/* What is asked of this domain: its own factor, or the one where nothing is published. */
static json_t *domain_json(const char *domain, const struct frank_door_domain *row,
                           const struct frank_door_factor *factor)
{
  bool own = row->state == FRANK_DOOR_DOMAIN_FOUND;
  char source[FRANK_SOURCE_BYTES];
  if (row->state >= FRANK_DOOR_DOMAIN_STATES || !frank_record_is_text(row->why, sizeof row->why)) {
    return NULL;
  }
  (void)snprintf(source, sizeof source, own ? "dns:%s" : "%s",
                 own ? domain : factor->otherwise_source);
  json_t *published = row->factor > 0 ? json_integer((json_int_t)row->factor) : json_null();
  return json_pack("{s:s, s:I, s:s, s:s, s:o, s:s, s:I, s:s}", "domain", domain, "factor",
                   (json_int_t)(own ? row->factor : factor->otherwise), "source", source, "state",
                   domain_states[row->state], "published", published, "dnssec",
                   frank_dnssec_text(row->dnssec), "ttl_s", (json_int_t)row->ttl_s, "why",
                   row->why);
}

/* One object per domain, in the order asked for. */
static json_t *domains_array(const char *domain, size_t count, const uint8_t *rows,
                             const struct frank_door_factor *factor)
{
  json_t *list = json_array();
  for (size_t i = 0; list && i < count; i++) {
    struct frank_door_domain row;
    memcpy(&row, rows + i * sizeof row, sizeof row);
    if (json_array_append_new(list, domain_json(domain, &row, factor)) != 0) {
      json_decref(list);
      list = NULL;
    }
    domain += strlen(domain) + 1;
  }
  return list;
}

static bool factor_is_sound(const struct frank_door_factor *factor, size_t rows_len,
                            size_t domain_count)
{
  return factor->domain_count == domain_count &&
         rows_len == domain_count * sizeof(struct frank_door_domain) &&
         frank_record_is_text(factor->source, sizeof factor->source) &&
         frank_record_is_text(factor->otherwise_source, sizeof factor->otherwise_source) &&
         factor->source_count <= FRANK_STATUS_SOURCES_MAX &&
         frank_sources_are_sound(factor->sources, factor->source_count);
}

enum frank_err frank_wire_factor_format(const void *record, size_t record_len, const char *domains,
                                        size_t domain_count, char **out, size_t *len_bytes)
{
  struct frank_door_factor factor;
  if (record_len < sizeof factor) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&factor, record, sizeof factor);
  if (!factor_is_sound(&factor, record_len - sizeof factor, domain_count)) {
    return FRANK_ERR_MALFORMED;
  }
  frank_wire_json_begin();
  double eta_ms = factor.rate_hps > 0 ? (double)factor.factor / factor.rate_hps * 1000 : -1;
  bool has_eta = eta_ms >= 0 && eta_ms < 1e18;
  const struct {
    const char *name;
    json_t *value;
  } members[] = {
      {"factor", json_integer((json_int_t)factor.factor)},
      {"source", json_string(factor.source)},
      {"domains",
       domains_array(domains, domain_count, (const uint8_t *)record + sizeof factor, &factor)},
      {"expires", factor.expires_s > 0 ? json_integer(factor.expires_s) : json_null()},
      {"eta_ms", has_eta ? json_integer((json_int_t)(eta_ms + 0.5)) : json_null()},
      {"sources", frank_sources_json(factor.sources, factor.source_count)},
  };
  json_t *root = json_object();
  bool ok = root != NULL;
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    ok = json_object_set_new(root, members[i].name, members[i].value) == 0 && ok;
  }
  char *text = ok ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (!text || frank_json_memory_failed()) {
    free(text);
    return FRANK_ERR_NOMEM;
  }
  *out = text;
  *len_bytes = strlen(text);
  return FRANK_OK;
}
