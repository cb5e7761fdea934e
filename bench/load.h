/*
 * load: clients that keep a frankd busy: so many requests in flight, each answered one followed by
 * a new one, every stamp checked.
 *
 * Owner: one measurement. Lifetime: from new to destroy; drain before destroy, for frankd goes on
 * searching for a client that has left.
 */
#ifndef FRANK_BENCH_LOAD_H
#define FRANK_BENCH_LOAD_H

#include "base/err.h"
#include "bench/shape.h"
#include "bench/stats.h"
#include "door/client.h"

#include <stddef.h>
#include <stdint.h>

#define BENCH_CLIENTS_MAX 8

struct bench_load;

struct bench_load_config {
  const char *endpoint; /* borrowed for the life of the load */
  const struct bench_shape *shape;
  uint64_t factor;
  size_t clients;   /* handles, 1..BENCH_CLIENTS_MAX */
  size_t in_flight; /* requests of all of them; a multiple of clients, and of each at most
                       FRANK_CLIENT_IN_FLIGHT_MAX - 1 (asserted) */
};

/* What came back in a time. */
struct bench_load_result {
  uint64_t stamps;   /* right ones */
  uint64_t attempts; /* that frankd says it made for them */
  uint64_t elapsed_us;
  struct bench_histogram latency; /* from the request to its stamp, as the client sees it */
};

/* `why` of all calls has BENCH_WHY_BYTES. */
FRANK_MUST_CHECK enum frank_err bench_load_new(const struct bench_load_config *config,
                                               struct bench_load **out, char *why);
void bench_load_destroy(struct bench_load **load);

/* Sends requests until all are in flight and frankd has them. FRANK_ERR_DEVICE: a wrong stamp or a
 * refusal; FRANK_ERR_TIMEOUT; FRANK_ERR_CLOSED (asked to stop). */
FRANK_MUST_CHECK enum frank_err bench_load_fill(struct bench_load *load, char *why);
/* Keeps them in flight for `time_us` and counts. Errors as fill. */
FRANK_MUST_CHECK enum frank_err bench_load_run(struct bench_load *load, uint64_t time_us,
                                               struct bench_load_result *result, char *why);
/* Mints `count` stamps and tells the time of each, from the request to its checked reply. For a
 * load with one request in flight: each begins when the one before it has ended. Errors as fill,
 * and FRANK_ERR_TIMEOUT after limit_us. */
FRANK_MUST_CHECK enum frank_err bench_load_mint(struct bench_load *load, size_t count,
                                                uint64_t limit_us, double *times_us, char *why);
/* Takes back what is in flight, and hears that it was. Errors as fill. */
FRANK_MUST_CHECK enum frank_err bench_load_drain(struct bench_load *load, char *why);

/* Right stamps of this load's whole life. */
uint64_t bench_load_checked(const struct bench_load *load);
/* A client handle to ask frankd other things with; NULL never. */
struct frank_client *bench_load_client(struct bench_load *load);

#endif
