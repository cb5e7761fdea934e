/*
 * The status snapshot as JSON, as Prometheus text and as pages: numbers, escapes, readiness.
 */
#include "door/status_json.h"
#include "web/metrics.h"
#include "web/pages.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PUT(array, text) snprintf(array, sizeof(array), "%s", text)

/* A snapshot with something in every member. */
static struct frank_status *example(void)
{
  struct frank_status *status = calloc(1, sizeof *status);
  assert_non_null(status);
  PUT(status->version, "9.8.7");
  PUT(status->factor_source, "file");
  status->uptime_ms = 61002;
  status->ready = 1;
  status->waiting = 3;
  status->running = 4;
  status->queue_bound = 10000;
  status->cached = 5;
  status->factor = UINT64_C(9007199254740991);
  for (uint64_t i = 0; i < FRANK_RESULT_COUNT; i++) {
    status->totals[i] = 100 + i;
  }
  status->attempts_total = UINT64_C(1) << 53;
  status->useful_attempts_total = 77;
  status->wrong_hits_total = 2;
  for (uint64_t i = 0; i <= FRANK_STATUS_BUCKETS; i++) {
    status->mint_seconds[i] = i + 1;
  }
  status->mint_seconds_sum = 12.5;
  status->device_count = 2;
  for (uint32_t i = 0; i < 2; i++) {
    struct frank_status_device *device = &status->devices[i];
    PUT(device->name, i == 0 ? "cpu:0" : "cpu:1");
    PUT(device->engine, "cpu");
    PUT(device->variant, "avx512");
    PUT(device->model, "A \"quoted\" \\ model\n");
    PUT(device->place, "core 0");
    device->state = FRANK_CHILD_READY;
    device->rate_hps = 1.5e6;
    device->attempts = 1000 + i;
    device->wrong_hits = 1;
    device->restarts = 6;
    device->stalls = 8;
    device->pid = 4242;
  }
  status->client_count = 2;
  PUT(status->clients[1].name, "ipc:006b8b4567");
  PUT(status->clients[0].name, "mx\"1");
  status->clients[0].attempts = 9;
  status->clients[0].waiting = 2;
  status->child_count = 1;
  PUT(status->children[0].name, "door ipc:///run/frank/mint.sock");
  status->children[0].state = FRANK_CHILD_READY;
  status->children[0].restarts = 1;
  status->children[0].dropped = 11;
  return status;
}

static json_t *load(const struct frank_status *status)
{
  char *text = NULL;
  size_t len = 0;
  json_error_t error;
  assert_true(frank_status_is_sound(status));
  assert_int_equal(frank_status_json(status, &text, &len), FRANK_OK);
  assert_int_equal(strlen(text), len);
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
  assert_non_null(root);
  free(text);
  return root;
}

static json_int_t integer_at(const json_t *object, const char *name)
{
  const json_t *value = json_object_get(object, name);
  assert_true(json_is_integer(value));
  return json_integer_value(value);
}

static void json_holds_what_the_wire_promises(void **state)
{
  (void)state;
  struct frank_status *status = example();
  json_t *root = load(status);
  assert_string_equal(json_string_value(json_object_get(root, "version")), "9.8.7");
  assert_int_equal(integer_at(root, "uptime_ms"), 61002);
  const json_t *queue = json_object_get(root, "queue");
  assert_int_equal(integer_at(queue, "waiting"), 3);
  assert_int_equal(integer_at(queue, "running"), 4);
  assert_int_equal(integer_at(queue, "bound"), 10000);
  const json_t *factor = json_object_get(root, "factor");
  assert_true(integer_at(factor, "value") == 9007199254740991);
  assert_string_equal(json_string_value(json_object_get(factor, "source")), "file");
  assert_true(json_is_null(json_object_get(factor, "expires")));
  const json_t *totals = json_object_get(root, "totals");
  assert_int_equal(json_object_size(totals), FRANK_RESULT_COUNT);
  assert_int_equal(integer_at(totals, "met"), 100);
  assert_int_equal(integer_at(totals, "too-hard"), 100 + FRANK_RESULT_TOO_HARD);
  const json_t *devices = json_object_get(root, "devices");
  assert_int_equal(json_array_size(devices), 2);
  const json_t *device = json_array_get(devices, 1);
  assert_string_equal(json_string_value(json_object_get(device, "name")), "cpu:1");
  assert_string_equal(json_string_value(json_object_get(device, "engine")), "cpu");
  assert_string_equal(json_string_value(json_object_get(device, "state")), "ready");
  assert_string_equal(json_string_value(json_object_get(device, "model")),
                      "A \"quoted\" \\ model\n");
  assert_true(json_number_value(json_object_get(device, "rate_hps")) == 1.5e6);
  assert_int_equal(integer_at(device, "attempts"), 1001);
  assert_int_equal(integer_at(device, "wrong_hits"), 1);
  assert_int_equal(integer_at(device, "restarts"), 6);
  json_decref(root);
  status->factor_expires_s = 1795399200;
  root = load(status);
  assert_int_equal(integer_at(json_object_get(root, "factor"), "expires"), 1795399200);
  json_decref(root);
  free(status);
}

static void odd_bytes_and_numbers_still_make_json(void **state)
{
  (void)state;
  struct frank_status *status = example();
  memset(status->devices[0].model, 0xff, sizeof status->devices[0].model - 1);
  memset(status->devices[0].why, 0xc3, sizeof status->devices[0].why - 1);
  status->devices[0].rate_hps = NAN;
  status->devices[1].rate_hps = INFINITY;
  status->devices[1].state = 99;
  json_t *root = load(status);
  const json_t *device = json_array_get(json_object_get(root, "devices"), 0);
  assert_int_equal(json_string_length(json_object_get(device, "model")),
                   sizeof status->devices[0].model - 1);
  assert_true(json_number_value(json_object_get(device, "rate_hps")) == 0);
  json_decref(root);
  free(status);
}

static void a_snapshot_that_lies_about_itself_is_refused(void **state)
{
  (void)state;
  struct frank_status *status = example();
  assert_true(frank_status_is_sound(status));
  status->device_count = FRANK_STATUS_DEVICES_MAX + 1;
  assert_false(frank_status_is_sound(status));
  status->device_count = FRANK_STATUS_DEVICES_MAX;
  assert_true(frank_status_is_sound(status));
  status->client_count = FRANK_STATUS_CLIENTS_MAX + 1;
  assert_false(frank_status_is_sound(status));
  status->client_count = 0;
  status->child_count = FRANK_STATUS_CHILDREN_MAX + 1;
  assert_false(frank_status_is_sound(status));
  status->child_count = FRANK_STATUS_CHILDREN_MAX;
  memset(status->devices[FRANK_STATUS_DEVICES_MAX - 1].place, 'x', sizeof status->devices[0].place);
  assert_false(frank_status_is_sound(status));
  memset(status->devices[FRANK_STATUS_DEVICES_MAX - 1].place, 0, sizeof status->devices[0].place);
  memset(status->children[FRANK_STATUS_CHILDREN_MAX - 1].name, 'x',
         sizeof status->children[0].name);
  assert_false(frank_status_is_sound(status));
  free(status);
}

static char *metrics(const struct frank_status *status)
{
  char *text = NULL;
  size_t len = 0;
  assert_int_equal(frank_metrics_text(status, &text, &len), FRANK_OK);
  assert_int_equal(strlen(text), len);
  return text;
}

static void assert_line(const char *text, const char *line)
{
  char needle[512];
  snprintf(needle, sizeof needle, "\n%s\n", line);
  if (strstr(text, needle) == NULL) {
    fail_msg("no line \"%s\" in:\n%s", line, text);
  }
}

static void metrics_hold_every_number(void **state)
{
  (void)state;
  struct frank_status *status = example();
  status->devices[1].state = FRANK_CHILD_QUARANTINED;
  char *text = metrics(status);
  static const char *const lines[] = {
      "frank_build_info{version=\"9.8.7\"} 1",
      "frank_factor_info{source=\"file\"} 1",
      "frank_ready 1",
      "frank_uptime_seconds 61.002",
      "frank_queue_waiting_requests 3",
      "frank_queue_running_requests 4",
      "frank_queue_limit_requests 10000",
      "frank_cached_answers 5",
      "frank_factor 9007199254740991",
      "frank_jobs_total{result=\"met\"} 100",
      "frank_jobs_total{result=\"busy\"} 105",
      "frank_attempts_total 9007199254740992",
      "frank_useful_attempts_total 77",
      "frank_wrong_candidates_total 2",
      "frank_mint_seconds_bucket{le=\"0.001\"} 1",
      "frank_mint_seconds_bucket{le=\"0.0025\"} 3",
      "frank_mint_seconds_bucket{le=\"600\"} 136",
      "frank_mint_seconds_bucket{le=\"+Inf\"} 153",
      "frank_mint_seconds_sum 12.5",
      "frank_mint_seconds_count 153",
      "frank_device_attempts_per_second{device=\"cpu:0\"} 1500000",
      "frank_device_attempts_total{device=\"cpu:1\"} 1001",
      "frank_device_wrong_candidates_total{device=\"cpu:1\"} 1",
      "frank_device_restarts_total{device=\"cpu:1\"} 6",
      "frank_device_stalls_total{device=\"cpu:1\"} 8",
      "frank_device_zero_rate{device=\"cpu:1\"} 0",
      "frank_device_state{device=\"cpu:0\",state=\"ready\"} 1",
      "frank_device_state{device=\"cpu:1\",state=\"ready\"} 0",
      "frank_device_state{device=\"cpu:1\",state=\"quarantined\"} 1",
      "frank_device_state{device=\"cpu:1\",state=\"paused\"} 0",
      "frank_client_attempts_total{client=\"mx\\\"1\"} 9",
      "frank_client_waiting_requests{client=\"mx\\\"1\"} 2",
      "frank_child_restarts_total{child=\"door ipc:///run/frank/mint.sock\"} 1",
      "frank_child_dropped_messages_total{child=\"door ipc:///run/frank/mint.sock\"} 11",
      "frank_child_state{child=\"door ipc:///run/frank/mint.sock\",state=\"ready\"} 1",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    assert_line(text, lines[i]);
  }
  assert_line(text, "frank_device_info{device=\"cpu:0\",engine=\"cpu\",variant=\"avx512\","
                    "model=\"A \\\"quoted\\\" \\\\ model\\n\",place=\"core 0\"} 1");
  assert_null(strstr(text, "ipc:006b8b4567")); /* a connection is no label */
  free(text);
  free(status);
}

/* promtool reads standard input; 127 where it is not installed. */
static int promtool(const char *text)
{
  (void)signal(SIGPIPE, SIG_IGN); /* where it is not there, its shell may end before we write */
  FILE *pipe = popen("promtool check metrics", "w"); /* NOLINT(cert-env33-c): a fixed command */
  assert_non_null(pipe);
  fputs(text, pipe);
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void metrics_pass_promtool(void **state)
{
  (void)state;
  struct frank_status *status = example();
  char *text = metrics(status);
  int result = promtool(text);
  free(text);
  if (result == 127) {
    free(status);
    print_message("promtool is not installed\n");
    skip();
    return;
  }
  assert_int_equal(result, 0);
  /* Nothing there yet; and texts that could break the format. */
  struct frank_status *empty = calloc(1, sizeof *empty);
  assert_non_null(empty);
  text = metrics(empty);
  assert_int_equal(promtool(text), 0);
  free(text);
  free(empty);
  memset(status->clients[0].name, 0xff, sizeof status->clients[0].name - 1);
  PUT(status->children[0].name, "a\"} 1\nfake_total{x=\"");
  status->devices[0].rate_hps = -NAN;
  text = metrics(status);
  assert_int_equal(promtool(text), 0);
  assert_null(strstr(text, "\nfake_total"));
  free(text);
  /* The tool would notice. */
  assert_int_not_equal(promtool("frank_wrong{ 1\n"), 0);
  free(status);
}

static struct frank_page_body get(const char *path, const struct frank_status *status,
                                  uint64_t age_us)
{
  enum frank_page page = FRANK_PAGE_COUNT;
  struct frank_page_body body;
  assert_int_equal(frank_page_find(path, &page), FRANK_OK);
  assert_int_equal(frank_page_make(page, status, age_us, &body), FRANK_OK);
  assert_int_equal(strlen(body.text), body.len_bytes);
  return body;
}

static void assert_readyz(const struct frank_status *status, uint64_t age_us, unsigned code,
                          const char *part)
{
  struct frank_page_body body = get("/readyz", status, age_us);
  if (body.code != code || strstr(body.text, part) == NULL) {
    fail_msg("%u \"%s\", expected %u with \"%s\"", body.code, body.text, code, part);
  }
  free(body.text);
}

static void readyz_is_ready_only_while_it_is_true(void **state)
{
  (void)state;
  struct frank_status *status = example();
  assert_readyz(NULL, 0, 503, "no status yet");
  assert_readyz(status, 0, 200, "ready\n");
  assert_readyz(status, 2999999, 200, "ready\n");
  assert_readyz(status, 3000000, 503, "no status for 3 s");
  status->draining = 1;
  assert_readyz(status, 0, 503, "shutting down");
  status->ready = 0;
  assert_readyz(status, 0, 503, "shutting down");
  status->draining = 0;
  status->children[0].state = FRANK_CHILD_PAUSED;
  assert_readyz(status, 0, 503, "door ipc:///run/frank/mint.sock is paused");
  status->devices[0].state = FRANK_CHILD_QUARANTINED;
  PUT(status->devices[0].why, "wrong hits");
  status->devices[1].state = FRANK_CHILD_STARTING;
  assert_readyz(status, 0, 503,
                "no device is ready: cpu:0 is quarantined: wrong hits, cpu:1 is starting; door");
  status->device_count = 0;
  status->child_count = 0;
  assert_readyz(status, 0, 503, "no device is ready\n");
  free(status);
}

static void a_reason_longer_than_its_room_is_cut(void **state)
{
  (void)state;
  struct frank_status *status = example();
  char why[64];
  status->ready = 0;
  status->device_count = FRANK_STATUS_DEVICES_MAX;
  for (uint32_t i = 0; i < FRANK_STATUS_DEVICES_MAX; i++) {
    status->devices[i] = status->devices[0];
    status->devices[i].state = FRANK_CHILD_PAUSED;
  }
  frank_status_why_not_ready(status, why, sizeof why);
  assert_int_equal(strlen(why), sizeof why - 1);
  assert_readyz(status, 0, 503, "no device is ready");
  free(status);
}

static void an_old_snapshot_says_that_nothing_is_ready(void **state)
{
  (void)state;
  struct frank_status *status = example();
  static const struct {
    uint64_t age_us;
    int ready;
    const char *age_line;
  } rows[] = {{0, 1, "frank_status_age_seconds 0.000"},
              {2999999, 1, "frank_status_age_seconds 2.999"},
              {3000000, 0, "frank_status_age_seconds 3.000"},
              {UINT64_C(86400012345), 0, "frank_status_age_seconds 86400.012"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_page_body body = get("/metrics", status, rows[i].age_us);
    assert_int_equal(body.code, 200);
    assert_line(body.text, rows[i].ready ? "frank_ready 1" : "frank_ready 0");
    assert_line(body.text, rows[i].age_line);
    assert_line(body.text, "frank_queue_waiting_requests 3");
    int result = promtool(body.text);
    assert_true(result == 0 || result == 127);
    free(body.text);
    body = get("/status", status, rows[i].age_us);
    assert_int_equal(body.code, 200);
    json_t *root = json_loadb(body.text, body.len_bytes, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_is_true(json_object_get(root, "ready")), rows[i].ready);
    assert_int_equal(integer_at(root, "age_ms"), (json_int_t)(rows[i].age_us / 1000));
    assert_string_equal(json_string_value(json_object_get(root, "version")), "9.8.7");
    json_decref(root);
    free(body.text);
  }
  assert_int_equal(status->ready, 1); /* the snapshot itself stays as frankd sent it */
  free(status);
}

static void other_pages_answer(void **state)
{
  (void)state;
  struct frank_status *status = example();
  enum frank_page page;
  static const char *const paths[] = {"/", "/healthz", "/status", "/metrics"};
  for (size_t i = 0; i < 4; i++) {
    struct frank_page_body body = get(paths[i], status, 0);
    assert_int_equal(body.code, 200);
    assert_non_null(body.type);
    free(body.text);
    body = get(paths[i], NULL, 0);
    assert_int_equal(body.code, i < 2 ? 200 : 503);
    free(body.text);
  }
  assert_int_equal(frank_page_find("/nothing", &page), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_page_find("/status/", &page), FRANK_ERR_NOT_FOUND);
  assert_int_equal(frank_page_find("", &page), FRANK_ERR_NOT_FOUND);
  free(status);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_holds_what_the_wire_promises),
      cmocka_unit_test(odd_bytes_and_numbers_still_make_json),
      cmocka_unit_test(a_snapshot_that_lies_about_itself_is_refused),
      cmocka_unit_test(metrics_hold_every_number),
      cmocka_unit_test(metrics_pass_promtool),
      cmocka_unit_test(readyz_is_ready_only_while_it_is_true),
      cmocka_unit_test(a_reason_longer_than_its_room_is_cut),
      cmocka_unit_test(an_old_snapshot_says_that_nothing_is_ready),
      cmocka_unit_test(other_pages_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
