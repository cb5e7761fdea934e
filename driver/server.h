/*
 * server: puts a bus behind TCP, for bus_tcp on the other side (protocol.md). One client at a time;
 * another is told that it is busy. What is no request ends the connection that it came by, and
 * nothing else.
 */
#ifndef FRANK_DRIVER_SERVER_H
#define FRANK_DRIVER_SERVER_H

#include "bus.h"

#include <signal.h>

struct frank_fpga_server_options {
  const char *listen;                /* HOST:PORT; port 0: any */
  bool allow_remote;                 /* else only addresses of this machine are listened at */
  const volatile sig_atomic_t *stop; /* ends it when it is not 0 */
  void (*listening)(void *ctx,
                    const char *place); /* told once it listens, with the port; or NULL */
  void *ctx;
};

/* Serves until it is told to stop. The bus stays the caller's. ARGUMENT: `listen` is no place, or a
 * remote one that is not allowed; NOT_FOUND: of an unknown name; IO: it cannot listen there. `why`
 * (FRANK_FPGA_WHY_BYTES, never NULL) names the cause. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_fpga_server_run(struct frank_bus *bus, const struct frank_fpga_server_options *options,
                      char *why);

#endif
