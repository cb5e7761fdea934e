/*
 * search: slices on an open device: cuts them into launches, keeps two of these in flight, and
 * gathers what was found.
 *
 *     slices --plan--> launch: parts of several slices, about 50 ms of work --> queue --> kernel
 *        ^                                                                                  |
 *        +--- next launch leaves out slices that have ended <--- results of all slices <----+
 *
 * A launch is short so that a desktop stays usable and no watchdog of a driver fires; two are in
 * flight so that the device does not wait for the host. How much work 50 ms are is learned from
 * launch to launch.
 *
 * Owner: the engine's context; the program outlives it. Allocates when it is made, not while it
 * searches.
 */
#ifndef FRANK_ENGINE_OPENCL_SEARCH_H
#define FRANK_ENGINE_OPENCL_SEARCH_H

#include "engine/engine.h"
#include "engine/opencl/program.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_CL_SLICES_MAX 64U /* of one scan that are searched together */

struct frank_cl_search;

/* `rate_cps`: compressions per second to begin with; 0: unknown, so it begins with little.
 * Work-groups have shape->local_items, or as many as the device takes. FRANK_ERR_DEVICE,
 * FRANK_ERR_NOMEM; `why` says what failed. */
FRANK_MUST_CHECK enum frank_err frank_cl_search_new(const struct frank_cl_seat *seat,
                                                    cl_program program,
                                                    const struct frank_cl_shape *shape,
                                                    double rate_cps, struct frank_cl_search **out,
                                                    char *why);
void frank_cl_search_destroy(struct frank_cl_search **search);

/* Engine's scan. FRANK_ERR_DEVICE: a call failed, or what came back cannot be. */
FRANK_MUST_CHECK enum frank_err frank_cl_search_run(struct frank_cl_search *search,
                                                    const struct frank_slice *slices, size_t n,
                                                    struct frank_scan *results);

/* Why the last run failed, in a few words; "" where none did. */
const char *frank_cl_search_failure(const struct frank_cl_search *search);

#endif
