/*
 * service_internal: what the files of the service share, and nobody else.
 *
 * service.c: the state, the keeper, the loop. service_http.c: requests and their answers.
 * service_reports.c: the bodies of reports, and their way to the keeper and back.
 */
#ifndef FRANK_FACTOR_AUTHORITY_SERVICE_INTERNAL_H
#define FRANK_FACTOR_AUTHORITY_SERVICE_INTERNAL_H

#include "base/chan.h"
#include "base/log.h"
#include "base/loop.h"
#include "factor/authority/access_log.h"
#include "factor/authority/answers.h"
#include "factor/authority/connections.h"
#include "factor/authority/messages.h"
#include "factor/authority/metrics.h"
#include "factor/authority/service.h"
#include "factor/authority/store.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The answers that are the same for everybody. */
enum fixed {
  FIXED_NOT_FOUND,
  FIXED_RANGE,
  FIXED_METHOD,
  FIXED_BODY,
  FIXED_BUSY,
  FIXED_ALIVE,
  FIXED_EXPIRED,
  FIXED_REPORT_METHOD, /* from here on: to reporters, in JSON as their other answers */
  FIXED_REPORT_LENGTH,
  FIXED_REPORT_LARGE,
  FIXED_REPORT_BUSY,
  FIXED_REPORT_READ_ONLY,
  FIXED_COUNT
};

/* Paths besides those of answers.h, and their numbers for counters after those. */
enum own_route { OWN_REPORT, OWN_HEALTH, OWN_METRICS, OWN_OTHER, OWN_COUNT };

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

struct request {
  struct service *service;
  struct MHD_Connection *connection;
  const char *url;  /* as libmicrohttpd gives it: decoded, without the query */
  const char *path; /* of url, which may name a scheme and a host, too */
  const char *method;
  const char *version;
  size_t route;
};

/* ---- service_http.c ---- */

/* The answers that are the same for everybody, and the names of all paths for the counters. */
FRANK_MUST_CHECK enum frank_err service_make_fixed(struct service *service);
void service_make_routes(struct service *service);
/* Every answer goes through here: it is counted, and logged. */
enum MHD_Result service_answer(const struct request *request, unsigned code,
                               struct MHD_Response *response, size_t len_bytes);
enum MHD_Result service_answer_fixed(const struct request *request, enum fixed fixed);
/* Takes `text` (malloc). */
enum MHD_Result service_answer_text(const struct request *request, unsigned code, char *text,
                                    size_t len_bytes, const char *type, uint32_t retry_after_s);
/* A header's value, NULL: it has none. */
const char *service_header(struct MHD_Connection *connection, const char *name);
/* False where it has two lengths, or a length and a coding (RFC 9112, section 6.1). */
bool service_length_is_clear(struct MHD_Connection *connection);
/* The address of the client in text: the connection's, or where that is a trusted proxy's, the last
 * of X-Forwarded-For, which the proxy has added. */
void service_peer(struct MHD_Connection *connection, char out[FRANK_AUTHORITY_PEER_BYTES]);
/* libmicrohttpd's callbacks; `arg` is the service. */
enum MHD_Result service_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload_data,
                                   size_t *upload_data_size, void **request_context);
void service_on_completed(void *arg, struct MHD_Connection *connection, void **request_context,
                          enum MHD_RequestTerminationCode code);
/* Decodes a path, a name or a value in place; returns its length. One with %00 stays as it is: it
 * would be another from there on. */
size_t service_unescape(void *arg, struct MHD_Connection *connection, char *text);
enum MHD_Result service_on_accept(void *arg, const struct sockaddr *socket_address,
                                  socklen_t address_len);
void service_on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                           enum MHD_ConnectionNotificationCode code);

/* ---- service_reports.c ---- */

/* The head of a report: what can be refused is, before a byte of the body is read. */
enum MHD_Result service_report_begin(const struct request *request, void **request_context);
/* A piece of its body, or, with *len_bytes 0, its end. */
enum MHD_Result service_report_go_on(const struct request *request, struct upload *upload,
                                     const char *data, size_t *len_bytes);
void service_report_free(struct service *service, struct upload *upload);
/* Answers those whom the keeper keeps waiting; all of them where `all`. */
void service_reports_give_up(struct service *service, bool all);
/* What the keeper answers. */
void service_report_reply(struct service *service, const struct frank_authority_reply *reply);

#endif
