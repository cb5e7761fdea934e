/*
 * launch: what a search hands to the kernel, made from slices that OpenSSL knows the answers of
 * (tests/conformance/oracle.h), and the check of what comes back.
 */
#ifndef FRANK_TESTS_OPENCL_LAUNCH_H
#define FRANK_TESTS_OPENCL_LAUNCH_H

#include "kernels/layout.h"
#include "oracle.h"

#include <stddef.h>
#include <stdint.h>

#define LAUNCH_SLICES_MAX 8
#define LAUNCH_PARTS_MAX  64
#define LAUNCH_KW_MAX     (LAUNCH_SLICES_MAX * (FRANK_PLAN_BLOCKS_MAX - 1) * 64)

/* A scan: slices, the parts of its launches, and the results, one more than there are slices: that
 * one nobody may touch. Whoever runs it copies what is used into buffers of exactly that length, so
 * that a sanitizer sees what lies beyond. */
struct launch_scan {
  uint32_t item;
  uint32_t local_size;
  const struct oracle_slice *of[LAUNCH_SLICES_MAX];
  struct frank_kernel_slice slices[LAUNCH_SLICES_MAX];
  size_t slice_count;
  struct frank_kernel_part parts[LAUNCH_PARTS_MAX]; /* of the launch being made */
  uint32_t part_count;
  uint32_t group_count;
  struct frank_kernel_part done[LAUNCH_PARTS_MAX]; /* of launches before */
  size_t done_count;
  uint32_t kw[LAUNCH_KW_MAX + 1];
  size_t kw_words; /* at least 1: there is no empty buffer */
  struct frank_kernel_result results[LAUNCH_SLICES_MAX + 1];
};

/* An empty scan: `item` and `local_size` as in native.h. */
void launch_begin(struct launch_scan *scan, uint32_t item, uint32_t local_size);

/* Adds a slice, whose bound, stop_at and may_stop are set; `of` stays the caller's and alive. The
 * answer is its number. */
uint32_t launch_add_slice(struct launch_scan *scan, const struct oracle_slice *of);

/* Adds the counters first to last of a slice to the next launch. */
void launch_add_part(struct launch_scan *scan, uint32_t slice, uint32_t first, uint32_t last);

/* The parts were searched; the next launch has none yet. */
void launch_next(struct launch_scan *scan);

/* Asserts that `results` are what layout.h promises for all counters searched. */
void launch_assert_results(const struct launch_scan *scan);

#endif
