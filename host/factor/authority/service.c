#include "factor/authority/service.h"
#include "base/clock.h"
#include "factor/authority/service_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop(struct service *service, enum frank_err why)
{
  if (service->end == FRANK_OK) {
    service->end = why;
  }
}

/* ---- the state ---- */

/* An older copy, moved into place after a newer one: clients would refuse what it says. */
static enum frank_err check_epoch(const struct service *service, char *why)
{
  const struct frank_factor_document *served = &service->metrics.document;
  const struct frank_factor_document *loaded = &service->state.document;
  if (loaded->epoch >= served->epoch || frank_clock_unix_s() >= served->expires_s ||
      strcmp(loaded->issuer, served->issuer) != 0) {
    return FRANK_OK;
  }
  (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES,
                 "%.240s: its epoch %" PRIu64 " is older than %" PRIu64 ", which is served",
                 service->config->dir, loaded->epoch, served->epoch);
  return FRANK_ERR_DENIED;
}

static enum frank_err take_state(struct service *service, char *why)
{
  enum frank_err err = frank_authority_store_load(service->store, &service->state, why);
  if (err == FRANK_OK) {
    err = check_epoch(service, why);
  }
  if (err == FRANK_OK) {
    err = frank_answers_take(service->answers, &service->state);
  }
  if (err == FRANK_OK) {
    service->metrics.document = service->state.document;
    service->metrics.loaded_s = frank_clock_unix_s();
  }
  return err;
}

/* Something may be wrong on the disk: what is served stays, and the next look may find it well. */
static void look_for_change(struct service *service)
{
  char why[FRANK_AUTHORITY_WHY_BYTES];
  bool changed = false;
  uint64_t epoch = service->metrics.document.epoch;
  enum frank_err err = frank_authority_store_changed(service->store, &changed, why);
  if (err == FRANK_OK && changed) {
    err = take_state(service, why);
    if (err != FRANK_OK) {
      frank_authority_store_look_again(service->store);
    }
  }
  if (err == FRANK_OK && changed) {
    frank_log(FRANK_LOG_INFO, "event=%s epoch=%" PRIu64 " factor=%" PRIu64 " expires=%" PRId64,
              epoch != service->metrics.document.epoch ? "epoch" : "signed-anew",
              service->metrics.document.epoch, service->metrics.document.factor,
              service->metrics.document.expires_s);
  }
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    service->metrics.load_errors++;
    if (frank_log_allow(&service->load_limit, service->now_us)) {
      frank_log(FRANK_LOG_ERROR, "event=state-refused serving=epoch-%" PRIu64 " why=\"%s\"", epoch,
                why);
    }
  }
}

/* ---- the keeper ---- */

static enum frank_err take_reply(struct service *service, const struct frank_record *record)
{
  struct frank_authority_reply reply;
  if (record->len_bytes != sizeof reply) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&reply, record->payload, sizeof reply);
  service_report_reply(service, &reply);
  return FRANK_OK;
}

static enum frank_err take_record(struct service *service, const struct frank_record *record)
{
  switch (record->type) {
  case FRANK_RECORD_PING:
    return record->len_bytes != sizeof(struct frank_record_tag)
               ? FRANK_ERR_MALFORMED
               : frank_chan_put(service->chan, FRANK_RECORD_PONG, record->payload,
                                record->len_bytes, NULL, 0);
  case FRANK_AUTHORITY_REPLY:
    return take_reply(service, record);
  case FRANK_AUTHORITY_REOPEN:
    if (service->access_log != NULL && frank_access_log_reopen(service->access_log) != FRANK_OK) {
      frank_log(FRANK_LOG_ERROR, "event=access-log file=%s why=\"%s\"", service->config->access_log,
                strerror(errno));
    }
    return FRANK_OK;
  default:
    return FRANK_ERR_MALFORMED;
  }
}

static void flush_chan(struct service *service)
{
  enum frank_err err = frank_chan_flush(service->chan);
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(service, err);
    return;
  }
  bool wants_write = frank_chan_has_unsent(service->chan);
  if (wants_write != service->chan_wants_write) {
    service->chan_wants_write = wants_write;
    err = frank_loop_change(service->chan_watch,
                            FRANK_LOOP_READ | (wants_write ? FRANK_LOOP_WRITE : 0U));
    if (err != FRANK_OK) {
      stop(service, err);
    }
  }
}

static void on_chan(void *arg, uint32_t events)
{
  struct service *service = arg;
  struct frank_record record;
  enum frank_err err = FRANK_OK;
  (void)events;
  while (service->end == FRANK_OK && (err = frank_chan_read(service->chan, &record)) == FRANK_OK) {
    err = take_record(service, &record);
    if (err != FRANK_OK) {
      frank_log(FRANK_LOG_ERROR, "event=bad-record type=%u bytes=%u error=\"%s\"",
                (unsigned)record.type, (unsigned)record.len_bytes, frank_err_text(err));
      stop(service, err);
    }
  }
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(service, err);
  }
}

static void on_http(void *arg, uint32_t events)
{
  (void)arg; /* it was only to wake: MHD_run follows every turn of the loop */
  (void)events;
}

/* ---- start and end ---- */

static enum frank_err take_trusted(struct service *service, char *why)
{
  for (size_t i = 0; i < service->config->trusted_count; i++) {
    struct frank_address *address =
        &service->connections.trusted[service->connections.trusted_count];
    if (service->connections.trusted_count == FRANK_CONNECTIONS_TRUSTED_MAX ||
        !frank_address_parse(service->config->trusted[i], address)) {
      (void)snprintf(why, FRANK_SERVICE_WHY_BYTES,
                     "trusted proxy \"%.60s\": not a numeric address, or more than %d",
                     service->config->trusted[i], FRANK_CONNECTIONS_TRUSTED_MAX);
      return FRANK_ERR_MALFORMED;
    }
    service->connections.trusted_count++;
  }
  return FRANK_OK;
}

static enum frank_err open_state(struct service *service, char *why)
{
  enum frank_err err =
      frank_authority_store_open(service->config->dir, false, &service->store, why);
  if (err == FRANK_OK) {
    err =
        frank_answers_new(service->config->max_age_s, service->config->base_url, &service->answers);
  }
  if (err == FRANK_OK) {
    err = take_state(service, why);
  }
  if (err == FRANK_OK) {
    frank_authority_store_set_patience(service->store, 0);
  }
  if (err == FRANK_OK && service->config->access_log != NULL) {
    err = frank_access_log_open(service->config->access_log, &service->access_log);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_SERVICE_WHY_BYTES, "access log %.300s: %s",
                     service->config->access_log, strerror(errno));
    }
  }
  return err;
}

static enum frank_err start_http(struct service *service, char *why)
{
  struct MHD_OptionItem options[] = {
      {MHD_OPTION_LISTEN_SOCKET, service->config->listen_fd, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, FRANK_CONNECTIONS_MAX, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, FRANK_SERVICE_CONNECTION_BYTES, NULL},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
      {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)service_unescape, service},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)service_on_connection, service},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)service_on_completed, service},
      {MHD_OPTION_END, 0, NULL},
  };
  service->daemon =
      MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, service_on_accept, service,
                       service_on_request, service, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      service->daemon != NULL ? MHD_get_daemon_info(service->daemon, MHD_DAEMON_INFO_EPOLL_FD)
                              : NULL;
  if (info == NULL) {
    (void)snprintf(why, FRANK_SERVICE_WHY_BYTES, "libmicrohttpd %s did not start",
                   MHD_get_version());
    return FRANK_ERR_NOMEM;
  }
  return frank_loop_add(service->loop, info->epoll_fd, FRANK_LOOP_READ, on_http, service,
                        &service->http_watch);
}

static enum frank_err tell_ready(struct service *service)
{
  const struct frank_record_ready ready = {.endpoint = ""}; /* the keeper has bound it */
  return frank_chan_put(service->chan, FRANK_RECORD_READY, &ready, sizeof ready, NULL, 0);
}

static void tell_failed(struct service *service, enum frank_err err, const char *why)
{
  struct frank_record_failed failed = {.err = (int32_t)err, .fatal = 1};
  (void)snprintf(failed.why, sizeof failed.why, "%.250s", why);
  if (frank_chan_put(service->chan, FRANK_RECORD_FAILED, &failed, sizeof failed, NULL, 0) !=
          FRANK_OK ||
      frank_chan_flush(service->chan) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=failed error=\"%s\"", why);
  }
}

static void every_second(struct service *service)
{
  frank_connections_cut_late(&service->connections, service->now_us);
  service_reports_give_up(service, false);
  if (service->access_log != NULL) {
    frank_access_log_flush(service->access_log);
  }
}

static uint64_t wake_at_us(const struct service *service)
{
  MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
  uint64_t wake_us = service->look_us < service->second_us ? service->look_us : service->second_us;
  if (MHD_get_timeout(service->daemon, &timeout_ms) == MHD_YES) {
    uint64_t due_us = frank_clock_now_us() + timeout_ms * FRANK_US_PER_MS;
    wake_us = due_us < wake_us ? due_us : wake_us;
  }
  return wake_us;
}

static enum frank_err serve(struct service *service)
{
  while (service->end == FRANK_OK) {
    enum frank_err err = frank_loop_run_once(service->loop, wake_at_us(service));
    if (err != FRANK_OK) {
      return err;
    }
    service->now_us = frank_clock_now_us();
    service->now_s = frank_clock_unix_s();
    if (MHD_run(service->daemon) != MHD_YES) {
      return FRANK_ERR_IO;
    }
    if (service->now_us >= service->look_us) {
      service->look_us = service->now_us + FRANK_SERVICE_LOOK_US;
      look_for_change(service);
    }
    if (service->now_us >= service->second_us) {
      service->second_us = service->now_us + FRANK_US_PER_S;
      every_second(service);
    }
    flush_chan(service);
  }
  return service->end;
}

static void service_destroy(struct service *service)
{
  frank_loop_remove(&service->http_watch);
  frank_loop_remove(&service->chan_watch);
  if (service->daemon != NULL) {
    service_reports_give_up(service, true); /* the library wants none suspended at its end */
    (void)MHD_run(service->daemon);
    MHD_stop_daemon(service->daemon);
  } else {
    (void)close(service->config->listen_fd);
  }
  for (size_t i = 0; i < FIXED_COUNT; i++) {
    if (service->fixed[i] != NULL) {
      MHD_destroy_response(service->fixed[i]);
    }
  }
  frank_access_log_close(&service->access_log);
  frank_answers_destroy(&service->answers);
  frank_authority_store_close(&service->store);
  frank_loop_destroy(&service->loop);
  free(service);
}

static enum frank_err open_all(struct service *service, char *why)
{
  enum frank_err err = take_trusted(service, why);
  if (err == FRANK_OK) {
    err = frank_loop_new(&service->loop);
  }
  if (err == FRANK_OK) {
    err = open_state(service, why);
  }
  if (err == FRANK_OK) {
    service_make_routes(service);
    err = service_make_fixed(service);
  }
  if (err == FRANK_OK) {
    err = start_http(service, why);
  }
  if (err == FRANK_OK) {
    err = frank_loop_add(service->loop, frank_chan_fd(service->chan), FRANK_LOOP_READ, on_chan,
                         service, &service->chan_watch);
  }
  return err == FRANK_OK ? tell_ready(service) : err;
}

enum frank_err frank_service_run(const struct frank_service_config *config, struct frank_chan *chan,
                                 char *why)
{
  struct service *service = calloc(1, sizeof *service);
  if (service == NULL) {
    (void)snprintf(why, FRANK_SERVICE_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  service->config = config;
  service->chan = chan;
  service->load_limit = (struct frank_log_limit){.burst = 5, .interval_us = 10 * FRANK_US_PER_S};
  frank_connections_init(&service->connections);
  service->now_us = frank_clock_now_us();
  service->now_s = frank_clock_unix_s();
  why[0] = '\0';
  enum frank_err err = open_all(service, why);
  if (err == FRANK_OK) {
    flush_chan(service);
    err = serve(service);
  }
  if (err == FRANK_ERR_CLOSED) {
    err = FRANK_OK; /* the keeper is gone, or wants us to be */
  } else {
    if (why[0] == '\0') {
      (void)snprintf(why, FRANK_SERVICE_WHY_BYTES, "%s", frank_err_text(err));
    }
    tell_failed(service, err, why);
  }
  service_destroy(service);
  return err;
}
