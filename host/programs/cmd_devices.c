/*
 * frank devices: what there is to search with, how fast it is, and what is left out and why.
 * Opening a device includes its self-test by known answers, and tuning at its first use or with
 * --tune; --test goes further and searches.
 */
#include "base/clock.h"
#include "mint/status.h"
#include "programs/cmd.h"
#include "programs/search.h"
#include "programs/term.h"
#include "proof/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NOTES_BYTES 4096
/* More than any device tries in that time, so that it works to the end; and no more than the plan
 * of ordinary factors has nonces for. */
#define TEST_FACTOR (UINT64_C(1) << 37)
/* Of A attempts the lowest hash has about log2(A) bits. A device that loses hits shows by much
 * less; a sound one that made only a slice or two may by chance, but not several times. */
#define TEST_SLACK_BITS 5.0
/* For each shape. Nothing in the first time, or in the second, proves nothing: the machine may be
 * busy. */
static const uint32_t tries_ms[] = {400, 2000, 8000};
#define TEST_TRIES (sizeof tries_ms / sizeof tries_ms[0])

/* Lengths of b: Ed25519, RSA-1024, RSA-2048, RSA-4096. */
static const struct shape {
  const char *name;
  size_t b_len;
  enum frank_alg alg;
} shapes[] = {
    {"ed25519", 88, FRANK_ALG_ED25519_SHA256},
    {"rsa1024", 172, FRANK_ALG_RSA_SHA256},
    {"rsa2048", 344, FRANK_ALG_RSA_SHA256},
    {"rsa4096", 684, FRANK_ALG_RSA_SHA256},
};
#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

struct test_result {
  bool passed;
  double rate_hps[SHAPE_COUNT];
  char why[FRANK_SEARCH_WHY_BYTES];
};

/* ---- the test of one device ---- */

/* Random text of the shape's length, a multiple of 4: any such text is canonical base64. */
static void random_b(char *b, size_t len)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t bytes[1024];
  if (getrandom(bytes, len, 0) != (ssize_t)len) {
    memset(bytes, 0, sizeof bytes); /* any text will do */
  }
  for (size_t i = 0; i < len; i++) {
    b[i] = alphabet[bytes[i] % 64];
  }
}

static void test_shape(struct frank_search *search, const struct shape *shape, uint32_t test_ms,
                       double *rate_hps, struct test_result *result)
{
  char b[FRANK_B_MAX_BYTES];
  random_b(b, shape->b_len);
  struct frank_request request = {
      .factor = TEST_FACTOR,
      .deadline_ms = test_ms,
      .alg = (uint32_t)shape->alg,
      .priority = FRANK_PRIORITY_DEFAULT,
      .b_len = (uint16_t)shape->b_len,
  };
  struct frank_answer answer;
  struct frank_hash hash;
  result->passed = false;
  if (frank_search_mint(search, &request, b, NULL, NULL, &answer) != FRANK_OK) {
    snprintf(result->why, sizeof result->why, "%s: the search failed", shape->name);
    return;
  }
  if (answer.refusal != FRANK_REFUSAL_NONE) {
    snprintf(result->why, sizeof result->why, "%s: %s: %s", shape->name,
             frank_refusal_code(answer.refusal), answer.message);
    return;
  }
  frank_msmr_hash(answer.n, strlen(answer.n), b, shape->b_len, &hash);
  double attempts = answer.attempts > 0 ? (double)answer.attempts : 1;
  double expected = log2(attempts) - TEST_SLACK_BITS;
  if (frank_hash_compare(&hash, &answer.h) != 0) {
    snprintf(result->why, sizeof result->why, "%s: nonce %s does not give its hash", shape->name,
             answer.n);
  } else if (answer.attempts < 2) {
    snprintf(result->why, sizeof result->why, "%s: no attempts in %u ms", shape->name,
             (unsigned)test_ms);
  } else if (frank_target_bits(&hash) < expected) {
    snprintf(result->why, sizeof result->why,
             "%s: %.0f attempts found no more than %.1f bits: hits are lost", shape->name, attempts,
             frank_target_bits(&hash));
  } else {
    *rate_hps = attempts * 1e3 / (double)(answer.elapsed_ms > 0 ? answer.elapsed_ms : 1);
    result->passed = true;
  }
}

/* What a search does not show, because the service took the slices back: the device lied or died on
 * the way. It explains a failure, besides the search's own result. */
static void test_conduct(const struct frank_search *search, struct test_result *result)
{
  struct frank_status *status = calloc(1, sizeof *status);
  if (status == NULL) {
    result->passed = false;
    snprintf(result->why, sizeof result->why, "no memory to look at the device");
    return;
  }
  frank_search_status(search, status);
  for (uint32_t i = 0; i < status->device_count; i++) {
    const struct frank_status_device *device = &status->devices[i];
    /* Being late once proves nothing: the machine may be busy. */
    if (device->wrong_hits > 0 || device->restarts > 0 || device->state != FRANK_CHILD_READY) {
      size_t used = result->passed ? 0 : strlen(result->why);
      result->passed = false;
      snprintf(result->why + used, sizeof result->why - used,
               "%swrong results: %llu, restarts: %llu, late: %llu%s%s", used > 0 ? "; " : "",
               (unsigned long long)device->wrong_hits, (unsigned long long)device->restarts,
               (unsigned long long)device->stalls, device->why[0] != '\0' ? "; " : "", device->why);
    }
  }
  free(status);
}

/* A service of its own for each device, so that the others cannot help it. It does not tune: what
 * --tune found is kept by now, and is what shall be tested. False when a signal came. */
static bool test_device(const struct frank_search_config *listed, const char *name,
                        struct test_result *result)
{
  const char *const devices[] = {name};
  struct frank_search_config config = *listed;
  config.devices = devices;
  config.device_count = 1;
  config.tune = false;
  struct frank_search *search = NULL;
  bool interrupted = false;
  *result = (struct test_result){.passed = false};
  if (frank_search_new(&config, &search, result->why) == FRANK_OK &&
      frank_search_wait(search, true, FRANK_NEVER_US, result->why) == FRANK_OK) {
    result->passed = true;
    for (size_t i = 0; i < SHAPE_COUNT && result->passed && !interrupted; i++) {
      result->passed = false;
      for (size_t tries = 0; tries < TEST_TRIES && !result->passed && !interrupted; tries++) {
        test_shape(search, &shapes[i], tries_ms[tries], &result->rate_hps[i], result);
        interrupted = frank_search_signal(search) != 0;
      }
    }
    test_conduct(search, result);
  }
  interrupted = interrupted || (search != NULL && frank_search_signal(search) != 0);
  frank_search_destroy(&search);
  return !interrupted;
}

/* ---- output ---- */

/* Columns are as wide as their longest text, so that the table fits a terminal where it can. */
struct widths {
  int device;
  int engine;
  int variant;
  int place;
  int state;
};

static void widen(int *width, const char *text)
{
  int length = (int)strlen(text);
  *width = length > *width ? length : *width;
}

static const char *or_dash(const char *text)
{
  return text[0] != '\0' ? text : "-";
}

static struct widths measure(const struct frank_status *status)
{
  struct widths widths = {0};
  widen(&widths.device, "DEVICE");
  widen(&widths.engine, "ENGINE");
  widen(&widths.variant, "VARIANT");
  widen(&widths.place, "PLACE");
  widen(&widths.state, "STATE");
  for (uint32_t i = 0; i < status->device_count; i++) {
    const struct frank_status_device *device = &status->devices[i];
    widen(&widths.device, device->name);
    widen(&widths.engine, device->engine);
    widen(&widths.variant, device->variant);
    widen(&widths.place, device->place);
    widen(&widths.state, frank_child_state_name(device->state));
  }
  return widths;
}

static void print_head(const struct widths *w)
{
  printf("%-*s %-*s %-*s %-*s %4s %-*s %-9s %10s\n", w->device, "DEVICE", w->engine, "ENGINE",
         w->variant, "VARIANT", w->place, "PLACE", "NUMA", w->state, "STATE", "SELF-TEST", "RATE");
}

static void print_row(const struct frank_status_device *device, const struct widths *w,
                      bool verbose)
{
  char rate[FRANK_TERM_NUMBER_BYTES] = "-";
  char node[16] = "-";
  bool ready = device->state == FRANK_CHILD_READY;
  if (ready) {
    frank_term_count(device->rate_hps, rate);
  }
  if (device->numa_node >= 0) {
    snprintf(node, sizeof node, "%d", device->numa_node);
  }
  printf("%-*s %-*s %-*s %-*s %4s ", w->device, device->name, w->engine, device->engine, w->variant,
         or_dash(device->variant), w->place, or_dash(device->place), node);
  frank_term_print(ready ? FRANK_COLOUR_GREEN : FRANK_COLOUR_RED, w->state,
                   frank_child_state_name(device->state));
  printf(" %-9s %8s/s%s\n", ready ? "passed" : "-", rate, device->simulated ? ", simulated" : "");
  if (verbose && device->model[0] != '\0') {
    printf("    model  %s\n", device->model);
  }
  if (device->why[0] != '\0') {
    printf("    why    %s\n", device->why);
  }
}

static void print_test(const struct test_result *result)
{
  char rate[FRANK_TERM_NUMBER_BYTES];
  printf("    test   ");
  frank_term_print(result->passed ? FRANK_COLOUR_GREEN : FRANK_COLOUR_RED, 0,
                   result->passed ? "passed" : "failed");
  if (!result->passed) {
    printf(": %s\n", result->why);
    return;
  }
  for (size_t i = 0; i < SHAPE_COUNT; i++) {
    printf("%s %s %s/s", i == 0 ? ":" : ",", shapes[i].name,
           frank_term_count(result->rate_hps[i], rate));
  }
  putchar('\n');
}

static json_t *device_record(const struct frank_status_device *device,
                             const struct test_result *result)
{
  bool ready = device->state == FRANK_CHILD_READY;
  json_t *record = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f}", "device", device->name,
                             "engine", device->engine, "variant", device->variant, "state",
                             frank_child_state_name(device->state), "model", device->model, "place",
                             device->place, "self_test", ready ? "passed" : "not passed",
                             "rate_hps", device->rate_hps);
  if (record == NULL) {
    return NULL;
  }
  json_object_set_new(record, "simulated", json_boolean(device->simulated));
  json_object_set_new(record, "numa_node",
                      device->numa_node >= 0 ? json_integer(device->numa_node) : json_null());
  if (device->why[0] != '\0') {
    json_object_set_new(record, "why", json_string(device->why));
  }
  if (result != NULL) {
    json_t *test = json_pack("{s:b}", "passed", result->passed);
    if (!result->passed) {
      json_object_set_new(test, "why", json_string(result->why));
    }
    for (size_t i = 0; i < SHAPE_COUNT && result->passed; i++) {
      json_object_set_new(test, shapes[i].name, json_real(result->rate_hps[i]));
    }
    json_object_set_new(record, "test", test);
  }
  return record;
}

/* Texts that came from drivers: printable, so that JSON and terminals take them. */
static void clean(struct frank_status_device *device)
{
  frank_cmd_printable(device->name);
  frank_cmd_printable(device->engine);
  frank_cmd_printable(device->variant);
  frank_cmd_printable(device->model);
  frank_cmd_printable(device->place);
  frank_cmd_printable(device->why);
}

struct tally {
  size_t listed;
  size_t ready;
  size_t failed; /* in --test: those that are not ready included */
  bool interrupted;
};

static void print_devices(struct frank_cmd_line *line, const struct frank_search_config *config,
                          struct frank_status *status, struct tally *tally)
{
  bool verbose = frank_cmd_has(line, FRANK_OPT_VERBOSE);
  bool test = frank_cmd_has(line, FRANK_OPT_TEST);
  for (uint32_t i = 0; i < status->device_count; i++) {
    clean(&status->devices[i]);
  }
  struct widths widths = measure(status);
  if (!line->json && status->device_count > 0) {
    print_head(&widths);
  }
  for (uint32_t i = 0; i < status->device_count && !tally->interrupted; i++) {
    struct frank_status_device *device = &status->devices[i];
    struct test_result result;
    bool ready = device->state == FRANK_CHILD_READY;
    tally->listed++;
    tally->ready += ready;
    if (test && ready) {
      tally->interrupted = !test_device(config, device->name, &result);
      frank_cmd_printable(result.why);
    }
    tally->failed += test && (!ready || !result.passed);
    if (line->json) {
      frank_cmd_emit(line, device_record(device, test && ready ? &result : NULL), false);
      continue;
    }
    print_row(device, &widths, verbose);
    if (test && ready) {
      print_test(&result);
    }
    frank_cmd_flush(line);
  }
}

/* Lines about devices that are left out, and what limits them; with --json they go into `list`. */
static void print_notes(const struct frank_cmd_line *line, char *notes, json_t *list)
{
  char *rest = NULL;
  for (char *note = strtok_r(notes, "\n", &rest); note != NULL;
       note = strtok_r(NULL, "\n", &rest)) {
    frank_cmd_printable(note);
    if (line->json) {
      json_array_append_new(list, json_string(note));
    } else {
      puts(note);
    }
  }
}

static int conclude(struct frank_cmd_line *line, enum frank_err err, const char *why, json_t *notes,
                    const struct tally *tally)
{
  if (tally->interrupted || err == FRANK_ERR_CLOSED) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
  }
  if (err != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "no-device", "%s", why);
  }
  if (line->json) {
    frank_cmd_emit(line,
                   json_pack("{s:I, s:I, s:O}", "ready", (json_int_t)tally->ready, "failed",
                             (json_int_t)tally->failed, "notes", notes),
                   true);
  }
  if (tally->failed > 0) {
    frank_cmd_note(line, "%zu of %zu devices failed the test", tally->failed, tally->listed);
    return frank_cmd_finish(line, FRANK_EXIT_NOT, FRANK_EXIT_CANNOT);
  }
  return frank_cmd_finish(line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}

int frank_cmd_devices(struct frank_cmd_line *line)
{
  unsigned fpga_unroll = 0;
  if (!frank_cmd_check_devices(line) || frank_cmd_unroll_option(line, &fpga_unroll) != FRANK_OK) {
    return FRANK_EXIT_USAGE;
  }
  struct frank_search_config config = {.fpga_unroll = fpga_unroll,
                                       .isa = frank_cmd_value(line, FRANK_OPT_ISA),
                                       .tune = frank_cmd_has(line, FRANK_OPT_TUNE)};
  struct frank_search *search = NULL;
  struct frank_status *status = calloc(1, sizeof *status);
  char *notes = calloc(1, NOTES_BYTES);
  json_t *note_list = json_array();
  const char **names = NULL;
  char why[FRANK_SEARCH_WHY_BYTES] = "no memory";
  struct tally tally = {0};
  int exit_status = FRANK_EXIT_CANNOT;
  if (status == NULL || notes == NULL || note_list == NULL ||
      frank_cmd_values(line, FRANK_OPT_DEVICE, &names, &config.device_count) != FRANK_OK) {
    exit_status = frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "no memory");
    goto cleanup;
  }
  config.devices = names;
  enum frank_err err = frank_search_new(&config, &search, why);
  if (err == FRANK_OK) {
    err = frank_search_wait(search, true, FRANK_NEVER_US, why);
    frank_search_status(search, status);
    frank_search_notes(search, notes, NOTES_BYTES);
  }
  /* Its workers end before the tests: two searches on one device would measure each other. */
  frank_search_destroy(&search);
  print_devices(line, &config, status, &tally);
  print_notes(line, notes, note_list);
  exit_status = conclude(line, err, why, note_list, &tally);

cleanup:
  json_decref(note_list);
  free(names);
  free(notes);
  free(status);
  return exit_status;
}
