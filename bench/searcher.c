#include "bench/searcher.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "proof/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_S  0.05
#define COUNTERS (UINT64_C(1) << 32)

struct search {
  struct frank_plan plan;
  struct frank_nonce nonce;
  struct frank_slice slice;
  uint32_t kw[(FRANK_PLAN_BLOCKS_MAX - 1) * 64];
  uint64_t next;
  char b[BENCH_B_BYTES];
};

static enum frank_err search_init(struct search *search, const struct bench_shape *shape,
                                  uint64_t factor)
{
  struct bench_random random;
  uint8_t start[40];
  uint8_t tail[FRANK_PLAN_TAIL_MAX_BYTES];
  bench_random_init(&random);
  size_t b_len = bench_shape_b(shape, &random, search->b);
  enum frank_err err = frank_plan_make(b_len, factor, &search->plan);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < sizeof start; i++) {
    start[i] = (uint8_t)bench_random_next(&random);
  }
  frank_plan_nonce_start(&search->plan, start, &search->nonce);
  frank_plan_tail(&search->plan, search->b, tail);
  for (size_t block = 1; block < search->plan.blocks; block++) {
    uint32_t words[16];
    frank_sha256_load(tail + (block - 1) * 64, words);
    frank_sha256_expand(words, search->kw + (block - 1) * 64);
  }
  search->next = 0;
  frank_plan_first_block(&search->plan, &search->nonce, search->b, search->slice.block);
  return FRANK_OK;
}

/* One slice of at most `count` counters. With a bound of 0 nothing is found in any time that we
 * have (once in 2^32 attempts), so all that is measured is the search. */
static enum frank_err search_slice(struct search *search, const struct frank_engine *engine,
                                   struct frank_engine_ctx *ctx, uint64_t count,
                                   struct bench_found *found)
{
  struct frank_slice *slice = &search->slice;
  struct frank_scan scan;
  if (search->next == COUNTERS) {
    frank_plan_nonce_next(&search->plan, &search->nonce);
    frank_plan_first_block(&search->plan, &search->nonce, search->b, slice->block);
    search->next = 0;
  }
  memcpy(slice->init, search->plan.init, sizeof slice->init);
  slice->kw = search->kw;
  slice->blocks = search->plan.blocks;
  slice->counter_word = search->plan.counter_word;
  slice->may_stop = false;
  slice->stop_at = 0;
  slice->bound = 0;
  slice->first = (uint32_t)search->next;
  slice->count = count < COUNTERS - search->next ? count : COUNTERS - search->next;
  enum frank_err err = engine->scan(ctx, slice, 1, &scan);
  if (err == FRANK_OK) {
    search->next += slice->count;
    found->attempts += scan.attempts;
    found->cycles += scan.cycles;
  }
  return err;
}

/* Times one slice to learn how many counters take SLICE_S; it also warms the core up. */
static enum frank_err measure_slice(struct search *search, const struct frank_engine *engine,
                                    struct frank_engine_ctx *ctx,
                                    const struct frank_device_info *info, uint64_t *count)
{
  double guess = info->rate_hps * SLICE_S * 2 / search->plan.blocks;
  guess = guess < 1024 ? 1024 : guess > 1e9 ? 1e9 : guess;
  struct bench_found found = {0};
  uint64_t start_us = frank_clock_now_us();
  enum frank_err err = search_slice(search, engine, ctx, (uint64_t)guess, &found);
  uint64_t elapsed_us = frank_clock_now_us() - start_us;
  if (err != FRANK_OK) {
    return err;
  }
  double wanted =
      (double)found.attempts * SLICE_S * 1e6 / (double)(elapsed_us > 0 ? elapsed_us : 1);
  *count = wanted < 1024 ? 1024 : wanted > 1e9 ? 1000000000 : (uint64_t)wanted;
  return FRANK_OK;
}

static struct bench_found search_for(struct search *search, const struct frank_engine *engine,
                                     struct frank_engine_ctx *ctx, uint64_t count, uint32_t seconds)
{
  struct bench_found found = {.err = FRANK_OK};
  uint64_t start_us = frank_clock_now_us();
  uint64_t until_us = start_us + seconds * FRANK_US_PER_S;
  uint64_t now_us = start_us;
  while (now_us < until_us && found.err == FRANK_OK) {
    found.err = (int32_t)search_slice(search, engine, ctx, count, &found);
    now_us = frank_clock_now_us();
  }
  found.elapsed_us = now_us - start_us;
  return found;
}

/* Every core is timed while the others are, as they were when they searched. */
static void measure_bound(const struct frank_device_info *info, const struct frank_plan *plan,
                          struct bench_bound *bound)
{
  struct bench_ports ports;
  char why[BENCH_WHY_BYTES] = "";
  char plain[BENCH_LIMIT_TEXT_BYTES];
  *bound = (struct bench_bound){0};
  if (strcmp(info->engine, "cpu") != 0) {
    (void)snprintf(bound->text, sizeof bound->text, "only known for CPU code paths");
    return;
  }
  if (bench_limit_measure(&ports, why) != FRANK_OK) {
    (void)snprintf(bound->text, sizeof bound->text, "%.180s", why);
    return;
  }
  if (!bench_limit_hps(&ports, info->variant, plan, &bound->limit_hps, bound->text,
                       sizeof bound->text)) {
    bound->limit_hps = 0;
  }
  if (!bench_limit_plain_hps(&ports, info->variant, plan, &bound->plain_hps, plain, sizeof plain)) {
    bound->plain_hps = 0;
  }
}

static void make_ready(const struct bench_searcher *searcher, struct search *search,
                       const struct frank_engine **engine, struct frank_engine_ctx **ctx,
                       struct bench_ready *ready, uint64_t *count)
{
  const struct frank_engine_options options = {.variant = searcher->variant, .bind = true};
  enum frank_err err = FRANK_OK;
  errno = 0;
  if (nice(BENCH_WORKER_NICE) == -1 && errno != 0) {
    err = FRANK_ERR_IO;
    (void)snprintf(ready->why, sizeof ready->why, "nice: %s", strerror(errno));
  }
  if (err == FRANK_OK) {
    err = frank_engine_open(searcher->device, &options, engine, ctx, &ready->info, ready->why);
  }
  if (err == FRANK_OK) {
    err = search_init(search, searcher->shape, searcher->factor);
    ready->blocks = search->plan.blocks;
  }
  if (err == FRANK_OK) {
    err = measure_slice(search, *engine, *ctx, &ready->info, count);
  }
  ready->err = (int32_t)err;
}

int bench_searcher_run(int fd, const struct bench_searcher *searcher)
{
  static struct search search;
  const struct frank_engine *engine = NULL;
  struct frank_engine_ctx *ctx = NULL;
  struct bench_ready ready = {.err = FRANK_OK};
  struct bench_bound bound;
  uint64_t count = 0;
  char go = 0;
  int status = 1;
  make_ready(searcher, &search, &engine, &ctx, &ready, &count);
  if (send(fd, &ready, sizeof ready, 0) != (ssize_t)sizeof ready || ready.err != FRANK_OK ||
      recv(fd, &go, 1, 0) != 1) {
    goto cleanup;
  }
  struct bench_found found = search_for(&search, engine, ctx, count, searcher->seconds);
  if (send(fd, &found, sizeof found, 0) != (ssize_t)sizeof found || recv(fd, &go, 1, 0) != 1) {
    goto cleanup;
  }
  measure_bound(&ready.info, &search.plan, &bound);
  status = send(fd, &bound, sizeof bound, 0) == (ssize_t)sizeof bound ? 0 : 1;

cleanup:
  if (ctx) {
    engine->close(&ctx);
  }
  return status;
}
