/* What the mint service does with devices that die, hang or lie, and what it believes. */
#include "scene.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void work_goes_back_when_a_device_dies(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 20000, b88);
  world_pump(&world);
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.running, 1);
  world_device_remove(&world, 0);
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.running, 0);
  assert_int_equal(status.waiting, 1);
  world_device_add(&world, 1, 50000, true, 33);
  world_run(&world, world.now_us + 5000000);
  assert_int_equal(scene_answer_of(1)->met, 1);
}

static void late_work_goes_to_others_and_a_late_hit_counts(void **state)
{
  (void)state;
  uint32_t slow = scene_device(50000, false, 33);
  uint32_t other = scene_device(50000, false, 33);
  scene_ask(1, "a", 500, b88);
  /* The first slice with an answer in it is the one that is late. */
  struct frank_worker_slice slice = scene_slice(slow);
  struct frank_worker_result late = scene_search(&slice);
  while (world_search(&slice, false, &late) >= slice.stop_at) {
    assert_int_equal(scene_result(slow, &late), FRANK_OK);
    assert_null(scene_answer_of(1));
    slice = scene_slice(slow);
  }
  scene_ask_new(2, "b", 500);
  frank_mint_device_stalled(world.mint, slow, world.now_us);
  assert_int_equal(scene_status()->running, 0);
  /* It gets no new work before it speaks; both jobs are free for the other. */
  struct frank_worker_slice none;
  assert_int_equal(frank_mint_next_slice(world.mint, slow, world.now_us, &none),
                   FRANK_ERR_NOT_FOUND);
  struct frank_worker_slice taken[2] = {scene_slice(other), scene_slice(other)};
  assert_int_equal(scene_status()->running, 2);
  assert_int_equal(scene_result(slow, &late), FRANK_OK);
  const struct frank_answer *a = scene_answer_of(1);
  assert_non_null(a);
  assert_int_equal(a->met, 1);
  assert_true(world_answer_is_true(a, b88));
  assert_int_equal(scene_status()->running, 1);
  /* What the other still has of the answered search harms nothing, and the first may work again. */
  for (size_t i = 0; i < 2; i++) {
    struct frank_worker_result result = scene_search(&taken[i]);
    assert_int_equal(scene_result(other, &result), FRANK_OK);
  }
  scene_ask_new(3, "c", HOPELESS);
  (void)scene_slice(slow);
  frank_mint_device_remove(world.mint, slow, world.now_us);
}

static void lies_are_seen_and_never_become_answers(void **state)
{
  (void)state;
  for (int fault = WORLD_LIES_HIT; fault <= WORLD_OVERFLOWS; fault++) {
    world_device_add(&world, 0, 50000, true, 33);
    world.devices[0].fault = (enum world_fault)fault;
    uint64_t before = world.lies_caught;
    scene_ask_new((uint64_t)fault, "a", HOPELESS);
    world_run(&world, world.now_us + 200000);
    assert_int_equal(world.lies_caught, before + 1);
    assert_false(world.devices[0].present);
  }
  assert_int_equal(answer_count, 0);
}

static void hit_above_the_bound_is_a_lie(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", HOPELESS, b88);
  struct frank_worker_slice slice;
  uint32_t device = world.devices[0].handle;
  assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &slice), FRANK_OK);
  struct frank_worker_result result = {.slice_id = slice.slice_id, .attempts = slice.count};
  result.hit_count = 1;
  result.hits[0] = slice.first; /* in range, but its hash is not small */
  assert_int_equal(frank_mint_result(world.mint, device, &result, world.now_us), FRANK_ERR_DEVICE);
}

/* Takes the first slice of a new search, and what an honest device says of it. */
static struct frank_worker_slice new_search(uint32_t device, uint64_t tag,
                                            struct frank_worker_result *result)
{
  scene_ask_new(tag, "a", HOPELESS);
  struct frank_worker_slice slice = scene_slice(device);
  *result = scene_search(&slice);
  return slice;
}

static void end_search(uint64_t tag)
{
  assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, tag, world.now_us), FRANK_OK);
}

/* A search whose first slice has two hits or more, all of them told. */
static struct frank_worker_result told_hits(uint32_t device, uint64_t *tag)
{
  for (;;) {
    struct frank_worker_result result;
    (void)new_search(device, ++*tag, &result);
    if (result.hit_count >= 2 && !result.overflow) {
      return result;
    }
    assert_int_equal(scene_result(device, &result), FRANK_OK);
    end_search(*tag);
  }
}

static void hit_told_twice_is_a_lie(void **state)
{
  (void)state;
  static const struct {
    uint32_t count;
    uint32_t hits[FRANK_SCAN_HITS]; /* which of the true ones */
  } rows[] = {{2, {0, 0}}, {3, {0, 1, 0}}, {3, {1, 0, 1}}, {3, {0, 1, 1}}, {FRANK_SCAN_HITS, {0}}};
  uint64_t tag = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint32_t device = scene_device(50000, false, 33);
    struct frank_worker_result honest = told_hits(device, &tag);
    uint64_t before;
    uint64_t attempts;
    uint64_t wrong;
    frank_mint_device_counts(world.mint, device, &before, &wrong);
    assert_int_equal(wrong, 0);
    struct frank_worker_result result = honest;
    result.hit_count = rows[i].count;
    result.overflow = rows[i].count == FRANK_SCAN_HITS ? 1 : 0;
    for (uint32_t k = 0; k < rows[i].count; k++) {
      result.hits[k] = honest.hits[rows[i].hits[k]];
    }
    assert_int_equal(scene_result(device, &result), FRANK_ERR_DEVICE);
    frank_mint_device_counts(world.mint, device, &attempts, &wrong);
    assert_int_equal(wrong, 1);
    assert_int_equal(attempts, before);
    frank_mint_device_remove(world.mint, device, world.now_us);
    assert_int_equal(scene_status()->running, 0);
    end_search(tag);
  }
  /* In any other order, and each once, hits are welcome. */
  uint32_t device = scene_device(50000, false, 33);
  struct frank_worker_result honest = told_hits(device, &tag);
  uint32_t first = honest.hits[0];
  honest.hits[0] = honest.hits[honest.hit_count - 1];
  honest.hits[honest.hit_count - 1] = first;
  assert_int_equal(scene_result(device, &honest), FRANK_OK);
}

/* Searches on a device that tells one of `keep_one_in` hits (0: none) until the service has had
 * enough of it, or `searches` are done. True when it was found out; *expected gets the hits that
 * chance promised until then. */
static bool is_found_out(uint32_t device, uint32_t keep_one_in, uint64_t searches, double *expected)
{
  static uint64_t tag = 1000;
  uint32_t hits = 0;
  *expected = 0;
  for (uint64_t i = 0; i < searches; i++) {
    struct frank_worker_result result;
    struct frank_worker_slice slice = new_search(device, ++tag, &result);
    if (!result.overflow) {
      *expected += (double)result.attempts * ((double)slice.bound + 1) / 0x1p32;
    }
    uint32_t kept = 0;
    for (uint32_t k = 0; k < result.hit_count; k++) {
      if (keep_one_in > 0 && hits++ % keep_one_in == 0) {
        result.hits[kept++] = result.hits[k];
      }
    }
    if (keep_one_in != 1) { /* else nothing was hidden */
      result.hit_count = kept;
      result.overflow = 0;
    }
    enum frank_err err = scene_result(device, &result);
    end_search(tag);
    if (err != FRANK_OK) {
      assert_int_equal(err, FRANK_ERR_DEVICE);
      return true;
    }
  }
  return false;
}

static void device_that_finds_too_little_is_found_out(void **state)
{
  (void)state;
  double expected;
  uint32_t device = scene_device(1280, false, 33);
  assert_true(is_found_out(device, 0, 1000, &expected));
  assert_true(expected >= 40 && expected < 50); /* neither rashly nor late */
  assert_int_equal(scene_status()->wrong_hits_total, 1);
  frank_mint_device_remove(world.mint, device, world.now_us);
  /* One in eight told is too little, too. */
  device = scene_device(1280, false, 33);
  assert_true(is_found_out(device, 8, 100, &expected));
  frank_mint_device_remove(world.mint, device, world.now_us);
  /* A good time does not pay for a bad one: after two hundred honest searches it is seen as soon.
   */
  device = scene_device(1280, false, 33);
  assert_false(is_found_out(device, 1, 200, &expected));
  assert_true(is_found_out(device, 0, 1000, &expected));
  assert_true(expected < 90);
  frank_mint_device_remove(world.mint, device, world.now_us);
  /* And who tells all is never suspected, whether or not it stops at the first hit that may. */
  device = scene_device(1280, false, 33);
  assert_false(is_found_out(device, 1, 3000, &expected));
  assert_true(expected > 5000);
}

static void impossible_time_teaches_nothing(void **state)
{
  (void)state;
  static const uint64_t elapsed_us[] = {0, 1, UINT64_MAX, UINT64_MAX / 2, 7200000000};
  uint32_t device = scene_device(50000, false, 33);
  scene_ask(1, "a", HOPELESS, b88);
  double before_hps = frank_mint_device_rate_hps(world.mint, device);
  for (size_t i = 0; i < sizeof elapsed_us / sizeof elapsed_us[0]; i++) {
    struct frank_worker_slice slice = scene_slice(device);
    struct frank_worker_result result = scene_search(&slice);
    result.elapsed_us = elapsed_us[i];
    assert_int_equal(scene_result(device, &result), FRANK_OK);
    double after_hps = frank_mint_device_rate_hps(world.mint, device);
    assert_true(after_hps >= before_hps && after_hps <= before_hps);
  }
}

static void device_that_stops_early_is_not_suspected(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  for (uint64_t tag = 1; tag <= 3000; tag++) {
    scene_ask_new(tag, "a", 1 + tag % 100);
    while (frank_mint_waiting(world.mint) > 0) {
      world_run(&world, world.now_us + 1000);
    }
    assert_int_equal(world.lies_caught, 0);
  }
}

/* A search whose first slice for the device has more hits than a report holds: one in a few
 * hundred. */
static struct frank_worker_slice overflowing_slice(uint32_t device,
                                                   struct frank_worker_result *result)
{
  for (uint64_t tag = 1;; tag++) {
    assert_true(tag < 3000);
    struct frank_worker_slice slice = new_search(device, tag, result);
    if (result->overflow) {
      return slice;
    }
    assert_int_equal(scene_result(device, result), FRANK_OK);
    end_search(tag);
  }
}

static void overflowed_range_is_searched_again_in_halves(void **state)
{
  (void)state;
  /* A slice of 64 counters: an overflow is soon found. */
  uint32_t device = scene_device(1280, false, 33);
  struct frank_worker_result result;
  struct frank_worker_slice whole = overflowing_slice(device, &result);
  assert_int_equal(scene_result(device, &result), FRANK_OK);
  assert_int_equal(whole.count, 64);
  for (uint32_t i = 0; i < 2; i++) {
    struct frank_worker_slice half = scene_slice(device);
    assert_int_equal(half.first, whole.first + 32 * i);
    assert_int_equal(half.count, 32);
    assert_true(half.bound < whole.bound); /* the best of the eight */
    assert_memory_equal(half.block, whole.block, sizeof whole.block);
    struct frank_worker_result found = scene_search(&half);
    assert_false(found.overflow);
    assert_int_equal(scene_result(device, &found), FRANK_OK);
  }
  /* Then it goes on where it was. */
  struct frank_worker_slice after = scene_slice(device);
  assert_int_equal(after.first, whole.first + whole.count);
  frank_mint_device_remove(world.mint, device, world.now_us);
}

static void overflowed_range_is_no_longer_than_the_next_devices_slices(void **state)
{
  (void)state;
  uint32_t fast = scene_device(12000, false, 33);
  struct frank_worker_result result;
  struct frank_worker_slice whole = overflowing_slice(fast, &result);
  assert_int_equal(whole.count, 600);
  assert_int_equal(scene_result(fast, &result), FRANK_OK);
  frank_mint_device_remove(world.mint, fast, world.now_us);
  uint32_t slow = scene_device(2000, false, 33); /* 100 counters in a slice */
  uint32_t next = whole.first;
  for (int i = 0; i < 6; i++) {
    struct frank_worker_slice part = scene_slice(slow);
    assert_int_equal(part.first, next);
    assert_int_equal(part.count, 100);
    assert_memory_equal(part.block, whole.block, sizeof whole.block);
    struct frank_worker_result found = scene_search(&part);
    found.elapsed_us = 50000; /* as fast as it said */
    assert_int_equal(scene_result(slow, &found), FRANK_OK);
    next += (uint32_t)part.count;
  }
  assert_int_equal(next, whole.first + whole.count);
  frank_mint_device_remove(world.mint, slow, world.now_us);
}

static void best_only_gets_better(void **state)
{
  (void)state;
  world_device_add(&world, 0, 200000, true, 33);
  world_device_add(&world, 1, 200000, true, 33);
  for (int round = 0; round < 5; round++) {
    uint64_t tag = (uint64_t)round + 1;
    scene_ask_new(tag, "a", HOPELESS);
    struct frank_hash last;
    memset(&last, 0xff, sizeof last);
    for (int i = 0; i < 40; i++) {
      struct frank_hash best;
      uint64_t attempts;
      world_run(&world, world.now_us + 10000);
      assert_int_equal(frank_mint_progress(world.mint, 1, tag, &attempts, &best), FRANK_OK);
      assert_true(frank_hash_compare(&best, &last) <= 0);
      last = best;
    }
    /* 80,000 attempts of two devices: ten bits would be bad luck of one in 10^33. */
    assert_true(frank_target_bits(&last) > 10);
    assert_int_equal(frank_mint_cancel(world.mint, 1, tag, world.now_us), FRANK_OK);
  }
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
      ROW(work_goes_back_when_a_device_dies),
      ROW(late_work_goes_to_others_and_a_late_hit_counts),
      ROW(lies_are_seen_and_never_become_answers),
      ROW(hit_above_the_bound_is_a_lie),
      ROW(hit_told_twice_is_a_lie),
      ROW(device_that_finds_too_little_is_found_out),
      ROW(impossible_time_teaches_nothing),
      ROW(device_that_stops_early_is_not_suspected),
      ROW(overflowed_range_is_no_longer_than_the_next_devices_slices),
      ROW(overflowed_range_is_searched_again_in_halves),
      ROW(best_only_gets_better),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
