/*
 * What a client of the server for FPGA cores may send. The input is a row of requests: 22 bytes
 * each for a frame that is made well, or 32 as they are. Whatever comes: answers are good frames of
 * the session, in order, none is done twice, and nothing is done that was not asked.
 */
#include "driver/frame.h"
#include "driver/session.h"
#include "fuzz.h"

#include <string.h>

#define FIELDS_BYTES 22

/* Counts what reaches it. */
struct counting {
  uint64_t done;
};

static enum frank_fpga_err count_read(void *ctx, uint32_t addr, uint32_t *value)
{
  ((struct counting *)ctx)->done++;
  *value = addr;
  return addr % 3 == 0 ? FRANK_FPGA_OK : FRANK_FPGA_ERR_REFUSED;
}

/* What fails with IO or TIMEOUT the session tries again, by design: not here, where each is
 * counted. */
static enum frank_fpga_err count_write(void *ctx, uint32_t addr, uint32_t value)
{
  (void)value;
  ((struct counting *)ctx)->done++;
  return addr % 3 == 0 ? FRANK_FPGA_OK : FRANK_FPGA_ERR_DEVICE;
}

static enum frank_fpga_err count_wait(void *ctx, uint64_t timeout_ns, bool *level)
{
  (void)timeout_ns;
  ((struct counting *)ctx)->done++;
  *level = true;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err count_now(void *ctx, uint64_t *now_ns)
{
  *now_ns = ++((struct counting *)ctx)->done;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err count_reset(void *ctx)
{
  ((struct counting *)ctx)->done++;
  return FRANK_FPGA_ERR_NOMEM;
}

static const struct frank_bus_ops count_ops = {
    .read32 = count_read,
    .write32 = count_write,
    .wait_irq = count_wait,
    .now = count_now,
    .reset = count_reset,
};

static uint32_t get32(const uint8_t *at)
{
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The next request of the input into bytes; what is left of it. */
static size_t next_request(const uint8_t *data, size_t size, uint8_t *bytes,
                           const struct frank_bus_session *session)
{
  if (data[0] == 0xff && size >= 1 + FRANK_BUS_FRAME_BYTES) {
    memcpy(bytes, data + 1, FRANK_BUS_FRAME_BYTES);
    return size - 1 - FRANK_BUS_FRAME_BYTES;
  }
  const struct frank_bus_frame frame = {
      .session = data[1] % 8 == 0 ? get32(data + 2) : session->id,
      .sequence = data[1] % 16 < 3 ? get32(data + 6) : session->next - data[1] / 64,
      .op = data[0],
      .status = data[1] == 1,
      .address = get32(data + 10),
      .data = (uint64_t)get32(data + 14) << 32 | get32(data + 18)};
  frank_bus_frame_pack(&frame, FRANK_BUS_MAGIC_REQUEST, bytes);
  return size - FIELDS_BYTES;
}

/* Looks at the answers, and takes them. */
static void check_answers(struct frank_bus_session *session)
{
  FUZZ_CHECK(session->out_len % FRANK_BUS_FRAME_BYTES == 0);
  FUZZ_CHECK(session->out_len <= sizeof session->out);
  for (size_t at = 0; at < session->out_len; at += FRANK_BUS_FRAME_BYTES) {
    struct frank_bus_frame frame;
    FUZZ_CHECK(frank_bus_frame_unpack(session->out + at, FRANK_BUS_MAGIC_ANSWER, &frame));
    FUZZ_CHECK(frame.session == session->id);
    FUZZ_CHECK(frame.status <= FRANK_BUS_UNKNOWN);
    uint32_t age = session->next - frame.sequence;
    FUZZ_CHECK(age >= 1 && age <= FRANK_BUS_WINDOW);
  }
  session->out_len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct frank_bus_session session;
  struct counting counting = {0};
  struct frank_bus bus = {&count_ops, &counting, true};
  struct frank_bus_frame hello = {.op = FRANK_BUS_HELLO, .address = FRANK_BUS_PROTOCOL};
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  frank_bus_session_init(&session, &bus);
  hello.data = size > 0 ? (uint64_t)0 - data[0] : 0;
  FUZZ_CHECK(frank_bus_session_greet(&session, &hello, bytes));
  const uint32_t first = session.next;
  while (size >= FIELDS_BYTES) {
    size_t left = next_request(data, size, bytes, &session);
    data += size - left;
    size = left;
    FUZZ_CHECK(session.in_len + sizeof bytes <= sizeof session.in);
    memcpy(session.in + session.in_len, bytes, sizeof bytes);
    session.in_len += sizeof bytes;
    struct frank_bus_frame request;
    const uint64_t done = counting.done;
    bool wanted = frank_bus_frame_unpack(bytes, FRANK_BUS_MAGIC_REQUEST, &request) &&
                  request.session == session.id && request.sequence == session.next &&
                  request.status == 0;
    bool good = frank_bus_session_run(&session);
    check_answers(&session);
    /* What was asked for once, in its turn, and nothing else. */
    FUZZ_CHECK(counting.done - done <= wanted);
    FUZZ_CHECK(counting.done <= session.next - first);
    FUZZ_CHECK(good || !wanted);
    if (!good) {
      /* The client comes again, over another line. */
      hello.session = session.id;
      FUZZ_CHECK(frank_bus_session_greet(&session, &hello, bytes));
      FUZZ_CHECK(session.in_len == 0);
    }
  }
  return 0;
}
