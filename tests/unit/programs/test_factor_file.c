/* A factor's file: digits and white space, nothing else; a change is seen once. */
#include "factor/factor_file.h"

#include "proof/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/frank-factor-XXXXXX";

static void write_file(const char *text, size_t len)
{
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static void contents_are_checked_and_the_file_is_named(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    enum frank_err err;
    uint64_t factor;
  } rows[] = {
      {"1", FRANK_OK, 1},
      {"  16777216\r\n", FRANK_OK, 16777216},
      {"9007199254740991\n", FRANK_OK, FRANK_FACTOR_MAX},
      {"9007199254740992\n", FRANK_ERR_RANGE, 0},
      {"0\n", FRANK_ERR_RANGE, 0},
      {"", FRANK_ERR_MALFORMED, 0},
      {"\n", FRANK_ERR_MALFORMED, 0},
      {"1e6\n", FRANK_ERR_MALFORMED, 0},
      {"-5\n", FRANK_ERR_MALFORMED, 0},
      {"1.5\n", FRANK_ERR_MALFORMED, 0},
      {"12 13\n", FRANK_ERR_MALFORMED, 0},
      {"                                                                      1\n",
       FRANK_ERR_MALFORMED, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_factor_file file = {0};
    uint64_t factor = 0;
    char why[512] = "";
    write_file(rows[i].text, strlen(rows[i].text));
    assert_int_equal(frank_factor_file_read(&file, path, &factor, why, sizeof why), rows[i].err);
    if (rows[i].err == FRANK_OK) {
      assert_int_equal(factor, rows[i].factor);
    } else {
      assert_non_null(strstr(why, path));
    }
  }
  struct frank_factor_file file = {0};
  uint64_t factor = 0;
  char why[512] = "";
  write_file("12\0", 3); /* a NUL is not white space */
  assert_int_equal(frank_factor_file_read(&file, path, &factor, why, sizeof why),
                   FRANK_ERR_MALFORMED);
}

static void what_is_no_file_is_an_error_and_does_not_block(void **state)
{
  (void)state;
  struct frank_factor_file file = {0};
  uint64_t factor = 0;
  char why[512] = "";
  assert_int_equal(frank_factor_file_read(&file, "/nonexistent/f", &factor, why, sizeof why),
                   FRANK_ERR_IO);
  assert_non_null(strstr(why, "/nonexistent/f"));
  assert_int_equal(frank_factor_file_read(&file, "/tmp", &factor, why, sizeof why), FRANK_ERR_IO);
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_not_equal(frank_factor_file_read(&file, path, &factor, why, sizeof why), FRANK_OK);
  unlink(path);
}

static void a_change_is_seen_once(void **state)
{
  (void)state;
  struct frank_factor_file file = {0};
  uint64_t factor = 0;
  char why[512];
  write_file("5\n", 2);
  assert_int_equal(frank_factor_file_read(&file, path, &factor, why, sizeof why), FRANK_OK);
  assert_false(frank_factor_file_changed(&file, path));
  write_file("55\n", 3);
  assert_true(frank_factor_file_changed(&file, path));
  assert_false(frank_factor_file_changed(&file, path));
  unlink(path);
  assert_true(frank_factor_file_changed(&file, path));
  assert_false(frank_factor_file_changed(&file, path));
}

int main(void)
{
  int fd = mkstemp(path);
  if (fd < 0) {
    return 1;
  }
  close(fd);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contents_are_checked_and_the_file_is_named),
      cmocka_unit_test(what_is_no_file_is_an_error_and_does_not_block),
      cmocka_unit_test(a_change_is_seen_once),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
