/*
 * standalone: runs a fuzz target over files without libFuzzer, so that the ordinary test run
 * replays the corpora with any compiler. Each file is given whole and then cut short at every byte
 * (the last 4096 of them), each time in a block of exactly its size, so that a sanitizer sees one
 * byte too many.
 *
 *     test_fuzz_taglist_replays FILE|FOLDER...
 */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define CUTS_MAX       4096

static void run_exact(const uint8_t *data, size_t size)
{
  uint8_t *copy = malloc(size > 0 ? size : 1);

  FUZZ_CHECK(copy != NULL);
  memcpy(copy, data, size);
  FUZZ_CHECK(LLVMFuzzerTestOneInput(copy, size) == 0);
  free(copy);
}

static void run_file(const char *path)
{
  uint8_t *data = malloc(FILE_MAX_BYTES);
  FILE *file = fopen(path, "rb");
  size_t size;

  if (!data || !file) {
    perror(path);
    exit(1);
  }
  size = fread(data, 1, FILE_MAX_BYTES, file);
  if (ferror(file) || !feof(file)) {
    fprintf(stderr, "%s: cannot be read, or is longer than 1 MiB\n", path);
    exit(1);
  }
  fclose(file);
  run_exact(data, size);
  for (size_t cut = 1; cut <= size && cut <= CUTS_MAX; cut++) {
    run_exact(data, size - cut);
  }
  free(data);
}

static size_t run_path(const char *path)
{
  struct stat about;
  struct dirent *entry;
  size_t count = 0;
  DIR *folder;

  if (stat(path, &about) == 0 && S_ISREG(about.st_mode)) {
    run_file(path);
    return 1;
  }
  folder = opendir(path);
  if (!folder) {
    perror(path);
    exit(1);
  }
  while ((entry = readdir(folder))) { /* NOLINT(concurrency-mt-unsafe): one thread */
    char name[PATH_MAX];

    if (entry->d_name[0] != '.') {
      snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
      run_file(name);
      count++;
    }
  }
  closedir(folder);
  return count;
}

int main(int argc, char **argv)
{
  size_t count = 0;

  for (int i = 1; i < argc; i++) {
    count += run_path(argv[i]);
  }
  printf("%zu inputs\n", count);
  return count > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
