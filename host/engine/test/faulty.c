/*
 * faulty: a device that goes wrong in the way its name says; see test_engines.h.
 */
#include "engine/test/test_engines.h"

#include "base/clock.h"
#include "engine/cpu/variant.h"
#include "engine/kept.h"
#include "engine/selftest.h"
#include "proof/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_AFTER 3U

struct fault {
  const char *name;
  const char *about;
  /* Both may be NULL. strike: called for each slice from the N-th on, after it was searched. */
  void (*strike)(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                 struct frank_scan *result);
  void (*at_open)(void);
  uint32_t default_after; /* 0: DEFAULT_AFTER */
  uint32_t slow_times;    /* 0: as fast as it can */
  uint32_t block_cycles;  /* simulated: cycles of a compression; 0: it is not */
  bool by_chance;         /* strike decides when, from the first slice on */
  bool keeps;             /* a number between runs; its variant tells where it is from */
  bool fails_selftest;
};

struct frank_engine_ctx {
  const struct fault *fault;
  uint32_t after;  /* the slice from which on the fault strikes, 1 the first */
  uint32_t slices; /* searched since the device was opened */
  uint64_t lies;
  char name[FRANK_DEVICE_NAME_BYTES];
  char variant[32];
};

static void never_return(void)
{
  for (;;) {
    (void)pause();
  }
}

static void strike_hang(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                        struct frank_scan *result)
{
  (void)ctx;
  (void)slice;
  (void)result;
  never_return();
}

static void strike_die(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                       struct frank_scan *result)
{
  (void)ctx;
  (void)slice;
  (void)result;
  abort();
}

static void strike_flaky(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                         struct frank_scan *result)
{
  (void)slice;
  (void)result;
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
    random = (uint32_t)frank_clock_now_us();
  }
  if (random % ctx->after == 0) {
    abort();
  }
}

static void strike_attempts(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                            struct frank_scan *result)
{
  (void)ctx;
  result->attempts = slice->count + 1;
}

/* Reports the first counters of the slice that are above the bound as if they were not. */
static void strike_wrong(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                         struct frank_scan *result)
{
  (void)ctx;
  for (uint64_t i = 0; i < slice->count; i++) {
    struct frank_slice one = *slice;
    struct frank_scan probe = {0};
    one.first = (uint32_t)(slice->first + i);
    one.count = 1;
    frank_cpu_scan_portable(&one, &probe);
    if (probe.hit_count == 0) {
      result->hits[0] = one.first;
      result->hit_count = 1;
      result->overflow = false;
      return;
    }
  }
}

static void strike_caught(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                          struct frank_scan *result)
{
  (void)slice;
  (void)result;
  ctx->lies++;
}

static const struct fault faults[] = {
    {.name = "wrong", .about = "reports counters above the bound", .strike = strike_wrong},
    {.name = "caught", .about = "lies, and its engine finds out", .strike = strike_caught},
    {.name = "hang", .about = "a scan never returns", .strike = strike_hang},
    {.name = "die", .about = "aborts in a scan", .strike = strike_die},
    {.name = "slow", .about = "a tenth of the portable speed", .slow_times = 10},
    {.name = "simulated",
     .about = "sound; counts cycles as a core of one round a cycle",
     .block_cycles = 64},
    {.name = "keeps", .about = "sound; keeps a number between runs", .keeps = true},
    {.name = "attempts", .about = "claims too many attempts", .strike = strike_attempts},
    {.name = "selftest", .about = "fails its self-test", .fails_selftest = true},
    {.name = "open", .about = "opening never returns", .at_open = never_return},
    {.name = "flaky",
     .about = "aborts now and then",
     .strike = strike_flaky,
     .default_after = 50,
     .by_chance = true},
};

#define FAULT_COUNT (sizeof faults / sizeof faults[0])

static void describe(const struct fault *fault, const char *name, struct frank_device_info *info)
{
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, "%s", name);
  (void)snprintf(info->engine, sizeof info->engine, "faulty");
  (void)snprintf(info->model, sizeof info->model, "a device for tests: %s", fault->about);
  (void)snprintf(info->place, sizeof info->place, "nowhere");
  info->numa_node = -1;
  info->hashes = FRANK_ENGINE_SHA256;
  info->blocks_max = FRANK_PLAN_BLOCKS_MAX;
  info->batch_max = 1;
  info->stops_early = 1;
  info->on_demand = FRANK_DEMAND_ENGINE;
  info->simulated = fault->block_cycles != 0;
}

static enum frank_err faulty_probe(struct frank_device_info *list, size_t cap, size_t *count,
                                   char *why)
{
  why[0] = '\0';
  *count = 0;
  for (size_t i = 0; i < FAULT_COUNT && i < cap; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "faulty:%s", faults[i].name);
    describe(&faults[i], name, &list[i]);
    *count = i + 1;
  }
  return FRANK_OK;
}

/* Reads "faulty:FAULT" or "faulty:FAULT@N". */
static bool parse_device(const char *device, const struct fault **fault, uint32_t *after)
{
  const char *prefix = "faulty:";
  if (strncmp(device, prefix, strlen(prefix)) != 0) {
    return false;
  }
  const char *name = device + strlen(prefix);
  size_t len = strcspn(name, "@");
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    if (strlen(faults[i].name) == len && memcmp(faults[i].name, name, len) == 0) {
      *fault = &faults[i];
      *after = faults[i].default_after == 0 ? DEFAULT_AFTER : faults[i].default_after;
      if (name[len] == '\0') {
        return true;
      }
      const char *digits = name + len + 1;
      size_t count = strspn(digits, "0123456789");
      if (count == 0 || count > 6 || digits[count] != '\0') {
        return false;
      }
      *after = (uint32_t)strtoul(digits, NULL, 10);
      return *after != 0;
    }
  }
  return false;
}

/* As an engine does that tunes: what is kept is used, unless it shall be made anew or cannot be
 * used; what was made is kept. What goes wrong is a remark. */
static void keep_number(struct frank_engine_ctx *ctx, const struct frank_engine_options *options,
                        char *why)
{
  static const char file[] = "faulty-keeps";
  struct frank_hash key;
  uint8_t *kept = NULL;
  size_t len = 0;
  uint32_t number = 0;
  const char *made = options->cache_dir == NULL ? "unkept" : "made";
  frank_sha256(file, sizeof file, NULL, 0, &key);
  if (options->cache_dir != NULL && !options->tune &&
      frank_kept_read(options->cache_dir, file, &key, sizeof number, &kept, &len, why) ==
          FRANK_OK &&
      len == sizeof number) {
    memcpy(&number, kept, sizeof number);
    made = "kept";
  } else {
    (void)!getrandom(&number, sizeof number, 0);
    char trouble[FRANK_ENGINE_WHY_BYTES];
    if (options->cache_dir != NULL && frank_kept_write(options->cache_dir, file, &key, &number,
                                                       sizeof number, trouble) != FRANK_OK) {
      (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", trouble);
      made = "unkept";
    }
  }
  free(kept);
  (void)snprintf(ctx->variant, sizeof ctx->variant, "%s-%08x", made, number);
}

static enum frank_err faulty_open(const char *device, const struct frank_engine_options *options,
                                  struct frank_engine_ctx **out, char *why)
{
  const struct fault *fault = NULL;
  uint32_t after = 0;
  why[0] = '\0';
  if (strlen(device) >= sizeof(*out)->name || !parse_device(device, &fault, &after)) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "there is no device \"%.31s\"", device);
    return FRANK_ERR_NOT_FOUND;
  }
  if (options->variant != NULL && strcmp(options->variant, "portable") != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "faulty variant \"%.31s\" is not in this build; here runs: portable",
                   options->variant);
    return FRANK_ERR_UNSUPPORTED;
  }
  struct frank_engine_ctx *ctx = calloc(1, sizeof *ctx);
  if (ctx == NULL) {
    return FRANK_ERR_NOMEM;
  }
  ctx->fault = fault;
  ctx->after = after;
  (void)snprintf(ctx->name, sizeof ctx->name, "%s", device);
  (void)snprintf(ctx->variant, sizeof ctx->variant, "portable");
  if (fault->keeps) {
    keep_number(ctx, options, why);
  }
  if (fault->at_open != NULL) {
    fault->at_open();
  }
  *out = ctx;
  return FRANK_OK;
}

static void sleep_us(uint64_t pause_us)
{
  struct timespec pause_time = {.tv_sec = (time_t)(pause_us / FRANK_US_PER_S),
                                .tv_nsec = (long)(pause_us % FRANK_US_PER_S * 1000)};
  while (nanosleep(&pause_time, &pause_time) != 0) {
  }
}

/* The time that this process has computed: what others take from it is not to be made ten times as
 * long. */
static uint64_t own_us(void)
{
  struct timespec own = {0};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  return (uint64_t)own.tv_sec * 1000000U + (uint64_t)own.tv_nsec / 1000U;
}

static void scan_one(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                     struct frank_scan *result)
{
  uint64_t start_us = own_us();
  memset(result, 0, sizeof *result);
  if (slice->count != 0) {
    frank_cpu_scan_portable(slice, result);
  }
  result->cycles = result->attempts * slice->blocks * ctx->fault->block_cycles;
  if (ctx->fault->slow_times != 0) {
    sleep_us((own_us() - start_us) * (ctx->fault->slow_times - 1));
  }
  if (frank_engine_is_opening()) {
    if (ctx->fault->fails_selftest) {
      result->hit_count = 0;
    }
    return;
  }
  ctx->slices++;
  if (ctx->fault->strike != NULL && (ctx->fault->by_chance || ctx->slices >= ctx->after)) {
    ctx->fault->strike(ctx, slice, result);
  }
}

static enum frank_err faulty_scan(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                                  size_t n, struct frank_scan *results)
{
  for (size_t i = 0; i < n; i++) {
    scan_one(ctx, &slices[i], &results[i]);
  }
  return ctx->lies == 0 ? FRANK_OK : FRANK_ERR_DEVICE;
}

static uint64_t faulty_lies(const struct frank_engine_ctx *ctx)
{
  return ctx->lies;
}

static void faulty_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  describe(ctx->fault, ctx->name, info);
  (void)snprintf(info->variant, sizeof info->variant, "%s", ctx->variant);
}

static void faulty_close(struct frank_engine_ctx **ctx)
{
  free(*ctx);
  *ctx = NULL;
}

const struct frank_engine frank_engine_faulty = {
    .name = "faulty",
    .probe = faulty_probe,
    .open = faulty_open,
    .scan = faulty_scan,
    .info = faulty_info,
    .close = faulty_close,
    .lies = faulty_lies,
};
