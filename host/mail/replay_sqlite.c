/* The store of deliveries in an SQLite file. See replay.h. */
#include "base/sqlite_file.h"
#include "mail/replay.h"
#include "proof/sha256.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define APPLICATION_ID  0x46725270 /* "FrRp" */
#define VERSION         1
#define CHECK_MAX_BYTES (INT64_C(64) << 20)
#define MAX_BYTES_LEAST (UINT64_C(64) << 10) /* the tables alone are half of that */
#define SECRET_BYTES    32
#define RECIPIENT_BYTES 16
#define EXPIRE_ROWS     2000 /* of one transaction */

static_assert(FRANK_REPLAY_WHY_BYTES == FRANK_SQLITE_WHY_BYTES, "one text for both");

/* `recipients` and `most` sum up the signature's deliveries, so that one to a list of thousands
 * costs no more than another. `key` stands for the id there: it is shorter, and one that begins
 * anew gets another. */
static const char schema[] =
    "CREATE TABLE meta(only_row INTEGER PRIMARY KEY CHECK(only_row=1), secret BLOB NOT NULL);"
    "CREATE TABLE signatures(key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    "  first_s INTEGER NOT NULL, until_s INTEGER NOT NULL, recipients INTEGER NOT NULL,"
    "  most INTEGER NOT NULL);"
    "CREATE INDEX signatures_by_end ON signatures(until_s);"
    "CREATE TABLE deliveries(signature INTEGER NOT NULL, recipient BLOB NOT NULL,"
    "  n INTEGER NOT NULL, PRIMARY KEY(signature,recipient)) WITHOUT ROWID;";

enum statement {
  FIND,
  ADD,
  RETIRE, /* one that has expired makes room for its namesake, and goes at the next expiry */
  COUNT_UP,
  SUM_UP,
  FIND_EXPIRED,
  FORGET_DELIVERIES,
  FORGET,
  STATEMENT_COUNT
};

static const char *const texts[STATEMENT_COUNT] = {
    [FIND] = "SELECT key,first_s,until_s,recipients,most FROM signatures WHERE id=?1",
    [ADD] = "INSERT INTO signatures(id,first_s,until_s,recipients,most) VALUES(?1,?2,?3,0,0)",
    [RETIRE] = "UPDATE signatures SET id=randomblob(32) WHERE key=?1",
    [COUNT_UP] = "INSERT INTO deliveries VALUES(?1,?2,1) ON CONFLICT DO UPDATE SET n=n+1 "
                 "RETURNING n",
    [SUM_UP] = "UPDATE signatures SET until_s=?2,recipients=?3,most=?4 WHERE key=?1",
    [FIND_EXPIRED] = "SELECT key FROM signatures WHERE until_s<=?1 ORDER BY until_s LIMIT 1",
    [FORGET_DELIVERIES] = "DELETE FROM deliveries WHERE signature=?1 AND recipient IN"
                          "(SELECT recipient FROM deliveries WHERE signature=?1 LIMIT ?2)",
    [FORGET] = "DELETE FROM signatures WHERE key=?1",
};

struct sqlite_replay {
  struct frank_sqlite file;
  sqlite3_stmt *statements[STATEMENT_COUNT];
  uint8_t secret[SECRET_BYTES];
};

static enum frank_err fill(sqlite3 *db)
{
  uint8_t secret[SECRET_BYTES];
  sqlite3_stmt *statement = NULL;
  int code;

  if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret) {
    return FRANK_ERR_IO;
  }
  code = sqlite3_prepare_v2(db, "INSERT INTO meta VALUES(1,?1)", -1, &statement, NULL);
  if (code == SQLITE_OK) {
    (void)sqlite3_bind_blob(statement, 1, secret, sizeof secret, SQLITE_STATIC);
    code = sqlite3_step(statement);
  }
  (void)sqlite3_finalize(statement);
  return code == SQLITE_DONE ? FRANK_OK : FRANK_ERR_IO;
}

/* NORMAL with a log: a commit is not forced to the disk, and a power cut can take the last ones
 * back, but leaves a whole file. */
static const struct frank_sqlite_kind kind = {
    .what = "store of deliveries",
    .when_empty = "empty",
    .application_id = APPLICATION_ID,
    .version = VERSION,
    .schema = schema,
    .setup = "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=4194304",
    .has_wal = true,
    .fill = fill,
};

/* ---- statements ---- */

static enum frank_err damaged(const struct sqlite_replay *replay, char *why)
{
  (void)snprintf(why, FRANK_REPLAY_WHY_BYTES, "%.160s: damaged: a number that cannot be",
                 replay->file.path);
  return FRANK_ERR_MALFORMED;
}

static sqlite3_stmt *bound(struct sqlite_replay *replay, enum statement which,
                           const int64_t *numbers, int count)
{
  sqlite3_stmt *statement = replay->statements[which];

  for (int i = 0; i < count; i++) {
    (void)sqlite3_bind_int64(statement, i + 1, numbers[i]);
  }
  return statement;
}

/* Steps once and resets: `numbers` gets what the row has, where there is one. */
static enum frank_err run_for(struct sqlite_replay *replay, sqlite3_stmt *statement,
                              int64_t *numbers, int count, bool *has_row, char *why)
{
  enum frank_err err = frank_sqlite_step(&replay->file, statement, has_row, why);

  if (err == FRANK_OK && *has_row) {
    for (int i = 0; i < count; i++) {
      numbers[i] = sqlite3_column_int64(statement, i);
    }
  }
  (void)sqlite3_reset(statement);
  return err;
}

static enum frank_err run(struct sqlite_replay *replay, enum statement which,
                          const int64_t *numbers, int count, char *why)
{
  bool has_row;

  return run_for(replay, bound(replay, which, numbers, count), NULL, 0, &has_row, why);
}

/* ---- noting ---- */

struct known {
  int64_t key, first_s, until_s, recipients, most;
};

/* Finds the signature, or begins it. */
static enum frank_err begin_signature(struct sqlite_replay *replay,
                                      const uint8_t id[FRANK_REPLAY_ID_BYTES], int64_t now_s,
                                      int64_t until_s, struct known *known, char *why)
{
  sqlite3_stmt *find = replay->statements[FIND];
  sqlite3_stmt *add = replay->statements[ADD];
  int64_t row[5];
  bool has_row = false;
  enum frank_err err;

  (void)sqlite3_bind_blob(find, 1, id, FRANK_REPLAY_ID_BYTES, SQLITE_STATIC);
  err = run_for(replay, find, row, 5, &has_row, why);
  if (err == FRANK_OK && has_row && row[2] > now_s) {
    *known = (struct known){row[0], row[1], row[2] < until_s ? row[2] : until_s, row[3], row[4]};
    return known->recipients < 0 || known->most < 0 ? damaged(replay, why) : FRANK_OK;
  }
  if (err == FRANK_OK && has_row) {
    err = run(replay, RETIRE, row, 1, why);
  }
  if (err == FRANK_OK) {
    (void)sqlite3_bind_blob(add, 1, id, FRANK_REPLAY_ID_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_int64(add, 2, now_s);
    (void)sqlite3_bind_int64(add, 3, until_s);
    err = run_for(replay, add, NULL, 0, &has_row, why);
  }
  *known = (struct known){sqlite3_last_insert_rowid(replay->file.db), now_s, until_s, 0, 0};
  return err;
}

/* Another hash for each signature: the store does not tell who gets how much mail. */
static void hash_recipient(const struct sqlite_replay *replay,
                           const uint8_t id[FRANK_REPLAY_ID_BYTES],
                           const struct frank_address_text *recipient, struct frank_hash *hash)
{
  uint8_t key[SECRET_BYTES + FRANK_REPLAY_ID_BYTES];

  memcpy(key, replay->secret, SECRET_BYTES);
  memcpy(key + SECRET_BYTES, id, FRANK_REPLAY_ID_BYTES);
  frank_sha256(key, sizeof key, recipient->text, strlen(recipient->text), hash);
}

static int compare_hashes(const void *a, const void *b)
{
  return memcmp(a, b, RECIPIENT_BYTES);
}

/* The hashes of the recipients, each once. The caller frees *out. */
static enum frank_err hash_recipients(const struct sqlite_replay *replay,
                                      const uint8_t id[FRANK_REPLAY_ID_BYTES],
                                      const struct frank_address_text *recipients, size_t *count,
                                      uint8_t (**out)[RECIPIENT_BYTES], char *why)
{
  uint8_t(*hashes)[RECIPIENT_BYTES] = calloc(*count > 0 ? *count : 1, RECIPIENT_BYTES);
  size_t distinct = 0;

  *out = hashes;
  if (!hashes) {
    (void)snprintf(why, FRANK_REPLAY_WHY_BYTES, "%.160s: no memory", replay->file.path);
    return FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < *count; i++) {
    struct frank_hash hash;

    hash_recipient(replay, id, &recipients[i], &hash);
    memcpy(hashes[i], hash.bytes, RECIPIENT_BYTES);
  }
  qsort(hashes, *count, RECIPIENT_BYTES, compare_hashes);
  for (size_t i = 0; i < *count; i++) {
    if (i == 0 || compare_hashes(hashes[i], hashes[i - 1]) != 0) {
      memmove(hashes[distinct++], hashes[i], RECIPIENT_BYTES);
    }
  }
  *count = distinct;
  return FRANK_OK;
}

static enum frank_err count_recipient(struct sqlite_replay *replay,
                                      const uint8_t recipient[RECIPIENT_BYTES], struct known *known,
                                      char *why)
{
  sqlite3_stmt *statement = bound(replay, COUNT_UP, &known->key, 1);
  int64_t n = 0;
  bool has_row = false;
  enum frank_err err;

  (void)sqlite3_bind_blob(statement, 2, recipient, RECIPIENT_BYTES, SQLITE_STATIC);
  err = run_for(replay, statement, &n, 1, &has_row, why);
  if (err == FRANK_OK && (!has_row || n < 1)) {
    return damaged(replay, why);
  }
  known->recipients += n == 1 ? 1 : 0;
  known->most = n > known->most ? n : known->most;
  return err;
}

static enum frank_err note(void *handle, const uint8_t id[FRANK_REPLAY_ID_BYTES],
                           const struct frank_address_text *recipients, size_t count, int64_t now_s,
                           int64_t until_s, struct frank_replay_counts *counts, char *why)
{
  struct sqlite_replay *replay = handle;
  struct known known = {0};
  uint8_t(*hashes)[RECIPIENT_BYTES];
  enum frank_err err = hash_recipients(replay, id, recipients, &count, &hashes, why);

  err = err ? err : frank_sqlite_run(&replay->file, "BEGIN IMMEDIATE", why);
  if (err != FRANK_OK) {
    goto cleanup;
  }
  err = begin_signature(replay, id, now_s, until_s, &known, why);
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    err = count_recipient(replay, hashes[i], &known, why);
  }
  if (err == FRANK_OK) {
    const int64_t sums[] = {known.key, known.until_s, known.recipients, known.most};

    err = run(replay, SUM_UP, sums, 4, why);
  }
  err = frank_sqlite_end(&replay->file, err, why);
  if (err == FRANK_OK) {
    *counts = (struct frank_replay_counts){(uint64_t)known.recipients, (uint64_t)known.most,
                                           known.first_s};
  }
cleanup:
  free(hashes);
  return err;
}

/* ---- expiry ---- */

/* Forgets a part of the oldest that has expired: its deliveries, up to `rows`, and itself once it
 * has none. *done: how many records; 0 where there is nothing left. */
static enum frank_err forget_one(struct sqlite_replay *replay, int64_t now_s, int64_t rows,
                                 int64_t *done, char *why)
{
  int64_t args[2] = {0, rows};
  bool has_row = false;
  enum frank_err err =
      run_for(replay, bound(replay, FIND_EXPIRED, &now_s, 1), args, 1, &has_row, why);

  *done = 0;
  if (err != FRANK_OK || !has_row) {
    return err;
  }
  err = run(replay, FORGET_DELIVERIES, args, 2, why);
  if (err != FRANK_OK) {
    return err;
  }
  *done = sqlite3_changes64(replay->file.db);
  if (*done < rows) {
    ++*done;
    err = run(replay, FORGET, args, 1, why);
  }
  return err;
}

static enum frank_err expire(void *handle, int64_t now_s, uint64_t *forgotten, char *why)
{
  struct sqlite_replay *replay = handle;
  int64_t rows = 0, done = 1;
  enum frank_err err = frank_sqlite_run(&replay->file, "BEGIN IMMEDIATE", why);

  *forgotten = 0;
  if (err != FRANK_OK) {
    return err;
  }
  while (err == FRANK_OK && done > 0 && rows < EXPIRE_ROWS) {
    err = forget_one(replay, now_s, EXPIRE_ROWS - rows, &done, why);
    rows += done;
  }
  err = frank_sqlite_end(&replay->file, err, why);
  if (err == FRANK_OK) {
    *forgotten = (uint64_t)rows;
  }
  return err;
}

/* ---- opening ---- */

static enum frank_err check(void *handle, char *why)
{
  struct sqlite_replay *replay = handle;
  int64_t bytes = 0;
  enum frank_err err = frank_sqlite_number(
      &replay->file, "SELECT page_count*page_size FROM pragma_page_count,pragma_page_size", &bytes,
      why);

  return err || bytes > CHECK_MAX_BYTES ? err : frank_sqlite_check(&replay->file, why);
}

static void close_store(void *handle)
{
  struct sqlite_replay *replay = handle;

  for (size_t i = 0; i < STATEMENT_COUNT; i++) {
    (void)sqlite3_finalize(replay->statements[i]);
  }
  frank_sqlite_close(&replay->file);
  explicit_bzero(replay->secret, sizeof replay->secret);
  free(replay);
}

static const struct frank_replay_store store = {"sqlite", note, expire, check, close_store};

static enum frank_err read_secret(struct sqlite_replay *replay, char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  enum frank_err err =
      frank_sqlite_prepare(&replay->file, "SELECT secret FROM meta", &statement, why);

  if (err == FRANK_OK) {
    err = frank_sqlite_step(&replay->file, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row && sqlite3_column_bytes(statement, 0) == SECRET_BYTES) {
    memcpy(replay->secret, sqlite3_column_blob(statement, 0), SECRET_BYTES);
  } else if (err == FRANK_OK) {
    (void)snprintf(why, FRANK_REPLAY_WHY_BYTES, "%.160s: damaged: its secret is not there",
                   replay->file.path);
    err = FRANK_ERR_MALFORMED;
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err frank_replay_open_sqlite(const char *path, uint64_t max_bytes, uint32_t busy_ms,
                                        struct frank_replay **out, char *why)
{
  struct sqlite_replay *replay = calloc(1, sizeof *replay);
  enum frank_err err;

  *out = NULL;
  if (!replay) {
    (void)snprintf(why, FRANK_REPLAY_WHY_BYTES, "%.160s: no memory", path);
    return FRANK_ERR_NOMEM;
  }
  err = frank_sqlite_open(&replay->file, &kind, path, true,
                          max_bytes < MAX_BYTES_LEAST ? MAX_BYTES_LEAST : max_bytes, busy_ms, why);
  err = err ? err : read_secret(replay, why);
  for (size_t i = 0; i < STATEMENT_COUNT && err == FRANK_OK; i++) {
    err = frank_sqlite_prepare(&replay->file, texts[i], &replay->statements[i], why);
  }
  if (err != FRANK_OK) {
    close_store(replay);
    return err;
  }
  err = frank_replay_new(&store, replay, out);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_REPLAY_WHY_BYTES, "%.160s: no memory", path);
  }
  return err;
}
