/* What kept promises of its writers: where they fail, die or compete, what was there before or the
 * new file is there, whole. */
#include "kept_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

/* Runs `body` in a process of its own; its exit status. */
static int run_apart(void (*body)(void))
{
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* Files may have 1000 bytes: stands for a full disk. */
static void body_no_room(void)
{
  static const uint8_t more[2000];
  const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
  (void)signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
    _exit(1);
  }
  if (kept_keep(more, sizeof more) != FRANK_ERR_IO || strstr(kept_why, strerror(EFBIG)) == NULL) {
    _exit(2);
  }
}

/* As a user who owns the folder, but may write everywhere no longer. */
static void body_no_permission(void)
{
  if ((geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) ||
      kept_keep(kept_content, sizeof kept_content) != FRANK_OK || chmod(kept_dir, 0500) != 0) {
    _exit(1);
  }
  if (kept_keep("new", 3) != FRANK_ERR_DENIED || strstr(kept_why, strerror(EACCES)) == NULL ||
      kept_find(kept_content, sizeof kept_content) != FRANK_OK) {
    _exit(2);
  }
  if (chmod(kept_dir, 0000) != 0 || kept_find("", 0) != FRANK_ERR_DENIED ||
      strstr(kept_why, strerror(EACCES)) == NULL || chmod(kept_dir, 0700) != 0) {
    _exit(3);
  }
}

static void folder_that_may_not_be_written_is_told(void **state)
{
  (void)state;
  if (geteuid() == 0) {
    assert_int_equal(chown(kept_root, NOBODY, NOBODY), 0);
  }
  assert_int_equal(run_apart(body_no_permission), 0);
}

static void failing_write_leaves_the_old_file(void **state)
{
  (void)state;
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(run_apart(body_no_room), 0);
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_entries(), 1);
}

static void age(const char *name, time_t seconds)
{
  char full[256];
  const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
                                    {.tv_sec = time(NULL) - seconds}};
  (void)snprintf(full, sizeof full, "%s/%.100s", kept_dir, name);
  assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
}

static void age_all_drafts(time_t seconds)
{
  DIR *list = opendir(kept_dir);
  assert_non_null(list);
  for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
    if (strncmp(entry->d_name, "." KEPT_NAME ".", strlen(KEPT_NAME) + 2) == 0) {
      age(entry->d_name, seconds);
    }
  }
  assert_int_equal(closedir(list), 0);
}

static void pause_ms(long milliseconds)
{
  const struct timespec time = {.tv_sec = milliseconds / 1000,
                                .tv_nsec = milliseconds % 1000 * 1000000};
  (void)nanosleep(&time, NULL);
}

/* Writes files of one byte value and of a length that belongs to it, until it is killed or has
 * done `times`. */
static void write_again_and_again(unsigned seed, unsigned times)
{
  static uint8_t data[200000];
  for (unsigned i = 0; i < times; i++) {
    size_t len = (size_t)1000 * ((seed + i * 7) % 200 + 1);
    memset(data, (int)(len / 1000), len);
    if (kept_keep(data, len) != FRANK_OK) {
      _exit(1);
    }
  }
  _exit(0);
}

/* One of the files above, whole. */
static void expect_whole(void)
{
  uint8_t *data = NULL;
  size_t len = 0;
  if (frank_kept_read(kept_dir, KEPT_NAME, &kept_key, KEPT_MAX_BYTES, &data, &len, kept_why) !=
      FRANK_OK) {
    fail_msg("not whole: %s", kept_why);
  }
  assert_int_equal(len % 1000, 0);
  for (size_t i = 0; i < len; i++) {
    assert_int_equal(data[i], len / 1000);
  }
  free(data);
}

static void writers_at_once_never_show_a_part(void **state)
{
  (void)state;
  enum { WRITERS = 2, TIMES = 300 };
  pid_t pids[WRITERS];
  uint8_t first[1000];
  memset(first, 1, sizeof first);
  assert_int_equal(kept_keep(first, sizeof first), FRANK_OK);
  (void)fflush(NULL);
  for (unsigned i = 0; i < WRITERS; i++) {
    pids[i] = fork();
    assert_true(pids[i] >= 0);
    if (pids[i] == 0) {
      write_again_and_again(i * 50, TIMES);
    }
  }
  for (unsigned running = WRITERS; running > 0;) {
    expect_whole();
    for (unsigned i = 0; i < WRITERS; i++) {
      int status = 0;
      if (pids[i] > 0 && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
        pids[i] = 0;
        running--;
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      }
    }
  }
  expect_whole();
  assert_int_equal(kept_entries(), 1);
}

static void killed_writers_leave_a_whole_file_and_little_else(void **state)
{
  (void)state;
  enum { KILLS = 30 };
  uint8_t first[1000];
  memset(first, 1, sizeof first);
  assert_int_equal(kept_keep(first, sizeof first), FRANK_OK);
  for (unsigned i = 0; i < KILLS; i++) {
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
      write_again_and_again(i, UINT32_MAX);
    }
    pause_ms(5 + i % 7);
    int status = 0;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    expect_whole();
    assert_true(kept_entries() <= 17);
  }
  age_all_drafts(120);
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_entries(), 1);
}

static void drafts_of_the_dead_are_removed_and_bounded(void **state)
{
  (void)state;
  static const char *const kept_away[] = {
      "." KEPT_NAME, "." KEPT_NAME ".0123", "." KEPT_NAME ".0123456789abcdeF",
      "." KEPT_NAME ".0123456789abcdefx", ".tuning.bin2.0123456789abcdef"};
  char name[64];
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  /* Names that only resemble a draft's are somebody else's. */
  for (size_t i = 0; i < sizeof kept_away / sizeof kept_away[0]; i++) {
    (void)snprintf(kept_path, sizeof kept_path, "%s/%.40s", kept_dir, kept_away[i]);
    kept_put_raw((const uint8_t *)"", 0);
    age(kept_away[i], 1000);
  }
  for (unsigned i = 0; i < 16; i++) {
    (void)snprintf(name, sizeof name, "." KEPT_NAME ".%016x", i);
    (void)snprintf(kept_path, sizeof kept_path, "%s/%.40s", kept_dir, name);
    kept_put_raw((const uint8_t *)"half", 4);
  }
  assert_int_equal(kept_entries(), 22);
  /* As long as they may be alive they stay, and only so many. */
  assert_int_equal(kept_keep("new", 3), FRANK_ERR_FULL);
  assert_non_null(strstr(kept_why, "16 processes are writing it"));
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_entries(), 22);
  age(name, 61);
  assert_int_equal(kept_keep("new", 3), FRANK_OK);
  assert_int_equal(kept_find("new", 3), FRANK_OK);
  assert_int_equal(kept_entries(), 21);
  age_all_drafts(-3600); /* of a clock that went wrong */
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_entries(), 6);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)
      TEST(folder_that_may_not_be_written_is_told),
      TEST(failing_write_leaves_the_old_file),
      TEST(writers_at_once_never_show_a_part),
      TEST(killed_writers_leave_a_whole_file_and_little_else),
      TEST(drafts_of_the_dead_are_removed_and_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
