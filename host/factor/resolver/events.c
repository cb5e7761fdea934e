#include "factor/resolver/events.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/time.h>
/* needs struct timeval */
#include <unbound-event.h>

typedef void event_fn(int fd, short bits, void *arg); /* libunbound's */

struct event {
  struct ub_event head; /* first: libunbound holds a pointer to it */
  struct frank_events *events;
  struct event *prev;
  struct event *next;
  int fd; /* -1: a timer alone */
  short bits;
  event_fn *fn;
  void *arg;
  struct frank_loop_watch *watch; /* while it is active and has a descriptor */
  uint64_t timeout_us;            /* of the last add; FRANK_NEVER_US: none */
  uint64_t due_us;                /* FRANK_NEVER_US: no timer runs */
};

struct frank_events {
  struct ub_event_base head; /* first, likewise */
  struct frank_loop *loop;
  struct event *first;
  size_t count;
};

static struct event *event_of(struct ub_event *event)
{
  return (struct event *)event;
}

static void stop(struct event *event)
{
  frank_loop_remove(&event->watch);
  event->due_us = FRANK_NEVER_US;
}

/* An event that persists goes on waiting, its time limit anew; another one is over before its
 * callback, which may free it. */
static void fire(struct event *event, short bits)
{
  if ((event->bits & UB_EV_PERSIST) == 0) {
    stop(event);
  } else if (event->timeout_us != FRANK_NEVER_US) {
    event->due_us = frank_clock_now_us() + event->timeout_us;
  }
  event->fn(event->fd, bits, event->arg);
}

static void on_descriptor(void *arg, uint32_t events)
{
  struct event *event = arg;
  short bits = 0;
  /* The loop tells an error as READ; who waits for WRITE alone has to hear of it, too. */
  if ((events & FRANK_LOOP_READ) != 0) {
    bits = (short)(bits | (event->bits & UB_EV_READ ? UB_EV_READ : UB_EV_WRITE));
  }
  if ((events & FRANK_LOOP_WRITE) != 0) {
    bits = (short)(bits | UB_EV_WRITE);
  }
  fire(event, (short)(bits & event->bits));
}

static uint64_t microseconds(const struct timeval *time)
{
  return (uint64_t)time->tv_sec * FRANK_US_PER_S + (uint64_t)time->tv_usec;
}

/* ---- what libunbound calls ---- */

static void add_bits(struct ub_event *head, short bits)
{
  struct event *event = event_of(head);
  event->bits = (short)(event->bits | bits);
}

static void del_bits(struct ub_event *head, short bits)
{
  struct event *event = event_of(head);
  event->bits = (short)(event->bits & ~bits);
}

static void set_fd(struct ub_event *head, int fd)
{
  event_of(head)->fd = fd;
}

static void free_event(struct ub_event *head)
{
  struct event *event = event_of(head);
  stop(event);
  if (event->prev != NULL) {
    event->prev->next = event->next;
  } else {
    event->events->first = event->next;
  }
  if (event->next != NULL) {
    event->next->prev = event->prev;
  }
  event->events->count--;
  free(event);
}

static int add(struct ub_event *head, struct timeval *time)
{
  struct event *event = event_of(head);
  stop(event);
  event->timeout_us = time != NULL ? microseconds(time) : FRANK_NEVER_US;
  if (time != NULL) {
    event->due_us = frank_clock_now_us() + event->timeout_us;
  }
  uint32_t wants = (event->bits & UB_EV_READ ? FRANK_LOOP_READ : 0U) |
                   (event->bits & UB_EV_WRITE ? FRANK_LOOP_WRITE : 0U);
  if (event->fd < 0 || wants == 0) {
    return 0;
  }
  enum frank_err err =
      frank_loop_add(event->events->loop, event->fd, wants, on_descriptor, event, &event->watch);
  if (err != FRANK_OK) {
    stop(event);
    return -1;
  }
  return 0;
}

static int del(struct ub_event *head)
{
  stop(event_of(head));
  return 0;
}

static int add_timer(struct ub_event *head, struct ub_event_base *base, event_fn *fn, void *arg,
                     struct timeval *time)
{
  struct event *event = event_of(head);
  (void)base; /* the one that it was made of */
  event->fn = fn;
  event->arg = arg;
  return add(head, time);
}

/* Signals and Windows: never called by libunbound on Linux, but the tables must be full. */
static int no_signal(struct ub_event *head, struct timeval *time)
{
  (void)head;
  (void)time;
  return -1;
}

static int no_signal_end(struct ub_event *head)
{
  (void)head;
  return -1;
}

static void no_wsaevent_end(struct ub_event *head)
{
  (void)head;
}

static void no_wouldblock(struct ub_event *head, int bits)
{
  (void)head;
  (void)bits;
}

static struct ub_event_vmt event_table = {
    .add_bits = add_bits,
    .del_bits = del_bits,
    .set_fd = set_fd,
    .free = free_event,
    .add = add,
    .del = del,
    .add_timer = add_timer,
    .del_timer = del,
    .add_signal = no_signal,
    .del_signal = no_signal_end,
    .winsock_unregister_wsaevent = no_wsaevent_end,
    .winsock_tcp_wouldblock = no_wouldblock,
};

static struct ub_event *new_event(struct ub_event_base *base, int fd, short bits, event_fn *fn,
                                  void *arg)
{
  struct frank_events *events = (struct frank_events *)base;
  struct event *event = calloc(1, sizeof *event);
  if (event == NULL) {
    return NULL;
  }
  *event = (struct event){.head = {.magic = UB_EVENT_MAGIC, .vmt = &event_table},
                          .events = events,
                          .next = events->first,
                          .fd = fd,
                          .bits = bits,
                          .fn = fn,
                          .arg = arg,
                          .timeout_us = FRANK_NEVER_US,
                          .due_us = FRANK_NEVER_US};
  if (events->first != NULL) {
    events->first->prev = event;
  }
  events->first = event;
  events->count++;
  return &event->head;
}

static void no_free(struct ub_event_base *base)
{
  (void)base;
}

static int no_dispatch(struct ub_event_base *base)
{
  (void)base;
  return -1;
}

static int no_loopexit(struct ub_event_base *base, struct timeval *time)
{
  (void)base;
  (void)time;
  return 0;
}

static struct ub_event *no_new_signal(struct ub_event_base *base, int fd, event_fn *fn, void *arg)
{
  (void)base;
  (void)fd;
  (void)fn;
  (void)arg;
  return NULL;
}

static struct ub_event *no_wsaevent(struct ub_event_base *base, void *wsaevent, event_fn *fn,
                                    void *arg)
{
  (void)base;
  (void)wsaevent;
  (void)fn;
  (void)arg;
  return NULL;
}

static struct ub_event_base_vmt base_table = {
    .free = no_free,
    .dispatch = no_dispatch,
    .loopexit = no_loopexit,
    .new_event = new_event,
    .new_signal = no_new_signal,
    .winsock_register_wsaevent = no_wsaevent,
};

/* ---- what our side calls ---- */

enum frank_err frank_events_new(struct frank_loop *loop, struct frank_events **out)
{
  struct frank_events *events = calloc(1, sizeof *events);
  if (events == NULL) {
    return FRANK_ERR_NOMEM;
  }
  events->head = (struct ub_event_base){.magic = UB_EVENT_MAGIC, .vmt = &base_table};
  events->loop = loop;
  *out = events;
  return FRANK_OK;
}

void frank_events_destroy(struct frank_events **events)
{
  if (*events == NULL) {
    return;
  }
  struct event *next = NULL;
  for (struct event *event = (*events)->first; event != NULL; event = next) {
    next = event->next;
    stop(event);
    free(event);
  }
  free(*events);
  *events = NULL;
}

struct ub_event_base *frank_events_base(struct frank_events *events)
{
  return &events->head;
}

static struct event *earliest(const struct frank_events *events)
{
  struct event *found = NULL;
  for (struct event *event = events->first; event != NULL; event = event->next) {
    if (event->due_us != FRANK_NEVER_US && (found == NULL || event->due_us < found->due_us)) {
      found = event;
    }
  }
  return found;
}

uint64_t frank_events_wake_us(const struct frank_events *events)
{
  const struct event *event = earliest(events);
  return event != NULL ? event->due_us : FRANK_NEVER_US;
}

void frank_events_run(struct frank_events *events, uint64_t now_us)
{
  /* A callback may add, stop and free any event: look anew each time. As many as there were at the
   * start, so that a timer of 0 that adds itself again cannot hold the loop. */
  for (size_t left = events->count; left > 0; left--) {
    struct event *event = earliest(events);
    if (event == NULL || event->due_us > now_us) {
      return;
    }
    event->due_us = FRANK_NEVER_US;
    fire(event, UB_EV_TIMEOUT);
  }
}
