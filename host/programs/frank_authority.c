/*
 * frank-authority: publishes a scaling factor. Composition root of its server, and its verbs.
 */
#include "base/log.h"
#include "factor/authority/keeper.h"
#include "programs/authority_config.h"
#include "programs/authority_verbs.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define US_PER_S     INT64_C(1000000)
#define FIRST_FACTOR (UINT64_C(1) << 20) /* as frankd's floor */

/* A new state needs a name and a factor: this host's, and the floor that frankd has. */
static void fill_new(const struct authority_config *config, struct frank_keeper_config *out)
{
  struct frank_authority_store *store = NULL;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  char host[HOST_NAME_MAX + 1] = "";
  bool is_new = false;
  if (frank_authority_store_open(config->state, true, &store, why) == FRANK_OK &&
      frank_authority_store_is_new(store, &is_new, why) == FRANK_OK && is_new) {
    if (out->settings.issuer[0] == '\0' && gethostname(host, sizeof host - 1) == 0) {
      (void)snprintf(out->settings.issuer, sizeof out->settings.issuer, "%.78s", host);
    }
    out->factor = out->factor == 0 ? FIRST_FACTOR : out->factor;
  }
  frank_authority_store_close(&store); /* an error will be met again, and told, by the keeper */
}

static int serve(const struct authority_config *config)
{
  static const char *const loopback[] = {"127.0.0.1", "::1"};
  const char *trusted[FRANK_CONFIG_LIST_MAX];
  char why[FRANK_KEEPER_WHY_BYTES];
  bool wrong_setting = false;
  struct frank_keeper_config keeper = {
      .listen = config->listen,
      .dir = config->state,
      .read_only = config->read_only,
      .factor = config->factor,
      .base_url = config->base_url[0] != '\0' ? config->base_url : NULL,
      .estimates = config->estimate,
      .control = authority_control(config),
      .max_age_s = (uint32_t)((int64_t)config->max_age_us / US_PER_S),
      .access_log = config->access_log[0] != '\0' ? config->access_log : NULL,
      .log_level = authority_log_levels[config->log_level],
      .trusted = config->trusted.count > 0 ? trusted : loopback,
      .trusted_count = config->trusted.count > 0 ? config->trusted.count : 2,
      .settings = {.has_kind = config->kind > 0,
                   .kind = (enum frank_factor_kind)(config->kind > 0 ? config->kind - 1 : 0),
                   .testing = config->testing,
                   .valid_s = (int64_t)config->valid_us / US_PER_S,
                   .grace_s = (int64_t)config->grace_us / US_PER_S},
  };
  for (uint32_t i = 0; i < config->trusted.count; i++) {
    trusted[i] = config->trusted.items[i];
  }
  (void)snprintf(keeper.settings.issuer, sizeof keeper.settings.issuer, "%s", config->issuer);
  if (!config->read_only) {
    fill_new(config, &keeper);
  }
  (void)signal(SIGPIPE, SIG_IGN); /* of a log whose reader is gone */
  frank_log_init("frank-authority", (enum frank_log_level)config->log_level);
  enum frank_err err = frank_keeper_run(&keeper, &wrong_setting, why);
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=%s why=\"%s\"", "failed", why);
    return wrong_setting ? AUTHORITY_EXIT_CONFIG : AUTHORITY_EXIT_FAILED;
  }
  frank_log(FRANK_LOG_INFO, "event=stopped");
  return AUTHORITY_EXIT_OK;
}

int main(int argc, char **argv)
{
  static struct authority_config config;
  static int (*const verbs[AUTHORITY_VERB_COUNT])(const struct authority_config *) = {
      [AUTHORITY_SERVE] = serve,
      [AUTHORITY_PUBLISH] = authority_publish,
      [AUTHORITY_ROTATE] = authority_rotate,
      [AUTHORITY_KEYS] = authority_keys,
      [AUTHORITY_HISTORY] = authority_history,
      [AUTHORITY_REPORTER] = authority_reporter,
      [AUTHORITY_ESTIMATE] = authority_estimate,
  };
  int status = authority_config_start(argc, argv, &config);
  return status >= 0 ? status : verbs[config.verb](&config);
}
