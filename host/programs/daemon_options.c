#include "programs/daemon_options.h"

#include "base/completion.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 40
#define FIRST      256 /* of getopt's values: away from '?' */

/* Those that every daemon has; keys come after them. */
enum action {
  ACTION_CONFIG,
  ACTION_CHECK,
  ACTION_DUMP,
  ACTION_CHANGED,
  ACTION_HELP,
  ACTION_VERSION,
  ACTION_COUNT
};

static const struct {
  const char *name;
  const char *argument;
  int has_arg;
  const char *help;
} actions[ACTION_COUNT] = {
    [ACTION_CONFIG] = {"config", "FILE", required_argument, "configuration file"},
    [ACTION_CHECK] = {"check", "", no_argument,
                      "say whether the configuration is right, and leave"},
    [ACTION_DUMP] = {"dump-config", "", no_argument,
                     "print the configuration in force as a commented file, and leave"},
    [ACTION_CHANGED] = {"changed", "", no_argument,
                        "with --dump-config: only what differs from the defaults"},
    [ACTION_HELP] = {"help", "=KEY", optional_argument,
                     "this text; with =KEY, what that key of the configuration means"},
    [ACTION_VERSION] = {"version", "", no_argument, "print the version"},
};

/* What the command line asks for besides values. */
struct request {
  const char *config_path; /* NULL: the usual one */
  bool check, dump, changed, help, version;
  const char *help_key;
};

/* getopt's table: the actions, the flags that --help shows, then all keys. */
#define NAMES_MAX (ACTION_COUNT + DAEMON_FLAGS_MAX + FRANK_CONFIG_KEYS_MAX)
struct names {
  struct option list[NAMES_MAX + 1];
  const struct frank_config_key *keys[NAMES_MAX]; /* that it sets; NULL: an action */
  char text[FRANK_CONFIG_KEYS_MAX][NAME_BYTES];
  size_t count;
};

static const struct frank_config_key *find_key(const struct frank_config_table *table,
                                               const char *name)
{
  size_t i = 0;
  while (strcmp(table->keys[i].name, name) != 0) {
    i++;
    assert(i < table->key_count);
  }
  return &table->keys[i];
}

static void add_name(struct names *names, const char *name, int has_arg,
                     const struct frank_config_key *key)
{
  for (size_t i = 0; i < names->count; i++) {
    if (strcmp(names->list[i].name, name) == 0) {
      return; /* a flag of the key's own name */
    }
  }
  names->list[names->count] =
      (struct option){.name = name, .has_arg = has_arg, .val = FIRST + (int)names->count};
  names->keys[names->count++] = key;
}

static void make_names(const struct daemon_options *options, struct names *names)
{
  const struct frank_config_table *table = options->table;
  memset(names, 0, sizeof *names);
  assert(options->flag_count <= DAEMON_FLAGS_MAX && table->key_count <= FRANK_CONFIG_KEYS_MAX);
  for (int i = 0; i < ACTION_COUNT; i++) {
    add_name(names, actions[i].name, actions[i].has_arg, NULL);
  }
  for (size_t i = 0; i < options->flag_count; i++) {
    add_name(names, options->flags[i].name, required_argument,
             find_key(table, options->flags[i].key));
  }
  for (size_t i = 0; i < table->key_count; i++) {
    (void)snprintf(names->text[i], NAME_BYTES, "%s", table->keys[i].name);
    for (char *at = names->text[i]; *at != '\0'; at++) {
      *at = *at == '_' ? '-' : *at;
    }
    add_name(names, names->text[i], required_argument, &table->keys[i]);
  }
}

/* ---- --help ---- */

static const char *help_of(const struct daemon_options *options, const struct daemon_flag *flag)
{
  return flag->help != NULL ? flag->help : find_key(options->table, flag->key)->help;
}

static const char *help_of_action(const struct daemon_options *options, int action)
{
  return action == ACTION_CONFIG ? options->config_help : actions[action].help;
}

static void print_help(const struct daemon_options *options)
{
  char left[2 * NAME_BYTES];
  (void)fputs(options->usage, stdout);
  for (size_t i = 0; i < options->flag_count; i++) {
    const struct daemon_flag *flag = &options->flags[i];
    (void)snprintf(left, sizeof left, "--%s %s", flag->name, flag->argument);
    (void)printf("  %-22s %s\n", left, help_of(options, flag));
  }
  for (int i = 0; i < ACTION_COUNT; i++) {
    bool optional = actions[i].has_arg == optional_argument;
    (void)snprintf(left, sizeof left, "--%s%s%s%s", actions[i].name, optional ? "[" : " ",
                   actions[i].argument, optional ? "]" : "");
    (void)printf("  %-22s %s\n", left, help_of_action(options, i));
  }
  (void)fputs("Every key of the configuration can be set by a flag of its name, too.\n", stdout);
  (void)fputs(options->notes, stdout);
}

/* For the build. -1: neither was asked for. */
static int write_for_build(const struct daemon_options *options, int argc, char *const argv[])
{
  struct names names;
  struct frank_completion_option list[NAMES_MAX];
  const char *key_names[FRANK_CONFIG_KEYS_MAX + 1] = {NULL};
  make_names(options, &names);
  for (size_t i = 0; i < options->table->key_count; i++) {
    key_names[i] = options->table->keys[i].name;
  }
  for (size_t i = 0; i < names.count; i++) {
    const struct frank_config_key *key = names.keys[i];
    size_t flag = i - ACTION_COUNT;
    list[i] = (struct frank_completion_option){.name = names.list[i].name};
    if (key == NULL) {
      list[i].argument = actions[i].argument[0] != '\0' ? actions[i].argument : NULL;
      list[i].values = i == ACTION_HELP ? key_names : NULL;
      list[i].help = help_of_action(options, (int)i);
    } else {
      bool shown = flag < options->flag_count;
      list[i].argument = shown ? options->flags[flag].argument : "VALUE";
      list[i].values = key->type == FRANK_CONFIG_ENUM ? key->choices : NULL;
      list[i].help = shown ? help_of(options, &options->flags[flag]) : key->help;
    }
  }
  if (argc == 2 && strcmp(argv[1], "--manual") == 0) {
    return frank_config_manual(options->table, stdout) == FRANK_OK ? DAEMON_EXIT_OK
                                                                   : DAEMON_EXIT_FAILED;
  }
  struct frank_completion completion = {
      .program = options->program, .options = list, .option_count = names.count};
  return frank_completion_asked(&completion, argc, argv);
}

/* ---- reading ---- */

static int try_help(const struct daemon_options *options)
{
  (void)fprintf(stderr, "%s: try %s --help\n", options->program, options->program);
  return DAEMON_EXIT_USAGE;
}

/* First pass: everything but values of keys. -1, or the exit status of wrong usage. */
static int read_request(const struct daemon_options *options, int argc, char *const argv[],
                        struct request *request)
{
  struct names names;
  int found = 0;
  make_names(options, &names);
  *request = (struct request){0};
  optind = 0; /* glibc: start over */
  opterr = 1;
  while ((found = getopt_long(argc, argv, "", names.list, NULL)) != -1) {
    switch (found) {
    case '?':
      return try_help(options); /* getopt_long has named the flag */
    case FIRST + ACTION_CONFIG:
      request->config_path = optarg;
      break;
    case FIRST + ACTION_CHECK:
      request->check = true;
      break;
    case FIRST + ACTION_DUMP:
      request->dump = true;
      break;
    case FIRST + ACTION_CHANGED:
      request->changed = true;
      break;
    case FIRST + ACTION_HELP:
      request->help = true;
      request->help_key = optarg;
      break;
    case FIRST + ACTION_VERSION:
      request->version = true;
      break;
    default:
      break; /* a key */
    }
  }
  if (optind < argc) {
    (void)fprintf(stderr, "%s: unexpected argument \"%s\"\n", options->program, argv[optind]);
    return try_help(options);
  }
  if (request->changed && !request->dump) {
    (void)fprintf(stderr, "%s: --changed goes with --dump-config\n", options->program);
    return DAEMON_EXIT_USAGE;
  }
  return -1;
}

/* Second pass: the values, over what the file said. The first mention of a list replaces it. */
static enum frank_err apply_flags(const struct daemon_options *options, int argc,
                                  char *const argv[], void *values, char *why)
{
  struct names names;
  bool seen[FRANK_CONFIG_KEYS_MAX] = {false};
  int found = 0;
  make_names(options, &names);
  optind = 0;
  opterr = 0; /* the first pass has said it */
  while ((found = getopt_long(argc, argv, "", names.list, NULL)) != -1) {
    if (found < FIRST + ACTION_COUNT) {
      continue;
    }
    char flag[NAME_BYTES + 2];
    const struct frank_config_key *key = names.keys[found - FIRST];
    size_t index = (size_t)(key - options->table->keys);
    (void)snprintf(flag, sizeof flag, "--%s", names.list[found - FIRST].name);
    enum frank_err err =
        frank_config_set(options->table, key->name, flag, optarg, seen[index], values, why);
    if (err != FRANK_OK) {
      return err;
    }
    seen[index] = true;
  }
  return FRANK_OK;
}

static enum frank_err read_all(const struct daemon_options *options, int argc, char *const argv[],
                               const struct request *request, void *values, char *why)
{
  const char *path = request->config_path;
  memset(values, 0, options->size);
  frank_config_defaults(options->table, values);
  enum frank_err err = FRANK_OK;
  if (path == NULL && options->path != NULL) {
    err = apply_flags(options, argc, argv, values, why);
    path = err == FRANK_OK ? options->path(values) : NULL;
    frank_config_defaults(options->table, values);
  }
  if (err == FRANK_OK && path != NULL) {
    err = frank_config_load(options->table, path, values, why);
    if (err == FRANK_ERR_NOT_FOUND && request->config_path == NULL) {
      err = FRANK_OK; /* the defaults do without a file */
    }
  }
  return err == FRANK_OK ? apply_flags(options, argc, argv, values, why) : err;
}

/* What one key alone does not tell: the files that they name (with `reload` those that it takes
 * over), and what they say together. */
static enum frank_err finish(const struct daemon_options *options, void *values, bool reload,
                             char *why)
{
  enum frank_err err = frank_config_check_files(options->table, values, reload, why);
  return err == FRANK_OK ? options->finish(values, why) : err;
}

/* The exit status of a result that was printed. */
static int printed(const struct daemon_options *options)
{
  if (fflush(stdout) != 0 || ferror(stdout)) {
    (void)fprintf(stderr, "%s: standard output: %s\n", options->program, strerror(errno));
    return DAEMON_EXIT_FAILED;
  }
  return DAEMON_EXIT_OK;
}

/* Prints the values as they were told, without what `finish` makes of them. */
static int dump(const struct daemon_options *options, const void *values, bool changed)
{
  enum frank_err err = frank_config_dump(options->table, values, changed, stdout);
  return err == FRANK_OK ? DAEMON_EXIT_OK : printed(options);
}

static int explain(const struct daemon_options *options, const char *key)
{
  char why[FRANK_CONFIG_WHY_BYTES];
  if (frank_config_explain(options->table, key, stdout, why) == FRANK_OK) {
    return printed(options);
  }
  (void)fprintf(stderr, "%s: %s\n", options->program, why);
  return DAEMON_EXIT_USAGE;
}

int daemon_options_start(const struct daemon_options *options, int argc, char *const argv[],
                         void *values)
{
  struct request request;
  char why[FRANK_CONFIG_WHY_BYTES];
  int status = write_for_build(options, argc, argv);
  if (status != -1) {
    return status;
  }
  status = read_request(options, argc, argv, &request);
  if (status != -1) {
    return status;
  }
  if (request.version) {
    (void)printf("%s " FRANK_VERSION "\n", options->program);
    return printed(options);
  }
  if (request.help && request.help_key != NULL) {
    return explain(options, request.help_key);
  }
  if (request.help) {
    print_help(options);
    return printed(options);
  }
  void *told = malloc(options->size);
  enum frank_err err =
      told != NULL ? read_all(options, argc, argv, &request, values, why) : FRANK_ERR_NOMEM;
  if (err == FRANK_OK) {
    memcpy(told, values, options->size);
    err = finish(options, values, false, why);
  }
  if (err != FRANK_OK) {
    (void)fprintf(stderr, "%s: %s\n", options->program, told != NULL ? why : "no memory");
    status = DAEMON_EXIT_CONFIG;
  } else if (request.dump) {
    status = dump(options, told, request.changed);
  }
  free(told);
  if (status != -1) {
    return status;
  }
  if (request.check) {
    (void)fprintf(stderr, "%s: the configuration is right\n", options->program);
    return DAEMON_EXIT_OK;
  }
  return -1;
}

enum frank_err daemon_options_again(const struct daemon_options *options, int argc,
                                    char *const argv[], void *values, char *why)
{
  struct request request;
  int status = read_request(options, argc, argv, &request);
  assert(status == -1); /* the same flags were right at the start */
  enum frank_err err = read_all(options, argc, argv, &request, values, why);
  return err == FRANK_OK ? finish(options, values, true, why) : err;
}
