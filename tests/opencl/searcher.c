#include "searcher.h"

#include "kernels/kernels.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Makes a call that answers its error, or that sets s->error, and says whether it went well. */
#define TRY(s, name, ...)  ((s)->call = #name, (s)->error = cl.name(__VA_ARGS__), (s)->error == 0)
#define MAKE(s, name, ...) ((s)->call = #name, cl.name(__VA_ARGS__, &(s)->error))

bool searcher_open(struct searcher *s)
{
  memset(s, 0, sizeof *s);
  s->called[0] = s->called[1] = -1;
  s->patience_ms = 60000;
  if (pipe2(s->called, O_CLOEXEC) != 0) {
    s->call = "pipe";
    return false;
  }
  if (!TRY(s, clGetPlatformIDs, 1, &s->platform, NULL) ||
      !TRY(s, clGetDeviceIDs, s->platform, CL_DEVICE_TYPE_ALL, 1, &s->device, NULL)) {
    return false;
  }
  s->context = MAKE(s, clCreateContext, NULL, 1, &s->device, NULL, NULL);
  if (s->context == NULL) {
    return false;
  }
  s->queue = MAKE(s, clCreateCommandQueue, s->context, s->device, 0);
  return s->queue != NULL;
}

static void drop_program(struct searcher *s)
{
  if (s->kernel != NULL) {
    (void)cl.clReleaseKernel(s->kernel);
  }
  if (s->program != NULL) {
    (void)cl.clReleaseProgram(s->program);
  }
  s->kernel = NULL;
  s->program = NULL;
}

static bool build(struct searcher *s, const char *options)
{
  if (s->program == NULL ||
      !TRY(s, clBuildProgram, s->program, 1, &s->device, options, NULL, NULL)) {
    return false;
  }
  s->kernel = MAKE(s, clCreateKernel, s->program, FRANK_KERNEL_NAME);
  return s->kernel != NULL;
}

bool searcher_build_options(struct searcher *s, const char *source, size_t source_bytes,
                            const char *options)
{
  drop_program(s);
  s->program = MAKE(s, clCreateProgramWithSource, s->context, 1, &source, &source_bytes);
  return build(s, options);
}

bool searcher_build(struct searcher *s, const char *source, size_t source_bytes, uint32_t vector,
                    uint32_t groups, uint32_t item)
{
  char options[128];
  (void)snprintf(options, sizeof options,
                 "-cl-std=CL1.2 -D FRANK_VECTOR=%u -D FRANK_GROUPS=%u -D FRANK_ITEM=%u", vector,
                 groups, item);
  return searcher_build_options(s, source, source_bytes, options);
}

bool searcher_build_binary(struct searcher *s, const unsigned char *binary, size_t bytes,
                           const char *options)
{
  cl_int status = CL_SUCCESS;
  drop_program(s);
  s->program =
      MAKE(s, clCreateProgramWithBinary, s->context, 1, &s->device, &bytes, &binary, &status);
  return build(s, options);
}

/* ---- a launch ---- */

/* What the callback tells through the pipe. */
struct call_report {
  pthread_t thread;
  cl_int status;
};

static void CL_CALLBACK launch_ended(cl_event event, cl_int status, void *user)
{
  const struct searcher *s = user;
  struct call_report report;
  memset(&report, 0, sizeof report); /* padding travels, too */
  report.thread = pthread_self();
  report.status = status;
  (void)event;
  (void)!write(s->called[1], &report, sizeof report);
}

static void await_callback(struct searcher *s)
{
  struct pollfd watch = {.fd = s->called[0], .events = POLLIN};
  struct call_report report;
  s->was_called = poll(&watch, 1, s->patience_ms) == 1 &&
                  read(s->called[0], &report, sizeof report) == (ssize_t)sizeof report;
  if (s->was_called) {
    s->called_status = report.status;
    s->called_elsewhere = !pthread_equal(report.thread, pthread_self());
  }
}

static void drop_buffers(struct searcher *s)
{
  for (size_t i = 0; i < BUFFER_COUNT; i++) {
    if (s->buffers[i] != NULL) {
      (void)cl.clReleaseMemObject(s->buffers[i]);
      s->buffers[i] = NULL;
    }
  }
}

/* Buffers of exactly the length of what they hold, so that a checker sees what lies beyond. */
static bool fill_buffers(struct searcher *s, const struct launch_scan *scan)
{
  static const cl_uint zero;
  const struct {
    cl_mem_flags flags;
    const void *from;
    size_t bytes;
  } rows[BUFFER_COUNT] = {
      [BUFFER_SLICES] = {CL_MEM_READ_ONLY, scan->slices,
                         scan->slice_count * sizeof scan->slices[0]},
      [BUFFER_PARTS] = {CL_MEM_READ_ONLY, scan->parts, scan->part_count * sizeof scan->parts[0]},
      [BUFFER_KW] = {CL_MEM_READ_ONLY, scan->kw, scan->kw_words * sizeof scan->kw[0]},
      [BUFFER_RESULTS] = {CL_MEM_READ_WRITE, scan->results,
                          (scan->slice_count + 1) * sizeof scan->results[0]},
      [BUFFER_NEXT_GROUP] = {CL_MEM_READ_WRITE, &zero, sizeof zero},
  };
  for (size_t i = 0; i < BUFFER_COUNT; i++) {
    s->buffers[i] = MAKE(s, clCreateBuffer, s->context, rows[i].flags, rows[i].bytes, NULL);
    if (s->buffers[i] == NULL || !TRY(s, clEnqueueWriteBuffer, s->queue, s->buffers[i], CL_FALSE, 0,
                                      rows[i].bytes, rows[i].from, 0, NULL, NULL)) {
      return false;
    }
  }
  return true;
}

static bool set_args(struct searcher *s, const struct launch_scan *scan)
{
  cl_uint part_count = scan->part_count;
  return TRY(s, clSetKernelArg, s->kernel, 0, sizeof(cl_mem), &s->buffers[BUFFER_SLICES]) &&
         TRY(s, clSetKernelArg, s->kernel, 1, sizeof(cl_mem), &s->buffers[BUFFER_PARTS]) &&
         TRY(s, clSetKernelArg, s->kernel, 2, sizeof part_count, &part_count) &&
         TRY(s, clSetKernelArg, s->kernel, 3, sizeof(cl_mem), &s->buffers[BUFFER_KW]) &&
         TRY(s, clSetKernelArg, s->kernel, 4, sizeof(cl_mem), &s->buffers[BUFFER_RESULTS]) &&
         TRY(s, clSetKernelArg, s->kernel, 5, sizeof(cl_mem), &s->buffers[BUFFER_NEXT_GROUP]);
}

/* Waits for the launch and takes its results. */
static bool finish(struct searcher *s, struct launch_scan *scan, cl_event launched)
{
  cl_int status = CL_QUEUED;
  if (!TRY(s, clEnqueueReadBuffer, s->queue, s->buffers[BUFFER_RESULTS], CL_FALSE, 0,
           (scan->slice_count + 1) * sizeof scan->results[0], scan->results, 0, NULL, NULL) ||
      !TRY(s, clSetEventCallback, launched, CL_COMPLETE, launch_ended, s) ||
      !TRY(s, clFlush, s->queue)) {
    return false;
  }
  await_callback(s);
  if (!TRY(s, clFinish, s->queue) ||
      !TRY(s, clGetEventInfo, launched, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status,
           NULL)) {
    return false;
  }
  if (status != CL_COMPLETE) {
    s->call = "event";
    s->error = status;
    return false;
  }
  return true;
}

bool searcher_run(struct searcher *s, struct launch_scan *scan)
{
  const size_t local = scan->local_size;
  const size_t global = scan->group_count * local;
  cl_event launched = NULL;
  bool went_well = fill_buffers(s, scan) && set_args(s, scan) &&
                   TRY(s, clEnqueueNDRangeKernel, s->queue, s->kernel, 1, NULL, &global, &local, 0,
                       NULL, &launched) &&
                   finish(s, scan, launched);
  if (launched != NULL) {
    (void)cl.clReleaseEvent(launched);
  }
  if (!went_well) {
    (void)cl.clFinish(s->queue); /* or it would go on with buffers that are gone */
  }
  drop_buffers(s);
  launch_next(scan);
  return went_well;
}

void searcher_close(struct searcher *s)
{
  drop_buffers(s);
  drop_program(s);
  if (s->queue != NULL) {
    (void)cl.clReleaseCommandQueue(s->queue);
  }
  if (s->context != NULL) {
    (void)cl.clReleaseContext(s->context);
  }
  for (size_t i = 0; i < 2; i++) {
    if (s->called[i] >= 0) {
      (void)close(s->called[i]);
    }
  }
  memset(s, 0, sizeof *s);
  s->called[0] = s->called[1] = -1;
}
