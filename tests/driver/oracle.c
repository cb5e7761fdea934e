/*
 * oracle: OpenSSL's low-level SHA-256, which alone lets a test start from any state. K + W of later
 * blocks is made here from the standard's own words, by no code of the driver.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "oracle.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/sha.h>

#define SORTED_MAX 4096U

uint64_t oracle_random(uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t oracle_seed(void)
{
  const char *given = getenv("FRANK_SEED"); /* NOLINT(concurrency-mt-unsafe): one thread */
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  uint64_t seed = given == NULL ? (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec
                                : strtoull(given, NULL, 0);
  (void)fprintf(stderr, "FRANK_SEED=%" PRIu64 "\n", seed);
  return seed == 0 ? 1 : seed;
}

/* The round constants are the first 32 bits of the fractional parts of the cube roots of the first
 * 64 primes (FIPS 180-4 section 4.2.2): by whole numbers, floor(2^32 * cbrt(p)) modulo 2^32. */
static uint32_t round_constant(uint32_t prime)
{
  unsigned __int128 wanted = (unsigned __int128)prime << 96;
  uint64_t root = 0;
  for (uint64_t bit = UINT64_C(1) << 36; bit > 0; bit >>= 1) {
    unsigned __int128 tried = root | bit;
    if (tried * tried * tried <= wanted) {
      root |= bit;
    }
  }
  return (uint32_t)root;
}

static bool is_prime(uint32_t n)
{
  for (uint32_t d = 2; d * d <= n; d++) {
    if (n % d == 0) {
      return false;
    }
  }
  return true;
}

static uint32_t rotr(uint32_t x, unsigned bits)
{
  return (x >> bits) | (x << (32 - bits));
}

static void expand(const uint32_t words[16], uint32_t kw[64])
{
  uint32_t w[64];
  uint32_t prime = 1;
  memcpy(w, words, 16 * sizeof w[0]);
  for (unsigned t = 0; t < 64; t++) {
    if (t >= 16) {
      w[t] = w[t - 16] + w[t - 7] + (rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3)) +
             (rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10));
    }
    do {
      prime++;
    } while (!is_prime(prime));
    kw[t] = w[t] + round_constant(prime);
  }
}

static void load(const uint8_t bytes[64], uint32_t words[16])
{
  for (unsigned i = 0; i < 16; i++) {
    const uint8_t *at = bytes + (size_t)i * 4;
    words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
}

void oracle_fill(struct oracle_job *out, uint64_t *random, unsigned blocks, unsigned counter_word,
                 uint64_t count, unsigned hits)
{
  memset(out, 0, sizeof *out);
  for (size_t i = 0; i < (size_t)blocks * 64; i++) {
    out->bytes[i] = (uint8_t)(oracle_random(random) >> 40);
  }
  memset(out->bytes + (size_t)counter_word * 4, '0', 8);
  struct frank_fpga_job *job = &out->job;
  for (size_t i = 0; i < 8; i++) {
    job->init[i] = (uint32_t)(oracle_random(random) >> 32);
  }
  load(out->bytes, job->block);
  for (size_t block = 1; block < blocks; block++) {
    uint32_t words[16];
    load(out->bytes + block * 64, words);
    expand(words, out->kw + (block - 1) * 64);
  }
  job->kw = blocks == 1 ? NULL : out->kw;
  job->blocks = blocks;
  job->counter_word = counter_word;
  job->count = count;
  job->first = (uint32_t)(oracle_random(random) % ((UINT64_C(1) << 32) - count + 1));
  job->bound = oracle_bound(out, hits);
}

uint64_t oracle_fill_jobs(struct oracle_job *made, struct frank_fpga_job *jobs, size_t count,
                          uint64_t *random)
{
  uint64_t compressions = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned blocks = 1 + (unsigned)(oracle_random(random) % 3);
    oracle_fill(&made[i], random, blocks, 0, 100 + oracle_random(random) % 400, 4);
    made[i].job.may_stop = i % 4 == 3;
    made[i].job.stop_at = made[i].job.may_stop ? oracle_bound(&made[i], 2) : 0;
    jobs[i] = made[i].job;
    compressions += jobs[i].count * blocks;
  }
  return compressions;
}

uint32_t oracle_word(const struct oracle_job *of, uint32_t counter)
{
  uint8_t first[64];
  char digits[9];
  memcpy(first, of->bytes, sizeof first);
  (void)snprintf(digits, sizeof digits, "%08" PRIx32, counter);
  memcpy(first + (size_t)of->job.counter_word * 4, digits, 8);
  SHA256_CTX state;
  SHA256_Init(&state);
  for (size_t i = 0; i < 8; i++) {
    state.h[i] = of->job.init[i];
  }
  SHA256_Transform(&state, first);
  for (size_t block = 1; block < of->job.blocks; block++) {
    SHA256_Transform(&state, of->bytes + block * 64);
  }
  return (uint32_t)state.h[0];
}

static int compare_words(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a;
  uint32_t y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

uint32_t oracle_bound(const struct oracle_job *of, unsigned hits)
{
  static uint32_t words[SORTED_MAX];
  uint32_t n = of->job.count < SORTED_MAX ? (uint32_t)of->job.count : SORTED_MAX;
  if (hits == 0 || n == 0) {
    return 0;
  }
  for (uint32_t i = 0; i < n; i++) {
    words[i] = oracle_word(of, of->job.first + i);
  }
  qsort(words, n, sizeof words[0], compare_words);
  return words[(hits < n ? hits : n) - 1];
}

static bool is_hit(const struct frank_fpga_result *result, uint32_t counter)
{
  for (uint32_t i = 0; i < result->hit_count; i++) {
    if (result->hits[i] == counter) {
      return true;
    }
  }
  return false;
}

void oracle_assert(const struct oracle_job *of, const struct frank_fpga_result *result)
{
  const struct frank_fpga_job *job = &of->job;
  uint64_t expected = 0;
  uint64_t reported = 0;
  bool stopper_seen = false;
  bool stopper_kept = false;
  assert_true(result->attempts <= job->count);
  assert_true(result->hit_count <= FRANK_FPGA_HITS);
  for (uint64_t i = 0; i < result->attempts; i++) {
    uint32_t counter = (uint32_t)(job->first + i);
    uint32_t word = oracle_word(of, counter);
    bool kept = is_hit(result, counter);
    assert_true(word <= job->bound || !kept);
    assert_true(word > job->bound || kept || result->overflow);
    expected += word <= job->bound;
    reported += kept;
    stopper_seen = stopper_seen || word <= job->stop_at;
    stopper_kept = stopper_kept || (word <= job->stop_at && kept);
  }
  /* No counter twice, none from outside what was examined. */
  assert_int_equal(reported, result->hit_count);
  assert_true(expected <= FRANK_FPGA_HITS || result->overflow);
  assert_true(result->overflow || expected == reported);
  if (!job->may_stop || !stopper_seen) {
    assert_int_equal(result->attempts, job->count);
  } else if (result->attempts < job->count) {
    assert_true(stopper_kept || result->overflow);
  }
}
