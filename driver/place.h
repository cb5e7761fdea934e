/*
 * place: HOST:PORT, and the clock that waits for sockets are measured by.
 */
#ifndef FRANK_DRIVER_PLACE_H
#define FRANK_DRIVER_PLACE_H

#include "bus.h"

#include <netdb.h>

#define FRANK_BUS_HOST_BYTES 254 /* of a name, RFC 1035, or of an address */
#define FRANK_BUS_PORT_BYTES 6

struct frank_bus_place {
  char host[FRANK_BUS_HOST_BYTES];
  char port[FRANK_BUS_PORT_BYTES];
};

/* Takes HOST:PORT apart; an IPv6 address is in brackets, a port is a decimal number. False where it
 * is none. */
bool frank_bus_place_parse(const char *text, struct frank_bus_place *place);

/* The addresses of a place, to be freed by freeaddrinfo; for listening where `passive`. NOT_FOUND:
 * the name is not known; `why` tells. Blocks as long as the machine's resolver does. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_bus_place_resolve(const struct frank_bus_place *place, bool passive, struct addrinfo **list,
                        char *why);

/* The machine's monotonic clock in milliseconds. */
uint64_t frank_bus_clock_ms(void);

/* Milliseconds until a moment of that clock, 0 where it has passed: for poll(). */
int frank_bus_ms_until(uint64_t deadline_ms);

#endif
