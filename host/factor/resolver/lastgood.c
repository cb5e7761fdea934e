#include "factor/resolver/lastgood.h"

#include "factor/lastgood_name.h"
#include "factor/why.h"
#include "proof/sha256.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC      "frank-last-good 1"
#define HASH_CHARS ((size_t)2 * FRANK_SHA256_BYTES)
#define NAME_BYTES (FRANK_LASTGOOD_NAME_BYTES + sizeof ".draft")
#define NOTHING    "-"
#define LOCK_TRIES 100
#define LOCK_NAP_N 5000000 /* 5 ms */

struct text_file {
  char bytes[FRANK_LASTGOOD_MAX_BYTES + 1];
  size_t len_bytes;
  size_t at; /* read up to here */
};

static void hash_text(const char *bytes, size_t len_bytes, char out[HASH_CHARS + 1])
{
  struct frank_hash hash;
  frank_sha256(bytes, len_bytes, NULL, 0, &hash);
  for (size_t i = 0; i < FRANK_SHA256_BYTES; i++) {
    (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)hash.bytes[i]);
  }
}

static enum frank_err refuse_errno(const char *name, const char *what, char *why)
{
  int number = errno;
  enum frank_err err = number == EACCES || number == EPERM || number == EROFS || number == ELOOP
                           ? FRANK_ERR_DENIED
                       : number == ENOMEM ? FRANK_ERR_NOMEM
                                          : FRANK_ERR_IO;
  return frank_factor_fail(err, why, "%s %s: %s", name, what, strerror(number));
}

/* ---- writing ---- */

static void __attribute__((format(printf, 2, 3)))
put_line(struct text_file *file, const char *format, ...)
{
  size_t room = sizeof file->bytes - file->len_bytes;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(file->bytes + file->len_bytes, room, format, arguments);
  va_end(arguments);
  assert(length >= 0 && (size_t)length + 1 < room);
  file->len_bytes += (size_t)length;
  file->bytes[file->len_bytes++] = '\n';
  file->bytes[file->len_bytes] = '\0';
}

static const char *or_nothing(const char *text)
{
  return text[0] != '\0' ? text : NOTHING;
}

static void compose(const char *text, const struct frank_lastgood *kept, struct text_file *file)
{
  char hash[HASH_CHARS + 1];
  char key[FRANK_JWS_KEY_TEXT_BYTES] = "";
  char keys[FRANK_JWS_KEYS_TEXT_BYTES] = "";
  char document[FRANK_FACTOR_DOCUMENT_MAX_BYTES] = "";
  if (kept->has_named_key) {
    frank_jws_key_format(&kept->named_key, key);
  }
  if (kept->trust.keys.count > 0) {
    (void)frank_jws_keys_format(&kept->trust.keys, keys);
  }
  if (kept->trust.has_last) {
    (void)frank_factor_document_format(&kept->trust.last, document);
  }
  file->len_bytes = 0;
  file->at = 0;
  put_line(file, MAGIC);
  put_line(file, "source %s", text);
  put_line(file, "dns-only %d", kept->is_dns_only ? 1 : 0);
  put_line(file, "confirmed %" PRId64, kept->confirmed_s);
  put_line(file, "url %s", or_nothing(kept->url));
  put_line(file, "named-key %s", or_nothing(key));
  put_line(file, "etag %s", or_nothing(kept->etag));
  put_line(file, "keys %s", or_nothing(keys));
  put_line(file, "signed-by %s", or_nothing(kept->trust.key_id));
  put_line(file, "document %s", or_nothing(document));
  hash_text(file->bytes, file->len_bytes, hash);
  put_line(file, "sha256 %s", hash);
}

static enum frank_err write_draft(int dir_fd, const char *name, const char *draft,
                                  const struct text_file *file, char *why)
{
  /* What a crash has left of an earlier one, if anything. */
  (void)unlinkat(dir_fd, draft, 0);
  int fd = openat(dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
  if (fd < 0) {
    return refuse_errno(name, "cannot be written", why);
  }
  enum frank_err err = FRANK_OK;
  size_t done = 0;
  while (err == FRANK_OK && done < file->len_bytes) {
    ssize_t put = write(fd, file->bytes + done, file->len_bytes - done);
    if (put > 0) {
      done += (size_t)put;
    } else if (put == 0 || errno != EINTR) {
      err = refuse_errno(name, "cannot be written", why);
    }
  }
  /* Before the rename: else a power cut could leave the new name with nothing behind it. */
  if (err == FRANK_OK && fsync(fd) != 0) {
    err = refuse_errno(name, "cannot be written", why);
  }
  if (close(fd) != 0 && err == FRANK_OK) {
    err = refuse_errno(name, "cannot be written", why);
  }
  return err;
}

static enum frank_err open_folder(const char *dir, int *dir_fd, char *why)
{
  if (mkdir(dir, S_IRWXU) != 0 && errno != EEXIST) {
    return refuse_errno(dir, "cannot be made", why);
  }
  *dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *dir_fd >= 0 ? FRANK_OK : refuse_errno(dir, "cannot be used", why);
}

/* One writer at a time, and it is done in a moment: `frank` may run beside another, or beside a
 * frankd. Where the file system knows no locks it is as it is. The lock ends with the descriptor.
 */
static enum frank_err lock_folder(int dir_fd, const char *dir, char *why)
{
  for (int i = 0; i < LOCK_TRIES; i++) {
    struct timespec nap = {.tv_nsec = LOCK_NAP_N};
    if (flock(dir_fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
      return FRANK_OK;
    }
    (void)nanosleep(&nap, NULL);
  }
  return frank_factor_fail(FRANK_ERR_AGAIN, why, "%s is being written by another process", dir);
}

enum frank_err frank_lastgood_write(const char *dir, const char *text,
                                    const struct frank_lastgood *kept, char *why)
{
  struct text_file file;
  char name[NAME_BYTES];
  char draft[NAME_BYTES];
  int dir_fd = -1;
  why[0] = '\0';
  frank_lastgood_name(text, name);
  (void)snprintf(draft, sizeof draft, "%.*s.draft", FRANK_LASTGOOD_NAME_BYTES - 1, name);
  compose(text, kept, &file);
  enum frank_err err = open_folder(dir, &dir_fd, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = lock_folder(dir_fd, dir, why);
  if (err != FRANK_OK) {
    (void)close(dir_fd);
    return err;
  }
  err = write_draft(dir_fd, name, draft, &file, why);
  if (err == FRANK_OK && renameat(dir_fd, draft, dir_fd, name) != 0) {
    err = refuse_errno(name, "cannot be put in place", why);
  }
  if (err != FRANK_OK) {
    (void)unlinkat(dir_fd, draft, 0);
  } else if (fsync(dir_fd) != 0) {
    /* The new state is there, and stays unless the power fails now. */
    err = refuse_errno(name, "may not outlast a power cut", why);
  }
  (void)close(dir_fd);
  return err;
}

/* ---- reading ---- */

static enum frank_err open_file(const char *dir, const char *name, int *fd, char *why)
{
  int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dir_fd >= 0) {
    /* O_NONBLOCK: opening a pipe must not wait for its writer. */
    *fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int number = errno;
    (void)close(dir_fd);
    errno = number;
  }
  if (*fd >= 0) {
    return FRANK_OK;
  }
  return errno == ENOENT ? FRANK_ERR_NOT_FOUND : refuse_errno(name, "cannot be read", why);
}

static enum frank_err check_file(const char *name, int fd, char *why)
{
  struct stat st;
  if (fstat(fd, &st) != 0) {
    return refuse_errno(name, "cannot be read", why);
  }
  if (!S_ISREG(st.st_mode)) {
    return frank_factor_fail(FRANK_ERR_DENIED, why, "%s is not a regular file", name);
  }
  if (st.st_uid != geteuid() && st.st_uid != 0) {
    return frank_factor_fail(FRANK_ERR_DENIED, why, "%s belongs to user %u", name,
                             (unsigned)st.st_uid);
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return frank_factor_fail(FRANK_ERR_DENIED, why, "%s: others may write it (mode %04o)", name,
                             (unsigned)(st.st_mode & 07777));
  }
  return FRANK_OK;
}

static enum frank_err read_file(const char *name, int fd, struct text_file *file, char *why)
{
  file->len_bytes = 0;
  file->at = 0;
  while (file->len_bytes < sizeof file->bytes) {
    ssize_t got = read(fd, file->bytes + file->len_bytes, sizeof file->bytes - file->len_bytes);
    if (got == 0) {
      break;
    }
    if (got < 0 && errno != EINTR) {
      return refuse_errno(name, "cannot be read", why);
    }
    file->len_bytes += got > 0 ? (size_t)got : 0;
  }
  if (file->len_bytes > FRANK_LASTGOOD_MAX_BYTES) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is longer than %d bytes", name,
                             FRANK_LASTGOOD_MAX_BYTES);
  }
  file->bytes[file->len_bytes] = '\0';
  return FRANK_OK;
}

/* The last line is the hash of all before it, and the file ends with it. */
static bool is_whole(const struct text_file *file)
{
  char line[sizeof "sha256 " + HASH_CHARS + 1];
  char hash[HASH_CHARS + 1];
  size_t line_len = sizeof line - 1;
  if (file->len_bytes < line_len) {
    return false;
  }
  size_t before = file->len_bytes - line_len;
  hash_text(file->bytes, before, hash);
  (void)snprintf(line, sizeof line, "sha256 %s\n", hash);
  return memcmp(line, file->bytes + before, line_len) == 0;
}

/* The next line's text behind `key` and a space, NUL-terminated in place; NULL: another line. */
static const char *take_line(struct text_file *file, const char *key)
{
  char *line = file->bytes + file->at;
  char *end = memchr(line, '\n', file->len_bytes - file->at);
  size_t key_len = strlen(key);
  if (end == NULL || (size_t)(end - line) < key_len + 1 || memcmp(line, key, key_len) != 0 ||
      line[key_len] != ' ') {
    return NULL;
  }
  *end = '\0';
  file->at = (size_t)(end - file->bytes) + 1;
  return strlen(line) == (size_t)(end - line) ? line + key_len + 1 : NULL;
}

static bool copy(const char *text, char *out, size_t out_size)
{
  size_t len_bytes = strlen(text);
  if (strcmp(text, NOTHING) == 0) {
    out[0] = '\0';
    return true;
  }
  if (len_bytes >= out_size) {
    return false;
  }
  memcpy(out, text, len_bytes + 1);
  return true;
}

/* Each takes the text of one line; false: it is none that was written here. */
static bool take_dns_only(struct frank_lastgood *out, const char *text)
{
  out->is_dns_only = strcmp(text, "1") == 0;
  return out->is_dns_only || strcmp(text, "0") == 0;
}

static bool take_confirmed(struct frank_lastgood *out, const char *text)
{
  char *end = NULL;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  out->confirmed_s = value;
  return errno == 0 && end != text && *end == '\0' && value >= 0;
}

static bool take_url(struct frank_lastgood *out, const char *text)
{
  /* Whether http to elsewhere is allowed is asked where it is used. */
  return strcmp(text, NOTHING) == 0 ||
         frank_txt_url(text, strlen(text), true, out->url) == FRANK_OK;
}

static bool take_named_key(struct frank_lastgood *out, const char *text)
{
  out->has_named_key = strcmp(text, NOTHING) != 0;
  return !out->has_named_key ||
         frank_jws_key_parse(text, strlen(text), &out->named_key) == FRANK_OK;
}

static bool take_etag(struct frank_lastgood *out, const char *text)
{
  return copy(text, out->etag, sizeof out->etag);
}

static bool take_keys(struct frank_lastgood *out, const char *text)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  return strcmp(text, NOTHING) == 0 ||
         frank_jws_keys_parse(text, strlen(text), &out->trust.keys, why) == FRANK_OK;
}

static bool take_key_id(struct frank_lastgood *out, const char *text)
{
  return copy(text, out->trust.key_id, sizeof out->trust.key_id);
}

static bool take_document(struct frank_lastgood *out, const char *text)
{
  char why[FRANK_FACTOR_WHY_BYTES];
  out->trust.has_last = strcmp(text, NOTHING) != 0;
  return !out->trust.has_last ||
         frank_factor_document_parse(text, strlen(text), &out->trust.last, why) == FRANK_OK;
}

static enum frank_err parse(const char *name, const char *text, struct text_file *file,
                            struct frank_lastgood *out, char *why)
{
  static const struct {
    const char *key;
    bool (*take)(struct frank_lastgood *out, const char *text);
  } lines[] = {
      {"dns-only", take_dns_only},   {"confirmed", take_confirmed}, {"url", take_url},
      {"named-key", take_named_key}, {"etag", take_etag},           {"keys", take_keys},
      {"signed-by", take_key_id},    {"document", take_document},
  };
  const size_t magic_len = sizeof MAGIC - 1;
  if (!is_whole(file)) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is damaged: its SHA-256 is another",
                             name);
  }
  if (file->len_bytes <= magic_len || memcmp(file->bytes, MAGIC "\n", magic_len + 1) != 0) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s does not begin with \"" MAGIC "\"",
                             name);
  }
  file->at = magic_len + 1;
  const char *source = take_line(file, "source");
  if (source == NULL || strcmp(source, text) != 0) {
    return frank_factor_fail(FRANK_ERR_NOT_FOUND, why, "%s is of another source", name);
  }
  *out = (struct frank_lastgood){0};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const char *line = take_line(file, lines[i].key);
    if (line == NULL || !lines[i].take(out, line)) {
      return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s: the line \"%s\" is wrong", name,
                               lines[i].key);
    }
  }
  return FRANK_OK;
}

enum frank_err frank_lastgood_read(const char *dir, const char *text, struct frank_lastgood *out,
                                   char *why)
{
  struct text_file file;
  char name[NAME_BYTES];
  int fd = -1;
  why[0] = '\0';
  frank_lastgood_name(text, name);
  enum frank_err err = open_file(dir, name, &fd, why);
  if (err == FRANK_OK) {
    err = check_file(name, fd, why);
  }
  if (err == FRANK_OK) {
    err = read_file(name, fd, &file, why);
  }
  if (err == FRANK_OK) {
    err = parse(name, text, &file, out, why);
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  return err;
}
