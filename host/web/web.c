#include "web/web.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/loopback.h"
#include "door/messages.h"
#include "door/status_json.h"
#include "web/pages.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTEN_BACKLOG 128
/* From this many connections on, a new one costs the place of another. The rest is room for those
 * that come in one turn of the loop: a place is free only after the next. */
#define CROWDED (FRANK_WEB_CONNECTIONS - 32)

struct connection {
  int fd;            /* libmicrohttpd's; -1: the slot is free */
  bool is_cut;       /* shut down; libmicrohttpd has not closed it yet */
  uint64_t since_us; /* begin, or the end of its last request */
};

/* The answers that are the same for everybody. */
enum fixed { FIXED_NOT_FOUND, FIXED_METHOD, FIXED_BODY, FIXED_NOMEM, FIXED_COUNT };
static struct {
  unsigned code;
  char text[40]; /* not const only because the library's function takes it so */
} fixed_texts[FIXED_COUNT] = {
    [FIXED_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "not found; / lists what there is\n"},
    [FIXED_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n"},
    [FIXED_BODY] = {MHD_HTTP_BAD_REQUEST, "a request here has no body\n"},
    [FIXED_NOMEM] = {MHD_HTTP_SERVICE_UNAVAILABLE, "no memory just now\n"},
};

struct frank_web {
  struct frank_chan *chan;
  struct frank_loop *loop;
  struct frank_loop_watch *chan_watch;
  struct frank_loop_watch *http_watch;
  struct MHD_Daemon *daemon;
  int listen_fd;
  enum frank_err end; /* why the loop ends; FRANK_OK while it goes on */
  bool chan_wants_write;
  struct MHD_Response *fixed[FIXED_COUNT];
  struct MHD_Response *kept[FRANK_PAGE_COUNT]; /* of the last snapshot; NULL: not made yet */
  unsigned kept_code[FRANK_PAGE_COUNT];
  uint64_t status_at_us; /* when the snapshot came; 0: none yet */
  struct frank_status status;
  size_t connection_count;
  struct connection connections[FRANK_WEB_CONNECTIONS];
};

/* ---- answers ---- */

static struct MHD_Response *make_response(char *text, size_t len_bytes, const char *type,
                                          enum MHD_ResponseMemoryMode mode)
{
  struct MHD_Response *response = MHD_create_response_from_buffer(len_bytes, text, mode);
  if (response == NULL) {
    return NULL;
  }
  if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES ||
      MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") != MHD_YES ||
      MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") != MHD_YES) {
    MHD_destroy_response(response);
    return NULL;
  }
  return response;
}

static enum frank_err make_fixed(struct frank_web *web)
{
  for (size_t i = 0; i < FIXED_COUNT; i++) {
    char *text = fixed_texts[i].text;
    web->fixed[i] =
        make_response(text, strlen(text), "text/plain; charset=utf-8", MHD_RESPMEM_PERSISTENT);
    if (web->fixed[i] == NULL) {
      return FRANK_ERR_NOMEM;
    }
  }
  enum MHD_Result added =
      MHD_add_response_header(web->fixed[FIXED_METHOD], MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  return added == MHD_YES ? FRANK_OK : FRANK_ERR_NOMEM;
}

static void forget_kept(struct frank_web *web)
{
  for (size_t i = 0; i < FRANK_PAGE_COUNT; i++) {
    if (web->kept[i] != NULL) {
      MHD_destroy_response(web->kept[i]); /* connections that still send it hold it */
      web->kept[i] = NULL;
    }
  }
}

static enum MHD_Result answer_fixed(const struct frank_web *web, struct MHD_Connection *connection,
                                    enum fixed fixed)
{
  return MHD_queue_response(connection, fixed_texts[fixed].code, web->fixed[fixed]);
}

/* A page that depends on the snapshot alone is made once for it, however many ask, while that is
 * fresh. */
static enum MHD_Result answer_page(struct frank_web *web, struct MHD_Connection *connection,
                                   enum frank_page page)
{
  bool have = web->status_at_us != 0;
  uint64_t age_us = have ? frank_clock_now_us() - web->status_at_us : 0;
  bool may_keep = frank_page_is_lasting(page) && age_us < FRANK_PAGES_FRESH_US;
  if (may_keep && web->kept[page] != NULL) {
    return MHD_queue_response(connection, web->kept_code[page], web->kept[page]);
  }
  struct frank_page_body body;
  if (frank_page_make(page, have ? &web->status : NULL, age_us, &body) != FRANK_OK) {
    return answer_fixed(web, connection, FIXED_NOMEM);
  }
  struct MHD_Response *response =
      make_response(body.text, body.len_bytes, body.type, MHD_RESPMEM_MUST_FREE);
  if (response == NULL) {
    free(body.text);
    return answer_fixed(web, connection, FIXED_NOMEM);
  }
  enum MHD_Result result = MHD_queue_response(connection, body.code, response);
  if (may_keep) {
    web->kept[page] = response;
    web->kept_code[page] = body.code;
  } else {
    MHD_destroy_response(response);
  }
  return result;
}

static bool has_body(struct MHD_Connection *connection)
{
  const char *length =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return (length != NULL && strcmp(length, "0") != 0) ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                     MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* libmicrohttpd calls this when the headers are there, and once more when the request is whole.
 * Answering the first time makes it drop a body unread and close the connection; answering the
 * second time keeps the connection for a next request. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request_context)
{
  struct frank_web *web = arg;
  enum frank_page page = FRANK_PAGE_INDEX;
  (void)version;
  (void)upload_data;
  (void)upload_data_size;
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
    return answer_fixed(web, connection, FIXED_METHOD);
  }
  if (has_body(connection)) {
    return answer_fixed(web, connection, FIXED_BODY);
  }
  if (*request_context == NULL) {
    *request_context = web; /* any mark will do: this was the first time */
    return MHD_YES;
  }
  if (frank_page_find(url, &page) != FRANK_OK) {
    return answer_fixed(web, connection, FIXED_NOT_FOUND);
  }
  return answer_page(web, connection, page);
}

/* ---- connections ----
 *
 * Every client is this host, so a limit per address would let one slow client lock the others out.
 * Instead a connection has FRANK_WEB_REQUEST_US for each request, headers and answer together, and
 * when places become few, the one that has gone longest without finishing a request gives way.
 * The library's own time limit counts from the last byte, which a client of one byte per second
 * never reaches. */

static void cut(struct connection *slot)
{
  slot->is_cut = true;
  /* The library sees the end of the stream and closes the descriptor, which is its own. */
  (void)shutdown(slot->fd, SHUT_RDWR);
}

static void cut_longest(struct frank_web *web)
{
  struct connection *longest = NULL;
  for (size_t i = 0; i < FRANK_WEB_CONNECTIONS; i++) {
    struct connection *slot = &web->connections[i];
    if (slot->fd >= 0 && !slot->is_cut && (longest == NULL || slot->since_us < longest->since_us)) {
      longest = slot;
    }
  }
  if (longest != NULL) {
    cut(longest);
  }
}

static void cut_late(struct frank_web *web, uint64_t now_us)
{
  for (size_t i = 0; i < FRANK_WEB_CONNECTIONS && web->connection_count > 0; i++) {
    struct connection *slot = &web->connections[i];
    if (slot->fd >= 0 && !slot->is_cut && now_us - slot->since_us >= FRANK_WEB_REQUEST_US) {
      cut(slot);
    }
  }
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
  struct frank_web *web = arg;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    struct connection *slot = *socket_context;
    if (slot != NULL) {
      slot->fd = -1;
      web->connection_count--;
    }
    return;
  }
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (web->connection_count >= CROWDED) {
    cut_longest(web);
  }
  for (size_t i = 0; i < FRANK_WEB_CONNECTIONS && info != NULL; i++) {
    struct connection *slot = &web->connections[i];
    if (slot->fd < 0) {
      *slot = (struct connection){.fd = info->connect_fd, .since_us = frank_clock_now_us()};
      *socket_context = slot;
      web->connection_count++;
      return;
    }
  }
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
  (void)arg;
  (void)request_context;
  (void)code;
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct connection *slot = info != NULL ? info->socket_context : NULL;
  if (slot != NULL) {
    slot->since_us = frank_clock_now_us();
  }
}

/* ---- frankd ---- */

static void stop(struct frank_web *web, enum frank_err why)
{
  if (web->end == FRANK_OK) {
    web->end = why;
  }
}

static enum frank_err take_record(struct frank_web *web, const struct frank_record *record)
{
  switch (record->type) {
  case FRANK_DOOR_STATUS:
    if (record->len_bytes != sizeof web->status) {
      return FRANK_ERR_MALFORMED;
    }
    memcpy(&web->status, record->payload, sizeof web->status);
    if (!frank_status_is_sound(&web->status)) {
      return FRANK_ERR_MALFORMED;
    }
    web->status_at_us = frank_clock_now_us();
    forget_kept(web);
    return FRANK_OK;
  case FRANK_RECORD_PING:
    if (record->len_bytes != sizeof(struct frank_record_tag)) {
      return FRANK_ERR_MALFORMED;
    }
    return frank_chan_put(web->chan, FRANK_RECORD_PONG, record->payload, record->len_bytes, NULL,
                          0);
  case FRANK_DOOR_DRAIN:
    return FRANK_OK; /* the next snapshot says it */
  default:
    return FRANK_ERR_MALFORMED;
  }
}

static void flush_chan(struct frank_web *web)
{
  enum frank_err err = frank_chan_flush(web->chan);
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(web, err);
    return;
  }
  bool wants_write = frank_chan_has_unsent(web->chan);
  if (wants_write != web->chan_wants_write) {
    uint32_t events = FRANK_LOOP_READ | (wants_write ? FRANK_LOOP_WRITE : 0U);
    web->chan_wants_write = wants_write;
    err = frank_loop_change(web->chan_watch, events);
    if (err != FRANK_OK) {
      stop(web, err);
    }
  }
}

static void on_chan(void *arg, uint32_t events)
{
  struct frank_web *web = arg;
  struct frank_record record;
  enum frank_err err = FRANK_OK;
  (void)events;
  while (web->end == FRANK_OK && (err = frank_chan_read(web->chan, &record)) == FRANK_OK) {
    err = take_record(web, &record);
    if (err != FRANK_OK) {
      frank_log(FRANK_LOG_ERROR, "event=bad-record type=%u bytes=%u error=\"%s\"",
                (unsigned)record.type, (unsigned)record.len_bytes, frank_err_text(err));
      stop(web, err);
    }
  }
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    stop(web, err);
  }
  if (web->end == FRANK_OK) {
    flush_chan(web);
  }
}

static void on_http(void *arg, uint32_t events)
{
  (void)arg; /* it was only to wake: MHD_run follows every turn of the loop */
  (void)events;
}

/* ---- start and end ---- */

static enum frank_err bind_error(int number)
{
  return number == EADDRINUSE                    ? FRANK_ERR_TAKEN
         : number == EACCES || number == EPERM   ? FRANK_ERR_DENIED
         : number == ENOMEM || number == ENOBUFS ? FRANK_ERR_NOMEM
                                                 : FRANK_ERR_IO;
}

static enum frank_err open_socket(struct frank_web *web, const char *listen_text, char *why)
{
  struct sockaddr_storage address;
  socklen_t address_len = 0;
  int on = 1;
  enum frank_err err = frank_loopback_parse(listen_text, &address, &address_len);
  if (err != FRANK_OK) {
    snprintf(why, FRANK_WEB_WHY_BYTES, "cannot listen on \"%.80s\": %s", listen_text,
             err == FRANK_ERR_DENIED  ? "it is not a loopback address"
             : err == FRANK_ERR_RANGE ? "the port is above 65535"
                                      : "it is not ADDRESS:PORT with a numeric address");
    return err;
  }
  web->listen_fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* SO_REUSEADDR: a restart need not wait for old connections; Linux still refuses a port on
   * which somebody listens. */
  if (web->listen_fd < 0 ||
      setsockopt(web->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(web->listen_fd, (const struct sockaddr *)&address, address_len) != 0 ||
      listen(web->listen_fd, LISTEN_BACKLOG) != 0) {
    err = bind_error(errno);
    snprintf(why, FRANK_WEB_WHY_BYTES, "cannot listen on %.80s: %s", listen_text, strerror(errno));
  }
  return err;
}

static enum frank_err start_http(struct frank_web *web, char *why)
{
  struct MHD_OptionItem options[] = {
      {MHD_OPTION_LISTEN_SOCKET, web->listen_fd, NULL},
      {MHD_OPTION_CONNECTION_LIMIT, FRANK_WEB_CONNECTIONS, NULL},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, FRANK_WEB_CONNECTION_BYTES, NULL},
      {MHD_OPTION_CONNECTION_TIMEOUT, FRANK_WEB_IDLE_S, NULL},
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
      {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, web},
      {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, web},
      {MHD_OPTION_END, 0, NULL},
  };
  web->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, web, MHD_OPTION_ARRAY,
                                 options, MHD_OPTION_END);
  const union MHD_DaemonInfo *info =
      web->daemon != NULL ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
  if (info == NULL) {
    snprintf(why, FRANK_WEB_WHY_BYTES, "libmicrohttpd %s did not start", MHD_get_version());
    return FRANK_ERR_NOMEM;
  }
  web->listen_fd = -1; /* libmicrohttpd closes it */
  return frank_loop_add(web->loop, info->epoll_fd, FRANK_LOOP_READ, on_http, web, &web->http_watch);
}

static enum frank_err tell_ready(struct frank_web *web)
{
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_LISTEN_FD);
  struct sockaddr_storage address = {0};
  socklen_t address_len = sizeof address;
  char host[INET6_ADDRSTRLEN];
  char port[8];
  if (info == NULL ||
      getsockname(info->listen_fd, (struct sockaddr *)&address, &address_len) != 0 ||
      getnameinfo((const struct sockaddr *)&address, address_len, host, sizeof host, port,
                  sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return FRANK_ERR_IO;
  }
  bool six = address.ss_family == AF_INET6;
  struct frank_record_ready ready = {0};
  (void)snprintf(ready.endpoint, sizeof ready.endpoint, "http://%s%s%s:%s", six ? "[" : "", host,
                 six ? "]" : "", port);
  return frank_chan_put(web->chan, FRANK_RECORD_READY, &ready, sizeof ready, NULL, 0);
}

static void tell_failed(struct frank_web *web, enum frank_err err, const char *why)
{
  struct frank_record_failed failed = {.err = (int32_t)err};
  failed.fatal = err == FRANK_ERR_TAKEN || err == FRANK_ERR_DENIED || err == FRANK_ERR_MALFORMED ||
                 err == FRANK_ERR_RANGE;
  (void)snprintf(failed.why, sizeof failed.why, "%s", why);
  if (frank_chan_put(web->chan, FRANK_RECORD_FAILED, &failed, sizeof failed, NULL, 0) != FRANK_OK ||
      frank_chan_flush(web->chan) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=failed error=\"%s\"", why);
  }
}

static uint64_t wake_at_us(const struct frank_web *web, uint64_t now_us)
{
  MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
  uint64_t wake_us = FRANK_NEVER_US;
  if (MHD_get_timeout(web->daemon, &timeout_ms) == MHD_YES) {
    wake_us = now_us + timeout_ms * FRANK_US_PER_MS;
  }
  if (web->connection_count > 0 && wake_us > now_us + FRANK_US_PER_S) {
    wake_us = now_us + FRANK_US_PER_S; /* to look for late ones */
  }
  return wake_us;
}

static enum frank_err serve(struct frank_web *web)
{
  uint64_t looked_us = frank_clock_now_us();
  while (web->end == FRANK_OK) {
    uint64_t now_us = frank_clock_now_us();
    enum frank_err err = frank_loop_run_once(web->loop, wake_at_us(web, now_us));
    if (err != FRANK_OK) {
      return err;
    }
    if (MHD_run(web->daemon) != MHD_YES) {
      return FRANK_ERR_IO;
    }
    now_us = frank_clock_now_us();
    if (now_us - looked_us >= FRANK_US_PER_S) {
      looked_us = now_us;
      cut_late(web, now_us);
    }
  }
  return web->end;
}

static void web_destroy(struct frank_web *web)
{
  frank_loop_remove(&web->http_watch);
  frank_loop_remove(&web->chan_watch);
  if (web->daemon != NULL) {
    MHD_stop_daemon(web->daemon);
  }
  if (web->listen_fd >= 0) {
    close(web->listen_fd);
  }
  forget_kept(web);
  for (size_t i = 0; i < FIXED_COUNT; i++) {
    if (web->fixed[i] != NULL) {
      MHD_destroy_response(web->fixed[i]);
    }
  }
  frank_loop_destroy(&web->loop);
  free(web);
}

enum frank_err frank_web_run(const char *listen_text, struct frank_chan *chan, char *why)
{
  struct frank_web *web = calloc(1, sizeof *web);
  if (web == NULL) {
    snprintf(why, FRANK_WEB_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  web->chan = chan;
  web->listen_fd = -1;
  for (size_t i = 0; i < FRANK_WEB_CONNECTIONS; i++) {
    web->connections[i].fd = -1;
  }
  why[0] = '\0';
  enum frank_err err = open_socket(web, listen_text, why);
  if (err == FRANK_OK) {
    err = frank_loop_new(&web->loop);
  }
  if (err == FRANK_OK) {
    err = make_fixed(web);
  }
  if (err == FRANK_OK) {
    err = start_http(web, why);
  }
  if (err == FRANK_OK) {
    err = frank_loop_add(web->loop, frank_chan_fd(chan), FRANK_LOOP_READ, on_chan, web,
                         &web->chan_watch);
  }
  if (err == FRANK_OK) {
    err = tell_ready(web);
  }
  if (err == FRANK_OK) {
    flush_chan(web);
    err = serve(web);
  }
  if (err == FRANK_ERR_CLOSED) {
    err = FRANK_OK; /* frankd is gone, or wants us to be */
  } else {
    if (why[0] == '\0') {
      snprintf(why, FRANK_WEB_WHY_BYTES, "%s", frank_err_text(err));
    }
    tell_failed(web, err, why);
  }
  web_destroy(web);
  return err;
}
