/*
 * Drives the mint service with random events on a simulated clock: arrivals, equal requests,
 * cancels, deadlines, hits, lies, deaths, hangs, doors that die, factors that change, a full queue.
 *
 *     test_mint_keeps_its_promises [EVENTS [SEED]]
 *
 * Fails on: a request with no answer or two, an answer late or early, a header whose hash or `met`
 * is wrong, a refusal without its cause, a count that does not add up. Leaks are the sanitizer's.
 */
#include "world.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL           400
#define ORIGINS        3
#define QUEUE_BOUND    150
#define DEFAULT_FACTOR 300
#define MAX_FACTOR     (UINT64_C(1) << 40)

struct expectation {
  uint64_t origin;
  uint64_t factor;
  uint64_t deadline_us;
  uint32_t b;
  uint8_t fail_at_deadline;
  uint8_t state; /* 0 never asked, 1 waits, 2 answered, 3 its door died */
  uint8_t cancelled;
};

static struct world world;
static struct expectation *expected;
static uint64_t tags;
static char pool[POOL][700];
static uint64_t origins[ORIGINS] = {1, 2, 3};
static uint64_t next_origin = 4;
static uint64_t waiting;
static uint64_t counts[FRANK_REFUSAL_COUNT];
static uint64_t met_count, best_count;
static bool finishing;
static uint64_t factor_in_force = DEFAULT_FACTOR;

#define CHECK(cond, ...)                                                                           \
  do {                                                                                             \
    if (!(cond)) {                                                                                 \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                                   \
      fprintf(stderr, __VA_ARGS__);                                                                \
      fprintf(stderr, "\n");                                                                       \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static void check_refusal(const struct frank_answer *a, const struct expectation *e)
{
  counts[a->refusal]++;
  CHECK(a->message[0] != '\0', "a refusal has a text");
  switch ((enum frank_refusal)a->refusal) {
  case FRANK_REFUSAL_DEADLINE:
    CHECK(e->fail_at_deadline && world.now_us >= e->deadline_us, "deadline too early");
    break;
  case FRANK_REFUSAL_CANCELLED:
    CHECK(e->cancelled, "cancelled by nobody");
    break;
  case FRANK_REFUSAL_TOO_HARD:
    CHECK(e->factor > MAX_FACTOR, "not too hard");
    break;
  case FRANK_REFUSAL_BUSY:
    CHECK(a->retry_after_ms > 0, "busy says when to ask again");
    break;
  case FRANK_REFUSAL_UNSUPPORTED:
  case FRANK_REFUSAL_NO_DEVICE:
    break;
  case FRANK_REFUSAL_SHUTTING_DOWN:
    CHECK(finishing && e->fail_at_deadline, "not shutting down");
    break;
  default:
    CHECK(false, "refusal %" PRIu32 ": %s", a->refusal, a->message);
  }
}

static void on_answer(void *arg, uint64_t origin, const struct frank_answer *a)
{
  (void)arg;
  CHECK(a->tag > 0 && a->tag <= tags, "unknown tag");
  struct expectation *e = &expected[a->tag];
  CHECK(e->state == 1, "tag %" PRIu64 " answered in state %d", a->tag, e->state);
  CHECK(e->origin == origin, "answered to the wrong door");
  CHECK(world.now_us <= e->deadline_us, "late by %" PRIu64, world.now_us - e->deadline_us);
  CHECK(a->factor == e->factor, "another factor");
  e->state = 2;
  waiting--;
  if (a->refusal != FRANK_REFUSAL_NONE) {
    check_refusal(a, e);
    return;
  }
  CHECK(world_answer_is_true(a, pool[e->b]), "wrong header for tag %" PRIu64, a->tag);
  CHECK(a->met || finishing || world.now_us >= e->deadline_us, "gave up early");
  CHECK(a->met || !e->fail_at_deadline, "best was not wanted");
  met_count += a->met ? 1 : 0;
  best_count += a->met ? 0 : 1;
}

static uint64_t random_factor(void)
{
  uint64_t kind = world_below(&world, 100);
  if (kind < 10) {
    return 0;
  }
  if (kind < 60) {
    return 1 + world_below(&world, 64);
  }
  if (kind < 90) {
    return 1 + world_below(&world, 3000);
  }
  return kind < 97 ? 1 + world_below(&world, MAX_FACTOR) : MAX_FACTOR + 1;
}

static void arrive(void)
{
  char client[16];
  snprintf(client, sizeof client, "c%" PRIu64, world_below(&world, 12));
  uint32_t b = (uint32_t)world_below(&world, POOL);
  if (world_below(&world, 4) > 0) { /* mostly new signatures; else equal requests */
    static const size_t lens[] = {4, 88, 172, 344, 684};
    b = (uint32_t)world_below(&world, POOL / 2);
    bool used = false;
    for (uint64_t t = tags > 3000 ? tags - 3000 : 1; t <= tags; t++) {
      used |= expected[t].state == 1 && expected[t].b == b;
    }
    if (!used) {
      world_random_b(&world, pool[b], lens[world_below(&world, 5)]);
    }
  }
  struct frank_request r = world_request(++tags, client, random_factor(), pool[b]);
  r.deadline_ms = (uint32_t)(1 + world_below(&world, world_below(&world, 2) ? 50 : 3000));
  r.fail_at_deadline = world_below(&world, 3) == 0;
  r.priority = (uint8_t)world_below(&world, 10);
  uint64_t origin = origins[world_below(&world, ORIGINS)];
  expected[tags] =
      (struct expectation){.origin = origin,
                           .factor = r.factor ? r.factor : factor_in_force,
                           .deadline_us = world.now_us + r.deadline_ms * FRANK_US_PER_MS,
                           .b = b,
                           .fail_at_deadline = r.fail_at_deadline,
                           .state = 1};
  waiting++;
  frank_mint_request(world.mint, origin, &r, pool[b], world.now_us);
}

static void cancel(void)
{
  if (tags == 0) {
    return;
  }
  uint64_t tag = tags - world_below(&world, tags < 200 ? tags : 200);
  struct expectation *e = &expected[tag];
  bool waits = e->state == 1;
  e->cancelled = waits;
  enum frank_err err = frank_mint_cancel(world.mint, e->origin, tag, world.now_us);
  CHECK((err == FRANK_OK) == waits, "cancel of tag %" PRIu64, tag);
  CHECK(err != FRANK_OK || e->state == 2, "cancelled without an answer");
}

static void door_dies(void)
{
  size_t i = (size_t)world_below(&world, ORIGINS);
  for (uint64_t t = 1; t <= tags; t++) {
    if (expected[t].state == 1 && expected[t].origin == origins[i]) {
      expected[t].state = 3;
      waiting--;
    }
  }
  frank_mint_origin_gone(world.mint, origins[i], world.now_us);
  origins[i] = next_origin++;
}

static void change_device(void)
{
  size_t i = (size_t)world_below(&world, WORLD_DEVICES);
  struct world_device *d = &world.devices[i];
  if (!d->present) {
    static const uint32_t blocks[] = {3, 12, 33, 33};
    world_device_add(&world, i, 5000 + (double)world_below(&world, 60000),
                     world_below(&world, 3) > 0, blocks[world_below(&world, 4)]);
    return;
  }
  switch (world_below(&world, 6)) {
  case 0:
    world_device_remove(&world, i);
    break;
  case 1:
    frank_mint_device_stalled(world.mint, d->handle, world.now_us);
    break;
  default:
    d->fault = (enum world_fault)world_below(&world, 5);
    break;
  }
}

static void event(void)
{
  uint64_t kind = world_below(&world, 1000);
  if (kind < 450) {
    arrive();
  } else if (kind < 500) {
    cancel();
  } else if (kind < 540) {
    change_device();
  } else if (kind < 542) {
    door_dies();
  } else if (kind < 545) {
    factor_in_force = 1 + world_below(&world, 1000);
    frank_mint_set_factor(world.mint, factor_in_force, "file", 0);
  } else {
    world_run(&world, world.now_us + world_below(&world, 12000));
  }
  world_pump(&world);
  CHECK(frank_mint_waiting(world.mint) == waiting, "service waits for %u, the test for %" PRIu64,
        frank_mint_waiting(world.mint), waiting);
}

int main(int argc, char **argv)
{
  uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
  printf("events %" PRIu64 " seed %" PRIu64 "\n", events, seed);
  fflush(stdout);
  world.random = seed;
  world.now_us = 1000000;
  expected = calloc(events + 2, sizeof *expected);
  CHECK(expected, "memory");
  for (size_t i = 0; i < POOL; i++) {
    world_random_b(&world, pool[i], 88);
  }
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.queue_bound = QUEUE_BOUND;
  config.cache_bound = 100;
  config.cache_age_us = 5 * FRANK_US_PER_S;
  config.max_factor = MAX_FACTOR;
  config.answer = on_answer;
  config.random = world_fill_random;
  config.arg = &world;
  CHECK(frank_mint_new(&config, world.now_us, &world.mint) == FRANK_OK, "new");
  frank_mint_set_factor(world.mint, factor_in_force, "file", 0);
  for (uint64_t i = 0; i < events; i++) {
    event();
  }
  frank_mint_drain(world.mint);
  finishing = true;
  frank_mint_finish(world.mint, world.now_us);
  CHECK(waiting == 0 && frank_mint_waiting(world.mint) == 0, "%" PRIu64 " left", waiting);
  for (uint64_t t = 1; t <= tags; t++) {
    CHECK(expected[t].state >= 2, "tag %" PRIu64 " has no answer", t);
  }
  static struct frank_status status;
  frank_mint_status(world.mint, &status);
  printf("requests %" PRIu64 " met %" PRIu64 " best %" PRIu64 " lies caught %" PRIu64
         " slices %" PRIu64 "\n",
         tags, met_count, best_count, world.lies_caught, world.slices);
  for (size_t i = 1; i < FRANK_REFUSAL_COUNT; i++) {
    printf("%s %" PRIu64 "\n", frank_refusal_code((enum frank_refusal)i), counts[i]);
  }
  CHECK(status.totals[FRANK_RESULT_MET] == met_count, "totals");
  /* A run that never met a case proves nothing about it. */
  bool covered = met_count && best_count && world.lies_caught && counts[FRANK_REFUSAL_BUSY] &&
                 counts[FRANK_REFUSAL_DEADLINE] && counts[FRANK_REFUSAL_CANCELLED] &&
                 counts[FRANK_REFUSAL_TOO_HARD] && counts[FRANK_REFUSAL_UNSUPPORTED];
  CHECK(events < 50000 || covered, "a kind of answer never came");
  frank_mint_destroy(&world.mint);
  free(expected);
  return 0;
}
