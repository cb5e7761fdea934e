/*
 * bus_fault: a bus that does wrong what a plan says, over any other bus: to try drivers, and what
 * is above them, with cores and lines that fail.
 *
 * A plan is a list of faults with commas between: NAME strikes at each chance, NAME@N at the N-th
 * (1 is the first), NAME@N+ from there on, NAME%N at every N-th. README.md has the table.
 */
#ifndef FRANK_DRIVER_BUS_FAULT_H
#define FRANK_DRIVER_BUS_FAULT_H

#include "bus.h"

/* Puts the faults of `plan` before `inner`, which belongs to *bus from here on, also where this
 * fails. An empty plan is none. ARGUMENT: `why` (FRANK_FPGA_WHY_BYTES, never NULL) names the word
 * that is no fault; NOMEM. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_bus_fault_open(struct frank_bus *inner, const char *plan, struct frank_bus **bus, char *why);

#endif
