/*
 * server: sockets of a listener, of one client, and of those who have just come and have a moment
 * to say who they are.
 */
#include "server.h"

#include "place.h"
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COMERS_MAX  8
#define COMER_MS    2000 /* to say HELLO in, and to go away in when it is busy */
#define POLL_MS     100  /* to see the wish to stop */
#define BACKLOG     128
#define PLACE_BYTES 80

/* Somebody who has not said HELLO yet, or was told that it is busy and is on the way out. */
struct comer {
  int fd; /* -1: none */
  uint64_t until_ms;
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  size_t len;
  bool leaves;
};

struct server {
  struct frank_bus_session session;
  int listener;
  int client; /* -1: none */
  struct comer comers[COMERS_MAX];
};

static bool is_loopback(const struct sockaddr *address)
{
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return ntohl(in.sin_addr.s_addr) >> 24 == 127;
  }
  struct sockaddr_in6 in6;
  memcpy(&in6, address, sizeof in6);
  return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static void close_fd(int *fd)
{
  if (*fd >= 0) {
    (void)close(*fd);
    *fd = -1;
  }
}

static void tune(int fd)
{
  const int on = 1;
  /* A peer that is gone without a word is found after half a minute. */
  const int idle_s = 10;
  const int count = 4;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof idle_s);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int listen_at(const struct addrinfo *at)
{
  const int on = 1;
  int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                  bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)) {
    int failed = errno;
    close_fd(&fd);
    errno = failed;
  }
  return fd;
}

static enum frank_fpga_err open_listener(struct server *self,
                                         const struct frank_fpga_server_options *options, char *why)
{
  struct frank_bus_place place;
  struct addrinfo *list = NULL;
  if (!frank_bus_place_parse(options->listen, &place)) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "'%.80s' is not HOST:PORT", options->listen);
    return FRANK_FPGA_ERR_ARGUMENT;
  }
  enum frank_fpga_err err = frank_bus_place_resolve(&place, true, &list, why);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  err = FRANK_FPGA_ERR_ARGUMENT;
  (void)snprintf(why, FRANK_FPGA_WHY_BYTES,
                 "%.60s is not an address of this machine only: anybody who reaches it could use "
                 "the core",
                 options->listen);
  for (const struct addrinfo *at = list; at != NULL && self->listener < 0; at = at->ai_next) {
    if (!options->allow_remote && !is_loopback(at->ai_addr)) {
      continue;
    }
    self->listener = listen_at(at);
    err = self->listener >= 0 ? FRANK_FPGA_OK : FRANK_FPGA_ERR_IO;
    if (err != FRANK_FPGA_OK) {
      char text[64] = "";
      (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "cannot listen at %.60s: %.60s", options->listen,
                     strerror_r(errno, text, sizeof text));
    }
  }
  freeaddrinfo(list);
  return err;
}

static void tell_place(const struct server *self, const struct frank_fpga_server_options *options)
{
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } address;
  socklen_t len = sizeof address;
  char host[INET6_ADDRSTRLEN] = "";
  char place[PLACE_BYTES];
  memset(&address, 0, sizeof address);
  if (options->listening == NULL || getsockname(self->listener, &address.any, &len) != 0) {
    return;
  }
  if (address.any.sa_family == AF_INET6) {
    (void)inet_ntop(AF_INET6, &address.in6.sin6_addr, host, sizeof host);
    (void)snprintf(place, sizeof place, "[%s]:%u", host, ntohs(address.in6.sin6_port));
  } else {
    (void)inet_ntop(AF_INET, &address.in.sin_addr, host, sizeof host);
    (void)snprintf(place, sizeof place, "%s:%u", host, ntohs(address.in.sin_port));
  }
  options->listening(options->ctx, place);
}

static void accept_comer(struct server *self)
{
  int fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  for (size_t i = 0; fd >= 0 && i < COMERS_MAX; i++) {
    struct comer *comer = &self->comers[i];
    if (comer->fd < 0) {
      tune(fd);
      *comer = (struct comer){.fd = fd, .until_ms = frank_bus_clock_ms() + COMER_MS};
      return;
    }
  }
  close_fd(&fd);
}

/* Another client is here, and this one is not the same after its line broke. */
static void turn_away(struct comer *comer, const struct frank_bus_frame *hello)
{
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  struct frank_bus_frame answer = *hello;
  answer.status = FRANK_BUS_BUSY;
  frank_bus_frame_pack(&answer, FRANK_BUS_MAGIC_ANSWER, bytes);
  (void)send(comer->fd, bytes, sizeof bytes, MSG_NOSIGNAL);
  (void)shutdown(comer->fd, SHUT_WR);
  comer->leaves = true; /* closed when it has read that: a reset could overtake it */
}

static void take_hello(struct server *self, struct comer *comer)
{
  struct frank_bus_frame hello;
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  if (!frank_bus_frame_unpack(comer->bytes, FRANK_BUS_MAGIC_REQUEST, &hello)) {
    close_fd(&comer->fd);
    return;
  }
  bool same = self->session.known && hello.session == self->session.id;
  if (self->client >= 0 && !same) {
    turn_away(comer, &hello);
    return;
  }
  bool greeted = frank_bus_session_greet(&self->session, &hello, bytes);
  (void)send(comer->fd, bytes, sizeof bytes, MSG_NOSIGNAL);
  if (!greeted) {
    close_fd(&comer->fd);
    return;
  }
  close_fd(&self->client);
  self->client = comer->fd;
  comer->fd = -1;
}

static void serve_comer(struct server *self, struct comer *comer, bool readable)
{
  if (readable) {
    uint8_t rest[FRANK_BUS_FRAME_BYTES];
    ssize_t got = comer->leaves ? recv(comer->fd, rest, sizeof rest, 0)
                                : recv(comer->fd, comer->bytes + comer->len,
                                       sizeof comer->bytes - comer->len, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
      close_fd(&comer->fd);
      return;
    }
    comer->len += comer->leaves || got < 0 ? 0 : (size_t)got;
    if (!comer->leaves && comer->len == sizeof comer->bytes) {
      take_hello(self, comer);
    }
  }
  if (comer->fd >= 0 && frank_bus_clock_ms() >= comer->until_ms) {
    close_fd(&comer->fd);
  }
}

/* Reads what there is room for; false where the client is gone. */
static bool receive(struct server *self)
{
  struct frank_bus_session *session = &self->session;
  size_t room = sizeof session->in - session->in_len;
  if (room == 0) {
    return true;
  }
  ssize_t got = recv(self->client, session->in + session->in_len, room, 0);
  if (got > 0) {
    session->in_len += (size_t)got;
    return true;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool send_out(struct server *self)
{
  struct frank_bus_session *session = &self->session;
  if (session->out_len == 0) {
    return true;
  }
  ssize_t put = send(self->client, session->out, session->out_len, MSG_NOSIGNAL);
  if (put > 0) {
    session->out_len -= (size_t)put;
    memmove(session->out, session->out + put, session->out_len);
    return true;
  }
  return put < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Ends a connection by which something came that is no request. What was answered before is to
 * arrive: a socket that is closed with bytes unread takes that back. */
static void dismiss(struct server *self)
{
  (void)send_out(self);
  (void)shutdown(self->client, SHUT_WR);
  for (size_t i = 0; i < COMERS_MAX; i++) {
    struct comer *comer = &self->comers[i];
    if (comer->fd < 0) {
      *comer = (struct comer){
          .fd = self->client, .until_ms = frank_bus_clock_ms() + COMER_MS, .leaves = true};
      self->client = -1;
      return;
    }
  }
  close_fd(&self->client);
}

static void serve_client(struct server *self, short events)
{
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive(self)) {
    close_fd(&self->client);
    self->session.waiting = false;
    return;
  }
  if (!frank_bus_session_run(&self->session)) {
    dismiss(self);
    self->session.waiting = false;
  } else if (!send_out(self)) {
    close_fd(&self->client);
    self->session.waiting = false;
  }
}

static void turn(struct server *self)
{
  struct frank_bus_session *session = &self->session;
  struct pollfd fds[COMERS_MAX + 2] = {{.fd = self->listener, .events = POLLIN},
                                       {.fd = self->client}};
  if (session->in_len < sizeof session->in) {
    fds[1].events |= POLLIN;
  }
  if (session->out_len > 0) {
    fds[1].events |= POLLOUT;
  }
  for (size_t i = 0; i < COMERS_MAX; i++) {
    fds[2 + i] = (struct pollfd){.fd = self->comers[i].fd, .events = POLLIN};
  }
  bool work = self->client >= 0 && session->waiting && session->out_len == 0;
  if (poll(fds, COMERS_MAX + 2, work ? 0 : POLL_MS) < 0) {
    return; /* a signal: the caller looks why */
  }
  /* Comers first: one of them may take the client's place, and with it its number. */
  int client = self->client;
  for (size_t i = 0; i < COMERS_MAX; i++) {
    if (fds[2 + i].fd >= 0) {
      serve_comer(self, &self->comers[i], fds[2 + i].revents != 0);
    }
  }
  if (self->client >= 0 && self->client == client) {
    serve_client(self, fds[1].revents);
  }
  if (fds[0].revents != 0) {
    accept_comer(self);
  }
}

enum frank_fpga_err frank_fpga_server_run(struct frank_bus *bus,
                                          const struct frank_fpga_server_options *options,
                                          char *why)
{
  struct server self;
  why[0] = '\0';
  frank_bus_session_init(&self.session, bus);
  self.listener = self.client = -1;
  for (size_t i = 0; i < COMERS_MAX; i++) {
    self.comers[i] = (struct comer){.fd = -1};
  }
  enum frank_fpga_err err = open_listener(&self, options, why);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  tell_place(&self, options);
  while (*options->stop == 0) {
    turn(&self);
  }
  close_fd(&self.client);
  for (size_t i = 0; i < COMERS_MAX; i++) {
    close_fd(&self.comers[i].fd);
  }
  close_fd(&self.listener);
  return FRANK_FPGA_OK;
}
