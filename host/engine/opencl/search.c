/*
 * search: plans launches, enqueues them, and reads what they found.
 */
#include "engine/opencl/search.h"

#include "base/clock.h"
#include "engine/opencl/wait.h"
#include "kernels/kernels.h"
#include "kernels/layout.h"
#include "proof/plan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAUNCHES       2U
#define LAUNCH_US      50000.0
#define LAUNCH_MOST    4.0    /* times as long, where every search in it goes on unlikely long */
#define LAST_PART      1.25   /* a part may be that many times longer to end its slice */
#define RATE_FIRST_CPS 1e6    /* of a device of unknown rate: its first launch is short on any */
#define RATE_GROWS     4.0    /* at most, from one launch to the next */
#define RATE_FROM_US   1000.0 /* shorter launches measure what it costs to make one */
#define NO_STOP        UINT32_MAX
#define ALL_COUNTERS   4294967296.0

/* Slices, parts and K+W are in constant memory, of which there are 64 KiB at least, the kernel's
 * own tables included. */
#define KW_WORDS ((size_t)(48 << 10) / 4)

/* Of a slice, while its scan runs. */
struct progress {
  uint64_t launched; /* counters that launches were made for, from the slice's first on */
  bool ended;        /* all launched, or a stop was found */
};

struct launch {
  struct frank_kernel_part parts[FRANK_CL_SLICES_MAX];
  struct frank_kernel_result results[FRANK_CL_SLICES_MAX]; /* after it, of all slices */
  cl_mem parts_memory;
  uint32_t part_count;
  uint32_t groups;
  double work;   /* compressions at most, */
  double likely; /* and as many as are likely */
  uint64_t start_us;
  cl_event searched; /* the kernel has ended */
  cl_event done;     /* and what it found is read; NULL: not in flight */
};

struct frank_cl_search {
  struct frank_cl_seat seat;
  struct frank_cl_shape shape;
  cl_kernel kernel;
  cl_command_queue queue;
  cl_mem slices_memory;
  cl_mem kw_memory;
  cl_mem results_memory;
  cl_mem next_group_memory;
  double rate_cps;

  /* The scan at hand. */
  struct frank_kernel_slice slices[FRANK_CL_SLICES_MAX];
  struct frank_kernel_result results[FRANK_CL_SLICES_MAX];
  struct progress progress[FRANK_CL_SLICES_MAX];
  uint32_t kw[KW_WORDS];
  struct launch launches[LAUNCHES];
  uint64_t last_done_us;

  const char *failure; /* why, in a few words */
  bool failed;         /* the driver may still read and write this memory, whenever it likes */
  struct frank_cl_search *next_abandoned;
};

/* ---- making ---- */

static cl_mem new_memory(const struct frank_cl_seat *seat, cl_mem_flags flags, size_t size,
                         cl_int *error)
{
  return *error == CL_SUCCESS ? seat->cl->CreateBuffer(seat->context, flags, size, NULL, error)
                              : NULL;
}

static cl_int make_memory(struct frank_cl_search *s)
{
  cl_int error = CL_SUCCESS;
  s->slices_memory = new_memory(&s->seat, CL_MEM_READ_ONLY, sizeof s->slices, &error);
  s->kw_memory = new_memory(&s->seat, CL_MEM_READ_ONLY, sizeof s->kw, &error);
  s->results_memory = new_memory(&s->seat, CL_MEM_READ_WRITE, sizeof s->results, &error);
  s->next_group_memory = new_memory(&s->seat, CL_MEM_READ_WRITE, sizeof(cl_uint), &error);
  for (size_t i = 0; i < LAUNCHES; i++) {
    s->launches[i].parts_memory =
        new_memory(&s->seat, CL_MEM_READ_ONLY, sizeof s->launches[i].parts, &error);
  }
  return error;
}

/* Not more work items in a group than the device takes. */
static cl_int limit_local_items(struct frank_cl_search *s)
{
  size_t most = 0;
  cl_int error = s->seat.cl->GetKernelWorkGroupInfo(
      s->kernel, s->seat.device, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
  if (error == CL_SUCCESS && most < s->shape.local_items) {
    s->shape.local_items = most > 0 ? (uint32_t)most : 1;
  }
  return error;
}

enum frank_err frank_cl_search_new(const struct frank_cl_seat *seat, cl_program program,
                                   const struct frank_cl_shape *shape, double rate_cps,
                                   struct frank_cl_search **out, char *why)
{
  struct frank_cl_search *s = calloc(1, sizeof *s);
  if (s == NULL) {
    return FRANK_ERR_NOMEM;
  }
  s->seat = *seat;
  s->shape = *shape;
  s->rate_cps = rate_cps > 0 ? rate_cps : RATE_FIRST_CPS;
  const char *failed = "no kernel " FRANK_KERNEL_NAME;
  cl_int error = CL_SUCCESS;
  s->kernel = seat->cl->CreateKernel(program, FRANK_KERNEL_NAME, &error);
  if (error == CL_SUCCESS) {
    failed = "no size of work-groups";
    error = limit_local_items(s);
  }
  if (error == CL_SUCCESS) {
    failed = "no queue";
    s->queue = seat->cl->CreateCommandQueue(seat->context, seat->device, 0, &error);
  }
  if (error == CL_SUCCESS) {
    failed = "no memory on the device";
    error = make_memory(s);
  }
  if (error != CL_SUCCESS) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s (%s)", failed, frank_cl_error_name(error));
    frank_cl_search_destroy(&s);
    return FRANK_ERR_DEVICE;
  }
  *out = s;
  return FRANK_OK;
}

static void release_memory(const struct frank_cl_seat *seat, cl_mem memory)
{
  if (memory != NULL) {
    (void)seat->cl->ReleaseMemObject(memory);
  }
}

/* What is in flight after a failure may never end, and must not end in memory that has become
 * somebody else's. The process is not going to live long. */
static void abandon(struct frank_cl_search *s)
{
  static struct frank_cl_search *abandoned;
  s->next_abandoned = abandoned;
  abandoned = s;
}

void frank_cl_search_destroy(struct frank_cl_search **search)
{
  struct frank_cl_search *s = *search;
  if (s == NULL) {
    return;
  }
  *search = NULL;
  if (s->failed) {
    abandon(s);
    return;
  }
  release_memory(&s->seat, s->slices_memory);
  release_memory(&s->seat, s->kw_memory);
  release_memory(&s->seat, s->results_memory);
  release_memory(&s->seat, s->next_group_memory);
  for (size_t i = 0; i < LAUNCHES; i++) {
    release_memory(&s->seat, s->launches[i].parts_memory);
  }
  if (s->queue != NULL) {
    (void)s->seat.cl->ReleaseCommandQueue(s->queue);
  }
  if (s->kernel != NULL) {
    (void)s->seat.cl->ReleaseKernel(s->kernel);
  }
  free(s);
}

const char *frank_cl_search_failure(const struct frank_cl_search *search)
{
  return search->failure != NULL ? search->failure : "";
}

/* ---- the tables of a scan ---- */

static size_t kw_words(const struct frank_slice *slice)
{
  return (size_t)(slice->blocks - 1) * 64;
}

/* How many of the slices fit the tables. */
static size_t fitting(const struct frank_slice *slices, size_t n)
{
  size_t words = 0;
  size_t count = 0;
  while (count < n && count < FRANK_CL_SLICES_MAX && words + kw_words(&slices[count]) <= KW_WORDS) {
    words += kw_words(&slices[count]);
    count++;
  }
  return count;
}

static cl_int write_memory(struct frank_cl_search *s, cl_mem memory, const void *data, size_t size)
{
  return s->seat.cl->EnqueueWriteBuffer(s->queue, memory, CL_FALSE, 0, size, data, 0, NULL, NULL);
}

static cl_int write_tables(struct frank_cl_search *s, const struct frank_slice *slices, size_t n)
{
  size_t words = 0;
  for (size_t i = 0; i < n; i++) {
    const struct frank_slice *from = &slices[i];
    assert(from->blocks >= 1 && from->blocks <= FRANK_PLAN_BLOCKS_MAX);
    assert(from->counter_word <= 14);
    assert(from->blocks == 1 || from->kw != NULL);
    assert(from->count <= (UINT64_C(1) << 32) - from->first);
    struct frank_kernel_slice *to = &s->slices[i];
    *to = (struct frank_kernel_slice){
        .blocks = from->blocks,
        .counter_word = from->counter_word,
        .kw_at = (uint32_t)words,
        .bound = from->bound,
        .may_stop = from->may_stop,
        .stop_at = from->stop_at,
    };
    memcpy(to->init, from->init, sizeof to->init);
    memcpy(to->block, from->block, sizeof to->block);
    if (from->blocks > 1) {
      memcpy(&s->kw[words], from->kw, kw_words(from) * sizeof s->kw[0]);
    }
    words += kw_words(from);
    s->results[i] = (struct frank_kernel_result){.stop = NO_STOP};
    s->progress[i] = (struct progress){.ended = from->count == 0};
  }
  cl_int error = write_memory(s, s->slices_memory, s->slices, n * sizeof s->slices[0]);
  if (error == CL_SUCCESS && words > 0) {
    error = write_memory(s, s->kw_memory, s->kw, words * sizeof s->kw[0]);
  }
  if (error == CL_SUCCESS) {
    error = write_memory(s, s->results_memory, s->results, n * sizeof s->results[0]);
  }
  return error;
}

/* ---- launches ---- */

/* Keeps the reason of a call that failed. */
static enum frank_err judge(struct frank_cl_search *s, cl_int error)
{
  if (error == CL_SUCCESS) {
    return FRANK_OK;
  }
  s->failure = frank_cl_error_name(error);
  return FRANK_ERR_DEVICE;
}

/* The last counter of a part that begins at `first`: as many as `work` compressions allow, to the
 * end of a work-group; the slice's last where little would be left of it. */
static uint32_t part_end(const struct frank_cl_shape *shape, const struct frank_slice *slice,
                         uint32_t first, double work)
{
  const uint64_t whole = (uint64_t)shape->item * shape->local_items;
  uint64_t end = slice->first + slice->count; /* one past */
  double counters = work / slice->blocks;
  uint64_t base = first & ~(uint64_t)(shape->item - 1);
  uint64_t groups = counters * LAST_PART < (double)(end - base)
                        ? (uint64_t)(counters / (double)whole) + 1
                        : (end - base + whole - 1) / whole;
  uint64_t up_to = base + groups * whole;
  return (uint32_t)((up_to < end ? up_to : end) - 1);
}

/* How many of `count` counters a search is likely to look at: it may stop early. */
static double likely_of(const struct frank_slice *slice, double count)
{
  double until_stop = ALL_COUNTERS / ((double)slice->stop_at + 1);
  return slice->may_stop && until_stop < count ? until_stop : count;
}

/* Adds a part of slice `i` to the launch: all of it where that is likely to be no more work than
 * `likely`, but no more than `most`. (Both in compressions.) */
static void add_part(struct frank_cl_search *s, const struct frank_slice *slices, size_t i,
                     double likely, double most, struct launch *launch)
{
  const struct frank_slice *slice = &slices[i];
  struct progress *progress = &s->progress[i];
  struct frank_kernel_part *part = &launch->parts[launch->part_count++];
  double rest = likely_of(slice, (double)(slice->count - progress->launched)) * slice->blocks;
  part->slice = (uint32_t)i;
  part->first_group = launch->groups;
  part->first = (uint32_t)(slice->first + progress->launched);
  part->last = part_end(&s->shape, slice, part->first,
                        rest <= likely * LAST_PART || likely > most ? most : likely);
  part->base = part->first & ~(s->shape.item - 1);
  part->items = (part->last - part->base) / s->shape.item + 1;
  launch->groups += (part->items + s->shape.local_items - 1) / s->shape.local_items;
  uint64_t counters = (uint64_t)(part->last - part->first) + 1;
  progress->launched += counters;
  progress->ended = progress->launched == slice->count;
  launch->likely += likely_of(slice, (double)counters) * slice->blocks;
  launch->work += (double)counters * slice->blocks;
}

/* Fills the launch with parts of slices that have not ended. False: none is left. */
static bool plan_launch(struct frank_cl_search *s, const struct frank_slice *slices, size_t n,
                        struct launch *launch)
{
  const double likely = s->rate_cps * LAUNCH_US / 1e6;
  const double most = likely * LAUNCH_MOST;
  launch->part_count = 0;
  launch->groups = 0;
  launch->work = 0;
  launch->likely = 0;
  for (size_t i = 0; i < n && launch->likely < likely && launch->work < most; i++) {
    if (!s->progress[i].ended) {
      add_part(s, slices, i, likely - launch->likely, most - launch->work, launch);
    }
  }
  return launch->part_count > 0;
}

static cl_int set_arguments(struct frank_cl_search *s, const struct launch *launch)
{
  const struct {
    size_t size;
    const void *value;
  } arguments[] = {
      {sizeof(cl_mem), &s->slices_memory},    {sizeof(cl_mem), &launch->parts_memory},
      {sizeof(cl_uint), &launch->part_count}, {sizeof(cl_mem), &s->kw_memory},
      {sizeof(cl_mem), &s->results_memory},   {sizeof(cl_mem), &s->next_group_memory},
  };
  cl_int error = CL_SUCCESS;
  for (cl_uint i = 0; i < sizeof arguments / sizeof arguments[0] && error == CL_SUCCESS; i++) {
    error = s->seat.cl->SetKernelArg(s->kernel, i, arguments[i].size, arguments[i].value);
  }
  return error;
}

static cl_int enqueue(struct frank_cl_search *s, size_t n, struct launch *launch)
{
  static const cl_uint first_group;
  const size_t local = s->shape.local_items;
  const size_t global = (size_t)launch->groups * local;
  launch->searched = NULL; /* a driver that gives no event is not asked about an old one */
  launch->done = NULL;
  cl_int error = write_memory(s, launch->parts_memory, launch->parts,
                              launch->part_count * sizeof launch->parts[0]);
  if (error == CL_SUCCESS) {
    error = write_memory(s, s->next_group_memory, &first_group, sizeof first_group);
  }
  if (error == CL_SUCCESS) {
    error = set_arguments(s, launch);
  }
  if (error == CL_SUCCESS) {
    error = s->seat.cl->EnqueueNDRangeKernel(s->queue, s->kernel, 1, NULL, &global, &local, 0, NULL,
                                             &launch->searched);
  }
  if (error == CL_SUCCESS) {
    error = s->seat.cl->EnqueueReadBuffer(s->queue, s->results_memory, CL_FALSE, 0,
                                          n * sizeof launch->results[0], launch->results, 0, NULL,
                                          &launch->done);
  }
  if (error == CL_SUCCESS) {
    error = s->seat.cl->Flush(s->queue);
  }
  launch->start_us = frank_clock_now_us();
  return error;
}

/* Compressions that the launch came to: up to the stop, where there was one. */
static double work_done(const struct frank_cl_search *s, const struct launch *launch)
{
  double work = 0;
  for (size_t i = 0; i < launch->part_count; i++) {
    const struct frank_kernel_part *part = &launch->parts[i];
    uint32_t stop = launch->results[part->slice].stop;
    uint32_t last = stop < part->last ? stop : part->last;
    if (last >= part->first) {
      work += ((double)(last - part->first) + 1) * s->slices[part->slice].blocks;
    }
  }
  return work;
}

/* What the device does in a second, from a launch that took `took_us`. */
static void learn(struct frank_cl_search *s, const struct launch *launch, double took_us)
{
  double work = work_done(s, launch);
  double now_cps = work * 1e6 / (took_us > 0 ? took_us : 1);
  if (took_us < RATE_FROM_US && now_cps < s->rate_cps) {
    return; /* what it cost to make the launch was most of it */
  }
  double most_cps = s->rate_cps * RATE_GROWS;
  s->rate_cps += ((now_cps < most_cps ? now_cps : most_cps) - s->rate_cps) / 2;
}

/* Waits for the launch and takes its results over. */
static enum frank_err finish(struct frank_cl_search *s, size_t n, struct launch *launch)
{
  cl_int status = CL_SUCCESS;
  uint64_t began_us = launch->start_us > s->last_done_us ? launch->start_us : s->last_done_us;
  double due_us = (double)began_us + launch->likely * 1e6 / s->rate_cps;
  double now_us = (double)frank_clock_now_us();
  enum frank_err err = frank_cl_wait(s->seat.cl, launch->done,
                                     due_us > now_us ? (uint64_t)(due_us - now_us) : 0, &status);
  if (err == FRANK_OK) {
    /* A read can go well after a kernel that did not. */
    err = frank_cl_wait(s->seat.cl, launch->searched, 0, &status);
  }
  (void)s->seat.cl->ReleaseEvent(launch->searched);
  (void)s->seat.cl->ReleaseEvent(launch->done);
  launch->done = NULL;
  if (err != FRANK_OK) {
    s->failure = frank_cl_error_name(status);
    return err;
  }
  s->last_done_us = frank_clock_now_us();
  learn(s, launch, (double)(s->last_done_us - began_us));
  memcpy(s->results, launch->results, n * sizeof s->results[0]);
  for (size_t i = 0; i < n; i++) {
    s->progress[i].ended = s->progress[i].ended || s->results[i].stop != NO_STOP;
  }
  return FRANK_OK;
}

/* Launch after launch, until all slices have ended. After an error others can still be in flight.
 */
static enum frank_err run_launches(struct frank_cl_search *s, const struct frank_slice *slices,
                                   size_t n)
{
  enum frank_err err = FRANK_OK;
  size_t next = 0; /* the launch to make */
  size_t in_flight = 0;
  do {
    while (err == FRANK_OK && in_flight < LAUNCHES &&
           plan_launch(s, slices, n, &s->launches[next])) {
      err = judge(s, enqueue(s, n, &s->launches[next]));
      in_flight += err == FRANK_OK;
      next = (next + 1) % LAUNCHES;
    }
    if (err == FRANK_OK && in_flight > 0) {
      err = finish(s, n, &s->launches[(next + LAUNCHES - in_flight) % LAUNCHES]);
      in_flight--;
    }
  } while (err == FRANK_OK && in_flight > 0);
  return err;
}

/* ---- what was found ---- */

/* Turns the kernel's result into the engine's. *again: more counters were met than the kernel
 * keeps, and too few of those kept lie before the stop: they must be looked for once more, up to
 * there. */
static enum frank_err conclude(const struct frank_slice *slice,
                               const struct frank_kernel_result *result, struct frank_scan *scan,
                               bool *again)
{
  uint64_t last = slice->first + slice->count - 1;
  uint32_t kept = result->hit_count < FRANK_KERNEL_HITS ? result->hit_count : FRANK_KERNEL_HITS;
  bool stopped = result->stop != NO_STOP;
  if (stopped && (!slice->may_stop || result->stop < slice->first || result->stop > last)) {
    return FRANK_ERR_DEVICE;
  }
  uint64_t end = stopped ? result->stop : last;
  *scan = (struct frank_scan){.attempts = end - slice->first + 1};
  uint32_t count = 0;
  for (uint32_t i = 0; i < kept; i++) {
    uint32_t hit = result->hits[i];
    if (hit < slice->first || hit > last) {
      return FRANK_ERR_DEVICE;
    }
    if (hit <= end) {
      if (count < FRANK_SCAN_HITS) {
        scan->hits[count] = hit;
      }
      count++;
    }
  }
  scan->overflow = count > FRANK_SCAN_HITS;
  scan->hit_count = scan->overflow ? FRANK_SCAN_HITS : count;
  *again = result->hit_count > FRANK_KERNEL_HITS && !scan->overflow;
  return FRANK_OK;
}

static enum frank_err run_batch(struct frank_cl_search *s, const struct frank_slice *slices,
                                size_t n, struct frank_scan *results);

static bool any_counters(const struct frank_slice *slices, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (slices[i].count > 0) {
      return true;
    }
  }
  return false;
}

/* The same counters without stopping: then all that were kept count. */
static enum frank_err look_again(struct frank_cl_search *s, const struct frank_slice *slice,
                                 struct frank_scan *result)
{
  struct frank_slice all = *slice;
  if (!slice->may_stop) {
    return FRANK_ERR_DEVICE; /* it counted more than it kept, and did not keep them */
  }
  all.may_stop = false;
  all.count = result->attempts;
  return run_batch(s, &all, 1, result);
}

static enum frank_err run_batch(struct frank_cl_search *s, const struct frank_slice *slices,
                                size_t n, struct frank_scan *results)
{
  bool again[FRANK_CL_SLICES_MAX] = {false};
  enum frank_err err = FRANK_OK;
  /* Without a launch nobody would wait until the driver has read the tables. */
  if (any_counters(slices, n)) {
    err = judge(s, write_tables(s, slices, n));
    err = err == FRANK_OK ? run_launches(s, slices, n) : err;
  }
  for (size_t i = 0; i < n && err == FRANK_OK; i++) {
    results[i] = (struct frank_scan){.attempts = 0};
    if (slices[i].count > 0) {
      err = conclude(&slices[i], &s->results[i], &results[i], &again[i]);
      s->failure = err != FRANK_OK ? "it reported what cannot be" : NULL;
    }
  }
  for (size_t i = 0; i < n && err == FRANK_OK; i++) {
    if (again[i]) {
      err = look_again(s, &slices[i], &results[i]);
    }
  }
  return err;
}

enum frank_err frank_cl_search_run(struct frank_cl_search *search, const struct frank_slice *slices,
                                   size_t n, struct frank_scan *results)
{
  enum frank_err err = FRANK_OK;
  for (size_t done = 0; done < n && err == FRANK_OK;) {
    size_t count = fitting(slices + done, n - done);
    err = run_batch(search, slices + done, count, results + done);
    done += count;
  }
  search->failed = search->failed || err != FRANK_OK;
  return err;
}
