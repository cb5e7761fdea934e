/*
 * session: see the header.
 */
#include "session.h"

#include "place.h"

#include <string.h>

#define PIECE_NS_MIN 1000U /* 100 cycles of a simulation */
#define PIECE_NS_MAX 10000000U
#define PIECE_MS     10  /* of the machine's time that a piece should take */
#define WAIT_MS_MAX  250 /* of a WAIT; the client asks again */
#define TRIES        4   /* of an access: a client that posted a write can not ask again */
#define TRIES_MS     1000

void frank_bus_session_init(struct frank_bus_session *session, struct frank_bus *bus)
{
  memset(session, 0, sizeof *session);
  session->bus = bus;
  session->piece_ns = PIECE_NS_MIN;
}

bool frank_bus_session_greet(struct frank_bus_session *session, const struct frank_bus_frame *hello,
                             uint8_t bytes[FRANK_BUS_FRAME_BYTES])
{
  struct frank_bus_frame answer = *hello;
  bool is = hello->op == FRANK_BUS_HELLO && hello->address == FRANK_BUS_PROTOCOL;
  answer.status = is ? FRANK_BUS_OK : FRANK_BUS_UNKNOWN;
  answer.address = FRANK_BUS_PROTOCOL;
  answer.data = session->bus->simulated;
  if (is && !(session->known && session->id == hello->session)) {
    session->known = true;
    session->id = hello->session;
    session->next = (uint32_t)hello->data;
    session->kept_count = 0;
  }
  if (is) {
    session->in_len = session->out_len = 0;
    session->waiting = false;
  }
  frank_bus_frame_pack(&answer, FRANK_BUS_MAGIC_ANSWER, bytes);
  return is;
}

static uint8_t status_of(enum frank_fpga_err err)
{
  switch (err) {
  case FRANK_FPGA_OK:
    return FRANK_BUS_OK;
  case FRANK_FPGA_ERR_REFUSED:
    return FRANK_BUS_REFUSED;
  case FRANK_FPGA_ERR_TIMEOUT:
    return FRANK_BUS_TIMEOUT;
  default:
    return FRANK_BUS_IO;
  }
}

static void send_kept(struct frank_bus_session *session, uint32_t sequence)
{
  memcpy(session->out + session->out_len, session->kept[sequence % FRANK_BUS_WINDOW],
         FRANK_BUS_FRAME_BYTES);
  session->out_len += FRANK_BUS_FRAME_BYTES;
}

static void answer(struct frank_bus_session *session, const struct frank_bus_frame *request,
                   uint8_t status, uint64_t data)
{
  struct frank_bus_frame frame = *request;
  frame.status = status;
  frame.data = data;
  frank_bus_frame_pack(&frame, FRANK_BUS_MAGIC_ANSWER,
                       session->kept[request->sequence % FRANK_BUS_WINDOW]);
  session->kept_count += session->kept_count < FRANK_BUS_WINDOW;
  session->next++;
  send_kept(session, request->sequence);
}

static void begin_wait(struct frank_bus_session *session, const struct frank_bus_frame *request)
{
  /* A quarter of the client's patience is left to the line, and more. */
  uint32_t patience_ms = request->address / 4;
  session->waiting = true;
  session->wait = *request;
  session->wait_left_ns = request->data;
  session->wait_until_ms =
      frank_bus_clock_ms() + (patience_ms < WAIT_MS_MAX ? patience_ms : WAIT_MS_MAX);
}

/* One piece of a WAIT. How much of the device's time fits is learned: simulations are fast or
 * slow. */
static void run_wait(struct frank_bus_session *session)
{
  const struct frank_bus *bus = session->bus;
  uint64_t piece_ns =
      session->wait_left_ns < session->piece_ns ? session->wait_left_ns : session->piece_ns;
  uint64_t start_ms = frank_bus_clock_ms();
  bool level = false;
  enum frank_fpga_err err = bus->ops->wait_irq(bus->ctx, piece_ns, &level);
  uint64_t end_ms = frank_bus_clock_ms();
  session->wait_left_ns -= piece_ns;
  if (end_ms - start_ms > PIECE_MS && session->piece_ns > PIECE_NS_MIN) {
    session->piece_ns /= 2;
  } else if (end_ms - start_ms < PIECE_MS / 2 && piece_ns == session->piece_ns &&
             session->piece_ns < PIECE_NS_MAX) {
    session->piece_ns *= 2;
  }
  if (err != FRANK_FPGA_OK || level || session->wait_left_ns == 0 ||
      end_ms >= session->wait_until_ms) {
    session->waiting = false;
    answer(session, &session->wait, status_of(err), level);
  }
}

static enum frank_fpga_err access_once(const struct frank_bus *bus,
                                       const struct frank_bus_frame *request, uint64_t *data)
{
  enum frank_fpga_err err;
  uint32_t word = 0;
  switch (request->op) {
  case FRANK_BUS_READ:
    err = bus->ops->read32(bus->ctx, request->address, &word);
    *data = err == FRANK_FPGA_OK ? word : 0;
    return err;
  case FRANK_BUS_WRITE:
    return bus->ops->write32(bus->ctx, request->address, (uint32_t)request->data);
  case FRANK_BUS_NOW:
    return bus->ops->now(bus->ctx, data);
  default:
    return bus->ops->reset(bus->ctx);
  }
}

static void execute(struct frank_bus_session *session, const struct frank_bus_frame *request)
{
  const uint64_t until_ms = frank_bus_clock_ms() + TRIES_MS;
  enum frank_fpga_err err;
  uint64_t data = 0;
  unsigned tries = 0;
  bool known = request->op == FRANK_BUS_READ || request->op == FRANK_BUS_NOW ||
               request->op == FRANK_BUS_RESET ||
               (request->op == FRANK_BUS_WRITE && request->data <= UINT32_MAX);
  if (!known) {
    answer(session, request, FRANK_BUS_UNKNOWN, 0);
    return;
  }
  do {
    err = access_once(session->bus, request, &data);
  } while ((err == FRANK_FPGA_ERR_IO || err == FRANK_FPGA_ERR_TIMEOUT) && ++tries < TRIES &&
           frank_bus_clock_ms() < until_ms);
  answer(session, request, status_of(err), data);
}

/* One request: a new one, or one that was answered before. */
static bool take(struct frank_bus_session *session, const struct frank_bus_frame *request)
{
  if (request->session != session->id || request->status != 0) {
    return false;
  }
  uint32_t age = session->next - request->sequence;
  if (age != 0) {
    if (age > session->kept_count) {
      return false;
    }
    send_kept(session, request->sequence);
    return true;
  }
  if (request->op == FRANK_BUS_WAIT) {
    begin_wait(session, request);
  } else {
    execute(session, request);
  }
  return true;
}

bool frank_bus_session_run(struct frank_bus_session *session)
{
  size_t used = 0;
  bool good = true;
  while (good && session->out_len + FRANK_BUS_FRAME_BYTES <= sizeof session->out) {
    struct frank_bus_frame request;
    if (session->waiting) {
      run_wait(session);
      if (session->waiting) {
        break;
      }
      continue;
    }
    if (session->in_len - used < FRANK_BUS_FRAME_BYTES) {
      break;
    }
    good = frank_bus_frame_unpack(session->in + used, FRANK_BUS_MAGIC_REQUEST, &request) &&
           take(session, &request);
    used += FRANK_BUS_FRAME_BYTES;
  }
  session->in_len -= used;
  memmove(session->in, session->in + used, session->in_len);
  return good;
}
