#include "bench/bare.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "engine/engine.h"
#include "proof/plan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process says READY with its device, hears "go", and says what it has done. */

#define OPEN_LIMIT_US (60 * FRANK_US_PER_S)
#define SLICE_S       0.05
#define COUNTERS      (UINT64_C(1) << 32)
#define TICK_MS       100

struct ready {
  int32_t err; /* enum frank_err */
  uint32_t blocks;
  struct frank_device_info info;
  char why[FRANK_ENGINE_WHY_BYTES];
};

struct result {
  int32_t err;
  uint64_t attempts;
  uint64_t elapsed_us;
};

struct child {
  pid_t pid;
  int fd;
};

/* ---- in the process of one device ---- */

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
                                   struct frank_engine_ctx *ctx, uint64_t count, uint64_t *attempts)
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
    *attempts += scan.attempts;
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
  uint64_t attempts = 0;
  uint64_t start_us = frank_clock_now_us();
  enum frank_err err = search_slice(search, engine, ctx, (uint64_t)guess, &attempts);
  uint64_t elapsed_us = frank_clock_now_us() - start_us;
  if (err != FRANK_OK) {
    return err;
  }
  double wanted = (double)attempts * SLICE_S * 1e6 / (double)(elapsed_us > 0 ? elapsed_us : 1);
  *count = wanted < 1024 ? 1024 : wanted > 1e9 ? 1000000000 : (uint64_t)wanted;
  return FRANK_OK;
}

static struct result search_for(struct search *search, const struct frank_engine *engine,
                                struct frank_engine_ctx *ctx, uint64_t count, uint32_t seconds)
{
  struct result result = {.err = FRANK_OK};
  uint64_t start_us = frank_clock_now_us();
  uint64_t until_us = start_us + seconds * FRANK_US_PER_S;
  uint64_t now_us = start_us;
  while (now_us < until_us && result.err == FRANK_OK) {
    result.err = (int32_t)search_slice(search, engine, ctx, count, &result.attempts);
    now_us = frank_clock_now_us();
  }
  result.elapsed_us = now_us - start_us;
  return result;
}

static int serve(int fd, const char *device, const struct bench_shape *shape, uint64_t factor,
                 uint32_t seconds)
{
  static struct search search;
  const struct frank_engine_options options = {.bind = true};
  const struct frank_engine *engine = NULL;
  struct frank_engine_ctx *ctx = NULL;
  struct ready ready = {.err = FRANK_OK};
  uint64_t count = 0;
  char go = 0;
  int status = 1;
  errno = 0;
  if (nice(BENCH_WORKER_NICE) == -1 && errno != 0) {
    ready.err = FRANK_ERR_IO;
    (void)snprintf(ready.why, sizeof ready.why, "nice: %s", strerror(errno));
  }
  if (ready.err == FRANK_OK) {
    ready.err = (int32_t)frank_engine_open(device, &options, &engine, &ctx, &ready.info, ready.why);
  }
  if (ready.err == FRANK_OK) {
    ready.err = (int32_t)search_init(&search, shape, factor);
    ready.blocks = search.plan.blocks;
  }
  if (ready.err == FRANK_OK) {
    ready.err = (int32_t)measure_slice(&search, engine, ctx, &ready.info, &count);
  }
  if (send(fd, &ready, sizeof ready, 0) != (ssize_t)sizeof ready || ready.err != FRANK_OK ||
      recv(fd, &go, 1, 0) != 1) {
    goto cleanup;
  }
  struct result result = search_for(&search, engine, ctx, count, seconds);
  status = send(fd, &result, sizeof result, 0) == (ssize_t)sizeof result ? 0 : 1;

cleanup:
  if (ctx) {
    engine->close(&ctx);
  }
  return status;
}

/* ---- in the parent ---- */

/* The process dies with the parent, and a Ctrl-C on the terminal is for the parent alone. */
static enum frank_err start(struct child *child, const char *device,
                            const struct bench_shape *shape, uint64_t factor, uint32_t seconds)
{
  int pair[2];
  pid_t parent = getpid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return FRANK_ERR_IO;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(pair[0]);
    (void)setpgid(0, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
      _exit(1);
    }
    _exit(serve(pair[1], device, shape, factor, seconds));
  }
  close(pair[1]);
  if (pid < 0) {
    close(pair[0]);
    return FRANK_ERR_IO;
  }
  child->pid = pid;
  child->fd = pair[0];
  return FRANK_OK;
}

static void end(struct child *child)
{
  if (child->pid > 0) {
    (void)kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    close(child->fd);
  }
}

/* Receives one message of exactly `size` bytes. */
static enum frank_err hear(const struct child *child, void *message, size_t size, uint64_t until_us)
{
  struct pollfd item = {.fd = child->fd, .events = POLLIN};
  while (poll(&item, 1, TICK_MS) <= 0) {
    if (bench_is_stopping()) {
      return FRANK_ERR_CLOSED;
    }
    if (frank_clock_now_us() >= until_us) {
      return FRANK_ERR_TIMEOUT;
    }
  }
  return recv(child->fd, message, size, 0) == (ssize_t)size ? FRANK_OK : FRANK_ERR_DEVICE;
}

static enum frank_err fail(enum frank_err err, const char *device, const char *what, char *why)
{
  if (err == FRANK_ERR_CLOSED) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
  } else {
    (void)snprintf(why, BENCH_WHY_BYTES, "bare engine %.31s: %.255s", device, what);
  }
  return err;
}

static enum frank_err start_all(struct child *children, const struct frank_device_info *list,
                                const struct bench_shape *shape, uint64_t factor, uint32_t seconds,
                                struct bench_bare *out, char *why)
{
  for (size_t i = 0; i < out->devices; i++) {
    enum frank_err err = start(&children[i], list[i].name, shape, factor, seconds);
    if (err != FRANK_OK) {
      return fail(err, list[i].name, strerror(errno), why);
    }
  }
  uint64_t until_us = frank_clock_now_us() + OPEN_LIMIT_US;
  for (size_t i = 0; i < out->devices; i++) {
    struct ready ready;
    enum frank_err err = hear(&children[i], &ready, sizeof ready, until_us);
    if (err != FRANK_OK) {
      return fail(err, list[i].name, "its process did not come up", why);
    }
    if (ready.err != FRANK_OK) {
      err = (enum frank_err)ready.err;
      return fail(err, list[i].name, ready.why[0] != '\0' ? ready.why : frank_err_text(err), why);
    }
    (void)snprintf(out->model, sizeof out->model, "%s", ready.info.model);
    (void)snprintf(out->variant, sizeof out->variant, "%s", ready.info.variant);
    out->blocks = ready.blocks;
  }
  return FRANK_OK;
}

static enum frank_err race_all(struct child *children, const struct frank_device_info *list,
                               uint32_t seconds, struct bench_bare *out, char *why)
{
  for (size_t i = 0; i < out->devices; i++) {
    if (send(children[i].fd, "g", 1, MSG_NOSIGNAL) != 1) {
      return fail(FRANK_ERR_DEVICE, list[i].name, "its process died", why);
    }
  }
  uint64_t until_us = frank_clock_now_us() + seconds * FRANK_US_PER_S + OPEN_LIMIT_US;
  for (size_t i = 0; i < out->devices; i++) {
    struct result result;
    enum frank_err err = hear(&children[i], &result, sizeof result, until_us);
    if (err == FRANK_OK && (result.err != FRANK_OK || result.elapsed_us == 0)) {
      err = FRANK_ERR_DEVICE;
    }
    if (err != FRANK_OK) {
      return fail(err, list[i].name, "its search failed", why);
    }
    out->rate_hps += (double)result.attempts * 1e6 / (double)result.elapsed_us;
  }
  return FRANK_OK;
}

enum frank_err bench_bare_run(const struct bench_shape *shape, uint64_t factor, uint32_t seconds,
                              struct bench_bare *out, char *why)
{
  const struct frank_engine *engine = frank_engine_for("cpu");
  char probe_why[FRANK_ENGINE_WHY_BYTES] = "";
  *out = (struct bench_bare){0};
  struct child *children = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *children);
  struct frank_device_info *list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *list);
  enum frank_err err = FRANK_ERR_NOMEM;
  if (!children || !list) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    goto cleanup;
  }
  err = engine ? engine->probe(list, FRANK_ENGINE_DEVICES_MAX, &out->devices, probe_why)
               : FRANK_ERR_NOT_FOUND;
  if (err != FRANK_OK || out->devices == 0) {
    err = err != FRANK_OK ? err : FRANK_ERR_NOT_FOUND;
    (void)fail(err, "cpu", probe_why[0] != '\0' ? probe_why : frank_err_text(err), why);
    goto cleanup;
  }
  err = start_all(children, list, shape, factor, seconds, out, why);
  if (err == FRANK_OK) {
    err = race_all(children, list, seconds, out, why);
  }

cleanup:
  for (size_t i = 0; children && i < out->devices; i++) {
    end(&children[i]);
  }
  free(children);
  free(list);
  return err;
}
