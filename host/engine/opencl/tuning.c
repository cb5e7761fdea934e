/*
 * tuning: a table of shapes, built and measured in turn.
 */
#include "engine/opencl/tuning.h"

#include "base/clock.h"
#include "engine/opencl/search.h"
#include "proof/sha256.h"

#include <stdio.h>
#include <string.h>

#define BUDGET_US      (10 * FRANK_US_PER_S) /* begins no further shape after this */
#define MEASURE_US     60000U
#define CPU_ITEM       4096U
#define GPU_ITEM       256U
#define GPU_LOCAL      64U
#define CLEARLY_FASTER 1.03
#define VECTOR_MAX     16U
#define GROUPS_MAX     2U
#define LOCAL_MAX      1024U

/* Shapes by the device's own vector width, the likeliest first: where time runs out, the others
 * are left out. */
static const struct candidate {
  uint32_t times; /* the vector is that many times ... */
  uint32_t parts; /* ... a part of the device's */
  uint32_t groups;
} candidates[] = {
    {.times = 1, .parts = 1, .groups = 1}, {.times = 1, .parts = 1, .groups = 2},
    {.times = 2, .parts = 1, .groups = 1}, {.times = 4, .parts = 1, .groups = 1},
    {.times = 1, .parts = 2, .groups = 2},
};

/* Work-groups of a GPU, tried with the best shape. */
static const uint32_t gpu_local_items[] = {64, 128, 256};

static struct frank_cl_shape usual_shape(const struct frank_cl_device *device)
{
  return (struct frank_cl_shape){
      .vector = device->vector_width,
      .groups = 1,
      .item = device->is_cpu ? CPU_ITEM : GPU_ITEM,
      .local_items = device->is_cpu ? 1 : GPU_LOCAL,
  };
}

/* ---- names ---- */

bool frank_cl_tuning_is_sound(const struct frank_cl_shape *shape)
{
  uint32_t item = shape->item;
  return shape->vector >= 1 && shape->vector <= VECTOR_MAX &&
         (shape->vector & (shape->vector - 1)) == 0 && shape->groups >= 1 &&
         shape->groups <= GROUPS_MAX && item >= 256 && item <= 65536 && (item & (item - 1)) == 0 &&
         shape->local_items >= 1 && shape->local_items <= LOCAL_MAX;
}

void frank_cl_tuning_name(const struct frank_cl_shape *shape, char name[FRANK_CL_VARIANT_BYTES])
{
  (void)snprintf(name, FRANK_CL_VARIANT_BYTES, "uint%ux%u", (unsigned)shape->vector,
                 (unsigned)shape->groups);
}

bool frank_cl_tuning_find(const char *name, struct frank_cl_shape *shape)
{
  char known[FRANK_CL_VARIANT_BYTES];
  for (shape->vector = 1; shape->vector <= VECTOR_MAX; shape->vector *= 2) {
    for (shape->groups = 1; shape->groups <= GROUPS_MAX; shape->groups++) {
      frank_cl_tuning_name(shape, known);
      if (strcmp(name, known) == 0) {
        return true;
      }
    }
  }
  return false;
}

enum frank_err frank_cl_tuning_force(const char *name, const struct frank_cl_device *device,
                                     struct frank_cl_shape *shape, char *why)
{
  *shape = usual_shape(device);
  if (frank_cl_tuning_find(name, shape)) {
    return FRANK_OK;
  }
  (void)snprintf(
      why, FRANK_ENGINE_WHY_BYTES,
      "opencl has no variant \"%.31s\"; it has uint1x1 to uint16x2: vectors of 1, 2, 4, 8 "
      "or 16 counters, 1 or 2 side by side",
      name);
  return FRANK_ERR_UNSUPPORTED;
}

/* ---- measuring ---- */

/* Compressions per second on plans of `blocks` blocks. */
static enum frank_err measure_plan(struct frank_cl_search *search, uint8_t blocks, double *cps)
{
  static const uint32_t kw[64 * 5]; /* what they are does not matter for the speed */
  struct frank_slice slice = {
      .kw = kw, .blocks = blocks, .counter_word = 5, .bound = 0, .count = 1 << 14};
  struct frank_scan scan;
  memcpy(slice.init, frank_sha256_h, sizeof slice.init);
  uint64_t took_us = 0;
  enum frank_err err = frank_cl_search_run(search, &slice, 1, &scan); /* the first is slower */
  while (err == FRANK_OK && took_us < MEASURE_US / 2) {
    uint64_t start_us = frank_clock_now_us();
    err = frank_cl_search_run(search, &slice, 1, &scan);
    took_us = frank_clock_now_us() - start_us;
    *cps = (double)slice.count * blocks * 1e6 / (double)(took_us > 0 ? took_us : 1);
    if (slice.count >= UINT64_C(1) << 31) {
      break;
    }
    slice.count *= 2;
  }
  return err;
}

/* Short and long plans alike: their order can differ. */
static enum frank_err measure(const struct frank_cl_seat *seat, cl_program program,
                              struct frank_cl_tuned *tuned, char *why)
{
  struct frank_cl_search *search = NULL;
  double short_cps = 0;
  double long_cps = 0;
  enum frank_err err = frank_cl_search_new(seat, program, &tuned->shape, 0, &search, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = measure_plan(search, 2, &short_cps);
  if (err == FRANK_OK) {
    err = measure_plan(search, 6, &long_cps);
  }
  if (err == FRANK_OK) {
    tuned->rate_cps = 2 / (1 / short_cps + 1 / long_cps);
  } else {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the device failed while its rate was measured");
  }
  frank_cl_search_destroy(&search);
  return err;
}

/* ---- choosing ---- */

struct best {
  const struct frank_cl_seat *seat;
  struct frank_cl_tuned tuned;
  cl_program program;    /* NULL: nothing measured yet */
  enum frank_err reason; /* why the first that failed did, */
  char why[FRANK_ENGINE_WHY_BYTES];
};

/* Takes the candidate where it is clearly faster: noise does not decide. */
static void offer(struct best *best, const struct frank_cl_tuned *tuned, cl_program program)
{
  if (best->program != NULL && tuned->rate_cps < best->tuned.rate_cps * CLEARLY_FASTER) {
    if (program != best->program) {
      (void)best->seat->cl->ReleaseProgram(program);
    }
    return;
  }
  if (best->program != NULL && best->program != program) {
    (void)best->seat->cl->ReleaseProgram(best->program);
  }
  best->tuned = *tuned;
  best->program = program;
}

static void note_failure(struct best *best, enum frank_err err, const char *why)
{
  if (best->reason == FRANK_OK) {
    best->reason = err;
    (void)snprintf(best->why, sizeof best->why, "%s", why);
  }
}

static void try_shape(struct best *best, const struct frank_cl_shape *shape)
{
  struct frank_cl_tuned tuned = {.shape = *shape};
  cl_program program = NULL;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  enum frank_err err = frank_cl_program_build(best->seat, shape, &program, why);
  if (err == FRANK_OK) {
    err = measure(best->seat, program, &tuned, why);
  }
  if (err == FRANK_OK) {
    offer(best, &tuned, program);
    return;
  }
  if (program != NULL) {
    (void)best->seat->cl->ReleaseProgram(program);
  }
  note_failure(best, err, why);
}

static void try_local_items(struct best *best, uint32_t local_items)
{
  struct frank_cl_tuned tuned = best->tuned;
  char why[FRANK_ENGINE_WHY_BYTES];
  tuned.shape.local_items = local_items;
  if (local_items != best->tuned.shape.local_items &&
      measure(best->seat, best->program, &tuned, why) == FRANK_OK) {
    offer(best, &tuned, best->program);
  }
}

enum frank_err frank_cl_tuning_run(const struct frank_cl_seat *seat,
                                   const struct frank_cl_device *device,
                                   struct frank_cl_tuned *tuned, cl_program *program, char *why)
{
  struct best best = {.seat = seat};
  uint64_t end_us = frank_clock_now_us() + BUDGET_US;
  for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
    struct frank_cl_shape shape = usual_shape(device);
    shape.vector = shape.vector * candidates[i].times / candidates[i].parts;
    shape.groups = candidates[i].groups;
    bool in_time = best.program == NULL || frank_clock_now_us() < end_us;
    if (in_time && frank_cl_tuning_is_sound(&shape)) {
      try_shape(&best, &shape);
    }
  }
  if (best.program == NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", best.why);
    return best.reason;
  }
  for (size_t i = 0; i < sizeof gpu_local_items / sizeof gpu_local_items[0]; i++) {
    if (!device->is_cpu && frank_clock_now_us() < end_us) {
      try_local_items(&best, gpu_local_items[i]);
    }
  }
  *tuned = best.tuned;
  *program = best.program;
  return FRANK_OK;
}
