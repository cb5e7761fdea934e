/*
 * wait: an eventfd that the event's callback writes to.
 */
#include "engine/opencl/wait.h"

#include "base/clock.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_FIRST_US 200U   /* after the time that is expected */
#define LOOK_LAST_US  20000U /* pauses double up to this */

/* Made once and never closed: a driver may call back late, and must not hit another file then. */
static int wake_fd = -1;

static void CL_CALLBACK on_complete(cl_event event, cl_int status, void *arg)
{
  (void)event;
  (void)status;
  (void)arg;
  const uint64_t one = 1;
  ssize_t written = write(wake_fd, &one, sizeof one); /* full only when nobody has read it yet */
  (void)written;
}

/* Sleeps until something called back, `pause_us` at most. */
static void sleep_for(uint64_t pause_us)
{
  struct pollfd watch = {.fd = wake_fd, .events = POLLIN};
  const struct timespec pause = {.tv_sec = (time_t)(pause_us / FRANK_US_PER_S),
                                 .tv_nsec = (long)(pause_us % FRANK_US_PER_S * 1000)};
  if (ppoll(&watch, 1, &pause, NULL) > 0) {
    uint64_t count = 0;
    ssize_t got = read(wake_fd, &count, sizeof count);
    (void)got;
  }
}

enum frank_err frank_cl_wait(const struct frank_cl *cl, cl_event event, uint64_t expected_us,
                             cl_int *status)
{
  if (wake_fd < 0) {
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  if (wake_fd >= 0) {
    /* Where it is refused, the looks below are all there is. */
    cl_int refused = cl->SetEventCallback(event, CL_COMPLETE, on_complete, NULL);
    (void)refused;
  }
  uint64_t pause_us = expected_us + LOOK_FIRST_US;
  uint64_t next_us = LOOK_FIRST_US;
  for (;;) {
    cl_int now = CL_QUEUED;
    cl_int error =
        cl->GetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof now, &now, NULL);
    *status = error != CL_SUCCESS ? error : now;
    if (*status < 0) {
      return FRANK_ERR_DEVICE;
    }
    if (now == CL_COMPLETE) {
      return FRANK_OK;
    }
    sleep_for(pause_us);
    pause_us = next_us;
    next_us = next_us * 2 < LOOK_LAST_US ? next_us * 2 : LOOK_LAST_US;
  }
}
