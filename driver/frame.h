/*
 * frame: what goes over the line between bus_tcp and a server, as protocol.md describes it: frames
 * of 32 bytes, requests one way, answers the other. Pure; no allocation.
 */
#ifndef FRANK_DRIVER_FRAME_H
#define FRANK_DRIVER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_BUS_FRAME_BYTES   32U
#define FRANK_BUS_PROTOCOL      1U
#define FRANK_BUS_MAGIC_REQUEST 0x46524e52U /* "FRNR" */
#define FRANK_BUS_MAGIC_ANSWER  0x46524e41U /* "FRNA" */
#define FRANK_BUS_WINDOW        128U /* requests that may be on their way, and answers kept */

enum frank_bus_op {
  FRANK_BUS_HELLO = 1,
  FRANK_BUS_READ,
  FRANK_BUS_WRITE,
  FRANK_BUS_WAIT,
  FRANK_BUS_NOW,
  FRANK_BUS_RESET
};

enum frank_bus_status {
  FRANK_BUS_OK = 0,
  FRANK_BUS_REFUSED,
  FRANK_BUS_IO,
  FRANK_BUS_TIMEOUT,
  FRANK_BUS_BUSY,
  FRANK_BUS_UNKNOWN
};

struct frank_bus_frame {
  uint32_t session;
  uint32_t sequence;
  uint8_t op;     /* enum frank_bus_op */
  uint8_t status; /* enum frank_bus_status; 0 in a request */
  uint32_t address;
  uint64_t data;
};

/* CRC-32 as in Ethernet and zlib. */
uint32_t frank_bus_crc32(const uint8_t *bytes, size_t len);

void frank_bus_frame_pack(const struct frank_bus_frame *frame, uint32_t magic,
                          uint8_t bytes[FRANK_BUS_FRAME_BYTES]);

/* False where the magic, the CRC or a byte that must be 0 is wrong: the line is not to be trusted
 * from there on. */
bool frank_bus_frame_unpack(const uint8_t bytes[FRANK_BUS_FRAME_BYTES], uint32_t magic,
                            struct frank_bus_frame *frame);

#endif
