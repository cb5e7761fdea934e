/*
 * factor_sim: how the rule that moves the factor behaves over months, in worlds of senders,
 * spammers and reporters (factor_world.h; the figures and their sources: factor_scenarios.c). It
 * runs the real estimation. The same seed gives the same days.
 *
 * Options and exit statuses: factor_sim --help.
 */
#include "bench/bench.h"
#include "bench/factor_plot.h"
#include "bench/factor_world.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

struct wish {
  const struct bench_factor_scenario *scenarios[NAMES_MAX];
  size_t count;
  uint64_t seed;
  unsigned seeds;
  unsigned days; /* 0: the scenario's own */
  const char *csv;
  const char *plot;
};

/* A run takes a second, and leaves nothing behind: signals simply end it. */
bool bench_is_stopping(void)
{
  return false;
}

static int usage(const char *text, const char *value)
{
  fprintf(stderr, "factor_sim: %s%s\n", text, value);
  return BENCH_EXIT_USAGE;
}

static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
  char *end = NULL;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  *out = value;
  return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= most;
}

static int list(void)
{
  for (size_t i = 0; i < bench_factor_scenario_count; i++) {
    printf("%-14s %s\n", bench_factor_scenarios[i].name, bench_factor_scenarios[i].text);
  }
  return BENCH_EXIT_DONE;
}

static int help(void)
{
  puts("usage: factor_sim [--scenario NAME]... [--seed N] [--seeds COUNT] [--days N]\n"
       "                  [--csv FILE] [--plot FILE.svg|FILE.png]\n"
       "       factor_sim --list\n"
       "Runs the rule that moves the factor through months of senders, spammers and reporters.\n\n"
       "  --scenario NAME  this world; may be repeated; without it every one\n"
       "  --seed N         the first seed (1); the same seed gives the same days\n"
       "  --seeds COUNT    so many seeds, one after the other; a line for each\n"
       "  --days N         2 to 3650, instead of the world's own\n"
       "  --csv FILE       a line for each day (one world, one seed)\n"
       "  --plot FILE      a picture, SVG or PNG (likewise)\n"
       "  --list           the worlds\n"
       "  --help           this text\n\n"
       "Exit status: 0 every verdict holds, 1 one does not, 3 it could not run, 64 usage.");
  return BENCH_EXIT_DONE;
}

static int read_words(int argc, char **argv, struct wish *wish)
{
  static const struct option options[] = {
      {"scenario", required_argument, NULL, 's'},
      {"seed", required_argument, NULL, 'n'},
      {"seeds", required_argument, NULL, 'c'},
      {"days", required_argument, NULL, 'd'},
      {"csv", required_argument, NULL, 'v'},
      {"plot", required_argument, NULL, 'p'},
      {NULL, 0, NULL, 0},
  };
  uint64_t number = 0;
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (c) {
    case 's':
      if (wish->count == NAMES_MAX || !bench_factor_scenario_find(optarg)) {
        return usage("no such scenario (--list): ", optarg);
      }
      wish->scenarios[wish->count++] = bench_factor_scenario_find(optarg);
      break;
    case 'n':
      if (!read_number(optarg, UINT64_MAX, &wish->seed)) {
        return usage("--seed is a whole number, not ", optarg);
      }
      break;
    case 'c':
      if (!read_number(optarg, 100000, &number) || number < 1) {
        return usage("--seeds is 1 to 100000, not ", optarg);
      }
      wish->seeds = (unsigned)number;
      break;
    case 'd':
      if (!read_number(optarg, BENCH_FACTOR_DAYS_MAX, &number) || number < 2) {
        return usage("--days is 2 to 3650, not ", optarg);
      }
      wish->days = (unsigned)number;
      break;
    case 'v':
      wish->csv = optarg;
      break;
    case 'p':
      wish->plot = optarg;
      break;
    default:
      return usage("factor_sim --help tells the options", "");
    }
  }
  if (optind < argc) {
    return usage("what is this: ", argv[optind]);
  }
  for (size_t i = 0; wish->count == 0 && i < bench_factor_scenario_count; i++) {
    wish->scenarios[i] = &bench_factor_scenarios[i];
  }
  wish->count = wish->count > 0 ? wish->count : bench_factor_scenario_count;
  if ((wish->csv || wish->plot) && (wish->count > 1 || wish->seeds > 1)) {
    return usage("--csv and --plot are for one scenario and one seed", "");
  }
  return BENCH_EXIT_DONE;
}

/* ---- output ---- */

static int write_csv(const char *path, const struct bench_factor_scenario *scenario,
                     const struct bench_factor_day *days)
{
  FILE *file = fopen(path, "we");
  if (!file) {
    return usage("cannot write ", path);
  }
  (void)fputs("day,factor,wanted,true_share,share_low,share_high,counted,reporters,heard,capped,"
              "limit,published,spammers,core_seconds,gpu_million_dollars\n",
              file);
  for (unsigned i = 0; i < scenario->days; i++) {
    const struct bench_factor_day *d = &days[i];
    fprintf(file, "%u,%llu,%.0f,%.6f,%.6f,%.6f,%.1f,%u,%u,%u,%s,%d,%u,%.4g,%.4g\n", i,
            (unsigned long long)d->factor, d->wanted, d->true_share, d->share_low, d->share_high,
            d->counted, (unsigned)d->reporters, (unsigned)d->heard, (unsigned)d->capped,
            frank_estimate_limit_name(d->limit), d->published, d->active, d->core_seconds,
            d->gpu_million_dollars);
  }
  bool is_bad = ferror(file) != 0;
  if (fclose(file) != 0 || is_bad) {
    fprintf(stderr, "factor_sim: cannot write %s: %s\n", path, strerror(errno));
    return BENCH_EXIT_FAILED;
  }
  return BENCH_EXIT_DONE;
}

static int draw(const char *path, const struct bench_factor_scenario *scenario,
                const struct bench_factor_day *days, const struct bench_factor_day *honest,
                uint64_t seed)
{
  char why[BENCH_WHY_BYTES] = "";
  enum bench_picture picture = BENCH_PICTURE_SVG;
  if (bench_plot_check(path, &picture, why) != FRANK_OK) {
    return usage(why, "");
  }
  FILE *file = fopen(path, "w+e");
  if (!file) {
    return usage("cannot write ", path);
  }
  enum frank_err err = bench_factor_plot(scenario, days, honest, seed, picture, file, why);
  if (fclose(file) != 0 && err == FRANK_OK) {
    err = FRANK_ERR_IO;
  }
  if (err != FRANK_OK) {
    fprintf(stderr, "factor_sim: %s: %s\n", path, why[0] ? why : strerror(errno));
  }
  return err == FRANK_OK ? BENCH_EXIT_DONE : BENCH_EXIT_FAILED;
}

/* Costs in the second half, by the mean factor of that time. */
static void print_row(const struct bench_factor_scenario *scenario,
                      const struct bench_factor_day *days, uint64_t seed,
                      const struct bench_factor_verdict *v, bool holds)
{
  double seconds = 0;
  double gpu = 0;
  unsigned half = scenario->days / 2;
  for (unsigned i = half; i < scenario->days; i++) {
    seconds += days[i].core_seconds / (scenario->days - half);
    gpu += days[i].gpu_million_dollars / (scenario->days - half);
  }
  printf("%-14s %6llu %3u %6.2f %4u %6.2f %7.3f%% %7.1f %8.4f %8.2f  %s%s\n", scenario->name,
         (unsigned long long)seed, v->turns, v->widest_swing, v->sunk_under_attack, v->pulled,
         v->spam_share * 100, seconds, seconds * BENCH_FACTOR_CORE_DOLLARS_HOUR / 36, gpu,
         holds                  ? "holds"
         : v->oscillates        ? "OSCILLATES"
         : v->sunk_under_attack ? "SINKS UNDER ATTACK"
                                : "CAPTURED",
         holds && v->captured ? " (captured: more false reporters than are promised)" : "");
}

/* ---- one scenario, one seed ---- */

static int run_one(const struct wish *wish, const struct bench_factor_scenario *of, uint64_t seed,
                   struct bench_factor_day *days, struct bench_factor_day *honest)
{
  struct bench_factor_scenario scenario = *of;
  struct bench_factor_verdict verdict;
  scenario.days = wish->days > 0 ? wish->days : scenario.days;
  struct bench_factor_scenario without = scenario;
  without.lie = BENCH_FACTOR_HONEST;
  bool has_lies = scenario.lie != BENCH_FACTOR_HONEST;
  if (bench_factor_run(&scenario, NULL, seed, days) != FRANK_OK ||
      (has_lies && bench_factor_run(&without, NULL, seed, honest) != FRANK_OK)) {
    fprintf(stderr, "factor_sim: %s cannot be run\n", scenario.name);
    return BENCH_EXIT_FAILED;
  }
  bench_factor_judge(&scenario, days, has_lies ? honest : NULL, &verdict);
  bool holds = scenario.expects_capture ||
               (!verdict.oscillates && verdict.sunk_under_attack == 0 && !verdict.captured);
  print_row(&scenario, days, seed, &verdict, holds);
  int status = holds ? BENCH_EXIT_DONE : BENCH_EXIT_SLOWER;
  if (wish->csv) {
    int written = write_csv(wish->csv, &scenario, days);
    status = written ? written : status;
  }
  if (wish->plot) {
    int drawn = draw(wish->plot, &scenario, days, has_lies ? honest : NULL, seed);
    status = drawn ? drawn : status;
  }
  return status;
}

int main(int argc, char **argv)
{
  static struct bench_factor_day days[BENCH_FACTOR_DAYS_MAX];
  static struct bench_factor_day honest[BENCH_FACTOR_DAYS_MAX];
  struct wish wish = {.seed = 1, .seeds = 1};
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    return list();
  }
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    return help();
  }
  int status = read_words(argc, argv, &wish);
  if (status != BENCH_EXIT_DONE) {
    return status;
  }
  printf("%-14s %6s %3s %6s %4s %6s %8s %7s %8s %8s\n", "scenario", "seed", "turns", "swing",
         "sunk", "pulled", "spam", "core s", "cents", "$/mill.");
  for (size_t i = 0; i < wish.count && status <= BENCH_EXIT_SLOWER; i++) {
    for (unsigned k = 0; k < wish.seeds && status <= BENCH_EXIT_SLOWER; k++) {
      int one = run_one(&wish, wish.scenarios[i], wish.seed + k, days, honest);
      status = one > status ? one : status;
    }
  }
  return status;
}
