/*
 * mint: outbound mail: a stamp for the signature that an earlier milter made.
 */
#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "mail/milter/session.h"
#include "mail/rules.h"
#include "proof/target.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TURN_MS        1000           /* the mail server is told that we are at it */
#define GRACE_US       FRANK_US_PER_S /* for an answer that comes at the deadline */
#define ASK_LIMIT_MS   1000
#define DEPTH_MAX      16
#define PAUSE_LEAST_MS 50    /* whatever a daemon that is busy says */
#define RETRY_MS       2000  /* frank_client's own */
#define DOMAINS_BYTES  12000 /* a request has 16 KiB for all */

/* ---- what is kept of a mail ---- */

static sfsistat take_field(SMFICTX *ctx, struct frank_session *session, const char *name,
                           const char *value)
{
  static const char *const wanted[] = {FRANK_DKIM_FIELD, FRANK_MSMR_FIELD, FRANK_RULES_FIELD,
                                       "Precedence", "List-Id"};
  (void)ctx;
  if (strcasecmp(name, FRANK_RULES_FIELD) == 0) {
    session->seen++;
    frank_session_doom(session);
  }
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    if (strcasecmp(name, wanted[i]) == 0) {
      frank_session_field(session, name, value);
      break;
    }
  }
  return SMFIS_CONTINUE;
}

static sfsistat end_of_header(SMFICTX *ctx, struct frank_session *session)
{
  (void)ctx;
  (void)session;
  return SMFIS_CONTINUE;
}

static sfsistat take_body(SMFICTX *ctx, struct frank_session *session, const char *text,
                          size_t len_bytes)
{
  (void)ctx;
  (void)session;
  (void)text;
  (void)len_bytes;
  return SMFIS_CONTINUE; /* not wanted, but a mail server may send it */
}

/* ---- the daemon ---- */

static void make_rules(const struct frank_session *session, struct frank_rules *rules)
{
  const struct frank_milter_settings *settings = session->settings;
  *rules = (struct frank_rules){.max_recipients = settings->max_recipients,
                                .skip_lists = settings->skip_lists,
                                .local_domains = &settings->local_domains,
                                .skip_domains = &settings->skip_domains,
                                .signing_domains = &settings->signing_domains};
}

static bool connect_client(struct frank_session *session)
{
  const struct frank_milter_settings *settings = session->settings;
  const char *endpoints[FRANK_CLIENT_ENDPOINTS_MAX];
  char why[FRANK_CLIENT_WHY_BYTES];
  uint64_t tries = settings->deadline_us / (RETRY_MS * FRANK_US_PER_MS) + 2;
  struct frank_client_config config = {
      .endpoints = endpoints,
      .endpoint_count = settings->connect.count,
      .key_dir = settings->client_keys[0] != '\0' ? settings->client_keys : NULL,
      .retry_ms = RETRY_MS,
      .tries_max = tries < 100 ? (uint32_t)tries : 100};
  if (session->client != NULL) {
    return true;
  }
  for (uint32_t i = 0; i < settings->connect.count && i < FRANK_CLIENT_ENDPOINTS_MAX; i++) {
    endpoints[i] = settings->connect.items[i];
  }
  if (frank_client_new(&config, &session->client, why) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=no-client why=\"%s\"", why);
    return false;
  }
  return true;
}

/* Domains whose factor counts, each once. */
struct domains {
  char text[DOMAINS_BYTES];
  const char *list[1000];
  size_t count;
};

static void collect_domains(const struct frank_session *session, struct domains *domains)
{
  struct frank_rules rules;
  size_t used = 0;
  make_rules(session, &rules);
  domains->count = 0;
  for (size_t i = 0; i < session->recipient_count; i++) {
    const struct frank_address_text *address = &session->recipients[i];
    struct frank_view domain = frank_address_domain(address);
    bool known = !frank_rules_counts(&rules, address);
    for (size_t j = 0; j < domains->count && !known; j++) {
      known = frank_view_is(domain, domains->list[j]);
    }
    if (known || domains->count == 1000 || domain.len_bytes + 4 > sizeof domains->text - used) {
      continue;
    }
    char *to = domains->text + used;
    memcpy(to, domain.text, domain.len_bytes);
    to[domain.len_bytes] = '\0';
    domains->list[domains->count++] = to;
    used += domain.len_bytes + 4; /* quotes and a comma in JSON */
  }
}

/* Sleeps, at most TURN_MS, and tells the mail server. False: it is gone. */
static bool pause_ms(SMFICTX *ctx, uint64_t ms)
{
  struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  (void)nanosleep(&pause, NULL);
  return smfi_progress(ctx) == MI_SUCCESS;
}

static bool must_end(const struct frank_session *session, uint64_t now_us)
{
  uint64_t stop_us = atomic_load(&session->filter->stop_us);
  return stop_us != 0 && now_us >= stop_us;
}

/* Waits for the reply to request `id`, until due_us. */
static enum frank_unstamped await(SMFICTX *ctx, struct frank_session *session, uint64_t id,
                                  uint64_t due_us, struct frank_client_reply *reply)
{
  for (;;) {
    enum frank_err err = frank_client_next(session->client, TURN_MS, reply);
    uint64_t now_us = frank_clock_now_us();
    if (err == FRANK_OK && reply->id == id) {
      return reply->ok ? FRANK_STAMP : frank_unstamped_of_code(reply->code);
    }
    if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
      return FRANK_UNSTAMPED_INTERNAL;
    }
    if (smfi_progress(ctx) != MI_SUCCESS) {
      return FRANK_UNSTAMPED_MTA;
    }
    if (now_us >= due_us + GRACE_US) {
      return FRANK_UNSTAMPED_TIMEOUT;
    }
    if (must_end(session, now_us)) {
      return FRANK_UNSTAMPED_SHUTTING_DOWN;
    }
  }
}

/* Asks for a stamp. FRANK_STAMP with a reply that is ok, or why there is none. */
static enum frank_unstamped mint(SMFICTX *ctx, struct frank_session *session,
                                 const struct frank_dkim *signature, const struct domains *domains,
                                 struct frank_client_reply *reply)
{
  uint64_t due_us = frank_clock_now_us() + session->settings->deadline_us;
  for (;;) {
    uint64_t id = 0;
    uint64_t now_us = frank_clock_now_us();
    if (!connect_client(session)) {
      return FRANK_UNSTAMPED_INTERNAL;
    }
    if (now_us >= due_us) {
      return FRANK_UNSTAMPED_TIMEOUT;
    }
    struct frank_client_mint request = {.b = signature->b,
                                        .alg = frank_alg_name(signature->alg),
                                        .recipients = domains->list,
                                        .recipient_count = domains->count,
                                        .factor = session->settings->factor,
                                        .deadline_ms =
                                            (uint32_t)((due_us - now_us) / FRANK_US_PER_MS + 1),
                                        .priority = -1};
    enum frank_err err = frank_client_mint(session->client, &request, &id);
    if (err != FRANK_OK) {
      return err == FRANK_ERR_NOMEM ? FRANK_UNSTAMPED_INTERNAL : FRANK_UNSTAMPED_BAD_REQUEST;
    }
    enum frank_unstamped why = await(ctx, session, id, due_us, reply);
    bool again = why == FRANK_UNSTAMPED_BUSY || why == FRANK_UNSTAMPED_SHUTTING_DOWN;
    uint64_t wait_ms = reply->retry_after_ms > 0 && reply->retry_after_ms < TURN_MS
                           ? reply->retry_after_ms
                           : TURN_MS;
    wait_ms = wait_ms < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : wait_ms;
    now_us = frank_clock_now_us();
    if (why != FRANK_STAMP) {
      frank_client_destroy(&session->client); /* what is still in flight on it is given up */
    }
    if (!again || must_end(session, now_us) || now_us + wait_ms * FRANK_US_PER_MS >= due_us) {
      return why;
    }
    if (!pause_ms(ctx, wait_ms)) {
      return FRANK_UNSTAMPED_MTA;
    }
  }
}

/* The factor that the daemon would mint for; 0: it does not say. */
static uint64_t ask_factor(struct frank_session *session, const struct domains *domains)
{
  char *answer = NULL;
  uint64_t factor = session->settings->factor;
  if (factor != 0 || !connect_client(session)) {
    return factor;
  }
  json_t *list = json_array();
  for (size_t i = 0; i < domains->count; i++) {
    (void)json_array_append_new(list, json_string(domains->list[i]));
  }
  json_t *question = json_pack("{s:o}", "recipients", list);
  char *body = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
  json_decref(question);
  if (body != NULL &&
      frank_client_ask(session->client, "factor", body, ASK_LIMIT_MS, &answer) == FRANK_OK) {
    struct frank_json_walk walk;
    frank_json_walk(answer, strlen(answer), &walk);
    /* jansson recurses 2048 deep, for which a thread's stack is too small */
    json_t *reply = walk.depth_max <= DEPTH_MAX ? json_loads(answer, 0, NULL) : NULL;
    json_int_t value = json_integer_value(json_object_get(reply, "factor"));
    factor = value > 0 && (uint64_t)value <= FRANK_FACTOR_MAX ? (uint64_t)value : 0;
    json_decref(reply);
  }
  free(answer);
  free(body);
  return factor;
}

/* ---- the end of a mail ---- */

/* Tells that the mail has no stamp, counts it, and decides what becomes of it. */
static sfsistat unstamped(SMFICTX *ctx, struct frank_session *session, enum frank_unstamped why,
                          const struct frank_dkim *signature, const char *detail)
{
  char queue[FRANK_SESSION_QUEUE_BYTES];
  char told[sizeof((struct frank_client_reply *)NULL)->message];
  bool put_off =
      frank_unstamped_is_failure(why) &&
      (why == FRANK_UNSTAMPED_MTA || session->settings->on_failure == FRANK_MILTER_TEMPFAIL);
  (void)snprintf(told, sizeof told, "%s", detail);
  for (char *at = told; (at = strpbrk(at, "\"\\")) != NULL;) {
    *at = '\''; /* a daemon's text does not end the quotes */
  }
  frank_session_queue_id(ctx, queue);
  frank_milter_count(session->filter->counters,
                     (put_off ? FRANK_COUNT_TEMPFAILED : FRANK_COUNT_UNSTAMPED) + (unsigned)why, 1);
  frank_log(frank_unstamped_is_failure(why) ? FRANK_LOG_WARN : FRANK_LOG_INFO,
            "event=unstamped queue=%s b=%.8s why=%s action=%s%s%s%s", queue,
            signature->b_len > 0 ? signature->b : "-", frank_unstamped_name(why),
            put_off ? "tempfail" : "accept", told[0] != '\0' ? " detail=\"" : "", told,
            told[0] != '\0' ? "\"" : "");
  return put_off ? SMFIS_TEMPFAIL : SMFIS_CONTINUE;
}

static sfsistat kept(SMFICTX *ctx, struct frank_session *session,
                     const struct frank_dkim *signature, const struct frank_judgement *judgement)
{
  char queue[FRANK_SESSION_QUEUE_BYTES];
  frank_session_queue_id(ctx, queue);
  frank_milter_count(session->filter->counters, FRANK_COUNT_KEPT, 1);
  frank_log(FRANK_LOG_INFO, "event=kept queue=%s b=%.8s bits=%.2f", queue, signature->b,
            judgement->bits);
  return SMFIS_CONTINUE;
}

/* Puts the field in at the top. A mail server takes LF for line ends. */
static bool insert(SMFICTX *ctx, const struct frank_msmr *key)
{
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  char name[] = FRANK_MSMR_FIELD;
  frank_msmr_format(key, "\n", header);
  return smfi_insheader(ctx, 0, name, header + strlen(FRANK_MSMR_FIELD ": ")) == MI_SUCCESS;
}

static sfsistat stamped(SMFICTX *ctx, struct frank_session *session,
                        const struct frank_dkim *signature, const struct frank_client_reply *reply,
                        uint64_t took_us)
{
  char queue[FRANK_SESSION_QUEUE_BYTES];
  char domain[FRANK_SESSION_WORD_BYTES];
  char device[FRANK_SESSION_WORD_BYTES];
  char source[FRANK_SESSION_WORD_BYTES];
  if (!insert(ctx, &reply->key)) {
    return unstamped(ctx, session, FRANK_UNSTAMPED_MTA, signature, "");
  }
  frank_session_queue_id(ctx, queue);
  frank_session_word(signature->d.text, signature->d.len_bytes, domain);
  frank_session_word(reply->device, strlen(reply->device), device);
  frank_session_word(reply->source, strlen(reply->source), source);
  frank_milter_count(session->filter->counters,
                     reply->met ? FRANK_COUNT_STAMPED : FRANK_COUNT_SHORT, 1);
  frank_milter_count(session->filter->counters, FRANK_COUNT_MINT_US, took_us);
  frank_log(reply->met ? FRANK_LOG_INFO : FRANK_LOG_WARN,
            "event=stamped queue=%s b=%.8s d=%s factor=%" PRIu64 " bits=%.2f met=%s ms=%" PRIu64
            " attempts=%" PRIu64 " device=%s source=%s",
            queue, signature->b, domain, reply->factor, reply->bits, reply->met ? "yes" : "no",
            took_us / FRANK_US_PER_MS, reply->attempts, device, source);
  return SMFIS_CONTINUE;
}

/* A key of this very signature: whether it meets is for the factor in force to say. */
static bool has_stamp(struct frank_session *session, const struct frank_dkim *signature,
                      const struct domains *domains, struct frank_judgement *judgement)
{
  if (!frank_message_has_stamp(&session->message, signature, 1, judgement)) {
    return false;
  }
  uint64_t factor = ask_factor(session, domains);
  /* nobody says which factor: what is there stays, rather than a second one beside it */
  return factor == 0 || frank_message_has_stamp(&session->message, signature, factor, judgement);
}

static sfsistat stamp(SMFICTX *ctx, struct frank_session *session,
                      const struct frank_dkim *signature, struct domains *domains)
{
  struct frank_judgement judgement;
  struct frank_client_reply reply;
  uint64_t begun_us = frank_clock_now_us();
  memset(&reply, 0, sizeof reply);
  collect_domains(session, domains);
  if (has_stamp(session, signature, domains, &judgement)) {
    return kept(ctx, session, signature, &judgement);
  }
  enum frank_unstamped why = mint(ctx, session, signature, domains, &reply);
  return why == FRANK_STAMP
             ? stamped(ctx, session, signature, &reply, frank_clock_now_us() - begun_us)
             : unstamped(ctx, session, why, signature, reply.message);
}

static sfsistat end(SMFICTX *ctx, struct frank_session *session)
{
  struct frank_rules rules;
  struct frank_dkim signature = {.b_len = 0};
  const char *detail = "";
  struct frank_rules_envelope envelope = {.is_bounce = session->is_bounce,
                                          .recipients = session->recipients,
                                          .recipient_count = session->recipient_count,
                                          .recipient_total = session->recipient_total};
  make_rules(session, &rules);
  if (session->crowded || session->header_failed ||
      frank_message_open(session->header, session->header_len, &session->message, &detail) !=
          FRANK_OK) {
    return unstamped(ctx, session,
                     session->crowded ? FRANK_UNSTAMPED_CROWDED : FRANK_UNSTAMPED_HEADER,
                     &signature, detail);
  }
  enum frank_unstamped why =
      frank_rules_choose(&rules, &envelope, &session->message, &signature, &detail);
  (void)frank_session_remove(session, ctx, FRANK_RULES_FIELD);
  if (why != FRANK_STAMP) {
    return unstamped(ctx, session, why, &signature, detail);
  }
  struct domains *domains = malloc(sizeof *domains);
  if (domains == NULL) {
    return unstamped(ctx, session, FRANK_UNSTAMPED_INTERNAL, &signature, "no memory");
  }
  sfsistat result = stamp(ctx, session, &signature, domains);
  free(domains);
  return result;
}

const struct frank_session_kind frank_session_mint = {
    .field = take_field,
    .end_of_header = end_of_header,
    .body = take_body,
    .end = end,
    .steps = SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA,
};
