/* The client library and the keys of CURVE: keygen's work, and who is kept out is told so. */
#include "client_support.h"
#include "curve_support.h"

#include "door/keys.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct frank_client_reply reply;

/* The pair that is let in by the name mail1, from now on. */
static void change_key(struct fixture *f, const struct curve *curve, const char *public,
                       const char *private)
{
  curve_allow(curve, "mail1", public);
  curve_reload(f, curve, public, private);
}

static void curve_works_with_keygens_files(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  char why[FRANK_CLIENT_WHY_BYTES];
  char from[128];
  char to[160];
  char *json = NULL;
  struct frank_client *client = NULL;
  curve_make(f, &curve);
  fixture_open(f, curve.more);
  (void)snprintf(from, sizeof from, "%s/client.public", curve.keys);
  (void)snprintf(to, sizeof to, "%s/mail1", curve.clients);
  const char *const endpoints[] = {f->endpoint};
  const struct frank_client_config config = {.endpoints = endpoints,
                                             .endpoint_count = 1,
                                             .key_dir = curve.keys,
                                             .retry_ms = 100,
                                             .tries_max = 2};
  assert_int_equal(frank_client_new(&config, &client, why), FRANK_OK);
  for (int tries = 0; tries == 0 || (tries < 20 && strstr(reply.message, "no handshake"));
       tries++) {
    uint64_t id = client_asks(client, 2, 20000); /* a door that stands still shakes no hands */
    client_next_is(client, id, "timeout", &reply);
  }
  assert_non_null(strstr(reply.message, "refuses our key"));
  assert_int_equal(link(from, to), 0); /* as an operator would copy it */
  assert_int_equal(kill(f->pid, SIGHUP), 0);
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  free(json);
  frank_client_destroy(&client);
  assert_int_equal(unlink(curve.secret), 0);
  (void)snprintf(from, sizeof from, "%s/server.public", curve.keys);
  assert_int_equal(unlink(from), 0);
  assert_int_equal(frank_client_new(&config, &client, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "server.public"));
}

static void forbidden_is_told_and_then_connected_again(void **state)
{
  struct fixture *f = *state;
  struct curve curve;
  char why[FRANK_CLIENT_WHY_BYTES];
  char own[FRANK_KEY_TEXT_BYTES];
  char own_secret[FRANK_KEY_TEXT_BYTES];
  char *json = NULL;
  struct frank_client *client = NULL;
  curve_make(f, &curve);
  assert_int_equal(frank_keys_read_in(curve.keys, "client.public", false, own, why), FRANK_OK);
  assert_int_equal(frank_keys_read_in(curve.keys, "client.secret", true, own_secret, why),
                   FRANK_OK);
  fixture_open(f, curve.more);
  change_key(f, &curve, own, own_secret);
  const char *const endpoints[] = {f->endpoint};
  const struct frank_client_config config = {.endpoints = endpoints,
                                             .endpoint_count = 1,
                                             .key_dir = curve.keys,
                                             .retry_ms = CLIENT_PATIENT_MS};
  assert_int_equal(frank_client_new(&config, &client, why), FRANK_OK);
  for (int by_ask = 0; by_ask < 2; by_ask++) {
    assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
    free(json);
    change_key(f, &curve, curve.public, curve.private);
    if (by_ask) {
      assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json),
                       FRANK_ERR_MALFORMED);
      assert_non_null(strstr(json, "\"forbidden\""));
      free(json);
    } else {
      uint64_t id = client_asks(client, 2, 20000);
      client_next_is(client, id, "forbidden", &reply);
    }
    /* The old connection would stay out; a new handshake gets in. */
    change_key(f, &curve, own, own_secret);
  }
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  free(json);
  /* Taken away and put back, unnoticed between: the same connection goes on. */
  curve_forbid(&curve, "mail1");
  curve_allow(&curve, "other", curve.public);
  curve_reload(f, &curve, curve.public, curve.private);
  change_key(f, &curve, own, own_secret);
  uint64_t id = client_asks(client, 2, 20000);
  struct frank_request request = client_expect_mint(f);
  client_give(f, request.tag, 2);
  client_next_is(client, id, "", &reply);
  frank_client_destroy(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(curve_works_with_keygens_files),
      TEST(forbidden_is_told_and_then_connected_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
