/* What the keeper and the filter of frank-milter share: settings and factor without a lock, and
 * counters that outlive both. */
#include "base/clock.h"
#include "mail/milter/counters.h"
#include "mail/milter/view.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define READS   300
#define LIMIT_S 50 /* for a machine that does not let the writer run */

static struct frank_milter_settings settings;

static void fill(struct frank_milter_settings *out, char with)
{
  memset(out, with, sizeof *out);
}

/* A writer that is always at it; a reader sees one of its two states, never a mixture. */
static void a_reader_sees_no_half_of_a_change(void **state)
{
  struct frank_milter_view *view = NULL;
  struct frank_milter_view *mapped = NULL;
  bool seen[2] = {false, false};
  int fd = -1;
  (void)state;
  assert_int_equal(frank_milter_view_new(&view, &fd), FRANK_OK);
  fill(&settings, 'a');
  frank_milter_view_put_settings(view, &settings);
  pid_t writer = fork();
  assert_true(writer >= 0);
  if (writer == 0) {
    for (uint64_t i = 0;; i++) {
      struct timespec pause = {.tv_sec = 0};
      uint64_t start_us = frank_clock_now_us();
      fill(&settings, i % 2 == 0 ? 'b' : 'a');
      frank_milter_view_put_settings(view, &settings);
      /* so that a reader comes through now and then, however slow both are */
      pause.tv_nsec = (long)(1000 * (5 * (frank_clock_now_us() - start_us) % 900000));
      (void)nanosleep(&pause, NULL);
    }
  }
  assert_int_equal(frank_milter_view_map(fd, &mapped), FRANK_OK);
  uint64_t until_us = frank_clock_now_us() + LIMIT_S * FRANK_US_PER_S;
  for (int i = 0; i < READS || (!(seen[0] && seen[1]) && frank_clock_now_us() < until_us); i++) {
    frank_milter_view_settings(mapped, &settings);
    const char *bytes = (const char *)&settings;
    for (size_t at = 1; at < sizeof settings; at++) {
      if (bytes[at] != bytes[0]) {
        (void)kill(writer, SIGKILL);
        fail_msg("read %d: byte %zu is '%c', the first one '%c'", i, at, bytes[at], bytes[0]);
      }
    }
    seen[bytes[0] - 'a'] = true;
  }
  (void)kill(writer, SIGKILL);
  assert_int_equal(waitpid(writer, NULL, 0), writer);
  assert_true(seen[0] && seen[1]);
  frank_milter_view_destroy(&mapped);
  frank_milter_view_destroy(&view);
  (void)close(fd);
}

static void the_factor_travels_whole(void **state)
{
  struct frank_milter_view *view = NULL;
  struct frank_judge_factor in = {.factor = 4096, .previous = 1024, .previous_until_s = 99};
  struct frank_judge_factor out;
  int fd = -1;
  (void)state;
  assert_int_equal(frank_milter_view_new(&view, &fd), FRANK_OK);
  frank_milter_view_factor(view, &out);
  assert_int_equal(out.factor, 0); /* before the first one: it cannot be had */
  (void)snprintf(in.source, sizeof in.source, "authority.example#7");
  frank_milter_view_put_factor(view, &in);
  frank_milter_view_factor(view, &out);
  assert_int_equal(out.factor, 4096);
  assert_int_equal(out.previous, 1024);
  assert_int_equal(out.previous_until_s, 99);
  assert_string_equal(out.source, "authority.example#7");
  frank_milter_view_destroy(&view);
  assert_null(view);
  (void)close(fd);
}

static void the_level_of_the_log_needs_no_copy(void **state)
{
  struct frank_milter_view *view = NULL;
  int fd = -1;
  (void)state;
  assert_int_equal(frank_milter_view_new(&view, &fd), FRANK_OK);
  fill(&settings, 'a');
  for (uint32_t level = FRANK_LOG_ERROR; level <= FRANK_LOG_DEBUG; level++) {
    settings.log_level = level;
    frank_milter_view_put_settings(view, &settings);
    assert_int_equal(frank_milter_view_log_level(view), level);
  }
  frank_milter_view_destroy(&view);
  (void)close(fd);
}

static void another_size_is_refused(void **state)
{
  struct frank_milter_view *view = NULL;
  struct frank_milter_counters *counters = NULL;
  FILE *file = tmpfile();
  (void)state;
  assert_non_null(file);
  assert_int_equal(frank_milter_view_map(fileno(file), &view), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_milter_counters_map(fileno(file), &counters), FRANK_ERR_MALFORMED);
  assert_int_equal(frank_milter_view_map(-1, &view), FRANK_ERR_IO);
  assert_int_equal(frank_milter_counters_map(-1, &counters), FRANK_ERR_IO);
  (void)fclose(file);
}

static char *make_dir(void)
{
  static char dir[64];
  (void)snprintf(dir, sizeof dir, "/tmp/frank-counters-XXXXXX");
  assert_non_null(mkdtemp(dir));
  return dir;
}

static void counts_outlive_their_process(void **state)
{
  struct frank_milter_counters *counters = NULL;
  struct frank_milter_counters *mapped = NULL;
  char path[300];
  char *dir = make_dir();
  int fd = -1;
  (void)state;
  assert_int_equal(frank_milter_counters_open(dir, FRANK_MILTER_MINT, &counters, &fd, path),
                   FRANK_OK);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (frank_milter_counters_map(fd, &mapped) == FRANK_OK) {
      frank_milter_count(mapped, FRANK_COUNT_STAMPED, 2);
      frank_milter_count(mapped, FRANK_COUNT_UNSTAMPED + FRANK_UNSTAMPED_BUSY, 1);
    }
    (void)kill(getpid(), SIGKILL);
  }
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(frank_milter_counted(counters, FRANK_COUNT_STAMPED), 2);
  frank_milter_counters_close(&counters);
  (void)close(fd);
  assert_int_equal(frank_milter_counters_open(dir, FRANK_MILTER_MINT, &counters, &fd, path),
                   FRANK_OK);
  assert_int_equal(frank_milter_counted(counters, FRANK_COUNT_STAMPED), 2);
  assert_int_equal(frank_milter_counted(counters, FRANK_COUNT_UNSTAMPED + FRANK_UNSTAMPED_BUSY), 1);
  frank_milter_counters_close(&counters);
  (void)close(fd);
  /* another mode has a file of its own; one of another build begins anew, whatever it holds */
  assert_int_equal(frank_milter_counters_open(dir, FRANK_MILTER_VERIFY, &counters, &fd, path),
                   FRANK_OK);
  assert_int_equal(frank_milter_counted(counters, FRANK_COUNT_STAMPED), 0);
  frank_milter_counters_close(&counters);
  (void)close(fd);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  for (int i = 0; i < 4000; i++) {
    (void)fputc('x', file);
  }
  (void)fclose(file);
  assert_int_equal(frank_milter_counters_open(dir, FRANK_MILTER_VERIFY, &counters, &fd, path),
                   FRANK_OK);
  for (unsigned i = 0; i < FRANK_COUNT_COUNT; i++) {
    assert_int_equal(frank_milter_counted(counters, i), 0);
  }
  frank_milter_counters_close(&counters);
  (void)close(fd);
  (void)unlink(path);
  (void)snprintf(path, sizeof path, "%s/mint.counters", dir);
  (void)unlink(path);
  assert_int_equal(rmdir(dir), 0);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
  struct frank_milter_counters *counters = NULL;
  char path[300];
  int fd = -1;
  (void)state;
  assert_int_equal(frank_milter_counters_open("/nowhere", FRANK_MILTER_MINT, &counters, &fd, path),
                   FRANK_ERR_IO);
  assert_string_equal(path, "/nowhere/mint.counters");
  assert_int_equal(frank_milter_counters_open(NULL, FRANK_MILTER_MINT, &counters, &fd, path),
                   FRANK_OK);
  frank_milter_counters_close(&counters);
  (void)close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reader_sees_no_half_of_a_change),
      cmocka_unit_test(the_factor_travels_whole),
      cmocka_unit_test(the_level_of_the_log_needs_no_copy),
      cmocka_unit_test(another_size_is_refused),
      cmocka_unit_test(counts_outlive_their_process),
      cmocka_unit_test(a_folder_that_is_not_there_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
