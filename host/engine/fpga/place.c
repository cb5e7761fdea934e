#include "engine/fpga/place.h"

#include "engine/device_name.h"
#include "engine/unroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE     "fpga"
#define SIM        ENGINE ":sim"
#define TCP_PREFIX ENGINE ":tcp:"

/* What the core of this source tree takes. Another may take more or less, and tells when it is
 * open; until then the service has only this to go by. */
#define USUAL_BLOCKS_MAX 12U
/* So many slices are given to the core at once: while one runs, the next is loaded. */
#define BATCH_MAX 4U

bool frank_fpga_has_sim(void)
{
#ifdef FRANK_FPGA_SIM
  return true;
#else
  return false;
#endif
}

/* 1 to 65535, no leading zero. */
static bool is_port(const char *text)
{
  size_t len = strlen(text);
  return len >= 1 && len <= 5 && strspn(text, "0123456789") == len && text[0] != '0' &&
         strtoul(text, NULL, 10) <= 65535;
}

/* HOST:PORT by its form: what the host means is for the driver to find out, when it connects. */
static bool is_address(const char *text)
{
  const char *colon = strrchr(text, ':');
  if (colon == NULL || !is_port(colon + 1)) {
    return false;
  }
  size_t host_len = (size_t)(colon - text);
  if (text[0] == '[') {
    return host_len > 4 && text[host_len - 1] == ']' &&
           strspn(text + 1, "0123456789abcdefABCDEF:.") == host_len - 2;
  }
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return host_len >= 1 && strspn(text, letters) == host_len;
}

static enum frank_err refuse(const char *device, char *why, const char *text)
{
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "there is no device \"%s\": %s", device, text);
  return FRANK_ERR_NOT_FOUND;
}

enum frank_err frank_fpga_place_read(const char *device, struct frank_fpga_place *place, char *why)
{
  uint32_t index = 0;
  *place = (struct frank_fpga_place){.bus = FRANK_FPGA_BUS_SIM};
  if (strlen(device) >= FRANK_DEVICE_NAME_BYTES) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "there is no device \"%.95s\"...: a name has %d bytes at most", device,
                   FRANK_DEVICE_NAME_BYTES - 1);
    return FRANK_ERR_NOT_FOUND;
  }
  if (strncmp(device, TCP_PREFIX, strlen(TCP_PREFIX)) == 0) {
    place->bus = FRANK_FPGA_BUS_TCP;
    place->address = device + strlen(TCP_PREFIX);
    return is_address(place->address)
               ? FRANK_OK
               : refuse(device, why,
                        "an address is " TCP_PREFIX "HOST:PORT, with an IPv6 host in brackets");
  }
  bool is_number = frank_device_index(device, ENGINE, &index);
  if (strcmp(device, SIM) != 0 && !is_number) {
    return refuse(device, why,
                  "an FPGA device is " SIM ", " ENGINE ":0 or " TCP_PREFIX "HOST:PORT");
  }
  if (!frank_fpga_has_sim()) {
    return refuse(device, why,
                  "the simulated core is not in this build (FRANK_FPGA_SIM), and no board is "
                  "found by itself; " TCP_PREFIX "HOST:PORT is one at an address");
  }
  if (index != 0) {
    return refuse(device, why,
                  "the simulated core, " ENGINE ":0, is the only one here; " TCP_PREFIX
                  "HOST:PORT is one at an address");
  }
  return FRANK_OK;
}

void frank_fpga_place_describe(const char *device, const struct frank_fpga_place *place,
                               struct frank_device_info *info)
{
  bool is_sim = place->bus == FRANK_FPGA_BUS_SIM;
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, "%s", device);
  (void)snprintf(info->engine, sizeof info->engine, ENGINE);
  (void)snprintf(info->model, sizeof info->model, "Frank core%s",
                 is_sim ? ", simulated by Verilator" : "");
  (void)snprintf(info->place, sizeof info->place, "%.63s", is_sim ? "simulated" : place->address);
  info->numa_node = -1;
  info->hashes = FRANK_ENGINE_SHA256;
  info->blocks_max = USUAL_BLOCKS_MAX;
  info->batch_max = BATCH_MAX;
  info->stops_early = 1;
  info->on_demand = is_sim && strcmp(device, SIM) == 0 ? FRANK_DEMAND_ENGINE : FRANK_DEMAND_NAME;
  info->simulated = is_sim ? 1 : 0;
}

bool frank_fpga_variant_read(const char *variant, unsigned *unroll)
{
  return variant[0] == 'u' && frank_unroll_parse(variant + 1, unroll);
}
