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
  struct bench_peer_result peer_result = {0};
  char cause[BENCH_WHY_BYTES] = "";
  if (bench_result_skips(run->result, peer->name, shape->name)) {
    return FRANK_OK;
  }
  bench_progress_show(run->progress, peer->name);
  enum frank_err err = bench_peer_run(peer, shape, run->options->seconds, &peer_result, cause);
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
  struct bench_row *row =
      bench_rows_add(&run->result->rows, &key, BENCH_ROLE_PEER, run->round, peer_result.rate_hps);
  if (!row) {
    (void)snprintf(why, BENCH_WHY_BYTES, "more than %d figures: fewer --device, --isa or --shape",
                   BENCH_ROWS_MAX);
    return FRANK_ERR_FULL;
  }
  (void)snprintf(row->note, sizeof row->note, "%s", peer_result.what);
  return FRANK_OK;
}

static enum frank_err measure(struct bench_run *run, const struct bench_shape *shape, char *why)
{
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && bench_peer_at(i); i++) {
    err = measure_one(run, bench_peer_at(i), shape, why);
  }
  return err;
}

const struct bench_case bench_case_peers = {
    .name = "peers", .is_wanted = is_wanted, .seconds = seconds, .run = measure};
