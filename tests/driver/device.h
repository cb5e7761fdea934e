/*
 * device: the core that a test of the driver is run on, by the program's first argument: "model",
 * or "sim" or "sim:U" for the Verilated core where this build has it.
 */
#ifndef FRANK_TESTS_DRIVER_DEVICE_H
#define FRANK_TESTS_DRIVER_DEVICE_H

#include "driver/core.h"

/* Tells the other functions which device is meant. Exit status 77 (skipped, with the reason) where
 * this build has not got it. */
void device_choose(int argc, char **argv);

/* True for the Verilated core. */
bool device_is_core(void);

/* A new device. Fails the test where there is none. */
struct frank_bus *device_bus(void);

/* The same behind the driver, and behind faults where `plan` is not NULL. */
struct frank_fpga *device_open(const char *plan, const struct frank_fpga_options *options);

/* The Verilated core with a bit of its ring flipped in the middle of each wait that is long enough.
 * Only where device_is_core. */
struct frank_bus *device_bus_that_flips(uint64_t seed);

/* The time of the device last opened, in nanoseconds. */
uint64_t device_now_ns(void);

#endif
