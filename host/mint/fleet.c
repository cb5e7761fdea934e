/* The workers of a program: probe children find the devices, one worker child searches on each. */
#include "mint/fleet_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAP_AGAIN_US    (200 * FRANK_US_PER_MS)
#define STALL_SLICES     5 /* a device is late after this many times its expected time */
#define KILL_SLICES      20
#define RECORDS_PER_TURN 512
#define RATE_MAX_HPS     1e15

#define PROBE_LIMIT_US (20 * FRANK_US_PER_S)

/* Engines that are looked for when nobody names a device, or one that is not there: then people are
 * told what there is. Of one that this build has not, nobody hears unless they named it. */
static const char *const usual_engines[] = {"cpu", "opencl", "fpga"};

void frank_fleet_config_init(struct frank_fleet_config *config)
{
  *config = (struct frank_fleet_config){
      .worker_nice = 10,
      .bind = true,
      .open_limit_us = 120 * FRANK_US_PER_S,
      .stall_floor_us = 250 * FRANK_US_PER_MS,
      .kill_floor_us = 3 * FRANK_US_PER_S,
      .quarantine_us = 60 * FRANK_US_PER_S,
  };
}

/* ---- processes ---- */

/* Tells the service what a device that is not ready yet may take one day. */
static void hope(struct frank_fleet *fleet)
{
  uint32_t blocks_max = frank_fleet_probed(fleet) ? 0 : FRANK_PLAN_BLOCKS_MAX;
  for (size_t i = 0; i < fleet->device_count; i++) {
    const struct frank_fleet_device *d = &fleet->devices[i];
    bool may =
        d->supervisor.state == FRANK_CHILD_STARTING || d->supervisor.state == FRANK_CHILD_PAUSED;
    if (may && d->info.blocks_max > blocks_max) {
      blocks_max = d->info.blocks_max;
    }
  }
  frank_mint_set_device_hope(fleet->mint, blocks_max);
}

static bool is_terminated(const char *text, size_t size)
{
  return memchr(text, '\0', size) != NULL;
}

/* A worker holds a foreign driver: nothing it says is taken unseen. */
static bool info_is_sound(const struct frank_device_info *info)
{
  return is_terminated(info->name, sizeof info->name) &&
         is_terminated(info->engine, sizeof info->engine) &&
         is_terminated(info->variant, sizeof info->variant) &&
         is_terminated(info->model, sizeof info->model) &&
         is_terminated(info->place, sizeof info->place) && info->name[0] != '\0' &&
         info->blocks_max >= 1 && info->blocks_max <= FRANK_PLAN_BLOCKS_MAX &&
         (info->hashes & FRANK_ENGINE_SHA256) != 0 && info->rate_hps >= 0;
}

static void device_ended(struct frank_fleet_device *d, const char *why, bool lied, uint64_t now_us)
{
  struct frank_fleet *fleet = d->fleet;
  if (d->in_mint) {
    uint64_t attempts;
    uint64_t wrong;
    frank_mint_device_counts(fleet->mint, d->handle, &attempts, &wrong);
    d->attempts_before += attempts;
    d->wrong_before += wrong;
    frank_mint_device_remove(fleet->mint, d->handle, now_us);
    d->in_mint = false;
  }
  frank_loop_remove(&d->watch);
  frank_chan_destroy(&d->chan);
  frank_child_end(&fleet->graves, &d->pid);
  d->stalled = false;
  snprintf(d->why, sizeof d->why, "%s", why);
  frank_supervisor_failed(&d->supervisor, now_us, lied);
  hope(fleet);
  frank_log(FRANK_LOG_WARN, "event=device-failed device=%s state=%s failures=%u why=\"%s\"",
            d->info.name, frank_child_state_name(d->supervisor.state), d->supervisor.failures,
            d->why);
}

static void device_failed(struct frank_fleet_device *d, const char *why, uint64_t now_us)
{
  device_ended(d, why, false, now_us);
}

static void on_device_ready(struct frank_fleet_device *d, const struct frank_record *record,
                            uint64_t now_us)
{
  struct frank_fleet *fleet = d->fleet;
  struct frank_device_info info;
  if (record->len_bytes != sizeof info || d->in_mint) {
    device_ended(d, "the worker spoke out of turn", true, now_us);
    return;
  }
  memcpy(&info, record->payload, sizeof info);
  if (!info_is_sound(&info) || strcmp(info.name, d->info.name) != 0) {
    device_ended(d, "the worker described another device, or none that can be", true, now_us);
    return;
  }
  info.rate_hps = info.rate_hps < RATE_MAX_HPS ? info.rate_hps : RATE_MAX_HPS;
  d->info = info;
  if (frank_mint_device_add(fleet->mint, &d->info, &d->handle) != FRANK_OK) {
    device_failed(d, "the mint service takes no more devices", now_us);
    return;
  }
  d->in_mint = true;
  d->why[0] = '\0';
  frank_supervisor_ready(&d->supervisor, now_us);
  frank_log(FRANK_LOG_INFO, "event=device-ready device=%s variant=%s rate_hps=%.0f place=\"%s\"",
            d->info.name, d->info.variant, d->info.rate_hps, d->info.place);
}

static void on_device_failed(struct frank_fleet_device *d, const struct frank_record *record,
                             uint64_t now_us)
{
  struct frank_worker_failed failed;
  if (record->len_bytes != sizeof failed) {
    device_failed(d, "the worker spoke out of turn", now_us);
    return;
  }
  memcpy(&failed, record->payload, sizeof failed);
  failed.why[sizeof failed.why - 1] = '\0';
  if (d->in_mint && failed.lies > 0) {
    frank_mint_device_lied(d->fleet->mint, d->handle, failed.lies);
  }
  device_ended(d, failed.why, failed.lies > 0, now_us);
}

static void on_device_result(struct frank_fleet_device *d, const struct frank_record *record,
                             uint64_t now_us)
{
  struct frank_worker_result result;
  if (record->len_bytes != sizeof result || !d->in_mint) {
    device_failed(d, "the worker spoke out of turn", now_us);
    return;
  }
  memcpy(&result, record->payload, sizeof result);
  d->progress_us = now_us;
  d->stalled = false;
  if (frank_mint_result(d->fleet->mint, d->handle, &result, now_us) != FRANK_OK) {
    device_ended(d, "it reported a wrong result", true, now_us);
  }
}

static void on_device_event(void *arg, uint32_t events)
{
  (void)events; /* room to write is used by the pump after this turn */
  struct frank_fleet_device *d = arg;
  uint64_t now_us = frank_clock_now_us();
  struct frank_record record;
  uint32_t count = 0;
  while (d->chan) {
    if (count++ >= RECORDS_PER_TURN && !frank_chan_has_unread(d->chan)) {
      return; /* the others' turn; the descriptor is still readable */
    }
    enum frank_err err = frank_chan_read(d->chan, &record);
    if (err == FRANK_ERR_AGAIN) {
      return;
    }
    if (err != FRANK_OK) {
      device_failed(d, err == FRANK_ERR_CLOSED ? "the worker died" : frank_err_text(err), now_us);
      return;
    }
    switch (record.type) {
    case FRANK_WORKER_READY:
      on_device_ready(d, &record, now_us);
      break;
    case FRANK_WORKER_FAILED:
      on_device_failed(d, &record, now_us);
      break;
    case FRANK_WORKER_RESULT:
      on_device_result(d, &record, now_us);
      break;
    default:
      device_failed(d, "the worker spoke out of turn", now_us);
      break;
    }
  }
}

static void device_start(struct frank_fleet_device *d, uint64_t now_us)
{
  struct frank_fleet *fleet = d->fleet;
  char *argv[] = {fleet->worker_path, NULL};
  frank_supervisor_started(&d->supervisor, now_us);
  hope(fleet);
  struct frank_worker_open open = {.bind = fleet->config.bind ? 1 : 0,
                                   .nice = fleet->config.worker_nice,
                                   .tune = fleet->config.tune ? 1 : 0};
  snprintf(open.device, sizeof open.device, "%s", d->info.name);
  snprintf(open.variant, sizeof open.variant, "%s",
           fleet->config.variant ? fleet->config.variant : "");
  if (fleet->config.fpga_unroll > 0 && d->info.simulated && strcmp(d->info.engine, "fpga") == 0) {
    snprintf(open.variant, sizeof open.variant, "u%u", fleet->config.fpga_unroll);
  }
  snprintf(open.cache_dir, sizeof open.cache_dir, "%s",
           fleet->config.cache_dir ? fleet->config.cache_dir : "");
  enum frank_err err = frank_child_spawn(fleet->worker_path, argv, &d->pid, &d->chan);
  if (err == FRANK_OK) {
    err = frank_loop_add(fleet->loop, frank_chan_fd(d->chan), FRANK_LOOP_READ, on_device_event, d,
                         &d->watch);
  }
  if (err == FRANK_OK) {
    err = frank_chan_put(d->chan, FRANK_WORKER_OPEN, &open, sizeof open, NULL, 0);
  }
  if (err == FRANK_OK) {
    err = frank_chan_flush(d->chan);
  }
  if (err != FRANK_OK) {
    device_failed(d, "frank-worker could not be started", now_us);
  }
}

/* ---- finding devices ---- */

bool frank_fleet_name_matches(const char *wanted, const struct frank_device_info *info)
{
  return strcmp(wanted, info->name) == 0 ||
         (strcmp(wanted, info->engine) == 0 && info->on_demand != FRANK_DEMAND_NAME);
}

bool frank_fleet_is_wanted(const struct frank_fleet *fleet, const struct frank_device_info *info)
{
  if (fleet->config.device_count == 0) {
    return info->on_demand == FRANK_DEMAND_USUAL;
  }
  for (size_t i = 0; i < fleet->config.device_count; i++) {
    if (frank_fleet_name_matches(fleet->config.devices[i], info)) {
      return true;
    }
  }
  return false;
}

static void on_device_found(struct frank_fleet *fleet, const struct frank_record *record,
                            uint64_t now_us)
{
  if (record->len_bytes != sizeof(struct frank_device_info) ||
      fleet->found_count == FRANK_ENGINE_DEVICES_MAX) {
    return;
  }
  struct frank_device_info *info = &fleet->found[fleet->found_count];
  memcpy(info, record->payload, sizeof *info);
  bool is_new = info_is_sound(info);
  for (size_t i = 0; i < fleet->found_count && is_new; i++) {
    is_new = strcmp(fleet->found[i].name, info->name) != 0;
  }
  if (!is_new) {
    frank_log(FRANK_LOG_WARN, "event=device-left-out why=\"told twice, or not described soundly\"");
    return;
  }
  fleet->found_count++;
  if (!frank_fleet_is_wanted(fleet, info)) {
    return;
  }
  if (fleet->device_count == FRANK_STATUS_DEVICES_MAX) {
    frank_log(FRANK_LOG_WARN, "event=device-left-out device=%s why=\"more than %d devices\"",
              info->name, FRANK_STATUS_DEVICES_MAX);
    return;
  }
  struct frank_fleet_device *d = &fleet->devices[fleet->device_count++];
  *d = (struct frank_fleet_device){.fleet = fleet, .info = *info};
  frank_supervisor_init(&d->supervisor, &fleet->policy, now_us);
  device_start(d, now_us);
}

static void probe_usual(struct frank_fleet *fleet, uint64_t now_us);

static void probe_end(struct frank_fleet_probe *probe, const char *why)
{
  frank_loop_remove(&probe->watch);
  frank_chan_destroy(&probe->chan);
  frank_child_end(&probe->fleet->graves, &probe->pid);
  probe->done = true;
  snprintf(probe->why, sizeof probe->why, "%s", why);
  if (why[0] != '\0') {
    frank_log(FRANK_LOG_INFO, "event=%s engine=%s why=\"%s\"",
              frank_fleet_has_engine(probe->fleet, probe->engine) ? "devices-limited"
                                                                  : "engine-without-device",
              probe->engine, why);
  }
  if (frank_fleet_probed(probe->fleet) && frank_fleet_first_missing(probe->fleet)) {
    probe_usual(probe->fleet, frank_clock_now_us());
  }
  hope(probe->fleet);
}

static void on_probe_event(void *arg, uint32_t events)
{
  (void)events;
  struct frank_fleet_probe *probe = arg;
  struct frank_record record;
  uint32_t count = 0;
  while (!probe->done) {
    if (count++ >= RECORDS_PER_TURN && !frank_chan_has_unread(probe->chan)) {
      return;
    }
    enum frank_err err = frank_chan_read(probe->chan, &record);
    if (err == FRANK_ERR_AGAIN) {
      return;
    }
    if (err != FRANK_OK) {
      probe_end(probe, "looking for its devices ended early");
      return;
    }
    if (record.type == FRANK_WORKER_DEVICE) {
      on_device_found(probe->fleet, &record, frank_clock_now_us());
      continue;
    }
    struct frank_worker_failed said = {.why = "looking for its devices failed"};
    if (record.type == FRANK_WORKER_PROBED && record.len_bytes == sizeof said) {
      memcpy(&said, record.payload, sizeof said);
      said.why[sizeof said.why - 1] = '\0';
      if (said.err == FRANK_ERR_NOT_FOUND && !probe->is_named) {
        said.why[0] = '\0';
      }
    }
    probe_end(probe, said.why);
  }
}

/* Starts the child. It is told the names as well: some devices exist only because of them. */
static enum frank_err spawn_probe(struct frank_fleet *fleet, struct frank_fleet_probe *probe)
{
  char option[] = "--probe";
  size_t fixed = 3;
  char **argv = calloc(fixed + fleet->config.device_count + 1, sizeof *argv);
  if (!argv) {
    return FRANK_ERR_NOMEM;
  }
  argv[0] = fleet->worker_path;
  argv[1] = option;
  argv[2] = probe->engine;
  for (size_t i = 0; i < fleet->config.device_count; i++) {
    if (fleet->config.devices[i][0] != '-') {
      argv[fixed++] = (char *)fleet->config.devices[i];
    }
  }
  enum frank_err err = frank_child_spawn(fleet->worker_path, argv, &probe->pid, &probe->chan);
  free(argv);
  return err;
}

static void probe_start(struct frank_fleet *fleet, const char *engine, size_t engine_len,
                        bool is_named, uint64_t now_us)
{
  for (size_t i = 0; i < fleet->probe_count; i++) {
    if (strlen(fleet->probes[i].engine) == engine_len &&
        memcmp(fleet->probes[i].engine, engine, engine_len) == 0) {
      return;
    }
  }
  if (fleet->probe_count == FRANK_FLEET_PROBES_MAX ||
      engine_len >= sizeof fleet->probes[0].engine) {
    return; /* told as a missing device */
  }
  struct frank_fleet_probe *probe = &fleet->probes[fleet->probe_count++];
  *probe = (struct frank_fleet_probe){
      .fleet = fleet, .is_named = is_named, .limit_us = now_us + PROBE_LIMIT_US};
  memcpy(probe->engine, engine, engine_len);
  enum frank_err err = spawn_probe(fleet, probe);
  if (err == FRANK_OK) {
    err = frank_loop_add(fleet->loop, frank_chan_fd(probe->chan), FRANK_LOOP_READ, on_probe_event,
                         probe, &probe->watch);
  }
  if (err != FRANK_OK) {
    probe_end(probe, "frank-worker could not be started");
  }
}

static void probe_usual(struct frank_fleet *fleet, uint64_t now_us)
{
  for (size_t i = 0; i < sizeof usual_engines / sizeof usual_engines[0]; i++) {
    probe_start(fleet, usual_engines[i], strlen(usual_engines[i]), false, now_us);
  }
}

enum frank_err frank_fleet_new(const struct frank_fleet_config *config, struct frank_loop *loop,
                               struct frank_mint *mint, uint64_t now_us, struct frank_fleet **out,
                               char *why)
{
  assert(!config->cache_dir || strlen(config->cache_dir) < FRANK_DIR_BYTES);
  struct frank_fleet *fleet = calloc(1, sizeof *fleet);
  if (!fleet) {
    snprintf(why, FRANK_ENGINE_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  fleet->config = *config;
  fleet->loop = loop;
  fleet->mint = mint;
  frank_supervisor_policy_init(&fleet->policy);
  fleet->policy.start_limit_us = config->open_limit_us;
  fleet->policy.quarantine_us = config->quarantine_us;
  enum frank_err err =
      frank_child_find("frank-worker", fleet->worker_path, sizeof fleet->worker_path);
  if (err != FRANK_OK) {
    snprintf(why, FRANK_ENGINE_WHY_BYTES, "frank-worker is not to be found beside this program");
    free(fleet);
    return err;
  }
  if (config->device_count == 0) {
    probe_usual(fleet, now_us);
  }
  for (size_t i = 0; i < config->device_count; i++) {
    probe_start(fleet, config->devices[i], strcspn(config->devices[i], ":"), true, now_us);
  }
  if (fleet->probe_count == 0) {
    probe_usual(fleet, now_us); /* none of the names can be an engine's: tell what there is */
  }
  *out = fleet;
  return FRANK_OK;
}

void frank_fleet_destroy(struct frank_fleet **fleet)
{
  struct frank_fleet *f = *fleet;
  if (!f) {
    return;
  }
  for (size_t i = 0; i < f->probe_count; i++) {
    frank_loop_remove(&f->probes[i].watch);
    frank_chan_destroy(&f->probes[i].chan);
    frank_child_end(&f->graves, &f->probes[i].pid);
  }
  for (size_t i = 0; i < f->device_count; i++) {
    struct frank_fleet_device *d = &f->devices[i];
    if (d->in_mint) {
      frank_mint_device_remove(f->mint, d->handle, frank_clock_now_us());
    }
    frank_loop_remove(&d->watch);
    frank_chan_destroy(&d->chan);
    frank_child_end(&f->graves, &d->pid);
  }
  frank_child_reap(&f->graves);
  free(f);
  *fleet = NULL;
}

/* ---- work and watchdogs ---- */

static void pump_device(struct frank_fleet_device *d, uint64_t now_us)
{
  struct frank_mint *mint = d->fleet->mint;
  struct frank_worker_slice slice;
  bool was_idle = frank_mint_device_outstanding(mint, d->handle) == 0;
  while (frank_chan_has_room(d->chan) &&
         frank_mint_next_slice(mint, d->handle, now_us, &slice) == FRANK_OK) {
    size_t tail_len = (size_t)(slice.blocks - 1) * FRANK_SHA256_BLOCK_BYTES;
    if (frank_chan_put(d->chan, FRANK_WORKER_SLICE, &slice, FRANK_WORKER_SLICE_HEAD_BYTES,
                       slice.tail, tail_len) != FRANK_OK) {
      device_failed(d, "no memory for its slices", now_us);
      return;
    }
  }
  if (was_idle) {
    d->progress_us = now_us;
  }
  bool had_unsent = frank_chan_has_unsent(d->chan);
  enum frank_err err = had_unsent ? frank_chan_flush(d->chan) : FRANK_OK;
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
    device_failed(d, "the worker died", now_us);
    return;
  }
  /* A worker has at most FRANK_MINT_SLOTS slices, fewer than the queue holds: waiting for room to
   * write is rare, so the watch is changed only then. */
  if (err == FRANK_ERR_AGAIN || had_unsent) {
    err = frank_loop_change(d->watch, err == FRANK_ERR_AGAIN ? FRANK_LOOP_READ | FRANK_LOOP_WRITE
                                                             : FRANK_LOOP_READ);
    if (err != FRANK_OK) {
      device_failed(d, "it cannot be watched", now_us);
    }
  }
}

void frank_fleet_pump(struct frank_fleet *fleet, uint64_t now_us)
{
  for (size_t i = 0; i < fleet->device_count; i++) {
    if (fleet->devices[i].in_mint) {
      pump_device(&fleet->devices[i], now_us);
    }
  }
}

struct watchdog {
  uint64_t stall_us;
  uint64_t kill_us;
};

/* When a device that has work counts as late, and when as dead: multiples of its own expected
 * time, for a simulated device is not sick because it is slow. */
static struct watchdog watchdog_of(const struct frank_fleet_device *d)
{
  const struct frank_fleet *fleet = d->fleet;
  if (!d->in_mint || frank_mint_device_outstanding(fleet->mint, d->handle) == 0) {
    return (struct watchdog){FRANK_NEVER_US, FRANK_NEVER_US};
  }
  uint64_t expected_us = frank_mint_device_expected_us(fleet->mint, d->handle);
  uint64_t stall_us = STALL_SLICES * expected_us;
  uint64_t kill_us = KILL_SLICES * expected_us;
  stall_us = stall_us > fleet->config.stall_floor_us ? stall_us : fleet->config.stall_floor_us;
  kill_us = kill_us > fleet->config.kill_floor_us ? kill_us : fleet->config.kill_floor_us;
  return (struct watchdog){d->stalled ? FRANK_NEVER_US : d->progress_us + stall_us,
                           d->progress_us + kill_us};
}

static void tick_device(struct frank_fleet_device *d, uint64_t now_us)
{
  if (frank_supervisor_should_start(&d->supervisor, now_us)) {
    device_start(d, now_us);
    return;
  }
  if (frank_supervisor_is_late(&d->supervisor, now_us)) {
    device_failed(d, "it did not open in time", now_us);
    return;
  }
  struct watchdog w = watchdog_of(d);
  if (now_us >= w.kill_us) {
    device_failed(d, "it hung", now_us);
  } else if (now_us >= w.stall_us) {
    d->stalled = true;
    d->stalls++;
    frank_log(FRANK_LOG_WARN, "event=device-stalled device=%s silent_ms=%llu", d->info.name,
              (unsigned long long)((now_us - d->progress_us) / FRANK_US_PER_MS));
    frank_mint_device_stalled(d->fleet->mint, d->handle, now_us);
  }
}

void frank_fleet_tick(struct frank_fleet *fleet, uint64_t now_us)
{
  frank_child_reap(&fleet->graves);
  for (size_t i = 0; i < fleet->probe_count; i++) {
    if (!fleet->probes[i].done && now_us >= fleet->probes[i].limit_us) {
      probe_end(&fleet->probes[i], "looking for its devices took too long");
    }
  }
  for (size_t i = 0; i < fleet->device_count; i++) {
    tick_device(&fleet->devices[i], now_us);
  }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

void frank_fleet_forgive(struct frank_fleet *fleet, uint64_t pause_us, uint64_t now_us)
{
  for (size_t i = 0; i < fleet->device_count; i++) {
    uint64_t *progress_us = &fleet->devices[i].progress_us;
    *progress_us = *progress_us + pause_us < now_us ? *progress_us + pause_us : now_us;
  }
}

uint64_t frank_fleet_next_due_us(const struct frank_fleet *fleet)
{
  uint64_t due_us = FRANK_NEVER_US;
  if (fleet->graves.count > 0) {
    due_us = frank_clock_now_us() + REAP_AGAIN_US;
  }
  for (size_t i = 0; i < fleet->probe_count; i++) {
    if (!fleet->probes[i].done) {
      due_us = sooner(due_us, fleet->probes[i].limit_us);
    }
  }
  for (size_t i = 0; i < fleet->device_count; i++) {
    const struct frank_fleet_device *d = &fleet->devices[i];
    struct watchdog w = watchdog_of(d);
    due_us = sooner(due_us, frank_supervisor_next_due_us(&d->supervisor));
    due_us = sooner(due_us, sooner(w.stall_us, w.kill_us));
  }
  return due_us;
}
