/*
 * bus_tcp: the client's side of protocol.md. What was sent and is not answered is kept, so that it
 * can be sent again over a new connection.
 */
#include "bus_tcp.h"

#include "frame.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 3000U
#define ANSWER_MS  5000U
#define RECONNECTS 1U
#define CLOSE_MS   500U /* for what was posted last to be done */
#define PAUSE_MS   50   /* before a connection is made again: a server may be starting */
#define GATHER     32U  /* posted writes that go out together */
#define CAREFUL    4U   /* requests on their way after the line broke, which loses answers too */

struct tcp_bus {
  struct frank_bus bus;
  struct frank_bus_place place;
  struct frank_bus_tcp_options options;
  char why[FRANK_FPGA_WHY_BYTES];
  int fd;      /* -1: not connected */
  bool failed; /* the last call did, after all it may try: the next tries once */
  uint32_t session;
  /* sequence numbers: answered ones are before `oldest`, sent ones before `sent`, and all before
   * `next` are kept in `requests` */
  uint32_t oldest;
  uint32_t sent;
  uint32_t next;
  uint32_t most; /* that may be on their way */
  struct frank_bus_frame requests[FRANK_BUS_WINDOW];
  uint32_t want; /* the request that a call waits for */
  struct frank_bus_frame answer;
  bool answered;
  enum frank_fpga_err posted; /* what became of writes that were posted, if not OK */
  uint32_t stale;             /* answers of this connection to what was answered before */
  /* bytes of frames cut by the line */
  uint8_t in[FRANK_BUS_FRAME_BYTES];
  size_t in_len;
  size_t out_len; /* bytes of the request `sent` that are gone already */
};

static enum frank_fpga_err say(struct tcp_bus *self, enum frank_fpga_err err, const char *what)
{
  (void)snprintf(self->why, sizeof self->why, "%.60s port %s: %.80s", self->place.host,
                 self->place.port, what);
  return err;
}

static enum frank_fpga_err say_errno(struct tcp_bus *self, const char *what)
{
  char text[64] = "";
  char both[96];
  (void)snprintf(both, sizeof both, "%s: %s", what, strerror_r(errno, text, sizeof text));
  return say(self, FRANK_FPGA_ERR_IO, both);
}

static void disconnect(struct tcp_bus *self)
{
  if (self->fd >= 0) {
    (void)close(self->fd);
  }
  self->fd = -1;
  self->sent = self->oldest; /* to be sent again */
  self->most = CAREFUL;
  self->in_len = self->out_len = 0;
  self->stale = 0;
}

/* Waits until the socket is ready. TIMEOUT at the deadline. */
static enum frank_fpga_err await(struct tcp_bus *self, short events, uint64_t deadline_ms,
                                 short *ready)
{
  struct pollfd fd = {.fd = self->fd, .events = events};
  int count = poll(&fd, 1, frank_bus_ms_until(deadline_ms));
  *ready = count > 0 ? fd.revents : 0;
  if (count < 0 && errno != EINTR) {
    return say_errno(self, "waiting");
  }
  return count == 0 ? say(self, FRANK_FPGA_ERR_TIMEOUT, "no answer in time") : FRANK_FPGA_OK;
}

static enum frank_fpga_err connect_to(struct tcp_bus *self, const struct addrinfo *at,
                                      uint64_t deadline_ms)
{
  const int on = 1;
  int failed = 0;
  socklen_t len = sizeof failed;
  short ready;
  self->fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0) {
    return say_errno(self, "socket");
  }
  (void)setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(self->fd, at->ai_addr, at->ai_addrlen) == 0) {
    return FRANK_FPGA_OK;
  }
  if (errno != EINPROGRESS) {
    return say_errno(self, "cannot connect");
  }
  enum frank_fpga_err err = await(self, POLLOUT, deadline_ms, &ready);
  if (err == FRANK_FPGA_ERR_TIMEOUT) {
    return say(self, err, "cannot connect: no answer in time");
  }
  if (err == FRANK_FPGA_OK && getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 &&
      failed != 0) {
    errno = failed;
    return say_errno(self, "cannot connect");
  }
  return err;
}

/* The next whole frame that comes; *got false where none is there yet. */
static enum frank_fpga_err receive(struct tcp_bus *self, struct frank_bus_frame *frame, bool *got)
{
  *got = false;
  ssize_t count = recv(self->fd, self->in + self->in_len, sizeof self->in - self->in_len, 0);
  if (count == 0) {
    return say(self, FRANK_FPGA_ERR_IO, "the other side has closed the connection");
  }
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR ? FRANK_FPGA_OK : say_errno(self, "receiving");
  }
  self->in_len += (size_t)count;
  if (self->in_len < sizeof self->in) {
    return FRANK_FPGA_OK;
  }
  self->in_len = 0;
  if (!frank_bus_frame_unpack(self->in, FRANK_BUS_MAGIC_ANSWER, frame)) {
    return say(self, FRANK_FPGA_ERR_IO, "answered what is no frame, or was spoilt on the way");
  }
  *got = true;
  return FRANK_FPGA_OK;
}

/* The first words of a connection: who we are, and where we are. */
static enum frank_fpga_err greet(struct tcp_bus *self, uint64_t deadline_ms)
{
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  struct frank_bus_frame frame = {.session = self->session,
                                  .op = FRANK_BUS_HELLO,
                                  .address = FRANK_BUS_PROTOCOL,
                                  .data = self->oldest};
  bool got = false;
  frank_bus_frame_pack(&frame, FRANK_BUS_MAGIC_REQUEST, bytes);
  /* A new connection has room for 32 bytes. */
  if (send(self->fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
    return say_errno(self, "greeting");
  }
  while (!got) {
    short ready;
    enum frank_fpga_err err = await(self, POLLIN, deadline_ms, &ready);
    if (err == FRANK_FPGA_OK && ready != 0) {
      err = receive(self, &frame, &got);
    }
    if (err != FRANK_FPGA_OK) {
      return err;
    }
  }
  if (frame.status == FRANK_BUS_BUSY) {
    return say(self, FRANK_FPGA_ERR_IO, "the core is in use by another");
  }
  if (frame.op != FRANK_BUS_HELLO || frame.status != FRANK_BUS_OK ||
      frame.session != self->session || frame.address != FRANK_BUS_PROTOCOL) {
    return say(self, FRANK_FPGA_ERR_IO, "speaks another version of the protocol, or none");
  }
  self->bus.simulated = (frame.data & 1) != 0;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err make_connection(struct tcp_bus *self)
{
  struct addrinfo *list = NULL;
  const uint64_t deadline_ms = frank_bus_clock_ms() + self->options.connect_ms;
  disconnect(self);
  enum frank_fpga_err err = frank_bus_place_resolve(&self->place, false, &list, self->why);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  err = say(self, FRANK_FPGA_ERR_NOT_FOUND, "has no address");
  for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
    disconnect(self);
    err = connect_to(self, at, deadline_ms);
    if (err == FRANK_FPGA_OK) {
      err = greet(self, deadline_ms);
      break;
    }
  }
  freeaddrinfo(list);
  if (err != FRANK_FPGA_OK) {
    disconnect(self);
  }
  return err;
}

/* Requests that are to be sent now. */
static uint32_t sendable(const struct tcp_bus *self)
{
  uint32_t room = self->most - (self->sent - self->oldest);
  return self->next - self->sent < room ? self->next - self->sent : room;
}

/* Sends what was not sent yet, as far as the line takes it. */
static enum frank_fpga_err send_requests(struct tcp_bus *self)
{
  while (sendable(self) > 0) {
    uint8_t bytes[GATHER * FRANK_BUS_FRAME_BYTES];
    uint32_t count = sendable(self) < GATHER ? sendable(self) : GATHER;
    for (uint32_t i = 0; i < count; i++) {
      frank_bus_frame_pack(&self->requests[(self->sent + i) % FRANK_BUS_WINDOW],
                           FRANK_BUS_MAGIC_REQUEST, bytes + (size_t)i * FRANK_BUS_FRAME_BYTES);
    }
    ssize_t put = send(self->fd, bytes + self->out_len,
                       (size_t)count * FRANK_BUS_FRAME_BYTES - self->out_len, MSG_NOSIGNAL);
    if (put < 0) {
      return errno == EAGAIN || errno == EINTR ? FRANK_FPGA_OK : say_errno(self, "sending");
    }
    size_t gone = self->out_len + (size_t)put;
    self->sent += (uint32_t)(gone / FRANK_BUS_FRAME_BYTES);
    self->out_len = gone % FRANK_BUS_FRAME_BYTES;
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err meaning(struct tcp_bus *self, uint8_t status)
{
  switch (status) {
  case FRANK_BUS_OK:
    return FRANK_FPGA_OK;
  case FRANK_BUS_REFUSED:
    return say(self, FRANK_FPGA_ERR_REFUSED, "the core refused the access");
  case FRANK_BUS_TIMEOUT:
    return say(self, FRANK_FPGA_ERR_TIMEOUT, "the bus over there did not answer in time");
  case FRANK_BUS_IO:
    return say(self, FRANK_FPGA_ERR_IO, "the bus over there is broken");
  default:
    return say(self, FRANK_FPGA_ERR_REFUSED, "the other side does not know this request");
  }
}

/* Answers come in the order of the requests. */
static enum frank_fpga_err take_answer(struct tcp_bus *self, const struct frank_bus_frame *frame)
{
  uint32_t age = self->oldest - frame->sequence;
  if (frame->session != self->session) {
    return say(self, FRANK_FPGA_ERR_IO, "answered another session");
  }
  if (age != 0) {
    /* One that was answered before is stale; one that was not asked is nonsense, and so are more
     * than a server keeps: else it could go on for ever. */
    return age <= FRANK_BUS_WINDOW && ++self->stale <= FRANK_BUS_WINDOW
               ? FRANK_FPGA_OK
               : say(self, FRANK_FPGA_ERR_IO, "answered what was not asked");
  }
  const struct frank_bus_frame *request = &self->requests[frame->sequence % FRANK_BUS_WINDOW];
  if (self->oldest == self->sent || frame->op != request->op) {
    return say(self, FRANK_FPGA_ERR_IO, "answered what was not asked");
  }
  if (self->want == frame->sequence) {
    self->answer = *frame;
    self->answered = true;
  } else if (frame->op == FRANK_BUS_WRITE && self->posted == FRANK_FPGA_OK) {
    /* To ask again would repeat the call that waits, not the write. */
    self->posted = frame->status == FRANK_BUS_OK ? FRANK_FPGA_OK : FRANK_FPGA_ERR_REFUSED;
    (void)meaning(self, frame->status);
  }
  self->oldest++;
  self->most += self->most < FRANK_BUS_WINDOW;
  return FRANK_FPGA_OK;
}

/* Moves bytes both ways until `want` is answered, or fewer than `few` requests are on their way, or
 * the deadline. */
static enum frank_fpga_err exchange(struct tcp_bus *self, uint32_t few, uint64_t deadline_ms)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  while (err == FRANK_FPGA_OK && !self->answered && self->next - self->oldest >= few) {
    short ready = 0;
    err = send_requests(self);
    if (err == FRANK_FPGA_OK) {
      err = await(self, (short)(POLLIN | (sendable(self) > 0 ? POLLOUT : 0)), deadline_ms, &ready);
    }
    if (err == FRANK_FPGA_OK && (ready & ~POLLOUT) != 0) {
      struct frank_bus_frame frame;
      bool got;
      err = receive(self, &frame, &got);
      if (err == FRANK_FPGA_OK && got) {
        err = take_answer(self, &frame);
      }
    }
  }
  return err;
}

/* The same over as many connections as it may take. One that brought an answer is not counted:
 * there are only so many answers to come. */
static enum frank_fpga_err settle(struct tcp_bus *self, uint32_t few)
{
  for (unsigned tries = 0;; tries++) {
    const uint32_t oldest = self->oldest;
    enum frank_fpga_err err = self->fd >= 0 ? FRANK_FPGA_OK : make_connection(self);
    const bool connected = err == FRANK_FPGA_OK;
    if (connected) {
      err = exchange(self, few, frank_bus_clock_ms() + self->options.answer_ms);
    }
    if (err == FRANK_FPGA_OK) {
      self->failed = false;
      return err;
    }
    disconnect(self);
    if (self->oldest != oldest) {
      tries = 0;
      continue;
    }
    if (self->failed || tries == self->options.reconnects) {
      self->failed = true;
      return err == FRANK_FPGA_ERR_TIMEOUT ? err : FRANK_FPGA_ERR_IO;
    }
    (void)poll(NULL, 0, connected ? 0 : PAUSE_MS);
  }
}

/* Keeps a request until it is answered. */
static enum frank_fpga_err keep(struct tcp_bus *self, const struct frank_bus_frame *request)
{
  self->answered = false;
  self->want = self->next - FRANK_BUS_WINDOW - 1; /* none */
  if (self->next - self->oldest >= FRANK_BUS_WINDOW) {
    enum frank_fpga_err err = settle(self, FRANK_BUS_WINDOW);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
  }
  struct frank_bus_frame *kept = &self->requests[self->next % FRANK_BUS_WINDOW];
  *kept = *request;
  kept->session = self->session;
  kept->sequence = self->next;
  self->next++;
  return FRANK_FPGA_OK;
}

/* Asks, and waits for the answer. A request that was not answered is not forgotten: it goes first
 * when there is a connection again, since the numbers must have no gap; its answer is nobody's. */
static enum frank_fpga_err ask(struct tcp_bus *self, uint8_t op, uint32_t address, uint64_t *data)
{
  const struct frank_bus_frame request = {.op = op, .address = address, .data = *data};
  enum frank_fpga_err err = keep(self, &request);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  self->want = self->next - 1;
  err = settle(self, 1);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  *data = self->answer.data;
  if (self->posted != FRANK_FPGA_OK) {
    err = self->posted;
    self->posted = FRANK_FPGA_OK;
    return err;
  }
  return meaning(self, self->answer.status);
}

static enum frank_fpga_err tcp_read32(void *ctx, uint32_t addr, uint32_t *value)
{
  uint64_t data = 0;
  enum frank_fpga_err err = ask(ctx, FRANK_BUS_READ, addr, &data);
  if (err == FRANK_FPGA_OK) {
    *value = (uint32_t)data;
  }
  return err;
}

static enum frank_fpga_err tcp_write32(void *ctx, uint32_t addr, uint32_t value)
{
  struct tcp_bus *self = ctx;
  const struct frank_bus_frame request = {.op = FRANK_BUS_WRITE, .address = addr, .data = value};
  enum frank_fpga_err err = keep(self, &request);
  if (err == FRANK_FPGA_OK && self->fd >= 0 && self->next - self->sent >= GATHER &&
      send_requests(self) != FRANK_FPGA_OK) {
    disconnect(self); /* the next call that waits connects again, and sends all of it */
  }
  return err;
}

static enum frank_fpga_err tcp_wait_irq(void *ctx, uint64_t timeout_ns, bool *level)
{
  struct tcp_bus *self = ctx;
  uint64_t data = timeout_ns;
  enum frank_fpga_err err = ask(self, FRANK_BUS_WAIT, self->options.answer_ms, &data);
  if (err == FRANK_FPGA_OK) {
    *level = data != 0;
  }
  return err;
}

static enum frank_fpga_err tcp_now(void *ctx, uint64_t *now_ns)
{
  uint64_t data = 0;
  enum frank_fpga_err err = ask(ctx, FRANK_BUS_NOW, 0, &data);
  if (err == FRANK_FPGA_OK) {
    *now_ns = data;
  }
  return err;
}

static enum frank_fpga_err tcp_reset(void *ctx)
{
  uint64_t data = 0;
  return ask(ctx, FRANK_BUS_RESET, 0, &data);
}

static const char *tcp_failure(void *ctx)
{
  const struct tcp_bus *self = ctx;
  return self->why;
}

static void tcp_close(void *ctx)
{
  struct tcp_bus *self = ctx;
  /* Answers that nobody reads would make the line forget what was posted last. What became of it
   * nobody is left to ask. */
  self->answered = false;
  if (self->fd >= 0) {
    (void)exchange(self, 1, frank_bus_clock_ms() + CLOSE_MS);
  }
  disconnect(self);
  free(self);
}

static const struct frank_bus_ops tcp_ops = {
    .read32 = tcp_read32,
    .write32 = tcp_write32,
    .wait_irq = tcp_wait_irq,
    .now = tcp_now,
    .reset = tcp_reset,
    .failure = tcp_failure,
    .close = tcp_close,
};

static void set_options(struct tcp_bus *self, const struct frank_bus_tcp_options *options)
{
  if (options != NULL) {
    self->options = *options;
  }
  if (self->options.connect_ms == 0) {
    self->options.connect_ms = CONNECT_MS;
  }
  if (self->options.answer_ms == 0) {
    self->options.answer_ms = ANSWER_MS;
  }
  if (self->options.reconnects == 0) {
    self->options.reconnects = RECONNECTS;
  }
}

enum frank_fpga_err frank_bus_tcp_open(const char *place,
                                       const struct frank_bus_tcp_options *options,
                                       struct frank_bus **bus, char *why)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  why[0] = '\0';
  *bus = NULL;
  struct tcp_bus *self = calloc(1, sizeof *self);
  if (self == NULL) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "no memory");
    return FRANK_FPGA_ERR_NOMEM;
  }
  self->fd = -1;
  self->bus = (struct frank_bus){&tcp_ops, self, false};
  set_options(self, options);
  if (!frank_bus_place_parse(place, &self->place)) {
    (void)snprintf(self->why, sizeof self->why, "'%.80s' is not HOST:PORT", place);
    err = FRANK_FPGA_ERR_ARGUMENT;
    goto cleanup;
  }
  if (getrandom(&self->session, sizeof self->session, 0) != (ssize_t)sizeof self->session) {
    err = say_errno(self, "no random number for the session");
    goto cleanup;
  }
  err = make_connection(self);
cleanup:
  if (err != FRANK_FPGA_OK) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "%s", self->why);
    tcp_close(self);
    return err;
  }
  *bus = &self->bus;
  return FRANK_FPGA_OK;
}
