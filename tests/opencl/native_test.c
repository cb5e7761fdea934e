/*
 * The search kernel as plain C, in every shape of native_list.h, against OpenSSL. In the sanitizer
 * build this is where a wrong index, shift or read of the kernel shows.
 */
#include "launch.h"
#include "native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KERNELS_MAX 32

static uint64_t seed;
static uint64_t scale = 1;

static void *copy_of(const void *from, size_t bytes)
{
  void *to = malloc(bytes);
  assert_non_null(to);
  memcpy(to, from, bytes);
  return to;
}

/* Searches all parts that were added since the last time, groups in random order. */
static void run(const struct native_kernel *kernel, struct launch_scan *scan, uint64_t *random)
{
  size_t result_bytes = (scan->slice_count + 1) * sizeof scan->results[0];
  struct frank_kernel_slice *slices =
      copy_of(scan->slices, scan->slice_count * sizeof scan->slices[0]);
  struct frank_kernel_part *parts = copy_of(scan->parts, scan->part_count * sizeof scan->parts[0]);
  uint32_t *kw = copy_of(scan->kw, scan->kw_words * sizeof scan->kw[0]);
  struct frank_kernel_result *results = copy_of(scan->results, result_bytes);
  uint32_t next_group = 0;
  const struct native_launch launch = {
      .next_group = &next_group,
      .slices = slices,
      .parts = parts,
      .part_count = scan->part_count,
      .kw = kw,
      .results = results,
      .item = scan->item,
      .local_size = scan->local_size,
  };
  size_t *order = calloc(scan->group_count, sizeof *order);
  assert_non_null(order);
  for (size_t i = 0; i < scan->group_count; i++) {
    size_t other = (size_t)(oracle_random(random) >> 16) % (i + 1);
    order[i] = order[other];
    order[other] = i;
  }
  for (size_t i = 0; i < scan->group_count; i++) {
    for (size_t k = 0; k < scan->local_size; k++) {
      kernel->run(&launch, order[i], k);
    }
  }
  memcpy(scan->results, results, result_bytes);
  free(order);
  free(results);
  free(kw);
  free(parts);
  free(slices);
  launch_next(scan);
}

/* One slice in one part and one launch, and what comes back. */
static void run_and_check(const struct native_kernel *kernel, const struct oracle_slice *of,
                          uint32_t item, uint32_t local_size, uint64_t *random)
{
  static struct launch_scan scan;
  launch_begin(&scan, item, local_size);
  uint32_t slice = launch_add_slice(&scan, of);
  launch_add_part(&scan, slice, of->slice.first, (uint32_t)(of->slice.first + of->slice.count - 1));
  run(kernel, &scan, random);
  launch_assert_results(&scan);
}

static uint32_t random_below(uint64_t *random, uint32_t limit)
{
  return (uint32_t)((oracle_random(random) >> 32) * limit >> 32);
}

static uint32_t random_item(uint64_t *random)
{
  return 256U << random_below(random, 9);
}

static uint32_t random_local_size(uint64_t *random)
{
  static const uint32_t sizes[] = {1, 3, 8, 64};
  return sizes[random_below(random, sizeof sizes / sizeof sizes[0])];
}

/* A range of `count`, half of them around a change of the counter's upper digits. */
static void place_range(struct oracle_slice *of, uint64_t *random, uint32_t count)
{
  of->slice.count = count;
  of->slice.first = (uint32_t)(oracle_random(random) >> 32);
  if (oracle_random(random) >> 63 != 0) {
    of->slice.first = (of->slice.first & 0xffff0000U) + 0x10000U - random_below(random, count) - 1;
  }
  if (of->slice.first > UINT32_MAX - count) {
    of->slice.first = UINT32_MAX - count + 1;
  }
}

/* ---- the promises ---- */

static void every_place_and_length_agrees_with_openssl(void **state)
{
  const struct native_kernel *kernel = *state;
  static const uint8_t blocks[] = {1, 2, 3, 4, FRANK_PLAN_BLOCKS_MAX};
  static struct oracle_slice of;
  uint64_t random = seed;
  for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
    for (uint8_t word = 0; word <= 14; word++) {
      oracle_fill(&of, &random, blocks[i], word);
      place_range(&of, &random, 1 + random_below(&random, 300));
      of.slice.bound = oracle_nth_word(&of, of.slice.count, of.slice.count / 20);
      run_and_check(kernel, &of, 256, random_local_size(&random), &random);
    }
  }
}

static void ends_of_ranges_are_exact(void **state)
{
  const struct native_kernel *kernel = *state;
  static const struct {
    uint32_t first;
    uint32_t count;
  } rows[] = {{0, 1},
              {0, 256},
              {0, 257},
              {1, 1},
              {255, 1},
              {255, 2},
              {256, 1},
              {31, 2},
              {32, 33},
              {0xffff, 2},
              {0x7fffff80U, 0x100},
              {UINT32_MAX, 1},
              {UINT32_MAX - 1, 2},
              {UINT32_MAX - 31, 32},
              {UINT32_MAX - 32, 33},
              {UINT32_MAX - 999, 1000}};
  static struct oracle_slice of;
  uint64_t random = seed;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (unsigned k = 0; k < 4; k++) {
      oracle_fill(&of, &random, (uint8_t)(1 + k % 2), (uint8_t)random_below(&random, 15));
      of.slice.first = rows[i].first;
      of.slice.count = rows[i].count;
      /* Once everything, so that the counters beside the range are candidates too. */
      of.slice.bound =
          k == 0 ? UINT32_MAX
                 : oracle_word(&of, (uint32_t)(k == 1 ? of.slice.first
                                                      : of.slice.first + of.slice.count - 1));
      run_and_check(kernel, &of, k == 3 ? random_item(&random) : 256, random_local_size(&random),
                    &random);
    }
  }
}

static void hits_are_exactly_those_at_or_below_the_bound(void **state)
{
  const struct native_kernel *kernel = *state;
  static struct oracle_slice of;
  uint64_t random = seed;
  for (unsigned i = 0; i < 6; i++) {
    oracle_fill(&of, &random, (uint8_t)(1 + i % 3), (uint8_t)random_below(&random, 15));
    place_range(&of, &random, 1000);
    const size_t nth[] = {0, 1, 10, FRANK_KERNEL_HITS - 1, FRANK_KERNEL_HITS, 500, 999};
    for (size_t k = 0; k < sizeof nth / sizeof nth[0]; k++) {
      uint32_t word = oracle_nth_word(&of, of.slice.count, nth[k]);
      of.slice.bound = word;
      run_and_check(kernel, &of, random_item(&random), random_local_size(&random), &random);
      of.slice.bound = word - 1;
      run_and_check(kernel, &of, random_item(&random), random_local_size(&random), &random);
    }
    of.slice.bound = 0;
    run_and_check(kernel, &of, 256, 1, &random);
    of.slice.bound = UINT32_MAX;
    run_and_check(kernel, &of, 256, 64, &random);
  }
}

static void stop_is_the_lowest_that_meets(void **state)
{
  const struct native_kernel *kernel = *state;
  static struct oracle_slice of;
  uint64_t random = seed;
  for (unsigned i = 0; i < 30; i++) {
    oracle_fill(&of, &random, (uint8_t)(1 + i % 2), (uint8_t)(i % 15));
    place_range(&of, &random, 2000);
    of.slice.stop_at = oracle_nth_word(&of, 2000, i % 5);
    of.slice.bound = oracle_nth_word(&of, 2000, i % 5 + i % 3 * 20);
    of.slice.may_stop = i % 4 != 0;
    run_and_check(kernel, &of, random_item(&random), random_local_size(&random), &random);
    uint32_t lowest = oracle_nth_word(&of, 2000, 0);
    of.slice.stop_at = lowest - (lowest != 0); /* nothing meets it */
    run_and_check(kernel, &of, random_item(&random), random_local_size(&random), &random);
  }
}

/* Once an item before has stopped the slice, later ones examine nothing: else a launch that found
 * its answer would go on to its end. */
static void stops_early(void **state)
{
  const struct native_kernel *kernel = *state;
  static struct oracle_slice of;
  static struct launch_scan scan;
  uint64_t random = seed;
  oracle_fill(&of, &random, 1, 5);
  of.slice.bound = of.slice.stop_at = oracle_nth_word(&of, 4096, FRANK_KERNEL_HITS - 1);
  of.slice.may_stop = true;
  launch_begin(&scan, 256, 1);
  uint32_t slice = launch_add_slice(&scan, &of);
  scan.results[slice].stop = 0;
  launch_add_part(&scan, slice, 1, 0xff);
  launch_add_part(&scan, slice, 0x180, 0xfff);
  run(kernel, &scan, &random);
  assert_int_equal(scan.results[slice].hit_count, 0);

  /* Within an item, by steps of 256 counters. */
  launch_begin(&scan, 4096, 1);
  slice = launch_add_slice(&scan, &of);
  launch_add_part(&scan, slice, 0, 4095);
  run(kernel, &scan, &random);
  launch_assert_results(&scan);
  for (uint32_t i = 0; i < scan.results[slice].hit_count; i++) {
    assert_true(scan.results[slice].hits[i] <= (scan.results[slice].stop | 0xff));
  }
}

/* Several slices, each in several parts, in several launches that go on with the same results. */
static void parts_and_launches_keep_slices_apart(void **state)
{
  const struct native_kernel *kernel = *state;
  static struct oracle_slice ofs[LAUNCH_SLICES_MAX];
  static struct launch_scan scan;
  uint64_t random = seed;
  for (uint64_t round = 0; round < 8 * scale; round++) {
    size_t slices = 1 + random_below(&random, LAUNCH_SLICES_MAX);
    uint64_t at[LAUNCH_SLICES_MAX] = {0}; /* the next counter of each that nobody has searched */
    launch_begin(&scan, random_item(&random), random_local_size(&random));
    for (size_t i = 0; i < slices; i++) {
      oracle_fill(&ofs[i], &random, (uint8_t)(1 + random_below(&random, 5)),
                  (uint8_t)random_below(&random, 15));
      place_range(&ofs[i], &random, 1500);
      ofs[i].slice.bound = UINT32_MAX / (10U << random_below(&random, 7));
      ofs[i].slice.stop_at = ofs[i].slice.bound / (1 + random_below(&random, 20));
      ofs[i].slice.may_stop = random_below(&random, 3) == 0;
      at[i] = ofs[i].slice.first;
      launch_add_slice(&scan, &ofs[i]);
    }
    for (unsigned launch = 0; launch < 3; launch++) {
      for (size_t part = 0; part < 12; part++) {
        size_t i = random_below(&random, (uint32_t)slices);
        uint64_t end = ofs[i].slice.first + ofs[i].slice.count;
        uint64_t count = 1 + random_below(&random, 400);
        if (at[i] + count <= end) {
          launch_add_part(&scan, (uint32_t)i, (uint32_t)at[i], (uint32_t)(at[i] + count - 1));
          at[i] += count;
        }
      }
      if (scan.part_count > 0) {
        run(kernel, &scan, &random);
      }
    }
    launch_assert_results(&scan);
  }
}

static const struct {
  const char *name;
  CMUnitTestFunction function;
} promises[] = {
    {"every_place_and_length_agrees_with_openssl", every_place_and_length_agrees_with_openssl},
    {"ends_of_ranges_are_exact", ends_of_ranges_are_exact},
    {"hits_are_exactly_those_at_or_below_the_bound", hits_are_exactly_those_at_or_below_the_bound},
    {"stop_is_the_lowest_that_meets", stop_is_the_lowest_that_meets},
    {"stops_early", stops_early},
    {"parts_and_launches_keep_slices_apart", parts_and_launches_keep_slices_apart},
};

#define PROMISES (sizeof promises / sizeof promises[0])

int main(void)
{
  static struct CMUnitTest tests[KERNELS_MAX * PROMISES];
  static char names[KERNELS_MAX * PROMISES][96];
  size_t count = 0;
  const char *given = getenv("FRANK_TEST_SCALE");
  scale = given == NULL ? 1 : strtoull(given, NULL, 10);
  seed = oracle_seed();
  for (size_t i = 0; i < KERNELS_MAX && native_kernel_at(i) != NULL; i++) {
    const struct native_kernel *kernel = native_kernel_at(i);
    for (size_t k = 0; k < PROMISES; k++) {
      (void)snprintf(names[count], sizeof names[count], "%s[%ux%u]", promises[k].name,
                     kernel->vector, kernel->groups);
      tests[count] = (struct CMUnitTest){
          .name = names[count], .test_func = promises[k].function, .initial_state = (void *)kernel};
      count++;
    }
  }
  return _cmocka_run_group_tests("kernel_as_c", tests, count, NULL, NULL);
}
