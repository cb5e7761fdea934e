/*
 * worker: the real frank-worker, with the test at the other end of its channel. Whatever is awaited
 * must come within a minute.
 */
#ifndef FRANK_TESTS_CONFORMANCE_WORKER_SUPPORT_H
#define FRANK_TESTS_CONFORMANCE_WORKER_SUPPORT_H

#include "oracle.h"

#include "base/chan.h"
#include "worker/messages.h"

#include <sys/types.h>

/* The machine may stand still for seconds; nothing here takes so long. */
#define WORKER_LIMIT_MS 60000

struct worker {
  pid_t pid;
  struct frank_chan *chan;
};

/* The path of the program is the first argument of the test. */
void worker_choose(int argc, char **argv);
const char *worker_path(void);

/* A worker of its own, started with these arguments (the first is its name; NULL-terminated). */
struct worker worker_spawn(const char *const argv[]);
/* The same, plain or with --probe where `probe` is not NULL. */
struct worker worker_start(const char *probe);
/* Closes the channel and expects the worker to end in good order. */
void worker_stop(struct worker *worker);
/* Awaits that it ends by itself. The wait status. */
int worker_wait_end(struct worker *worker);

void worker_put(struct worker *worker, unsigned type, const void *data, size_t len);
void worker_flush(struct worker *worker);
/* Sends OPEN for a device; `variant` "" is any. */
void worker_send_open(struct worker *worker, const char *device, const char *variant);
/* Puts a slice, without a flush. */
void worker_send_slice(struct worker *worker, const struct oracle_slice *of, uint64_t id);

/* The next record; FRANK_ERR_CLOSED at the end of the stream. */
enum frank_err worker_next(struct worker *worker, struct frank_record *record);
struct frank_device_info worker_expect_ready(struct worker *worker);
struct frank_worker_failed worker_expect_failed(struct worker *worker, unsigned type);
struct frank_worker_result worker_expect_result(struct worker *worker);

/* The message of a slice; its length in *len. */
struct frank_worker_slice worker_message_of(const struct oracle_slice *of, uint64_t id,
                                            size_t *len);
/* A slice of random length, place and size that may stop, or not. */
void worker_make_slice(struct oracle_slice *of, uint64_t *random);

void worker_sleep_ms(long pause_ms);

#endif
