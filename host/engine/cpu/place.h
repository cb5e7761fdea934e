/*
 * place: where the CPU cores are that this process may use, from hwloc.
 *
 * Cores that a cpuset, a cgroup or an affinity mask (taskset) keeps from us do not exist here, and
 * the others are numbered from 0: place N below the number of cores is the N-th physical core that
 * may be used, whatever number the machine gives it. After them come the second hardware threads
 * (SMT siblings) of those cores that have one, in the same order; so a core's number does not
 * depend on whether siblings are used (siblings.h). Third and further threads, which few CPUs have,
 * are not counted: nobody measured them.
 *
 * Cores of different kinds (performance and efficiency) are not told apart: each is a device whose
 * own rate is measured, and the scheduler goes by that.
 *
 * Owner: one thread. Lifetime: from new to destroy.
 */
#ifndef FRANK_ENGINE_CPU_PLACE_H
#define FRANK_ENGINE_CPU_PLACE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frank_places;

/* Looks at the machine. FRANK_ERR_NOMEM; FRANK_ERR_DEVICE when hwloc cannot tell, with the cause
 * in `why` (FRANK_ENGINE_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err frank_places_new(struct frank_places **out, char *why);

/* The same for a machine that is only described, in hwloc's synthetic form ("package:2 core:4
 * pu:2"), of which the process may use the CPUs in `allowed` ("0-3,8"; NULL: all). Nothing can be
 * bound there. For tests. FRANK_ERR_MALFORMED: `why` names the description. */
FRANK_MUST_CHECK enum frank_err frank_places_new_described(const char *synthetic,
                                                           const char *allowed,
                                                           struct frank_places **out, char *why);

/* Frees, sets *places to NULL. */
void frank_places_destroy(struct frank_places **places);

/* Physical cores that this process may use; hardware threads where the system tells of no cores. */
size_t frank_places_cores(const struct frank_places *places);
/* The same and the second threads: all places. */
size_t frank_places_count(const struct frank_places *places);

/* Place `i`: the CPU's model name; "package 0 core 1", or "package 0 core 1 thread 9" for a second
 * thread, in the system's own numbers (a thread's is what taskset and /proc/cpuinfo call a CPU);
 * the NUMA node's number in the system, -1 where that is not known. `i` below the count (asserted).
 */
void frank_places_describe(const struct frank_places *places, size_t i, char *model,
                           size_t model_size, char *place, size_t place_size, int32_t *numa_node);

/* Binds the calling thread to place `i`, and the memory that it has and that it will touch to the
 * NUMA node. What the system refuses (containers often refuse the second) costs speed, not
 * correctness: FRANK_ERR_DENIED, with what was refused in `why`, is no reason to give up. */
FRANK_MUST_CHECK enum frank_err frank_places_bind(const struct frank_places *places, size_t i,
                                                  char *why);

/* The system's numbers of the two threads of one core, for measuring. False where no core has two
 * that may be used, and on a machine that is only described. */
bool frank_places_thread_pair(const struct frank_places *places, unsigned cpus[2]);

#endif
