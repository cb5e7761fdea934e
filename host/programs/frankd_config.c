#include "programs/frankd_config.h"
#include "base/completion.h"
#include "base/loopback.h"
#include "engine/cpu/variant_list.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* A file for the resolver, which would fail again and again without it. */
static enum frank_err check_readable(const char *key, const char *path, char *why)
{
  if (path[0] == '\0' || access(path, R_OK) == 0) {
    return FRANK_OK;
  }
  snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: %s: %s", key, path, strerror(errno));
  return FRANK_ERR_IO;
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
  enum frank_err err = check_readable("dns_anchor", config->dns_anchor, why);
  if (err == FRANK_OK) {
    err = check_readable("factor_ca", config->factor_ca, why);
  }
  if (err == FRANK_OK) {
    const struct frank_source_settings sources = frankd_config_sources(config);
    err = frank_source_list_check(&sources, why);
  }
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
    {"factor-url", "URL", required_argument, ACTION_KEY, "factor_url",
     "follow the factor that is published there: https://BASE"},
    {"factor-key", "B64", required_argument, ACTION_KEY, "factor_key",
     "the Ed25519 key that must sign it, in base64"},
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

/* For the build, not in --help: `--completion SHELL`, and `--manual`, the keys as a manual page has
 * them. -1: neither was asked for. */
static int write_for_build(int argc, char *const argv[])
{
  struct frank_completion_option options[FLAG_COUNT];
  const char *names[FRANK_CONFIG_KEYS_MAX + 1] = {NULL};
  for (size_t i = 0; i < frankd_config_table.key_count; i++) {
    names[i] = frankd_config_table.keys[i].name;
  }
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    bool is_help = flags[i].action == ACTION_HELP;
    options[i] = (struct frank_completion_option){
        .name = flags[i].name,
        .argument = is_help ? "=KEY" : flags[i].argument,
        .values = is_help ? names : NULL,
        .help = flags[i].help,
    };
  }
  struct frank_completion completion = {
      .program = "frankd", .options = options, .option_count = FLAG_COUNT};
  if (argc == 2 && strcmp(argv[1], "--manual") == 0) {
    return frank_config_manual(&frankd_config_table, stdout) == FRANK_OK ? FRANKD_EXIT_OK
                                                                         : FRANKD_EXIT_FAILED;
  }
  return frank_completion_asked(&completion, argc, argv);
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
  int status = write_for_build(argc, argv);
  if (status == -1) {
    status = read_request(argc, argv, &request);
  }
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
