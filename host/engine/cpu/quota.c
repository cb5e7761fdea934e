/*
 * quota: cpu.max of our control group and of each group around it.
 *
 * Version 2 only, which is what Debian has mounted since 11. Where version 1 is left, its
 * cpu.cfs_quota_us is not looked for, and the quota shows as devices that are slower than measured.
 */
#include "engine/cpu/quota.h"

#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_FILE "/proc/self/cgroup"
#define GROUP_ROOT "/sys/fs/cgroup"

/* Reads up to 15 decimal digits and moves past them. False for anything else. */
static bool parse_number(const char **at, uint64_t *value)
{
  size_t digits = strspn(*at, "0123456789");
  if (digits == 0 || digits > 15) {
    return false;
  }
  *value = strtoull(*at, NULL, 10);
  *at += digits;
  return true;
}

bool frank_quota_parse(const char *text, size_t *cores)
{
  uint64_t quota_us = 0;
  uint64_t period_us = 0;
  if (!parse_number(&text, &quota_us) || *text++ != ' ' || !parse_number(&text, &period_us) ||
      (*text != '\0' && *text != '\n') || quota_us == 0 || period_us == 0) {
    return false;
  }
  *cores = (size_t)((quota_us + period_us - 1) / period_us);
  return true;
}

/* The first line of a file that starts with `prefix`, without it and the end of line. */
static bool read_line(const char *path, const char *prefix, char *line, size_t size)
{
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    return false;
  }
  char text[PATH_MAX];
  bool found = false;
  while (!found && fgets(text, sizeof text, file) != NULL) {
    text[strcspn(text, "\n")] = '\0';
    size_t skip = strlen(prefix);
    if (strncmp(text, prefix, skip) == 0 && strlen(text + skip) < size) {
      memcpy(line, text + skip, strlen(text + skip) + 1);
      found = true;
    }
  }
  (void)fclose(file);
  return found;
}

bool frank_quota_cores(const char *root, size_t *cores)
{
  char path[2 * PATH_MAX];
  char group[PATH_MAX];
  bool limited = false;
  (void)snprintf(path, sizeof path, "%s" GROUP_FILE, root);
  if (!read_line(path, "0::", group, sizeof group)) {
    return false;
  }
  /* From our own group outwards: "/a/b", "/a", "". In a container the outer names may not be there;
   * what is mounted as the root is our group, then. */
  for (;;) {
    char text[64];
    size_t here = 0;
    size_t len = strlen(group);
    while (len > 0 && group[len - 1] == '/') {
      group[--len] = '\0';
    }
    int length = snprintf(path, sizeof path, "%s" GROUP_ROOT "%s/cpu.max", root, group);
    if (length > 0 && (size_t)length < sizeof path && read_line(path, "", text, sizeof text) &&
        frank_quota_parse(text, &here) && (!limited || here < *cores)) {
      *cores = here;
      limited = true;
    }
    char *last = strrchr(group, '/');
    if (last == NULL) {
      return limited;
    }
    *last = '\0';
  }
}
