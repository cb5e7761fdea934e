/*
 * cpu: probe, open, scan, info, close over places (hwloc) and variants (the search loops).
 */
#include "engine/cpu/cpu.h"

#include "engine/cpu/place.h"
#include "engine/cpu/quota.h"
#include "engine/cpu/siblings.h"
#include "engine/cpu/speed.h"
#include "engine/cpu/variant.h"
#include "engine/device_name.h"
#include "proof/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frank_engine_ctx {
  const struct frank_cpu_variant *variant;
  struct frank_device_info info;
};

static void describe(const struct frank_places *places, size_t i, struct frank_device_info *info)
{
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, "cpu:%zu", i);
  (void)snprintf(info->engine, sizeof info->engine, "cpu");
  frank_places_describe(places, i, info->model, sizeof info->model, info->place, sizeof info->place,
                        &info->numa_node);
  info->hashes = FRANK_ENGINE_SHA256;
  info->blocks_max = FRANK_PLAN_BLOCKS_MAX;
  info->batch_max = 1;
  info->stops_early = 1;
}

/* ---- which devices are used ---- */

/* The fastest code path of the core that this runs on. */
static const struct frank_cpu_variant *measured_choice(void)
{
  double rates_cps[FRANK_CPU_VARIANTS_MAX];
  uint32_t features = frank_cpu_features();
  frank_cpu_speed_measure(features, rates_cps);
  return frank_cpu_variant_fastest(features, rates_cps);
}

/* Measures what the second threads of the cores add. Nothing of it runs where there are none. */
static enum frank_err measure_siblings(const struct frank_places *places,
                                       struct frank_siblings_rates *rates)
{
  unsigned cpus[2];
  *rates = (struct frank_siblings_rates){0};
  if (!frank_places_thread_pair(places, cpus)) {
    return FRANK_ERR_NOT_FOUND;
  }
  return frank_siblings_measure(cpus, measured_choice()->scan, rates);
}

/* Whether the second threads are used; `why` says it either way, with what was measured. */
static bool choose_siblings(const struct frank_places *places, char *why)
{
  struct frank_siblings_rates rates;
  size_t cores = frank_places_cores(places);
  enum frank_err err = measure_siblings(places, &rates);
  bool used = err == FRANK_OK && frank_siblings_are_worth_it(&rates);
  char measured[96];
  if (err == FRANK_OK) {
    (void)snprintf(measured, sizeof measured, "with both a core does %.2f times what one does",
                   1 + frank_siblings_gain(&rates));
  } else {
    (void)snprintf(measured, sizeof measured, "what they add could not be measured (%s)",
                   err == FRANK_ERR_TIMEOUT ? "the machine is busy" : frank_err_text(err));
  }
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                 "second threads of cores, from cpu:%zu on, are%s used: %s", cores,
                 used ? "" : " not", measured);
  return used;
}

/* How many places are used, from the first on: cores first, as the second threads come after them.
 * `why` says what limits them, and is left empty where nothing does. */
static size_t choose_used(const struct frank_places *places, char *why)
{
  size_t cores = frank_places_cores(places);
  size_t count = frank_places_count(places);
  size_t quota = count;
  if (frank_quota_cores("", &quota) && quota <= cores && quota < count) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "%zu of %zu cores: the control group's CPU quota allows no more", quota, cores);
    return quota;
  }
  if (count == cores || !choose_siblings(places, why)) {
    return cores;
  }
  if (quota < count) {
    size_t length = strlen(why);
    (void)snprintf(why + length, FRANK_ENGINE_WHY_BYTES - length,
                   "; %zu of %zu, the control group's CPU quota allows no more", quota - cores,
                   count - cores);
    return quota;
  }
  return count;
}

static enum frank_err cpu_probe(struct frank_device_info *list, size_t cap, size_t *count,
                                char *why)
{
  struct frank_places *places = NULL;
  *count = 0;
  why[0] = '\0';
  enum frank_err err = frank_places_new(&places, why);
  if (err == FRANK_ERR_DEVICE) {
    return FRANK_OK; /* no device, and `why` says so */
  }
  if (err != FRANK_OK) {
    return err;
  }
  size_t found = frank_places_count(places);
  size_t used = choose_used(places, why);
  if (found > cap) {
    found = cap;
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "only the first %zu of %zu are listed", cap,
                   frank_places_count(places));
  }
  for (size_t i = 0; i < found; i++) {
    describe(places, i, &list[i]);
    list[i].on_demand = i < used ? FRANK_DEMAND_USUAL : FRANK_DEMAND_NAME;
  }
  *count = found;
  frank_places_destroy(&places);
  return FRANK_OK;
}

/* ---- one device ---- */

static enum frank_err cpu_open(const char *device, const struct frank_engine_options *options,
                               struct frank_engine_ctx **out, char *why)
{
  struct frank_places *places = NULL;
  struct frank_engine_ctx *ctx = NULL;
  const struct frank_cpu_variant *variant = NULL;
  uint32_t index = 0;
  why[0] = '\0';
  enum frank_err err = FRANK_OK;
  if (options->variant != NULL) {
    err = frank_cpu_variant_choose(options->variant, frank_cpu_features(), &variant, why);
    if (err != FRANK_OK) {
      return err;
    }
  }
  err = frank_places_new(&places, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (!frank_device_index(device, "cpu", &index) || index >= frank_places_count(places)) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "there is no device \"%.31s\": this process may use cpu:0 to cpu:%zu", device,
                   frank_places_count(places) - 1);
    err = FRANK_ERR_NOT_FOUND;
    goto cleanup;
  }
  if (options->bind && frank_places_bind(places, index, why) != FRANK_OK) {
    /* Slower, not wrong: `why` keeps the remark for the caller's log. */
    err = FRANK_OK;
  }
  ctx = calloc(1, sizeof *ctx);
  if (ctx == NULL) {
    err = FRANK_ERR_NOMEM;
    goto cleanup;
  }
  ctx->variant = variant != NULL ? variant : measured_choice();
  describe(places, index, &ctx->info);
  (void)snprintf(ctx->info.variant, sizeof ctx->info.variant, "%s", ctx->variant->name);
  *out = ctx;

cleanup:
  frank_places_destroy(&places);
  return err;
}

static enum frank_err cpu_scan(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                               size_t n, struct frank_scan *results)
{
  for (size_t i = 0; i < n; i++) {
    const struct frank_slice *slice = &slices[i];
    assert(slice->blocks >= 1 && slice->blocks <= FRANK_PLAN_BLOCKS_MAX);
    assert(slice->counter_word <= 14);
    assert(slice->blocks == 1 || slice->kw != NULL);
    assert(slice->count <= (UINT64_C(1) << 32) - slice->first);
    memset(&results[i], 0, sizeof results[i]);
    if (slice->count != 0) {
      ctx->variant->scan(slice, &results[i]);
    }
  }
  return FRANK_OK;
}

static void cpu_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  *info = ctx->info;
}

static void cpu_close(struct frank_engine_ctx **ctx)
{
  free(*ctx);
  *ctx = NULL;
}

static bool cpu_has_variant(const char *variant)
{
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    if (strcmp(frank_cpu_variant_at(i)->name, variant) == 0) {
      return true;
    }
  }
  return false;
}

const struct frank_engine frank_engine_cpu = {
    .name = "cpu",
    .probe = cpu_probe,
    .open = cpu_open,
    .scan = cpu_scan,
    .info = cpu_info,
    .close = cpu_close,
    .has_variant = cpu_has_variant,
};
