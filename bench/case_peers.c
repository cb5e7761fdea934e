/* Other programs on the same cores. */
#include "bench/peer.h"

#include "bench/bench.h"
#include "bench/case.h"

#include <stdio.h>
#include <string.h>

#define STARTING_S 4 /* hashcat takes longer than it says */

static bool is_wanted(const struct bench_options *options)
{
  return options->peers;
}

static double seconds(const struct bench_options *options, const struct bench_subjects *subjects)
{
  size_t count = 0;
  (void)subjects;
  while (bench_peer_at(count)) {
    count++;
  }
  return (double)count * (options->seconds + STARTING_S);
}

/* A peer that is not there, or fails, is left out by name: it is not what is being tested. */
static enum frank_err measure_one(struct bench_run *run, const struct bench_peer *peer,
                                  const struct bench_shape *shape, char *why)
{
  const struct bench_peer_task task = {.shape = shape,
                                       .seconds = run->options->seconds,
                                       .devices = run->subjects->cpus,
                                       .device_count = run->subjects->cpu_count};
  struct bench_peer_result peer_result = {0};
  char cause[BENCH_WHY_BYTES] = "";
  if (bench_result_skips(run->result, peer->name, shape->name)) {
    return FRANK_OK;
  }
  bench_progress_show(run->progress, peer->name);
  enum frank_err err = peer->run(&task, &peer_result, cause);
  if (err == FRANK_ERR_CLOSED || bench_is_stopping()) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
    return FRANK_ERR_CLOSED;
  }
  if (err != FRANK_OK) {
    bench_result_skip(run->result, peer->name, err == FRANK_ERR_NOT_FOUND ? "" : shape->name,
                      cause[0] != '\0' ? cause : frank_err_text(err));
    return FRANK_OK;
  }
  struct bench_row_key key = {.metric = BENCH_ATTEMPTS};
  (void)snprintf(key.subject, sizeof key.subject, "%s", peer->name);
  (void)snprintf(key.shape, sizeof key.shape, "%s", shape->name);
  struct bench_row *row = bench_run_add(run, &key, BENCH_ROLE_PEER, peer_result.rate_hps, why);
  if (!row) {
    return FRANK_ERR_FULL;
  }
  (void)snprintf(row->note, sizeof row->note, "%s", peer_result.what);
  return FRANK_OK;
}

static enum frank_err measure(struct bench_run *run, const struct bench_shape *shape, char *why)
{
  enum frank_err err = FRANK_OK;
  if (run->subjects->cpu_count == 0) {
    bench_result_skip(run->result, "peers", "", "this process may use no CPU device");
    return FRANK_OK;
  }
  for (size_t i = 0; err == FRANK_OK && bench_peer_at(i); i++) {
    err = measure_one(run, bench_peer_at(i), shape, why);
  }
  return err;
}

const struct bench_case bench_case_peers = {
    .name = "peers", .is_wanted = is_wanted, .seconds = seconds, .run = measure};
