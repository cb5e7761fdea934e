#include "mail/milter/keeper.h"

#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/minder.h"
#include "base/sd_notify.h"
#include "mail/milter/counters.h"
#include "mail/milter/factor.h"
#include "mail/milter/filter.h"
#include "mail/milter/observer.h"
#include "mail/milter/view.h"
#include "mail/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define METRICS_EVERY_US (10 * FRANK_US_PER_S)
#define EXPIRE_EVERY_US  (60 * FRANK_US_PER_S)
#define EXPIRE_BUSY_MS   200
#define PART_LIMIT_US    (13 * FRANK_US_PER_S) /* the filter's own limit, and some */

struct keeper {
  const struct frank_milter_keeper_config *config;
  struct frank_milter_settings settings;
  struct frank_loop *loop;
  struct frank_milter_view *view;
  struct frank_milter_counters *counters;
  struct frank_milter_factor *factor; /* NULL: a minting one needs none */
  struct frank_observer *observer;    /* NULL: nothing is observed */
  struct frank_replay *replay;        /* for expiring; NULL: none */
  struct frank_minder *filter;
  char state[FRANK_DIR_BYTES]; /* "": there is none */
  char replay_path[300];
  int view_fd;
  int counters_fd;
  int observe_fd;
  uint64_t metrics_us; /* when due */
  uint64_t expire_us;
  uint64_t restarts;
  bool stop;
  bool reload;
  enum frank_err end;
  char *why;
};

/* ---- the filter ---- */

static void notify(const char *state)
{
  if (frank_sd_notify(state) != FRANK_OK) {
    frank_log(FRANK_LOG_WARN, "event=notify-failed why=\"%s\"", strerror(errno));
  }
}

static const char *mode_name(const struct keeper *keeper)
{
  return keeper->settings.mode == FRANK_MILTER_MINT ? "mint" : "verify";
}

static void on_ready(void *arg, const struct frank_record_ready *ready, bool back)
{
  struct keeper *keeper = arg;
  char state[200];
  if (back) {
    keeper->restarts++;
    frank_log(FRANK_LOG_INFO, "event=filter-back");
    return;
  }
  (void)snprintf(state, sizeof state, "READY=1\nSTATUS=%s at %s", mode_name(keeper),
                 ready->endpoint);
  notify(state);
  frank_log(FRANK_LOG_INFO, "event=ready mode=%s socket=%s state=\"%s\"", mode_name(keeper),
            ready->endpoint, keeper->state);
}

static void settle(struct keeper *keeper)
{
  frank_milter_counters_settle(keeper->counters, (enum frank_milter_mode)keeper->settings.mode);
}

static void on_lost(void *arg)
{
  settle(arg);
}

/* Before it ever served: a taken port, a bad key file. */
static void on_failed(void *arg, const struct frank_record_failed *failed)
{
  struct keeper *keeper = arg;
  keeper->end =
      failed->err > 0 && failed->err < FRANK_ERR_COUNT ? (enum frank_err)failed->err : FRANK_ERR_IO;
  (void)snprintf(keeper->why, FRANK_MILTER_WHY_BYTES, "%s", failed->why);
  keeper->stop = true;
}

static enum frank_err start_filter(struct keeper *keeper, char *why)
{
  const struct frank_minder_calls calls = {
      .ready = on_ready, .failed = on_failed, .lost = on_lost, .arg = keeper};
  char numbers[3][12];
  const int fds[3] = {keeper->view_fd, keeper->counters_fd, keeper->observe_fd};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(numbers[i], sizeof numbers[i], "%d", fds[i]);
  }
  const char *args[] = {"--view-fd", numbers[0], "--counters-fd", numbers[1], "--observe-fd",
                        numbers[2],  "--state",  keeper->state,   NULL};
  enum frank_err err =
      frank_minder_new(keeper->loop, FRANK_FILTER_PROGRAM, &calls, &keeper->filter, why);
  return err == FRANK_OK ? frank_minder_set_args(keeper->filter, args) : err;
}

/* ---- metrics ---- */

static void write_metrics(struct keeper *keeper)
{
  char path[300];
  const char *name = keeper->settings.metrics;
  struct frank_milter_gauges gauges = {
      .up = frank_minder_is_ready(keeper->filter),
      .filter_restarts = keeper->restarts,
      .factor = keeper->factor != NULL ? frank_milter_factor_now(keeper->factor) : 0};
  if (name[0] == '\0') {
    return;
  }
  /* renamed into place: a collector never reads half of it */
  (void)snprintf(path, sizeof path, "%s.%d.tmp", name, (int)getpid());
  FILE *out = fopen(path, "we");
  bool good = out != NULL && fchmod(fileno(out), 0644) == 0;
  if (good) {
    frank_milter_counters_write(keeper->counters, (enum frank_milter_mode)keeper->settings.mode,
                                &gauges, out);
    good = ferror(out) == 0;
  }
  good = (out == NULL || fclose(out) == 0) && good && rename(path, name) == 0;
  if (!good) {
    frank_log(FRANK_LOG_WARN, "event=metrics-failed file=\"%s\" why=\"%s\"", name, strerror(errno));
    (void)unlink(path);
  }
}

/* ---- the stores ---- */

/* A chunk at a time; the rest in the next second. */
static void expire(struct keeper *keeper, uint64_t now_us)
{
  char why[FRANK_REPLAY_WHY_BYTES];
  uint64_t forgotten = 0;
  if (keeper->replay_path[0] == '\0') {
    return;
  }
  /* Anew: another file may stand there by now. It stays open until the next time, for the last one
   * to close it empties the log, which costs more than a delivery. */
  frank_replay_close(&keeper->replay);
  enum frank_err err = frank_replay_open_sqlite(
      keeper->replay_path, keeper->settings.replay_max_bytes, EXPIRE_BUSY_MS, &keeper->replay, why);
  if (err == FRANK_OK) {
    err = frank_replay_expire(keeper->replay, frank_clock_unix_s(), &forgotten, why);
  }
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    frank_log(FRANK_LOG_ERROR, "event=replay-store-failed why=\"%s\"", why);
    frank_replay_close(&keeper->replay);
  }
  keeper->expire_us = now_us + (forgotten > 0 ? 0 : EXPIRE_EVERY_US);
}

/* ---- life ---- */

static void on_signal(void *arg, int signal_number)
{
  struct keeper *keeper = arg;
  if (signal_number == SIGHUP) {
    keeper->reload = true;
  } else {
    keeper->stop = true;
  }
}

/* The settings of the file as it is now, with what cannot change as it was: those keys are among
 * `changed`, too. */
static enum frank_err read_again(const struct keeper *keeper, struct frank_milter_settings *fresh,
                                 const struct frank_config_key **changed, size_t *count, char *why)
{
  const struct frank_milter_keeper_config *config = keeper->config;
  enum frank_err err = config->reload(config->arg, fresh, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (fresh->mode != keeper->settings.mode) { /* then the others were meant, and filled, for it */
    (void)snprintf(why, FRANK_MILTER_WHY_BYTES, "mode: another one needs a restart");
    return FRANK_ERR_UNSUPPORTED;
  }
  *count = frank_config_compare(config->table, &keeper->settings, fresh, changed);
  for (size_t i = 0; i < *count; i++) {
    if (!changed[i]->reloadable) {
      frank_config_copy(changed[i], &keeper->settings, fresh);
    }
  }
  return FRANK_OK;
}

/* All or nothing: what can fail comes before the first change. */
static void reload(struct keeper *keeper)
{
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  struct frank_milter_settings *fresh = malloc(sizeof *fresh);
  char why[FRANK_MILTER_WHY_BYTES] = "no memory";
  size_t count = 0;
  enum frank_err err =
      fresh != NULL ? read_again(keeper, fresh, changed, &count, why) : FRANK_ERR_NOMEM;
  if (err == FRANK_OK && keeper->factor != NULL) {
    err = frank_milter_factor_reload(keeper->factor, fresh, why);
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=reload-failed why=\"%s\"", why);
    free(fresh);
    return;
  }
  keeper->settings = *fresh;
  frank_milter_view_put_settings(keeper->view, fresh);
  frank_log_init("frank-milter", (enum frank_log_level)fresh->log_level);
  for (size_t i = 0; i < count; i++) {
    frank_log(changed[i]->reloadable ? FRANK_LOG_INFO : FRANK_LOG_WARN,
              "event=reload key=%s result=%s", changed[i]->name,
              changed[i]->reloadable ? "changed" : "needs-a-restart");
  }
  frank_log(FRANK_LOG_INFO, "event=reloaded");
  free(fresh);
}

/* The folder for what outlasts a restart. A verifier that counts replays cannot do without. */
static enum frank_err open_state(struct keeper *keeper, char *why)
{
  const char *wanted = keeper->settings.state;
  bool needed = keeper->settings.mode == FRANK_MILTER_VERIFY;
  enum frank_err err = FRANK_OK;
  if (wanted[0] != '\0') {
    (void)snprintf(keeper->state, sizeof keeper->state, "%.255s", wanted);
  } else {
    err = frank_state_dir(keeper->state, sizeof keeper->state);
  }
  if (err == FRANK_OK) {
    frank_dir_make_above(keeper->state);
    if (mkdir(keeper->state, 0700) != 0 && errno != EEXIST) {
      err = FRANK_ERR_IO;
    } else if (access(keeper->state, W_OK | X_OK) != 0) {
      err = FRANK_ERR_DENIED;
    }
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_MILTER_WHY_BYTES, "state: %s: %s",
                   keeper->state[0] != '\0' ? keeper->state : "no folder is named",
                   err == FRANK_ERR_NOT_FOUND ? "set state" : strerror(errno));
    keeper->state[0] = '\0';
    if (needed || wanted[0] != '\0') {
      return err;
    }
    frank_log(FRANK_LOG_WARN, "event=no-state why=\"%s\" counters=\"lost at the end\"", why);
  }
  return FRANK_OK;
}

static enum frank_err open_counters(struct keeper *keeper, char *why)
{
  char path[300];
  enum frank_err err = frank_milter_counters_open(keeper->state[0] != '\0' ? keeper->state : NULL,
                                                  (enum frank_milter_mode)keeper->settings.mode,
                                                  &keeper->counters, &keeper->counters_fd, path);
  if (err == FRANK_OK) {
    err = frank_milter_view_new(&keeper->view, &keeper->view_fd);
    (void)snprintf(path, sizeof path, "shared memory");
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_MILTER_WHY_BYTES, "%s: %s", path, strerror(errno));
  }
  return err;
}

static enum frank_err open_verify(struct keeper *keeper, char *why)
{
  enum frank_err err = frank_milter_factor_new(keeper->loop, &keeper->settings, keeper->state,
                                               keeper->view, &keeper->factor, why);
  if (err == FRANK_OK && keeper->settings.observe) {
    err = frank_observer_new(keeper->state, keeper->counters, &keeper->observer,
                             &keeper->observe_fd, why);
  }
  if (err == FRANK_OK) {
    (void)snprintf(keeper->replay_path, sizeof keeper->replay_path, "%.255s/replay.db",
                   keeper->state);
    err = frank_replay_open_sqlite(keeper->replay_path, keeper->settings.replay_max_bytes,
                                   EXPIRE_BUSY_MS, &keeper->replay, why);
  }
  if (err == FRANK_OK) {
    err = frank_replay_check(keeper->replay, why);
  }
  return err;
}

static enum frank_err open_all(struct keeper *keeper, char *why)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
  enum frank_err err = frank_loop_new(&keeper->loop);
  if (err == FRANK_OK) {
    err = frank_loop_signals(keeper->loop, signals, on_signal, keeper);
  }
  if (err == FRANK_OK) {
    err = open_state(keeper, why);
  }
  if (err == FRANK_OK) {
    err = open_counters(keeper, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  settle(keeper); /* of one that was killed with its keeper */
  frank_milter_view_put_settings(keeper->view, &keeper->settings);
  if (keeper->settings.mode == FRANK_MILTER_VERIFY) {
    err = open_verify(keeper, why);
  }
  return err == FRANK_OK ? start_filter(keeper, why) : err;
}

static enum frank_err serve(struct keeper *keeper)
{
  uint64_t second_us = 0;
  while (!keeper->stop) {
    uint64_t now_us = frank_clock_now_us();
    if (keeper->reload) {
      keeper->reload = false;
      reload(keeper);
      keeper->expire_us = 0;
    }
    frank_minder_tick(keeper->filter, now_us);
    if (now_us >= second_us) {
      second_us = now_us + FRANK_US_PER_S;
      if (keeper->factor != NULL) {
        frank_milter_factor_tick(keeper->factor, now_us);
      }
      if (keeper->observer != NULL) {
        frank_observer_tick(keeper->observer, frank_clock_unix_s());
      }
      if (now_us >= keeper->expire_us) {
        expire(keeper, now_us);
      }
    }
    if (now_us >= keeper->metrics_us) {
      keeper->metrics_us = now_us + METRICS_EVERY_US;
      write_metrics(keeper);
    }
    uint64_t due_us = frank_minder_next_due_us(keeper->filter);
    enum frank_err err = frank_loop_run_once(keeper->loop, due_us < second_us ? due_us : second_us);
    if (err != FRANK_OK) {
      return err;
    }
  }
  return keeper->end;
}

/* The filter sees the channel closed, lets mails come to their end, and ends. */
static void part(struct keeper *keeper)
{
  const struct timespec pause = {.tv_nsec = 5000000};
  uint64_t until_us = frank_clock_now_us() + PART_LIMIT_US;
  if (keeper->filter == NULL) {
    return;
  }
  frank_minder_part(keeper->filter);
  while (!frank_minder_has_ended(keeper->filter) && frank_clock_now_us() < until_us) {
    (void)nanosleep(&pause, NULL);
  }
  if (keeper->observer != NULL) {
    frank_observer_tick(keeper->observer, frank_clock_unix_s());
  }
  settle(keeper);
  write_metrics(keeper);
}

enum frank_err frank_milter_keeper_run(const struct frank_milter_keeper_config *config, char *why)
{
  struct keeper *keeper = calloc(1, sizeof *keeper);
  why[0] = '\0';
  if (keeper == NULL) {
    (void)snprintf(why, FRANK_MILTER_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  *keeper = (struct keeper){.config = config,
                            .settings = *config->settings,
                            .view_fd = -1,
                            .counters_fd = -1,
                            .observe_fd = -1,
                            .why = why};
  enum frank_err err = open_all(keeper, why);
  if (err == FRANK_OK) {
    err = serve(keeper);
    notify("STOPPING=1");
  }
  if (err != FRANK_OK && why[0] == '\0') {
    (void)snprintf(why, FRANK_MILTER_WHY_BYTES, "%s: %s", frank_err_text(err), strerror(errno));
  }
  part(keeper);
  frank_minder_destroy(&keeper->filter);
  frank_milter_factor_destroy(&keeper->factor);
  frank_observer_destroy(&keeper->observer);
  frank_replay_close(&keeper->replay);
  frank_milter_counters_close(&keeper->counters);
  frank_milter_view_destroy(&keeper->view);
  frank_loop_destroy(&keeper->loop);
  free(keeper);
  return err;
}
