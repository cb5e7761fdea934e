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
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Where a standard file is closed, the next that is opened would take its place: an --export would
 * get what standard output should have. Reading null, it fails as a closed one does. */
static bool fill_standard_files(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) {
      return false;
    }
  }
  return true;
}

static void catch_signals(void)
{
  const struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
  struct sigaction old;
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN) { /* ignored: by nohup */
    (void)sigaction(SIGHUP, &action, NULL);
  }
  (void)signal(SIGPIPE, SIG_IGN);
}

/* What could not be written (a full disk, a closed pipe) must not pass for a measurement. A failure
 * has been told by now, this one too if it was found before the end. */
static int finish(enum bench_exit status)
{
  bool failed = ferror(stdout) != 0;
  errno = 0;
  if (fflush(stdout) != 0 || failed) {
    if (status != BENCH_EXIT_FAILED) {
      fprintf(stderr, "frank-bench: standard output: %s\n",
              errno != 0 ? strerror(errno) : "not all of it could be written");
    }
    return (int)(status == BENCH_EXIT_USAGE ? BENCH_EXIT_USAGE : BENCH_EXIT_FAILED);
  }
  return (int)status;
}

int main(int argc, char **argv)
{
  struct bench_options options;
  char why[BENCH_WHY_BYTES] = "";
  if (!fill_standard_files()) {
    return BENCH_EXIT_FAILED; /* and there is nowhere to say it */
  }
  int completion = bench_options_completion(argc, argv);
  if (completion != -1) {
    return completion;
  }
  catch_signals();
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
