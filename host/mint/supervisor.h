/*
 * supervisor: when to start a child again. Pure: one small state machine per child, the clock
 * passed in.
 *
 *     STARTING --ready--> READY --failed--> PAUSED --pause over--> STARTING
 *        |                                    ^ |
 *        +------------- failed ---------------+ +--too often--> QUARANTINED --over--> STARTING
 *
 * Pauses grow from pause_first_us to pause_max_us. After quarantine_after failures in a row the
 * child is left alone for quarantine_us, which doubles each time, quarantine_doublings times at
 * most. A child that was ready for stable_us starts with a clean record.
 */
#ifndef FRANK_MINT_SUPERVISOR_H
#define FRANK_MINT_SUPERVISOR_H

#include "mint/status.h"

#include <stdbool.h>
#include <stdint.h>

struct frank_supervisor_policy {
  uint64_t start_limit_us; /* from started to ready at the latest */
  uint64_t pause_first_us;
  uint64_t pause_max_us;
  uint64_t stable_us;
  uint64_t quarantine_us;
  uint32_t quarantine_after;     /* failures in a row */
  uint32_t quarantine_doublings; /* how often at most quarantine_us doubles */
};
void frank_supervisor_policy_init(struct frank_supervisor_policy *policy);

struct frank_supervisor {
  struct frank_supervisor_policy policy;
  enum frank_child_state state;
  bool running;    /* a process exists */
  uint64_t due_us; /* PAUSED, QUARANTINED: when to start; STARTING: when to give up */
  uint64_t ready_at_us;
  uint64_t restarts; /* starts after the first */
  uint64_t starts;
  uint32_t failures;    /* in a row */
  uint32_t quarantines; /* in a row */
};

/* A child that is due to be started at once. */
void frank_supervisor_init(struct frank_supervisor *s, const struct frank_supervisor_policy *policy,
                           uint64_t now_us);
/* True when the child should be started now. */
bool frank_supervisor_should_start(const struct frank_supervisor *s, uint64_t now_us);
void frank_supervisor_started(struct frank_supervisor *s, uint64_t now_us);
void frank_supervisor_ready(struct frank_supervisor *s, uint64_t now_us);
/* The child died, was killed, or could not be started; `lied`: it said what cannot be true, which
 * no time of good behaviour makes up for. */
void frank_supervisor_failed(struct frank_supervisor *s, uint64_t now_us, bool lied);
/* Trying again cannot help: it stays where it is. */
void frank_supervisor_give_up(struct frank_supervisor *s);
/* True when it has been starting for too long and should be killed. */
bool frank_supervisor_is_late(const struct frank_supervisor *s, uint64_t now_us);
/* When to look again; FRANK_NEVER_US. */
uint64_t frank_supervisor_next_due_us(const struct frank_supervisor *s);

#endif
