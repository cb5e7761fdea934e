/*
 * The code paths of the CPU engine over every subset of the instruction sets that this build's
 * table knows: the choice never takes one that needs more than the subset, a name that is forced is
 * refused where it does, and every one that is chosen gives the right answers.
 *
 * Needs no library but libc, so that it can be built by a cross compiler and run under an emulator
 * (aarch64_variants.py). Right answers are those of Python's hashlib (frank_selftest_run), and of
 * proof/sha256, which the unit tests hold against others.
 */
#include "base/clock.h"
#include "engine/cpu/speed.h"
#include "engine/cpu/variant.h"
#include "engine/selftest.h"
#include "proof/plan.h"
#include "proof/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 512U

static unsigned failures;

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      (void)printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                         \
      failures++;                                                                                  \
    }                                                                                              \
  } while (0)

static uint64_t random_state;

static uint32_t random_word(void)
{
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)(random_state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static bool runs(size_t row, uint32_t features)
{
  return frank_cpu_variant_runs(frank_cpu_variant_at(row), features);
}

/* ---- the choice, which is pure: no machine needs to have what it is asked about ---- */

/* True when the text behind "here run: " names exactly the rows that run, in their order. */
static bool lists_those_that_run(const char *why, uint32_t features)
{
  char expected[FRANK_ENGINE_WHY_BYTES] = "";
  const char *list = strstr(why, "here run: ");
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    if (runs(i, features)) {
      size_t used = strlen(expected);
      (void)snprintf(expected + used, sizeof expected - used, "%s%s", used == 0 ? "" : " ",
                     frank_cpu_variant_at(i)->name);
    }
  }
  return list != NULL && strcmp(list + strlen("here run: "), expected) == 0;
}

static void forced_name_is_refused_where_it_needs_more(uint32_t features)
{
  const struct frank_cpu_variant *chosen = NULL;
  char why[FRANK_ENGINE_WHY_BYTES];
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    const char *name = frank_cpu_variant_at(i)->name;
    char quoted[48];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", name);
    chosen = NULL;
    enum frank_err err = frank_cpu_variant_choose(name, features, &chosen, why);
    if (runs(i, features)) {
      EXPECT(err == FRANK_OK && chosen == frank_cpu_variant_at(i));
      continue;
    }
    EXPECT(err == FRANK_ERR_UNSUPPORTED && chosen == NULL);
    EXPECT(strstr(why, quoted) != NULL && strstr(why, "needs instructions") != NULL);
    EXPECT(lists_those_that_run(why, features));
  }
  static const char *const unknown[] = {"mmx", "", "portable ", "PORTABLE"};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    EXPECT(frank_cpu_variant_choose(unknown[i], features, &chosen, why) == FRANK_ERR_UNSUPPORTED);
    EXPECT(strstr(why, "is not in this build") != NULL && lists_those_that_run(why, features));
  }
}

/* Whatever was measured: the chosen one runs, and none that runs is more than 5% faster. */
static const struct frank_cpu_variant *choose_sanely(uint32_t features, const double *rates)
{
  const struct frank_cpu_variant *chosen = frank_cpu_variant_fastest(features, rates);
  double rate = -1;
  EXPECT((chosen->needs & ~features) == 0);
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    rate = frank_cpu_variant_at(i) == chosen ? rates[i] : rate;
  }
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    EXPECT(!runs(i, features) || rates[i] <= rate * 1.0501);
  }
  return chosen;
}

static void choice_by_rates_stays_within(uint32_t features)
{
  double rates[FRANK_CPU_VARIANTS_MAX] = {0};
  size_t first = 0;
  while (!runs(first, features)) {
    first++;
  }
  const struct frank_cpu_variant *first_running = frank_cpu_variant_at(first);
  EXPECT(choose_sanely(features, rates) == first_running); /* nothing is known */
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    const bool could = runs(i, features) && i != first;
    for (size_t k = 0; k < FRANK_CPU_VARIANTS_MAX; k++) {
      rates[k] = 1e7;
    }
    rates[i] = 1.04e7; /* too little to give up the table's order */
    EXPECT(choose_sanely(features, rates) == first_running);
    rates[i] = 1.06e7; /* the same for what cannot run, however fast it were */
    EXPECT(choose_sanely(features, rates) == (could ? frank_cpu_variant_at(i) : first_running));
    rates[i] = 1e12;
    EXPECT(choose_sanely(features, rates) == (could ? frank_cpu_variant_at(i) : first_running));
  }
  for (unsigned k = 0; k < 200; k++) {
    for (size_t i = 0; i < FRANK_CPU_VARIANTS_MAX; i++) {
      rates[i] = 1e7 + random_word() % 3000000;
    }
    (void)choose_sanely(features, rates);
  }
}

/* ---- what is chosen is right ---- */

/* A slice, the bytes of its block 0 with '0' for the digits, and the first hash word of each of its
 * counters. */
struct example {
  struct frank_slice slice;
  uint8_t first_block[64];
  uint32_t kw[(FRANK_PLAN_BLOCKS_MAX - 1) * 64];
  uint32_t words[COUNT_MAX];
};

static uint32_t word_of(const struct example *e, uint32_t counter)
{
  uint8_t bytes[64];
  char digits[9];
  uint32_t words[16];
  uint32_t kw[64];
  uint32_t state[8];
  memcpy(bytes, e->first_block, sizeof bytes);
  (void)snprintf(digits, sizeof digits, "%08" PRIx32, counter);
  memcpy(bytes + (size_t)e->slice.counter_word * 4, digits, 8);
  frank_sha256_load(bytes, words);
  frank_sha256_expand(words, kw);
  memcpy(state, e->slice.init, sizeof state);
  frank_sha256_rounds(state, kw);
  for (unsigned block = 1; block < e->slice.blocks; block++) {
    frank_sha256_rounds(state, e->slice.kw + (size_t)(block - 1) * 64);
  }
  return state[0];
}

/* Random bytes; the bound lets about four through, stop_at about one. */
static void make_example(struct example *e, unsigned blocks, unsigned at, uint32_t first,
                         uint32_t count)
{
  struct frank_slice *slice = &e->slice;
  memset(slice, 0, sizeof *slice);
  for (size_t i = 0; i < sizeof e->first_block; i++) {
    e->first_block[i] = (uint8_t)random_word();
  }
  memset(e->first_block + (size_t)at * 4, '0', 8);
  frank_sha256_load(e->first_block, slice->block);
  for (size_t i = 0; i < 8; i++) {
    slice->init[i] = random_word();
  }
  for (unsigned block = 1; block < blocks; block++) {
    uint32_t words[16];
    for (size_t i = 0; i < 16; i++) {
      words[i] = random_word();
    }
    frank_sha256_expand(words, e->kw + (size_t)(block - 1) * 64);
  }
  slice->kw = blocks > 1 ? e->kw : NULL;
  slice->blocks = (uint8_t)blocks;
  slice->counter_word = (uint8_t)at;
  slice->first = first;
  slice->count = count;
  slice->bound = UINT32_MAX / count * (count < 4 ? 1 : 4);
  slice->stop_at = slice->bound / 4;
  for (uint32_t i = 0; i < count; i++) {
    e->words[i] = word_of(e, first + i);
  }
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

/* What the contract (engine.h) demands of `scan`, and is not so; NULL where all is. */
static const char *fault_of(const struct example *e, const struct frank_scan *scan)
{
  const struct frank_slice *slice = &e->slice;
  uint32_t expected = 0;
  uint32_t reported = 0;
  bool stopper = false;
  bool stopper_kept = false;
  if (scan->attempts > slice->count || scan->hit_count > FRANK_SCAN_HITS) {
    return "claims too much";
  }
  for (uint32_t i = 0; i < scan->attempts; i++) {
    const bool kept = is_hit(scan, slice->first + i);
    if (kept && e->words[i] > slice->bound) {
      return "reports a counter above the bound";
    }
    if (!kept && e->words[i] <= slice->bound && !scan->overflow) {
      return "misses a counter";
    }
    expected += e->words[i] <= slice->bound;
    reported += kept;
    stopper = stopper || e->words[i] <= slice->stop_at;
    stopper_kept = stopper_kept || (kept && e->words[i] <= slice->stop_at);
  }
  if (reported != scan->hit_count) {
    return "reports a counter that it did not examine, or one twice";
  }
  if (scan->overflow != (expected > FRANK_SCAN_HITS) ||
      scan->hit_count != (scan->overflow ? FRANK_SCAN_HITS : expected)) {
    return "does not mark an overflow as it should";
  }
  if ((!slice->may_stop || !stopper) && scan->attempts != slice->count) {
    return "stops unasked";
  }
  return scan->attempts < slice->count && !stopper_kept ? "stops without its reason" : NULL;
}

static void check(const struct frank_cpu_variant *variant, const struct example *e)
{
  struct frank_scan scan = {0};
  variant->scan(&e->slice, &scan);
  const char *fault = fault_of(e, &scan);
  if (fault != NULL) {
    (void)printf("%s: blocks %u, counter word %u, %" PRIu64 " counters from 0x%08" PRIx32
                 ", bound 0x%08" PRIx32 ", stop at 0x%08" PRIx32 "%s: %s\n",
                 variant->name, e->slice.blocks, e->slice.counter_word, e->slice.count,
                 e->slice.first, e->slice.bound, e->slice.stop_at,
                 e->slice.may_stop ? ", may stop" : "", fault);
    failures++;
  }
}

/* The slice as it is; with an early end; with everything a hit; with exactly one, at the bound; and
 * with that one just above it. */
static void check_all_ways(const struct frank_cpu_variant *variant, struct example *e)
{
  const uint32_t bounds[] = {e->slice.bound, UINT32_MAX};
  struct frank_slice *slice = &e->slice;
  uint32_t lowest = UINT32_MAX;
  for (uint32_t i = 0; i < slice->count; i++) {
    lowest = e->words[i] < lowest ? e->words[i] : lowest;
  }
  for (size_t i = 0; i < 2; i++) {
    slice->bound = bounds[i];
    slice->may_stop = false;
    check(variant, e);
    slice->may_stop = true;
    check(variant, e);
  }
  slice->stop_at = lowest; /* with an overflow before it */
  check(variant, e);
  slice->bound = lowest;
  check(variant, e);
  slice->may_stop = false;
  check(variant, e);
  slice->bound = lowest - (lowest != 0);
  check(variant, e);
}

static void every_place_and_length(const struct frank_cpu_variant *variant, struct example *e)
{
  for (unsigned at = 0; at < 15; at++) {
    for (unsigned blocks = 1; blocks <= FRANK_PLAN_BLOCKS_MAX; blocks++) {
      uint32_t count = 30 + random_word() % 40;
      make_example(e, blocks, at, random_word() & 0x7fffffffU, count);
      check(variant, e);
      e->slice.may_stop = true;
      check(variant, e);
    }
  }
}

static void every_count_and_both_ends(const struct frank_cpu_variant *variant, struct example *e)
{
  for (uint32_t count = 1; count <= 130; count++) {
    make_example(e, 1 + count % 3, count % 15, 0 - count, count); /* up to 0xffffffff */
    check_all_ways(variant, e);
    make_example(e, 1 + count % 2, count * 7 % 15, 0, count);
    check_all_ways(variant, e);
  }
  /* Each digit's carry, up to the highest. */
  for (unsigned digit = 1; digit < 8; digit++) {
    uint32_t carry = UINT32_C(1) << (4 * digit);
    make_example(e, 1, digit * 2, carry < 250 ? 0 : carry - 250, COUNT_MAX);
    check_all_ways(variant, e);
    make_example(e, 1, digit, 0xa0000000U - carry - 20, 40);
    check_all_ways(variant, e);
  }
}

/* A minimal engine around one variant, for the known answers. */
struct frank_engine_ctx {
  const struct frank_cpu_variant *variant;
};

static enum frank_err scan_slices(struct frank_engine_ctx *ctx, const struct frank_slice *slices,
                                  size_t n, struct frank_scan *results)
{
  for (size_t i = 0; i < n; i++) {
    memset(&results[i], 0, sizeof results[i]);
    ctx->variant->scan(&slices[i], &results[i]);
  }
  return FRANK_OK;
}

static void tell_info(const struct frank_engine_ctx *ctx, struct frank_device_info *info)
{
  (void)ctx;
  memset(info, 0, sizeof *info);
  info->blocks_max = FRANK_PLAN_BLOCKS_MAX;
}

static void prove(const struct frank_cpu_variant *variant)
{
  static const struct frank_engine engine = {.name = "one", .scan = scan_slices, .info = tell_info};
  struct frank_engine_ctx ctx = {.variant = variant};
  static struct example e;
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  const unsigned before = failures;
  if (frank_selftest_run(&engine, &ctx, why) != FRANK_OK) {
    (void)printf("%s: %s\n", variant->name, why);
    failures++;
  }
  every_place_and_length(variant, &e);
  every_count_and_both_ends(variant, &e);
  (void)printf("%s: %s\n", failures == before ? "proven" : "wrong", variant->name);
}

/* ---- the measurement, on this machine ---- */

static void measured_choice_runs(uint32_t features, bool proven[FRANK_CPU_VARIANTS_MAX])
{
  double rates[FRANK_CPU_VARIANTS_MAX];
  size_t running = 0;
  frank_cpu_speed_measure(features, rates);
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    running += runs(i, features);
  }
  for (size_t i = 0; i < FRANK_CPU_VARIANTS_MAX; i++) {
    const bool known = frank_cpu_variant_at(i) != NULL && runs(i, features) && running > 1;
    EXPECT(known ? rates[i] > 0 : rates[i] == 0);
  }
  (void)choose_sanely(features, rates);
  /* Each that could be chosen here, were it the fastest. */
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    memset(rates, 0, sizeof rates);
    rates[i] = 1;
    if (choose_sanely(features, rates) == frank_cpu_variant_at(i) && !proven[i]) {
      proven[i] = true;
      prove(frank_cpu_variant_at(i));
    }
  }
}

int main(void)
{
  const char *given = getenv("FRANK_SEED");
  random_state = given == NULL ? frank_clock_now_us() : strtoull(given, NULL, 0);
  random_state += random_state == 0;
  (void)printf("FRANK_SEED=%" PRIu64 "\n", random_state);
  (void)setvbuf(stdout, NULL, _IOLBF, 0);

  bool proven[FRANK_CPU_VARIANTS_MAX] = {false};
  const uint32_t machine = frank_cpu_features();
  uint32_t known = 0;
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    known |= frank_cpu_variant_at(i)->needs;
  }
  EXPECT((known >> FRANK_CPU_FEATURES) == 0);
  /* Every subset of `known`, the empty one last. */
  for (uint32_t subset = known;; subset = (subset - 1) & known) {
    forced_name_is_refused_where_it_needs_more(subset);
    choice_by_rates_stays_within(subset);
    if ((subset & ~machine) == 0) {
      measured_choice_runs(subset, proven);
    }
    if (subset == 0) {
      break;
    }
  }
  for (size_t i = 0; frank_cpu_variant_at(i) != NULL; i++) {
    EXPECT(proven[i] == runs(i, machine));
    if (!runs(i, machine)) {
      (void)printf("skipped: %s needs instructions that this CPU does not have\n",
                   frank_cpu_variant_at(i)->name);
    }
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
