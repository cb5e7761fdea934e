/*
 * kept: read with care; write beside, then rename.
 */
#include "engine/kept.h"

#include "engine/engine.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VERSION       1U
#define MAGIC_BYTES   7
#define KEY_OFFSET    8
#define LENGTH_OFFSET (KEY_OFFSET + FRANK_SHA256_BYTES)
#define SUM_OFFSET    (LENGTH_OFFSET + 8)

/* A file that is being written is ".NAME.<16 hexadecimal digits>". The digits are random, not the
 * process id: processes of several containers may share the folder. */
#define DRAFT_DIGITS     16
#define DRAFT_NAME_BYTES (1 + FRANK_KEPT_NAME_MAX_BYTES + 1 + DRAFT_DIGITS + 1)
/* Writing takes milliseconds: a draft as old as this was left by a process that died. */
#define DRAFT_MAX_AGE_S 60
/* A process that dies in every write must not fill the disk within that time. */
#define DRAFTS_MAX 16
/* As many entries of the folder are looked at for drafts. */
#define ENTRIES_MAX 4096

static const uint8_t magic[MAGIC_BYTES] = {'f', 'r', 'k', 'k', 'e', 'p', 't'};

static_assert(SUM_OFFSET + FRANK_SHA256_BYTES == FRANK_KEPT_HEAD_BYTES, "the head is that long");

/* The file at hand, and where to say what is wrong with it. */
struct place {
  const char *dir;
  const char *name;
  char *why;
};

static struct place place_of(const char *dir, const char *name, char *why)
{
  size_t len = strlen(name);
  assert(len >= 1 && len <= FRANK_KEPT_NAME_MAX_BYTES && strchr(name, '/') == NULL);
  assert(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
  why[0] = '\0';
  return (struct place){.dir = dir, .name = name, .why = why};
}

/* "NAME: the cause (in DIR)": where that is too long, the folder's end is what is lost. Returns
 * `err`. */
static enum frank_err __attribute__((format(printf, 3, 4)))
refuse(const struct place *place, enum frank_err err, const char *format, ...)
{
  char cause[128];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(cause, sizeof cause, format, arguments);
  va_end(arguments);
  (void)snprintf(place->why, FRANK_ENGINE_WHY_BYTES, "%s: %s (in %s)", place->name, cause,
                 place->dir);
  return err;
}

/* The same for a system call that has just failed. */
static enum frank_err refuse_errno(const struct place *place, const char *what)
{
  static const struct {
    int number;
    enum frank_err err;
    const char *text; /* NULL: the system's own */
  } known[] = {
      {EACCES, FRANK_ERR_DENIED, NULL},
      {EPERM, FRANK_ERR_DENIED, NULL},
      {EROFS, FRANK_ERR_DENIED, NULL},
      {ELOOP, FRANK_ERR_DENIED, "a symbolic link"},
      {ENXIO, FRANK_ERR_DENIED, "not a regular file"}, /* a socket, say */
      {ENAMETOOLONG, FRANK_ERR_TOO_LONG, NULL},
      {ENOMEM, FRANK_ERR_NOMEM, NULL},
  };
  int number = errno;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].number == number) {
      return refuse(place, known[i].err, "%s: %s", what,
                    known[i].text != NULL ? known[i].text : strerror(number));
    }
  }
  return refuse(place, FRANK_ERR_IO, "%s: %s", what, strerror(number));
}

/* ---- reading ---- */

static enum frank_err open_file(const struct place *place, int *fd)
{
  int dir_fd = open(place->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dir_fd >= 0) {
    /* O_NONBLOCK: opening a pipe must not wait for its writer. */
    *fd = openat(dir_fd, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int number = errno;
    (void)close(dir_fd);
    errno = number;
  }
  if (*fd >= 0) {
    return FRANK_OK;
  }
  return errno == ENOENT ? FRANK_ERR_NOT_FOUND : refuse_errno(place, "cannot be read");
}

/* Whose it is, and what: what others may write is not for us to load into a driver. */
static enum frank_err check_file(const struct place *place, int fd, uint64_t *size_bytes)
{
  struct stat st;
  if (fstat(fd, &st) != 0) {
    return refuse_errno(place, "cannot be looked at");
  }
  if (!S_ISREG(st.st_mode)) {
    return refuse(place, FRANK_ERR_DENIED, "it is not a regular file");
  }
  if (st.st_uid != geteuid() && st.st_uid != 0) {
    return refuse(place, FRANK_ERR_DENIED, "it belongs to user %lu, not to us or root",
                  (unsigned long)st.st_uid);
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(place, FRANK_ERR_DENIED, "others may write it (mode %04o)",
                  (unsigned)(st.st_mode & 07777));
  }
  *size_bytes = (uint64_t)st.st_size;
  return FRANK_OK;
}

/* FRANK_ERR_MALFORMED where it ends before. */
static enum frank_err read_all(const struct place *place, int fd, uint8_t *bytes, size_t len_bytes)
{
  size_t done = 0;
  while (done < len_bytes) {
    ssize_t got = read(fd, bytes + done, len_bytes - done);
    if (got == 0) {
      return refuse(place, FRANK_ERR_MALFORMED, "it is cut short");
    }
    if (got < 0 && errno != EINTR) {
      return refuse_errno(place, "cannot be read");
    }
    done += got > 0 ? (size_t)got : 0;
  }
  return FRANK_OK;
}

static enum frank_err read_head(const struct place *place, int fd, const struct frank_hash *key,
                                uint8_t head[FRANK_KEPT_HEAD_BYTES])
{
  enum frank_err err = read_all(place, fd, head, FRANK_KEPT_HEAD_BYTES);
  if (err != FRANK_OK) {
    return err;
  }
  if (memcmp(head, magic, MAGIC_BYTES) != 0) {
    return refuse(place, FRANK_ERR_MALFORMED, "it does not begin as a kept file does");
  }
  if (head[MAGIC_BYTES] != VERSION ||
      memcmp(head + KEY_OFFSET, key->bytes, sizeof key->bytes) != 0) {
    return FRANK_ERR_NOT_FOUND;
  }
  return FRANK_OK;
}

/* What the head says against what there is and what is wanted. */
static enum frank_err check_length(const struct place *place, const uint8_t *head,
                                   uint64_t size_bytes, size_t max_bytes, size_t *len_bytes)
{
  uint64_t says = 0;
  for (size_t i = 0; i < 8; i++) {
    says |= (uint64_t)head[LENGTH_OFFSET + i] << (8 * i);
  }
  if (says > max_bytes) {
    return refuse(place, FRANK_ERR_MALFORMED, "it says that it holds %" PRIu64 " bytes, above %zu",
                  says, max_bytes);
  }
  if (size_bytes < FRANK_KEPT_HEAD_BYTES || size_bytes - FRANK_KEPT_HEAD_BYTES != says) {
    return refuse(place, FRANK_ERR_MALFORMED, "it has %" PRIu64 " bytes where %" PRIu64 " belong",
                  size_bytes, says + FRANK_KEPT_HEAD_BYTES);
  }
  *len_bytes = (size_t)says;
  return FRANK_OK;
}

enum frank_err frank_kept_read(const char *dir, const char *name, const struct frank_hash *key,
                               size_t max_bytes, uint8_t **data, size_t *len_bytes, char *why)
{
  const struct place place = place_of(dir, name, why);
  uint8_t head[FRANK_KEPT_HEAD_BYTES];
  uint64_t size_bytes = 0;
  uint8_t *found = NULL;
  int fd = -1;
  size_t len = 0;
  *data = NULL;
  *len_bytes = 0;
  enum frank_err err = open_file(&place, &fd);
  if (err == FRANK_OK) {
    err = check_file(&place, fd, &size_bytes);
  }
  if (err == FRANK_OK) {
    err = read_head(&place, fd, key, head);
  }
  if (err == FRANK_OK) {
    err = check_length(&place, head, size_bytes, max_bytes, &len);
  }
  if (err != FRANK_OK) {
    goto cleanup;
  }
  found = malloc(len > 0 ? len : 1);
  if (found == NULL) {
    err = refuse(&place, FRANK_ERR_NOMEM, "no memory for %zu bytes", len);
    goto cleanup;
  }
  err = read_all(&place, fd, found, len);
  if (err != FRANK_OK) {
    goto cleanup;
  }
  struct frank_hash sum;
  frank_sha256(found, len, NULL, 0, &sum);
  if (memcmp(head + SUM_OFFSET, sum.bytes, sizeof sum.bytes) != 0) {
    err = refuse(&place, FRANK_ERR_MALFORMED, "it is damaged: its SHA-256 is another");
    goto cleanup;
  }
  *data = found;
  *len_bytes = len;
  found = NULL;

cleanup:
  free(found);
  if (fd >= 0) {
    (void)close(fd);
  }
  return err;
}

/* ---- writing ---- */

/* Makes the folder and what is missing above it. */
static enum frank_err make_folder(const struct place *place)
{
  char path[PATH_MAX];
  size_t len = strlen(place->dir);
  if (len == 0 || len >= sizeof path) {
    return refuse(place, FRANK_ERR_TOO_LONG, "a folder's name of %zu bytes", len);
  }
  memcpy(path, place->dir, len + 1);
  while (len > 1 && path[len - 1] == '/') {
    path[--len] = '\0';
  }
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0') {
      continue;
    }
    path[i] = '\0';
    /* The folders above may be for others, too: their mode is left to the umask. */
    if (mkdir(path, i == len ? S_IRWXU : S_IRWXU | S_IRWXG | S_IRWXO) != 0 && errno != EEXIST) {
      return refuse_errno(place, "its folder cannot be made");
    }
    path[i] = i == len ? '\0' : '/';
  }
  return FRANK_OK;
}

static enum frank_err open_folder(const struct place *place, int *dir_fd)
{
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  *dir_fd = open(place->dir, flags);
  if (*dir_fd < 0 && errno == ENOENT) {
    enum frank_err err = make_folder(place);
    if (err != FRANK_OK) {
      return err;
    }
    *dir_fd = open(place->dir, flags);
  }
  return *dir_fd >= 0 ? FRANK_OK : refuse_errno(place, "its folder cannot be used");
}

static bool is_draft(const struct place *place, const char *entry)
{
  size_t len = strlen(place->name);
  return entry[0] == '.' && strncmp(entry + 1, place->name, len) == 0 && entry[1 + len] == '.' &&
         strspn(entry + len + 2, "0123456789abcdef") == DRAFT_DIGITS &&
         entry[len + 2 + DRAFT_DIGITS] == '\0';
}

/* Removes the drafts of processes that died. FRANK_ERR_FULL where too many are left that may still
 * be written: a moment later they are whole, or old. */
static enum frank_err sweep(const struct place *place, int dir_fd)
{
  int own_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = own_fd >= 0 ? fdopendir(own_fd) : NULL;
  if (dir == NULL) {
    enum frank_err err = refuse_errno(place, "its folder cannot be listed");
    if (own_fd >= 0) {
      (void)close(own_fd);
    }
    return err;
  }
  unsigned drafts = 0;
  unsigned looked_at = 0;
  time_t now_s = time(NULL);
  for (struct dirent *entry = readdir(dir); entry != NULL && looked_at < ENTRIES_MAX;
       entry = readdir(dir), looked_at++) {
    struct stat st;
    if (!is_draft(place, entry->d_name) ||
        fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    /* One from the future is of a clock that was wrong. */
    time_t age_s = st.st_mtime < now_s ? now_s - st.st_mtime : st.st_mtime - now_s;
    if (age_s <= DRAFT_MAX_AGE_S || unlinkat(dir_fd, entry->d_name, 0) != 0) {
      drafts++;
    }
  }
  (void)closedir(dir);
  return drafts < DRAFTS_MAX
             ? FRANK_OK
             : refuse(place, FRANK_ERR_FULL, "%u processes are writing it, or died of it", drafts);
}

static enum frank_err open_draft(const struct place *place, int dir_fd,
                                 char draft[DRAFT_NAME_BYTES], int *fd)
{
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
    return refuse_errno(place, "no random name");
  }
  (void)snprintf(draft, DRAFT_NAME_BYTES, ".%s.%016" PRIx64, place->name, number);
  *fd = openat(dir_fd, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
               S_IRUSR | S_IWUSR);
  return *fd >= 0 ? FRANK_OK : refuse_errno(place, "cannot be written");
}

static enum frank_err write_all(const struct place *place, int fd, const uint8_t *bytes,
                                size_t len_bytes)
{
  size_t done = 0;
  while (done < len_bytes) {
    ssize_t put = write(fd, bytes + done, len_bytes - done);
    if (put < 0 && errno != EINTR) {
      return refuse_errno(place, "cannot be written");
    }
    done += put > 0 ? (size_t)put : 0;
  }
  return FRANK_OK;
}

static void make_head(const struct frank_hash *key, const void *data, size_t len_bytes,
                      uint8_t head[FRANK_KEPT_HEAD_BYTES])
{
  struct frank_hash sum;
  frank_sha256(data, len_bytes, NULL, 0, &sum);
  memcpy(head, magic, MAGIC_BYTES);
  head[MAGIC_BYTES] = VERSION;
  memcpy(head + KEY_OFFSET, key->bytes, sizeof key->bytes);
  for (size_t i = 0; i < 8; i++) {
    head[LENGTH_OFFSET + i] = (uint8_t)((uint64_t)len_bytes >> (8 * i));
  }
  memcpy(head + SUM_OFFSET, sum.bytes, sizeof sum.bytes);
}

enum frank_err frank_kept_write(const char *dir, const char *name, const struct frank_hash *key,
                                const void *data, size_t len_bytes, char *why)
{
  const struct place place = place_of(dir, name, why);
  uint8_t head[FRANK_KEPT_HEAD_BYTES];
  char draft[DRAFT_NAME_BYTES];
  int dir_fd = -1;
  int fd = -1;
  make_head(key, data, len_bytes, head);
  enum frank_err err = open_folder(&place, &dir_fd);
  if (err == FRANK_OK) {
    err = sweep(&place, dir_fd);
  }
  if (err == FRANK_OK) {
    err = open_draft(&place, dir_fd, draft, &fd);
  }
  if (err != FRANK_OK) {
    goto cleanup;
  }
  err = write_all(&place, fd, head, sizeof head);
  if (err == FRANK_OK) {
    err = write_all(&place, fd, data, len_bytes);
  }
  /* A file system may tell only now that there was no room. */
  if (close(fd) != 0 && err == FRANK_OK) {
    err = refuse_errno(&place, "cannot be written");
  }
  if (err == FRANK_OK && renameat(dir_fd, draft, dir_fd, name) != 0) {
    err = refuse_errno(&place, "cannot be put in place");
  }
  if (err != FRANK_OK) {
    (void)unlinkat(dir_fd, draft, 0);
  }

cleanup:
  if (dir_fd >= 0) {
    (void)close(dir_fd);
  }
  return err;
}
