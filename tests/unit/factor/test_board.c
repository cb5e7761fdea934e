/* Which source's factor is in force: the first in order that has something good to say. */
#include "factor/board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1795312800)

static struct frank_resolver_source good(uint32_t index, uint64_t factor)
{
  struct frank_resolver_source state = {
      .index = index,
      .has_document = 1,
      .document = {.issuer = "a.example",
                   .epoch = 5,
                   .factor = factor,
                   .issued_s = NOW,
                   .expires_s = NOW + 100},
  };
  return state;
}

static void begin(struct frank_board *board)
{
  frank_board_init(board, 1000000);
  assert_int_equal(frank_board_add(board, FRANK_BOARD_URL, "https://a.example", 0), FRANK_OK);
  assert_int_equal(frank_board_add(board, FRANK_BOARD_FILE, "file:/f", 0), FRANK_OK);
  assert_int_equal(frank_board_add(board, FRANK_BOARD_DNS, "dns:b.example", 0), FRANK_OK);
  assert_int_equal(frank_board_add(board, FRANK_BOARD_FIXED, "fixed:7", 7), FRANK_OK);
  assert_int_equal(frank_board_add(board, FRANK_BOARD_FLOOR, "floor", 3), FRANK_OK);
}

static const char *chosen(const struct frank_board *board, int64_t now_s, uint64_t *factor)
{
  static struct frank_board_choice choice;
  frank_board_choose(board, now_s, &choice);
  *factor = choice.factor;
  return choice.source;
}

static void the_first_good_one_is_in_force(void **state)
{
  struct frank_board board;
  uint64_t factor = 0;
  (void)state;
  begin(&board);
  assert_string_equal(chosen(&board, NOW, &factor), "fixed");
  struct frank_resolver_source second = good(1, 2000);
  assert_int_equal(frank_board_hear(&board, &second, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "a.example#5");
  assert_int_equal(factor, 2000);
  second.dns_only = 1;
  assert_int_equal(frank_board_hear(&board, &second, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "dns:a.example");
  board.list[1].factor = 1234;
  assert_string_equal(chosen(&board, NOW, &factor), "file");
  struct frank_resolver_source first = good(0, 1000);
  assert_int_equal(frank_board_hear(&board, &first, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "a.example#5");
  assert_int_equal(factor, 1000);
  /* Expired, from the future, too large: the next. */
  assert_string_equal(chosen(&board, NOW + 100, &factor), "file");
  assert_string_equal(chosen(&board, NOW - 301, &factor), "file");
  first.document.factor = 1000001;
  first.document.epoch++;
  assert_int_equal(frank_board_hear(&board, &first, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "file");
}

static void the_others_say_why_they_do_not_count(void **state)
{
  struct frank_board board;
  struct frank_board_choice choice;
  char why[FRANK_FACTOR_WHY_BYTES];
  (void)state;
  begin(&board);
  assert_int_equal(frank_board_look(&board, 0, NOW, &choice, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "not answered"));
  struct frank_resolver_source failed = {.index = 0, .why = "connection refused"};
  assert_int_equal(frank_board_hear(&board, &failed, NOW), FRANK_OK);
  assert_int_equal(frank_board_look(&board, 0, NOW, &choice, why), FRANK_ERR_NOT_FOUND);
  assert_string_equal(why, "connection refused");
  struct frank_resolver_source old = good(0, 5);
  (void)snprintf(old.why, sizeof old.why, "connection refused");
  assert_int_equal(frank_board_hear(&board, &old, NOW), FRANK_OK);
  assert_int_equal(frank_board_look(&board, 0, NOW + 130, &choice, why), FRANK_ERR_NOT_FOUND);
  assert_string_equal(why, "its document expired 30 s ago; connection refused");
  struct frank_resolver_source large = good(0, 2000000);
  large.document.epoch++;
  assert_int_equal(frank_board_hear(&board, &large, NOW), FRANK_OK);
  assert_int_equal(frank_board_look(&board, 0, NOW, &choice, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, "2000000 is above max-factor 1000000"));
}

static void what_no_source_can_be_is_refused(void **state)
{
  struct frank_board board;
  (void)state;
  begin(&board);
  struct frank_resolver_source odd[11];
  for (size_t i = 0; i < 11; i++) {
    odd[i] = good(0, 1000);
  }
  odd[0].index = 2; /* there are two that are followed */
  odd[1].document.factor = 0;
  odd[2].document.epoch = 0;
  odd[3].document.issuer[0] = '\0';
  memset(odd[4].why, 'x', sizeof odd[4].why);
  odd[5].dnssec = 9;
  odd[6].document.expires_s = odd[6].document.issued_s;
  odd[7].document.issuer[1] = '\n';
  /* Such a text would spoil the status, or a line of the log. */
  (void)snprintf(odd[8].why, sizeof odd[8].why, "\033[2J");
  (void)snprintf(odd[9].url, sizeof odd[9].url, "https://\xff");
  odd[10].document.issuer[1] = '"';
  for (size_t i = 0; i < 11; i++) {
    assert_int_equal(frank_board_hear(&board, &odd[i], NOW), FRANK_ERR_MALFORMED);
  }
  uint64_t factor = 0;
  assert_string_equal(chosen(&board, NOW, &factor), "fixed");
}

static void what_was_good_outlasts_a_resolver_that_forgot(void **state)
{
  struct frank_board board;
  uint64_t factor = 0;
  (void)state;
  begin(&board);
  struct frank_resolver_source first = good(0, 1000);
  assert_int_equal(frank_board_hear(&board, &first, NOW), FRANK_OK);
  /* Started again, without a folder to read it from. */
  const struct frank_resolver_source forgot = {.index = 0, .why = "connection refused"};
  assert_int_equal(frank_board_hear(&board, &forgot, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "a.example#5");
  assert_int_equal(board.list[0].state.kept, 1);
  assert_string_equal(board.list[0].state.why, "connection refused");
  /* Nor does the epoch go back, or another issuer come. */
  struct frank_resolver_source older = good(0, 77);
  older.document.epoch = 4;
  assert_int_equal(frank_board_hear(&board, &older, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "a.example#5");
  assert_string_equal(board.list[0].state.why, "its epoch 4 is below 5");
  struct frank_resolver_source other = good(0, 77);
  other.document.issuer[0] = 'b';
  assert_int_equal(frank_board_hear(&board, &other, NOW), FRANK_OK);
  assert_string_equal(chosen(&board, NOW, &factor), "a.example#5");
  assert_int_equal(factor, 1000);
  /* With its end all that ends. */
  assert_string_equal(chosen(&board, NOW + 100, &factor), "fixed");
  older.document.expires_s = NOW + 200;
  assert_int_equal(frank_board_hear(&board, &older, NOW + 100), FRANK_OK);
  assert_string_equal(chosen(&board, NOW + 100, &factor), "a.example#4");
}

static void a_file_above_max_factor_does_not_count(void **state)
{
  struct frank_board board;
  uint64_t factor = 0;
  (void)state;
  begin(&board);
  board.list[1].factor = 1000001; /* read before max_factor was lowered */
  assert_string_equal(chosen(&board, NOW, &factor), "fixed");
  board.list[1].factor = 1000000;
  assert_string_equal(chosen(&board, NOW, &factor), "file");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_good_one_is_in_force),
      cmocka_unit_test(the_others_say_why_they_do_not_count),
      cmocka_unit_test(what_no_source_can_be_is_refused),
      cmocka_unit_test(what_was_good_outlasts_a_resolver_that_forgot),
      cmocka_unit_test(a_file_above_max_factor_does_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
