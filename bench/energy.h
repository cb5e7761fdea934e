/*
 * energy: the joules that the processors take, by the counters that the kernel shows below
 * /sys/class/powercap (driver intel_rapl; AMD's processors, too).
 *
 * The sum of the packages ("intel-rapl:0", "intel-rapl:1"...): processor cores with all around
 * them, no memory, no power supply. Where the kernel offers no such counters, as in most virtual
 * machines, or only root may read them, energy is not known: that is said, and never taken for 0.
 *
 * Owner: whoever embeds it. Nothing stays open.
 */
#ifndef FRANK_BENCH_ENERGY_H
#define FRANK_BENCH_ENERGY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BENCH_ENERGY_ROOT         "/sys/class/powercap"
#define BENCH_ENERGY_PACKAGES_MAX 64
#define BENCH_ENERGY_PATH_BYTES   256

struct bench_energy_package {
  char folder[BENCH_ENERGY_PATH_BYTES];
  uint64_t last_uj;  /* what its counter said last */
  uint64_t range_uj; /* the counter's highest value; after it comes 0 */
};

struct bench_energy {
  struct bench_energy_package packages[BENCH_ENERGY_PACKAGES_MAX];
  size_t package_count; /* 0: not started */
  double joules;        /* since the start */
};

/* Finds the packages below `root` (BENCH_ENERGY_ROOT) and starts to count from now.
 * FRANK_ERR_NOT_FOUND: there are none, or one cannot be read or makes no sense: energy is absent,
 * and `why` (BENCH_WHY_BYTES) says what was looked for. */
FRANK_MUST_CHECK enum frank_err bench_energy_start(const char *root, struct bench_energy *energy,
                                                   char *why);

/* The joules since the start. To be called again before a counter has turned once (262 kJ at
 * least: 10 minutes at 400 W). FRANK_ERR_NOT_FOUND as above, and for one that was not started. */
FRANK_MUST_CHECK enum frank_err bench_energy_read(struct bench_energy *energy, double *joules,
                                                  char *why);

#endif
