/*
 * service_reports: the bodies of reports, and their way to the keeper and back.
 */
#include "base/clock.h"
#include "factor/authority/service_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPLOADS_MAX     64 /* bodies of reports at a time */
#define REPORT_LIMIT_US (8 * FRANK_US_PER_S)

void service_report_free(struct service *service, struct upload *upload)
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

enum MHD_Result service_report_begin(const struct request *request, void **request_context)
{
  struct service *service = request->service;
  const char *length = service_header(request->connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (!service->config->takes_reports) {
    return service_answer_fixed(request, FIXED_REPORT_READ_ONLY);
  }
  /* A proxy before us may have read the other one: what follows could be anybody's request. */
  if (!service_length_is_clear(request->connection)) {
    return service_answer_fixed(request, FIXED_REPORT_LENGTH);
  }
  if (length != NULL && strtoull(length, NULL, 10) > FRANK_REPORT_MAX_BYTES) {
    return service_answer_fixed(request, FIXED_REPORT_LARGE);
  }
  struct upload *upload = service->upload_count < UPLOADS_MAX ? calloc(1, sizeof *upload) : NULL;
  if (upload == NULL) {
    return service_answer_fixed(request, FIXED_REPORT_BUSY);
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
  const char *authorization = service_header(request->connection, MHD_HTTP_HEADER_AUTHORIZATION);
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
  service_peer(request->connection, report.peer);
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

enum MHD_Result service_report_go_on(const struct request *request, struct upload *upload,
                                     const char *data, size_t *len_bytes)
{
  if (*len_bytes > 0) {
    bool taken = upload_add(upload, data, *len_bytes);
    *len_bytes = 0;
    return taken ? MHD_YES : MHD_NO;
  }
  if (upload->is_too_large) {
    return service_answer_fixed(request, FIXED_REPORT_LARGE);
  }
  if (upload->is_answered) {
    char *text = strdup(upload->reply.text);
    return text == NULL ? service_answer_fixed(request, FIXED_REPORT_BUSY)
                        : service_answer_text(request, upload->reply.status, text, strlen(text),
                                              "application/json", upload->reply.retry_after_s);
  }
  return send_report(request->service, request, upload)
             ? MHD_YES
             : service_answer_fixed(request, FIXED_REPORT_BUSY);
}

static void answer_upload(struct upload *upload, const struct frank_authority_reply *reply)
{
  upload->reply = *reply;
  upload->reply.text[sizeof upload->reply.text - 1] = '\0';
  upload->is_answered = true;
  upload->id = 0;
  MHD_resume_connection(upload->connection);
}

void service_reports_give_up(struct service *service, bool all)
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

void service_report_reply(struct service *service, const struct frank_authority_reply *reply)
{
  for (size_t i = 0; i < FRANK_AUTHORITY_REPORTS_WAITING; i++) {
    struct upload *upload = service->waiting[i];
    if (upload != NULL && upload->id == reply->id) {
      service->waiting[i] = NULL;
      answer_upload(upload, reply);
    }
  } /* none: its client is gone, or it was given up */
}
