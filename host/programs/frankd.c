/*
 * frankd: the mint daemon. Composition root: the mint service, the fleet of workers, the doors and
 * the web child, one event loop. It links no network library and no device library.
 *
 *     door --requests--> mint service --slices--> worker
 *     door <--answers--- mint service <--results- worker
 */
#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sd_notify.h"
#include "engine/unroll.h"
#include "mint/fleet.h"
#include "mint/mint.h"
#include "programs/frankd_children.h"
#include "programs/frankd_config.h"
#include "programs/frankd_factors.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PAUSE_FROM_US  (500 * FRANK_US_PER_MS)
#define DRAIN_LIMIT_US (500 * FRANK_US_PER_MS) /* for the doors to hear that it ends */
/* For the doors' last replies: longer than theirs. After a second signal they have less. */
#define LEAVE_LIMIT_US (10 * FRANK_US_PER_S)
#define LEAVE_NOW_US   (2 * FRANK_US_PER_S)
#define GONE_EVERY_US  (2 * FRANK_US_PER_MS)

struct frankd {
  int argc;
  char *const *argv;
  struct frankd_config config;
  const char *devices[FRANK_CONFIG_LIST_MAX];
  char cache_dir[FRANK_DIR_BYTES];
  struct frank_loop *loop;
  struct frank_mint *mint;
  struct frank_fleet *fleet;
  struct frankd_children *children;
  struct frankd_factors *factors;
  uint64_t started_us;
  uint64_t turned_us;     /* when the last turn handled its events */
  uint64_t grace_ends_us; /* while draining */
  bool told_ready;
  bool stop;     /* SIGTERM or SIGINT came */
  bool stop_now; /* twice */
  bool reload;
};

static void random_bytes(void *arg, uint8_t *bytes, size_t len_bytes)
{
  (void)arg;
  while (len_bytes > 0) {
    ssize_t got = getrandom(bytes, len_bytes, 0);
    if (got > 0) {
      bytes += got;
      len_bytes -= (size_t)got;
    }
  }
}

/* ---- status ---- */

static bool is_ready(const struct frankd *f)
{
  return !f->stop && frank_fleet_ready_count(f->fleet) > 0 && frankd_children_ready(f->children);
}

static void fill_status(void *arg, struct frank_status *status)
{
  struct frankd *f = arg;
  snprintf(status->version, sizeof status->version, "%s", FRANK_VERSION);
  status->uptime_ms = (frank_clock_now_us() - f->started_us) / FRANK_US_PER_MS;
  status->ready = is_ready(f) ? 1 : 0;
  frank_mint_status(f->mint, status);
  frank_fleet_status(f->fleet, status);
  frankd_children_status(f->children, status);
  frankd_factors_status(f->factors, status);
}

static void notify(const char *state)
{
  if (frank_sd_notify(state) != FRANK_OK) {
    frank_log(FRANK_LOG_WARN, "event=notify-failed why=\"%s\"", strerror(errno));
  }
}

/* Told once: by sd_notify, and by one line that people and scripts wait for. */
static void tell_ready(struct frankd *f)
{
  if (f->told_ready || !is_ready(f) || !frankd_children_started(f->children) ||
      !frank_fleet_settled(f->fleet)) {
    return;
  }
  f->told_ready = true;
  uint64_t factor;
  uint64_t queued;
  int64_t expires_s;
  char source[FRANK_SOURCE_BYTES];
  frank_mint_factor(f->mint, &factor, source, &expires_s, &queued);
  char state[160];
  snprintf(state, sizeof state, "READY=1\nSTATUS=%zu devices, %.1f M attempts/s, factor %" PRIu64,
           frank_fleet_ready_count(f->fleet), frank_mint_rate_hps(f->mint) / 1e6, factor);
  notify(state);
  frank_log(FRANK_LOG_INFO,
            "event=ready devices=%zu rate_hps=%.0f factor=%" PRIu64 " source=%s listen=%s",
            frank_fleet_ready_count(f->fleet), frank_mint_rate_hps(f->mint), factor, source,
            f->config.listen.items[0]);
}

/* The log would write an end of line as "?". */
static void on_one_line(char *text)
{
  for (char *end = strchr(text, '\n'); end != NULL; end = strchr(end, '\n')) {
    *end = end[1] != '\0' ? ';' : '\0';
  }
}

/* What makes a start hopeless, said once with the input named. True: give up. */
static bool start_failed(const struct frankd *f)
{
  if (f->told_ready) {
    return false;
  }
  const char *fatal = frankd_children_fatal(f->children);
  if (fatal) {
    frank_log(FRANK_LOG_ERROR, "event=start-failed why=\"%s\"", fatal);
    return true;
  }
  if (!frank_fleet_settled(f->fleet)) {
    return false;
  }
  char name[FRANK_DEVICE_NAME_BYTES];
  char text[512];
  if (frank_fleet_missing(f->fleet, name, text, sizeof text) == FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=start-failed why=\"no device %s; there is: %s\"", name, text);
    return true;
  }
  if (frank_fleet_ready_count(f->fleet) == 0) {
    frank_fleet_notes(f->fleet, text, sizeof text);
    on_one_line(text);
    frank_log(FRANK_LOG_ERROR, "event=start-failed why=\"no usable device\" notes=\"%s\"", text);
    return true;
  }
  return false;
}

/* ---- signals ---- */

static void on_signal(void *arg, int signal_number)
{
  struct frankd *f = arg;
  if (signal_number == SIGHUP) {
    f->reload = true;
    return;
  }
  f->stop_now = f->stop;
  f->stop = true;
}

/* Takes over what can change while running, and says what cannot. */
static void reload(struct frankd *f)
{
  static struct frankd_config fresh; /* lists make it too large for the stack */
  char why[FRANK_CONFIG_WHY_BYTES];
  f->reload = false;
  if (daemon_options_again(&frankd_options, f->argc, f->argv, &fresh, why) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=reload-refused why=\"%s\"", why);
    return;
  }
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  bool resolver_changed = false;
  size_t count = frank_config_compare(&frankd_config_table, &f->config, &fresh, changed);
  for (size_t i = 0; i < count; i++) {
    if (changed[i]->reloadable) {
      frank_config_copy(changed[i], &fresh, &f->config);
    }
    resolver_changed = resolver_changed || frankd_config_is_resolvers(changed[i]);
    frank_log(changed[i]->reloadable ? FRANK_LOG_INFO : FRANK_LOG_WARN,
              "event=reload key=%s result=%s", changed[i]->name,
              changed[i]->reloadable ? "changed" : "needs-a-restart");
  }
  frank_log_init("frankd", (enum frank_log_level)f->config.log_level);
  frank_mint_set_max_factor(f->mint, f->config.max_factor);
  uint64_t now_us = frank_clock_now_us();
  frankd_factors_reload(f->factors, now_us);
  if (resolver_changed) {
    frankd_children_restart_resolver(f->children, now_us);
  }
  frankd_children_reload(f->children);
  frank_log(FRANK_LOG_INFO, "event=reloaded changed=%zu", count);
}

/* ---- life ---- */

static enum frank_err open_mint(struct frankd *f, uint64_t now_us)
{
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.queue_bound = (uint32_t)f->config.queue;
  config.cache_bound = (uint32_t)f->config.cache;
  config.cache_age_us = f->config.cache_age_us;
  config.max_factor = f->config.max_factor;
  config.slice_us = f->config.slice_us;
  config.answer = frankd_children_answer;
  config.random = random_bytes;
  config.arg = f->children;
  return frank_mint_new(&config, now_us, &f->mint);
}

/* The folder for what engines keep, NULL where there is none: they do without then. */
static const char *find_cache_dir(struct frankd *f)
{
  enum frank_err err = frank_cache_dir(f->cache_dir, sizeof f->cache_dir);
  if (err == FRANK_OK) {
    return f->cache_dir;
  }
  if (err == FRANK_ERR_TOO_LONG) {
    frank_log(FRANK_LOG_WARN,
              "event=nothing-kept why=\"the cache folder's name is longer than %d bytes\"",
              FRANK_DIR_BYTES - 1);
  } else {
    frank_log(FRANK_LOG_INFO,
              "event=nothing-kept why=\"no CACHE_DIRECTORY, XDG_CACHE_HOME or HOME\"");
  }
  return NULL;
}

static enum frank_err open_fleet(struct frankd *f, uint64_t now_us, char *why)
{
  struct frank_fleet_config config;
  frank_fleet_config_init(&config);
  for (uint32_t i = 0; i < f->config.devices.count; i++) {
    f->devices[i] = f->config.devices.items[i];
  }
  config.devices = f->devices;
  config.device_count = f->config.devices.count;
  config.variant = f->config.isa[0] != '\0' ? f->config.isa : NULL;
  (void)frank_unroll_parse(f->config.fpga_unroll, &config.fpga_unroll); /* "": stays 0 */
  config.worker_nice = (int)f->config.worker_nice;
  config.bind = f->config.bind;
  config.cache_dir = find_cache_dir(f);
  config.open_limit_us = f->config.open_limit_us;
  config.stall_floor_us = f->config.stall_floor_us;
  config.kill_floor_us = f->config.kill_floor_us;
  config.quarantine_us = f->config.quarantine_us;
  return frank_fleet_new(&config, f->loop, f->mint, now_us, &f->fleet, why);
}

static enum frank_err open_all(struct frankd *f, char *why)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
  uint64_t now_us = frank_clock_now_us();
  f->started_us = now_us;
  snprintf(why, FRANK_CONFIG_WHY_BYTES, "the event loop cannot be made");
  enum frank_err err = frank_loop_new(&f->loop);
  if (err == FRANK_OK) {
    err = frank_loop_signals(f->loop, signals, on_signal, f);
  }
  if (err == FRANK_OK) {
    err = frankd_children_new(&f->config, f->loop, fill_status, f, now_us, &f->children, why);
  }
  if (err == FRANK_OK) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "the mint service cannot be made");
    err = open_mint(f, now_us);
  }
  if (err == FRANK_OK) {
    const struct frankd_factors_calls calls = {.look_up = frankd_children_look_up,
                                               .refresh = frankd_children_refresh,
                                               .answer = frankd_children_factor,
                                               .arg = f->children};
    err = frankd_factors_new(&f->config, &calls, f->mint, now_us, &f->factors, why);
  }
  if (err == FRANK_OK) {
    frankd_children_serve(f->children, f->mint, f->factors);
    err = open_fleet(f, now_us, why);
  }
  return err;
}

static uint64_t next_due_us(const struct frankd *f)
{
  const uint64_t dues[] = {
      frank_mint_next_due_us(f->mint),
      frank_fleet_next_due_us(f->fleet),
      frankd_children_next_due_us(f->children),
      frankd_factors_next_due_us(f->factors),
      f->stop ? f->grace_ends_us : FRANK_NEVER_US,
  };
  uint64_t due_us = FRANK_NEVER_US;
  for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++) {
    due_us = dues[i] < due_us ? dues[i] : due_us;
  }
  return due_us;
}

/* One turn: wait, handle, then hand out work and send everything in few packets. */
static enum frank_err turn(struct frankd *f)
{
  uint64_t begin_us = frank_clock_now_us();
  uint64_t due_us = next_due_us(f);
  enum frank_err err = frank_loop_run_once(f->loop, due_us);
  uint64_t now_us = frank_clock_now_us();
  /* Stopped in a debugger, or with its whole machine: the children could not answer either. */
  uint64_t wait_until_us = due_us > begin_us ? due_us : begin_us;
  uint64_t pause_us = f->turned_us > 0 ? begin_us - f->turned_us : 0;
  pause_us += now_us > wait_until_us ? now_us - wait_until_us : 0;
  if (pause_us > PAUSE_FROM_US) {
    frank_fleet_forgive(f->fleet, pause_us, now_us);
    frankd_children_forgive(f->children, pause_us, now_us);
  }
  f->turned_us = now_us;
  frank_mint_tick(f->mint, now_us);
  frank_fleet_tick(f->fleet, now_us);
  frankd_children_tick(f->children, now_us);
  frankd_factors_tick(f->factors, now_us);
  if (f->reload) {
    reload(f);
  }
  frank_fleet_pump(f->fleet, now_us);
  frankd_children_pump(f->children, now_us);
  return err;
}

static uint64_t leave_ends_us(const struct frankd *f, uint64_t since_us)
{
  return since_us + (f->stop_now ? LEAVE_NOW_US : LEAVE_LIMIT_US);
}

/* SIGTERM: no new requests; what is there is answered, when the grace ends with what was found. */
static void drain(struct frankd *f)
{
  notify("STOPPING=1");
  frank_log(FRANK_LOG_INFO, "event=draining waiting=%" PRIu32, frank_mint_waiting(f->mint));
  uint64_t now_us = frank_clock_now_us();
  uint64_t heard_us = now_us + DRAIN_LIMIT_US;
  frankd_factors_finish(f->factors, now_us);
  frank_mint_drain(f->mint);
  frankd_children_drain(f->children, now_us);
  frankd_children_pump(f->children, now_us); /* now: the turns below begin with waiting */
  f->grace_ends_us = now_us + f->config.grace_us;
  for (; now_us < f->grace_ends_us && !f->stop_now; now_us = frank_clock_now_us()) {
    bool heard = frankd_children_drained(f->children) || now_us >= heard_us;
    if (heard && frank_mint_waiting(f->mint) == 0) {
      break;
    }
    if (turn(f) != FRANK_OK) {
      break;
    }
  }
  frank_mint_finish(f->mint, frank_clock_now_us());
  uint64_t since_us = frank_clock_now_us();
  frankd_children_pump(f->children, since_us);
  while (frankd_children_has_unsent(f->children) &&
         frank_clock_now_us() < leave_ends_us(f, since_us)) {
    f->grace_ends_us = leave_ends_us(f, since_us);
    if (turn(f) != FRANK_OK) {
      break;
    }
  }
  frankd_children_close(f->children);
  since_us = frank_clock_now_us();
  while (!frankd_children_gone(f->children) && frank_clock_now_us() < leave_ends_us(f, since_us)) {
    /* Their ends are no events of the loop; a second signal is. */
    if (frank_loop_run_once(f->loop, frank_clock_now_us() + GONE_EVERY_US) != FRANK_OK) {
      break;
    }
  }
}

int main(int argc, char **argv)
{
  static struct frankd f;
  int status = daemon_options_start(&frankd_options, argc, argv, &f.config);
  if (status >= 0) {
    return status;
  }
  (void)signal(SIGPIPE, SIG_IGN); /* of a log whose reader is gone */
  f.argc = argc;
  f.argv = argv;
  frank_log_init("frankd", (enum frank_log_level)f.config.log_level);
  char why[FRANK_CONFIG_WHY_BYTES];
  status = DAEMON_EXIT_FAILED;
  if (open_all(&f, why) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=start-failed why=\"%s\"", why);
    goto cleanup;
  }
  while (!f.stop) {
    if (turn(&f) != FRANK_OK) {
      frank_log(FRANK_LOG_ERROR, "event=loop-failed why=\"%s\"", strerror(errno));
      goto cleanup;
    }
    if (start_failed(&f)) {
      goto cleanup;
    }
    tell_ready(&f);
  }
  drain(&f);
  frank_log(FRANK_LOG_INFO, "event=stopped");
  status = DAEMON_EXIT_OK;

cleanup:
  frank_fleet_destroy(&f.fleet);
  frankd_children_destroy(&f.children);
  frankd_factors_destroy(&f.factors);
  frank_mint_destroy(&f.mint);
  frank_loop_destroy(&f.loop);
  return status;
}
