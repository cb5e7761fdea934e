#include "programs/child_args.h"

#include "base/dirs.h"
#include "door/door.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void add_arg(struct frankd_child_args *args,
                                                          const char *format, ...)
{
  if (args->count == CHILD_ARGS_MAX) {
    return;
  }
  va_list list;
  va_start(list, format);
  vsnprintf(args->text[args->count], CHILD_ARG_BYTES, format, list);
  va_end(list);
  args->argv[args->count] = args->text[args->count];
  args->argv[++args->count] = NULL;
}

static void door_args(const struct frankd_config *config, const char *endpoint,
                      struct frankd_child_args *args)
{
  add_arg(args, "--endpoint");
  add_arg(args, "%s", endpoint);
  add_arg(args, "--mode");
  add_arg(args, "%" PRIo64, config->ipc_mode);
  bool is_tcp = strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
  if (is_tcp && config->curve_secret[0] != '\0') {
    add_arg(args, "--secret");
    add_arg(args, "%s", config->curve_secret);
    add_arg(args, "--clients");
    add_arg(args, "%s", config->curve_clients);
  } else if (is_tcp && config->insecure) {
    add_arg(args, "--insecure");
  }
  /* More than the queue holds, so that it is the queue that says when it is full. */
  uint64_t requests = config->queue + config->queue / 2 + 64;
  const struct {
    const char *flag;
    uint64_t value;
  } numbers[] = {
      {"--requests", requests < FRANK_DOOR_REQUESTS_MAX ? requests : FRANK_DOOR_REQUESTS_MAX},
      {"--rate", config->client_rate},
      {"--in-flight", config->client_in_flight},
      {"--memory", config->door_memory_bytes},
      {"--descriptors", config->door_descriptors},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    add_arg(args, "%s", numbers[i].flag);
    add_arg(args, "%" PRIu64, numbers[i].value);
  }
}

static void resolver_args(const struct frankd_config *config, struct frankd_child_args *args)
{
  static struct frank_source_list sources; /* too large for the stack of a small process */
  char state[FRANK_DIR_BYTES];
  const struct frank_source_settings settings = frankd_config_sources(config);
  frank_source_list_make(&settings, &sources);
  for (size_t i = 0; i < sources.count; i++) {
    if (frank_source_is_followed(&sources.list[i])) {
      add_arg(args, "--source");
      add_arg(args, "%s", sources.list[i].text);
    }
  }
  for (uint32_t i = 0; i < config->dns_servers.count; i++) {
    add_arg(args, "--dns-server");
    add_arg(args, "%s", config->dns_servers.items[i]);
  }
  if (config->state[0] != '\0') {
    add_arg(args, "--state");
    add_arg(args, "%s", config->state);
  } else if (frank_state_dir(state, sizeof state) == FRANK_OK) {
    frank_dir_make_above(state);
    add_arg(args, "--state");
    add_arg(args, "%s", state);
  }
  const struct {
    const char *flag;
    const char *value;
  } texts[] = {{"--dns-anchor", config->dns_anchor}, {"--ca-file", config->factor_ca}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (texts[i].value[0] != '\0') {
      add_arg(args, "%s", texts[i].flag);
      add_arg(args, "%s", texts[i].value);
    }
  }
  if (config->require_dnssec) {
    add_arg(args, "--require-dnssec");
  }
  if (config->factor_http) {
    add_arg(args, "--allow-http");
  }
}

void frankd_child_args_make(const struct frankd_config *config, const char *program,
                            const char *endpoint, struct frankd_child_args *args)
{
  static const char *const levels[] = {"error", "warn", "info", "debug"};
  add_arg(args, "%s", program);
  if (endpoint) {
    door_args(config, endpoint, args);
  } else if (strcmp(program, "frank-resolver") == 0) {
    resolver_args(config, args);
  } else {
    add_arg(args, "--http");
    add_arg(args, "%s", config->http);
  }
  add_arg(args, "--log-level");
  add_arg(args, "%s", levels[config->log_level < 4 ? config->log_level : 2]);
}
