/* frank-door, the real program: where it listens, and what it leaves alone there. */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static char body[4096];

static void a_live_socket_is_not_stolen(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  fixture_expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, f->endpoint + strlen("ipc://"));
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  (void)zmq_close(client);
}

/* A daemon holds its path also while it does not listen: starting, or out of descriptors. */
static void a_locked_path_is_taken(void **state)
{
  struct fixture *f = *state;
  char path[192];
  (void)snprintf(path, sizeof path, "%s.lock", f->endpoint + strlen("ipc://"));
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  assert_true(fd >= 0);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  fixture_expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "another daemon");
  close(fd);
  fixture_open(f, NULL);
}

static void a_dead_socket_is_replaced(void **state)
{
  struct fixture *f = *state;
  struct stat info;
  const char *path = f->endpoint + strlen("ipc://");
  fixture_open(f, NULL);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0660);
  assert_int_equal(fixture_end(&f->chan, &f->pid, 1), -1);
  assert_int_equal(stat(path, &info), 0); /* killed: it stays behind */
  static const char *const more[] = {"--mode", "600", NULL};
  fixture_open(f, more);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_int_equal(fixture_end(&f->chan, &f->pid, 0), 0);
  assert_int_not_equal(stat(path, &info), 0); /* ended in order: it is gone */
}

static void foreign_files_and_sockets_are_left_alone(void **state)
{
  struct fixture *f = *state;
  struct stat info;
  const char *path = f->endpoint + strlen("ipc://");
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "mine", 4), 4);
  close(fd);
  fixture_expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "no socket");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_size, 4);
  assert_int_equal(unlink(path), 0);
  void *other = zmq_socket(f->context, ZMQ_REP); /* listens without our lock */
  assert_int_equal(zmq_bind(other, f->endpoint), 0);
  fixture_expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "another program");
  (void)zmq_close(other);
}

static void wrong_endpoints_are_named(void **state)
{
  struct fixture *f = *state;
  char endpoint[160];
  static const char *const insecure[] = {"--insecure", NULL};
  void *other = zmq_socket(f->context, ZMQ_REP);
  size_t size = sizeof endpoint;
  assert_int_equal(zmq_bind(other, "tcp://127.0.0.1:*"), 0);
  assert_int_equal(zmq_getsockopt(other, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
  fixture_expect_failed(endpoint, insecure, FRANK_ERR_TAKEN, endpoint);
  (void)zmq_close(other);
  (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/none/d.sock", f->folder);
  fixture_expect_failed(endpoint, NULL, FRANK_ERR_NOT_FOUND, "none/d.sock");
  static const struct {
    const char *endpoint;
    enum frank_err err;
  } rows[] = {
      {"", FRANK_ERR_MALFORMED},
      {"ipc://", FRANK_ERR_MALFORMED},
      {"ipc://@abstract", FRANK_ERR_MALFORMED},
      {"ipc://*", FRANK_ERR_MALFORMED},
      {"inproc://x", FRANK_ERR_MALFORMED},
      {"tcp://127.0.0.1", FRANK_ERR_MALFORMED},
      {"tcp://:5555", FRANK_ERR_MALFORMED},
      {"tcp://127.0.0.1:x", FRANK_ERR_MALFORMED},
      {"tcp://127.0.0.1:65536", FRANK_ERR_MALFORMED},
      {"tcp://0.0.0.0:5555", FRANK_ERR_DENIED},
      {"tcp://*:5555", FRANK_ERR_DENIED},
      {"tcp://[::]:5555", FRANK_ERR_DENIED},
      {"tcp://127.0.0.1.example:5555", FRANK_ERR_DENIED},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    fixture_expect_failed(rows[i].endpoint, insecure, rows[i].err, rows[i].endpoint);
  }
  fixture_expect_failed("tcp://127.0.0.1:*", NULL, FRANK_ERR_DENIED, "needs CURVE");
}

static void tcp_tells_the_port_it_got(void **state)
{
  struct fixture *f = *state;
  static const char *const insecure[] = {"--insecure", NULL};
  (void)snprintf(f->endpoint, sizeof f->endpoint, "tcp://127.0.0.1:*");
  fixture_open(f, insecure);
  assert_null(strchr(f->endpoint, '*'));
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  (void)zmq_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_live_socket_is_not_stolen), TEST(a_locked_path_is_taken),
      TEST(a_dead_socket_is_replaced),   TEST(foreign_files_and_sockets_are_left_alone),
      TEST(wrong_endpoints_are_named),   TEST(tcp_tells_the_port_it_got),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
