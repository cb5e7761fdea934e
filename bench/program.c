#include "bench/program.h"

#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDERS_OPEN 16 /* of a folder that is being removed, at a time */

bool bench_program_find(const char *name, char *path, size_t size)
{
  const char *rest = getenv("PATH");
  while (rest && *rest != '\0') {
    size_t len = strcspn(rest, ":");
    int need = snprintf(path, size, "%.*s/%s", (int)len, rest, name);
    struct stat info;
    if (rest[0] == '/' && need > 0 && (size_t)need < size && stat(path, &info) == 0 &&
        S_ISREG(info.st_mode) && access(path, X_OK) == 0) {
      return true;
    }
    rest += len + (rest[len] == ':');
  }
  return false;
}

/* ---- processes ---- */

/* In the child. Only calls that are safe after fork. */
static void become(const struct bench_program *program, pid_t parent)
{
  static const char text[] = "cannot be run\n";
  const int fds[] = {program->in_fd, program->out_fd, program->err_fd};
  int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  bool right = null_fd >= 0;
  (void)setpgid(0, 0);
  (void)signal(SIGPIPE, SIG_DFL);
  for (int i = 0; i < 3; i++) {
    right = right && dup2(fds[i] >= 0 ? fds[i] : null_fd, i) == i;
  }
  errno = 0;
  right = right && (nice(program->nice) != -1 || errno == 0) &&
          (!program->folder || chdir(program->folder) == 0);
  if (right && prctl(PR_SET_PDEATHSIG, program->death_signal) == 0 && getppid() == parent) {
    (void)execve(program->path, (char *const *)program->words,
                 program->surroundings ? program->surroundings : environ);
  }
  (void)!write(2, text, sizeof text - 1);
  _exit(127);
}

enum frank_err bench_program_start(const struct bench_program *program, pid_t *pid)
{
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    become(program, parent);
  }
  *pid = child > 0 ? child : 0;
  if (child > 0) {
    (void)setpgid(child, child); /* whoever of the two comes first */
  }
  return child > 0 ? FRANK_OK : FRANK_ERR_IO;
}

bool bench_program_has_ended(pid_t *pid, int *status)
{
  siginfo_t info = {0};
  if (*pid > 0 && waitid(P_PID, (id_t)*pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == *pid) {
    (void)kill(-*pid, SIGKILL); /* its number is not given away before it is reaped */
    while (waitpid(*pid, status, 0) < 0 && errno == EINTR) {
    }
    *pid = 0;
  }
  return *pid == 0;
}

void bench_program_kill(pid_t *pid)
{
  if (*pid > 0) {
    (void)kill(-*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *pid = 0;
  }
}

/* ---- folders ---- */

enum frank_err bench_folder_make(const char *prefix, char *folder, size_t size, char *why)
{
  const char *base = getenv("TMPDIR");
  if (!base || base[0] != '/') {
    base = "/tmp";
  }
  int need = snprintf(folder, size, "%s/%s-XXXXXX", base, prefix);
  if (need < 0 || (size_t)need >= size) {
    folder[0] = '\0';
    (void)snprintf(why, BENCH_WHY_BYTES, "TMPDIR: %.200s is too long", base);
    return FRANK_ERR_TOO_LONG;
  }
  if (!mkdtemp(folder)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot make a folder in %.200s: %s", base,
                   strerror(errno));
    folder[0] = '\0';
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
  (void)info;
  (void)type;
  (void)where;
  (void)remove(path);
  return 0;
}

void bench_folder_remove(char *folder)
{
  if (folder[0] == '\0') {
    return;
  }
  (void)nftw(folder, remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
  if (access(folder, F_OK) == 0) {
    fprintf(stderr, "frank-bench: %s is left behind\n", folder);
  }
  folder[0] = '\0';
}
