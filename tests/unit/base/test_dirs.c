/* What dirs promises: which of the environment's folders it is, that it fits, and what is made. */
#include "base/dirs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void set(const char *name, const char *value)
{
  assert_int_equal(value != NULL ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void first_absolute_one_is_taken(void **state)
{
  (void)state;
  static const struct {
    const char *cache_directory;
    const char *xdg;
    const char *home;
    const char *expected; /* NULL: none */
  } rows[] = {
      {"/var/cache/frank", "/x", "/home/u", "/var/cache/frank"},
      {"/var/cache/frank:/var/cache/more", "/x", "/home/u", "/var/cache/frank"},
      {"/var/cache/frank/:", NULL, NULL, "/var/cache/frank"},
      {"/", "/x", "/home/u", "/"},
      {NULL, "/x", "/home/u", "/x/frank"},
      {"", "/x/y//", "/home/u", "/x/y/frank"},
      {"var/cache", "/x:y", NULL, "/x:y/frank"},
      {NULL, "relative", "/home/u", "/home/u/.cache/frank"},
      {NULL, "", "/home/u/", "/home/u/.cache/frank"},
      {":/second", NULL, "/", "/.cache/frank"},
      {NULL, NULL, "home", NULL},
      {NULL, NULL, "", NULL},
      {NULL, NULL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[64] = "before";
    set("CACHE_DIRECTORY", rows[i].cache_directory);
    set("XDG_CACHE_HOME", rows[i].xdg);
    set("HOME", rows[i].home);
    assert_int_equal(frank_cache_dir(out, sizeof out),
                     rows[i].expected != NULL ? FRANK_OK : FRANK_ERR_NOT_FOUND);
    assert_string_equal(out, rows[i].expected != NULL ? rows[i].expected : "");
  }
}

static void one_that_does_not_fit_is_told(void **state)
{
  (void)state;
  static const char *const variables[] = {"CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME"};
  static const char *const below[] = {"", "/frank", "/.cache/frank"};
  set("CACHE_DIRECTORY", NULL);
  set("XDG_CACHE_HOME", NULL);
  set("HOME", "/short");
  for (size_t i = 3; i-- > 0;) { /* from the last: each goes before those set already */
    char value[FRANK_DIR_BYTES + 1];
    size_t longest = FRANK_DIR_BYTES - 1 - strlen(below[i]);
    memset(value, 'x', sizeof value);
    value[0] = '/';
    value[longest] = '\0';
    set(variables[i], value);
    char out[FRANK_DIR_BYTES];
    char expected[2 * FRANK_DIR_BYTES];
    (void)snprintf(expected, sizeof expected, "%s%s", value, below[i]);
    assert_int_equal(frank_cache_dir(out, sizeof out), FRANK_OK);
    assert_string_equal(out, expected);
    value[longest] = 'x';
    value[longest + 1] = '\0';
    set(variables[i], value);
    assert_int_equal(frank_cache_dir(out, sizeof out), FRANK_ERR_TOO_LONG);
    assert_string_equal(out, "");
  }
}

static void what_is_above_is_made(void **state)
{
  (void)state;
  char top[] = "/tmp/frank-dirs-XXXXXX";
  char dir[128];
  struct stat st;
  assert_non_null(mkdtemp(top));
  (void)snprintf(dir, sizeof dir, "%s/one/two/frank", top);
  frank_dir_make_above(dir);
  frank_dir_make_above(dir); /* they are there */
  assert_int_equal(stat(dir, &st), -1);
  for (int i = 0; i < 2; i++) {
    *strrchr(dir, '/') = '\0';
    assert_int_equal(stat(dir, &st), 0);
    assert_true(S_ISDIR(st.st_mode) && (st.st_mode & 077) == 0);
    assert_int_equal(rmdir(dir), 0);
  }
  assert_int_equal(rmdir(top), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_absolute_one_is_taken),
      cmocka_unit_test(one_that_does_not_fit_is_told),
      cmocka_unit_test(what_is_above_is_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
