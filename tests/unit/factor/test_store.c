/* The store of an authority: epochs, signatures, keys, on a clock that the test moves. */
#include "factor/authority/store.h"
#include "factor/trust.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define T0   INT64_C(1795312800)
#define DAY  INT64_C(86400)
#define HOUR INT64_C(3600)

struct place {
  char dir[64];
  struct frank_authority_store *store;
  struct frank_authority_state *state;
  char why[FRANK_AUTHORITY_WHY_BYTES];
};

static int set_up(void **context)
{
  struct place *p = calloc(1, sizeof *p);
  assert_non_null(p);
  /* A thousand transactions wait for the disk a thousand times: in memory, where there is such. */
  snprintf(p->dir, sizeof p->dir, "/dev/shm/frank-store-XXXXXX");
  if (mkdtemp(p->dir) == NULL) {
    snprintf(p->dir, sizeof p->dir, "/tmp/frank-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
  }
  p->state = calloc(1, sizeof *p->state);
  assert_non_null(p->state);
  *context = p;
  return 0;
}

static int tear_down(void **context)
{
  struct place *p = *context;
  frank_authority_store_close(&p->store);
  DIR *dir = opendir(p->dir);
  assert_non_null(dir);
  for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", p->dir, entry->d_name);
    (void)unlink(path);
  }
  closedir(dir);
  assert_int_equal(rmdir(p->dir), 0);
  free(p->state);
  free(p);
  return 0;
}

static struct frank_authority_settings settings_of(const char *issuer)
{
  struct frank_authority_settings settings = {.valid_s = DAY, .grace_s = 2 * HOUR};
  snprintf(settings.issuer, sizeof settings.issuer, "%s", issuer);
  return settings;
}

static void begin(struct place *p, uint64_t factor, int64_t now_s)
{
  const struct frank_authority_settings settings = settings_of("authority.example");
  bool wrong = false;
  assert_int_equal(frank_authority_store_open(p->dir, true, &p->store, p->why), FRANK_OK);
  assert_int_equal(frank_authority_store_start(p->store, &settings, factor, now_s, &wrong, p->why),
                   FRANK_OK);
}

static void load(struct place *p)
{
  enum frank_err err = frank_authority_store_load(p->store, p->state, p->why);
  if (err != FRANK_OK) {
    fail_msg("%s", p->why);
  }
}

static void publish(struct place *p, uint64_t factor, int64_t now_s)
{
  uint64_t epoch = 0;
  bool is_new = false;
  assert_int_equal(
      frank_authority_store_publish(p->store, factor, "a test", now_s, &epoch, &is_new, p->why),
      FRANK_OK);
  assert_true(is_new);
  load(p);
  assert_int_equal(p->state->document.epoch, epoch);
  assert_int_equal(p->state->document.factor, factor);
}

static int64_t tick(struct place *p, int64_t now_s)
{
  int64_t next_s = 0;
  assert_int_equal(frank_authority_store_tick(p->store, now_s, &next_s, p->why), FRANK_OK);
  assert_true(next_s > now_s);
  load(p);
  return next_s;
}

static void a_new_store_publishes_epoch_1(void **context)
{
  struct place *p = *context;
  begin(p, 1000, T0);
  load(p);
  assert_int_equal(p->state->document.epoch, 1);
  assert_int_equal(p->state->document.issued_s, T0);
  assert_int_equal(p->state->document.expires_s, T0 + DAY);
  assert_int_equal(p->state->document.has_previous, 0);
  assert_int_equal(p->state->key_count, 1);
  assert_int_equal(p->state->history_count, 1);
  struct stat info;
  char path[200];
  snprintf(path, sizeof path, "%s/key-%s", p->dir, p->state->keys[0].key.id);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_change_names_the_factor_before_it(void **context)
{
  struct place *p = *context;
  begin(p, 1000, T0);
  publish(p, 2000, T0 + 10);
  const struct frank_factor_document *document = &p->state->document;
  assert_int_equal(document->epoch, 2);
  assert_int_equal(document->has_previous, 1);
  assert_int_equal(document->previous_epoch, 1);
  assert_int_equal(document->previous_factor, 1000);
  assert_int_equal(document->previous_until_s, T0 + 10 + 2 * HOUR);
  /* Signed anew while the old one still counts, and after. */
  (void)tick(p, T0 + 10 + 12 * HOUR);
  assert_int_equal(document->epoch, 2);
  assert_int_equal(document->has_previous, 0);
  assert_int_equal(document->issued_s, T0 + 10 + 12 * HOUR);
}

/* Whatever was in force within the grace is met by what the document asks, whatever the order. */
static void quick_changes_refuse_no_mail_in_flight(void **context)
{
  struct place *p = *context;
  static const uint64_t factors[] = {1000, 4000, 2000, 8000, 500, 9000, 7000, 9500};
  enum { COUNT = sizeof factors / sizeof factors[0] };
  int64_t until_s[COUNT] = {0}; /* until when a stamp that met it must count */
  bool is_previous = false;
  begin(p, factors[0], T0);
  for (size_t i = 1; i < COUNT; i++) {
    int64_t now_s = T0 + (int64_t)i * HOUR / 2;
    publish(p, factors[i], now_s);
    until_s[i - 1] = now_s + 2 * HOUR;
    until_s[i] = INT64_MAX;
    for (int64_t at_s = now_s; at_s < now_s + 3 * HOUR; at_s += 600) {
      uint64_t asked = frank_factor_document_asks(&p->state->document, at_s, &is_previous);
      uint64_t lowest = UINT64_MAX; /* of the last four hours: nothing older is kept alive */
      for (size_t j = 0; j <= i; j++) {
        assert_true(at_s >= until_s[j] || asked <= factors[j]);
        lowest = at_s < until_s[j] || until_s[j] > now_s
                     ? (factors[j] < lowest ? factors[j] : lowest)
                     : lowest;
      }
      assert_true(asked >= lowest);
    }
  }
  /* A change after all of the grace names the one before it alone. */
  publish(p, 20000, T0 + DAY);
  assert_int_equal(p->state->document.previous_factor, 9500);
  assert_int_equal(p->state->document.previous_epoch, COUNT);
}

static void the_same_factor_is_no_change(void **context)
{
  struct place *p = *context;
  uint64_t epoch = 0;
  bool is_new = true;
  begin(p, 1000, T0);
  assert_int_equal(
      frank_authority_store_publish(p->store, 1000, "", T0 + 1, &epoch, &is_new, p->why), FRANK_OK);
  assert_false(is_new);
  assert_int_equal(epoch, 1);
  load(p);
  assert_int_equal(p->state->document.issued_s, T0);
}

/* A client that has followed from the first key on takes every document, whatever rotates. */
static void a_client_follows_through_rotations(void **context)
{
  struct place *p = *context;
  struct frank_factor_trust trust;
  struct frank_authority_key made;
  char why[FRANK_FACTOR_WHY_BYTES];
  int64_t now_s = T0;
  begin(p, 1000, now_s);
  load(p);
  frank_factor_trust_init(&trust, &p->state->keys[0].key);
  for (int round = 0; round < 5; round++) {
    assert_int_equal(frank_authority_store_rotate(p->store, 7 * DAY, now_s, &made, p->why),
                     FRANK_OK);
    struct frank_authority_key again;
    assert_int_equal(frank_authority_store_rotate(p->store, 7 * DAY, now_s, &again, p->why),
                     FRANK_ERR_TAKEN);
    /* 20 days: the new key takes over after 7, the old one goes after 14. */
    for (int hours = 0; hours < 20 * 24; hours += 6) {
      (void)tick(p, now_s);
      if (hours % 48 == 0) {
        publish(p, UINT64_C(2000) + (uint64_t)round * 1000 + (uint64_t)hours, now_s);
      }
      enum frank_err err = frank_factor_trust_take(
          &trust, p->state->document_jws, strlen(p->state->document_jws), now_s, NULL, why);
      if (err == FRANK_OK) {
        err = frank_factor_trust_take_keys(&trust, p->state->keys_jws, strlen(p->state->keys_jws),
                                           why);
      }
      if (err != FRANK_OK) {
        fail_msg("round %d, hour %d: %s", round, hours, why);
      }
      now_s += 6 * HOUR;
    }
    assert_int_equal(p->state->key_count, 1);
    assert_string_equal(p->state->keys[0].key.id, made.key.id);
  }
}

static void the_document_is_signed_anew_at_half_its_time(void **context)
{
  struct place *p = *context;
  begin(p, 1000, T0);
  assert_int_equal(tick(p, T0 + 1), T0 + DAY / 2);
  assert_int_equal(p->state->document.issued_s, T0);
  assert_int_equal(tick(p, T0 + DAY / 2), T0 + DAY);
  assert_int_equal(p->state->document.issued_s, T0 + DAY / 2);
  assert_int_equal(p->state->document.epoch, 1);
  /* A clock that was ahead when it was signed: clients would not take it. */
  (void)tick(p, T0 - DAY);
  assert_int_equal(p->state->document.issued_s, T0 - DAY);
}

static void another_issuer_is_denied(void **context)
{
  struct place *p = *context;
  const struct frank_authority_settings other = settings_of("other.example");
  const struct frank_authority_settings none = settings_of("");
  bool wrong = false;
  begin(p, 1000, T0);
  assert_int_equal(frank_authority_store_start(p->store, &other, 5, T0, &wrong, p->why),
                   FRANK_ERR_DENIED);
  assert_true(wrong);
  assert_non_null(strstr(p->why, "authority.example"));
  assert_int_equal(frank_authority_store_start(p->store, &none, 0, T0, &wrong, p->why), FRANK_OK);
  load(p);
  assert_int_equal(p->state->document.epoch, 1);
  assert_int_equal(p->state->document.factor, 1000);
}

static void history_holds_the_last_thousand(void **context)
{
  struct place *p = *context;
  uint64_t epoch = 0;
  begin(p, 1000, T0);
  for (uint64_t i = 1; i < 1010; i++) {
    assert_int_equal(frank_authority_store_publish(p->store, 1000 + i, "", T0 + (int64_t)i, &epoch,
                                                   NULL, p->why),
                     FRANK_OK);
  }
  load(p);
  assert_int_equal(p->state->history_count, FRANK_AUTHORITY_HISTORY_MAX);
  assert_int_equal(p->state->history[0].epoch, 11);
  assert_int_equal(p->state->history[FRANK_AUTHORITY_HISTORY_MAX - 1].epoch, 1010);
}

static void a_reader_sees_changes_and_changes_nothing(void **context)
{
  struct place *p = *context;
  struct frank_authority_store *reader = NULL;
  uint64_t epoch = 0;
  bool changed = true;
  assert_int_equal(frank_authority_store_open(p->dir, false, &reader, p->why), FRANK_ERR_NOT_FOUND);
  begin(p, 1000, T0);
  assert_int_equal(frank_authority_store_open(p->dir, false, &reader, p->why), FRANK_OK);
  assert_int_equal(frank_authority_store_changed(reader, &changed, p->why), FRANK_OK);
  assert_false(changed);
  publish(p, 2000, T0 + 1);
  assert_int_equal(frank_authority_store_changed(reader, &changed, p->why), FRANK_OK);
  assert_true(changed);
  assert_int_equal(frank_authority_store_load(reader, p->state, p->why), FRANK_OK);
  assert_int_equal(p->state->document.epoch, 2);
  assert_int_equal(frank_authority_store_publish(reader, 3000, "", T0 + 2, &epoch, NULL, p->why),
                   FRANK_ERR_DENIED);
  frank_authority_store_close(&reader);
}

static void a_step_is_all_or_nothing(void **context)
{
  struct place *p = *context;
  const struct frank_authority_number numbers[] = {{FRANK_AUTHORITY_NUMBER_WANTED, 1234.5},
                                                   {FRANK_AUTHORITY_NUMBER_FLOOR, 100}};
  double value = 7;
  begin(p, 1000, T0);
  assert_int_equal(
      frank_authority_store_number(p->store, FRANK_AUTHORITY_NUMBER_WANTED, &value, p->why),
      FRANK_OK);
  assert_true(value == 0);
  publish(p, 2000, T0 + 1);
  /* Reckoned from epoch 1, which another has followed by now. */
  assert_int_equal(frank_authority_store_step(p->store, 1, numbers, 2, 3000, "", T0 + 2, p->why),
                   FRANK_ERR_AGAIN);
  assert_int_equal(
      frank_authority_store_number(p->store, FRANK_AUTHORITY_NUMBER_WANTED, &value, p->why),
      FRANK_OK);
  assert_true(value == 0);
  assert_int_equal(frank_authority_store_step(p->store, 2, numbers, 2, 3000, "why", T0 + 2, p->why),
                   FRANK_OK);
  load(p);
  assert_int_equal(p->state->document.epoch, 3);
  assert_int_equal(p->state->floor, 100);
  assert_string_equal(p->state->history[2].reason, "why");
  assert_int_equal(
      frank_authority_store_number(p->store, FRANK_AUTHORITY_NUMBER_WANTED, &value, p->why),
      FRANK_OK);
  assert_true(value == 1234.5);
  /* What a person publishes is where the next step begins, not what the last one wanted. */
  publish(p, 50000, T0 + 3);
  assert_int_equal(
      frank_authority_store_number(p->store, FRANK_AUTHORITY_NUMBER_WANTED, &value, p->why),
      FRANK_OK);
  assert_true(value == 0);
}

static void a_store_that_cannot_be_is_named(void **context)
{
  struct place *p = *context;
  char path[200];
  char dir[300];
  memset(dir, 'x', sizeof dir);
  dir[sizeof dir - 1] = '\0';
  assert_int_equal(frank_authority_store_open(dir, true, &p->store, p->why), FRANK_ERR_TOO_LONG);
  assert_int_equal(frank_authority_store_open("", true, &p->store, p->why), FRANK_ERR_TOO_LONG);
  snprintf(path, sizeof path, "%s/none/deeper", p->dir);
  assert_int_equal(frank_authority_store_open(path, true, &p->store, p->why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(p->why, path));
  snprintf(path, sizeof path, "%s/authority.db", p->dir);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("this is no database, and longer than a header of one: it is some text in a file.\n"
        "this is no database, and longer than a header of one: it is some text in a file.\n",
        file);
  fclose(file);
  assert_int_equal(frank_authority_store_open(p->dir, true, &p->store, p->why),
                   FRANK_ERR_MALFORMED);
  assert_non_null(strstr(p->why, path));
  assert_null(p->store);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_new_store_publishes_epoch_1, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_change_names_the_factor_before_it, set_up, tear_down),
      cmocka_unit_test_setup_teardown(quick_changes_refuse_no_mail_in_flight, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_same_factor_is_no_change, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_client_follows_through_rotations, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_document_is_signed_anew_at_half_its_time, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(another_issuer_is_denied, set_up, tear_down),
      cmocka_unit_test_setup_teardown(history_holds_the_last_thousand, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_reader_sees_changes_and_changes_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_step_is_all_or_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_store_that_cannot_be_is_named, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
