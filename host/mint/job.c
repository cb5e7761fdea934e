/* Searches: made for a request, shared by equal ones, kept as answers when nobody waits. */
#include "mint/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A job is worth a second device when it should keep all devices busy for longer than this. */
#define SPREAD_MIN_US 1000.0

void frank_mint_salted(const struct frank_mint *mint, const void *bytes, size_t len_bytes,
                       struct frank_hash *out)
{
  frank_sha256(mint->salt, sizeof mint->salt, bytes, len_bytes, out);
}

static uint64_t table_hash(const struct frank_hash *key)
{
  uint64_t hash;
  memcpy(&hash, key->bytes, sizeof hash);
  return hash;
}

struct frank_mint_job *frank_mint_job_find(const struct frank_mint *mint, enum frank_alg alg,
                                           const char *b, size_t b_len, struct frank_hash *key)
{
  char buffer[1 + FRANK_B_MAX_BYTES];
  buffer[0] = (char)alg;
  memcpy(buffer + 1, b, b_len);
  frank_mint_salted(mint, buffer, 1 + b_len, key);
  struct frank_table_node *node = frank_table_first(&mint->jobs, table_hash(key));
  for (; node; node = frank_table_next(node)) {
    struct frank_mint_job *job = FRANK_CONTAINER(node, struct frank_mint_job, by_key);
    if (frank_hash_compare(&job->key, key) == 0) {
      return job;
    }
  }
  return NULL;
}

void frank_mint_copy_text(char *to, size_t to_size, const char *text)
{
  size_t len = strnlen(text, to_size - 1);
  memcpy(to, text, len);
  memset(to + len, 0, to_size - len);
}

static void destroy(struct frank_mint *mint, struct frank_mint_job *job)
{
  assert(frank_list_is_empty(&job->waiters));
  frank_mint_job_unqueue(mint, job);
  frank_list_remove(&job->unsettled);
  if (job->slots > 0) {
    frank_mint_slots_forget(mint, job);
  }
  if (frank_list_is_linked(&job->kept)) {
    frank_list_remove(&job->kept);
    mint->kept_count--;
  }
  frank_table_remove(&mint->jobs, &job->by_key);
  free(job->b);
  free(job);
}

bool frank_mint_job_offer(struct frank_mint_job *job, const char *n, size_t n_len,
                          const char *device, const struct frank_hash *h)
{
  if (frank_hash_compare(h, &job->best) >= 0) {
    return false;
  }
  job->best = *h;
  memcpy(job->best_n, n, n_len);
  job->best_n[n_len] = '\0';
  frank_mint_copy_text(job->best_device, sizeof job->best_device, device);
  return true;
}

/* A fresh nonce, and its counter 0 hashed by the host: so there is always a best so far. */
static void start_space(struct frank_mint *mint, struct frank_mint_job *job,
                        const struct frank_plan *plan)
{
  uint8_t random[FRANK_PLAN_DIGITS_MAX];
  mint->config.random(mint->config.arg, random, sizeof random);
  job->space = (struct frank_mint_range){.plan = *plan, .first = 1, .count = UINT32_MAX};
  frank_plan_nonce_start(plan, random, &job->space.nonce);
  char n[FRANK_PLAN_DIGITS_MAX + 1];
  frank_plan_nonce_at(plan, &job->space.nonce, 0, n);
  struct frank_hash h;
  frank_sha256(n, plan->digits, job->b, job->b_len, &h);
  (void)frank_mint_job_offer(job, n, plan->digits, "host", &h);
  job->attempts++;
  mint->attempts_total++;
}

static enum frank_err make(struct frank_mint *mint, const struct frank_hash *key,
                           enum frank_alg alg, struct frank_mint_job **out)
{
  struct frank_mint_job *job = calloc(1, sizeof *job);
  if (!job) {
    return FRANK_ERR_NOMEM;
  }
  job->key = *key;
  job->alg = alg;
  job->seq = ++mint->seq;
  memset(&job->best, 0xff, sizeof job->best);
  frank_list_init(&job->waiters);
  frank_table_insert(&mint->jobs, &job->by_key, table_hash(key));
  *out = job;
  return FRANK_OK;
}

enum frank_err frank_mint_job_begin(struct frank_mint *mint, struct frank_mint_job *found,
                                    const struct frank_hash *key, enum frank_alg alg, const char *b,
                                    const struct frank_plan *plan, uint64_t factor,
                                    struct frank_mint_job **out)
{
  struct frank_mint_job *job = found;
  if (!job) {
    enum frank_err err = make(mint, key, alg, &job);
    if (err != FRANK_OK) {
      return err;
    }
  }
  if (!job->b) {
    job->b = malloc(plan->suffix_bytes);
    if (!job->b) {
      if (!found) {
        destroy(mint, job);
      }
      return FRANK_ERR_NOMEM;
    }
    memcpy(job->b, b, plan->suffix_bytes);
    job->b_len = plan->suffix_bytes;
  }
  if (frank_list_is_linked(&job->kept)) {
    frank_list_remove(&job->kept);
    mint->kept_count--;
  }
  /* A higher factor can need a longer nonce; what was found under the old one stays found. */
  bool is_other_plan =
      job->space.plan.digits != plan->digits || job->space.plan.blocks != plan->blocks;
  if (!found || (is_other_plan && factor > job->factor)) {
    start_space(mint, job, plan);
  }
  *out = job;
  return FRANK_OK;
}

void frank_mint_job_unqueue(struct frank_mint *mint, struct frank_mint_job *job)
{
  frank_list_remove(&job->spread);
  if (!job->ready.queued) {
    return;
  }
  frank_heap_remove(&job->owner->ready, &job->ready);
  if (!frank_heap_top(&job->owner->ready)) {
    frank_heap_remove(&mint->clients_ready, &job->owner->by_served);
  }
}

void frank_mint_job_outstanding(struct frank_mint *mint, struct frank_mint_job *job, int by)
{
  bool was_running = job->outstanding > 0;
  job->outstanding += (uint32_t)by;
  bool is_running = job->outstanding > 0;
  if (is_running && !was_running) {
    mint->running += job->waiter_count;
  } else if (!is_running && was_running) {
    mint->running -= job->waiter_count;
  }
}

/* The job stands in the queue of that client among its waiters which has been served least. */
static void choose_owner(struct frank_mint_job *job)
{
  job->owner = NULL;
  for (struct frank_list *at = job->waiters.next; at != &job->waiters; at = at->next) {
    struct frank_mint_waiter *w = FRANK_CONTAINER(at, struct frank_mint_waiter, in_job);
    if (!job->owner || w->client->served < job->owner->served) {
      job->owner = w->client;
    }
  }
  job->priority = 0;
  job->deadline_us = FRANK_NEVER_US;
  for (struct frank_list *at = job->waiters.next; at != &job->waiters; at = at->next) {
    struct frank_mint_waiter *w = FRANK_CONTAINER(at, struct frank_mint_waiter, in_job);
    if (w->client == job->owner && w->priority > job->priority) {
      job->priority = w->priority;
    }
    if (w->deadline_us < job->deadline_us) {
      job->deadline_us = w->deadline_us;
    }
  }
}

static void queue_ready(struct frank_mint *mint, struct frank_mint_job *job)
{
  struct frank_mint_client *owner = job->owner;
  assert(owner); /* it has waiters, and each has a client */
  if (!owner->by_served.queued) {
    /* One that comes back has saved nothing up. */
    if (owner->served < mint->virtual_served) {
      owner->served = mint->virtual_served;
    }
    frank_heap_push(&owner->ready, &job->ready);
    frank_heap_push(&mint->clients_ready, &owner->by_served);
    return;
  }
  frank_heap_push(&owner->ready, &job->ready);
}

static void keep(struct frank_mint *mint, struct frank_mint_job *job, uint64_t now_us)
{
  free(job->b);
  job->b = NULL;
  job->redo.count = 0;
  if (job->slots > 0) {
    /* What comes late from a device could not be checked any more without b. */
    while (job->outstanding > 0) {
      frank_mint_job_outstanding(mint, job, -1);
    }
    frank_mint_slots_forget(mint, job);
  }
  if (mint->config.cache_bound == 0) {
    destroy(mint, job);
    return;
  }
  if (mint->kept_count >= mint->config.cache_bound) {
    destroy(mint, FRANK_CONTAINER(mint->kept.next, struct frank_mint_job, kept));
  }
  job->kept_at_us = now_us;
  frank_list_append(&mint->kept, &job->kept);
  mint->kept_count++;
}

bool frank_mint_job_is_worth_two(const struct frank_mint *mint, const struct frank_mint_job *job)
{
  return (double)job->factor * (double)FRANK_US_PER_S > SPREAD_MIN_US * frank_mint_rate_hps(mint);
}

/* Puts a job that has waiters into the queue where it belongs. */
static void place(struct frank_mint *mint, struct frank_mint_job *job)
{
  if (job->outstanding == 0) {
    queue_ready(mint, job);
  } else if (frank_mint_job_is_worth_two(mint, job)) {
    frank_list_append(&mint->spread, &job->spread);
  }
}

void frank_mint_job_settle(struct frank_mint *mint, struct frank_mint_job *job, uint64_t now_us)
{
  frank_mint_job_unqueue(mint, job);
  frank_list_remove(&job->unsettled);
  if (frank_list_is_empty(&job->waiters)) {
    if (!frank_list_is_linked(&job->kept)) {
      keep(mint, job, now_us);
    }
    return;
  }
  job->factor = 1;
  for (struct frank_list *at = job->waiters.next; at != &job->waiters; at = at->next) {
    struct frank_mint_waiter *w = FRANK_CONTAINER(at, struct frank_mint_waiter, in_job);
    job->factor = w->factor > job->factor ? w->factor : job->factor;
  }
  choose_owner(job);
  place(mint, job);
}

void frank_mint_job_joined(struct frank_mint *mint, struct frank_mint_job *job,
                           const struct frank_mint_waiter *w)
{
  frank_mint_job_unqueue(mint, job);
  bool is_first = job->waiter_count == 1;
  job->factor = is_first || w->factor > job->factor ? w->factor : job->factor;
  job->deadline_us =
      is_first || w->deadline_us < job->deadline_us ? w->deadline_us : job->deadline_us;
  if (is_first || w->client->served < job->owner->served) {
    job->owner = w->client;
    job->priority = w->priority;
  } else if (w->client == job->owner && w->priority > job->priority) {
    job->priority = w->priority;
  }
  place(mint, job);
}

void frank_mint_job_unsettle(struct frank_mint *mint, struct frank_mint_job *job)
{
  frank_mint_job_unqueue(mint, job);
  if (!frank_list_is_linked(&job->unsettled)) {
    frank_list_append(&mint->unsettled, &job->unsettled);
  }
}

void frank_mint_job_settle_all(struct frank_mint *mint, uint64_t now_us)
{
  while (!frank_list_is_empty(&mint->unsettled)) {
    frank_mint_job_settle(
        mint, FRANK_CONTAINER(mint->unsettled.next, struct frank_mint_job, unsettled), now_us);
  }
}

void frank_mint_job_expire(struct frank_mint *mint, uint64_t now_us, bool all)
{
  while (!frank_list_is_empty(&mint->kept)) {
    struct frank_mint_job *job = FRANK_CONTAINER(mint->kept.next, struct frank_mint_job, kept);
    if (!all && now_us - job->kept_at_us < mint->config.cache_age_us) {
      return;
    }
    destroy(mint, job);
  }
}
