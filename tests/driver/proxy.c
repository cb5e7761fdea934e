/*
 * proxy: one connection at a time, as the server has it.
 */
#include "proxy.h"

#include "oracle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PLACE_BYTES 32
#define SILENCE_MS  20

struct proxy_line *proxy_line_new(uint64_t seed)
{
  struct proxy_line *line =
      mmap(NULL, sizeof *line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(line != MAP_FAILED);
  line->seed = seed;
  return line;
}

static struct sockaddr_in address_of(const char *place)
{
  unsigned long port = place == NULL ? 0 : strtoul(strchr(place, ':') + 1, NULL, 10);
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

/* A socket bound to the place; NULL: to a port that nobody uses. One that does not listen lets
 * another be bound to its port, where both are marked so. */
static int bound(const char *place)
{
  const int on = 1;
  struct sockaddr_in address = address_of(place);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

int proxy_reserve(char *place)
{
  struct sockaddr_in address = {0};
  socklen_t len = sizeof address;
  int fd = bound(NULL);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  (void)snprintf(place, PLACE_BYTES, "127.0.0.1:%u", ntohs(address.sin_port));
  return fd;
}

int proxy_listen_at(const char *place)
{
  int fd = bound(place);
  assert_int_equal(listen(fd, 8), 0);
  return fd;
}

int proxy_listen(char *place)
{
  int fd = proxy_reserve(place);
  assert_int_equal(listen(fd, 8), 0);
  return fd;
}

int proxy_connect(const char *place)
{
  struct sockaddr_in address = address_of(place);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

static bool strikes(struct proxy_line *line, uint32_t every, size_t bytes)
{
  return every != 0 && oracle_random(&line->seed) % every < bytes;
}

/* Hands on what has come; false where the connection ends here. */
static bool hand_on(struct proxy_line *line, int from, int to)
{
  uint8_t bytes[512];
  ssize_t got =
      recv(from, bytes, line->crumbs ? 1 + oracle_random(&line->seed) % 40 : sizeof bytes, 0);
  if (got <= 0) {
    return false;
  }
  size_t len = (size_t)got;
  if (strikes(line, line->spoil_every, len)) {
    bytes[oracle_random(&line->seed) % len] ^= (uint8_t)(1U << oracle_random(&line->seed) % 8);
    line->spoilt++;
  }
  bool cut = strikes(line, line->cut_every, len);
  if (cut) {
    len = oracle_random(&line->seed) % len; /* torn in the middle */
    line->cuts++;
  }
  if (line->silent) {
    return true;
  }
  return (len == 0 || send(to, bytes, len, MSG_NOSIGNAL) == (ssize_t)len) && !cut;
}

static void carry(struct proxy_line *line, int client, int server)
{
  const int on = 1;
  bool up = false;
  (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (;;) {
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    if (poll(fds, 2, -1) < 0) {
      return;
    }
    if (line->far && up && fds[1].revents != 0 && poll(fds, 1, SILENCE_MS) > 0) {
      fds[1].revents = 0;
    }
    if (fds[1].revents != 0) {
      line->turns += up;
      up = false;
      if (!hand_on(line, server, client)) {
        return;
      }
    } else if (fds[0].revents != 0) {
      up = true;
      if (!hand_on(line, client, server)) {
        return;
      }
    }
  }
}

pid_t proxy_start(struct proxy_line *line, const char *server, char *place)
{
  int listener = proxy_listen(place);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      int client = accept(listener, NULL, NULL);
      int upstream = proxy_connect(server);
      line->connections++;
      if (client >= 0 && upstream >= 0) {
        carry(line, client, upstream);
      }
      (void)close(client);
      (void)close(upstream);
    }
  }
  (void)close(listener);
  return pid;
}

void proxy_stop(pid_t pid)
{
  (void)kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}
