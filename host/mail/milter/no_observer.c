/* A build without the estimation (FRANK_AUTHORITY is off). See observer.h. */
#include "mail/milter/observer.h"

#include <stdio.h>

enum frank_err frank_observer_new(const char *dir, struct frank_milter_counters *counters,
                                  struct frank_observer **out, int *fd, char *why)
{
  (void)dir;
  (void)counters;
  *out = NULL;
  *fd = -1;
  (void)snprintf(why, FRANK_OBSERVER_WHY_BYTES,
                 "observe: this build has no estimation (FRANK_AUTHORITY is off)");
  return FRANK_ERR_UNSUPPORTED;
}

void frank_observer_destroy(struct frank_observer **observer)
{
  (void)observer;
}

void frank_observer_tick(struct frank_observer *observer, int64_t now_s)
{
  (void)observer;
  (void)now_s;
}
