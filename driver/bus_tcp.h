/*
 * bus_tcp: a core behind a TCP connection: another process that simulates it, or a board. The other
 * side speaks protocol.md; server.h is ours.
 *
 * Writes are posted: write32 may return before the other side has answered. What goes wrong with
 * one is the answer of the next read32, wait_irq, now or reset. A broken connection is made again,
 * and what was not answered is asked again under the same sequence numbers, so the other side does
 * nothing twice. A call takes reconnects + 1 times connect_ms + answer_ms at most, and one after a
 * call that failed tries only once; what the machine's resolver takes for a name comes on top.
 */
#ifndef FRANK_DRIVER_BUS_TCP_H
#define FRANK_DRIVER_BUS_TCP_H

#include "bus.h"

struct frank_bus_tcp_options {
  unsigned connect_ms; /* to connect and be greeted, each time; 0: 3000 */
  unsigned answer_ms;  /* for an answer to come; 0: 5000 */
  unsigned reconnects; /* connections made again in one call; 0: 1 */
};

/* Connects to `place`: HOST:PORT, with an IPv6 address in brackets. *bus is the caller's to close
 * by its ops. `options` may be NULL. ARGUMENT: no such form of place; NOT_FOUND: the name is
 * unknown or nobody listens there; TIMEOUT; IO: it is in use by another, or speaks something else;
 * NOMEM. `why` (FRANK_FPGA_WHY_BYTES, never NULL) names the cause. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_bus_tcp_open(const char *place, const struct frank_bus_tcp_options *options,
                   struct frank_bus **bus, char *why);

#endif
