/*
 * place: see the header.
 */
#include "place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

bool frank_bus_place_parse(const char *text, struct frank_bus_place *place)
{
  const char *colon = strrchr(text, ':');
  if (colon == NULL) {
    return false;
  }
  const char *host = text;
  size_t len = (size_t)(colon - text);
  if (host[0] == '[') {
    if (len < 3 || host[len - 1] != ']') {
      return false;
    }
    host++;
    len -= 2;
  } else if (memchr(host, ':', len) != NULL) {
    return false; /* an IPv6 address without brackets could end in a port or not */
  }
  size_t digits = strspn(colon + 1, "0123456789");
  if (len == 0 || len >= sizeof place->host || digits == 0 || colon[1 + digits] != '\0' ||
      digits >= sizeof place->port || strtoul(colon + 1, NULL, 10) > 65535) {
    return false;
  }
  memcpy(place->host, host, len);
  place->host[len] = '\0';
  (void)snprintf(place->port, sizeof place->port, "%s", colon + 1);
  return true;
}

enum frank_fpga_err frank_bus_place_resolve(const struct frank_bus_place *place, bool passive,
                                            struct addrinfo **list, char *why)
{
  const struct addrinfo hints = {
      .ai_family = AF_UNSPEC,
      .ai_socktype = SOCK_STREAM,
      .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
  };
  int failed = getaddrinfo(place->host, place->port, &hints, list);
  if (failed != 0) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "%.60s: %.80s", place->host, gai_strerror(failed));
    return failed == EAI_MEMORY ? FRANK_FPGA_ERR_NOMEM : FRANK_FPGA_ERR_NOT_FOUND;
  }
  return FRANK_FPGA_OK;
}

uint64_t frank_bus_clock_ms(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int frank_bus_ms_until(uint64_t deadline_ms)
{
  uint64_t now_ms = frank_bus_clock_ms();
  if (deadline_ms <= now_ms) {
    return 0;
  }
  return deadline_ms - now_ms < INT_MAX ? (int)(deadline_ms - now_ms) : INT_MAX;
}
