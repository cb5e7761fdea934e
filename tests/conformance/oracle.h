/*
 * oracle: what OpenSSL says about a slice, and slices made from a seed.
 *
 * Nothing here uses the code under test but frank_sha256_expand, which turns the bytes of later
 * blocks into the K+W that engines get.
 */
#ifndef FRANK_TESTS_CONFORMANCE_ORACLE_H
#define FRANK_TESTS_CONFORMANCE_ORACLE_H

#include "engine/engine.h"
#include "proof/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* A slice together with the bytes it stands for. */
struct oracle_slice {
  struct frank_slice slice;
  uint8_t bytes[FRANK_PLAN_BLOCKS_MAX * 64]; /* all blocks; the counter's place holds '0' */
  uint32_t kw[(FRANK_PLAN_BLOCKS_MAX - 1) * 64];
};

/* A small generator that replays: xorshift64*. */
uint64_t oracle_random(uint64_t *state);
/* FRANK_SEED from the environment, else from the clock; printed, so that a failure replays. */
uint64_t oracle_seed(void);

/* Random bytes in all blocks, a random state before them, no hit wanted: bound and count are the
 * caller's to set. */
void oracle_fill(struct oracle_slice *out, uint64_t *random, uint8_t blocks, uint8_t counter_word);

/* The first word of the hash for one counter, by OpenSSL's compression function. */
uint32_t oracle_word(const struct oracle_slice *of, uint32_t counter);

/* The n-th smallest (0 first) first word among `count` counters from slice.first; count <= 4096. */
uint32_t oracle_nth_word(const struct oracle_slice *of, uint64_t count, size_t n);

/* Asserts that `scan` is what the contract demands of this slice: attempts, hits, overflow, the
 * rules of stopping. Goes through all counters examined. */
void oracle_assert_scan(const struct oracle_slice *of, const struct frank_scan *scan);

#endif
