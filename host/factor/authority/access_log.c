#include "factor/authority/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct frank_access_log {
  int fd;
  char *path;
  size_t used;
  bool is_torn; /* the last line in the file is half a line */
  uint64_t dropped;
  int64_t stamp_s; /* of `stamp` */
  char stamp[40];
  char buffer[FRANK_ACCESS_LOG_BUFFER_BYTES];
};

static int open_file(const char *path)
{
  /* O_NONBLOCK: a pipe that nobody reads must not stop us. */
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

enum frank_err frank_access_log_open(const char *path, struct frank_access_log **out)
{
  struct frank_access_log *log = calloc(1, sizeof *log);
  if (log == NULL) {
    return FRANK_ERR_NOMEM;
  }
  log->path = strdup(path);
  log->fd = log->path != NULL ? open_file(path) : -1;
  log->stamp_s = -1;
  if (log->fd < 0) {
    enum frank_err err = log->path == NULL                   ? FRANK_ERR_NOMEM
                         : errno == EACCES || errno == EPERM ? FRANK_ERR_DENIED
                                                             : FRANK_ERR_IO;
    int saved = errno;
    free(log->path);
    free(log);
    errno = saved;
    return err;
  }
  *out = log;
  return FRANK_OK;
}

void frank_access_log_close(struct frank_access_log **log)
{
  if (*log == NULL) {
    return;
  }
  frank_access_log_flush(*log);
  (void)close((*log)->fd);
  free((*log)->path);
  free(*log);
  *log = NULL;
}

enum frank_err frank_access_log_reopen(struct frank_access_log *log)
{
  frank_access_log_flush(log);
  int fd = open_file(log->path);
  if (fd < 0) {
    return FRANK_ERR_IO;
  }
  (void)close(log->fd);
  log->fd = fd;
  log->is_torn = false;
  return FRANK_OK;
}

static size_t lines_in(const char *text, size_t len_bytes)
{
  size_t lines = 0;
  for (size_t i = 0; i < len_bytes; i++) {
    lines += text[i] == '\n';
  }
  return lines;
}

/* Returns how much was written. */
static size_t write_out(int fd, const char *text, size_t len_bytes)
{
  size_t done = 0;
  while (done < len_bytes) {
    ssize_t put = write(fd, text + done, len_bytes - done);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      break;
    }
    done += (size_t)put;
  }
  return done;
}

void frank_access_log_flush(struct frank_access_log *log)
{
  size_t done = 0;
  if (log->used > 0 && (!log->is_torn || write_out(log->fd, "\n", 1) == 1)) {
    done = write_out(log->fd, log->buffer, log->used);
    log->is_torn = done == 0 ? false : log->buffer[done - 1] != '\n';
  }
  log->dropped += lines_in(log->buffer + done, log->used - done);
  log->used = 0;
}

uint64_t frank_access_log_dropped(const struct frank_access_log *log)
{
  return log->dropped;
}

/* [26/Nov/2026:23:05:51 +0000]: names of months in English whatever the locale. */
static const char *stamp_of(struct frank_access_log *log, int64_t at_s)
{
  static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  time_t at = (time_t)at_s;
  struct tm parts;
  if (at_s != log->stamp_s && gmtime_r(&at, &parts) != NULL) {
    log->stamp_s = at_s;
    (void)snprintf(log->stamp, sizeof log->stamp, "%02d/%s/%04d:%02d:%02d:%02d +0000",
                   parts.tm_mday, months[parts.tm_mon % 12], parts.tm_year + 1900, parts.tm_hour,
                   parts.tm_min, parts.tm_sec);
  }
  return log->stamp;
}

/* A stranger's text, so that it can neither forge a line nor drive a terminal. Cut to fit. */
static void escape(const char *text, char *out, size_t out_size)
{
  size_t used = 0;
  for (; text != NULL && *text != '\0' && used + 5 < out_size; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
      used += (size_t)snprintf(out + used, out_size - used, "\\x%02x", byte);
    } else {
      out[used++] = (char)byte;
    }
  }
  out[used] = '\0';
  if (text == NULL) {
    (void)snprintf(out, out_size, "-");
  }
}

void frank_access_log_add(struct frank_access_log *log, const struct frank_access_line *line)
{
  char method[40];
  char url[900];
  char referer[400];
  char agent[400];
  char size[24] = "-";
  if (log->used + FRANK_ACCESS_LOG_LINE_BYTES > sizeof log->buffer) {
    frank_access_log_flush(log);
  }
  escape(line->method, method, sizeof method);
  escape(line->url, url, sizeof url);
  escape(line->referer, referer, sizeof referer);
  escape(line->user_agent, agent, sizeof agent);
  if (line->len_bytes > 0) {
    (void)snprintf(size, sizeof size, "%zu", line->len_bytes);
  }
  int len = snprintf(log->buffer + log->used, FRANK_ACCESS_LOG_LINE_BYTES,
                     "%s - - [%s] \"%s %s %s\" %u %s \"%s\" \"%s\"\n", line->peer,
                     stamp_of(log, line->at_s), method, url, line->version, line->status, size,
                     referer, agent);
  log->used += (size_t)len; /* the parts are bounded: 1,900 bytes at most */
}
