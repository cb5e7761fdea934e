#include "factor/resolver/follow.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DOMAIN_PREFIX "dns:"

/* ---- the text of a source ---- */

static enum frank_err init_place(struct frank_follow *follow, const char *place, size_t len_bytes,
                                 char *why)
{
  size_t prefix = strlen(DOMAIN_PREFIX);
  follow->is_domain = len_bytes >= prefix && memcmp(place, DOMAIN_PREFIX, prefix) == 0;
  enum frank_err err = follow->is_domain
                           ? frank_txt_domain(place + prefix, len_bytes - prefix, follow->domain)
                           : frank_txt_url(place, len_bytes, follow->allow_http, follow->url);
  if (err == FRANK_OK) {
    return FRANK_OK;
  }
  const char *is_not = follow->is_domain           ? "is not dns: and a domain's name"
                       : err == FRANK_ERR_DENIED   ? "goes to another host without TLS"
                       : err == FRANK_ERR_TOO_LONG ? "is too long"
                                                   : "is neither https://BASE nor dns:DOMAIN";
  (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "source \"%.100s\" %s", follow->text, is_not);
  return err;
}

enum frank_err frank_follow_init(struct frank_follow *follow, const char *text, bool allow_http,
                                 char *why)
{
  *follow = (struct frank_follow){.allow_http = allow_http,
                                  .record = {.due_us = FRANK_NEVER_US},
                                  .keys_due_us = FRANK_NEVER_US};
  size_t len_bytes = strlen(text);
  if (len_bytes >= sizeof follow->text) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "source \"%.80s...\" is too long", text);
    return FRANK_ERR_TOO_LONG;
  }
  memcpy(follow->text, text, len_bytes + 1);
  size_t place_len = strcspn(text, " ");
  const char *key = text + place_len + strspn(text + place_len, " ");
  enum frank_err err = init_place(follow, text, place_len, why);
  if (err == FRANK_OK && *key != '\0') {
    follow->has_pinned_key = true;
    err = frank_jws_key_parse(key, strlen(key), &follow->pinned_key);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_FACTOR_WHY_BYTES,
                     "source \"%.130s\": its key is no Ed25519 key in base64", text);
    }
  }
  if (err != FRANK_OK) {
    return err;
  }
  frank_factor_trust_init(&follow->trust, follow->has_pinned_key ? &follow->pinned_key : NULL);
  if (follow->is_domain) {
    follow->record.due_us = 0;
    follow->document.due_us = FRANK_NEVER_US;
  }
  return FRANK_OK;
}

/* ---- disk ---- */

void frank_follow_restore(struct frank_follow *follow, const struct frank_lastgood *kept)
{
  follow->trust = kept->trust;
  follow->is_kept = kept->trust.has_last;
  follow->kept_issued_s = kept->trust.last.issued_s;
  follow->is_dns_only = kept->is_dns_only;
  follow->confirmed_s = kept->confirmed_s;
  memcpy(follow->etag, kept->etag, sizeof follow->etag);
  if (follow->is_domain) {
    follow->has_named_key = kept->has_named_key;
    follow->named_key = kept->named_key;
    /* Other rules may hold now than when it was kept. */
    if (frank_txt_url(kept->url, strlen(kept->url), follow->allow_http, follow->url) == FRANK_OK) {
      follow->document.due_us = 0;
    }
  }
  /* Whoever wrote the file: with a pinned key there is no way without keys. */
  if (follow->has_pinned_key && follow->trust.keys.count == 0) {
    frank_factor_trust_init(&follow->trust, &follow->pinned_key);
    follow->is_kept = false;
  }
}

void frank_follow_kept(const struct frank_follow *follow, struct frank_lastgood *out)
{
  *out = (struct frank_lastgood){.trust = follow->trust,
                                 .is_dns_only = follow->is_dns_only,
                                 .confirmed_s = follow->confirmed_s,
                                 .has_named_key = follow->has_named_key,
                                 .named_key = follow->named_key};
  memcpy(out->url, follow->url, sizeof out->url);
  memcpy(out->etag, follow->etag, sizeof out->etag);
}

void frank_follow_was_kept(struct frank_follow *follow)
{
  follow->must_keep = false;
  follow->kept_issued_s = follow->trust.last.issued_s;
}

/* ---- what is due ---- */

/* Seconds times a share between `low` and `low` + `range` percent, by chance. */
static uint64_t spread_us(uint64_t seconds, uint32_t low, uint32_t range, uint32_t random)
{
  uint64_t percent_us = seconds * FRANK_US_PER_S / 100;
  return percent_us * low + (percent_us * range >> 16) * (random >> 16);
}

static uint64_t pause_us(uint32_t failures_in_a_row, uint32_t random)
{
  uint64_t pause_s = FRANK_FOLLOW_PAUSE_MIN_S;
  for (uint32_t i = 1; i < failures_in_a_row && pause_s < FRANK_FOLLOW_PAUSE_MAX_S; i++) {
    pause_s *= 2;
  }
  pause_s = pause_s < FRANK_FOLLOW_PAUSE_MAX_S ? pause_s : FRANK_FOLLOW_PAUSE_MAX_S;
  return spread_us(pause_s, 75, 25, random);
}

static bool has_keys_to_fetch(const struct frank_follow *follow)
{
  return follow->trust.keys.count > 0 && follow->url[0] != '\0';
}

enum frank_follow_step frank_follow_next(const struct frank_follow *follow, uint64_t now_us)
{
  if (follow->under_way != FRANK_FOLLOW_WAIT) {
    return FRANK_FOLLOW_WAIT;
  }
  if (follow->record.due_us <= now_us) {
    return FRANK_FOLLOW_RECORD;
  }
  if (follow->waits_for_keys) {
    return FRANK_FOLLOW_KEYS;
  }
  if (follow->document.due_us <= now_us) {
    return FRANK_FOLLOW_DOCUMENT;
  }
  if (has_keys_to_fetch(follow) && follow->keys_due_us <= now_us) {
    return FRANK_FOLLOW_KEYS;
  }
  return FRANK_FOLLOW_WAIT;
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
  return a_us < b_us ? a_us : b_us;
}

uint64_t frank_follow_due_us(const struct frank_follow *follow)
{
  if (follow->under_way != FRANK_FOLLOW_WAIT) {
    return FRANK_NEVER_US;
  }
  if (follow->waits_for_keys) {
    return 0;
  }
  uint64_t due_us = earlier(follow->record.due_us, follow->document.due_us);
  return has_keys_to_fetch(follow) ? earlier(due_us, follow->keys_due_us) : due_us;
}

void frank_follow_url(const struct frank_follow *follow, enum frank_follow_step step,
                      char out[FRANK_FOLLOW_URL_BYTES])
{
  const char *path = step == FRANK_FOLLOW_KEYS      ? "keys.jws"
                     : follow->trust.keys.count > 0 ? "factor.jws"
                                                    : "factor";
  int length = snprintf(out, FRANK_FOLLOW_URL_BYTES, "%s/.well-known/msmr/%s", follow->url, path);
  assert(length > 0 && length < FRANK_FOLLOW_URL_BYTES);
}

void frank_follow_begin(struct frank_follow *follow, enum frank_follow_step step, uint64_t now_us)
{
  assert(follow->under_way == FRANK_FOLLOW_WAIT && step != FRANK_FOLLOW_WAIT);
  follow->under_way = step;
  if (step != FRANK_FOLLOW_KEYS) {
    follow->asked_us = now_us;
    follow->fetches++;
  }
}

void frank_follow_refresh(struct frank_follow *follow, uint64_t now_us)
{
  uint64_t earliest_us = now_us;
  if (follow->asked_us != 0 &&
      follow->asked_us + FRANK_FOLLOW_REFRESH_MIN_S * FRANK_US_PER_S > now_us) {
    earliest_us = follow->asked_us + FRANK_FOLLOW_REFRESH_MIN_S * FRANK_US_PER_S;
  }
  if (follow->is_domain) {
    follow->record.due_us = earlier(follow->record.due_us, earliest_us);
  }
  if (follow->url[0] != '\0') {
    follow->document.due_us = earlier(follow->document.due_us, earliest_us);
    follow->keys_due_us = earlier(follow->keys_due_us, earliest_us);
  }
}

static void fail(struct frank_follow *follow, struct frank_follow_thread *thread,
                 const struct frank_follow_moment *at, const char *why)
{
  follow->failures++;
  thread->failures_in_a_row++;
  thread->due_us = at->now_us + pause_us(thread->failures_in_a_row, at->random);
  (void)snprintf(thread->why, sizeof thread->why, "%s", why[0] != '\0' ? why : "no reason given");
}

static void succeed(struct frank_follow_thread *thread, uint64_t due_us)
{
  *thread = (struct frank_follow_thread){.due_us = due_us};
}

/* ---- a record in DNS ---- */

/* What a domain says of its key counts where none is pinned. A key that is in the set already is
 * one that the set has led to; any other takes the place of the set. */
static void take_named_key(struct frank_follow *follow, const struct frank_txt *txt,
                           uint64_t now_us)
{
  if (follow->has_pinned_key ||
      (txt->has_key == follow->has_named_key &&
       (!txt->has_key || strcmp(txt->key.id, follow->named_key.id) == 0))) {
    return;
  }
  follow->has_named_key = txt->has_key;
  follow->named_key = txt->key;
  follow->must_keep = true;
  if (txt->has_key && frank_jws_key_find(&follow->trust.keys, txt->key.id) != NULL) {
    return;
  }
  follow->trust.keys = (struct frank_jws_keys){0};
  if (txt->has_key) {
    follow->trust.keys.list[0] = txt->key;
    follow->trust.keys.count = 1;
  }
  follow->etag[0] = '\0';
  follow->document.due_us = now_us;
}

static enum frank_err take_url(struct frank_follow *follow, const struct frank_txt *txt,
                               const struct frank_follow_moment *at, char *why)
{
  char url[FRANK_TXT_URL_BYTES];
  enum frank_err err = frank_txt_url(txt->url, strlen(txt->url), follow->allow_http, url);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "its record's u= \"%.100s\" %s", txt->url,
                   err == FRANK_ERR_DENIED ? "goes to another host without TLS" : "is no base URL");
    return err;
  }
  if (strcmp(url, follow->url) != 0) {
    memcpy(follow->url, url, sizeof url);
    follow->etag[0] = '\0';
    follow->document.due_us = at->now_us;
    follow->must_keep = true;
  }
  take_named_key(follow, txt, at->now_us);
  if (follow->is_dns_only || !follow->trust.has_last || txt->epoch > follow->trust.last.epoch) {
    follow->document.due_us = earlier(follow->document.due_us, at->now_us);
  }
  return FRANK_OK;
}

/* The document that a record without u= stands for. Without e= the epoch rises where the factor
 * changes, as an epoch does. */
static enum frank_err make_document(const struct frank_follow *follow, const struct frank_txt *txt,
                                    int64_t now_s, struct frank_factor_document *document,
                                    char *why)
{
  const struct frank_factor_document *last =
      follow->is_dns_only && follow->trust.has_last ? &follow->trust.last : NULL;
  size_t len_bytes = strlen(follow->domain);
  if (len_bytes >= FRANK_FACTOR_ISSUER_BYTES) {
    (void)snprintf(
        why, FRANK_FACTOR_WHY_BYTES,
        "a domain's name of %zu bytes is too long for an issuer, and there is no u=", len_bytes);
    return FRANK_ERR_TOO_LONG;
  }
  *document = (struct frank_factor_document){.kind = FRANK_FACTOR_LOCAL,
                                             .epoch = txt->epoch,
                                             .issued_s = now_s,
                                             .expires_s = now_s + FRANK_FOLLOW_RECORD_LIFE_S,
                                             .factor = txt->factor};
  memcpy(document->issuer, follow->domain, len_bytes + 1);
  if (document->epoch == 0) {
    document->epoch = last == NULL ? 1 : last->epoch + (last->factor != txt->factor ? 1U : 0U);
  }
  return frank_factor_document_check(document, last, now_s, why);
}

static enum frank_err take_factor(struct frank_follow *follow, const struct frank_txt *txt,
                                  const struct frank_follow_moment *at, char *why)
{
  struct frank_factor_document document;
  if (txt->factor == 0) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "its record has neither u= nor f=");
    return FRANK_ERR_NOT_FOUND;
  }
  if (follow->has_pinned_key) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES,
                   "its record has no u=, and a factor in DNS is not signed by the pinned key");
    return FRANK_ERR_DENIED;
  }
  enum frank_err err = make_document(follow, txt, at->now_s, &document, why);
  if (err != FRANK_OK) {
    return err;
  }
  const struct frank_factor_document *last = &follow->trust.last;
  /* The time of its making changes with every answer: that alone is worth a write now and then. */
  follow->must_keep = follow->must_keep || !follow->is_dns_only || last->epoch != document.epoch ||
                      last->factor != document.factor ||
                      document.issued_s - follow->kept_issued_s >= FRANK_FOLLOW_KEEP_S;
  frank_factor_trust_init(&follow->trust, NULL);
  follow->trust.has_last = true;
  follow->trust.last = document;
  follow->has_named_key = false;
  follow->is_dns_only = true;
  follow->is_kept = false;
  follow->confirmed_s = at->now_s;
  follow->url[0] = '\0';
  follow->etag[0] = '\0';
  succeed(&follow->document, FRANK_NEVER_US);
  return FRANK_OK;
}

/* The domain names nothing any more: what it led to is not renewed, and lapses with its end. */
static void withdraw(struct frank_follow *follow)
{
  follow->url[0] = '\0';
  follow->etag[0] = '\0';
  follow->waits_for_keys = false;
  follow->tried_keys = false;
  succeed(&follow->document, FRANK_NEVER_US);
}

void frank_follow_on_record(struct frank_follow *follow, const struct frank_follow_moment *at,
                            const struct frank_answer *answer)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  assert(follow->under_way == FRANK_FOLLOW_RECORD);
  follow->under_way = FRANK_FOLLOW_WAIT;
  follow->dnssec = answer->dnssec;
  if (answer->state != FRANK_RESOLVER_FOUND) {
    if (answer->state == FRANK_RESOLVER_ABSENT) {
      withdraw(follow);
    }
    fail(follow, &follow->record, at, answer->why);
    return;
  }
  why[0] = '\0';
  enum frank_err err = answer->txt.url[0] != '\0' ? take_url(follow, &answer->txt, at, why)
                                                  : take_factor(follow, &answer->txt, at, why);
  if (err != FRANK_OK) {
    fail(follow, &follow->record, at, why[0] != '\0' ? why : frank_err_text(err));
    return;
  }
  /* Not before its time in caches is over; the askers spread behind it. */
  succeed(&follow->record, at->now_us + spread_us(answer->ttl_s, 100, 10, at->random));
}

/* ---- a document ---- */

/* Ahead of the time for which it is fresh, and of the document's own end. */
static uint64_t next_document_us(const struct frank_follow *follow,
                                 const struct frank_follow_moment *at, int64_t fresh_s)
{
  int64_t left_s = follow->trust.last.expires_s - at->now_s;
  fresh_s = fresh_s < 0 ? FRANK_FOLLOW_FRESH_DEFAULT_S : fresh_s;
  fresh_s = fresh_s < FRANK_FOLLOW_FRESH_MAX_S ? fresh_s : FRANK_FOLLOW_FRESH_MAX_S;
  fresh_s = fresh_s < left_s ? fresh_s : left_s;
  fresh_s = fresh_s > FRANK_FOLLOW_FRESH_MIN_S ? fresh_s : FRANK_FOLLOW_FRESH_MIN_S;
  return at->now_us + spread_us((uint64_t)fresh_s, 70, 20, at->random);
}

static void confirm(struct frank_follow *follow, const struct frank_follow_moment *at,
                    int64_t fresh_s)
{
  follow->is_kept = false;
  follow->confirmed_s = at->now_s;
  follow->tried_keys = false;
  succeed(&follow->document, next_document_us(follow, at, fresh_s));
  if (follow->keys_due_us == FRANK_NEVER_US) {
    follow->keys_due_us = at->now_us; /* the first fetch */
  }
}

/* Takes the body; with an unknown key the set of keys is asked for first, once. */
static void take_document(struct frank_follow *follow, const struct frank_follow_moment *at,
                          const struct frank_follow_reply *reply)
{
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  bool is_new = false;
  /* A document made of a record has the domain as its issuer, and epochs of its own: the first one
   * that is fetched is not measured by it. */
  struct frank_factor_trust trust = follow->trust;
  trust.has_last = trust.has_last && !follow->is_dns_only;
  enum frank_err err =
      frank_factor_trust_take(&trust, reply->body, reply->body_len, at->now_s, &is_new, why);
  if (err == FRANK_ERR_NOT_FOUND && !follow->tried_keys && has_keys_to_fetch(follow)) {
    follow->tried_keys = true;
    follow->waits_for_keys = true;
    (void)snprintf(follow->document.why, sizeof follow->document.why, "%s", why);
    return;
  }
  if (err != FRANK_OK) {
    follow->tried_keys = false;
    fail(follow, &follow->document, at, why[0] != '\0' ? why : frank_err_text(err));
    return;
  }
  follow->must_keep = follow->must_keep || is_new || strcmp(follow->etag, reply->etag) != 0;
  follow->trust = trust;
  follow->is_dns_only = false;
  (void)snprintf(follow->etag, sizeof follow->etag, "%s", reply->etag);
  confirm(follow, at, reply->fresh_s);
}

static void take_unchanged(struct frank_follow *follow, const struct frank_follow_moment *at,
                           const struct frank_follow_reply *reply)
{
  if (follow->etag[0] == '\0' || follow->is_dns_only) {
    fail(follow, &follow->document, at, "HTTP status 304, and nothing was named");
    return;
  }
  if (!frank_factor_trust_is_good(&follow->trust, at->now_s)) {
    follow->etag[0] = '\0'; /* the whole of it next time */
    fail(follow, &follow->document, at, "HTTP status 304 for a document that has expired");
    return;
  }
  confirm(follow, at, reply->fresh_s);
}

void frank_follow_on_document(struct frank_follow *follow, const struct frank_follow_moment *at,
                              const struct frank_follow_reply *reply)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  assert(follow->under_way == FRANK_FOLLOW_DOCUMENT);
  follow->under_way = FRANK_FOLLOW_WAIT;
  if (reply->err != FRANK_OK) {
    fail(follow, &follow->document, at, reply->why);
  } else if (reply->status == 200) {
    take_document(follow, at, reply);
  } else if (reply->status == 304) {
    take_unchanged(follow, at, reply);
  } else {
    (void)snprintf(why, sizeof why, "HTTP status %u%s", (unsigned)reply->status,
                   reply->status >= 300 && reply->status < 400 ? "; redirects are not followed"
                                                               : "");
    fail(follow, &follow->document, at, why);
  }
}

void frank_follow_on_keys(struct frank_follow *follow, const struct frank_follow_moment *at,
                          const struct frank_follow_reply *reply)
{
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  char old_why[FRANK_FACTOR_WHY_BYTES];
  assert(follow->under_way == FRANK_FOLLOW_KEYS);
  follow->under_way = FRANK_FOLLOW_WAIT;
  follow->keys_due_us = at->now_us + spread_us(FRANK_FOLLOW_KEYS_S, 70, 20, at->random);
  struct frank_jws_keys before = follow->trust.keys;
  enum frank_err err = reply->err;
  if (err == FRANK_OK && reply->status != 200) {
    err = FRANK_ERR_NOT_FOUND;
    (void)snprintf(why, sizeof why, "keys.jws: HTTP status %u", (unsigned)reply->status);
  } else if (err != FRANK_OK) {
    (void)snprintf(why, sizeof why, "keys.jws: %.150s", reply->why);
  } else {
    err = frank_factor_trust_take_keys(&follow->trust, reply->body, reply->body_len, why);
  }
  if (err == FRANK_OK &&
      (before.count != follow->trust.keys.count || before.issued_s != follow->trust.keys.issued_s ||
       memcmp(before.list, follow->trust.keys.list, before.count * sizeof before.list[0]) != 0)) {
    follow->must_keep = true;
  }
  if (!follow->waits_for_keys) {
    return;
  }
  follow->waits_for_keys = false;
  if (err == FRANK_OK) {
    follow->document.due_us = at->now_us;
    return;
  }
  memcpy(old_why, follow->document.why, sizeof old_why);
  follow->tried_keys = false;
  fail(follow, &follow->document, at, old_why);
}

void frank_follow_tell(const struct frank_follow *follow, uint32_t index,
                       const struct frank_follow_moment *at, struct frank_resolver_source *out)
{
  uint64_t due_us = earlier(follow->record.due_us, follow->document.due_us);
  *out = (struct frank_resolver_source){.index = index,
                                        .has_document = follow->trust.has_last,
                                        .kept = follow->is_kept,
                                        .dnssec = follow->dnssec,
                                        .dns_only = follow->is_dns_only,
                                        .confirmed_s = follow->confirmed_s,
                                        .fetches = follow->fetches,
                                        .failures = follow->failures};
  if (follow->trust.has_last) {
    out->document = follow->trust.last;
    memcpy(out->key_id, follow->trust.key_id, sizeof follow->trust.key_id);
  }
  memcpy(out->url, follow->url, sizeof out->url);
  /* While it is being asked: now. The keys go along by themselves. */
  out->next_s = at->now_s;
  bool is_asked = follow->under_way == FRANK_FOLLOW_RECORD ||
                  follow->under_way == FRANK_FOLLOW_DOCUMENT || follow->waits_for_keys;
  if (!is_asked && due_us != FRANK_NEVER_US && due_us > at->now_us) {
    out->next_s += (int64_t)((due_us - at->now_us + FRANK_US_PER_S - 1) / FRANK_US_PER_S);
  }
  const char *why = follow->document.why[0] != '\0' ? follow->document.why : follow->record.why;
  memcpy(out->why, why, sizeof out->why);
}
