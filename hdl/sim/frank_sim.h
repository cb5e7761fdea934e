/*
 * frank_sim: the core as a program. A Verilated frank_core_axil behind the bus of driver/bus.h.
 *
 * Each open bus is a core of its own with a clock that runs only while a call runs it: an access
 * takes the cycles of its AXI handshake, wait_irq as many as it waits. A cycle is 10 ns of
 * simulated time. Nothing here is shared between cores but the list of models.
 *
 * Which U there are is a choice of the build (FRANK_FPGA_UNROLLS).
 */
#ifndef FRANK_SIM_H
#define FRANK_SIM_H

#include "driver/bus.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_SIM_CYCLE_NS 10U

#ifdef __cplusplus
extern "C" {
#endif

/* The U of this build's models, smallest first, into list[0..cap); returns how many there are,
 * which can be more than cap. */
size_t frank_sim_unrolls(unsigned *list, size_t cap);

/* The U that frank_sim_open takes for 0: the fastest in attempts per second of those built. */
unsigned frank_sim_unroll_default(void);

/* Makes a core with U = unroll (0: the default) out of reset. The caller owns *bus and ends it with
 * (*bus)->ops->close((*bus)->ctx), which frees *bus too. NOT_FOUND: this build has no such model;
 * NOMEM. `why` (FRANK_FPGA_WHY_BYTES) tells. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_sim_open(unsigned unroll, struct frank_bus **bus,
                                                         char *why);

/* The same, but every register that has no reset, and every X of the sources, starts from random
 * bits of this seed (not 0) where the library was built with --x-initial unique; else from 0. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_sim_open_random(unsigned unroll, int seed,
                                                                struct frank_bus **bus, char *why);

/* ---- for tests; `bus` must be of frank_sim_open ---- */

/* Clock cycles since it was opened. */
uint64_t frank_sim_cycles(const struct frank_bus *bus);

/* Runs the clock for `cycles`, whatever the interrupt line says. */
void frank_sim_run(struct frank_bus *bus, uint64_t cycles);

/* Flips one bit of the state in the ring, which one by `seed`: what radiation or a clock that is
 * too fast does. */
void frank_sim_flip(struct frank_bus *bus, uint64_t seed);

/* Writes the waves from now on to an FST file for GTKWave, until the bus is closed. NOT_FOUND: this
 * build has no tracing (FRANK_FPGA_TRACE); IO: the file cannot be written. failure() tells. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_sim_trace(struct frank_bus *bus, const char *path);

/* Writes what was covered since the program began to a file for verilator_coverage. NOT_FOUND: a
 * build without coverage. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_sim_coverage(struct frank_bus *bus,
                                                             const char *path);

#ifdef __cplusplus
}
#endif

#endif
