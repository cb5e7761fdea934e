#include "base/minder.h"

#include "base/chan.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SILENT_PINGS   10 /* a second apart */
#define PAUSE_FIRST_US (100 * FRANK_US_PER_MS)
#define PAUSE_MOST_US  (10 * FRANK_US_PER_S)

struct frank_minder {
  struct frank_loop *loop;
  const char *name;
  struct frank_minder_calls calls;
  char path[PATH_MAX];
  char *argv[FRANK_MINDER_ARGS_MAX + 2];
  pid_t pid; /* 0: none runs */
  struct frank_chan *chan;
  struct frank_loop_watch *watch;
  struct frank_child_graves graves;
  uint64_t start_us; /* when to start it; FRANK_NEVER_US: parted, or at rest */
  uint64_t ping_us;
  uint32_t unheard; /* pings since it was heard: a parent that stood still sent none */
  uint64_t pause_us;
  bool ready;      /* the one that runs serves */
  bool ever_ready; /* one did */
};

static void free_args(struct frank_minder *minder)
{
  for (size_t i = 1; i < FRANK_MINDER_ARGS_MAX + 2; i++) {
    free(minder->argv[i]);
    minder->argv[i] = NULL;
  }
}

enum frank_err frank_minder_new(struct frank_loop *loop, const char *name,
                                const struct frank_minder_calls *calls, struct frank_minder **out,
                                char *why)
{
  struct frank_minder *minder = calloc(1, sizeof *minder);
  *out = NULL;
  why[0] = '\0';
  if (minder == NULL) {
    (void)snprintf(why, FRANK_MINDER_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = frank_child_find(name, minder->path, sizeof minder->path);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_MINDER_WHY_BYTES, "no program %s", name);
    free(minder);
    return err;
  }
  minder->loop = loop;
  minder->name = name;
  minder->calls = *calls;
  minder->argv[0] = minder->path;
  minder->pause_us = PAUSE_FIRST_US;
  *out = minder;
  return FRANK_OK;
}

static void end(struct frank_minder *minder)
{
  bool ran = minder->pid != 0;
  frank_loop_remove(&minder->watch);
  frank_chan_destroy(&minder->chan);
  frank_child_end(&minder->graves, &minder->pid);
  minder->ready = false;
  if (ran && minder->calls.lost != NULL) {
    minder->calls.lost(minder->calls.arg);
  }
}

void frank_minder_destroy(struct frank_minder **minder)
{
  if (*minder == NULL) {
    return;
  }
  end(*minder);
  frank_child_reap(&(*minder)->graves);
  free_args(*minder);
  free(*minder);
  *minder = NULL;
}

enum frank_err frank_minder_set_args(struct frank_minder *minder, const char *const *args)
{
  char *fresh[FRANK_MINDER_ARGS_MAX + 2] = {minder->path};
  size_t count = 1;
  for (; args[count - 1] != NULL; count++) {
    assert(count <= FRANK_MINDER_ARGS_MAX);
    fresh[count] = strdup(args[count - 1]);
    if (fresh[count] == NULL) {
      while (count > 1) {
        free(fresh[--count]);
      }
      return FRANK_ERR_NOMEM;
    }
  }
  free_args(minder);
  memcpy(minder->argv, fresh, sizeof fresh);
  return FRANK_OK;
}

/* It has died, or says nothing: another one, later each time. */
static void lose(struct frank_minder *minder, const char *why)
{
  end(minder);
  if (minder->start_us == FRANK_NEVER_US) {
    return;
  }
  frank_log(FRANK_LOG_ERROR, "event=child-lost child=%s why=\"%s\" again_ms=%" PRIu64, minder->name,
            why, minder->pause_us / FRANK_US_PER_MS);
  minder->start_us = frank_clock_now_us() + minder->pause_us;
  minder->pause_us = minder->pause_us * 2 < PAUSE_MOST_US ? minder->pause_us * 2 : PAUSE_MOST_US;
}

void frank_minder_restart(struct frank_minder *minder)
{
  end(minder);
  minder->start_us = 0;
}

void frank_minder_rest(struct frank_minder *minder)
{
  end(minder);
  minder->start_us = FRANK_NEVER_US;
}

static enum frank_err take_ready(struct frank_minder *minder, const struct frank_record *record)
{
  struct frank_record_ready ready;
  if (record->len_bytes != sizeof ready) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&ready, record->payload, sizeof ready);
  if (!frank_record_is_text(ready.endpoint, sizeof ready.endpoint)) {
    return FRANK_ERR_MALFORMED;
  }
  bool back = minder->ever_ready;
  minder->ready = true;
  minder->ever_ready = true;
  minder->pause_us = PAUSE_FIRST_US;
  minder->calls.ready(minder->calls.arg, &ready, back);
  return FRANK_OK;
}

static enum frank_err take_failed(struct frank_minder *minder, const struct frank_record *record)
{
  struct frank_record_failed failed;
  if (record->len_bytes != sizeof failed) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&failed, record->payload, sizeof failed);
  failed.why[sizeof failed.why - 1] = '\0';
  frank_log(FRANK_LOG_ERROR, "event=child-failed child=%s why=\"%s\"", minder->name, failed.why);
  if (!minder->ever_ready) {
    minder->calls.failed(minder->calls.arg, &failed);
  }
  return FRANK_OK;
}

static enum frank_err take_record(struct frank_minder *minder, const struct frank_record *record)
{
  minder->unheard = 0;
  switch (record->type) {
  case FRANK_RECORD_READY:
    return take_ready(minder, record);
  case FRANK_RECORD_PONG:
    return FRANK_OK;
  case FRANK_RECORD_FAILED:
    return take_failed(minder, record);
  default:
    return record->type >= FRANK_RECORD_OWN && minder->calls.record != NULL
               ? minder->calls.record(minder->calls.arg, record->type, record->payload,
                                      record->len_bytes)
               : FRANK_ERR_MALFORMED;
  }
}

static void on_chan(void *arg, uint32_t events)
{
  struct frank_minder *minder = arg;
  struct frank_record record;
  enum frank_err err = FRANK_OK;
  (void)events;
  while (err == FRANK_OK && minder->chan != NULL &&
         (err = frank_chan_read(minder->chan, &record)) == FRANK_OK) {
    err = take_record(minder, &record);
  }
  if (minder->chan == NULL || err == FRANK_ERR_AGAIN) {
    return;
  }
  lose(minder, err == FRANK_ERR_CLOSED ? "it ended" : frank_err_text(err));
}

static enum frank_err start(struct frank_minder *minder, uint64_t now_us)
{
  minder->unheard = 0;
  minder->ping_us = now_us + FRANK_US_PER_S;
  enum frank_err err = frank_child_spawn(minder->path, minder->argv, &minder->pid, &minder->chan);
  return err == FRANK_OK ? frank_loop_add(minder->loop, frank_chan_fd(minder->chan),
                                          FRANK_LOOP_READ, on_chan, minder, &minder->watch)
                         : err;
}

void frank_minder_say(struct frank_minder *minder, uint16_t type, const void *payload,
                      size_t len_bytes)
{
  if (minder->chan == NULL) {
    return;
  }
  enum frank_err err = frank_chan_put(minder->chan, type, payload, len_bytes, NULL, 0);
  if (err == FRANK_OK) {
    err = frank_chan_flush(minder->chan);
  }
  /* a closed channel comes as an event, after what was said last */
  if (err != FRANK_OK && err != FRANK_ERR_AGAIN && err != FRANK_ERR_CLOSED) {
    lose(minder, frank_err_text(err));
  }
}

void frank_minder_tick(struct frank_minder *minder, uint64_t now_us)
{
  frank_child_reap(&minder->graves);
  if (minder->pid == 0) {
    if (now_us >= minder->start_us && start(minder, now_us) != FRANK_OK) {
      lose(minder, "it cannot be started");
    }
    return;
  }
  if (minder->chan == NULL || now_us < minder->ping_us) {
    return;
  }
  if (minder->unheard >= SILENT_PINGS) {
    lose(minder, "it says nothing");
    return;
  }
  const struct frank_record_tag ping = {.tag = now_us};
  minder->ping_us = now_us + FRANK_US_PER_S;
  minder->unheard++;
  frank_minder_say(minder, FRANK_RECORD_PING, &ping, sizeof ping);
}

uint64_t frank_minder_next_due_us(const struct frank_minder *minder)
{
  return minder->pid == 0 ? minder->start_us : minder->ping_us;
}

bool frank_minder_is_ready(const struct frank_minder *minder)
{
  return minder->ready;
}

void frank_minder_part(struct frank_minder *minder)
{
  minder->start_us = FRANK_NEVER_US;
  frank_loop_remove(&minder->watch);
  frank_chan_destroy(&minder->chan);
  minder->ready = false;
}

bool frank_minder_has_ended(struct frank_minder *minder)
{
  if (minder->pid > 0 && waitpid(minder->pid, NULL, WNOHANG) != 0) {
    minder->pid = 0;
  }
  return minder->pid == 0;
}
