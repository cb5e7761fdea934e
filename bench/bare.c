#include "bench/bare.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/energy.h"
#include "bench/searcher.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_LIMIT_US (60 * FRANK_US_PER_S)

/* One measurement. */
struct race {
  const struct bench_bare_task *task;
  struct bench_child children[FRANK_ENGINE_DEVICES_MAX];
  struct bench_energy energy;
};

static int search(int fd, const void *arg)
{
  return bench_searcher_run(fd, arg);
}

static enum frank_err fail(enum frank_err err, const char *device, const char *what, char *why)
{
  if (err == FRANK_ERR_CLOSED) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
  } else {
    (void)snprintf(why, BENCH_WHY_BYTES, "bare engine %.31s: %.255s", device, what);
  }
  return err;
}

static enum frank_err start_all(struct race *race, struct bench_bare *out, char *why)
{
  const struct bench_bare_task *task = race->task;
  const char *variant = task->variant && task->variant[0] != '\0' ? task->variant : NULL;
  for (size_t i = 0; i < task->device_count; i++) {
    const struct bench_searcher searcher = {.device = task->devices[i].name,
                                            .variant = variant,
                                            .shape = task->shape,
                                            .factor = task->factor,
                                            .seconds = task->seconds};
    enum frank_err err = bench_child_start(&race->children[i], search, &searcher);
    if (err != FRANK_OK) {
      return fail(err, task->devices[i].name, strerror(errno), why);
    }
  }
  uint64_t until_us = frank_clock_now_us() + ANSWER_LIMIT_US;
  for (size_t i = 0; i < task->device_count; i++) {
    const char *name = task->devices[i].name;
    struct bench_ready ready;
    enum frank_err err = bench_child_hear(&race->children[i], &ready, sizeof ready, until_us);
    if (err != FRANK_OK) {
      return fail(err, name, "its process did not come up", why);
    }
    if (ready.err != FRANK_OK) {
      err = (enum frank_err)ready.err;
      return fail(err, name, ready.why[0] != '\0' ? ready.why : frank_err_text(err), why);
    }
    (void)snprintf(out->model, sizeof out->model, "%s", ready.info.model);
    (void)snprintf(out->variant, sizeof out->variant, "%s", ready.info.variant);
    out->simulated = out->simulated || ready.info.simulated != 0;
    out->blocks = ready.blocks;
  }
  return FRANK_OK;
}

static enum frank_err tell_all(const struct race *race, char *why)
{
  for (size_t i = 0; i < race->task->device_count; i++) {
    enum frank_err err = bench_child_tell(&race->children[i]);
    if (err != FRANK_OK) {
      return fail(err, race->task->devices[i].name, "its process died", why);
    }
  }
  return FRANK_OK;
}

static enum frank_err race_all(struct race *race, struct bench_bare *out, char *why)
{
  const struct bench_bare_task *task = race->task;
  char energy_why[BENCH_WHY_BYTES];
  bool has_energy = bench_energy_start(BENCH_ENERGY_ROOT, &race->energy, energy_why) == FRANK_OK;
  enum frank_err err = tell_all(race, why);
  if (err != FRANK_OK) {
    return err;
  }
  uint64_t until_us = frank_clock_now_us() + task->seconds * FRANK_US_PER_S + ANSWER_LIMIT_US;
  for (size_t i = 0; i < task->device_count; i++) {
    struct bench_found found;
    err = bench_child_hear(&race->children[i], &found, sizeof found, until_us);
    if (err == FRANK_OK && (found.err != FRANK_OK || found.elapsed_us == 0)) {
      err = FRANK_ERR_DEVICE;
    }
    if (err != FRANK_OK) {
      return fail(err, task->devices[i].name, "its search failed", why);
    }
    out->rate_hps += (double)found.attempts * 1e6 / (double)found.elapsed_us;
    out->attempts += (double)found.attempts;
    out->cycles += (double)found.cycles;
  }
  out->has_joules =
      has_energy && bench_energy_read(&race->energy, &out->joules, energy_why) == FRANK_OK;
  return FRANK_OK;
}

/* The limit of all is known only where that of each is. */
static enum frank_err bound_all(struct race *race, struct bench_bare *out, char *why)
{
  enum frank_err err = tell_all(race, why);
  bool known = true;
  bool plain_known = true;
  uint64_t until_us = frank_clock_now_us() + ANSWER_LIMIT_US;
  for (size_t i = 0; err == FRANK_OK && i < race->task->device_count; i++) {
    struct bench_bound bound;
    err = bench_child_hear(&race->children[i], &bound, sizeof bound, until_us);
    if (err != FRANK_OK) {
      return fail(err, race->task->devices[i].name, "its arithmetic limit was not measured", why);
    }
    if (known) { /* of the first that is not known: why */
      (void)snprintf(out->limit_text, sizeof out->limit_text, "%s", bound.text);
    }
    known = known && bound.limit_hps > 0;
    plain_known = plain_known && bound.plain_hps > 0;
    out->limit_hps += bound.limit_hps;
    out->plain_hps += bound.plain_hps;
  }
  out->limit_hps = known ? out->limit_hps : 0;
  out->plain_hps = plain_known ? out->plain_hps : 0;
  return err;
}

enum frank_err bench_bare_run(const struct bench_bare_task *task, struct bench_bare *out, char *why)
{
  assert(task->device_count >= 1 && task->device_count <= FRANK_ENGINE_DEVICES_MAX);
  *out = (struct bench_bare){0};
  struct race *race = calloc(1, sizeof *race);
  if (!race) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  race->task = task;
  enum frank_err err = start_all(race, out, why);
  if (err == FRANK_OK) {
    err = race_all(race, out, why);
  }
  if (err == FRANK_OK) {
    err = bound_all(race, out, why);
  }
  for (size_t i = 0; i < task->device_count; i++) {
    bench_child_end(&race->children[i]);
  }
  free(race);
  return err;
}
