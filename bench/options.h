/*
 * options: the command line of frank-bench, checked.
 */
#ifndef FRANK_BENCH_OPTIONS_H
#define FRANK_BENCH_OPTIONS_H

#include "bench/report.h"
#include "bench/shape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_NAMES_MAX   32
#define BENCH_EXPORTS_MAX 8

struct bench_options {
  const char *devices[BENCH_NAMES_MAX]; /* as named; none: "cpu" */
  size_t device_count;
  const char *isas[BENCH_NAMES_MAX]; /* as named; none: the engine chooses */
  size_t isa_count;
  const struct bench_shape *shapes[BENCH_NAMES_MAX]; /* never none after parsing */
  size_t shape_count;
  bool each;
  bool daemon;
  bool peers;
  uint32_t stamps; /* measured mints for each device and shape, in all rounds; 0: none */
  bool stamps_given;
  uint64_t factor;    /* of these; 0: chosen by the measured rate */
  uint32_t clock_mhz; /* of a simulated device's hardware; 0: not given */
  uint32_t seconds;
  uint32_t rounds;
  enum bench_format format;
  bool format_given;
  const char *exports[BENCH_EXPORTS_MAX];
  size_t export_count;
  const char *plot;
  const char *baseline;
  double fail_above; /* percent */
  bool fail_above_given;
  const char *compare_old; /* --compare: nothing is measured */
  const char *compare_new;
  bool help;
  bool version;
};

/* Reads argv. False: `why` (BENCH_WHY_BYTES) names what is wrong; options->format is right even
 * then. */
bool bench_options_parse(int argc, char **argv, struct bench_options *options, char *why);

void bench_options_help(void);
/* For the build, not in --help: --completion SHELL (host/base/completion.h). The exit status; -1
 * where that is not asked for. */
int bench_options_completion(int argc, char *const argv[]);

#endif
