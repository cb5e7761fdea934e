/*
 * machine: where a measurement was made, and what a process takes of it.
 */
#ifndef FRANK_BENCH_MACHINE_H
#define FRANK_BENCH_MACHINE_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct bench_machine {
  char kernel[160]; /* "Linux 6.1.0 x86_64" */
  char date[32];    /* ISO 8601, UTC */
  long cpus;        /* hardware threads that are on */
  double load;      /* load average of the last minute: what else was running before */
};

void bench_machine_describe(struct bench_machine *machine);

/* VmRSS of a process in KiB. FRANK_ERR_NOT_FOUND when it is gone. */
FRANK_MUST_CHECK enum frank_err bench_memory_kib(pid_t pid, uint64_t *kib);

#endif
