/*
 * kernel_as_c: kernels/search.cl as plain C. Compiled once for each shape, with -D FRANK_VECTOR and
 * FRANK_GROUPS; the counters of a work item come with the launch.
 */
#include "native.h"

#include <string.h>

/* What OpenCL's built-in functions answer. */
static _Thread_local uint32_t at_item;
static _Thread_local size_t at_group;
static _Thread_local size_t at_local_size;
static _Thread_local size_t at_local_id;

#define FRANK_ITEM                at_item
#define get_group_id(dimension)   (at_group)
#define get_local_size(dimension) (at_local_size)
#define get_local_id(dimension)   (at_local_id)

static inline uint32_t atomic_inc(volatile uint32_t *word)
{
  return __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
}

static inline uint32_t atomic_min(volatile uint32_t *word, uint32_t value)
{
  uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (value < old &&
         !__atomic_compare_exchange_n(word, &old, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}

/* OpenCL's constants cannot be static; here, several shapes go into one program. */
#define SHAPED_(name, vector, groups) name##vector##x##groups
#define SHAPED(name, vector, groups)  SHAPED_(name, vector, groups)
#define frank_k                       SHAPED(frank_k_, FRANK_VECTOR, FRANK_GROUPS)
#define hex2                          SHAPED(hex2_, FRANK_VECTOR, FRANK_GROUPS)

#include "kernels/search.cl"

#define native_run SHAPED(native_run_, FRANK_VECTOR, FRANK_GROUPS)

void native_run(const struct native_launch *launch, size_t group, size_t local_id);

void native_run(const struct native_launch *launch, size_t group, size_t local_id)
{
  at_item = launch->item;
  at_local_size = launch->local_size;
  at_group = group;
  at_local_id = local_id;
  frank_search(launch->slices, launch->parts, launch->part_count, launch->kw, launch->results,
               launch->next_group);
}
