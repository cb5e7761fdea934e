/*
 * The contract of host/engine/engine.h, for every device that can be opened here and every code
 * path of the CPU engine, against OpenSSL.
 */
#include "oracle.h"

#include "engine/cpu/variant.h"
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

#define SUBJECTS_MAX 64
#define TESTS_MAX    (SUBJECTS_MAX * 16)

/* What is tested: a device through one code path. */
struct subject {
  char device[FRANK_DEVICE_NAME_BYTES];
  char variant[32]; /* empty: the device's own choice */
  bool thorough;    /* false: another core of a kind that was tested already */
  enum frank_err opened;
  const struct frank_engine *engine;
  struct frank_engine_ctx *ctx;
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES];
};

static struct subject subjects[SUBJECTS_MAX];
static size_t subject_count;
static uint64_t seed;

static void add_subject(const char *device, const char *variant, bool thorough)
{
  if (subject_count == SUBJECTS_MAX) {
    return;
  }
  struct subject *s = &subjects[subject_count++];
  (void)snprintf(s->device, sizeof s->device, "%.95s", device);
  (void)snprintf(s->variant, sizeof s->variant, "%.31s", variant);
  s->thorough = thorough;
  const struct frank_engine_options options = {.variant = variant[0] == '\0' ? NULL : variant};
  s->opened = frank_engine_open(device, &options, &s->engine, &s->ctx, &s->info, s->why);
}

/* The open subject of a test; skips by name where the code path cannot run here. */
static struct subject *subject_of(void **state)
{
  struct subject *s = *state;
  if (s->opened == FRANK_ERR_UNSUPPORTED) {
    print_message("skipped: %s\n", s->why);
    skip();
  }
  if (s->opened != FRANK_OK) {
    fail_msg("%s %s: %s", s->device, s->variant, s->why);
  }
  return s;
}

static struct frank_scan scan_one(struct subject *s, const struct oracle_slice *of)
{
  struct frank_scan scan;
  memset(&scan, 0xee, sizeof scan); /* an engine must fill all of it */
  assert_int_equal(s->engine->scan(s->ctx, &of->slice, 1, &scan), FRANK_OK);
  return scan;
}

static void scan_and_check(struct subject *s, const struct oracle_slice *of)
{
  struct frank_scan scan = scan_one(s, of);
  oracle_assert_scan(of, &scan);
}

/* As many attempts as the device makes in about `ms`, within [least, most]. */
static uint64_t affordable(const struct subject *s, double ms, uint64_t least, uint64_t most)
{
  double count = s->info.rate_hps * ms / 1000;
  return count < (double)least ? least : count > (double)most ? most : (uint64_t)count;
}

/* ---- the promises ---- */

static void device_tells_who_it_is(void **state)
{
  struct subject *s = subject_of(state);
  assert_string_equal(s->info.name, s->device);
  assert_string_equal(s->info.engine, s->engine->name);
  assert_true(s->info.variant[0] != '\0' && s->info.model[0] != '\0' && s->info.place[0] != '\0');
  if (s->variant[0] != '\0') {
    assert_string_equal(s->info.variant, s->variant);
  }
  assert_true(s->info.rate_hps > 1);
  assert_true((s->info.hashes & FRANK_ENGINE_SHA256) != 0);
  assert_true(s->info.blocks_max >= 1 && s->info.blocks_max <= FRANK_PLAN_BLOCKS_MAX);
  assert_true(s->info.batch_max >= 1);
}

/* The plans of real keys, from the text of the nonce to the hash: "nonce || b" by OpenSSL. */
static void shapes_of_real_keys_are_found(void **state)
{
  struct subject *s = subject_of(state);
  static const uint16_t suffix_bytes[] = {88, 172, 344, 512, 684, 1, 47, 48, 1024, 2048};
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint64_t random = seed;
  for (size_t i = 0; i < sizeof suffix_bytes / sizeof suffix_bytes[0]; i++) {
    char suffix[FRANK_PLAN_SUFFIX_MAX_BYTES];
    uint8_t start[40];
    for (size_t k = 0; k < suffix_bytes[i]; k++) {
      suffix[k] = letters[oracle_random(&random) >> 58];
    }
    for (size_t k = 0; k < sizeof start; k++) {
      start[k] = (uint8_t)(oracle_random(&random) >> 40);
    }
    struct frank_plan plan;
    struct frank_nonce nonce;
    assert_int_equal(frank_plan_make(suffix_bytes[i], 1 << 20, &plan), FRANK_OK);
    if (plan.blocks > s->info.blocks_max) {
      continue;
    }
    frank_plan_nonce_start(&plan, start, &nonce);
    static struct oracle_slice of;
    memset(&of, 0, sizeof of);
    memcpy(of.slice.init, plan.init, sizeof plan.init);
    frank_plan_first_block(&plan, &nonce, suffix, of.slice.block);
    uint8_t tail[FRANK_PLAN_TAIL_MAX_BYTES];
    frank_plan_tail(&plan, suffix, tail);
    for (size_t block = 1; block < plan.blocks; block++) {
      uint32_t words[16];
      frank_sha256_load(tail + (block - 1) * 64, words);
      frank_sha256_expand(words, of.kw + (block - 1) * 64);
    }
    of.slice.kw = of.kw;
    of.slice.blocks = plan.blocks;
    of.slice.counter_word = plan.counter_word;
    of.slice.first = (uint32_t)oracle_random(&random) & 0xfffff000U;
    of.slice.count = 256;
    of.slice.bound = 0x03ffffff; /* 4 of 256 on average */
    struct frank_scan scan = scan_one(s, &of);
    assert_int_equal(scan.attempts, of.slice.count);

    uint32_t expected = 0;
    for (uint64_t k = 0; k < of.slice.count; k++) {
      char text[FRANK_PLAN_DIGITS_MAX + 1];
      uint8_t message[FRANK_PLAN_DIGITS_MAX + FRANK_PLAN_SUFFIX_MAX_BYTES];
      uint8_t hash[32];
      uint32_t counter = (uint32_t)(of.slice.first + k);
      frank_plan_nonce_at(&plan, &nonce, counter, text);
      memcpy(message, text, plan.digits);
      memcpy(message + plan.digits, suffix, suffix_bytes[i]);
      SHA256(message, (size_t)plan.digits + suffix_bytes[i], hash);
      if (hash[0] <= 3) {
        bool reported = scan.overflow;
        for (uint32_t hit = 0; hit < scan.hit_count; hit++) {
          reported = reported || scan.hits[hit] == counter;
        }
        assert_true(reported);
        expected++;
      }
    }
    assert_int_equal(scan.overflow, expected > FRANK_SCAN_HITS);
    assert_int_equal(scan.hit_count, expected > FRANK_SCAN_HITS ? FRANK_SCAN_HITS : expected);
  }
}

static void first_and_last_counter_are_ordinary(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  static const struct {
    uint32_t first;
    uint32_t count;
    uint32_t wanted;
  } rows[] = {{0, 1, 0},
              {0, 100, 0},
              {UINT32_MAX, 1, UINT32_MAX},
              {UINT32_MAX - 99, 100, UINT32_MAX},
              {UINT32_MAX - 31, 32, UINT32_MAX},
              {UINT32_MAX - 32, 33, UINT32_MAX}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    oracle_fill(&of, &random, s->info.blocks_max < 2 ? 1 : 2, (uint8_t)(i * 2));
    of.slice.first = rows[i].first;
    of.slice.count = rows[i].count;
    of.slice.bound = oracle_word(&of, rows[i].wanted);
    struct frank_scan scan = scan_one(s, &of);
    oracle_assert_scan(&of, &scan);
    bool found = scan.overflow;
    for (uint32_t k = 0; k < scan.hit_count; k++) {
      found = found || scan.hits[k] == rows[i].wanted;
    }
    assert_true(found);
  }
}

static void empty_range_is_no_attempt(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  static const uint32_t firsts[] = {0, 1, 0x80000000U, UINT32_MAX};
  for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
    oracle_fill(&of, &random, 1, 3);
    of.slice.first = firsts[i];
    of.slice.bound = UINT32_MAX;
    of.slice.stop_at = UINT32_MAX;
    of.slice.may_stop = i % 2 == 0;
    struct frank_scan scan = scan_one(s, &of);
    assert_int_equal(scan.attempts, 0);
    assert_int_equal(scan.hit_count, 0);
    assert_false(scan.overflow);
  }
}

/* All 2^32 counters in one slice; it may stop, or the test would take minutes. */
static void full_range_starts_and_stops(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  if (s->info.stops_early == 0) {
    print_message("skipped: %s cannot stop early\n", s->device);
    skip();
  }
  oracle_fill(&of, &random, 1, 7);
  of.slice.count = UINT64_C(1) << 32;
  of.slice.may_stop = true;
  of.slice.bound = 0x01ffffff;
  of.slice.stop_at = oracle_nth_word(&of, 1000, 0);
  of.slice.bound = oracle_nth_word(&of, 1000, 3);
  struct frank_scan scan = scan_one(s, &of);
  oracle_assert_scan(&of, &scan);
  assert_true(scan.attempts < UINT64_C(1) << 24);
}

static void hits_are_exactly_those_at_or_below_the_bound(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  for (uint8_t blocks = 1; blocks <= 3 && blocks <= s->info.blocks_max; blocks++) {
    oracle_fill(&of, &random, blocks, (uint8_t)(blocks * 4));
    of.slice.first = (uint32_t)oracle_random(&random) >> 1;
    of.slice.count = 333;
    for (size_t n = 0; n < 12; n++) {
      uint32_t at = oracle_nth_word(&of, of.slice.count, n);
      of.slice.bound = at;
      scan_and_check(s, &of);
      of.slice.bound = at - 1;
      scan_and_check(s, &of);
    }
    of.slice.bound = 0;
    scan_and_check(s, &of);
  }
}

static void overflow_is_marked(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  static const uint32_t counts[] = {7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 1000};
  oracle_fill(&of, &random, 1, 0);
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    of.slice.first = (uint32_t)oracle_random(&random) >> 1;
    of.slice.count = counts[i];
    of.slice.bound = UINT32_MAX;
    scan_and_check(s, &of);
    of.slice.bound = UINT32_MAX / 2;
    scan_and_check(s, &of);
  }
}

static void attempts_are_counted_at_every_length(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  oracle_fill(&of, &random, s->info.blocks_max < 2 ? 1 : 2, 5);
  for (uint32_t count = 1; count <= 100; count++) {
    of.slice.first = UINT32_MAX - count + 1 - count % 3;
    of.slice.count = count;
    of.slice.bound = UINT32_MAX / count * 4; /* a few hits, some at the ends */
    scan_and_check(s, &of);
  }
}

static void stops_only_when_asked_and_only_with_the_candidate(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  for (unsigned i = 0; i < 40; i++) {
    oracle_fill(&of, &random, 1, (uint8_t)(i % 15));
    of.slice.first = (uint32_t)oracle_random(&random) >> 1;
    of.slice.count = 1000;
    of.slice.stop_at = oracle_nth_word(&of, 1000, i % 7);
    of.slice.bound = oracle_nth_word(&of, 1000, i % 7 + i % 11);
    of.slice.may_stop = true;
    scan_and_check(s, &of);
    of.slice.may_stop = false;
    scan_and_check(s, &of);
    of.slice.may_stop = true; /* nothing in the range ends it */
    uint32_t lowest = oracle_nth_word(&of, 1000, 0);
    of.slice.stop_at = lowest - (lowest != 0);
    scan_and_check(s, &of);
  }
}

static void stops_soon_after_the_candidate(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  if (s->info.stops_early == 0) {
    print_message("skipped: %s does not claim to stop early\n", s->device);
    skip();
  }
  for (unsigned i = 0; i < 6; i++) {
    oracle_fill(&of, &random, 1, 9);
    of.slice.count = UINT64_C(1) << 24;
    of.slice.may_stop = true;
    of.slice.bound = of.slice.stop_at = oracle_nth_word(&of, 4096, 0);
    uint32_t candidate = 0;
    while (oracle_word(&of, candidate) != of.slice.stop_at) {
      candidate++;
    }
    struct frank_scan scan = scan_one(s, &of);
    oracle_assert_scan(&of, &scan);
    assert_in_range(scan.attempts, candidate + 1, candidate + 512);
  }
}

static void batches_keep_slices_apart(void **state)
{
  struct subject *s = subject_of(state);
  enum { MOST = 20 };
  struct oracle_slice *ofs = calloc(MOST, sizeof *ofs);
  struct frank_slice slices[MOST];
  struct frank_scan scans[MOST];
  uint64_t random = seed;
  assert_non_null(ofs);
  for (size_t n = 1; n <= MOST; n += n < 4 ? 1 : 8) {
    for (size_t i = 0; i < n; i++) {
      uint32_t most = s->info.blocks_max < 12 ? s->info.blocks_max : 12;
      oracle_fill(&ofs[i], &random, (uint8_t)(1 + oracle_random(&random) % most),
                  (uint8_t)(oracle_random(&random) % 15));
      ofs[i].slice.first = (uint32_t)oracle_random(&random) >> 1;
      ofs[i].slice.count = oracle_random(&random) % 200;
      ofs[i].slice.bound = UINT32_MAX / 40;
      ofs[i].slice.stop_at = UINT32_MAX / 400;
      ofs[i].slice.may_stop = i % 3 == 0;
      slices[i] = ofs[i].slice;
    }
    memset(scans, 0xee, sizeof scans);
    assert_int_equal(s->engine->scan(s->ctx, slices, n, scans), FRANK_OK);
    for (size_t i = 0; i < n; i++) {
      oracle_assert_scan(&ofs[i], &scans[i]);
    }
  }
  free(ofs);
}

/* Where a device has a queue for its hits, one slice may fill it as the next begins. */
static void flood_takes_no_hits_of_the_slices_beside_it(void **state)
{
  struct subject *s = subject_of(state);
  enum { SLICES = 10 };
  static const uint32_t counts[SLICES] = {300, 6, 300, 8, 9, 300, 1, 17, 7, 300};
  struct oracle_slice *ofs = calloc(SLICES, sizeof *ofs);
  struct frank_slice slices[SLICES];
  struct frank_scan scans[SLICES];
  uint64_t random = seed;
  assert_non_null(ofs);
  for (size_t i = 0; i < SLICES; i++) {
    oracle_fill(&ofs[i], &random, 1, 4);
    ofs[i].slice.first = (uint32_t)oracle_random(&random) >> 1;
    ofs[i].slice.count = counts[i];
    ofs[i].slice.bound = UINT32_MAX;
    slices[i] = ofs[i].slice;
  }
  memset(scans, 0xee, sizeof scans);
  assert_int_equal(s->engine->scan(s->ctx, slices, SLICES, scans), FRANK_OK);
  for (size_t i = 0; i < SLICES; i++) {
    oracle_assert_scan(&ofs[i], &scans[i]);
  }
  free(ofs);
}

static void random_slices_agree_with_openssl(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  uint64_t cases = affordable(s, 2, 30, s->thorough ? 400 : 60);
  for (uint64_t i = 0; i < cases; i++) {
    /* Every place and every number of blocks comes up; small ones more often. */
    uint64_t blocks = i % 4 == 0 ? 1 + oracle_random(&random) % s->info.blocks_max
                                 : 1 + oracle_random(&random) % 6;
    if (blocks > s->info.blocks_max) {
      blocks = s->info.blocks_max;
    }
    oracle_fill(&of, &random, (uint8_t)blocks, (uint8_t)(i % 15));
    of.slice.count = 1 + oracle_random(&random) % 300;
    of.slice.first = (uint32_t)oracle_random(&random);
    if (of.slice.first > UINT32_MAX - 300) {
      of.slice.count = UINT64_C(0x100000000) - of.slice.first;
    }
    of.slice.bound = (uint32_t)(oracle_random(&random) >> (32 + oracle_random(&random) % 12));
    of.slice.stop_at = of.slice.bound >> (oracle_random(&random) % 8);
    of.slice.may_stop = oracle_random(&random) % 2 == 0;
    scan_and_check(s, &of);
  }
}

/* Long enough for the counter's upper digits to move, and for a counter to be skipped somewhere. */
static void long_range_agrees_with_openssl(void **state)
{
  struct subject *s = subject_of(state);
  static struct oracle_slice of;
  uint64_t random = seed;
  oracle_fill(&of, &random, 1, 6);
  of.slice.count = affordable(s, 20, 3000, s->thorough ? 300000 : 30000);
  of.slice.first = 0x0ffff000U;
  of.slice.bound = (uint32_t)((UINT64_C(1) << 32) * 4 / of.slice.count);
  scan_and_check(s, &of);
}

static const struct {
  const char *name;
  CMUnitTestFunction function;
  bool brief; /* also for further cores */
} promises[] = {
    {"device_tells_who_it_is", device_tells_who_it_is, true},
    {"shapes_of_real_keys_are_found", shapes_of_real_keys_are_found, true},
    {"first_and_last_counter_are_ordinary", first_and_last_counter_are_ordinary, false},
    {"empty_range_is_no_attempt", empty_range_is_no_attempt, false},
    {"full_range_starts_and_stops", full_range_starts_and_stops, false},
    {"hits_are_exactly_those_at_or_below_the_bound", hits_are_exactly_those_at_or_below_the_bound,
     false},
    {"overflow_is_marked", overflow_is_marked, false},
    {"attempts_are_counted_at_every_length", attempts_are_counted_at_every_length, false},
    {"stops_only_when_asked_and_only_with_the_candidate",
     stops_only_when_asked_and_only_with_the_candidate, false},
    {"stops_soon_after_the_candidate", stops_soon_after_the_candidate, false},
    {"batches_keep_slices_apart", batches_keep_slices_apart, false},
    {"flood_takes_no_hits_of_the_slices_beside_it", flood_takes_no_hits_of_the_slices_beside_it,
     false},
    {"random_slices_agree_with_openssl", random_slices_agree_with_openssl, true},
    {"long_range_agrees_with_openssl", long_range_agrees_with_openssl, false},
};

/* The smallest ring, the one that synthesis is about, and the largest. */
static const char *const unrolls[] = {"u1", "u8", "u64"};
#define UNROLLS (sizeof unrolls / sizeof unrolls[0])

/* Every device of every engine that is no test engine, and the slow one; the CPU's first core
 * through every variant of the build, a simulated FPGA core through some. */
static void find_subjects(void)
{
  static struct frank_device_info list[FRANK_ENGINE_DEVICES_MAX];
  for (size_t e = 0; frank_engine_at(e) != NULL; e++) {
    const struct frank_engine *engine = frank_engine_at(e);
    char why[FRANK_ENGINE_WHY_BYTES];
    size_t count = 0;
    if (frank_engine_is_test(engine)) {
      continue;
    }
    assert_int_equal(engine->probe(list, FRANK_ENGINE_DEVICES_MAX, &count, why), FRANK_OK);
    if (count == 0) {
      print_message("skipped: engine %s has no device here: %s\n", engine->name, why);
    }
    for (size_t i = 0; i < count; i++) {
      for (size_t v = 0; strcmp(engine->name, "fpga") == 0 && v < UNROLLS; v++) {
        add_subject(list[i].name, unrolls[v], true);
      }
      if (strcmp(engine->name, "cpu") != 0 || i > 0) {
        add_subject(list[i].name, "", strcmp(engine->name, "cpu") != 0);
        continue;
      }
      for (size_t v = 0; frank_cpu_variant_at(v) != NULL; v++) {
        add_subject(list[i].name, frank_cpu_variant_at(v)->name, true);
      }
    }
  }
  add_subject("faulty:slow", "", true);
}

int main(void)
{
  static struct CMUnitTest tests[TESTS_MAX];
  static char names[TESTS_MAX][192];
  size_t count = 0;
  seed = oracle_seed();
  find_subjects();
  for (size_t i = 0; i < subject_count; i++) {
    for (size_t k = 0; k < sizeof promises / sizeof promises[0]; k++) {
      if (!subjects[i].thorough && !promises[k].brief) {
        continue;
      }
      (void)snprintf(names[count], sizeof names[count], "%s[%s %s]", promises[k].name,
                     subjects[i].device,
                     subjects[i].variant[0] == '\0' ? "default" : subjects[i].variant);
      tests[count] = (struct CMUnitTest){
          .name = names[count], .test_func = promises[k].function, .initial_state = &subjects[i]};
      count++;
    }
  }
  int failed = _cmocka_run_group_tests("engine_conformance", tests, count, NULL, NULL);
  for (size_t i = 0; i < subject_count; i++) {
    if (subjects[i].opened == FRANK_OK) {
      subjects[i].engine->close(&subjects[i].ctx);
    }
  }
  return failed;
}
