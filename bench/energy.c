#include "bench/energy.h"

#include "bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX     "intel-rapl:" /* "intel-rapl:0" is a package, "intel-rapl:0:0" a part of one */
#define PACKAGE    "package-"    /* the zone's name; another of that kind is "psys", all of it */
#define LINE_BYTES 64

static bool read_line(const char *folder, const char *name, char line[LINE_BYTES])
{
  char path[BENCH_ENERGY_PATH_BYTES + 32];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  if (!file) {
    return false;
  }
  bool got = fgets(line, LINE_BYTES, file) != NULL;
  (void)fclose(file);
  if (got) {
    line[strcspn(line, "\n")] = '\0';
  }
  return got;
}

/* A file with one number of up to 18 digits, and nothing else. */
static bool read_number(const char *folder, const char *name, uint64_t *value)
{
  char line[LINE_BYTES];
  if (!read_line(folder, name, line)) {
    return false;
  }
  size_t digits = strspn(line, "0123456789");
  if (digits == 0 || digits > 18 || line[digits] != '\0') {
    return false;
  }
  *value = strtoull(line, NULL, 10);
  return true;
}

static bool is_zone(const char *entry)
{
  size_t skip = strlen(PREFIX);
  if (strncmp(entry, PREFIX, skip) != 0) {
    return false;
  }
  size_t digits = strspn(entry + skip, "0123456789");
  return digits > 0 && entry[skip + digits] == '\0';
}

static enum frank_err fail(const char *folder, char *why)
{
  (void)snprintf(why, BENCH_WHY_BYTES,
                 "%s: its energy cannot be read (often only root may), or makes no sense", folder);
  return FRANK_ERR_NOT_FOUND;
}

/* The counter now, which is within its range. */
static bool read_counter(const struct bench_energy_package *package, uint64_t *energy_uj)
{
  return read_number(package->folder, "energy_uj", energy_uj) && *energy_uj <= package->range_uj;
}

static enum frank_err add_zone(struct bench_energy *energy, const char *folder, char *why)
{
  char name[LINE_BYTES];
  if (!read_line(folder, "name", name)) {
    return fail(folder, why);
  }
  if (strncmp(name, PACKAGE, strlen(PACKAGE)) != 0) {
    return FRANK_OK;
  }
  if (energy->package_count == BENCH_ENERGY_PACKAGES_MAX) {
    (void)snprintf(why, BENCH_WHY_BYTES, "more than %d packages", BENCH_ENERGY_PACKAGES_MAX);
    return FRANK_ERR_NOT_FOUND;
  }
  struct bench_energy_package *package = &energy->packages[energy->package_count];
  (void)snprintf(package->folder, sizeof package->folder, "%s", folder);
  if (!read_number(folder, "max_energy_range_uj", &package->range_uj) || package->range_uj == 0 ||
      !read_counter(package, &package->last_uj)) {
    return fail(folder, why);
  }
  energy->package_count++;
  return FRANK_OK;
}

enum frank_err bench_energy_start(const char *root, struct bench_energy *energy, char *why)
{
  *energy = (struct bench_energy){0};
  DIR *dir = opendir(root);
  if (!dir) {
    (void)snprintf(why, BENCH_WHY_BYTES, "%.200s: %s", root, strerror(errno));
    return FRANK_ERR_NOT_FOUND;
  }
  enum frank_err err = FRANK_OK;
  const struct dirent *entry = NULL;
  while (err == FRANK_OK && (entry = readdir(dir)) != NULL) {
    char folder[BENCH_ENERGY_PATH_BYTES];
    if (!is_zone(entry->d_name)) {
      continue;
    }
    int need = snprintf(folder, sizeof folder, "%s/%s", root, entry->d_name);
    err =
        need > 0 && (size_t)need < sizeof folder ? add_zone(energy, folder, why) : fail(root, why);
  }
  closedir(dir);
  if (err == FRANK_OK && energy->package_count == 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "%.200s has no " PREFIX "N of a package", root);
    err = FRANK_ERR_NOT_FOUND;
  }
  if (err != FRANK_OK) {
    energy->package_count = 0; /* a part of the packages would be taken for all */
  }
  return err;
}

enum frank_err bench_energy_read(struct bench_energy *energy, double *joules, char *why)
{
  if (energy->package_count == 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "energy was not counted from the start");
    return FRANK_ERR_NOT_FOUND;
  }
  for (size_t i = 0; i < energy->package_count; i++) {
    struct bench_energy_package *package = &energy->packages[i];
    uint64_t now_uj = 0;
    if (!read_counter(package, &now_uj)) {
      energy->package_count = 0;
      return fail(package->folder, why);
    }
    uint64_t used_uj = now_uj >= package->last_uj
                           ? now_uj - package->last_uj
                           : package->range_uj - package->last_uj + now_uj + 1;
    energy->joules += (double)used_uj / 1e6;
    package->last_uj = now_uj;
  }
  *joules = energy->joules;
  return FRANK_OK;
}
