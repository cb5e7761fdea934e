/* frank-door, the real program: no client takes more than its share, and none is shut out. */
#include "fixture.h"

#include "base/clock.h"
#include "door/ledger.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* More requests than any budget here gives in a minute. */
#define MANY 600

static char body[4096];

/* Whole seconds, one that has begun among them. */
static uint64_t seconds_since(uint64_t start_us)
{
  return (frank_clock_now_us() - start_us) / FRANK_US_PER_S + 1;
}

static void a_client_has_a_share_and_a_rate(void **state)
{
  struct fixture *f = *state;
  static const char *const more[] = {"--in-flight", "3", "--rate", "10", NULL};
  struct frank_request request;
  char b[64];
  char id[16];
  fixture_open(f, more);
  uint64_t start_us = frank_clock_now_us();
  void *client = fixture_client(f, ZMQ_DEALER);
  void *other = fixture_client(f, ZMQ_DEALER);
  for (int i = 0; i < 3; i++) {
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_send(client, "mint", id, FIXTURE_BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  }
  fixture_send(client, "mint", "4th", FIXTURE_BODY);
  fixture_expect_reply(client, "4th", "busy", body);
  assert_non_null(strstr(body, "\"retry_after_ms\":"));
  fixture_send(other, "mint", "1", FIXTURE_BODY); /* another client is untouched */
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  for (int i = 0; i < MANY; i++) {
    fixture_send(client, "ping", "p", "");
  }
  int taken = 0;
  for (int i = 0; i < MANY; i++) {
    char verb[16];
    char got[80];
    fixture_reply(client, verb, got, body);
    taken += strcmp(verb, "ok") == 0;
  }
  /* 10 at once, 4 of them used already, and so many for the time that passed. */
  assert_in_range(taken, 6, 6 + 10 * seconds_since(start_us));
  fixture_send(other, "ping", "p", "");
  fixture_expect_reply(other, "p", "ok", body);
  (void)zmq_close(client);
  (void)zmq_close(other);
}

static void a_full_table_is_busy_for_all(void **state)
{
  struct fixture *f = *state;
  static const char *const more[] = {"--requests", "2", NULL};
  struct frank_request request;
  char b[64];
  fixture_open(f, more);
  void *client = fixture_client(f, ZMQ_DEALER);
  void *other = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "1", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(client, "mint", "2", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(other, "mint", "3", FIXTURE_BODY);
  fixture_expect_reply(other, "3", "busy", body);
  struct frank_answer answer = fixture_stamp(request.tag, FIXTURE_B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "2", "ok", body);
  fixture_send(other, "mint", "3", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  (void)zmq_close(client);
  (void)zmq_close(other);
}

static void wrong_requests_cost_as_much_as_right_ones(void **state)
{
  struct fixture *f = *state;
  static const char *const more[] = {"--rate", "5", NULL};
  char verb[16];
  char id[80];
  int bad = 0;
  fixture_open(f, more);
  uint64_t start_us = frank_clock_now_us();
  void *client = fixture_client(f, ZMQ_DEALER);
  for (int i = 0; i < MANY; i++) {
    fixture_send(client, i % 2 ? "mint" : "no-such-verb", "x", "{}");
  }
  for (int i = 0; i < MANY; i++) {
    fixture_reply(client, verb, id, body);
    assert_string_equal(verb, "error");
    bad += strncmp(body, "{\"error\":\"busy\"", strlen("{\"error\":\"busy\"")) != 0;
  }
  assert_in_range(bad, 5, 5 + 5 * seconds_since(start_us)); /* 5 at once */
  (void)zmq_close(client);
}

/* Clients that asked and went away take every place for a client; a new one must still get in. */
static void those_who_went_away_shut_nobody_out(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  struct frank_record_tag tag;
  uint64_t first_tag = 0;
  char b[64];
  fixture_open(f, NULL);
  for (int i = 0; i < FRANK_LEDGER_PEERS; i++) {
    void *client = fixture_client(f, ZMQ_DEALER);
    fixture_send(client, "mint", "m", FIXTURE_BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
    first_tag = i == 0 ? request.tag : first_tag;
    (void)zmq_close(client);
  }
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  fixture_expect(f, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL);
  assert_int_equal(tag.tag, first_tag); /* the longest silent */
  /* What frankd says to that meets a cancel of somebody who waits for it, and both find theirs. */
  fixture_send(client, "mint", "mine", FIXTURE_BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(client, "cancel", "c", "{\"id\":\"mine\"}");
  fixture_expect(f, FRANK_DOOR_CANCEL, &tag, sizeof tag, NULL);
  struct frank_answer late = {.tag = first_tag, .refusal = FRANK_REFUSAL_CANCELLED};
  fixture_put(f, FRANK_DOOR_ANSWER, &late, sizeof late);
  struct frank_door_cancelled cancelled = {.tag = first_tag, .found = 1};
  fixture_put(f, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
  cancelled = (struct frank_door_cancelled){.tag = request.tag, .found = 0};
  fixture_put(f, FRANK_DOOR_CANCELLED, &cancelled, sizeof cancelled);
  fixture_expect_reply(client, "c", "ok", body);
  assert_string_equal(body, "{\"found\":false}");
  (void)zmq_close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_client_has_a_share_and_a_rate),
      TEST(a_full_table_is_busy_for_all),
      TEST(wrong_requests_cost_as_much_as_right_ones),
      TEST(those_who_went_away_shut_nobody_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
