/*
 * hashcat's rate is the work between its first status after the warm-up and its last; whatever else
 * it says, or another program that has its name, gives no rate.
 */
#include "bench/hashcat_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* As hashcat 6.2.6 says it (Debian 12, PoCL 3.1), but for the numbers. */
#define RECORDED                                                                                   \
  "{ \"session\": \"frank\", \"guess\": { \"guess_base\": \"?h?h?h?h?h?h?h?h?h?h?h?h?h?h00\", "    \
  "\"guess_base_count\": 1, \"guess_base_offset\": 1, \"guess_base_percent\": 100.00, "            \
  "\"guess_mask_length\": 16, \"guess_mod\": null, \"guess_mod_count\": 1, "                       \
  "\"guess_mod_offset\": 1, \"guess_mod_percent\": 100.00, \"guess_mode\": 9 }, "                  \
  "\"status\": %d, \"target\": "                                                                   \
  "\"000000000000000000000000000000000000000000000000000...IebA==\", "                             \
  "\"progress\": [%llu, 72057594037927936], \"restore_point\": 7680, "                             \
  "\"recovered_hashes\": [0, 1], \"recovered_salts\": [0, 1], \"rejected\": 0, "                   \
  "\"devices\": [ { \"device_id\": 1, \"device_name\": "                                           \
  "\"pthread-skylake-avx512-Intel(R) Xeon(R) Processor\", \"device_type\": \"CPU\", "              \
  "\"speed\": 34274798, \"util\": -1 } ], \"time_start\": 1795697417, "                            \
  "\"estimated_stop\": 3899747570 }"
#define PROMPT                                                                                     \
  "[s]tatus [p]ause [b]ypass [c]heckpoint [f]inish [q]uit =>                           "
#define RUNNING 3
#define ENDING  11

static struct bench_hashcat_status status;

static int clear(void **state)
{
  (void)state;
  memset(&status, 0, sizeof status);
  return 0;
}

/* From memory of exactly its size, so that a sanitizer sees who reads past it. */
static void say_bytes(const char *line, size_t len, uint64_t now_us)
{
  char *copy = malloc(len > 0 ? len : 1);
  assert_non_null(copy);
  memcpy(copy, line, len);
  bench_hashcat_status_line(&status, copy, len, now_us);
  free(copy);
}

static void say(const char *line, uint64_t now_us)
{
  say_bytes(line, strlen(line), now_us);
}

static void say_status(const char *before, int what, unsigned long long progress, uint64_t now_us)
{
  char line[2048];
  char object[1024];
  (void)snprintf(object, sizeof object, RECORDED, what, progress);
  (void)snprintf(line, sizeof line, "%s%s", before, object);
  say(line, now_us);
}

static void the_rate_is_of_what_follows_the_warm_up(void **state)
{
  (void)state;
  say("hashcat (v6.2.6) starting", 1000000);
  say("", 1000000);
  say("Initializing backend runtime for device #1. Please be patient...", 2000000);
  assert_true(status.first_us == 0);
  say_status("", RUNNING, 31719424, 31157900); /* with what its tuning has tried */
  say(PROMPT, 31160000);
  say_status("", RUNNING, 75759616, 32100000); /* not yet a second later */
  assert_true(bench_hashcat_status_rate_hps(&status) == 0);
  say_status("", RUNNING, 110000000, 33200000);
  assert_true(bench_hashcat_status_rate_hps(&status) == 0); /* one is no time */
  say_status(PROMPT, RUNNING, 150000000, 34200000);
  say_status("", RUNNING, 190000000, 35200000);
  say_status("", ENDING, 990000000, 36200000); /* while it ends nothing counts */
  assert_null(status.wrong);
  assert_true(bench_hashcat_status_counted_us(&status) == 2000000);
  assert_true(bench_hashcat_status_rate_hps(&status) == 40e6);
  assert_string_equal(status.version, "v6.2.6");
  assert_string_equal(status.device, "pthread-skylake-avx512-Intel(R) Xeon(R) Processor");
}

static void what_cannot_be_gives_no_rate(void **state)
{
  static const char *const bad[] = {
      "{",
      "{ \"session\": \"frank\", \"status\": 3",
      "{}",
      "{ \"status\": \"3\" }",
      "{ \"status\": 3 }",
      "{ \"status\": 3, \"progress\": 7, \"devices\": [ { \"device_type\": \"CPU\" } ] }",
      "{ \"status\": 3, \"progress\": [], \"devices\": [ { \"device_type\": \"CPU\" } ] }",
      "{ \"status\": 3, \"progress\": [1.5, 2], \"devices\": [ { \"device_type\": \"CPU\" } ] }",
      "{ \"status\": 3, \"progress\": [-1, 2], \"devices\": [ { \"device_type\": \"CPU\" } ] }",
      "{ \"status\": 3, \"progress\": [99999999999999999999, 2], \"devices\": [ ] }",
      "{ \"status\": 3, \"progress\": [1, 2] }",
      "{ \"status\": 3, \"progress\": [1, 2], \"devices\": [ ] }",
      "{ \"status\": 3, \"progress\": [1, 2], \"devices\": [ 7 ] }",
      "{ \"status\": 3, \"progress\": [1, 2], \"devices\": [ { \"device_type\": \"GPU\" } ] }",
      "{ \"status\": 3, \"progress\": [1], \"devices\": [{\"device_type\": \"CPU\"}, {\"a\": 1}] }",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    clear(state);
    say_status("", RUNNING, 1000, 1000000);
    say(bad[i], 2500000);
    assert_non_null(status.wrong);
    say_status("", RUNNING, 100000, 5000000);
    say_status("", RUNNING, 200000, 6000000);
    assert_true(bench_hashcat_status_rate_hps(&status) == 0);
  }
}

static void progress_that_goes_back_gives_no_rate(void **state)
{
  (void)state;
  say_status("", RUNNING, 5000, 1000000);
  say_status("", RUNNING, 4999, 3000000);
  assert_non_null(status.wrong);
}

/* Every recorded line cut short, and with one byte changed, is read to its end and no further. */
static void no_line_does_harm(void **state)
{
  char line[1024];
  int len = snprintf(line, sizeof line, "hashcat (v6.2.6) " RECORDED, RUNNING, 12345ULL);
  assert_true(len > 0 && (size_t)len < sizeof line);
  for (size_t from = 0; from < 20; from += 17) {
    for (size_t cut = from; cut <= (size_t)len; cut++) {
      clear(state);
      say_bytes(line + from, cut - from, 1000000);
    }
    for (size_t i = from; i < (size_t)len; i++) {
      static const char changes[] = {'\0', '{', '}', '"', '\\', '[', (char)0xff};
      for (size_t k = 0; k < sizeof changes; k++) {
        char kept = line[i];
        line[i] = changes[k];
        clear(state);
        say_bytes(line + from, (size_t)len - from, 1000000);
        line[i] = kept;
      }
    }
  }
}

static void names_are_cut_and_cleaned(void **state)
{
  (void)state;
  char line[600];
  char name[301];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  say("hashcat (v\033[2J6.2.6-with-a-very-long-suffix-that-nobody-wants) starting", 1);
  assert_true(strlen(status.version) < sizeof status.version);
  assert_null(strchr(status.version, '\033'));
  (void)snprintf(line, sizeof line,
                 "{ \"status\": 3, \"progress\": [1, 2], \"devices\": [ { \"device_type\": "
                 "\"CPU\", \"device_name\": \"\\u001b[2J\\n%s\" } ] }",
                 name);
  say(line, 1000000);
  assert_null(status.wrong);
  assert_int_equal(strlen(status.device), sizeof status.device - 1);
  assert_null(strchr(status.device, '\033'));
  assert_null(strchr(status.device, '\n'));
}

static void a_line_too_long_is_not_read(void **state)
{
  (void)state;
  static char line[BENCH_HASHCAT_LINE_BYTES + 2];
  memset(line, '[', sizeof line);
  line[0] = '{';
  say_bytes(line, sizeof line - 1, 1);
  assert_null(status.wrong); /* no JSON, but it was not looked at */
  say_bytes(line, BENCH_HASHCAT_LINE_BYTES, 1);
  assert_non_null(status.wrong);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(the_rate_is_of_what_follows_the_warm_up, clear),
      cmocka_unit_test(what_cannot_be_gives_no_rate),
      cmocka_unit_test_setup(progress_that_goes_back_gives_no_rate, clear),
      cmocka_unit_test(no_line_does_harm),
      cmocka_unit_test_setup(names_are_cut_and_cleaned, clear),
      cmocka_unit_test_setup(a_line_too_long_is_not_read, clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
