/*
 * daemon: what a running frankd achieves, measured from a client: with its queue full of real work,
 * with work that costs nothing, and the memory it needs for ten thousand requests.
 */
#ifndef FRANK_BENCH_DAEMON_H
#define FRANK_BENCH_DAEMON_H

#include "base/err.h"
#include "bench/server.h"
#include "bench/shape.h"

#include <stddef.h>
#include <stdint.h>

#define BENCH_QUEUE_FACTOR (UINT64_C(1) << 20)

#define BENCH_MEMORY_SHAPE "rsa2048" /* of the 10,000 requests, whichever shape is measured */

/* What is measured, as a set of bits. */
#define BENCH_PART_QUEUE    1U
#define BENCH_PART_OVERHEAD 2U
#define BENCH_PART_MEMORY   4U

/* The overhead is measured with factor 1, where the nonce hashed at admission is the stamp, and
 * with 16, where nearly every stamp needs a device. */
enum bench_overhead_case { BENCH_OVERHEAD_F1, BENCH_OVERHEAD_F16, BENCH_OVERHEADS };

struct bench_overhead {
  double stamps_per_s;
  double p50_us;
  double p99_us;
};

/* Figures of parts that were not asked for are 0. */
struct bench_daemon {
  double useful_hps;     /* attempts that answers report, per second */
  uint64_t queue_stamps; /* how many answers these were */
  struct bench_overhead overhead[BENCH_OVERHEADS];
  uint64_t frankd_kib; /* resident, with 10,000 requests waiting and the kept answers of before */
  uint64_t door_kib;
  uint64_t checked; /* right stamps */
};

/* Called before each part with a word for people. */
typedef void bench_daemon_progress_fn(void *arg, const char *part);

struct bench_daemon_config {
  const struct bench_server *server;
  const struct bench_shape *shape;
  unsigned parts;   /* BENCH_PART_... */
  uint32_t seconds; /* of each part that takes time */
  bench_daemon_progress_fn *progress;
  void *arg;
};

/* FRANK_ERR_DEVICE (a wrong stamp, a refusal), FRANK_ERR_TIMEOUT, FRANK_ERR_CLOSED (asked to stop),
 * FRANK_ERR_NOMEM, ...; `why` (BENCH_WHY_BYTES) begins with the part. */
FRANK_MUST_CHECK enum frank_err bench_daemon_measure(const struct bench_daemon_config *config,
                                                     struct bench_daemon *out, char *why);

#endif
