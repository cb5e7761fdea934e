#include "factor/resolver/fetch.h"

#include "base/clock.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HTTP_HEADER_LINE_BYTES (FRANK_HEADERS_ETAG_BYTES + 32)

struct transfer {
  struct frank_fetch *fetch;
  CURL *easy; /* NULL: the slot is free */
  struct curl_slist *lines;
  frank_fetch_fn *fn;
  void *arg;
  struct frank_headers headers;
  size_t header_bytes;
  size_t body_len;
  bool is_too_long;
  char error[CURL_ERROR_SIZE];
  char body[FRANK_FACTOR_BODY_MAX_BYTES + 1];
};

struct frank_fetch {
  struct frank_loop *loop;
  struct frank_fetch_config config;
  CURLM *multi;
  uint64_t due_us;
  struct transfer transfers[FRANK_FETCH_SLOTS];
};

/* A descriptor of libcurl's on our loop. */
struct descriptor {
  struct frank_fetch *fetch;
  int fd;
  struct frank_loop_watch *watch;
};

/* ---- an answer comes in ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
  struct transfer *transfer = arg;
  size_t len_bytes = size * count;
  if (len_bytes > FRANK_FACTOR_BODY_MAX_BYTES - transfer->body_len) {
    transfer->is_too_long = true;
    return 0; /* libcurl ends the transfer */
  }
  memcpy(transfer->body + transfer->body_len, bytes, len_bytes);
  transfer->body_len += len_bytes;
  return len_bytes;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
  struct transfer *transfer = arg;
  size_t len_bytes = size * count;
  transfer->header_bytes += len_bytes;
  if (transfer->header_bytes > FRANK_FETCH_HEADER_BYTES) {
    transfer->is_too_long = true;
    return 0;
  }
  frank_headers_take(&transfer->headers, bytes, len_bytes);
  return len_bytes;
}

/* The slot is free after the callback only: the reply's text lies in it. */
static void end(struct transfer *transfer, CURLcode code)
{
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  long status = 0;
  enum frank_err err = FRANK_OK;
  if (transfer->is_too_long) {
    err = FRANK_ERR_TOO_LONG;
    if (transfer->header_bytes > FRANK_FETCH_HEADER_BYTES) {
      (void)snprintf(why, sizeof why, "the header lines are longer than %d bytes",
                     FRANK_FETCH_HEADER_BYTES);
    } else {
      (void)snprintf(why, sizeof why, "the answer is longer than %d bytes",
                     FRANK_FACTOR_BODY_MAX_BYTES);
    }
  } else if (code != CURLE_OK) {
    err = code == CURLE_OPERATION_TIMEDOUT ? FRANK_ERR_TIMEOUT
          : code == CURLE_OUT_OF_MEMORY    ? FRANK_ERR_NOMEM
                                           : FRANK_ERR_IO;
    (void)snprintf(why, sizeof why, "%.180s",
                   transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code));
  }
  for (char *at = why; *at != '\0'; at++) {
    *at = *at >= ' ' && *at <= '~' ? *at : '?'; /* libcurl may quote the server */
  }
  (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->body[transfer->body_len] = '\0';
  (void)curl_multi_remove_handle(transfer->fetch->multi, transfer->easy);
  curl_easy_cleanup(transfer->easy);
  curl_slist_free_all(transfer->lines);
  transfer->lines = NULL;
  const struct frank_fetch_reply reply = {
      .err = err,
      .status = status > 0 ? (uint32_t)status : 0,
      .body = transfer->body,
      .body_len = transfer->body_len,
      .etag = transfer->headers.etag,
      .fresh_s = frank_headers_fresh_s(&transfer->headers),
      .why = why,
  };
  transfer->fn(transfer->arg, &reply);
  transfer->easy = NULL;
}

static void take_ended(struct frank_fetch *fetch)
{
  CURLMsg *message = NULL;
  int left = 0;
  while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    CURLcode code = message->data.result;
    for (size_t i = 0; i < FRANK_FETCH_SLOTS; i++) {
      if (fetch->transfers[i].easy == message->easy_handle) {
        end(&fetch->transfers[i], code);
        break;
      }
    }
  }
}

/* ---- libcurl on the loop ---- */

static void on_descriptor(void *arg, uint32_t events)
{
  const struct descriptor *descriptor = arg;
  struct frank_fetch *fetch = descriptor->fetch; /* libcurl may free the descriptor */
  int running = 0;
  int bits = ((events & FRANK_LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
             ((events & FRANK_LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
  (void)curl_multi_socket_action(fetch->multi, descriptor->fd, bits, &running);
  take_ended(fetch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
  struct frank_fetch *fetch = arg;
  struct descriptor *descriptor = socket_arg;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (descriptor != NULL) {
      frank_loop_remove(&descriptor->watch);
      free(descriptor);
      (void)curl_multi_assign(fetch->multi, fd, NULL);
    }
    return 0;
  }
  uint32_t events = ((what & CURL_POLL_IN) != 0 ? FRANK_LOOP_READ : 0U) |
                    ((what & CURL_POLL_OUT) != 0 ? FRANK_LOOP_WRITE : 0U);
  if (descriptor != NULL) {
    return frank_loop_change(descriptor->watch, events) == FRANK_OK ? 0 : -1;
  }
  descriptor = calloc(1, sizeof *descriptor);
  if (descriptor == NULL) {
    return -1;
  }
  *descriptor = (struct descriptor){.fetch = fetch, .fd = fd};
  if (frank_loop_add(fetch->loop, fd, events, on_descriptor, descriptor, &descriptor->watch) !=
      FRANK_OK) {
    free(descriptor);
    return -1;
  }
  (void)curl_multi_assign(fetch->multi, fd, descriptor);
  return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
  struct frank_fetch *fetch = arg;
  (void)multi;
  fetch->due_us = timeout_ms < 0 ? FRANK_NEVER_US
                                 : frank_clock_now_us() + (uint64_t)timeout_ms * FRANK_US_PER_MS;
  return 0;
}

enum frank_err frank_fetch_new(struct frank_loop *loop, const struct frank_fetch_config *config,
                               struct frank_fetch **out, char *why)
{
  why[0] = '\0';
  if (config->ca_file != NULL && access(config->ca_file, R_OK) != 0) {
    (void)snprintf(why, FRANK_FACTOR_WHY_BYTES, "file of certificates \"%.120s\" cannot be read",
                   config->ca_file);
    return FRANK_ERR_NOT_FOUND;
  }
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return FRANK_ERR_NOMEM;
  }
  struct frank_fetch *fetch = calloc(1, sizeof *fetch);
  if (fetch == NULL) {
    curl_global_cleanup();
    return FRANK_ERR_NOMEM;
  }
  fetch->loop = loop;
  fetch->config = *config;
  fetch->due_us = FRANK_NEVER_US;
  fetch->multi = curl_multi_init();
  if (fetch->multi == NULL ||
      curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
      curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch) != CURLM_OK ||
      curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
      curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch) != CURLM_OK ||
      curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, (long)FRANK_FETCH_SLOTS) != CURLM_OK) {
    frank_fetch_destroy(&fetch);
    return FRANK_ERR_NOMEM;
  }
  *out = fetch;
  return FRANK_OK;
}

void frank_fetch_destroy(struct frank_fetch **fetch)
{
  struct frank_fetch *f = *fetch;
  if (f == NULL) {
    return;
  }
  for (size_t i = 0; i < FRANK_FETCH_SLOTS; i++) {
    if (f->transfers[i].easy != NULL) {
      (void)curl_multi_remove_handle(f->multi, f->transfers[i].easy);
      curl_easy_cleanup(f->transfers[i].easy);
      curl_slist_free_all(f->transfers[i].lines);
    }
  }
  if (f->multi != NULL) {
    (void)curl_multi_cleanup(f->multi);
  }
  free(f);
  *fetch = NULL;
  curl_global_cleanup();
}

/* ---- a fetch ---- */

#define SET(option, value) (code = code == CURLE_OK ? curl_easy_setopt(easy, option, value) : code)

static CURLcode set_limits(CURL *easy)
{
  CURLcode code = CURLE_OK;
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)FRANK_FETCH_CONNECT_MS);
  SET(CURLOPT_TIMEOUT_MS, (long)FRANK_FETCH_TOTAL_MS);
  SET(CURLOPT_LOW_SPEED_LIMIT, (long)FRANK_FETCH_SLOW_BPS);
  SET(CURLOPT_LOW_SPEED_TIME, (long)FRANK_FETCH_SLOW_S);
  SET(CURLOPT_MAXFILESIZE, (long)FRANK_FACTOR_BODY_MAX_BYTES);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_NOSIGNAL, 1L);
  /* A thread that still looks up a name when its time is over is left to itself: waiting for it
   * would stop our loop. */
  SET(CURLOPT_QUICK_EXIT, 1L);
  SET(CURLOPT_USERAGENT, "frank/" FRANK_VERSION);
  return code;
}

static CURLcode set_request(CURL *easy, struct transfer *transfer, const char *url)
{
  const struct frank_fetch_config *config = &transfer->fetch->config;
  CURLcode code = CURLE_OK;
  SET(CURLOPT_URL, url);
  /* Which hosts may be asked without TLS is frank_txt_url's to say; here only the two protocols
   * are possible at all. */
  SET(CURLOPT_PROTOCOLS_STR, strncmp(url, "http:", 5) == 0 ? "http" : "https");
  if (config->ca_file != NULL) {
    SET(CURLOPT_CAINFO, config->ca_file);
    SET(CURLOPT_CAPATH, NULL);
  }
  SET(CURLOPT_HTTPHEADER, transfer->lines);
  SET(CURLOPT_ERRORBUFFER, transfer->error);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, transfer);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, transfer);
  return code;
}

static bool add_line(struct transfer *transfer, const char *name, const char *value)
{
  char line[HTTP_HEADER_LINE_BYTES];
  int length = snprintf(line, sizeof line, "%s: %s", name, value);
  assert(length > 0 && (size_t)length < sizeof line);
  struct curl_slist *lines = curl_slist_append(transfer->lines, line);
  if (lines == NULL) {
    return false;
  }
  transfer->lines = lines;
  return true;
}

enum frank_err frank_fetch_start(struct frank_fetch *fetch, const char *url, const char *accept,
                                 const char *etag, frank_fetch_fn *fn, void *arg)
{
  struct transfer *transfer = NULL;
  for (size_t i = 0; i < FRANK_FETCH_SLOTS && transfer == NULL; i++) {
    if (fetch->transfers[i].easy == NULL) {
      transfer = &fetch->transfers[i];
    }
  }
  if (transfer == NULL) {
    return FRANK_ERR_FULL;
  }
  CURL *easy = curl_easy_init();
  *transfer = (struct transfer){.fetch = fetch, .fn = fn, .arg = arg};
  if (easy == NULL || !add_line(transfer, "Accept", accept) ||
      (etag[0] != '\0' && !add_line(transfer, "If-None-Match", etag)) ||
      set_limits(easy) != CURLE_OK || set_request(easy, transfer, url) != CURLE_OK ||
      curl_multi_add_handle(fetch->multi, easy) != CURLM_OK) {
    curl_easy_cleanup(easy);
    curl_slist_free_all(transfer->lines);
    transfer->lines = NULL;
    return FRANK_ERR_NOMEM;
  }
  transfer->easy = easy;
  return FRANK_OK;
}

uint64_t frank_fetch_wake_us(const struct frank_fetch *fetch)
{
  return fetch->due_us;
}

void frank_fetch_run(struct frank_fetch *fetch, uint64_t now_us)
{
  int running = 0;
  if (fetch->due_us <= now_us) {
    fetch->due_us = FRANK_NEVER_US;
    (void)curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_ended(fetch);
  }
}
