#include "bench/load.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "proof/target.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS     3600000 /* the longest there is: no search ends unmet in our time */
#define PING_LIMIT_MS   30000
#define DRAIN_LIMIT_US  (60 * FRANK_US_PER_S)
#define CANCEL_AT_ONCE  64
#define TICK_MS         100 /* how often a wish to stop is looked for */
#define REPLIES_AT_ONCE 64

struct asked {
  uint64_t id;
  uint64_t sent_us;
  bool taken_back; /* cancelled; its reply has not come yet */
};

/* One client. */
struct lane {
  struct frank_client *client;
  struct asked *asked; /* in flight, in no order */
  size_t count;
};

struct bench_load {
  struct bench_load_config config;
  struct bench_random random;
  struct lane lanes[BENCH_CLIENTS_MAX];
  size_t level; /* what each lane keeps in flight now */
  bool draining;
  struct bench_load_result *result; /* NULL: nobody counts */
  double *times_us;                 /* of stamps, for bench_load_mint; NULL: nobody asks */
  size_t times_left;
  uint64_t checked;
  uint64_t wrong;
  char trouble[BENCH_WHY_BYTES]; /* of the first wrong one */
};

enum frank_err bench_load_new(const struct bench_load_config *config, struct bench_load **out,
                              char *why)
{
  const struct frank_client_config client = {.endpoints = &config->endpoint, .endpoint_count = 1};
  assert(config->clients >= 1 && config->clients <= BENCH_CLIENTS_MAX);
  size_t share = config->in_flight / config->clients;
  assert(share * config->clients == config->in_flight && share >= 1 &&
         share < FRANK_CLIENT_IN_FLIGHT_MAX);
  struct bench_load *load = calloc(1, sizeof *load);
  if (!load) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  load->config = *config;
  bench_random_init(&load->random);
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < config->clients; i++) {
    load->lanes[i].asked = calloc(share, sizeof *load->lanes[i].asked);
    err = load->lanes[i].asked ? frank_client_new(&client, &load->lanes[i].client, why)
                               : FRANK_ERR_NOMEM;
  }
  if (err != FRANK_OK) {
    if (err == FRANK_ERR_NOMEM) {
      (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    }
    bench_load_destroy(&load);
    return err;
  }
  *out = load;
  return FRANK_OK;
}

void bench_load_destroy(struct bench_load **load)
{
  struct bench_load *l = *load;
  if (!l) {
    return;
  }
  for (size_t i = 0; i < BENCH_CLIENTS_MAX; i++) {
    frank_client_destroy(&l->lanes[i].client);
    free(l->lanes[i].asked);
  }
  free(l);
  *load = NULL;
}

/* ---- replies ---- */

static void note_wrong(struct bench_load *load, const char *code, const char *message)
{
  if (load->wrong++ == 0) {
    (void)snprintf(load->trouble, sizeof load->trouble, "%.40s: %.255s", code, message);
  }
}

static bool forget(struct lane *lane, uint64_t id, uint64_t *sent_us)
{
  for (size_t i = 0; i < lane->count; i++) {
    if (lane->asked[i].id == id) {
      *sent_us = lane->asked[i].sent_us;
      lane->asked[i] = lane->asked[--lane->count];
      return true;
    }
  }
  return false;
}

/* The client library has checked that header, h and n belong to what was asked; what is left is
 * that it is what was wanted. */
static void take_reply(struct bench_load *load, struct lane *lane,
                       const struct frank_client_reply *reply)
{
  uint64_t sent_us = 0;
  if (!forget(lane, reply->id, &sent_us)) {
    note_wrong(load, "bad-reply", "a reply to what was never asked");
    return;
  }
  if (!reply->ok) {
    if (!load->draining || strcmp(reply->code, "cancelled") != 0) {
      note_wrong(load, reply->code, reply->message);
    }
    return;
  }
  if (!reply->met || reply->factor != load->config.factor || reply->attempts == 0 ||
      !frank_target_meets(&reply->key.h, load->config.factor)) {
    note_wrong(load, "bad-reply", "a stamp that does not meet the factor asked for");
    return;
  }
  load->checked++;
  if (load->times_left > 0) {
    *load->times_us++ = (double)(frank_clock_now_us() - sent_us);
    load->times_left--;
  }
  if (load->result) {
    load->result->stamps++;
    load->result->attempts += reply->attempts;
    bench_histogram_add(&load->result->latency, frank_clock_now_us() - sent_us);
  }
}

/* ---- requests ---- */

static enum frank_err top_up(struct bench_load *load, struct lane *lane, char *why)
{
  while (lane->count < load->level) {
    char b[BENCH_B_BYTES];
    (void)bench_shape_b(load->config.shape, &load->random, b);
    const struct frank_client_mint mint = {.b = b,
                                           .alg = load->config.shape->alg,
                                           .factor = load->config.factor,
                                           .deadline_ms = DEADLINE_MS,
                                           .fail_at_deadline = true,
                                           .priority = -1};
    struct asked *asked = &lane->asked[lane->count];
    asked->sent_us = frank_clock_now_us();
    asked->taken_back = false;
    enum frank_err err = frank_client_mint(lane->client, &mint, &asked->id);
    if (err != FRANK_OK) {
      (void)snprintf(why, BENCH_WHY_BYTES, "cannot send a request: %s", frank_err_text(err));
      return err;
    }
    lane->count++;
  }
  return FRANK_OK;
}

static void wait_some(const struct bench_load *load, uint64_t until_us)
{
  struct pollfd items[BENCH_CLIENTS_MAX];
  uint64_t now_us = frank_clock_now_us();
  uint64_t left_ms =
      until_us > now_us ? (until_us - now_us + FRANK_US_PER_MS - 1) / FRANK_US_PER_MS : 0;
  int wait_ms = left_ms < TICK_MS ? (int)left_ms : TICK_MS;
  for (size_t i = 0; i < load->config.clients; i++) {
    const struct frank_client *client = load->lanes[i].client;
    int client_ms = frank_client_timeout_ms(client);
    wait_ms = client_ms >= 0 && client_ms < wait_ms ? client_ms : wait_ms;
    items[i] = (struct pollfd){.fd = frank_client_fd(client), .events = POLLIN};
  }
  (void)poll(items, load->config.clients, wait_ms);
}

/* Takes the replies that are there and fills up again; *got says whether there were any. */
static enum frank_err pump(struct bench_load *load, bool *got, char *why)
{
  *got = false;
  for (size_t i = 0; i < load->config.clients; i++) {
    struct lane *lane = &load->lanes[i];
    struct frank_client_reply reply;
    for (size_t k = 0;
         k < REPLIES_AT_ONCE && frank_client_next(lane->client, 0, &reply) == FRANK_OK; k++) {
      *got = true;
      take_reply(load, lane, &reply);
      enum frank_err err = load->wrong == 0 ? top_up(load, lane, why) : FRANK_OK;
      if (err != FRANK_OK) {
        return err;
      }
    }
  }
  if (load->wrong > 0) {
    (void)snprintf(
        why, BENCH_WHY_BYTES, "%llu wrong replies after %llu right stamps; the first: %.300s",
        (unsigned long long)load->wrong, (unsigned long long)load->checked, load->trouble);
    return FRANK_ERR_DEVICE;
  }
  if (bench_is_stopping()) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
    return FRANK_ERR_CLOSED;
  }
  return FRANK_OK;
}

/* ---- the load's life ---- */

/* Returns when frankd has all that this client sent before: its door keeps the order. */
static enum frank_err ping(struct lane *lane, char *why)
{
  char *json = NULL;
  enum frank_err err = frank_client_ask(lane->client, "ping", NULL, PING_LIMIT_MS, &json);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "ping: %s %.200s", frank_err_text(err), json ? json : "");
  }
  free(json);
  return err;
}

/* Frankd lets no client hold more than half of the work that waits, so no client may run ahead of
 * the others: they grow together, at most doubling in a step. */
enum frank_err bench_load_fill(struct bench_load *load, char *why)
{
  size_t share = load->config.in_flight / load->config.clients;
  while (load->level < share) {
    load->level = load->level == 0 ? 1 : load->level * 2 < share ? load->level * 2 : share;
    for (size_t i = 0; i < load->config.clients; i++) {
      enum frank_err err = top_up(load, &load->lanes[i], why);
      if (err == FRANK_OK) {
        err = ping(&load->lanes[i], why);
      }
      if (err != FRANK_OK) {
        return err;
      }
    }
    bool got = false;
    enum frank_err err = pump(load, &got, why);
    if (err != FRANK_OK) {
      return err;
    }
  }
  return FRANK_OK;
}

enum frank_err bench_load_run(struct bench_load *load, uint64_t time_us,
                              struct bench_load_result *result, char *why)
{
  *result = (struct bench_load_result){0};
  uint64_t start_us = frank_clock_now_us();
  uint64_t now_us = start_us;
  enum frank_err err = FRANK_OK;
  load->result = result;
  while (err == FRANK_OK && now_us - start_us < time_us) {
    bool got = false;
    err = pump(load, &got, why);
    if (err == FRANK_OK && !got) {
      wait_some(load, start_us + time_us);
    }
    now_us = frank_clock_now_us();
  }
  load->result = NULL;
  result->elapsed_us = now_us - start_us;
  return err;
}

enum frank_err bench_load_mint(struct bench_load *load, size_t count, uint64_t limit_us,
                               double *times_us, char *why)
{
  uint64_t until_us = frank_clock_now_us() + limit_us;
  assert(load->config.in_flight == 1);
  load->times_us = times_us;
  load->times_left = count;
  enum frank_err err = FRANK_OK;
  while (err == FRANK_OK && load->times_left > 0) {
    bool got = false;
    err = pump(load, &got, why);
    if (err == FRANK_OK && !got) {
      wait_some(load, until_us);
      if (frank_clock_now_us() >= until_us) {
        (void)snprintf(why, BENCH_WHY_BYTES,
                       "%zu of %zu stamps are not there in time: a lower --factor "
                       "or fewer --stamps",
                       load->times_left, count);
        err = FRANK_ERR_TIMEOUT;
      }
    }
  }
  load->times_left = 0;
  load->times_us = NULL;
  return err;
}

static size_t in_flight(const struct bench_load *load)
{
  size_t count = 0;
  for (size_t i = 0; i < load->config.clients; i++) {
    count += load->lanes[i].count;
  }
  return count;
}

/* Takes back up to CANCEL_AT_ONCE requests of a lane that were not yet. */
static enum frank_err take_back_some(struct lane *lane, bool *any, char *why)
{
  size_t taken = 0;
  for (size_t k = 0; k < lane->count && taken < CANCEL_AT_ONCE; k++) {
    if (lane->asked[k].taken_back) {
      continue;
    }
    enum frank_err err = frank_client_cancel(lane->client, lane->asked[k].id);
    if (err != FRANK_OK && err != FRANK_ERR_NOT_FOUND) { /* its reply is on the way already */
      (void)snprintf(why, BENCH_WHY_BYTES, "cannot take a request back: %s", frank_err_text(err));
      return err;
    }
    lane->asked[k].taken_back = true;
    taken++;
    *any = true;
  }
  return FRANK_OK;
}

/* In turn with reading: a door keeps only so many replies for a client that does not read. */
enum frank_err bench_load_drain(struct bench_load *load, char *why)
{
  load->draining = true;
  load->level = 0;
  uint64_t until_us = frank_clock_now_us() + DRAIN_LIMIT_US;
  while (in_flight(load) > 0) {
    bool any = false;
    bool got = false;
    enum frank_err err = FRANK_OK;
    for (size_t i = 0; err == FRANK_OK && i < load->config.clients; i++) {
      err = take_back_some(&load->lanes[i], &any, why);
    }
    if (err == FRANK_OK) {
      err = pump(load, &got, why);
    }
    if (err != FRANK_OK) {
      return err;
    }
    if (frank_clock_now_us() >= until_us) {
      (void)snprintf(why, BENCH_WHY_BYTES, "%zu requests that were taken back got no reply",
                     in_flight(load));
      return FRANK_ERR_TIMEOUT;
    }
    if (!any && !got && in_flight(load) > 0) {
      wait_some(load, until_us);
    }
  }
  return FRANK_OK;
}

uint64_t bench_load_checked(const struct bench_load *load)
{
  return load->checked;
}

struct frank_client *bench_load_client(struct bench_load *load)
{
  return load->lanes[0].client;
}
