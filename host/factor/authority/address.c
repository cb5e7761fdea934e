#include "factor/authority/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool frank_address_of(const struct sockaddr *socket_address, struct frank_address *out)
{
  if (socket_address->sa_family == AF_INET) {
    struct sockaddr_in in4;
    memcpy(&in4, socket_address, sizeof in4);
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, &in4.sin_addr, 4);
    return true;
  }
  if (socket_address->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, socket_address, sizeof in6);
    memcpy(out->bytes, &in6.sin6_addr, sizeof out->bytes);
    return true;
  }
  return false;
}

bool frank_address_parse(const char *text, struct frank_address *out)
{
  memcpy(out->bytes, mapped, sizeof mapped);
  return inet_pton(AF_INET, text, out->bytes + sizeof mapped) == 1 ||
         inet_pton(AF_INET6, text, out->bytes) == 1;
}

static bool is_four(const struct frank_address *address)
{
  return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

void frank_address_format(const struct frank_address *address, char out[FRANK_ADDRESS_TEXT_BYTES])
{
  bool four = is_four(address);
  const uint8_t *bytes = four ? address->bytes + sizeof mapped : address->bytes;
  if (inet_ntop(four ? AF_INET : AF_INET6, bytes, out, FRANK_ADDRESS_TEXT_BYTES) == NULL) {
    (void)snprintf(out, FRANK_ADDRESS_TEXT_BYTES, "-"); /* there is room for any: does not happen */
  }
}

size_t frank_address_customer_bytes(const struct frank_address *address)
{
  return is_four(address) ? 16 : 8;
}
