/*
 * dkim_dns: asks DNS for a DKIM key, within a time.
 *
 * By UDP (EDNS, 1232 bytes), by TCP where the answer does not fit. The C library's resolver makes
 * and reads messages and knows the system's servers, but it is not asked to wait: its limits are
 * whole seconds for each server and try, and it has none for TCP. Blocking; each call is alone, so
 * any thread may.
 */
#ifndef FRANK_MAIL_DKIM_DNS_H
#define FRANK_MAIL_DKIM_DNS_H

#include "base/err.h"
#include "mail/dkim_answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define FRANK_DKIM_DNS_SERVERS_MAX 4 /* the system has MAXNS of them, 3, at most */
#define FRANK_DKIM_NAME_BYTES      256

struct frank_dkim_dns_server {
  struct sockaddr_storage address;
  socklen_t len_bytes;
};
struct frank_dkim_dns {
  struct frank_dkim_dns_server servers[FRANK_DKIM_DNS_SERVERS_MAX];
  size_t count;
};

/* Reads ADDRESS or ADDRESS@PORT, numeric; without a port 53. FRANK_ERR_MALFORMED, FRANK_ERR_RANGE
 * (the port). */
FRANK_MUST_CHECK enum frank_err frank_dkim_dns_server_parse(const char *text,
                                                            struct frank_dkim_dns_server *out);

/* The system's servers, by /etc/resolv.conf as it is now. FRANK_ERR_NOT_FOUND. */
FRANK_MUST_CHECK enum frank_err frank_dkim_dns_system(struct frank_dkim_dns *out);

/* Asks for the TXT record of `name` (a host name, no dot at its end) until `deadline_us`
 * (frank_clock_now_us). FOUND, ABSENT, or LATER with *why (static). */
enum frank_dkim_key_state frank_dkim_dns_ask(const struct frank_dkim_dns *dns, const char *name,
                                             uint64_t deadline_us, char text[FRANK_DKIM_KEY_BYTES],
                                             const char **why);

#endif
