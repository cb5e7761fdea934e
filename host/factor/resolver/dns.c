#include "factor/resolver/dns.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>

#define TYPE_TXT   16
#define CLASS_IN   1
#define PREFIX     "_msmr."
#define NAME_BYTES (sizeof PREFIX + FRANK_TXT_DOMAIN_BYTES)
/* sec of ub_event_callback_type. */
#define SEC_BOGUS  1
#define SEC_SECURE 2

struct question {
  struct frank_dns *dns;
  uint64_t token; /* 0: the slot is free */
  int id;         /* libunbound's; 0: not told yet */
  frank_dns_fn *fn;
  void *arg;
};

struct frank_dns {
  struct frank_events *events;
  struct frank_dns_config config;
  struct ub_ctx *context;
  uint64_t last_token;
  uint32_t asked; /* slots that are taken */
  struct question questions[];
};

/* libunbound as a library keeps to small tables and trusts its cache for a day; what differs here,
 * by the names of unbound.conf(5). */
static const struct {
  const char *name;
  const char *value;
} options[] = {
    /* The starter asks for one name at a time; a name is asked once however many want it. */
    {"num-queries-per-thread:", "512"},
    {"outgoing-range:", "128"},
    {"outgoing-num-tcp:", "16"},
    {"msg-cache-size:", "2m"},
    {"rrset-cache-size:", "4m"},
    {"key-cache-size:", "1m"},
    {"neg-cache-size:", "256k"},
    {"infra-cache-numhosts:", "1000"},
    /* No record is believed for longer than an hour: FRANK_ANSWER_TTL_MAX_S. */
    {"cache-max-ttl:", "3600"},
    {"cache-max-negative-ttl:", "3600"},
    /* A server that was down is tried again soon, not after 15 minutes. */
    {"infra-host-ttl:", "30"},
    {"infra-keep-probing:", "yes"},
    /* A resolver on this host is a usual thing to ask. */
    {"do-not-query-localhost:", "no"},
    /* Fragments can be forged: the DNS flag day's size, above it TCP. */
    {"edns-buffer-size:", "1232"},
    {"use-caps-for-id:", "no"},
};

static enum frank_err set_options(struct ub_ctx *context, char *why)
{
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    int rc = ub_ctx_set_option(context, options[i].name, options[i].value);
    if (rc != 0) {
      (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "libunbound %s refuses %s %s", ub_version(),
                     options[i].name, options[i].value);
      return rc == UB_NOMEM ? FRANK_ERR_NOMEM : FRANK_ERR_UNSUPPORTED;
    }
  }
  return FRANK_OK;
}

static enum frank_err set_servers(const struct frank_dns_config *config, struct ub_ctx *context,
                                  char *why)
{
  for (size_t i = 0; i < config->server_count; i++) {
    int rc = ub_ctx_set_fwd(context, config->servers[i]);
    if (rc != 0) {
      (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "DNS server \"%.80s\" is not ADDRESS[@PORT]",
                     config->servers[i]);
      return rc == UB_NOMEM ? FRANK_ERR_NOMEM : FRANK_ERR_MALFORMED;
    }
  }
  if (config->server_count == 0) {
    /* Where it names none, libunbound asks the root servers by itself. */
    (void)ub_ctx_resolvconf(context, NULL);
  }
  return FRANK_OK;
}

static enum frank_err make_context(struct frank_dns *dns, struct ub_ctx **out, char *why)
{
  why[0] = '\0';
  struct ub_ctx *context = ub_ctx_create_ub_event(frank_events_base(dns->events));
  if (context == NULL) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "libunbound: no memory");
    return FRANK_ERR_NOMEM;
  }
  /* What goes wrong comes back with the answer; strangers' servers may not fill our log. */
  (void)ub_ctx_debugout(context, NULL);
  (void)ub_ctx_debuglevel(context, 0);
  enum frank_err err = set_options(context, why);
  if (err == FRANK_OK) {
    err = set_servers(&dns->config, context, why);
  }
  if (err == FRANK_OK && dns->config.anchor_file != NULL &&
      ub_ctx_add_ta_file(context, dns->config.anchor_file) != 0) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "DNSSEC anchor \"%.120s\" cannot be read",
                   dns->config.anchor_file);
    err = FRANK_ERR_NOT_FOUND;
  }
  if (err != FRANK_OK) {
    ub_ctx_delete(context);
    return err;
  }
  *out = context;
  return FRANK_OK;
}

/* Anchors are read when the first question is asked: asked here for a name that libunbound answers
 * itself (RFC 6761, section 6.3), so that a bad file is told at once. */
static void on_localhost(void *arg, int rcode, void *message, int len, int sec, char *why_bogus,
                         int was_limited)
{
  (void)arg;
  (void)rcode;
  (void)message;
  (void)len;
  (void)sec;
  (void)why_bogus;
  (void)was_limited;
}

static enum frank_err try_context(struct frank_dns *dns, struct ub_ctx *context, char *why)
{
  int rc = ub_resolve_event(context, "localhost.", 1, CLASS_IN, dns, on_localhost, NULL);
  if (rc == 0) {
    return FRANK_OK;
  }
  (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "libunbound does not start: %s%s%.100s",
                 ub_strerror(rc), dns->config.anchor_file != NULL ? "; DNSSEC anchor " : "",
                 dns->config.anchor_file != NULL ? dns->config.anchor_file : "");
  return rc == UB_NOMEM ? FRANK_ERR_NOMEM : rc == UB_INITFAIL ? FRANK_ERR_NOT_FOUND : FRANK_ERR_IO;
}

enum frank_err frank_dns_new(struct frank_events *events, const struct frank_dns_config *config,
                             struct frank_dns **out, char *why)
{
  struct frank_dns *dns =
      calloc(1, sizeof *dns + (size_t)config->questions_max * sizeof dns->questions[0]);
  if (dns == NULL) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  dns->events = events;
  dns->config = *config;
  enum frank_err err = make_context(dns, &dns->context, why);
  if (err == FRANK_OK) {
    err = try_context(dns, dns->context, why);
  }
  if (err != FRANK_OK) {
    frank_dns_destroy(&dns);
    return err;
  }
  *out = dns;
  return FRANK_OK;
}

void frank_dns_destroy(struct frank_dns **dns)
{
  if (*dns == NULL) {
    return;
  }
  if ((*dns)->context != NULL) {
    ub_ctx_delete((*dns)->context);
  }
  free(*dns);
  *dns = NULL;
}

static void end(struct question *question, const struct frank_answer *answer)
{
  frank_dns_fn *fn = question->fn;
  void *arg = question->arg;
  question->dns->asked--;
  question->token = 0;
  fn(arg, answer);
}

static void on_answer(void *arg, int rcode, void *message, int len, int sec, char *why_bogus,
                      int was_limited)
{
  struct question *question = arg;
  (void)was_limited;
  if (question->token == 0) {
    return;
  }
  struct frank_answer_raw raw = {.rcode = rcode, .why_bogus = why_bogus};
  raw.dnssec = sec == SEC_SECURE  ? FRANK_DNSSEC_SECURE
               : sec == SEC_BOGUS ? FRANK_DNSSEC_BOGUS
                                  : FRANK_DNSSEC_NONE;
  if (rcode == 0 && message != NULL && len > 0) {
    raw.message = message;
    raw.len_bytes = (size_t)len;
  }
  struct frank_answer answer;
  frank_answer_read(&raw, question->dns->config.require_dnssec, &answer);
  end(question, &answer);
}

enum frank_err frank_dns_ask(struct frank_dns *dns, const char *domain, frank_dns_fn *fn, void *arg,
                             uint64_t *token)
{
  struct question *question = NULL;
  for (uint32_t i = 0; i < dns->config.questions_max && question == NULL; i++) {
    if (dns->questions[i].token == 0) {
      question = &dns->questions[i];
    }
  }
  if (question == NULL) {
    return FRANK_ERR_FULL;
  }
  char name[NAME_BYTES];
  int length = snprintf(name, sizeof name, PREFIX "%s", domain);
  assert(length > 0 && (size_t)length < sizeof name);
  *question = (struct question){.dns = dns, .token = ++dns->last_token, .fn = fn, .arg = arg};
  *token = question->token;
  dns->asked++;
  int id = 0;
  int rc = ub_resolve_event(dns->context, name, TYPE_TXT, CLASS_IN, question, on_answer, &id);
  if (question->token != *token) {
    return FRANK_OK; /* answered from the cache */
  }
  question->id = id;
  if (rc != 0) {
    struct frank_answer answer;
    char why[FRANK_FACTOR_WHY_BYTES];
    (void)snprintf(why, sizeof why, "libunbound: %s", ub_strerror(rc));
    frank_answer_fail(&answer, why);
    end(question, &answer);
  }
  return FRANK_OK;
}

void frank_dns_cancel(struct frank_dns *dns, uint64_t token)
{
  for (uint32_t i = 0; i < dns->config.questions_max && token != 0; i++) {
    struct question *question = &dns->questions[i];
    if (question->token == token) {
      (void)ub_cancel(dns->context, question->id);
      question->token = 0;
      dns->asked--;
      return;
    }
  }
}

enum frank_err frank_dns_flush(struct frank_dns *dns)
{
  struct ub_ctx *context = NULL;
  char why[FRANK_FACTOR_WHY_BYTES];
  if (dns->asked > 0) {
    return FRANK_ERR_AGAIN;
  }
  /* libunbound has no call for it: a new context has an empty cache. */
  enum frank_err err = make_context(dns, &context, why);
  if (err != FRANK_OK) {
    return err;
  }
  ub_ctx_delete(dns->context);
  dns->context = context;
  return FRANK_OK;
}
