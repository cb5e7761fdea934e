/*
 * machine: where a measurement was made, and what a process takes of it.
 */
#ifndef FRANK_BENCH_MACHINE_H
#define FRANK_BENCH_MACHINE_H

#include "base/err.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_MACHINE_DEVICES_MAX 16

/* A device that is no CPU core, as its driver tells it. */
struct bench_machine_device {
  char name[FRANK_DEVICE_NAME_BYTES]; /* "opencl:0.0" */
  char model[96];                     /* its name and its driver's */
  char place[64];                     /* where it sits; may be empty */
  char variant[32]; /* the code path that its engine chose; empty: none was to be chosen */
};

/* Texts are empty, and numbers 0, where the system does not tell. */
struct bench_machine {
  char version[32];  /* of frank-bench */
  char compiler[64]; /* that built it */
  char date[32];     /* ISO 8601, UTC */
  char cpu[96];      /* model name */
  uint32_t threads;  /* hardware threads that are on */
  uint32_t cores;    /* physical cores of these */
  uint32_t usable;   /* CPU devices that this process has */
  uint32_t numa_nodes;
  uint64_t memory_mib;
  char caches[96];   /* "L1d 48 KiB, L1i 32 KiB, L2 2 MiB, L3 260 MiB" of the first core */
  char kernel[160];  /* "Linux 6.1.0 x86_64" */
  char governor[32]; /* of the first core's clock */
  char turbo[16];    /* "on", "off" */
  char host[16];     /* "virtual", "physical" */
  double load;       /* load average of the last minute: what else was running before */
  size_t device_count;
  struct bench_machine_device devices[BENCH_MACHINE_DEVICES_MAX]; /* the first that are measured */
};

void bench_machine_describe(struct bench_machine *machine);
/* True when something else kept a quarter of a core or more busy before. */
bool bench_machine_was_busy(const struct bench_machine *machine);

/* VmRSS of a process in KiB. FRANK_ERR_NOT_FOUND when it is gone. */
FRANK_MUST_CHECK enum frank_err bench_memory_kib(pid_t pid, uint64_t *kib);

#endif
