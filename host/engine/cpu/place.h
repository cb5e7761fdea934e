/*
 * place: where the CPU cores are that this process may use, from hwloc.
 *
 * Cores that a cpuset, a cgroup or an affinity mask (taskset) keeps from us do not exist here, and
 * the others are numbered from 0: `cpu:N` is the N-th physical core that may be used, whatever
 * number the machine gives it. Two hardware threads of a core count once: the search fills the
 * core's arithmetic units from one of them.
 *
 * Owner: one thread. Lifetime: from new to destroy.
 */
#ifndef FRANK_ENGINE_CPU_PLACE_H
#define FRANK_ENGINE_CPU_PLACE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct frank_places;

/* Looks at the machine. FRANK_ERR_NOMEM; FRANK_ERR_DEVICE when hwloc cannot tell, with the cause
 * in `why` (FRANK_ENGINE_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err frank_places_new(struct frank_places **out, char *why);
/* Frees, sets *places to NULL. */
void frank_places_destroy(struct frank_places **places);

/* Physical cores that this process may use. */
size_t frank_places_count(const struct frank_places *places);

/* Core `i`: the CPU's model name, "package 0 core 1", the NUMA node's number in the system (-1 not
 * known). `i` below the count (asserted). */
void frank_places_describe(const struct frank_places *places, size_t i, char *model,
                           size_t model_size, char *place, size_t place_size, int32_t *numa_node);

/* Binds the calling thread to core `i`, and the memory that it touches from now on to the core's
 * NUMA node. What the system refuses (containers often refuse the second) costs speed, not
 * correctness: FRANK_ERR_DENIED, with what was refused in `why`, is no reason to give up. */
FRANK_MUST_CHECK enum frank_err frank_places_bind(const struct frank_places *places, size_t i,
                                                  char *why);

#endif
