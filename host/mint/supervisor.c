#include "mint/supervisor.h"

#include "base/clock.h"

void frank_supervisor_policy_init(struct frank_supervisor_policy *policy)
{
  *policy = (struct frank_supervisor_policy){
      .start_limit_us = 30 * FRANK_US_PER_S,
      .pause_first_us = 50 * FRANK_US_PER_MS,
      .pause_max_us = 5 * FRANK_US_PER_S,
      .stable_us = 10 * FRANK_US_PER_S,
      .quarantine_us = 60 * FRANK_US_PER_S,
      .quarantine_after = 6,
      .quarantine_doublings = 3,
  };
}

void frank_supervisor_init(struct frank_supervisor *s, const struct frank_supervisor_policy *policy,
                           uint64_t now_us)
{
  *s =
      (struct frank_supervisor){.policy = *policy, .state = FRANK_CHILD_STARTING, .due_us = now_us};
}

bool frank_supervisor_should_start(const struct frank_supervisor *s, uint64_t now_us)
{
  return !s->running && s->state != FRANK_CHILD_ABSENT && now_us >= s->due_us;
}

void frank_supervisor_started(struct frank_supervisor *s, uint64_t now_us)
{
  s->restarts += s->starts > 0 ? 1 : 0;
  s->starts++;
  s->running = true;
  s->state = FRANK_CHILD_STARTING;
  s->due_us = now_us + s->policy.start_limit_us;
}

void frank_supervisor_ready(struct frank_supervisor *s, uint64_t now_us)
{
  s->state = FRANK_CHILD_READY;
  s->ready_at_us = now_us;
  s->due_us = FRANK_NEVER_US;
}

void frank_supervisor_failed(struct frank_supervisor *s, uint64_t now_us, bool lied)
{
  bool was_ready = s->state == FRANK_CHILD_READY;
  if (was_ready && !lied && now_us - s->ready_at_us >= s->policy.stable_us) {
    s->failures = 0;
    s->quarantines = 0;
  }
  s->running = false;
  s->failures++;
  if (s->failures >= s->policy.quarantine_after) {
    uint32_t doublings = s->quarantines < s->policy.quarantine_doublings
                             ? s->quarantines
                             : s->policy.quarantine_doublings;
    s->state = FRANK_CHILD_QUARANTINED;
    s->due_us = now_us + (s->policy.quarantine_us << doublings);
    s->quarantines++;
    /* One more chance after it; not a full set. */
    s->failures = s->policy.quarantine_after - 1;
    return;
  }
  uint64_t pause_us = s->policy.pause_first_us;
  for (uint32_t i = 1; i < s->failures && pause_us < s->policy.pause_max_us; i++) {
    pause_us *= 2;
  }
  s->state = FRANK_CHILD_PAUSED;
  s->due_us = now_us + (pause_us < s->policy.pause_max_us ? pause_us : s->policy.pause_max_us);
}

void frank_supervisor_give_up(struct frank_supervisor *s)
{
  s->running = false;
  s->state = FRANK_CHILD_ABSENT;
  s->due_us = FRANK_NEVER_US;
}

bool frank_supervisor_is_late(const struct frank_supervisor *s, uint64_t now_us)
{
  return s->running && s->state == FRANK_CHILD_STARTING && now_us >= s->due_us;
}

uint64_t frank_supervisor_next_due_us(const struct frank_supervisor *s)
{
  return s->due_us;
}
