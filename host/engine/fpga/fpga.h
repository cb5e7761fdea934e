/*
 * fpga: the engine for Frank's own core (hdl/), through its driver (driver/).
 *
 * Its devices are named by the bus that leads to a core:
 *
 *     fpga:sim            a simulation in this process (Verilator), where the build has it
 *     fpga:0              the first that is listed; without boards that is the simulation
 *     fpga:tcp:HOST:PORT  a core behind a server, simulated elsewhere or on a board; an IPv6
 * address in brackets. It exists by being named: probe connects nowhere
 *
 * Variants are "u1" to "u64", the rounds per cycle that a core was built with: a simulation is made
 * so, any other core must be so. NULL: the usual U of a simulation; whatever the core is.
 *
 * The driver hashes every hit again before it is reported. One core, one process, one thread.
 */
#ifndef FRANK_ENGINE_FPGA_FPGA_H
#define FRANK_ENGINE_FPGA_FPGA_H

#include "engine/engine.h"

extern const struct frank_engine frank_engine_fpga;

#endif
