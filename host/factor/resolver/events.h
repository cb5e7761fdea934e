/*
 * events: lets libunbound run on our own loop: its pluggable event base (unbound-event.h), so that
 * look-ups need neither a thread nor a forked process.
 *
 * Owner: who owns the loop. Lifetime: from new to destroy, after the last ub_ctx on it is deleted.
 * Single-threaded; libunbound's callbacks run inside frank_loop_run_once and frank_events_run.
 */
#ifndef FRANK_FACTOR_RESOLVER_EVENTS_H
#define FRANK_FACTOR_RESOLVER_EVENTS_H

#include "base/err.h"
#include "base/loop.h"

#include <stdint.h>

struct frank_events;
struct ub_event_base;

/* `loop` stays the caller's and outlives it. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_events_new(struct frank_loop *loop,
                                                 struct frank_events **out);
void frank_events_destroy(struct frank_events **events);

/* What ub_ctx_create_ub_event takes; a view. */
struct ub_event_base *frank_events_base(struct frank_events *events);

/* When the next timer is due (monotonic); FRANK_NEVER_US: none runs. */
uint64_t frank_events_wake_us(const struct frank_events *events);

/* Runs the timers that are due. */
void frank_events_run(struct frank_events *events, uint64_t now_us);

#endif
