/*
 * engine: the contract between Frank and a search device.
 *
 * An engine is a table of five functions over one device. It is plain blocking code that runs in a
 * process of its own (frank-worker): no logging, no configuration, no network. It knows nothing of
 * mail: it gets slices of a search plan (proof/plan.h) and reports counters.
 *
 * What scan promises, checked for every engine by one conformance suite:
 *  - it examines the counters first, first+1, ... in a contiguous run, and `attempts` says how
 * many;
 *  - of these it reports exactly the ones whose first hash word is <= bound, up to
 *    FRANK_SCAN_HITS; when there were more, `overflow` is set and any FRANK_SCAN_HITS of them
 *    are kept;
 *  - it examines all `count`, unless `may_stop` is set and a counter whose first hash word is
 *    <= stop_at was examined: then it may stop early, with that counter among the hits or
 *    overflow set;
 *  - found and value are separate: 0 and 0xffffffff are ordinary counters.
 */
#ifndef FRANK_ENGINE_ENGINE_H
#define FRANK_ENGINE_ENGINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_SCAN_HITS          8
#define FRANK_ENGINE_WHY_BYTES   256
#define FRANK_ENGINE_DEVICES_MAX 256
#define FRANK_DEVICE_NAME_BYTES  96 /* "fpga:tcp:", a host name and a port, NUL included */

/* Hash functions that an engine can search, as a set of bits. */
#define FRANK_ENGINE_SHA256 1U

/* When a device is used. */
enum frank_demand {
  FRANK_DEMAND_USUAL,  /* where nothing is named, too */
  FRANK_DEMAND_ENGINE, /* where it or its engine is named: simulated, or sharing others' cores */
  FRANK_DEMAND_NAME    /* where it is named itself: it would only slow the others down */
};

/* One device, as told to people and to the scheduler. Fixed layout: it travels in messages. */
struct frank_device_info {
  char name[FRANK_DEVICE_NAME_BYTES]; /* "cpu:0": what --device takes; unique */
  char engine[16];                    /* "cpu" */
  char variant[32];                   /* "avx512": the code path chosen; empty before open */
  char model[96];                     /* "AMD EPYC ..." */
  char place[64];                     /* "package 0 core 1": where it sits, from hwloc */
  int32_t numa_node;                  /* -1: not known or all */
  uint32_t hashes;                    /* FRANK_ENGINE_SHA256 | ... */
  uint32_t blocks_max;                /* most blocks of a plan that it takes */
  uint32_t batch_max; /* slices that one scan call overlaps; 1: it gains nothing from more */
  uint32_t
      stops_early;    /* 1: honours may_stop within microseconds, so a long slice wastes nothing */
  uint32_t on_demand; /* enum frank_demand */
  uint32_t simulated; /* 1: a simulation; its speed says nothing about the hardware's */
  double rate_hps;    /* attempts per second on a two-block plan, measured at open; 0 before */
};

/* One slice of a search. */
struct frank_slice {
  uint32_t init[8];     /* state before block 0 */
  uint32_t block[16];   /* block 0; the counter's two words are the engine's to fill */
  const uint32_t *kw;   /* (blocks-1)*64 words: K[t]+W[t] of the later blocks; view */
  uint8_t blocks;       /* 1..blocks_max */
  uint8_t counter_word; /* 0..14: words counter_word and +1 hold the counter's 8 hex digits */
  bool may_stop;
  uint32_t stop_at; /* <= bound */
  uint32_t bound;
  uint32_t first;
  uint64_t count; /* 0..2^32; first + count <= 2^32 */
};

struct frank_scan {
  uint64_t attempts;
  uint64_t cycles;    /* simulated devices: clock cycles that it took; 0 for all others */
  uint32_t hit_count; /* 0..FRANK_SCAN_HITS */
  bool overflow;
  uint32_t hits[FRANK_SCAN_HITS]; /* counters, in no order */
};

struct frank_engine_ctx;

struct frank_engine_options {
  const char *variant;   /* force a code path ("avx512"); NULL: the fastest that runs here */
  bool bind;             /* bind the calling thread and its memory near the device */
  const char *cache_dir; /* folder for what an engine keeps between runs (engine/kept.h), which
                            need not exist yet; NULL: nothing is kept */
  bool tune;             /* measure again what was tuned before; nothing to most engines */
};

struct frank_engine {
  const char *name; /* "cpu"; also the first part of its devices' names */

  /* Lists the devices into list[0..cap), *count of them; whoever uses them heeds on_demand. An
   * engine without a device answers FRANK_OK with 0 and says why in `why` (never NULL,
   * FRANK_ENGINE_WHY_BYTES); one with devices says there what limits their use, if anything does.
   * May block for seconds, and fork. */
  enum frank_err (*probe)(struct frank_device_info *list, size_t cap, size_t *count, char *why);

  /* Describes, as probe does, a device that exists because somebody names it, such as one at an
   * address; it asks nobody whether there is one. FRANK_ERR_NOT_FOUND: that is no such name; `why`
   * says what is wrong with it. NULL: the engine has only what probe lists. */
  enum frank_err (*by_name)(const char *device, struct frank_device_info *info, char *why);

  /* Opens one device by its full name. FRANK_ERR_NOT_FOUND, FRANK_ERR_UNSUPPORTED (a forced variant
   * that cannot run here), FRANK_ERR_DEVICE, FRANK_ERR_NOMEM; `why` names the cause. */
  enum frank_err (*open)(const char *device, const struct frank_engine_options *options,
                         struct frank_engine_ctx **out, char *why);

  /* Searches `n` slices, in any order or together; results[i] belongs to slices[i]. Blocking.
   * FRANK_ERR_DEVICE: the device failed; no result is valid. */
  enum frank_err (*scan)(struct frank_engine_ctx *ctx, const struct frank_slice *slices, size_t n,
                         struct frank_scan *results);

  /* The open device; rate_hps is left to frank_engine_open. */
  void (*info)(const struct frank_engine_ctx *ctx, struct frank_device_info *info);

  /* Frees, sets *ctx to NULL. */
  void (*close)(struct frank_engine_ctx **ctx);

  /* Why the last scan failed, in a few words. NULL: the engine does not tell. */
  const char *(*failure)(const struct frank_engine_ctx *ctx);

  /* How often since open the device said what was not so, and the engine found out by itself (hits
   * that are none, known answers missed). NULL: the engine leaves that to the host. */
  uint64_t (*lies)(const struct frank_engine_ctx *ctx);

  /* True for a code path of this build that the engine has, whether or not it runs here. NULL: it
   * has none by name. */
  bool (*has_variant)(const char *variant);
};

/* Why the last scan of the device failed, in a few words; at least that it did. */
static inline const char *frank_engine_failure(const struct frank_engine *engine,
                                               const struct frank_engine_ctx *ctx)
{
  const char *told = engine->failure != NULL ? engine->failure(ctx) : NULL;
  return told != NULL ? told : "a scan failed";
}

/* ---- the registry: the engines of this build ---- */

/* The i-th engine, NULL past the end. The engines for tests come last. */
const struct frank_engine *frank_engine_at(size_t i);

/* The engine of a device name ("cpu:0" or "cpu" -> cpu); NULL where there is none. */
const struct frank_engine *frank_engine_for(const char *device);

/* True for engines that exist for tests only (null, faulty): never chosen unless named. */
bool frank_engine_is_test(const struct frank_engine *engine);

/* Opens a device as everybody should: engine->open, then the self-test by known answers, then a
 * short measurement of its rate (about 20 ms). *info is filled. A forced variant that belongs to
 * another engine is not meant for this device, and left out. A device that fails the self-test
 * is closed again: FRANK_ERR_DEVICE with the failing case in `why`. */
FRANK_MUST_CHECK enum frank_err frank_engine_open(const char *device,
                                                  const struct frank_engine_options *options,
                                                  const struct frank_engine **engine,
                                                  struct frank_engine_ctx **ctx,
                                                  struct frank_device_info *info, char *why);

#endif
