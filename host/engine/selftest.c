/*
 * selftest: the known answers, run; and the rate.
 */
#include "engine/selftest.h"

#include "base/clock.h"
#include "proof/plan.h"
#include "proof/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known_case {
  uint8_t blocks;
  uint8_t counter_word;
  uint16_t used_bytes;   /* of the message from block 0 on */
  uint16_t before_bytes; /* constant bytes hashed into init */
  uint32_t init[8];
  uint32_t first;
  uint32_t count;
  uint32_t bound;
  uint32_t hit_count;
  uint32_t hits[3]; /* the last is the one whose first hash word is the bound itself */
};

static const struct known_case known_cases[] = {
#include "engine/selftest_cases.inc"
};

#define KNOWN_CASE_COUNT (sizeof known_cases / sizeof known_cases[0])
#define TAIL_WORDS       ((size_t)(FRANK_PLAN_BLOCKS_MAX - 1) * 64)

/* Lays out the message of a case as selftest_make.py does; `kw` has TAIL_WORDS words. */
static void make_slice(const struct known_case *known, uint32_t *kw, struct frank_slice *slice)
{
  uint8_t message[FRANK_PLAN_BLOCKS_MAX * 64] = {0};
  unsigned seed = (unsigned)known->blocks + known->counter_word;
  for (unsigned i = 0; i < known->used_bytes; i++) {
    message[i] = (uint8_t)('A' + (seed * 7 + i * 11 + i / 26) % 26);
  }
  message[known->used_bytes] = 0x80;
  size_t end = (size_t)known->blocks * 64;
  uint64_t bits = ((uint64_t)known->before_bytes + known->used_bytes) * 8;
  for (unsigned i = 0; i < 8; i++) {
    message[end - 1 - i] = (uint8_t)(bits >> (8 * i));
  }

  memset(slice, 0, sizeof *slice);
  memcpy(slice->init, known->init, sizeof slice->init);
  frank_sha256_load(message, slice->block);
  for (unsigned block = 1; block < known->blocks; block++) {
    uint32_t words[16];
    frank_sha256_load(message + (size_t)block * 64, words);
    frank_sha256_expand(words, kw + (size_t)(block - 1) * 64);
  }
  slice->kw = known->blocks > 1 ? kw : NULL;
  slice->blocks = known->blocks;
  slice->counter_word = known->counter_word;
  slice->first = known->first;
  slice->count = known->count;
  slice->bound = known->bound;
}

/* True when `scan` holds exactly `count` of `hits`, in any order. */
static bool same_hits(const struct frank_scan *scan, const uint32_t *hits, uint32_t count)
{
  if (scan->hit_count != count || scan->overflow) {
    return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    bool found = false;
    for (uint32_t k = 0; k < count; k++) {
      found = found || scan->hits[k] == hits[i];
    }
    if (!found) {
      return false;
    }
  }
  return true;
}

/* What is wrong with an answer, NULL where nothing is. The slices of a case are: the bound as it
 * is; one less, which loses the last hit; every counter a hit; the same, ending early. */
enum { AT_BOUND, BELOW_BOUND, ALL_HITS, STOPPING, SLICES_PER_CASE };

static const char *judge(const struct known_case *known, unsigned which,
                         const struct frank_scan *scan)
{
  bool whole = scan->attempts == known->count;
  switch (which) {
  case AT_BOUND:
    if (!whole) {
      return "miscounts the attempts";
    }
    return same_hits(scan, known->hits, known->hit_count) ? NULL
                                                          : "does not find the known answers";
  case BELOW_BOUND:
    return whole && same_hits(scan, known->hits, known->hit_count - 1)
               ? NULL
               : "reports a counter above the bound, or misses one";
  default:
    break;
  }
  uint32_t full = known->count < FRANK_SCAN_HITS ? known->count : FRANK_SCAN_HITS;
  if (which == ALL_HITS &&
      (!whole || scan->hit_count != full || scan->overflow != (known->count > FRANK_SCAN_HITS))) {
    return "does not mark an overflow";
  }
  if (which == STOPPING && (scan->attempts == 0 || scan->attempts > known->count ||
                            scan->hit_count == 0 || scan->hit_count > FRANK_SCAN_HITS)) {
    return "does not stop early as asked";
  }
  for (uint32_t i = 0; i < scan->hit_count; i++) {
    if (scan->hits[i] - known->first >= known->count) {
      return "reports a counter outside the range";
    }
  }
  return NULL;
}

static enum frank_err run_case(const struct frank_engine *engine, struct frank_engine_ctx *ctx,
                               const struct known_case *known, uint32_t *kw, char *why)
{
  struct frank_slice slices[SLICES_PER_CASE];
  struct frank_scan scans[SLICES_PER_CASE];
  make_slice(known, kw, &slices[AT_BOUND]);
  for (unsigned i = 1; i < SLICES_PER_CASE; i++) {
    slices[i] = slices[AT_BOUND];
  }
  slices[BELOW_BOUND].bound--;
  slices[ALL_HITS].bound = UINT32_MAX;
  slices[STOPPING].bound = UINT32_MAX;
  slices[STOPPING].stop_at = UINT32_MAX;
  slices[STOPPING].may_stop = true;

  memset(scans, 0, sizeof scans);
  enum frank_err err = engine->scan(ctx, slices, SLICES_PER_CASE, scans);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "self-test: the device failed: %s",
                   frank_engine_failure(engine, ctx));
    return err;
  }
  const char *wrong = NULL;
  for (unsigned i = 0; i < SLICES_PER_CASE && wrong == NULL; i++) {
    wrong = judge(known, i, &scans[i]);
  }
  if (wrong != NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "self-test of %u blocks, counter word %u, counters from 0x%08" PRIx32
                   ": the device %s",
                   (unsigned)known->blocks, (unsigned)known->counter_word, known->first, wrong);
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

enum frank_err frank_selftest_run(const struct frank_engine *engine, struct frank_engine_ctx *ctx,
                                  char *why)
{
  struct frank_device_info info;
  engine->info(ctx, &info);
  uint32_t *kw = malloc(TAIL_WORDS * sizeof *kw);
  if (kw == NULL) {
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; i < KNOWN_CASE_COUNT && err == FRANK_OK; i++) {
    if (known_cases[i].blocks <= info.blocks_max) {
      err = run_case(engine, ctx, &known_cases[i], kw, why);
    }
  }
  free(kw);
  return err;
}

/* Shorter scans than this, or than so many of the shortest, are drowned by what it costs to start
 * one: on a device behind a line that is the way there and back. */
#define RATE_SCAN_US     2000U
#define RATE_SCAN_STARTS 4U
#define RATE_TOTAL_US    20000U
#define RATE_LIMIT_US    500000U /* for a device whose scans are still too short after that */

enum frank_err frank_selftest_rate(const struct frank_engine *engine, struct frank_engine_ctx *ctx,
                                   double *rate_hps, char *why)
{
  uint32_t kw[64];
  struct frank_slice slice;
  struct frank_scan scan;
  make_slice(&known_cases[0], kw, &slice); /* two blocks */
  slice.first = 0;
  slice.count = 64;
  slice.bound = 0;
  double best_hps = 0;
  uint64_t shortest_us = UINT64_MAX;
  bool long_enough = false;
  uint64_t begin_us = frank_clock_now_us();
  while (frank_clock_now_us() - begin_us < (long_enough ? RATE_TOTAL_US : RATE_LIMIT_US)) {
    uint64_t start_us = frank_clock_now_us();
    enum frank_err err = engine->scan(ctx, &slice, 1, &scan);
    uint64_t scan_us = frank_clock_now_us() - start_us;
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                     "the device failed while its rate was measured: %s",
                     frank_engine_failure(engine, ctx));
      return err;
    }
    /* The fastest of them: what slows a scan down for a moment is other people's work. */
    double hps = (double)scan.attempts * 1e6 / (double)(scan_us == 0 ? 1 : scan_us);
    shortest_us = scan_us < shortest_us ? scan_us : shortest_us;
    long_enough = (scan_us >= RATE_SCAN_US && scan_us >= RATE_SCAN_STARTS * shortest_us) ||
                  slice.count == UINT64_C(1) << 32;
    if (!long_enough) {
      slice.count *= 2;
      best_hps = hps; /* in case that time runs out before a scan is long enough */
    } else if (hps > best_hps) {
      best_hps = hps;
    }
  }
  *rate_hps = best_hps;
  return FRANK_OK;
}
