/*
 * store_sql: statements, transactions and the seal: the store's way to SQLite.
 */
#include "factor/authority/store_internal.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum frank_err store_refuse(const struct frank_authority_store *store, enum frank_err err,
                            char *why, const char *format, ...)
{
  char text[FRANK_AUTHORITY_WHY_BYTES / 2];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (char *at = text; *at != '\0'; at++) { /* SQLite quotes what stands in a damaged file */
    *at = *at < ' ' || *at > '~' ? '?' : *at;
  }
  (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%.240s: %s", store->path, text);
  return err;
}

/* https://www.sqlite.org/rescode.html; the low byte is the primary code. */
static enum frank_err error_of(int code)
{
  static const struct {
    int code;
    enum frank_err err;
  } errors[] = {
      {SQLITE_CORRUPT, FRANK_ERR_MALFORMED},
      {SQLITE_NOTADB, FRANK_ERR_MALFORMED},
      {SQLITE_CONSTRAINT, FRANK_ERR_MALFORMED},
      {SQLITE_MISMATCH, FRANK_ERR_MALFORMED},
      {SQLITE_ERROR, FRANK_ERR_MALFORMED}, /* a table that is not as we made it */
      {SQLITE_FULL, FRANK_ERR_FULL},
      {SQLITE_BUSY, FRANK_ERR_AGAIN},
      {SQLITE_LOCKED, FRANK_ERR_AGAIN},
      {SQLITE_READONLY, FRANK_ERR_DENIED},
      {SQLITE_PERM, FRANK_ERR_DENIED},
      {SQLITE_AUTH, FRANK_ERR_DENIED},
      {SQLITE_NOMEM, FRANK_ERR_NOMEM},
  };
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (errors[i].code == (code & 0xff)) {
      return errors[i].err;
    }
  }
  return FRANK_ERR_IO;
}

enum frank_err store_sql_error(const struct frank_authority_store *store, const char *doing,
                               char *why)
{
  return store_refuse(store, error_of(sqlite3_extended_errcode(store->db)), why, "%s: %s", doing,
                      sqlite3_errmsg(store->db));
}

static int bind_all(sqlite3_stmt *statement, const char *types, va_list arguments)
{
  int code = SQLITE_OK;
  for (int i = 1; types[i - 1] != '\0' && code == SQLITE_OK; i++) {
    switch (types[i - 1]) {
    case 'i':
      code = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
      break;
    case 't':
      code = sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
      break;
    case 'b': {
      const void *bytes = va_arg(arguments, const void *);
      size_t len = va_arg(arguments, size_t);
      code = sqlite3_bind_blob64(statement, i, bytes, len, SQLITE_TRANSIENT);
      break;
    }
    default:
      code = SQLITE_MISUSE;
    }
  }
  return code;
}

static enum frank_err prepare_with(struct frank_authority_store *store, sqlite3_stmt **out,
                                   char *why, const char *sql, const char *types, va_list arguments)
{
  *out = NULL;
  if (sqlite3_prepare_v2(store->db, sql, -1, out, NULL) != SQLITE_OK ||
      bind_all(*out, types, arguments) != SQLITE_OK) {
    enum frank_err err = store_sql_error(store, "cannot use it", why);
    (void)sqlite3_finalize(*out);
    *out = NULL;
    return err;
  }
  return FRANK_OK;
}

enum frank_err store_prepare(struct frank_authority_store *store, sqlite3_stmt **out, char *why,
                             const char *sql, const char *types, ...)
{
  va_list arguments;
  va_start(arguments, types);
  enum frank_err err = prepare_with(store, out, why, sql, types, arguments);
  va_end(arguments);
  return err;
}

enum frank_err store_run(struct frank_authority_store *store, char *why, const char *sql,
                         const char *types, ...)
{
  sqlite3_stmt *statement = NULL;
  va_list arguments;
  va_start(arguments, types);
  enum frank_err err = prepare_with(store, &statement, why, sql, types, arguments);
  va_end(arguments);
  if (err != FRANK_OK) {
    return err;
  }
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) {
    code = sqlite3_step(statement);
  }
  if (code != SQLITE_DONE) {
    err = store_sql_error(store, "cannot use it", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err store_integer(struct frank_authority_store *store, const char *sql, int64_t *value,
                             char *why)
{
  sqlite3_stmt *statement = NULL;
  enum frank_err err = store_prepare(store, &statement, why, sql, "");
  if (err != FRANK_OK) {
    return err;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    *value = sqlite3_column_int64(statement, 0);
  } else {
    err = code == SQLITE_DONE ? FRANK_ERR_NOT_FOUND : store_sql_error(store, "cannot read", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err store_text(const struct frank_authority_store *store, sqlite3_stmt *statement,
                          int column, char *out, size_t out_size, char *why)
{
  const char *text = (const char *)sqlite3_column_text(statement, column);
  size_t len = (size_t)sqlite3_column_bytes(statement, column);
  if (text == NULL || len >= out_size || memchr(text, '\0', len) != NULL) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: a text of %zu bytes", len);
  }
  memcpy(out, text, len);
  out[len] = '\0';
  return FRANK_OK;
}

enum frank_err store_meta(struct frank_authority_store *store, const char *name, char *out,
                          size_t out_size, char *why)
{
  sqlite3_stmt *statement = NULL;
  enum frank_err err =
      store_prepare(store, &statement, why, "SELECT value FROM meta WHERE name = ?", "t", name);
  if (err != FRANK_OK) {
    return err;
  }
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    err = store_text(store, statement, 0, out, out_size, why);
  } else if (code == SQLITE_DONE) {
    err = store_refuse(store, FRANK_ERR_NOT_FOUND, why, "it has no %s", name);
  } else {
    err = store_sql_error(store, "cannot read", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err store_set_meta(struct frank_authority_store *store, const char *name,
                              const char *value, char *why)
{
  return store_run(store, why, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", "tt",
                   name, value);
}

enum frank_err store_meta_seconds(struct frank_authority_store *store, const char *name,
                                  int64_t *value, char *why)
{
  char text[32];
  char *end = NULL;
  enum frank_err err = store_meta(store, name, text, sizeof text, why);
  if (err != FRANK_OK) {
    return err;
  }
  *value = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || *value < 0) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: %s is \"%.30s\"", name, text);
  }
  return FRANK_OK;
}

/* ---- the seal ---- */

/* All that counts, in one order. Columns are hashed as text with their lengths before them, so no
 * two different contents give the same bytes. */
static const char *const sealed[] = {
    "SELECT name, value FROM meta ORDER BY name",
    "SELECT epoch, factor, issued, reason FROM epochs ORDER BY epoch",
    "SELECT kid, hex(public), created, state, change FROM keys ORDER BY kid",
    "SELECT document, document_jws, keys, keys_jws FROM current ORDER BY id",
};

static enum frank_err digest_rows(struct frank_authority_store *store, const char *sql,
                                  EVP_MD_CTX *digest, char *why)
{
  sqlite3_stmt *statement = NULL;
  enum frank_err err = store_prepare(store, &statement, why, sql, "");
  int code = SQLITE_DONE;
  while (err == FRANK_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(statement) && err == FRANK_OK; i++) {
      char head[24];
      const void *text = sqlite3_column_text(statement, i);
      size_t len = (size_t)sqlite3_column_bytes(statement, i);
      int head_len = snprintf(head, sizeof head, "%zu:", len);
      if (EVP_DigestUpdate(digest, head, (size_t)head_len) != 1 ||
          (len > 0 && EVP_DigestUpdate(digest, text, len) != 1)) {
        err = FRANK_ERR_NOMEM;
      }
    }
    if (err == FRANK_OK && EVP_DigestUpdate(digest, "\n", 1) != 1) {
      err = FRANK_ERR_NOMEM;
    }
  }
  if (err == FRANK_OK && code != SQLITE_DONE) {
    err = store_sql_error(store, "cannot read", why);
  }
  (void)sqlite3_finalize(statement);
  return err;
}

enum frank_err store_digest(struct frank_authority_store *store, char seal[STORE_SEAL_BYTES],
                            char *why)
{
  unsigned char bytes[32];
  unsigned len = 0;
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  enum frank_err err = FRANK_OK;
  if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) {
    err = FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < sizeof sealed / sizeof sealed[0] && err == FRANK_OK; i++) {
    err = digest_rows(store, sealed[i], digest, why);
    if (err == FRANK_OK && EVP_DigestUpdate(digest, "\f", 1) != 1) {
      err = FRANK_ERR_NOMEM;
    }
  }
  if (err == FRANK_OK && (EVP_DigestFinal_ex(digest, bytes, &len) != 1 || len != sizeof bytes)) {
    err = FRANK_ERR_NOMEM;
  }
  EVP_MD_CTX_free(digest);
  if (err == FRANK_ERR_NOMEM) {
    return store_refuse(store, err, why, "no memory");
  }
  for (size_t i = 0; i < sizeof bytes && err == FRANK_OK; i++) {
    (void)snprintf(seal + 2 * i, 3, "%02x", bytes[i]);
  }
  return err;
}

/* ---- transactions ---- */

enum frank_err store_begin(struct frank_authority_store *store, char *why)
{
  int64_t tables = 0;
  enum frank_err err = store_run(store, why, "BEGIN IMMEDIATE", "");
  if (err == FRANK_OK) {
    err = store_integer(store, "SELECT count(*) FROM sqlite_schema", &tables, why);
  }
  if (err == FRANK_OK && tables > 0) {
    err = store_check_seal(store, why);
  }
  if (err != FRANK_OK && sqlite3_get_autocommit(store->db) == 0) {
    char ignored[FRANK_AUTHORITY_WHY_BYTES];
    (void)(store_run(store, ignored, "ROLLBACK", "") == FRANK_OK);
  }
  return err;
}

enum frank_err store_end(struct frank_authority_store *store, enum frank_err err, char *why)
{
  char seal[STORE_SEAL_BYTES];
  if (err == FRANK_OK) {
    err = store_digest(store, seal, why);
  }
  if (err == FRANK_OK) {
    err =
        store_run(store, why, "INSERT OR REPLACE INTO seal (id, sha256) VALUES (1, ?)", "t", seal);
  }
  if (err == FRANK_OK) {
    err = store_run(store, why, "COMMIT", "");
  }
  if (err != FRANK_OK && sqlite3_get_autocommit(store->db) == 0) {
    char ignored[FRANK_AUTHORITY_WHY_BYTES];
    if (store_run(store, ignored, "ROLLBACK", "") != FRANK_OK) {
      return err; /* the next opening undoes it */
    }
  }
  return err;
}
