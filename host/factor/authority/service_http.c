/*
 * service_http: requests and their answers, and which connections there are.
 */
#include "base/clock.h"
#include "factor/authority/service_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct {
  unsigned code;
  char text[80]; /* not const only because the library's function takes it so */
} fixed_texts[FIXED_COUNT] = {
    [FIXED_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "not found\n"},
    [FIXED_RANGE] = {MHD_HTTP_BAD_REQUEST, "no such range\n"},
    [FIXED_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n"},
    [FIXED_BODY] = {MHD_HTTP_BAD_REQUEST, "a request here has no body\n"},
    [FIXED_BUSY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "busy; try again\n"},
    [FIXED_ALIVE] = {MHD_HTTP_OK, "alive\n"},
    [FIXED_EXPIRED] = {MHD_HTTP_SERVICE_UNAVAILABLE, "the document has expired\n"},
    [FIXED_REPORT_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "{\"error\":\"POST only\"}\n"},
    [FIXED_REPORT_LENGTH] = {MHD_HTTP_BAD_REQUEST, "{\"error\":\"one length, and one only\"}\n"},
    [FIXED_REPORT_LARGE] = {MHD_HTTP_CONTENT_TOO_LARGE,
                            "{\"error\":\"a report has at most 65536 bytes\"}\n"},
    [FIXED_REPORT_BUSY] = {MHD_HTTP_SERVICE_UNAVAILABLE, "{\"error\":\"busy; try again\"}\n"},
    [FIXED_REPORT_READ_ONLY] = {MHD_HTTP_SERVICE_UNAVAILABLE,
                                "{\"error\":\"this copy takes no reports\"}\n"},
};
_Static_assert(FRANK_REPORT_MAX_BYTES == 65536, "as the text says");

static const char *const own_paths[OWN_COUNT] = {FRANK_ANSWERS_REPORT_PATH, "/healthz", "/metrics",
                                                 "other"};

/* Any pointer that is no upload: a request whose head was seen. */
static char seen_mark;

/* ---- who asks ---- */

static struct frank_connection *slot_of(struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != NULL ? info->socket_context : NULL;
}

const char *service_header(struct MHD_Connection *connection, const char *name)
{
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* All lines of one header. */
struct lines {
  const char *name;
  const char *last;
  size_t count;
};

/* Called for each header in the order of the request. */
static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
  struct lines *lines = arg;
  (void)kind;
  if (strcasecmp(name, lines->name) == 0) {
    lines->last = value;
    lines->count++;
  }
  return MHD_YES;
}

static struct lines lines_of(struct MHD_Connection *connection, const char *name)
{
  struct lines lines = {.name = name};
  (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, see_header, &lines);
  return lines;
}

bool service_length_is_clear(struct MHD_Connection *connection)
{
  size_t lengths = lines_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH).count;
  size_t codings = lines_of(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).count;
  return lengths + codings <= 1;
}

/* The address of the client in text: the connection's, or where that is a trusted proxy's, the last
 * of X-Forwarded-For, which the proxy has added: to the client's own line, or as a line after it
 * (HAProxy's `option forwardfor`). */
void service_peer(struct MHD_Connection *connection, char out[FRANK_AUTHORITY_PEER_BYTES])
{
  const struct frank_connection *slot = slot_of(connection);
  struct frank_address address;
  (void)snprintf(out, FRANK_AUTHORITY_PEER_BYTES, "-");
  if (slot == NULL) {
    return;
  }
  const char *forwarded = slot->is_trusted ? lines_of(connection, "X-Forwarded-For").last : NULL;
  if (forwarded != NULL) {
    const char *comma = strrchr(forwarded, ',');
    const char *last = comma != NULL ? comma + 1 : forwarded;
    last += strspn(last, " \t");
    size_t len = strcspn(last, " \t");
    if (len < FRANK_AUTHORITY_PEER_BYTES && last[len + strspn(last + len, " \t")] == '\0') {
      memcpy(out, last, len);
      out[len] = '\0';
      if (frank_address_parse(out, &address)) {
        return;
      }
    }
  }
  frank_address_format(&slot->address, out);
}

/* ---- answers ---- */

/* Every answer goes through here: it is counted, and logged. */
enum MHD_Result service_answer(const struct request *request, unsigned code,
                               struct MHD_Response *response, size_t len_bytes)
{
  struct service *service = request->service;
  frank_authority_metrics_count(&service->metrics, request->route, code);
  if (service->access_log != NULL) {
    char peer[FRANK_AUTHORITY_PEER_BYTES];
    bool has_body = strcmp(request->method, MHD_HTTP_METHOD_HEAD) != 0;
    service_peer(request->connection, peer);
    struct frank_access_line line = {
        .peer = peer,
        .at_s = service->now_s,
        .method = request->method,
        .url = request->url,
        .version = request->version,
        .status = code,
        .len_bytes = has_body ? len_bytes : 0,
        .referer = service_header(request->connection, MHD_HTTP_HEADER_REFERER),
        .user_agent = service_header(request->connection, MHD_HTTP_HEADER_USER_AGENT),
    };
    frank_access_log_add(service->access_log, &line);
  }
  return MHD_queue_response(request->connection, code, response);
}

enum MHD_Result service_answer_fixed(const struct request *request, enum fixed fixed)
{
  return service_answer(request, fixed_texts[fixed].code, request->service->fixed[fixed],
                        strlen(fixed_texts[fixed].text));
}

/* Takes `text` (malloc). */
enum MHD_Result service_answer_text(const struct request *request, unsigned code, char *text,
                                    size_t len_bytes, const char *type, uint32_t retry_after_s)
{
  char seconds[16];
  struct MHD_Response *response =
      MHD_create_response_from_buffer(len_bytes, text, MHD_RESPMEM_MUST_FREE);
  if (response == NULL) {
    free(text);
    return service_answer_fixed(request, FIXED_BUSY);
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
  enum MHD_Result result = made ? service_answer(request, code, response, len_bytes)
                                : service_answer_fixed(request, FIXED_BUSY);
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
    return service_answer_fixed(request, FIXED_BUSY);
  }
  return service_answer_text(request, MHD_HTTP_OK, text, len,
                             "text/plain; version=0.0.4; charset=utf-8", 0);
}

static enum MHD_Result answer_get(struct request *request)
{
  struct service *service = request->service;
  const struct frank_answer *found = NULL;
  switch (request->route - frank_answers_route_count()) {
  case OWN_HEALTH:
    return service_answer_fixed(request, service->now_s < service->metrics.document.expires_s
                                             ? FIXED_ALIVE
                                             : FIXED_EXPIRED);
  case OWN_METRICS:
    return answer_metrics(request);
  default:
    break;
  }
  const char *range =
      MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "range");
  enum frank_err err = frank_answers_find(service->answers, request->path, range, service->now_s,
                                          &found, &request->route);
  if (err != FRANK_OK) {
    return service_answer_fixed(request, err == FRANK_ERR_RANGE ? FIXED_RANGE : FIXED_BUSY);
  }
  const char *known = service_header(request->connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
  if (known != NULL && frank_answers_match(known, found->etag)) {
    return service_answer(request, MHD_HTTP_NOT_MODIFIED, found->not_changed, 0);
  }
  return service_answer(request, MHD_HTTP_OK, found->whole, found->len_bytes);
}

/* ---- requests ---- */

static bool has_body(struct MHD_Connection *connection)
{
  const char *length = service_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return (length != NULL && strcmp(length, "0") != 0) ||
         service_header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
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

/* The absolute form is to be understood (RFC 9112, section 3.2.2). */
static const char *path_of(const char *url)
{
  if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
    return url;
  }
  const char *path = strchr(strchr(url, ':') + 3, '/');
  return path != NULL ? path : "/";
}

size_t service_unescape(void *arg, struct MHD_Connection *connection, char *text)
{
  (void)arg;
  (void)connection;
  return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static enum MHD_Result begin_request(const struct request *request, void **request_context)
{
  size_t own = request->route - frank_answers_route_count();
  bool is_get = strcmp(request->method, MHD_HTTP_METHOD_GET) == 0 ||
                strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;
  if (own == OWN_REPORT) {
    return strcmp(request->method, MHD_HTTP_METHOD_POST) == 0
               ? service_report_begin(request, request_context)
               : service_answer_fixed(request, FIXED_REPORT_METHOD);
  }
  if (!is_get) {
    return service_answer_fixed(request, own == OWN_OTHER ? FIXED_NOT_FOUND : FIXED_METHOD);
  }
  if (has_body(request->connection)) {
    return service_answer_fixed(request, FIXED_BODY);
  }
  *request_context = &seen_mark;
  return MHD_YES;
}

/* libmicrohttpd calls this when the head is there, for each piece of a body, and once more when the
 * request is whole. Answering the first time makes it drop a body unread and close the connection;
 * answering the last time keeps the connection for a next request. */
enum MHD_Result service_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload_data,
                                   size_t *upload_data_size, void **request_context)
{
  struct request request = {.service = arg,
                            .connection = connection,
                            .url = url,
                            .method = method,
                            .version = version,
                            .path = path_of(url),
                            .route = route_of(path_of(url))};
  if (*request_context == NULL) {
    return begin_request(&request, request_context);
  }
  if (*request_context != &seen_mark) {
    return service_report_go_on(&request, *request_context, upload_data, upload_data_size);
  }
  if (request.route == frank_answers_route_count() + OWN_OTHER) {
    return service_answer_fixed(&request, FIXED_NOT_FOUND);
  }
  return answer_get(&request);
}

void service_on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
                          enum MHD_RequestTerminationCode code)
{
  struct service *service = arg;
  struct frank_connection *slot = slot_of(connection);
  (void)code;
  if (*request_context != NULL && *request_context != &seen_mark) {
    service_report_free(service, *request_context);
  }
  *request_context = NULL;
  if (slot != NULL) {
    slot->since_us = service->now_us;
  }
}

/* ---- connections ---- */

enum MHD_Result service_on_accept(void *arg, const struct sockaddr *socket_address,
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

void service_on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
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

/* ---- what is made once ---- */

enum frank_err service_make_fixed(struct service *service)
{
  for (size_t i = 0; i < FIXED_COUNT; i++) {
    char *text = fixed_texts[i].text;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    service->fixed[i] = response;
    if (response == NULL || !frank_answers_secure(response) ||
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                i >= FIXED_REPORT_METHOD
                                    ? "application/json"
                                    : "text/plain; charset=utf-8") != MHD_YES ||
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
      {FIXED_REPORT_METHOD, MHD_HTTP_HEADER_ALLOW, "POST"},
      {FIXED_BUSY, MHD_HTTP_HEADER_RETRY_AFTER, "10"},
      {FIXED_REPORT_BUSY, MHD_HTTP_HEADER_RETRY_AFTER, "10"},
  };
  for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
    if (MHD_add_response_header(service->fixed[more[i].fixed], more[i].name, more[i].value) !=
        MHD_YES) {
      return FRANK_ERR_NOMEM;
    }
  }
  return FRANK_OK;
}

void service_make_routes(struct service *service)
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
