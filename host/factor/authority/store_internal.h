/*
 * store_internal: what the files of the store share, and nobody else: statements, transactions, key
 * files.
 */
#ifndef FRANK_FACTOR_AUTHORITY_STORE_INTERNAL_H
#define FRANK_FACTOR_AUTHORITY_STORE_INTERNAL_H

#include "factor/authority/store.h"

#include <sqlite3.h>
#include <sys/types.h>

#define STORE_SEAL_BYTES 65 /* 64 hex digits and the NUL */

struct frank_authority_store {
  sqlite3 *db;
  bool writable;
  int busy_ms;
  int64_t seen_version; /* PRAGMA data_version at the last look */
  dev_t device;         /* of the file that is open */
  ino_t inode;
  char dir[FRANK_AUTHORITY_DIR_BYTES];
  char path[FRANK_AUTHORITY_DIR_BYTES + 16];
};

/* ---- store_sql.c ---- */

/* Writes "PATH: TEXT" into why, returns err. */
__attribute__((format(printf, 4, 5))) enum frank_err
store_refuse(const struct frank_authority_store *store, enum frank_err err, char *why,
             const char *format, ...);
/* The error of the connection's last call, told in `why`. */
enum frank_err store_sql_error(const struct frank_authority_store *store, const char *doing,
                               char *why);
/* A statement with its values: one letter in `types` for each: i (int64_t), t (const char *), b
 * (const void *, size_t). The caller finalizes *out (NULL on an error). */
FRANK_MUST_CHECK enum frank_err store_prepare(struct frank_authority_store *store,
                                              sqlite3_stmt **out, char *why, const char *sql,
                                              const char *types, ...);
/* The same, run to its end. */
FRANK_MUST_CHECK enum frank_err store_run(struct frank_authority_store *store, char *why,
                                          const char *sql, const char *types, ...);
/* The one integer, or text, of the one row that `sql` gives. FRANK_ERR_NOT_FOUND: no row. */
FRANK_MUST_CHECK enum frank_err store_integer(struct frank_authority_store *store, const char *sql,
                                              int64_t *value, char *why);
/* A text column, checked to fit. FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err store_text(const struct frank_authority_store *store,
                                           sqlite3_stmt *statement, int column, char *out,
                                           size_t out_size, char *why);
FRANK_MUST_CHECK enum frank_err store_meta(struct frank_authority_store *store, const char *name,
                                           char *out, size_t out_size, char *why);
FRANK_MUST_CHECK enum frank_err store_set_meta(struct frank_authority_store *store,
                                               const char *name, const char *value, char *why);
FRANK_MUST_CHECK enum frank_err store_meta_seconds(struct frank_authority_store *store,
                                                   const char *name, int64_t *value, char *why);
/* The first writer waits for others; what it finds has its seal checked. */
FRANK_MUST_CHECK enum frank_err store_begin(struct frank_authority_store *store, char *why);
/* Seals and commits where err is FRANK_OK, else rolls back. Returns err, or what the commit came
 * to. */
FRANK_MUST_CHECK enum frank_err store_end(struct frank_authority_store *store, enum frank_err err,
                                          char *why);
/* The digest over every row. */
FRANK_MUST_CHECK enum frank_err store_digest(struct frank_authority_store *store,
                                             char seal[STORE_SEAL_BYTES], char *why);

/* ---- store_keys.c ---- */

/* Makes a key, writes its file, adds its row. */
FRANK_MUST_CHECK enum frank_err store_key_make(struct frank_authority_store *store,
                                               enum frank_authority_key_state state, int64_t now_s,
                                               int64_t change_s, struct frank_jws_key *key,
                                               char *why);
/* Takes a key's row away. */
FRANK_MUST_CHECK enum frank_err store_key_drop(struct frank_authority_store *store, const char *kid,
                                               int64_t now_s, char *why);
/* The seed of key KID from its file, checked to be its. The caller wipes it. */
FRANK_MUST_CHECK enum frank_err store_key_seed(const struct frank_authority_store *store,
                                               const char *kid, uint8_t seed[FRANK_JWS_KEY_BYTES],
                                               char *why);
/* Removes the file of a key that is in use no more. */
void store_key_remove(const struct frank_authority_store *store, const char *kid);
/* All keys: the one in force first, then by creation. */
FRANK_MUST_CHECK enum frank_err store_keys_read(struct frank_authority_store *store,
                                                struct frank_authority_key *list, size_t *count,
                                                char *why);

/* ---- store_load.c ---- */

/* FRANK_ERR_MALFORMED where the seal is not that of the rows. */
FRANK_MUST_CHECK enum frank_err store_check_seal(struct frank_authority_store *store, char *why);

/* The document and its epoch as they stand. FRANK_ERR_NOT_FOUND: none yet. */
FRANK_MUST_CHECK enum frank_err store_document_read(struct frank_authority_store *store,
                                                    struct frank_factor_document *document,
                                                    char *why);

/* ---- store_sign.c ---- */

/* Signs `document` and the key set with the key in force, and keeps all four texts. */
FRANK_MUST_CHECK enum frank_err store_sign(struct frank_authority_store *store,
                                           const struct frank_factor_document *document, char *why);

#endif
