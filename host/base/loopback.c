#include "base/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* One to five digits and nothing else. */
static enum frank_err read_port(const char *text, uint16_t *port)
{
  uint32_t number = 0;
  size_t len = strlen(text);
  if (len == 0 || strspn(text, "0123456789") != len) {
    return FRANK_ERR_MALFORMED;
  }
  for (; *text != '\0' && number <= UINT16_MAX; text++) {
    number = number * 10 + (uint32_t)(*text - '0');
  }
  *port = (uint16_t)number;
  return number <= UINT16_MAX ? FRANK_OK : FRANK_ERR_RANGE;
}

enum frank_err frank_loopback_parse(const char *text, struct sockaddr_storage *address,
                                    socklen_t *address_len)
{
  char host[INET6_ADDRSTRLEN];
  bool six = text[0] == '[';
  const char *host_start = six ? text + 1 : text;
  const char *host_end = six ? strchr(text, ']') : strrchr(text, ':');
  uint16_t port = 0;
  if (host_end == NULL || (six && host_end[1] != ':') ||
      (size_t)(host_end - host_start) >= sizeof host) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(host, host_start, (size_t)(host_end - host_start));
  host[host_end - host_start] = '\0';
  enum frank_err err = read_port(host_end + (six ? 2 : 1), &port);
  if (err != FRANK_OK) {
    return err;
  }
  *address = (struct sockaddr_storage){0};
  if (six) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    *address_len = sizeof *in6;
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1) {
      return FRANK_ERR_MALFORMED;
    }
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ? FRANK_OK : FRANK_ERR_DENIED;
  }
  struct sockaddr_in *in4 = (struct sockaddr_in *)address;
  in4->sin_family = AF_INET;
  in4->sin_port = htons(port);
  *address_len = sizeof *in4;
  if (inet_pton(AF_INET, host, &in4->sin_addr) != 1) {
    return FRANK_ERR_MALFORMED;
  }
  /* RFC 1122 section 3.2.1.3: 127.0.0.0/8 never leaves the host. */
  return ntohl(in4->sin_addr.s_addr) >> 24 == 127 ? FRANK_OK : FRANK_ERR_DENIED;
}
