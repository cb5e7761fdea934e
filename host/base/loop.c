#include "base/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64

struct frank_loop_watch {
  struct frank_loop *loop;
  struct frank_loop_watch *next_dead;
  int fd;
  bool dead;
  frank_loop_fn *fn;
  void *arg;
};

struct frank_loop {
  int epoll_fd;
  int timer_fd;
  int signal_fd;
  uint64_t armed_us; /* what the timer is set to */
  frank_loop_signal_fn *signal_fn;
  void *signal_arg;
  struct frank_loop_watch *timer_watch;
  struct frank_loop_watch *signal_watch;
  /* Watches removed in the turn at hand: events already fetched may still point to them. */
  struct frank_loop_watch *dead;
};

static void on_timer(void *arg, uint32_t events)
{
  (void)events;
  struct frank_loop *loop = arg;
  uint64_t expirations;
  ssize_t ignored = read(loop->timer_fd, &expirations, sizeof expirations);
  (void)ignored;
  loop->armed_us = FRANK_NEVER_US;
}

static void on_signal(void *arg, uint32_t events)
{
  (void)events;
  struct frank_loop *loop = arg;
  struct signalfd_siginfo info;
  while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    loop->signal_fn(loop->signal_arg, (int)info.ssi_signo);
  }
}

enum frank_err frank_loop_new(struct frank_loop **out)
{
  struct frank_loop *loop = calloc(1, sizeof *loop);
  if (!loop) {
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = FRANK_ERR_IO;
  loop->signal_fd = -1;
  loop->armed_us = FRANK_NEVER_US;
  loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (loop->epoll_fd >= 0 && loop->timer_fd >= 0) {
    err = frank_loop_add(loop, loop->timer_fd, FRANK_LOOP_READ, on_timer, loop, &loop->timer_watch);
  }
  if (err != FRANK_OK) {
    frank_loop_destroy(&loop);
    return err;
  }
  *out = loop;
  return FRANK_OK;
}

static void free_dead(struct frank_loop *loop)
{
  while (loop->dead) {
    struct frank_loop_watch *next = loop->dead->next_dead;
    free(loop->dead);
    loop->dead = next;
  }
}

void frank_loop_destroy(struct frank_loop **loop)
{
  struct frank_loop *l = *loop;
  if (!l) {
    return;
  }
  frank_loop_remove(&l->timer_watch);
  frank_loop_remove(&l->signal_watch);
  free_dead(l);
  int fds[] = {l->signal_fd, l->timer_fd, l->epoll_fd};
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
    if (fds[i] >= 0) {
      close(fds[i]);
    }
  }
  free(l);
  *loop = NULL;
}

static struct epoll_event event_for(struct frank_loop_watch *watch, uint32_t events)
{
  uint32_t bits = 0;
  bits |= (events & FRANK_LOOP_READ) != 0 ? (uint32_t)EPOLLIN : 0;
  bits |= (events & FRANK_LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0;
  return (struct epoll_event){.events = bits, .data.ptr = watch};
}

enum frank_err frank_loop_add(struct frank_loop *loop, int fd, uint32_t events, frank_loop_fn *fn,
                              void *arg, struct frank_loop_watch **out)
{
  struct frank_loop_watch *watch = calloc(1, sizeof *watch);
  if (!watch) {
    return FRANK_ERR_NOMEM;
  }
  *watch = (struct frank_loop_watch){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
  struct epoll_event event = event_for(watch, events);
  if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    free(watch);
    return FRANK_ERR_IO;
  }
  *out = watch;
  return FRANK_OK;
}

enum frank_err frank_loop_change(struct frank_loop_watch *watch, uint32_t events)
{
  struct epoll_event event = event_for(watch, events);
  return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0 ? FRANK_OK
                                                                                 : FRANK_ERR_IO;
}

void frank_loop_remove(struct frank_loop_watch **watch)
{
  struct frank_loop_watch *w = *watch;
  if (!w) {
    return;
  }
  (void)epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
  w->dead = true;
  w->next_dead = w->loop->dead;
  w->loop->dead = w;
  *watch = NULL;
}

enum frank_err frank_loop_signals(struct frank_loop *loop, const int *signals,
                                  frank_loop_signal_fn *fn, void *arg)
{
  sigset_t set;
  sigemptyset(&set);
  for (; *signals != 0; signals++) {
    sigaddset(&set, *signals);
  }
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
    return FRANK_ERR_IO;
  }
  loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (loop->signal_fd < 0) {
    return FRANK_ERR_IO;
  }
  loop->signal_fn = fn;
  loop->signal_arg = arg;
  return frank_loop_add(loop, loop->signal_fd, FRANK_LOOP_READ, on_signal, loop,
                        &loop->signal_watch);
}

/* Sets the timer only when the moment changed: most turns keep it. */
static void arm(struct frank_loop *loop, uint64_t wake_at_us)
{
  if (wake_at_us == loop->armed_us) {
    return;
  }
  loop->armed_us = wake_at_us;
  struct itimerspec spec = {0};
  if (wake_at_us != FRANK_NEVER_US) {
    /* The clock of base/clock.h adds one microsecond; 0 would disarm. */
    uint64_t at_us = wake_at_us > 1 ? wake_at_us - 1 : 1;
    spec.it_value.tv_sec = (time_t)(at_us / FRANK_US_PER_S);
    spec.it_value.tv_nsec = (long)(at_us % FRANK_US_PER_S) * 1000;
  }
  (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

enum frank_err frank_loop_run_once(struct frank_loop *loop, uint64_t wake_at_us)
{
  arm(loop, wake_at_us);
  struct epoll_event events[EVENTS_PER_TURN];
  int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, -1);
  if (count < 0) {
    return errno == EINTR ? FRANK_OK : FRANK_ERR_IO;
  }
  for (int i = 0; i < count; i++) {
    struct frank_loop_watch *watch = events[i].data.ptr;
    if (watch->dead) {
      continue;
    }
    uint32_t told = 0;
    told |=
        (events[i].events & (uint32_t)(EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 ? FRANK_LOOP_READ : 0;
    told |= (events[i].events & (uint32_t)EPOLLOUT) != 0 ? FRANK_LOOP_WRITE : 0;
    watch->fn(watch->arg, told);
  }
  free_dead(loop);
  return FRANK_OK;
}
