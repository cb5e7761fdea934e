/*
 * fpga: probe, open, scan, info, close over the driver of the core.
 */
#include "engine/fpga/fpga.h"

#include "driver/bus_tcp.h"
#include "driver/core.h"
#include "engine/fpga/place.h"
#ifdef FRANK_FPGA_SIM
#include "hdl/sim/frank_sim.h"
#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Jobs in one call of the driver. More slices than these are searched in several. */
#define JOBS_MAX 16U

/* How long a server may say nothing. The driver tries an access four times, each over a connection
 * made again: together that is below the three seconds after which supervision ends a silent
 * worker, so that the reason is told. */
static const struct frank_bus_tcp_options tcp_options = {
    .connect_ms = 500, .answer_ms = 800, .reconnects = 1};

struct frank_engine_ctx {
  struct frank_device_info info;
  struct frank_fpga *core;
  struct frank_fpga_job jobs[JOBS_MAX];
  struct frank_fpga_result results[JOBS_MAX];
  char failure[FRANK_ENGINE_WHY_BYTES];
};

/* ---- errors ---- */

static enum frank_err err_of(enum frank_fpga_err err)
{
  static const enum frank_err errs[] = {
      [FRANK_FPGA_OK] = FRANK_OK,
      [FRANK_FPGA_ERR_REFUSED] = FRANK_ERR_DEVICE,
      [FRANK_FPGA_ERR_IO] = FRANK_ERR_DEVICE,
      [FRANK_FPGA_ERR_TIMEOUT] = FRANK_ERR_DEVICE,
      [FRANK_FPGA_ERR_DEVICE] = FRANK_ERR_DEVICE,
      [FRANK_FPGA_ERR_ARGUMENT] = FRANK_ERR_UNSUPPORTED,
      [FRANK_FPGA_ERR_NOT_FOUND] = FRANK_ERR_NOT_FOUND,
      [FRANK_FPGA_ERR_NOMEM] = FRANK_ERR_NOMEM,
  };
  size_t i = (size_t)err;
  return i < sizeof errs / sizeof errs[0] ? errs[i] : FRANK_ERR_DEVICE;
}

/* Appends the counts of what went wrong since the device was opened: they tell a bad line from a
 * bad core. */
static void tell_health(const struct frank_fpga_health *health, char *text, size_t size)
{
  const struct {
    const char *name;
    uint64_t count;
  } counts[] = {
      {"wrong hits", health->wrong_hits},
      {"known answers missed", health->known_answer_misses},
      {"jobs lost", health->replays},
      {"stale entries", health->stale_entries},
      {"accesses repeated", health->retries},
      {"interrupts lost", health->lost_interrupts},
      {"interrupts for nothing", health->spurious_interrupts},
  };
  size_t used = strlen(text);
  const char *before = " (since it was opened: ";
  for (size_t i = 0; i < sizeof counts / sizeof counts[0] && used < size; i++) {
    if (counts[i].count > 0) {
      used += (size_t)snprintf(text + used, size - used, "%s%" PRIu64 " %s", before,
                               counts[i].count, counts[i].name);
      before = ", ";
    }
  }
  if (before[0] == ',' && used < size) {
    (void)snprintf(text + used, size - used, ")");
  }
}

/* ---- devices ---- */

static enum frank_err fpga_by_name(const char *device, struct frank_device_info *info, char *why)
{
  struct frank_fpga_place place;
  enum frank_err err = frank_fpga_place_read(device, &place, why);
  if (err == FRANK_OK) {
    frank_fpga_place_describe(device, &place, info);
  }
  return err;
}

static enum frank_err fpga_probe(struct frank_device_info *list, size_t cap, size_t *count,
                                 char *why)
{
  why[0] = '\0';
  *count = cap > 0 && fpga_by_name("fpga:sim", &list[0], why) == FRANK_OK ? 1 : 0;
  return FRANK_OK;
}

#ifdef FRANK_FPGA_SIM
static enum frank_err open_sim(unsigned unroll, struct frank_bus **bus, char *why)
{
  unsigned have[8];
  size_t count = frank_sim_unrolls(have, sizeof have / sizeof have[0]);
  bool is_there = unroll == 0;
  for (size_t i = 0; i < count && i < sizeof have / sizeof have[0]; i++) {
    is_there = is_there || have[i] == unroll;
  }
  if (!is_there) {
    size_t used = (size_t)snprintf(
        why, FRANK_ENGINE_WHY_BYTES,
        "fpga variant \"u%u\" is not in this build (FRANK_FPGA_UNROLLS); simulated here are:",
        unroll);
    for (size_t i = 0; i < count && i < sizeof have / sizeof have[0]; i++) {
      used += (size_t)snprintf(why + used, FRANK_ENGINE_WHY_BYTES - used, " u%u", have[i]);
    }
    return FRANK_ERR_UNSUPPORTED;
  }
  return err_of(frank_sim_open(unroll, bus, why));
}
#else
static enum frank_err open_sim(unsigned unroll, struct frank_bus **bus, char *why)
{
  (void)unroll;
  (void)bus;
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the simulated core is not in this build");
  return FRANK_ERR_NOT_FOUND; /* place_read has said so before */
}
#endif

/* The core as it is, now that it is known. */
static void describe_core(struct frank_engine_ctx *ctx, const struct frank_fpga_place *place)
{
  const struct frank_fpga_params *params = frank_fpga_params(ctx->core);
  struct frank_device_info *info = &ctx->info;
  const char *how = place->bus == FRANK_FPGA_BUS_SIM ? ", simulated by Verilator" : ", simulated";
  (void)snprintf(info->variant, sizeof info->variant, "u%u", params->unroll);
  (void)snprintf(info->model, sizeof info->model, "Frank core %u.%u, U=%u, P=%u%s",
                 params->version_major, params->version_minor, params->unroll, params->in_flight,
                 params->simulated ? how : "");
  info->simulated = params->simulated ? 1 : 0;
  info->blocks_max = params->blocks_max;
}

static void fpga_close(struct frank_engine_ctx **ctx)
{
  if (*ctx != NULL) {
    frank_fpga_close(&(*ctx)->core);
    free(*ctx);
    *ctx = NULL;
  }
}

static enum frank_err fpga_open(const char *device, const struct frank_engine_options *options,
                                struct frank_engine_ctx **out, char *why)
{
  struct frank_fpga_place place;
  struct frank_bus *bus = NULL;
  unsigned unroll = 0;
  why[0] = '\0';
  enum frank_err err = frank_fpga_place_read(device, &place, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (options->variant != NULL && !frank_fpga_variant_read(options->variant, &unroll)) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "fpga has no variant \"%.31s\"; it has u1, u2, u4 to u64, the rounds per cycle",
                   options->variant);
    return FRANK_ERR_UNSUPPORTED;
  }
  struct frank_engine_ctx *ctx = calloc(1, sizeof *ctx);
  if (ctx == NULL) {
    return FRANK_ERR_NOMEM;
  }
  frank_fpga_place_describe(device, &place, &ctx->info);
  err = place.bus == FRANK_FPGA_BUS_SIM
            ? open_sim(unroll, &bus, why)
            : err_of(frank_bus_tcp_open(place.address, &tcp_options, &bus, why));
  if (err == FRANK_OK) {
    err = err_of(frank_fpga_open(bus, NULL, &ctx->core, why));
  }
  if (err == FRANK_OK && unroll != 0 && frank_fpga_params(ctx->core)->unroll != unroll) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the core at %s is u%u, not u%u",
                   place.address != NULL ? place.address : device,
                   frank_fpga_params(ctx->core)->unroll, unroll);
    err = FRANK_ERR_UNSUPPORTED;
  }
  if (err != FRANK_OK) {
    fpga_close(&ctx);
    return err;
  }
  describe_core(ctx, &place);
  *out = ctx;
  return FRANK_OK;
}

static void fpga_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  *info = ctx->info;
}

/* ---- searching ---- */

static void make_job(const struct frank_slice *slice, struct frank_fpga_job *job)
{
  memcpy(job->init, slice->init, sizeof job->init);
  memcpy(job->block, slice->block, sizeof job->block);
  job->kw = slice->kw;
  job->blocks = slice->blocks;
  job->counter_word = slice->counter_word;
  job->may_stop = slice->may_stop;
  job->stop_at = slice->stop_at;
  job->bound = slice->bound;
  job->first = slice->first;
  job->count = slice->count;
}

static void take_result(const struct frank_engine_ctx *ctx, const struct frank_fpga_result *result,
                        struct frank_scan *scan)
{
  memset(scan, 0, sizeof *scan);
  scan->attempts = result->attempts;
  scan->cycles = ctx->info.simulated != 0 ? result->cycles : 0;
  scan->overflow = result->overflow;
  scan->hit_count =
      result->hit_count < FRANK_SCAN_HITS ? result->hit_count : (uint32_t)FRANK_SCAN_HITS;
  memcpy(scan->hits, result->hits, scan->hit_count * sizeof scan->hits[0]);
}

static enum frank_err search(struct frank_engine_ctx *ctx, size_t n)
{
  enum frank_fpga_err err = frank_fpga_search(ctx->core, ctx->jobs, n, ctx->results);
  if (err == FRANK_FPGA_OK) {
    return FRANK_OK;
  }
  (void)snprintf(ctx->failure, sizeof ctx->failure, "%s", frank_fpga_failure(ctx->core));
  tell_health(frank_fpga_health(ctx->core), ctx->failure, sizeof ctx->failure);
  return err == FRANK_FPGA_ERR_NOMEM ? FRANK_ERR_NOMEM : FRANK_ERR_DEVICE;
}

/* A job that came behind another whose hits filled the FIFO may have lost nearly all of its own: it
 * is run again, alone. */
static enum frank_err search_cut_off(struct frank_engine_ctx *ctx, const struct frank_slice *slice,
                                     struct frank_scan *scan)
{
  if (!scan->overflow || scan->hit_count == FRANK_SCAN_HITS) {
    return FRANK_OK;
  }
  make_job(slice, &ctx->jobs[0]);
  enum frank_err err = search(ctx, 1);
  if (err == FRANK_OK) {
    uint64_t cycles = scan->cycles;
    take_result(ctx, &ctx->results[0], scan);
    scan->cycles += cycles;
  }
  return err;
}

static enum frank_err fpga_scan(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                                size_t n, struct frank_scan *results)
{
  enum frank_err err = FRANK_OK;
  ctx->failure[0] = '\0';
  for (size_t from = 0; from < n && err == FRANK_OK; from += JOBS_MAX) {
    size_t count = n - from < JOBS_MAX ? n - from : JOBS_MAX;
    for (size_t i = 0; i < count; i++) {
      make_job(&slices[from + i], &ctx->jobs[i]);
    }
    err = search(ctx, count);
    for (size_t i = 0; i < count && err == FRANK_OK; i++) {
      take_result(ctx, &ctx->results[i], &results[from + i]);
    }
    for (size_t i = 0; i < count && err == FRANK_OK; i++) {
      err = search_cut_off(ctx, &slices[from + i], &results[from + i]);
    }
  }
  return err;
}

static const char *fpga_failure(const struct frank_engine_ctx *ctx)
{
  return ctx->failure[0] != '\0' ? ctx->failure : NULL;
}

static uint64_t fpga_lies(const struct frank_engine_ctx *ctx)
{
  const struct frank_fpga_health *health = frank_fpga_health(ctx->core);
  return health->wrong_hits + health->known_answer_misses;
}

static bool fpga_has_variant(const char *variant)
{
  unsigned unroll = 0;
  return frank_fpga_variant_read(variant, &unroll);
}

const struct frank_engine frank_engine_fpga = {
    .name = "fpga",
    .probe = fpga_probe,
    .by_name = fpga_by_name,
    .open = fpga_open,
    .scan = fpga_scan,
    .info = fpga_info,
    .close = fpga_close,
    .failure = fpga_failure,
    .lies = fpga_lies,
    .has_variant = fpga_has_variant,
};
