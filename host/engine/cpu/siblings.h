/*
 * siblings: whether the second hardware thread of a core is worth a device of its own.
 *
 * Two threads share the core's arithmetic units. A search that fills them from one thread gains
 * nothing from the second, or loses by sharing the caches; one that waits for its own results half
 * of the time gains much. Which it is depends on the CPU and the code path, so it is measured: two
 * searches on the two threads of one core, against one alone.
 *
 * Where there is no second thread nothing of this runs. Pure but for the measurement, which forks
 * two children and takes about 0.1 s.
 */
#ifndef FRANK_ENGINE_CPU_SIBLINGS_H
#define FRANK_ENGINE_CPU_SIBLINGS_H

#include "base/err.h"
#include "engine/cpu/variant.h"

#include <stdbool.h>

/* Below this gain the second threads are not used: it would cost everything else that runs here
 * more than it brings. */
#define FRANK_SIBLINGS_GAIN_LEAST 0.05

/* Attempts per second. */
struct frank_siblings_rates {
  double alone_hps;    /* one search, the other thread idle */
  double together_hps; /* both searches, added */
};

/* Searches with `scan` on the CPUs with the system's numbers cpus[0] and cpus[1]. FRANK_ERR_DENIED:
 * one of them cannot be bound to; FRANK_ERR_TIMEOUT: no undisturbed measurement in the time there
 * is (a busy machine, or a search that hung); FRANK_ERR_DEVICE: a search died; FRANK_ERR_IO,
 * FRANK_ERR_NOMEM. No child outlives the call. */
FRANK_MUST_CHECK enum frank_err frank_siblings_measure(const unsigned cpus[2],
                                                       frank_cpu_scan_fn *scan,
                                                       struct frank_siblings_rates *rates);

/* What the second search adds, as a share of one alone: 0.25 is a quarter more. -1 where nothing
 * was measured. */
double frank_siblings_gain(const struct frank_siblings_rates *rates);

/* True where the second threads should be used. */
bool frank_siblings_are_worth_it(const struct frank_siblings_rates *rates);

#endif
