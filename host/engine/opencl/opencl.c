/*
 * opencl: probe, open, scan, info, close over the library, devices, programs and searches.
 */
#include "engine/opencl/opencl.h"

#include "engine/opencl/device.h"
#include "engine/opencl/keep.h"
#include "engine/opencl/library.h"
#include "engine/opencl/program.h"
#include "engine/opencl/search.h"
#include "engine/opencl/tuning.h"
#include "engine/selftest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frank_engine_ctx {
  struct frank_cl_device device;
  struct frank_device_info info;
  struct frank_cl_seat seat;
  struct frank_cl_tuned tuned;
  cl_program program;
  struct frank_cl_search *search;
};

/* ---- places ---- */

/* Where the device sits, and binding near it. Neither is needed to search. *places is read when it
 * is first needed, and the caller's to destroy. */
static void settle(const struct frank_cl_device *device, struct frank_pci_places **places,
                   bool bind, struct frank_device_info *info, char *why)
{
  char unknown[FRANK_ENGINE_WHY_BYTES];
  info->numa_node = -1;
  if (device->is_cpu) {
    /* Not bound: its threads would inherit that, and are meant to run on all cores. */
    (void)snprintf(info->place, sizeof info->place, "all cores");
    return;
  }
  if (!device->has_pci || (*places == NULL && frank_pci_places_new(places, unknown) != FRANK_OK)) {
    return;
  }
  if (frank_pci_places_describe(*places, &device->pci, info->place, &info->numa_node) == FRANK_OK &&
      bind && frank_pci_places_bind(*places, &device->pci, unknown) != FRANK_OK) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", unknown); /* slower, not wrong */
  }
}

/* ---- probing ---- */

struct spot {
  cl_platform_id platform;
  bool has_pci;
  struct frank_pci_address pci;
};

struct listing {
  struct frank_device_info *list;
  struct spot *spots; /* of each in the list */
  struct frank_pci_places *places;
  size_t cap;
  size_t count;
  char *why;
};

/* The device in the list that is this one, offered by another platform; NULL. Two of one platform
 * are two, whatever it says: halves of a card share an address, and drivers that tell no domain
 * give cards of different domains the same. */
static const struct frank_device_info *find_twin(const struct listing *listing,
                                                 const struct frank_cl_device *device)
{
  for (size_t i = 0; device->has_pci && i < listing->count; i++) {
    const struct spot *other = &listing->spots[i];
    if (other->has_pci && other->platform != device->platform &&
        other->pci.domain == device->pci.domain && other->pci.bus == device->pci.bus &&
        other->pci.device == device->pci.device && other->pci.function == device->pci.function) {
      return &listing->list[i];
    }
  }
  return NULL;
}

/* Adds to the remarks, as far as there is room. */
static void __attribute__((format(printf, 2, 3)))
remark(struct listing *listing, const char *format, ...)
{
  va_list arguments;
  size_t used = strlen(listing->why);
  va_start(arguments, format);
  if (used > 0) {
    used += (size_t)snprintf(listing->why + used, FRANK_ENGINE_WHY_BYTES - used, "; ");
  }
  if (used < FRANK_ENGINE_WHY_BYTES) {
    (void)vsnprintf(listing->why + used, FRANK_ENGINE_WHY_BYTES - used, format, arguments);
  }
  va_end(arguments);
}

static bool take_device(void *arg, const struct frank_cl_device *device)
{
  struct listing *listing = arg;
  if (device->unfit != NULL) {
    remark(listing, "%s (%.40s) is left out: %s", device->name, device->model, device->unfit);
    return true;
  }
  if (listing->count == listing->cap) {
    remark(listing, "only the first %zu are listed", listing->cap);
    return false;
  }
  struct frank_device_info *info = &listing->list[listing->count];
  frank_cl_device_describe(device, info);
  settle(device, &listing->places, false, info, listing->why);
  const struct frank_device_info *twin = find_twin(listing, device);
  if (twin != NULL) {
    info->on_demand = FRANK_DEMAND_NAME;
    remark(listing, "%s is %s again, by another driver, and not used", info->name, twin->name);
  }
  listing->spots[listing->count] =
      (struct spot){.platform = device->platform, .has_pci = device->has_pci, .pci = device->pci};
  listing->count++;
  return true;
}

static enum frank_err opencl_probe(struct frank_device_info *list, size_t cap, size_t *count,
                                   char *why)
{
  const struct frank_cl *cl = NULL;
  *count = 0;
  why[0] = '\0';
  enum frank_err err = frank_cl_library_open(&cl, why);
  if (err != FRANK_OK) {
    return FRANK_OK; /* no device, and `why` says so */
  }
  struct listing listing = {
      .list = list, .spots = calloc(cap, sizeof *listing.spots), .cap = cap, .why = why};
  if (listing.spots == NULL) {
    return FRANK_ERR_NOMEM;
  }
  err = frank_cl_device_list(cl, take_device, &listing, why);
  frank_pci_places_destroy(&listing.places);
  free(listing.spots);
  *count = listing.count;
  return err == FRANK_ERR_NOT_FOUND ? FRANK_OK : err;
}

/* ---- one device ---- */

static enum frank_err take_seat(struct frank_engine_ctx *ctx, const struct frank_cl *cl, char *why)
{
  cl_int error = CL_SUCCESS;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              (cl_context_properties)ctx->device.platform, 0};
  ctx->seat.cl = cl;
  ctx->seat.device = ctx->device.id;
  ctx->seat.context = cl->CreateContext(properties, 1, &ctx->device.id, NULL, NULL, &error);
  if (error != CL_SUCCESS) {
    ctx->seat.context = NULL;
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "no context (%s)", frank_cl_error_name(error));
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

/* The program and its shape: forced, kept, or tuned and then kept. `why` may keep a remark about a
 * file in the cache folder; the device works without. */
static enum frank_err take_program(struct frank_engine_ctx *ctx,
                                   const struct frank_engine_options *options, bool *is_kept,
                                   char *why)
{
  *is_kept = false;
  if (options->variant != NULL) {
    enum frank_err err =
        frank_cl_tuning_force(options->variant, &ctx->device, &ctx->tuned.shape, why);
    return err == FRANK_OK
               ? frank_cl_program_build(&ctx->seat, &ctx->tuned.shape, &ctx->program, why)
               : err;
  }
  if (options->cache_dir != NULL && !options->tune &&
      frank_cl_keep_load(options->cache_dir, &ctx->seat, &ctx->device, &ctx->tuned, &ctx->program,
                         why) == FRANK_OK) {
    *is_kept = true;
    return FRANK_OK;
  }
  enum frank_err err =
      frank_cl_tuning_run(&ctx->seat, &ctx->device, &ctx->tuned, &ctx->program, why);
  if (err == FRANK_OK && options->cache_dir != NULL) {
    enum frank_err kept = frank_cl_keep_store(options->cache_dir, &ctx->seat, &ctx->device,
                                              &ctx->tuned, ctx->program, why);
    (void)kept; /* told in `why`, a remark */
  }
  return err;
}

/* A kept program that no longer works, since its driver has changed and did not say so, is made
 * anew: else it would fail at every start. That one is sound is for who opens the device to find
 * out. */
static enum frank_err take_search(struct frank_engine_ctx *ctx,
                                  const struct frank_engine_options *options, char *why)
{
  struct frank_engine_options own = *options;
  for (;;) {
    bool is_kept = false;
    enum frank_err err = take_program(ctx, &own, &is_kept, why);
    if (err == FRANK_OK) {
      err = frank_cl_search_new(&ctx->seat, ctx->program, &ctx->tuned.shape, ctx->tuned.rate_cps,
                                &ctx->search, why);
    }
    if (err == FRANK_OK && is_kept) {
      err = frank_selftest_run(&frank_engine_opencl, ctx, why);
    }
    if (err == FRANK_OK || !is_kept) {
      return err;
    }
    frank_cl_search_destroy(&ctx->search);
    (void)ctx->seat.cl->ReleaseProgram(ctx->program);
    ctx->program = NULL;
    own.tune = true;
  }
}

static void opencl_close(struct frank_engine_ctx **ctx)
{
  struct frank_engine_ctx *c = *ctx;
  if (c == NULL) {
    return;
  }
  frank_cl_search_destroy(&c->search);
  if (c->program != NULL) {
    (void)c->seat.cl->ReleaseProgram(c->program);
  }
  if (c->seat.context != NULL) {
    (void)c->seat.cl->ReleaseContext(c->seat.context);
  }
  free(c);
  *ctx = NULL;
}

static enum frank_err opencl_open(const char *device, const struct frank_engine_options *options,
                                  struct frank_engine_ctx **out, char *why)
{
  const struct frank_cl *cl = NULL;
  struct frank_pci_places *places = NULL;
  char unbound[FRANK_ENGINE_WHY_BYTES] = "";
  why[0] = '\0';
  enum frank_err err = frank_cl_library_open(&cl, why);
  if (err != FRANK_OK) {
    return err;
  }
  struct frank_engine_ctx *ctx = calloc(1, sizeof *ctx);
  if (ctx == NULL) {
    return FRANK_ERR_NOMEM;
  }
  err = frank_cl_device_find(cl, device, &ctx->device, why);
  if (err == FRANK_OK) {
    frank_cl_device_describe(&ctx->device, &ctx->info);
    settle(&ctx->device, &places, options->bind, &ctx->info, unbound);
    frank_pci_places_destroy(&places);
    err = take_seat(ctx, cl, why);
  }
  if (err == FRANK_OK) {
    err = take_search(ctx, options, why);
  }
  if (err != FRANK_OK) {
    opencl_close(&ctx);
    return err;
  }
  if (why[0] == '\0') {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", unbound);
  }
  frank_cl_tuning_name(&ctx->tuned.shape, ctx->info.variant);
  *out = ctx;
  return FRANK_OK;
}

static enum frank_err opencl_scan(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                                  size_t n, struct frank_scan *results)
{
  return frank_cl_search_run(ctx->search, slices, n, results);
}

static void opencl_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  *info = ctx->info;
}

static const char *opencl_failure(const struct frank_engine_ctx *ctx)
{
  return frank_cl_search_failure(ctx->search);
}

static bool opencl_has_variant(const char *variant)
{
  struct frank_cl_shape shape;
  return frank_cl_tuning_find(variant, &shape);
}

const struct frank_engine frank_engine_opencl = {
    .name = "opencl",
    .probe = opencl_probe,
    .open = opencl_open,
    .scan = opencl_scan,
    .info = opencl_info,
    .close = opencl_close,
    .failure = opencl_failure,
    .has_variant = opencl_has_variant,
};
