#include "factor/authority/connections.h"

#include <string.h>
#include <sys/socket.h>

void frank_connections_init(struct frank_connections *connections)
{
  memset(connections, 0, sizeof *connections);
  for (size_t i = FRANK_CONNECTIONS_MAX; i > 0; i--) {
    struct frank_connection *slot = &connections->slots[i - 1];
    slot->fd = -1;
    slot->next_free = connections->free_list;
    connections->free_list = slot;
  }
}

bool frank_connections_trusts(const struct frank_connections *connections,
                              const struct frank_address *address)
{
  for (size_t i = 0; i < connections->trusted_count; i++) {
    if (memcmp(&connections->trusted[i], address, sizeof *address) == 0) {
      return true;
    }
  }
  return false;
}

bool frank_connections_may_come(struct frank_connections *connections,
                                const struct frank_address *address)
{
  size_t same = 0;
  size_t prefix = frank_address_customer_bytes(address);
  if (frank_connections_trusts(connections, address)) {
    return true;
  }
  for (size_t i = 0; i < FRANK_CONNECTIONS_MAX && connections->count > 0; i++) {
    const struct frank_connection *slot = &connections->slots[i];
    if (slot->fd >= 0 && memcmp(slot->address.bytes, address->bytes, prefix) == 0) {
      same++;
    }
  }
  if (same >= FRANK_CONNECTIONS_PER_ADDRESS) {
    connections->refused++;
    return false;
  }
  return true;
}

static void cut(struct frank_connections *connections, struct frank_connection *slot)
{
  slot->is_cut = true;
  connections->cut++;
  /* The library sees the end of the stream and closes the descriptor, which is its own. */
  (void)shutdown(slot->fd, SHUT_RDWR);
}

static void cut_longest(struct frank_connections *connections)
{
  struct frank_connection *longest = NULL;
  for (size_t i = 0; i < FRANK_CONNECTIONS_MAX; i++) {
    struct frank_connection *slot = &connections->slots[i];
    if (slot->fd >= 0 && !slot->is_cut && (longest == NULL || slot->since_us < longest->since_us)) {
      longest = slot;
    }
  }
  if (longest != NULL) {
    cut(connections, longest);
  }
}

struct frank_connection *frank_connections_add(struct frank_connections *connections, int fd,
                                               const struct frank_address *address, uint64_t now_us)
{
  if (connections->count >= FRANK_CONNECTIONS_MAX - FRANK_CONNECTIONS_RESERVE) {
    cut_longest(connections);
  }
  struct frank_connection *slot = connections->free_list;
  if (slot == NULL) {
    return NULL;
  }
  connections->free_list = slot->next_free;
  *slot = (struct frank_connection){.fd = fd,
                                    .address = *address,
                                    .is_trusted = frank_connections_trusts(connections, address),
                                    .since_us = now_us};
  connections->count++;
  connections->taken++;
  return slot;
}

void frank_connections_remove(struct frank_connections *connections,
                              struct frank_connection *connection)
{
  connection->fd = -1;
  connection->next_free = connections->free_list;
  connections->free_list = connection;
  connections->count--;
}

void frank_connections_cut_late(struct frank_connections *connections, uint64_t now_us)
{
  for (size_t i = 0; i < FRANK_CONNECTIONS_MAX && connections->count > 0; i++) {
    struct frank_connection *slot = &connections->slots[i];
    if (slot->fd >= 0 && !slot->is_cut && now_us - slot->since_us >= FRANK_CONNECTIONS_REQUEST_US) {
      cut(connections, slot);
    }
  }
}
