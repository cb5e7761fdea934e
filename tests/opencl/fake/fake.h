/*
 * fake: an OpenCL driver for tests, loaded by the real ICD loader: one platform "Fake OpenCL" with
 * one device "Fake GPU". It is a real device, if a slow one: it runs the search kernel of kernels/
 * compiled as plain C (../native.h), in an in-order queue with a thread of its own, and is strict
 * where drivers differ. What it does wrong is asked for by FRANK_FAKE_CL (faults.h).
 *
 *     icd.c      the table of functions, and how the loader finds it
 *     info.c     platform, devices, and what they say of themselves
 *     program.c  contexts, programs, kernels and their arguments
 *     queue.c    buffers, the queue and its thread, events and callbacks
 *     launch.c   one launch of the kernel, and what spoils it
 *
 * Strict means: commands wait for clFlush (or a call that implies it), data is copied when the
 * queue comes to it, and no __constant argument may be larger than
 * CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE. It knows one program, the text of kernels/kernels.h, and
 * shapes up to 4 counters wide; others fail to build, with a log.
 */
#ifndef FRANK_TESTS_OPENCL_FAKE_FAKE_H
#define FRANK_TESTS_OPENCL_FAKE_FAKE_H

/* Some of its functions are deprecated since OpenCL 2.0; ours is 1.2. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_icd.h>

#include "../native.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_DEVICES_MAX        1000
#define FAKE_GROUP_MAX          256
#define FAKE_CONSTANT_MAX_BYTES (64UL * 1024)
#define FAKE_BUFFER_MAX_BYTES   (64UL * 1024 * 1024)
#define FAKE_MEMORY_BYTES       (256UL * 1024 * 1024)
#define FAKE_VECTOR_MAX         4
#define FAKE_ARGS               6
#define FAKE_COMMANDS_MAX       256
#define FAKE_WAITS_MAX          8
#define FAKE_CALLBACKS_MAX      4
#define FAKE_LOG_BYTES          512
#define FAKE_OPTIONS_BYTES      256

enum fake_kind {
  KIND_FREED,
  KIND_PLATFORM,
  KIND_DEVICE,
  KIND_CONTEXT,
  KIND_PROGRAM,
  KIND_KERNEL,
  KIND_BUFFER,
  KIND_QUEUE,
  KIND_EVENT
};

/* What every object begins with; the loader reads the first field. */
struct fake_object {
  const cl_icd_dispatch *dispatch;
  enum fake_kind kind;
  atomic_uint refs;
};

struct _cl_platform_id {
  struct fake_object object;
};

struct _cl_device_id {
  struct fake_object object;
};

struct _cl_context {
  struct fake_object object;
};

struct _cl_program {
  struct fake_object object;
  cl_context context;
  bool is_known; /* its text is that of kernels/; set for binaries too */
  bool is_binary;
  cl_build_status status;
  const struct native_kernel *native; /* once it is built */
  uint32_t item;
  char options[FAKE_OPTIONS_BYTES];
  char log[FAKE_LOG_BYTES];
};

struct fake_args {
  bool is_set[FAKE_ARGS];
  cl_mem buffer[FAKE_ARGS];
  cl_uint number[FAKE_ARGS];
};

struct _cl_kernel {
  struct fake_object object;
  cl_program program;
  struct fake_args args; /* buffers are not retained, as OpenCL says */
};

struct _cl_mem {
  struct fake_object object;
  cl_context context;
  size_t bytes;
  uint8_t *data;
};

typedef void(CL_CALLBACK *fake_callback)(cl_event, cl_int, void *);

struct _cl_event {
  struct fake_object object;
  cl_int status;
  unsigned long launch; /* the launch that it is about, or the last one before it */
  size_t callback_count;
  struct {
    fake_callback function;
    void *user;
  } callbacks[FAKE_CALLBACKS_MAX];
};

enum fake_command_kind { COMMAND_WRITE, COMMAND_READ, COMMAND_LAUNCH };

struct fake_command {
  enum fake_command_kind kind;
  cl_event event;
  cl_uint wait_count;
  cl_event waits[FAKE_WAITS_MAX];
  /* Of a write or a read. */
  cl_mem buffer;
  size_t offset;
  size_t bytes;
  const void *from; /* of a write */
  void *to;         /* of a read */
  /* Of a launch. */
  unsigned long number;
  cl_kernel kernel;
  struct fake_args args; /* as they were when it was enqueued; buffers retained */
  size_t groups;
  size_t local_size;
};

struct _cl_command_queue {
  struct fake_object object;
  cl_context context;
  pthread_t thread;
  bool is_stopping;
  bool is_alone;    /* stopping, and nobody waits for its thread, */
  bool has_dallied; /* which has let a moment go by */
  uint64_t queued;  /* commands since it was made: enqueued, */
  uint64_t flushed; /* of these, those that the thread may begin, */
  uint64_t done;    /* and those that it has done */
  struct fake_command commands[FAKE_COMMANDS_MAX];
};

/* ---- icd.c ---- */

/* A new object of `bytes` with one reference; NULL when out of memory. */
void *fake_new(enum fake_kind kind, size_t bytes);
/* True where `object` (any struct above, or NULL) is a living one of that kind. */
bool fake_is(const void *object, enum fake_kind kind);
void fake_retain(void *object);
/* True where that was the last reference: the caller frees what it holds, then it. */
bool fake_release(void *object);

extern const cl_icd_dispatch fake_dispatch;

/* ---- info.c ---- */

cl_int fake_get_platform_ids(cl_uint cap, cl_platform_id *platforms, cl_uint *count);
cl_int fake_get_platform_info(cl_platform_id platform, cl_platform_info what, size_t size,
                              void *value, size_t *size_ret);
cl_int fake_get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint cap,
                           cl_device_id *devices, cl_uint *count);
cl_int fake_get_device_info(cl_device_id device, cl_device_info what, size_t size, void *value,
                            size_t *size_ret);
/* What CL_DRIVER_VERSION answers. */
const char *fake_driver_version(void);
/* A query's answer, as OpenCL wants it: CL_INVALID_VALUE where `size` is too small for it. */
cl_int fake_answer(const void *from, size_t from_bytes, size_t size, void *value, size_t *size_ret);

/* ---- program.c ---- */

cl_context fake_create_context(const cl_context_properties *properties, cl_uint device_count,
                               const cl_device_id *devices,
                               void(CL_CALLBACK *notify)(const char *, const void *, size_t,
                                                         void *),
                               void *user, cl_int *error);
cl_int fake_release_context(cl_context context);
cl_program fake_create_program_with_source(cl_context context, cl_uint count, const char **strings,
                                           const size_t *lengths, cl_int *error);
cl_program fake_create_program_with_binary(cl_context context, cl_uint count,
                                           const cl_device_id *devices, const size_t *lengths,
                                           const unsigned char **binaries, cl_int *statuses,
                                           cl_int *error);
cl_int fake_build_program(cl_program program, cl_uint count, const cl_device_id *devices,
                          const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                          void *user);
cl_int fake_get_program_build_info(cl_program program, cl_device_id device,
                                   cl_program_build_info what, size_t size, void *value,
                                   size_t *size_ret);
cl_int fake_get_program_info(cl_program program, cl_program_info what, size_t size, void *value,
                             size_t *size_ret);
cl_int fake_release_program(cl_program program);
cl_kernel fake_create_kernel(cl_program program, const char *name, cl_int *error);
cl_int fake_release_kernel(cl_kernel kernel);
cl_int fake_set_kernel_arg(cl_kernel kernel, cl_uint at, size_t size, const void *value);
cl_int fake_get_kernel_work_group_info(cl_kernel kernel, cl_device_id device,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_ret);

/* ---- queue.c ---- */

cl_mem fake_create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                          cl_int *error);
cl_int fake_release_mem_object(cl_mem buffer);
cl_command_queue fake_create_command_queue(cl_context context, cl_device_id device,
                                           cl_command_queue_properties properties, cl_int *error);
cl_int fake_release_command_queue(cl_command_queue queue);
cl_int fake_enqueue_write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                 size_t offset, size_t bytes, const void *host, cl_uint wait_count,
                                 const cl_event *waits, cl_event *event);
cl_int fake_enqueue_read_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                size_t offset, size_t bytes, void *host, cl_uint wait_count,
                                const cl_event *waits, cl_event *event);
cl_int fake_enqueue_ndrange_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                   const size_t *offset, const size_t *global, const size_t *local,
                                   cl_uint wait_count, const cl_event *waits, cl_event *event);
cl_int fake_flush(cl_command_queue queue);
cl_int fake_finish(cl_command_queue queue);
cl_int fake_wait_for_events(cl_uint count, const cl_event *events);
cl_int fake_get_event_info(cl_event event, cl_event_info what, size_t size, void *value,
                           size_t *size_ret);
cl_int fake_set_event_callback(cl_event event, cl_int status, fake_callback function, void *user);
cl_int fake_release_event(cl_event event);

/* ---- launch.c ---- */

/* The kernel's arguments, in the order of frank_search. */
enum fake_arg { ARG_SLICES, ARG_PARTS, ARG_PART_COUNT, ARG_KW, ARG_RESULTS, ARG_NEXT_GROUP };

/* Runs a launch, with the faults of the moment; its status for the event. */
cl_int fake_launch(const struct fake_command *command);

#endif
