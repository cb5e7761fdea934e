/* One-shot hashing by OpenSSL's libcrypto; the only file that calls it. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like are what is measured */

#include "bench/peer.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/crew.h"
#include "proof/plan.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR       (UINT64_C(1) << 20) /* the daemon's floor, as in the other measurements */
#define BETWEEN_ASKS 1024                /* attempts between two looks at the clock */

typedef void digest_fn(const uint8_t *message, size_t len_bytes, uint8_t digest[32]);

struct work {
  digest_fn *digest;
  const struct bench_shape *shape;
  size_t len_bytes;
  uint8_t message[FRANK_PLAN_DIGITS_MAX + BENCH_B_BYTES];
  uint8_t *counter_place; /* the eight digits that change */
  char pairs[256][2];     /* "00" to "ff" */
  uint64_t found;         /* hashes that a search would keep */
};

struct count {
  uint64_t attempts;
  uint64_t elapsed_us; /* never 0: a member works for a second or more */
};

static void digest_one_shot(const uint8_t *message, size_t len_bytes, uint8_t digest[32])
{
  (void)SHA256(message, len_bytes, digest);
}

static void digest_raw(const uint8_t *message, size_t len_bytes, uint8_t digest[32])
{
  SHA256_CTX ctx;
  (void)SHA256_Init(&ctx);
  (void)SHA256_Update(&ctx, message, len_bytes);
  (void)SHA256_Final(digest, &ctx);
}

/* By pairs of digits, so that the digits cost next to nothing beside the hash. */
static inline void write_counter(const struct work *work, uint32_t counter)
{
  for (unsigned i = 0; i < 4; i++) {
    memcpy(work->counter_place + (size_t)2 * i, work->pairs[counter >> (24 - 8 * i) & 0xff], 2);
  }
}

/* The message: a nonce of the shape's plan, and b. It must hash as it does here, or we would
 * compare with something else. */
static enum frank_err prepare(void *arg, size_t member, void *ready, char *why)
{
  struct work *work = arg;
  struct bench_random random;
  struct frank_plan plan;
  struct frank_nonce nonce;
  struct frank_hash hash;
  uint8_t start[40];
  uint8_t digest[32];
  char b[BENCH_B_BYTES];
  (void)member;
  (void)ready;
  bench_random_init(&random);
  size_t b_len = bench_shape_b(work->shape, &random, b);
  enum frank_err err = frank_plan_make(b_len, FACTOR, &plan);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < sizeof start; i++) {
    start[i] = (uint8_t)bench_random_next(&random);
  }
  frank_plan_nonce_start(&plan, start, &nonce);
  memcpy(work->message, nonce.text, plan.digits);
  memcpy(work->message + plan.digits, b, b_len);
  work->len_bytes = plan.digits + b_len;
  work->counter_place = work->message + (size_t)plan.counter_word * 4;
  for (unsigned i = 0; i < 256; i++) {
    work->pairs[i][0] = "0123456789abcdef"[i >> 4];
    work->pairs[i][1] = "0123456789abcdef"[i & 15];
  }
  write_counter(work, 0x89abcdefU);
  work->digest(work->message, work->len_bytes, digest);
  frank_sha256(work->message, work->len_bytes, NULL, 0, &hash);
  if (memcmp(digest, hash.bytes, sizeof digest) != 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "it does not compute SHA-256");
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

static enum frank_err run(void *arg, size_t member, uint32_t seconds, void *result, char *why)
{
  struct work *work = arg;
  struct count *count = result;
  uint64_t start_us = frank_clock_now_us();
  uint64_t until_us = start_us + seconds * FRANK_US_PER_S;
  uint64_t now_us = start_us;
  uint32_t counter = 0;
  (void)member;
  (void)why;
  while (now_us < until_us) {
    uint32_t end = counter + BETWEEN_ASKS;
    for (; counter != end; counter++) {
      uint8_t digest[32];
      write_counter(work, counter);
      work->digest(work->message, work->len_bytes, digest);
      work->found += (digest[0] | digest[1] | digest[2] | digest[3]) == 0;
    }
    count->attempts += BETWEEN_ASKS;
    now_us = frank_clock_now_us();
  }
  count->elapsed_us = now_us - start_us;
  return FRANK_OK;
}

static enum frank_err measure(digest_fn *digest, const char *mode,
                              const struct bench_peer_task *task, struct bench_peer_result *out,
                              char *why)
{
  struct count *counts = calloc(task->device_count, sizeof *counts);
  struct work *work = calloc(1, sizeof *work);
  enum frank_err err = FRANK_ERR_NOMEM;
  *out = (struct bench_peer_result){0};
  (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
  if (counts && work) {
    const struct bench_crew_work crew = {.name = "OpenSSL",
                                         .devices = task->devices,
                                         .members = task->device_count,
                                         .seconds = task->seconds,
                                         .prepare = prepare,
                                         .run = run,
                                         .arg = work,
                                         .result_bytes = sizeof *counts};
    work->digest = digest;
    work->shape = task->shape;
    err = bench_crew_run(&crew, NULL, counts, why);
  }
  for (size_t i = 0; err == FRANK_OK && i < task->device_count; i++) {
    out->rate_hps += (double)counts[i].attempts * 1e6 / (double)counts[i].elapsed_us;
  }
  (void)snprintf(out->what, sizeof out->what, "%.60s, %s", OpenSSL_version(OPENSSL_VERSION), mode);
  free(counts);
  free(work);
  return err;
}

enum frank_err bench_peer_openssl(const struct bench_peer_task *task, struct bench_peer_result *out,
                                  char *why)
{
  return measure(digest_one_shot, "SHA256()", task, out, why);
}

enum frank_err bench_peer_openssl_raw(const struct bench_peer_task *task,
                                      struct bench_peer_result *out, char *why)
{
  return measure(digest_raw, "SHA256_Init...Final", task, out, why);
}
