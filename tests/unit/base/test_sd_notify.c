/*
 * sd_notify against real datagram sockets, and loopback addresses.
 */
#include "base/loopback.h"
#include "base/sd_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

/* A socket as the service manager has it; `name` is what NOTIFY_SOCKET says. */
static int listen_as(const char *name)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(name);
  memcpy(address.sun_path, name, len);
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
  }
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  assert_true(fd >= 0);
  socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  assert_int_equal(bind(fd, (const struct sockaddr *)&address, address_len), 0);
  return fd;
}

static void assert_received(int fd, const char *expected)
{
  char text[256] = {0};
  ssize_t len = recv(fd, text, sizeof text - 1, 0);
  assert_int_equal(len, strlen(expected));
  assert_string_equal(text, expected);
}

static void state_reaches_a_path_and_an_abstract_name(void **state)
{
  (void)state;
  char folder[] = "/tmp/frank-notify-XXXXXX";
  char path[64];
  char abstract[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/socket", folder);
  snprintf(abstract, sizeof abstract, "@frank-notify-%d", (int)getpid());
  const char *const names[] = {path, abstract};
  for (size_t i = 0; i < 2; i++) {
    int fd = listen_as(names[i]);
    setenv("NOTIFY_SOCKET", names[i], 1);
    assert_int_equal(frank_sd_notify("READY=1\nSTATUS=2 devices"), FRANK_OK);
    assert_received(fd, "READY=1\nSTATUS=2 devices");
    assert_int_equal(frank_sd_notify("STOPPING=1"), FRANK_OK);
    assert_received(fd, "STOPPING=1");
    close(fd);
  }
  unlink(path);
  rmdir(folder);
}

static void nobody_there_is_no_error_or_a_named_one(void **state)
{
  (void)state;
  char longest[200];
  unsetenv("NOTIFY_SOCKET");
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_OK);
  setenv("NOTIFY_SOCKET", "", 1);
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_OK);
  setenv("NOTIFY_SOCKET", "relative", 1);
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_ERR_MALFORMED);
  setenv("NOTIFY_SOCKET", "@", 1);
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_ERR_MALFORMED);
  memset(longest, 'x', sizeof longest - 1);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  setenv("NOTIFY_SOCKET", longest, 1);
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_ERR_MALFORMED);
  setenv("NOTIFY_SOCKET", "/tmp/frank-there-is-no-such-socket", 1);
  assert_int_equal(frank_sd_notify("READY=1"), FRANK_ERR_IO);
}

static void a_full_socket_does_not_make_us_wait(void **state)
{
  (void)state;
  char name[64];
  snprintf(name, sizeof name, "@frank-full-%d", (int)getpid());
  int fd = listen_as(name);
  setenv("NOTIFY_SOCKET", name, 1);
  enum frank_err err = FRANK_OK;
  for (int i = 0; i < 100000 && err == FRANK_OK; i++) {
    err = frank_sd_notify("STATUS=nobody reads this");
  }
  assert_int_equal(err, FRANK_ERR_IO); /* would hang here if it waited */
  close(fd);
}

struct address_case {
  const char *text;
  enum frank_err err;
};

static void only_numeric_loopback_addresses_are_taken(void **state)
{
  (void)state;
  static const struct address_case cases[] = {
      {"127.0.0.1:9600", FRANK_OK},
      {"127.255.0.9:0", FRANK_OK},
      {"[::1]:65535", FRANK_OK},
      {"0.0.0.0:9600", FRANK_ERR_DENIED},
      {"128.0.0.1:9600", FRANK_ERR_DENIED},
      {"192.168.0.1:9600", FRANK_ERR_DENIED},
      {"[::]:9600", FRANK_ERR_DENIED},
      {"[::ffff:127.0.0.1]:9600", FRANK_ERR_DENIED},
      {"127.0.0.1:65536", FRANK_ERR_RANGE},
      {"127.0.0.1:99999999999", FRANK_ERR_RANGE},
      {"127.0.0.1", FRANK_ERR_MALFORMED},
      {"127.0.0.1:", FRANK_ERR_MALFORMED},
      {"127.0.0.1:80x", FRANK_ERR_MALFORMED},
      {"127.0.0.1:-1", FRANK_ERR_MALFORMED},
      {"127.1:80", FRANK_ERR_MALFORMED},
      {"localhost:80", FRANK_ERR_MALFORMED},
      {"::1:80", FRANK_ERR_MALFORMED},
      {"[::1:80", FRANK_ERR_MALFORMED},
      {"[::1]80", FRANK_ERR_MALFORMED},
      {"[127.0.0.1]:80", FRANK_ERR_MALFORMED},
      {":80", FRANK_ERR_MALFORMED},
      {"", FRANK_ERR_MALFORMED},
      {"[", FRANK_ERR_MALFORMED},
      {"1234567890123456789012345678901234567890123456789012345:1", FRANK_ERR_MALFORMED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sockaddr_storage address;
    socklen_t len = 0;
    enum frank_err err = frank_loopback_parse(cases[i].text, &address, &len);
    if (err != cases[i].err) {
      fail_msg("\"%s\": %s", cases[i].text, frank_err_text(err));
    }
  }
  struct sockaddr_storage address;
  socklen_t len = 0;
  assert_int_equal(frank_loopback_parse("127.0.0.2:9601", &address, &len), FRANK_OK);
  const struct sockaddr_in *in4 = (const struct sockaddr_in *)&address;
  assert_int_equal(len, sizeof *in4);
  assert_int_equal(ntohs(in4->sin_port), 9601);
  assert_int_equal(ntohl(in4->sin_addr.s_addr), 0x7f000002);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(state_reaches_a_path_and_an_abstract_name),
      cmocka_unit_test(nobody_there_is_no_error_or_a_named_one),
      cmocka_unit_test(a_full_socket_does_not_make_us_wait),
      cmocka_unit_test(only_numeric_loopback_addresses_are_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
