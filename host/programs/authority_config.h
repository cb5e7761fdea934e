/*
 * authority_config: frank-authority's command line: its verbs, its flags and their values, each
 * from one table. Owner: its main. A plain struct; texts are inside it.
 */
#ifndef FRANK_PROGRAMS_AUTHORITY_CONFIG_H
#define FRANK_PROGRAMS_AUTHORITY_CONFIG_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses, listed in --help. */
#define AUTHORITY_EXIT_OK     0
#define AUTHORITY_EXIT_FAILED 1
#define AUTHORITY_EXIT_USAGE  2
#define AUTHORITY_EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h: a wrong value */

enum authority_verb {
  AUTHORITY_SERVE,
  AUTHORITY_PUBLISH,
  AUTHORITY_ROTATE,
  AUTHORITY_KEYS,
  AUTHORITY_HISTORY,
  AUTHORITY_REPORTER,
  AUTHORITY_ESTIMATE,
  AUTHORITY_VERB_COUNT
};

struct authority_config {
  enum authority_verb verb;
  const char *operands[2]; /* of argv */
  int operand_count;
  bool json;

  char state[256];
  char listen[80];
  char issuer[80]; /* "": the store's own, or the host's name */
  uint32_t kind;   /* 0: the store's own; else enum frank_factor_kind and 1 */
  uint64_t factor; /* 0: not given */
  bool testing;
  uint64_t max_age_us;
  uint64_t valid_us;
  uint64_t grace_us;
  bool read_only;
  char base_url[128]; /* "": not told */
  bool estimate;
  uint64_t reference_hps; /* 0: that of the day */
  uint64_t min_work_us;
  uint64_t max_work_us;
  bool forget;
  char access_log[256];
  struct frank_config_list trusted;
  uint32_t log_level; /* enum frank_log_level */
  char reason[160];
  uint64_t after_us;
};

/* Reads the command line into *config (all of it is set). Returns -1 to go on, else the exit
 * status:
 * --help and --version have printed what they should; an error has been told on standard error. */
int authority_config_start(int argc, char *const argv[], struct authority_config *config);

extern const char *const authority_log_levels[];

#endif
