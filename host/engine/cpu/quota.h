/*
 * quota: how many cores' worth of time the control group lets this process use.
 *
 * A container started with `--cpus=2`, or a unit with CPUQuota=200%, sees all cores of the machine
 * but is stopped for the rest of each period once it has used up its share. More searching
 * processes than that would only stop the daemon with them. The kernel counts the time of each
 * hardware thread by itself, so a core searching on both its threads uses up two cores' worth.
 */
#ifndef FRANK_ENGINE_CPU_QUOTA_H
#define FRANK_ENGINE_CPU_QUOTA_H

#include <stdbool.h>
#include <stddef.h>

/* Reads a cpu.max file ("150000 100000" or "max 100000", Linux's cgroup-v2.rst): the quota in whole
 * cores, rounded up, at least 1. False where there is no quota or the text is no such thing. */
bool frank_quota_parse(const char *text, size_t *cores);

/* The smallest quota of our control group (version 2) and those around it. `root` goes before every
 * path: "" on a real system, another folder in tests. False: none. */
bool frank_quota_cores(const char *root, size_t *cores);

#endif
