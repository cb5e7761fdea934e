/*
 * siblings: two children, bound to one thread each, search in turn and together by a timetable that
 * both know before they start; each tells what it did in one write.
 */
#include "engine/cpu/siblings.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The timetable: LEAD, then in each round a burst of the first child alone and one of both. A burst
 * is shorter than what a scheduler gives a process before it lets another have the CPU (some 3 ms),
 * so that many are undisturbed on a busy machine as well. */
#define BURSTS   32U /* 16 rounds; even: the first child alone; odd: both */
#define LEAD_US  UINT64_C(8000)
#define BURST_US UINT64_C(2000)
#define GAP_US   UINT64_C(1000)
#define SPIN_US  UINT64_C(150)   /* awake before a burst, so that both begin at once */
#define PIECE_US UINT64_C(25)    /* at most, for one call of the scan: both end within this */
#define LATE_US  UINT64_C(100)   /* who begins this late sits the burst out */
#define SLACK_US UINT64_C(40000) /* for a busy machine, after the last burst */
#define TOTAL_US (LEAD_US + BURSTS * (BURST_US + GAP_US) + SLACK_US)

/* A burst counts where the child had the thread to itself: this share of the time, in percent. */
#define UNDISTURBED_PERCENT 90

enum { STATUS_NOT_BOUND = 3 };

struct burst {
  uint64_t attempts;
  uint64_t wall_us; /* 0: sat out */
  uint64_t cpu_us;
};

/* What a child tells. Below PIPE_BUF, so it is read whole or not at all. */
struct told {
  struct burst bursts[BURSTS];
};

_Static_assert(sizeof(struct told) <= PIPE_BUF, "written in one piece");

struct child {
  pid_t pid; /* 0: none */
  int fd;    /* the reading end of its pipe, -1: closed */
};

/* ---- in a child ---- */

/* From here to _exit only calls that are safe after a fork, whatever threads a library of the
 * parent's may have: nothing allocates. */

static void sleep_until(uint64_t at_us)
{
  const struct timespec at = {.tv_sec = (time_t)(at_us / FRANK_US_PER_S),
                              .tv_nsec = (long)(at_us % FRANK_US_PER_S) * 1000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
  }
}

/* Two blocks of no meaning: the time that a search takes does not depend on what it hashes. */
static void make_slice(uint32_t kw[64], struct frank_slice *slice)
{
  memset(slice, 0, sizeof *slice);
  memset(kw, 0x5a, 64 * sizeof *kw);
  memset(slice->init, 0xa5, sizeof slice->init);
  memset(slice->block, 0x61, sizeof slice->block);
  slice->kw = kw;
  slice->blocks = 2;
  slice->counter_word = 6;
  slice->count = 64;
}

static uint64_t scan_once(frank_cpu_scan_fn *scan, const struct frank_slice *slice)
{
  struct frank_scan result = {0};
  scan(slice, &result);
  return result.attempts;
}

/* Makes the slice as large as a piece should be. */
static void calibrate(frank_cpu_scan_fn *scan, struct frank_slice *slice)
{
  for (;;) {
    (void)scan_once(scan, slice); /* the first of its kind fills caches */
    uint64_t start_us = frank_clock_now_us();
    (void)scan_once(scan, slice);
    /* Above a third: twice that is still no more than a piece should be. */
    if (frank_clock_now_us() - start_us > PIECE_US / 3 || slice->count >= UINT64_C(1) << 31) {
      return;
    }
    slice->count *= 2;
  }
}

static struct burst run_burst(frank_cpu_scan_fn *scan, const struct frank_slice *slice,
                              uint64_t at_us)
{
  struct burst burst = {0};
  uint64_t now_us = frank_clock_now_us();
  while (now_us < at_us) {
    now_us = frank_clock_now_us();
  }
  if (now_us > at_us + LATE_US) {
    return burst;
  }
  uint64_t start_us = now_us;
  uint64_t start_cpu_us = frank_clock_cpu_us();
  do {
    burst.attempts += scan_once(scan, slice);
    now_us = frank_clock_now_us();
  } while (now_us < at_us + BURST_US);
  burst.cpu_us = frank_clock_cpu_us() - start_cpu_us;
  burst.wall_us = now_us - start_us;
  return burst;
}

static _Noreturn void search_and_tell(size_t which, const cpu_set_t *cpu, size_t cpu_bytes,
                                      frank_cpu_scan_fn *scan, uint64_t start_us, int fd)
{
  struct told told = {0};
  uint32_t kw[64];
  struct frank_slice slice;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (sched_setaffinity(0, cpu_bytes, cpu) != 0) {
    _exit(STATUS_NOT_BOUND);
  }
  make_slice(kw, &slice);
  calibrate(scan, &slice);
  for (size_t i = which; i < BURSTS; i += 1 + which) {
    uint64_t at_us = start_us + LEAD_US + i * (BURST_US + GAP_US);
    sleep_until(at_us - SPIN_US);
    told.bursts[i] = run_burst(scan, &slice, at_us);
  }
  _exit(write(fd, &told, sizeof told) == (ssize_t)sizeof told ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- in the parent ---- */

static enum frank_err start(size_t which, unsigned cpu, frank_cpu_scan_fn *scan, uint64_t start_us,
                            struct child *child)
{
  int fds[2] = {-1, -1};
  size_t cpu_bytes = CPU_ALLOC_SIZE(cpu + 1);
  cpu_set_t *set = CPU_ALLOC(cpu + 1);
  if (set == NULL) {
    return FRANK_ERR_NOMEM;
  }
  CPU_ZERO_S(cpu_bytes, set);
  CPU_SET_S(cpu, cpu_bytes, set);
  enum frank_err err = FRANK_ERR_IO;
  if (pipe2(fds, O_CLOEXEC) == 0) {
    pid_t pid = fork();
    if (pid == 0) {
      search_and_tell(which, set, cpu_bytes, scan, start_us, fds[1]);
    }
    (void)close(fds[1]);
    child->fd = fds[0];
    if (pid > 0) {
      child->pid = pid;
      err = FRANK_OK;
    }
  }
  CPU_FREE(set);
  return err;
}

/* Waits for what the child tells, `until_us` at the latest. */
static enum frank_err listen_to(const struct child *child, uint64_t until_us, struct told *told)
{
  for (;;) {
    uint64_t now_us = frank_clock_now_us();
    struct pollfd watch = {.fd = child->fd, .events = POLLIN};
    int ready =
        now_us < until_us ? poll(&watch, 1, (int)((until_us - now_us) / FRANK_US_PER_MS) + 1) : 0;
    if (ready == 0) {
      return FRANK_ERR_TIMEOUT;
    }
    ssize_t got = ready > 0 ? read(child->fd, told, sizeof *told) : -1;
    if (got == (ssize_t)sizeof *told) {
      return FRANK_OK;
    }
    if (got >= 0) {
      return FRANK_ERR_DEVICE;
    }
    if (errno != EINTR) {
      return FRANK_ERR_IO;
    }
  }
}

/* Ends the child in any case; true when it had ended by itself because it could not be bound. */
static bool end(struct child *child)
{
  int status = 0;
  if (child->fd >= 0) {
    (void)close(child->fd);
    child->fd = -1;
  }
  if (child->pid <= 0) {
    return false;
  }
  (void)kill(child->pid, SIGKILL);
  /* It only computes, so a kill ends it at once: this wait needs no limit. */
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  child->pid = 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_BOUND;
}

/* Attempts per second in a burst, 0 where it was disturbed. */
static double rate_hps(const struct burst *burst)
{
  bool undisturbed =
      burst->wall_us > 0 && burst->cpu_us * 100 >= burst->wall_us * UNDISTURBED_PERCENT;
  return undisturbed ? (double)burst->attempts * 1e6 / (double)burst->wall_us : 0;
}

/* The best burst of each kind: what slows one down is other people's work. */
static struct frank_siblings_rates best_of(const struct told *first, const struct told *second)
{
  struct frank_siblings_rates best = {0};
  for (size_t i = 0; i < BURSTS; i++) {
    double one_hps = rate_hps(&first->bursts[i]);
    double other_hps = rate_hps(&second->bursts[i]);
    if (i % 2 == 0 && one_hps > best.alone_hps) {
      best.alone_hps = one_hps;
    } else if (i % 2 == 1 && one_hps > 0 && other_hps > 0 &&
               one_hps + other_hps > best.together_hps) {
      best.together_hps = one_hps + other_hps;
    }
  }
  return best;
}

enum frank_err frank_siblings_measure(const unsigned cpus[2], frank_cpu_scan_fn *scan,
                                      struct frank_siblings_rates *rates)
{
  struct child children[2] = {{.fd = -1}, {.fd = -1}};
  struct told told[2];
  uint64_t start_us = frank_clock_now_us();
  enum frank_err err = FRANK_OK;
  bool refused = false;
  *rates = (struct frank_siblings_rates){0};
  for (size_t i = 0; i < 2 && err == FRANK_OK; i++) {
    err = start(i, cpus[i], scan, start_us, &children[i]);
  }
  for (size_t i = 0; i < 2 && err == FRANK_OK; i++) {
    err = listen_to(&children[i], start_us + TOTAL_US, &told[i]);
  }
  for (size_t i = 0; i < 2; i++) {
    refused = end(&children[i]) || refused;
  }
  if (err != FRANK_OK) {
    return refused ? FRANK_ERR_DENIED : err;
  }
  *rates = best_of(&told[0], &told[1]);
  return rates->alone_hps > 0 && rates->together_hps > 0 ? FRANK_OK : FRANK_ERR_TIMEOUT;
}

/* ---- the decision ---- */

double frank_siblings_gain(const struct frank_siblings_rates *rates)
{
  return rates->alone_hps > 0 ? rates->together_hps / rates->alone_hps - 1 : -1;
}

bool frank_siblings_are_worth_it(const struct frank_siblings_rates *rates)
{
  return frank_siblings_gain(rates) > FRANK_SIBLINGS_GAIN_LEAST;
}
