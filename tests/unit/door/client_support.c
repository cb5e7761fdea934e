#include "client_support.h"

#include <string.h>

struct frank_client *client_at(const char *first, const char *second, uint32_t retry_ms,
                               uint32_t tries)
{
  const char *endpoints[] = {first, second};
  struct frank_client *client = NULL;
  char why[FRANK_CLIENT_WHY_BYTES];
  const struct frank_client_config config = {.endpoints = endpoints,
                                             .endpoint_count = second ? 2 : 1,
                                             .retry_ms = retry_ms,
                                             .tries_max = tries};
  if (frank_client_new(&config, &client, why) != FRANK_OK) {
    fail_msg("%s", why);
  }
  return client;
}

uint64_t client_asks(struct frank_client *client, uint64_t factor, uint32_t deadline_ms)
{
  uint64_t id = 0;
  const struct frank_client_mint mint = {
      .b = FIXTURE_B, .factor = factor, .deadline_ms = deadline_ms, .priority = -1};
  assert_int_equal(frank_client_mint(client, &mint, &id), FRANK_OK);
  return id;
}

bool client_turn(struct frank_client *client, struct fixture *fixture, uint16_t *type)
{
  static struct frank_client_reply none;
  assert_int_equal(frank_client_next(client, 10, &none), FRANK_ERR_AGAIN);
  return fixture_has_record(fixture, 10, type);
}

void client_next_is(struct frank_client *client, uint64_t id, const char *code,
                    struct frank_client_reply *reply)
{
  assert_int_equal(frank_client_next(client, FIXTURE_PATIENCE_MS, reply), FRANK_OK);
  assert_int_equal(reply->id, id);
  if (strcmp(reply->code, code) != 0) {
    fail_msg("not \"%s\" but \"%s\": %s", code, reply->code, reply->message);
  }
  assert_int_equal(reply->ok, code[0] == '\0');
}

struct frank_request client_expect_mint(struct fixture *fixture)
{
  struct frank_request request;
  char tail[256]; /* b, and the domains of the recipients */
  fixture_expect(fixture, FRANK_DOOR_MINT, &request, sizeof request, tail);
  assert_int_equal(request.b_len, strlen(FIXTURE_B));
  assert_memory_equal(tail, FIXTURE_B, strlen(FIXTURE_B));
  return request;
}

void client_give(struct fixture *fixture, uint64_t tag, uint64_t factor)
{
  struct frank_answer answer = fixture_stamp(tag, FIXTURE_B, "17", factor);
  fixture_put(fixture, FRANK_DOOR_ANSWER, &answer, sizeof answer);
}
