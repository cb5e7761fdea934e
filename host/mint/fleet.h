/*
 * fleet: the workers of a program: finds the devices, starts a frank-worker for each, hands slices
 * of the mint service to them, and supervises them. frankd and `frank mint` share it.
 *
 * The one part of this folder that touches processes; what to do about a child that fails is
 * decided by the pure supervisor (mint/supervisor.h).
 *
 * Owner: the program's main loop. Lifetime: from new to destroy, which ends the workers.
 */
#ifndef FRANK_MINT_FLEET_H
#define FRANK_MINT_FLEET_H

#include "base/err.h"
#include "base/loop.h"
#include "mint/mint.h"
#include "mint/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frank_fleet;

struct frank_fleet_config {
  const char *const *devices; /* names: "cpu", "cpu:0", ...; none: every device not on demand */
  size_t device_count;
  const char *variant;     /* "avx512"; NULL: the fastest */
  unsigned fpga_unroll;    /* rounds per cycle of simulated FPGA cores; 0: their usual number */
  int worker_nice;         /* 0..19 */
  bool bind;               /* bind workers to their devices' places */
  const char *cache_dir;   /* folder for what engines keep between runs, below
                              FRANK_DIR_BYTES long (asserted); NULL: nothing is kept */
  bool tune;               /* engines measure again what was tuned before */
  uint64_t open_limit_us;  /* time for open and self-test */
  uint64_t stall_floor_us; /* a slice is never late before this */
  uint64_t kill_floor_us;  /* a silent device is not killed before this */
  uint64_t quarantine_us;  /* first quarantine of a device that failed repeatedly; it doubles */
};
void frank_fleet_config_init(struct frank_fleet_config *config);

/* Starts looking for devices. FRANK_ERR_NOT_FOUND: frank-worker is not to be found. `why` has
 * FRANK_ENGINE_WHY_BYTES. */
FRANK_MUST_CHECK enum frank_err frank_fleet_new(const struct frank_fleet_config *config,
                                                struct frank_loop *loop, struct frank_mint *mint,
                                                uint64_t now_us, struct frank_fleet **out,
                                                char *why);
/* Ends the workers (kill; nobody waits for a stuck one) and frees. */
void frank_fleet_destroy(struct frank_fleet **fleet);

/* Hands out slices and sends them. Call after every turn of the loop. */
void frank_fleet_pump(struct frank_fleet *fleet, uint64_t now_us);
/* Watchdogs, pauses, restarts. Call at frank_fleet_next_due_us at the latest. */
void frank_fleet_tick(struct frank_fleet *fleet, uint64_t now_us);
uint64_t frank_fleet_next_due_us(const struct frank_fleet *fleet);

/* The program itself did not run for `pause_us` (it was stopped, or its machine was): no device is
 * late for that. */
void frank_fleet_forgive(struct frank_fleet *fleet, uint64_t pause_us, uint64_t now_us);

/* True when no probe is under way: what devices there are is known. */
bool frank_fleet_probed(const struct frank_fleet *fleet);
/* True when every device has either become ready or failed once, and no probe is under way. */
bool frank_fleet_settled(const struct frank_fleet *fleet);
/* Devices that are ready now. */
size_t frank_fleet_ready_count(const struct frank_fleet *fleet);
/* A named device that does not exist: its name into `name`, the list of what there is, and what its
 * engine says, into `have`.
 * FRANK_ERR_NOT_FOUND when all named devices exist. Only once settled. */
FRANK_MUST_CHECK enum frank_err frank_fleet_missing(const struct frank_fleet *fleet,
                                                    char name[FRANK_DEVICE_NAME_BYTES], char *have,
                                                    size_t have_size);
/* Devices that exist but are not used unless they are named, and why a device kind is missing or
 * not all of it is used: lines of text for `frank devices`, into `out`. */
void frank_fleet_notes(const struct frank_fleet *fleet, char *out, size_t out_size);

/* Fills status->devices and device_count. */
void frank_fleet_status(const struct frank_fleet *fleet, struct frank_status *status);

#endif
