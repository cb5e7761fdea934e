#include "factor/factor_file.h"

#include "proof/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 64 /* sixteen digits and some white space */

bool frank_factor_file_changed(struct frank_factor_file *file, const char *path)
{
  struct frank_factor_file now = {0};
  struct stat st;
  if (stat(path, &st) == 0) {
    now.device = st.st_dev;
    now.inode = st.st_ino;
    now.size = st.st_size;
    now.changed = st.st_mtim;
  }
  bool same = now.device == file->device && now.inode == file->inode && now.size == file->size &&
              now.changed.tv_sec == file->changed.tv_sec &&
              now.changed.tv_nsec == file->changed.tv_nsec;
  *file = now;
  return !same;
}

/* Non-blocking, so that a pipe put in the file's place cannot stop the daemon. */
static ssize_t read_some(const char *path, char *text, size_t size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return -1;
  }
  ssize_t len = read(fd, text, size);
  int saved = errno;
  close(fd);
  errno = saved;
  return len;
}

enum frank_err frank_factor_file_read(struct frank_factor_file *file, const char *path,
                                      uint64_t *factor, char *why, size_t why_size)
{
  static const char space[] = " \t\r\n";
  char text[FILE_BYTES + 1];
  (void)frank_factor_file_changed(file, path); /* before reading: a later change is seen again */
  ssize_t len = read_some(path, text, sizeof text);
  if (len < 0) {
    snprintf(why, why_size, "factor file %s: %s", path, strerror(errno));
    return FRANK_ERR_IO;
  }
  if (len > FILE_BYTES) {
    snprintf(why, why_size, "factor file %s: longer than %d bytes", path, FILE_BYTES);
    return FRANK_ERR_MALFORMED;
  }
  const char *first = text;
  const char *end = text + len;
  while (first < end && memchr(space, *first, sizeof space - 1)) {
    first++;
  }
  while (end > first && memchr(space, end[-1], sizeof space - 1)) {
    end--;
  }
  enum frank_err err = frank_factor_parse(first, (size_t)(end - first), factor);
  if (err != FRANK_OK) {
    snprintf(why, why_size, "factor file %s: no factor from 1 to 2^53-1 in decimal digits", path);
  }
  return err;
}
