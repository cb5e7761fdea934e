#include "factor/ask.h"

#include "base/child.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define LOOK_MS     100  /* how soon `stop` is noticed */
#define SETTLE_MS   1000 /* for the keys of a source whose document is here */
#define LEAVE_MS    500  /* for what it still writes to disk once its channel is closed */
#define LEAVE_NAP_N 2000000
#define UNANSWERED  FRANK_RESOLVER_ANSWER_COUNT

/* The program, two words for each of: sources, servers, state, anchor, CA, log level; the NULL. */
#define ARGS_MAX (1 + 2 * (FRANK_RESOLVER_SOURCES_MAX + FRANK_RESOLVER_SERVERS_MAX + 4) + 1)

struct asking {
  const struct frank_factor_ask *ask;
  struct frank_resolver_source *sources;
  struct frank_resolver_domain *domains;
  char *why;
  pid_t pid;
  struct frank_chan *chan;
  uint64_t until_us;
  uint64_t domains_until_us;
  uint64_t settle_until_us; /* 0: something has no answer yet */
  bool is_ready;
  bool source_done[FRANK_RESOLVER_SOURCES_MAX];
  bool source_settled[FRANK_RESOLVER_SOURCES_MAX]; /* told of again since it was done */
  size_t sources_open;
  size_t domains_open;
  size_t domains_sent;
};

static enum frank_err __attribute__((format(printf, 3, 4)))
fail(struct asking *a, enum frank_err err, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(a->why, FRANK_FACTOR_WHY_BYTES, format, args);
  va_end(args);
  return err;
}

/* ---- the child ---- */

static enum frank_err start(struct asking *a)
{
  const struct frank_factor_ask *ask = a->ask;
  const char *argv[ARGS_MAX];
  char path[4096];
  size_t n = 0;
  argv[n++] = "frank-resolver";
  for (size_t i = 0; i < ask->source_count; i++) {
    argv[n++] = "--source";
    argv[n++] = ask->sources[i];
  }
  for (size_t i = 0; i < ask->dns_server_count; i++) {
    argv[n++] = "--dns-server";
    argv[n++] = ask->dns_servers[i];
  }
  const struct {
    const char *name;
    const char *value;
  } others[] = {{"--state", ask->state_dir},
                {"--dns-anchor", ask->dns_anchor},
                {"--ca-file", ask->ca_file},
                {"--log-level", "error"}}; /* the answers say what is wrong */
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (others[i].value != NULL) {
      argv[n++] = others[i].name;
      argv[n++] = others[i].value;
    }
  }
  argv[n] = NULL;
  enum frank_err err = frank_child_find("frank-resolver", path, sizeof path);
  if (err == FRANK_ERR_NOT_FOUND) {
    return fail(a, err,
                "there is no frank-resolver, which asks for published factors: it is not "
                "in this build, or not installed");
  }
  if (err == FRANK_OK) {
    err = frank_child_spawn(path, (char *const *)argv, &a->pid, &a->chan);
  }
  return err == FRANK_OK ? err
                         : fail(a, err, "cannot start frank-resolver: %s",
                                err == FRANK_ERR_IO ? strerror(errno) : frank_err_text(err));
}

/* It leaves when its channel closes, and may be writing down a document until then; one that never
 * came to work is not waited for. */
static void end(struct asking *a)
{
  struct frank_child_graves graves = {0};
  frank_chan_destroy(&a->chan);
  uint64_t until_us = frank_clock_now_us() + (a->is_ready ? LEAVE_MS : 0) * FRANK_US_PER_MS;
  while (a->pid > 0 && frank_clock_now_us() < until_us) {
    struct timespec nap = {.tv_nsec = LEAVE_NAP_N};
    if (waitpid(a->pid, NULL, WNOHANG) != 0) {
      a->pid = 0;
    } else {
      (void)nanosleep(&nap, NULL);
    }
  }
  frank_child_end(&graves, &a->pid);
}

/* ---- what it says ---- */

/* The first state comes from what is kept, before anybody was asked: that is no answer yet. */
static bool take_source(struct asking *a, const uint8_t *payload)
{
  struct frank_resolver_source source;
  memcpy(&source, payload, sizeof source);
  if (source.index >= a->ask->source_count || !frank_resolver_source_is_sound(&source)) {
    return false;
  }
  bool good = source.has_document != 0 && source.kept == 0 && source.confirmed_s != 0;
  a->sources[source.index] = source;
  a->source_settled[source.index] = a->source_done[source.index];
  if (!a->source_done[source.index] && (good || source.failures > 0)) {
    a->source_done[source.index] = true;
    a->sources_open--;
  }
  return true;
}

static bool take_domain(struct asking *a, const uint8_t *payload)
{
  struct frank_resolver_domain domain;
  memcpy(&domain, payload, sizeof domain);
  if (!frank_resolver_domain_is_sound(&domain)) {
    return false;
  }
  for (size_t i = 0; i < a->domains_sent; i++) {
    if (a->domains[i].answer == UNANSWERED && strcmp(a->domains[i].domain, domain.domain) == 0) {
      a->domains[i] = domain;
      a->domains_open--;
      return true;
    }
  }
  return false;
}

static enum frank_err take_failed(struct asking *a, const uint8_t *payload)
{
  struct frank_record_failed failed;
  memcpy(&failed, payload, sizeof failed);
  bool known = failed.err > FRANK_OK && failed.err < FRANK_ERR_COUNT;
  if (!known || !frank_record_is_text(failed.why, sizeof failed.why)) {
    return fail(a, FRANK_ERR_MALFORMED, "frank-resolver failed, and does not say why");
  }
  return fail(a, (enum frank_err)failed.err, "frank-resolver: %.160s", failed.why);
}

static enum frank_err take(struct asking *a, const struct frank_record *record)
{
  uint64_t lots =
      (a->ask->domain_count + FRANK_RESOLVER_LOOKUPS_MAX - 1) / FRANK_RESOLVER_LOOKUPS_MAX;
  bool understood = false;
  if (record->type == FRANK_RECORD_READY &&
      record->len_bytes == sizeof(struct frank_record_ready)) {
    understood = !a->is_ready;
    a->is_ready = true;
    a->domains_until_us = frank_clock_now_us() + lots * a->ask->domain_limit_ms * FRANK_US_PER_MS;
  } else if (record->type == FRANK_RECORD_FAILED &&
             record->len_bytes == sizeof(struct frank_record_failed)) {
    return take_failed(a, record->payload);
  } else if (record->type == FRANK_RESOLVER_SOURCE &&
             record->len_bytes == sizeof(struct frank_resolver_source)) {
    understood = a->is_ready && take_source(a, record->payload);
  } else if (record->type == FRANK_RESOLVER_DOMAIN &&
             record->len_bytes == sizeof(struct frank_resolver_domain)) {
    understood = a->is_ready && take_domain(a, record->payload);
  }
  return understood ? FRANK_OK : fail(a, FRANK_ERR_MALFORMED, "frank-resolver spoke out of turn");
}

static enum frank_err read_all(struct asking *a)
{
  struct frank_record record;
  for (;;) {
    enum frank_err err = frank_chan_read(a->chan, &record);
    if (err == FRANK_ERR_AGAIN) {
      return FRANK_OK;
    }
    if (err != FRANK_OK) {
      return fail(a, err == FRANK_ERR_MALFORMED ? err : FRANK_ERR_CLOSED,
                  err == FRANK_ERR_MALFORMED ? "frank-resolver spoke out of turn"
                                             : "frank-resolver died");
    }
    err = take(a, &record);
    if (err != FRANK_OK) {
      return err;
    }
  }
}

/* ---- the questions ---- */

/* As many look-ups as may be in flight. What finds no room now goes the next time. */
static void send_lookups(struct asking *a)
{
  size_t answered = a->ask->domain_count - a->domains_open;
  while (a->is_ready && a->domains_sent < a->ask->domain_count &&
         a->domains_sent - answered < FRANK_RESOLVER_LOOKUPS_MAX) {
    struct frank_resolver_lookup lookup = {0};
    memcpy(lookup.domain, a->domains[a->domains_sent].domain, sizeof lookup.domain);
    if (frank_chan_put(a->chan, FRANK_RESOLVER_LOOKUP, &lookup, sizeof lookup, NULL, 0) !=
        FRANK_OK) {
      break;
    }
    a->domains_sent++;
  }
  enum frank_err ignored = frank_chan_flush(a->chan); /* that it is gone shows in reading */
  (void)ignored;
}

/* True while a source that signs has not answered for the set of its keys, which is asked for once
 * the document is here: by it a new key is known before the old one goes. It is worth a moment, and
 * no answer to our questions depends on it. */
static bool is_settling(const struct asking *a)
{
  for (size_t i = 0; i < a->ask->source_count; i++) {
    const struct frank_resolver_source *source = &a->sources[i];
    if (!a->source_settled[i] && source->has_document != 0 && source->kept == 0 &&
        source->key_id[0] != '\0' && source->why[0] == '\0') {
      return true;
    }
  }
  return false;
}

/* When there is nothing more to wait for; 0: now. */
static uint64_t waits_until_us(struct asking *a)
{
  uint64_t until_us = 0;
  if (!a->is_ready || a->sources_open > 0) {
    until_us = a->until_us;
  } else if (a->domains_open > 0) {
    until_us = a->domains_until_us;
  } else {
    if (a->settle_until_us == 0) {
      a->settle_until_us = frank_clock_now_us() + SETTLE_MS * FRANK_US_PER_MS;
    }
    until_us = is_settling(a) ? a->settle_until_us : 0;
  }
  return until_us < a->until_us ? until_us : a->until_us;
}

static enum frank_err talk(struct asking *a)
{
  for (;;) {
    uint64_t now_us = frank_clock_now_us();
    uint64_t until_us = waits_until_us(a);
    if (now_us >= until_us) {
      return a->is_ready ? FRANK_OK
                         : fail(a, FRANK_ERR_TIMEOUT, "frank-resolver did not start in time");
    }
    if (a->ask->stop != NULL && a->ask->stop()) {
      return fail(a, FRANK_ERR_AGAIN, "interrupted");
    }
    send_lookups(a);
    uint64_t left_ms = (until_us - now_us) / FRANK_US_PER_MS + 1;
    enum frank_err ignored = frank_chan_wait(a->chan, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
    (void)ignored;
    enum frank_err err = read_all(a);
    if (err != FRANK_OK) {
      return err;
    }
  }
}

/* What has no answer gets `why` for one. */
static void conclude(struct asking *a, const char *why)
{
  for (size_t i = 0; i < a->ask->source_count; i++) {
    if (!a->source_done[i]) {
      snprintf(a->sources[i].why, sizeof a->sources[i].why, "%s", why);
    }
  }
  for (size_t i = 0; i < a->ask->domain_count; i++) {
    if (a->domains[i].answer == UNANSWERED) {
      a->domains[i].answer = FRANK_RESOLVER_FAILED;
      snprintf(a->domains[i].why, sizeof a->domains[i].why, "%s", why);
    }
  }
}

enum frank_err frank_factor_ask(const struct frank_factor_ask *ask,
                                struct frank_resolver_source *sources,
                                struct frank_resolver_domain *domains, char *why)
{
  assert(ask->source_count <= FRANK_RESOLVER_SOURCES_MAX);
  assert(ask->domain_count <= FRANK_FACTOR_ASK_DOMAINS_MAX);
  assert(ask->dns_server_count <= FRANK_RESOLVER_SERVERS_MAX);
  struct asking a = {
      .ask = ask,
      .sources = sources,
      .domains = domains,
      .why = why,
      .sources_open = ask->source_count,
      .domains_open = ask->domain_count,
      .until_us = frank_clock_now_us() + ask->limit_ms * FRANK_US_PER_MS,
  };
  why[0] = '\0';
  for (size_t i = 0; i < ask->source_count; i++) {
    sources[i] = (struct frank_resolver_source){.index = (uint32_t)i};
  }
  for (size_t i = 0; i < ask->domain_count; i++) {
    domains[i] = (struct frank_resolver_domain){.answer = UNANSWERED};
    snprintf(domains[i].domain, sizeof domains[i].domain, "%s", ask->domains[i]);
  }
  enum frank_err err = start(&a);
  if (err == FRANK_OK) {
    err = talk(&a);
    end(&a);
  }
  if (err == FRANK_OK) {
    conclude(&a, "no answer in time");
  } else if (a.is_ready && err != FRANK_ERR_AGAIN) {
    /* Some may have been answered, and a document that is kept is as good as before. */
    conclude(&a, why);
    err = FRANK_OK;
  }
  return err;
}
