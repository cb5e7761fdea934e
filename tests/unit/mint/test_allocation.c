/* Fails every allocation of the mint service once, in turn: no crash, no leak, one answer each.
 * Linked with --wrap=malloc and --wrap=calloc, so only Frank's own calls are counted. */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static uint64_t calls;
static uint64_t fail_at; /* 0: never */
static uint32_t asked;
static uint32_t answered;

void *__wrap_malloc(size_t size)
{
  return ++calls == fail_at ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  return ++calls == fail_at ? NULL : __real_calloc(count, size);
}

static void on_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  (void)arg;
  (void)origin;
  (void)answer;
  answered++;
}

/* A life of the service that goes through every place that allocates. */
static int scenario(void)
{
  static struct world world;
  memset(&world, 0, sizeof world);
  world.random = 3;
  world.now_us = 1;
  asked = answered = 0;
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.answer = on_answer;
  config.random = world_fill_random;
  config.arg = &world;
  if (frank_mint_new(&config, world.now_us, &world.mint) != FRANK_OK) {
    return world.mint ? 1 : 0; /* refused as a whole */
  }
  struct frank_device_info info = {.blocks_max = 33, .batch_max = 1, .rate_hps = 20000};
  uint32_t device;
  enum frank_err err = frank_mint_device_add(world.mint, &info, &device);
  if (err == FRANK_OK) {
    frank_mint_device_remove(world.mint, device, world.now_us);
  } else if (err != FRANK_ERR_NOMEM) {
    return 1;
  }
  char b[5][173];
  for (uint64_t tag = 1; tag <= 10; tag++) {
    char *text = b[tag % 5];
    if (tag <= 5) {
      world_random_b(&world, text, 172);
    }
    struct frank_request r = world_request(tag, tag % 2 ? "odd" : "even", tag * 50, text);
    r.deadline_ms = (uint32_t)tag;
    frank_mint_request(world.mint, 1, &r, text, world.now_us);
    asked++;
    world_run(&world, world.now_us + 700); /* some end, are kept, and are asked for again */
  }
  frank_mint_finish(world.mint, world.now_us);
  int failed = answered != asked || frank_mint_waiting(world.mint) != 0;
  frank_mint_destroy(&world.mint);
  return failed;
}

int main(void)
{
  fail_at = 0;
  if (scenario() != 0) {
    fprintf(stderr, "the scenario fails without a failing allocator\n");
    return 1;
  }
  uint64_t sites = calls;
  for (uint64_t i = 1; i <= sites; i++) {
    calls = 0;
    fail_at = i;
    if (scenario() != 0) {
      fprintf(stderr, "allocation %" PRIu64 " of %" PRIu64 " failing: %u asked, %u answered\n", i,
              sites, asked, answered);
      return 1;
    }
  }
  printf("%" PRIu64 " allocations failed in turn, every request answered\n", sites);
  return sites > 20 ? 0 : 1;
}
