/*
 * searcher: a small host program for the search kernel: opens an OpenCL device, builds the kernel
 * for one shape, and searches the parts of a scan (launch.h). Its calls are those that an engine
 * makes, one launch at a time, and it says at which of them things went wrong.
 */
#ifndef FRANK_TESTS_OPENCL_SEARCHER_H
#define FRANK_TESTS_OPENCL_SEARCHER_H

#include "cl_calls.h"
#include "launch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum searcher_buffer {
  BUFFER_SLICES,
  BUFFER_PARTS,
  BUFFER_KW,
  BUFFER_RESULTS,
  BUFFER_NEXT_GROUP,
  BUFFER_COUNT
};

/* A device and what was made on it. Zero before the first call; searcher_close frees it. */
struct searcher {
  cl_platform_id platform;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue;
  cl_program program;
  cl_kernel kernel;
  cl_mem buffers[BUFFER_COUNT];
  int called[2]; /* a pipe: the event's callback writes its status there */
  bool was_called;
  cl_int called_status;
  bool called_elsewhere; /* by another thread than the one that searches */
  int patience_ms;       /* how long it waits for the callback */
  const char *call;      /* the OpenCL call that is being made, or that failed, */
  cl_int error;          /* and what it answered */
};

/* Opens the first device of the first platform, with a context and a queue. False on an error. */
bool searcher_open(struct searcher *s);

/* Builds the kernel for a shape, from `source`, in place of one that was built. */
bool searcher_build(struct searcher *s, const char *source, size_t source_bytes, uint32_t vector,
                    uint32_t groups, uint32_t item);
bool searcher_build_options(struct searcher *s, const char *source, size_t source_bytes,
                            const char *options);
/* The same from the binary of a program that was built. */
bool searcher_build_binary(struct searcher *s, const unsigned char *binary, size_t bytes,
                           const char *options);

/* Searches the parts that were added since the last time; the scan's results go on. The launch's
 * callback is waited for, `patience_ms` at most; was_called says whether it came. False on an
 * error, of which a launch that ended with a negative status is one ("event"). */
bool searcher_run(struct searcher *s, struct launch_scan *scan);

void searcher_close(struct searcher *s);

#endif
