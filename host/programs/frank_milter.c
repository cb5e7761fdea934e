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
};

static enum frank_err reload(void *arg, struct frank_milter_settings *fresh, char *why)
{
  const struct start *start = arg;
  return daemon_options_again(&milter_options, start->argc, start->argv, fresh, why);
}

int main(int argc, char **argv)
{
  static struct frank_milter_settings settings; /* too large for a stack */
  struct start start = {.argc = argc, .argv = argv};
  char why[FRANK_MILTER_WHY_BYTES];
  int status = daemon_options_start(&milter_options, argc, argv, &settings);
  if (status >= 0) {
    return status;
  }
  const struct frank_milter_keeper_config config = {
      .settings = &settings, .table = milter_options.table, .reload = reload, .arg = &start};
  (void)signal(SIGPIPE, SIG_IGN); /* of a log whose reader is gone */
  frank_log_init("frank-milter", (enum frank_log_level)settings.log_level);
  if (frank_milter_keeper_run(&config, why) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=failed why=\"%s\"", why);
    return DAEMON_EXIT_FAILED;
  }
  frank_log(FRANK_LOG_INFO, "event=stopped");
  return DAEMON_EXIT_OK;
}
