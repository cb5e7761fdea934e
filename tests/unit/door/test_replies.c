/* replies: held for those who do not read, at the cost of nobody else. Real sockets in-process. */
#include "base/clock.h"
#include "door/replies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENDPOINT    "inproc://replies"
#define BODY_BYTES  65536
#define MOST_BODIES 400 /* far more than the bound holds */

struct stage {
  void *context, *router;
  struct frank_ledger *ledger;
  struct frank_replies *replies;
  void *clients[16]; /* closed at the end, also when a test fails */
  size_t client_count;
  struct frank_budget shared; /* of a client with several connections */
  zmq_msg_t body;
};

static void drop(void *arg, struct frank_peer *peer)
{
  struct stage *stage = arg;
  frank_replies_drop(stage->replies, peer);
}

static void set(void *socket, int option, int value)
{
  assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

static int stage_make(void **state)
{
  struct stage *stage = calloc(1, sizeof *stage);
  assert_non_null(stage);
  stage->context = zmq_ctx_new();
  stage->router = zmq_socket(stage->context, ZMQ_ROUTER);
  set(stage->router, ZMQ_ROUTER_MANDATORY, 1);
  set(stage->router, ZMQ_SNDHWM, 1);
  set(stage->router, ZMQ_LINGER, 0);
  assert_int_equal(zmq_bind(stage->router, ENDPOINT), 0);
  assert_int_equal(frank_ledger_new(16, 16, 1, drop, stage, &stage->ledger), FRANK_OK);
  assert_int_equal(frank_replies_new(stage->router, &stage->replies), FRANK_OK);
  assert_int_equal(zmq_msg_init_size(&stage->body, BODY_BYTES), 0);
  memset(zmq_msg_data(&stage->body), 'x', BODY_BYTES);
  *state = stage;
  return 0;
}

static int stage_remove(void **state)
{
  struct stage *stage = *state;
  frank_replies_destroy(&stage->replies);
  frank_ledger_destroy(&stage->ledger);
  (void)zmq_msg_close(&stage->body);
  for (size_t i = 0; i < stage->client_count; i++) {
    (void)zmq_close(stage->clients[i]);
  }
  (void)zmq_close(stage->router);
  (void)zmq_ctx_term(stage->context);
  free(stage);
  return 0;
}

/* A client that has hardly any room of its own, known to the ROUTER and to the ledger. */
static void *join(struct stage *stage, const char *name, struct frank_peer **peer)
{
  char got[32];
  bool is_new = false;
  void *socket = zmq_socket(stage->context, ZMQ_DEALER);
  assert_non_null(socket);
  assert_true(stage->client_count < sizeof stage->clients / sizeof stage->clients[0]);
  stage->clients[stage->client_count++] = socket;
  set(socket, ZMQ_RCVHWM, 1);
  set(socket, ZMQ_LINGER, 0);
  assert_int_equal(zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name)), 0);
  assert_int_equal(zmq_connect(socket, ENDPOINT), 0);
  assert_int_equal(zmq_send(socket, "hi", 2, 0), 2);
  assert_int_equal(zmq_recv(stage->router, got, sizeof got, 0), strlen(name));
  assert_int_equal(zmq_recv(stage->router, got, sizeof got, 0), 2);
  assert_int_equal(frank_ledger_peer(stage->ledger, name, strlen(name), "", peer, &is_new),
                   FRANK_OK);
  assert_true(is_new);
  return socket;
}

static enum frank_err reply(struct stage *stage, struct frank_peer *peer, int number)
{
  struct frank_reply_head head = {.ok = true};
  (void)snprintf(head.id, sizeof head.id, "%d", number);
  return frank_replies_send(stage->replies, peer, &head, &stage->body, 1);
}

/* Reads `count` replies in order, while the door tries again. */
static void expect_all(struct stage *stage, void *socket, int count)
{
  uint64_t now_us = 1;
  for (int i = 0; i < count; i++) {
    char want[16];
    char got[4][80] = {""};
    int turns = 0;
    (void)snprintf(want, sizeof want, "%d", i);
    while (zmq_recv(socket, got[0], sizeof got[0], ZMQ_DONTWAIT) < 0) {
      zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
      assert_true(turns++ < 1000);
      (void)zmq_poll(&item, 1, 2);
      now_us += FRANK_US_PER_S;
      frank_replies_tick(stage->replies, now_us);
    }
    for (int frame = 1; frame < 4; frame++) {
      assert_true(zmq_recv(socket, got[frame], sizeof got[frame] - 1, 0) >= 0);
    }
    assert_string_equal(got[2], want);
  }
}

static void who_does_not_read_costs_nobody_else_a_reply(void **state)
{
  struct stage *stage = *state;
  struct frank_peer *greedy = NULL;
  struct frank_peer *honest = NULL;
  (void)join(stage, "greedy", &greedy);
  void *reads = join(stage, "honest", &honest);
  enum { BURST = 20 };
  enum frank_err err = FRANK_OK;
  int sent = 0;
  while (err == FRANK_OK && sent < MOST_BODIES) {
    err = reply(stage, greedy, sent++);
  }
  assert_int_equal(err, FRANK_ERR_FULL); /* nobody is greedier: it loses what is new */
  assert_int_equal(frank_replies_lost(stage->replies), 1);
  assert_true(frank_replies_are_many(stage->replies, greedy));
  uint32_t held = greedy->held;
  for (int i = 0; i < BURST; i++) {
    assert_int_equal(reply(stage, honest, i), FRANK_OK);
  }
  assert_int_equal(greedy->held, 0);
  assert_int_equal(greedy->held_bytes, 0);
  assert_int_equal(greedy->budget->outstanding, 0);
  assert_int_equal(frank_replies_lost(stage->replies), 1 + held);
  assert_true(honest->held > 0);
  assert_false(frank_replies_are_many(stage->replies, greedy));
  expect_all(stage, reads, BURST);
  assert_int_equal(honest->held, 0);
  assert_int_equal(honest->budget->held_bytes, 0);
  assert_int_equal(frank_replies_next_due_us(stage->replies), FRANK_NEVER_US);
}

static void many_connections_of_a_client_are_one_claim(void **state)
{
  struct stage *stage = *state;
  enum { CONNECTIONS = 8, BURST = 40 };
  struct frank_peer *greedy[CONNECTIONS];
  struct frank_peer *honest = NULL;
  for (int i = 0; i < CONNECTIONS; i++) {
    char name[24];
    (void)snprintf(name, sizeof name, "greedy%d", i);
    (void)join(stage, name, &greedy[i]);
    greedy[i]->budget = &stage->shared;
  }
  void *reads = join(stage, "honest", &honest);
  for (int i = 0; i < (int)(FRANK_REPLIES_HELD_BYTES / BODY_BYTES); i++) {
    assert_int_equal(reply(stage, greedy[i % CONNECTIONS], i), FRANK_OK);
  }
  /* More than any single one of them has, less than all of them together. */
  for (int i = 0; i < BURST; i++) {
    assert_int_equal(reply(stage, honest, i), FRANK_OK);
  }
  assert_true(honest->held_bytes > greedy[CONNECTIONS - 1]->held_bytes);
  assert_true(frank_replies_lost(stage->replies) > 0);
  expect_all(stage, reads, BURST);
  for (int i = 0; i < CONNECTIONS; i++) {
    frank_replies_drop(stage->replies, greedy[i]);
  }
  assert_int_equal(stage->shared.held_bytes, 0);
  assert_int_equal(stage->shared.outstanding, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_make, stage_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(who_does_not_read_costs_nobody_else_a_reply),
      TEST(many_connections_of_a_client_are_one_claim),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
