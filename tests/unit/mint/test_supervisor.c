/* When a child is started again: pauses grow, repeated failure is quarantined, a stable one is
 * forgiven; and the queues that the service is built on keep their order. */
#include "base/clock.h"
#include "base/heap.h"
#include "base/table.h"
#include "mint/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct frank_supervisor fresh(void)
{
  struct frank_supervisor_policy policy;
  frank_supervisor_policy_init(&policy);
  struct frank_supervisor s;
  frank_supervisor_init(&s, &policy, 1000);
  return s;
}

static void pauses_grow_then_quarantine(void **state)
{
  (void)state;
  struct frank_supervisor s = fresh();
  uint64_t now_us = 1000;
  uint64_t last_pause_us = 0;
  for (uint32_t i = 1; i < s.policy.quarantine_after; i++) {
    assert_true(frank_supervisor_should_start(&s, now_us));
    frank_supervisor_started(&s, now_us);
    frank_supervisor_ready(&s, now_us + 10);
    frank_supervisor_failed(&s, now_us + 20, false);
    assert_int_equal(s.state, FRANK_CHILD_PAUSED);
    uint64_t due_us = frank_supervisor_next_due_us(&s);
    assert_true(due_us - now_us > last_pause_us);
    last_pause_us = due_us - now_us;
    assert_false(frank_supervisor_should_start(&s, due_us - 1));
    now_us = due_us;
  }
  frank_supervisor_started(&s, now_us);
  frank_supervisor_failed(&s, now_us, false);
  assert_int_equal(s.state, FRANK_CHILD_QUARANTINED);
  assert_int_equal(frank_supervisor_next_due_us(&s), now_us + s.policy.quarantine_us);
  /* Tried again later; a failure then doubles the quarantine. */
  now_us = frank_supervisor_next_due_us(&s);
  assert_true(frank_supervisor_should_start(&s, now_us));
  frank_supervisor_started(&s, now_us);
  frank_supervisor_failed(&s, now_us, false);
  assert_int_equal(frank_supervisor_next_due_us(&s), now_us + 2 * s.policy.quarantine_us);
  assert_int_equal(s.restarts, s.policy.quarantine_after);
}

static void a_stable_child_is_forgiven(void **state)
{
  (void)state;
  struct frank_supervisor s = fresh();
  for (int i = 0; i < 3; i++) {
    frank_supervisor_started(&s, 1000);
    frank_supervisor_failed(&s, 1000, false);
  }
  assert_int_equal(s.failures, 3);
  frank_supervisor_started(&s, 2000);
  frank_supervisor_ready(&s, 3000);
  frank_supervisor_failed(&s, 3000 + s.policy.stable_us, false);
  assert_int_equal(s.failures, 1);
}

static void a_lie_is_not_forgiven_with_time(void **state)
{
  (void)state;
  struct frank_supervisor s = fresh();
  uint64_t now_us = 1000;
  for (uint32_t i = 1; i <= s.policy.quarantine_after; i++) {
    assert_int_equal(s.failures, i - 1);
    frank_supervisor_started(&s, now_us);
    frank_supervisor_ready(&s, now_us);
    now_us += 100 * s.policy.stable_us;
    frank_supervisor_failed(&s, now_us, true);
  }
  assert_int_equal(s.state, FRANK_CHILD_QUARANTINED);
  assert_int_equal(frank_supervisor_next_due_us(&s), now_us + s.policy.quarantine_us);
  /* Each lie after it costs twice the time, however long it behaved. */
  frank_supervisor_started(&s, now_us);
  frank_supervisor_ready(&s, now_us);
  now_us += 100 * s.policy.stable_us;
  frank_supervisor_failed(&s, now_us, true);
  assert_int_equal(frank_supervisor_next_due_us(&s), now_us + 2 * s.policy.quarantine_us);
  /* An honest failure after a long time of good work is another matter. */
  frank_supervisor_started(&s, now_us);
  frank_supervisor_ready(&s, now_us);
  now_us += s.policy.stable_us;
  frank_supervisor_failed(&s, now_us, false);
  assert_int_equal(s.state, FRANK_CHILD_PAUSED);
  assert_int_equal(s.failures, 1);
}

static void quarantine_doubles_as_often_as_the_policy_says(void **state)
{
  (void)state;
  for (uint32_t doublings = 0; doublings <= 4; doublings++) {
    struct frank_supervisor_policy policy;
    frank_supervisor_policy_init(&policy);
    policy.quarantine_doublings = doublings;
    struct frank_supervisor s;
    frank_supervisor_init(&s, &policy, 1000);
    uint64_t now_us = 1000;
    for (uint32_t i = 1; i < policy.quarantine_after; i++) {
      frank_supervisor_started(&s, now_us);
      frank_supervisor_failed(&s, now_us, false);
    }
    for (uint32_t i = 0; i < 8; i++) {
      frank_supervisor_started(&s, now_us);
      frank_supervisor_failed(&s, now_us, false);
      assert_int_equal(s.state, FRANK_CHILD_QUARANTINED);
      uint64_t times = UINT64_C(1) << (i < doublings ? i : doublings);
      assert_int_equal(frank_supervisor_next_due_us(&s), now_us + times * policy.quarantine_us);
      now_us = frank_supervisor_next_due_us(&s);
    }
  }
}

static void a_slow_start_is_late(void **state)
{
  (void)state;
  struct frank_supervisor s = fresh();
  frank_supervisor_started(&s, 1000);
  assert_false(frank_supervisor_is_late(&s, 1000 + s.policy.start_limit_us - 1));
  assert_true(frank_supervisor_is_late(&s, 1000 + s.policy.start_limit_us));
  frank_supervisor_ready(&s, 1000 + s.policy.start_limit_us);
  assert_false(frank_supervisor_is_late(&s, FRANK_NEVER_US));
}

struct item {
  struct frank_heap_node node;
  int key;
};

static bool smaller(const struct frank_heap_node *a, const struct frank_heap_node *b)
{
  return FRANK_CONTAINER(a, struct item, node)->key < FRANK_CONTAINER(b, struct item, node)->key;
}

static void heap_gives_order_after_any_removals(void **state)
{
  (void)state;
  enum { COUNT = 2000 };
  static struct item items[COUNT];
  struct frank_heap heap;
  frank_heap_init(&heap, smaller);
  srand(7); /* NOLINT(cert-msc32-c,cert-msc51-cpp): the same numbers every time, as is meant */
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < COUNT; i++) {
      items[i].key = rand() % 500; /* NOLINT(cert-msc30-c,cert-msc50-cpp) */
      frank_heap_push(&heap, &items[i].node);
    }
    int left = COUNT;
    for (int i = 0; i < COUNT; i += 3) {
      frank_heap_remove(&heap, &items[i].node);
      frank_heap_remove(&heap, &items[i].node); /* twice does nothing */
      left--;
    }
    int last = -1;
    for (struct frank_heap_node *top; (top = frank_heap_top(&heap)) != NULL; left--) {
      const struct item *item = FRANK_CONTAINER(top, struct item, node);
      assert_true(item->key >= last);
      assert_true((item - items) % 3 != 0);
      last = item->key;
      frank_heap_remove(&heap, top);
    }
    assert_int_equal(left, 0);
  }
}

static void table_finds_what_is_in_it(void **state)
{
  (void)state;
  struct frank_table table;
  assert_int_equal(frank_table_init(&table, 8), FRANK_OK);
  static struct frank_table_node nodes[300];
  for (uint64_t i = 0; i < 300; i++) {
    frank_table_insert(&table, &nodes[i], i % 100 * 16); /* collisions of hash and of bucket */
  }
  for (uint64_t hash = 0; hash < 100; hash++) {
    int count = 0;
    for (struct frank_table_node *n = frank_table_first(&table, hash * 16); n;
         n = frank_table_next(n)) {
      assert_int_equal(n->hash, hash * 16);
      count++;
    }
    assert_int_equal(count, 3);
  }
  for (size_t i = 0; i < 300; i += 2) {
    frank_table_remove(&table, &nodes[i]);
  }
  assert_null(frank_table_first(&table, 5 * 16 + 1));
  int left = 0;
  for (uint64_t hash = 0; hash < 100; hash++) {
    for (struct frank_table_node *n = frank_table_first(&table, hash * 16); n;
         n = frank_table_next(n)) {
      left++;
    }
  }
  assert_int_equal(left, 150);
  frank_table_fini(&table);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pauses_grow_then_quarantine),
      cmocka_unit_test(a_stable_child_is_forgiven),
      cmocka_unit_test(a_lie_is_not_forgiven_with_time),
      cmocka_unit_test(quarantine_doubles_as_often_as_the_policy_says),
      cmocka_unit_test(a_slow_start_is_late),
      cmocka_unit_test(heap_gives_order_after_any_removals),
      cmocka_unit_test(table_finds_what_is_in_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
