#include "programs/factor_state.h"

#include "base/dirs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Makes every folder of the path that is missing. 0, or errno. */
static int make_folders(char *path)
{
  size_t len = strlen(path);
  for (size_t i = 1; i <= len; i++) {
    if (path[i] != '/' && path[i] != '\0') {
      continue;
    }
    char end = path[i];
    path[i] = '\0';
    int failed = mkdir(path, i == len ? S_IRWXU : S_IRWXU | S_IRWXG | S_IRWXO) != 0 ? errno : 0;
    path[i] = end;
    /* A folder above that may not be written to is there, or the next one cannot be made. */
    if (failed != 0 && failed != EEXIST && i == len) {
      return failed;
    }
  }
  return 0;
}

int frank_state_path(struct frank_cmd_line *line, bool make, const char *file,
                     char path[FRANK_STATE_PATH_BYTES])
{
  char dir[FRANK_STATE_PATH_BYTES];
  const char *given = frank_cmd_value(line, FRANK_OPT_STATE);
  if (given == NULL && frank_state_dir(dir, FRANK_DIR_BYTES) != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "the environment names no folder for the observations (HOME); name one "
                          "with --state");
  }
  if (given != NULL && (given[0] == '\0' || strlen(given) >= FRANK_DIR_BYTES)) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "--state '%.40s': a folder's name of 1 to %d bytes is wanted", given,
                          FRANK_DIR_BYTES - 1);
  }
  if (given != NULL) {
    (void)snprintf(dir, sizeof dir, "%s", given);
  }
  int failed = make ? make_folders(dir) : 0;
  if (failed != 0) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "store", "cannot make the folder %s: %s", dir,
                          strerror(failed));
  }
  (void)snprintf(path, FRANK_STATE_PATH_BYTES, "%.*s/%s", FRANK_DIR_BYTES, dir, file);
  return FRANK_EXIT_OK;
}
