/*
 * loop: a small epoll loop: descriptors with callbacks, signals through a signalfd, and one timer,
 * whose next moment the owner computes. Single-threaded; callbacks may add and remove freely.
 */
#ifndef FRANK_BASE_LOOP_H
#define FRANK_BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define FRANK_LOOP_READ  1U
#define FRANK_LOOP_WRITE 2U

struct frank_loop;
struct frank_loop_watch;

/* `events`: FRANK_LOOP_READ, FRANK_LOOP_WRITE or both; an error or hang-up is told as READ. */
typedef void frank_loop_fn(void *arg, uint32_t events);
typedef void frank_loop_signal_fn(void *arg, int signal_number);

FRANK_MUST_CHECK enum frank_err frank_loop_new(struct frank_loop **out);
void frank_loop_destroy(struct frank_loop **loop);

/* Watches `fd` (borrowed; remove the watch before closing it). FRANK_ERR_NOMEM, FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_loop_add(struct frank_loop *loop, int fd, uint32_t events,
                                               frank_loop_fn *fn, void *arg,
                                               struct frank_loop_watch **out);
FRANK_MUST_CHECK enum frank_err frank_loop_change(struct frank_loop_watch *watch, uint32_t events);
/* Stops watching; sets *watch to NULL. No callback of it comes after this. */
void frank_loop_remove(struct frank_loop_watch **watch);

/* Blocks `signals` (0-terminated list) for the process and hands them to `fn`. Once per loop. */
FRANK_MUST_CHECK enum frank_err frank_loop_signals(struct frank_loop *loop, const int *signals,
                                                   frank_loop_signal_fn *fn, void *arg);

/* Waits for events until `wake_at_us` (monotonic; FRANK_NEVER_US: no limit), runs their callbacks,
 * returns. FRANK_ERR_IO when epoll itself fails. */
FRANK_MUST_CHECK enum frank_err frank_loop_run_once(struct frank_loop *loop, uint64_t wake_at_us);

#endif
