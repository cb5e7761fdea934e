#include "programs/frankd_config.h"
#include "base/log.h"
#include "base/loopback.h"
#include "door/door.h"
#include "engine/cpu/variant_list.h"
#include "engine/engine.h"
#include "engine/unroll.h"
#include "mint/mint.h"
#include "proof/target.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
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
     .offset = MEMBER(curve_secret),
     .size = SIZE(curve_secret),
     .normal = "",
     .help = "File with the server's secret CURVE key (frank keygen), for tcp endpoints."},
    {.name = "curve_clients",
     .type = FRANK_CONFIG_TEXT,
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
     .help = "Scaling factor for requests that name none; wins over factor_file; 0: not given."},
    {.name = "factor_file",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_file),
     .size = SIZE(factor_file),
     .normal = "",
     .help = "File that holds the factor in digits; read again when it changes."},
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
     .help = "A request that names a larger factor is refused as too hard."},
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

const struct frank_config_table frankd_config_table = {
    .program = "frankd", .keys = keys, .key_count = sizeof keys / sizeof keys[0]};

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
  return check_listen(config, why);
}

/* ---- the command line ---- */

enum action {
  ACTION_KEY,
  ACTION_CONFIG,
  ACTION_CHECK,
  ACTION_DUMP,
  ACTION_CHANGED,
  ACTION_HELP,
  ACTION_VERSION
};

struct flag {
  const char *name;
  const char *argument; /* as --help shows it; NULL: takes none */
  int has_arg;
  enum action action;
  const char *key; /* ACTION_KEY */
  const char *help;
};

static const struct flag flags[] = {
    {"config", "FILE", required_argument, ACTION_CONFIG, NULL,
     "configuration file (default " FRANKD_CONFIG_PATH ", where there is one)"},
    {"listen", "ENDPOINT", required_argument, ACTION_KEY, "listen",
     "take requests here: ipc:///PATH or tcp://ADDRESS:PORT; may be repeated"},
    {"http", "ADDR:PORT", required_argument, ACTION_KEY, "http",
     "health, status and metrics by HTTP, on a loopback address"},
    {"factor", "N", required_argument, ACTION_KEY, "factor",
     "scaling factor for requests that name none"},
    {"device", "NAME", required_argument, ACTION_KEY, "devices",
     "search with this device only; may be repeated"},
    {"isa", "NAME", required_argument, ACTION_KEY, "isa",
     "force a code path:" FRANK_CPU_VARIANT_NAMES " (CPU), uint8x2 (OpenCL)"},
    {"fpga-unroll", "U", required_argument, ACTION_KEY, "fpga_unroll",
     "rounds per cycle of a simulated FPGA core: 1, 2, 4 to 64"},
    {"check", NULL, no_argument, ACTION_CHECK, NULL,
     "say whether the configuration is right, and leave"},
    {"dump-config", NULL, no_argument, ACTION_DUMP, NULL,
     "print the configuration in force as a commented file, and leave"},
    {"changed", NULL, no_argument, ACTION_CHANGED, NULL,
     "with --dump-config: only what differs from the defaults"},
    {"help", "KEY", optional_argument, ACTION_HELP, NULL,
     "this text; with =KEY, what that key of the configuration means"},
    {"version", NULL, no_argument, ACTION_VERSION, NULL, "print the version"},
};
#define FLAG_COUNT (sizeof flags / sizeof flags[0])

/* What the command line asks for besides values. */
struct request {
  const char *config_path; /* NULL: the usual one */
  bool check, dump, changed, help, version;
  const char *help_key;
};

static void print_help(FILE *out)
{
  fputs("usage: frankd [FLAG]...\n"
        "The mint daemon: takes requests for stamps by ZeroMQ and searches on this machine's "
        "devices.\n\n",
        out);
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    const struct flag *flag = &flags[i];
    bool optional = flag->has_arg == optional_argument;
    char left[40];
    snprintf(left, sizeof left, "--%s%s%s%s", flag->name, optional ? "[=" : " ",
             flag->argument ? flag->argument : "", optional ? "]" : "");
    fprintf(out, "  %-20s %s\n", left, flag->help);
  }
  fputs("\nSignals: SIGTERM and SIGINT drain and end, SIGHUP reads the configuration again.\n"
        "\nExit status:\n"
        "   0  ended as asked\n"
        "   1  could not start or go on (a device, an endpoint, a helper program)\n"
        "   2  wrong usage: an unknown flag, a missing argument\n"
        "  78  wrong configuration: in the file, or in the value of a flag\n",
        out);
}

static void make_options(struct option options[FLAG_COUNT + 1])
{
  memset(options, 0, (FLAG_COUNT + 1) * sizeof options[0]);
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    options[i].name = flags[i].name;
    options[i].has_arg = flags[i].has_arg;
    options[i].val = (int)i;
  }
}

/* First pass: everything but values of keys. -1, or the exit status of wrong usage. */
static int read_request(int argc, char *const argv[], struct request *request)
{
  struct option options[FLAG_COUNT + 1];
  int found = 0;
  make_options(options);
  *request = (struct request){0};
  optind = 0; /* glibc: start over */
  opterr = 1;
  while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (found == '?') {
      fputs("frankd: try frankd --help\n", stderr); /* getopt_long has named the flag */
      return FRANKD_EXIT_USAGE;
    }
    switch (flags[found].action) {
    case ACTION_CONFIG:
      request->config_path = optarg;
      break;
    case ACTION_CHECK:
      request->check = true;
      break;
    case ACTION_DUMP:
      request->dump = true;
      break;
    case ACTION_CHANGED:
      request->changed = true;
      break;
    case ACTION_HELP:
      request->help = true;
      request->help_key = optarg;
      break;
    case ACTION_VERSION:
      request->version = true;
      break;
    case ACTION_KEY:
      break;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "frankd: unexpected argument \"%s\"\nfrankd: try frankd --help\n",
            argv[optind]);
    return FRANKD_EXIT_USAGE;
  }
  if (request->changed && !request->dump) {
    fputs("frankd: --changed goes with --dump-config\n", stderr);
    return FRANKD_EXIT_USAGE;
  }
  return -1;
}

/* Second pass: the values, over what the file said. The first mention of a list replaces it. */
static enum frank_err apply_flags(int argc, char *const argv[], struct frankd_config *config,
                                  char *why)
{
  struct option options[FLAG_COUNT + 1];
  bool seen[FLAG_COUNT] = {false};
  int found = 0;
  make_options(options);
  optind = 0;
  opterr = 0; /* the first pass has said it */
  while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (found == '?' || flags[found].action != ACTION_KEY) {
      continue;
    }
    char name[40];
    snprintf(name, sizeof name, "--%s", flags[found].name);
    enum frank_err err = frank_config_set(&frankd_config_table, flags[found].key, name, optarg,
                                          seen[found], config, why);
    if (err != FRANK_OK) {
      return err;
    }
    seen[found] = true;
  }
  return FRANK_OK;
}

static enum frank_err read_all(int argc, char *const argv[], const struct request *request,
                               struct frankd_config *config, char *why)
{
  memset(config, 0, sizeof *config);
  frank_config_defaults(&frankd_config_table, config);
  const char *path = request->config_path ? request->config_path : FRANKD_CONFIG_PATH;
  enum frank_err err = frank_config_load(&frankd_config_table, path, config, why);
  if (err == FRANK_ERR_NOT_FOUND && request->config_path == NULL) {
    err = FRANK_OK; /* the defaults do without a file */
  }
  if (err != FRANK_OK) {
    return err;
  }
  err = apply_flags(argc, argv, config, why);
  return err == FRANK_OK ? check_together(config, why) : err;
}

/* The exit status of a result that was printed. */
static int printed(void)
{
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("frankd: standard output");
    return FRANKD_EXIT_FAILED;
  }
  return FRANKD_EXIT_OK;
}

int frankd_config_start(int argc, char *const argv[], struct frankd_config *config)
{
  struct request request;
  char why[FRANK_CONFIG_WHY_BYTES];
  int status = read_request(argc, argv, &request);
  if (status != -1) {
    return status;
  }
  if (request.version) {
    puts("frankd " FRANK_VERSION);
    return printed();
  }
  if (request.help && request.help_key == NULL) {
    print_help(stdout);
    return printed();
  }
  if (request.help) {
    if (frank_config_explain(&frankd_config_table, request.help_key, stdout, why) == FRANK_OK) {
      return printed();
    }
    fprintf(stderr, "frankd: %s\n", why);
    return FRANKD_EXIT_USAGE;
  }
  if (read_all(argc, argv, &request, config, why) != FRANK_OK) {
    fprintf(stderr, "frankd: %s\n", why);
    return FRANKD_EXIT_CONFIG;
  }
  if (request.dump) {
    enum frank_err err = frank_config_dump(&frankd_config_table, config, request.changed, stdout);
    return err == FRANK_OK ? FRANKD_EXIT_OK : printed();
  }
  if (request.check) {
    fputs("frankd: the configuration is right\n", stderr);
    return FRANKD_EXIT_OK;
  }
  return -1;
}

enum frank_err frankd_config_reload(int argc, char *const argv[], struct frankd_config *fresh,
                                    char *why)
{
  struct request request;
  int status = read_request(argc, argv, &request);
  assert(status == -1); /* the same flags were right at the start */
  return read_all(argc, argv, &request, fresh, why);
}
