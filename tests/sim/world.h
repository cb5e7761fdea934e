/*
 * world: simulated devices and a simulated clock around a real mint service.
 *
 * The devices search honestly (every hit is a true one, found by hashing), but their time is
 * simulated: a slice takes attempts / rate. Faults are switched on by the test. Everything follows
 * from a seed.
 */
#ifndef FRANK_TESTS_SIM_WORLD_H
#define FRANK_TESTS_SIM_WORLD_H

#include "mint/mint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_DEVICES 6
#define WORLD_QUEUE   160 /* slices waiting at a device: more than the service hands out */

enum world_fault {
  WORLD_HONEST,
  WORLD_HANGS,
  WORLD_LIES_HIT,      /* a hit beyond its range, as a stale one would be */
  WORLD_LIES_ATTEMPTS, /* more attempts than counters */
  WORLD_OVERFLOWS,     /* says so without hits to show */
  WORLD_REPEATS,       /* one of its true hits twice */
  WORLD_SILENT,        /* searches, and never tells a hit */
  WORLD_FAULTS
};

struct world_device {
  bool present;
  uint32_t handle;
  double rate_hps;
  uint32_t blocks_max;
  enum world_fault fault;
  bool stops_early;
  struct frank_worker_slice queue[WORLD_QUEUE];
  size_t first, count;
  bool hangs;   /* in the head slice */
  bool running; /* the head slice has been searched and ends at ends_us */
  uint64_t ends_us;
  struct frank_worker_result result;
  enum world_fault told; /* what the result is, WORLD_HONEST where the fault left it true */
  bool was_silent;       /* ever since it was added */
  uint64_t busy_us;      /* simulated time spent searching */
};

struct world {
  struct frank_mint *mint;
  uint64_t now_us;
  uint64_t random;
  struct world_device devices[WORLD_DEVICES];
  uint64_t lies_caught;
  uint64_t caught_by_fault[WORLD_FAULTS]; /* of WORLD_HONEST: true results that were not believed */
  uint32_t lowest_word; /* first word of the lowest hash that an honest device found */
  uint64_t slices;
};

uint64_t world_random(struct world *world);
/* 0..below-1 */
uint64_t world_below(struct world *world, uint64_t below);
void world_fill_random(void *world, uint8_t *bytes, size_t len_bytes); /* frank_mint_random_fn */

/* Searches a slice honestly: every hit, the first FRANK_SCAN_HITS of them and `overflow` when there
 * are more. Where it stops early, at the first hit that may. Gives the lowest first word of a hash
 * among the hits, UINT32_MAX without. */
uint32_t world_search(const struct frank_worker_slice *slice, bool stops_early,
                      struct frank_worker_result *out);

void world_device_add(struct world *world, size_t i, double rate_hps, bool stops_early,
                      uint32_t blocks_max);
void world_device_remove(struct world *world, size_t i);
/* Hands out slices until nobody takes more. */
void world_pump(struct world *world);
/* Goes to `until_us`, doing everything that is due on the way: results, ticks, watchdog. */
void world_run(struct world *world, uint64_t until_us);
/* The next moment at which something happens; FRANK_NEVER_US. */
uint64_t world_next_us(const struct world *world);

/* A random canonical base64 text of `len` characters (a multiple of 4), NUL-terminated. */
void world_random_b(struct world *world, char *b, size_t len);
/* A request with the defaults; the test changes what it wants. */
struct frank_request world_request(uint64_t tag, const char *client, uint64_t factor,
                                   const char *b);
/* Checks with OpenSSL that h = SHA-256(n || b), and by integers that `met` is true to it. */
bool world_answer_is_true(const struct frank_answer *answer, const char *b);

#endif
