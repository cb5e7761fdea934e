/*
 * tuning: which shape of the kernel is fastest on a device, found by building and measuring those
 * that are likely, within seconds.
 *
 * Vector width and interleave decide by 5 to 15 times, and the best differs from device to device:
 * a GPU wants single words, a CPU its vectors, two side by side where registers allow.
 */
#ifndef FRANK_ENGINE_OPENCL_TUNING_H
#define FRANK_ENGINE_OPENCL_TUNING_H

#include "engine/opencl/device.h"
#include "engine/opencl/program.h"

#define FRANK_CL_VARIANT_BYTES 32

struct frank_cl_tuned {
  struct frank_cl_shape shape;
  double rate_cps; /* compressions per second that were measured; 0: not measured */
};

/* Measures, and gives the best with its program, which is the caller's. Where time runs out it is
 * the best so far. FRANK_ERR_UNSUPPORTED where none could be built, with the reason of the first;
 * FRANK_ERR_DEVICE, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_cl_tuning_run(const struct frank_cl_seat *seat,
                                                    const struct frank_cl_device *device,
                                                    struct frank_cl_tuned *tuned,
                                                    cl_program *program, char *why);

/* "uint16x2": what people call a shape. */
void frank_cl_tuning_name(const struct frank_cl_shape *shape, char name[FRANK_CL_VARIANT_BYTES]);

/* Vector and groups of a name; the rest of *shape stays. False where there is no such shape. */
bool frank_cl_tuning_find(const char *name, struct frank_cl_shape *shape);

/* The shape of a name, with items and work-groups as they are usual on the device.
 * FRANK_ERR_UNSUPPORTED: there is no such shape; `why` tells the form. */
FRANK_MUST_CHECK enum frank_err frank_cl_tuning_force(const char *name,
                                                      const struct frank_cl_device *device,
                                                      struct frank_cl_shape *shape, char *why);

/* True for shapes that can be: what was kept in a file is not believed. */
bool frank_cl_tuning_is_sound(const struct frank_cl_shape *shape);

#endif
