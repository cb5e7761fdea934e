/*
 * oracle: jobs made from a seed, and what OpenSSL says about them.
 */
#ifndef FRANK_TESTS_DRIVER_ORACLE_H
#define FRANK_TESTS_DRIVER_ORACLE_H

#include "driver/core.h"

/* A job together with the bytes it stands for. It must not be moved: the job points into it. */
struct oracle_job {
  struct frank_fpga_job job;
  uint8_t bytes[FRANK_FPGA_BLOCKS_MAX * 64]; /* all blocks; the counter's place holds '0' */
  uint32_t kw[FRANK_FPGA_BLOCKS_MAX * 64];
};

/* A small generator that replays: xorshift64*. */
uint64_t oracle_random(uint64_t *state);
/* FRANK_SEED from the environment, else from the clock; printed, so that a failure replays. */
uint64_t oracle_seed(void);

/* Random bytes in all blocks, a random state before them, `count` counters from a random place,
 * and a bound that `hits` of them meet (the first 4096 of them where there are more). */
void oracle_fill(struct oracle_job *out, uint64_t *random, unsigned blocks, unsigned counter_word,
                 uint64_t count, unsigned hits);

/* `count` jobs of a few blocks and hits, some that may stop; `jobs` gets them one after the other.
 * How many compressions they take. */
uint64_t oracle_fill_jobs(struct oracle_job *made, struct frank_fpga_job *jobs, size_t count,
                          uint64_t *random);

/* The bound that `hits` counters of the job meet (the first 4096 where there are more); 0: none. */
uint32_t oracle_bound(const struct oracle_job *of, unsigned hits);

/* The first word of the hash for one counter, by OpenSSL's compression function. */
uint32_t oracle_word(const struct oracle_job *of, uint32_t counter);

/* Asserts that `result` is what core.h promises for this job. Goes through all counters
 * examined. */
void oracle_assert(const struct oracle_job *of, const struct frank_fpga_result *result);

#endif
