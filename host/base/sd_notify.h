/*
 * sd_notify: tells the service manager how we are (systemd's sd_notify(3) protocol), without
 * libsystemd: one datagram to the socket that NOTIFY_SOCKET names.
 */
#ifndef FRANK_BASE_SD_NOTIFY_H
#define FRANK_BASE_SD_NOTIFY_H

#include "base/err.h"

/* Sends `state`: lines of NAME=VALUE such as "READY=1\nSTATUS=2 devices" or "STOPPING=1". Never
 * waits. FRANK_OK also where no service manager listens (NOTIFY_SOCKET not set);
 * FRANK_ERR_MALFORMED when NOTIFY_SOCKET is neither a path nor an abstract name that fits,
 * FRANK_ERR_IO with errno. */
FRANK_MUST_CHECK enum frank_err frank_sd_notify(const char *state);

#endif
