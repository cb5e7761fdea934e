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
  WORLD_LIES_HIT,
  WORLD_LIES_ATTEMPTS,
  WORLD_OVERFLOWS
};

struct world_device {
  bool present;
  uint32_t handle;
  double rate_hps;
  enum world_fault fault;
  bool stops_early;
  struct frank_worker_slice queue[WORLD_QUEUE];
  size_t first, count;
  bool running; /* the head slice has been searched and ends at ends_us */
  uint64_t ends_us;
  struct frank_worker_result result;
  uint64_t busy_us; /* simulated time spent searching */
};

struct world {
  struct frank_mint *mint;
  uint64_t now_us;
  uint64_t random;
  struct world_device devices[WORLD_DEVICES];
  uint64_t lies_caught;
  uint32_t lowest_word; /* first word of the lowest hash that an honest device found */
  uint64_t slices;
};

uint64_t world_random(struct world *world);
/* 0..below-1 */
uint64_t world_below(struct world *world, uint64_t below);
void world_fill_random(void *world, uint8_t *bytes, size_t len_bytes); /* frank_mint_random_fn */

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
