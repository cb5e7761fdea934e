/* frank-door, the real program, behind CURVE: whose key is known gets in, and nobody else. */
#include "curve_support.h"
#include "fixture.h"

#include "door/keys.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static char body[4096];

/* With a client that is let in by its own pair of keys, mail1. */
static void set_up_curve(struct fixture *f, struct curve *curve)
{
  curve_make(f, curve);
  curve_allow(curve, "mail1", curve->public);
}

static void expect_silence(void *socket)
{
  zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
  fixture_send(socket, "ping", "p", "");
  assert_int_equal(zmq_poll(&item, 1, 500), 0);
  (void)zmq_close(socket);
}

static void curve_lets_in_known_keys_only(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  struct frank_request request;
  char b[64];
  char public[FRANK_KEY_TEXT_BYTES];
  char private[FRANK_KEY_TEXT_BYTES];
  set_up_curve(f, &curve);
  fixture_open(f, curve.more);
  void *client = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(client, "mint", "x", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_string_equal(request.client, "mail1"); /* the key's name, not the connection's */
  /* A key that nobody allowed, no key at all, and the wrong server's key. */
  assert_int_equal(zmq_curve_keypair(public, private), 0);
  expect_silence(curve_client(f, curve.server, public, private));
  expect_silence(curve_client(f, NULL, NULL, NULL));
  expect_silence(curve_client(f, public, curve.public, curve.private));
  struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "x", "ok", body);
  (void)zmq_close(client);
}

static void curve_without_a_client_lets_nobody_in(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  curve_make(f, &curve);
  fixture_open(f, curve.more);
  expect_silence(curve_client(f, curve.server, curve.public, curve.private));
}

static void a_key_taken_away_is_forbidden(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  char public[FRANK_KEY_TEXT_BYTES];
  char private[FRANK_KEY_TEXT_BYTES];
  set_up_curve(f, &curve);
  fixture_open(f, curve.more);
  void *client = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  /* One goes, one comes; the folder's time tells. */
  assert_int_equal(zmq_curve_keypair(public, private), 0);
  curve_forbid(&curve, "mail1");
  curve_allow(&curve, "mail2", public);
  assert_int_equal(kill(f->pid, SIGHUP), 0);
  void *second = curve_enter(f, &curve, public, private);
  fixture_send(client, "mint", "q", FIXTURE_BODY);
  fixture_expect_reply(client, "q", "forbidden", body);
  expect_silence(curve_client(f, curve.server, curve.public, curve.private));
  /* Without a signal, within a few seconds. */
  curve_allow(&curve, "mail1", curve.public);
  (void)zmq_close(curve_enter(f, &curve, curve.public, curve.private));
  (void)zmq_close(client);
  (void)zmq_close(second);
}

static void connections_of_one_key_share_its_budget(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  struct frank_request request;
  char b[64];
  set_up_curve(f, &curve);
  curve.more[4] = "--in-flight";
  curve.more[5] = "2";
  fixture_open(f, curve.more);
  void *first = curve_client(f, curve.server, curve.public, curve.private);
  void *second = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(first, "mint", "x", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(second, "mint", "x", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(first, "mint", "y", FIXTURE_BODY);
  fixture_expect_reply(first, "y", "busy", body);
  (void)zmq_close(first);
  (void)zmq_close(second);
}

static void curve_names_wrong_key_files(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  char path[192];
  set_up_curve(f, &curve);
  const char *half[] = {"--secret", curve.secret, NULL};
  fixture_expect_failed(f->endpoint, half, FRANK_ERR_DENIED, "both");
  (void)snprintf(path, sizeof path, "%s/none", curve.keys);
  const char *no_secret[] = {"--secret", path, "--clients", curve.clients, NULL};
  fixture_expect_failed(f->endpoint, no_secret, FRANK_ERR_NOT_FOUND, path);
  const char *no_clients[] = {"--secret", curve.secret, "--clients", path, NULL};
  fixture_expect_failed(f->endpoint, no_clients, FRANK_ERR_NOT_FOUND, path);
  assert_int_equal(chmod(curve.secret, 0644), 0);
  fixture_expect_failed(f->endpoint, curve.more, FRANK_ERR_DENIED, curve.secret);
  (void)snprintf(path, sizeof path, "%s/mail1", curve.clients);
  assert_int_equal(truncate(path, 10), 0);
  assert_int_equal(chmod(path, 0600), 0);
  const char *wrong[] = {"--secret", path, "--clients", curve.clients, NULL};
  fixture_expect_failed(f->endpoint, wrong, FRANK_ERR_MALFORMED, path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(curve_lets_in_known_keys_only), TEST(curve_without_a_client_lets_nobody_in),
      TEST(a_key_taken_away_is_forbidden), TEST(connections_of_one_key_share_its_budget),
      TEST(curve_names_wrong_key_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
