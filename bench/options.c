#include "bench/options.h"

#include "base/completion.h"
#include "bench/bench.h"
#include "bench/stats.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_DEFAULT    3
#define SECONDS_MAX        3600
#define ROUNDS_DEFAULT     5
#define STAMPS_DEFAULT     200
#define CLOCK_MAX_MHZ      100000
#define FAIL_ABOVE_DEFAULT 5.0

/* Digits only, least..most. */
static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
  size_t len = strlen(text);
  if (len < 1 || len > 18 || strspn(text, "0123456789") != len) {
    return false;
  }
  *number = strtoull(text, NULL, 10);
  return *number >= least && *number <= most;
}

static bool set_number(const char *name, const char *text, uint64_t least, uint64_t most,
                       uint64_t *number, char *why)
{
  if (parse_number(text, least, most, number)) {
    return true;
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "--%s: \"%.100s\" is no whole number from %llu to %llu",
                 name, text, (unsigned long long)least, (unsigned long long)most);
  return false;
}

static bool set_small(const char *name, const char *text, uint32_t least, uint32_t most,
                      uint32_t *number, char *why)
{
  uint64_t wide = 0;
  bool right = set_number(name, text, least, most, &wide, why);
  *number = right ? (uint32_t)wide : *number;
  return right;
}

static bool set_list(const char *name, const char *text, const char **list, size_t *count,
                     size_t most, char *why)
{
  if (*count == most) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--%s %.100s: more than %zu of them", name, text, most);
    return false;
  }
  if (text[0] == '\0') {
    (void)snprintf(why, BENCH_WHY_BYTES, "--%s: the name is empty", name);
    return false;
  }
  list[(*count)++] = text;
  return true;
}

static bool set_once(const char *name, const char *text, const char **value, char *why)
{
  size_t count = *value ? 1 : 0;
  return set_list(name, text, value, &count, 1, why);
}

/* ---- one function for each option ---- */

typedef bool set_fn(struct bench_options *options, const char *value, char *why);

static bool set_device(struct bench_options *options, const char *value, char *why)
{
  return set_list("device", value, options->devices, &options->device_count, BENCH_NAMES_MAX, why);
}

static bool set_isa(struct bench_options *options, const char *value, char *why)
{
  return set_list("isa", value, options->isas, &options->isa_count, BENCH_NAMES_MAX, why);
}

/* The same by the number alone: "u8" is a code path of FPGA devices. */
static bool set_unroll(struct bench_options *options, const char *value, char *why)
{
  static const char *const isas[] = {"u1", "u2", "u4", "u8", "u16", "u32", "u64"};
  for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
    if (strcmp(isas[i] + 1, value) == 0) {
      return set_list("fpga-unroll", isas[i], options->isas, &options->isa_count, BENCH_NAMES_MAX,
                      why);
    }
  }
  (void)snprintf(why, BENCH_WHY_BYTES,
                 "--fpga-unroll: \"%.100s\" is none of 1, 2, 4, 8, 16, 32 and 64", value);
  return false;
}

static bool add_shape(struct bench_options *options, const struct bench_shape *shape)
{
  for (size_t i = 0; i < options->shape_count; i++) {
    if (options->shapes[i] == shape) {
      return true; /* named twice */
    }
  }
  options->shapes[options->shape_count++] = shape;
  return true;
}

static void add_all_shapes(struct bench_options *options)
{
  for (size_t i = 0; bench_shape_at(i); i++) {
    (void)add_shape(options, bench_shape_at(i));
  }
}

static bool set_shape(struct bench_options *options, const char *value, char *why)
{
  const struct bench_shape *shape = bench_shape_find(value);
  if (shape) {
    return add_shape(options, shape);
  }
  if (strcmp(value, "all") == 0) {
    add_all_shapes(options);
    return true;
  }
  int len = snprintf(why, BENCH_WHY_BYTES, "--shape: there is no \"%.100s\"; there are", value);
  for (size_t i = 0; bench_shape_at(i); i++) {
    len += snprintf(why + len, BENCH_WHY_BYTES - (size_t)len, " %s,", bench_shape_at(i)->name);
  }
  (void)snprintf(why + len, BENCH_WHY_BYTES - (size_t)len, " all");
  return false;
}

static bool set_stamps(struct bench_options *options, const char *value, char *why)
{
  options->stamps_given = true;
  return set_small("stamps", value, 0, BENCH_STAMPS_MAX, &options->stamps, why);
}

static bool set_factor(struct bench_options *options, const char *value, char *why)
{
  return set_number("factor", value, 1, BENCH_FACTOR_MAX, &options->factor, why);
}

static bool set_clock(struct bench_options *options, const char *value, char *why)
{
  return set_small("clock-mhz", value, 1, CLOCK_MAX_MHZ, &options->clock_mhz, why);
}

static bool set_seconds(struct bench_options *options, const char *value, char *why)
{
  return set_small("seconds", value, 1, SECONDS_MAX, &options->seconds, why);
}

static bool set_rounds(struct bench_options *options, const char *value, char *why)
{
  return set_small("rounds", value, 1, BENCH_ROUNDS_MAX, &options->rounds, why);
}

static bool set_format(struct bench_options *options, enum bench_format format, char *why)
{
  if (options->format_given && options->format != format) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "--json, --csv and --markdown: one of them; --export writes others to files");
    return false;
  }
  options->format_given = true;
  options->format = format;
  return true;
}

static bool set_json(struct bench_options *options, const char *value, char *why)
{
  (void)value;
  return set_format(options, BENCH_FORMAT_JSON, why);
}

static bool set_csv(struct bench_options *options, const char *value, char *why)
{
  (void)value;
  return set_format(options, BENCH_FORMAT_CSV, why);
}

static bool set_markdown(struct bench_options *options, const char *value, char *why)
{
  (void)value;
  return set_format(options, BENCH_FORMAT_MARKDOWN, why);
}

static bool set_export(struct bench_options *options, const char *value, char *why)
{
  enum bench_format format;
  if (!set_list("export", value, options->exports, &options->export_count, BENCH_EXPORTS_MAX,
                why)) {
    return false;
  }
  if (bench_format_of_file(value, &format)) {
    return true;
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "--export %.200s: the name ends in .json, .csv or .md",
                 value);
  return false;
}

static bool set_plot(struct bench_options *options, const char *value, char *why)
{
  return set_once("plot", value, &options->plot, why);
}

static bool set_baseline(struct bench_options *options, const char *value, char *why)
{
  return set_once("baseline", value, &options->baseline, why);
}

static bool set_fail_above(struct bench_options *options, const char *value, char *why)
{
  char *end = NULL;
  size_t len = strlen(value);
  errno = 0;
  double percent = strtod(value, &end);
  options->fail_above_given = true;
  if (len == 0 || strspn(value, "0123456789.") != len || *end != '\0' || errno != 0 ||
      !isfinite(percent) || percent <= 0 || percent >= 100) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "--fail-above: \"%.100s\" is no percentage above 0 and below 100", value);
    return false;
  }
  options->fail_above = percent;
  return true;
}

static bool set_compare(struct bench_options *options, const char *value, char *why)
{
  return set_once("compare", value, &options->compare_old, why);
}

#define SET(member) NULL, offsetof(struct bench_options, member)
#define CALL(fn)    fn, 0

static const struct {
  const char *name;
  const char *argument; /* NULL: takes none */
  set_fn *set;          /* NULL: a flag, which becomes true */
  size_t flag;          /* its place in the options */
  const char *help;
} option_table[] = {
    {"device", "NAME", CALL(set_device),
     "cpu (the default), cpu:0, opencl, opencl:0.0, fpga, ...; again for\nmore, measured in turn"},
    {"each", NULL, SET(each), "each device of an engine alone, besides all of them at once"},
    {"isa", "NAME", CALL(set_isa),
     "force a code path (avx2, uint16x1, u8); again for more; all: those\nof the CPU that run "
     "here"},
    {"fpga-unroll", "U", CALL(set_unroll),
     "rounds per cycle of a simulated FPGA core, 1 to 64; again for more"},
    {"shape", "NAME", CALL(set_shape),
     "ed25519, rsa1024, rsa2048, rsa4096, all; again for more\n(default all; with --daemon "
     "ed25519)"},
    {"seconds", "S", CALL(set_seconds), "time for each part of a round, 1 to 3600 (default 3)"},
    {"rounds", "R", CALL(set_rounds), "how often all is measured, 1 to 100 (default 5)"},
    {"stamps", "N", CALL(set_stamps),
     "time to a stamp, from N mints of each shape, 0 to 10000\n"
     "(default 200; with --daemon or --peers 0)"},
    {"factor", "F", CALL(set_factor),
     "of these, 1 to 2^40 (default: so that one takes about 20 ms)"},
    {"daemon", NULL, SET(daemon), "what the daemon costs: rates, stamps per second, memory"},
    {"peers", NULL, SET(peers), "hashcat and OpenSSL beside ours, and the ratios"},
    {"clock-mhz", "MHZ", CALL(set_clock),
     "of a simulated device's hardware, for a projection, 1 to\n100000"},
    {"json", NULL, CALL(set_json), "one JSON object per line, a final record always"},
    {"csv", NULL, CALL(set_csv), "a line for each figure"},
    {"markdown", NULL, CALL(set_markdown), "tables to paste"},
    {"export", "FILE", CALL(set_export),
     "besides, to FILE.json, FILE.csv or FILE.md; again for more"},
    {"plot", "FILE", CALL(set_plot),
     "a picture of the rates: FILE.svg or FILE.png (needs gnuplot)"},
    {"baseline", "FILE", CALL(set_baseline), "compare with an earlier run's JSON"},
    {"fail-above", "PERCENT", CALL(set_fail_above),
     "how much slower is slower, above 0, below 100 (default 5)"},
    {"compare", "OLD NEW", CALL(set_compare), "compare two files; nothing is measured"},
    {"help", NULL, SET(help), "this text"},
    {"version", NULL, SET(version), "print the version"},
};
#define OPTION_COUNT (sizeof option_table / sizeof option_table[0])
#define OPTION_FIRST 256 /* to getopt; above all letters, which are no options here */

int bench_options_completion(int argc, char *const argv[])
{
  struct frank_completion_option options[OPTION_COUNT];
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    options[i] = (struct frank_completion_option){.name = option_table[i].name,
                                                  .argument = option_table[i].argument,
                                                  .help = option_table[i].help};
  }
  struct frank_completion completion = {
      .program = "frank-bench", .options = options, .option_count = OPTION_COUNT};
  return frank_completion_asked(&completion, argc, argv);
}

void bench_options_help(void)
{
  puts("usage: frank-bench [OPTION]...\n"
       "Measures what Frank achieves on this machine. Where a daemon is needed it starts a frankd\n"
       "of its own, and stops it.\n");
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    char left[32];
    const char *help = option_table[i].help;
    const char *line_end = strchr(help, '\n');
    (void)snprintf(left, sizeof left, "--%s%s%s", option_table[i].name,
                   option_table[i].argument ? " " : "",
                   option_table[i].argument ? option_table[i].argument : "");
    if (line_end) {
      printf("  %-20s %.*s\n  %-20s %s\n", left, (int)(line_end - help), help, "", line_end + 1);
    } else {
      printf("  %-20s %s\n", left, help);
    }
  }
  puts(
      "\nExit status:\n"
      "   0  measured; with a baseline: the same, or faster\n"
      "   1  slower than the baseline by more than --fail-above\n"
      "   2  cannot be told: too noisy, another machine, fewer than 3 rounds, figures are missing\n"
      "   3  could not measure: a wrong stamp, a refusal, a daemon or device that failed, a full\n"
      "      disk, an interruption\n"
      "  64  wrong usage: options, names, files, no frankd beside this program, no gnuplot");
}

/* ---- what fits together ---- */

/* Shapes, seconds and rounds have their defaults by now. */
static bool check_compare(const struct bench_options *options, char *why)
{
  const struct {
    bool is_given;
    const char *name;
  } others[] = {
      {options->baseline != NULL, "baseline"},
      {options->plot != NULL, "plot"},
      {options->export_count > 0, "export"},
      {options->device_count > 0, "device"},
      {options->isa_count > 0, "isa"},
      {options->each, "each"},
      {options->daemon, "daemon"},
      {options->peers, "peers"},
      {options->stamps_given, "stamps"},
      {options->factor > 0, "factor"},
      {options->clock_mhz > 0, "clock-mhz"},
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (others[i].is_given) {
      (void)snprintf(why, BENCH_WHY_BYTES, "--compare measures nothing: no --%s with it",
                     others[i].name);
      return false;
    }
  }
  return true;
}

static bool check(const struct bench_options *options, char *why)
{
  if (options->compare_old) {
    if (!options->compare_new) {
      (void)snprintf(why, BENCH_WHY_BYTES, "--compare needs two files, the old and the new");
      return false;
    }
    return check_compare(options, why);
  }
  if (options->fail_above_given && !options->baseline) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--fail-above needs a --baseline");
    return false;
  }
  if (options->factor > 0 && options->stamps == 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--factor is for --stamps, and there are none");
    return false;
  }
  return true;
}

static void fill_defaults(struct bench_options *options)
{
  bool other = options->daemon || options->peers;
  if (!options->stamps_given) {
    options->stamps = other ? 0 : STAMPS_DEFAULT;
  }
  if (options->shape_count == 0 && options->daemon) {
    (void)add_shape(options, bench_shape_at(0));
  } else if (options->shape_count == 0) {
    add_all_shapes(options);
  }
}

static bool take_rest(struct bench_options *options, int argc, char **argv, char *why)
{
  if (options->compare_old && optind < argc) {
    options->compare_new = argv[optind++];
  }
  if (optind < argc) {
    (void)snprintf(why, BENCH_WHY_BYTES, "unexpected argument \"%.100s\"", argv[optind]);
    return false;
  }
  return true;
}

/* What getopt found; `last` is the argument before those that it has not read. */
static bool take(struct bench_options *options, int found, const char *last, char *why)
{
  if (found == ':') {
    (void)snprintf(why, BENCH_WHY_BYTES, "%.100s needs a value", last);
    return false;
  }
  if (found == '?' && optopt >= OPTION_FIRST) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--%s takes no value",
                   option_table[optopt - OPTION_FIRST].name);
    return false;
  }
  if (found == '?' && optopt > 0) { /* a letter; `last` may be another argument */
    (void)snprintf(why, BENCH_WHY_BYTES, "unknown option -%c; --help lists them", optopt);
    return false;
  }
  if (found == '?') {
    (void)snprintf(why, BENCH_WHY_BYTES, "unknown option %.100s; --help lists them", last);
    return false;
  }
  size_t i = (size_t)(found - OPTION_FIRST);
  if (option_table[i].set) {
    return option_table[i].set(options, optarg, why);
  }
  *(bool *)((char *)options + option_table[i].flag) = true;
  return true;
}

bool bench_options_parse(int argc, char **argv, struct bench_options *options, char *why)
{
  struct option table[OPTION_COUNT + 1] = {0};
  bool right = true;
  int found = 0;
  *options = (struct bench_options){
      .seconds = SECONDS_DEFAULT, .rounds = ROUNDS_DEFAULT, .fail_above = FAIL_ABOVE_DEFAULT};
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    table[i].name = option_table[i].name;
    table[i].has_arg = option_table[i].argument ? required_argument : no_argument;
    table[i].val = OPTION_FIRST + (int)i;
  }
  opterr = 0;
  while ((found = getopt_long(argc, argv, ":", table, NULL)) != -1) {
    char fresh[BENCH_WHY_BYTES];
    bool ok = take(options, found, argv[optind - 1], fresh);
    if (!ok && right) {
      (void)snprintf(why, BENCH_WHY_BYTES, "%s", fresh);
    }
    right = right && ok;
  }
  if (!right || options->help || options->version) {
    return right;
  }
  fill_defaults(options);
  return take_rest(options, argc, argv, why) && check(options, why);
}
