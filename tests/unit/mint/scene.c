#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct world world;
struct frank_answer answers[ANSWERS_MAX];
uint64_t answered_at_us[ANSWERS_MAX];
size_t answer_count;
char b88[89];

static void on_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  (void)arg;
  (void)origin;
  assert_true(answer_count < ANSWERS_MAX);
  answered_at_us[answer_count] = world.now_us;
  answers[answer_count++] = *answer;
}

const struct frank_answer *scene_answer_of(uint64_t tag)
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

struct frank_mint_config scene_config(void)
{
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.answer = on_answer;
  config.random = world_fill_random;
  config.arg = &world;
  return config;
}

void scene_make(const struct frank_mint_config *config)
{
  frank_mint_destroy(&world.mint);
  memset(&world, 0, sizeof world);
  world.random = 42;
  world.lowest_word = UINT32_MAX;
  world.now_us = 1000000;
  answer_count = 0;
  assert_int_equal(frank_mint_new(config, world.now_us, &world.mint), FRANK_OK);
  world_random_b(&world, b88, 88);
}

void scene_make_queue(uint32_t queue_bound)
{
  struct frank_mint_config config = scene_config();
  config.queue_bound = queue_bound;
  scene_make(&config);
}

int scene_setup(void **state)
{
  (void)state;
  scene_make_queue(1000);
  return 0;
}

int scene_teardown(void **state)
{
  (void)state;
  frank_mint_destroy(&world.mint);
  return 0;
}

void scene_ask_from(uint64_t origin, uint64_t tag, const char *client, uint64_t factor,
                    uint32_t deadline_ms, const char *b)
{
  struct frank_request r = world_request(tag, client, factor, b);
  r.deadline_ms = deadline_ms;
  frank_mint_request(world.mint, origin, &r, b, world.now_us);
}

void scene_ask(uint64_t tag, const char *client, uint64_t factor, const char *b)
{
  scene_ask_from(CLIENTS, tag, client, factor, FRANK_DEADLINE_DEFAULT_MS, b);
}

void scene_ask_new(uint64_t tag, const char *client, uint64_t factor)
{
  char b[89];
  world_random_b(&world, b, 88);
  scene_ask(tag, client, factor, b);
}

const struct frank_status *scene_status(void)
{
  static struct frank_status status;
  frank_mint_status(world.mint, &status);
  return &status;
}

uint32_t scene_device(double rate_hps, bool stops_early, uint32_t blocks_max)
{
  struct frank_device_info info = {.name = "hand",
                                   .engine = "sim",
                                   .blocks_max = blocks_max,
                                   .batch_max = 1,
                                   .hashes = FRANK_ENGINE_SHA256,
                                   .stops_early = stops_early ? 1 : 0,
                                   .rate_hps = rate_hps};
  uint32_t device;
  assert_int_equal(frank_mint_device_add(world.mint, &info, &device), FRANK_OK);
  return device;
}

struct frank_worker_slice scene_slice(uint32_t device)
{
  struct frank_worker_slice slice;
  assert_int_equal(frank_mint_next_slice(world.mint, device, world.now_us, &slice), FRANK_OK);
  return slice;
}

struct frank_worker_result scene_search(const struct frank_worker_slice *slice)
{
  struct frank_worker_result result;
  (void)world_search(slice, false, &result);
  return result;
}

enum frank_err scene_result(uint32_t device, const struct frank_worker_result *result)
{
  return frank_mint_result(world.mint, device, result, world.now_us);
}
