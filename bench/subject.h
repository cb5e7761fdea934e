/*
 * subject: what the options --device, --each and --isa come to on this machine: a list of sets of
 * devices, each measured by itself, one after the other, by a code path.
 *
 * The name of an engine ("cpu") stands for all its devices at the same time; the name of a device
 * ("cpu:0") for that one alone. So devices that share cores, those of CPU-type OpenCL drivers and
 * the CPU's own, never search at the same time.
 */
#ifndef FRANK_BENCH_SUBJECT_H
#define FRANK_BENCH_SUBJECT_H

#include "base/dirs.h"
#include "base/err.h"
#include "bench/options.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

#define BENCH_SUBJECTS_MAX 128

struct bench_subject {
  char name[FRANK_DEVICE_NAME_BYTES]; /* as named: "cpu", "cpu:0" */
  char variant[32]; /* the code path, for all of them; empty: the one that their engine chooses */
  size_t first;     /* into devices */
  size_t count;
  bool leads;    /* of the code paths of these devices, the one that a frankd of theirs takes */
  bool on_cores; /* they search on the cores of the machine, as other programs do */
};

struct bench_subjects {
  size_t count;
  struct bench_subject subjects[BENCH_SUBJECTS_MAX];
  size_t device_count;
  struct frank_device_info devices[FRANK_ENGINE_DEVICES_MAX];
  size_t cpu_count; /* CPU devices that are used where none is named: what peers run on */
  struct frank_device_info cpus[FRANK_ENGINE_DEVICES_MAX];
  char cache_dir[FRANK_DIR_BYTES]; /* where engines keep tuning; empty: nowhere */
};

/* Finds the devices (in a process of its own: drivers dislike a fork after they were asked) and
 * checks every name. Devices that are used only where they are named themselves are no part of
 * their engine. The code path of CPU devices is chosen here, once, as the engine would choose by
 * measurement: where two are about as fast, engines and daemon would else differ by chance. Devices
 * of other engines are opened once, so that what they tune at first use is kept before anything is
 * measured. A name of --isa is for the engines that know it. FRANK_ERR_NOT_FOUND (an unknown
 * device), FRANK_ERR_UNSUPPORTED (a code path that no device measured here has), FRANK_ERR_FULL,
 * FRANK_ERR_DEVICE, FRANK_ERR_TIMEOUT, FRANK_ERR_CLOSED (asked to stop); `why` (BENCH_WHY_BYTES)
 * names it, and what there is. */
FRANK_MUST_CHECK enum frank_err bench_subjects_resolve(const struct bench_options *options,
                                                       struct bench_subjects *subjects, char *why);

#endif
