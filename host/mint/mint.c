/* Requests and answers: admission, deadlines, cancelling, what is told to whom. */
#include "mint/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_MS       100
#define RETRY_MAX_MS       60000
#define NO_DEVICE_RETRY_MS 5000
/* A search whose asker died goes on so long: clients that ask again do so sooner. */
#define ORPHAN_LIFE_US (30 * FRANK_US_PER_S)
/* The rule that one client may hold at most half of the queued work protects others from waiting
 * long; below this much work nobody waits long. */
#define SHARE_RULE_FROM_S 10.0

void frank_mint_config_init(struct frank_mint_config *config)
{
  *config = (struct frank_mint_config){
      .queue_bound = FRANK_QUEUE_DEFAULT,
      .cache_bound = FRANK_CACHE_DEFAULT,
      .cache_age_us = FRANK_CACHE_AGE_DEFAULT_S * FRANK_US_PER_S,
      .max_factor = FRANK_MAX_FACTOR_DEFAULT,
      .slice_us = 50 * FRANK_US_PER_MS,
  };
}

static bool earlier_deadline(const struct frank_heap_node *a, const struct frank_heap_node *b)
{
  return FRANK_CONTAINER(a, struct frank_mint_waiter, by_deadline)->deadline_us <
         FRANK_CONTAINER(b, struct frank_mint_waiter, by_deadline)->deadline_us;
}

static bool served_less(const struct frank_heap_node *a, const struct frank_heap_node *b)
{
  return FRANK_CONTAINER(a, struct frank_mint_client, by_served)->served <
         FRANK_CONTAINER(b, struct frank_mint_client, by_served)->served;
}

static bool config_is_valid(const struct frank_mint_config *config)
{
  return config->queue_bound >= 1 && config->queue_bound <= FRANK_QUEUE_MAX &&
         config->cache_bound <= FRANK_QUEUE_MAX && config->max_factor >= 1 &&
         config->max_factor <= FRANK_FACTOR_MAX && config->slice_us >= 1 && config->answer &&
         config->random;
}

enum frank_err frank_mint_new(const struct frank_mint_config *config, uint64_t now_us,
                              struct frank_mint **out)
{
  (void)now_us;
  if (!config_is_valid(config)) {
    return FRANK_ERR_RANGE;
  }
  struct frank_mint *mint = calloc(1, sizeof *mint);
  if (!mint) {
    return FRANK_ERR_NOMEM;
  }
  mint->config = *config;
  mint->hope_blocks = FRANK_PLAN_BLOCKS_MAX;
  frank_heap_init(&mint->deadlines, earlier_deadline);
  frank_heap_init(&mint->clients_ready, served_less);
  struct frank_list *lists[] = {&mint->clients_busy, &mint->clients_idle, &mint->spread,
                                &mint->kept,         &mint->unsettled,    &mint->orphan_list};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    frank_list_init(lists[i]);
  }
  config->random(config->arg, mint->salt, sizeof mint->salt);
  frank_mint_set_factor(mint, FRANK_FLOOR_DEFAULT, "floor", 0);
  enum frank_err err =
      frank_table_init(&mint->jobs, (size_t)config->queue_bound + config->cache_bound);
  if (err == FRANK_OK) {
    err = frank_table_init(&mint->waiters, config->queue_bound);
  }
  if (err == FRANK_OK) {
    err = frank_table_init(&mint->clients, FRANK_MINT_IDLE_CLIENTS);
  }
  if (err != FRANK_OK) {
    frank_mint_destroy(&mint);
    return err;
  }
  *out = mint;
  return FRANK_OK;
}

void frank_mint_set_factor(struct frank_mint *mint, uint64_t factor, const char *source,
                           int64_t expires_s)
{
  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX);
  mint->factor = factor;
  mint->factor_expires_s = expires_s;
  frank_mint_copy_text(mint->factor_source, sizeof mint->factor_source, source);
}

void frank_mint_set_max_factor(struct frank_mint *mint, uint64_t max_factor)
{
  assert(max_factor >= 1 && max_factor <= FRANK_FACTOR_MAX);
  mint->config.max_factor = max_factor;
}

/* ---- waiters ---- */

static uint64_t tag_hash(uint64_t origin, uint64_t tag)
{
  uint64_t x = (tag ^ (origin << 48 | origin >> 16)) * UINT64_C(0x9e3779b97f4a7c15);
  return x ^ x >> 29;
}

struct frank_mint_waiter *frank_mint_waiter_find(const struct frank_mint *mint, uint64_t origin,
                                                 uint64_t tag)
{
  struct frank_table_node *node = frank_table_first(&mint->waiters, tag_hash(origin, tag));
  for (; node; node = frank_table_next(node)) {
    struct frank_mint_waiter *w = FRANK_CONTAINER(node, struct frank_mint_waiter, by_tag);
    if (w->origin == origin && w->tag == tag) {
      return w;
    }
  }
  return NULL;
}

/* The caller settles the job afterwards. */
static void waiter_add(struct frank_mint *mint, struct frank_mint_waiter *w,
                       struct frank_mint_job *job, struct frank_mint_client *client)
{
  w->job = job;
  w->client = client;
  frank_table_insert(&mint->waiters, &w->by_tag, tag_hash(w->origin, w->tag));
  frank_heap_push(&mint->deadlines, &w->by_deadline);
  frank_list_append(&job->waiters, &w->in_job);
  frank_mint_client_use(mint, client, 1, 0);
  client->expected += (double)w->factor;
  mint->expected += (double)w->factor;
  mint->waiting++;
  job->waiter_count++;
  mint->running += job->outstanding > 0 ? 1 : 0;
}

/* Frees the waiter. The caller settles its job, or all jobs, afterwards. */
static void waiter_remove(struct frank_mint *mint, struct frank_mint_waiter *w)
{
  struct frank_mint_job *job = w->job;
  struct frank_mint_client *client = w->client;
  frank_mint_job_unsettle(mint, job); /* while its owner is surely there */
  frank_table_remove(&mint->waiters, &w->by_tag);
  frank_heap_remove(&mint->deadlines, &w->by_deadline);
  frank_list_remove(&w->in_job);
  frank_list_remove(&w->in_orphans);
  client->expected -= (double)w->factor;
  mint->expected -= (double)w->factor;
  mint->waiting--;
  mint->orphans -= w->orphan ? 1 : 0;
  job->waiter_count--;
  mint->running -= job->outstanding > 0 ? 1 : 0;
  if (mint->waiting == 0) {
    mint->expected = 0; /* sums of doubles drift */
  }
  free(w);
  frank_mint_client_use(mint, client, -1, 0);
}

/* ---- answers ---- */

static void count_seconds(struct frank_mint *mint, uint64_t elapsed_us)
{
  double seconds = (double)elapsed_us / (double)FRANK_US_PER_S;
  size_t i = 0;
  while (i < FRANK_STATUS_BUCKETS && seconds > frank_status_bucket_s[i]) {
    i++;
  }
  mint->mint_seconds[i]++;
  mint->mint_seconds_sum += seconds;
}

/* Answers with the job's best. */
static void answer_best(struct frank_mint *mint, const struct frank_mint_waiter *w,
                        struct frank_mint_job *job, uint64_t now_us)
{
  struct frank_answer answer = {.tag = w->tag, .factor = w->factor, .attempts = job->attempts};
  uint64_t elapsed_us = now_us - w->arrived_us;
  answer.elapsed_ms = elapsed_us / FRANK_US_PER_MS;
  answer.alg = (uint32_t)job->alg;
  answer.met = frank_target_meets(&job->best, w->factor) ? 1 : 0;
  answer.h = job->best;
  frank_mint_copy_text(answer.n, sizeof answer.n, job->best_n);
  frank_mint_copy_text(answer.source, sizeof answer.source, w->source);
  frank_mint_copy_text(answer.device, sizeof answer.device, job->best_device);
  mint->useful_total += job->attempts - job->reported;
  job->reported = job->attempts;
  if (answer.met) {
    count_seconds(mint, elapsed_us);
  }
  mint->totals[answer.met ? FRANK_RESULT_MET : FRANK_RESULT_BEST]++;
  mint->config.answer(mint->config.arg, w->origin, &answer);
}

static const enum frank_result result_of_refusal[FRANK_REFUSAL_COUNT] = {
    [FRANK_REFUSAL_UNSUPPORTED] = FRANK_RESULT_UNSUPPORTED,
    [FRANK_REFUSAL_TOO_HARD] = FRANK_RESULT_TOO_HARD,
    [FRANK_REFUSAL_BUSY] = FRANK_RESULT_BUSY,
    [FRANK_REFUSAL_DEADLINE] = FRANK_RESULT_DEADLINE,
    [FRANK_REFUSAL_CANCELLED] = FRANK_RESULT_CANCELLED,
    [FRANK_REFUSAL_NO_DEVICE] = FRANK_RESULT_NO_DEVICE,
    [FRANK_REFUSAL_SHUTTING_DOWN] = FRANK_RESULT_SHUTTING_DOWN,
    [FRANK_REFUSAL_INTERNAL] = FRANK_RESULT_INTERNAL,
};

/* Sends a refusal whose fields but tag, code and message the caller has set. */
static void refuse(struct frank_mint *mint, uint64_t origin, uint64_t tag,
                   enum frank_refusal refusal, struct frank_answer *answer, const char *message)
{
  answer->tag = tag;
  answer->refusal = (uint32_t)refusal;
  frank_mint_copy_text(answer->message, sizeof answer->message, message);
  mint->totals[result_of_refusal[refusal]]++;
  mint->config.answer(mint->config.arg, origin, answer);
}

void frank_mint_answer_met(struct frank_mint *mint, struct frank_mint_job *job, uint64_t now_us)
{
  struct frank_list *next = NULL;
  for (struct frank_list *at = job->waiters.next; at != &job->waiters; at = next) {
    next = at->next;
    struct frank_mint_waiter *w = FRANK_CONTAINER(at, struct frank_mint_waiter, in_job);
    if (frank_target_meets(&job->best, w->factor)) {
      if (!w->orphan) {
        answer_best(mint, w, job, now_us);
      }
      waiter_remove(mint, w);
    }
  }
}

/* ---- requests ---- */

static double rate_or_zero(const struct frank_mint *mint, double attempts)
{
  double rate_hps = frank_mint_rate_hps(mint);
  return rate_hps > 0 ? attempts / rate_hps : 0;
}

static uint64_t retry_after_ms(const struct frank_mint *mint, double attempts)
{
  double ms = rate_or_zero(mint, attempts) * 1000;
  return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : (uint64_t)ms;
}

/* Refuses what is not to be done, whatever was found already; true when it did. */
static bool refuse_unwanted(struct frank_mint *mint, uint64_t origin,
                            const struct frank_request *request, uint64_t factor)
{
  struct frank_answer answer = {.factor = factor, .alg = request->alg};
  char message[sizeof answer.message];
  if (mint->draining) {
    refuse(mint, origin, request->tag, FRANK_REFUSAL_SHUTTING_DOWN, &answer,
           "the daemon is shutting down");
    return true;
  }
  if (request->factor > mint->config.max_factor) {
    answer.eta_ms = (uint64_t)fmin(rate_or_zero(mint, (double)factor) * 1000, 9e15);
    snprintf(message, sizeof message, "factor %" PRIu64 " is above max-factor %" PRIu64, factor,
             mint->config.max_factor);
    refuse(mint, origin, request->tag, FRANK_REFUSAL_TOO_HARD, &answer, message);
    return true;
  }
  return false;
}

/* Refuses what no device can search, ready or soon to be; true when it did. */
static bool refuse_impossible(struct frank_mint *mint, uint64_t origin,
                              const struct frank_request *request, uint64_t factor,
                              const struct frank_plan *plan)
{
  struct frank_answer answer = {.factor = factor, .alg = request->alg};
  char message[sizeof answer.message];
  uint32_t blocks_max = frank_mint_blocks_max(mint);
  blocks_max = mint->hope_blocks > blocks_max ? mint->hope_blocks : blocks_max;
  if (blocks_max == 0) {
    answer.retry_after_ms = NO_DEVICE_RETRY_MS;
    refuse(mint, origin, request->tag, FRANK_REFUSAL_NO_DEVICE, &answer,
           "no device is ready to search");
    return true;
  }
  if (plan->blocks > blocks_max) {
    snprintf(message, sizeof message,
             "b of %u characters needs %u blocks, the devices take %" PRIu32 " at most",
             request->b_len, plan->blocks, blocks_max);
    refuse(mint, origin, request->tag, FRANK_REFUSAL_UNSUPPORTED, &answer, message);
    return true;
  }
  return false;
}

/* What nobody waits for any more makes room for somebody who does. */
static void evict_orphans(struct frank_mint *mint)
{
  while (mint->waiting >= mint->config.queue_bound && !frank_list_is_empty(&mint->orphan_list)) {
    waiter_remove(mint,
                  FRANK_CONTAINER(mint->orphan_list.next, struct frank_mint_waiter, in_orphans));
  }
}

/* Refuses what the queue has no room for; true when it did. `job`: the search that it would join,
 * or NULL. */
static bool refuse_overload(struct frank_mint *mint, uint64_t origin,
                            const struct frank_request *request, uint64_t factor,
                            const struct frank_mint_client *client,
                            const struct frank_mint_job *job)
{
  struct frank_answer answer = {.factor = factor, .alg = request->alg};
  uint32_t own = client ? client->waiters : 0;
  double own_expected = client ? client->expected : 0;
  uint32_t share = mint->config.queue_bound > 1 ? mint->config.queue_bound / 2 : 1;
  const char *message = NULL;
  double backlog = own_expected;
  /* Who asks again for what is being searched already adds no work. */
  bool adds_work = !job || frank_list_is_empty(&job->waiters) || factor > job->factor;
  if (mint->waiting >= mint->config.queue_bound) {
    message = "the queue is full";
    backlog = mint->expected;
  } else if (own >= share) {
    message = "this client holds its half of the queue";
  } else if (adds_work && own > 0 && mint->waiting > own &&
             rate_or_zero(mint, mint->expected) > SHARE_RULE_FROM_S &&
             own_expected > mint->expected / 2) {
    message = "this client holds its half of the queued work";
  }
  if (!message) {
    return false;
  }
  answer.retry_after_ms = retry_after_ms(mint, backlog);
  refuse(mint, origin, request->tag, FRANK_REFUSAL_BUSY, &answer, message);
  return true;
}

/* A client that asks again takes the place of its request whose door died. */
static void drop_orphans(struct frank_mint *mint, struct frank_mint_job *job, uint64_t factor)
{
  struct frank_list *next = NULL;
  for (struct frank_list *at = job->waiters.next; at != &job->waiters; at = next) {
    next = at->next;
    struct frank_mint_waiter *w = FRANK_CONTAINER(at, struct frank_mint_waiter, in_job);
    if (w->orphan && w->factor <= factor) {
      waiter_remove(mint, w);
    }
  }
}

/* Adds a waiter to the search for (alg, b). FRANK_ERR_NOMEM. */
static enum frank_err accept_request(struct frank_mint *mint, const struct frank_mint_waiter *given,
                                     const struct frank_request *request, const char *b,
                                     struct frank_mint_job *job, const struct frank_hash *key,
                                     const struct frank_plan *plan, uint64_t now_us)
{
  struct frank_mint_waiter *w = malloc(sizeof *w);
  if (!w) {
    return FRANK_ERR_NOMEM;
  }
  *w = *given;
  uint64_t hash;
  struct frank_mint_client *client = frank_mint_client_find(mint, request->client, &hash);
  bool is_new_client = !client;
  if (is_new_client) {
    client = frank_mint_client_make(mint, request->client, hash);
  }
  struct frank_hash best;
  memset(&best, 0, sizeof best);
  if (job) {
    best = job->best;
  }
  enum frank_err err = client ? frank_mint_job_begin(mint, job, key, (enum frank_alg)request->alg,
                                                     b, plan, w->factor, &job)
                              : FRANK_ERR_NOMEM;
  if (err != FRANK_OK) {
    if (is_new_client && client) {
      frank_mint_client_destroy(mint, client);
    }
    free(w);
    return err;
  }
  waiter_add(mint, w, job, client);
  if (frank_hash_compare(&best, &job->best) != 0) {
    frank_mint_answer_met(mint, job, now_us); /* a nonce was hashed to begin with */
    frank_mint_job_settle(mint, job, now_us);
  } else if (frank_list_is_linked(&job->unsettled)) {
    frank_mint_job_settle(mint, job, now_us);
  } else {
    frank_mint_job_joined(mint, job, w);
  }
  return FRANK_OK;
}

void frank_mint_request(struct frank_mint *mint, uint64_t origin,
                        const struct frank_request *request, const char *b, uint64_t now_us)
{
  struct frank_mint_waiter w = {
      .origin = origin,
      .tag = request->tag,
      .factor = request->factor > 0 ? request->factor : mint->factor,
      .arrived_us = now_us - request->waited_us,
      .deadline_us = now_us - request->waited_us + (uint64_t)request->deadline_ms * FRANK_US_PER_MS,
      .fail_at_deadline = request->fail_at_deadline != 0,
      .priority = request->priority,
  };
  frank_mint_copy_text(w.source, sizeof w.source,
                       request->factor == 0         ? mint->factor_source
                       : request->source[0] != '\0' ? request->source
                                                    : "request");
  struct frank_answer refused = {.factor = w.factor, .alg = request->alg};
  struct frank_plan plan;
  /* The door has checked all this; but it is the door that reads strangers' bytes. */
  if (request->alg >= FRANK_ALG_COUNT || request->priority > FRANK_PRIORITY_MAX ||
      request->deadline_ms < 1 || request->deadline_ms > FRANK_DEADLINE_MAX_MS ||
      memchr(request->client, '\0', sizeof request->client) == NULL ||
      memchr(request->source, '\0', sizeof request->source) == NULL ||
      request->waited_us > now_us || frank_mint_waiter_find(mint, origin, request->tag) ||
      frank_plan_make(request->b_len, w.factor, &plan) != FRANK_OK) {
    refuse(mint, origin, request->tag, FRANK_REFUSAL_INTERNAL, &refused,
           "the door passed on a request that it should have refused");
    return;
  }
  if (refuse_unwanted(mint, origin, request, w.factor)) {
    return;
  }
  frank_mint_job_expire(mint, now_us, false);
  struct frank_hash key;
  struct frank_mint_job *job =
      frank_mint_job_find(mint, (enum frank_alg)request->alg, b, request->b_len, &key);
  if (job && frank_target_meets(&job->best, w.factor)) {
    answer_best(mint, &w, job, now_us); /* found already: costs the queue nothing */
    return;
  }
  if (refuse_impossible(mint, origin, request, w.factor, &plan)) {
    return;
  }
  if (job && mint->orphans > 0) {
    drop_orphans(mint, job, w.factor);
  }
  evict_orphans(mint);
  uint64_t ignored;
  if (!refuse_overload(mint, origin, request, w.factor,
                       frank_mint_client_find(mint, request->client, &ignored), job)) {
    enum frank_err err = accept_request(mint, &w, request, b, job, &key, &plan, now_us);
    if (err != FRANK_OK) {
      refuse(mint, origin, request->tag, FRANK_REFUSAL_INTERNAL, &refused, frank_err_text(err));
    }
  }
  frank_mint_job_settle_all(mint, now_us);
}

enum frank_err frank_mint_cancel(struct frank_mint *mint, uint64_t origin, uint64_t tag,
                                 uint64_t now_us)
{
  struct frank_mint_waiter *w = frank_mint_waiter_find(mint, origin, tag);
  if (!w || w->orphan) {
    return FRANK_ERR_NOT_FOUND;
  }
  struct frank_mint_job *job = w->job;
  struct frank_answer answer = {.factor = w->factor, .alg = (uint32_t)job->alg};
  waiter_remove(mint, w);
  frank_mint_job_settle(mint, job, now_us);
  refuse(mint, origin, tag, FRANK_REFUSAL_CANCELLED, &answer, "cancelled by the client");
  return FRANK_OK;
}

void frank_mint_origin_gone(struct frank_mint *mint, uint64_t origin, uint64_t now_us)
{
  for (size_t i = 0; i <= mint->waiters.mask; i++) {
    for (struct frank_table_node *node = mint->waiters.buckets[i]; node; node = node->next) {
      struct frank_mint_waiter *w = FRANK_CONTAINER(node, struct frank_mint_waiter, by_tag);
      if (w->origin != origin || w->orphan) {
        continue;
      }
      w->orphan = true;
      mint->orphans++;
      mint->totals[FRANK_RESULT_ABANDONED]++;
      frank_list_append(&mint->orphan_list, &w->in_orphans);
      if (w->deadline_us - now_us > ORPHAN_LIFE_US && w->deadline_us > now_us) {
        frank_heap_remove(&mint->deadlines, &w->by_deadline);
        w->deadline_us = now_us + ORPHAN_LIFE_US;
        frank_heap_push(&mint->deadlines, &w->by_deadline);
        frank_mint_job_unsettle(mint, w->job);
      }
    }
  }
  frank_mint_job_settle_all(mint, now_us);
}

/* ---- time and the end ---- */

/* Ends one request for which there is no time left: its best, or `refusal` where it wants no such.
 * The caller settles all jobs afterwards. */
static void end_waiter(struct frank_mint *mint, struct frank_mint_waiter *w,
                       enum frank_refusal refusal, const char *message, uint64_t now_us)
{
  struct frank_mint_job *job = w->job;
  if (!w->orphan && w->fail_at_deadline) {
    struct frank_answer answer = {.factor = w->factor, .alg = (uint32_t)job->alg};
    answer.attempts = job->attempts;
    answer.elapsed_ms = (now_us - w->arrived_us) / FRANK_US_PER_MS;
    refuse(mint, w->origin, w->tag, refusal, &answer, message);
  } else if (!w->orphan) {
    answer_best(mint, w, job, now_us);
  }
  waiter_remove(mint, w);
}

void frank_mint_tick(struct frank_mint *mint, uint64_t now_us)
{
  for (;;) {
    struct frank_heap_node *top = frank_heap_top(&mint->deadlines);
    if (!top) {
      break;
    }
    struct frank_mint_waiter *w = FRANK_CONTAINER(top, struct frank_mint_waiter, by_deadline);
    if (w->deadline_us > now_us) {
      break;
    }
    char message[sizeof((struct frank_answer *)NULL)->message];
    snprintf(message, sizeof message,
             "no nonce meets factor %" PRIu64 " within the deadline of %" PRIu64 " ms", w->factor,
             (w->deadline_us - w->arrived_us) / FRANK_US_PER_MS);
    end_waiter(mint, w, FRANK_REFUSAL_DEADLINE, message, now_us);
  }
  frank_mint_job_settle_all(mint, now_us);
  frank_mint_job_expire(mint, now_us, false);
}

uint64_t frank_mint_next_due_us(const struct frank_mint *mint)
{
  const struct frank_heap_node *top = frank_heap_top(&mint->deadlines);
  return top ? FRANK_CONTAINER(top, struct frank_mint_waiter, by_deadline)->deadline_us
             : FRANK_NEVER_US;
}

void frank_mint_drain(struct frank_mint *mint)
{
  mint->draining = true;
}

bool frank_mint_is_draining(const struct frank_mint *mint)
{
  return mint->draining;
}

void frank_mint_finish(struct frank_mint *mint, uint64_t now_us)
{
  struct frank_heap_node *top = NULL;
  while ((top = frank_heap_top(&mint->deadlines)) != NULL) {
    end_waiter(mint, FRANK_CONTAINER(top, struct frank_mint_waiter, by_deadline),
               FRANK_REFUSAL_SHUTTING_DOWN, "the daemon is shutting down", now_us);
  }
  frank_mint_job_settle_all(mint, now_us);
}

uint32_t frank_mint_waiting(const struct frank_mint *mint)
{
  return mint->waiting - mint->orphans;
}

void frank_mint_destroy(struct frank_mint **mint)
{
  struct frank_mint *m = *mint;
  if (!m) {
    return;
  }
  struct frank_heap_node *top = NULL;
  while ((top = frank_heap_top(&m->deadlines)) != NULL) {
    struct frank_mint_waiter *w = FRANK_CONTAINER(top, struct frank_mint_waiter, by_deadline);
    waiter_remove(m, w);
  }
  if (m->unsettled.next) { /* NULL where making it failed early */
    frank_mint_job_settle_all(m, 0);
  }
  for (uint32_t i = 0; i < m->device_slots; i++) {
    if (m->devices[i] && m->devices[i]->present) {
      frank_mint_device_remove(m, i, 0);
    }
    free(m->devices[i]);
  }
  if (m->jobs.buckets) {
    frank_mint_job_expire(m, 0, true);
  }
  struct frank_list *lists[] = {&m->clients_busy, &m->clients_idle};
  for (size_t i = 0; i < 2; i++) {
    while (!frank_list_is_empty(lists[i])) {
      frank_mint_client_destroy(m, FRANK_CONTAINER(lists[i]->next, struct frank_mint_client, link));
    }
  }
  frank_table_fini(&m->jobs);
  frank_table_fini(&m->waiters);
  frank_table_fini(&m->clients);
  free(m);
  *mint = NULL;
}
