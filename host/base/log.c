#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *program_name;
static _Atomic unsigned most_verbose = FRANK_LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

void frank_log_init(const char *program, enum frank_log_level most)
{
  program_name = program;
  frank_log_set_level(most);
}

void frank_log_set_level(enum frank_log_level most)
{
  atomic_store_explicit(&most_verbose, (unsigned)most, memory_order_relaxed);
}

enum frank_err frank_log_level_parse(const char *text, enum frank_log_level *level)
{
  for (size_t i = 0; i < LEVEL_COUNT; i++) {
    if (strcmp(text, level_names[i]) == 0) {
      *level = (enum frank_log_level)i;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_NOT_FOUND;
}

void frank_log(enum frank_log_level level, const char *format, ...)
{
  if ((unsigned)level > atomic_load_explicit(&most_verbose, memory_order_relaxed)) {
    return;
  }
  char line[1024];
  int head = snprintf(line, sizeof line, "%s%slevel=%s ", program_name ? program_name : "",
                      program_name ? ": " : "", level_names[level]);
  if (head < 0 || (size_t)head >= sizeof line - 1) {
    return;
  }
  size_t used = (size_t)head;
  va_list args;
  va_start(args, format);
  int body = vsnprintf(line + used, sizeof line - used - 1, format, args);
  va_end(args);
  if (body < 0) {
    return;
  }
  size_t room = sizeof line - used - 2;
  used += (size_t)body < room ? (size_t)body : room;
  for (size_t i = 0; i < used; i++) {
    unsigned char c = (unsigned char)line[i];
    if (c < 0x20 || c > 0x7e) {
      line[i] = '?';
    }
  }
  line[used++] = '\n';
  /* A reader that stopped must not stop the daemon: without room the line is lost. */
  struct pollfd err_fd = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&err_fd, 1, 0) == 0) {
    return;
  }
  /* One write, so that lines of several processes do not mix. Nobody to tell when it fails. */
  ssize_t ignored = write(STDERR_FILENO, line, used);
  (void)ignored;
}

bool frank_log_allow(struct frank_log_limit *limit, uint64_t now_us)
{
  uint64_t window_us = limit->interval_us * limit->burst;
  if (limit->window_start_us == 0 || now_us - limit->window_start_us >= window_us) {
    limit->window_start_us = now_us;
    limit->used = 0;
  }
  if (limit->used >= limit->burst) {
    limit->held_back++;
    return false;
  }
  limit->used++;
  return true;
}
