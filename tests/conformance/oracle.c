/*
 * oracle: OpenSSL's low-level SHA-256, which alone lets a test start from any state.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "oracle.h"

#include "base/clock.h"
#include "proof/sha256.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sha.h>

uint64_t oracle_random(uint64_t *state)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t oracle_seed(void)
{
  const char *given = getenv("FRANK_SEED");
  uint64_t seed = given == NULL ? frank_clock_now_us() : strtoull(given, NULL, 0);
  (void)fprintf(stderr, "FRANK_SEED=%" PRIu64 "\n", seed);
  return seed == 0 ? 1 : seed;
}

void oracle_fill(struct oracle_slice *out, uint64_t *random, uint8_t blocks, uint8_t counter_word)
{
  memset(out, 0, sizeof *out);
  for (size_t i = 0; i < (size_t)blocks * 64; i++) {
    out->bytes[i] = (uint8_t)(oracle_random(random) >> 40);
  }
  memset(out->bytes + (size_t)counter_word * 4, '0', 8);
  struct frank_slice *slice = &out->slice;
  for (size_t i = 0; i < 8; i++) {
    slice->init[i] = (uint32_t)(oracle_random(random) >> 32);
  }
  frank_sha256_load(out->bytes, slice->block);
  for (size_t block = 1; block < blocks; block++) {
    uint32_t words[16];
    frank_sha256_load(out->bytes + block * 64, words);
    frank_sha256_expand(words, out->kw + (block - 1) * 64);
  }
  slice->kw = blocks == 1 ? NULL : out->kw;
  slice->blocks = blocks;
  slice->counter_word = counter_word;
}

uint32_t oracle_word(const struct oracle_slice *of, uint32_t counter)
{
  uint8_t first[64];
  char digits[9];
  memcpy(first, of->bytes, sizeof first);
  (void)snprintf(digits, sizeof digits, "%08" PRIx32, counter);
  memcpy(first + (size_t)of->slice.counter_word * 4, digits, 8);
  SHA256_CTX state;
  SHA256_Init(&state);
  for (size_t i = 0; i < 8; i++) {
    state.h[i] = of->slice.init[i];
  }
  SHA256_Transform(&state, first);
  for (size_t block = 1; block < of->slice.blocks; block++) {
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

uint32_t oracle_nth_word(const struct oracle_slice *of, uint64_t count, size_t n)
{
  static uint32_t words[4096];
  assert_true(count <= 4096 && n < count);
  for (uint64_t i = 0; i < count; i++) {
    words[i] = oracle_word(of, (uint32_t)(of->slice.first + i));
  }
  qsort(words, count, sizeof words[0], compare_words);
  return words[n];
}

static bool is_hit(const struct frank_scan *scan, uint32_t counter)
{
  for (uint32_t i = 0; i < scan->hit_count; i++) {
    if (scan->hits[i] == counter) {
      return true;
    }
  }
  return false;
}

void oracle_assert_scan(const struct oracle_slice *of, const struct frank_scan *scan)
{
  const struct frank_slice *slice = &of->slice;
  uint64_t expected = 0;
  uint64_t reported = 0;
  bool stopper_seen = false;
  bool stopper_kept = false;
  assert_true(scan->attempts <= slice->count);
  assert_true(scan->hit_count <= FRANK_SCAN_HITS);
  for (uint64_t i = 0; i < scan->attempts; i++) {
    uint32_t counter = (uint32_t)(slice->first + i);
    uint32_t word = oracle_word(of, counter);
    bool kept = is_hit(scan, counter);
    assert_true(word <= slice->bound || !kept);
    assert_true(word > slice->bound || kept || scan->overflow);
    expected += word <= slice->bound;
    reported += kept;
    stopper_seen = stopper_seen || word <= slice->stop_at;
    stopper_kept = stopper_kept || (word <= slice->stop_at && kept);
  }
  /* No counter twice, none from outside what was examined. */
  assert_int_equal(reported, scan->hit_count);
  assert_int_equal(scan->overflow, expected > FRANK_SCAN_HITS);
  assert_int_equal(scan->hit_count, expected > FRANK_SCAN_HITS ? FRANK_SCAN_HITS : expected);
  if (!slice->may_stop || !stopper_seen) {
    assert_int_equal(scan->attempts, slice->count);
  } else if (scan->attempts < slice->count) {
    assert_true(stopper_kept || scan->overflow);
  }
}
