/*
 * keeper: the body of frank-milter: one loop that keeps the filter running, the factor up to date,
 * the counters in their file, and the stores tidy. It has no libmilter and takes no mail: whatever
 * strangers' mail does to the filter, the next one has the same settings, factor and counters.
 *
 *     configuration, factor --view (shared memory)--> frank-milter-filter
 *     counters, observations <--shared file, pipe---- frank-milter-filter
 */
#ifndef FRANK_MAIL_MILTER_KEEPER_H
#define FRANK_MAIL_MILTER_KEEPER_H

#include "base/err.h"
#include "mail/milter/settings.h"

#define FRANK_MILTER_WHY_BYTES FRANK_CONFIG_WHY_BYTES

struct frank_milter_keeper_config {
  const struct frank_milter_settings *settings; /* of the start; borrowed */
  const struct frank_config_table *table;       /* their keys */
  /* SIGHUP: reads the configuration again into *fresh. Errors, with `why`
   * (FRANK_MILTER_WHY_BYTES): all of the old one stays in force. */
  enum frank_err (*reload)(void *arg, struct frank_milter_settings *fresh, char *why);
  void *arg;
};

/* Serves until SIGTERM or SIGINT. `why` (FRANK_MILTER_WHY_BYTES) says what failed: state folder,
 * socket, sources. */
FRANK_MUST_CHECK enum frank_err
frank_milter_keeper_run(const struct frank_milter_keeper_config *config, char *why);

#endif
