/* The keys of frankd's configuration, and the checks of their texts. */
#include "programs/frankd_config.h"

#include "base/loopback.h"
#include "door/door.h"
#include "engine/cpu/variant_list.h"
#include "engine/engine.h"
#include "engine/unroll.h"
#include "factor/messages.h"
#include "factor/source_list.h"
#include "mint/mint.h"
#include "proof/target.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* ---- checks of texts ---- */

static bool is_port(const char *text)
{
  if (strcmp(text, "*") == 0) {
    return true;
  }
  size_t len = strlen(text);
  return len >= 1 && len <= 5 && strspn(text, "0123456789") == len &&
         strtoul(text, NULL, 10) < 65536;
}

/* The form only: what the address means is for libzmq in the door to say. */
static const char *check_endpoint(const char *text)
{
  const char *expected = "ipc:///PATH (107 bytes at most) or tcp://ADDRESS:PORT";
  if (strncmp(text, "ipc://", 6) == 0) {
    size_t path_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    return text[6] == '/' && strlen(text + 6) <= path_max ? NULL : expected;
  }
  const char *colon = strrchr(text, ':');
  bool is_tcp = strncmp(text, "tcp://", 6) == 0 && colon > text + 6 && is_port(colon + 1);
  return is_tcp ? NULL : expected;
}

static const char *check_http(const char *text)
{
  struct sockaddr_storage address;
  socklen_t address_len;
  enum frank_err err = frank_loopback_parse(text, &address, &address_len);
  if (err == FRANK_ERR_DENIED) {
    return "a loopback address (127.0.0.1 or [::1]): the HTTP service is for this host alone";
  }
  return err == FRANK_OK ? NULL : "ADDRESS:PORT with a numeric loopback address (127.0.0.1:9600)";
}

/* The form only: an engine's name, and after a colon what its devices are called: numbers, or an
 * address. */
static const char *check_device(const char *text)
{
  static const char small[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:[]";
  size_t len = strlen(text);
  size_t engine_len = strcspn(text, ":");
  bool fits = len < FRANK_DEVICE_NAME_BYTES && engine_len > 0 &&
              strspn(text, small) >= engine_len && strspn(text, all) == len;
  return fits ? NULL : "a device name such as cpu, cpu:0, opencl:0.1 or fpga:sim, below 96 bytes";
}

static const char *check_unroll(const char *text)
{
  unsigned unroll = 0;
  bool fits = text[0] == '\0' || frank_unroll_parse(text, &unroll);
  return fits ? NULL : "1, 2, 4, 8, 16, 32 or 64, the rounds per cycle, or nothing";
}

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

/* ---- the table ---- */

#define MEMBER(name) offsetof(struct frankd_config, name)
#define SIZE(name)   sizeof(((struct frankd_config *)NULL)->name)
#define MS           UINT64_C(1000)
#define SECOND       UINT64_C(1000000)
#define HOUR         (3600 * SECOND)
#define MIB          (UINT64_C(1) << 20)

static const struct frank_config_key keys[] = {
    {.name = "listen",
     .type = FRANK_CONFIG_LIST,
     .offset = MEMBER(listen),
     .min = 1,
     .max = FRANKD_LISTEN_MAX,
     .normal = "ipc:///run/frank/mint.sock",
     .check = check_endpoint,
     .help = "Endpoints where mint requests are taken: ipc:///PATH or tcp://ADDRESS:PORT."},
    {.name = "curve_secret",
     .type = FRANK_CONFIG_TEXT,
     .is_read = true,
     .offset = MEMBER(curve_secret),
     .size = SIZE(curve_secret),
     .normal = "",
     .help = "File with the server's secret CURVE key (frank keygen), for tcp endpoints."},
    {.name = "curve_clients",
     .type = FRANK_CONFIG_TEXT,
     .is_read = true,
     .offset = MEMBER(curve_clients),
     .size = SIZE(curve_clients),
     .normal = "",
     .help = "Folder with one public key file per client that may connect by tcp."},
    {.name = "insecure",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(insecure),
     .normal = "false",
     .help = "Take tcp clients without CURVE; only on loopback addresses."},
    {.name = "ipc_mode",
     .type = FRANK_CONFIG_MODE,
     .offset = MEMBER(ipc_mode),
     .max = 0777,
     .normal = "0660",
     .help = "File mode of ipc sockets: who may write to one may ask for stamps."},
    {.name = "http",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(http),
     .size = SIZE(http),
     .normal = "",
     .check = check_http,
     .help = "ADDRESS:PORT for health, status and metrics by HTTP; loopback only; empty: off."},
    {.name = "factor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(factor),
     .max = FRANK_FACTOR_MAX,
     .normal = "0",
     .help = "Scaling factor for requests that name none, instead of all sources; 0: not given."},
    {.name = "factor_url",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_url),
     .size = SIZE(factor_url),
     .normal = "",
     .check = frank_source_check_url,
     .help = "https://BASE of who publishes the factor, the first source of it; empty: none."},
    {.name = "factor_key",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_key),
     .size = SIZE(factor_key),
     .normal = "",
     .check = frank_source_check_key,
     .help = "Ed25519 key (base64) that must sign what factor_url says; empty: unsigned will do."},
    {.name = "factor_sources",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(factor_sources),
     .max = FRANK_SOURCES_MAX,
     .normal = "",
     .check = frank_source_check,
     .help =
         "Further sources in order: https://BASE [KEY], dns:DOMAIN [KEY], file:/PATH, fixed:N."},
    {.name = "factor_http",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = MEMBER(factor_http),
     .normal = "false",
     .help = "Take http:// sources on other hosts than this one, too; let them be signed then."},
    {.name = "factor_ca",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .is_read = true,
     .offset = MEMBER(factor_ca),
     .size = SIZE(factor_ca),
     .normal = "",
     .help = "File of CA certificates for https:// sources; empty: the system's."},
    {.name = "factor_file",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_file),
     .size = SIZE(factor_file),
     .normal = "",
     .help = "File that holds the factor in digits, the last source; read again when it changes."},
    {.name = "floor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(floor),
     .min = 1,
     .max = FRANK_FACTOR_MAX,
     .normal = "1048576",
     .help = "Factor where no source gives one."},
    {.name = "max_factor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(max_factor),
     .min = 1,
     .max = FRANK_FACTOR_MAX,
     .normal = "1099511627776",
     .help = "A request for a larger factor is too hard; a published one above it is ignored."},
    {.name = "look_up",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(look_up),
     .normal = "true",
     .help = "Ask DNS (_msmr.DOMAIN) what a request's recipients expect."},
    {.name = "look_up_limit",
     .type = FRANK_CONFIG_DURATION,
     .reloadable = true,
     .offset = MEMBER(look_up_limit_us),
     .min = 1 * MS,
     .max = 10 * SECOND,
     .normal = "500ms",
     .help = "How long a request waits for that; then the default counts."},
    {.name = "dns_servers",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(dns_servers),
     .max = FRANK_RESOLVER_SERVERS_MAX,
     .normal = "",
     .check = frank_source_check_server,
     .help = "ADDRESS[@PORT] of recursive DNS servers; none: those of /etc/resolv.conf."},
    {.name = "dns_anchor",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .is_read = true,
     .offset = MEMBER(dns_anchor),
     .size = SIZE(dns_anchor),
     .normal = "",
     .help = "File with DNSSEC trust anchors (/usr/share/dns/root.key); empty: not validated."},
    {.name = "require_dnssec",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = MEMBER(require_dnssec),
     .normal = "false",
     .help = "Let records in DNS count only where DNSSEC proves them; needs dns_anchor."},
    {.name = "state",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(state),
     .size = SIZE(state),
     .normal = "",
     .help = "Folder for what outlasts a restart; empty: $STATE_DIRECTORY, ~/.local/state/frank."},
    {.name = "queue",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(queue),
     .min = 1,
     .max = FRANK_QUEUE_MAX,
     .normal = "10000",
     .help = "Requests that may wait for an answer; one more is answered busy."},
    {.name = "cache",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(cache),
     .max = FRANK_QUEUE_MAX,
     .normal = "10000",
     .help = "Answers that are kept for clients that ask again."},
    {.name = "cache_age",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(cache_age_us),
     .max = 24 * HOUR,
     .normal = "10min",
     .help = "How long an answer is kept."},
    {.name = "slice",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(slice_us),
     .min = 1 * MS,
     .max = 10 * SECOND,
     .normal = "50ms",
     .help = "How long one piece of work should keep a device busy."},
    {.name = "devices",
     .type = FRANK_CONFIG_LIST,
     .offset = MEMBER(devices),
     .max = FRANK_CONFIG_LIST_MAX,
     .normal = "",
     .check = check_device,
     .help = "Devices to search with (frank devices lists them); none: every usual one."},
    {.name = "isa",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(isa),
     .size = SIZE(isa),
     .normal = "",
     .help = "Code path:" FRANK_CPU_VARIANT_NAMES " (CPU), uint8x2 (OpenCL); empty: the fastest."},
    {.name = "fpga_unroll",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(fpga_unroll),
     .size = SIZE(fpga_unroll),
     .normal = "",
     .check = check_unroll,
     .help = "Rounds per cycle of simulated FPGA cores (fpga:sim): 1 to 64; empty: the fastest."},
    {.name = "worker_nice",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(worker_nice),
     .max = 19,
     .normal = "10",
     .help = "Added to the nice value of workers, so that they leave the CPU to others."},
    {.name = "bind",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(bind),
     .normal = "true",
     .help = "Bind each worker to the place (core, memory node) of its device."},
    {.name = "open_limit",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(open_limit_us),
     .min = 1 * SECOND,
     .max = HOUR,
     .normal = "2min",
     .help = "Time a device has for opening, building kernels and its self-test."},
    {.name = "stall_floor",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(stall_floor_us),
     .min = 10 * MS,
     .max = HOUR,
     .normal = "250ms",
     .help = "Work is never taken back from a device before it is this late."},
    {.name = "kill_floor",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(kill_floor_us),
     .min = 100 * MS,
     .max = HOUR,
     .normal = "5s",
     .help = "A silent device is never killed before this."},
    {.name = "quarantine",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(quarantine_us),
     .min = 100 * MS,
     .max = HOUR,
     .normal = "60s",
     .help = "How long a device that failed repeatedly is left alone at first; it doubles."},
    {.name = "client_rate",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(client_rate),
     .max = 1000000,
     .normal = "0",
     .help = "Requests per second that one client may make; 0: no limit."},
    {.name = "client_in_flight",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(client_in_flight),
     .min = 1,
     .max = FRANK_DOOR_REQUESTS_MAX,
     .normal = "10000",
     .help = "Requests of one client that may wait for their answers."},
    {.name = "door_memory",
     .type = FRANK_CONFIG_SIZE,
     .offset = MEMBER(door_memory_bytes),
     .min = FRANK_DOOR_MEMORY_MIN,
     .max = 4096 * MIB,
     .normal = "60mb",
     .help = "Memory that the process of one endpoint may take."},
    {.name = "door_descriptors",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(door_descriptors),
     .min = FRANK_DOOR_DESCRIPTORS_MIN,
     .max = 65536,
     .normal = "1024",
     .help = "File descriptors, so connections, that the process of one endpoint may have."},
    {.name = "grace",
     .type = FRANK_CONFIG_DURATION,
     .reloadable = true,
     .offset = MEMBER(grace_us),
     .max = HOUR,
     .normal = "10s",
     .help = "Time from SIGTERM until what still waits is answered as it stands."},
    {.name = "log_level",
     .type = FRANK_CONFIG_ENUM,
     .reloadable = true,
     .offset = MEMBER(log_level),
     .normal = "info",
     .choices = log_levels,
     .help = "How much is written to standard error."},
};

bool frankd_config_is_resolvers(const struct frank_config_key *key)
{
  static const char *const names[] = {"factor",         "factor_url",  "factor_key",
                                      "factor_sources", "factor_http", "factor_ca",
                                      "dns_servers",    "dns_anchor",  "require_dnssec"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(key->name, names[i]) == 0) {
      return true;
    }
  }
  return false;
}

const struct frank_config_table frankd_config_table = {
    .program = "frankd", .keys = keys, .key_count = sizeof keys / sizeof keys[0]};
