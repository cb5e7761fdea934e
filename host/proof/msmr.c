/* The MSMR-Key header. See msmr.h. */
#include "proof/msmr.h"

#include "proof/base64.h"
#include "proof/taglist.h"
#include "proof/target.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const char *const alg_names[FRANK_ALG_COUNT] = {
    [FRANK_ALG_RSA_SHA256] = "rsa-sha256",
    [FRANK_ALG_ED25519_SHA256] = "ed25519-sha256",
};

const char *frank_alg_name(enum frank_alg alg)
{
  assert((size_t)alg < FRANK_ALG_COUNT);
  return alg_names[alg];
}

enum frank_err frank_alg_parse(const char *text, size_t len_bytes, enum frank_alg *alg)
{
  struct frank_view view = {text, len_bytes};

  for (size_t i = 0; i < FRANK_ALG_COUNT; i++) {
    if (frank_view_is(view, alg_names[i])) {
      *alg = (enum frank_alg)i;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_UNSUPPORTED;
}

static bool is_hex(char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t count_hex(const char *p, const char *end)
{
  const char *start = p;

  while (p < end && is_hex(*p)) {
    p++;
  }
  return (size_t)(p - start);
}

/* The proposal's own example has no ';' between n= and h=. So a value of n that reads
 * "<hex><white space>h=<hex>" is two tags. True where it was; then *n is cut and *h set. */
static bool split_nonce(struct frank_view *n, struct frank_view *h)
{
  const char *p = n->text, *end = n->text + n->len_bytes;
  size_t digits = count_hex(p, end);
  const char *after;

  for (after = p + digits; after < end && frank_is_white(*after); after++) {
  }
  /* without a digit there is no white space either: the value is trimmed */
  if (after == p + digits || end - after < 3 || after[0] != 'h' || after[1] != '=' ||
      count_hex(after + 2, end) != (size_t)(end - after) - 2) {
    return false;
  }
  *h = (struct frank_view){after + 2, (size_t)(end - after) - 2};
  n->len_bytes = digits;
  return true;
}

/* The four tags of a key, after the checks that rank first: syntax and duplicates. */
struct key_tags {
  struct frank_view v, a, n, h;
};

static enum frank_err read_tags(const char *value, size_t len_bytes, struct key_tags *tags,
                                const char **why)
{
  struct frank_taglist list;
  struct frank_view second_h;
  enum frank_err err = frank_taglist_parse(value, len_bytes, &list, why);

  if (err) {
    return err;
  }
  tags->v = frank_taglist_get(&list, "v");
  tags->a = frank_taglist_get(&list, "a");
  tags->n = frank_taglist_get(&list, "n");
  tags->h = frank_taglist_get(&list, "h");
  if (tags->n.text && split_nonce(&tags->n, &second_h)) {
    if (tags->h.text) {
      *why = "MSMR-Key: h= stands twice";
      return FRANK_ERR_MALFORMED;
    }
    tags->h = second_h;
  }
  return FRANK_OK;
}

enum frank_err frank_msmr_parse(const char *value, size_t len_bytes, struct frank_msmr *key,
                                const char **why)
{
  struct key_tags tags;
  enum frank_err err;

  memset(key, 0, sizeof *key);
  err = read_tags(value, len_bytes, &tags, why);
  if (err) {
    return err;
  }
  if (!tags.v.text) {
    *why = "MSMR-Key: no v=";
    return FRANK_ERR_MALFORMED;
  }
  if (!frank_view_is(tags.v, "1")) {
    *why = "MSMR-Key: v= is a version that is not ours";
    return FRANK_ERR_UNSUPPORTED;
  }
  if (!tags.a.text) {
    *why = "MSMR-Key: no a=";
    return FRANK_ERR_MALFORMED;
  }
  err = frank_alg_parse(tags.a.text, tags.a.len_bytes, &key->alg);
  if (err) {
    *why = "MSMR-Key: a= is an algorithm that is not ours";
    return err;
  }
  if (!tags.n.text || tags.n.len_bytes < 1 || tags.n.len_bytes > FRANK_MSMR_NONCE_MAX ||
      count_hex(tags.n.text, tags.n.text + tags.n.len_bytes) != tags.n.len_bytes) {
    *why = "MSMR-Key: n= is not 1 to 64 hexadecimal digits";
    return FRANK_ERR_MALFORMED;
  }
  if (!tags.h.text || frank_hash_parse(tags.h.text, tags.h.len_bytes, &key->h) != FRANK_OK) {
    *why = "MSMR-Key: h= is not 64 hexadecimal digits";
    return FRANK_ERR_MALFORMED;
  }
  memcpy(key->n, tags.n.text, tags.n.len_bytes);
  return FRANK_OK;
}

void frank_msmr_format(const struct frank_msmr *key, const char *line_end,
                       char out[FRANK_MSMR_HEADER_MAX_BYTES])
{
  static const char prefix[] = FRANK_MSMR_FIELD ": ";
  const char *a = frank_alg_name(key->alg);
  size_t n_len = strlen(key->n), len = 0;
  const char *fold = strcmp(line_end, "\n") == 0 ? "\n\t" : "\r\n\t";
  char h[65];
  char *list = out + sizeof prefix - 1;
  size_t room = FRANK_MSMR_HEADER_MAX_BYTES - (sizeof prefix - 1);
  enum frank_err err;

  assert(n_len >= 1 && n_len <= FRANK_MSMR_NONCE_MAX && count_hex(key->n, key->n + n_len) == n_len);
  assert(strcmp(line_end, "\r\n") == 0 || strcmp(line_end, "\n") == 0);
  memcpy(out, prefix, sizeof prefix);
  frank_hash_format(&key->h, h);
  const struct {
    const char *separator;
    struct frank_tag tag;
  } tags[] = {
      {"", {{"v", 1}, {"1", 1}}},
      {" ", {{"a", 1}, {a, strlen(a)}}},
      {n_len <= FRANK_MSMR_NONCE_WRITTEN ? " " : fold, {{"n", 1}, {key->n, n_len}}},
      {fold, {{"h", 1}, {h, strlen(h)}}},
  };
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    err = frank_taglist_append(list, room, &len, tags[i].separator, &tags[i].tag);
    assert(err == FRANK_OK);
  }
}

void frank_msmr_hash(const char *n, size_t n_len, const char *b, size_t b_len,
                     struct frank_hash *out)
{
  frank_sha256(n, n_len, b, b_len, out);
}

enum frank_err frank_b_normalize(const char *text, size_t len_bytes, char b[FRANK_B_MAX_BYTES + 1],
                                 size_t *b_len, const char **why)
{
  size_t len = 0;

  for (size_t i = 0; i < len_bytes; i++) {
    if (frank_is_white(text[i])) {
      continue;
    }
    if (len == FRANK_B_MAX_BYTES) {
      *why = "b=: more than 2048 characters";
      return FRANK_ERR_TOO_LONG;
    }
    b[len++] = text[i];
  }
  b[len] = '\0';
  if (len == 0) {
    *why = "b=: empty";
    return FRANK_ERR_MALFORMED;
  }
  *b_len = len;
  return frank_base64_decode(b, len, NULL, NULL, why); /* so 4 characters at least */
}

static const char *const verdict_names[FRANK_VERDICT_COUNT] = {
    [FRANK_VERDICT_PASS] = "pass",           [FRANK_VERDICT_POLICY] = "policy",
    [FRANK_VERDICT_TEMPERROR] = "temperror", [FRANK_VERDICT_FAIL] = "fail",
    [FRANK_VERDICT_NEUTRAL] = "neutral",     [FRANK_VERDICT_PERMERROR] = "permerror",
    [FRANK_VERDICT_NONE] = "none",
};

const char *frank_verdict_name(enum frank_verdict verdict)
{
  assert((size_t)verdict < FRANK_VERDICT_COUNT);
  return verdict_names[verdict];
}

/* What a key that is bound to a signature is worth. */
static void judge_work(uint64_t factor, struct frank_judgement *out)
{
  out->bits = frank_target_bits(&out->key.h);
  if (factor == 0) {
    out->verdict = FRANK_VERDICT_TEMPERROR;
    out->why = "the hash is right, the factor cannot be had now";
  } else if (frank_target_meets(&out->key.h, factor)) {
    out->verdict = FRANK_VERDICT_PASS;
    out->why = "the hash is right and meets the factor";
  } else {
    out->verdict = FRANK_VERDICT_POLICY;
    out->why = "the hash is right but does not meet the factor";
  }
}

static void judge_key(const char *value, size_t len_bytes, const struct frank_signature *signatures,
                      size_t signature_count, uint64_t factor, struct frank_judgement *out)
{
  enum frank_err err = frank_msmr_parse(value, len_bytes, &out->key, &out->why);

  out->signature_index = -1;
  out->bits = 0.0;
  if (err) {
    memset(&out->key, 0, sizeof out->key); /* half-read */
    out->verdict = err == FRANK_ERR_UNSUPPORTED ? FRANK_VERDICT_NEUTRAL : FRANK_VERDICT_PERMERROR;
    return;
  }
  out->verdict = FRANK_VERDICT_FAIL;
  out->why = signature_count == 0 ? "no usable DKIM-Signature"
                                  : "no usable DKIM-Signature gives this hash";
  for (size_t i = 0; i < signature_count; i++) {
    struct frank_hash h;

    if (signatures[i].alg != out->key.alg) {
      continue;
    }
    frank_msmr_hash(out->key.n, strlen(out->key.n), signatures[i].b, signatures[i].b_len, &h);
    if (frank_hash_compare(&h, &out->key.h) == 0) {
      out->signature_index = (int)i;
      judge_work(factor, out);
      return;
    }
  }
}

void frank_msmr_judge(const char *const *keys, const size_t *key_lens, size_t key_count,
                      const struct frank_signature *signatures, size_t signature_count,
                      uint64_t factor, struct frank_judgement *out)
{
  assert(factor <= FRANK_FACTOR_MAX);
  if (key_count > FRANK_MSMR_SIGNATURES_MAX) {
    key_count = FRANK_MSMR_SIGNATURES_MAX;
  }
  if (signature_count > FRANK_MSMR_SIGNATURES_MAX) {
    signature_count = FRANK_MSMR_SIGNATURES_MAX;
  }
  memset(out, 0, sizeof *out);
  out->verdict = FRANK_VERDICT_NONE;
  out->why = "no MSMR-Key";
  out->key_index = -1;
  out->signature_index = -1;
  for (size_t i = 0; i < key_count; i++) {
    struct frank_judgement one;

    judge_key(keys[i], key_lens[i], signatures, signature_count, factor, &one);
    one.key_index = (int)i;
    if (one.verdict < out->verdict || (one.verdict == out->verdict && one.bits > out->bits)) {
      *out = one;
    }
  }
}
