/* frank-door, the real program: requests go to frankd, and answers to who asked. */
#include "fixture.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

static char body[4096];

static void mint_goes_to_frankd_and_its_answer_back(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "my-id", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_string_equal(b, FIXTURE_B);
  assert_int_equal(request.b_len, strlen(FIXTURE_B));
  assert_int_equal(request.factor, 16);
  assert_int_equal(request.deadline_ms, 500);
  assert_int_equal(request.priority, 7);
  assert_memory_equal(request.client, "ipc:", 4);
  struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "my-id", "ok", body);
  assert_non_null(strstr(body, "\"n\":\"17\""));
  (void)zmq_close(client);
}

static void answers_go_out_in_the_order_of_completion(void **state)
{
  struct fixture *f = *state;
  struct frank_request request[3];
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  static const char *const ids[] = {"first", "second", "third"};
  for (int i = 0; i < 3; i++) {
    fixture_send(client, "mint", ids[i], FIXTURE_BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request[i], sizeof request[i], b);
  }
  for (int i = 2; i >= 0; i--) {
    struct frank_answer answer = fixture_stamp(request[i].tag, FIXTURE_B, "17", 16);
    fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
    fixture_expect_reply(client, ids[i], "ok", body);
  }
  (void)zmq_close(client);
}

static void req_sockets_get_their_delimiter(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_REQ); /* which checks and strips it */
  for (int i = 0; i < 3; i++) {
    fixture_send(client, "ping", "p", "{}");
    fixture_expect_reply(client, "p", "ok", body);
    assert_string_equal(body, "{}");
  }
  (void)zmq_close(client);
}

static void an_id_in_flight_is_refused(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  void *other = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "x", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(client, "mint", "x", FIXTURE_BODY);
  fixture_expect_reply(client, "x", "bad-request", body);
  assert_non_null(strstr(body, "id x is in flight"));
  uint64_t tag = request.tag;
  fixture_send(other, "mint", "x", FIXTURE_BODY); /* another peer's x is another request */
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_true(tag != request.tag);
  struct frank_answer answer = fixture_stamp(tag, FIXTURE_B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "x", "ok", body);
  fixture_send(client, "ping", "x", "{}"); /* free again */
  fixture_expect_reply(client, "x", "ok", body);
  (void)zmq_close(client);
  (void)zmq_close(other);
}

static void cancel_takes_back_ones_own_request_only(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  struct frank_record_tag tag;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  void *other = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "x", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(other, "cancel", "c", "{\"id\":\"x\"}");
  fixture_expect_reply(other, "c", "ok", body);
  assert_string_equal(body, "{\"found\":false}");
  fixture_send(client, "cancel", "c", "{\"id\":\"x\"}");
  fixture_expect(f, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL);
  assert_int_equal(tag.tag, request.tag);
  struct frank_answer answer = {.tag = tag.tag, .refusal = FRANK_REFUSAL_CANCELLED};
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  struct frank_door_cancelled cancelled = {.tag = tag.tag, .found = 1};
  fixture_put(f, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
  fixture_expect_reply(client, "x", "cancelled", body);
  fixture_expect_reply(client, "c", "ok", body);
  assert_string_equal(body, "{\"found\":true}");
  (void)zmq_close(client);
  (void)zmq_close(other);
}

static void one_question_serves_all_who_wait_for_the_status(void **state)
{
  struct fixture *f = *state;
  static struct frank_status status;
  void *clients[3];
  uint16_t type = 0;
  fixture_open(f, NULL);
  for (int i = 0; i < 3; i++) {
    clients[i] = fixture_client(f, ZMQ_DEALER);
    fixture_send(clients[i], "status", "s", "");
    fixture_send(clients[i], "ping", "p", ""); /* answered after the other was read */
    fixture_expect_reply(clients[i], "p", "ok", body);
  }
  fixture_expect(f, FRANK_DOOR_ASK_STATUS, NULL, 0, NULL);
  assert_false(fixture_has_record(f, 300, &type));
  (void)snprintf(status.version, sizeof status.version, "1.2.3");
  fixture_put(f, FRANK_DOOR_STATUS, &status, sizeof status);
  for (int i = 0; i < 3; i++) {
    fixture_expect_reply(clients[i], "s", "ok", body);
    assert_non_null(strstr(body, "1.2.3"));
  }
  fixture_send(clients[0], "status", "s", "");
  fixture_expect(f, FRANK_DOOR_ASK_STATUS, NULL, 0, NULL);
  status.device_count = UINT32_MAX; /* a frankd gone mad must not crash its doors */
  fixture_put(f, FRANK_DOOR_STATUS, &status, sizeof status);
  fixture_expect_reply(clients[0], "s", "internal", body);
  for (int i = 0; i < 3; i++) {
    (void)zmq_close(clients[i]);
  }
}

static void factor_answers_for_each_domain(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "factor", "1", "{\"recipients\":[\"a@x.example\",\"B@X.example\"]}");
  fixture_send(client, "factor", "2", "");
  char domains[64];
  struct frank_door_question questions[2];
  fixture_expect(f, FRANK_DOOR_ASK_FACTOR, &questions[0], sizeof questions[0], domains);
  assert_int_equal(questions[0].domain_count, 1);
  assert_int_equal(questions[0].domains_len, sizeof "x.example");
  assert_string_equal(domains, "x.example");
  fixture_expect(f, FRANK_DOOR_ASK_FACTOR, &questions[1], sizeof questions[1], domains);
  assert_int_equal(questions[1].domain_count, 0);
  struct {
    struct frank_door_factor factor;
    struct frank_door_domain row;
  } answer = {.factor = {.tag = questions[0].tag,
                         .factor = 1048576,
                         .rate_hps = 1e6,
                         .source = "floor",
                         .otherwise = 1048576,
                         .otherwise_source = "floor",
                         .domain_count = 1}};
  fixture_put(f, FRANK_DOOR_FACTOR, &answer, sizeof answer);
  fixture_expect_reply(client, "1", "ok", body);
  assert_non_null(strstr(body, "\"domains\":[{\"domain\":\"x.example\",\"factor\":1048576"));
  assert_non_null(strstr(body, "\"eta_ms\":1049"));
  answer.factor.tag = questions[1].tag;
  answer.factor.domain_count = 0;
  fixture_put(f, FRANK_DOOR_FACTOR, &answer.factor, sizeof answer.factor);
  fixture_expect_reply(client, "2", "ok", body);
  assert_non_null(strstr(body, "\"domains\":[]"));
  (void)zmq_close(client);
}

static void draining_refuses_new_mint_requests_only(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "old", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_put(f, FRANK_DOOR_DRAIN, NULL, 0);
  /* The record and the message come by different ways: until it is heard, new ones get through. */
  struct frank_record_tag heard = {.tag = 1};
  fixture_put(f, FRANK_RECORD_PING, &heard, sizeof heard);
  fixture_expect(f, FRANK_RECORD_PONG, &heard, sizeof heard, NULL);
  fixture_send(client, "mint", "new", FIXTURE_BODY);
  fixture_expect_reply(client, "new", "shutting-down", body);
  struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "old", "ok", body);
  (void)zmq_close(client);
}

static void replies_on_their_way_survive_the_end_of_frankd(void **state)
{
  struct fixture *f = *state;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  struct frank_request request[100];
  char id[16];
  for (int i = 0; i < 100; i++) {
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_send(client, "mint", id, FIXTURE_BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request[i], sizeof request[i], b);
  }
  for (int i = 0; i < 100; i++) {
    struct frank_answer answer = fixture_stamp(request[i].tag, FIXTURE_B, "17", 16);
    assert_int_equal(frank_chan_put(f->chan, FRANK_DOOR_ANSWER, &answer, sizeof answer, NULL, 0),
                     FRANK_OK);
  }
  while (frank_chan_flush(f->chan) == FRANK_ERR_AGAIN) {
    usleep(200);
  }
  assert_int_equal(fixture_end(&f->chan, &f->pid, 0), 0);
  for (int i = 0; i < 100; i++) {
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_expect_reply(client, id, "ok", body);
  }
  (void)zmq_close(client);
}

static void who_waits_when_frankd_ends_is_told_so(void **state)
{
  struct fixture *f = *state;
  static const uint16_t asked[] = {FRANK_DOOR_MINT, FRANK_DOOR_ASK_STATUS, FRANK_DOOR_ASK_FACTOR,
                                   FRANK_DOOR_CANCEL};
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "1", FIXTURE_BODY);
  fixture_send(client, "status", "2", "");
  fixture_send(client, "factor", "3", "{\"recipients\":[\"x.example\"]}");
  fixture_send(client, "cancel", "4", "{\"id\":\"1\"}");
  bool heard[sizeof asked / sizeof asked[0]] = {false};
  for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
    uint16_t type = 0;
    assert_true(fixture_has_record(f, FIXTURE_PATIENCE_MS, &type));
    for (size_t k = 0; k < sizeof asked / sizeof asked[0]; k++) {
      heard[k] = heard[k] || asked[k] == type;
    }
  }
  assert_true(heard[0] && heard[1] && heard[2] && heard[3]);
  assert_int_equal(fixture_end(&f->chan, &f->pid, 0), 0);
  /* In no order that is promised. */
  bool told[4] = {false};
  for (int i = 0; i < 4; i++) {
    char verb[16];
    char id[80];
    fixture_reply(client, verb, id, body);
    assert_string_equal(verb, "error");
    assert_non_null(strstr(body, "\"error\":\"shutting-down\""));
    assert_in_range(id[0], '1', '4');
    assert_false(told[id[0] - '1']);
    told[id[0] - '1'] = true;
  }
  (void)zmq_close(client);
}

/* Requests that the door finds when frankd is gone. Whether libzmq's thread has them before the
 * door has left depends on the machine: one round of some must show all of them answered. */
static void who_asks_after_the_end_of_frankd_is_told_so(void **state)
{
  struct fixture *f = *state;
  static const struct {
    const char *verb;
    const char *body;
  } asked[] = {{"mint", FIXTURE_BODY},
               {"status", ""},
               {"factor", ""},
               {"cancel", "{\"id\":\"x\"}"},
               {"ping", ""}};
  enum { COUNT = sizeof asked / sizeof asked[0], ROUNDS = 30 };
  int answered = 0;
  for (int round = 0; round < ROUNDS && answered < COUNT; round++) {
    fixture_open(f, NULL);
    void *client = fixture_client(f, ZMQ_DEALER);
    fixture_send(client, "ping", "first", "");
    fixture_expect_reply(client, "first", "ok", body);
    assert_int_equal(kill(f->pid, SIGSTOP), 0);
    for (int i = 0; i < COUNT; i++) {
      fixture_send(client, asked[i].verb, asked[i].verb, asked[i].body);
    }
    usleep(20000); /* until the sender's thread has sent them */
    assert_int_equal(shutdown(frank_chan_fd(f->chan), SHUT_WR), 0);
    assert_int_equal(kill(f->pid, SIGCONT), 0);
    assert_int_equal(fixture_end(&f->chan, &f->pid, 0), 0);
    zmq_pollitem_t item = {.socket = client, .events = ZMQ_POLLIN};
    for (answered = 0; answered < COUNT && zmq_poll(&item, 1, 200) > 0; answered++) {
      char verb[16];
      char id[80];
      fixture_reply(client, verb, id, body);
      bool is_ok = strcmp(id, "ping") == 0 || strcmp(id, "cancel") == 0;
      assert_string_equal(verb, is_ok ? "ok" : "error");
      assert_true(is_ok || strstr(body, "\"error\":\"shutting-down\""));
    }
    (void)zmq_close(client);
  }
  assert_int_equal(answered, COUNT);
}

static void nothing_is_lost_when_frankd_is_slow(void **state)
{
  struct fixture *f = *state;
  enum { COUNT = 9000 }; /* far more than the channel and the sockets on the way hold */
  static char long_body[2200];
  static char long_b[2049];
  static const char *const more[] = {"--in-flight", "20000", NULL};
  struct frank_request request;
  fixture_open(f, more);
  void *client = fixture_client(f, ZMQ_DEALER);
  memset(long_b, 'A', 2048);
  (void)snprintf(long_body, sizeof long_body, "{\"b\":\"%s\"}", long_b);
  int none = 0;
  void *sender = zmq_socket(f->context, ZMQ_DEALER);
  assert_int_equal(zmq_setsockopt(sender, ZMQ_SNDHWM, &none, sizeof none), 0);
  assert_int_equal(zmq_setsockopt(sender, ZMQ_RCVHWM, &none, sizeof none), 0);
  assert_int_equal(zmq_setsockopt(sender, ZMQ_LINGER, &none, sizeof none), 0);
  assert_int_equal(zmq_connect(sender, f->endpoint), 0);
  for (int i = 0; i < COUNT; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_send(sender, "mint", id, long_body);
  }
  usleep(300000); /* the door fills the channel, and stops reading */
  for (int i = 0; i < COUNT; i++) {
    char b[FRANK_B_MAX_BYTES + 1];
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
    struct frank_answer answer = fixture_stamp(request.tag, b, "17", 16);
    fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  }
  for (int i = 0; i < COUNT; i++) {
    char verb[16];
    char id[80];
    char want[16];
    fixture_reply(sender, verb, id, body);
    assert_string_equal(verb, "ok");
    (void)snprintf(want, sizeof want, "%d", i);
    assert_string_equal(id, want);
  }
  (void)zmq_close(sender);
  (void)zmq_close(client);
}

static void replies_wait_for_a_slow_reader(void **state)
{
  struct fixture *f = *state;
  enum { COUNT = 4000 };
  struct frank_request request;
  char b[64];
  int few = 1;
  int none = 0;
  fixture_open(f, NULL);
  void *client = zmq_socket(f->context, ZMQ_DEALER);
  assert_int_equal(zmq_setsockopt(client, ZMQ_RCVHWM, &few, sizeof few), 0);
  assert_int_equal(zmq_setsockopt(client, ZMQ_SNDHWM, &none, sizeof none), 0);
  assert_int_equal(zmq_setsockopt(client, ZMQ_LINGER, &none, sizeof none), 0);
  assert_int_equal(zmq_connect(client, f->endpoint), 0);
  for (int i = 0; i < COUNT; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_send(client, "mint", id, FIXTURE_BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
    struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 16);
    fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  }
  usleep(300000); /* what libzmq and the kernel hold for it is full long since */
  for (int i = 0; i < COUNT; i++) {
    char verb[16];
    char id[80];
    char want[16];
    fixture_reply(client, verb, id, body);
    assert_string_equal(verb, "ok");
    (void)snprintf(want, sizeof want, "%d", i);
    assert_string_equal(id, want);
  }
  (void)zmq_close(client);
}

static void pings_of_frankd_are_answered(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  for (uint64_t i = 1; i < 50; i++) {
    struct frank_record_tag tag = {.tag = i};
    fixture_put(f, FRANK_RECORD_PING, &tag, sizeof tag);
    tag.tag = 0;
    fixture_expect(f, FRANK_RECORD_PONG, &tag, sizeof tag, NULL);
    assert_int_equal(tag.tag, i);
  }
}

static void messages_for_nobody_are_counted(void **state)
{
  struct fixture *f = *state;
  struct frank_record record;
  struct frank_door_counts counts = {0};
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  for (int i = 0; i < 20; i++) {
    for (int k = 0; k < i; k++) {
      assert_int_equal(zmq_send(client, "x", 1, ZMQ_SNDMORE), 1);
    }
    assert_int_equal(zmq_send(client, "", 0, 0), 0);
  }
  fixture_send(client, "mint", "bad", "{}");
  fixture_expect_reply(client, "bad", "bad-request", body);
  uint64_t until_us = frank_clock_now_us() + FIXTURE_PATIENCE_MS * FRANK_US_PER_MS;
  while (counts.dropped < 20 && frank_clock_now_us() < until_us) {
    if (frank_chan_wait(f->chan, 100) != FRANK_OK) {
      continue;
    }
    while (frank_chan_read(f->chan, &record) == FRANK_OK) {
      assert_int_equal(record.type, FRANK_DOOR_COUNTS);
      memcpy(&counts, record.payload, sizeof counts);
    }
  }
  assert_int_equal(counts.dropped, 20);
  assert_int_equal(counts.refused, 1);
  (void)zmq_close(client);
}

static void answers_for_nobody_are_harmless(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  for (uint64_t tag = 0; tag < 100; tag++) {
    struct frank_answer answer = {.tag = tag * UINT64_C(0x100000001), .refusal = 77};
    fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  }
  struct frank_door_cancelled cancelled = {.tag = 5};
  fixture_put(f, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
  struct frank_door_factor factor = {.factor = 1};
  fixture_put(f, FRANK_DOOR_FACTOR, &factor, sizeof factor);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  (void)zmq_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(mint_goes_to_frankd_and_its_answer_back),
      TEST(answers_go_out_in_the_order_of_completion),
      TEST(req_sockets_get_their_delimiter),
      TEST(an_id_in_flight_is_refused),
      TEST(cancel_takes_back_ones_own_request_only),
      TEST(one_question_serves_all_who_wait_for_the_status),
      TEST(factor_answers_for_each_domain),
      TEST(draining_refuses_new_mint_requests_only),
      TEST(replies_on_their_way_survive_the_end_of_frankd),
      TEST(who_waits_when_frankd_ends_is_told_so),
      TEST(who_asks_after_the_end_of_frankd_is_told_so),
      TEST(nothing_is_lost_when_frankd_is_slow),
      TEST(replies_wait_for_a_slow_reader),
      TEST(pings_of_frankd_are_answered),
      TEST(messages_for_nobody_are_counted),
      TEST(answers_for_nobody_are_harmless),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
