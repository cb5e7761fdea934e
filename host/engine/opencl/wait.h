/*
 * wait: for an event of the device, asleep.
 *
 * clWaitForEvents and clFinish spin on a CPU core in some drivers. A callback of the event wakes us
 * instead, and where a driver never calls it, a look at the event's status now and then does.
 */
#ifndef FRANK_ENGINE_OPENCL_WAIT_H
#define FRANK_ENGINE_OPENCL_WAIT_H

#include "engine/opencl/library.h"

#include <stdint.h>

/* Waits until the event is complete; for ever where it never is: a driver that hangs is for the
 * parent process to end. `expected_us`: when it is likely to be, from now. FRANK_ERR_DEVICE: the
 * command failed, and *status has OpenCL's code. */
FRANK_MUST_CHECK enum frank_err frank_cl_wait(const struct frank_cl *cl, cl_event event,
                                              uint64_t expected_us, cl_int *status);

#endif
