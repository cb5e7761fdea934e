/*
 * daemon_options: a daemon's command line over its table of configuration keys: --config, --check,
 * --dump-config [--changed], --help[=KEY], --version, and flags that each set one key. For the
 * build, not in --help: --completion SHELL, and --manual, the keys as a manual page has them.
 *
 * Order: the table's defaults, then the file, then the flags. Owner: the program's main.
 */
#ifndef FRANK_PROGRAMS_DAEMON_OPTIONS_H
#define FRANK_PROGRAMS_DAEMON_OPTIONS_H

#include "base/config.h"
#include "base/err.h"

#include <stddef.h>

#define DAEMON_FLAGS_MAX   24
#define DAEMON_EXIT_OK     0
#define DAEMON_EXIT_FAILED 1
#define DAEMON_EXIT_USAGE  2
#define DAEMON_EXIT_CONFIG                                                                         \
  78 /* EX_CONFIG of sysexits.h: a wrong value, in the file or in a flag                           \
      */

/* A flag that --help shows. Every key of the table can be set by a flag of its name besides, with
 * '-' for '_'. */
struct daemon_flag {
  const char *name; /* without the dashes */
  const char *key;
  const char *argument; /* as --help shows it */
  const char *help;     /* NULL: the key's own */
};

struct daemon_options {
  const char *program;
  const char *usage;       /* the first lines of --help */
  const char *config_help; /* of --config: which file is the usual one */
  const char *notes;       /* its last lines: signals, exit statuses */
  const struct frank_config_table *table;
  const struct daemon_flag *flags;
  size_t flag_count; /* DAEMON_FLAGS_MAX at most */
  size_t size;       /* of the values */
  /* The usual file, by what the flags say; NULL: there is none. */
  const char *(*path)(const void *values);
  /* What single keys cannot say, and what depends on others. */
  enum frank_err (*finish)(void *values, char *why);
};

/* Reads all of it into *values. Returns -1 to go on, else the exit status: what was asked for has
 * been printed, or the error told on standard error. */
int daemon_options_start(const struct daemon_options *options, int argc, char *const argv[],
                         void *values);
/* The same command line again, with the file as it is now; `why` (FRANK_CONFIG_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err daemon_options_again(const struct daemon_options *options, int argc,
                                                     char *const argv[], void *values, char *why);

#endif
