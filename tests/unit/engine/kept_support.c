#include "kept_support.h"

#include "../tree.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

const struct frank_hash kept_key = {.bytes = {1, 2, 3}};
const char kept_content[KEPT_CONTENT_BYTES] = "vector 16, groups 2, items 4096";

char kept_root[64];
char kept_dir[80];
char kept_path[128];
char kept_why[FRANK_ENGINE_WHY_BYTES];

int kept_set_up(void **state)
{
  (void)state;
  (void)snprintf(kept_root, sizeof kept_root, "/tmp/frank-kept-XXXXXX");
  if (mkdtemp(kept_root) == NULL) {
    return -1;
  }
  (void)snprintf(kept_dir, sizeof kept_dir, "%s/store", kept_root);
  (void)snprintf(kept_path, sizeof kept_path, "%s/" KEPT_NAME, kept_dir);
  return 0;
}

int kept_tear_down(void **state)
{
  (void)state;
  return tree_remove(kept_root);
}

enum frank_err kept_keep(const void *data, size_t len)
{
  return frank_kept_write(kept_dir, KEPT_NAME, &kept_key, data, len, kept_why);
}

enum frank_err kept_find(const void *expected, size_t len)
{
  uint8_t *data = NULL;
  size_t got = 0;
  enum frank_err err =
      frank_kept_read(kept_dir, KEPT_NAME, &kept_key, KEPT_MAX_BYTES, &data, &got, kept_why);
  if (err == FRANK_OK) {
    assert_int_equal(got, len);
    assert_memory_equal(data, expected, len);
    assert_string_equal(kept_why, "");
  } else {
    assert_null(data);
    assert_int_equal(got, 0);
    /* What is wrong is told with the file's name; an absent file is nothing wrong. */
    assert_int_equal(kept_why[0] == '\0', err == FRANK_ERR_NOT_FOUND);
    assert_true(err == FRANK_ERR_NOT_FOUND || strstr(kept_why, KEPT_NAME) != NULL);
  }
  free(data);
  return err;
}

void kept_put_raw(const uint8_t *bytes, size_t len)
{
  FILE *file = fopen(kept_path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(kept_path, 0600), 0);
}

unsigned kept_entries(void)
{
  DIR *list = opendir(kept_dir);
  assert_non_null(list);
  unsigned count = 0;
  for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  }
  assert_int_equal(closedir(list), 0);
  return count;
}
