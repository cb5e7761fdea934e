/*
 * registry: the engines of this build, and how everybody opens a device.
 */
#include "engine/engine.h"

#include "engine/cpu/cpu.h"
#ifdef FRANK_FPGA
#include "engine/fpga/fpga.h"
#endif
#ifdef FRANK_OPENCL
#include "engine/opencl/opencl.h"
#endif
#include "engine/selftest.h"
#include "engine/test/test_engines.h"

#include <stdio.h>
#include <string.h>

struct entry {
  const struct frank_engine *engine;
  bool is_test;
  bool is_hollow; /* searches nothing, so there is nothing to test */
};

static const struct entry entries[] = {
    {.engine = &frank_engine_cpu},
#ifdef FRANK_OPENCL
    {.engine = &frank_engine_opencl},
#endif
#ifdef FRANK_FPGA
    {.engine = &frank_engine_fpga},
#endif
    {.engine = &frank_engine_faulty, .is_test = true},
    {.engine = &frank_engine_null, .is_test = true, .is_hollow = true},
};

#define ENTRY_COUNT (sizeof entries / sizeof entries[0])

static _Thread_local bool opening;

const struct frank_engine *frank_engine_at(size_t i)
{
  return i < ENTRY_COUNT ? entries[i].engine : NULL;
}

static const struct entry *entry_for(const char *device)
{
  size_t len = strcspn(device, ":");
  for (size_t i = 0; i < ENTRY_COUNT; i++) {
    const char *name = entries[i].engine->name;
    if (strlen(name) == len && memcmp(name, device, len) == 0) {
      return &entries[i];
    }
  }
  return NULL;
}

const struct frank_engine *frank_engine_for(const char *device)
{
  const struct entry *entry = entry_for(device);
  return entry == NULL ? NULL : entry->engine;
}

bool frank_engine_is_test(const struct frank_engine *engine)
{
  for (size_t i = 0; i < ENTRY_COUNT; i++) {
    if (entries[i].engine == engine) {
      return entries[i].is_test;
    }
  }
  return false;
}

bool frank_engine_is_opening(void)
{
  return opening;
}

/* True where another engine than this has a variant of that name: it is meant for that one. */
static bool is_of_another(const char *variant, const struct frank_engine *engine)
{
  if (engine->has_variant != NULL && engine->has_variant(variant)) {
    return false;
  }
  for (size_t i = 0; i < ENTRY_COUNT; i++) {
    bool (*has)(const char *) = entries[i].engine->has_variant;
    if (has != NULL && has(variant)) {
      return true;
    }
  }
  return false;
}

enum frank_err frank_engine_open(const char *device, const struct frank_engine_options *options,
                                 const struct frank_engine **engine, struct frank_engine_ctx **ctx,
                                 struct frank_device_info *info, char *why)
{
  why[0] = '\0';
  const struct entry *entry = entry_for(device);
  if (entry == NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "no engine for device \"%.95s\"", device);
    return FRANK_ERR_NOT_FOUND;
  }
  struct frank_engine_ctx *opened = NULL;
  struct frank_engine_options own = *options;
  if (own.variant != NULL && is_of_another(own.variant, entry->engine)) {
    own.variant = NULL;
  }
  enum frank_err err = entry->engine->open(device, &own, &opened, why);
  if (err != FRANK_OK) {
    if (why[0] == '\0') {
      (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", frank_err_text(err));
    }
    return err;
  }
  double rate_hps = 0;
  opening = true;
  if (!entry->is_hollow) {
    err = frank_selftest_run(entry->engine, opened, why);
  }
  if (err == FRANK_OK) {
    err = frank_selftest_rate(entry->engine, opened, &rate_hps, why);
  }
  opening = false;
  if (err != FRANK_OK) {
    entry->engine->close(&opened);
    return err;
  }
  entry->engine->info(opened, info);
  info->rate_hps = rate_hps;
  *engine = entry->engine;
  *ctx = opened;
  return FRANK_OK;
}
