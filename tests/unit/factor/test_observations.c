/*
 * The store of observations and of reporters: what is counted, what is refused, what survives.
 */
#include "factor/observations.h"

#include "proof/target.h"

#include <fcntl.h>
#include <math.h>
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
#include <unistd.h>

#include <cmocka.h>

#define NOW_S       INT64_C(1795305600)
#define DAY_S       INT64_C(86400)
#define HALF_LIFE_S (14 * DAY_S)

static char folder[64];
static char path[96];
static char why[FRANK_OBSERVATIONS_WHY_BYTES];

static int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "%s", "/tmp/frank-observations-XXXXXX");
  if (!mkdtemp(folder)) {
    return -1;
  }
  snprintf(path, sizeof path, "%s/o.db", folder);
  return 0;
}

static int remove_folder(void **state)
{
  (void)state;
  char journal[128];
  snprintf(journal, sizeof journal, "%s-journal", path);
  unlink(journal);
  unlink(path);
  return rmdir(folder);
}

static struct frank_observations *open_store(bool writable)
{
  struct frank_observations *store = NULL;
  enum frank_err err = frank_observations_open(path, writable, &store, why);
  if (err != FRANK_OK) {
    fail_msg("%s", why);
  }
  return store;
}

static enum frank_err add(struct frank_observations *store, const char *reporter, const char *id,
                          double bits, bool is_spam, uint32_t count, int64_t at_s, int64_t now_s)
{
  const struct frank_observation one = {
      .bits = bits, .is_spam = is_spam, .count = count, .at_s = at_s};
  return frank_observations_add(store, reporter, id, &one, 1, now_s, why);
}

static struct frank_observations_sum sum_of(struct frank_observations *store, uint64_t factor,
                                            int64_t since_s, int64_t now_s)
{
  struct frank_observations_sum *list = NULL;
  struct frank_observations_sum sum = {0};
  size_t count = 0;
  assert_int_equal(
      frank_observations_sums(store, factor, since_s, HALF_LIFE_S, now_s, &list, &count, why),
      FRANK_OK);
  if (count > 0) {
    sum = list[0];
  }
  free(list);
  return sum;
}

static void it_is_made_and_found_again(void **state)
{
  (void)state;
  struct stat info;
  uint64_t total = 0;
  struct frank_observations *store = NULL;
  assert_int_equal(frank_observations_open(path, false, &store, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, path));
  store = open_store(true);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 20, false, 3, NOW_S, NOW_S), FRANK_OK);
  frank_observations_close(&store);
  assert_null(store);
  frank_observations_close(&store);
  store = open_store(false);
  assert_int_equal(frank_observations_total(store, &total, why), FRANK_OK);
  assert_int_equal(total, 3);
  assert_int_not_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 20, false, 3, NOW_S, NOW_S),
                       FRANK_OK);
  frank_observations_close(&store);
}

/* Bits decide as they are written: 4 decimals. */
static void factor_is_met_to_the_last_decimal(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  const uint64_t factors[] = {1, 2, 3, 1000, 1048576, 16777215, 600000001, FRANK_FACTOR_MAX};
  for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
    double bits = floor(log2((double)factors[i]) * 1e4 + 0.5) / 1e4;
    struct frank_observations_sum before = sum_of(store, factors[i], 0, NOW_S);
    assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, bits + 0.0001, true, 1, NOW_S, NOW_S),
                     FRANK_OK);
    if (bits > 0.0001) {
      assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, bits, false, 1, NOW_S, NOW_S),
                       FRANK_OK);
      assert_int_equal(
          add(store, FRANK_REPORTER_LOCAL, NULL, bits - 0.0001, false, 1, NOW_S, NOW_S), FRANK_OK);
      struct frank_observations_sum after = sum_of(store, factors[i], 0, NOW_S);
      assert_true(fabs(after.ham - before.ham - 1) < 0.01);
      assert_true(fabs(after.spam - before.spam - 1) < 0.01);
    }
  }
  frank_observations_close(&store);
}

static void mail_without_a_stamp_meets_nothing(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  struct frank_observations_stock stock;
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 0, true, 70, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 0, false, 7, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24.5, false, 5, NOW_S, NOW_S), FRANK_OK);
  struct frank_observations_sum sum = sum_of(store, 1, 0, NOW_S);
  assert_true(sum.spam == 0 && fabs(sum.ham - 5) < 0.02 && fabs(sum.stamped - 5) < 0.02);
  assert_int_equal(frank_observations_stock(store, &stock, why), FRANK_OK);
  assert_int_equal(stock.unstamped_spam, 70);
  assert_int_equal(stock.unstamped_ham, 7);
  assert_int_equal(stock.stamped_ham, 5);
  assert_int_equal(stock.total, 82);
  assert_int_equal(stock.reporters, 1);
  frank_observations_close(&store);
}

static void old_mail_counts_half_and_then_goes(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  struct frank_observations_stock stock;
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, true, 1000, NOW_S, NOW_S), FRANK_OK);
  for (int halves = 0; halves < 9; halves++) {
    struct frank_observations_sum sum = sum_of(store, 1000, 0, NOW_S + halves * HALF_LIFE_S);
    assert_true(fabs(sum.spam / (1000 * exp2(-halves)) - 1) < 0.01);
  }
  int64_t later_s = NOW_S + FRANK_OBSERVATIONS_KEEP_S + DAY_S;
  assert_true(sum_of(store, 1000, 0, later_s).spam == 0);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, false, 1, later_s, later_s),
                   FRANK_OK);
  assert_int_equal(frank_observations_stock(store, &stock, why), FRANK_OK);
  assert_int_equal(stock.stamped_spam, 0);
  assert_int_equal(stock.total, 1001);
  frank_observations_close(&store);
}

/* Written once by a clock that was years ahead: what is too old goes all the same. */
static void a_clock_that_was_ahead_ends_no_tidying(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  struct frank_observations_stock stock;
  int64_t later_s = NOW_S + FRANK_OBSERVATIONS_KEEP_S + 2 * DAY_S;
  int64_t ahead_s = NOW_S + 3000 * DAY_S;
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, true, 1, ahead_s, ahead_s), FRANK_OK);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, false, 7, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, false, 2, later_s, later_s),
                   FRANK_OK);
  assert_int_equal(frank_observations_stock(store, &stock, why), FRANK_OK);
  assert_int_equal(stock.stamped_ham, 2);
  frank_observations_close(&store);
}

static void mail_before_the_rise_counts_no_more(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, true, 10, NOW_S - DAY_S, NOW_S),
                   FRANK_OK);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 24, false, 20, NOW_S, NOW_S), FRANK_OK);
  struct frank_observations_sum sum = sum_of(store, 1000, NOW_S - 3600, NOW_S);
  assert_true(sum.spam == 0 && sum.ham > 19);
  assert_true(sum.stamped > 29); /* it still tells that the reporter is there */
  sum = sum_of(store, 1000, NOW_S - 2 * DAY_S, NOW_S);
  assert_true(sum.spam > 9);
  frank_observations_close(&store);
}

static void what_is_out_of_range_is_refused(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  uint64_t total = 0;
  const struct frank_observation bad[] = {
      {-0.1, false, 1, NOW_S},
      {256.1, false, 1, NOW_S},
      {(double)NAN, false, 1, NOW_S},
      {20, false, 0, NOW_S},
      {20, false, FRANK_OBSERVATIONS_COUNT_MAX + 1, NOW_S},
      {20, false, 1, NOW_S + 301},
      {20, false, 1, NOW_S - FRANK_OBSERVATIONS_KEEP_S - 1},
      {20, false, 1, -5},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const struct frank_observation list[] = {{20, false, 1, NOW_S}, bad[i]};
    assert_int_equal(frank_observations_add(store, FRANK_REPORTER_LOCAL, NULL, list, 2, NOW_S, why),
                     FRANK_ERR_RANGE);
    assert_non_null(strstr(why, "observation 2"));
  }
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 256, true, 1, NOW_S + 300, NOW_S),
                   FRANK_OK);
  assert_int_equal(add(store, "nobody", NULL, 20, true, 1, NOW_S, NOW_S), FRANK_ERR_NOT_FOUND);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, "", 20, true, 1, NOW_S, NOW_S),
                   FRANK_ERR_MALFORMED);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, "a\nb", 20, true, 1, NOW_S, NOW_S),
                   FRANK_ERR_MALFORMED);
  assert_int_equal(frank_observations_total(store, &total, why), FRANK_OK);
  assert_int_equal(total, 1);
  frank_observations_close(&store);
}

static void a_report_counts_once(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  char token[FRANK_REPORTER_TOKEN_BYTES];
  uint64_t total = 0;
  assert_int_equal(frank_reporters_add(store, "mx1", NOW_S, token, why), FRANK_OK);
  assert_int_equal(add(store, "mx1", "r1", 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(add(store, "mx1", "r1", 20, true, 5, NOW_S, NOW_S), FRANK_ERR_TAKEN);
  assert_int_equal(add(store, FRANK_REPORTER_LOCAL, "r1", 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(add(store, "mx1", "r2", 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(frank_observations_total(store, &total, why), FRANK_OK);
  assert_int_equal(total, 15);
  frank_observations_close(&store);
}

static void a_reporter_has_so_many_messages_in_a_day(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  char token[FRANK_REPORTER_TOKEN_BYTES];
  assert_int_equal(frank_reporters_add(store, "mx1", NOW_S, token, why), FRANK_OK);
  assert_int_equal(add(store, "mx1", "a", 20, true, FRANK_REPORTER_DAY_MAX - 1, NOW_S, NOW_S),
                   FRANK_OK);
  assert_int_equal(add(store, "mx1", "b", 20, true, 2, NOW_S, NOW_S), FRANK_ERR_DENIED);
  assert_int_equal(add(store, "mx1", "b", 20, true, 1, NOW_S, NOW_S), FRANK_OK);
  /* The one that was taken is no flood; the id of the one that was refused is free. */
  assert_int_equal(add(store, "mx1", "a", 20, true, FRANK_REPORTER_DAY_MAX - 1, NOW_S, NOW_S),
                   FRANK_ERR_TAKEN);
  assert_int_equal(add(store, "mx1", "c", 20, true, 1, NOW_S, NOW_S + DAY_S), FRANK_OK);
  assert_int_equal(
      add(store, FRANK_REPORTER_LOCAL, NULL, 20, true, FRANK_REPORTER_DAY_MAX + 1, NOW_S, NOW_S),
      FRANK_OK);
  frank_observations_close(&store);
}

static void reporters_have_tokens(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  char token[FRANK_REPORTER_TOKEN_BYTES];
  char other[FRANK_REPORTER_TOKEN_BYTES];
  char name[FRANK_REPORTER_NAME_BYTES];
  struct frank_reporter *list = NULL;
  size_t count = 0;
  const char *const bad[] = {
      "",    "a b",      "a/b",
      "a'b", "\xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890123"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(frank_reporters_add(store, bad[i], NOW_S, token, why), FRANK_ERR_MALFORMED);
  }
  assert_int_equal(frank_reporters_add(store, FRANK_REPORTER_LOCAL, NOW_S, token, why),
                   FRANK_ERR_TAKEN);
  assert_int_equal(frank_reporters_add(store, "mx1.example", NOW_S, token, why), FRANK_OK);
  assert_int_equal(strlen(token), 64);
  assert_int_equal(frank_reporters_add(store, "mx1.example", NOW_S, other, why), FRANK_ERR_TAKEN);
  assert_string_equal(other, "");
  assert_int_equal(frank_reporters_find(store, token, name, why), FRANK_OK);
  assert_string_equal(name, "mx1.example");
  token[0] = token[0] == '0' ? '1' : '0';
  assert_int_equal(frank_reporters_find(store, token, name, why), FRANK_ERR_DENIED);
  assert_int_equal(frank_reporters_find(store, "", name, why), FRANK_ERR_DENIED);
  assert_int_equal(frank_reporters_revoke(store, "mx2", false, why), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_reporters_revoke(store, FRANK_REPORTER_LOCAL, false, why),
                   FRANK_ERR_NOT_FOUND);
  assert_int_equal(add(store, "mx1.example", "x", 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(frank_reporters_list(store, &list, &count, why), FRANK_OK);
  assert_int_equal(count, 1);
  assert_true(list[0].messages == 5 && !list[0].revoked && list[0].made_s == NOW_S);
  free(list);
  frank_observations_close(&store);
}

static void a_revoked_token_opens_nothing(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  char first[FRANK_REPORTER_TOKEN_BYTES];
  char second[FRANK_REPORTER_TOKEN_BYTES];
  char name[FRANK_REPORTER_NAME_BYTES];
  assert_int_equal(frank_reporters_add(store, "mx1", NOW_S, first, why), FRANK_OK);
  assert_int_equal(add(store, "mx1", "x", 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  assert_int_equal(frank_reporters_revoke(store, "mx1", false, why), FRANK_OK);
  assert_int_equal(frank_reporters_find(store, first, name, why), FRANK_ERR_DENIED);
  assert_true(sum_of(store, 1000, 0, NOW_S).spam > 4);
  assert_int_equal(frank_reporters_add(store, "mx1", NOW_S, second, why), FRANK_OK);
  assert_string_not_equal(first, second);
  assert_int_equal(frank_reporters_find(store, first, name, why), FRANK_ERR_DENIED);
  assert_int_equal(frank_reporters_find(store, second, name, why), FRANK_OK);
  assert_int_equal(frank_reporters_revoke(store, "mx1", true, why), FRANK_OK);
  assert_true(sum_of(store, 1000, 0, NOW_S).spam == 0);
  frank_observations_close(&store);
}

static void a_new_reporter_is_seen_before_it_reports(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  char token[FRANK_REPORTER_TOKEN_BYTES];
  struct frank_observations_sum *list = NULL;
  size_t count = 0;
  assert_int_equal(frank_reporters_add(store, "mx1", NOW_S, token, why), FRANK_OK);
  assert_int_equal(
      frank_observations_sums(store, 1000, 0, HALF_LIFE_S, NOW_S + DAY_S, &list, &count, why),
      FRANK_OK);
  assert_int_equal(count, 1);
  assert_true(list[0].is_new && !list[0].is_fresh && list[0].stamped == 0);
  assert_string_equal(list[0].reporter, "mx1");
  free(list);
  assert_int_equal(add(store, "mx1", NULL, 20, true, 5, NOW_S, NOW_S), FRANK_OK);
  struct frank_observations_sum sum = sum_of(store, 1000, 0, NOW_S + DAY_S);
  assert_true(sum.is_new && sum.is_fresh);
  sum = sum_of(store, 1000, 0, NOW_S + FRANK_REPORTER_NEW_S + 1);
  assert_true(!sum.is_new && !sum.is_fresh && sum.stamped > 0);
  frank_observations_close(&store);
}

static void a_message_is_learned_once_and_moves(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  struct frank_learning list[2] = {{.id = {1}, .bits = 20}, {.id = {2}, .bits = 21}};
  uint64_t total = 0;
  assert_int_equal(frank_observations_learn(store, list, 2, NOW_S, why), FRANK_OK);
  assert_true(list[0].outcome == FRANK_LEARNED && list[1].outcome == FRANK_LEARNED);
  assert_int_equal(frank_observations_learn(store, list, 1, NOW_S, why), FRANK_OK);
  assert_int_equal(list[0].outcome, FRANK_LEARNED_ALREADY);
  list[0].is_spam = true;
  list[0].bits = 22;
  assert_int_equal(frank_observations_learn(store, list, 1, NOW_S + DAY_S, why), FRANK_OK);
  assert_int_equal(list[0].outcome, FRANK_LEARNED_MOVED);
  struct frank_observations_sum sum = sum_of(store, 1 << 20, 0, NOW_S);
  assert_true(fabs(sum.ham - 1) < 0.01 && fabs(sum.spam - 1) < 0.01);
  assert_true(fabs(sum_of(store, 1 << 22, 0, NOW_S).spam - 1) < 0.01);
  /* Twice in one list. */
  struct frank_learning twice[2] = {{.id = {3}, .bits = 20}, {.id = {3}, .bits = 20}};
  assert_int_equal(frank_observations_learn(store, twice, 2, NOW_S, why), FRANK_OK);
  assert_int_equal(twice[1].outcome, FRANK_LEARNED_ALREADY);
  assert_int_equal(frank_observations_total(store, &total, why), FRANK_OK);
  assert_int_equal(total, 3);
  frank_observations_close(&store);
}

/* ---- files that are not ours, or not whole ---- */

static void write_file(const char *name, const void *bytes, size_t len)
{
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, len), (ssize_t)len);
  close(fd);
}

static void other_files_are_refused_and_left_alone(void **state)
{
  (void)state;
  char text[5000];
  char back[5000];
  struct frank_observations *store = NULL;
  memset(text, 'x', sizeof text);
  for (int writable = 0; writable < 2; writable++) {
    write_file(path, text, sizeof text);
    assert_int_equal(frank_observations_open(path, writable != 0, &store, why),
                     FRANK_ERR_MALFORMED);
    assert_non_null(strstr(why, path));
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, back, sizeof back), (ssize_t)sizeof back);
    close(fd);
    assert_memory_equal(text, back, sizeof text);
  }
  unlink(path);
  assert_int_equal(frank_observations_open(folder, true, &store, why), FRANK_ERR_MALFORMED);
  write_file(path, "", 0);
  assert_int_equal(frank_observations_open(path, false, &store, why), FRANK_ERR_NOT_FOUND);
  store = open_store(true); /* what a kill between making and filling it leaves */
  frank_observations_close(&store);
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

static void later_versions_and_strangers_are_refused(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  frank_observations_close(&store);
  patch(63, 2);
  assert_int_equal(frank_observations_open(path, true, &store, why), FRANK_ERR_UNSUPPORTED);
  patch(63, 1);
  store = open_store(true);
  frank_observations_close(&store);
  patch(71, 0);
  assert_int_equal(frank_observations_open(path, true, &store, why), FRANK_ERR_MALFORMED);
}

/* Any byte may be wrong: an error or right figures, never a crash, never other figures made of what
 * quick_check can see. */
static void damage_is_an_error_and_never_a_crash(void **state)
{
  (void)state;
  struct frank_observations *store = open_store(true);
  for (int i = 0; i < 300; i++) {
    assert_int_equal(add(store, FRANK_REPORTER_LOCAL, NULL, 20 + i / 100.0, i % 2 == 0, 1,
                         NOW_S - i * INT64_C(3600), NOW_S),
                     FRANK_OK);
  }
  frank_observations_close(&store);
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  size_t refused = 0;
  unsigned char was = 0;
  for (long at = 0; at < info.st_size; at += at < 200 ? 1 : 37) {
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, &was, 1, at), 1);
    close(fd);
    patch(at, (unsigned char)(was ^ 0xff));
    if (frank_observations_open(path, true, &store, why) != FRANK_OK) {
      assert_non_null(strstr(why, path));
      refused++;
    } else {
      struct frank_observations_sum *list = NULL;
      size_t count = 0;
      enum frank_err err =
          frank_observations_sums(store, 1000, 0, HALF_LIFE_S, NOW_S, &list, &count, why);
      assert_true(err == FRANK_OK || err == FRANK_ERR_MALFORMED || err == FRANK_ERR_IO);
      free(list);
      frank_observations_close(&store);
    }
    patch(at, was);
  }
  assert_true(refused > 100);
  store = open_store(true);
  frank_observations_close(&store);
}

static void two_writers_lose_nothing(void **state)
{
  (void)state;
  uint64_t total = 0;
  struct frank_observations *store = open_store(true);
  frank_observations_close(&store);
  pid_t children[2];
  for (int c = 0; c < 2; c++) {
    children[c] = fork();
    assert_true(children[c] >= 0);
    if (children[c] == 0) {
      int added = 0;
      enum frank_err opened = FRANK_ERR_AGAIN; /* an answer: the other has the file just now */
      while (opened == FRANK_ERR_AGAIN) {
        opened = frank_observations_open(path, true, &store, why);
      }
      if (opened != FRANK_OK) {
        _exit(99);
      }
      while (added < 50) {
        enum frank_err err = add(store, FRANK_REPORTER_LOCAL, NULL, 20 + c, false, 1, NOW_S, NOW_S);
        if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
          _exit(98);
        }
        added += err == FRANK_OK;
      }
      _exit(0);
    }
  }
  for (int c = 0; c < 2; c++) {
    int status = -1;
    assert_int_equal(waitpid(children[c], &status, 0), children[c]);
    assert_int_equal(status, 0);
  }
  store = open_store(false);
  assert_int_equal(frank_observations_total(store, &total, why), FRANK_OK);
  assert_int_equal(total, 100);
  frank_observations_close(&store);
}

/* A limit on the size of files stands for a full disk: writes beyond it fail. */
static void a_full_disk_loses_nothing_that_was_answered(void **state)
{
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct frank_observations *store = NULL;
    uint64_t total = 0;
    int added = 0;
    enum frank_err err = frank_observations_open(path, true, &store, why);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {65536, 65536};
    if (err != FRANK_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
      _exit(99);
    }
    while (err == FRANK_OK && added < 100000) {
      struct frank_observation list[100];
      for (int i = 0; i < 100; i++) {
        list[i] = (struct frank_observation){
            .bits = 20 + (added + i) / 1000.0, .count = 1, .at_s = NOW_S};
      }
      err = frank_observations_add(store, FRANK_REPORTER_LOCAL, NULL, list, 100, NOW_S, why);
      added += err == FRANK_OK ? 100 : 0;
    }
    if (err != FRANK_ERR_FULL && err != FRANK_ERR_IO) {
      _exit(98);
    }
    frank_observations_close(&store);
    if (frank_observations_open(path, false, &store, why) != FRANK_OK ||
        frank_observations_total(store, &total, why) != FRANK_OK) {
      _exit(97);
    }
    _exit(total == (uint64_t)added && added > 0 ? 0 : 96);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(it_is_made_and_found_again),
      TEST(factor_is_met_to_the_last_decimal),
      TEST(mail_without_a_stamp_meets_nothing),
      TEST(old_mail_counts_half_and_then_goes),
      TEST(a_clock_that_was_ahead_ends_no_tidying),
      TEST(mail_before_the_rise_counts_no_more),
      TEST(what_is_out_of_range_is_refused),
      TEST(a_report_counts_once),
      TEST(a_reporter_has_so_many_messages_in_a_day),
      TEST(reporters_have_tokens),
      TEST(a_revoked_token_opens_nothing),
      TEST(a_new_reporter_is_seen_before_it_reports),
      TEST(a_message_is_learned_once_and_moves),
      TEST(other_files_are_refused_and_left_alone),
      TEST(later_versions_and_strangers_are_refused),
      TEST(damage_is_an_error_and_never_a_crash),
      TEST(two_writers_lose_nothing),
      TEST(a_full_disk_loses_nothing_that_was_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
