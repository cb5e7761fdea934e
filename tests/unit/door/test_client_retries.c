/* The client library and daemons that die, leave, keep silent or are not there: it asks again, goes
 * elsewhere, or gives up and says why. */
#include "client_support.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far less than the ten minutes that pass where it is not at once, and more than the machine may
 * stand still. */
#define AT_ONCE_US (120 * FRANK_US_PER_S)

static struct frank_client_reply reply;

static void asked_again_when_the_door_dies(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 0);
  uint64_t ids[10];
  for (int i = 0; i < 10; i++) {
    ids[i] = client_asks(client, 2, 600000);
    (void)client_expect_mint(f);
  }
  uint64_t start_us = frank_clock_now_us();
  assert_int_equal(fixture_end(&f->chan, &f->pid, 1), -1);
  fixture_open(f, NULL);
  for (int i = 0; i < 10; i++) {
    uint16_t type = 0;
    while (!client_turn(client, f, &type)) {
    }
    assert_int_equal(type, FRANK_DOOR_MINT);
  }
  /* At once, not after the deadline; the answers go by new tags, which a second death tells. */
  assert_in_range(frank_clock_now_us() - start_us, 0, AT_ONCE_US);
  assert_int_equal(fixture_end(&f->chan, &f->pid, 1), -1);
  fixture_open(f, NULL);
  int got = 0;
  while (got < 10) {
    struct frank_request request;
    enum frank_err err = frank_client_next(client, 5, &reply);
    if (err == FRANK_OK) {
      assert_true(reply.ok);
      assert_int_equal(reply.id, ids[got]);
      got++;
      continue;
    }
    struct frank_record record;
    if (frank_chan_read(f->chan, &record) == FRANK_OK && record.type == FRANK_DOOR_MINT) {
      memcpy(&request, record.payload, sizeof request);
      client_give(f, request.tag, 2);
    }
  }
  assert_int_equal(frank_client_next(client, 0, &reply), FRANK_ERR_NOT_FOUND);
  frank_client_destroy(&client);
}

static void it_gives_up_on_a_door_that_dies_each_time(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  struct frank_client *client = client_at(f->endpoint, NULL, CLIENT_PATIENT_MS, 3);
  uint64_t id = client_asks(client, 2, 600000);
  uint64_t start_us = frank_clock_now_us();
  for (int death = 0; death < 3; death++) {
    uint16_t type = 0;
    while (!client_turn(client, f, &type)) {
    }
    assert_int_equal(fixture_end(&f->chan, &f->pid, 1), -1);
    if (death < 2) {
      fixture_open(f, NULL);
    }
  }
  client_next_is(client, id, "timeout", &reply);
  assert_non_null(strstr(reply.message, "asked 3 times"));
  assert_in_range(frank_clock_now_us() - start_us, 0, AT_ONCE_US);
  frank_client_destroy(&client);
}

static void the_next_endpoint_is_tried(void **state)
{
  struct fixture *f = *state;
  char dead[160];
  (void)snprintf(dead, sizeof dead, "ipc://%s/dead.sock", f->folder);
  fixture_open(f, NULL);
  struct frank_client *client = client_at(dead, f->endpoint, CLIENT_PATIENT_MS, 0);
  uint64_t start_us = frank_clock_now_us();
  (void)client_asks(client, 2, 600000);
  uint16_t type = 0;
  while (!client_turn(client, f, &type)) {
  }
  assert_int_equal(type, FRANK_DOOR_MINT);
  assert_in_range(frank_clock_now_us() - start_us, 0, AT_ONCE_US);
  frank_client_destroy(&client);
}

static void nobody_there_is_a_timeout_that_says_so(void **state)
{
  struct fixture *f = *state;
  struct frank_client *client = client_at(f->endpoint, NULL, 200, 3);
  uint64_t start_us = frank_clock_now_us();
  uint64_t id = client_asks(client, 2, 600000);
  client_next_is(client, id, "timeout", &reply);
  assert_non_null(strstr(reply.message, f->endpoint));
  assert_non_null(strstr(reply.message, "cannot connect"));
  assert_in_range(frank_clock_now_us() - start_us, 400000, AT_ONCE_US);
  frank_client_destroy(&client);
}

static void a_silent_daemon_is_a_timeout_too(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL); /* its frankd never answers */
  struct frank_client *client = client_at(f->endpoint, NULL, 100, 2);
  char *json = NULL; /* the door does: the connection is not what fails */
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  free(json);
  uint64_t id = client_asks(client, 2, 100);
  client_next_is(client, id, "timeout", &reply);
  assert_non_null(strstr(reply.message, "no reply"));
  frank_client_destroy(&client);
}

/* Lets the client work until it asks for a stamp (*request) or has a reply: which it is. */
static enum frank_err await_asking(struct frank_client *client, struct fixture *f,
                                   struct frank_request *request)
{
  enum frank_err err = FRANK_ERR_AGAIN;
  while (err == FRANK_ERR_AGAIN) {
    struct frank_record record;
    if (frank_chan_read(f->chan, &record) == FRANK_OK && record.type == FRANK_DOOR_MINT) {
      memcpy(request, record.payload, sizeof *request);
      return FRANK_ERR_AGAIN;
    }
    err = frank_client_next(client, 10, &reply);
  }
  return err;
}

/* Asks, and answers the first try after the second has come. False where the client took the
 * daemon for silent in between, as it must where this process stood still, and came anew. */
static bool answers_late(struct fixture *f)
{
  struct frank_client *client = client_at(f->endpoint, NULL, 600, 10);
  uint64_t id = client_asks(client, 2, 100);
  const struct frank_request first = client_expect_mint(f);
  struct frank_request again = first;
  char *json = NULL;
  /* Another reply shortly before it is due keeps the connection in good standing. */
  usleep(300000);
  assert_int_equal(frank_client_ask(client, "ping", NULL, FIXTURE_PATIENCE_MS, &json), FRANK_OK);
  free(json);
  enum frank_err err = await_asking(client, f, &again);
  client_give(f, first.tag, 2); /* asked again, while the first is in flight */
  while (err == FRANK_ERR_AGAIN && strcmp(again.client, first.client) == 0) {
    err = await_asking(client, f, &again);
  }
  bool answered = err == FRANK_OK && reply.ok;
  if (answered) {
    assert_int_equal(reply.id, id);
    assert_int_equal(frank_client_next(client, 0, &reply), FRANK_ERR_NOT_FOUND);
  }
  frank_client_destroy(&client);
  return answered;
}

static void a_late_answer_to_the_first_try_still_counts(void **state)
{
  struct fixture *f = *state;
  for (int tries = 0; tries < 20; tries++) {
    fixture_open(f, NULL);
    if (answers_late(f)) {
      return;
    }
    (void)fixture_end(&f->chan, &f->pid, 1);
  }
  fail_msg("the answer to the first try never counted: %s", reply.message);
}

/* How often a daemon is asked that always says it shuts down, until that is the reply. A client
 * that was away meanwhile, as where this process stood still, counts that as well. */
static int asked_while_leaving(struct fixture *f)
{
  int asked = 0;
  struct frank_client *client = client_at(f->endpoint, NULL, 200, 4);
  uint64_t id = client_asks(client, 2, 600000);
  struct frank_request request;
  uint64_t start_us = frank_clock_now_us();
  while (await_asking(client, f, &request) == FRANK_ERR_AGAIN) {
    struct frank_answer leaving = {.tag = request.tag, .refusal = FRANK_REFUSAL_SHUTTING_DOWN};
    fixture_put(f, FRANK_DOOR_ANSWER, &leaving, sizeof leaving);
    asked++;
  }
  assert_in_range(frank_clock_now_us() - start_us, 0, AT_ONCE_US);
  assert_int_equal(reply.id, id);
  assert_false(reply.ok);
  assert_in_range(asked, 1, 4);
  frank_client_destroy(&client);
  return asked;
}

static void a_daemon_that_shuts_down_is_asked_again(void **state)
{
  struct fixture *f = *state;
  fixture_open(f, NULL);
  int asked = asked_while_leaving(f);
  for (int tries = 1; tries < 20 && asked < 4; tries++) {
    uint16_t type = 0;
    while (fixture_has_record(f, 0, &type)) { /* of the client before */
    }
    asked = asked_while_leaving(f);
  }
  assert_int_equal(asked, 4);
  assert_string_equal(reply.code, "shutting-down");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(asked_again_when_the_door_dies),
      TEST(it_gives_up_on_a_door_that_dies_each_time),
      TEST(the_next_endpoint_is_tried),
      TEST(nobody_there_is_a_timeout_that_says_so),
      TEST(a_silent_daemon_is_a_timeout_too),
      TEST(a_late_answer_to_the_first_try_still_counts),
      TEST(a_daemon_that_shuts_down_is_asked_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
