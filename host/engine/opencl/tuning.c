/*
 * tuning: a table of shapes, built and measured in turn.
 */
#include "engine/opencl/tuning.h"

#include "base/clock.h"
#include "engine/opencl/search.h"
#include "proof/sha256.h"

#include <stdio.h>
#include <string.h>

#define BUDGET_US      (10 * FRANK_US_PER_S) /* no further program is built after this */
#define MEASURING_US   (5 * FRANK_US_PER_S)  /* nothing further is measured after this */
#define MEASURE_US     20000U
#define PASSES         3
#define COUNT_FIRST    (UINT64_C(1) << 14)
#define COUNT_MOST     (UINT64_C(1) << 31)
#define CPU_ITEM       4096U
#define GPU_ITEM       256U
#define CLEARLY_FASTER 1.03
#define VECTOR_MAX     16U
#define GROUPS_MAX     2U
#define LOCAL_MAX      1024U

/* Programs by the device's own vector width, the likeliest first: where time runs out, the others
 * are left out. Narrower vectors than the device says it has lost wherever that was measured. */
static const struct candidate {
  uint32_t times; /* the vector is that many times the device's */
  uint32_t groups;
} candidates[] = {
    {.times = 1, .groups = 1},
    {.times = 1, .groups = 2},
    {.times = 2, .groups = 1},
    {.times = 4, .groups = 1},
};
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

/* Work-groups, each with every program. */
static const uint32_t gpu_local_items[] = {64, 128, 256};
static const uint32_t cpu_local_items[] = {1};
#define LOCALS (sizeof gpu_local_items / sizeof gpu_local_items[0])

/* Plans that are measured: short ones and long ones, for the order can differ. */
static const uint8_t plan_blocks[] = {2, 6};
#define PLANS (sizeof plan_blocks / sizeof plan_blocks[0])

static struct frank_cl_shape usual_shape(const struct frank_cl_device *device)
{
  return (struct frank_cl_shape){
      .vector = device->vector_width,
      .groups = 1,
      .item = device->is_cpu ? CPU_ITEM : GPU_ITEM,
      .local_items = device->is_cpu ? cpu_local_items[0] : gpu_local_items[0],
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

/* One shape that is measured. */
struct contender {
  struct frank_cl_shape shape;
  cl_program program; /* the trial's */
  struct frank_cl_search *search;
  uint64_t count[PLANS]; /* counters that take MEASURE_US or a little more */
  double best_cps[PLANS];
};

struct trial {
  const struct frank_cl_seat *seat;
  cl_program programs[CANDIDATES]; /* NULL where it did not build */
  struct contender contenders[CANDIDATES * LOCALS];
  size_t count;
  enum frank_err reason; /* why the first that failed did */
  char why[FRANK_ENGINE_WHY_BYTES];
};

static void note_failure(struct trial *trial, enum frank_err err, const char *why)
{
  if (trial->reason == FRANK_OK) {
    trial->reason = err;
    (void)snprintf(trial->why, sizeof trial->why, "%s", why);
  }
}

static enum frank_err measure_plan(struct contender *contender, size_t plan)
{
  static const uint32_t kw[64 * 5]; /* what they are does not matter for the speed */
  struct frank_slice slice = {.kw = kw, .blocks = plan_blocks[plan], .counter_word = 5};
  struct frank_scan scan;
  memcpy(slice.init, frank_sha256_h, sizeof slice.init);
  uint64_t took_us = 0;
  for (;;) {
    slice.count = contender->count[plan];
    uint64_t start_us = frank_clock_now_us();
    enum frank_err err = frank_cl_search_run(contender->search, &slice, 1, &scan);
    took_us = frank_clock_now_us() - start_us;
    if (err != FRANK_OK) {
      return err;
    }
    if (took_us >= MEASURE_US || slice.count >= COUNT_MOST) {
      break;
    }
    contender->count[plan] *= 2;
  }
  double cps = (double)slice.count * slice.blocks * 1e6 / (double)(took_us > 0 ? took_us : 1);
  if (cps > contender->best_cps[plan]) {
    contender->best_cps[plan] = cps;
  }
  return FRANK_OK;
}

static bool is_measured(const struct contender *contender)
{
  bool measured = contender->search != NULL;
  for (size_t plan = 0; plan < PLANS; plan++) {
    measured = measured && contender->best_cps[plan] > 0;
  }
  return measured;
}

/* One contender on every plan. One that fails is out. */
static void measure(struct trial *trial, struct contender *contender)
{
  enum frank_err err = contender->search == NULL ? FRANK_ERR_DEVICE : FRANK_OK;
  for (size_t plan = 0; plan < PLANS && err == FRANK_OK; plan++) {
    err = measure_plan(contender, plan);
  }
  if (err != FRANK_OK && contender->search != NULL) {
    char why[FRANK_ENGINE_WHY_BYTES];
    (void)snprintf(why, sizeof why, "the device failed while its rate was measured: %s",
                   frank_cl_search_failure(contender->search));
    note_failure(trial, err, why);
    frank_cl_search_destroy(&contender->search);
  }
}

/* Every contender in turn, several times, and the best counts: what slows one down for a moment is
 * other people's work. Where time runs out, those that were measured make it out among them. */
static void measure_all(struct trial *trial)
{
  uint64_t end_us = frank_clock_now_us() + MEASURING_US;
  bool any = false;
  for (size_t pass = 0; pass < PASSES; pass++) {
    for (size_t i = 0; i < trial->count; i++) {
      if (any && frank_clock_now_us() >= end_us) {
        return;
      }
      measure(trial, &trial->contenders[i]);
      any = any || is_measured(&trial->contenders[i]);
    }
  }
}

/* Compressions per second over both kinds of plan. */
static double rate_of(const struct contender *contender)
{
  double plans = 0;
  double seconds = 0; /* for one compression of each */
  for (size_t plan = 0; plan < PLANS; plan++) {
    plans++;
    seconds += 1 / contender->best_cps[plan];
  }
  return plans / seconds;
}

/* ---- choosing ---- */

static void add_contender(struct trial *trial, cl_program program,
                          const struct frank_cl_shape *shape)
{
  struct contender *contender = &trial->contenders[trial->count];
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  *contender = (struct contender){.shape = *shape, .program = program};
  enum frank_err err = frank_cl_search_new(trial->seat, program, shape, 0, &contender->search, why);
  if (err != FRANK_OK) {
    note_failure(trial, err, why);
    return;
  }
  for (size_t plan = 0; plan < PLANS; plan++) {
    contender->count[plan] = COUNT_FIRST;
  }
  trial->count++;
}

/* Builds what there is time for. */
static void build_all(struct trial *trial, const struct frank_cl_device *device)
{
  const uint32_t *locals = device->is_cpu ? cpu_local_items : gpu_local_items;
  size_t local_count = device->is_cpu ? sizeof cpu_local_items / sizeof cpu_local_items[0] : LOCALS;
  uint64_t end_us = frank_clock_now_us() + BUDGET_US;
  for (size_t i = 0; i < CANDIDATES; i++) {
    struct frank_cl_shape shape = usual_shape(device);
    char why[FRANK_ENGINE_WHY_BYTES] = "";
    shape.vector *= candidates[i].times;
    shape.groups = candidates[i].groups;
    bool in_time = trial->count == 0 || frank_clock_now_us() < end_us;
    if (!in_time || !frank_cl_tuning_is_sound(&shape)) {
      continue;
    }
    enum frank_err err = frank_cl_program_build(trial->seat, &shape, &trial->programs[i], why);
    if (err != FRANK_OK) {
      note_failure(trial, err, why);
    }
    for (size_t k = 0; k < local_count && err == FRANK_OK; k++) {
      shape.local_items = locals[k];
      add_contender(trial, trial->programs[i], &shape);
    }
  }
}

/* The first, unless a later one is clearly faster: noise does not decide. NULL where none works. */
static const struct contender *choose(const struct trial *trial)
{
  const struct contender *best = NULL;
  for (size_t i = 0; i < trial->count; i++) {
    const struct contender *contender = &trial->contenders[i];
    if (is_measured(contender) &&
        (best == NULL || rate_of(contender) > rate_of(best) * CLEARLY_FASTER)) {
      best = contender;
    }
  }
  return best;
}

enum frank_err frank_cl_tuning_run(const struct frank_cl_seat *seat,
                                   const struct frank_cl_device *device,
                                   struct frank_cl_tuned *tuned, cl_program *program, char *why)
{
  struct trial trial = {.seat = seat};
  build_all(&trial, device);
  measure_all(&trial);
  const struct contender *best = choose(&trial);
  *program = NULL;
  if (best != NULL) {
    *tuned = (struct frank_cl_tuned){.shape = best->shape, .rate_cps = rate_of(best)};
    *program = best->program;
  } else {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s", trial.why);
  }
  for (size_t i = 0; i < trial.count; i++) {
    frank_cl_search_destroy(&trial.contenders[i].search);
  }
  for (size_t i = 0; i < CANDIDATES; i++) {
    if (trial.programs[i] != NULL && trial.programs[i] != *program) {
      (void)seat->cl->ReleaseProgram(trial.programs[i]);
    }
  }
  return best != NULL ? FRANK_OK : trial.reason;
}
