/*
 * store_keys: the keys of the store: their rows, and the files of their secrets.
 *
 * A secret lies in DIR/key-KID as 64 hexadecimal digits, mode 0600. It is on the disk, its folder's
 * entry included, before the database names it: a crash in between leaves a file that nothing
 * names, and never a name without its file.
 */
#include "factor/authority/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_BYTES (2 * FRANK_JWS_KEY_BYTES + 1) /* the digits and an end of line */

struct key_path {
  char text[FRANK_AUTHORITY_DIR_BYTES + FRANK_JWS_KEY_ID_BYTES + 16];
};

static const char *const state_names[FRANK_AUTHORITY_KEY_STATE_COUNT] = {
    [FRANK_AUTHORITY_KEY_NEXT] = "next",
    [FRANK_AUTHORITY_KEY_CURRENT] = "current",
    [FRANK_AUTHORITY_KEY_OLD] = "old",
};

const char *frank_authority_key_state_name(enum frank_authority_key_state state)
{
  return (unsigned)state < FRANK_AUTHORITY_KEY_STATE_COUNT ? state_names[state] : "";
}

static struct key_path path_of(const struct frank_authority_store *store, const char *kid,
                               const char *suffix)
{
  struct key_path path;
  (void)snprintf(path.text, sizeof path.text, "%s/key-%s%s", store->dir, kid, suffix);
  return path;
}

static enum frank_err file_error(const struct key_path *path, const char *doing, char *why)
{
  int number = errno;
  (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%s: cannot %s: %s", path->text, doing,
                 strerror(number));
  return number == ENOENT                       ? FRANK_ERR_NOT_FOUND
         : number == ENOSPC || number == EDQUOT ? FRANK_ERR_FULL
         : number == EACCES || number == EPERM  ? FRANK_ERR_DENIED
                                                : FRANK_ERR_IO;
}

static enum frank_err write_whole(int fd, const char *text, size_t len_bytes)
{
  while (len_bytes > 0) {
    ssize_t put = write(fd, text, len_bytes);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      errno = put == 0 ? ENOSPC : errno;
      return FRANK_ERR_IO;
    }
    text += put;
    len_bytes -= (size_t)put;
  }
  return FRANK_OK;
}

static enum frank_err sync_dir(const struct frank_authority_store *store)
{
  int fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return FRANK_ERR_IO;
  }
  int rc = fsync(fd);
  int saved = errno;
  (void)close(fd);
  errno = saved;
  return rc == 0 ? FRANK_OK : FRANK_ERR_IO;
}

/* Root's key in another user's folder is that user's: its server has to read it. */
static enum frank_err give_to_owner(const struct frank_authority_store *store, int fd)
{
  struct stat info;
  if (geteuid() != 0) {
    return FRANK_OK;
  }
  return stat(store->dir, &info) == 0 && fchown(fd, info.st_uid, info.st_gid) == 0 ? FRANK_OK
                                                                                   : FRANK_ERR_IO;
}

/* Under another name first: a reader never meets half a key. */
static enum frank_err write_seed(const struct frank_authority_store *store, const char *kid,
                                 const uint8_t seed[FRANK_JWS_KEY_BYTES], char *why)
{
  struct key_path path = path_of(store, kid, "");
  struct key_path fresh = path_of(store, kid, ".new");
  char text[KEY_FILE_BYTES + 1];
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; i < FRANK_JWS_KEY_BYTES; i++) {
    (void)snprintf(text + 2 * i, 3, "%02x", seed[i]);
  }
  text[KEY_FILE_BYTES - 1] = '\n';
  int fd = open(fresh.text, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    err = file_error(&fresh, "make it", why);
    goto cleanup;
  }
  if (give_to_owner(store, fd) != FRANK_OK || write_whole(fd, text, KEY_FILE_BYTES) != FRANK_OK ||
      fsync(fd) != 0) {
    err = file_error(&fresh, "write it", why);
  }
  if (close(fd) != 0 && err == FRANK_OK) {
    err = file_error(&fresh, "close it", why);
  }
  if (err == FRANK_OK && rename(fresh.text, path.text) != 0) {
    err = file_error(&path, "make it", why);
  }
  if (err == FRANK_OK && sync_dir(store) != FRANK_OK) {
    err = file_error(&path, "write its folder", why);
  }
  if (err != FRANK_OK) {
    (void)unlink(fresh.text);
  }

cleanup:
  OPENSSL_cleanse(text, sizeof text);
  return err;
}

static int digit(char c)
{
  static const char digits[] = "0123456789abcdef";
  const char *at = c != '\0' ? strchr(digits, c) : NULL;
  return at != NULL ? (int)(at - digits) : -1;
}

enum frank_err store_key_seed(const struct frank_authority_store *store, const char *kid,
                              uint8_t seed[FRANK_JWS_KEY_BYTES], char *why)
{
  struct key_path path = path_of(store, kid, "");
  char text[KEY_FILE_BYTES + 1];
  struct frank_jws_key key;
  int fd = open(path.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return file_error(&path, "read the secret key", why);
  }
  struct stat info;
  enum frank_err err = FRANK_OK;
  ssize_t got = read(fd, text, sizeof text);
  if (got < 0 || fstat(fd, &info) != 0) {
    err = file_error(&path, "read the secret key", why);
  } else if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES,
                   "%s: a secret key that others can read (mode %04o); chmod 600 it", path.text,
                   (unsigned)(info.st_mode & 07777));
    err = FRANK_ERR_DENIED;
  }
  (void)close(fd);
  bool fits = got == KEY_FILE_BYTES && text[KEY_FILE_BYTES - 1] == '\n';
  for (size_t i = 0; i < FRANK_JWS_KEY_BYTES && fits; i++) {
    int high = digit(text[2 * i]);
    int low = digit(text[2 * i + 1]);
    fits = high >= 0 && low >= 0;
    seed[i] = (uint8_t)(high * 16 + low);
  }
  OPENSSL_cleanse(text, sizeof text);
  if (err != FRANK_OK) {
    return err;
  }
  if (fits) {
    err = frank_jws_public(seed, &key);
    fits = err == FRANK_OK && strcmp(key.id, kid) == 0;
  }
  if (!fits) {
    OPENSSL_cleanse(seed, FRANK_JWS_KEY_BYTES);
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%s: not the secret key of that name",
                   path.text);
    return err == FRANK_ERR_NOMEM ? err : FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

void store_key_remove(const struct frank_authority_store *store, const char *kid)
{
  struct key_path path = path_of(store, kid, "");
  (void)unlink(path.text);
}

/* The set is another from now on. One that was made later must not look older, though a clock may
 * go back: clients take none that is older than the last. */
static enum frank_err set_changed(struct frank_authority_store *store, int64_t now_s, char *why)
{
  char text[32];
  int64_t last_s = 0;
  enum frank_err err = store_meta_seconds(store, "keys_issued", &last_s, why);
  if (err != FRANK_OK && err != FRANK_ERR_NOT_FOUND) {
    return err;
  }
  (void)snprintf(text, sizeof text, "%" PRId64, last_s > now_s ? last_s : now_s);
  return store_set_meta(store, "keys_issued", text, why);
}

enum frank_err store_key_drop(struct frank_authority_store *store, const char *kid, int64_t now_s,
                              char *why)
{
  enum frank_err err = store_run(store, why, "DELETE FROM keys WHERE kid = ?", "t", kid);
  return err == FRANK_OK ? set_changed(store, now_s, why) : err;
}

enum frank_err store_key_make(struct frank_authority_store *store,
                              enum frank_authority_key_state state, int64_t now_s, int64_t change_s,
                              struct frank_jws_key *key, char *why)
{
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  enum frank_err err = frank_jws_generate(seed, key);
  if (err != FRANK_OK) {
    return store_refuse(store, err, why, "cannot make a key: %s", frank_err_text(err));
  }
  err = write_seed(store, key->id, seed, why);
  OPENSSL_cleanse(seed, sizeof seed);
  if (err != FRANK_OK) {
    return err;
  }
  err = store_run(store, why,
                  "INSERT INTO keys (kid, public, created, state, change) VALUES (?, ?, ?, ?, ?)",
                  "tbiti", key->id, key->bytes, (size_t)FRANK_JWS_KEY_BYTES, now_s,
                  frank_authority_key_state_name(state), change_s);
  if (err == FRANK_OK) {
    err = set_changed(store, now_s, why);
  }
  if (err != FRANK_OK) {
    store_key_remove(store, key->id);
  }
  return err;
}

static enum frank_err read_row(const struct frank_authority_store *store, sqlite3_stmt *statement,
                               struct frank_authority_key *out, char *why)
{
  char kid[FRANK_JWS_KEY_ID_BYTES];
  char state[16];
  const void *bytes = sqlite3_column_blob(statement, 1);
  bool fits = bytes != NULL && sqlite3_column_bytes(statement, 1) == FRANK_JWS_KEY_BYTES;
  enum frank_err err = store_text(store, statement, 0, kid, sizeof kid, why);
  if (err == FRANK_OK) {
    err = store_text(store, statement, 3, state, sizeof state, why);
  }
  if (err != FRANK_OK) {
    return err;
  }
  if (!fits || frank_jws_key_init(bytes, &out->key) != FRANK_OK || strcmp(out->key.id, kid) != 0) {
    return store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: key %s", kid);
  }
  out->created_s = sqlite3_column_int64(statement, 2);
  out->change_s = sqlite3_column_int64(statement, 4);
  for (size_t i = 0; i < FRANK_AUTHORITY_KEY_STATE_COUNT; i++) {
    if (strcmp(state, state_names[i]) == 0) {
      out->state = (enum frank_authority_key_state)i;
      return FRANK_OK;
    }
  }
  return store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: key %s is \"%s\"", kid, state);
}

enum frank_err store_keys_read(struct frank_authority_store *store,
                               struct frank_authority_key *list, size_t *count, char *why)
{
  sqlite3_stmt *statement = NULL;
  int code = SQLITE_DONE;
  *count = 0;
  enum frank_err err = store_prepare(store, &statement, why,
                                     "SELECT kid, public, created, state, change FROM keys "
                                     "ORDER BY state = 'current' DESC, created, kid",
                                     "");
  while (err == FRANK_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (*count == FRANK_JWS_KEYS_MAX) {
      err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: more than %d keys",
                         FRANK_JWS_KEYS_MAX);
      break;
    }
    err = read_row(store, statement, &list[*count], why);
    *count += err == FRANK_OK ? 1 : 0;
  }
  if (err == FRANK_OK && code != SQLITE_DONE) {
    err = store_sql_error(store, "cannot read the keys", why);
  }
  (void)sqlite3_finalize(statement);
  if (err == FRANK_OK && (*count == 0 || list[0].state != FRANK_AUTHORITY_KEY_CURRENT ||
                          (*count > 1 && list[1].state == FRANK_AUTHORITY_KEY_CURRENT))) {
    err = store_refuse(store, FRANK_ERR_MALFORMED, why, "damaged: not one key is in force");
  }
  return err;
}
