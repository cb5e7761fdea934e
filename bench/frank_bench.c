/*
 * frank-bench: measures what Frank achieves on this machine. So far: what the daemon costs, against
 * the bare engines, in one run. Composition root: options, rounds, exit status.
 *
 *     per round: bare engines -> frankd, full of work -> frankd, work that costs nothing -> memory
 */
#include "base/err.h"
#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/daemon.h"
#include "bench/report.h"
#include "bench/server.h"
#include "programs/term.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_DEFAULT 5
#define SECONDS_MAX     3600
#define ROUNDS_DEFAULT  5

enum exit_status { EXIT_MEASURED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
  bool daemon;
  bool json;
  bool help;
  bool version;
  bool shape_given;
  const struct bench_shape *shape;
  uint32_t seconds;
  uint32_t rounds;
};

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

/* ---- options ---- */

enum option_id { OPT_DAEMON, OPT_SHAPE, OPT_SECONDS, OPT_ROUNDS, OPT_JSON, OPT_HELP, OPT_VERSION };

static const struct {
  const char *name;
  const char *argument; /* NULL: takes none */
  const char *help;
} option_table[] = {
    [OPT_DAEMON] = {"daemon", NULL, "measure what the daemon costs, against the bare CPU engines"},
    [OPT_SHAPE] = {"shape", "NAME", "ed25519, rsa1024, rsa2048 or rsa4096 (default ed25519)"},
    [OPT_SECONDS] = {"seconds", "S", "time for each part of a round, 1 to 3600 (default 5)"},
    [OPT_ROUNDS] = {"rounds", "R", "how often all is measured, 1 to 100 (default 5)"},
    [OPT_JSON] = {"json", NULL, "one JSON object per line, a final record always"},
    [OPT_HELP] = {"help", NULL, "this text"},
    [OPT_VERSION] = {"version", NULL, "print the version"},
};
#define OPTION_COUNT (sizeof option_table / sizeof option_table[0])

static void print_help(void)
{
  puts("usage: frank-bench --daemon [OPTION]...\n"
       "Measures what Frank achieves on this machine. It starts a frankd of its own and stops "
       "it.\n");
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    char left[32];
    (void)snprintf(left, sizeof left, "--%s%s%s", option_table[i].name,
                   option_table[i].argument ? " " : "",
                   option_table[i].argument ? option_table[i].argument : "");
    printf("  %-14s %s\n", left, option_table[i].help);
  }
  puts("\nExit status:\n"
       "  0  measured\n"
       "  1  could not measure: a wrong stamp, a daemon or device that failed, an interruption\n"
       "  2  wrong usage, or no frankd beside this program");
}

/* Digits only, least..most. */
static bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *number)
{
  size_t len = strlen(text);
  if (len < 1 || len > 9 || strspn(text, "0123456789") != len) {
    return false;
  }
  *number = (uint32_t)strtoul(text, NULL, 10);
  return *number >= least && *number <= most;
}

static bool set_shape(struct options *options, const char *name, char *why)
{
  if (options->shape_given) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--shape %.100s: with --daemon one shape at a time", name);
    return false;
  }
  options->shape_given = true;
  options->shape = bench_shape_find(name);
  if (options->shape) {
    return true;
  }
  int len = snprintf(why, BENCH_WHY_BYTES, "--shape: there is no \"%.100s\"; there are", name);
  for (size_t i = 0; bench_shape_at(i); i++) {
    len += snprintf(why + len, BENCH_WHY_BYTES - (size_t)len, "%s %s", i == 0 ? "" : ",",
                    bench_shape_at(i)->name);
  }
  return false;
}

static bool set_number(const char *name, const char *text, uint32_t most, uint32_t *number,
                       char *why)
{
  if (parse_number(text, 1, most, number)) {
    return true;
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "--%s: \"%.100s\" is no whole number from 1 to %u", name,
                 text, (unsigned)most);
  return false;
}

static bool set_option(struct options *options, enum option_id id, const char *value, char *why)
{
  switch (id) {
  case OPT_DAEMON:
    options->daemon = true;
    break;
  case OPT_SHAPE:
    return set_shape(options, value, why);
  case OPT_SECONDS:
    return set_number("seconds", value, SECONDS_MAX, &options->seconds, why);
  case OPT_ROUNDS:
    return set_number("rounds", value, BENCH_ROUNDS_MAX, &options->rounds, why);
  case OPT_JSON:
    options->json = true;
    break;
  case OPT_HELP:
    options->help = true;
    break;
  case OPT_VERSION:
    options->version = true;
    break;
  }
  return true;
}

/* False: `why` names what is wrong. options->json is right even then. */
static bool parse(int argc, char **argv, struct options *options, char *why)
{
  struct option table[OPTION_COUNT + 1] = {0};
  bool right = true;
  int found = 0;
  *options = (struct options){
      .shape = bench_shape_at(0), .seconds = SECONDS_DEFAULT, .rounds = ROUNDS_DEFAULT};
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    table[i].name = option_table[i].name;
    table[i].has_arg = option_table[i].argument ? required_argument : no_argument;
    table[i].val = (int)i;
  }
  opterr = 0;
  while ((found = getopt_long(argc, argv, ":", table, NULL)) != -1) {
    char fresh[BENCH_WHY_BYTES];
    bool ok = false;
    if (found == '?') {
      (void)snprintf(fresh, sizeof fresh, "unknown option %.100s; --help lists them",
                     argv[optind - 1]);
    } else if (found == ':') {
      (void)snprintf(fresh, sizeof fresh, "%.100s needs a value", argv[optind - 1]);
    } else {
      ok = set_option(options, (enum option_id)found, optarg, fresh);
    }
    if (!ok && right) {
      (void)snprintf(why, BENCH_WHY_BYTES, "%s", fresh);
    }
    right = right && ok;
  }
  if (!right || options->help || options->version) {
    return right;
  }
  if (optind < argc) {
    (void)snprintf(why, BENCH_WHY_BYTES, "unexpected argument \"%.100s\"", argv[optind]);
    return false;
  }
  if (!options->daemon) {
    (void)snprintf(why, BENCH_WHY_BYTES, "nothing to measure is named: --daemon");
    return false;
  }
  return true;
}

/* ---- rounds ---- */

struct progress {
  const struct options *options;
  size_t round; /* from 1 */
  bool shown;
};

static void show_progress(void *arg, const char *part)
{
  const struct progress *progress = arg;
  if (progress->shown) {
    frank_term_progress("round %zu of %u: %s", progress->round, (unsigned)progress->options->rounds,
                        part);
  }
}

/* Says what the failure may come from: a frankd that died, else whatever it logged last. */
static void explain(struct bench_server *server, char *why)
{
  char cause[BENCH_WHY_BYTES];
  char line[160];
  (void)snprintf(cause, sizeof cause, "%s", why);
  bench_server_last_line(server, line, sizeof line);
  (void)snprintf(why, BENCH_WHY_BYTES, "%.300s; frankd%s, its last line: %s", cause,
                 bench_server_has_ended(server) ? " has died" : " still runs", line);
}

static enum frank_err run_round(const struct options *options, const char *frankd,
                                struct progress *progress, struct bench_report *report, char *why)
{
  struct bench_bare bare;
  struct bench_daemon daemon;
  struct bench_server *server = NULL;
  show_progress(progress, "bare engines");
  enum frank_err err =
      bench_bare_run(options->shape, BENCH_QUEUE_FACTOR, options->seconds, &bare, why);
  if (err == FRANK_OK) {
    err = bench_server_start(frankd, &server, why);
  }
  if (err == FRANK_OK) {
    const struct bench_daemon_config config = {.server = server,
                                               .shape = options->shape,
                                               .seconds = options->seconds,
                                               .devices = bare.devices,
                                               .variant = bare.variant,
                                               .progress = show_progress,
                                               .arg = progress};
    err = bench_daemon_measure(&config, &daemon, why);
    if (err != FRANK_OK && !bench_is_stopping()) {
      explain(server, why);
    }
  }
  bench_server_stop(&server);
  if (err == FRANK_OK) {
    bench_report_round(report, &bare, &daemon);
  }
  return err;
}

static int run(const struct options *options)
{
  static struct bench_report report;
  char frankd[PATH_MAX];
  char why[BENCH_WHY_BYTES] = "";
  if (bench_server_find(frankd, sizeof frankd, why) != FRANK_OK) {
    bench_report_error(options->json, "no-frankd", why);
    return EXIT_USAGE;
  }
  report.json = options->json;
  report.shape = options->shape;
  report.seconds = options->seconds;
  report.rounds_planned = options->rounds;
  bench_machine_describe(&report.machine);
  struct progress progress = {.options = options, .shown = frank_term_has_progress()};
  enum frank_err err = FRANK_OK;
  for (size_t i = 1; err == FRANK_OK && i <= options->rounds; i++) {
    progress.round = i;
    err = run_round(options, frankd, &progress, &report, why);
  }
  if (progress.shown) {
    frank_term_clear();
  }
  if (err != FRANK_OK) {
    bench_report_error(options->json, bench_is_stopping() ? "interrupted" : "failed", why);
    return EXIT_FAILED;
  }
  bench_report_end(&report);
  return EXIT_MEASURED;
}

/* What could not be written (a full disk, a closed pipe) must not pass for a measurement. */
static int finish(int status)
{
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "frank-bench: standard output: %s\n", strerror(errno));
    return status == EXIT_MEASURED ? EXIT_FAILED : status;
  }
  return status;
}

int main(int argc, char **argv)
{
  struct options options;
  char why[BENCH_WHY_BYTES] = "";
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
  if (!parse(argc, argv, &options, why)) {
    bench_report_error(options.json, "usage", why);
    return finish(EXIT_USAGE);
  }
  if (options.help) {
    print_help();
    return finish(EXIT_MEASURED);
  }
  if (options.version) {
    puts("frank-bench " FRANK_VERSION);
    return finish(EXIT_MEASURED);
  }
  return finish(run(&options));
}
