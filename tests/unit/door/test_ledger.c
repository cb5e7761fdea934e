/* ledger: peers and requests in flight: found again, bounded, forgotten; budgets. */
#include "door/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../random.h"

static int drops;

static void count_drop(void *arg, struct frank_peer *peer)
{
  (void)arg;
  (void)peer;
  drops++;
}

static struct frank_ledger *make(uint32_t requests, uint32_t peers)
{
  struct frank_ledger *ledger = NULL;
  assert_int_equal(frank_ledger_new(requests, peers, 42, count_drop, NULL, &ledger), FRANK_OK);
  return ledger;
}

static struct frank_peer *peer_of(struct frank_ledger *ledger, const char *routing_id,
                                  const char *user_id, bool expect_new)
{
  struct frank_peer *peer = NULL;
  bool is_new = false;
  assert_int_equal(
      frank_ledger_peer(ledger, routing_id, strlen(routing_id), user_id, &peer, &is_new), FRANK_OK);
  assert_int_equal(is_new, expect_new);
  return peer;
}

static enum frank_err add(struct frank_ledger *ledger, struct frank_peer *peer, const char *id,
                          struct frank_asked **asked)
{
  struct frank_wire_envelope envelope = {.verb = FRANK_WIRE_MINT, .id_len = strlen(id)};
  (void)snprintf(envelope.id, sizeof envelope.id, "%s", id);
  return frank_ledger_add(ledger, peer, &envelope, asked);
}

static void same_id_of_two_peers_is_two_requests(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(16, 8);
  struct frank_peer *a = peer_of(ledger, "a", "", true);
  struct frank_peer *b = peer_of(ledger, "b", "", true);
  struct frank_asked *first = NULL;
  struct frank_asked *second = NULL;
  struct frank_asked *again = NULL;
  assert_int_equal(add(ledger, a, "1", &first), FRANK_OK);
  assert_int_equal(add(ledger, b, "1", &second), FRANK_OK);
  assert_true(first->tag != second->tag);
  assert_int_equal(add(ledger, a, "1", &again), FRANK_ERR_TAKEN);
  assert_ptr_equal(frank_ledger_by_id(ledger, a, "1"), first);
  assert_ptr_equal(frank_ledger_by_id(ledger, b, "1"), second);
  assert_null(frank_ledger_by_id(ledger, a, "2"));
  frank_ledger_remove(ledger, first);
  assert_null(frank_ledger_by_id(ledger, a, "1"));
  assert_int_equal(a->budget->outstanding, 0);
  assert_int_equal(b->budget->outstanding, 1);
  frank_ledger_destroy(&ledger);
}

static void tags_are_never_used_again(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(1, 1);
  struct frank_peer *peer = peer_of(ledger, "a", "", true);
  uint64_t last = 0;
  for (int i = 0; i < 1000; i++) {
    struct frank_asked *asked = NULL;
    assert_int_equal(add(ledger, peer, "x", &asked), FRANK_OK);
    assert_true(asked->tag > last);
    assert_null(frank_ledger_by_tag(ledger, last));
    last = asked->tag;
    assert_ptr_equal(frank_ledger_by_tag(ledger, last), asked);
    frank_ledger_remove(ledger, asked);
    assert_null(frank_ledger_by_tag(ledger, last));
  }
  assert_null(frank_ledger_by_tag(ledger, UINT64_MAX));
  frank_ledger_destroy(&ledger);
}

static void full_tables_say_so(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(3, 2);
  struct frank_peer *a = peer_of(ledger, "a", "", true);
  struct frank_peer *b = peer_of(ledger, "b", "", true);
  struct frank_peer *c = NULL;
  struct frank_asked *asked[4] = {NULL};
  bool is_new = false;
  assert_int_equal(add(ledger, a, "1", &asked[0]), FRANK_OK);
  assert_int_equal(add(ledger, a, "2", &asked[1]), FRANK_OK);
  assert_int_equal(add(ledger, b, "1", &asked[2]), FRANK_OK);
  assert_int_equal(add(ledger, b, "2", &asked[3]), FRANK_ERR_FULL);
  assert_int_equal(frank_ledger_in_flight(ledger), 3);
  assert_int_equal(frank_ledger_peer(ledger, "c", 1, "", &c, &is_new), FRANK_ERR_FULL);
  frank_ledger_remove(ledger, asked[2]);
  c = peer_of(ledger, "c", "", true);
  assert_ptr_equal(c, b); /* the one with nothing out made room */
  assert_int_equal(add(ledger, c, "1", &asked[3]), FRANK_OK);
  assert_ptr_equal(peer_of(ledger, "a", "", false), a);
  frank_ledger_destroy(&ledger);
}

static void the_longest_silent_peer_goes_first(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(4, 3);
  (void)peer_of(ledger, "a", "", true);
  (void)peer_of(ledger, "b", "", true);
  (void)peer_of(ledger, "c", "", true);
  (void)peer_of(ledger, "a", "", false);
  (void)peer_of(ledger, "d", "", true); /* b goes */
  (void)peer_of(ledger, "a", "", false);
  (void)peer_of(ledger, "c", "", false);
  (void)peer_of(ledger, "b", "", true); /* d goes */
  (void)peer_of(ledger, "d", "", true); /* a goes */
  (void)peer_of(ledger, "c", "", false);
  frank_ledger_destroy(&ledger);
}

struct taken_back {
  uint64_t tags[8];
  uint32_t count, room;
};

static bool take_back(void *arg, const struct frank_asked *asked)
{
  struct taken_back *taken = arg;
  if (taken->count >= taken->room) {
    return false;
  }
  taken->tags[taken->count++] = asked->tag;
  return true;
}

static void the_client_with_the_most_peers_gives_one_up(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(16, 4);
  struct frank_budget shared = {0};
  struct frank_asked *asked = NULL;
  struct taken_back taken = {.room = 8};
  const struct frank_peer *evicted = NULL;
  struct frank_peer *newcomer = NULL;
  bool is_new = false;
  assert_int_equal(frank_ledger_evict(ledger, take_back, &taken, &evicted), FRANK_ERR_NOT_FOUND);
  struct frank_peer *single = peer_of(ledger, "single", "", true);
  struct frank_peer *many[3];
  static const char *const names[] = {"m0", "m1", "m2"};
  assert_int_equal(add(ledger, single, "1", &asked), FRANK_OK);
  for (int i = 0; i < 3; i++) {
    many[i] = peer_of(ledger, names[i], "", true);
    many[i]->budget = &shared;
    assert_int_equal(add(ledger, many[i], "1", &asked), FRANK_OK);
  }
  (void)peer_of(ledger, "m0", "", false); /* heard again: m1 is the longest silent of the three */
  assert_int_equal(add(ledger, many[1], "2", &asked), FRANK_OK);
  uint64_t tags[] = {frank_ledger_by_id(ledger, many[1], "1")->tag, asked->tag};
  assert_int_equal(frank_ledger_peer(ledger, "new", 3, "", &newcomer, &is_new), FRANK_ERR_FULL);
  drops = 0;
  assert_int_equal(frank_ledger_evict(ledger, take_back, &taken, &evicted), FRANK_OK);
  assert_ptr_equal(evicted, many[1]);
  assert_int_equal(drops, 1);
  assert_int_equal(taken.count, 2);
  assert_memory_equal(taken.tags, tags, sizeof tags);
  assert_int_equal(shared.outstanding, 2);
  newcomer = peer_of(ledger, "new", "", true);
  assert_ptr_equal(newcomer, many[1]);
  assert_null(frank_ledger_by_id(ledger, newcomer, "1"));
  for (int i = 0; i < 2; i++) { /* the late answers are for nobody */
    asked = frank_ledger_by_tag(ledger, tags[i]);
    assert_non_null(asked);
    assert_null(asked->peer);
    frank_ledger_remove(ledger, asked);
  }
  assert_int_equal(newcomer->in_flight, 0);
  assert_int_equal(shared.outstanding, 2);
  frank_ledger_destroy(&ledger);
}

static void the_longest_silent_of_equals_gives_up_what_can_be_taken_back(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(16, 2);
  struct frank_asked *asked = NULL;
  struct taken_back taken = {.room = 1};
  const struct frank_peer *evicted = NULL;
  struct frank_peer *a = peer_of(ledger, "a", "", true);
  struct frank_peer *b = peer_of(ledger, "b", "", true);
  assert_int_equal(add(ledger, a, "1", &asked), FRANK_OK);
  assert_int_equal(add(ledger, b, "1", &asked), FRANK_OK);
  assert_int_equal(add(ledger, b, "2", &asked), FRANK_OK);
  (void)peer_of(ledger, "a", "", false);
  assert_int_equal(frank_ledger_evict(ledger, take_back, &taken, &evicted), FRANK_ERR_FULL);
  assert_null(evicted);
  assert_int_equal(b->in_flight, 1); /* no room for the other: it is still b's */
  assert_ptr_equal(frank_ledger_by_id(ledger, b, "2"), asked);
  taken.room = 2;
  assert_int_equal(frank_ledger_evict(ledger, take_back, &taken, &evicted), FRANK_OK);
  assert_ptr_equal(evicted, b);
  assert_int_equal(taken.count, 2);
  assert_true(taken.tags[0] != taken.tags[1]); /* nothing is taken back twice */
  assert_ptr_equal(peer_of(ledger, "c", "", true), b);
  assert_int_equal(a->in_flight, 1);
  frank_ledger_destroy(&ledger);
}

static void another_user_of_a_routing_id_is_another_peer(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(4, 4);
  struct frank_budget shared = {0};
  struct frank_asked *asked = NULL;
  struct frank_asked *fresh = NULL;
  struct frank_peer *peer = peer_of(ledger, "a", "0.1", true);
  peer->budget = &shared;
  assert_int_equal(add(ledger, peer, "1", &asked), FRANK_OK);
  uint64_t tag = asked->tag;
  drops = 0;
  peer = peer_of(ledger, "a", "1.1", true);
  assert_int_equal(drops, 1);
  assert_int_equal(shared.outstanding, 0);
  assert_ptr_equal(peer->budget, &peer->own);
  assert_null(frank_ledger_by_id(ledger, peer, "1"));
  assert_int_equal(add(ledger, peer, "1", &fresh), FRANK_OK); /* no clash with the other's */
  asked = frank_ledger_by_tag(ledger, tag);
  assert_non_null(asked);
  assert_null(asked->peer); /* the answer is for nobody */
  frank_ledger_remove(ledger, asked);
  assert_int_equal(frank_ledger_in_flight(ledger), 1);
  frank_ledger_destroy(&ledger);
}

static void names_are_bounded_and_distinct(void **state)
{
  (void)state;
  struct frank_ledger *ledger = make(1, 4);
  uint8_t id[255];
  char first[FRANK_CLIENT_NAME_BYTES];
  struct frank_peer *peer = NULL;
  bool is_new = false;
  memset(id, 0xab, sizeof id);
  peer = peer_of(ledger, "az", "", true);
  frank_ledger_name(ledger, peer, "ipc");
  assert_string_equal(peer->name, "ipc:617a");
  assert_int_equal(frank_ledger_peer(ledger, id, sizeof id, "", &peer, &is_new), FRANK_OK);
  frank_ledger_name(ledger, peer, "tcp");
  assert_true(strlen(peer->name) < FRANK_CLIENT_NAME_BYTES);
  memcpy(first, peer->name, sizeof first);
  id[254] = 0; /* the same as far as the name shows it */
  assert_int_equal(frank_ledger_peer(ledger, id, sizeof id, "", &peer, &is_new), FRANK_OK);
  frank_ledger_name(ledger, peer, "tcp");
  assert_string_not_equal(peer->name, first);
  frank_ledger_destroy(&ledger);
}

static void budget_gives_a_second_at_once_and_then_the_rate(void **state)
{
  (void)state;
  struct frank_budget budget = {0};
  uint64_t wait_ms = 0;
  uint64_t now_us = 1000;
  for (int i = 0; i < 10; i++) {
    assert_true(frank_budget_take(&budget, 10, now_us, &wait_ms));
  }
  assert_false(frank_budget_take(&budget, 10, now_us, &wait_ms));
  assert_in_range(wait_ms, 100, 101);
  assert_false(frank_budget_take(&budget, 10, now_us + 99000, &wait_ms));
  assert_true(frank_budget_take(&budget, 10, now_us + 101000, &wait_ms));
  now_us += 3600000000;
  int taken = 0;
  while (frank_budget_take(&budget, 10, now_us, &wait_ms)) {
    taken++;
  }
  assert_int_equal(taken, 10); /* an hour of silence saves no more than a second */
  for (int i = 0; i < 1000; i++) {
    assert_true(frank_budget_take(&budget, 0, now_us, &wait_ms));
  }
}

/* Random adds, removals and look-ups against a plain array. */
static void ledger_agrees_with_a_model(void **state)
{
  (void)state;
  enum { PEERS = 5, IDS = 40, BOUND = 64 };
  struct frank_ledger *ledger = make(BOUND, PEERS + 1);
  struct frank_peer *peers[PEERS];
  uint64_t tags[PEERS][IDS] = {{0}};
  uint32_t count = 0;
  for (int p = 0; p < PEERS; p++) {
    char routing_id[16];
    (void)snprintf(routing_id, sizeof routing_id, "p%d", p);
    peers[p] = peer_of(ledger, routing_id, "", true);
  }
  for (int turn = 0; turn < 200000; turn++) {
    size_t p = random_below(PEERS);
    size_t i = random_below(IDS);
    char id[8];
    (void)snprintf(id, sizeof id, "i%zu", i);
    struct frank_asked *found = frank_ledger_by_id(ledger, peers[p], id);
    assert_int_equal(found ? found->tag : 0, tags[p][i]);
    if (found && random_below(2) == 0) {
      assert_ptr_equal(frank_ledger_by_tag(ledger, tags[p][i]), found);
      frank_ledger_remove(ledger, found);
      tags[p][i] = 0;
      count--;
    } else {
      struct frank_asked *asked = NULL;
      enum frank_err err = add(ledger, peers[p], id, &asked);
      assert_int_equal(err, found ? FRANK_ERR_TAKEN : count == BOUND ? FRANK_ERR_FULL : FRANK_OK);
      if (err == FRANK_OK) {
        tags[p][i] = asked->tag;
        count++;
      }
    }
    assert_int_equal(frank_ledger_in_flight(ledger), count);
  }
  uint32_t outstanding = 0;
  for (int p = 0; p < PEERS; p++) {
    outstanding += peers[p]->budget->outstanding;
    assert_int_equal(peers[p]->in_flight, peers[p]->budget->outstanding);
  }
  assert_int_equal(outstanding, count);
  frank_ledger_destroy(&ledger);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_id_of_two_peers_is_two_requests),
      cmocka_unit_test(tags_are_never_used_again),
      cmocka_unit_test(full_tables_say_so),
      cmocka_unit_test(the_longest_silent_peer_goes_first),
      cmocka_unit_test(the_client_with_the_most_peers_gives_one_up),
      cmocka_unit_test(the_longest_silent_of_equals_gives_up_what_can_be_taken_back),
      cmocka_unit_test(another_user_of_a_routing_id_is_another_peer),
      cmocka_unit_test(names_are_bounded_and_distinct),
      cmocka_unit_test(budget_gives_a_second_at_once_and_then_the_rate),
      cmocka_unit_test(ledger_agrees_with_a_model),
  };
  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
