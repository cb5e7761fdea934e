/*
 * frank-bench: measures what Frank achieves on this machine, and holds it against what the
 * machine's arithmetic allows, against other programs, and against earlier runs. Composition root:
 * signals, options, exit status.
 *
 *     options -> subjects -> rounds: cases x shapes -> rows -> table, files, plot, comparison
 */
#include "bench/bench.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
  (void)number;
  stopping = 1;
}

bool bench_is_stopping(void)
{
  return stopping != 0;
}

/* What could not be written (a full disk, a closed pipe) must not pass for a measurement. */
static int finish(enum bench_exit status)
{
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "frank-bench: standard output: %s\n", strerror(errno));
    return (int)(status == BENCH_EXIT_USAGE ? BENCH_EXIT_USAGE : BENCH_EXIT_FAILED);
  }
  return (int)status;
}

int main(int argc, char **argv)
{
  struct bench_options options;
  char why[BENCH_WHY_BYTES] = "";
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
  if (!bench_options_parse(argc, argv, &options, why)) {
    bench_report_error(options.format, "usage", why);
    return finish(BENCH_EXIT_USAGE);
  }
  if (options.help) {
    bench_options_help();
    return finish(BENCH_EXIT_DONE);
  }
  if (options.version) {
    puts("frank-bench " FRANK_VERSION);
    return finish(BENCH_EXIT_DONE);
  }
  return finish(options.compare_old ? bench_run_compare(&options) : bench_run_all(&options));
}
