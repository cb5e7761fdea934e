/*
 * The measurement of the CPU engine's code paths where others take the CPU away all the time: for
 * them stands this test, which stops the measuring process and lets it go on, over and over.
 */
#include "engine/cpu/speed.h"

#include "base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TRIES 20

/* A machine's own pauses look like CPU time: of several rounds one must be right. */
#define ROUNDS 5

/* The code paths that this test can tell from the best one for sure, whatever the noise. */
#define CLEARLY_SLOWER 1.5

static void pause_us(long us)
{
  const struct timespec time = {.tv_nsec = us * 1000};
  (void)nanosleep(&time, NULL);
}

static size_t row_of(const struct frank_cpu_variant *variant)
{
  size_t row = 0;
  while (frank_cpu_variant_at(row) != variant) {
    row++;
  }
  return row;
}

/* Measures while nobody disturbs it more than others do anyway. The most that was measured is the
 * nearest to the truth. */
static void measure_quietly(double quiet_cps[FRANK_CPU_VARIANTS_MAX])
{
  for (int i = 0; i < 3; i++) {
    double cps[FRANK_CPU_VARIANTS_MAX];
    frank_cpu_speed_measure(frank_cpu_features(), cps);
    for (size_t row = 0; row < FRANK_CPU_VARIANTS_MAX; row++) {
      quiet_cps[row] = cps[row] > quiet_cps[row] ? cps[row] : quiet_cps[row];
    }
  }
}

/* In the child: measures, and ends with the number of choices that were clearly wrong. */
static _Noreturn void choose_and_tell(const double quiet_cps[FRANK_CPU_VARIANTS_MAX])
{
  const uint32_t features = frank_cpu_features();
  const size_t best = row_of(frank_cpu_variant_fastest(features, quiet_cps));
  int wrong = 0;
  for (int i = 0; i < TRIES; i++) {
    double rates_cps[FRANK_CPU_VARIANTS_MAX];
    frank_cpu_speed_measure(features, rates_cps);
    const size_t chosen = row_of(frank_cpu_variant_fastest(features, rates_cps));
    wrong += quiet_cps[chosen] * CLEARLY_SLOWER < quiet_cps[best];
  }
  _exit(wrong);
}

/* The number of clearly wrong choices of a child that is stopped over and over. */
static int wrong_choices(const double quiet_cps[FRANK_CPU_VARIANTS_MAX])
{
  int status = 0;
  long turn = 0;
  (void)fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    choose_and_tell(quiet_cps);
  }
  while (waitpid(pid, &status, WNOHANG) == 0) {
    turn++;
    pause_us(20 + turn * 370 % 100);
    (void)kill(pid, SIGSTOP);
    pause_us(100 + turn * 1301 % 600);
    (void)kill(pid, SIGCONT);
  }
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void choice_is_the_same_where_others_take_the_cpu(void **state)
{
  (void)state;
  double quiet_cps[FRANK_CPU_VARIANTS_MAX] = {0};
  measure_quietly(quiet_cps);
  if (quiet_cps[0] == 0 && quiet_cps[1] == 0) {
    print_message("skipped: one code path alone runs here\n");
    skip();
  }
  int wrong = wrong_choices(quiet_cps);
  for (int round = 1; round < ROUNDS && wrong > 0; round++) {
    print_message("%d of %d choices were wrong: measured again\n", wrong, TRIES);
    measure_quietly(quiet_cps);
    wrong = wrong_choices(quiet_cps);
  }
  assert_int_equal(wrong, 0);
}

static void cpu_time_passes_only_while_there_is_work(void **state)
{
  (void)state;
  uint64_t start_us = frank_clock_cpu_us();
  pause_us(200000);
  uint64_t slept_us = frank_clock_cpu_us() - start_us;
  start_us = frank_clock_cpu_us();
  uint64_t wall_us = frank_clock_now_us();
  while (frank_clock_cpu_us() - start_us < 50000) {
  }
  wall_us = frank_clock_now_us() - wall_us;
  assert_true(slept_us < 50000);
  assert_true(wall_us >= 49000);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(choice_is_the_same_where_others_take_the_cpu),
      cmocka_unit_test(cpu_time_passes_only_while_there_is_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
