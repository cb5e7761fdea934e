#include "world.h"

#include "base/clock.h"
#include "proof/sha256.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define WATCHDOG_US 2000000 /* a silent device: slices back at a quarter of it, removed at it */

uint64_t world_random(struct world *world)
{
  uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t world_below(struct world *world, uint64_t below)
{
  return world_random(world) % below;
}

void world_fill_random(void *world, uint8_t *bytes, size_t len_bytes)
{
  for (size_t i = 0; i < len_bytes; i++) {
    bytes[i] = (uint8_t)world_random(world);
  }
}

/* ---- honest searching ---- */

static uint32_t hash_first_word(const struct frank_worker_slice *s, uint32_t kw[][64],
                                uint32_t counter)
{
  uint32_t block[16];
  uint32_t first_kw[64];
  uint32_t state[8];
  memcpy(block, s->block, sizeof block);
  frank_plan_counter_words(counter, block + s->counter_word);
  frank_sha256_expand(block, first_kw);
  memcpy(state, s->init, sizeof state);
  frank_sha256_rounds(state, first_kw);
  for (int i = 0; i < s->blocks - 1; i++) {
    frank_sha256_rounds(state, kw[i]);
  }
  return state[0];
}

uint32_t world_search(const struct frank_worker_slice *s, bool stops_early,
                      struct frank_worker_result *out)
{
  static uint32_t kw[FRANK_PLAN_BLOCKS_MAX][64];
  for (int i = 0; i < s->blocks - 1; i++) {
    uint32_t words[16];
    frank_sha256_load(s->tail + (size_t)i * 64, words);
    frank_sha256_expand(words, kw[i]);
  }
  uint32_t lowest = UINT32_MAX;
  *out = (struct frank_worker_result){.slice_id = s->slice_id};
  while (out->attempts < s->count) {
    uint32_t counter = s->first + (uint32_t)out->attempts;
    uint32_t word = hash_first_word(s, kw, counter);
    out->attempts++;
    if (word > s->bound) {
      continue;
    }
    if (out->hit_count == FRANK_SCAN_HITS) {
      out->overflow = 1;
    } else {
      out->hits[out->hit_count++] = counter;
      lowest = word < lowest ? word : lowest;
    }
    if (s->may_stop && word <= s->stop_at && stops_early) {
      break;
    }
  }
  return lowest;
}

/* A false report that the host can see through; where nothing can be made false, a true one. */
static void lie(struct world_device *d, const struct frank_worker_slice *s,
                struct frank_worker_result *out)
{
  d->told = d->fault;
  switch (d->fault) {
  case WORLD_LIES_ATTEMPTS:
    out->attempts = s->count + 1;
    break;
  case WORLD_OVERFLOWS:
    out->overflow = 1;
    out->hit_count = 0;
    break;
  case WORLD_LIES_HIT:
    out->hit_count = 1;
    out->hits[0] = s->first + (uint32_t)s->count;
    break;
  case WORLD_REPEATS:
    if (out->hit_count == 0 || out->hit_count == FRANK_SCAN_HITS) {
      d->told = WORLD_HONEST;
      break;
    }
    out->hits[out->hit_count] = out->hits[out->hit_count - 1];
    out->hit_count++;
    break;
  default:
    d->told = WORLD_HONEST;
    break;
  }
}

/* A device that finds nothing in the whole slice: the host sees it only in the long run. */
static void search_silently(struct world_device *d, const struct frank_worker_slice *s,
                            struct frank_worker_result *out)
{
  *out = (struct frank_worker_result){.slice_id = s->slice_id, .attempts = s->count};
  d->told = WORLD_SILENT;
  d->was_silent = true;
}

/* ---- devices in time ---- */

void world_device_add(struct world *world, size_t i, double rate_hps, bool stops_early,
                      uint32_t blocks_max)
{
  struct world_device *d = &world->devices[i];
  assert(!d->present);
  struct frank_device_info info = {.engine = "sim",
                                   .blocks_max = blocks_max,
                                   .batch_max = 1,
                                   .hashes = FRANK_ENGINE_SHA256,
                                   .stops_early = stops_early ? 1 : 0,
                                   .rate_hps = rate_hps};
  info.name[0] = 's';
  info.name[1] = (char)('0' + i);
  memset(d, 0, sizeof *d);
  d->present = true;
  d->rate_hps = rate_hps;
  d->blocks_max = blocks_max;
  d->stops_early = stops_early;
  enum frank_err err = frank_mint_device_add(world->mint, &info, &d->handle);
  assert(err == FRANK_OK);
  (void)err;
}

void world_device_remove(struct world *world, size_t i)
{
  struct world_device *d = &world->devices[i];
  if (d->present) {
    d->present = false;
    frank_mint_device_remove(world->mint, d->handle, world->now_us);
  }
}

static void start_head(struct world *world, struct world_device *d)
{
  if (d->running || d->count == 0) {
    return;
  }
  const struct frank_worker_slice *s = &d->queue[d->first];
  d->running = true;
  d->hangs = d->fault == WORLD_HANGS; /* in this slice, whatever befalls it later */
  if (d->hangs) {
    d->ends_us = world->now_us + WATCHDOG_US;
    return;
  }
  d->told = WORLD_HONEST;
  if (d->fault == WORLD_SILENT) {
    search_silently(d, s, &d->result);
  } else {
    uint32_t lowest = world_search(s, d->stops_early, &d->result);
    world->lowest_word = lowest < world->lowest_word ? lowest : world->lowest_word;
    lie(d, s, &d->result);
  }
  d->result.elapsed_us = (uint64_t)((double)d->result.attempts * 1e6 / d->rate_hps) + 1;
  d->ends_us = world->now_us + d->result.elapsed_us;
  d->busy_us += d->result.elapsed_us;
}

void world_pump(struct world *world)
{
  for (size_t i = 0; i < WORLD_DEVICES; i++) {
    struct world_device *d = &world->devices[i];
    while (d->present && d->count < WORLD_QUEUE) {
      struct frank_worker_slice *slot = &d->queue[(d->first + d->count) % WORLD_QUEUE];
      if (frank_mint_next_slice(world->mint, d->handle, world->now_us, slot) != FRANK_OK) {
        break;
      }
      assert((uint64_t)slot->first + slot->count <= UINT64_C(1) << 32);
      d->count++;
      world->slices++;
    }
    start_head(world, d);
  }
}

static void finish_head(struct world *world, struct world_device *d, size_t i)
{
  d->running = false;
  d->first = (d->first + 1) % WORLD_QUEUE;
  d->count--;
  if (frank_mint_result(world->mint, d->handle, &d->result, world->now_us) != FRANK_OK) {
    world->lies_caught++;
    world->caught_by_fault[d->was_silent ? WORLD_SILENT : d->told]++;
    world_device_remove(world, i);
  }
}

uint64_t world_next_us(const struct world *world)
{
  uint64_t next_us = frank_mint_next_due_us(world->mint);
  for (size_t i = 0; i < WORLD_DEVICES; i++) {
    const struct world_device *d = &world->devices[i];
    if (d->present && d->running && d->ends_us < next_us) {
      next_us = d->ends_us;
    }
  }
  return next_us;
}

void world_run(struct world *world, uint64_t until_us)
{
  for (;;) {
    world_pump(world);
    uint64_t next_us = world_next_us(world);
    if (next_us > until_us) {
      break;
    }
    world->now_us = next_us > world->now_us ? next_us : world->now_us;
    for (size_t i = 0; i < WORLD_DEVICES; i++) {
      struct world_device *d = &world->devices[i];
      if (!d->present || !d->running || d->ends_us > world->now_us) {
        continue;
      }
      if (d->hangs) {
        frank_mint_device_stalled(world->mint, d->handle, world->now_us);
        world_device_remove(world, i);
      } else {
        finish_head(world, d, i);
      }
    }
    frank_mint_tick(world->mint, world->now_us);
  }
  world->now_us = until_us > world->now_us ? until_us : world->now_us;
}

/* ---- requests and answers ---- */

void world_random_b(struct world *world, char *b, size_t len)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < len; i++) {
    b[i] = digits[world_below(world, 64)];
  }
  b[len] = '\0';
}

struct frank_request world_request(uint64_t tag, const char *client, uint64_t factor, const char *b)
{
  struct frank_request r = {.tag = tag,
                            .factor = factor,
                            .deadline_ms = FRANK_DEADLINE_DEFAULT_MS,
                            .priority = FRANK_PRIORITY_DEFAULT,
                            .b_len = (uint16_t)strlen(b)};
  strncpy(r.client, client, sizeof r.client - 1);
  return r;
}

bool world_answer_is_true(const struct frank_answer *answer, const char *b)
{
  char text[FRANK_MSMR_NONCE_MAX + FRANK_B_MAX_BYTES + 1];
  size_t n_len = strlen(answer->n);
  size_t b_len = strlen(b);
  memcpy(text, answer->n, n_len);
  /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): hashed by length */
  memcpy(text + n_len, b, b_len);
  unsigned char h[32];
  SHA256((const unsigned char *)text, n_len + b_len, h);
  if (memcmp(h, answer->h.bytes, sizeof h) != 0) {
    return false;
  }
  BIGNUM *number = BN_bin2bn(h, sizeof h, NULL);
  BIGNUM *limit = BN_new();
  BN_mul_word(number, answer->factor);
  BN_set_bit(limit, 256);
  bool meets = BN_cmp(number, limit) < 0;
  BN_free(number);
  BN_free(limit);
  return meets == (answer->met != 0);
}
