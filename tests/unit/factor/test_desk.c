/* Questions about recipients' factors, on a simulated clock: each is done once, and in its time. */
#include "base/clock.h"
#include "factor/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS        FRANK_US_PER_MS
#define START     (1000 * FRANK_US_PER_S)
#define LIMIT_US  (500 * MS)
#define ASKED_MAX 600

struct world {
  struct frank_desk *desk;
  bool fresh; /* of the last look-up */
  bool deaf;  /* look-ups cannot be started */
  char asked[ASKED_MAX][64];
  size_t asked_count;
  uint64_t done[64]; /* tags */
  uint64_t done_at_us[64];
  char payload[64];
  size_t done_count;
};

static bool look_up(void *arg, const char *domain, bool fresh)
{
  struct world *w = arg;
  if (w->deaf) {
    return false;
  }
  assert_true(w->asked_count < ASKED_MAX);
  w->fresh = fresh;
  (void)snprintf(w->asked[w->asked_count++], sizeof w->asked[0], "%s", domain);
  return true;
}

static void on_done(void *arg, const struct frank_desk_question *question, uint64_t now_us)
{
  struct world *w = arg;
  assert_true(w->done_count < 64);
  w->done_at_us[w->done_count] = now_us;
  w->done[w->done_count++] = question->tag;
  (void)snprintf(w->payload, sizeof w->payload, "%.*s", (int)question->payload_len,
                 (const char *)question->payload);
}

static void begin(struct world *w)
{
  const struct frank_desk_config config = {
      .look_up = look_up, .done = on_done, .arg = w, .salt = 42};
  memset(w, 0, sizeof *w);
  assert_int_equal(frank_desk_new(&config, &w->desk), FRANK_OK);
}

/* `domains` is a text with "\0" between and after its domains. */
static void ask(struct world *w, uint64_t tag, const char *domains, size_t len, uint64_t now_us)
{
  const struct frank_desk_question question = {.origin = 1,
                                               .tag = tag,
                                               .domains = domains,
                                               .domains_len = len,
                                               .payload = "stamp",
                                               .payload_len = 5,
                                               .arrived_us = now_us,
                                               .due_us = now_us + LIMIT_US};
  frank_desk_ask(w->desk, &question, now_us);
}
#define ASK(w, tag, domains, now) ask(w, tag, domains, sizeof(domains), now)

static void hear(struct world *w, const char *domain, enum frank_resolver_answer answer,
                 uint64_t factor, uint32_t ttl_s, uint64_t now_us)
{
  struct frank_resolver_domain heard = {.answer = answer, .factor = factor, .ttl_s = ttl_s};
  (void)snprintf(heard.domain, sizeof heard.domain, "%s", domain);
  assert_int_equal(frank_desk_hear(w->desk, &heard, now_us), FRANK_OK);
}

static uint64_t largest(struct world *w, const char *domains, size_t len, uint64_t now_us,
                        const char **domain)
{
  const char *too_high = NULL;
  return frank_desk_largest(w->desk, domains, len, 1000, 1000000, now_us, domain, &too_high);
}

static void what_is_known_is_done_at_once(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  ASK(&w, 1, "a.test", START);
  assert_int_equal(w.asked_count, 1);
  assert_int_equal(w.done_count, 0);
  ASK(&w, 2, "a.test", START); /* under way already */
  assert_int_equal(w.asked_count, 1);
  hear(&w, "a.test", FRANK_RESOLVER_FOUND, 5000, 60, START + 10 * MS);
  assert_int_equal(w.done_count, 2);
  assert_string_equal(w.payload, "stamp");
  ASK(&w, 3, "a.test", START + 59 * FRANK_US_PER_S);
  assert_int_equal(w.done_count, 3);
  assert_int_equal(w.asked_count, 1);
  /* Its time is over: asked again. */
  ASK(&w, 4, "a.test", START + 61 * FRANK_US_PER_S);
  assert_int_equal(w.asked_count, 2);
  assert_int_equal(w.done_count, 3);
  frank_desk_destroy(&w.desk);
}

static void a_question_waits_for_all_and_no_longer_than_it_may(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  ASK(&w, 1, "a.test\0b.test\0A.TEST", START);
  assert_int_equal(w.asked_count, 2);
  hear(&w, "a.test", FRANK_RESOLVER_ABSENT, 0, 60, START + 10 * MS);
  assert_int_equal(w.done_count, 0);
  assert_int_equal(frank_desk_next_due_us(w.desk), START + LIMIT_US);
  frank_desk_tick(w.desk, START + LIMIT_US - 1);
  assert_int_equal(w.done_count, 0);
  frank_desk_tick(w.desk, START + LIMIT_US);
  assert_int_equal(w.done_count, 1);
  assert_int_equal(frank_desk_next_due_us(w.desk), FRANK_NEVER_US);
  /* The late answer is kept. */
  hear(&w, "b.test", FRANK_RESOLVER_FOUND, 7, 60, START + 2 * LIMIT_US);
  assert_int_equal(w.done_count, 1);
  ASK(&w, 2, "a.test\0b.test", START + 3 * LIMIT_US);
  assert_int_equal(w.done_count, 2);
  struct frank_desk_counts counts;
  frank_desk_counts(w.desk, &counts);
  assert_int_equal(counts.timed_out, 1);
  assert_int_equal(counts.found, 1);
  assert_int_equal(counts.absent, 1);
  frank_desk_destroy(&w.desk);
}

static void the_largest_counts_and_the_default_where_none_is_known(void **state)
{
  struct world w;
  const char *domain = NULL;
  const char *too_high = NULL;
  (void)state;
  begin(&w);
  hear(&w, "low.test", FRANK_RESOLVER_FOUND, 500, 60, START);
  hear(&w, "high.test", FRANK_RESOLVER_FOUND, 5000, 60, START);
  hear(&w, "huge.test", FRANK_RESOLVER_FOUND, 1000001, 60, START);
  hear(&w, "none.test", FRANK_RESOLVER_ABSENT, 0, 60, START);
#define LARGEST(domains) largest(&w, domains, sizeof(domains), START, &domain)
  assert_int_equal(LARGEST("low.test"), 500);
  assert_string_equal(domain, "low.test");
  assert_int_equal(LARGEST("low.test\0High.test"), 5000);
  assert_string_equal(domain, "High.test");
  assert_int_equal(LARGEST("low.test\0none.test"), 1000);
  assert_null(domain);
  assert_int_equal(LARGEST("unknown.test\0low.test"), 1000);
  assert_int_equal(LARGEST("huge.test"), 1000);
  assert_null(domain);
  assert_int_equal(LARGEST("huge.test\0high.test"), 5000);
  assert_int_equal(LARGEST("[192.0.2.1]"), 1000);
  assert_int_equal(largest(&w, NULL, 0, START, &domain), 1000);
  static const char huge[] = "low.test\0huge.test";
  (void)frank_desk_largest(w.desk, huge, sizeof huge, 1000, 1000000, START, &domain, &too_high);
  assert_string_equal(too_high, "huge.test");
  frank_desk_destroy(&w.desk);
}

static void nobody_waits_for_a_resolver_that_is_gone(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  ASK(&w, 1, "a.test\0b.test", START);
  ASK(&w, 2, "b.test", START);
  frank_desk_deaf(w.desk, START + 5 * MS);
  assert_int_equal(w.done_count, 2);
  w.deaf = true;
  ASK(&w, 3, "a.test", START + 6 * MS);
  assert_int_equal(w.done_count, 3);
  w.deaf = false;
  ASK(&w, 4, "a.test", START + 7 * MS); /* asked anew */
  assert_int_equal(w.done_count, 3);
  assert_int_equal(w.asked_count, 3);
  frank_desk_destroy(&w.desk);
}

static void questions_are_hurried_dropped_and_finished(void **state)
{
  struct world w;
  size_t waiting = 0;
  size_t kept = 0;
  (void)state;
  begin(&w);
  ASK(&w, 1, "a.test", START);
  ASK(&w, 2, "a.test", START);
  ASK(&w, 3, "b.test", START);
  frank_desk_hurry(w.desk, 1, 2, START);
  frank_desk_hurry(w.desk, 1, 99, START);
  frank_desk_hurry(w.desk, 2, 1, START);
  assert_int_equal(w.done_count, 1);
  assert_int_equal(w.done[0], 2);
  frank_desk_origin_gone(w.desk, 7);
  frank_desk_sizes(w.desk, &waiting, &kept);
  assert_int_equal(waiting, 2);
  frank_desk_finish(w.desk, START);
  assert_int_equal(w.done_count, 3);
  ASK(&w, 4, "a.test", START);
  frank_desk_origin_gone(w.desk, 1);
  frank_desk_sizes(w.desk, &waiting, &kept);
  assert_int_equal(waiting, 0);
  hear(&w, "a.test", FRANK_RESOLVER_FOUND, 7, 60, START);
  assert_int_equal(w.done_count, 3);
  frank_desk_destroy(&w.desk);
}

static void what_cannot_be_an_answer_changes_nothing(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  struct frank_resolver_domain odd[] = {
      {.domain = "A.test", .factor = 1},
      {.domain = "a.test", .factor = 0},
      {.domain = "a.test", .answer = 3},
      {.domain = "a.test", .factor = 1, .dnssec = 3},
      {.domain = "a.test", .factor = UINT64_C(1) << 53},
      {.domain = "", .factor = 1},
      {.domain = "a.test", .answer = FRANK_RESOLVER_FAILED, .why = "\033[2J"},
  };
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    assert_int_equal(frank_desk_hear(w.desk, &odd[i], START), FRANK_ERR_MALFORMED);
  }
  memset(odd[0].domain, 'a', sizeof odd[0].domain);
  assert_int_equal(frank_desk_hear(w.desk, &odd[0], START), FRANK_ERR_MALFORMED);
  struct frank_desk_domain known;
  frank_desk_look(w.desk, "a.test", START, &known);
  assert_int_equal(known.state, FRANK_DESK_UNKNOWN);
  frank_desk_destroy(&w.desk);
}

static void both_bounds_hold(void **state)
{
  struct world w;
  size_t waiting = 0;
  size_t kept = 0;
  char domain[32];
  (void)state;
  begin(&w);
  for (int i = 0; i < FRANK_DESK_DOMAINS_MAX + 100; i++) {
    (void)snprintf(domain, sizeof domain, "d%d.test", i);
    hear(&w, domain, FRANK_RESOLVER_FOUND, 7, 3600, START);
  }
  frank_desk_sizes(w.desk, &waiting, &kept);
  assert_int_equal(kept, FRANK_DESK_DOMAINS_MAX);
  struct frank_desk_domain known;
  frank_desk_look(w.desk, "d99.test", START, &known); /* used longest ago: gone */
  assert_int_equal(known.state, FRANK_DESK_UNKNOWN);
  frank_desk_look(w.desk, "d100.test", START, &known);
  assert_int_equal(known.state, FRANK_DESK_FOUND);
  /* Questions of 1 MiB: 16 MiB of them wait, one more is done at once. */
  static char payload[1 << 20];
  const struct frank_desk_question question = {.origin = 1,
                                               .tag = 5,
                                               .domains = "wait.test",
                                               .domains_len = sizeof "wait.test",
                                               .payload = payload,
                                               .payload_len = sizeof payload,
                                               .arrived_us = START,
                                               .due_us = START + LIMIT_US};
  while (w.done_count == 0) {
    frank_desk_ask(w.desk, &question, START);
  }
  frank_desk_sizes(w.desk, &waiting, &kept);
  assert_in_range(waiting, 15, 16);
  frank_desk_destroy(&w.desk);
}

static void what_is_forgotten_is_asked_again(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  hear(&w, "a.test", FRANK_RESOLVER_FOUND, 7, 3600, START);
  hear(&w, "b.test", FRANK_RESOLVER_FOUND, 7, 3600, START);
  frank_desk_forget(w.desk, "A.test");
  ASK(&w, 1, "b.test", START);
  assert_int_equal(w.done_count, 1);
  ASK(&w, 2, "a.test", START);
  assert_int_equal(w.done_count, 1);
  assert_true(w.fresh);
  ASK(&w, 4, "c.test", START);
  assert_false(w.fresh);
  frank_desk_forget(w.desk, NULL);
  ASK(&w, 3, "b.test", START);
  assert_int_equal(w.done_count, 1);
  frank_desk_destroy(&w.desk);
}

/* A question about the domains "FROM.test" to "TO - 1.test". */
static void ask_range(struct world *w, uint64_t tag, int from, int to, uint64_t now_us)
{
  char domains[16000];
  size_t len = 0;
  for (int i = from; i < to; i++) {
    len += (size_t)snprintf(domains + len, sizeof domains - len, "d%d.test", i) + 1;
  }
  ask(w, tag, domains, len, now_us);
}

static void look_ups_take_turns(void **state)
{
  struct world w;
  const size_t at_once = FRANK_RESOLVER_LOOKUPS_MAX;
  const int all = FRANK_RESOLVER_LOOKUPS_MAX + 50;
  char domain[32];
  (void)state;
  begin(&w);
  ask_range(&w, 1, 0, all, START);
  assert_int_equal(w.asked_count, at_once);
  for (int i = 0; i < all; i++) {
    assert_int_equal(w.done_count, 0);
    (void)snprintf(domain, sizeof domain, "d%d.test", i);
    hear(&w, domain, FRANK_RESOLVER_FOUND, (uint64_t)i + 1, 60, START + MS);
  }
  assert_int_equal(w.asked_count, all);
  assert_int_equal(w.done_count, 1);
  /* Nobody answers: whose question's time is over gives up their turn. */
  ask_range(&w, 2, 1000, 1000 + all, START + 2 * MS);
  assert_int_equal(w.asked_count, (size_t)all + at_once);
  frank_desk_tick(w.desk, START + 2 * MS + LIMIT_US);
  assert_int_equal(w.done_count, 2);
  hear(&w, "d1000.test", FRANK_RESOLVER_ABSENT, 0, 60, START + 600 * MS);
  assert_int_equal(w.asked_count, (size_t)all + at_once);
  ASK(&w, 3, "one.test\0two.test", START + 600 * MS);
  assert_int_equal(w.asked_count, (size_t)all + at_once + 1);
  /* What was never answered stands in nobody's way for ever. */
  ASK(&w, 4, "three.test", START + 60 * FRANK_US_PER_S);
  assert_int_equal(w.asked_count, (size_t)all + at_once + 3);
  assert_string_equal(w.asked[w.asked_count - 1], "three.test");
  frank_desk_deaf(w.desk, START + 60 * FRANK_US_PER_S);
  assert_int_equal(w.done_count, 4);
  frank_desk_destroy(&w.desk);
}

static void those_that_are_waited_for_do_not_give_way(void **state)
{
  struct world w;
  char domain[32];
  size_t waiting = 0;
  size_t kept = 0;
  (void)state;
  begin(&w);
  ask_range(&w, 1, 0, 500, START);
  for (int i = 0; i < 2 * FRANK_DESK_DOMAINS_MAX; i++) {
    (void)snprintf(domain, sizeof domain, "e%d.test", i);
    hear(&w, domain, FRANK_RESOLVER_FOUND, 7, 3600, START);
  }
  frank_desk_sizes(w.desk, &waiting, &kept);
  assert_int_equal(waiting, 1);
  assert_int_equal(kept, FRANK_DESK_DOMAINS_MAX);
  for (int i = 0; i < 500; i++) {
    assert_int_equal(w.done_count, 0);
    (void)snprintf(domain, sizeof domain, "d%d.test", i);
    hear(&w, domain, FRANK_RESOLVER_FOUND, 8, 60, START + MS);
  }
  assert_int_equal(w.done_count, 1);
  frank_desk_destroy(&w.desk);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_known_is_done_at_once),
      cmocka_unit_test(a_question_waits_for_all_and_no_longer_than_it_may),
      cmocka_unit_test(the_largest_counts_and_the_default_where_none_is_known),
      cmocka_unit_test(nobody_waits_for_a_resolver_that_is_gone),
      cmocka_unit_test(questions_are_hurried_dropped_and_finished),
      cmocka_unit_test(what_cannot_be_an_answer_changes_nothing),
      cmocka_unit_test(both_bounds_hold),
      cmocka_unit_test(what_is_forgotten_is_asked_again),
      cmocka_unit_test(look_ups_take_turns),
      cmocka_unit_test(those_that_are_waited_for_do_not_give_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
