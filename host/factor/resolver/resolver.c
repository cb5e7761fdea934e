#include "factor/resolver/resolver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "factor/resolver/dns.h"
#include "factor/resolver/events.h"
#include "factor/resolver/fetch.h"
#include "factor/resolver/follow.h"
#include "factor/resolver/lastgood.h"
#include "factor/resolver/lookups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* After a write that failed: a disk that is full is not asked at every answer. */
#define KEEP_AGAIN_US (60 * FRANK_US_PER_S)

struct source {
  struct frank_resolver *resolver;
  uint32_t index;
  struct frank_follow follow;
  struct frank_resolver_source told; /* as last sent */
  bool must_tell;                    /* it has changed since */
  bool was_good;                     /* the last try, for the log */
  uint64_t keep_at_us;               /* not before */
  uint64_t told_epoch;               /* in the log */
};

/* A question in DNS knows its look-up by this pair. */
struct asked {
  struct frank_resolver *resolver;
  struct frank_lookup *lookup;
};

struct frank_resolver {
  const struct frank_resolver_config *config;
  struct frank_chan *chan;
  struct frank_loop *loop;
  struct frank_loop_watch *chan_watch;
  uint32_t chan_events;
  struct frank_events *events;
  struct frank_fetch *fetch;
  struct frank_dns *source_dns;
  struct frank_dns *lookup_dns;
  enum frank_err end;      /* why the loop ends; FRANK_OK while it goes on */
  bool must_flush;         /* before the next record is asked: REFRESH */
  bool must_flush_lookups; /* before the next look-up: one that is to be fresh */
  struct frank_log_limit lookup_log;
  struct frank_log_limit source_log;
  struct source sources[FRANK_RESOLVER_SOURCES_MAX];
  struct frank_lookups lookups;
  struct asked asked[FRANK_RESOLVER_LOOKUPS_MAX]; /* one for each slot of lookups */
};

static void stop(struct frank_resolver *resolver, enum frank_err why)
{
  if (resolver->end == FRANK_OK) {
    resolver->end = why;
  }
}

static void put(struct frank_resolver *resolver, uint16_t type, const void *record, size_t len)
{
  enum frank_err err = frank_chan_put(resolver->chan, type, record, len, NULL, 0);
  if (err != FRANK_OK) {
    /* We read nothing while answers wait, so what waits is bounded far below the queue. */
    stop(resolver, err);
  }
}

static struct frank_follow_moment moment(void)
{
  struct frank_follow_moment at = {.now_us = frank_clock_now_us(), .now_s = frank_clock_unix_s()};
  if (getrandom(&at.random, sizeof at.random, GRND_NONBLOCK) != (ssize_t)sizeof at.random) {
    at.random = (uint32_t)at.now_us; /* spreads askers; nothing secret hangs on it */
  }
  return at;
}

/* ---- disk ---- */

static void restore(struct source *source)
{
  struct frank_follow *follow = &source->follow;
  struct frank_lastgood kept;
  char why[FRANK_FACTOR_WHY_BYTES];
  enum frank_err err =
      frank_lastgood_read(source->resolver->config->state_dir, follow->text, &kept, why);
  if (err == FRANK_OK) {
    frank_follow_restore(follow, &kept);
    frank_log(FRANK_LOG_INFO, "event=kept source=%u epoch=%" PRIu64 " factor=%" PRIu64,
              (unsigned)source->index, kept.trust.last.epoch, kept.trust.last.factor);
  } else if (err != FRANK_ERR_NOT_FOUND) {
    frank_log(FRANK_LOG_WARN, "event=kept-refused source=%u why=\"%s\" dir=\"%s\"",
              (unsigned)source->index, why, source->resolver->config->state_dir);
  }
}

static void keep(struct source *source, uint64_t now_us)
{
  struct frank_follow *follow = &source->follow;
  struct frank_lastgood kept;
  char why[FRANK_FACTOR_WHY_BYTES];
  if (!follow->must_keep || source->resolver->config->state_dir == NULL ||
      now_us < source->keep_at_us) {
    return;
  }
  frank_follow_kept(follow, &kept);
  enum frank_err err =
      frank_lastgood_write(source->resolver->config->state_dir, follow->text, &kept, why);
  if (err == FRANK_OK) {
    frank_follow_was_kept(follow);
    return;
  }
  source->keep_at_us = now_us + KEEP_AGAIN_US;
  frank_log(FRANK_LOG_WARN, "event=not-kept source=%u why=\"%s\" dir=\"%s\"",
            (unsigned)source->index, why, source->resolver->config->state_dir);
}

/* ---- sources ---- */

static void log_source(struct source *source, uint64_t now_us)
{
  const struct frank_resolver_source *told = &source->told;
  bool is_good = told->why[0] == '\0';
  if (told->has_document != 0 && !told->kept && told->document.epoch != source->told_epoch) {
    source->told_epoch = told->document.epoch;
    frank_log(FRANK_LOG_INFO,
              "event=document source=%u issuer=%s epoch=%" PRIu64 " factor=%" PRIu64
              " expires=%" PRId64 " key=%s",
              (unsigned)source->index, told->document.issuer, told->document.epoch,
              told->document.factor, told->document.expires_s,
              told->key_id[0] != '\0' ? told->key_id : "none");
  }
  if (!is_good && frank_log_allow(&source->resolver->source_log, now_us)) {
    frank_log(FRANK_LOG_WARN,
              "event=source-failed source=%u url=\"%s\" why=\"%s\" failures=%" PRIu64,
              (unsigned)source->index, told->url, told->why, told->failures);
  } else if (is_good && !source->was_good) {
    frank_log(FRANK_LOG_INFO, "event=source-good source=%u url=\"%s\"", (unsigned)source->index,
              told->url);
  }
  source->was_good = is_good;
}

static void tell(struct source *source)
{
  struct frank_follow_moment at = moment();
  frank_follow_tell(&source->follow, source->index, &at, &source->told);
  source->must_tell = false;
  put(source->resolver, FRANK_RESOLVER_SOURCE, &source->told, sizeof source->told);
}

/* What changed while the starter did not take records is told once, as it stands then. */
static void tell_sources(struct frank_resolver *resolver)
{
  if (frank_chan_has_unsent(resolver->chan)) {
    return;
  }
  for (size_t i = 0; i < resolver->config->source_count; i++) {
    struct source *source = &resolver->sources[i];
    if (source->must_tell) {
      tell(source);
      log_source(source, frank_clock_now_us());
    }
  }
}

/* After an answer of any kind. It is kept before it is told: a crash takes back nothing that the
 * starter has heard. */
static void settle(struct source *source)
{
  keep(source, frank_clock_now_us());
  source->must_tell = true;
}

static void on_record(void *arg, const struct frank_answer *answer)
{
  struct source *source = arg;
  struct frank_follow_moment at = moment();
  frank_follow_on_record(&source->follow, &at, answer);
  settle(source);
}

static struct frank_follow_reply reply_of(const struct frank_fetch_reply *reply)
{
  return (struct frank_follow_reply){.err = reply->err,
                                     .status = reply->status,
                                     .body = reply->body,
                                     .body_len = reply->body_len,
                                     .etag = reply->etag,
                                     .fresh_s = reply->fresh_s,
                                     .why = reply->why};
}

static void on_document(void *arg, const struct frank_fetch_reply *reply)
{
  struct source *source = arg;
  struct frank_follow_moment at = moment();
  const struct frank_follow_reply told = reply_of(reply);
  frank_follow_on_document(&source->follow, &at, &told);
  settle(source);
}

static void on_keys(void *arg, const struct frank_fetch_reply *reply)
{
  struct source *source = arg;
  struct frank_follow_moment at = moment();
  const struct frank_follow_reply told = reply_of(reply);
  frank_follow_on_keys(&source->follow, &at, &told);
  settle(source);
}

static void ask_record(struct source *source)
{
  struct frank_resolver *resolver = source->resolver;
  uint64_t token = 0;
  if (resolver->must_flush && frank_dns_flush(resolver->source_dns) == FRANK_OK) {
    resolver->must_flush = false;
  }
  enum frank_err err =
      frank_dns_ask(resolver->source_dns, source->follow.domain, on_record, source, &token);
  if (err != FRANK_OK) {
    struct frank_answer answer;
    frank_answer_fail(&answer, frank_err_text(err));
    on_record(source, &answer);
  }
}

static void ask_http(struct source *source, enum frank_follow_step step)
{
  char url[FRANK_FOLLOW_URL_BYTES];
  bool is_document = step == FRANK_FOLLOW_DOCUMENT;
  bool is_signed = source->follow.trust.keys.count > 0;
  frank_fetch_fn *fn = is_document ? on_document : on_keys;
  frank_follow_url(&source->follow, step, url);
  enum frank_err err =
      frank_fetch_start(source->resolver->fetch, url,
                        is_document && !is_signed ? "application/json" : "application/jose",
                        is_document ? source->follow.etag : "", fn, source);
  if (err != FRANK_OK) {
    const struct frank_fetch_reply reply = {
        .err = err, .body = "", .etag = "", .fresh_s = -1, .why = frank_err_text(err)};
    fn(source, &reply);
  }
}

/* Begins what is due. An answer from libunbound's cache comes at once, so a source may be due
 * again: the next turn of the loop sees to it. */
static void ask_sources(struct frank_resolver *resolver)
{
  for (size_t i = 0; i < resolver->config->source_count; i++) {
    struct source *source = &resolver->sources[i];
    uint64_t now_us = frank_clock_now_us();
    enum frank_follow_step step = frank_follow_next(&source->follow, now_us);
    if (step == FRANK_FOLLOW_WAIT) {
      continue;
    }
    frank_follow_begin(&source->follow, step, now_us);
    if (step == FRANK_FOLLOW_RECORD) {
      ask_record(source);
    } else {
      ask_http(source, step);
    }
  }
}

/* ---- look-ups ---- */

static void answer_lookup(struct frank_resolver *resolver, struct frank_lookup *lookup,
                          const struct frank_answer *answer)
{
  struct frank_resolver_domain record;
  uint64_t now_us = frank_clock_now_us();
  frank_lookups_tell(lookup, answer, now_us, &record);
  for (uint32_t i = frank_lookups_end(&resolver->lookups, lookup); i > 0; i--) {
    put(resolver, FRANK_RESOLVER_DOMAIN, &record, sizeof record);
  }
  if (record.answer == FRANK_RESOLVER_FAILED && frank_log_allow(&resolver->lookup_log, now_us)) {
    frank_log(FRANK_LOG_INFO, "event=lookup-failed domain=%s why=\"%s\"", record.domain,
              record.why);
  }
}

static void on_lookup(void *arg, const struct frank_answer *answer)
{
  const struct asked *asked = arg;
  answer_lookup(asked->resolver, asked->lookup, answer);
}

static void fail_lookup(struct frank_resolver *resolver, const char *domain, const char *why)
{
  struct frank_resolver_domain record = {.answer = FRANK_RESOLVER_FAILED,
                                         .ttl_s = FRANK_ANSWER_TTL_MIN_S};
  (void)snprintf(record.domain, sizeof record.domain, "%s", domain);
  (void)snprintf(record.why, sizeof record.why, "%s", why);
  put(resolver, FRANK_RESOLVER_DOMAIN, &record, sizeof record);
}

static enum frank_err take_lookup(struct frank_resolver *resolver,
                                  const struct frank_record *record)
{
  struct frank_resolver_lookup wanted;
  char domain[FRANK_TXT_DOMAIN_BYTES];
  if (record->len_bytes != sizeof wanted) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&wanted, record->payload, sizeof wanted);
  wanted.domain[sizeof wanted.domain - 1] = '\0';
  if (frank_txt_domain(wanted.domain, strlen(wanted.domain), domain) != FRANK_OK) {
    fail_lookup(resolver, wanted.domain, "not a domain's name");
    return FRANK_OK;
  }
  struct frank_lookup *lookup = NULL;
  bool is_first = false;
  if (frank_lookups_add(&resolver->lookups, domain, frank_clock_now_us(), &lookup, &is_first) !=
      FRANK_OK) {
    fail_lookup(resolver, domain, "too many look-ups at a time");
    return FRANK_OK;
  }
  if (!is_first) {
    return FRANK_OK;
  }
  resolver->must_flush_lookups = resolver->must_flush_lookups || wanted.fresh != 0;
  if (resolver->must_flush_lookups && frank_dns_flush(resolver->lookup_dns) == FRANK_OK) {
    resolver->must_flush_lookups = false; /* else with a later one, when nobody is asked */
  }
  struct asked *asked = &resolver->asked[lookup - resolver->lookups.list];
  *asked = (struct asked){.resolver = resolver, .lookup = lookup};
  uint64_t token = 0;
  enum frank_err err = frank_dns_ask(resolver->lookup_dns, domain, on_lookup, asked, &token);
  if (err != FRANK_OK) {
    struct frank_answer answer;
    frank_answer_fail(&answer, frank_err_text(err));
    answer_lookup(resolver, lookup, &answer);
  } else if (lookup->askers > 0) {
    lookup->token = token;
  }
  return FRANK_OK;
}

static void end_late_lookups(struct frank_resolver *resolver)
{
  struct frank_lookup *lookup = NULL;
  while ((lookup = frank_lookups_late(&resolver->lookups, frank_clock_now_us())) != NULL) {
    struct frank_answer answer;
    frank_dns_cancel(resolver->lookup_dns, lookup->token);
    frank_answer_fail(&answer, "DNS: no answer in time");
    answer_lookup(resolver, lookup, &answer);
  }
}

/* ---- the starter ---- */

static enum frank_err take_refresh(struct frank_resolver *resolver)
{
  uint64_t now_us = frank_clock_now_us();
  resolver->must_flush = true;
  for (size_t i = 0; i < resolver->config->source_count; i++) {
    frank_follow_refresh(&resolver->sources[i].follow, now_us);
  }
  return FRANK_OK;
}

static enum frank_err take_record(struct frank_resolver *resolver,
                                  const struct frank_record *record)
{
  switch (record->type) {
  case FRANK_RECORD_PING:
    if (record->len_bytes != sizeof(struct frank_record_tag)) {
      return FRANK_ERR_MALFORMED;
    }
    return frank_chan_put(resolver->chan, FRANK_RECORD_PONG, record->payload, record->len_bytes,
                          NULL, 0);
  case FRANK_RESOLVER_LOOKUP:
    return take_lookup(resolver, record);
  case FRANK_RESOLVER_REFRESH:
    return take_refresh(resolver);
  default:
    return FRANK_ERR_MALFORMED;
  }
}

static void read_chan(struct frank_resolver *resolver)
{
  struct frank_record record;
  enum frank_err err = FRANK_OK;
  /* Who does not take answers is not asked for more questions. */
  while (resolver->end == FRANK_OK && frank_chan_has_room(resolver->chan) &&
         (err = frank_chan_read(resolver->chan, &record)) == FRANK_OK) {
    err = take_record(resolver, &record);
    if (err != FRANK_OK) {
      frank_log(FRANK_LOG_ERROR, "event=bad-record type=%u bytes=%u error=\"%s\"",
                (unsigned)record.type, (unsigned)record.len_bytes, frank_err_text(err));
      stop(resolver, err);
    }
  }
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(resolver, err);
  }
}

static void flush_chan(struct frank_resolver *resolver)
{
  enum frank_err err = frank_chan_flush(resolver->chan);
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(resolver, err);
    return;
  }
  uint32_t events = frank_chan_has_unsent(resolver->chan) ? FRANK_LOOP_WRITE : FRANK_LOOP_READ;
  if (events != resolver->chan_events) {
    resolver->chan_events = events;
    err = frank_loop_change(resolver->chan_watch, events);
    if (err != FRANK_OK) {
      stop(resolver, err);
    }
  }
}

static void on_chan(void *arg, uint32_t events)
{
  struct frank_resolver *resolver = arg;
  (void)events;
  if (!frank_chan_has_unsent(resolver->chan)) {
    read_chan(resolver);
  }
  flush_chan(resolver);
}

/* ---- start and end ---- */

static enum frank_err start_sources(struct frank_resolver *resolver, char *why)
{
  const struct frank_resolver_config *config = resolver->config;
  for (size_t i = 0; i < config->source_count; i++) {
    struct source *source = &resolver->sources[i];
    source->resolver = resolver;
    source->index = (uint32_t)i;
    source->was_good = true;
    enum frank_err err =
        frank_follow_init(&source->follow, config->sources[i], config->allow_http, why);
    if (err != FRANK_OK) {
      return err;
    }
    if (config->state_dir != NULL) {
      restore(source);
    }
  }
  return FRANK_OK;
}

static enum frank_err start_dns(struct frank_resolver *resolver, char *why)
{
  const struct frank_resolver_config *config = resolver->config;
  struct frank_dns_config dns = {.servers = config->dns_servers,
                                 .server_count = config->dns_server_count,
                                 .anchor_file = config->dns_anchor,
                                 .require_dnssec = config->require_dnssec,
                                 .questions_max = FRANK_RESOLVER_SOURCES_MAX};
  enum frank_err err = frank_dns_new(resolver->events, &dns, &resolver->source_dns, why);
  if (err == FRANK_OK) {
    dns.questions_max = FRANK_RESOLVER_LOOKUPS_MAX;
    err = frank_dns_new(resolver->events, &dns, &resolver->lookup_dns, why);
  }
  return err;
}

static enum frank_err start(struct frank_resolver *resolver, char *why)
{
  const struct frank_fetch_config fetch = {.ca_file = resolver->config->ca_file};
  enum frank_err err = start_sources(resolver, why);
  if (err == FRANK_OK) {
    err = frank_loop_new(&resolver->loop);
  }
  if (err == FRANK_OK) {
    err = frank_events_new(resolver->loop, &resolver->events);
  }
  if (err == FRANK_OK) {
    err = frank_fetch_new(resolver->loop, &fetch, &resolver->fetch, why);
  }
  if (err == FRANK_OK) {
    err = start_dns(resolver, why);
  }
  if (err == FRANK_OK) {
    resolver->chan_events = FRANK_LOOP_READ;
    err = frank_loop_add(resolver->loop, frank_chan_fd(resolver->chan), FRANK_LOOP_READ, on_chan,
                         resolver, &resolver->chan_watch);
  }
  return err;
}

static void tell_ready(struct frank_resolver *resolver)
{
  struct frank_record_ready ready = {.endpoint = "resolver"};
  put(resolver, FRANK_RECORD_READY, &ready, sizeof ready);
  for (size_t i = 0; i < resolver->config->source_count; i++) {
    tell(&resolver->sources[i]);
  }
}

static void tell_failed(struct frank_resolver *resolver, enum frank_err err, const char *why)
{
  struct frank_record_failed failed = {.err = (int32_t)err};
  failed.fatal = err == FRANK_ERR_NOT_FOUND || err == FRANK_ERR_UNSUPPORTED ||
                 err == FRANK_ERR_DENIED || err == FRANK_ERR_MALFORMED || err == FRANK_ERR_TOO_LONG;
  (void)snprintf(failed.why, sizeof failed.why, "%s", why);
  if (frank_chan_put(resolver->chan, FRANK_RECORD_FAILED, &failed, sizeof failed, NULL, 0) !=
          FRANK_OK ||
      frank_chan_flush(resolver->chan) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=failed error=\"%s\"", why);
  }
}

static uint64_t wake_at_us(const struct frank_resolver *resolver)
{
  uint64_t wake_us = frank_fetch_wake_us(resolver->fetch);
  uint64_t events_us = frank_events_wake_us(resolver->events);
  uint64_t lookups_us = frank_lookups_due_us(&resolver->lookups);
  wake_us = events_us < wake_us ? events_us : wake_us;
  wake_us = lookups_us < wake_us ? lookups_us : wake_us;
  for (size_t i = 0; i < resolver->config->source_count; i++) {
    uint64_t due_us = frank_follow_due_us(&resolver->sources[i].follow);
    wake_us = due_us < wake_us ? due_us : wake_us;
  }
  return wake_us;
}

static enum frank_err serve(struct frank_resolver *resolver)
{
  while (resolver->end == FRANK_OK) {
    ask_sources(resolver);
    flush_chan(resolver);
    tell_sources(resolver);
    flush_chan(resolver);
    if (resolver->end != FRANK_OK) {
      break;
    }
    enum frank_err err = frank_loop_run_once(resolver->loop, wake_at_us(resolver));
    if (err != FRANK_OK) {
      return err;
    }
    uint64_t now_us = frank_clock_now_us();
    frank_fetch_run(resolver->fetch, now_us);
    frank_events_run(resolver->events, now_us);
    end_late_lookups(resolver);
    if (frank_chan_has_unread(resolver->chan)) {
      on_chan(resolver, FRANK_LOOP_READ);
    }
  }
  return resolver->end;
}

static void resolver_destroy(struct frank_resolver *resolver)
{
  frank_loop_remove(&resolver->chan_watch);
  frank_dns_destroy(&resolver->lookup_dns);
  frank_dns_destroy(&resolver->source_dns);
  frank_fetch_destroy(&resolver->fetch);
  frank_events_destroy(&resolver->events);
  frank_loop_destroy(&resolver->loop);
  free(resolver);
}

enum frank_err frank_resolver_run(const struct frank_resolver_config *config,
                                  struct frank_chan *chan, char *why)
{
  struct frank_resolver *resolver = calloc(1, sizeof *resolver);
  if (resolver == NULL) {
    (void)snprintf(why, FRANK_RESOLVER_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  resolver->config = config;
  resolver->chan = chan;
  resolver->lookup_log = (struct frank_log_limit){.burst = 5, .interval_us = 10 * FRANK_US_PER_S};
  resolver->source_log = (struct frank_log_limit){.burst = 10, .interval_us = 10 * FRANK_US_PER_S};
  why[0] = '\0';
  enum frank_err err = start(resolver, why);
  if (err == FRANK_OK) {
    tell_ready(resolver);
    err = serve(resolver);
  }
  if (err == FRANK_ERR_CLOSED) {
    err = FRANK_OK; /* the starter is gone, or wants us to be */
  } else {
    if (why[0] == '\0') {
      (void)snprintf(why, FRANK_RESOLVER_WHY_BYTES, "%s", frank_err_text(err));
    }
    tell_failed(resolver, err, why);
  }
  resolver_destroy(resolver);
  return err;
}
