/* What kept promises: what was written comes back whole or not at all, whatever others do to the
 * files, to the folder, or to the writer. */
#include "engine/kept.h"

#include "engine/engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME      "tuning.bin"
#define MAX_BYTES ((size_t)1 << 20)

static const struct frank_hash key = {.bytes = {1, 2, 3}};
static const struct frank_hash other_key = {.bytes = {1, 2, 4}};
static const char content[] = "vector 16, groups 2, items 4096";

static char root[64]; /* a folder of the test's own; the store is below it */
static char dir[80];
static char path[128];
static char why[FRANK_ENGINE_WHY_BYTES];

static int set_up(void **state)
{
  (void)state;
  (void)snprintf(root, sizeof root, "/tmp/frank-kept-XXXXXX");
  if (mkdtemp(root) == NULL) {
    return -1;
  }
  (void)snprintf(dir, sizeof dir, "%s/store", root);
  (void)snprintf(path, sizeof path, "%s/" NAME, dir);
  return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
  (void)st;
  (void)type;
  (void)walk;
  return remove(name);
}

static int tear_down(void **state)
{
  (void)state;
  return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static enum frank_err keep(const void *data, size_t len)
{
  return frank_kept_write(dir, NAME, &key, data, len, why);
}

/* What a read of our key gives; the data is compared and freed. */
static enum frank_err find(const void *expected, size_t len)
{
  uint8_t *data = NULL;
  size_t got = 0;
  enum frank_err err = frank_kept_read(dir, NAME, &key, MAX_BYTES, &data, &got, why);
  if (err == FRANK_OK) {
    assert_int_equal(got, len);
    assert_memory_equal(data, expected, len);
    assert_string_equal(why, "");
  } else {
    assert_null(data);
    assert_int_equal(got, 0);
    /* What is wrong is told with the file's name; an absent file is nothing wrong. */
    assert_int_equal(why[0] == '\0', err == FRANK_ERR_NOT_FOUND);
    assert_true(err == FRANK_ERR_NOT_FOUND || strstr(why, NAME) != NULL);
  }
  free(data);
  return err;
}

static void expect_refused(enum frank_err err, const char *cause)
{
  assert_int_equal(find("", 0), err);
  if (strstr(why, cause) == NULL) {
    fail_msg("\"%s\" does not say: %s", why, cause);
  }
}

static size_t slurp(uint8_t *bytes, size_t size)
{
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t len = fread(bytes, 1, size, file);
  assert_int_equal(fclose(file), 0);
  return len;
}

static void put_raw(const uint8_t *bytes, size_t len)
{
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path, 0600), 0);
}

static unsigned entries(void)
{
  DIR *list = opendir(dir);
  assert_non_null(list);
  unsigned count = 0;
  for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  }
  assert_int_equal(closedir(list), 0);
  return count;
}

/* ---- what is kept ---- */

static void what_was_kept_comes_back(void **state)
{
  (void)state;
  assert_int_equal(find("", 0), FRANK_ERR_NOT_FOUND); /* not even the folder is there */
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_string_equal(why, "");
  assert_int_equal(find(content, sizeof content), FRANK_OK);
  assert_int_equal(keep(NULL, 0), FRANK_OK);
  assert_int_equal(find("", 0), FRANK_OK);
  static uint8_t large[MAX_BYTES];
  for (size_t i = 0; i < sizeof large; i++) {
    large[i] = (uint8_t)(i * 31 + i / 256);
  }
  assert_int_equal(keep(large, sizeof large), FRANK_OK);
  assert_int_equal(find(large, sizeof large), FRANK_OK);
  assert_int_equal(entries(), 1);
  char longest[FRANK_KEPT_NAME_MAX_BYTES + 1];
  memset(longest, 'n', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_int_equal(frank_kept_write(dir, longest, &key, content, sizeof content, why), FRANK_OK);
  assert_int_equal(entries(), 2);
}

static void file_for_another_key_counts_as_absent(void **state)
{
  (void)state;
  uint8_t *data = NULL;
  size_t len = 0;
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(frank_kept_read(dir, NAME, &other_key, MAX_BYTES, &data, &len, why),
                   FRANK_ERR_NOT_FOUND);
  assert_null(data);
  assert_string_equal(why, "");
  /* There is one file of a name: the last key has it. */
  assert_int_equal(frank_kept_write(dir, NAME, &other_key, "new", 3, why), FRANK_OK);
  assert_int_equal(find("", 0), FRANK_ERR_NOT_FOUND);
  assert_int_equal(entries(), 1);
}

static void file_longer_than_wanted_is_refused(void **state)
{
  (void)state;
  uint8_t *data = NULL;
  size_t len = 0;
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(frank_kept_read(dir, NAME, &key, sizeof content - 1, &data, &len, why),
                   FRANK_ERR_MALFORMED);
  assert_null(data);
  assert_non_null(strstr(why, "says that it holds 32 bytes, above 31"));
  assert_int_equal(frank_kept_read(dir, NAME, &key, sizeof content, &data, &len, why), FRANK_OK);
  free(data);
}

/* ---- damage ---- */

static void every_truncation_is_refused(void **state)
{
  (void)state;
  uint8_t whole[256] = {0};
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  size_t len = slurp(whole, sizeof whole);
  assert_int_equal(len, FRANK_KEPT_HEAD_BYTES + sizeof content);
  for (size_t cut = 0; cut < len; cut++) {
    put_raw(whole, cut);
    expect_refused(FRANK_ERR_MALFORMED, cut < FRANK_KEPT_HEAD_BYTES ? "cut short" : "belong");
  }
  for (size_t more = 1; more < 3; more++) {
    put_raw(whole, len + more);
    expect_refused(FRANK_ERR_MALFORMED, "belong");
  }
  put_raw(whole, len);
  assert_int_equal(find(content, sizeof content), FRANK_OK);
}

static void every_flipped_bit_is_refused(void **state)
{
  (void)state;
  uint8_t bytes[256];
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  size_t len = slurp(bytes, sizeof bytes);
  for (size_t bit = 0; bit < len * 8; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    put_raw(bytes, len);
    /* Of the version or the key: it is another's file then. */
    bool others = bit / 8 >= 7 && bit / 8 < 8 + FRANK_SHA256_BYTES;
    assert_int_equal(find("", 0), others ? FRANK_ERR_NOT_FOUND : FRANK_ERR_MALFORMED);
    bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
  }
  put_raw(bytes, len);
  assert_int_equal(find(content, sizeof content), FRANK_OK);
}

static void huge_lengths_are_refused_unread(void **state)
{
  (void)state;
  static const uint64_t says[] = {UINT64_MAX, UINT64_MAX - FRANK_KEPT_HEAD_BYTES + 1,
                                  (uint64_t)1 << 63, MAX_BYTES + 1, MAX_BYTES};
  uint8_t bytes[256];
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  size_t len = slurp(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
    for (size_t k = 0; k < 8; k++) {
      bytes[8 + FRANK_SHA256_BYTES + k] = (uint8_t)(says[i] >> (8 * k));
    }
    put_raw(bytes, len);
    assert_int_equal(find("", 0), FRANK_ERR_MALFORMED);
  }
  /* A file that is all hole: nobody reads a terabyte to find out. */
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(truncate(path, (off_t)1 << 40), 0);
  expect_refused(FRANK_ERR_MALFORMED, "belong");
}

static void refused_file_is_replaced_by_the_next_write(void **state)
{
  (void)state;
  assert_int_equal(keep("old", 3), FRANK_OK);
  put_raw((const uint8_t *)"nonsense", 8);
  expect_refused(FRANK_ERR_MALFORMED, "cut short");
  assert_int_equal(chmod(path, 0666), 0);
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(find(content, sizeof content), FRANK_OK);
}

/* ---- hostile kinds of files ---- */

static void make_link(void)
{
  char target[128];
  (void)snprintf(target, sizeof target, "%s/elsewhere", root);
  assert_int_equal(rename(path, target), 0);
  assert_int_equal(symlink(target, path), 0);
}

static void make_dangling_link(void)
{
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink("/nonexistent/file", path), 0);
}

static void make_pipe(void)
{
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_socket(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  assert_true(strlen(path) < sizeof address.sun_path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  assert_int_equal(unlink(path), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(close(fd), 0);
}

static void make_folder(void)
{
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
}

static void make_group_writable(void)
{
  assert_int_equal(chmod(path, 0620), 0);
}

static void make_world_writable(void)
{
  assert_int_equal(chmod(path, 0602), 0);
}

static void files_of_other_kinds_are_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    void (*make)(void);
    const char *cause;
    bool stays; /* a write does not replace it */
  } rows[] = {
      {make_link, "symbolic link", false},
      {make_dangling_link, "symbolic link", false},
      {make_pipe, "not a regular file", false},
      {make_socket, "not a regular file", false},
      {make_group_writable, "others may write it (mode 0620)", false},
      {make_world_writable, "others may write it (mode 0602)", false},
      {make_folder, "not a regular file", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(keep(content, sizeof content), FRANK_OK);
    rows[i].make();
    expect_refused(FRANK_ERR_DENIED, rows[i].cause);
    enum frank_err err = keep("new", 3);
    assert_int_equal(err, rows[i].stays ? FRANK_ERR_IO : FRANK_OK);
    assert_true(!rows[i].stays || strstr(why, "cannot be put in place") != NULL);
    assert_int_equal(find("new", 3), rows[i].stays ? FRANK_ERR_DENIED : FRANK_OK);
    assert_int_equal(entries(), 1); /* no draft is left */
  }
}

static void file_of_another_user_is_refused(void **state)
{
  (void)state;
  if (geteuid() != 0) {
    print_message("skipped: only root can give a file to somebody else\n");
    skip();
  }
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(chown(path, 65534, 65534), 0);
  expect_refused(FRANK_ERR_DENIED, "belongs to user 65534");
}

/* ---- the folder ---- */

static void folder_is_made_for_us_alone(void **state)
{
  (void)state;
  struct stat st;
  char above[128];
  mode_t old = umask(022);
  (void)snprintf(above, sizeof above, "%s/a/b", root);
  (void)snprintf(dir, sizeof dir, "%s/a/b/c/", root);
  (void)snprintf(path, sizeof path, "%s/a/b/c/" NAME, root);
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  (void)umask(old);
  assert_int_equal(find(content, sizeof content), FRANK_OK);
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
  assert_int_equal(stat(above, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0755);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
}

static void folder_that_cannot_be_is_named(void **state)
{
  (void)state;
  char file[96];
  (void)snprintf(file, sizeof file, "%s/file", root);
  FILE *made = fopen(file, "w");
  assert_non_null(made);
  assert_int_equal(fclose(made), 0);
  static const char *const below[] = {"file", "file/below", "file/further/below"};
  for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
    (void)snprintf(dir, sizeof dir, "%s/%s", root, below[i]);
    assert_int_equal(keep(content, sizeof content), FRANK_ERR_IO);
    assert_non_null(strstr(why, NAME));
    assert_non_null(strstr(why, strerror(ENOTDIR)));
    assert_non_null(strstr(why, dir));
    assert_int_equal(find("", 0), FRANK_ERR_IO);
  }
  static char endless[8192];
  memset(endless, 'x', sizeof endless - 1);
  assert_int_equal(frank_kept_write(endless, NAME, &key, "x", 1, why), FRANK_ERR_TOO_LONG);
  assert_non_null(strstr(why, NAME));
}

/* ---- writers that fail, die, or compete ---- */

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
  if (keep(more, sizeof more) != FRANK_ERR_IO || strstr(why, strerror(EFBIG)) == NULL) {
    _exit(2);
  }
}

#define NOBODY 65534

/* As a user who owns the folder, but may write everywhere no longer. */
static void body_no_permission(void)
{
  if ((geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) ||
      keep(content, sizeof content) != FRANK_OK || chmod(dir, 0500) != 0) {
    _exit(1);
  }
  if (keep("new", 3) != FRANK_ERR_DENIED || strstr(why, strerror(EACCES)) == NULL ||
      find(content, sizeof content) != FRANK_OK) {
    _exit(2);
  }
  if (chmod(dir, 0000) != 0 || find("", 0) != FRANK_ERR_DENIED ||
      strstr(why, strerror(EACCES)) == NULL || chmod(dir, 0700) != 0) {
    _exit(3);
  }
}

static void folder_that_may_not_be_written_is_told(void **state)
{
  (void)state;
  if (geteuid() == 0) {
    assert_int_equal(chown(root, NOBODY, NOBODY), 0);
  }
  assert_int_equal(run_apart(body_no_permission), 0);
}

static void failing_write_leaves_the_old_file(void **state)
{
  (void)state;
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(run_apart(body_no_room), 0);
  assert_int_equal(find(content, sizeof content), FRANK_OK);
  assert_int_equal(entries(), 1);
}

static void age(const char *name, time_t seconds)
{
  char full[256];
  const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
                                    {.tv_sec = time(NULL) - seconds}};
  (void)snprintf(full, sizeof full, "%s/%.100s", dir, name);
  assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
}

static void age_all_drafts(time_t seconds)
{
  DIR *list = opendir(dir);
  assert_non_null(list);
  for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
    if (strncmp(entry->d_name, "." NAME ".", strlen(NAME) + 2) == 0) {
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
    if (keep(data, len) != FRANK_OK) {
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
  if (frank_kept_read(dir, NAME, &key, MAX_BYTES, &data, &len, why) != FRANK_OK) {
    fail_msg("not whole: %s", why);
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
  assert_int_equal(keep(first, sizeof first), FRANK_OK);
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
  assert_int_equal(entries(), 1);
}

static void killed_writers_leave_a_whole_file_and_little_else(void **state)
{
  (void)state;
  enum { KILLS = 30 };
  uint8_t first[1000];
  memset(first, 1, sizeof first);
  assert_int_equal(keep(first, sizeof first), FRANK_OK);
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
    assert_true(entries() <= 17);
  }
  age_all_drafts(120);
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(entries(), 1);
}

static void drafts_of_the_dead_are_removed_and_bounded(void **state)
{
  (void)state;
  static const char *const kept_away[] = {"." NAME, "." NAME ".0123", "." NAME ".0123456789abcdeF",
                                          "." NAME ".0123456789abcdefx",
                                          ".tuning.bin2.0123456789abcdef"};
  char name[64];
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  /* Names that only resemble a draft's are somebody else's. */
  for (size_t i = 0; i < sizeof kept_away / sizeof kept_away[0]; i++) {
    (void)snprintf(path, sizeof path, "%s/%.40s", dir, kept_away[i]);
    put_raw((const uint8_t *)"", 0);
    age(kept_away[i], 1000);
  }
  for (unsigned i = 0; i < 16; i++) {
    (void)snprintf(name, sizeof name, "." NAME ".%016x", i);
    (void)snprintf(path, sizeof path, "%s/%.40s", dir, name);
    put_raw((const uint8_t *)"half", 4);
  }
  assert_int_equal(entries(), 22);
  /* As long as they may be alive they stay, and only so many. */
  assert_int_equal(keep("new", 3), FRANK_ERR_FULL);
  assert_non_null(strstr(why, "16 processes are writing it"));
  assert_int_equal(find(content, sizeof content), FRANK_OK);
  assert_int_equal(entries(), 22);
  age(name, 61);
  assert_int_equal(keep("new", 3), FRANK_OK);
  assert_int_equal(find("new", 3), FRANK_OK);
  assert_int_equal(entries(), 21);
  age_all_drafts(-3600); /* of a clock that went wrong */
  assert_int_equal(keep(content, sizeof content), FRANK_OK);
  assert_int_equal(entries(), 6);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
      TEST(what_was_kept_comes_back),
      TEST(file_for_another_key_counts_as_absent),
      TEST(file_longer_than_wanted_is_refused),
      TEST(every_truncation_is_refused),
      TEST(every_flipped_bit_is_refused),
      TEST(huge_lengths_are_refused_unread),
      TEST(refused_file_is_replaced_by_the_next_write),
      TEST(files_of_other_kinds_are_refused_by_name),
      TEST(file_of_another_user_is_refused),
      TEST(folder_is_made_for_us_alone),
      TEST(folder_that_cannot_be_is_named),
      TEST(folder_that_may_not_be_written_is_told),
      TEST(failing_write_leaves_the_old_file),
      TEST(writers_at_once_never_show_a_part),
      TEST(killed_writers_leave_a_whole_file_and_little_else),
      TEST(drafts_of_the_dead_are_removed_and_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
