/* What the mint service promises, one behaviour a test, on a simulated clock. */
#include "world.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ANSWERS_MAX 4096
#define HOPELESS    (UINT64_C(1) << 40)

static struct world world;
static struct frank_answer answers[ANSWERS_MAX];
static uint64_t answered_at_us[ANSWERS_MAX];
static size_t answer_count;
static char b88[89];

static void on_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  (void)arg;
  (void)origin;
  assert_true(answer_count < ANSWERS_MAX);
  answered_at_us[answer_count] = world.now_us;
  answers[answer_count++] = *answer;
}

static const struct frank_answer *answer_of(uint64_t tag)
{
  const struct frank_answer *found = NULL;
  for (size_t i = 0; i < answer_count; i++) {
    if (answers[i].tag == tag) {
      assert_null(found); /* one answer, not two */
      found = &answers[i];
    }
  }
  return found;
}

static void make(uint32_t queue_bound)
{
  memset(&world, 0, sizeof world);
  world.random = 42;
  world.lowest_word = UINT32_MAX;
  world.now_us = 1000000;
  answer_count = 0;
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.queue_bound = queue_bound;
  config.answer = on_answer;
  config.random = world_fill_random;
  config.arg = &world;
  assert_int_equal(frank_mint_new(&config, world.now_us, &world.mint), FRANK_OK);
  world_random_b(&world, b88, 88);
}

static int setup(void **state)
{
  (void)state;
  make(1000);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  frank_mint_destroy(&world.mint);
  return 0;
}

static void ask(uint64_t tag, const char *client, uint64_t factor, const char *b)
{
  struct frank_request r = world_request(tag, client, factor, b);
  frank_mint_request(world.mint, 1, &r, b, world.now_us);
}

static void ask_new(uint64_t tag, const char *client, uint64_t factor)
{
  char b[89];
  world_random_b(&world, b, 88);
  ask(tag, client, factor, b);
}

static void stamp_meets_its_factor(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  static const size_t lens[] = {4, 88, 172, 344, 512, 684, 2048};
  for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    char b[2049];
    world_random_b(&world, b, lens[i]);
    ask(i + 1, "a", 500, b);
    world_run(&world, world.now_us + 5000000);
    const struct frank_answer *a = answer_of(i + 1);
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
  const struct frank_answer *a = answer_of(1);
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
  const struct frank_answer *a = answer_of(1);
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
  assert_int_equal(answer_of(1)->refusal, FRANK_REFUSAL_DEADLINE);
  assert_non_null(strstr(answer_of(1)->message, "10 ms"));
}

static void no_device_and_no_hope_is_said_at_once(void **state)
{
  (void)state;
  frank_mint_set_device_hope(world.mint, false);
  ask(1, "a", 100, b88);
  assert_int_equal(answer_of(1)->refusal, FRANK_REFUSAL_NO_DEVICE);
  assert_true(answer_of(1)->retry_after_ms > 0);
}

static void too_many_blocks_are_unsupported(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 6);
  char b[685];
  world_random_b(&world, b, 684);
  ask(1, "a", 100, b);
  assert_int_equal(answer_of(1)->refusal, FRANK_REFUSAL_UNSUPPORTED);
  /* A job that one device cannot take does not hold up what it can. */
  world_device_add(&world, 1, 1000, true, 33);
  ask(2, "a", 5000, b);
  ask(3, "a", 50, b88);
  world_device_remove(&world, 1);
  world_run(&world, world.now_us + 1000000);
  assert_non_null(answer_of(3));
  assert_null(answer_of(2));
}

static void too_hard_comes_with_an_estimate(void **state)
{
  (void)state;
  world_device_add(&world, 0, 1000000, true, 33);
  ask(1, "a", HOPELESS + 1, b88);
  const struct frank_answer *a = answer_of(1);
  assert_int_equal(a->refusal, FRANK_REFUSAL_TOO_HARD);
  assert_in_range(a->eta_ms, 1099511627, 1099511628);
}

static void equal_requests_are_one_search(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  for (uint64_t tag = 1; tag <= 10; tag++) {
    ask(tag, tag % 2 ? "a" : "b", 5000, b88);
  }
  world_run(&world, world.now_us + 5000000);
  for (uint64_t tag = 2; tag <= 10; tag++) {
    assert_string_equal(answer_of(tag)->n, answer_of(1)->n);
  }
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.attempts_total, answer_of(1)->attempts);
}

static void answers_are_kept_and_aged(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "a", 2000, b88);
  world_run(&world, world.now_us + 2000000);
  assert_non_null(answer_of(1));
  ask(2, "b", 1000, b88);
  assert_non_null(answer_of(2)); /* at once */
  assert_string_equal(answer_of(2)->n, answer_of(1)->n);
  world_run(&world, world.now_us + 601 * FRANK_US_PER_S);
  ask(3, "b", HOPELESS, b88);
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.cached, 0);
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
  assert_true(answer_of(2)->attempts > answer_of(1)->attempts);
  assert_true(frank_hash_compare(&answer_of(2)->h, &answer_of(1)->h) <= 0);
  /* An easy factor is met by what was found. */
  ask(3, "a", 1000, b88);
  assert_int_equal(answer_of(3)->met, 1);
}

static void higher_factor_raises_the_search(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "a", 100, b88);
  ask(2, "a", 4000, b88);
  ask(3, "a", UINT64_C(1) << 38, b88); /* needs a longer nonce in some shapes */
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(answer_of(1)->met, 1);
  assert_int_equal(answer_of(2)->met, 1);
  assert_null(answer_of(3));
  assert_true(answered_at_us[0] < answered_at_us[1]);
}

static void cancel_removes_one_waiter(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "a", 5000, b88);
  ask(2, "a", 5000, b88);
  assert_int_equal(frank_mint_cancel(world.mint, 1, 1, world.now_us), FRANK_OK);
  assert_int_equal(frank_mint_cancel(world.mint, 1, 1, world.now_us), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_mint_cancel(world.mint, 2, 2, world.now_us), FRANK_ERR_NOT_FOUND);
  assert_int_equal(answer_of(1)->refusal, FRANK_REFUSAL_CANCELLED);
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(answer_of(2)->met, 1);
}

static void full_queue_answers_at_once(void **state)
{
  (void)state;
  frank_mint_destroy(&world.mint);
  make(10);
  for (uint64_t tag = 1; tag <= 5; tag++) {
    ask_new(tag, "a", HOPELESS);
    ask_new(tag + 5, "b", HOPELESS);
  }
  assert_int_equal(answer_count, 0);
  ask_new(11, "c", HOPELESS);
  assert_int_equal(answer_of(11)->refusal, FRANK_REFUSAL_BUSY);
  assert_true(answer_of(11)->retry_after_ms >= 100);
  assert_int_equal(frank_mint_waiting(world.mint), 10);
}

static void one_client_gets_half_of_the_queue(void **state)
{
  (void)state;
  frank_mint_destroy(&world.mint);
  make(100);
  for (uint64_t tag = 1; tag <= 60; tag++) {
    ask_new(tag, "greedy", 1000000);
  }
  assert_int_equal(frank_mint_waiting(world.mint), 50);
  assert_int_equal(answer_of(51)->refusal, FRANK_REFUSAL_BUSY);
  ask_new(100, "other", 1000000);
  assert_int_equal(frank_mint_waiting(world.mint), 51);
}

static void one_client_gets_half_of_the_work_once_others_wait(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask_new(1, "greedy", 1 << 20); /* 20 s of work */
  ask_new(2, "greedy", 1 << 20);
  assert_int_equal(answer_count, 0); /* alone, it may */
  ask_new(3, "other", 1000);
  ask_new(4, "greedy", 1 << 20);
  assert_int_equal(answer_of(4)->refusal, FRANK_REFUSAL_BUSY);
}

static void clients_share_fairly_whatever_priority_they_claim(void **state)
{
  (void)state;
  world_device_add(&world, 0, 100000, true, 33);
  char b[89];
  for (uint64_t tag = 1; tag <= 200; tag++) {
    world_random_b(&world, b, 88);
    struct frank_request r = world_request(tag, "greedy", 2000, b);
    r.priority = 9;
    frank_mint_request(world.mint, 1, &r, b, world.now_us);
  }
  for (uint64_t tag = 1001; tag <= 1020; tag++) {
    world_random_b(&world, b, 88);
    struct frank_request r = world_request(tag, "small", 2000, b);
    r.priority = 0;
    frank_mint_request(world.mint, 1, &r, b, world.now_us);
  }
  /* 220 jobs take about 4.4 s; the small client has half of the device: 20 jobs in about 0.8 s. */
  world_run(&world, world.now_us + 1600000);
  for (uint64_t tag = 1001; tag <= 1020; tag++) {
    assert_non_null(answer_of(tag));
  }
  assert_true(answer_count < 150);
}

static void priority_then_deadline_decide_within_a_client(void **state)
{
  (void)state;
  static const struct {
    uint8_t priority;
    uint32_t deadline_ms;
  } rows[] = {{5, 30000}, {5, 20000}, {9, 30000}, {0, 10000}};
  static const uint64_t order[] = {3, 2, 1, 4};
  char b[89];
  for (uint64_t i = 0; i < 4; i++) {
    world_random_b(&world, b, 88);
    struct frank_request r = world_request(i + 1, "a", 20000, b);
    r.priority = rows[i].priority;
    r.deadline_ms = rows[i].deadline_ms;
    frank_mint_request(world.mint, 1, &r, b, world.now_us);
  }
  struct frank_device_info info = {.blocks_max = 33, .batch_max = 1, .rate_hps = 1000};
  uint32_t device;
  assert_int_equal(frank_mint_device_add(world.mint, &info, &device), FRANK_OK);
  struct frank_worker_slice slice;
  for (uint64_t i = 0; i < 2; i++) {
    assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &slice), FRANK_OK);
  }
  /* Two outstanding, of different jobs; the third waits. */
  assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &slice),
                   FRANK_ERR_NOT_FOUND);
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.running, 2);
  assert_int_equal(frank_mint_cancel(world.mint, 1, order[3], world.now_us), FRANK_OK);
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.running, 2); /* the last in the order had no slice */
  assert_int_equal(frank_mint_cancel(world.mint, 1, order[0], world.now_us), FRANK_OK);
  assert_int_equal(frank_mint_cancel(world.mint, 1, order[1], world.now_us), FRANK_OK);
  frank_mint_status(world.mint, &status);
  assert_int_equal(status.running, 0);
  assert_int_equal(status.waiting, 1);
  frank_mint_device_remove(world.mint, device, world.now_us);
}

static void work_goes_back_when_a_device_dies(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "a", 20000, b88);
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
  assert_int_equal(answer_of(1)->met, 1);
}

static void late_work_goes_to_others_and_a_late_hit_counts(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "a", 500, b88);
  world_pump(&world);
  frank_mint_device_stalled(world.mint, world.devices[0].handle, world.now_us);
  struct frank_worker_slice slice;
  /* It gets no new work before it speaks. */
  assert_int_equal(frank_mint_next_slice(world.mint, world.devices[0].handle, world.now_us, &slice),
                   FRANK_ERR_NOT_FOUND);
  world_run(&world, world.now_us + 3000000); /* its late result comes, with the hit */
  assert_int_equal(answer_of(1)->met, 1);
}

static void lies_are_seen_and_never_become_answers(void **state)
{
  (void)state;
  for (int fault = WORLD_LIES_HIT; fault <= WORLD_OVERFLOWS; fault++) {
    world_device_add(&world, 0, 50000, true, 33);
    world.devices[0].fault = (enum world_fault)fault;
    uint64_t before = world.lies_caught;
    ask_new((uint64_t)fault, "a", HOPELESS);
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
  ask(1, "a", HOPELESS, b88);
  struct frank_worker_slice slice;
  uint32_t device = world.devices[0].handle;
  assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &slice), FRANK_OK);
  struct frank_worker_result result = {.slice_id = slice.slice_id, .attempts = slice.count};
  result.hit_count = 1;
  result.hits[0] = slice.first; /* in range, but its hash is not small */
  assert_int_equal(frank_mint_result(world.mint, device, &result, world.now_us), FRANK_ERR_DEVICE);
}

/* The first counter of the slice whose hash is at or below its bound. */
static bool find_hit(const struct frank_worker_slice *s, uint32_t *counter)
{
  for (uint64_t i = 0; i < s->count; i++) {
    uint32_t kw[64];
    uint32_t block[16];
    uint32_t state[8];
    memcpy(state, s->init, sizeof state);
    memcpy(block, s->block, sizeof block);
    frank_plan_counter_words(s->first + (uint32_t)i, block + s->counter_word);
    for (int k = 0; k < s->blocks; k++) {
      frank_sha256_expand(block, kw);
      frank_sha256_rounds(state, kw);
      frank_sha256_load(s->tail + (size_t)k * 64, block);
    }
    if (state[0] <= s->bound) {
      *counter = s->first + (uint32_t)i;
      return true;
    }
  }
  return false;
}

static void overflowed_range_is_searched_again_in_halves(void **state)
{
  (void)state;
  struct frank_device_info info = {.blocks_max = 33, .batch_max = 1, .rate_hps = 50000};
  uint32_t device;
  assert_int_equal(frank_mint_device_add(world.mint, &info, &device), FRANK_OK);
  ask(1, "a", HOPELESS, b88);
  struct frank_worker_slice whole;
  uint32_t hit = 0;
  do { /* most slices have a hit or more */
    assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &whole), FRANK_OK);
    if (!find_hit(&whole, &hit)) {
      struct frank_worker_result none = {.slice_id = whole.slice_id, .attempts = whole.count};
      assert_int_equal(frank_mint_result(world.mint, device, &none, world.now_us), FRANK_OK);
      hit = UINT32_MAX;
    }
  } while (hit == UINT32_MAX);
  struct frank_worker_result result = {
      .slice_id = whole.slice_id, .attempts = whole.count, .hit_count = 8, .overflow = 1};
  for (int i = 0; i < 8; i++) {
    result.hits[i] = hit;
  }
  assert_int_equal(frank_mint_result(world.mint, device, &result, world.now_us), FRANK_OK);
  uint64_t left = whole.count;
  uint32_t next = whole.first;
  while (left > 0) {
    struct frank_worker_slice half;
    assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &half), FRANK_OK);
    assert_int_equal(half.first, next);
    assert_int_equal(half.count, (left + 1) / 2);
    assert_true(half.bound < whole.bound); /* the best of the eight */
    assert_memory_equal(half.block, whole.block, sizeof whole.block);
    struct frank_worker_result none = {.slice_id = half.slice_id, .attempts = half.count};
    assert_int_equal(frank_mint_result(world.mint, device, &none, world.now_us), FRANK_OK);
    left -= half.count;
    next += (uint32_t)half.count;
  }
  frank_mint_device_remove(world.mint, device, world.now_us);
}

static void best_only_gets_better(void **state)
{
  (void)state;
  world_device_add(&world, 0, 200000, true, 33);
  world_device_add(&world, 1, 200000, true, 33);
  for (int round = 0; round < 5; round++) {
    uint64_t tag = (uint64_t)round + 1;
    ask_new(tag, "a", HOPELESS);
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

static void a_client_that_was_away_has_saved_nothing_up(void **state)
{
  (void)state;
  world_device_add(&world, 0, 100000, true, 33);
  ask_new(1, "away", 50);
  world_run(&world, world.now_us + 1000000);
  for (uint64_t tag = 100; tag < 400; tag++) {
    ask_new(tag, "steady", 2000);
  }
  world_run(&world, world.now_us + 3000000);
  size_t steady_before = answer_count;
  for (uint64_t tag = 1000; tag < 1300; tag++) {
    ask_new(tag, "away", 2000);
  }
  world_run(&world, world.now_us + 1000000);
  size_t steady = 0;
  size_t away = 0;
  for (size_t i = steady_before; i < answer_count; i++) {
    away += answers[i].tag >= 1000 ? 1 : 0;
    steady += answers[i].tag < 1000 ? 1 : 0;
  }
  /* About 25 each; with what it had saved up, the other would have had nearly all. */
  assert_true(steady > 8 && away > 8);
}

static void several_devices_help_a_long_job(void **state)
{
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    world_device_add(&world, i, 50000, true, 33);
  }
  struct frank_request r = world_request(1, "a", HOPELESS, b88);
  r.deadline_ms = 1000;
  frank_mint_request(world.mint, 1, &r, b88, world.now_us);
  world_run(&world, world.now_us + 1000000);
  /* One slice per device at a time: nearly all of 4 x 50,000 in the second. */
  assert_true(answer_of(1)->attempts > 170000);
}

static void many_jobs_lose_little_work(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  world_device_add(&world, 1, 50000, true, 33);
  uint64_t start_us = world.now_us;
  for (uint64_t tag = 1; tag <= 500; tag++) {
    char b[89];
    world_random_b(&world, b, 88);
    char client[8];
    snprintf(client, sizeof client, "c%d", (int)(tag % 4));
    ask(tag, client, 1024, b);
  }
  while (frank_mint_waiting(world.mint) > 20) {
    world_run(&world, world.now_us + 10000);
  }
  struct frank_status status = {0};
  frank_mint_status(world.mint, &status);
  double searched = (double)(world.devices[0].busy_us + world.devices[1].busy_us) * 0.05;
  print_message("useful %.1f%% of attempts, busy %.1f%%\n",
                100.0 * (double)status.useful_attempts_total / searched,
                100.0 * searched / (0.1 * (double)(world.now_us - start_us)));
  assert_true((double)status.useful_attempts_total > 0.95 * searched);
  assert_true(searched > 0.97 * 0.1 * (double)(world.now_us - start_us));
}

static void dead_door_loses_nothing(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask(1, "before", 3000, b88);
  world_pump(&world);
  frank_mint_origin_gone(world.mint, 1, world.now_us);
  assert_int_equal(frank_mint_waiting(world.mint), 0);
  world_run(&world, world.now_us + 3000000);
  assert_int_equal(answer_count, 0);
  struct frank_request r = world_request(1, "after", 3000, b88);
  frank_mint_request(world.mint, 2, &r, b88, world.now_us);
  assert_int_equal(answer_of(1)->met, 1); /* found meanwhile */
}

static void drain_refuses_and_finish_answers(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  ask_new(1, "a", HOPELESS);
  frank_mint_drain(world.mint);
  ask_new(2, "a", 10);
  assert_int_equal(answer_of(2)->refusal, FRANK_REFUSAL_SHUTTING_DOWN);
  assert_null(answer_of(1));
  frank_mint_finish(world.mint, world.now_us);
  assert_int_equal(answer_of(1)->refusal, FRANK_REFUSAL_NONE);
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
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      ROW(stamp_meets_its_factor),
      ROW(best_comes_at_the_deadline),
      ROW(without_devices_the_admission_hash_is_the_best),
      ROW(fail_at_deadline_is_an_error),
      ROW(no_device_and_no_hope_is_said_at_once),
      ROW(too_many_blocks_are_unsupported),
      ROW(too_hard_comes_with_an_estimate),
      ROW(equal_requests_are_one_search),
      ROW(answers_are_kept_and_aged),
      ROW(unmet_answers_are_resumed_not_repeated),
      ROW(higher_factor_raises_the_search),
      ROW(cancel_removes_one_waiter),
      ROW(full_queue_answers_at_once),
      ROW(one_client_gets_half_of_the_queue),
      ROW(one_client_gets_half_of_the_work_once_others_wait),
      ROW(clients_share_fairly_whatever_priority_they_claim),
      ROW(priority_then_deadline_decide_within_a_client),
      ROW(work_goes_back_when_a_device_dies),
      ROW(late_work_goes_to_others_and_a_late_hit_counts),
      ROW(lies_are_seen_and_never_become_answers),
      ROW(hit_above_the_bound_is_a_lie),
      ROW(overflowed_range_is_searched_again_in_halves),
      ROW(best_only_gets_better),
      ROW(a_client_that_was_away_has_saved_nothing_up),
      ROW(several_devices_help_a_long_job),
      ROW(many_jobs_lose_little_work),
      ROW(dead_door_loses_nothing),
      ROW(drain_refuses_and_finish_answers),
      ROW(what_a_door_should_have_refused_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
