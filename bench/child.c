#include "bench/child.h"

#include "base/clock.h"
#include "bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 100

enum frank_err bench_child_start(struct bench_child *child, int (*body)(int fd, const void *arg),
                                 const void *arg)
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
    _exit(body(pair[1], arg));
  }
  close(pair[1]);
  if (pid < 0) {
    close(pair[0]);
    return FRANK_ERR_IO;
  }
  child->pid = pid;
  child->fd = pair[0];
  return FRANK_OK;
}

void bench_child_end(struct bench_child *child)
{
  if (child->pid > 0) {
    (void)kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    close(child->fd);
  }
}

enum frank_err bench_child_hear(const struct bench_child *child, void *message, size_t size,
                                uint64_t until_us)
{
  struct pollfd item = {.fd = child->fd, .events = POLLIN};
  while (poll(&item, 1, TICK_MS) <= 0) {
    if (bench_is_stopping()) {
      return FRANK_ERR_CLOSED;
    }
    if (frank_clock_now_us() >= until_us) {
      return FRANK_ERR_TIMEOUT;
    }
  }
  return recv(child->fd, message, size, 0) == (ssize_t)size ? FRANK_OK : FRANK_ERR_DEVICE;
}

enum frank_err bench_child_tell(const struct bench_child *child)
{
  return send(child->fd, "g", 1, MSG_NOSIGNAL) == 1 ? FRANK_OK : FRANK_ERR_DEVICE;
}
