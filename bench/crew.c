#include "bench/crew.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US (60 * FRANK_US_PER_S)
#define TICK_MS     100

struct message {
  int32_t err; /* enum frank_err */
  char why[BENCH_WHY_BYTES];
  _Alignas(max_align_t) uint8_t body[BENCH_CREW_MESSAGE_BYTES]; /* any struct can lie there */
};

struct member {
  pid_t pid;
  int fd;
};

enum frank_err bench_crew_size(size_t *members, char *why)
{
  const struct frank_engine *engine = frank_engine_for("cpu");
  char probe_why[FRANK_ENGINE_WHY_BYTES] = "";
  struct frank_device_info *list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *list);
  *members = 0;
  if (!list) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  size_t found = 0;
  enum frank_err err = engine ? engine->probe(list, FRANK_ENGINE_DEVICES_MAX, &found, probe_why)
                              : FRANK_ERR_NOT_FOUND;
  /* Those that are used only where they are named come last. */
  while (err == FRANK_OK && *members < found && list[*members].on_demand == 0) {
    (*members)++;
  }
  if (err == FRANK_OK && *members == 0) {
    err = FRANK_ERR_NOT_FOUND;
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no CPU device: %s",
                   probe_why[0] != '\0' ? probe_why : frank_err_text(err));
  }
  free(list);
  return err;
}

/* ---- in the process of one member ---- */

/* The engine knows which core its device is. That the system does not let us bind is no reason to
 * give up, there as here. */
static void bind_as_the_engine_does(size_t member)
{
  const struct frank_engine_options options = {.bind = true};
  const struct frank_engine *engine = frank_engine_for("cpu");
  struct frank_engine_ctx *ctx = NULL;
  char why[FRANK_ENGINE_WHY_BYTES];
  char name[32];
  (void)snprintf(name, sizeof name, "cpu:%zu", member);
  if (engine && engine->open(name, &options, &ctx, why) == FRANK_OK) {
    engine->close(&ctx); /* the binding stays */
  }
}

static bool say(int fd, const struct message *message)
{
  return send(fd, message, sizeof *message, MSG_NOSIGNAL) == (ssize_t)sizeof *message;
}

static int serve(const struct bench_crew_work *work, size_t member, uint32_t seconds, int fd)
{
  struct message message = {.err = FRANK_OK};
  char go = 0;
  errno = 0;
  if (nice(BENCH_WORKER_NICE) == -1 && errno != 0) {
    message.err = FRANK_ERR_IO;
    (void)snprintf(message.why, sizeof message.why, "nice: %s", strerror(errno));
  }
  if (message.err == FRANK_OK) {
    if (!work->binds_itself) {
      bind_as_the_engine_does(member);
    }
    message.err = (int32_t)work->prepare(work->arg, member, message.body, message.why);
  }
  if (!say(fd, &message) || message.err != FRANK_OK || recv(fd, &go, 1, 0) != 1) {
    return 1;
  }
  message = (struct message){.err = FRANK_OK};
  message.err = (int32_t)work->run(work->arg, member, seconds, message.body, message.why);
  return say(fd, &message) && message.err == FRANK_OK ? 0 : 1;
}

/* ---- in the parent ---- */

/* The process dies with the parent, and a Ctrl-C on the terminal is for the parent alone. */
static enum frank_err start(const struct bench_crew_work *work, size_t number, uint32_t seconds,
                            struct member *member)
{
  int pair[2];
  pid_t parent = getpid();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return FRANK_ERR_IO;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(pair[0]);
    (void)setpgid(0, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
      _exit(1);
    }
    _exit(serve(work, number, seconds, pair[1]));
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

static enum frank_err hear(const struct member *member, struct message *message, uint64_t until_us)
{
  struct pollfd item = {.fd = member->fd, .events = POLLIN};
  while (poll(&item, 1, TICK_MS) <= 0) {
    if (bench_is_stopping()) {
      return FRANK_ERR_CLOSED;
    }
    if (frank_clock_now_us() >= until_us) {
      return FRANK_ERR_TIMEOUT;
    }
  }
  return recv(member->fd, message, sizeof *message, 0) == (ssize_t)sizeof *message
             ? FRANK_OK
             : FRANK_ERR_DEVICE;
}

static enum frank_err fail(const struct bench_crew_work *work, size_t number, enum frank_err err,
                           const char *what, char *why)
{
  if (err == FRANK_ERR_CLOSED) {
    (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
  } else {
    (void)snprintf(why, BENCH_WHY_BYTES, "%.31s on cpu:%zu: %.400s", work->name, number, what);
  }
  return err;
}

/* One message of each member, their bodies one after another to `bodies`. */
static enum frank_err hear_all(const struct bench_crew_work *work, const struct member *crew,
                               size_t members, uint64_t until_us, void *bodies, size_t body_bytes,
                               char *why)
{
  static struct message message;
  for (size_t i = 0; i < members; i++) {
    enum frank_err err = hear(&crew[i], &message, until_us);
    if (err != FRANK_OK) {
      return fail(work, i, err,
                  err == FRANK_ERR_TIMEOUT ? "its process is too slow" : "its process died", why);
    }
    message.why[sizeof message.why - 1] = '\0';
    if (message.err != FRANK_OK) {
      err = (enum frank_err)message.err;
      return fail(work, i, err, message.why[0] != '\0' ? message.why : frank_err_text(err), why);
    }
    if (body_bytes > 0) {
      memcpy((uint8_t *)bodies + i * body_bytes, message.body, body_bytes);
    }
  }
  return FRANK_OK;
}

static enum frank_err run_all(const struct bench_crew_work *work, struct member *crew,
                              size_t members, uint32_t seconds, void *readies, void *results,
                              char *why)
{
  for (size_t i = 0; i < members; i++) {
    if (start(work, i, seconds, &crew[i]) != FRANK_OK) {
      return fail(work, i, FRANK_ERR_IO, strerror(errno), why);
    }
  }
  enum frank_err err = hear_all(work, crew, members, frank_clock_now_us() + PATIENCE_US, readies,
                                work->ready_bytes, why);
  if (err != FRANK_OK) {
    return err;
  }
  for (size_t i = 0; i < members; i++) {
    if (send(crew[i].fd, "g", 1, MSG_NOSIGNAL) != 1) {
      return fail(work, i, FRANK_ERR_DEVICE, "its process died", why);
    }
  }
  return hear_all(work, crew, members,
                  frank_clock_now_us() + seconds * FRANK_US_PER_S + PATIENCE_US, results,
                  work->result_bytes, why);
}

enum frank_err bench_crew_run(const struct bench_crew_work *work, size_t members, uint32_t seconds,
                              void *readies, void *results, char *why)
{
  assert(work->ready_bytes <= BENCH_CREW_MESSAGE_BYTES);
  assert(work->result_bytes <= BENCH_CREW_MESSAGE_BYTES);
  struct member *crew = calloc(members, sizeof *crew);
  if (!crew) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  (void)fflush(NULL); /* or a member would hold a copy of what is still to be written */
  enum frank_err err = run_all(work, crew, members, seconds, readies, results, why);
  for (size_t i = 0; i < members; i++) {
    end(&crew[i]);
  }
  free(crew);
  return err;
}

double bench_crew_rate_hps(const struct bench_crew_count *counts, size_t members)
{
  double rate_hps = 0;
  for (size_t i = 0; i < members; i++) {
    if (counts[i].elapsed_us == 0) {
      return 0;
    }
    rate_hps += (double)counts[i].attempts * 1e6 / (double)counts[i].elapsed_us;
  }
  return rate_hps;
}
