/*
 * null: a device that is infinitely fast and never finds anything.
 */
#include "engine/test/test_engines.h"

#include "proof/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NULL_DEVICE "null:0"

struct frank_engine_ctx {
  uint64_t slices;
};

static void describe(struct frank_device_info *info)
{
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, NULL_DEVICE);
  (void)snprintf(info->engine, sizeof info->engine, "null");
  (void)snprintf(info->model, sizeof info->model, "a device for tests: examines nothing");
  (void)snprintf(info->place, sizeof info->place, "nowhere");
  info->numa_node = -1;
  info->hashes = FRANK_ENGINE_SHA256;
  info->blocks_max = FRANK_PLAN_BLOCKS_MAX;
  info->batch_max = 16;
  info->stops_early = 1;
  info->on_demand = FRANK_DEMAND_ENGINE;
}

static enum frank_err null_probe(struct frank_device_info *list, size_t cap, size_t *count,
                                 char *why)
{
  why[0] = '\0';
  *count = 0;
  if (cap > 0) {
    describe(&list[0]);
    *count = 1;
  }
  return FRANK_OK;
}

static enum frank_err null_open(const char *device, const struct frank_engine_options *options,
                                struct frank_engine_ctx **out, char *why)
{
  why[0] = '\0';
  if (strcmp(device, NULL_DEVICE) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "there is no device \"%.31s\", only " NULL_DEVICE,
                   device);
    return FRANK_ERR_NOT_FOUND;
  }
  if (options->variant != NULL && strcmp(options->variant, "null") != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "null variant \"%.31s\" is not in this build; "
                   "here runs: null",
                   options->variant);
    return FRANK_ERR_UNSUPPORTED;
  }
  *out = calloc(1, sizeof **out);
  return *out == NULL ? FRANK_ERR_NOMEM : FRANK_OK;
}

static enum frank_err null_scan(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                                size_t n, struct frank_scan *results)
{
  for (size_t i = 0; i < n; i++) {
    memset(&results[i], 0, sizeof results[i]);
    results[i].attempts = slices[i].count;
  }
  ctx->slices += n;
  return FRANK_OK;
}

static void null_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  (void)ctx;
  describe(info);
  (void)snprintf(info->variant, sizeof info->variant, "null");
}

static void null_close(struct frank_engine_ctx **ctx)
{
  free(*ctx);
  *ctx = NULL;
}

const struct frank_engine frank_engine_null = {
    .name = "null",
    .probe = null_probe,
    .open = null_open,
    .scan = null_scan,
    .info = null_info,
    .close = null_close,
};
