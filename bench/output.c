#include "bench/output.h"

#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".XXXXXX"
#define MODE   0666 /* less the umask, as for any file that a program makes */

static enum frank_err fail(enum frank_err err, const char *path, const char *what, char *why)
{
  (void)snprintf(why, BENCH_WHY_BYTES, "cannot write %.200s: %s", path, what);
  return err;
}

/* mkstemp makes files that nobody else can read. One that replaces another stays as private. */
static void set_mode(int fd, const struct stat *old)
{
  mode_t mask = umask(0);
  (void)umask(mask);
  (void)fchmod(fd, old ? old->st_mode & 0777 : MODE & ~mask);
}

enum frank_err bench_output_open(const char *path, struct bench_output *output, char *why)
{
  struct stat info;
  struct stat link;
  char resolved[PATH_MAX];
  *output = (struct bench_output){0};
  bool exists = stat(path, &info) == 0;
  if (exists) {
    if (!S_ISREG(info.st_mode)) {
      return fail(FRANK_ERR_UNSUPPORTED, path,
                  S_ISDIR(info.st_mode) ? "it is a folder" : "it is no file", why);
    }
    if (access(path, W_OK) != 0) {
      return fail(FRANK_ERR_IO, path, strerror(errno), why);
    }
    if (realpath(path, resolved)) { /* a symbolic link stays one */
      path = resolved;
    }
  } else if (lstat(path, &link) == 0) {
    return fail(FRANK_ERR_NOT_FOUND, path, "it is a symbolic link to nothing", why);
  }
  int need = snprintf(output->path, sizeof output->path, "%s", path);
  int need_working = snprintf(output->working, sizeof output->working, "%s" SUFFIX, path);
  if (need < 0 || need_working < 0 || (size_t)need_working >= sizeof output->working) {
    return fail(FRANK_ERR_TOO_LONG, path, "the name is too long", why);
  }
  int fd = mkostemp(output->working, O_CLOEXEC);
  if (fd < 0) {
    return fail(FRANK_ERR_IO, path, strerror(errno), why);
  }
  set_mode(fd, exists ? &info : NULL);
  output->file = fdopen(fd, "w+");
  if (!output->file) {
    close(fd);
    (void)unlink(output->working);
    return fail(FRANK_ERR_IO, path, strerror(errno), why);
  }
  return FRANK_OK;
}

enum frank_err bench_output_commit(struct bench_output *output, char *why)
{
  bool whole = fflush(output->file) == 0 && !ferror(output->file);
  int cause = errno;
  whole = fclose(output->file) == 0 && whole;
  output->file = NULL;
  if (whole && rename(output->working, output->path) == 0) {
    return FRANK_OK;
  }
  cause = whole ? errno : cause;
  (void)unlink(output->working);
  return fail(FRANK_ERR_IO, output->path, strerror(cause), why);
}

void bench_output_abandon(struct bench_output *output)
{
  if (output->file) {
    (void)fclose(output->file);
    (void)unlink(output->working);
    output->file = NULL;
  }
}
