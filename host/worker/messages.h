/*
 * messages: what frankd (or `frank`) and a frank-worker say to each other over their channel.
 *
 *     parent -> worker: OPEN once; then SLICE, several in a packet
 *     worker -> parent: READY or FAILED once; then one RESULT for each SLICE, in order
 *     probe:  `frank-worker --probe ENGINE` says one DEVICE per device, then PROBED, and exits
 *
 * Fixed layouts: both ends are the same build. The worker expands the K+W of the later blocks.
 */
#ifndef FRANK_WORKER_MESSAGES_H
#define FRANK_WORKER_MESSAGES_H

#include "base/dirs.h"
#include "engine/engine.h"
#include "proof/plan.h"

#include <stdint.h>

enum frank_worker_record {
  FRANK_WORKER_OPEN = 1, /* struct frank_worker_open */
  FRANK_WORKER_SLICE,    /* struct frank_worker_slice without the unused end of tail */
  FRANK_WORKER_READY,    /* struct frank_device_info */
  FRANK_WORKER_FAILED,   /* struct frank_worker_failed: the worker exits after it */
  FRANK_WORKER_RESULT,   /* struct frank_worker_result */
  FRANK_WORKER_DEVICE,   /* struct frank_device_info */
  /* struct frank_worker_failed: err FRANK_OK, why a device is missing or what limits them;
   * FRANK_ERR_NOT_FOUND: this build has no such engine */
  FRANK_WORKER_PROBED,
};

struct frank_worker_open {
  char device[FRANK_DEVICE_NAME_BYTES];
  char variant[32];                /* empty: the fastest */
  uint32_t bind;                   /* 1: bind to the device's place */
  int32_t nice;                    /* added to the process's nice value, 0..19 */
  char cache_dir[FRANK_DIR_BYTES]; /* what engines keep between runs; empty: nothing */
  uint32_t tune;                   /* 1: measure again what was tuned before */
};

struct frank_worker_failed {
  int32_t err;   /* enum frank_err */
  uint32_t lies; /* engine.h: lies */
  char why[FRANK_ENGINE_WHY_BYTES];
};

struct frank_worker_slice {
  uint64_t slice_id;
  uint64_t count;
  uint32_t init[8];
  uint32_t block[16];
  uint32_t first;
  uint32_t bound;
  uint32_t stop_at;
  uint8_t may_stop;
  uint8_t blocks;
  uint8_t counter_word;
  uint8_t reserved[5];
  uint8_t tail[FRANK_PLAN_TAIL_MAX_BYTES]; /* (blocks-1)*64 bytes are sent */
};
#define FRANK_WORKER_SLICE_HEAD_BYTES offsetof(struct frank_worker_slice, tail)

struct frank_worker_result {
  uint64_t slice_id;
  uint64_t attempts;
  uint64_t elapsed_us; /* inside scan */
  uint32_t hit_count;
  uint32_t overflow;
  uint32_t hits[FRANK_SCAN_HITS];
};

#endif
