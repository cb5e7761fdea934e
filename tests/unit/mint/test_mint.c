/* What the mint service promises to who asks it, one behaviour a test, on a simulated clock. */
#include "scene.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void stamp_meets_its_factor(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  static const size_t lens[] = {4, 88, 172, 344, 512, 684, 2048};
  for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    char b[2049];
    world_random_b(&world, b, lens[i]);
    scene_ask(i + 1, "a", 500, b);
    world_run(&world, world.now_us + 5000000);
    const struct frank_answer *a = scene_answer_of(i + 1);
    assert_non_null(a);
    assert_int_equal(a->met, 1);
    assert_true(world_answer_is_true(a, b));
    assert_string_equal(a->source, "request");
    assert_true(a->attempts > 0);
  }
}

static void best_comes_at_the_deadline(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  struct frank_request r = world_request(1, "a", HOPELESS, b88);
  r.deadline_ms = 700;
  uint64_t due_us = world.now_us + 700000;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, due_us - 1);
  assert_int_equal(answer_count, 0);
  world_run(&world, due_us);
  const struct frank_answer *a = scene_answer_of(1);
  assert_non_null(a);
  assert_int_equal(a->refusal, FRANK_REFUSAL_NONE);
  assert_int_equal(a->met, 0);
  assert_true(world_answer_is_true(a, b88));
  uint32_t word = (uint32_t)a->h.bytes[0] << 24 | (uint32_t)a->h.bytes[1] << 16 |
                  (uint32_t)a->h.bytes[2] << 8 | a->h.bytes[3];
  assert_true(word <= world.lowest_word);
  /* About 35,000 attempts were made: the lowest hash shows it. */
  assert_true(frank_target_bits(&a->h) > 11);
  assert_true(a->attempts > 20000);
}

static void without_devices_the_admission_hash_is_the_best(void **state)
{
  (void)state;
  struct frank_request r = world_request(1, "a", HOPELESS, b88);
  r.deadline_ms = 10;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, world.now_us + 10000);
  const struct frank_answer *a = scene_answer_of(1);
  assert_non_null(a);
  assert_true(world_answer_is_true(a, b88));
  assert_string_equal(a->device, "host");
  assert_int_equal(a->attempts, 1);
}

static void fail_at_deadline_is_an_error(void **state)
{
  (void)state;
  struct frank_request r = world_request(1, "a", HOPELESS, b88);
  r.deadline_ms = 10;
  r.fail_at_deadline = 1;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, world.now_us + 10000);
  assert_int_equal(scene_answer_of(1)->refusal, FRANK_REFUSAL_DEADLINE);
  assert_non_null(strstr(scene_answer_of(1)->message, "10 ms"));
}

static void no_device_and_no_hope_is_said_at_once(void **state)
{
  (void)state;
  scene_ask_new(1, "a", 100); /* at the start there is hope */
  assert_null(scene_answer_of(1));
  frank_mint_set_device_hope(world.mint, 0);
  scene_ask(2, "a", 100, b88);
  assert_int_equal(scene_answer_of(2)->refusal, FRANK_REFUSAL_NO_DEVICE);
  assert_true(scene_answer_of(2)->retry_after_ms > 0);
  assert_null(scene_answer_of(1)); /* it was accepted: until its deadline a device may come */
  frank_mint_set_device_hope(world.mint, 33);
  scene_ask(3, "a", 100, b88);
  assert_null(scene_answer_of(3));
  world_device_add(&world, 0, 50000, true, 33);
  frank_mint_set_device_hope(world.mint, 0);
  world_run(&world, world.now_us + 1000000);
  assert_int_equal(scene_answer_of(1)->met, 1);
  assert_int_equal(scene_answer_of(3)->met, 1);
}

static void too_many_blocks_are_unsupported(void **state)
{
  (void)state;
  char b[685];
  world_random_b(&world, b, 684);
  world_device_add(&world, 0, 50000, true, 6);
  frank_mint_set_device_hope(world.mint, 0);
  scene_ask(1, "a", 100, b);
  assert_int_equal(scene_answer_of(1)->refusal, FRANK_REFUSAL_UNSUPPORTED);
  assert_non_null(strstr(scene_answer_of(1)->message, "684"));
  assert_non_null(strstr(scene_answer_of(1)->message, "6 at most"));
  /* A job that one device cannot take does not hold up what it can. */
  world_device_add(&world, 1, 1000, true, 33);
  scene_ask(2, "a", 5000, b);
  scene_ask(3, "a", 50, b88);
  world_device_remove(&world, 1);
  world_run(&world, world.now_us + 1000000);
  assert_non_null(scene_answer_of(3));
  assert_null(scene_answer_of(2));
}

static void what_a_device_to_come_may_take_is_not_unsupported(void **state)
{
  (void)state;
  static const struct {
    uint32_t ready; /* blocks of the ready device, 0: none */
    uint32_t hope;
    enum frank_refusal refusal; /* of 11 blocks */
  } rows[] = {
      {0, 33, FRANK_REFUSAL_NONE},        {0, 11, FRANK_REFUSAL_NONE},
      {0, 10, FRANK_REFUSAL_UNSUPPORTED}, {0, 0, FRANK_REFUSAL_NO_DEVICE},
      {10, 11, FRANK_REFUSAL_NONE},       {10, 10, FRANK_REFUSAL_UNSUPPORTED},
      {10, 0, FRANK_REFUSAL_UNSUPPORTED}, {11, 0, FRANK_REFUSAL_NONE},
      {11, 3, FRANK_REFUSAL_NONE},
  };
  for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char b[685];
    world_random_b(&world, b, 684);
    if (rows[i].ready > 0) {
      world_device_add(&world, 0, 50000, true, rows[i].ready);
    }
    frank_mint_set_device_hope(world.mint, rows[i].hope);
    scene_ask(i + 1, "a", 1000, b);
    const struct frank_answer *a = scene_answer_of(i + 1);
    assert_int_equal(a ? a->refusal : FRANK_REFUSAL_NONE, rows[i].refusal);
    if (!a) {
      assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, i + 1, world.now_us), FRANK_OK);
    }
    world_device_remove(&world, 0);
  }
}

static void what_was_found_is_given_though_no_device_is_left(void **state)
{
  (void)state;
  char b[685];
  world_random_b(&world, b, 684);
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 500, b);
  world_run(&world, world.now_us + 1000000);
  assert_int_equal(scene_answer_of(1)->met, 1);
  world_device_remove(&world, 0);
  frank_mint_set_device_hope(world.mint, 0);
  scene_ask(2, "b", 500, b);
  assert_int_equal(scene_answer_of(2)->met, 1);
  scene_ask(3, "b", HOPELESS, b);
  assert_int_equal(scene_answer_of(3)->refusal, FRANK_REFUSAL_NO_DEVICE);
  world_device_add(&world, 0, 50000, true, 3); /* takes no b of this length */
  scene_ask(4, "b", 500, b);
  assert_string_equal(scene_answer_of(4)->n, scene_answer_of(1)->n);
  scene_ask(5, "b", HOPELESS, b);
  assert_int_equal(scene_answer_of(5)->refusal, FRANK_REFUSAL_UNSUPPORTED);
}

static void too_hard_comes_with_an_estimate(void **state)
{
  (void)state;
  world_device_add(&world, 0, 1000000, true, 33);
  scene_ask(1, "a", HOPELESS + 1, b88);
  const struct frank_answer *a = scene_answer_of(1);
  assert_int_equal(a->refusal, FRANK_REFUSAL_TOO_HARD);
  assert_in_range(a->eta_ms, 1099511627, 1099511628);
}

static void equal_requests_are_one_search(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  for (uint64_t tag = 1; tag <= 10; tag++) {
    scene_ask(tag, tag % 2 ? "a" : "b", 5000, b88);
  }
  world_run(&world, world.now_us + 5000000);
  for (uint64_t tag = 2; tag <= 10; tag++) {
    assert_string_equal(scene_answer_of(tag)->n, scene_answer_of(1)->n);
  }
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.attempts_total, scene_answer_of(1)->attempts);
}

static void answers_are_kept_and_aged(void **state)
{
  (void)state;
  static const uint64_t age_us = FRANK_CACHE_AGE_DEFAULT_S * FRANK_US_PER_S;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 2000, b88);
  world_run(&world, world.now_us + 2000000);
  assert_non_null(scene_answer_of(1));
  uint64_t kept_at_us = answered_at_us[0];
  world.now_us = kept_at_us + age_us - 1;
  frank_mint_tick(world.mint, world.now_us);
  assert_int_equal(scene_status()->cached, 1);
  scene_ask(2, "b", 1000, b88);
  assert_non_null(scene_answer_of(2)); /* at once */
  assert_string_equal(scene_answer_of(2)->n, scene_answer_of(1)->n);
  world.now_us = kept_at_us + age_us;
  frank_mint_tick(world.mint, world.now_us);
  assert_int_equal(scene_status()->cached, 0);
  scene_ask(3, "b", 1000, b88);
  assert_null(scene_answer_of(3)); /* searched anew */
  world_run(&world, world.now_us + 2000000);
  assert_int_equal(scene_answer_of(3)->met, 1);
  assert_string_not_equal(scene_answer_of(3)->n, scene_answer_of(1)->n);
  /* A request alone ages them as well: nobody need tick for it. */
  world.now_us += age_us;
  scene_ask(4, "b", 1000, b88);
  assert_null(scene_answer_of(4));
  assert_int_equal(scene_status()->cached, 0);
}

static void kept_answers_are_bounded_and_the_oldest_go_first(void **state)
{
  (void)state;
  struct frank_mint_config config = scene_config();
  config.cache_bound = 5;
  scene_make(&config);
  world_device_add(&world, 0, 50000, true, 33);
  char b[12][89];
  for (uint64_t i = 0; i < 12; i++) {
    world_random_b(&world, b[i], 88);
    scene_ask(i + 1, "a", 500, b[i]);
    world_run(&world, world.now_us + 1000000);
    assert_int_equal(scene_answer_of(i + 1)->met, 1);
    assert_int_equal(scene_status()->cached, i < 5 ? i + 1 : 5);
  }
  for (uint64_t i = 0; i < 12; i++) {
    scene_ask(100 + i, "a", 500, b[i]);
    if (i < 7) {
      assert_null(scene_answer_of(100 + i));
    } else {
      assert_string_equal(scene_answer_of(100 + i)->n, scene_answer_of(i + 1)->n);
    }
  }
  config.cache_bound = 0;
  scene_make(&config);
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 500, b88);
  world_run(&world, world.now_us + 1000000);
  assert_int_equal(scene_answer_of(1)->met, 1);
  assert_int_equal(scene_status()->cached, 0);
}

static void unmet_answers_are_resumed_not_repeated(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  struct frank_request r = world_request(1, "a", HOPELESS, b88);
  r.deadline_ms = 500;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, world.now_us + 500000);
  r.tag = 2;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, world.now_us + 500000);
  assert_true(scene_answer_of(2)->attempts > scene_answer_of(1)->attempts);
  assert_true(frank_hash_compare(&scene_answer_of(2)->h, &scene_answer_of(1)->h) <= 0);
  /* An easy factor is met by what was found. */
  scene_ask(3, "a", 1000, b88);
  assert_int_equal(scene_answer_of(3)->met, 1);
}

static void higher_factor_raises_the_search(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 100, b88);
  scene_ask(2, "a", 4000, b88);
  scene_ask(3, "a", UINT64_C(1) << 38, b88); /* needs a longer nonce in some shapes */
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(scene_answer_of(1)->met, 1);
  assert_int_equal(scene_answer_of(2)->met, 1);
  assert_null(scene_answer_of(3));
  assert_true(answered_at_us[0] < answered_at_us[1]);
}

/* 8 digits in 3 blocks or 11 in 11 are enough for an easy factor, not for the hardest. */
static void higher_factor_gets_the_nonce_that_it_needs(void **state)
{
  (void)state;
  uint32_t device = scene_device(50000, false, 33);
  static const size_t lens[] = {172, 684};
  for (uint64_t i = 0; i < 2; i++) {
    char b[685];
    world_random_b(&world, b, lens[i]);
    struct frank_plan easy;
    struct frank_plan hard;
    assert_int_equal(frank_plan_make(lens[i], 5000, &easy), FRANK_OK);
    assert_int_equal(frank_plan_make(lens[i], HOPELESS, &hard), FRANK_OK);
    assert_true(hard.blocks > easy.blocks && hard.digits > easy.digits);
    scene_ask(10 * i + 1, "a", 5000, b);
    struct frank_worker_slice first = scene_slice(device);
    assert_int_equal(first.blocks, easy.blocks);
    scene_ask(10 * i + 2, "a", HOPELESS, b);
    struct frank_worker_result result = scene_search(&first);
    assert_true(world_search(&first, false, &result) >= first.stop_at); /* not found yet */
    assert_int_equal(scene_result(device, &result), FRANK_OK);          /* of use all the same */
    while (!scene_answer_of(10 * i + 1)) {
      struct frank_worker_slice slice = scene_slice(device);
      assert_int_equal(slice.blocks, hard.blocks);
      result = scene_search(&slice);
      assert_int_equal(scene_result(device, &result), FRANK_OK);
    }
    const struct frank_answer *a = scene_answer_of(10 * i + 1);
    assert_int_equal(a->met, 1);
    assert_true(world_answer_is_true(a, b));
    assert_int_equal(strlen(a->n), hard.digits);
    assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, 10 * i + 2, world.now_us), FRANK_OK);
  }
}

static void cancel_removes_one_waiter(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "a", 5000, b88);
  scene_ask(2, "a", 5000, b88);
  assert_int_equal(frank_mint_cancel(world.mint, 1, 1, world.now_us), FRANK_OK);
  assert_int_equal(frank_mint_cancel(world.mint, 1, 1, world.now_us), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_mint_cancel(world.mint, 2, 2, world.now_us), FRANK_ERR_NOT_FOUND);
  assert_int_equal(scene_answer_of(1)->refusal, FRANK_REFUSAL_CANCELLED);
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(scene_answer_of(2)->met, 1);
}

static void dead_door_loses_nothing(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask(1, "before", 3000, b88);
  world_pump(&world);
  frank_mint_origin_gone(world.mint, 1, world.now_us);
  assert_int_equal(frank_mint_waiting(world.mint), 0);
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(answer_count, 0);
  struct frank_request r = world_request(1, "after", 3000, b88);
  frank_mint_request(world.mint, 2, &r, b88, world.now_us);
  assert_int_equal(scene_answer_of(1)->met, 1); /* found meanwhile */
}

static void a_client_that_asks_again_takes_the_place_of_what_its_dead_door_left(void **state)
{
  (void)state;
  scene_make_queue(10);
  char b[5][89];
  for (uint64_t i = 0; i < 5; i++) {
    world_random_b(&world, b[i], 88);
  }
  /* The client's half of the queue each time: doors may die as often as they like. */
  for (uint64_t door = 1; door <= 20; door++) {
    for (uint64_t i = 0; i < 5; i++) {
      scene_ask_from(door, 100 * door + i, "a", HOPELESS, 20000, b[i]);
      assert_null(scene_answer_of(100 * door + i));
    }
    assert_int_equal(frank_mint_waiting(world.mint), 5);
    assert_int_equal(scene_status()->waiting + scene_status()->running, 5);
    frank_mint_origin_gone(world.mint, door, world.now_us);
    assert_int_equal(frank_mint_waiting(world.mint), 0);
    assert_int_equal(scene_status()->totals[FRANK_RESULT_ABANDONED], 5 * door);
  }
  world_run(&world, world.now_us + 20000000);
  assert_int_equal(answer_count, 0);
  assert_int_equal(scene_status()->waiting + scene_status()->running, 0);
}

static uint32_t searched_for(void)
{
  return scene_status()->waiting + scene_status()->running;
}

static void what_a_dead_door_left_ends_within_half_a_minute(void **state)
{
  (void)state;
  static const uint32_t deadlines_ms[] = {3600000, 10000, 31000, 30000, 60000, 29000, 600000};
  for (uint64_t i = 0; i < 7; i++) {
    char b[89];
    world_random_b(&world, b, 88);
    scene_ask_from(1, i + 1, "a", HOPELESS, deadlines_ms[i], b);
  }
  scene_ask_from(2, 100, "a", HOPELESS, 40000, b88); /* its door lives on */
  frank_mint_origin_gone(world.mint, 1, world.now_us);
  uint64_t start_us = world.now_us;
  static const struct {
    uint32_t after_ms;
    uint32_t left; /* just before */
  } rows[] = {{10000, 8}, {29000, 7}, {30000, 6}, {40000, 1}};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(frank_mint_next_due_us(world.mint) - start_us, rows[i].after_ms * 1000);
    world_run(&world, start_us + (uint64_t)rows[i].after_ms * 1000 - 1);
    assert_int_equal(searched_for(), rows[i].left);
    world_run(&world, start_us + (uint64_t)rows[i].after_ms * 1000);
  }
  assert_int_equal(searched_for(), 0);
  assert_int_equal(answer_count, 1);
  assert_int_equal(answers[0].tag, 100);
  /* One that died late in its request's life has no more time than that had. */
  scene_ask_from(3, 200, "a", HOPELESS, 40000, b88);
  start_us = world.now_us;
  world_run(&world, start_us + 20000000);
  frank_mint_origin_gone(world.mint, 3, world.now_us);
  assert_int_equal(frank_mint_next_due_us(world.mint), start_us + 40000000);
  world_run(&world, start_us + 40000000);
  /* It goes before a living one that was due before it. */
  start_us = world.now_us;
  scene_ask_from(4, 300, "a", HOPELESS, 40000, b88);
  scene_ask_from(5, 301, "a", HOPELESS, 3600000, b88);
  frank_mint_origin_gone(world.mint, 5, world.now_us);
  assert_int_equal(frank_mint_next_due_us(world.mint), start_us + 30000000);
  world_run(&world, start_us + 30000000);
  assert_int_equal(searched_for(), 1);
}

static bool is_searched_for(uint64_t origin, uint64_t tag)
{
  uint64_t attempts;
  struct frank_hash best;
  return frank_mint_progress(world.mint, origin, tag, &attempts, &best) == FRANK_OK;
}

static void a_full_queue_drops_the_oldest_that_a_dead_door_left(void **state)
{
  (void)state;
  scene_make_queue(4);
  char b[9][89];
  for (size_t i = 0; i < 9; i++) {
    world_random_b(&world, b[i], 88);
  }
  scene_ask_from(7, 1, "late", HOPELESS, 20000, b[0]); /* came first; its door dies last */
  scene_ask_from(5, 2, "a", HOPELESS, 20000, b[1]);
  scene_ask_from(6, 3, "a", HOPELESS, 20000, b[2]);
  scene_ask_from(5, 4, "b", HOPELESS, 20000, b[3]);
  frank_mint_origin_gone(world.mint, 6, world.now_us);
  frank_mint_origin_gone(world.mint, 5, world.now_us);
  frank_mint_origin_gone(world.mint, 7, world.now_us);
  static const int left_of_5[] = {2, 1, 0, 0};
  for (uint64_t i = 0; i < 4; i++) {
    assert_int_equal(searched_for(), 4);
    scene_ask_from(8, 10 + i, i < 2 ? "c" : "d", HOPELESS, 20000, b[4 + i]);
    assert_null(scene_answer_of(10 + i));
    assert_int_equal(searched_for(), 4);
    assert_int_equal(is_searched_for(7, 1), i < 3);
    assert_int_equal(is_searched_for(5, 2) + is_searched_for(5, 4), left_of_5[i]);
    assert_int_equal(is_searched_for(6, 3), 0);
    assert_int_equal(frank_mint_waiting(world.mint), i + 1);
  }
  /* Those who wait are not dropped. */
  scene_ask_from(8, 20, "e", HOPELESS, 20000, b[8]);
  assert_int_equal(scene_answer_of(20)->refusal, FRANK_REFUSAL_BUSY);
}

static void an_easier_request_does_not_end_the_harder_search_of_a_dead_door(void **state)
{
  (void)state;
  scene_ask_from(1, 1, "a", 5000, 20000, b88);
  scene_ask_from(1, 2, "a", HOPELESS, 20000, b88);
  frank_mint_origin_gone(world.mint, 1, world.now_us);
  assert_int_equal(searched_for(), 2);
  scene_ask_from(2, 3, "a", 100, 20000, b88);
  assert_int_equal(searched_for(), 3);
  scene_ask_from(2, 4, "a", 5000, 20000, b88); /* takes the place of the first */
  assert_int_equal(searched_for(), 3);
  assert_false(is_searched_for(1, 1));
  world_device_add(&world, 0, 50000, true, 33);
  world_run(&world, world.now_us + 2000000);
  assert_int_equal(scene_answer_of(3)->met, 1);
  assert_int_equal(scene_answer_of(4)->met, 1);
  assert_int_equal(searched_for(), 1); /* and the hard search goes on */
  scene_ask_from(3, 5, "a", HOPELESS, 20000, b88);
  assert_int_equal(searched_for(), 1);
  world_run(&world, world.now_us + 20000000);
  /* What was done for the dead door was not lost. */
  assert_true(scene_answer_of(5)->attempts > 1050000);
}

static void drain_refuses_and_finish_answers(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask_new(1, "a", HOPELESS);
  frank_mint_drain(world.mint);
  scene_ask_new(2, "a", 10);
  assert_int_equal(scene_answer_of(2)->refusal, FRANK_REFUSAL_SHUTTING_DOWN);
  assert_null(scene_answer_of(1));
  frank_mint_finish(world.mint, world.now_us);
  assert_int_equal(scene_answer_of(1)->refusal, FRANK_REFUSAL_NONE);
  assert_int_equal(frank_mint_waiting(world.mint), 0);
}

static void what_a_door_should_have_refused_is_refused(void **state)
{
  (void)state;
  struct frank_request good = world_request(1, "a", HOPELESS, b88);
  frank_mint_request(world.mint, 1, &good, b88, world.now_us);
  struct frank_request bad[6];
  for (size_t i = 0; i < 6; i++) {
    bad[i] = world_request(10 + i, "a", HOPELESS, b88);
  }
  bad[0].b_len = 0;
  bad[1].alg = 99;
  bad[2].deadline_ms = 0;
  bad[3].priority = 10;
  bad[4].tag = 1; /* in use */
  memset(bad[5].client, 'x', sizeof bad[5].client);
  for (size_t i = 0; i < 6; i++) {
    size_t before = answer_count;
    frank_mint_request(world.mint, 1, &bad[i], b88, world.now_us);
    assert_int_equal(answer_count, before + 1);
    assert_int_equal(answers[before].refusal, FRANK_REFUSAL_INTERNAL);
  }
  assert_int_equal(frank_mint_waiting(world.mint), 1);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
      ROW(stamp_meets_its_factor),
      ROW(best_comes_at_the_deadline),
      ROW(without_devices_the_admission_hash_is_the_best),
      ROW(fail_at_deadline_is_an_error),
      ROW(no_device_and_no_hope_is_said_at_once),
      ROW(too_many_blocks_are_unsupported),
      ROW(what_a_device_to_come_may_take_is_not_unsupported),
      ROW(what_was_found_is_given_though_no_device_is_left),
      ROW(too_hard_comes_with_an_estimate),
      ROW(equal_requests_are_one_search),
      ROW(answers_are_kept_and_aged),
      ROW(kept_answers_are_bounded_and_the_oldest_go_first),
      ROW(unmet_answers_are_resumed_not_repeated),
      ROW(higher_factor_raises_the_search),
      ROW(higher_factor_gets_the_nonce_that_it_needs),
      ROW(cancel_removes_one_waiter),
      ROW(dead_door_loses_nothing),
      ROW(a_client_that_asks_again_takes_the_place_of_what_its_dead_door_left),
      ROW(what_a_dead_door_left_ends_within_half_a_minute),
      ROW(a_full_queue_drops_the_oldest_that_a_dead_door_left),
      ROW(an_easier_request_does_not_end_the_harder_search_of_a_dead_door),
      ROW(drain_refuses_and_finish_answers),
      ROW(what_a_door_should_have_refused_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
