/* The reporters of a store of observations; observations.h is the interface. */
#include "factor/observations.h"
#include "factor/observations_db.h"
#include "proof/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_BYTES     32
#define REPORTERS_FIRST 64

static bool is_name(const char *name)
{
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
  size_t len = strlen(name);
  return len >= 1 && len < FRANK_REPORTER_NAME_BYTES && strspn(name, allowed) == len;
}

/* The hash alone is kept: who reads the store cannot report. The token is random and long, so that
 * a plain hash is enough, and what the time of a search tells of a hash is of no use. */
static void hash_token(const char *token, struct frank_hash *hash)
{
  frank_sha256(token, strlen(token), NULL, 0, hash);
}

static enum frank_err make_token(char token[FRANK_REPORTER_TOKEN_BYTES], char *why)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[TOKEN_BYTES];
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no random bytes for a token");
    return FRANK_ERR_IO;
  }
  for (size_t i = 0; i < sizeof bytes; i++) {
    token[2 * i] = digits[bytes[i] >> 4];
    token[2 * i + 1] = digits[bytes[i] & 15];
  }
  token[FRANK_REPORTER_TOKEN_BYTES - 1] = '\0';
  explicit_bzero(bytes, sizeof bytes);
  return FRANK_OK;
}

/* *id is -1 where there is none of this name. */
static enum frank_err find_name(struct frank_observations *store, const char *name, int64_t *id,
                                bool *has_token, char *why)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  *id = -1;
  enum frank_err err = frank_sqlite_prepare(
      &store->file, "SELECT id, token IS NOT NULL FROM reporters WHERE name=?1", &statement, why);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    err = frank_sqlite_step(&store->file, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    *id = sqlite3_column_int64(statement, 0);
    *has_token = sqlite3_column_int64(statement, 1) != 0;
  }
  (void)sqlite3_finalize(statement);
  return err;
}

static enum frank_err keep_token(struct frank_observations *store, int64_t id, const char *name,
                                 int64_t now_s, const char *token, char *why)
{
  sqlite3_stmt *statement = NULL;
  struct frank_hash hash;
  bool has_row = false;
  hash_token(token, &hash);
  enum frank_err err =
      frank_sqlite_prepare(&store->file,
                           id < 0 ? "INSERT INTO reporters(name,token,made_s) VALUES(?1,?2,?3)"
                                  : "UPDATE reporters SET token=?2, made_s=?3 WHERE name=?1",
                           &statement, why);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 2, hash.bytes, sizeof hash.bytes, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 3, now_s);
    err = frank_sqlite_step(&store->file, statement, &has_row, why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

static enum frank_err add_reporter(struct frank_observations *store, const char *name,
                                   int64_t now_s, const char *token, char *why)
{
  int64_t id = -1;
  int64_t count = 0;
  bool has_token = false;
  enum frank_err err = find_name(store, name, &id, &has_token, why);
  err =
      err ? err : frank_sqlite_number(&store->file, "SELECT COUNT(*) FROM reporters", &count, why);
  if (err == FRANK_OK && id >= 0 && has_token) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%s is a reporter already", name);
    err = FRANK_ERR_TAKEN;
  } else if (err == FRANK_OK && id < 0 && count >= FRANK_REPORTERS_MAX) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no room for more than %d reporters",
                   FRANK_REPORTERS_MAX);
    err = FRANK_ERR_FULL;
  }
  /* "local" has number 0; the others are counted from 1. */
  if (err == FRANK_OK && count == 0) {
    err = frank_sqlite_run(
        &store->file,
        "INSERT INTO reporters(id,name,made_s) VALUES(0,'" FRANK_REPORTER_LOCAL "',0)", why);
  }
  return err ? err : keep_token(store, id, name, now_s, token, why);
}

enum frank_err frank_reporters_add(struct frank_observations *observations, const char *name,
                                   int64_t now_s, char token[FRANK_REPORTER_TOKEN_BYTES], char *why)
{
  token[0] = '\0';
  if (!is_name(name)) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES,
                   "'%.64s' is no reporter's name: 1 to %d letters, digits, '.', '_', '-', '@'",
                   name, FRANK_REPORTER_NAME_BYTES - 1);
    return FRANK_ERR_MALFORMED;
  }
  if (strcmp(name, FRANK_REPORTER_LOCAL) == 0) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%s is this host's own `frank learn`", name);
    return FRANK_ERR_TAKEN;
  }
  enum frank_err err = make_token(token, why);
  err = err ? err : frank_sqlite_run(&observations->file, "BEGIN IMMEDIATE", why);
  if (err == FRANK_OK) {
    err = frank_sqlite_end(&observations->file, add_reporter(observations, name, now_s, token, why),
                           why);
  }
  if (err != FRANK_OK) {
    explicit_bzero(token, FRANK_REPORTER_TOKEN_BYTES);
  }
  return err;
}

enum frank_err frank_reporters_revoke(struct frank_observations *observations, const char *name,
                                      bool forget, char *why)
{
  int64_t id = -1;
  bool has_token = false;
  char sql[160];
  enum frank_err err = frank_sqlite_run(&observations->file, "BEGIN IMMEDIATE", why);
  if (err != FRANK_OK) {
    return err;
  }
  err = find_name(observations, name, &id, &has_token, why);
  if (err == FRANK_OK && id <= 0) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no reporter '%.64s'", name);
    err = FRANK_ERR_NOT_FOUND;
  }
  if (err == FRANK_OK) {
    (void)snprintf(sql, sizeof sql, "UPDATE reporters SET token=NULL WHERE id=%lld;%s%lld;",
                   (long long)id, forget ? "DELETE FROM counts WHERE reporter=" : "SELECT ",
                   (long long)id);
    err = frank_sqlite_run(&observations->file, sql, why);
  }
  return frank_sqlite_end(&observations->file, err, why);
}

enum frank_err frank_reporters_find(struct frank_observations *observations, const char *token,
                                    char name[FRANK_REPORTER_NAME_BYTES], char *why)
{
  sqlite3_stmt *statement = NULL;
  struct frank_hash hash;
  bool has_row = false;
  name[0] = '\0';
  if (strlen(token) != FRANK_REPORTER_TOKEN_BYTES - 1) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no reporter has this token");
    return FRANK_ERR_DENIED;
  }
  hash_token(token, &hash);
  enum frank_err err = frank_sqlite_prepare(
      &observations->file, "SELECT name FROM reporters WHERE token=?1", &statement, why);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_blob(statement, 1, hash.bytes, sizeof hash.bytes, SQLITE_STATIC);
    err = frank_sqlite_step(&observations->file, statement, &has_row, why);
  }
  if (err == FRANK_OK && has_row) {
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    (void)snprintf(name, FRANK_REPORTER_NAME_BYTES, "%s", text ? text : "");
  } else if (err == FRANK_OK) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no reporter has this token");
    err = FRANK_ERR_DENIED;
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err frank_reporters_list(struct frank_observations *observations,
                                    struct frank_reporter **list, size_t *count, char *why)
{
  static const char sql[] =
      "SELECT name, made_s, token IS NULL, (SELECT COALESCE(SUM(n),0) FROM counts WHERE"
      " reporter=reporters.id) FROM reporters WHERE id>0 ORDER BY name";
  sqlite3_stmt *rows = NULL;
  bool has_row = false;
  size_t size = 0;
  *list = NULL;
  *count = 0;
  enum frank_err err = frank_sqlite_prepare(&observations->file, sql, &rows, why);
  err = err ? err : frank_sqlite_step(&observations->file, rows, &has_row, why);
  while (err == FRANK_OK && has_row) {
    if (*count == size) {
      size = size > 0 ? 2 * size : REPORTERS_FIRST;
      struct frank_reporter *grown = realloc(*list, size * sizeof *grown);
      if (!grown) {
        (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no memory for the reporters");
        err = FRANK_ERR_NOMEM;
        break;
      }
      *list = grown;
    }
    struct frank_reporter *one = &(*list)[(*count)++];
    const char *text = (const char *)sqlite3_column_text(rows, 0);
    *one = (struct frank_reporter){.made_s = sqlite3_column_int64(rows, 1),
                                   .revoked = sqlite3_column_int64(rows, 2) != 0,
                                   .messages = (uint64_t)sqlite3_column_int64(rows, 3)};
    (void)snprintf(one->name, sizeof one->name, "%s", text ? text : "");
    err = frank_sqlite_step(&observations->file, rows, &has_row, why);
  }
  (void)sqlite3_finalize(rows);
  if (err != FRANK_OK) {
    free(*list);
    *list = NULL;
    *count = 0;
  }
  return err;
}
