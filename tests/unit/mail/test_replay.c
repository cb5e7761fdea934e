/* The store of deliveries: what is counted, what is forgotten, and what nobody can read in it. */
#include "replay_scene.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- counting ---- */

static void deliveries_and_recipients_are_counted(void **state)
{
  struct frank_replay *replay = open_store();

  (void)state;
  expect(note(replay, 1, "bob"), 1, 1);
  expect(note(replay, 1, "bob"), 1, 2);
  expect(note(replay, 1, "al"), 2, 2);
  expect(note(replay, 1, "al ed bob"), 3, 3);
  expect(note(replay, 2, "bob"), 1, 1); /* another signature */
  expect(note(replay, 1, ""), 3, 3);
  expect(note(replay, 4, "bob al bob al bob"), 2, 1); /* named twice, one mail each */
  expect(note(replay, 4, "al al"), 2, 2);
  expect(note(replay, 3, ""), 0, 0); /* lists alone */
  expect(note(replay, 3, "bob"), 1, 1);
  frank_replay_close(&replay);
  assert_null(replay);
  frank_replay_close(&replay);
  replay = open_store(); /* and found again */
  expect(note(replay, 1, "bob"), 3, 4);
  assert_int_equal(frank_replay_check(replay, why), FRANK_OK);
  frank_replay_close(&replay);
}

static void a_thousand_recipients_are_one_delivery(void **state)
{
  struct frank_replay *replay = open_store();
  char *names = malloc(8 * 1000 + 1);
  size_t at = 0;

  (void)state;
  assert_non_null(names);
  for (int i = 0; i < 1000; i++) {
    at += (size_t)sprintf(names + at, "u%d ", i);
  }
  expect(note(replay, 1, names), 1000, 1);
  expect(note(replay, 1, names), 1000, 2);
  expect(note(replay, 1, "u999 bob"), 1001, 3);
  free(names);
  frank_replay_close(&replay);
}

static void the_first_sight_is_kept(void **state)
{
  struct frank_replay *replay = open_store();

  (void)state;
  assert_int_equal(note_until(replay, 1, "bob", NOW_S, UNTIL_S).first_s, NOW_S);
  assert_int_equal(note_until(replay, 1, "bob", NOW_S + 5, UNTIL_S + 5).first_s, NOW_S);
  assert_int_equal(note_until(replay, 1, "al", NOW_S - 5, UNTIL_S).first_s, NOW_S);
  frank_replay_close(&replay);
}

/* ---- forgetting ---- */

static void what_has_expired_begins_anew(void **state)
{
  struct frank_replay *replay = open_store();
  struct frank_replay_counts counts;

  (void)state;
  expect(note(replay, 1, "bob al"), 2, 1);
  expect(note_until(replay, 1, "bob", UNTIL_S - 1, UNTIL_S + 9 * DAY_S), 2, 2);
  counts = note_until(replay, 1, "bob", UNTIL_S, UNTIL_S + DAY_S);
  expect(counts, 1, 1);
  assert_int_equal(counts.first_s, UNTIL_S);
  expect(note_until(replay, 1, "al", UNTIL_S, UNTIL_S + DAY_S), 2, 1);
  /* what went before it is there still, under no name, and goes */
  assert_int_equal(expire_all(replay, UNTIL_S), 1 + 2);
  expect(note_until(replay, 1, "bob", UNTIL_S + 1, UNTIL_S + DAY_S), 2, 2);
  frank_replay_close(&replay);
}

/* x= before the 28 days, told at whatever delivery. */
static void the_earlier_end_counts(void **state)
{
  struct frank_replay *replay = open_store();

  (void)state;
  note_until(replay, 1, "bob", NOW_S, NOW_S + 100);
  expect(note_until(replay, 1, "bob", NOW_S + 99, UNTIL_S), 1, 2);
  expect(note_until(replay, 1, "bob", NOW_S + 100, UNTIL_S), 1, 1);
  note_until(replay, 2, "bob", NOW_S, UNTIL_S);
  note_until(replay, 2, "bob", NOW_S, NOW_S + 50);
  expect(note_until(replay, 2, "bob", NOW_S + 50, UNTIL_S), 1, 1);
  frank_replay_close(&replay);
}

static void expiry_takes_what_is_over_and_nothing_else(void **state)
{
  struct frank_replay *replay = open_store();
  uint64_t forgotten = 0, calls = 0, all = 0;
  char *names = malloc(8 * 1000 + 1);
  size_t at = 0;

  (void)state;
  assert_non_null(names);
  for (int i = 0; i < 1000; i++) {
    at += (size_t)sprintf(names + at, "u%d ", i);
  }
  for (unsigned id = 0; id < 10; id++) {
    note_until(replay, id, names, NOW_S, NOW_S + 10 + (int64_t)(id % 2));
  }
  assert_int_equal(expire_all(replay, NOW_S + 9), 0);
  do { /* not all at once: others wait meanwhile */
    assert_int_equal(frank_replay_expire(replay, NOW_S + 10, &forgotten, why), FRANK_OK);
    assert_true(forgotten <= 2500);
    all += forgotten;
    calls++;
  } while (forgotten > 0);
  assert_int_equal(all, 5 * 1001);
  assert_true(calls > 2);
  for (unsigned id = 0; id < 10; id++) {
    expect(note_until(replay, id, "u1", NOW_S + 10, NOW_S + 100), id % 2 ? 1000 : 1,
           id % 2 ? 2 : 1);
  }
  frank_replay_close(&replay);
  free(names);
}

/* ---- privacy ---- */

static size_t file_holds(const char *name, const void *bytes, size_t len)
{
  FILE *file = fopen(name, "rb");
  char *all = malloc(8 << 20);
  size_t size, found = 0;

  if (!file) {
    free(all);
    return 0;
  }
  assert_non_null(all);
  size = fread(all, 1, 8 << 20, file);
  for (size_t i = 0; i + len <= size; i++) {
    found += memcmp(all + i, bytes, len) == 0;
  }
  fclose(file);
  free(all);
  return found;
}

/* Neither names nor their plain hashes; and of one who gets two mails the two do not look alike. */
static void no_recipient_can_be_read(void **state)
{
  static const char address[] = "secretname@x.example";
  struct frank_replay *replay = open_store();
  struct frank_hash hash;
  struct stat info;
  char wal[128];

  (void)state;
  snprintf(wal, sizeof wal, "%s-wal", path);
  frank_sha256(address, strlen(address), NULL, 0, &hash);
  expect(note(replay, 1, "secretname"), 1, 1);
  for (int round = 0; round < 2; round++) {
    const char *name = round == 0 ? wal : path;

    assert_int_equal(stat(name, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(file_holds(name, "secretname", 10), 0);
    assert_int_equal(file_holds(name, hash.bytes, 8), 0);
    assert_true(file_holds(name, "signatures", 10) > 0); /* it is the right file */
    if (round == 0) {
      frank_replay_close(&replay);
    }
  }
}

/* The one recipient that is noted in the store, as it stands there. */
static void read_recipient(uint8_t recipient[16])
{
  sqlite3_stmt *statement = NULL;
  sqlite3 *db = NULL;

  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT recipient FROM deliveries", -1, &statement, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  assert_int_equal(sqlite3_column_bytes(statement, 0), 16);
  memcpy(recipient, sqlite3_column_blob(statement, 0), 16);
  assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

/* Who has no secret cannot try names: the same one looks otherwise in another store. */
static void recipients_are_hashed_under_a_secret_of_the_store(void **state)
{
  uint8_t recipients[2][16];

  (void)state;
  for (int round = 0; round < 2; round++) {
    struct frank_replay *replay = open_store();

    expect(note(replay, 1, "bob"), 1, 1);
    frank_replay_close(&replay);
    read_recipient(recipients[round]);
    unlink(path);
  }
  assert_memory_not_equal(recipients[0], recipients[1], 16);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(deliveries_and_recipients_are_counted),
      TEST(a_thousand_recipients_are_one_delivery),
      TEST(the_first_sight_is_kept),
      TEST(what_has_expired_begins_anew),
      TEST(the_earlier_end_counts),
      TEST(expiry_takes_what_is_over_and_nothing_else),
      TEST(no_recipient_can_be_read),
      TEST(recipients_are_hashed_under_a_secret_of_the_store),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
