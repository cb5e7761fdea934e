/* listener: what is at its path when it comes back from a pause is left alone, as at the start. */
#include "../tree.h"

#include "base/clock.h"
#include "door/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

static void a_pause_gives_it_no_right_to_another_file(void **state)
{
  (void)state;
  char folder[] = "/tmp/frank-listener-XXXXXX";
  char endpoint[96];
  char why[FRANK_LISTENER_WHY_BYTES];
  struct stat info;
  assert_non_null(mkdtemp(folder));
  (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/sock", folder);
  const char *path = endpoint + sizeof "ipc://" - 1;
  void *context = zmq_ctx_new();
  void *router = zmq_socket(context, ZMQ_ROUTER);
  void *client = zmq_socket(context, ZMQ_DEALER);
  struct frank_listener *listener = NULL;
  /* More than one descriptor is open: the first connection makes it pause. */
  const struct frank_listener_config config = {
      .endpoint = endpoint, .mode = 0600, .descriptors = 1};
  assert_int_equal(frank_listener_new(context, router, &config, &listener, why), FRANK_OK);
  assert_int_equal(zmq_connect(client, endpoint), 0);
  uint64_t now_us = frank_clock_now_us();
  for (int i = 0; i < 6000 && frank_listener_next_due_us(listener) == FRANK_NEVER_US; i++) {
    frank_listener_read(listener, now_us);
    usleep(10000);
  }
  assert_int_not_equal(frank_listener_next_due_us(listener), FRANK_NEVER_US);
  /* No more connections, which would make it pause again. */
  assert_int_equal(zmq_close(client), 0);
  usleep(100000);
  frank_listener_read(listener, now_us);
  (void)unlink(path); /* some versions of libzmq leave it behind */
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs("mine", file) >= 0);
  assert_int_equal(fclose(file), 0);
  now_us += 2 * FRANK_LISTENER_PAUSE_US;
  frank_listener_tick(listener, now_us);
  assert_int_equal(lstat(path, &info), 0);
  assert_true(S_ISREG(info.st_mode));
  assert_int_equal(info.st_size, 4);
  assert_int_not_equal(frank_listener_next_due_us(listener), FRANK_NEVER_US); /* it tries again */
  assert_int_equal(unlink(path), 0);
  frank_listener_tick(listener, now_us + 2 * FRANK_LISTENER_PAUSE_US);
  assert_int_equal(lstat(path, &info), 0);
  assert_true(S_ISSOCK(info.st_mode));
  assert_int_equal(frank_listener_next_due_us(listener), FRANK_NEVER_US);
  frank_listener_close(listener);
  assert_int_equal(zmq_close(router), 0);
  assert_int_equal(zmq_ctx_term(context), 0);
  frank_listener_destroy(&listener);
  assert_int_not_equal(lstat(path, &info), 0);
  assert_int_equal(tree_remove(folder), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pause_gives_it_no_right_to_another_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
