#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* Both ends want room for a few full packets; the kernel grants what its limit allows. */
static void widen(int fd)
{
  int bytes = 4 * FRANK_CHAN_PACKET_MAX_BYTES;
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static enum frank_err spawn_with(const char *path, char *const argv[], int child_fd, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  if (posix_spawn_file_actions_init(&actions) != 0) {
    return FRANK_ERR_NOMEM;
  }
  if (posix_spawnattr_init(&attr) != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return FRANK_ERR_NOMEM;
  }
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  int rc = posix_spawn_file_actions_adddup2(&actions, child_fd, FRANK_CHILD_FD);
  if (rc == 0) {
    rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
  }
  if (rc == 0) {
    rc = posix_spawnattr_setsigmask(&attr, &none);
  }
  if (rc == 0) {
    rc = posix_spawnattr_setsigdefault(&attr, &all);
  }
  if (rc == 0) {
    rc = posix_spawn(pid, path, &actions, &attr, argv, environ);
  }
  posix_spawnattr_destroy(&attr);
  posix_spawn_file_actions_destroy(&actions);
  if (rc != 0) {
    errno = rc;
    return rc == ENOENT ? FRANK_ERR_NOT_FOUND : rc == ENOMEM ? FRANK_ERR_NOMEM : FRANK_ERR_IO;
  }
  return FRANK_OK;
}

enum frank_err frank_child_spawn(const char *path, char *const argv[], pid_t *pid,
                                 struct frank_chan **chan)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return FRANK_ERR_IO;
  }
  enum frank_err err = FRANK_OK;
  widen(pair[0]);
  widen(pair[1]);
  if (pair[1] == FRANK_CHILD_FD) {
    /* dup2 onto itself would leave close-on-exec set: move it out of the way first. */
    int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, FRANK_CHILD_FD + 1);
    if (moved < 0) {
      err = FRANK_ERR_IO;
      goto cleanup;
    }
    close(pair[1]);
    pair[1] = moved;
  }
  struct frank_chan *made = NULL;
  err = frank_chan_new(pair[0], &made);
  if (err != FRANK_OK) {
    goto cleanup;
  }
  pair[0] = -1; /* the channel's now */
  err = spawn_with(path, argv, pair[1], pid);
  if (err != FRANK_OK) {
    int saved = errno;
    frank_chan_destroy(&made);
    errno = saved;
    goto cleanup;
  }
  *chan = made;

cleanup:
  if (pair[0] >= 0) {
    close(pair[0]);
  }
  close(pair[1]);
  return err;
}

enum frank_err frank_child_attach(struct frank_chan **chan)
{
  int type = 0;
  socklen_t len = sizeof type;
  if (getsockopt(FRANK_CHILD_FD, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_SEQPACKET) {
    return FRANK_ERR_NOT_FOUND;
  }
  if (fcntl(FRANK_CHILD_FD, F_SETFD, FD_CLOEXEC) != 0) {
    return FRANK_ERR_IO;
  }
  signal(SIGPIPE, SIG_IGN);
  /* A service manager sends these to every process of a service; the parent drains with our help
   * and closes the channel when it is done. */
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  /* If the parent died before this call, the channel reads as closed, which ends us too. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return FRANK_ERR_IO;
  }
  return frank_chan_new(FRANK_CHILD_FD, chan);
}

static enum frank_err limit(__rlimit_resource_t what, uint64_t value)
{
  if (value == 0) {
    return FRANK_OK;
  }
  struct rlimit now;
  if (getrlimit(what, &now) != 0) {
    return FRANK_ERR_IO;
  }
  if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) {
    value = now.rlim_max;
  }
  struct rlimit next = {.rlim_cur = value, .rlim_max = value};
  return setrlimit(what, &next) == 0 ? FRANK_OK : FRANK_ERR_IO;
}

/* The C library has read RLIMIT_STACK when the program started: what threads get is told apart. */
static enum frank_err limit_thread_stacks(uint64_t stack_bytes)
{
  pthread_attr_t attributes;
  if (stack_bytes == 0) {
    return FRANK_OK;
  }
  if (pthread_attr_init(&attributes) != 0) {
    return FRANK_ERR_NOMEM;
  }
  int rc = pthread_attr_setstacksize(&attributes, (size_t)stack_bytes);
  if (rc == 0) {
    rc = pthread_setattr_default_np(&attributes);
  }
  (void)pthread_attr_destroy(&attributes);
  return rc == 0 ? FRANK_OK : FRANK_ERR_IO;
}

enum frank_err frank_child_limit(const struct frank_child_limits *limits)
{
  enum frank_err err = UNDER_ASAN ? FRANK_OK : limit(RLIMIT_DATA, limits->data_bytes);
  if (err == FRANK_OK) {
    err = limit(RLIMIT_NOFILE, limits->descriptors);
  }
  if (err == FRANK_OK) {
    err = limit(RLIMIT_STACK, limits->stack_bytes);
  }
  return err == FRANK_OK ? limit_thread_stacks(limits->stack_bytes) : err;
}

void frank_child_reap(struct frank_child_graves *graves)
{
  size_t kept = 0;
  for (size_t i = 0; i < graves->count; i++) {
    if (waitpid(graves->pids[i], NULL, WNOHANG) == 0) {
      graves->pids[kept++] = graves->pids[i];
    }
  }
  graves->count = kept;
}

void frank_child_end(struct frank_child_graves *graves, pid_t *pid)
{
  if (*pid <= 0) {
    return;
  }
  (void)kill(*pid, SIGKILL);
  if (waitpid(*pid, NULL, WNOHANG) == 0) {
    if (graves->count == FRANK_CHILD_GRAVES) {
      frank_child_reap(graves);
    }
    if (graves->count < FRANK_CHILD_GRAVES) {
      graves->pids[graves->count++] = *pid;
    } /* else it stays a zombie until we end: 64 unkillable processes are a broken machine */
  }
  *pid = 0;
}

enum frank_err frank_child_find(const char *name, char *out, size_t out_size)
{
  char self[PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
  if (len < 0) {
    return FRANK_ERR_IO;
  }
  self[len] = '\0';
  char *slash = strrchr(self, '/');
  if (slash) {
    *slash = '\0';
  }
  const struct {
    const char *folder;
    const char *below;
  } places[] = {{self, ""}, {self, "/../libexec/frank"}, {FRANK_LIBEXEC, ""}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s/%s", places[i].folder, places[i].below, name);
    if (n < 0 || (size_t)n >= sizeof path || (size_t)n >= out_size) {
      return FRANK_ERR_TOO_LONG;
    }
    if (access(path, X_OK) == 0) {
      memcpy(out, path, (size_t)n + 1);
      return FRANK_OK;
    }
  }
  return FRANK_ERR_NOT_FOUND;
}
