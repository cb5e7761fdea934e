/*
 * frank-milter: puts stamps into outbound mail, or judges them in inbound mail. Composition root of
 * its keeper.
 */
#include "base/log.h"
#include "mail/milter/keeper.h"
#include "programs/milter_config.h"

#include <signal.h>

struct start {
  int argc;
  char **argv;
  struct frank_milter_settings settings; /* in force */
};

/* What cannot change stays as it was, and is said. */
static enum frank_err reload(void *arg, struct frank_milter_settings *fresh, char *why)
{
  struct start *start = arg;
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  enum frank_err err = daemon_options_again(&milter_options, start->argc, start->argv, fresh, why);
  if (err != FRANK_OK) {
    return err;
  }
  size_t count = frank_config_compare(milter_options.table, &start->settings, fresh, changed);
  for (size_t i = 0; i < count; i++) {
    frank_log(changed[i]->reloadable ? FRANK_LOG_INFO : FRANK_LOG_WARN,
              "event=reload key=%s result=%s", changed[i]->name,
              changed[i]->reloadable ? "changed" : "needs-a-restart");
    if (!changed[i]->reloadable) {
      frank_config_copy(changed[i], &start->settings, fresh);
    }
  }
  start->settings = *fresh;
  return FRANK_OK;
}

int main(int argc, char **argv)
{
  static struct start start; /* too large for a stack */
  char why[FRANK_MILTER_WHY_BYTES];
  start.argc = argc;
  start.argv = argv;
  int status = daemon_options_start(&milter_options, argc, argv, &start.settings);
  if (status >= 0) {
    return status;
  }
  const struct frank_milter_keeper_config config = {
      .settings = &start.settings, .reload = reload, .arg = &start};
  (void)signal(SIGPIPE, SIG_IGN); /* of a log whose reader is gone */
  frank_log_init("frank-milter", (enum frank_log_level)start.settings.log_level);
  if (frank_milter_keeper_run(&config, why) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=failed why=\"%s\"", why);
    return DAEMON_EXIT_FAILED;
  }
  frank_log(FRANK_LOG_INFO, "event=stopped");
  return DAEMON_EXIT_OK;
}
