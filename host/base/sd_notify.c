#include "base/sd_notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum frank_err frank_sd_notify(const char *state)
{
  const char *name = getenv("NOTIFY_SOCKET");
  if (name == NULL || name[0] == '\0') {
    return FRANK_OK;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(name);
  if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof address.sun_path) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(address.sun_path, name, len);
  if (name[0] == '@') {
    address.sun_path[0] = '\0'; /* an abstract name: no file, and its length counts */
  }
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return FRANK_ERR_IO;
  }
  socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                        (const struct sockaddr *)&address, address_len);
  int error = errno;
  close(fd);
  errno = error;
  return sent < 0 ? FRANK_ERR_IO : FRANK_OK;
}
