/*
 * milter_config: frank-milter's configuration: its table of keys and its command line, over the
 * plain struct of mail/milter/settings.h.
 */
#ifndef FRANK_PROGRAMS_MILTER_CONFIG_H
#define FRANK_PROGRAMS_MILTER_CONFIG_H

#include "mail/milter/settings.h"
#include "programs/daemon_options.h"

#define MILTER_CONFIG_MINT   "/etc/frank/milter-mint.conf"
#define MILTER_CONFIG_VERIFY "/etc/frank/milter-verify.conf"

extern const struct daemon_options milter_options;

#endif
