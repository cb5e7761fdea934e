/*
 * connections: which connections the service has, and which it ends: the limits against slow and
 * greedy clients. Time comes in as an argument; ending one is a shutdown of its descriptor, which
 * libmicrohttpd then sees and closes.
 *
 * A connection has FRANK_CONNECTIONS_REQUEST_US for each request, headers, body and answer
 * together. When places become few, the one that has gone longest without finishing a request gives
 * way. An address has FRANK_CONNECTIONS_PER_ADDRESS at most (of IPv6 its /64, which one customer
 * has), trusted proxies apart.
 */
#ifndef FRANK_FACTOR_AUTHORITY_CONNECTIONS_H
#define FRANK_FACTOR_AUTHORITY_CONNECTIONS_H

#include "factor/authority/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_CONNECTIONS_MAX         1024
#define FRANK_CONNECTIONS_RESERVE     32 /* room for those that come in one turn of the loop */
#define FRANK_CONNECTIONS_PER_ADDRESS 32
#define FRANK_CONNECTIONS_REQUEST_US  UINT64_C(10000000)
#define FRANK_CONNECTIONS_TRUSTED_MAX 8

struct frank_connection {
  int fd;      /* the library's; -1: the slot is free */
  bool is_cut; /* shut down; the library has not closed it yet */
  bool is_trusted;
  struct frank_address address;
  uint64_t since_us; /* begin, or the end of its last request */
  struct frank_connection *next_free;
};

/* Embedded in its owner. */
struct frank_connections {
  struct frank_connection slots[FRANK_CONNECTIONS_MAX];
  struct frank_connection *free_list;
  size_t count;
  struct frank_address trusted[FRANK_CONNECTIONS_TRUSTED_MAX];
  size_t trusted_count;
  uint64_t taken, refused, cut; /* totals */
};

void frank_connections_init(struct frank_connections *connections);
bool frank_connections_trusts(const struct frank_connections *connections,
                              const struct frank_address *address);
/* Whether one more from this address may come; false counts as refused. */
bool frank_connections_may_come(struct frank_connections *connections,
                                const struct frank_address *address);
/* One has come. NULL: no slot is free. */
struct frank_connection *frank_connections_add(struct frank_connections *connections, int fd,
                                               const struct frank_address *address,
                                               uint64_t now_us);
void frank_connections_remove(struct frank_connections *connections,
                              struct frank_connection *connection);
/* Ends those whose time is over. */
void frank_connections_cut_late(struct frank_connections *connections, uint64_t now_us);

#endif
