#include "programs/frankd_config.h"
#include "base/loopback.h"
#include "engine/cpu/variant_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- checks across keys ---- */

static bool is_loopback_endpoint(const char *endpoint)
{
  struct sockaddr_storage address;
  socklen_t address_len;
  char text[FRANK_CONFIG_ITEM_BYTES];
  snprintf(text, sizeof text, "%s", endpoint + strlen("tcp://"));
  char *star = strrchr(text, '*'); /* any free port, as libzmq writes it */
  if (star != NULL) {
    *star = '0';
  }
  return frank_loopback_parse(text, &address, &address_len) == FRANK_OK;
}

static enum frank_err check_listen(const struct frankd_config *config, char *why)
{
  for (uint32_t i = 0; i < config->listen.count; i++) {
    const char *endpoint = config->listen.items[i];
    for (uint32_t j = 0; j < i; j++) {
      if (strcmp(endpoint, config->listen.items[j]) == 0) {
        snprintf(why, FRANK_CONFIG_WHY_BYTES, "listen: %s is named twice", endpoint);
        return FRANK_ERR_MALFORMED;
      }
    }
    if (strncmp(endpoint, "tcp://", 6) != 0) {
      continue;
    }
    if (config->curve_secret[0] != '\0' && config->curve_clients[0] != '\0') {
      continue;
    }
    if (!config->insecure) {
      snprintf(why, FRANK_CONFIG_WHY_BYTES,
               "listen: %s needs curve_secret and curve_clients (frank keygen makes keys), or "
               "insecure on a loopback address",
               endpoint);
      return FRANK_ERR_DENIED;
    }
    if (!is_loopback_endpoint(endpoint)) {
      snprintf(why, FRANK_CONFIG_WHY_BYTES,
               "listen: %s is no loopback address: insecure is taken for those only", endpoint);
      return FRANK_ERR_DENIED;
    }
  }
  return FRANK_OK;
}

static enum frank_err check_together(const struct frankd_config *config, char *why)
{
  if (config->floor > config->max_factor) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "floor: %" PRIu64 " is above max_factor, %" PRIu64,
             config->floor, config->max_factor);
    return FRANK_ERR_RANGE;
  }
  if (config->factor > config->max_factor) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "factor: %" PRIu64 " is above max_factor, %" PRIu64,
             config->factor, config->max_factor);
    return FRANK_ERR_RANGE;
  }
  if (config->require_dnssec && config->dns_anchor[0] == '\0') {
    snprintf(why, FRANK_CONFIG_WHY_BYTES,
             "require_dnssec: without dns_anchor nothing is validated, and no record would count");
    return FRANK_ERR_MALFORMED;
  }
  const struct frank_source_settings sources = frankd_config_sources(config);
  enum frank_err err = frank_source_list_check(&sources, why);
  return err == FRANK_OK ? check_listen(config, why) : err;
}

struct frank_source_settings frankd_config_sources(const struct frankd_config *config)
{
  return (struct frank_source_settings){.factor = config->factor,
                                        .floor = config->floor,
                                        .max_factor = config->max_factor,
                                        .url = config->factor_url,
                                        .key = config->factor_key,
                                        .file = config->factor_file,
                                        .more = &config->factor_sources,
                                        .allow_http = config->factor_http};
}

/* ---- the command line ---- */

static const struct daemon_flag flags[] = {
    {"listen", "listen", "ENDPOINT",
     "take requests here: ipc:///PATH or tcp://ADDRESS:PORT; may be repeated"},
    {"http", "http", "ADDR:PORT", "health, status and metrics by HTTP, on a loopback address"},
    {"factor", "factor", "N", "scaling factor for requests that name none"},
    {"factor-url", "factor_url", "URL", "follow the factor that is published there: https://BASE"},
    {"factor-key", "factor_key", "B64", "the Ed25519 key that must sign it, in base64"},
    {"device", "devices", "NAME", "search with this device only; may be repeated"},
    {"isa", "isa", "NAME", "force a code path:" FRANK_CPU_VARIANT_NAMES " (CPU), uint8x2 (OpenCL)"},
    {"fpga-unroll", "fpga_unroll", "U", "rounds per cycle of a simulated FPGA core: 1, 2, 4 to 64"},
};

static const char *usual_path(const void *values)
{
  (void)values;
  return FRANKD_CONFIG_PATH;
}

static enum frank_err finish(void *values, char *why)
{
  return check_together(values, why);
}

const struct daemon_options frankd_options = {
    .program = "frankd",
    .usage = "usage: frankd [FLAG]...\n"
             "The mint daemon: takes requests for stamps by ZeroMQ and searches on this machine's "
             "devices.\n\n",
    .config_help = "configuration file (default " FRANKD_CONFIG_PATH ", where there is one)",
    .notes = "\nSignals: SIGTERM and SIGINT drain and end, SIGHUP reads the configuration again.\n"
             "\nExit status:\n"
             "   0  ended as asked\n"
             "   1  could not start or go on (a device, an endpoint, a helper program)\n"
             "   2  wrong usage: an unknown flag, a missing argument\n"
             "  78  wrong configuration: in the file, or in the value of a flag\n",
    .table = &frankd_config_table,
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .size = sizeof(struct frankd_config),
    .path = usual_path,
    .finish = finish,
};
