/*
 * server: a private frankd for the time of a measurement, on an ipc socket in a temporary folder.
 *
 * It is stopped by its process id, and the folder removed, whatever happened; it dies with us.
 */
#ifndef FRANK_BENCH_SERVER_H
#define FRANK_BENCH_SERVER_H

#include "base/err.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define BENCH_ENDPOINT_BYTES 128

struct bench_server;

/* The frankd that belongs to this program: beside it, as built, or in ../sbin, as installed.
 * FRANK_ERR_NOT_FOUND, FRANK_ERR_TOO_LONG; `why` names the places. */
FRANK_MUST_CHECK enum frank_err bench_server_find(char *path, size_t path_size, char *why);

/* What it searches with: just these devices, by this code path (empty: their engine's), so that it
 * cannot choose others than those it is compared with. */
struct bench_server_task {
  const char *frankd;                      /* path */
  const struct frank_device_info *devices; /* 1..FRANK_ENGINE_DEVICES_MAX; their names count */
  size_t device_count;
  const char *variant;
};

/* Starts it and waits until it says that it is ready. FRANK_ERR_IO, FRANK_ERR_TIMEOUT,
 * FRANK_ERR_CLOSED (asked to stop), FRANK_ERR_TOO_LONG (TMPDIR); `why` ends with frankd's own last
 * line. */
FRANK_MUST_CHECK enum frank_err bench_server_start(const struct bench_server_task *task,
                                                   struct bench_server **out, char *why);
/* SIGTERM, and SIGKILL when that is not heeded. Removes the folder, frees, sets *server to NULL. */
void bench_server_stop(struct bench_server **server);

const char *bench_server_endpoint(const struct bench_server *server);
pid_t bench_server_pid(const struct bench_server *server);
/* Adds to `why` what a failure may come from: that frankd died, and what it logged last. */
void bench_server_explain(struct bench_server *server, char *why);

#endif
