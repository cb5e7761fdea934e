#include "door/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define FILE_COUNT 4

static enum frank_err from_errno(int number)
{
  switch (number) {
  case ENOENT:
  case ENOTDIR:
    return FRANK_ERR_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS:
    return FRANK_ERR_DENIED;
  case EEXIST:
    return FRANK_ERR_TAKEN;
  case ENOMEM:
    return FRANK_ERR_NOMEM;
  default:
    return FRANK_ERR_IO;
  }
}

/* `why` from errno, which it keeps as the cause. */
static enum frank_err fail(char *why, const char *path, const char *what)
{
  int number = errno;
  (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.150s: %s: %s", path, what, strerror(number));
  return from_errno(number);
}

static enum frank_err join(const char *dir, const char *name, char path[PATH_MAX], char *why)
{
  int len = snprintf(path, PATH_MAX, "%s/%s", dir, name);
  if (len < 0 || len >= PATH_MAX) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.100s...: the path is too long", dir);
    return FRANK_ERR_TOO_LONG;
  }
  return FRANK_OK;
}

/* Writes a new file whole: under a name of its own first, then linked, which fails where the name
 * is taken, as rename would not. */
static enum frank_err write_new(const char *path, const char *key, mode_t mode, char *why)
{
  char draft[PATH_MAX];
  int draft_len = snprintf(draft, sizeof draft, "%s.%ld", path, (long)getpid());
  if (draft_len < 0 || (size_t)draft_len >= sizeof draft) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.100s...: the path is too long", path);
    return FRANK_ERR_TOO_LONG;
  }
  int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) {
    return fail(why, path, "cannot create");
  }
  enum frank_err err = FRANK_OK;
  char line[FRANK_KEY_TEXT_BYTES + 1];
  int len = snprintf(line, sizeof line, "%s\n", key);
  /* fchmod: the umask may have taken rights away from a public key; a secret got none to begin. */
  if (write(fd, line, (size_t)len) != len || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
    err = fail(why, path, "cannot write");
  }
  close(fd);
  if (err == FRANK_OK && link(draft, path) != 0) {
    err = fail(why, path, "cannot create");
  }
  (void)unlink(draft);
  explicit_bzero(line, sizeof line);
  return err;
}

struct key_file {
  const char *name;
  const char *key;
  mode_t mode;
};

/* All four or none: what was made before a failure is taken away again. */
static enum frank_err write_all(const char *dir, const struct key_file files[FILE_COUNT], char *why)
{
  char paths[FILE_COUNT][PATH_MAX];
  for (int i = 0; i < FILE_COUNT; i++) {
    enum frank_err err = join(dir, files[i].name, paths[i], why);
    if (err != FRANK_OK) {
      return err;
    }
    struct stat there;
    if (lstat(paths[i], &there) == 0) {
      (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.200s is there already; no key was made",
                     paths[i]);
      return FRANK_ERR_TAKEN;
    }
  }
  for (int i = 0; i < FILE_COUNT; i++) {
    enum frank_err err = write_new(paths[i], files[i].key, files[i].mode, why);
    if (err != FRANK_OK) {
      while (i-- > 0) {
        (void)unlink(paths[i]);
      }
      return err;
    }
  }
  return FRANK_OK;
}

enum frank_err frank_keys_generate(const char *dir, char *why)
{
  char server_public[FRANK_KEY_TEXT_BYTES];
  char server_secret[FRANK_KEY_TEXT_BYTES];
  char client_public[FRANK_KEY_TEXT_BYTES];
  char client_secret[FRANK_KEY_TEXT_BYTES];
  if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
    return fail(why, dir, "cannot make the folder");
  }
  if (zmq_curve_keypair(server_public, server_secret) != 0 ||
      zmq_curve_keypair(client_public, client_secret) != 0) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "this libzmq has no CURVE: %s", zmq_strerror(errno));
    return FRANK_ERR_UNSUPPORTED;
  }
  const struct key_file files[FILE_COUNT] = {{FRANK_KEY_SERVER_SECRET, server_secret, 0600},
                                             {FRANK_KEY_SERVER_PUBLIC, server_public, 0644},
                                             {FRANK_KEY_CLIENT_SECRET, client_secret, 0600},
                                             {FRANK_KEY_CLIENT_PUBLIC, client_public, 0644}};
  enum frank_err err = write_all(dir, files, why);
  explicit_bzero(server_secret, sizeof server_secret);
  explicit_bzero(client_secret, sizeof client_secret);
  return err;
}

/* The text of a small file without trailing white space. */
static enum frank_err read_text(const char *path, bool secret, char *text, size_t size, char *why)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return fail(why, path, "cannot open");
  }
  enum frank_err err = FRANK_OK;
  struct stat info;
  ssize_t len = 0;
  bool known = fstat(fd, &info) == 0;
  if (known && !S_ISREG(info.st_mode)) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.200s is no file", path);
    err = FRANK_ERR_MALFORMED;
  } else if (known && secret && (info.st_mode & S_IROTH) != 0) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.180s is secret, but everybody can read it", path);
    err = FRANK_ERR_DENIED;
  } else if (known && secret && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.180s is secret, but others can write to it", path);
    err = FRANK_ERR_DENIED;
  } else if (!known || (len = read(fd, text, size - 1)) < 0) {
    err = fail(why, path, "cannot read");
  }
  close(fd);
  if (err == FRANK_OK) {
    while (len > 0 && strchr(" \t\r\n", text[len - 1])) {
      len--;
    }
    text[len] = '\0';
  }
  return err;
}

enum frank_err frank_keys_read(const char *path, bool secret, char key[FRANK_KEY_TEXT_BYTES],
                               char *why)
{
  char text[128];
  uint8_t bytes[FRANK_KEY_BYTES];
  enum frank_err err = read_text(path, secret, text, sizeof text, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (strlen(text) != FRANK_KEY_TEXT_BYTES - 1 || !zmq_z85_decode(bytes, text)) {
    (void)snprintf(why, FRANK_KEYS_WHY_BYTES, "%.180s holds no key: 40 characters of Z85", path);
    err = FRANK_ERR_MALFORMED;
  } else {
    memcpy(key, text, FRANK_KEY_TEXT_BYTES);
  }
  explicit_bzero(bytes, sizeof bytes);
  explicit_bzero(text, sizeof text);
  return err;
}

enum frank_err frank_keys_read_in(const char *dir, const char *name, bool secret,
                                  char key[FRANK_KEY_TEXT_BYTES], char *why)
{
  char path[PATH_MAX];
  enum frank_err err = join(dir, name, path, why);
  return err == FRANK_OK ? frank_keys_read(path, secret, key, why) : err;
}
