/*
 * clock: the clocks that the programs read. Pure modules never call these: they are handed
 * the time as `now_us` (monotonic microseconds) so that tests can run them on a simulated clock.
 */
#ifndef FRANK_BASE_CLOCK_H
#define FRANK_BASE_CLOCK_H

#include <stdint.h>

#define FRANK_US_PER_MS UINT64_C(1000)
#define FRANK_US_PER_S  UINT64_C(1000000)
#define FRANK_NEVER_US  UINT64_MAX /* "no timer is due" */

/* Monotonic microseconds since an arbitrary start (CLOCK_MONOTONIC). Never 0, never goes back. */
uint64_t frank_clock_now_us(void);

/* Microseconds for which this process had a CPU (CLOCK_PROCESS_CPUTIME_ID): for measuring work, as
 * what others do on the CPU in between does not count. Some sandboxes count it in whole ticks. */
uint64_t frank_clock_cpu_us(void);

/* Wall-clock seconds since 1970 (CLOCK_REALTIME). */
int64_t frank_clock_unix_s(void);

#endif
