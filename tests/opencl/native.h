/*
 * native: the search kernel of kernels/ compiled as plain C, one work item at a time. What runs is
 * the text that OpenCL devices get; only vendor.h differs.
 *
 * Work items of one launch may run in any order, and in several threads.
 */
#ifndef FRANK_TESTS_OPENCL_NATIVE_H
#define FRANK_TESTS_OPENCL_NATIVE_H

#include "kernels/layout.h"

#include <stddef.h>
#include <stdint.h>

/* What a launch hands to the kernel (kernels/layout.h); views, which the caller keeps alive. */
struct native_launch {
  const struct frank_kernel_slice *slices;
  const struct frank_kernel_part *parts;
  uint32_t part_count;
  const uint32_t *kw;
  struct frank_kernel_result *results;
  uint32_t *next_group; /* 0 before the first group */
  uint32_t item;        /* FRANK_ITEM: counters of a work item, a power of 2, 256 to 65536 */
  uint32_t local_size;  /* work items of a group */
};

struct native_kernel {
  uint32_t vector; /* FRANK_VECTOR */
  uint32_t groups; /* FRANK_GROUPS */
  void (*run)(const struct native_launch *launch, size_t group, size_t local_id);
};

/* The i-th shape of native_list.h, NULL past the end. */
const struct native_kernel *native_kernel_at(size_t i);

/* The shape of these -D options; NULL where it is not compiled. */
const struct native_kernel *native_kernel_find(uint32_t vector, uint32_t groups);

#endif
