/*
 * Scorecard: storage, fail or kill at each system call. lastgood's system calls go through
 * functions of this file (the linker's --wrap), of which the n-th fails, or is the last thing that
 * the process does. A child keeps epoch after epoch; whatever happens to it, what is found
 * afterwards is whole, is no older than the last epoch that was reported as kept, no newer than the
 * last that was tried, and the next write succeeds.
 */
#include "../tree.h"

#include "factor/resolver/lastgood.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT   "https://authority.example.org"
#define EPOCHS 20 /* that one child keeps */

/* ---- the faults ---- */

enum fault { FAIL_ENOSPC, FAIL_EIO, KILL_BEFORE, KILL_AFTER, SHORT_ENOSPC, SHORT_KILL, FAULTS };

static unsigned calls_left; /* the fault strikes when it comes to 1; 0: none does */
static enum fault fault;
static bool has_struck;

/* True where this call is the one. */
static bool strikes(void)
{
  if (calls_left == 0 || --calls_left > 0) {
    return false;
  }
  has_struck = true;
  if (fault == KILL_BEFORE) {
    (void)raise(SIGKILL);
  }
  return true;
}

static bool fails(bool is_struck)
{
  if (is_struck && (fault == FAIL_ENOSPC || fault == FAIL_EIO)) {
    errno = fault == FAIL_EIO ? EIO : ENOSPC;
    return true;
  }
  return false;
}

static void after(bool is_struck)
{
  if (is_struck && fault == KILL_AFTER) {
    (void)raise(SIGKILL);
  }
}

#define WRAP(name, declared, passed)                                                               \
  int __real_##name declared;                                                                      \
  int __wrap_##name declared;                                                                      \
  int __wrap_##name declared                                                                       \
  {                                                                                                \
    bool is_struck = strikes();                                                                    \
    if (fails(is_struck)) {                                                                        \
      return -1;                                                                                   \
    }                                                                                              \
    int result = __real_##name passed;                                                             \
    after(is_struck);                                                                              \
    return result;                                                                                 \
  }

WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(fsync, (int fd), (fd))
WRAP(renameat, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to))
WRAP(unlinkat, (int fd, const char *name, int flags), (fd, name, flags))

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
  bool is_struck = strikes();
  int result = __real_close(fd); /* a close that fails has closed: close(2) */
  after(is_struck);
  return fails(is_struck) ? -1 : result;
}

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
  bool is_struck = strikes();
  if (fails(is_struck)) {
    return -1;
  }
  int result = __real_open(path, flags, mode);
  after(is_struck);
  return result;
}

int __real_openat(int fd, const char *path, int flags, mode_t mode);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode)
{
  bool is_struck = strikes();
  if (fails(is_struck)) {
    return -1;
  }
  int result = __real_openat(fd, path, flags, mode);
  after(is_struck);
  return result;
}

ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
  bool is_struck = strikes();
  if (fails(is_struck)) {
    return -1;
  }
  bool is_short = is_struck && (fault == SHORT_ENOSPC || fault == SHORT_KILL);
  ssize_t result = __real_write(fd, bytes, is_short ? count / 2 : count);
  if (is_short && fault == SHORT_KILL) {
    (void)raise(SIGKILL);
  }
  if (is_short) {
    fault = FAIL_ENOSPC; /* the rest of it finds the disk full */
    calls_left = 1;
  }
  after(is_struck);
  return result;
}

/* ---- the child ---- */

/* Shared with the child. */
static struct progress {
  uint64_t tried;  /* the last epoch whose write began */
  uint64_t kept;   /* the last that was reported as kept */
  bool has_struck; /* the fault came */
} * progress;

static char dir[64];
static char why[FRANK_FACTOR_WHY_BYTES];

/* In memory, where there is such a folder: tens of thousands of fsync wear a disk, and take long on
 * a busy one. */
static const char *base(void)
{
  return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static struct frank_lastgood make(uint64_t epoch)
{
  struct frank_lastgood kept = {.confirmed_s = 1795312900};
  kept.trust.has_last = true;
  kept.trust.last = (struct frank_factor_document){.issuer = "authority.example.org",
                                                   .epoch = epoch,
                                                   .issued_s = 1795312800,
                                                   .expires_s = 1795399200,
                                                   .factor = 1000 + epoch};
  return kept;
}

static enum frank_err keep(uint64_t epoch)
{
  const struct frank_lastgood kept = make(epoch);
  return frank_lastgood_write(dir, TEXT, &kept, why);
}

static void live(uint64_t first)
{
  for (uint64_t epoch = first; epoch < first + EPOCHS; epoch++) {
    progress->tried = epoch;
    if (keep(epoch) == FRANK_OK) {
      progress->kept = epoch;
    }
    progress->has_struck = has_struck;
  }
  _exit(0);
}

/* One point: returns false where the child made fewer calls than that. */
static bool try_point(enum fault which, unsigned call, uint64_t first)
{
  *progress = (struct progress){.tried = first - 1, .kept = first - 1};
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    fault = which;
    calls_left = call;
    live(first);
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  assert_true(was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));

  struct frank_lastgood found;
  enum frank_err err = frank_lastgood_read(dir, TEXT, &found, why);
  if (err != FRANK_OK || found.trust.last.epoch < progress->kept ||
      found.trust.last.epoch > progress->tried ||
      found.trust.last.factor != 1000 + found.trust.last.epoch) {
    fail_msg("fault %d at call %u: found epoch %llu (%s \"%s\"), kept %llu, tried %llu", (int)which,
             call, (unsigned long long)found.trust.last.epoch, frank_err_text(err), why,
             (unsigned long long)progress->kept, (unsigned long long)progress->tried);
  }
  assert_int_equal(keep(first + EPOCHS), FRANK_OK);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &found, why), FRANK_OK);
  assert_int_equal(found.trust.last.epoch, first + EPOCHS);
  return was_killed || progress->has_struck;
}

static void the_old_or_the_new_is_there(void **state)
{
  (void)state;
  unsigned points = 0;
  unsigned struck[FAULTS] = {0};
  (void)snprintf(dir, sizeof dir, "%s/frank-faults-XXXXXX", base());
  assert_non_null(mkdtemp(dir));
  assert_int_equal(keep(1), FRANK_OK);
  uint64_t first = 2;
  for (enum fault which = FAIL_ENOSPC; which < FAULTS; which++) {
    for (unsigned call = 1; try_point(which, call, first); call++) {
      points++;
      struck[which]++;
      first += EPOCHS + 1;
    }
    first += EPOCHS + 1;
  }
  /* Each write is nine calls and more: mkdir, open, unlink, open, write, fsync, close, rename,
   * fsync, close. */
  for (enum fault which = FAIL_ENOSPC; which <= KILL_AFTER; which++) {
    assert_true(struck[which] >= 9 * EPOCHS);
  }
  print_message("%u points\n", points);
  assert_true(points >= 1000);
  assert_int_equal(tree_remove(dir), 0);
}

/* Nothing was kept before: afterwards there is nothing, or all of it. */
static void the_first_is_there_or_nothing(void **state)
{
  (void)state;
  char root[40];
  (void)snprintf(root, sizeof root, "%s/frank-faults-XXXXXX", base());
  assert_non_null(mkdtemp(root));
  for (enum fault which = FAIL_ENOSPC; which < FAULTS; which++) {
    for (unsigned call = 1; call <= 12; call++) {
      (void)snprintf(dir, sizeof dir, "%s/%d-%u", root, (int)which, call);
      pid_t pid = fork();
      assert_true(pid >= 0);
      if (pid == 0) {
        fault = which;
        calls_left = call;
        _exit(keep(7) == FRANK_OK ? 0 : 1);
      }
      int status = 0;
      assert_int_equal(waitpid(pid, &status, 0), pid);
      struct frank_lastgood found;
      enum frank_err err = frank_lastgood_read(dir, TEXT, &found, why);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        assert_int_equal(err, FRANK_OK);
      }
      if (err == FRANK_OK) {
        assert_int_equal(found.trust.last.epoch, 7);
      } else {
        assert_int_equal(err, FRANK_ERR_NOT_FOUND);
      }
    }
  }
  assert_int_equal(tree_remove(root), 0);
}

int main(void)
{
  progress =
      mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) {
    return 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_old_or_the_new_is_there),
      cmocka_unit_test(the_first_is_there_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
