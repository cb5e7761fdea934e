/*
 * random: the random numbers of the differential tests. The seed is printed, so that a failure can
 * be run again: FRANK_SEED=<seed> test_...
 */
#ifndef FRANK_TESTS_UNIT_RANDOM_H
#define FRANK_TESTS_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

/* From FRANK_SEED, or from the clock. Prints it. */
static inline void random_seed(void)
{
  const char *given = getenv("FRANK_SEED");

  random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
  printf("FRANK_SEED=%llu\n", (unsigned long long)random_state);
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static inline uint64_t random_u64(void)
{
  uint64_t z = random_state += 0x9e3779b97f4a7c15U;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

/* 0 to bound-1 (bound not 0); the bias of the remainder does not matter here. */
static inline size_t random_below(size_t bound)
{
  return (size_t)(random_u64() % bound);
}

static inline void random_bytes(void *out, size_t len_bytes)
{
  uint8_t *p = out;

  for (size_t i = 0; i < len_bytes; i++) {
    p[i] = (uint8_t)(random_u64() >> 56);
  }
}

#endif
