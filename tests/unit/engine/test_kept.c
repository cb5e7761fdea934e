/* What kept promises of its files: what was written comes back whole or not at all, whatever others
 * do to the files or to the folder. */
#include "kept_support.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const struct frank_hash other_key = {.bytes = {1, 2, 4}};

static void expect_refused(enum frank_err err, const char *cause)
{
  assert_int_equal(kept_find("", 0), err);
  if (strstr(kept_why, cause) == NULL) {
    fail_msg("\"%s\" does not say: %s", kept_why, cause);
  }
}

static size_t slurp(uint8_t *bytes, size_t size)
{
  FILE *file = fopen(kept_path, "rb");
  assert_non_null(file);
  size_t len = fread(bytes, 1, size, file);
  assert_int_equal(fclose(file), 0);
  return len;
}

static void what_was_kept_comes_back(void **state)
{
  (void)state;
  assert_int_equal(kept_find("", 0), FRANK_ERR_NOT_FOUND); /* not even the folder is there */
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_string_equal(kept_why, "");
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_keep(NULL, 0), FRANK_OK);
  assert_int_equal(kept_find("", 0), FRANK_OK);
  static uint8_t large[KEPT_MAX_BYTES];
  for (size_t i = 0; i < sizeof large; i++) {
    large[i] = (uint8_t)(i * 31 + i / 256);
  }
  assert_int_equal(kept_keep(large, sizeof large), FRANK_OK);
  assert_int_equal(kept_find(large, sizeof large), FRANK_OK);
  assert_int_equal(kept_entries(), 1);
  char longest[FRANK_KEPT_NAME_MAX_BYTES + 1];
  memset(longest, 'n', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_int_equal(
      frank_kept_write(kept_dir, longest, &kept_key, kept_content, sizeof kept_content, kept_why),
      FRANK_OK);
  assert_int_equal(kept_entries(), 2);
}

static void file_for_another_key_counts_as_absent(void **state)
{
  (void)state;
  uint8_t *data = NULL;
  size_t len = 0;
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(
      frank_kept_read(kept_dir, KEPT_NAME, &other_key, KEPT_MAX_BYTES, &data, &len, kept_why),
      FRANK_ERR_NOT_FOUND);
  assert_null(data);
  assert_string_equal(kept_why, "");
  /* There is one file of a name: the last key has it. */
  assert_int_equal(frank_kept_write(kept_dir, KEPT_NAME, &other_key, "new", 3, kept_why), FRANK_OK);
  assert_int_equal(kept_find("", 0), FRANK_ERR_NOT_FOUND);
  assert_int_equal(kept_entries(), 1);
}

static void file_longer_than_wanted_is_refused(void **state)
{
  (void)state;
  uint8_t *data = NULL;
  size_t len = 0;
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(frank_kept_read(kept_dir, KEPT_NAME, &kept_key, sizeof kept_content - 1, &data,
                                   &len, kept_why),
                   FRANK_ERR_MALFORMED);
  assert_null(data);
  assert_non_null(strstr(kept_why, "says that it holds 32 bytes, above 31"));
  assert_int_equal(
      frank_kept_read(kept_dir, KEPT_NAME, &kept_key, sizeof kept_content, &data, &len, kept_why),
      FRANK_OK);
  free(data);
}

/* ---- damage ---- */

static void every_truncation_is_refused(void **state)
{
  (void)state;
  uint8_t whole[256] = {0};
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  size_t len = slurp(whole, sizeof whole);
  assert_int_equal(len, FRANK_KEPT_HEAD_BYTES + sizeof kept_content);
  for (size_t cut = 0; cut < len; cut++) {
    kept_put_raw(whole, cut);
    expect_refused(FRANK_ERR_MALFORMED, cut < FRANK_KEPT_HEAD_BYTES ? "cut short" : "belong");
  }
  for (size_t more = 1; more < 3; more++) {
    kept_put_raw(whole, len + more);
    expect_refused(FRANK_ERR_MALFORMED, "belong");
  }
  kept_put_raw(whole, len);
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
}

static void every_flipped_bit_is_refused(void **state)
{
  (void)state;
  uint8_t bytes[256];
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  size_t len = slurp(bytes, sizeof bytes);
  for (size_t bit = 0; bit < len * 8; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    kept_put_raw(bytes, len);
    /* Of the version or the key: it is another's file then. */
    bool others = bit / 8 >= 7 && bit / 8 < 8 + FRANK_SHA256_BYTES;
    assert_int_equal(kept_find("", 0), others ? FRANK_ERR_NOT_FOUND : FRANK_ERR_MALFORMED);
    bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
  }
  kept_put_raw(bytes, len);
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
}

static void huge_lengths_are_refused_unread(void **state)
{
  (void)state;
  static const uint64_t says[] = {UINT64_MAX, UINT64_MAX - FRANK_KEPT_HEAD_BYTES + 1,
                                  (uint64_t)1 << 63, KEPT_MAX_BYTES + 1, KEPT_MAX_BYTES};
  uint8_t bytes[256];
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  size_t len = slurp(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
    for (size_t k = 0; k < 8; k++) {
      bytes[8 + FRANK_SHA256_BYTES + k] = (uint8_t)(says[i] >> (8 * k));
    }
    kept_put_raw(bytes, len);
    assert_int_equal(kept_find("", 0), FRANK_ERR_MALFORMED);
  }
  /* A file that is all hole: nobody reads a terabyte to find out. */
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(truncate(kept_path, (off_t)1 << 40), 0);
  expect_refused(FRANK_ERR_MALFORMED, "belong");
}

static void refused_file_is_replaced_by_the_next_write(void **state)
{
  (void)state;
  assert_int_equal(kept_keep("old", 3), FRANK_OK);
  kept_put_raw((const uint8_t *)"nonsense", 8);
  expect_refused(FRANK_ERR_MALFORMED, "cut short");
  assert_int_equal(chmod(kept_path, 0666), 0);
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
}

/* ---- hostile kinds of files ---- */

static void make_link(void)
{
  char target[128];
  (void)snprintf(target, sizeof target, "%s/elsewhere", kept_root);
  assert_int_equal(rename(kept_path, target), 0);
  assert_int_equal(symlink(target, kept_path), 0);
}

static void make_dangling_link(void)
{
  assert_int_equal(unlink(kept_path), 0);
  assert_int_equal(symlink("/nonexistent/file", kept_path), 0);
}

static void make_pipe(void)
{
  assert_int_equal(unlink(kept_path), 0);
  assert_int_equal(mkfifo(kept_path, 0600), 0);
}

static void make_socket(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  assert_true(strlen(kept_path) < sizeof address.sun_path);
  memcpy(address.sun_path, kept_path, strlen(kept_path) + 1);
  assert_int_equal(unlink(kept_path), 0);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(close(fd), 0);
}

static void make_folder(void)
{
  assert_int_equal(unlink(kept_path), 0);
  assert_int_equal(mkdir(kept_path, 0700), 0);
}

static void make_group_writable(void)
{
  assert_int_equal(chmod(kept_path, 0620), 0);
}

static void make_world_writable(void)
{
  assert_int_equal(chmod(kept_path, 0602), 0);
}

static void files_of_other_kinds_are_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    void (*make)(void);
    const char *cause;
    bool stays; /* a write does not replace it */
  } rows[] = {
      {make_link, "symbolic link", false},
      {make_dangling_link, "symbolic link", false},
      {make_pipe, "not a regular file", false},
      {make_socket, "not a regular file", false},
      {make_group_writable, "others may write it (mode 0620)", false},
      {make_world_writable, "others may write it (mode 0602)", false},
      {make_folder, "not a regular file", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
    rows[i].make();
    expect_refused(FRANK_ERR_DENIED, rows[i].cause);
    enum frank_err err = kept_keep("new", 3);
    assert_int_equal(err, rows[i].stays ? FRANK_ERR_IO : FRANK_OK);
    assert_true(!rows[i].stays || strstr(kept_why, "cannot be put in place") != NULL);
    assert_int_equal(kept_find("new", 3), rows[i].stays ? FRANK_ERR_DENIED : FRANK_OK);
    assert_int_equal(kept_entries(), 1); /* no draft is left */
  }
}

static void file_of_another_user_is_refused(void **state)
{
  (void)state;
  if (geteuid() != 0) {
    print_message("skipped: only root can give a file to somebody else\n");
    skip();
  }
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(chown(kept_path, 65534, 65534), 0);
  expect_refused(FRANK_ERR_DENIED, "belongs to user 65534");
}

/* ---- the folder ---- */

static void folder_is_made_for_us_alone(void **state)
{
  (void)state;
  struct stat st;
  char above[128];
  mode_t old = umask(022);
  (void)snprintf(above, sizeof above, "%s/a/b", kept_root);
  (void)snprintf(kept_dir, sizeof kept_dir, "%s/a/b/c/", kept_root);
  (void)snprintf(kept_path, sizeof kept_path, "%s/a/b/c/" KEPT_NAME, kept_root);
  assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_OK);
  (void)umask(old);
  assert_int_equal(kept_find(kept_content, sizeof kept_content), FRANK_OK);
  assert_int_equal(stat(kept_dir, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
  assert_int_equal(stat(above, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0755);
  assert_int_equal(stat(kept_path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
}

static void folder_that_cannot_be_is_named(void **state)
{
  (void)state;
  char file[96];
  (void)snprintf(file, sizeof file, "%s/file", kept_root);
  FILE *made = fopen(file, "w");
  assert_non_null(made);
  assert_int_equal(fclose(made), 0);
  static const char *const below[] = {"file", "file/below", "file/further/below"};
  for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
    (void)snprintf(kept_dir, sizeof kept_dir, "%s/%s", kept_root, below[i]);
    assert_int_equal(kept_keep(kept_content, sizeof kept_content), FRANK_ERR_IO);
    assert_non_null(strstr(kept_why, KEPT_NAME));
    assert_non_null(strstr(kept_why, strerror(ENOTDIR)));
    assert_non_null(strstr(kept_why, kept_dir));
    assert_int_equal(kept_find("", 0), FRANK_ERR_IO);
  }
  static char endless[8192];
  memset(endless, 'x', sizeof endless - 1);
  assert_int_equal(frank_kept_write(endless, KEPT_NAME, &kept_key, "x", 1, kept_why),
                   FRANK_ERR_TOO_LONG);
  assert_non_null(strstr(kept_why, KEPT_NAME));
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, kept_set_up, kept_tear_down)
      TEST(what_was_kept_comes_back),
      TEST(file_for_another_key_counts_as_absent),
      TEST(file_longer_than_wanted_is_refused),
      TEST(every_truncation_is_refused),
      TEST(every_flipped_bit_is_refused),
      TEST(huge_lengths_are_refused_unread),
      TEST(refused_file_is_replaced_by_the_next_write),
      TEST(files_of_other_kinds_are_refused_by_name),
      TEST(file_of_another_user_is_refused),
      TEST(folder_is_made_for_us_alone),
      TEST(folder_that_cannot_be_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
