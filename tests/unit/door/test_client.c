/* The client library against a real frank-door whose frankd is the test: what it asks, and what it
 * believes of the replies. */
#include "client_support.h"

#include "base/clock.h"
#include "proof/target.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static struct frank_client_reply reply;

enum lie { LIE_NONCE, LIE_MET, LIE_FACTOR, LIE_ALG, LIE_COUNT };

static void a_right_stamp_is_believed(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  assert_int_equal(frank_client_next(client, 0, &reply), FRANK_ERR_NOT_FOUND);
  uint64_t id = client_asks(client, 2, 600000);
  struct frank_request request = client_expect_mint(f);
  assert_in_range(request.deadline_ms, 1, 600000);
  assert_int_equal(request.factor, 2);
  assert_int_equal(request.priority, FRANK_PRIORITY_DEFAULT);
  client_give(f, request.tag, 2);
  client_next_is(client, id, "", &reply);
  assert_string_equal(reply.key.n, "17");
  assert_int_equal(reply.factor, 2);
  assert_int_equal(reply.met, frank_target_meets(&reply.key.h, 2));
  assert_true(reply.bits == frank_target_bits(&reply.key.h));
  assert_int_equal(reply.attempts, 7);
  assert_string_equal(reply.device, "cpu:0");
  assert_string_equal(reply.source, "request");
  assert_memory_equal(reply.header, "MSMR-Key: v=1; a=rsa-sha256; n=17;\r\n\th=", 39);
  assert_int_equal(frank_client_next(client, -1, &reply), FRANK_ERR_NOT_FOUND);
  frank_client_destroy(&client);
  assert_null(client);
}

static void every_member_of_a_request_arrives(void **state)
{
  struct fixture *f = *state;
  static const char *const recipients[] = {"a@x.example", "\"q\\\"\"@y.example"};
  uint64_t id = 0;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  const struct frank_client_mint mint = {
      .dkim = "v=1; a=ed25519-sha256; d=x; s=y; h=from; bh=; b=AAAA\r\n\tBBBB CCCC",
      .recipients = recipients,
      .recipient_count = 2,
      .fail_at_deadline = true,
      .priority = 0};
  assert_int_equal(frank_client_mint(client, &mint, &id), FRANK_OK);
  struct frank_request request = client_expect_mint(f);
  assert_int_equal(request.alg, FRANK_ALG_ED25519_SHA256);
  assert_int_equal(request.fail_at_deadline, 1);
  assert_int_equal(request.priority, 0);
  assert_int_equal(request.factor, 0);
  assert_int_equal(request.deadline_ms, FRANK_DEADLINE_DEFAULT_MS);
  struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 5);
  answer.alg = FRANK_ALG_ED25519_SHA256;
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  client_next_is(client, id, "", &reply);
  frank_client_destroy(&client);
}

static void a_lie_is_a_bad_reply(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  for (int lie = 0; lie < LIE_COUNT; lie++) {
    uint64_t id = client_asks(client, 2, 1000);
    struct frank_request request = client_expect_mint(f);
    struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 2);
    switch ((enum lie)lie) {
    case LIE_NONCE:
      (void)snprintf(answer.n, sizeof answer.n, "18");
      break;
    case LIE_MET:
      answer.met = !answer.met;
      break;
    case LIE_FACTOR:
      answer = fixture_stamp(request.tag, FIXTURE_B, "17", 1);
      break;
    default:
      answer.alg = FRANK_ALG_ED25519_SHA256;
      break;
    }
    fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
    client_next_is(client, id, "bad-reply", &reply);
    assert_int_equal(reply.header[0], '\0');
  }
  frank_client_destroy(&client);
}

static void refusals_are_handed_on(void **state)
{
  struct fixture *f = *state;
  uint64_t id = 0;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  id = client_asks(client, 2, 1000);
  struct frank_answer busy = {.tag = client_expect_mint(f).tag,
                              .refusal = FRANK_REFUSAL_BUSY,
                              .retry_after_ms = 77,
                              .message = "full"};
  fixture_put(f, FRANK_DOOR_ANSWER, &busy, sizeof busy);
  client_next_is(client, id, "busy", &reply);
  assert_int_equal(reply.retry_after_ms, 77);
  assert_string_equal(reply.message, "full");
  /* What is no signature is told by the daemon, in words. */
  const struct frank_client_mint mint = {.b = "AAA", .priority = -1};
  assert_int_equal(frank_client_mint(client, &mint, &id), FRANK_OK);
  client_next_is(client, id, "bad-request", &reply);
  assert_non_null(strstr(reply.message, "b is \"AAA\""));
  frank_client_destroy(&client);
}

static void what_cannot_be_asked_is_refused_here(void **state)
{
  struct fixture *f = *state;
  static char long_b[20000];
  char why[FRANK_CLIENT_WHY_BYTES];
  uint64_t id = 0;
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  memset(long_b, 'A', sizeof long_b - 1);
  const struct frank_client_mint wrong[] = {
      {.priority = -1},
      {.b = FIXTURE_B, .dkim = "x", .priority = -1},
      {.b = FIXTURE_B, .factor = FRANK_FACTOR_MAX + 1, .priority = -1},
      {.b = FIXTURE_B, .deadline_ms = 3600001, .priority = -1},
      {.b = FIXTURE_B, .priority = 10},
      {.b = FIXTURE_B, .recipient_count = 1001, .priority = -1},
      {.b = long_b, .priority = -1},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    enum frank_err err = frank_client_mint(client, &wrong[i], &id);
    assert_int_equal(err, i == 6 ? FRANK_ERR_TOO_LONG : FRANK_ERR_RANGE);
  }
  assert_int_equal(frank_client_next(client, -1, &reply), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_client_cancel(client, 12345), FRANK_ERR_NOT_FOUND);
  frank_client_destroy(&client);
  static const char *const endpoints[] = {"inproc://x", "tcp://", "tcp://127.0.0.1", "", "ipc://"};
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    const struct frank_client_config config = {.endpoints = &endpoints[i], .endpoint_count = 1};
    assert_int_equal(frank_client_new(&config, &client, why), FRANK_ERR_MALFORMED);
    assert_true(strlen(why) > 0);
  }
  const struct frank_client_config none = {.endpoints = endpoints};
  assert_int_equal(frank_client_new(&none, &client, why), FRANK_ERR_RANGE);
}

static void it_holds_so_many_and_no_more(void **state)
{
  struct fixture *f = *state;
  uint64_t id = 0;
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  const struct frank_client_mint mint = {.b = FIXTURE_B, .priority = -1};
  for (int i = 0; i < FRANK_CLIENT_IN_FLIGHT_MAX; i++) {
    assert_int_equal(frank_client_mint(client, &mint, &id), FRANK_OK);
  }
  assert_int_equal(frank_client_mint(client, &mint, &id), FRANK_ERR_FULL);
  fixture_open(f, NULL); /* only now there is a daemon */
  for (int i = 0; i < FRANK_CLIENT_IN_FLIGHT_MAX; i++) {
    uint16_t type = 0;
    while (!fixture_has_record(f, 10, &type)) {
      assert_int_equal(frank_client_next(client, 10, &reply), FRANK_ERR_AGAIN);
    }
    assert_int_equal(type, FRANK_DOOR_MINT);
  }
  frank_client_destroy(&client);
}

static void cancel_brings_the_reply_cancelled(void **state)
{
  struct fixture *f = *state;
  struct frank_record_tag tag;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  uint64_t id = client_asks(client, 2, 20000);
  struct frank_request request = client_expect_mint(f);
  assert_int_equal(frank_client_cancel(client, id), FRANK_OK);
  fixture_expect(f, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL);
  assert_int_equal(tag.tag, request.tag);
  struct frank_answer answer = {.tag = tag.tag, .refusal = FRANK_REFUSAL_CANCELLED};
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  client_next_is(client, id, "cancelled", &reply);
  assert_int_equal(frank_client_cancel(client, id), FRANK_ERR_NOT_FOUND);
  /* And where the connection breaks before the answer: cancelled all the same, not asked again. */
  id = client_asks(client, 2, 20000);
  (void)client_expect_mint(f);
  assert_int_equal(frank_client_cancel(client, id), FRANK_OK);
  (void)fixture_end(&f->chan, &f->pid, 1);
  client_next_is(client, id, "cancelled", &reply);
  frank_client_destroy(&client);
}

/* ---- polling, asking ---- */

static void the_descriptor_tells_when_to_look(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  assert_int_equal(frank_client_timeout_ms(client), -1);
  uint64_t id = client_asks(client, 2, 20000);
  struct frank_request request;
  memset(&request, 0, sizeof request);
  bool given = false;
  uint64_t until_us = frank_clock_now_us() + FIXTURE_PATIENCE_MS * FRANK_US_PER_MS;
  enum frank_err err = FRANK_ERR_AGAIN;
  while (err == FRANK_ERR_AGAIN && frank_clock_now_us() < until_us) {
    err = frank_client_next(client, 0, &reply);
    if (err != FRANK_ERR_AGAIN) {
      break;
    }
    struct pollfd p[2] = {{.fd = frank_client_fd(client), .events = POLLIN},
                          {.fd = frank_chan_fd(f->chan), .events = POLLIN}};
    int timeout_ms = frank_client_timeout_ms(client); /* 0: the answer is there by now */
    assert_in_range(timeout_ms, 0, 20000 + CLIENT_PATIENT_MS);
    assert_true(timeout_ms == 0 || poll(p, 2, FIXTURE_PATIENCE_MS) > 0);
    struct frank_record record;
    while (frank_chan_read(f->chan, &record) == FRANK_OK) {
      if (record.type == FRANK_DOOR_MINT) {
        memcpy(&request, record.payload, sizeof request);
        client_give(f, request.tag, 2);
        given = true;
      }
    }
  }
  assert_true(given);
  assert_int_equal(err, FRANK_OK);
  assert_int_equal(reply.id, id);
  frank_client_destroy(&client);
}

/* More messages at once than are read in one go, and none comes after them to wake the descriptor.
 * The daemon is the test itself: a real one does not send what nobody asked for. */
static void a_flood_does_not_hide_the_reply(void **state)
{
  struct fixture *f = *state;
  enum { FLOOD = 1000 };
  static const char refusal[] = "{\"error\":\"busy\",\"message\":\"full\"}";
  void *daemon = zmq_socket(f->context, ZMQ_ROUTER);
  int unbounded = 0;
  assert_int_equal(zmq_setsockopt(daemon, ZMQ_SNDHWM, &unbounded, sizeof unbounded), 0);
  assert_int_equal(zmq_setsockopt(daemon, ZMQ_LINGER, &unbounded, sizeof unbounded), 0);
  assert_int_equal(zmq_bind(daemon, f->endpoint), 0);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 1);
  uint64_t id = client_asks(client, 2, 20000);
  char peer[256];
  char frame[4][1024] = {""};
  int peer_len = zmq_recv(daemon, peer, sizeof peer, 0);
  for (int i = 0; i < 4; i++) {
    int len = zmq_recv(daemon, frame[i], sizeof frame[i] - 1, 0);
    assert_in_range(len, 0, sizeof frame[i] - 1);
    frame[i][len] = '\0';
  }
  assert_in_range(peer_len, 1, sizeof peer);
  for (int i = 0; i <= FLOOD; i++) {
    const char *wire_id = i < FLOOD ? "ff000.0" : frame[2];
    assert_int_equal(zmq_send(daemon, peer, (size_t)peer_len, ZMQ_SNDMORE), peer_len);
    assert_int_equal(zmq_send(daemon, "frank/1", 7, ZMQ_SNDMORE), 7);
    assert_int_equal(zmq_send(daemon, "error", 5, ZMQ_SNDMORE), 5);
    assert_true(zmq_send(daemon, wire_id, strlen(wire_id), ZMQ_SNDMORE) > 0);
    assert_true(zmq_send(daemon, refusal, strlen(refusal), 0) > 0);
  }
  usleep(500000); /* until all of it is with the client */
  enum frank_err err = frank_client_next(client, 0, &reply);
  while (err == FRANK_ERR_AGAIN) {
    struct pollfd p = {.fd = frank_client_fd(client), .events = POLLIN};
    /* Each wait is ended by the descriptor, never by its time. */
    assert_true(frank_client_timeout_ms(client) == 0 || poll(&p, 1, FIXTURE_PATIENCE_MS) > 0);
    err = frank_client_next(client, 0, &reply);
  }
  assert_int_equal(err, FRANK_OK);
  assert_int_equal(reply.id, id);
  assert_string_equal(reply.code, "busy");
  frank_client_destroy(&client);
  (void)zmq_close(daemon);
}

static void ask_brings_json_or_the_error(void **state)
{
  struct fixture *f = *state;
  char *json = NULL;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  assert_string_equal(json, "{}");
  free(json);
  assert_int_equal(
      frank_client_ask(client, "factor", "{\"recipients\":1}", FIXTURE_PATIENCE_MS, &json),
      FRANK_ERR_MALFORMED);
  assert_non_null(strstr(json, "bad-request"));
  free(json);
  assert_int_equal(frank_client_ask(client, "status", NULL, 100, &json), FRANK_ERR_TIMEOUT);
  assert_null(json);
  /* A mint's reply that comes meanwhile is kept. */
  uint64_t id = client_asks(client, 2, 20000);
  struct frank_request request;
  uint16_t type = 0;
  assert_true(fixture_has_record(f, FIXTURE_PATIENCE_MS, &type)); /* ASK_STATUS of before */
  request = client_expect_mint(f);
  client_give(f, request.tag, 2);
  usleep(100000);
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  free(json);
  client_next_is(client, id, "", &reply);
  frank_client_destroy(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_right_stamp_is_believed),
      TEST(every_member_of_a_request_arrives),
      TEST(a_lie_is_a_bad_reply),
      TEST(refusals_are_handed_on),
      TEST(what_cannot_be_asked_is_refused_here),
      TEST(it_holds_so_many_and_no_more),
      TEST(cancel_brings_the_reply_cancelled),
      TEST(the_descriptor_tells_when_to_look),
      TEST(a_flood_does_not_hide_the_reply),
      TEST(ask_brings_json_or_the_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
