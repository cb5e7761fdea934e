/*
 * frame: byte by byte, so that nothing depends on the machine.
 */
#include "frame.h"

#define CRC_POLYNOMIAL 0xedb88320U /* IEEE 802.3, reflected */

enum {
  AT_MAGIC = 0,
  AT_SESSION = 4,
  AT_SEQUENCE = 8,
  AT_OP = 12,
  AT_STATUS = 13,
  AT_ZERO = 14, /* two bytes */
  AT_ADDRESS = 16,
  AT_DATA = 20,
  AT_CRC = 28
};

uint32_t frank_bus_crc32(const uint8_t *bytes, size_t len)
{
  uint32_t crc = 0xffffffffU;
  for (size_t i = 0; i < len; i++) {
    crc ^= bytes[i];
    for (unsigned bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC_POLYNOMIAL : 0);
    }
  }
  return ~crc;
}

static void put32(uint8_t *at, uint32_t value)
{
  for (unsigned i = 0; i < 4; i++) {
    at[i] = (uint8_t)(value >> (24 - 8 * i));
  }
}

static uint32_t get32(const uint8_t *at)
{
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void frank_bus_frame_pack(const struct frank_bus_frame *frame, uint32_t magic,
                          uint8_t bytes[FRANK_BUS_FRAME_BYTES])
{
  put32(bytes + AT_MAGIC, magic);
  put32(bytes + AT_SESSION, frame->session);
  put32(bytes + AT_SEQUENCE, frame->sequence);
  bytes[AT_OP] = frame->op;
  bytes[AT_STATUS] = frame->status;
  bytes[AT_ZERO] = bytes[AT_ZERO + 1] = 0;
  put32(bytes + AT_ADDRESS, frame->address);
  put32(bytes + AT_DATA, (uint32_t)(frame->data >> 32));
  put32(bytes + AT_DATA + 4, (uint32_t)frame->data);
  put32(bytes + AT_CRC, frank_bus_crc32(bytes, AT_CRC));
}

bool frank_bus_frame_unpack(const uint8_t bytes[FRANK_BUS_FRAME_BYTES], uint32_t magic,
                            struct frank_bus_frame *frame)
{
  if (get32(bytes + AT_MAGIC) != magic || bytes[AT_ZERO] != 0 || bytes[AT_ZERO + 1] != 0 ||
      get32(bytes + AT_CRC) != frank_bus_crc32(bytes, AT_CRC)) {
    return false;
  }
  frame->session = get32(bytes + AT_SESSION);
  frame->sequence = get32(bytes + AT_SEQUENCE);
  frame->op = bytes[AT_OP];
  frame->status = bytes[AT_STATUS];
  frame->address = get32(bytes + AT_ADDRESS);
  frame->data = (uint64_t)get32(bytes + AT_DATA) << 32 | get32(bytes + AT_DATA + 4);
  return true;
}
