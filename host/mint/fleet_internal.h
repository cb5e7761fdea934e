/*
 * fleet_internal: the structures that fleet.c (processes, work, watchdogs) and fleet_report.c (what
 * is told about them) share. Nobody else includes this.
 */
#ifndef FRANK_MINT_FLEET_INTERNAL_H
#define FRANK_MINT_FLEET_INTERNAL_H

#include "base/chan.h"
#include "base/child.h"
#include "mint/fleet.h"
#include "mint/supervisor.h"
#include "worker/messages.h"

#include <limits.h>

#define FRANK_FLEET_PROBES_MAX 8

struct frank_fleet_device {
  struct frank_fleet *fleet;
  struct frank_device_info info;
  struct frank_supervisor supervisor;
  struct frank_chan *chan;
  struct frank_loop_watch *watch;
  pid_t pid;
  bool in_mint;
  uint32_t handle;      /* in the mint service */
  uint64_t progress_us; /* when it last spoke, or got work while idle */
  bool stalled;
  uint64_t stalls;
  uint64_t attempts_before; /* of its earlier lives */
  uint64_t wrong_before;
  char why[FRANK_ENGINE_WHY_BYTES];
};

struct frank_fleet_probe {
  struct frank_fleet *fleet;
  char engine[16];
  struct frank_chan *chan;
  struct frank_loop_watch *watch;
  pid_t pid;
  bool done;
  bool is_named; /* somebody asked for this engine, or for a device of it */
  uint64_t limit_us;
  char why[FRANK_ENGINE_WHY_BYTES]; /* why the engine has no device, or what limits those it has */
};

struct frank_fleet {
  struct frank_fleet_config config;
  struct frank_loop *loop;
  struct frank_mint *mint;
  char worker_path[PATH_MAX];
  struct frank_fleet_probe probes[FRANK_FLEET_PROBES_MAX];
  size_t probe_count;
  struct frank_device_info found[FRANK_ENGINE_DEVICES_MAX]; /* every device there is */
  size_t found_count;
  struct frank_fleet_device devices[FRANK_STATUS_DEVICES_MAX]; /* those used */
  size_t device_count;
  struct frank_child_graves graves;
  struct frank_supervisor_policy policy;
};

/* True where the configuration names the device, or names none and it needs no naming. */
bool frank_fleet_is_wanted(const struct frank_fleet *fleet, const struct frank_device_info *info);
/* The first named device that was not found; NULL where there is none. */
const char *frank_fleet_first_missing(const struct frank_fleet *fleet);
/* True where a device of the engine was found. */
bool frank_fleet_has_engine(const struct frank_fleet *fleet, const char *engine);
/* "cpu" names every cpu:N but those that want naming themselves, "cpu:0" that one. */
bool frank_fleet_name_matches(const char *wanted, const struct frank_device_info *info);

#endif
