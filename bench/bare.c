#include "bench/bare.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/crew.h"
#include "bench/energy.h"
#include "engine/unroll.h"
#include "proof/plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_S 0.05
/* A simulated cycle takes some ten to a hundred times as long as one in hardware: so that loading a
 * job is as small a part of it as there, slices are longer. */
#define SIMULATED_SLICE_S 0.5
/* Of a slice, where they are counted: a busy machine would make it so short that to fill a core's
 * pipeline took a share of it. */
#define CYCLES_MIN 100000.0
#define COUNTERS   (UINT64_C(1) << 32)

/* ---- one search ---- */

struct search {
  struct frank_plan plan;
  struct frank_nonce nonce;
  struct frank_slice slice;
  uint32_t kw[(FRANK_PLAN_BLOCKS_MAX - 1) * 64];
  uint64_t next;
  char b[BENCH_B_BYTES];
};

/* What a member says before and after. */
struct ready {
  struct frank_device_info info;
  uint32_t blocks;
};

struct found {
  uint64_t attempts;
  uint64_t cycles;
  uint64_t searched_us;
  double clock_hz; /* the mean while it searched; 0: not known */
  bool has_joules; /* of the first member: all members search at the same time */
  double joules;
};

static bool is_cpu(const char *engine)
{
  return strcmp(engine, "cpu") == 0;
}

static const char *given(const char *text)
{
  return text && text[0] != '\0' ? text : NULL;
}

/* A member's copy of the work. */
struct work {
  const struct bench_bare_task *task;
  const struct frank_engine *engine;
  struct frank_engine_ctx *ctx;
  uint64_t slice_count; /* counters of a slice */
  struct search search;
};

static enum frank_err search_init(struct search *search, const struct bench_shape *shape,
                                  uint64_t factor)
{
  struct bench_random random;
  uint8_t start[40];
  uint8_t tail[FRANK_PLAN_TAIL_MAX_BYTES];
  bench_random_init(&random);
  size_t b_len = bench_shape_b(shape, &random, search->b);
  enum frank_err err = frank_plan_make(b_len, factor, &search->plan);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < sizeof start; i++) {
    start[i] = (uint8_t)bench_random_next(&random);
  }
  frank_plan_nonce_start(&search->plan, start, &search->nonce);
  frank_plan_tail(&search->plan, search->b, tail);
  for (size_t block = 1; block < search->plan.blocks; block++) {
    uint32_t words[16];
    frank_sha256_load(tail + (block - 1) * 64, words);
    frank_sha256_expand(words, search->kw + (block - 1) * 64);
  }
  search->next = 0;
  frank_plan_first_block(&search->plan, &search->nonce, search->b, search->slice.block);
  return FRANK_OK;
}

/* One slice of at most `count` counters. With a bound of 0 nothing is found in any time that we
 * have (once in 2^32 attempts), so all that is measured is the search. */
static enum frank_err search_slice(struct work *work, uint64_t count, struct found *found)
{
  struct search *search = &work->search;
  struct frank_slice *slice = &search->slice;
  struct frank_scan scan;
  if (search->next == COUNTERS) {
    frank_plan_nonce_next(&search->plan, &search->nonce);
    frank_plan_first_block(&search->plan, &search->nonce, search->b, slice->block);
    search->next = 0;
  }
  memcpy(slice->init, search->plan.init, sizeof slice->init);
  slice->kw = search->kw;
  slice->blocks = search->plan.blocks;
  slice->counter_word = search->plan.counter_word;
  slice->may_stop = false;
  slice->stop_at = 0;
  slice->bound = 0;
  slice->first = (uint32_t)search->next;
  slice->count = count < COUNTERS - search->next ? count : COUNTERS - search->next;
  uint64_t start_us = frank_clock_now_us();
  enum frank_err err = work->engine->scan(work->ctx, slice, 1, &scan);
  if (err == FRANK_OK) {
    search->next += slice->count;
    found->searched_us += frank_clock_now_us() - start_us;
    found->attempts += scan.attempts;
    found->cycles += scan.cycles;
  }
  return err;
}

/* ---- in the process of a member ---- */

static double slice_s(const struct frank_device_info *info)
{
  return info->simulated != 0 ? SIMULATED_SLICE_S : SLICE_S;
}

static uint64_t within(double count)
{
  return count < 1024 ? 1024 : count > 1e9 ? 1000000000 : (uint64_t)count;
}

/* Also times one slice, to learn how many counters take SLICE_S; it warms the core up. */
static enum frank_err prepare(void *arg, size_t member, void *message, char *why)
{
  struct work *work = arg;
  struct ready *ready = message;
  const struct bench_bare_task *task = work->task;
  const struct frank_engine_options options = {
      .variant = given(task->variant), .bind = true, .cache_dir = given(task->cache_dir)};
  struct found found = {0};
  enum frank_err err = frank_engine_open(task->devices[member].name, &options, &work->engine,
                                         &work->ctx, &ready->info, why);
  if (err == FRANK_OK) {
    err = search_init(&work->search, task->shape, task->factor);
  }
  if (err == FRANK_OK) {
    ready->blocks = work->search.plan.blocks;
    err = search_slice(
        work, within(ready->info.rate_hps * slice_s(&ready->info) * 2 / ready->blocks), &found);
  }
  uint64_t took_us = found.searched_us > 0 ? found.searched_us : 1;
  work->slice_count =
      within((double)found.attempts * slice_s(&ready->info) * 1e6 / (double)took_us);
  if (found.cycles > 0) {
    uint64_t least = within((double)found.attempts * CYCLES_MIN / (double)found.cycles);
    work->slice_count = work->slice_count > least ? work->slice_count : least;
  }
  return err;
}

/* A core's clock is asked between the slices: it moves while we search, and the limit with it. */
static enum frank_err run(void *arg, size_t member, uint32_t seconds, void *message, char *why)
{
  struct work *work = arg;
  struct found *found = message;
  struct bench_energy energy;
  char energy_why[BENCH_WHY_BYTES];
  bool counts =
      member == 0 && bench_energy_start(BENCH_ENERGY_ROOT, &energy, energy_why) == FRANK_OK;
  uint64_t until_us = frank_clock_now_us() + seconds * FRANK_US_PER_S;
  uint64_t slices = 0;
  double clocks_hz = 0;
  bool is_core = is_cpu(work->engine->name);
  enum frank_err err = FRANK_OK;
  do { /* one at least, even where this process stood still for all of the time */
    err = search_slice(work, work->slice_count, found);
    clocks_hz += is_core ? bench_limit_clock_hz() : 0;
    slices++;
  } while (err == FRANK_OK && frank_clock_now_us() < until_us);
  found->has_joules = counts && bench_energy_read(&energy, &found->joules, energy_why) == FRANK_OK;
  found->clock_hz = clocks_hz / (double)slices;
  work->engine->close(&work->ctx);
  if (err == FRANK_OK && (found->searched_us == 0 || found->attempts == 0)) {
    err = FRANK_ERR_DEVICE;
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "its search failed");
  }
  return err;
}

/* ---- all together ---- */

static void add_up(const struct bench_bare_task *task, const struct ready *readies,
                   const struct found *founds, struct bench_bare *out)
{
  for (size_t i = 0; i < task->device_count; i++) {
    out->rate_hps += (double)founds[i].attempts * 1e6 / (double)founds[i].searched_us;
    out->attempts += (double)founds[i].attempts;
    out->cycles += (double)founds[i].cycles;
    out->simulated = out->simulated || readies[i].info.simulated != 0;
  }
  (void)snprintf(out->variant, sizeof out->variant, "%s", readies[0].info.variant);
  out->blocks = readies[0].blocks;
  unsigned unroll = 0;
  if (strcmp(readies[0].info.engine, "fpga") == 0 && out->variant[0] == 'u' &&
      frank_unroll_parse(out->variant + 1, &unroll)) {
    out->per_cycle = unroll / (64.0 * out->blocks);
  }
  out->has_joules = founds[0].has_joules;
  out->joules = founds[0].joules;
}

/* What the units of each core do in a cycle, at the clock that it had when it searched. The limit
 * of all is known only where that of each is. */
static enum frank_err bound(const struct bench_bare_task *task, const struct ready *readies,
                            const struct found *founds, struct bench_bare *out, char *why)
{
  struct frank_plan plan;
  struct bench_ports *ports = NULL;
  bool known = true;
  bool plain_known = true;
  if (!is_cpu(readies[0].info.engine)) {
    (void)snprintf(out->limit_text, sizeof out->limit_text, "only known for CPU code paths");
    return FRANK_OK;
  }
  enum frank_err err = frank_plan_make(bench_shape_b_len(task->shape), task->factor, &plan);
  if (err == FRANK_OK) {
    ports = calloc(task->device_count, sizeof *ports);
    err = ports ? bench_limit_measure_all(task->devices, task->device_count, ports, why)
                : FRANK_ERR_NOMEM;
  }
  if (err == FRANK_ERR_UNSUPPORTED || err == FRANK_ERR_TIMEOUT) {
    (void)snprintf(out->limit_text, sizeof out->limit_text, "%.180s", why);
    err = FRANK_OK;
    known = false;
    plain_known = false;
  }
  for (size_t i = 0; err == FRANK_OK && known && i < task->device_count; i++) {
    char text[BENCH_LIMIT_TEXT_BYTES];
    double hps = 0;
    bench_limit_keep_best(&task->ports[i], &ports[i]);
    bench_limit_set_clock(&task->ports[i], founds[i].clock_hz);
    known = bench_limit_hps(&task->ports[i], out->variant, &plan, &hps, out->limit_text,
                            sizeof out->limit_text);
    out->limit_hps += hps;
    plain_known = plain_known && bench_limit_plain_hps(&task->ports[i], out->variant, &plan, &hps,
                                                       text, sizeof text);
    out->plain_hps += hps;
  }
  out->limit_hps = known ? out->limit_hps : 0;
  out->plain_hps = known && plain_known ? out->plain_hps : 0;
  free(ports);
  return err;
}

enum frank_err bench_bare_run(const struct bench_bare_task *task, struct bench_bare *out, char *why)
{
  struct work *work = calloc(1, sizeof *work);
  struct ready *readies = calloc(task->device_count, sizeof *readies);
  struct found *founds = calloc(task->device_count, sizeof *founds);
  enum frank_err err = FRANK_ERR_NOMEM;
  *out = (struct bench_bare){0};
  (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
  if (work && readies && founds) {
    const struct bench_crew_work crew = {.name = "the search",
                                         .devices = task->devices,
                                         .members = task->device_count,
                                         .seconds = task->seconds,
                                         .binds_itself = true,
                                         .prepare = prepare,
                                         .run = run,
                                         .arg = work,
                                         .ready_bytes = sizeof *readies,
                                         .result_bytes = sizeof *founds};
    work->task = task;
    err = bench_crew_run(&crew, readies, founds, why);
  }
  if (err == FRANK_OK) {
    add_up(task, readies, founds, out);
    err = bound(task, readies, founds, out, why);
  }
  free(work);
  free(readies);
  free(founds);
  return err;
}
