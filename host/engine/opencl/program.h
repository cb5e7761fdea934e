/*
 * program: the kernel, built for one device with one set of options, from source or from a binary
 * of an earlier build.
 *
 * Owner: who made it; release after the last search with it.
 */
#ifndef FRANK_ENGINE_OPENCL_PROGRAM_H
#define FRANK_ENGINE_OPENCL_PROGRAM_H

#include "engine/opencl/library.h"

#include <stddef.h>
#include <stdint.h>

/* How a program is built and launched; tuning.h chooses it. */
struct frank_cl_shape {
  uint32_t vector;      /* counters in a vector: 1, 2, 4, 8, 16 */
  uint32_t groups;      /* vectors that a work item computes side by side: 1, 2 */
  uint32_t item;        /* counters of a work item: a power of 2, 256 to 65536 */
  uint32_t local_items; /* work items of a work-group; not a part of the program */
};

struct frank_cl_seat {
  const struct frank_cl *cl;
  cl_context context;
  cl_device_id device;
};

/* Builds from the embedded source; takes seconds. FRANK_ERR_UNSUPPORTED: the driver's compiler
 * refuses it, and `why` has the first error of its log. FRANK_ERR_DEVICE, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_cl_program_build(const struct frank_cl_seat *seat,
                                                       const struct frank_cl_shape *shape,
                                                       cl_program *program, char *why);

/* Loads a binary. FRANK_ERR_UNSUPPORTED: the driver does not take it; build it anew. */
FRANK_MUST_CHECK enum frank_err frank_cl_program_load(const struct frank_cl_seat *seat,
                                                      const uint8_t *binary, size_t len_bytes,
                                                      cl_program *program);

/* The program's binary, with `head_bytes` of room before it, malloc'd; *len_bytes includes the
 * room. FRANK_ERR_UNSUPPORTED where the driver gives none, or one over FRANK_CL_BINARY_MAX_BYTES.
 */
#define FRANK_CL_BINARY_MAX_BYTES ((size_t)64 << 20)
FRANK_MUST_CHECK enum frank_err frank_cl_program_binary(const struct frank_cl_seat *seat,
                                                        cl_program program, size_t head_bytes,
                                                        uint8_t **binary, size_t *len_bytes);

#endif
