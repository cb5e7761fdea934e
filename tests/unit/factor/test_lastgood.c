/* What lastgood promises: what was kept comes back whole or not at all, whatever becomes of the
 * file, and only for the source that it was kept for. */
#include "../tree.h"

#include "factor/resolver/lastgood.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <dirent.h>

#define TEXT       "https://authority.example.org KEY"
#define FILE_BYTES (FRANK_LASTGOOD_MAX_BYTES + 2)

static char root[64];
static char dir[80];
static char why[FRANK_FACTOR_WHY_BYTES];

static int set_up(void **state)
{
  (void)state;
  /* In memory, where there is such a folder: a busy disk makes 10,000 files a long affair. */
  (void)snprintf(root, sizeof root, "%s/frank-lastgood-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  if (mkdtemp(root) == NULL) {
    return -1;
  }
  (void)snprintf(dir, sizeof dir, "%s/state", root);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  return tree_remove(root);
}

static struct frank_jws_key make_key(void)
{
  uint8_t seed[FRANK_JWS_KEY_BYTES];
  struct frank_jws_key key;
  assert_int_equal(frank_jws_generate(seed, &key), FRANK_OK);
  return key;
}

/* One that uses every line; many keys make it long. */
static struct frank_lastgood make(uint64_t epoch, uint32_t keys)
{
  struct frank_lastgood kept = {.confirmed_s = 1795312900, .is_dns_only = true};
  for (uint32_t i = 0; i < keys; i++) {
    kept.trust.keys.list[i] = make_key();
  }
  kept.trust.keys.count = keys;
  kept.trust.keys.issued_s = 1795312700;
  kept.trust.has_last = true;
  kept.trust.last = (struct frank_factor_document){.issuer = "authority.example.org",
                                                   .kind = FRANK_FACTOR_PROVIDER,
                                                   .testing = 1,
                                                   .epoch = epoch,
                                                   .issued_s = 1795312800,
                                                   .expires_s = 1795399200,
                                                   .factor = 16777216,
                                                   .has_previous = 1,
                                                   .previous_epoch = epoch - 1,
                                                   .previous_factor = 12582912,
                                                   .previous_until_s = 1795320000};
  memcpy(kept.trust.key_id, kept.trust.keys.list[0].id, sizeof kept.trust.key_id);
  kept.has_named_key = true;
  kept.named_key = make_key();
  (void)snprintf(kept.url, sizeof kept.url, "https://msmr.example.org/below");
  (void)snprintf(kept.etag, sizeof kept.etag, "W/\"0123456789abcdef\"");
  return kept;
}

static void file_path(char out[400])
{
  DIR *folder = opendir(dir);
  assert_non_null(folder);
  unsigned count = 0;
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (entry->d_name[0] != '.') {
      (void)snprintf(out, 400, "%s/%s", dir, entry->d_name);
      count++;
    }
  }
  (void)closedir(folder);
  assert_int_equal(count, 1); /* no draft is left */
}

static size_t load(const char *path, char bytes[FILE_BYTES])
{
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  size_t len = fread(bytes, 1, FILE_BYTES, file);
  assert_int_equal(fclose(file), 0);
  return len;
}

static void store(const char *path, const char *bytes, size_t len)
{
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static void assert_same(const struct frank_lastgood *a, const struct frank_lastgood *b)
{
  assert_memory_equal(&a->trust.last, &b->trust.last, sizeof a->trust.last);
  assert_int_equal(a->trust.has_last, b->trust.has_last);
  assert_int_equal(a->trust.keys.count, b->trust.keys.count);
  for (uint32_t i = 0; i < a->trust.keys.count; i++) {
    assert_string_equal(a->trust.keys.list[i].id, b->trust.keys.list[i].id);
    assert_memory_equal(a->trust.keys.list[i].bytes, b->trust.keys.list[i].bytes,
                        FRANK_JWS_KEY_BYTES);
  }
  assert_true(a->trust.keys.issued_s == b->trust.keys.issued_s);
  assert_string_equal(a->trust.key_id, b->trust.key_id);
  assert_int_equal(a->is_dns_only, b->is_dns_only);
  assert_true(a->confirmed_s == b->confirmed_s);
  assert_string_equal(a->url, b->url);
  assert_string_equal(a->etag, b->etag);
  assert_int_equal(a->has_named_key, b->has_named_key);
  if (a->has_named_key) {
    assert_string_equal(a->named_key.id, b->named_key.id);
  }
}

static void comes_back_whole(void **state)
{
  (void)state;
  const struct frank_lastgood full = make(412, FRANK_JWS_KEYS_MAX);
  const struct frank_lastgood empty = {0};
  struct frank_lastgood got;
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_NOT_FOUND);
  const struct frank_lastgood *all[] = {&full, &empty, &full};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    assert_int_equal(frank_lastgood_write(dir, TEXT, all[i], why), FRANK_OK);
    assert_string_equal(why, "");
    assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_OK);
    assert_same(&got, all[i]);
  }
  char path[400];
  struct stat st;
  file_path(path);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
}

static void belongs_to_its_source(void **state)
{
  (void)state;
  const struct frank_lastgood kept = make(5, 1);
  struct frank_lastgood got;
  assert_int_equal(frank_lastgood_write(dir, TEXT, &kept, why), FRANK_OK);
  assert_int_equal(frank_lastgood_read(dir, TEXT "2", &got, why), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_lastgood_read(dir, "https://authority.example.org", &got, why),
                   FRANK_ERR_NOT_FOUND);
  /* A file under the name of another source: copied there by hand. */
  char path[400];
  char other[400];
  char bytes[FILE_BYTES];
  file_path(path);
  size_t len = load(path, bytes);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(frank_lastgood_write(dir, TEXT "2", &kept, why), FRANK_OK);
  file_path(other);
  assert_string_not_equal(path, other);
  store(other, bytes, len);
  assert_int_equal(frank_lastgood_read(dir, TEXT "2", &got, why), FRANK_ERR_NOT_FOUND);
}

/* Scorecard: byte corruption, 10,000 files. Every byte of the file is changed to some 20 other
 * values: each is refused. Every shorter file and some longer ones are, too. */
static void damaged_files_are_refused(void **state)
{
  (void)state;
  const struct frank_lastgood kept = make(412, 1);
  struct frank_lastgood got;
  char path[400];
  char bytes[FILE_BYTES];
  assert_int_equal(frank_lastgood_write(dir, TEXT, &kept, why), FRANK_OK);
  file_path(path);
  const size_t len = load(path, bytes);
  unsigned files = 0;
  static const unsigned char changes[] = {0x01, 0x02, 0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80,
                                          0xff, 0x0f, 0xf0, 0x55, 0xaa, 0x11, 0x33, 0x7f, 0x05};
  for (size_t at = 0; at < len; at++) {
    for (size_t i = 0; i < sizeof changes; i++, files++) {
      bytes[at] = (char)(bytes[at] ^ (char)changes[i]);
      store(path, bytes, len);
      enum frank_err err = frank_lastgood_read(dir, TEXT, &got, why);
      assert_int_equal(err, FRANK_ERR_MALFORMED);
      assert_string_not_equal(why, "");
      bytes[at] = (char)(bytes[at] ^ (char)changes[i]);
    }
  }
  for (size_t shorter = 0; shorter < len; shorter++, files++) {
    store(path, bytes, shorter);
    assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_MALFORMED);
  }
  assert_true(files >= 10000);
  memset(bytes + len, '\n', sizeof bytes - len);
  static const size_t lengths[] = {FRANK_LASTGOOD_MAX_BYTES, FRANK_LASTGOOD_MAX_BYTES + 1,
                                   FILE_BYTES};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    store(path, bytes, lengths[i]);
    assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_MALFORMED);
  }
  store(path, bytes, len + 1);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_MALFORMED);
  store(path, bytes, len);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_OK);
  /* A sound one takes its place. */
  store(path, bytes, 10);
  assert_int_equal(frank_lastgood_write(dir, TEXT, &kept, why), FRANK_OK);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_OK);
}

static void what_others_could_have_written_is_refused(void **state)
{
  (void)state;
  const struct frank_lastgood kept = make(412, 1);
  struct frank_lastgood got;
  char path[400];
  char aside[500];
  assert_int_equal(frank_lastgood_write(dir, TEXT, &kept, why), FRANK_OK);
  file_path(path);
  (void)snprintf(aside, sizeof aside, "%s/aside", root);
  static const mode_t modes[] = {0620, 0602, 0666};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    assert_int_equal(chmod(path, modes[i]), 0);
    assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_DENIED);
    assert_non_null(strstr(why, "others may write"));
  }
  assert_int_equal(chmod(path, 0644), 0);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_OK);
  assert_int_equal(rename(path, aside), 0);
  assert_int_equal(symlink(aside, path), 0);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_DENIED);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_DENIED);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_DENIED);
  /* A folder in the way of the name is an error of the write, too; nothing else is left. */
  assert_int_not_equal(frank_lastgood_write(dir, TEXT, &kept, why), FRANK_OK);
  assert_int_equal(rmdir(path), 0);
  if (geteuid() == 0) {
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(frank_lastgood_read(dir, TEXT, &got, why), FRANK_ERR_DENIED);
    assert_non_null(strstr(why, "12345"));
  } else {
    print_message("another owner's file: not tried, for this is not root\n");
  }
}

static void folders_that_do_not_serve_are_named(void **state)
{
  (void)state;
  const struct frank_lastgood kept = make(412, 1);
  struct frank_lastgood got;
  static const char *const folders[] = {"/dev/null/state", "/proc/frank-state",
                                        "/nowhere-at-all/state"};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    assert_int_not_equal(frank_lastgood_write(folders[i], TEXT, &kept, why), FRANK_OK);
    assert_non_null(strstr(why, folders[i]));
    assert_int_not_equal(frank_lastgood_read(folders[i], TEXT, &got, why), FRANK_OK);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(comes_back_whole, set_up, tear_down),
      cmocka_unit_test_setup_teardown(belongs_to_its_source, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_files_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_others_could_have_written_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(folders_that_do_not_serve_are_named, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
