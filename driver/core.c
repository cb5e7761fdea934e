/*
 * core: opened, reset, searched, closed.
 */
#include "core.h"

#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RESET_LOOKS        16
#define BUILT_READS        3 /* of a register that should not have changed */
#define UNROLL_MAX         64U
#define FIELD(value, name) (((value)&FRANK_FPGA_REG_##name##_MASK) >> FRANK_FPGA_REG_##name##_SHIFT)

uint64_t frank_fpga_random(struct frank_fpga *core)
{
  core->random ^= core->random >> 12;
  core->random ^= core->random << 25;
  core->random ^= core->random >> 27;
  return core->random * UINT64_C(0x2545f4914f6cdd1d);
}

/* True where the core has nothing to do and nothing to tell, as after a reset. */
static enum frank_fpga_err is_reset(struct frank_fpga *core, bool *is)
{
  const uint32_t reads[][2] = {
      {FRANK_FPGA_REG_START_ID, FRANK_FPGA_REG_START_ID_RESET},
      {FRANK_FPGA_REG_ENTRY_TAG, 0},
      {FRANK_FPGA_REG_IRQ_ENABLE, FRANK_FPGA_REG_IRQ_ENABLE_RESET},
      {FRANK_FPGA_REG_ERR_CODE, FRANK_FPGA_REG_ERR_CODE_RESET},
  };
  uint32_t value;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_STATUS, &value);
  *is = (value & (FRANK_FPGA_REG_STATUS_RUNNING_MASK | FRANK_FPGA_REG_STATUS_PENDING_MASK)) == 0;
  for (size_t i = 0; i < sizeof reads / sizeof reads[0] && err == FRANK_FPGA_OK && *is; i++) {
    err = frank_fpga_get(core, reads[i][0], &value);
    *is = value == reads[i][1];
  }
  if (err != FRANK_FPGA_OK) {
    *is = false;
  }
  return err;
}

static enum frank_fpga_err await_reset(struct frank_fpga *core, bool *is)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  *is = false;
  for (unsigned looks = 0; looks < RESET_LOOKS && err == FRANK_FPGA_OK && !*is; looks++) {
    err = is_reset(core, is);
  }
  return err;
}

static enum frank_fpga_err pull_reset(struct frank_fpga *core)
{
  enum frank_fpga_err err = core->bus->ops->reset(core->bus->ctx);
  if (err != FRANK_FPGA_OK) {
    return frank_fpga_fail(core, err, "the reset line: %.100s",
                           core->bus->ops->failure(core->bus->ctx));
  }
  return FRANK_FPGA_OK;
}

static void forget(struct frank_fpga *core)
{
  for (size_t i = 0; i < FRANK_FPGA_BUFFERS; i++) {
    core->shadows[i].head_known = false;
    core->shadows[i].kw_words = 0;
  }
  core->load_buffer = FRANK_FPGA_BUFFERS;
  core->sequence_known = false;
  core->dropped = 0;
}

/* Behind a line that was made again there may be another core, which takes our jobs as the first
 * did: what was told of the core must still be so. */
static enum frank_fpga_err check_built(struct frank_fpga *core)
{
  static const uint32_t addresses[FRANK_FPGA_BUILT] = {
      FRANK_FPGA_REG_VERSION, FRANK_FPGA_REG_PARAM0, FRANK_FPGA_REG_PARAM1};
  for (size_t i = 0; i < FRANK_FPGA_BUILT && core->built_known; i++) {
    uint32_t value = 0;
    enum frank_fpga_err err = FRANK_FPGA_OK;
    bool same = false;
    for (unsigned reads = 0; reads < BUILT_READS && err == FRANK_FPGA_OK && !same; reads++) {
      err = frank_fpga_get(core, addresses[i], &value);
      same = value == core->built[i];
    }
    if (err != FRANK_FPGA_OK) {
      return err;
    }
    if (!same) {
      return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                             "another core is there now: register 0x%03x reads as 0x%08x, not "
                             "0x%08x",
                             (unsigned)addresses[i], (unsigned)value, (unsigned)core->built[i]);
    }
  }
  return FRANK_FPGA_OK;
}

enum frank_fpga_err frank_fpga_reset(struct frank_fpga *core)
{
  bool is = false;
  forget(core);
  enum frank_fpga_err err =
      frank_fpga_put(core, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_RESET_MASK);
  if (err == FRANK_FPGA_OK) {
    err = await_reset(core, &is);
  }
  if ((err == FRANK_FPGA_OK || err == FRANK_FPGA_ERR_REFUSED) && !is) {
    /* It does not take a command: by force. */
    err = pull_reset(core);
    if (err == FRANK_FPGA_OK) {
      err = await_reset(core, &is);
    }
  }
  if (err == FRANK_FPGA_OK && !is) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core cannot be reset");
  }
  if (err == FRANK_FPGA_OK) {
    err = check_built(core);
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_put(core, FRANK_FPGA_REG_IRQ_ENABLE, FRANK_FPGA_IRQS);
  }
  if (err == FRANK_FPGA_ERR_REFUSED) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core refuses to be reset");
  }
  return err;
}

/* A core that was left in the middle of something may answer nonsense until its reset line was
 * pulled. */
static enum frank_fpga_err identify(struct frank_fpga *core)
{
  uint32_t id = 0;
  uint32_t version;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_ID, &id);
  if (err == FRANK_FPGA_OK && id != FRANK_FPGA_ID) {
    err = pull_reset(core);
    if (err == FRANK_FPGA_OK) {
      err = frank_fpga_get(core, FRANK_FPGA_REG_ID, &id);
    }
  }
  if (err == FRANK_FPGA_ERR_REFUSED || (err == FRANK_FPGA_OK && id != FRANK_FPGA_ID)) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_NOT_FOUND,
                           "no core there: ID reads as 0x%08x, not 0x%08x", (unsigned)id,
                           (unsigned)FRANK_FPGA_ID);
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get(core, FRANK_FPGA_REG_VERSION, &version);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  core->built[0] = version;
  core->params.version_major = FIELD(version, VERSION_MAJOR);
  core->params.version_minor = FIELD(version, VERSION_MINOR);
  if (core->params.version_major != FRANK_FPGA_VERSION_MAJOR) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           "the core's registers have version %u.%u; this driver knows %u",
                           core->params.version_major, core->params.version_minor,
                           (unsigned)FRANK_FPGA_VERSION_MAJOR);
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err read_params(struct frank_fpga *core)
{
  struct frank_fpga_params *params = &core->params;
  uint32_t param0;
  uint32_t param1;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_PARAM0, &param0);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get(core, FRANK_FPGA_REG_PARAM1, &param1);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  core->built[1] = param0;
  core->built[2] = param1;
  core->built_known = true;
  params->unroll = FIELD(param0, PARAM0_UNROLL);
  params->in_flight = FIELD(param0, PARAM0_IN_FLIGHT);
  params->rings = FIELD(param0, PARAM0_RINGS);
  params->blocks_max = FIELD(param1, PARAM1_BLOCKS_MAX);
  params->buffers = FIELD(param1, PARAM1_BUFFERS);
  params->fifo_depth = FIELD(param1, PARAM1_FIFO_DEPTH);
  params->simulated = core->bus->simulated;
  bool power_of_two = params->unroll != 0 && (params->unroll & (params->unroll - 1)) == 0;
  if (!power_of_two || params->unroll > UNROLL_MAX || params->in_flight == 0 ||
      params->rings == 0 || params->blocks_max == 0 || params->buffers < FRANK_FPGA_BUFFERS ||
      params->fifo_depth < 2) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           "the core says of itself what cannot be: PARAM0 0x%08x, PARAM1 0x%08x",
                           (unsigned)param0, (unsigned)param1);
  }
  if (params->blocks_max > FRANK_FPGA_BLOCKS_MAX) {
    params->blocks_max = FRANK_FPGA_BLOCKS_MAX;
  }
  return FRANK_FPGA_OK;
}

/* Ids that differ from run to run tell entries of an earlier program from ours. */
static void seed(struct frank_fpga *core)
{
  if (getrandom(&core->random, sizeof core->random, GRND_NONBLOCK) !=
          (ssize_t)sizeof core->random ||
      core->random == 0) {
    core->random = (uint64_t)(uintptr_t)core | 1;
  }
  core->next_id = (core->options.first_id != 0 ? core->options.first_id
                                               : (uint32_t)(frank_fpga_random(core) >> 32)) &
                  FRANK_FPGA_ID_MASK;
}

enum frank_fpga_err frank_fpga_open(struct frank_bus *bus, const struct frank_fpga_options *options,
                                    struct frank_fpga **core, char *why)
{
  struct frank_fpga *self = calloc(1, sizeof *self);
  why[0] = '\0';
  *core = NULL;
  if (self == NULL) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "no memory");
    bus->ops->close(bus->ctx);
    return FRANK_FPGA_ERR_NOMEM;
  }
  self->bus = bus;
  if (options != NULL) {
    self->options = *options;
  }
  seed(self);
  enum frank_fpga_err err = identify(self);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_reset(self);
  }
  if (err == FRANK_FPGA_OK) {
    err = read_params(self);
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_learn_clock(self);
  }
  if (err != FRANK_FPGA_OK) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "%s",
                   self->why[0] != '\0' ? self->why : "the core refuses to be read");
    bus->ops->close(bus->ctx);
    free(self);
    return err == FRANK_FPGA_ERR_REFUSED ? FRANK_FPGA_ERR_DEVICE : err;
  }
  *core = self;
  return FRANK_FPGA_OK;
}

const struct frank_fpga_params *frank_fpga_params(const struct frank_fpga *core)
{
  return &core->params;
}

/* What the core could not take, or NULL. */
static const char *unfit(const struct frank_fpga *core, const struct frank_fpga_job *job)
{
  if (job->blocks == 0 || job->blocks > core->params.blocks_max) {
    return "its number of blocks";
  }
  if (job->blocks > 1 && job->kw == NULL) {
    return "no K + W";
  }
  if (job->counter_word > 14) {
    return "its counter's place";
  }
  if (job->count > (UINT64_C(1) << 32) - job->first) {
    return "its range";
  }
  return job->may_stop && job->stop_at > job->bound ? "stop_at above bound" : NULL;
}

static enum frank_fpga_err search(struct frank_fpga *core, const struct frank_fpga_job *jobs,
                                  size_t n, struct frank_fpga_result *results)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  uint64_t now_ns = 0;
  if (core->needs_reset) {
    err = frank_fpga_reset(core);
    core->needs_reset = err != FRANK_FPGA_OK;
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_now(core, &now_ns);
  }
  if (err == FRANK_FPGA_OK && frank_fpga_known_is_due(core, now_ns)) {
    err = frank_fpga_known_answer(core, &jobs[0]);
  }
  return err == FRANK_FPGA_OK ? frank_fpga_run_jobs(core, jobs, n, results) : err;
}

enum frank_fpga_err frank_fpga_search(struct frank_fpga *core, const struct frank_fpga_job *jobs,
                                      size_t n, struct frank_fpga_result *results)
{
  core->why[0] = '\0';
  for (size_t i = 0; i < n; i++) {
    const char *what = unfit(core, &jobs[i]);
    if (what != NULL) {
      return frank_fpga_fail(core, FRANK_FPGA_ERR_ARGUMENT, "job %zu is not for this core: %s", i,
                             what);
    }
  }
  if (n == 0) {
    return FRANK_FPGA_OK;
  }
  enum frank_fpga_err err = search(core, jobs, n, results);
  if (err == FRANK_FPGA_ERR_REFUSED) {
    err = frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core refused an access that is legal");
  }
  if (err == FRANK_FPGA_OK) {
    core->why[0] = '\0';
  } else {
    core->needs_reset = true;
  }
  return err;
}

const char *frank_fpga_failure(const struct frank_fpga *core)
{
  return core->why;
}

const struct frank_fpga_health *frank_fpga_health(const struct frank_fpga *core)
{
  return &core->health;
}

void frank_fpga_close(struct frank_fpga **core)
{
  struct frank_fpga *self = *core;
  if (self == NULL) {
    return;
  }
  /* So that the core does not search on for nobody; there is nothing to do where it fails. */
  (void)self->bus->ops->write32(self->bus->ctx, FRANK_FPGA_REG_CTRL,
                                FRANK_FPGA_REG_CTRL_RESET_MASK);
  self->bus->ops->close(self->bus->ctx);
  free(self);
  *core = NULL;
}
