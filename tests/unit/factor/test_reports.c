/*
 * Reports that are POSTed: forged, replayed, flooding, malformed, and one reporter against many.
 */
#include "factor/reports.h"

#include "factor/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S  INT64_C(1795305600)
#define DAY_S  INT64_C(86400)
#define US     UINT64_C(1000000)
#define NOW_US (UINT64_C(5000) * US)

static char folder[64];
static char path[96];
static char why[FRANK_OBSERVATIONS_WHY_BYTES];
static char reply[FRANK_REPORT_REPLY_BYTES];
static uint32_t retry_after_s;
static struct frank_observations *store;
static struct frank_reports *reports;
static char bearer[FRANK_REPORTER_TOKEN_BYTES + 16];

static void add_reporter(const char *name, char *header)
{
  char token[FRANK_REPORTER_TOKEN_BYTES];
  assert_int_equal(frank_reporters_add(store, name, NOW_S, token, why), FRANK_OK);
  snprintf(header, sizeof bearer, "Bearer %s", token);
}

static int start(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "%s", "/tmp/frank-reports-XXXXXX");
  if (!mkdtemp(folder)) {
    return -1;
  }
  snprintf(path, sizeof path, "%s/o.db", folder);
  if (frank_observations_open(path, true, &store, why) != FRANK_OK ||
      frank_reports_new(store, &reports) != FRANK_OK) {
    return -1;
  }
  add_reporter("mx1", bearer);
  return 0;
}

static int stop(void **state)
{
  (void)state;
  frank_reports_destroy(&reports);
  frank_observations_close(&store);
  unlink(path);
  return rmdir(folder);
}

static unsigned post_as(const char *authorization, const char *peer, const char *body,
                        uint64_t now_us, int64_t now_s)
{
  return frank_reports_post(reports, authorization, peer, body, strlen(body), now_us, now_s, reply,
                            &retry_after_s);
}

static unsigned post(const char *body)
{
  static uint64_t now_us = NOW_US;
  now_us += 60 * US; /* slowly: limits have tests of their own */
  return post_as(bearer, "192.0.2.1", body, now_us, NOW_S);
}

static const char *report(const char *id, const char *observations)
{
  static char body[4096];
  snprintf(body, sizeof body, "{\"v\":1,\"id\":\"%s\",\"observations\":[%s]}", id, observations);
  return body;
}

#define GOOD "{\"bits\":24.31,\"spam\":false,\"count\":7,\"at\":1795305000}"

static uint64_t total(void)
{
  uint64_t number = 0;
  assert_int_equal(frank_observations_total(store, &number, why), FRANK_OK);
  return number;
}

static void a_report_is_taken(void **state)
{
  (void)state;
  assert_int_equal(post(report("r1", GOOD ",{\"bits\":0,\"spam\":true,\"at\":1795305000}")), 200);
  assert_string_equal(reply, "{\"ok\":true,\"messages\":8}");
  assert_int_equal(retry_after_s, 0);
  assert_int_equal(total(), 8);
}

static void a_replayed_report_counts_for_nothing(void **state)
{
  (void)state;
  assert_int_equal(post(report("r1", GOOD)), 200);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(post(report("r1", GOOD)), 200);
    assert_string_equal(reply, "{\"ok\":true,\"messages\":0,\"already\":true}");
  }
  assert_int_equal(total(), 7);
  /* Another reporter's ids are its own. */
  char other[sizeof bearer];
  add_reporter("mx2", other);
  assert_int_equal(post_as(other, "192.0.2.2", report("r1", GOOD), NOW_US, NOW_S), 200);
  assert_int_equal(total(), 14);
}

static void a_forged_report_is_refused(void **state)
{
  (void)state;
  char wrong[sizeof bearer];
  snprintf(wrong, sizeof wrong, "%s", bearer);
  wrong[20] = wrong[20] == '0' ? '1' : '0';
  assert_int_equal(post_as(wrong, "192.0.2.9", report("r", GOOD), NOW_US, NOW_S), 403);
  assert_int_equal(post_as(NULL, "192.0.2.8", report("r", GOOD), NOW_US, NOW_S), 401);
  const char *const none[] = {"", "Bearer", "Bearer ", "Basic YTpi", "Bearers x"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_int_equal(post_as(none[i], "192.0.2.8", report("r", GOOD), NOW_US, NOW_S), 401);
  }
  assert_int_equal(frank_reporters_revoke(store, "mx1", false, why), FRANK_OK);
  assert_int_equal(post_as(bearer, "192.0.2.7", report("r", GOOD), NOW_US, NOW_S), 403);
  assert_int_equal(total(), 0);
}

static void the_scheme_is_read_in_any_case(void **state)
{
  (void)state;
  char header[sizeof bearer];
  snprintf(header, sizeof header, "bEARER%s", bearer + 6);
  assert_int_equal(post_as(header, "192.0.2.1", report("r", GOOD), NOW_US, NOW_S), 200);
}

static void wrong_tokens_are_counted_by_address(void **state)
{
  (void)state;
  const char *wrong = "Bearer 0000000000000000000000000000000000000000000000000000000000000000";
  for (int i = 0; i < FRANK_REPORT_WRONG_MAX; i++) {
    assert_int_equal(post_as(wrong, "192.0.2.1", "{}", NOW_US, NOW_S), 403);
  }
  assert_int_equal(post_as(wrong, "192.0.2.1", "{}", NOW_US, NOW_S), 429);
  assert_true(retry_after_s >= 1 && retry_after_s <= 61);
  /* Nor the right one from there now; from elsewhere it is taken. */
  assert_int_equal(post_as(bearer, "192.0.2.1", report("r", GOOD), NOW_US, NOW_S), 429);
  assert_int_equal(post_as(bearer, "192.0.2.2", report("r", GOOD), NOW_US, NOW_S), 200);
  uint64_t later_us = NOW_US + (retry_after_s + 61) * US;
  assert_int_equal(post_as(bearer, "192.0.2.1", report("s", GOOD), later_us, NOW_S), 200);
}

static void wrong_tokens_are_counted_by_network_of_ipv6(void **state)
{
  (void)state;
  char peer[64];
  unsigned status = 403;
  int tries = 0;
  for (; status == 403 && tries < 100; tries++) {
    snprintf(peer, sizeof peer, "2001:db8:1:2:%x::1", (unsigned)tries);
    status = post_as("Bearer x", peer, "{}", NOW_US, NOW_S);
  }
  assert_int_equal(status, 429);
  assert_int_equal(tries, FRANK_REPORT_WRONG_MAX + 1);
  assert_int_equal(post_as("Bearer x", "2001:db8:1:3::1", "{}", NOW_US, NOW_S), 403);
}

/* More addresses than are remembered: no memory grows, and who is known as bad stays so. */
static void many_addresses_find_room(void **state)
{
  (void)state;
  char peer[64];
  for (int i = 0; i <= FRANK_REPORT_WRONG_MAX; i++) {
    (void)post_as("Bearer x", "198.51.100.1", "{}", NOW_US, NOW_S);
  }
  for (unsigned i = 0; i < 3 * FRANK_REPORT_TABLE; i++) {
    snprintf(peer, sizeof peer, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
    assert_int_equal(post_as("Bearer x", peer, "{}", NOW_US + i, NOW_S), 403);
  }
  assert_int_equal(post_as("Bearer x", "198.51.100.1", "{}", NOW_US + 10000, NOW_S), 429);
}

static void a_flood_of_reports_waits(void **state)
{
  (void)state;
  char id[32];
  unsigned status = 200;
  int taken = 0;
  for (; status == 200 && taken < 1000; taken++) {
    snprintf(id, sizeof id, "r%d", taken);
    status = post_as(bearer, "192.0.2.1", report(id, GOOD), NOW_US, NOW_S);
  }
  assert_int_equal(status, 429);
  assert_int_equal(taken - 1, FRANK_REPORT_BURST);
  assert_true(retry_after_s >= 1 && retry_after_s <= 11);
  assert_int_equal(
      post_as(bearer, "192.0.2.1", report("late", GOOD), NOW_US + retry_after_s * US, NOW_S), 200);
  char other[sizeof bearer];
  add_reporter("mx2", other);
  assert_int_equal(post_as(other, "192.0.2.1", report("r1", GOOD), NOW_US, NOW_S), 200);
}

static void a_flood_of_messages_waits_for_the_next_day(void **state)
{
  (void)state;
  const char *many = "{\"bits\":24,\"spam\":true,\"count\":60000,\"at\":1795305000}";
  assert_int_equal(post(report("a", many)), 200);
  assert_int_equal(post(report("b", many)), 429);
  assert_true(retry_after_s >= 1 && retry_after_s <= DAY_S);
  assert_int_equal(total(), 60000);
  int64_t next_s = NOW_S + retry_after_s;
  assert_int_equal(post_as(bearer, "192.0.2.1", report("b", many), NOW_US + 3600 * US, next_s),
                   200);
}

static void bad_bodies_are_refused_and_named(void **state)
{
  (void)state;
  static const struct {
    const char *body;
    const char *names;
  } rows[] = {
      {"", "JSON"},
      {"x", "JSON"},
      {"{", "JSON"},
      {"[]", "object"},
      {"null", ""},
      {"{}", "v must"},
      {"{\"v\":2,\"id\":\"a\",\"observations\":[" GOOD "]}", "v must"},
      {"{\"v\":\"1\",\"id\":\"a\",\"observations\":[" GOOD "]}", "v must"},
      {"{\"v\":1,\"observations\":[" GOOD "]}", "id"},
      {"{\"v\":1,\"id\":7,\"observations\":[" GOOD "]}", "id"},
      {"{\"v\":1,\"id\":\"\",\"observations\":[" GOOD "]}", "id"},
      {"{\"v\":1,\"id\":\"a\\nb\",\"observations\":[" GOOD "]}", "id"},
      {"{\"v\":1,\"id\":\"\\u00e4\",\"observations\":[" GOOD "]}", "id"},
      {"{\"v\":1,\"id\":"
       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"observations\":"
       "[" GOOD "]}",
       "id"},
      {"{\"v\":1,\"id\":\"a\"}", "observations"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":{}}", "observations"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":[]}", "observations"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":[7]}", "observations[0]"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":[" GOOD ",{}]}", "observations[1]: bits"},
      {"{\"v\":1,\"id\":\"a\",\"v\":1,\"observations\":[" GOOD "]}", "duplicate"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":[[[[[[]]]]]]}", "deep"},
      {"{\"v\":1,\"id\":\"a\",\"observations\":[" GOOD "]} x", "JSON"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    unsigned status = post(rows[i].body);
    if (status != 400 || !strstr(reply, rows[i].names)) {
      print_error("%s: %u %s\n", rows[i].body, status, reply);
      fail();
    }
  }
  assert_int_equal(total(), 0);
}

static void bad_observations_are_refused_and_named(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"{\"spam\":true,\"at\":1795305000}", "bits"},
      {"{\"bits\":\"24\",\"spam\":true,\"at\":1795305000}", "bits"},
      {"{\"bits\":-0.5,\"spam\":true,\"at\":1795305000}", "bits"},
      {"{\"bits\":256.5,\"spam\":true,\"at\":1795305000}", "bits"},
      {"{\"bits\":24,\"at\":1795305000}", "spam"},
      {"{\"bits\":24,\"spam\":1,\"at\":1795305000}", "spam"},
      {"{\"bits\":24,\"spam\":true,\"count\":0,\"at\":1795305000}", "count"},
      {"{\"bits\":24,\"spam\":true,\"count\":-1,\"at\":1795305000}", "count"},
      {"{\"bits\":24,\"spam\":true,\"count\":1.5,\"at\":1795305000}", "count"},
      {"{\"bits\":24,\"spam\":true,\"count\":1000001,\"at\":1795305000}", "count"},
      {"{\"bits\":24,\"spam\":true,\"count\":9223372036854775807,\"at\":1795305000}", "count"},
      {"{\"bits\":24,\"spam\":true}", "at"},
      {"{\"bits\":24,\"spam\":true,\"at\":1795305000.5}", "at"},
      {"{\"bits\":24,\"spam\":true,\"at\":1795305901}", "future"},
      {"{\"bits\":24,\"spam\":true,\"at\":9223372036854775807}", "future"},
      {"{\"bits\":24,\"spam\":true,\"at\":1792713599}", "30 days"},
      {"{\"bits\":24,\"spam\":true,\"at\":-9223372036854775807}", "30 days"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    unsigned status = post(report("a", rows[i][0]));
    if (status != 400 || !strstr(reply, rows[i][1]) || !strstr(reply, "observations[0]")) {
      print_error("%s: %u %s\n", rows[i][0], status, reply);
      fail();
    }
  }
  /* One bad one takes the good ones with it, and its id is free again. */
  assert_int_equal(post(report("a", GOOD ",{\"bits\":24}")), 400);
  assert_int_equal(total(), 0);
  assert_int_equal(post(report("a", GOOD)), 200);
  assert_int_equal(post(report("edge", "{\"bits\":256,\"spam\":true,\"at\":1795305900},"
                                       "{\"bits\":0,\"spam\":true,\"at\":1792713600}")),
                   200);
}

static void large_bodies_are_refused(void **state)
{
  (void)state;
  size_t len = FRANK_REPORT_MAX_BYTES + 1;
  char *body = malloc(len);
  assert_non_null(body);
  memset(body, ' ', len);
  assert_int_equal(frank_reports_post(reports, bearer, "192.0.2.1", body, len, NOW_US, NOW_S, reply,
                                      &retry_after_s),
                   413);
  assert_int_equal(frank_reports_post(reports, bearer, "192.0.2.1", body, len - 1, NOW_US, NOW_S,
                                      reply, &retry_after_s),
                   400);
  memset(body, '[', len);
  assert_int_equal(frank_reports_post(reports, bearer, "192.0.2.1", body, len - 1, NOW_US, NOW_S,
                                      reply, &retry_after_s),
                   400);
  memset(body, 0, len);
  assert_int_equal(frank_reports_post(reports, bearer, "192.0.2.1", body, len - 1, NOW_US, NOW_S,
                                      reply, &retry_after_s),
                   400);
  free(body);
}

static void more_than_a_thousand_observations_are_refused(void **state)
{
  (void)state;
  char *body = malloc(FRANK_REPORT_MAX_BYTES);
  assert_non_null(body);
  for (int count = FRANK_REPORT_OBSERVATIONS_MAX; count <= FRANK_REPORT_OBSERVATIONS_MAX + 1;
       count++) {
    size_t len = (size_t)snprintf(body, FRANK_REPORT_MAX_BYTES,
                                  "{\"v\":1,\"id\":\"n%d\",\"observations\":[", count);
    for (int i = 0; i < count; i++) {
      len += (size_t)snprintf(body + len, FRANK_REPORT_MAX_BYTES - len,
                              "%s{\"bits\":24,\"spam\":true,\"at\":1795305000}", i > 0 ? "," : "");
    }
    snprintf(body + len, FRANK_REPORT_MAX_BYTES - len, "]}");
    assert_int_equal(post_as(bearer, "192.0.2.1", body, NOW_US, NOW_S),
                     count == FRANK_REPORT_OBSERVATIONS_MAX ? 200U : 400U);
  }
  free(body);
  assert_int_equal(total(), FRANK_REPORT_OBSERVATIONS_MAX);
}

/* One reporter says what it may, all spam; nine others have a thousand hams each: through reports,
 * store and estimate. */
static void one_reporter_against_many_moves_nothing(void **state)
{
  (void)state;
  char name[16];
  char id[16];
  char header[sizeof bearer];
  assert_int_equal(
      post(report("flood", "{\"bits\":30,\"spam\":true,\"count\":100000,\"at\":1795305000}")), 200);
  for (int i = 2; i <= 10; i++) {
    snprintf(name, sizeof name, "mx%d", i);
    snprintf(id, sizeof id, "r%d", i);
    add_reporter(name, header);
    assert_int_equal(post_as(header, "192.0.2.1",
                             report(id, "{\"bits\":30,\"spam\":false,\"count\":1000,"
                                        "\"at\":1795305000},{\"bits\":30,\"spam\":true,\"count\":5,"
                                        "\"at\":1795305000}"),
                             NOW_US, NOW_S),
                     200);
  }
  struct frank_observations_sum *sums = NULL;
  struct frank_estimate_config config;
  struct frank_estimate out;
  size_t count = 0;
  frank_estimate_config_init(&config);
  const struct frank_estimate_past past = {.factor = 1 << 24};
  assert_int_equal(
      frank_observations_sums(store, 1 << 24, 0, 14 * DAY_S, NOW_S, &sums, &count, why), FRANK_OK);
  assert_int_equal(count, 10);
  assert_int_equal(frank_estimate_step(&config, &past, sums, count, &out), FRANK_OK);
  free(sums);
  assert_int_equal(out.capped, 1);
  assert_int_equal(out.limit, FRANK_ESTIMATE_STAYS);
  assert_true(out.share_high < 0.01);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_report_is_taken),
      TEST(a_replayed_report_counts_for_nothing),
      TEST(a_forged_report_is_refused),
      TEST(the_scheme_is_read_in_any_case),
      TEST(wrong_tokens_are_counted_by_address),
      TEST(wrong_tokens_are_counted_by_network_of_ipv6),
      TEST(many_addresses_find_room),
      TEST(a_flood_of_reports_waits),
      TEST(a_flood_of_messages_waits_for_the_next_day),
      TEST(bad_bodies_are_refused_and_named),
      TEST(bad_observations_are_refused_and_named),
      TEST(large_bodies_are_refused),
      TEST(more_than_a_thousand_observations_are_refused),
      TEST(one_reporter_against_many_moves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
