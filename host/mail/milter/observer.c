#include "mail/milter/observer.h"

#include "base/log.h"
#include "factor/observations.h"
#include "mail/milter/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 512

struct frank_observer {
  struct frank_observations *store;
  struct frank_milter_counters *counters;
  int fd; /* reading end */
  struct frank_observation batch[BATCH];
};

/* The reading end becomes close-on-exec, the writing one moves away from a child's channel. */
static enum frank_err open_pipe(struct frank_observer *observer, int *fd)
{
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    return FRANK_ERR_IO;
  }
  *fd = fcntl(ends[1], F_DUPFD, 10);
  (void)close(ends[1]);
  observer->fd = ends[0];
  if (*fd < 0) {
    (void)close(ends[0]);
    observer->fd = -1;
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

enum frank_err frank_observer_new(const char *dir, struct frank_milter_counters *counters,
                                  struct frank_observer **out, int *fd, char *why)
{
  char path[300];
  struct frank_observer *observer = calloc(1, sizeof *observer);
  *out = NULL;
  *fd = -1;
  if (observer == NULL) {
    (void)snprintf(why, FRANK_OBSERVER_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  observer->counters = counters;
  observer->fd = -1;
  (void)snprintf(path, sizeof path, "%.255s/%s", dir, FRANK_OBSERVATIONS_FILE);
  enum frank_err err = frank_observations_open(path, true, &observer->store, why);
  if (err == FRANK_OK) {
    err = open_pipe(observer, fd);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_OBSERVER_WHY_BYTES, "no pipe: %s", strerror(errno));
    }
  }
  if (err != FRANK_OK) {
    frank_observer_destroy(&observer);
    return err;
  }
  *out = observer;
  return FRANK_OK;
}

void frank_observer_destroy(struct frank_observer **observer)
{
  if (*observer == NULL) {
    return;
  }
  frank_observations_close(&(*observer)->store);
  if ((*observer)->fd >= 0) {
    (void)close((*observer)->fd);
  }
  free(*observer);
  *observer = NULL;
}

/* The filter parses what strangers send: its words are checked. */
static bool is_sound(const struct frank_filter_observation *seen, int64_t now_s)
{
  return isfinite(seen->bits) && seen->bits >= 0 && seen->bits <= 256 && seen->is_spam <= 1 &&
         seen->at_s > now_s - 86400 && seen->at_s <= now_s + FRANK_OBSERVATIONS_FUTURE_S;
}

void frank_observer_tick(struct frank_observer *observer, int64_t now_s)
{
  struct frank_filter_observation seen[BATCH];
  char why[FRANK_OBSERVATIONS_WHY_BYTES];
  size_t count = 0;
  /* writers write whole structs, and BATCH of them fit a pipe: what is read is whole, too */
  ssize_t got = read(observer->fd, seen, sizeof seen);
  for (size_t i = 0; got > 0 && i < (size_t)got / sizeof seen[0]; i++) {
    if (is_sound(&seen[i], now_s)) {
      observer->batch[count++] = (struct frank_observation){
          .bits = seen[i].bits, .is_spam = seen[i].is_spam != 0, .count = 1, .at_s = seen[i].at_s};
    }
  }
  if (count == 0) {
    return;
  }
  enum frank_err err = frank_observations_add(observer->store, FRANK_REPORTER_LOCAL, NULL,
                                              observer->batch, count, now_s, why);
  if (err != FRANK_OK) {
    frank_milter_count(observer->counters, FRANK_COUNT_OBSERVED_LOST, count);
    frank_log(FRANK_LOG_ERROR, "event=observations-lost count=%zu why=\"%s\"", count, why);
  }
}
