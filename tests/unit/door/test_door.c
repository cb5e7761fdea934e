/* frank-door, the real program: what its clients and its frankd see. */
#include "fixture.h"

#include "base/clock.h"
#include "door/keys.h"
#include "door/ledger.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define B    "AAAABBBBCCCC"
#define BODY "{\"b\":\"" B "\",\"factor\":16,\"deadline_ms\":500,\"priority\":7}"

static char body[4096];

static void mint_goes_to_frankd_and_its_answer_back(void **state)
{
  struct fixture *f = *state;
  struct frank_request request;
  char b[64];
  fixture_open(f, NULL);
  void *client = fixture_client(f, ZMQ_DEALER);
  fixture_send(client, "mint", "my-id", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_string_equal(b, B);
  assert_int_equal(request.b_len, strlen(B));
  assert_int_equal(request.factor, 16);
  assert_int_equal(request.deadline_ms, 500);
  assert_int_equal(request.priority, 7);
  assert_memory_equal(request.client, "ipc:", 4);
  struct frank_answer answer = fixture_stamp(request.tag, B, "17", 16);
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
    fixture_send(client, "mint", ids[i], BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request[i], sizeof request[i], b);
  }
  for (int i = 2; i >= 0; i--) {
    struct frank_answer answer = fixture_stamp(request[i].tag, B, "17", 16);
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
  fixture_send(client, "mint", "x", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(client, "mint", "x", BODY);
  fixture_expect_reply(client, "x", "bad-request", body);
  assert_non_null(strstr(body, "id x is in flight"));
  uint64_t tag = request.tag;
  fixture_send(other, "mint", "x", BODY); /* another peer's x is another request */
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_true(tag != request.tag);
  struct frank_answer answer = fixture_stamp(tag, B, "17", 16);
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
  fixture_send(client, "mint", "x", BODY);
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
  fixture_send(client, "mint", "old", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_put(f, FRANK_DOOR_DRAIN, NULL, 0);
  /* The record and the message come by different ways: until it is heard, new ones get through. */
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  fixture_send(client, "mint", "new", BODY);
  fixture_expect_reply(client, "new", "shutting-down", body);
  struct frank_answer answer = fixture_stamp(request.tag, B, "17", 16);
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
    fixture_send(client, "mint", id, BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request[i], sizeof request[i], b);
  }
  for (int i = 0; i < 100; i++) {
    struct frank_answer answer = fixture_stamp(request[i].tag, B, "17", 16);
    assert_int_equal(frank_chan_put(f->chan, FRANK_DOOR_ANSWER, &answer, sizeof answer, NULL, 0),
                     FRANK_OK);
  }
  assert_int_equal(frank_chan_flush(f->chan), FRANK_OK);
  assert_int_equal(fixture_end(&f->chan, &f->pid, 0), 0);
  for (int i = 0; i < 100; i++) {
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_expect_reply(client, id, "ok", body);
  }
  (void)zmq_close(client);
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
    fixture_send(client, "mint", id, BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
    struct frank_answer answer = fixture_stamp(request.tag, B, "17", 16);
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
  uint64_t until_us = frank_clock_now_us() + 5 * FRANK_US_PER_S;
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

/* ---- limits ---- */

static void a_client_has_a_share_and_a_rate(void **state)
{
  struct fixture *f = *state;
  static const char *const more[] = {"--in-flight", "3", "--rate", "10", NULL};
  struct frank_request request;
  char b[64];
  char id[16];
  fixture_open(f, more);
  void *client = fixture_client(f, ZMQ_DEALER);
  void *other = fixture_client(f, ZMQ_DEALER);
  for (int i = 0; i < 3; i++) {
    (void)snprintf(id, sizeof id, "%d", i);
    fixture_send(client, "mint", id, BODY);
    fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  }
  fixture_send(client, "mint", "4th", BODY);
  fixture_expect_reply(client, "4th", "busy", body);
  assert_non_null(strstr(body, "\"retry_after_ms\":"));
  fixture_send(other, "mint", "1", BODY); /* another client is untouched */
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  int busy = 0;
  for (int i = 0; i < 20; i++) {
    char verb[16];
    char got[80];
    fixture_send(client, "ping", "p", "");
    fixture_reply(client, verb, got, body);
    busy += strcmp(verb, "error") == 0;
  }
  assert_in_range(busy, 10, 15); /* 10 at once, 4 of them used already; some time passed */
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
  fixture_send(client, "mint", "1", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(client, "mint", "2", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(other, "mint", "3", BODY);
  fixture_expect_reply(other, "3", "busy", body);
  struct frank_answer answer = fixture_stamp(request.tag, B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "2", "ok", body);
  fixture_send(other, "mint", "3", BODY);
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
  void *client = fixture_client(f, ZMQ_DEALER);
  for (int i = 0; i < 40; i++) {
    fixture_send(client, i % 2 ? "mint" : "no-such-verb", "x", "{}");
  }
  for (int i = 0; i < 40; i++) {
    fixture_reply(client, verb, id, body);
    assert_string_equal(verb, "error");
    bad += strncmp(body, "{\"error\":\"busy\"", strlen("{\"error\":\"busy\"")) != 0;
  }
  assert_in_range(bad, 5, 20); /* 5 at once; some time passed */
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
    fixture_send(client, "mint", "m", BODY);
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
  fixture_send(client, "mint", "mine", BODY);
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

/* ---- endpoints ---- */

static void expect_failed(const char *endpoint, const char *const *more, enum frank_err err,
                          const char *named)
{
  union {
    struct frank_record_failed failed;
    char bytes[512];
  } first;
  struct frank_chan *chan = NULL;
  pid_t pid = -1;
  uint16_t type = 0;
  fixture_start(endpoint, more, &chan, &pid, &type, &first);
  assert_int_equal(type, FRANK_RECORD_FAILED);
  if ((enum frank_err)first.failed.err != err || !first.failed.fatal ||
      !strstr(first.failed.why, named)) {
    fail_msg("%s: %s (fatal %d): %s", endpoint, frank_err_text((enum frank_err)first.failed.err),
             first.failed.fatal, first.failed.why);
  }
  assert_int_equal(fixture_end(&chan, &pid, 0), 1);
}

static void a_live_socket_is_not_stolen(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, f->endpoint + strlen("ipc://"));
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
  expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "another daemon");
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
  expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "no socket");
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_size, 4);
  assert_int_equal(unlink(path), 0);
  void *other = zmq_socket(f->context, ZMQ_REP); /* listens without our lock */
  assert_int_equal(zmq_bind(other, f->endpoint), 0);
  expect_failed(f->endpoint, NULL, FRANK_ERR_TAKEN, "another program");
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
  expect_failed(endpoint, insecure, FRANK_ERR_TAKEN, endpoint);
  (void)zmq_close(other);
  (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/none/d.sock", f->folder);
  expect_failed(endpoint, NULL, FRANK_ERR_NOT_FOUND, "none/d.sock");
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
    expect_failed(rows[i].endpoint, insecure, rows[i].err, rows[i].endpoint);
  }
  expect_failed("tcp://127.0.0.1:*", NULL, FRANK_ERR_DENIED, "needs CURVE");
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

/* ---- CURVE ---- */

struct curve {
  char keys[96], secret[128], clients[128];
  const char *more[8];
  char server[FRANK_KEY_TEXT_BYTES], public[FRANK_KEY_TEXT_BYTES], private[FRANK_KEY_TEXT_BYTES];
};

static void allow_key(const struct curve *curve, const char *name, const char *key)
{
  char path[192];
  (void)snprintf(path, sizeof path, "%s/%s", curve->clients, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(key, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void set_up_curve(struct fixture *f, struct curve *curve)
{
  char why[FRANK_KEYS_WHY_BYTES];
  (void)snprintf(curve->keys, sizeof curve->keys, "%s/keys", f->folder);
  (void)snprintf(curve->secret, sizeof curve->secret, "%s/server.secret", curve->keys);
  (void)snprintf(curve->clients, sizeof curve->clients, "%s/clients", curve->keys);
  assert_int_equal(frank_keys_generate(curve->keys, why), FRANK_OK);
  assert_int_equal(mkdir(curve->clients, 0700), 0);
  assert_int_equal(
      frank_keys_read_in(curve->keys, FRANK_KEY_SERVER_PUBLIC, false, curve->server, why),
      FRANK_OK);
  assert_int_equal(zmq_curve_keypair(curve->public, curve->private), 0);
  allow_key(curve, "mail1", curve->public);
  const char *const more[] = {"--secret", curve->secret, "--clients", curve->clients};
  memcpy(curve->more, more, sizeof more);
  (void)snprintf(f->endpoint, sizeof f->endpoint, "tcp://127.0.0.1:*");
}

static void *curve_client(struct fixture *f, const char *server, const char *public,
                          const char *private)
{
  int linger_ms = 0;
  void *socket = zmq_socket(f->context, ZMQ_DEALER);
  assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), 0);
  if (server) {
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, private, 41), 0);
  }
  assert_int_equal(zmq_connect(socket, f->endpoint), 0);
  return socket;
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
  struct curve curve = {.keys = ""};
  struct frank_request request;
  char b[64];
  char public[FRANK_KEY_TEXT_BYTES];
  char private[FRANK_KEY_TEXT_BYTES];
  set_up_curve(f, &curve);
  fixture_open(f, curve.more);
  void *client = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(client, "mint", "x", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  assert_string_equal(request.client, "mail1"); /* the key's name, not the connection's */
  /* A key that nobody allowed, no key at all, and the wrong server's key. */
  assert_int_equal(zmq_curve_keypair(public, private), 0);
  expect_silence(curve_client(f, curve.server, public, private));
  expect_silence(curve_client(f, NULL, NULL, NULL));
  expect_silence(curve_client(f, public, curve.public, curve.private));
  struct frank_answer answer = fixture_stamp(request.tag, B, "17", 16);
  fixture_put(f, FRANK_DOOR_ANSWER, &answer, sizeof answer);
  fixture_expect_reply(client, "x", "ok", body);
  (void)zmq_close(client);
}

static void curve_without_a_client_lets_nobody_in(void **state)
{
  struct fixture *f = *state;
  struct curve curve = {.keys = ""};
  char path[192];
  set_up_curve(f, &curve);
  (void)snprintf(path, sizeof path, "%s/mail1", curve.clients);
  assert_int_equal(unlink(path), 0);
  fixture_open(f, curve.more);
  expect_silence(curve_client(f, curve.server, curve.public, curve.private));
}

static void a_key_taken_away_is_forbidden(void **state)
{
  struct fixture *f = *state;
  struct curve curve = {.keys = ""};
  char path[192];
  char public[FRANK_KEY_TEXT_BYTES];
  char private[FRANK_KEY_TEXT_BYTES];
  set_up_curve(f, &curve);
  fixture_open(f, curve.more);
  void *client = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(client, "ping", "p", "");
  fixture_expect_reply(client, "p", "ok", body);
  /* One goes, one comes; the folder's time tells. */
  assert_int_equal(zmq_curve_keypair(public, private), 0);
  (void)snprintf(path, sizeof path, "%s/mail1", curve.clients);
  assert_int_equal(unlink(path), 0);
  allow_key(&curve, "mail2", public);
  assert_int_equal(kill(f->pid, SIGHUP), 0);
  void *second = curve_client(f, curve.server, public, private);
  fixture_send(second, "ping", "p", "");
  fixture_expect_reply(second, "p", "ok", body);
  fixture_send(client, "mint", "q", BODY);
  fixture_expect_reply(client, "q", "forbidden", body);
  expect_silence(curve_client(f, curve.server, curve.public, curve.private));
  /* Without a signal, within a few seconds. */
  allow_key(&curve, "mail1", curve.public);
  uint64_t until_us = frank_clock_now_us() + 8 * FRANK_US_PER_S;
  int back = 0;
  while (!back && frank_clock_now_us() < until_us) {
    zmq_pollitem_t item = {.events = ZMQ_POLLIN};
    item.socket = curve_client(f, curve.server, curve.public, curve.private);
    fixture_send(item.socket, "ping", "p", "");
    back = zmq_poll(&item, 1, 500);
    (void)zmq_close(item.socket);
  }
  assert_int_equal(back, 1);
  (void)zmq_close(client);
  (void)zmq_close(second);
}

static void connections_of_one_key_share_its_budget(void **state)
{
  struct fixture *f = *state;
  struct curve curve = {.keys = ""};
  struct frank_request request;
  char b[64];
  set_up_curve(f, &curve);
  curve.more[4] = "--in-flight";
  curve.more[5] = "2";
  fixture_open(f, curve.more);
  void *first = curve_client(f, curve.server, curve.public, curve.private);
  void *second = curve_client(f, curve.server, curve.public, curve.private);
  fixture_send(first, "mint", "x", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(second, "mint", "x", BODY);
  fixture_expect(f, FRANK_DOOR_MINT, &request, sizeof request, b);
  fixture_send(first, "mint", "y", BODY);
  fixture_expect_reply(first, "y", "busy", body);
  (void)zmq_close(first);
  (void)zmq_close(second);
}

static void curve_names_wrong_key_files(void **state)
{
  struct fixture *f = *state;
  struct curve curve = {.keys = ""};
  char path[192];
  set_up_curve(f, &curve);
  const char *half[] = {"--secret", curve.secret, NULL};
  expect_failed(f->endpoint, half, FRANK_ERR_DENIED, "both");
  (void)snprintf(path, sizeof path, "%s/none", curve.keys);
  const char *no_secret[] = {"--secret", path, "--clients", curve.clients, NULL};
  expect_failed(f->endpoint, no_secret, FRANK_ERR_NOT_FOUND, path);
  const char *no_clients[] = {"--secret", curve.secret, "--clients", path, NULL};
  expect_failed(f->endpoint, no_clients, FRANK_ERR_NOT_FOUND, path);
  assert_int_equal(chmod(curve.secret, 0644), 0);
  expect_failed(f->endpoint, curve.more, FRANK_ERR_DENIED, curve.secret);
  (void)snprintf(path, sizeof path, "%s/mail1", curve.clients);
  assert_int_equal(truncate(path, 10), 0);
  assert_int_equal(chmod(path, 0600), 0);
  const char *wrong[] = {"--secret", path, "--clients", curve.clients, NULL};
  expect_failed(f->endpoint, wrong, FRANK_ERR_MALFORMED, path);
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
      TEST(nothing_is_lost_when_frankd_is_slow),
      TEST(replies_wait_for_a_slow_reader),
      TEST(pings_of_frankd_are_answered),
      TEST(messages_for_nobody_are_counted),
      TEST(answers_for_nobody_are_harmless),
      TEST(a_client_has_a_share_and_a_rate),
      TEST(a_full_table_is_busy_for_all),
      TEST(wrong_requests_cost_as_much_as_right_ones),
      TEST(those_who_went_away_shut_nobody_out),
      TEST(a_live_socket_is_not_stolen),
      TEST(a_locked_path_is_taken),
      TEST(a_dead_socket_is_replaced),
      TEST(foreign_files_and_sockets_are_left_alone),
      TEST(wrong_endpoints_are_named),
      TEST(tcp_tells_the_port_it_got),
      TEST(curve_lets_in_known_keys_only),
      TEST(curve_without_a_client_lets_nobody_in),
      TEST(a_key_taken_away_is_forbidden),
      TEST(connections_of_one_key_share_its_budget),
      TEST(curve_names_wrong_key_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
