/*
 * address: a client's IP address, IPv4 and IPv6 alike. Pure.
 */
#ifndef FRANK_FACTOR_AUTHORITY_ADDRESS_H
#define FRANK_FACTOR_AUTHORITY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define FRANK_ADDRESS_TEXT_BYTES 46 /* INET6_ADDRSTRLEN */

struct frank_address {
  uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d: RFC 4291, section 2.5.5.2 */
};

/* False where it is neither IPv4 nor IPv6. */
bool frank_address_of(const struct sockaddr *socket_address, struct frank_address *out);
/* Numeric text; false where it is none. */
bool frank_address_parse(const char *text, struct frank_address *out);
void frank_address_format(const struct frank_address *address, char out[FRANK_ADDRESS_TEXT_BYTES]);
/* How many of the first bytes tell one customer from another: all of IPv4, the /64 of IPv6. */
size_t frank_address_customer_bytes(const struct frank_address *address);

#endif
