/*
 * Drives the mint service with random events on a simulated clock: arrivals, equal requests by the
 * dozen, cancels, deadlines, hits, lies, deaths, hangs, silence, doors that die, hopes of devices
 * that come and go, factors that change, a full queue.
 *
 *     test_mint_keeps_its_promises [EVENTS [SEED]]
 *
 * Fails on: a request with no answer or two, an answer late or early, a header whose hash or `met`
 * is wrong, a refusal without its cause, a true report that is not believed, more in a queue or the
 * cache than its bound, a count that does not add up. Leaks are the sanitizer's.
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
#define CLIENTS        12
#define QUEUE_BOUND    150
#define CACHE_BOUND    100
#define DEFAULT_FACTOR 300
#define MAX_FACTOR     (UINT64_C(1) << 40)

/* An honest device can have bad luck: once in 10^8 to 10^9 looks at the number of its hits it is
 * taken for one that does not search, and a run has some thousand of them. Two in a run never
 * come. */
#define UNLUCKY_MAX 1

struct expectation {
  uint64_t origin;
  uint64_t factor;
  uint64_t deadline_us;
  uint32_t b;
  uint8_t fail_at_deadline;
  uint8_t state; /* 0 never asked, 1 waits, 2 answered, 3 its door died */
  uint8_t cancelled;
  uint8_t client;
};

/* What justified a refusal of the request that is being made. */
struct causes {
  bool busy, unsupported, no_device;
};

static struct world world;
static struct expectation *expected;
static uint64_t tags;
static uint64_t tags_max; /* room in expected */
static char pool[POOL][700];
static uint64_t origins[ORIGINS] = {1, 2, 3};
static uint64_t next_origin = 4;
static uint64_t waiting;              /* whose askers are there */
static uint64_t own_waiting[CLIENTS]; /* of these, by client */
static double own_factors[CLIENTS];   /* and what they asked for in all */
static uint64_t *orphans;             /* tags whose door died, possibly searched on */
static size_t orphan_count;
static uint64_t abandoned;
static uint32_t hope_blocks = FRANK_PLAN_BLOCKS_MAX;
static struct causes causes;
static struct frank_status status;
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

static void stop_waiting(const struct expectation *e)
{
  waiting--;
  own_waiting[e->client]--;
  own_factors[e->client] -= (double)e->factor;
}

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
    CHECK(causes.busy, "not busy: %s", a->message);
    break;
  case FRANK_REFUSAL_UNSUPPORTED:
    CHECK(causes.unsupported, "supported: %s", a->message);
    break;
  case FRANK_REFUSAL_NO_DEVICE:
    CHECK(causes.no_device, "a device is there or may come");
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
  stop_waiting(e);
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

/* Bounds, and counts that must agree. Of those whose door died the test knows who may still be
 * searched for, not who is. */
static void check_status(void)
{
  frank_mint_status(world.mint, &status);
  uint64_t all = status.waiting + status.running;
  CHECK(frank_mint_waiting(world.mint) == waiting, "service waits for %u, the test for %" PRIu64,
        frank_mint_waiting(world.mint), waiting);
  size_t kept = 0;
  for (size_t i = 0; i < orphan_count; i++) {
    if (expected[orphans[i]].deadline_us > world.now_us) {
      orphans[kept++] = orphans[i];
    }
  }
  orphan_count = kept;
  CHECK(all >= waiting && all <= waiting + orphan_count, "%" PRIu64 " in the queue", all);
  CHECK(all <= QUEUE_BOUND, "queue of %" PRIu64, all);
  CHECK(status.cached <= CACHE_BOUND, "%u answers kept", status.cached);
  uint64_t by_client = 0;
  for (uint32_t i = 0; i < status.client_count; i++) {
    uint64_t c = strtoull(status.clients[i].name + 1, NULL, 10);
    uint32_t own = status.clients[i].waiting;
    CHECK(c < CLIENTS && own >= own_waiting[c], "client %s", status.clients[i].name);
    CHECK(own <= QUEUE_BOUND / 2, "%u of client %s", own, status.clients[i].name);
    by_client += own;
  }
  CHECK(by_client == all, "clients wait for %" PRIu64 " of %" PRIu64, by_client, all);
  CHECK(world.caught_by_fault[WORLD_HONEST] <= UNLUCKY_MAX, "true reports were not believed");
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

/* A signature that is new, mostly, or one that may be searched or kept already. */
static uint32_t random_b(void)
{
  if (world_below(&world, 4) == 0) {
    return (uint32_t)world_below(&world, POOL);
  }
  static const size_t lens[] = {4, 88, 172, 344, 684};
  uint32_t b = (uint32_t)world_below(&world, POOL / 2);
  bool used = false;
  for (uint64_t t = tags > 3000 ? tags - 3000 : 1; t <= tags; t++) {
    used |= expected[t].state == 1 && expected[t].b == b;
  }
  if (!used) {
    world_random_b(&world, pool[b], lens[world_below(&world, 5)]);
  }
  return b;
}

/* The client as the service tells of it: all that wait are among those told of. */
static uint32_t told_waiting(const char *client)
{
  for (uint32_t i = 0; i < status.client_count; i++) {
    if (strcmp(status.clients[i].name, client) == 0) {
      return status.clients[i].waiting;
    }
  }
  return 0;
}

/* More than its half of at least ten seconds' work, while others wait. Of orphans the test cannot
 * know whether they count still: so all of its own, and none of the others. */
static bool holds_half_of_the_work(uint8_t client)
{
  uint64_t queued;
  uint64_t in_force;
  int64_t expires_s;
  char source[FRANK_SOURCE_BYTES];
  frank_mint_factor(world.mint, &in_force, source, &expires_s, &queued);
  double slack = 1e-6 * (double)queued; /* sums of doubles drift */
  double all = (double)queued;
  double own = own_factors[client];
  for (size_t i = 0; i < orphan_count; i++) {
    const struct expectation *e = &expected[orphans[i]];
    if (e->client == client) {
      own += (double)e->factor;
    } else {
      all -= (double)e->factor;
    }
  }
  double rate_hps = frank_mint_rate_hps(world.mint);
  return rate_hps > 0 && (double)queued + slack > 10 * rate_hps && 2 * own + slack > all;
}

/* What may refuse this request, from what the test knows and what it has checked of the status. */
static struct causes find_causes(const struct frank_request *r, const struct expectation *e)
{
  struct causes found = {0};
  struct frank_plan plan;
  CHECK(frank_plan_make(r->b_len, e->factor, &plan) == FRANK_OK, "plan");
  uint32_t blocks_max = hope_blocks;
  for (size_t i = 0; i < WORLD_DEVICES; i++) {
    const struct world_device *d = &world.devices[i];
    blocks_max = d->present && d->blocks_max > blocks_max ? d->blocks_max : blocks_max;
  }
  found.no_device = blocks_max == 0;
  found.unsupported = blocks_max > 0 && plan.blocks > blocks_max;
  found.busy = waiting >= QUEUE_BOUND || told_waiting(r->client) >= QUEUE_BOUND / 2 ||
               holds_half_of_the_work(e->client);
  return found;
}

static void ask(uint32_t b, uint32_t deadline_ms)
{
  char client[16];
  uint8_t c = (uint8_t)world_below(&world, CLIENTS);
  snprintf(client, sizeof client, "c%d", c);
  struct frank_request r = world_request(++tags, client, random_factor(), pool[b]);
  r.deadline_ms = deadline_ms;
  r.fail_at_deadline = world_below(&world, 3) == 0;
  r.priority = (uint8_t)world_below(&world, 10);
  uint64_t origin = origins[world_below(&world, ORIGINS)];
  struct expectation *e = &expected[tags];
  *e = (struct expectation){.origin = origin,
                            .factor = r.factor ? r.factor : factor_in_force,
                            .deadline_us = world.now_us + r.deadline_ms * FRANK_US_PER_MS,
                            .b = b,
                            .fail_at_deadline = r.fail_at_deadline,
                            .state = 1,
                            .client = c};
  check_status();
  causes = find_causes(&r, e);
  waiting++;
  own_waiting[c]++;
  own_factors[c] += (double)e->factor;
  frank_mint_request(world.mint, origin, &r, pool[b], world.now_us);
  CHECK(e->state == 2 || (!causes.no_device && !causes.unsupported), "waits for no device");
  check_status();
}

static uint32_t random_deadline_ms(void)
{
  return (uint32_t)(1 + world_below(&world, world_below(&world, 2) ? 50 : 3000));
}

/* Many who want the same, some of them until the same moment. */
static void crowd(void)
{
  uint32_t b = random_b();
  uint32_t deadline_ms = random_deadline_ms();
  for (uint64_t left = 2 + world_below(&world, 60); left > 0 && tags < tags_max; left--) {
    ask(b, world_below(&world, 3) > 0 ? deadline_ms : random_deadline_ms());
  }
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
      stop_waiting(&expected[t]);
      orphans[orphan_count++] = t;
      abandoned++;
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
    d->fault = (enum world_fault)world_below(&world, WORLD_FAULTS);
    break;
  }
}

static void change_hope(void)
{
  static const uint32_t blocks[] = {0, 0, 3, 12, FRANK_PLAN_BLOCKS_MAX};
  hope_blocks = blocks[world_below(&world, 5)];
  frank_mint_set_device_hope(world.mint, hope_blocks);
}

/* Every device goes at once, which chance alone may not bring in a whole run, and a request comes.
 */
static void outage(void)
{
  for (size_t i = 0; i < WORLD_DEVICES; i++) {
    world_device_remove(&world, i);
  }
  hope_blocks = 0;
  frank_mint_set_device_hope(world.mint, hope_blocks);
  ask(random_b(), random_deadline_ms());
}

static void event(void)
{
  uint64_t kind = world_below(&world, 1000);
  if (kind < 430) {
    ask(random_b(), random_deadline_ms());
  } else if (kind < 432) {
    crowd();
  } else if (kind < 435) {
    change_hope();
  } else if (kind < 490) {
    cancel();
  } else if (kind < 540) {
    change_device();
  } else if (kind < 542) {
    door_dies();
  } else if (kind < 545) {
    factor_in_force = 1 + world_below(&world, 1000);
    frank_mint_set_factor(world.mint, factor_in_force, "file", 0);
  } else if (kind == 545 && world_below(&world, 10) == 0) {
    outage();
  } else {
    world_run(&world, world.now_us + world_below(&world, 12000));
  }
  world_pump(&world);
  check_status();
}

/* A run that never met a case proves nothing about it: it goes on until it has. */
static bool was_covered(void)
{
  bool covered = met_count && best_count && abandoned;
  for (size_t i = 1; i < FRANK_REFUSAL_COUNT; i++) {
    covered &= counts[i] > 0 || i == FRANK_REFUSAL_INTERNAL || i == FRANK_REFUSAL_SHUTTING_DOWN;
  }
  for (size_t i = 0; i < WORLD_FAULTS; i++) {
    covered &= world.caught_by_fault[i] > 0 || i == WORLD_HONEST || i == WORLD_HANGS;
  }
  return covered;
}

static void check_totals(void)
{
  static const enum frank_result results[FRANK_REFUSAL_COUNT] = {
      [FRANK_REFUSAL_UNSUPPORTED] = FRANK_RESULT_UNSUPPORTED,
      [FRANK_REFUSAL_TOO_HARD] = FRANK_RESULT_TOO_HARD,
      [FRANK_REFUSAL_BUSY] = FRANK_RESULT_BUSY,
      [FRANK_REFUSAL_DEADLINE] = FRANK_RESULT_DEADLINE,
      [FRANK_REFUSAL_CANCELLED] = FRANK_RESULT_CANCELLED,
      [FRANK_REFUSAL_NO_DEVICE] = FRANK_RESULT_NO_DEVICE,
      [FRANK_REFUSAL_SHUTTING_DOWN] = FRANK_RESULT_SHUTTING_DOWN,
      [FRANK_REFUSAL_INTERNAL] = FRANK_RESULT_INTERNAL,
  };
  printf("requests %" PRIu64 " met %" PRIu64 " best %" PRIu64 " abandoned %" PRIu64
         " slices %" PRIu64 "\n",
         tags, met_count, best_count, abandoned, world.slices);
  uint64_t sum = met_count + best_count + abandoned;
  for (size_t i = 1; i < FRANK_REFUSAL_COUNT; i++) {
    printf("%s %" PRIu64 "\n", frank_refusal_code((enum frank_refusal)i), counts[i]);
    CHECK(status.totals[results[i]] == counts[i], "total of %s",
          frank_refusal_code((enum frank_refusal)i));
    sum += counts[i];
  }
  CHECK(status.totals[FRANK_RESULT_MET] == met_count, "total of met");
  CHECK(status.totals[FRANK_RESULT_BEST] == best_count, "total of best");
  CHECK(status.totals[FRANK_RESULT_ABANDONED] == abandoned, "total of abandoned");
  CHECK(sum == tags, "%" PRIu64 " ends of %" PRIu64 " requests", sum, tags);
  printf("caught by fault:");
  for (size_t i = 0; i < WORLD_FAULTS; i++) {
    printf(" %" PRIu64, world.caught_by_fault[i]);
  }
  printf("\n");
}

int main(int argc, char **argv)
{
  uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
  uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
  printf("events %" PRIu64 " seed %" PRIu64 "\n", events, seed);
  fflush(stdout);
  world.random = seed;
  world.now_us = 1000000;
  const uint64_t events_max = events < 50000 ? events : 4 * events;
  tags_max = 2 * events_max;
  expected = calloc(tags_max + 1, sizeof *expected);
  orphans = calloc(tags_max + 1, sizeof *orphans);
  CHECK(expected && orphans, "memory");
  for (size_t i = 0; i < POOL; i++) {
    world_random_b(&world, pool[i], 88);
  }
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.queue_bound = QUEUE_BOUND;
  config.cache_bound = CACHE_BOUND;
  config.cache_age_us = 5 * FRANK_US_PER_S;
  config.max_factor = MAX_FACTOR;
  config.answer = on_answer;
  config.random = world_fill_random;
  config.arg = &world;
  CHECK(frank_mint_new(&config, world.now_us, &world.mint) == FRANK_OK, "new");
  frank_mint_set_factor(world.mint, factor_in_force, "file", 0);
  for (uint64_t i = 0; (i < events || (i < events_max && !was_covered())) && tags < tags_max; i++) {
    event();
  }
  frank_mint_drain(world.mint);
  finishing = true;
  frank_mint_finish(world.mint, world.now_us);
  check_status();
  CHECK(waiting == 0 && frank_mint_waiting(world.mint) == 0, "%" PRIu64 " left", waiting);
  for (uint64_t t = 1; t <= tags; t++) {
    CHECK(expected[t].state >= 2, "tag %" PRIu64 " has no answer", t);
  }
  check_totals();
  CHECK(events < 50000 || was_covered(), "a kind of answer never came");
  frank_mint_destroy(&world.mint);
  free(expected);
  free(orphans);
  return 0;
}
