#include "bench/crew.h"

#include "base/clock.h"
#include "bench/bench.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (60 * FRANK_US_PER_S)
#define TICK_MS     100

#define PACKET_BYTES (256 * 1024) /* a list of all devices, with room to spare */

_Static_assert(sizeof(struct frank_device_info) * FRANK_ENGINE_DEVICES_MAX < PACKET_BYTES / 2,
               "a list of all devices is one packet");

/* What a member says: this, and in the same packet what the work has to tell. */
struct head {
  int32_t err; /* enum frank_err */
  char why[BENCH_WHY_BYTES];
};

struct member {
  pid_t pid;
  int fd;
};

/* ---- in the process of one member ---- */

/* The engine knows which core its device is. That the system does not let us bind is no reason to
 * give up, there as here. */
static void bind_as_the_engine_does(const char *device)
{
  const struct frank_engine_options options = {.bind = true};
  const struct frank_engine *engine = frank_engine_for(device);
  struct frank_engine_ctx *ctx = NULL;
  char why[FRANK_ENGINE_WHY_BYTES];
  if (engine && engine->open(device, &options, &ctx, why) == FRANK_OK) {
    engine->close(&ctx); /* the binding stays */
  }
}

static bool say(int fd, const struct head *head, void *body, size_t body_bytes)
{
  struct iovec parts[] = {{(void *)head, sizeof *head}, {body, body_bytes}};
  const struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
  return sendmsg(fd, &packet, MSG_NOSIGNAL) == (ssize_t)(sizeof *head + body_bytes);
}

static enum frank_err get_ready(const struct bench_crew_work *work, size_t member, void *ready,
                                char *why)
{
  errno = 0;
  if (nice(BENCH_WORKER_NICE) == -1 && errno != 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "nice: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  if (!work->binds_itself) {
    bind_as_the_engine_does(work->devices[member].name);
  }
  return work->prepare ? work->prepare(work->arg, member, ready, why) : FRANK_OK;
}

static int serve(const struct bench_crew_work *work, size_t member, int fd)
{
  struct head head = {.err = FRANK_OK};
  void *ready = calloc(1, work->ready_bytes + 1);
  void *result = calloc(1, work->result_bytes + 1);
  char go = 0;
  head.err =
      (int32_t)(ready && result ? get_ready(work, member, ready, head.why) : FRANK_ERR_NOMEM);
  if (!say(fd, &head, ready, work->ready_bytes) || head.err != FRANK_OK ||
      recv(fd, &go, 1, 0) != 1) {
    return 1;
  }
  head.err = (int32_t)work->run(work->arg, member, work->seconds, result, head.why);
  return say(fd, &head, result, work->result_bytes) && head.err == FRANK_OK ? 0 : 1;
}

/* ---- in the parent ---- */

/* The process dies with the parent, and a Ctrl-C on the terminal is for the parent alone. */
static enum frank_err start(const struct bench_crew_work *work, size_t number,
                            struct member *member)
{
  static const int packet_bytes = PACKET_BYTES;
  int pair[2];
  pid_t parent = getpid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return FRANK_ERR_IO;
  }
  /* The system's own size is enough as a rule; where it is not, sending says so. */
  (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &packet_bytes, sizeof packet_bytes);
  pid_t pid = fork();
  if (pid == 0) {
    close(pair[0]);
    (void)setpgid(0, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
      _exit(1);
    }
    _exit(serve(work, number, pair[1]));
  }
  close(pair[1]);
  if (pid < 0) {
    close(pair[0]);
    return FRANK_ERR_IO;
  }
  member->pid = pid;
  member->fd = pair[0];
  return FRANK_OK;
}

static void end(struct member *member)
{
  if (member->pid > 0) {
    (void)kill(member->pid, SIGKILL);
    while (waitpid(member->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(member->fd);
    *member = (struct member){0};
  }
}

static enum frank_err hear(const struct member *member, struct head *head, void *body,
                           size_t body_bytes, uint64_t until_us)
{
  struct pollfd item = {.fd = member->fd, .events = POLLIN};
  struct iovec parts[] = {{head, sizeof *head}, {body, body_bytes}};
  struct msghdr packet = {.msg_iov = parts, .msg_iovlen = 2};
  while (poll(&item, 1, TICK_MS) <= 0) {
    if (bench_is_stopping()) {
      return FRANK_ERR_CLOSED;
    }
    if (frank_clock_now_us() >= until_us) {
      return FRANK_ERR_TIMEOUT;
    }
  }
  ssize_t got = recvmsg(member->fd, &packet, 0);
  head->why[sizeof head->why - 1] = '\0';
  return got == (ssize_t)(sizeof *head + body_bytes) && (packet.msg_flags & MSG_TRUNC) == 0
             ? FRANK_OK
             : FRANK_ERR_DEVICE;
}

static enum frank_err fail(const struct bench_crew_work *work, size_t number, enum frank_err err,
                           const char *what, char *why)
{
  if (err == FRANK_ERR_CLOSED) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
  } else {
    (void)snprintf(why, BENCH_WHY_BYTES, "%.31s on %.95s: %.360s", work->name,
                   work->devices[number].name, what);
  }
  return err;
}

/* One message of each member, their bodies one after another to `bodies`. */
static enum frank_err hear_all(const struct bench_crew_work *work, const struct member *crew,
                               uint64_t until_us, void *bodies, size_t body_bytes, char *why)
{
  for (size_t i = 0; i < work->members; i++) {
    struct head head;
    uint8_t *body = body_bytes > 0 ? (uint8_t *)bodies + i * body_bytes : NULL;
    enum frank_err err = hear(&crew[i], &head, body, body_bytes, until_us);
    if (err != FRANK_OK) {
      return fail(work, i, err,
                  err == FRANK_ERR_TIMEOUT ? "its process is too slow" : "its process died", why);
    }
    if (head.err != FRANK_OK) {
      err = (enum frank_err)head.err;
      return fail(work, i, err, head.why[0] != '\0' ? head.why : frank_err_text(err), why);
    }
  }
  return FRANK_OK;
}

static enum frank_err run_all(const struct bench_crew_work *work, struct member *crew,
                              void *readies, void *results, char *why)
{
  for (size_t i = 0; i < work->members; i++) {
    if (start(work, i, &crew[i]) != FRANK_OK) {
      return fail(work, i, FRANK_ERR_IO, strerror(errno), why);
    }
  }
  enum frank_err err =
      hear_all(work, crew, frank_clock_now_us() + PATIENCE_US, readies, work->ready_bytes, why);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < work->members; i++) {
    if (send(crew[i].fd, "g", 1, MSG_NOSIGNAL) != 1) {
      return fail(work, i, FRANK_ERR_DEVICE, "its process died", why);
    }
  }
  uint64_t until_us = frank_clock_now_us() + work->seconds * FRANK_US_PER_S + PATIENCE_US;
  return hear_all(work, crew, until_us, results, work->result_bytes, why);
}

enum frank_err bench_crew_run(const struct bench_crew_work *work, void *readies, void *results,
                              char *why)
{
  assert(work->members >= 1 && work->members <= FRANK_ENGINE_DEVICES_MAX);
  struct member *crew = calloc(work->members, sizeof *crew);
  if (!crew) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  (void)fflush(NULL); /* or a member would hold a copy of what is still to be written */
  enum frank_err err = run_all(work, crew, readies, results, why);
  for (size_t i = 0; i < work->members; i++) {
    end(&crew[i]);
  }
  free(crew);
  return err;
}
