/*
 * loopback: "ADDRESS:PORT" with a numeric address, as the HTTP service listens on. Pure; no names
 * are looked up, because what a name means is somebody else's to change.
 */
#ifndef FRANK_BASE_LOOPBACK_H
#define FRANK_BASE_LOOPBACK_H

#include "base/err.h"

#include <sys/socket.h>

/* Reads "127.0.0.1:9600" or "[::1]:9600"; port 0 asks for any free one. FRANK_ERR_MALFORMED (not of
 * this form), FRANK_ERR_RANGE (the port), FRANK_ERR_DENIED (not a loopback address). */
FRANK_MUST_CHECK enum frank_err
frank_loopback_parse(const char *text, struct sockaddr_storage *address, socklen_t *address_len);

#endif
