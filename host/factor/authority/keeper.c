#include "factor/authority/keeper.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/loopback.h"
#include "base/minder.h"
#include "base/sd_notify.h"
#include "factor/authority/messages.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024
#define LISTEN_FD_FROM 10 /* away from a child's channel */
#define DISMISS_US     FRANK_US_PER_S
#define RETRY_S        10 /* after the disk did not take what was due */

struct keeper {
  const struct frank_keeper_config *config;
  struct frank_loop *loop;
  struct frank_authority_store *store; /* NULL: read-only */
  struct frank_control *control;       /* NULL: read-only */
  int listen_fd;
  char endpoint[96];
  struct frank_minder *http; /* the child */
  bool stop;
  bool reopen;
  enum frank_err end;
  char *why;
  int64_t due_s;  /* of the store's tick */
  int64_t step_s; /* of the estimation's next step */
};

/* ---- the socket ---- */

static enum frank_err bind_error(int number)
{
  return number == EADDRINUSE                    ? FRANK_ERR_TAKEN
         : number == EACCES || number == EPERM   ? FRANK_ERR_DENIED
         : number == ENOMEM || number == ENOBUFS ? FRANK_ERR_NOMEM
                                                 : FRANK_ERR_IO;
}

static enum frank_err name_endpoint(struct keeper *keeper)
{
  struct sockaddr_storage address = {0};
  socklen_t len = sizeof address;
  char host[INET6_ADDRSTRLEN];
  char port[8];
  if (getsockname(keeper->listen_fd, (struct sockaddr *)&address, &len) != 0 ||
      getnameinfo((const struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return FRANK_ERR_IO;
  }
  bool six = address.ss_family == AF_INET6;
  (void)snprintf(keeper->endpoint, sizeof keeper->endpoint, "%s%s%s:%s", six ? "[" : "", host,
                 six ? "]" : "", port);
  return FRANK_OK;
}

static enum frank_err open_socket(struct keeper *keeper, bool *wrong_setting, char *why)
{
  struct sockaddr_storage address;
  socklen_t len = 0;
  int on = 1;
  const char *text = keeper->config->listen;
  enum frank_err err = frank_loopback_parse(text, &address, &len);
  /* Denied: no loopback address, which is fine here. */
  if (err != FRANK_OK && err != FRANK_ERR_DENIED) {
    *wrong_setting = true;
    (void)snprintf(why, FRANK_KEEPER_WHY_BYTES, "cannot listen on \"%.80s\": %s", text,
                   err == FRANK_ERR_RANGE ? "the port is above 65535"
                                          : "it is not ADDRESS:PORT with a numeric address");
    return err;
  }
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
    err = bind_error(errno);
    (void)snprintf(why, FRANK_KEEPER_WHY_BYTES, "cannot listen on %.80s: %s", text,
                   strerror(errno));
    if (fd >= 0) {
      (void)close(fd);
    }
    return err;
  }
  /* Not close-on-exec: the child has it under the same number. */
  keeper->listen_fd = fcntl(fd, F_DUPFD, LISTEN_FD_FROM);
  (void)close(fd);
  return keeper->listen_fd >= 0 ? name_endpoint(keeper) : FRANK_ERR_IO;
}

/* ---- the child ---- */

static void stop(struct keeper *keeper, enum frank_err err, const char *why)
{
  if (keeper->end == FRANK_OK) {
    keeper->end = err;
    (void)snprintf(keeper->why, FRANK_KEEPER_WHY_BYTES, "%s", why);
  }
  keeper->stop = true;
}

/* At our own end. It sees the channel closed, writes out its access log and ends; what has not
 * ended by then is ended. */
static void dismiss_child(struct keeper *keeper)
{
  const struct timespec pause = {.tv_nsec = 2000000};
  uint64_t until_us = frank_clock_now_us() + DISMISS_US;
  if (keeper->http == NULL) {
    return;
  }
  frank_minder_part(keeper->http);
  while (!frank_minder_has_ended(keeper->http) && frank_clock_now_us() < until_us) {
    (void)nanosleep(&pause, NULL);
  }
}

static enum frank_err set_args(struct keeper *keeper)
{
  const struct frank_keeper_config *config = keeper->config;
  char listen_fd[16];
  char max_age[16];
  const char *argv[FRANK_KEEPER_ARGS_MAX];
  size_t count = 0;
  (void)snprintf(listen_fd, sizeof listen_fd, "%d", keeper->listen_fd);
  (void)snprintf(max_age, sizeof max_age, "%" PRIu32, config->max_age_s);
  const char *const fixed[] = {"--listen-fd", listen_fd, "--state",     config->dir,
                               "--max-age",   max_age,   "--log-level", config->log_level};
  for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
    argv[count++] = fixed[i];
  }
  if (config->read_only) {
    argv[count++] = "--read-only";
  }
  if (config->base_url != NULL) {
    argv[count++] = "--base-url";
    argv[count++] = config->base_url;
  }
  if (config->access_log != NULL) {
    argv[count++] = "--access-log";
    argv[count++] = config->access_log;
  }
  for (size_t i = 0; i < config->trusted_count && count + 3 < FRANK_KEEPER_ARGS_MAX; i++) {
    argv[count++] = "--trusted-proxy";
    argv[count++] = config->trusted[i];
  }
  argv[count] = NULL;
  return frank_minder_set_args(keeper->http, argv);
}

static void notify(const char *state)
{
  if (frank_sd_notify(state) != FRANK_OK) {
    frank_log(FRANK_LOG_WARN, "event=notify-failed why=\"%s\"", strerror(errno));
  }
}

static void on_ready(void *arg, const struct frank_record_ready *ready, bool back)
{
  struct keeper *keeper = arg;
  char state[200];
  (void)ready;
  if (back) {
    frank_log(FRANK_LOG_INFO, "event=http-back");
    return;
  }
  (void)snprintf(state, sizeof state, "READY=1\nSTATUS=serving %s on %s%s", keeper->config->dir,
                 keeper->endpoint, keeper->config->read_only ? ", read-only" : "");
  notify(state);
  frank_log(FRANK_LOG_INFO, "event=ready listen=%s state=%s read_only=%s", keeper->endpoint,
            keeper->config->dir, keeper->config->read_only ? "yes" : "no");
}

/* Before it ever served: another try would not help. */
static void on_failed(void *arg, const struct frank_record_failed *failed)
{
  enum frank_err err =
      failed->err > 0 && failed->err < FRANK_ERR_COUNT ? (enum frank_err)failed->err : FRANK_ERR_IO;
  stop(arg, err, failed->why);
}

/* The one thing that it says of its own: a report. */
static enum frank_err on_record(void *arg, uint16_t type, const void *payload, size_t len_bytes)
{
  struct keeper *keeper = arg;
  struct frank_authority_report report;
  struct frank_authority_reply reply = {0};
  if (type != FRANK_AUTHORITY_REPORT || len_bytes < sizeof report) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&report, payload, sizeof report);
  if (report.len_bytes > FRANK_REPORT_MAX_BYTES || report.len_bytes != len_bytes - sizeof report ||
      keeper->control == NULL) {
    return FRANK_ERR_MALFORMED;
  }
  report.peer[sizeof report.peer - 1] = '\0';
  report.authorization[sizeof report.authorization - 1] = '\0';
  frank_control_report(keeper->control, &report, (const uint8_t *)payload + sizeof report,
                       frank_clock_now_us(), frank_clock_unix_s(), &reply);
  reply.id = report.id;
  frank_minder_say(keeper->http, FRANK_AUTHORITY_REPLY, &reply, sizeof reply);
  return FRANK_OK;
}

/* ---- the state ---- */

static void tend_store(struct keeper *keeper)
{
  char why[FRANK_AUTHORITY_WHY_BYTES];
  bool changed = false;
  int64_t now_s = frank_clock_unix_s();
  if (keeper->store == NULL) {
    return;
  }
  /* Whoever has published or died meanwhile: this look undoes what was left half done. */
  enum frank_err err = frank_authority_store_changed(keeper->store, &changed, why);
  if (err == FRANK_OK && (changed || now_s >= keeper->due_s)) {
    err = frank_authority_store_tick(keeper->store, now_s, &keeper->due_s, why);
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=state-failed again_s=%d why=\"%s\"", RETRY_S, why);
    keeper->due_s = now_s + RETRY_S;
  }
}

static void tend_estimate(struct keeper *keeper)
{
  char why[FRANK_AUTHORITY_WHY_BYTES];
  int64_t now_s = frank_clock_unix_s();
  if (keeper->control == NULL || !keeper->config->estimates || now_s < keeper->step_s) {
    return;
  }
  enum frank_err err =
      frank_control_step(keeper->control, keeper->store, now_s, &keeper->step_s, why);
  if (err != FRANK_OK) {
    frank_log(err == FRANK_ERR_AGAIN ? FRANK_LOG_WARN : FRANK_LOG_ERROR,
              "event=estimate-failed again_s=%d why=\"%s\"", RETRY_S, why);
    keeper->step_s = now_s + RETRY_S;
  }
}

/* ---- life ---- */

static void on_signal(void *arg, int signal_number)
{
  struct keeper *keeper = arg;
  if (signal_number == SIGHUP) {
    keeper->reopen = true;
  } else {
    keeper->stop = true;
  }
}

static enum frank_err open_store(struct keeper *keeper, bool *wrong_setting, char *why)
{
  if (keeper->config->read_only) {
    return FRANK_OK;
  }
  enum frank_err err = frank_authority_store_open(keeper->config->dir, true, &keeper->store, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_start(keeper->store, &keeper->config->settings,
                                      keeper->config->factor, frank_clock_unix_s(), wrong_setting,
                                      why);
  }
  if (err == FRANK_OK) {
    err = frank_authority_store_tick(keeper->store, frank_clock_unix_s(), &keeper->due_s, why);
  }
  if (err == FRANK_OK) {
    err = frank_control_new(keeper->config->dir, true, &keeper->config->control, &keeper->control,
                            why);
  }
  return err;
}

static enum frank_err open_all(struct keeper *keeper, bool *wrong_setting, char *why)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
  const struct frank_minder_calls calls = {
      .ready = on_ready, .record = on_record, .failed = on_failed, .arg = keeper};
  enum frank_err err = frank_loop_new(&keeper->loop);
  if (err == FRANK_OK) {
    err = frank_loop_signals(keeper->loop, signals, on_signal, keeper);
  }
  if (err == FRANK_OK) {
    err = frank_minder_new(keeper->loop, FRANK_KEEPER_CHILD, &calls, &keeper->http, why);
  }
  if (err == FRANK_OK) {
    err = open_socket(keeper, wrong_setting, why); /* first: a taken port publishes nothing */
  }
  if (err == FRANK_OK) {
    err = open_store(keeper, wrong_setting, why);
  }
  return err == FRANK_OK ? set_args(keeper) : err;
}

static enum frank_err serve(struct keeper *keeper)
{
  uint64_t second_us = 0;
  while (!keeper->stop) {
    uint64_t now_us = frank_clock_now_us();
    if (now_us >= second_us) {
      second_us = now_us + FRANK_US_PER_S;
      tend_store(keeper);
      tend_estimate(keeper);
    }
    frank_minder_tick(keeper->http, now_us);
    if (keeper->reopen && frank_minder_is_ready(keeper->http)) {
      keeper->reopen = false;
      frank_minder_say(keeper->http, FRANK_AUTHORITY_REOPEN, NULL, 0);
    }
    uint64_t due_us = frank_minder_next_due_us(keeper->http);
    enum frank_err err = frank_loop_run_once(keeper->loop, due_us < second_us ? due_us : second_us);
    if (err != FRANK_OK) {
      return err;
    }
  }
  return keeper->end;
}

enum frank_err frank_keeper_run(const struct frank_keeper_config *config, bool *wrong_setting,
                                char *why)
{
  struct keeper *keeper = calloc(1, sizeof *keeper);
  *wrong_setting = false;
  why[0] = '\0';
  if (keeper == NULL) {
    (void)snprintf(why, FRANK_KEEPER_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  keeper->config = config;
  keeper->why = why;
  keeper->listen_fd = -1;
  enum frank_err err = open_all(keeper, wrong_setting, why);
  if (err == FRANK_OK) {
    err = serve(keeper);
    notify("STOPPING=1");
  }
  if (err != FRANK_OK && why[0] == '\0') {
    (void)snprintf(why, FRANK_KEEPER_WHY_BYTES, "%s: %s", frank_err_text(err), strerror(errno));
  }
  dismiss_child(keeper);
  frank_minder_destroy(&keeper->http);
  if (keeper->listen_fd >= 0) {
    (void)close(keeper->listen_fd);
  }
  frank_control_destroy(&keeper->control);
  frank_authority_store_close(&keeper->store);
  frank_loop_destroy(&keeper->loop);
  free(keeper);
  return err;
}
