/* The store of deliveries: what is left after a full file, other writers, a death in the middle,
 * and damage; and what is refused. */
#include "replay_scene.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- bounds and others ---- */

static void a_full_store_says_so_and_goes_on_once_there_is_room(void **state)
{
  struct frank_replay *replay = NULL;
  struct frank_replay_counts counts;
  enum frank_err err = FRANK_OK;
  struct stat info;
  unsigned id = 0;

  (void)state;
  assert_int_equal(frank_replay_open_sqlite(path, 256 << 10, BUSY_MS, &replay, why), FRANK_OK);
  expect(note_until(replay, 1000000, "bob", NOW_S, UNTIL_S + DAY_S), 1, 1);
  for (; id < 100000 && err == FRANK_OK; id++) {
    err = try_note(replay, id, "al bob ed", NOW_S, UNTIL_S, &counts);
  }
  assert_int_equal(err, FRANK_ERR_FULL);
  assert_non_null(strstr(why, path));
  assert_true(id > 500); /* some bytes for each: it is worth its room */
  assert_int_equal(stat(path, &info), 0);
  assert_true(info.st_size <= 256 << 10);
  /* what failed was not noted in part, and what was there is */
  expect(note_until(replay, 1000000, "bob", NOW_S, UNTIL_S + DAY_S), 1, 2);
  expire_all(replay, UNTIL_S);
  expect(note_until(replay, id - 1, "al", UNTIL_S, UNTIL_S + DAY_S), 1, 1);
  expect(note_until(replay, 1000000, "bob", UNTIL_S, UNTIL_S + DAY_S), 1, 3);
  frank_replay_close(&replay);
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_is_an_error_and_loses_nothing(void **state)
{
  struct frank_replay *replay = open_store();
  struct frank_replay_counts counts;
  struct rlimit limit, old;
  enum frank_err err = FRANK_OK;

  (void)state;
  expect(note(replay, 1000000, "bob"), 1, 1);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  limit = old;
  limit.rlim_cur = 512 << 10;
  assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (unsigned id = 0; id < 100000 && err == FRANK_OK; id++) {
    err = try_note(replay, id, "al bob ed", NOW_S, UNTIL_S, &counts);
  }
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  assert_true(err == FRANK_ERR_FULL || err == FRANK_ERR_IO);
  assert_non_null(strstr(why, path));
  expect(note(replay, 1000000, "bob"), 1, 2);
  frank_replay_close(&replay);
  replay = open_store();
  expect(note(replay, 1000000, "bob"), 1, 3);
  frank_replay_close(&replay);
}

/* Starts a child that runs `body` and does not return; the pipe says when it is under way. */
static pid_t start(void (*body)(int ready_fd), int *ready_fd)
{
  int ends[2];
  pid_t child;

  assert_int_equal(pipe(ends), 0);
  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    close(ends[0]);
    body(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  *ready_fd = ends[0];
  return child;
}

static void wait_ready(int fd)
{
  char byte;

  assert_int_equal(read(fd, &byte, 1), 1);
}

static void hold_lock(int ready_fd)
{
  struct frank_replay *replay = NULL;
  struct frank_replay_counts counts;

  /* a note that does not end: SQLite's own lock, held by a process that is stopped within it */
  if (frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why) != FRANK_OK) {
    _exit(99);
  }
  for (unsigned id = 0;; id++) {
    if (try_note(replay, id % 100, "al bob", NOW_S, UNTIL_S, &counts) != FRANK_OK) {
      _exit(98);
    }
    if (id == 50 && write(ready_fd, "x", 1) != 1) {
      _exit(97);
    }
  }
}

/* A process that is stopped while it writes: the others are told after their time, and go on when
 * it is gone. */
static void a_locked_store_is_told_after_the_time_allowed(void **state)
{
  struct frank_replay *replay = open_store();
  struct frank_replay *impatient = NULL;
  struct frank_replay_counts counts;
  enum frank_err err = FRANK_OK;
  int fd = -1, status;
  pid_t child = start(hold_lock, &fd);

  (void)state;
  wait_ready(fd);
  do { /* the other may be at it for longer than that, where the machine lets it stand still */
    err = frank_replay_open_sqlite(path, MAX_BYTES, 20, &impatient, why);
  } while (err == FRANK_ERR_AGAIN);
  assert_int_equal(err, FRANK_OK);
  for (int i = 0; i < 1000 && err != FRANK_ERR_AGAIN; i++) { /* until it is stopped within one */
    const struct timespec pause = {.tv_nsec = 137000L * (i % 20)};

    assert_int_equal(kill(child, SIGCONT), 0);
    nanosleep(&pause, NULL);
    assert_int_equal(kill(child, SIGSTOP), 0);
    err = try_note(impatient, 7777, "bob", NOW_S, UNTIL_S, &counts);
    assert_true(err == FRANK_OK || err == FRANK_ERR_AGAIN);
  }
  assert_int_equal(err, FRANK_ERR_AGAIN);
  assert_non_null(strstr(why, path));
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  close(fd);
  note(impatient, 7777, "al");
  note(replay, 7777, "ed");
  frank_replay_close(&impatient);
  frank_replay_close(&replay);
}

#define EACH 200

static void note_each(int ready_fd)
{
  struct frank_replay *replay = NULL;
  struct frank_replay_counts counts;

  (void)ready_fd;
  if (frank_replay_open_sqlite(path, MAX_BYTES, 6 * BUSY_MS, &replay, why) != FRANK_OK) {
    _exit(99);
  }
  for (int i = 0; i < EACH; i++) {
    enum frank_err err = try_note(replay, (unsigned)i % 5, "bob", NOW_S, UNTIL_S, &counts);

    if (err != FRANK_OK) { /* AGAIN neither: they wait for each other */
      _exit(98);
    }
  }
  frank_replay_close(&replay);
}

/* Three processes, of which the first to come makes the file. */
static void processes_at_once_lose_no_count(void **state)
{
  struct frank_replay *replay;
  pid_t children[3];
  int fds[3], status;

  (void)state;
  for (int i = 0; i < 3; i++) {
    children[i] = start(note_each, &fds[i]);
  }
  for (int i = 0; i < 3; i++) {
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
    close(fds[i]);
  }
  replay = open_store();
  for (unsigned id = 0; id < 5; id++) {
    expect(note(replay, id, "al"), 2, 3 * EACH / 5);
  }
  frank_replay_close(&replay);
}

static void note_and_tell(int ready_fd)
{
  struct frank_replay *replay = NULL;
  struct frank_replay_counts counts;

  if (frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why) != FRANK_OK) {
    _exit(99);
  }
  for (;;) {
    if (try_note(replay, 1, "bob", NOW_S, UNTIL_S, &counts) != FRANK_OK ||
        write(ready_fd, "x", 1) != 1) {
      _exit(98);
    }
  }
}

/* Killed again and again: every delivery that was answered is counted, and at most the one more
 * that was under way. */
static void a_killed_process_loses_nothing_that_was_answered(void **state)
{
  uint64_t answered = 0, deaths = 0;

  (void)state;
  for (int round = 0; round < 20; round++) {
    const struct timespec pause = {.tv_nsec = 731000L * (1 + round)};
    struct frank_replay *replay;
    struct frank_replay_counts counts;
    char bytes[4096];
    int fd = -1, status;
    ssize_t got;
    pid_t child = start(note_and_tell, &fd);

    wait_ready(fd);
    answered++;
    nanosleep(&pause, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    deaths += WIFSIGNALED(status);
    while ((got = read(fd, bytes, sizeof bytes)) > 0) {
      answered += (uint64_t)got;
    }
    close(fd);
    replay = open_store();
    counts = note(replay, 1, "bob");
    answered++;
    assert_true(counts.most >= answered && counts.most <= answered + 1);
    answered = counts.most;
    frank_replay_close(&replay);
  }
  assert_int_equal(deaths, 20);
}

/* ---- strangers and damage ---- */

static void write_file(const char *name, const void *bytes, size_t len)
{
  FILE *file = fopen(name, "wb");

  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

/* In the header of an SQLite file: user_version at 60, application_id at 68, big-endian. */
static void patch(long offset, unsigned char byte)
{
  FILE *file = fopen(path, "r+b");

  assert_non_null(file);
  assert_int_equal(fseek(file, offset, SEEK_SET), 0);
  assert_int_equal(fputc(byte, file), byte);
  assert_int_equal(fclose(file), 0);
}

static enum frank_err try_open(void)
{
  struct frank_replay *replay = NULL;
  enum frank_err err = frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why);

  assert_true(err == FRANK_OK ? replay != NULL : !replay);
  assert_true(err == FRANK_OK || strstr(why, folder));
  frank_replay_close(&replay);
  return err;
}

static void strangers_files_are_refused_and_left_alone(void **state)
{
  struct frank_replay *replay;
  char strange[5000], back[5000];
  char good[96];
  FILE *file;

  (void)state;
  memset(strange, 'x', sizeof strange);
  write_file(path, strange, sizeof strange);
  assert_int_equal(try_open(), FRANK_ERR_MALFORMED);
  file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fread(back, 1, sizeof back, file), sizeof back);
  fclose(file);
  assert_memory_equal(strange, back, sizeof strange);
  write_file(path, "", 0); /* what a kill between making and filling it leaves */
  assert_int_equal(try_open(), FRANK_OK);
  patch(63, 2);
  assert_int_equal(try_open(), FRANK_ERR_UNSUPPORTED);
  patch(63, 1);
  assert_int_equal(try_open(), FRANK_OK);
  patch(71, 0); /* another program's */
  assert_int_equal(try_open(), FRANK_ERR_MALFORMED);
  assert_non_null(strstr(why, "not a store of deliveries"));
  patch(71, 0x70);
  replay = open_store();
  frank_replay_close(&replay);
  memcpy(good, path, sizeof good);
  snprintf(path, sizeof path, "%s", folder);
  assert_int_equal(try_open(), FRANK_ERR_MALFORMED);
  snprintf(path, sizeof path, "%s/none/r.db", folder);
  assert_int_equal(try_open(), FRANK_ERR_NOT_FOUND);
  memcpy(path, good, sizeof good);
}

/* Any byte may be wrong: an error that names the file, or an answer; never a crash. */
static void damage_is_an_error_and_never_a_crash(void **state)
{
  struct frank_replay *replay = open_store();
  struct frank_replay_counts counts;
  unsigned char *original;
  size_t refused = 0, size;
  uint64_t forgotten;
  FILE *file;

  (void)state;
  for (unsigned id = 0; id < 300; id++) {
    note(replay, id, "al bob ed");
  }
  frank_replay_close(&replay);
  original = malloc(1 << 20);
  file = fopen(path, "rb");
  assert_true(original && file);
  size = fread(original, 1, 1 << 20, file);
  fclose(file);
  assert_true(size > 30000 && size < 1 << 20);
  for (size_t at = 0; at < size; at += at < 110 ? 1 : 769) {
    patch((long)at, original[at] ^ 0xff);
    replay = NULL;
    enum frank_err err = frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why);
    refused += err != FRANK_OK;
    if (err == FRANK_OK) {
      err = frank_replay_check(replay, why);
      refused += err != FRANK_OK;
      assert_true(err == FRANK_OK || strstr(why, path));
      err = try_note(replay, 1, "bob cy", NOW_S, UNTIL_S, &counts);
      err = err ? err : frank_replay_expire(replay, UNTIL_S, &forgotten, why);
    }
    assert_true(err == FRANK_OK || strstr(why, path));
    frank_replay_close(&replay);
    write_file(path, original, size);
  }
  if (refused < 50) {
    fail_msg("%zu refused", refused);
  }
  /* cut short */
  for (size_t cut = 1; cut < size; cut += 1777) {
    write_file(path, original, cut);
    replay = NULL;
    if (frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why) == FRANK_OK) {
      (void)!try_note(replay, 1, "bob cy", NOW_S, UNTIL_S, &counts);
    }
    frank_replay_close(&replay);
  }
  free(original);
}

/* Behind the back of an open handle, in the file and in its log. */
static void damage_under_an_open_store_is_an_error(void **state)
{
  static unsigned char junk[1 << 16];
  struct frank_replay *replay = open_store(), *second;
  struct frank_replay_counts counts;
  enum frank_err err = FRANK_OK;
  struct stat info;
  int fd;

  (void)state;
  for (unsigned id = 0; id < 3000; id++) {
    note(replay, id, "al bob ed");
  }
  frank_replay_close(&replay); /* the log goes into the file */
  replay = open_store();
  note(replay, 1, "al");
  assert_int_equal(stat(path, &info), 0);
  memset(junk, 0xa5, sizeof junk);
  fd = open(path, O_WRONLY);
  assert_true(fd >= 0);
  for (off_t at = 4096; at < info.st_size; at += (off_t)sizeof junk) {
    assert_true(pwrite(fd, junk, sizeof junk, at) > 0);
  }
  second = NULL;
  if (frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &second, why) == FRANK_OK) {
    assert_int_equal(frank_replay_check(second, why), FRANK_ERR_MALFORMED);
  }
  assert_non_null(strstr(why, path));
  frank_replay_close(&second);
  for (unsigned id = 0; id < 3000 && err == FRANK_OK; id += 100) {
    err = try_note(replay, id, "cy", NOW_S, UNTIL_S, &counts);
  }
  close(fd);
  frank_replay_close(&replay);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_full_store_says_so_and_goes_on_once_there_is_room),
      TEST(a_full_disk_is_an_error_and_loses_nothing),
      TEST(a_locked_store_is_told_after_the_time_allowed),
      TEST(processes_at_once_lose_no_count),
      TEST(a_killed_process_loses_nothing_that_was_answered),
      TEST(strangers_files_are_refused_and_left_alone),
      TEST(damage_is_an_error_and_never_a_crash),
      TEST(damage_under_an_open_store_is_an_error),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
