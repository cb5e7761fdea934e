/* Who is served when: a full queue, fair shares, several devices; on a simulated clock. */
#include "scene.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void full_queue_answers_at_once(void **state)
{
  (void)state;
  scene_make_queue(10);
  for (uint64_t tag = 1; tag <= 5; tag++) {
    scene_ask_new(tag, "a", HOPELESS);
    scene_ask_new(tag + 5, "b", HOPELESS);
  }
  assert_int_equal(answer_count, 0);
  scene_ask_new(11, "c", HOPELESS);
  assert_int_equal(scene_answer_of(11)->refusal, FRANK_REFUSAL_BUSY);
  assert_true(scene_answer_of(11)->retry_after_ms >= 100);
  assert_int_equal(frank_mint_waiting(world.mint), 10);
}

static void one_client_gets_half_of_the_queue(void **state)
{
  (void)state;
  scene_make_queue(100);
  for (uint64_t tag = 1; tag <= 60; tag++) {
    scene_ask_new(tag, "greedy", 1000000);
  }
  assert_int_equal(frank_mint_waiting(world.mint), 50);
  assert_int_equal(scene_answer_of(51)->refusal, FRANK_REFUSAL_BUSY);
  scene_ask_new(100, "other", 1000000);
  assert_int_equal(frank_mint_waiting(world.mint), 51);
}

static void one_client_gets_half_of_the_work_once_others_wait(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask_new(1, "greedy", 1 << 20); /* 20 s of work */
  scene_ask_new(2, "greedy", 1 << 20);
  assert_int_equal(answer_count, 0); /* alone, it may */
  scene_ask_new(3, "other", 1000);
  scene_ask_new(4, "greedy", 1 << 20);
  assert_int_equal(scene_answer_of(4)->refusal, FRANK_REFUSAL_BUSY);
}

static void equal_clients_may_both_queue_more(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask_new(1, "a", 1 << 20);
  scene_ask_new(2, "b", 1 << 20);
  scene_ask_new(3, "a", 1 << 20); /* each holds half, no more */
  assert_null(scene_answer_of(3));
  scene_ask_new(4, "a", 1 << 20); /* two thirds */
  assert_int_equal(scene_answer_of(4)->refusal, FRANK_REFUSAL_BUSY);
  scene_ask_new(5, "b", 1 << 20);
  assert_null(scene_answer_of(5));
  scene_ask_new(6, "a", 1 << 20); /* equal again */
  assert_null(scene_answer_of(6));
}

static void half_of_little_work_is_nobodys_trouble(void **state)
{
  (void)state;
  world_device_add(&world, 0, 50000, true, 33);
  scene_ask_new(1, "other", 1000);
  for (uint64_t tag = 2; tag <= 8; tag++) { /* up to eight seconds of work */
    scene_ask_new(tag, "greedy", 50000);
    assert_null(scene_answer_of(tag));
  }
  scene_ask_new(9, "greedy", 200000); /* decided by what waits already */
  assert_null(scene_answer_of(9));
  scene_ask_new(11, "greedy", 50000);
  assert_int_equal(scene_answer_of(11)->refusal, FRANK_REFUSAL_BUSY);
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
    assert_non_null(scene_answer_of(tag));
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

static void a_client_that_was_away_has_saved_nothing_up(void **state)
{
  (void)state;
  world_device_add(&world, 0, 100000, true, 33);
  scene_ask_new(1, "away", 50);
  world_run(&world, world.now_us + 1000000);
  for (uint64_t tag = 100; tag < 400; tag++) {
    scene_ask_new(tag, "steady", 2000);
  }
  world_run(&world, world.now_us + 3000000);
  size_t steady_before = answer_count;
  for (uint64_t tag = 1000; tag < 1300; tag++) {
    scene_ask_new(tag, "away", 2000);
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

static void ask_urgently(uint64_t tag, const char *client, uint8_t priority, uint32_t deadline_ms,
                         const char *b)
{
  struct frank_request r = world_request(tag, client, HOPELESS, b);
  r.priority = priority;
  r.deadline_ms = deadline_ms;
  frank_mint_request(world.mint, CLIENTS, &r, b, world.now_us);
}

static void who_joins_a_search_makes_it_as_urgent_as_his_own(void **state)
{
  (void)state;
  /* The search of two blocks comes second, until the joining request lifts it. */
  static const struct {
    const char *joins;
    uint32_t deadline_ms;
    uint8_t priority;
    uint8_t blocks; /* of the next slice */
  } rows[] = {
      {"light", 30000, 5, 4}, {"light", 30000, 9, 2}, {"light", 10000, 5, 2},
      {"heavy", 10000, 9, 4}, {"new", 30000, 0, 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    scene_make_queue(100);
    uint32_t device = scene_device(50000, false, 33);
    scene_ask_new(1, "heavy", HOPELESS);
    scene_ask_new(2, "light", 100);
    for (int k = 0; k < 2; k++) { /* charged 2,500 and 100 */
      struct frank_worker_slice slice = scene_slice(device);
      struct frank_worker_result result = scene_search(&slice);
      assert_int_equal(scene_result(device, &result), FRANK_OK);
    }
    assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, 1, world.now_us), FRANK_OK);
    if (!scene_answer_of(2)) {
      assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, 2, world.now_us), FRANK_OK);
    }
    char b172[173];
    world_random_b(&world, b172, 172);
    bool by_client = i >= 3; /* else by what "light" asks for itself */
    ask_urgently(3, by_client ? "heavy" : "light", 5, 30000, b88);
    ask_urgently(4, "light", 5, 20000, b172);
    ask_urgently(5, rows[i].joins, rows[i].priority, rows[i].deadline_ms, b88);
    assert_int_equal(scene_slice(device).blocks, rows[i].blocks);
    frank_mint_device_remove(world.mint, device, world.now_us);
  }
}

/* The client of that name as the service tells of it; NULL. */
static const struct frank_status_client *client_of(const char *name)
{
  const struct frank_status *status = scene_status();
  for (uint32_t i = 0; i < status->client_count; i++) {
    if (strcmp(status->clients[i].name, name) == 0) {
      return &status->clients[i];
    }
  }
  return NULL;
}

static void clients_come_and_go(int count)
{
  static uint64_t tag = 1000000;
  for (int i = 0; i < count; i++) {
    char name[16];
    snprintf(name, sizeof name, "x%d", i);
    scene_ask(++tag, name, HOPELESS, b88);
    assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, tag, world.now_us), FRANK_OK);
  }
  answer_count = 0;
}

static void what_a_client_got_is_remembered_but_not_of_every_client(void **state)
{
  (void)state;
  world_device_add(&world, 0, 100000, true, 33);
  scene_ask_new(1, "first", 3000);
  world_run(&world, world.now_us + 1000000);
  uint64_t attempts = client_of("first")->attempts;
  assert_true(attempts > 0);
  world_device_remove(&world, 0);
  clients_come_and_go(500);
  scene_ask_new(2, "first", HOPELESS);
  assert_int_equal(client_of("first")->attempts, attempts);
  assert_int_equal(frank_mint_cancel(world.mint, CLIENTS, 2, world.now_us), FRANK_OK);
  clients_come_and_go(3000); /* more than anybody remembers */
  scene_ask_new(3, "first", HOPELESS);
  assert_int_equal(client_of("first")->attempts, 0);
}

/* Served on, "other" has had 64 attempts and "a" none: "a" is next, unless it was charged for what
 * the dead device never did. */
static void what_a_dead_device_did_not_do_is_not_charged(void **state)
{
  (void)state;
  uint32_t device = scene_device(50000, false, 33);
  char b172[173];
  world_random_b(&world, b172, 172); /* four blocks: told from the other's two */
  scene_ask_new(1, "other", 64);
  struct frank_worker_slice slice = scene_slice(device);
  struct frank_worker_result result = scene_search(&slice);
  assert_int_equal(scene_result(device, &result), FRANK_OK);
  scene_ask(2, "a", HOPELESS, b172);
  for (int i = 0; i < 3; i++) {
    slice = scene_slice(device);
    assert_int_equal(slice.blocks, 4);
    assert_true(slice.count > 1000);
    frank_mint_device_remove(world.mint, device, world.now_us);
    device = scene_device(50000, false, 33);
  }
  scene_ask_new(3, "other", HOPELESS);
  slice = scene_slice(device);
  assert_int_equal(slice.blocks, 4);
  assert_int_equal(scene_slice(device).blocks, 2);
  frank_mint_device_remove(world.mint, device, world.now_us);
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
  assert_true(scene_answer_of(1)->attempts > 170000);
}

static void slices_are_short_where_all_devices_come_to_one_job(void **state)
{
  (void)state;
  const uint64_t factor = 40000; /* 20 ms of both */
  uint32_t first = scene_device(1e6, true, 33);
  scene_ask_new(1, "a", factor);
  assert_int_equal(scene_slice(first).count, 50000); /* a slice's usual time: nobody shares it */
  uint32_t second = scene_device(1e6, true, 33);
  assert_int_equal(scene_slice(second).count, factor / 2 / 4);
  uint32_t third = scene_device(1e6, true, 33);
  scene_ask_new(2, "a", factor);
  scene_ask_new(3, "a", factor);
  assert_int_equal(scene_slice(third).count, 50000); /* another one waits */
  assert_int_equal(scene_slice(third).count, 3333);  /* none waits any more */
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
    scene_ask(tag, client, 1024, b);
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

static uint64_t answered;

static void count_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  (void)arg;
  (void)origin;
  answered += answer->refusal == FRANK_REFUSAL_NONE ? 1 : 0;
}

/* Processor time, in seconds, of so many equal requests from their arrival to their answers: half
 * of them when the search meets their factor, half at their common deadline. */
static double crowd_s(uint32_t count)
{
  struct frank_mint_config config = scene_config();
  config.queue_bound = FRANK_QUEUE_MAX;
  config.answer = count_answer;
  scene_make(&config);
  uint32_t device = scene_device(50000, false, 33);
  answered = 0;
  struct timespec from;
  struct timespec to;
  assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from), 0);
  for (uint64_t tag = 1; tag <= count; tag++) {
    scene_ask_from(CLIENTS, tag, tag % 3 ? "a" : "b", tag % 2 ? 3000 : HOPELESS, 10000, b88);
  }
  assert_int_equal(frank_mint_waiting(world.mint), count);
  while (answered == 0) {
    struct frank_worker_slice slice = scene_slice(device);
    struct frank_worker_result result = scene_search(&slice);
    assert_int_equal(scene_result(device, &result), FRANK_OK);
  }
  assert_int_equal(answered, count / 2);
  world.now_us += 10000000;
  frank_mint_tick(world.mint, world.now_us);
  assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to), 0);
  assert_int_equal(answered, count);
  return (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
}

static double best_crowd_s(uint32_t count)
{
  double best = crowd_s(count);
  for (int i = 0; i < 2; i++) {
    double again = crowd_s(count);
    best = again < best ? again : best;
  }
  return best;
}

static void ten_times_the_equal_requests_cost_ten_times_the_work(void **state)
{
  (void)state;
  double few = best_crowd_s(4000);
  double many = best_crowd_s(40000);
  print_message("4,000 in %.1f ms, 40,000 in %.1f ms\n", 1000 * few, 1000 * many);
  /* A hundred times where each looks at all others; memory far away costs something as well. */
  assert_true(many < 40 * few);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
  const struct CMUnitTest tests[] = {
      ROW(full_queue_answers_at_once),
      ROW(one_client_gets_half_of_the_queue),
      ROW(one_client_gets_half_of_the_work_once_others_wait),
      ROW(equal_clients_may_both_queue_more),
      ROW(half_of_little_work_is_nobodys_trouble),
      ROW(clients_share_fairly_whatever_priority_they_claim),
      ROW(priority_then_deadline_decide_within_a_client),
      ROW(who_joins_a_search_makes_it_as_urgent_as_his_own),
      ROW(a_client_that_was_away_has_saved_nothing_up),
      ROW(what_a_client_got_is_remembered_but_not_of_every_client),
      ROW(what_a_dead_device_did_not_do_is_not_charged),
      ROW(several_devices_help_a_long_job),
      ROW(slices_are_short_where_all_devices_come_to_one_job),
      ROW(ten_times_the_equal_requests_cost_ten_times_the_work),
      ROW(many_jobs_lose_little_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
