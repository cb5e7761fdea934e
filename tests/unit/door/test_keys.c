/* keys: key files are made whole, private and never over another; reading them says what is wrong.
 * allow: the folder of clients' keys, read again while names and keys change. */
#include "../tree.h"

#include "door/allow.h"
#include "door/keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

static char folder[64];
static char why[FRANK_KEYS_WHY_BYTES];

static int make_folder(void **state)
{
  (void)state;
  (void)snprintf(folder, sizeof folder, "/tmp/frank-keys-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  return tree_remove(folder);
}

static const char *path(const char *name)
{
  static char text[4][128];
  static int turn;
  turn = (turn + 1) % 4;
  (void)snprintf(text[turn], sizeof text[turn], "%s/%s", folder, name);
  return text[turn];
}

static void write_file(const char *name, const char *text, mode_t mode)
{
  FILE *file = fopen(path(name), "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(chmod(path(name), mode), 0);
}

static void generate_makes_two_working_pairs(void **state)
{
  (void)state;
  mode_t before = umask(0);
  const char *dir = path("keys");
  assert_int_equal(frank_keys_generate(dir, why), FRANK_OK);
  umask(before);
  static const struct {
    const char *secret, *public;
  } pairs[] = {{FRANK_KEY_SERVER_SECRET, FRANK_KEY_SERVER_PUBLIC},
               {FRANK_KEY_CLIENT_SECRET, FRANK_KEY_CLIENT_PUBLIC}};
  char seen[FRANK_KEY_TEXT_BYTES] = "";
  for (size_t i = 0; i < 2; i++) {
    char secret[FRANK_KEY_TEXT_BYTES];
    char public[FRANK_KEY_TEXT_BYTES];
    char derived[FRANK_KEY_TEXT_BYTES];
    assert_int_equal(frank_keys_read_in(dir, pairs[i].secret, true, secret, why), FRANK_OK);
    assert_int_equal(frank_keys_read_in(dir, pairs[i].public, false, public, why), FRANK_OK);
    assert_int_equal(zmq_curve_public(derived, secret), 0);
    assert_string_equal(derived, public);
    assert_string_not_equal(public, seen);
    memcpy(seen, public, sizeof seen);
  }
  struct stat info;
  assert_int_equal(stat(dir, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
  static const struct {
    const char *name;
    mode_t mode;
  } files[] = {{"keys/server.secret", 0600},
               {"keys/client.secret", 0600},
               {"keys/server.public", 0644},
               {"keys/client.public", 0644}};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(stat(path(files[i].name), &info), 0);
    assert_int_equal(info.st_mode & 07777, files[i].mode);
    assert_int_equal(info.st_size, 41); /* 40 characters and a line end */
    assert_int_equal(info.st_nlink, 1); /* no draft is left */
  }
}

static void generate_never_overwrites(void **state)
{
  (void)state;
  char before[FRANK_KEY_TEXT_BYTES];
  char after[FRANK_KEY_TEXT_BYTES];
  struct stat info;
  assert_int_equal(frank_keys_generate(folder, why), FRANK_OK);
  assert_int_equal(frank_keys_read_in(folder, "server.secret", true, before, why), FRANK_OK);
  assert_int_equal(frank_keys_generate(folder, why), FRANK_ERR_TAKEN);
  assert_non_null(strstr(why, path("server.secret")));
  assert_int_equal(frank_keys_read_in(folder, "server.secret", true, after, why), FRANK_OK);
  assert_string_equal(before, after);
  /* One file of four in the way: none of the others appears. */
  assert_int_equal(unlink(path("server.secret")), 0);
  assert_int_equal(unlink(path("server.public")), 0);
  assert_int_equal(unlink(path("client.public")), 0);
  assert_int_equal(frank_keys_generate(folder, why), FRANK_ERR_TAKEN);
  assert_non_null(strstr(why, "client.secret"));
  assert_int_not_equal(stat(path("server.secret"), &info), 0);
}

static void generate_names_the_folder_that_is_not_there(void **state)
{
  (void)state;
  assert_int_equal(frank_keys_generate(path("no/such"), why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "no/such"));
  write_file("plain", "x", 0600);
  assert_int_equal(frank_keys_generate(path("plain"), why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "plain"));
  char longest[5000];
  memset(longest, 'x', sizeof longest - 1);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  assert_int_not_equal(frank_keys_generate(longest, why), FRANK_OK);
  assert_true(strlen(why) > 0);
}

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static void read_says_what_is_wrong(void **state)
{
  (void)state;
  char key[FRANK_KEY_TEXT_BYTES];
  static const struct {
    const char *text;
    mode_t mode;
    enum frank_err want;
  } rows[] = {
      {KEY, 0600, FRANK_OK},
      {KEY "\n", 0640, FRANK_OK},
      {KEY " \r\n\n", 0400, FRANK_OK},
      {KEY "\n", 0604, FRANK_ERR_DENIED},
      {KEY "\n", 0620, FRANK_ERR_DENIED},
      {KEY "\n", 0602, FRANK_ERR_DENIED},
      {"", 0600, FRANK_ERR_MALFORMED},
      {"\n", 0600, FRANK_ERR_MALFORMED},
      {" " KEY, 0600, FRANK_ERR_MALFORMED},
      {KEY "x", 0600, FRANK_ERR_MALFORMED},
      {"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf", 0600, FRANK_ERR_MALFORMED},
      {"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\"", 0600, FRANK_ERR_MALFORMED},
      {KEY "\n" KEY "\n", 0600, FRANK_ERR_MALFORMED},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    write_file("key", rows[i].text, rows[i].mode);
    enum frank_err err = frank_keys_read(path("key"), true, key, why);
    if (err != rows[i].want) {
      fail_msg("row %zu: %s", i, frank_err_text(err));
    }
    if (err != FRANK_OK) {
      assert_non_null(strstr(why, path("key")));
    }
    (void)unlink(path("key"));
  }
  assert_int_equal(frank_keys_read(path("none"), false, key, why), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_keys_read(folder, false, key, why), FRANK_ERR_MALFORMED);
  write_file("public", KEY, 0644);
  assert_int_equal(frank_keys_read(path("public"), false, key, why), FRANK_OK);
  assert_string_equal(key, KEY);
}

/* ---- the list of clients ---- */

static void make_key(uint8_t key[32], char text[FRANK_KEY_TEXT_BYTES])
{
  char secret[FRANK_KEY_TEXT_BYTES];
  assert_int_equal(zmq_curve_keypair(text, secret), 0);
  assert_non_null(zmq_z85_decode(key, text));
}

static void allow_knows_the_keys_of_the_folder(void **state)
{
  (void)state;
  uint8_t a[32];
  uint8_t b[32];
  uint8_t stranger[32];
  char text[FRANK_KEY_TEXT_BYTES];
  char id[FRANK_ALLOW_USER_ID_BYTES];
  struct frank_allow *allow = NULL;
  make_key(a, text);
  write_file("mail1", text, 0644);
  write_file("same-as-mail1", text, 0644);
  make_key(b, text);
  write_file("mail2.example", text, 0644);
  write_file(".hidden", text, 0644);
  write_file("backup~", text, 0644);
  write_file("rubbish", "no key", 0644);
  write_file("bad name", text, 0644);
  make_key(stranger, text);
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_OK);
  assert_int_equal(frank_allow_count(allow), 2);
  const struct frank_allow_client *client = frank_allow_by_key(allow, a, id);
  assert_non_null(client);
  assert_string_equal(client->name, "mail1");
  assert_ptr_equal(frank_allow_by_user_id(allow, id), client);
  assert_string_equal(frank_allow_by_key(allow, b, id)->name, "mail2.example");
  assert_null(frank_allow_by_key(allow, stranger, id));
  static const char *const wrong[] = {"", ".", "0", "0.", "x.1", "9999.1", "0.0", "-1.1"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_null(frank_allow_by_user_id(allow, wrong[i]));
  }
  frank_allow_destroy(&allow);
}

static void allow_forgets_and_learns_when_read_again(void **state)
{
  (void)state;
  uint8_t a[32];
  uint8_t b[32];
  char a_text[FRANK_KEY_TEXT_BYTES];
  char b_text[FRANK_KEY_TEXT_BYTES];
  char a_id[FRANK_ALLOW_USER_ID_BYTES];
  char id[FRANK_ALLOW_USER_ID_BYTES];
  struct frank_allow *allow = NULL;
  make_key(a, a_text);
  make_key(b, b_text);
  write_file("mail1", a_text, 0644);
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_OK);
  struct frank_allow_client *client = NULL;
  assert_non_null(frank_allow_by_key(allow, a, a_id));
  client = frank_allow_by_user_id(allow, a_id);
  client->budget.outstanding = 7;
  /* Nothing changed: connections and budgets go on. */
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_ptr_equal(frank_allow_by_user_id(allow, a_id), client);
  assert_int_equal(client->budget.outstanding, 7);
  /* The same name with another key: who came in by the old one is out. */
  write_file("mail1", b_text, 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_null(frank_allow_by_user_id(allow, a_id));
  assert_null(frank_allow_by_key(allow, a, id));
  assert_non_null(frank_allow_by_key(allow, b, id));
  /* Gone: its connections are out. Back: it is the same key, and so they are in again. (A clock of
   * file systems may tick slowly: the folder is as old as it would be.) */
  const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  assert_int_equal(utimensat(AT_FDCWD, folder, long_ago, 0), 0);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_int_equal(unlink(path("mail1")), 0);
  assert_true(frank_allow_is_stale(allow));
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_false(frank_allow_is_stale(allow));
  assert_null(frank_allow_by_user_id(allow, id));
  assert_int_equal(frank_allow_count(allow), 0);
  write_file("mail1", b_text, 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_ptr_equal(frank_allow_by_user_id(allow, id), client);
  assert_null(frank_allow_by_user_id(allow, a_id));
  /* Gone, and back with another key: out for good. */
  assert_int_equal(unlink(path("mail1")), 0);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  write_file("mail1", a_text, 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_null(frank_allow_by_user_id(allow, id));
  assert_non_null(frank_allow_by_key(allow, a, id));
  char moved[80];
  (void)snprintf(moved, sizeof moved, "%s.moved", folder);
  /* A folder that cannot be read leaves the list as it was. */
  assert_int_equal(rename(folder, moved), 0);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, folder));
  assert_int_equal(rename(moved, folder), 0);
  assert_non_null(frank_allow_by_user_id(allow, id));
  frank_allow_destroy(&allow);
}

static void allow_keeps_a_client_whose_file_is_not_whole(void **state)
{
  (void)state;
  uint8_t a[32];
  uint8_t b[32];
  char a_text[FRANK_KEY_TEXT_BYTES];
  char b_text[FRANK_KEY_TEXT_BYTES];
  char id[FRANK_ALLOW_USER_ID_BYTES];
  struct frank_allow *allow = NULL;
  make_key(a, a_text);
  make_key(b, b_text);
  write_file("mail1", a_text, 0644);
  write_file("mail2", "half a k", 0644);
  /* Not whole when it was read: tried again, though the folder does not change. */
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_OK);
  assert_int_equal(frank_allow_count(allow), 1);
  assert_true(frank_allow_is_stale(allow));
  write_file("mail2", b_text, 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_non_null(frank_allow_by_key(allow, b, id));
  assert_false(frank_allow_is_stale(allow));
  /* Half rewritten, or a file that cannot be read at all: the client stays in. */
  assert_non_null(frank_allow_by_key(allow, a, id));
  write_file("mail1", "half a k", 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_non_null(frank_allow_by_user_id(allow, id));
  assert_true(frank_allow_is_stale(allow));
  assert_int_equal(unlink(path("mail1")), 0);
  assert_int_equal(symlink("mail1", path("mail1")), 0); /* ELOOP, for root too */
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_non_null(frank_allow_by_user_id(allow, id));
  assert_true(frank_allow_is_stale(allow));
  /* Its key in another file meanwhile: one client, by the name of the file that can be read. */
  write_file("a-mail", a_text, 0644);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_null(frank_allow_by_user_id(allow, id));
  assert_string_equal(frank_allow_by_key(allow, a, id)->name, "a-mail");
  assert_int_equal(frank_allow_count(allow), 2);
  /* The file gone is the key taken away. */
  assert_int_equal(unlink(path("mail1")), 0);
  assert_int_equal(unlink(path("a-mail")), 0);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_OK);
  assert_null(frank_allow_by_key(allow, a, id));
  assert_false(frank_allow_is_stale(allow));
  frank_allow_destroy(&allow);
}

static void allow_refuses_a_folder_that_everybody_can_write(void **state)
{
  (void)state;
  uint8_t key[32];
  char text[FRANK_KEY_TEXT_BYTES];
  char id[FRANK_ALLOW_USER_ID_BYTES];
  struct frank_allow *allow = NULL;
  make_key(key, text);
  write_file("mail1", text, 0644);
  assert_int_equal(chmod(folder, 01777), 0);
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_ERR_DENIED);
  assert_null(allow);
  assert_non_null(strstr(why, folder));
  assert_int_equal(chmod(folder, 0770), 0);
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_OK);
  assert_int_equal(chmod(folder, 0702), 0);
  assert_int_equal(frank_allow_reload(allow, why), FRANK_ERR_DENIED);
  assert_non_null(frank_allow_by_key(allow, key, id)); /* the list stays as it was */
  frank_allow_destroy(&allow);
}

static void allow_is_bounded(void **state)
{
  (void)state;
  char text[FRANK_KEY_TEXT_BYTES];
  uint8_t key[32] = {0};
  char name[32];
  struct frank_allow *allow = NULL;
  for (int i = 0; i < FRANK_ALLOW_CLIENTS_MAX + 2; i++) {
    key[0] = (uint8_t)(i & 255);
    key[1] = (uint8_t)(i >> 8);
    assert_non_null(zmq_z85_encode(text, key, sizeof key));
    (void)snprintf(name, sizeof name, "client%05d", i);
    write_file(name, text, 0644);
  }
  assert_int_equal(frank_allow_new(folder, &allow, why), FRANK_OK);
  assert_int_equal(frank_allow_count(allow), FRANK_ALLOW_CLIENTS_MAX);
  frank_allow_destroy(&allow);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(generate_makes_two_working_pairs, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(generate_never_overwrites, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(generate_names_the_folder_that_is_not_there, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(read_says_what_is_wrong, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(allow_knows_the_keys_of_the_folder, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(allow_forgets_and_learns_when_read_again, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(allow_keeps_a_client_whose_file_is_not_whole, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(allow_refuses_a_folder_that_everybody_can_write, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(allow_is_bounded, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
