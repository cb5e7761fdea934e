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

#define LOOK_MIN_US  100U /* pauses between looks at an event that nobody may call back for */
#define LOOK_MAX_US  2000U
#define LOOK_LAST_US 20000U /* when it is long overdue, or sure to call back */

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

/* True since a callback came, until one did not. */
static bool calls_back;

/* Sleeps until something called back, `pause_us` at most. True when it did. */
static bool sleep_for(uint64_t pause_us)
{
  struct pollfd watch = {.fd = wake_fd, .events = POLLIN};
  const struct timespec pause = {.tv_sec = (time_t)(pause_us / FRANK_US_PER_S),
                                 .tv_nsec = (long)(pause_us % FRANK_US_PER_S * 1000)};
  if (ppoll(&watch, 1, &pause, NULL) <= 0) {
    return false;
  }
  uint64_t count = 0;
  ssize_t got = read(wake_fd, &count, sizeof count);
  return got == (ssize_t)sizeof count;
}

/* How long to sleep before the n-th look. Where callbacks come, looks are for the case that one is
 * lost. Where they do not, the first comes well before the event is due, so that one that took less
 * time than expected shows as such; the others follow closely, and less so when it is overdue. */
static uint64_t pause_before(unsigned n, uint64_t expected_us)
{
  if (calls_back) {
    return n == 0 ? expected_us + LOOK_LAST_US : LOOK_LAST_US;
  }
  if (n == 0) {
    return expected_us / 2;
  }
  uint64_t close_us = expected_us / 16;
  close_us = close_us < LOOK_MIN_US ? LOOK_MIN_US : close_us;
  close_us = close_us > LOOK_MAX_US ? LOOK_MAX_US : close_us;
  return n < 64 ? close_us : LOOK_LAST_US;
}

/* FRANK_ERR_AGAIN: it is not complete yet. */
static enum frank_err look(const struct frank_cl *cl, cl_event event, cl_int *status)
{
  cl_int now = CL_QUEUED;
  cl_int error = cl->GetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof now, &now, NULL);
  *status = error != CL_SUCCESS ? error : now;
  if (*status < 0) {
    return FRANK_ERR_DEVICE;
  }
  return now == CL_COMPLETE ? FRANK_OK : FRANK_ERR_AGAIN;
}

/* Where it is refused, looking is all there is. */
static void ask_for_callback(const struct frank_cl *cl, cl_event event)
{
  if (wake_fd < 0) {
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  if (wake_fd >= 0) {
    cl_int refused = cl->SetEventCallback(event, CL_COMPLETE, on_complete, NULL);
    (void)refused;
  }
}

enum frank_err frank_cl_wait(const struct frank_cl *cl, cl_event event, uint64_t expected_us,
                             cl_int *status)
{
  enum frank_err err = look(cl, event, status);
  if (err != FRANK_ERR_AGAIN) {
    return err;
  }
  ask_for_callback(cl, event);
  bool called = false;
  unsigned slept = 0;
  for (err = look(cl, event, status); err == FRANK_ERR_AGAIN; err = look(cl, event, status)) {
    called = sleep_for(pause_before(slept, expected_us)) || called;
    slept++;
  }
  if (slept > 0) {
    calls_back = called;
  }
  return err;
}
