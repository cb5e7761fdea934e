#include "bench/server.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/program.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READY_LIMIT_US (60 * FRANK_US_PER_S)
#define STOP_LIMIT_US  (15 * FRANK_US_PER_S)
#define TICK_US        5000
#define LOG_READ_BYTES 8192
#define WORDS_MAX      (8 + 2 * FRANK_ENGINE_DEVICES_MAX)
#define FOLDER_BYTES   80 /* with "ipc://" and the socket's name it fits an endpoint */

struct bench_server {
  pid_t pid;
  char folder[FOLDER_BYTES];
  char endpoint[BENCH_ENDPOINT_BYTES];
};

static const char config_text[] = "# written by frank-bench; the queue is as large as its load\n"
                                  "queue = 10000;\n"
                                  "client_in_flight = 10000;\n"
                                  "cache = 10000;\n"
                                  "worker_nice = %d;\n"
                                  "grace = 1s;\n";

enum frank_err bench_server_find(char *path, size_t path_size, char *why)
{
  static const char *const places[] = {"frankd", "../sbin/frankd"};
  char self[PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
  if (len <= 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "/proc/self/exe: %s", strerror(errno));
    return FRANK_ERR_NOT_FOUND;
  }
  self[len] = '\0';
  *(strrchr(self, '/') + 1) = '\0'; /* the kernel's answer is an absolute path */
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    int need = snprintf(path, path_size, "%s%s", self, places[i]);
    if (need < 0 || (size_t)need >= path_size) {
      (void)snprintf(why, BENCH_WHY_BYTES, "the path of this program is too long");
      return FRANK_ERR_TOO_LONG;
    }
    if (access(path, X_OK) == 0) {
      return FRANK_OK;
    }
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "no frankd: neither %.180sfrankd nor %.180s../sbin/frankd",
                 self, self);
  return FRANK_ERR_NOT_FOUND;
}

/* ---- the folder ---- */

static bool write_config(const struct bench_server *server)
{
  char path[FOLDER_BYTES + 16];
  (void)snprintf(path, sizeof path, "%s/frankd.conf", server->folder);
  FILE *file = fopen(path, "wxe");
  if (!file) {
    return false;
  }
  bool done = fprintf(file, config_text, BENCH_WORKER_NICE) > 0;
  return fclose(file) == 0 && done;
}

static enum frank_err make_folder(struct bench_server *server, char *why)
{
  enum frank_err err = bench_folder_make("frank-bench", server->folder, sizeof server->folder, why);
  if (err != FRANK_OK) {
    return err;
  }
  (void)snprintf(server->endpoint, sizeof server->endpoint, "ipc://%s/mint.sock", server->folder);
  if (!write_config(server)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot write %s/frankd.conf: %s", server->folder,
                   strerror(errno));
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

/* ---- the log ---- */

/* The last bytes of what frankd has logged, with a NUL. */
static void read_log(const struct bench_server *server, char text[LOG_READ_BYTES + 1])
{
  char path[FOLDER_BYTES + 16];
  struct stat info;
  text[0] = '\0';
  (void)snprintf(path, sizeof path, "%s/frankd.log", server->folder);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  off_t from =
      fstat(fd, &info) == 0 && info.st_size > LOG_READ_BYTES ? info.st_size - LOG_READ_BYTES : 0;
  ssize_t got = pread(fd, text, LOG_READ_BYTES, from);
  text[got > 0 ? got : 0] = '\0';
  close(fd);
}

static void last_line(const struct bench_server *server, char *line, size_t size)
{
  char text[LOG_READ_BYTES + 1];
  read_log(server, text);
  size_t len = strlen(text);
  while (len > 0 && text[len - 1] == '\n') {
    text[--len] = '\0';
  }
  const char *last = strrchr(text, '\n');
  (void)snprintf(line, size, "%s", last ? last + 1 : text);
}

static bool says_ready(const struct bench_server *server)
{
  char text[LOG_READ_BYTES + 1];
  read_log(server, text);
  const char *ready = strstr(text, "event=ready ");
  return ready && strchr(ready, '\n') != NULL;
}

/* ---- the process ---- */

static enum frank_err spawn(struct bench_server *server, const struct bench_server_task *task)
{
  char log_path[FOLDER_BYTES + 16];
  char config[FOLDER_BYTES + 16];
  const char *words[WORDS_MAX] = {task->frankd, "--config", config, "--listen", server->endpoint};
  size_t count = 5;
  assert(task->device_count >= 1 && task->device_count <= FRANK_ENGINE_DEVICES_MAX);
  (void)snprintf(config, sizeof config, "%s/frankd.conf", server->folder);
  (void)snprintf(log_path, sizeof log_path, "%s/frankd.log", server->folder);
  if (task->variant[0] != '\0') {
    words[count++] = "--isa";
    words[count++] = task->variant;
  }
  for (size_t i = 0; i < task->device_count; i++) {
    words[count++] = "--device";
    words[count++] = task->devices[i].name;
  }
  int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) {
    return FRANK_ERR_IO;
  }
  const struct bench_program program = {.path = task->frankd,
                                        .words = words,
                                        .in_fd = -1,
                                        .out_fd = -1,
                                        .err_fd = log_fd,
                                        .death_signal = SIGTERM}; /* it stops its workers */
  enum frank_err err = bench_program_start(&program, &server->pid);
  close(log_fd);
  return err;
}

static bool has_ended(struct bench_server *server)
{
  int status = 0;
  return bench_program_has_ended(&server->pid, &status);
}

static enum frank_err wait_ready(struct bench_server *server, char *why)
{
  uint64_t until_us = frank_clock_now_us() + READY_LIMIT_US;
  while (!says_ready(server)) {
    bool ended = has_ended(server);
    if (bench_is_stopping()) {
      (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
      return FRANK_ERR_CLOSED;
    }
    if (ended || frank_clock_now_us() >= until_us) {
      char line[256];
      last_line(server, line, sizeof line);
      (void)snprintf(why, BENCH_WHY_BYTES, "frankd %s; its last line: %s",
                     ended ? "ended at once" : "is not ready after a minute",
                     line[0] != '\0' ? line : "none");
      return ended ? FRANK_ERR_IO : FRANK_ERR_TIMEOUT;
    }
    usleep(TICK_US);
  }
  return FRANK_OK;
}

enum frank_err bench_server_start(const struct bench_server_task *task, struct bench_server **out,
                                  char *why)
{
  struct bench_server *server = calloc(1, sizeof *server);
  if (!server) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = make_folder(server, why);
  if (err == FRANK_OK) {
    err = spawn(server, task);
    if (err != FRANK_OK) {
      (void)snprintf(why, BENCH_WHY_BYTES, "cannot start %.200s: %s", task->frankd,
                     strerror(errno));
    }
  }
  if (err == FRANK_OK) {
    err = wait_ready(server, why);
  }
  if (err != FRANK_OK) {
    bench_server_stop(&server);
    return err;
  }
  *out = server;
  return FRANK_OK;
}

void bench_server_stop(struct bench_server **server)
{
  struct bench_server *s = *server;
  if (!s) {
    return;
  }
  if (!has_ended(s)) {
    uint64_t until_us = frank_clock_now_us() + STOP_LIMIT_US;
    (void)kill(s->pid, SIGTERM);
    while (!has_ended(s) && frank_clock_now_us() < until_us) {
      usleep(TICK_US);
    }
  }
  if (!has_ended(s)) {
    fprintf(stderr, "frank-bench: frankd did not heed SIGTERM; killed\n");
    bench_program_kill(&s->pid);
  }
  bench_folder_remove(s->folder);
  free(s);
  *server = NULL;
}

const char *bench_server_endpoint(const struct bench_server *server)
{
  return server->endpoint;
}

pid_t bench_server_pid(const struct bench_server *server)
{
  return server->pid;
}

void bench_server_explain(struct bench_server *server, char *why)
{
  char cause[BENCH_WHY_BYTES];
  char line[160];
  (void)snprintf(cause, sizeof cause, "%s", why);
  last_line(server, line, sizeof line);
  (void)snprintf(why, BENCH_WHY_BYTES, "%.300s; frankd%s, its last line: %s", cause,
                 has_ended(server) ? " has died" : " still runs", line);
}
