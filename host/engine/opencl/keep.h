/*
 * keep: what is kept of a device between runs, in one file: its tuning, and the program built so,
 * as the driver's own binary. So a device is tuned once, and opens in a moment from then on.
 *
 * The file is made for the device, its driver and our source: when one of them changes it counts as
 * absent, and is replaced.
 */
#ifndef FRANK_ENGINE_OPENCL_KEEP_H
#define FRANK_ENGINE_OPENCL_KEEP_H

#include "engine/opencl/device.h"
#include "engine/opencl/program.h"
#include "engine/opencl/tuning.h"

/* Reads the file in `dir` and loads its program, which is the caller's. FRANK_ERR_NOT_FOUND: there
 * is none to be used; `why` says what is wrong with the file, or is empty where nothing is. */
FRANK_MUST_CHECK enum frank_err frank_cl_keep_load(const char *dir,
                                                   const struct frank_cl_seat *seat,
                                                   const struct frank_cl_device *device,
                                                   struct frank_cl_tuned *tuned,
                                                   cl_program *program, char *why);

/* Writes it. What goes wrong costs time at the next start, nothing else; `why` says what. */
FRANK_MUST_CHECK enum frank_err frank_cl_keep_store(const char *dir,
                                                    const struct frank_cl_seat *seat,
                                                    const struct frank_cl_device *device,
                                                    const struct frank_cl_tuned *tuned,
                                                    cl_program program, char *why);

#endif
