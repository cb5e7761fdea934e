/*
 * The driver's bus on a server that is not ours: who is there, and what is refused.
 *
 *     read_id HOST:PORT
 */
#include "driver/bus_tcp.h"
#include "driver/registers.h"

#include <stdio.h>

int main(int argc, char **argv)
{
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *bus;
  uint32_t id = 0;
  uint32_t refused = 0;
  bool level = true;
  uint64_t before_ns = 0;
  uint64_t after_ns = 0;
  if (argc != 2 || frank_bus_tcp_open(argv[1], NULL, &bus, why) != FRANK_FPGA_OK) {
    (void)fprintf(stderr, "read_id: %s\n", argc == 2 ? why : "one argument, HOST:PORT");
    return 1;
  }
  const struct frank_bus_ops *ops = bus->ops;
  bool right = ops->read32(bus->ctx, FRANK_FPGA_REG_ID, &id) == FRANK_FPGA_OK &&
               ops->now(bus->ctx, &before_ns) == FRANK_FPGA_OK &&
               ops->wait_irq(bus->ctx, 5000000, &level) == FRANK_FPGA_OK && !level &&
               ops->now(bus->ctx, &after_ns) == FRANK_FPGA_OK && after_ns > before_ns &&
               ops->reset(bus->ctx) == FRANK_FPGA_OK &&
               ops->read32(bus->ctx, 0x7fc, &refused) == FRANK_FPGA_ERR_REFUSED &&
               ops->write32(bus->ctx, FRANK_FPGA_REG_ID, 0) == FRANK_FPGA_OK && /* posted */
               ops->read32(bus->ctx, FRANK_FPGA_REG_ID, &id) == FRANK_FPGA_ERR_REFUSED &&
               ops->read32(bus->ctx, FRANK_FPGA_REG_ID, &id) == FRANK_FPGA_OK;
  (void)printf("ID 0x%08x\n", (unsigned)id);
  if (!right) {
    (void)fprintf(stderr, "read_id: not as it should be: %s\n", ops->failure(bus->ctx));
  }
  ops->close(bus->ctx);
  return right ? 0 : 1;
}
