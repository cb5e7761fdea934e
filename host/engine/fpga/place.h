/*
 * place: the names of FPGA devices, read strictly, and what is told of a core before it is open.
 */
#ifndef FRANK_ENGINE_FPGA_PLACE_H
#define FRANK_ENGINE_FPGA_PLACE_H

#include "base/err.h"
#include "engine/engine.h"

#include <stdbool.h>

enum frank_fpga_bus {
  FRANK_FPGA_BUS_SIM, /* a simulation in this process */
  FRANK_FPGA_BUS_TCP  /* a server at an address */
};

struct frank_fpga_place {
  enum frank_fpga_bus bus;
  const char *address; /* HOST:PORT; a view into the name; NULL where the bus has none */
};

/* True where this build has the simulation. */
bool frank_fpga_has_sim(void);

/* Reads the name of a device. FRANK_ERR_NOT_FOUND, with `why` (FRANK_ENGINE_WHY_BYTES): no such
 * name, an address that cannot be one, or a device that this build has not. */
FRANK_MUST_CHECK enum frank_err frank_fpga_place_read(const char *device,
                                                      struct frank_fpga_place *place, char *why);

/* Fills what is known of a device that is not open. `device` is shorter than
 * FRANK_DEVICE_NAME_BYTES. */
void frank_fpga_place_describe(const char *device, const struct frank_fpga_place *place,
                               struct frank_device_info *info);

/* True for "u1", "u2", "u4" to "u64": *unroll is the number. */
bool frank_fpga_variant_read(const char *variant, unsigned *unroll);

#endif
