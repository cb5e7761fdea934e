/*
 * layout: what the host and the kernel tell each other. Compiled by both, so 32-bit words only,
 * whose layout is the same everywhere.
 *
 * A launch searches parts: a part is a range of the counters of one slice. A part takes whole
 * work-groups, and a work item of it FRANK_ITEM counters that begin at a multiple of FRANK_ITEM. At
 * the ends of a part counters are left out that nobody asked for.
 *
 *     slices   [slice 0] [slice 1] ...           the same for all launches of a scan
 *     parts    [slice 0, 0..9999] [slice 1, ...] one launch
 *     groups   0 1 2 3 4 5 6      7 8 9          part p has those from first_group on
 *     results  [slice 0] [slice 1] ...           grow from launch to launch
 */
#ifndef FRANK_KERNELS_LAYOUT_H
#define FRANK_KERNELS_LAYOUT_H

#ifdef __OPENCL_VERSION__
#define FRANK_U32 uint
#else
#include <stdint.h>
#define FRANK_U32 uint32_t
#endif

#define FRANK_KERNEL_HITS 30 /* of a slice; the count goes on */

/* One slice of a search: host/engine/engine.h says what these are. */
struct frank_kernel_slice {
  FRANK_U32 init[8];
  FRANK_U32 block[16];
  FRANK_U32 blocks;
  FRANK_U32 counter_word;
  FRANK_U32 kw_at; /* where its K+W of the later blocks begin, in words */
  FRANK_U32 bound;
  FRANK_U32 may_stop; /* 0 or 1 */
  FRANK_U32 stop_at;
  FRANK_U32 reserved[2];
};

struct frank_kernel_part {
  FRANK_U32 slice;       /* index in the table of slices */
  FRANK_U32 first_group; /* rises from part to part; the first part's is 0 */
  FRANK_U32 items; /* work items that have something to do; those beyond in its groups do not */
  FRANK_U32 base;  /* counter that item 0 begins with, a multiple of FRANK_ITEM */
  FRANK_U32 first; /* first and last counter that are asked for */
  FRANK_U32 last;
};

/* Of one slice. The host writes {0xffffffff, 0} before the first launch. */
struct frank_kernel_result {
  FRANK_U32 stop;      /* the lowest counter at or below stop_at; all before it are examined */
  FRANK_U32 hit_count; /* counters at or below the bound that were met, more than hits[] may hold */
  FRANK_U32 hits[FRANK_KERNEL_HITS];
};

#endif
