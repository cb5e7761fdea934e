#include "factor/authority/service.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "factor/authority/access_log.h"
#include "factor/authority/answers.h"
#include "factor/authority/connections.h"
#include "factor/authority/messages.h"
#include "factor/authority/metrics.h"
#include "factor/authority/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPLOADS_MAX     64 /* bodies of reports at a time */
#define REPORT_LIMIT_US (8 * FRANK_US_PER_S)

/* The answers that are the same for everybody. */
enum fixed {
  FIXED_NOT_FOUND,
  FIXED_RANGE,
  FIXED_METHOD,
  FIXED_METHOD_REPORT,
  FIXED_BODY,
  FIXED_LARGE,
  FIXED_BUSY,
  FIXED_READ_ONLY,
  FIXED_ALIVE,
  FIXED_EXPIRED,
  FIXED_COUNT
};
static struct {
  unsigned code;
  char text[80]; /* not const only because the library's function takes it so */
} fixed_texts[FIXED_COUNT] = {
    [FIXED_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "not found\n"},
    [FIXED_RANGE] = {MHD_HTTP_BAD_REQUEST, "no such range\n"},
    [FIXED_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n"},
    [FIXED_METHOD_REPORT] = {MHD_HTTP_METHOD_NOT_ALLOWED, "POST only\n"},
    [FIXED_BODY] = {MHD_HTTP_BAD_REQUEST, "a request here has no body\n"},
    [FIXED_LARGE] = {MHD_HTTP_CONTENT_TOO_LARGE, "a report has at most 65536 bytes\n"},
    [FIXED_BUSY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "busy; try again\n"},
    [FIXED_READ_ONLY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "this copy takes no reports\n"},
    [FIXED_ALIVE] = {MHD_HTTP_OK, "alive\n"},
    [FIXED_EXPIRED] = {MHD_HTTP_SERVICE_UNAVAILABLE, "the document has expired\n"},
};

/* Paths besides those of answers.h, and their numbers for counters after those. */
enum own_route { OWN_REPORT, OWN_HEALTH, OWN_METRICS, OWN_OTHER, OWN_COUNT };
static const char *const own_paths[OWN_COUNT] = {FRANK_ANSWERS_REPORT_PATH, "/healthz", "/metrics",
                                                 "other"};

/* One request that is more than a line: a report, from its head to its answer. */
struct upload {
  char *body;
  size_t len_bytes;
  size_t size_bytes;
  bool is_too_large;
  bool is_answered;
  uint64_t id; /* while the keeper has it; 0: it has not */
  uint64_t sent_us;
  struct MHD_Connection *connection;
  struct frank_authority_reply reply;
};

struct service {
  const struct frank_service_config *config;
  struct frank_chan *chan;
  struct frank_loop *loop;
  struct frank_loop_watch *chan_watch;
  struct frank_loop_watch *http_watch;
  struct MHD_Daemon *daemon;
  struct frank_authority_store *store;
  struct frank_answers *answers;
  struct frank_access_log *access_log;
  enum frank_err end; /* why the loop ends; FRANK_OK while it goes on */
  bool chan_wants_write;
  int64_t now_s; /* of this turn of the loop */
  uint64_t now_us;
  uint64_t look_us;   /* when to look for a change */
  uint64_t second_us; /* when to do what is done every second */
  uint64_t last_id;
  size_t upload_count;
  struct upload *waiting[FRANK_AUTHORITY_REPORTS_WAITING];
  struct frank_log_limit load_limit;
  struct MHD_Response *fixed[FIXED_COUNT];
  struct frank_authority_metrics metrics;
  struct frank_connections connections;
  struct frank_authority_state state;
};

/* Any pointer that is no upload: a request whose head was seen. */
static char seen_mark;

static void stop(struct service *service, enum frank_err why)
{
  if (service->end == FRANK_OK) {
    service->end = why;
  }
}

/* ---- who asks ---- */

static struct frank_connection *slot_of(struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != NULL ? info->socket_context : NULL;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The address of the client in text: the connection's, or where that is a trusted proxy's, the last
 * of X-Forwarded-For, which the proxy has added. */
static void peer_of(struct MHD_Connection *connection, char out[FRANK_AUTHORITY_PEER_BYTES])
{
  const struct frank_connection *slot = slot_of(connection);
  struct frank_address address;
  (void)snprintf(out, FRANK_AUTHORITY_PEER_BYTES, "-");
  if (slot == NULL) {
    return;
  }
  const char *forwarded = slot->is_trusted ? header_of(connection, "X-Forwarded-For") : NULL;
  if (forwarded != NULL) {
    const char *comma = strrchr(forwarded, ',');
    const char *last = comma != NULL ? comma + 1 : forwarded;
    last += strspn(last, " \t");
    if (strlen(last) < FRANK_AUTHORITY_PEER_BYTES && frank_address_parse(last, &address)) {
      (void)snprintf(out, FRANK_AUTHORITY_PEER_BYTES, "%s", last);
      return;
    }
  }
  frank_address_format(&slot->address, out);
}

/* ---- answers ---- */

struct request {
  struct service *service;
  struct MHD_Connection *connection;
  const char *url;
  const char *method;
  const char *version;
  size_t route;
};

/* Every answer goes through here: it is counted, and logged. */
static enum MHD_Result answer(const struct request *request, unsigned code,
                              struct MHD_Response *response, size_t len_bytes)
{
  struct service *service = request->service;
  frank_authority_metrics_count(&service->metrics, request->route, code);
  if (service->access_log != NULL) {
    char peer[FRANK_AUTHORITY_PEER_BYTES];
    bool has_body = strcmp(request->method, MHD_HTTP_METHOD_HEAD) != 0;
    peer_of(request->connection, peer);
    struct frank_access_line line = {
        .peer = peer,
        .at_s = service->now_s,
        .method = request->method,
        .url = request->url,
        .version = request->version,
        .status = code,
        .len_bytes = has_body ? len_bytes : 0,
        .referer = header_of(request->connection, MHD_HTTP_HEADER_REFERER),
        .user_agent = header_of(request->connection, MHD_HTTP_HEADER_USER_AGENT),
    };
    frank_access_log_add(service->access_log, &line);
  }
  return MHD_queue_response(request->connection, code, response);
}

static enum MHD_Result answer_fixed(const struct request *request, enum fixed fixed)
{
  return answer(request, fixed_texts[fixed].code, request->service->fixed[fixed],
                strlen(fixed_texts[fixed].text));
}

/* Takes `text` (malloc). */
static enum MHD_Result answer_text(const struct request *request, unsigned code, char *text,
                                   size_t len_bytes, const char *type, uint32_t retry_after_s)
{
  char seconds[16];
  struct MHD_Response *response =
      MHD_create_response_from_buffer(len_bytes, text, MHD_RESPMEM_MUST_FREE);
  if (response == NULL) {
    free(text);
    return answer_fixed(request, FIXED_BUSY);
  }
  (void)snprintf(seconds, sizeof seconds, "%" PRIu32, retry_after_s);
  bool made =
      MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
      MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
      frank_answers_secure(response) &&
      (retry_after_s == 0 ||
       MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds) == MHD_YES) &&
      (code != MHD_HTTP_UNAUTHORIZED ||
       MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer") == MHD_YES);
  enum MHD_Result result =
      made ? answer(request, code, response, len_bytes) : answer_fixed(request, FIXED_BUSY);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result answer_metrics(const struct request *request)
{
  struct service *service = request->service;
  struct frank_authority_metrics *metrics = &service->metrics;
  char *text = NULL;
  size_t len = 0;
  metrics->connections = service->connections.count;
  metrics->connections_taken = service->connections.taken;
  metrics->connections_refused = service->connections.refused;
  metrics->connections_cut = service->connections.cut;
  metrics->dropped_lines =
      service->access_log != NULL ? frank_access_log_dropped(service->access_log) : 0;
  if (frank_authority_metrics_text(metrics, &text, &len) != FRANK_OK) {
    return answer_fixed(request, FIXED_BUSY);
  }
  return answer_text(request, MHD_HTTP_OK, text, len, "text/plain; version=0.0.4; charset=utf-8",
                     0);
}

static enum MHD_Result answer_get(struct request *request)
{
  struct service *service = request->service;
  const struct frank_answer *found = NULL;
  switch (request->route - frank_answers_route_count()) {
  case OWN_HEALTH:
    return answer_fixed(request, service->now_s < service->metrics.document.expires_s
                                     ? FIXED_ALIVE
                                     : FIXED_EXPIRED);
  case OWN_METRICS:
    return answer_metrics(request);
  default:
    break;
  }
  const char *range =
      MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "range");
  enum frank_err err = frank_answers_find(service->answers, request->url, range, service->now_s,
                                          &found, &request->route);
  if (err != FRANK_OK) {
    return answer_fixed(request, err == FRANK_ERR_RANGE ? FIXED_RANGE : FIXED_BUSY);
  }
  const char *known = header_of(request->connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
  if (known != NULL && frank_answers_match(known, found->etag)) {
    return answer(request, MHD_HTTP_NOT_MODIFIED, found->not_changed, 0);
  }
  return answer(request, MHD_HTTP_OK, found->whole, found->len_bytes);
}

/* ---- reports ---- */

static void upload_free(struct service *service, struct upload *upload)
{
  for (size_t i = 0; i < FRANK_AUTHORITY_REPORTS_WAITING; i++) {
    if (service->waiting[i] == upload) {
      service->waiting[i] = NULL;
    }
  }
  free(upload->body);
  free(upload);
  service->upload_count--;
}

/* False: no memory. What is too large is counted and thrown away. */
static bool upload_add(struct upload *upload, const char *data, size_t len_bytes)
{
  if (upload->is_too_large || len_bytes > FRANK_REPORT_MAX_BYTES - upload->len_bytes) {
    upload->is_too_large = true;
    return true;
  }
  if (upload->len_bytes + len_bytes > upload->size_bytes) {
    size_t size = upload->size_bytes == 0 ? 4096 : upload->size_bytes;
    while (size < upload->len_bytes + len_bytes) {
      size *= 2;
    }
    char *body = realloc(upload->body, size);
    if (body == NULL) {
      return false;
    }
    upload->body = body;
    upload->size_bytes = size;
  }
  memcpy(upload->body + upload->len_bytes, data, len_bytes);
  upload->len_bytes += len_bytes;
  return true;
}

/* The head of a report: what can be refused is, before a byte of the body is read. */
static enum MHD_Result begin_report(const struct request *request, void **request_context)
{
  struct service *service = request->service;
  const char *length = header_of(request->connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (!service->config->takes_reports) {
    return answer_fixed(request, FIXED_READ_ONLY);
  }
  if (length != NULL && strtoull(length, NULL, 10) > FRANK_REPORT_MAX_BYTES) {
    return answer_fixed(request, FIXED_LARGE);
  }
  struct upload *upload = service->upload_count < UPLOADS_MAX ? calloc(1, sizeof *upload) : NULL;
  if (upload == NULL) {
    return answer_fixed(request, FIXED_BUSY);
  }
  service->upload_count++;
  upload->connection = request->connection;
  *request_context = upload;
  return MHD_YES;
}

/* Hands the whole report to the keeper. False: it has too many. */
static bool send_report(struct service *service, const struct request *request,
                        struct upload *upload)
{
  struct frank_authority_report report = {.id = ++service->last_id,
                                          .len_bytes = (uint32_t)upload->len_bytes};
  const char *authorization = header_of(request->connection, MHD_HTTP_HEADER_AUTHORIZATION);
  size_t slot = 0;
  while (slot < FRANK_AUTHORITY_REPORTS_WAITING && service->waiting[slot] != NULL) {
    slot++;
  }
  if (slot == FRANK_AUTHORITY_REPORTS_WAITING) {
    return false;
  }
  report.has_authorization = authorization != NULL ? 1 : 0;
  (void)snprintf(report.authorization, sizeof report.authorization, "%s",
                 authorization != NULL ? authorization : "");
  peer_of(request->connection, report.peer);
  if (frank_chan_put(service->chan, FRANK_AUTHORITY_REPORT, &report, sizeof report, upload->body,
                     upload->len_bytes) != FRANK_OK) {
    return false;
  }
  upload->id = report.id;
  upload->sent_us = service->now_us;
  service->waiting[slot] = upload;
  MHD_suspend_connection(request->connection);
  return true;
}

static enum MHD_Result go_on_with_report(const struct request *request, struct upload *upload,
                                         const char *data, size_t *len_bytes)
{
  if (*len_bytes > 0) {
    bool taken = upload_add(upload, data, *len_bytes);
    *len_bytes = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  if (upload->is_too_large) {
    return answer_fixed(request, FIXED_LARGE);
  }
  if (upload->is_answered) {
    char *text = strdup(upload->reply.text);
    return text == NULL ? answer_fixed(request, FIXED_BUSY)
                        : answer_text(request, upload->reply.status, text, strlen(text),
                                      "application/json", upload->reply.retry_after_s);
  }
  return send_report(request->service, request, upload) ? MHD_YES
                                                        : answer_fixed(request, FIXED_BUSY);
}

static void answer_upload(struct upload *upload, const struct frank_authority_reply *reply)
{
  upload->reply = *reply;
  upload->reply.text[sizeof upload->reply.text - 1] = '\0';
  upload->is_answered = true;
  upload->id = 0;
  MHD_resume_connection(upload->connection);
}

/* Those whom the keeper keeps waiting; all of them where `all`. */
static void give_up_reports(struct service *service, bool all)
{
  static const struct frank_authority_reply busy = {.status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                                    .retry_after_s = 10,
                                                    .text = "{\"error\":\"busy\"}\n"};
  for (size_t i = 0; i < FRANK_AUTHORITY_REPORTS_WAITING; i++) {
    struct upload *upload = service->waiting[i];
    if (upload != NULL && (all || service->now_us - upload->sent_us >= REPORT_LIMIT_US)) {
      service->waiting[i] = NULL;
      answer_upload(upload, &busy);
    }
  }
}

/* ---- requests ---- */

static bool has_body(struct MHD_Connection *connection)
{
  const char *length = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return (length != NULL && strcmp(length, "0") != 0) ||
         header_of(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static size_t route_of(const char *url)
{
  size_t count = frank_answers_route_count();
  for (size_t i = 0; i < count; i++) {
    if (strcmp(url, frank_answers_route_path(i)) == 0) {
      return i;
    }
  }
  for (size_t i = 0; i < OWN_OTHER; i++) {
    if (strcmp(url, own_paths[i]) == 0) {
      return count + i;
    }
  }
  return count + OWN_OTHER;
}

static enum MHD_Result begin_request(const struct request *request, void **request_context)
{
  size_t own = request->route - frank_answers_route_count();
  bool is_get = strcmp(request->method, MHD_HTTP_METHOD_GET) == 0 ||
                strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;
  if (own == OWN_REPORT) {
    return strcmp(request->method, MHD_HTTP_METHOD_POST) == 0
               ? begin_report(request, request_context)
               : answer_fixed(request, FIXED_METHOD_REPORT);
  }
  if (!is_get) {
    return answer_fixed(request, own == OWN_OTHER ? FIXED_NOT_FOUND : FIXED_METHOD);
  }
  if (has_body(request->connection)) {
    return answer_fixed(request, FIXED_BODY);
  }
  *request_context = &seen_mark;
  return MHD_YES;
}

/* libmicrohttpd calls this when the head is there, for each piece of a body, and once more when the
 * request is whole. Answering the first time makes it drop a body unread and close the connection;
 * answering the last time keeps the connection for a next request. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request_context)
{
  struct request request = {.service = arg,
                            .connection = connection,
                            .url = url,
                            .method = method,
                            .version = version,
                            .route = route_of(url)};
  if (*request_context == NULL) {
    return begin_request(&request, request_context);
  }
  if (*request_context != &seen_mark) {
    return go_on_with_report(&request, *request_context, upload_data, upload_data_size);
  }
  if (request.route == frank_answers_route_count() + OWN_OTHER) {
    return answer_fixed(&request, FIXED_NOT_FOUND);
  }
  return answer_get(&request);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
  struct service *service = arg;
  struct frank_connection *slot = slot_of(connection);
  (void)code;
  if (*request_context != NULL && *request_context != &seen_mark) {
    upload_free(service, *request_context);
  }
  *request_context = NULL;
  if (slot != NULL) {
    slot->since_us = service->now_us;
  }
}

/* ---- connections ---- */

static enum MHD_Result on_accept(void *arg, const struct sockaddr *socket_address,
                                 socklen_t address_len)
{
  struct service *service = arg;
  struct frank_address address;
  (void)address_len;
  return frank_address_of(socket_address, &address) &&
                 frank_connections_may_come(&service->connections, &address)
             ? MHD_YES
             : MHD_NO;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
  struct service *service = arg;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (*socket_context != NULL) {
      frank_connections_remove(&service->connections, *socket_context);
    }
    return;
  }
  const union MHD_ConnectionInfo *fd =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  int descriptor = fd != NULL ? fd->connect_fd : -1;
  const union MHD_ConnectionInfo *peer =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  struct frank_address address;
  if (descriptor >= 0 && peer != NULL && frank_address_of(peer->client_addr, &address)) {
    *socket_context =
        frank_connections_add(&service->connections, descriptor, &address, service->now_us);
  }
}

/* ---- the state ---- */

static enum frank_err take_state(struct service *service, char *why)
{
  enum frank_err err = frank_authority_store_load(service->store, &service->state, why);
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
  for (size_t i = 0; i < FRANK_AUTHORITY_REPORTS_WAITING; i++) {
    struct upload *upload = service->waiting[i];
    if (upload != NULL && upload->id == reply.id) {
      service->waiting[i] = NULL;
      answer_upload(upload, &reply);
    }
  }
  return FRANK_OK; /* one whose client is gone, or that was given up */
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

static enum frank_err make_fixed(struct service *service)
{
  for (size_t i = 0; i < FIXED_COUNT; i++) {
    char *text = fixed_texts[i].text;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    service->fixed[i] = response;
    if (response == NULL || !frank_answers_secure(response) ||
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                "text/plain; charset=utf-8") != MHD_YES ||
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") != MHD_YES) {
      return FRANK_ERR_NOMEM;
    }
  }
  static const struct {
    enum fixed fixed;
    const char *name;
    const char *value;
  } more[] = {
      {FIXED_METHOD, MHD_HTTP_HEADER_ALLOW, "GET, HEAD"},
      {FIXED_METHOD_REPORT, MHD_HTTP_HEADER_ALLOW, "POST"},
      {FIXED_BUSY, MHD_HTTP_HEADER_RETRY_AFTER, "10"},
  };
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    if (MHD_add_response_header(service->fixed[more[i].fixed], more[i].name, more[i].value) !=
        MHD_YES) {
      return FRANK_ERR_NOMEM;
    }
  }
  return FRANK_OK;
}

static void make_routes(struct service *service)
{
  struct frank_authority_metrics *metrics = &service->metrics;
  size_t count = frank_answers_route_count();
  assert(count + OWN_COUNT <= FRANK_METRICS_ROUTES_MAX);
  for (size_t i = 0; i < count; i++) {
    metrics->routes[i] = frank_answers_route_path(i);
  }
  for (size_t i = 0; i < OWN_COUNT; i++) {
    metrics->routes[count + i] = own_paths[i];
  }
  metrics->route_count = count + OWN_COUNT;
  metrics->takes_reports = service->config->takes_reports;
  metrics->started_s = frank_clock_unix_s();
}

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
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, service},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, service},
      {MHD_OPTION_END, 0, NULL},
  };
  service->daemon =
      MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, service, on_request,
                       service, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
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
  give_up_reports(service, false);
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
    give_up_reports(service, true); /* the library wants none suspended at its end */
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
    make_routes(service);
    err = make_fixed(service);
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
