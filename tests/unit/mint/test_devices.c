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

/* A job whose first slice for the device has more hits than a report holds; about one in fifty. */
static struct frank_worker_slice overflowing_slice(uint32_t device,
                                                   struct frank_worker_result *result)
{
  for (uint64_t tag = 1;; tag++) {
    assert_true(tag < 2000);
    scene_ask_new(tag, "a", HOPELESS);
    struct frank_worker_slice slice = scene_slice(device);
    *result = scene_search(&slice);
    if (result->overflow) {
      return slice;
    }
    assert_int_equal(scene_result(device, result), FRANK_OK);
    assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, tag, world.now_us), FRANK_OK);
  }
}

static void overflowed_range_is_searched_again_in_halves(void **state)
{
  (void)state;
  /* A slice of 64 counters: what is searched again is soon searched. */
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
      ROW(overflowed_range_is_searched_again_in_halves),
      ROW(best_only_gets_better),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
