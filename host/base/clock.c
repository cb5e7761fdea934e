#include "base/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec read_clock(clockid_t id)
{
  struct timespec ts;
  int rc = clock_gettime(id, &ts);
  assert(rc == 0);
  (void)rc;
  return ts;
}

uint64_t frank_clock_now_us(void)
{
  struct timespec ts = read_clock(CLOCK_MONOTONIC);
  return (uint64_t)ts.tv_sec * FRANK_US_PER_S + (uint64_t)ts.tv_nsec / 1000 + 1;
}

uint64_t frank_clock_cpu_us(void)
{
  struct timespec ts = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  return (uint64_t)ts.tv_sec * FRANK_US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

int64_t frank_clock_unix_s(void)
{
  return (int64_t)read_clock(CLOCK_REALTIME).tv_sec;
}
