#include "curve_support.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

void curve_make(struct fixture *fixture, struct curve *curve)
{
  char why[FRANK_KEYS_WHY_BYTES];
  memset(curve, 0, sizeof *curve);
  (void)snprintf(curve->keys, sizeof curve->keys, "%s/keys", fixture->folder);
  (void)snprintf(curve->secret, sizeof curve->secret, "%s/server.secret", curve->keys);
  (void)snprintf(curve->clients, sizeof curve->clients, "%s/clients", curve->keys);
  assert_int_equal(frank_keys_generate(curve->keys, why), FRANK_OK);
  assert_int_equal(mkdir(curve->clients, 0700), 0);
  assert_int_equal(
      frank_keys_read_in(curve->keys, FRANK_KEY_SERVER_PUBLIC, false, curve->server, why),
      FRANK_OK);
  assert_int_equal(zmq_curve_keypair(curve->public, curve->private), 0);
  const char *const more[] = {"--secret", curve->secret, "--clients", curve->clients};
  memcpy(curve->more, more, sizeof more);
  (void)snprintf(fixture->endpoint, sizeof fixture->endpoint, "tcp://127.0.0.1:*");
}

void curve_allow(const struct curve *curve, const char *name, const char *key)
{
  char path[192];
  char draft[192];
  (void)snprintf(path, sizeof path, "%s/%s", curve->clients, name);
  (void)snprintf(draft, sizeof draft, "%s/%s~", curve->clients, name);
  FILE *file = fopen(draft, "w");
  assert_non_null(file);
  assert_true(fputs(key, file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(rename(draft, path), 0);
}

void curve_forbid(const struct curve *curve, const char *name)
{
  char path[192];
  (void)snprintf(path, sizeof path, "%s/%s", curve->clients, name);
  assert_int_equal(unlink(path), 0);
}

void *curve_client(struct fixture *fixture, const char *server, const char *public,
                   const char *private)
{
  int linger_ms = 0;
  void *socket = zmq_socket(fixture->context, ZMQ_DEALER);
  assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), 0);
  if (server) {
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, private, 41), 0);
  }
  assert_int_equal(zmq_connect(socket, fixture->endpoint), 0);
  return socket;
}

void *curve_enter(struct fixture *fixture, const struct curve *curve, const char *public,
                  const char *private)
{
  uint64_t until_us = frank_clock_now_us() + FIXTURE_PATIENCE_MS * FRANK_US_PER_MS;
  while (frank_clock_now_us() < until_us) {
    char body[4096];
    zmq_pollitem_t item = {.events = ZMQ_POLLIN};
    item.socket = curve_client(fixture, curve->server, public, private);
    fixture_send(item.socket, "ping", "enter", "");
    /* libzmq does not try again where the key was refused. */
    if (zmq_poll(&item, 1, 500) == 1) {
      fixture_expect_reply(item.socket, "enter", "ok", body);
      return item.socket;
    }
    (void)zmq_close(item.socket);
  }
  fail_msg("the door does not let us in");
  return NULL;
}

void curve_reload(struct fixture *fixture, const struct curve *curve, const char *public,
                  const char *private)
{
  assert_int_equal(kill(fixture->pid, SIGHUP), 0);
  (void)zmq_close(curve_enter(fixture, curve, public, private));
}
