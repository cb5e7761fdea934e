/* Devices and slices: which job next, how much of it, and whether to believe what comes back. */
#include "mint/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TWO_TO_32         (UINT64_C(1) << 32)
#define RATE_UNKNOWN_HPS  1000.0     /* a device that told no rate gets small slices first */
#define RATE_MEMORY_US    200000.0   /* a slice of this length replaces most of the old rate */
#define RATE_FROM_US      500        /* shorter slices measure the clock, not the device */
#define RATE_TO_US        3600000000 /* longer is no measurement */
#define HITS_LOOKED_AT    40.0
#define SLICE_MIN         64     /* counters: less than one turn of a wide engine's loop */
#define LAST_SLICE_US     1000.0 /* slices before a deadline are not cut shorter than this */
#define EARLY_STOP_FACTOR 4      /* a slice that may stop early is this many expectations long */
#define SHARED_PARTS      4.0    /* slices of a job in its expected time, of each device on it */
#define REPORTS_WANTED    3      /* candidates that the first slices of a search may report */
#define SEVERAL_SLICES    8.0    /* a job this long is worth a second device though others wait */
#define ASIDE_MAX         32     /* jobs passed over because the device takes fewer blocks */

/* ---- rates ---- */

static double rate_for(const struct frank_mint_device *d, uint8_t blocks)
{
  if (d->rate_hps[blocks] > 0) {
    return d->rate_hps[blocks];
  }
  double base = d->info.rate_hps > 0 ? d->info.rate_hps : RATE_UNKNOWN_HPS;
  return base * 2 / blocks; /* rate_hps was measured on two blocks */
}

static void learn_rate(struct frank_mint_device *d, uint8_t blocks, uint64_t attempts,
                       uint64_t elapsed_us)
{
  d->last_blocks = blocks;
  if (elapsed_us < RATE_FROM_US || elapsed_us > RATE_TO_US) {
    return;
  }
  double now = (double)attempts * (double)FRANK_US_PER_S / (double)elapsed_us;
  double old = rate_for(d, blocks);
  double weight = (double)elapsed_us / RATE_MEMORY_US;
  weight = weight > 0.5 ? 0.5 : weight;
  d->rate_hps[blocks] = old + (now - old) * weight;
}

static struct frank_mint_device *device_at(const struct frank_mint *mint, uint32_t device)
{
  assert(device < mint->device_slots && mint->devices[device] && mint->devices[device]->present);
  return mint->devices[device];
}

double frank_mint_device_rate_hps(const struct frank_mint *mint, uint32_t device)
{
  const struct frank_mint_device *d = device_at(mint, device);
  return rate_for(d, d->last_blocks);
}

double frank_mint_rate_hps(const struct frank_mint *mint)
{
  double sum = 0;
  for (uint32_t i = 0; i < mint->device_slots; i++) {
    const struct frank_mint_device *d = mint->devices[i];
    if (d && d->present && !d->stalled) {
      sum += rate_for(d, d->last_blocks);
    }
  }
  return sum;
}

uint32_t frank_mint_blocks_max(const struct frank_mint *mint)
{
  uint32_t most = 0;
  for (uint32_t i = 0; i < mint->device_slots; i++) {
    const struct frank_mint_device *d = mint->devices[i];
    if (d && d->present && d->info.blocks_max > most) {
      most = d->info.blocks_max;
    }
  }
  return most;
}

/* ---- slots ---- */

static struct frank_mint_slot *slot_at(struct frank_mint_device *d, uint32_t i)
{
  return &d->slots[(d->first + i) % FRANK_MINT_SLOTS];
}

static bool holds_job(struct frank_mint_device *d, const struct frank_mint_job *job)
{
  for (uint32_t i = 0; i < d->count; i++) {
    if (slot_at(d, i)->job == job) {
      return true;
    }
  }
  return false;
}

void frank_mint_slots_forget(struct frank_mint *mint, const struct frank_mint_job *job)
{
  for (uint32_t i = 0; i < mint->device_slots; i++) {
    struct frank_mint_device *d = mint->devices[i];
    for (uint32_t k = 0; d && k < d->count; k++) {
      struct frank_mint_slot *slot = slot_at(d, k);
      if (slot->job == job) {
        slot->job->slots--;
        slot->job = NULL;
      }
    }
  }
}

void frank_mint_client_charge(struct frank_mint *mint, struct frank_mint_client *client,
                              uint64_t attempts)
{
  bool queued = client->by_served.queued;
  frank_heap_remove(&mint->clients_ready, &client->by_served);
  client->served += attempts;
  if (queued) {
    frank_heap_push(&mint->clients_ready, &client->by_served);
  }
}

/* What was charged in advance, put right to what was done. */
static void settle_charge(struct frank_mint *mint, const struct frank_mint_slot *slot,
                          uint64_t attempts)
{
  struct frank_mint_client *client = slot->client;
  uint64_t paid = slot->charged < client->served ? slot->charged : client->served;
  frank_mint_client_charge(mint, client, attempts - paid); /* wraps to a refund where less */
  client->attempts += attempts;
}

/* Takes a slice back from its device: the job is free for others. */
static void take_back(struct frank_mint *mint, struct frank_mint_slot *slot)
{
  if (slot->late) {
    return;
  }
  slot->late = true;
  if (slot->job) {
    frank_mint_job_outstanding(mint, slot->job, -1);
  }
}

/* ---- devices ---- */

enum frank_err frank_mint_device_add(struct frank_mint *mint, const struct frank_device_info *info,
                                     uint32_t *device)
{
  uint32_t at = 0;
  while (at < mint->device_slots && mint->devices[at] && mint->devices[at]->present) {
    at++;
  }
  if (at == FRANK_STATUS_DEVICES_MAX) {
    return FRANK_ERR_FULL;
  }
  if (at == mint->device_slots || !mint->devices[at]) {
    struct frank_mint_device *made = malloc(sizeof *made);
    if (!made) {
      return FRANK_ERR_NOMEM;
    }
    mint->devices[at] = made;
    mint->device_slots += at == mint->device_slots ? 1 : 0;
  }
  memset(mint->devices[at], 0, sizeof *mint->devices[at]);
  mint->devices[at]->present = true;
  mint->devices[at]->info = *info;
  mint->devices[at]->last_blocks = 2;
  *device = at;
  return FRANK_OK;
}

void frank_mint_device_stalled(struct frank_mint *mint, uint32_t device, uint64_t now_us)
{
  struct frank_mint_device *d = device_at(mint, device);
  d->stalled = true;
  d->outstanding_us = 0;
  for (uint32_t i = 0; i < d->count; i++) {
    struct frank_mint_slot *slot = slot_at(d, i);
    take_back(mint, slot);
    if (slot->job) {
      frank_mint_job_settle(mint, slot->job, now_us);
    }
  }
}

void frank_mint_device_remove(struct frank_mint *mint, uint32_t device, uint64_t now_us)
{
  struct frank_mint_device *d = device_at(mint, device);
  while (d->count > 0) {
    struct frank_mint_slot *slot = slot_at(d, 0);
    struct frank_mint_job *job = slot->job;
    take_back(mint, slot);
    settle_charge(mint, slot, 0);
    frank_mint_client_use(mint, slot->client, 0, -1);
    d->first = (d->first + 1) % FRANK_MINT_SLOTS;
    d->count--;
    if (job) {
      job->slots--;
      frank_mint_job_settle(mint, job, now_us);
    }
  }
  d->present = false;
}

uint32_t frank_mint_device_outstanding(const struct frank_mint *mint, uint32_t device)
{
  return device_at(mint, device)->count;
}

uint64_t frank_mint_device_expected_us(const struct frank_mint *mint, uint32_t device)
{
  struct frank_mint_device *d = device_at(mint, device);
  double us = 0;
  uint32_t together = d->info.batch_max > 1 ? d->count : 1;
  for (uint32_t i = 0; i < together && i < d->count; i++) {
    us += slot_at(d, i)->full_us;
  }
  return (uint64_t)us;
}

void frank_mint_device_counts(const struct frank_mint *mint, uint32_t device, uint64_t *attempts,
                              uint64_t *wrong_hits)
{
  const struct frank_mint_device *d = device_at(mint, device);
  *attempts = d->attempts;
  *wrong_hits = d->wrong_hits;
}

void frank_mint_device_lied(struct frank_mint *mint, uint32_t device, uint64_t lies)
{
  device_at(mint, device)->wrong_hits += lies;
  mint->wrong_hits_total += lies;
}

void frank_mint_set_device_hope(struct frank_mint *mint, uint32_t blocks_max)
{
  mint->hope_blocks = blocks_max;
}

/* ---- choosing ---- */

static bool suits(const struct frank_mint_device *d, const struct frank_mint_job *job)
{
  return job->space.plan.blocks <= d->info.blocks_max &&
         (job->redo.count == 0 || job->redo.plan.blocks <= d->info.blocks_max);
}

/* The most urgent job that waits and that the device can take; NULL. It stays queued. */
static struct frank_mint_job *choose_ready(struct frank_mint *mint,
                                           const struct frank_mint_device *d, uint64_t now_us)
{
  struct frank_mint_job *aside[ASIDE_MAX];
  size_t aside_count = 0;
  struct frank_mint_job *chosen = NULL;
  while (!chosen && aside_count < ASIDE_MAX) {
    struct frank_heap_node *top = frank_heap_top(&mint->clients_ready);
    if (!top) {
      break;
    }
    struct frank_mint_client *client = FRANK_CONTAINER(top, struct frank_mint_client, by_served);
    struct frank_mint_job *job =
        FRANK_CONTAINER(frank_heap_top(&client->ready), struct frank_mint_job, ready);
    if (suits(d, job)) {
      chosen = job;
    } else {
      frank_mint_job_unqueue(mint, job);
      aside[aside_count++] = job;
    }
  }
  for (size_t i = 0; i < aside_count; i++) {
    frank_mint_job_settle(mint, aside[i], now_us);
  }
  return chosen;
}

/* Of the jobs that are at other devices and long enough for one more, the one whose client has
 * been served least; NULL. */
static struct frank_mint_job *choose_spread(struct frank_mint *mint, struct frank_mint_device *d)
{
  struct frank_mint_job *chosen = NULL;
  for (struct frank_list *at = mint->spread.next; at != &mint->spread; at = at->next) {
    struct frank_mint_job *job = FRANK_CONTAINER(at, struct frank_mint_job, spread);
    if (!suits(d, job) || holds_job(d, job)) {
      continue;
    }
    if (!chosen || job->owner->served < chosen->owner->served ||
        (job->owner == chosen->owner && job->deadline_us < chosen->deadline_us)) {
      chosen = job;
    }
  }
  return chosen;
}

static struct frank_mint_job *choose(struct frank_mint *mint, struct frank_mint_device *d,
                                     uint64_t now_us)
{
  struct frank_mint_job *ready = choose_ready(mint, d, now_us);
  struct frank_mint_job *spread = choose_spread(mint, d);
  if (!ready || !spread) {
    return ready ? ready : spread;
  }
  /* Two devices on one job waste a little; but a client with one long job has a right to its
   * share of many devices. */
  double slice = rate_for(d, spread->space.plan.blocks) * (double)mint->config.slice_us /
                 (double)FRANK_US_PER_S;
  bool is_long = (double)spread->factor > SEVERAL_SLICES * slice;
  return is_long && spread->owner->served < ready->owner->served ? spread : ready;
}

/* ---- slices ---- */

/* How long the next slice of the job may take: what a device still has of it when its deadline
 * comes is wasted, so slices get shorter towards it. (By halves: rates are estimates.) */
static double slice_time_us(const struct frank_mint *mint, const struct frank_mint_device *d,
                            const struct frank_mint_job *job, uint64_t now_us)
{
  double left_us = job->deadline_us > now_us ? (double)(job->deadline_us - now_us) : 0;
  double half_us = (left_us - d->outstanding_us) / 2;
  double time_us = half_us > LAST_SLICE_US ? half_us : LAST_SLICE_US;
  return time_us < (double)mint->config.slice_us ? time_us : (double)mint->config.slice_us;
}

/* How many counters of the job a slice should have at most. Where nothing else waits, all devices
 * come to the job, and what the others still have of their slices when one of them finds is lost to
 * the next job: then they get short ones. */
static double slice_need(const struct frank_mint *mint, const struct frank_mint_device *d,
                         const struct frank_mint_job *job)
{
  double factor = (double)job->factor;
  if (!d->info.stops_early) {
    return factor;
  }
  if (!frank_heap_top(&mint->clients_ready) && frank_mint_job_is_worth_two(mint, job)) {
    double own_share = rate_for(d, d->last_blocks) / frank_mint_rate_hps(mint);
    if (own_share < 1) {
      return factor * own_share / SHARED_PARTS;
    }
  }
  return factor * EARLY_STOP_FACTOR;
}

static uint64_t slice_length(const struct frank_mint *mint, const struct frank_mint_device *d,
                             const struct frank_mint_job *job, uint8_t blocks, uint64_t now_us)
{
  double by_time =
      rate_for(d, blocks) * slice_time_us(mint, d, job, now_us) / (double)FRANK_US_PER_S;
  double by_need = slice_need(mint, d, job);
  double count = by_time < by_need ? by_time : by_need;
  if (count < SLICE_MIN) {
    return SLICE_MIN;
  }
  return count < (double)TWO_TO_32 ? (uint64_t)count : TWO_TO_32;
}

/* Cuts the next range off the job: half of one that overflowed, else fresh counters. */
static struct frank_mint_range cut_range(const struct frank_mint *mint,
                                         const struct frank_mint_device *d,
                                         struct frank_mint_job *job, uint64_t now_us)
{
  struct frank_mint_range *from = job->redo.count > 0 ? &job->redo : &job->space;
  if (from->count == 0) {
    frank_plan_nonce_next(&from->plan, &from->nonce);
    from->first = 0;
    from->count = TWO_TO_32;
  }
  uint64_t count = slice_length(mint, d, job, from->plan.blocks, now_us);
  if (from == &job->redo && count > job->redo_half) {
    count = job->redo_half;
  }
  count = count < from->count ? count : from->count;
  struct frank_mint_range range = *from;
  range.count = count;
  from->first += count;
  from->count -= count;
  return range;
}

static uint32_t first_word(const struct frank_hash *h)
{
  return (uint32_t)h->bytes[0] << 24 | (uint32_t)h->bytes[1] << 16 | (uint32_t)h->bytes[2] << 8 |
         h->bytes[3];
}

/* The best value seen, at the start one that lets a few candidates through, never below the
 * target: so the number of reports stays logarithmic. */
static uint32_t report_bound(const struct frank_mint_job *job, uint64_t count, uint32_t target)
{
  uint64_t few = REPORTS_WANTED * TWO_TO_32 / count;
  uint64_t best = first_word(&job->best);
  uint64_t bound = best < few ? best : few;
  bound = bound > target ? bound : target;
  return bound < UINT32_MAX ? (uint32_t)bound : UINT32_MAX;
}

static void write_slice(const struct frank_mint_slot *slot, const struct frank_mint_job *job,
                        struct frank_worker_slice *out)
{
  const struct frank_plan *plan = &slot->range.plan;
  memset(out, 0, FRANK_WORKER_SLICE_HEAD_BYTES);
  out->slice_id = slot->id;
  out->count = slot->range.count;
  memcpy(out->init, plan->init, sizeof out->init);
  frank_plan_first_block(plan, &slot->range.nonce, job->b, out->block);
  out->first = (uint32_t)slot->range.first;
  out->bound = slot->bound;
  out->stop_at = slot->stop_at;
  out->may_stop = 1;
  out->blocks = plan->blocks;
  out->counter_word = plan->counter_word;
  frank_plan_tail(plan, job->b, out->tail);
}

enum frank_err frank_mint_next_slice(struct frank_mint *mint, uint32_t device, uint64_t now_us,
                                     struct frank_worker_slice *slice)
{
  struct frank_mint_device *d = device_at(mint, device);
  if (d->stalled || d->count >= FRANK_MINT_SLOTS ||
      (d->count >= 2 && d->outstanding_us >= (double)mint->config.slice_us)) {
    return FRANK_ERR_NOT_FOUND;
  }
  struct frank_mint_job *job = choose(mint, d, now_us);
  if (!job) {
    return FRANK_ERR_NOT_FOUND;
  }
  struct frank_mint_client *owner = job->owner;
  if (job->ready.queued) {
    /* Never back: a device that takes few blocks chooses among few clients. */
    mint->virtual_served =
        owner->served > mint->virtual_served ? owner->served : mint->virtual_served;
  }
  frank_mint_job_unqueue(mint, job);
  struct frank_mint_slot *slot = slot_at(d, d->count++);
  uint32_t target = frank_target_first_word(job->factor);
  *slot = (struct frank_mint_slot){.id = ++mint->slice_id, .job = job, .client = owner};
  slot->range = cut_range(mint, d, job, now_us);
  slot->stop_at = target;
  slot->bound = report_bound(job, slot->range.count, target);
  double count = (double)slot->range.count;
  double likely = d->info.stops_early && (double)job->factor < count ? (double)job->factor : count;
  double per_us = rate_for(d, slot->range.plan.blocks) / (double)FRANK_US_PER_S;
  slot->full_us = count / per_us;
  slot->expected_us = likely / per_us;
  slot->charged = (uint64_t)likely;
  d->outstanding_us += slot->expected_us;
  write_slice(slot, job, slice);
  frank_mint_client_use(mint, owner, 0, 1);
  frank_mint_client_charge(mint, owner, slot->charged);
  job->slots++;
  frank_mint_job_outstanding(mint, job, 1);
  frank_mint_job_settle(mint, job, now_us);
  return FRANK_OK;
}

/* ---- results ---- */

/* Hashes every hit on the host and offers it to the job. False: the device lied. */
static bool believe_hits(const struct frank_mint_device *d, const struct frank_mint_slot *slot,
                         const struct frank_worker_result *result, bool *stopped)
{
  struct frank_mint_job *job = slot->job;
  const struct frank_plan *plan = &slot->range.plan;
  for (uint32_t i = 0; i < result->hit_count; i++) {
    uint64_t counter = result->hits[i];
    for (uint32_t k = 0; k < i; k++) {
      if (result->hits[k] == result->hits[i]) {
        return false;
      }
    }
    if (counter < slot->range.first || counter - slot->range.first >= result->attempts) {
      return false;
    }
    char n[FRANK_PLAN_DIGITS_MAX + 1];
    struct frank_hash h;
    frank_plan_nonce_at(plan, &slot->range.nonce, result->hits[i], n);
    frank_sha256(n, plan->digits, job->b, job->b_len, &h);
    if (first_word(&h) > slot->bound) {
      return false;
    }
    *stopped |= first_word(&h) <= slot->stop_at;
    (void)frank_mint_job_offer(job, n, plan->digits, d->info.name, &h);
  }
  return true;
}

static bool counts_add_up(const struct frank_mint_slot *slot,
                          const struct frank_worker_result *result)
{
  return result->slice_id == slot->id && result->attempts <= slot->range.count &&
         result->attempts > 0 && result->hit_count <= FRANK_SCAN_HITS &&
         (!result->overflow ||
          (result->hit_count == FRANK_SCAN_HITS && result->attempts > FRANK_SCAN_HITS));
}

/* Keeps the account of hits; false when the device has reported far too few to have searched. (With
 * 40 expected, an honest one reports less than 10 once in 10^9 looks. Stopping early does not bend
 * the account: at every moment as many are expected as were. But leaving out some results could,
 * such as those whose job ended meanwhile: which ones those are depends on what was found.) */
static bool hits_are_plausible(struct frank_mint_device *d, const struct frank_mint_slot *slot,
                               const struct frank_worker_result *result)
{
  if (result->overflow) {
    return true; /* more than it may tell; and those told were true */
  }
  d->hits_expected += (double)result->attempts * ((double)slot->bound + 1) / (double)TWO_TO_32;
  d->hits_seen += result->hit_count;
  if (d->hits_expected < HITS_LOOKED_AT) {
    return true;
  }
  bool plausible = d->hits_seen >= d->hits_expected / 4;
  d->hits_expected = d->hits_seen = 0;
  return plausible;
}

static void pop_slot(struct frank_mint *mint, struct frank_mint_device *d,
                     const struct frank_mint_slot *slot, uint64_t attempts)
{
  if (!slot->late) {
    d->outstanding_us -= slot->expected_us;
  }
  d->first = (d->first + 1) % FRANK_MINT_SLOTS;
  d->count--;
  if (d->count == 0) {
    d->outstanding_us = 0; /* sums of doubles drift */
  }
  d->stalled = false; /* it speaks again */
  d->attempts += attempts;
  mint->attempts_total += attempts;
  settle_charge(mint, slot, attempts);
}

enum frank_err frank_mint_result(struct frank_mint *mint, uint32_t device,
                                 const struct frank_worker_result *result, uint64_t now_us)
{
  struct frank_mint_device *d = device_at(mint, device);
  if (d->count == 0) {
    return FRANK_ERR_DEVICE;
  }
  struct frank_mint_slot *slot = slot_at(d, 0);
  struct frank_mint_job *job = slot->job;
  bool stopped = !job || result->overflow != 0;
  if (!counts_add_up(slot, result) || (job && !believe_hits(d, slot, result, &stopped)) ||
      (!stopped && result->attempts < slot->range.count) || !hits_are_plausible(d, slot, result)) {
    d->wrong_hits++;
    mint->wrong_hits_total++;
    if (job) { /* a hit before the lie can have been a true one */
      frank_mint_answer_met(mint, job, now_us);
      frank_mint_job_settle(mint, job, now_us);
    }
    return FRANK_ERR_DEVICE;
  }
  struct frank_mint_slot done = *slot;
  learn_rate(d, done.range.plan.blocks, result->attempts, result->elapsed_us);
  take_back(mint, slot);
  pop_slot(mint, d, &done, result->attempts);
  if (job) {
    job->slots--;
    job->attempts += result->attempts;
    if (result->overflow && !frank_target_meets(&job->best, job->factor) && job->redo.count == 0) {
      job->redo = done.range;
      job->redo.count = result->attempts;
      job->redo_half = (result->attempts + 1) / 2;
    }
    frank_mint_answer_met(mint, job, now_us);
    frank_mint_job_settle(mint, job, now_us);
  }
  frank_mint_client_use(mint, done.client, 0, -1);
  return FRANK_OK;
}
