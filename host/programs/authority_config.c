#include "programs/authority_config.h"
#include "base/completion.h"
#include "base/loopback.h"
#include "base/nearest.h"
#include "factor/authority/address.h"
#include "factor/authority/connections.h"
#include "factor/authority/keeper.h"
#include "factor/txt.h"
#include "proof/target.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- checks of texts ---- */

static const char *check_listen(const char *text)
{
  struct sockaddr_storage address;
  socklen_t len;
  enum frank_err err = frank_loopback_parse(text, &address, &len);
  return err == FRANK_OK || err == FRANK_ERR_DENIED
             ? NULL
             : "ADDRESS:PORT with a numeric address (127.0.0.1:9610, [::]:9610)";
}

static const char *check_issuer(const char *text)
{
  bool fits = strlen(text) < FRANK_FACTOR_ISSUER_BYTES;
  for (const char *at = text; *at != '\0' && fits; at++) {
    fits = *at > ' ' && *at < 0x7f && strchr("\"\\#", *at) == NULL;
  }
  return fits ? NULL
              : "a name such as authority.example: below 79 bytes of ASCII, no space, "
                "no '\"', '\\' or '#'";
}

static const char *check_trusted(const char *text)
{
  struct frank_address address;
  return frank_address_parse(text, &address) ? NULL : "a numeric address such as 192.0.2.1 or ::1";
}

static const char *check_url(const char *text)
{
  char url[FRANK_TXT_URL_BYTES];
  return text[0] == '\0' || frank_txt_url(text, strlen(text), true, url) == FRANK_OK
             ? NULL
             : "a URL such as https://msmr.example.org, without query or fragment";
}

/* ---- values ---- */

const char *const authority_log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const kinds[] = {"", "authority", "provider", "local", NULL};

#define MEMBER(name) offsetof(struct authority_config, name)
#define SIZE(name)   sizeof(((struct authority_config *)NULL)->name)
#define SECOND       UINT64_C(1000000)
#define DAY          (86400 * SECOND)

static const struct frank_config_key keys[] = {
    {.name = "state",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(state),
     .size = SIZE(state),
     .normal = "/var/lib/frank-authority",
     .help = "folder of the state: what was published, and the secret keys"},
    {.name = "listen",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(listen),
     .size = SIZE(listen),
     .normal = "127.0.0.1:9610",
     .check = check_listen,
     .help = "serve HTTP here; port 0: any free one"},
    {.name = "issuer",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(issuer),
     .size = SIZE(issuer),
     .normal = "",
     .check = check_issuer,
     .help = "who publishes; a new state takes this host's name where none is given"},
    {.name = "kind",
     .type = FRANK_CONFIG_ENUM,
     .offset = MEMBER(kind),
     .normal = "",
     .choices = kinds,
     .help = "authority, provider or local"},
    {.name = "factor",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(factor),
     .max = FRANK_FACTOR_MAX,
     .normal = "0",
     .help = "publish this factor where another is in force (10k, 16m)"},
    {.name = "testing",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(testing),
     .normal = "false",
     .help = "say in the document that no mail is to suffer by it yet"},
    {.name = "max_age",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(max_age_us),
     .min = SECOND,
     .max = DAY,
     .normal = "300s",
     .help = "how long others may keep an answer (Cache-Control)"},
    {.name = "valid",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(valid_us),
     .min = 4 * SECOND,
     .max = 365 * DAY,
     .normal = "24h",
     .help = "how long a signed document is good; it is signed anew at half of this"},
    {.name = "grace",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(grace_us),
     .max = 30 * DAY,
     .normal = "2h",
     .help = "how long the factor before a change goes on to count"},
    {.name = "read_only",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(read_only),
     .normal = "false",
     .help = "serve a copy of the state; needs no key and writes nothing"},
    {.name = "base_url",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(base_url),
     .size = SIZE(base_url),
     .normal = "",
     .check = check_url,
     .help = "where it is reached from outside, for the page: https://msmr.example.org"},
    {.name = "estimate",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(estimate),
     .normal = "false",
     .help = "once a day, let what was observed change the factor"},
    {.name = "reference_rate",
     .type = FRANK_CONFIG_UINT,
     .offset = MEMBER(reference_hps),
     .max = UINT64_C(1) << 50,
     .normal = "0",
     .help = "attempts per second of the reference device; without it, those of a core of today"},
    {.name = "min_work",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(min_work_us),
     .min = 1000,
     .max = DAY,
     .normal = "200ms",
     .help = "the estimate never asks for less work of the reference device"},
    {.name = "max_work",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(max_work_us),
     .min = 1000,
     .max = DAY,
     .normal = "2min",
     .help = "nor for more"},
    {.name = "forget",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(forget),
     .normal = "false",
     .help = "what the reporter has reported counts no more, too"},
    {.name = "access_log",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(access_log),
     .size = SIZE(access_log),
     .normal = "",
     .help = "one line for each answer, combined log format; SIGHUP opens it again"},
    {.name = "trusted_proxy",
     .type = FRANK_CONFIG_LIST,
     .offset = MEMBER(trusted),
     .max = FRANK_CONNECTIONS_TRUSTED_MAX,
     .normal = "",
     .check = check_trusted,
     .help = "its X-Forwarded-For counts; may be repeated; without it 127.0.0.1 and ::1"},
    {.name = "log_level",
     .type = FRANK_CONFIG_ENUM,
     .offset = MEMBER(log_level),
     .normal = "info",
     .choices = authority_log_levels,
     .help = "error, warn, info or debug"},
    {.name = "reason",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(reason),
     .size = SIZE(reason),
     .normal = "set by hand",
     .help = "why, in one line; it is published with the factor"},
    {.name = "after",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(after_us),
     .min = SECOND,
     .max = 365 * DAY,
     .normal = "7d",
     .help = "when the new key begins to sign"},
};

static const struct frank_config_table table = {
    .program = "frank-authority", .keys = keys, .key_count = sizeof keys / sizeof keys[0]};

/* ---- verbs and flags ---- */

#define VERB(name) (1U << AUTHORITY_##name)
#define CONTROL    (VERB(SERVE) | VERB(ESTIMATE))
#define ALL        ((1U << AUTHORITY_VERB_COUNT) - 1)
#define RESULTS                                                                                    \
  (VERB(PUBLISH) | VERB(ROTATE) | VERB(KEYS) | VERB(HISTORY) | VERB(REPORTER) | VERB(ESTIMATE))

static const struct verb {
  const char *name;
  const char *operands;
  const char *help;
  int operands_max;
} verbs[AUTHORITY_VERB_COUNT] = {
    [AUTHORITY_SERVE] = {"serve", "", "serve the factor; what is done where no verb is named", 0},
    [AUTHORITY_PUBLISH] = {"publish", "", "publish --factor N as the next epoch", 0},
    [AUTHORITY_ROTATE] = {"rotate-key", "", "make a new key, which signs from --after on", 0},
    [AUTHORITY_KEYS] = {"keys", "", "show the keys", 0},
    [AUTHORITY_HISTORY] = {"history", "", "show the epochs that were published", 0},
    [AUTHORITY_REPORTER] = {"reporter", "ACTION", "add NAME, revoke NAME or list: who may report",
                            2},
    [AUTHORITY_ESTIMATE] = {"estimate", "", "say which factor the observations ask for, and why",
                            0},
};

enum action { ACTION_KEY, ACTION_JSON, ACTION_HELP, ACTION_VERSION };

static const struct flag {
  const char *name;
  const char *argument; /* as --help shows it; NULL: takes none */
  const char *key;      /* ACTION_KEY; without an argument it becomes "true" */
  const char *help;     /* NULL: the key's */
  enum action action;
  unsigned verbs; /* that take it */
} flags[] = {
    {"state", "DIR", "state", NULL, ACTION_KEY, ALL},
    {"listen", "ADDR:PORT", "listen", NULL, ACTION_KEY, VERB(SERVE)},
    {"issuer", "NAME", "issuer", NULL, ACTION_KEY, VERB(SERVE)},
    {"kind", "KIND", "kind", NULL, ACTION_KEY, VERB(SERVE)},
    {"factor", "N", "factor", NULL, ACTION_KEY, VERB(SERVE) | VERB(PUBLISH)},
    {"testing", NULL, "testing", NULL, ACTION_KEY, VERB(SERVE)},
    {"max-age", "TIME", "max_age", NULL, ACTION_KEY, VERB(SERVE)},
    {"valid", "TIME", "valid", NULL, ACTION_KEY, VERB(SERVE)},
    {"grace", "TIME", "grace", NULL, ACTION_KEY, VERB(SERVE)},
    {"read-only", NULL, "read_only", NULL, ACTION_KEY, VERB(SERVE)},
    {"base-url", "URL", "base_url", NULL, ACTION_KEY, VERB(SERVE)},
    {"estimate", NULL, "estimate", NULL, ACTION_KEY, VERB(SERVE)},
    {"reference-rate", "N", "reference_rate", NULL, ACTION_KEY, CONTROL},
    {"min-work", "TIME", "min_work", NULL, ACTION_KEY, CONTROL},
    {"max-work", "TIME", "max_work", NULL, ACTION_KEY, CONTROL},
    {"forget", NULL, "forget", NULL, ACTION_KEY, VERB(REPORTER)},
    {"access-log", "FILE", "access_log", NULL, ACTION_KEY, VERB(SERVE)},
    {"trusted-proxy", "ADDR", "trusted_proxy", NULL, ACTION_KEY, VERB(SERVE)},
    {"log-level", "LEVEL", "log_level", NULL, ACTION_KEY, VERB(SERVE)},
    {"reason", "TEXT", "reason", NULL, ACTION_KEY, VERB(PUBLISH)},
    {"after", "TIME", "after", NULL, ACTION_KEY, VERB(ROTATE)},
    {"json", NULL, NULL, "results as JSON, one object a line", ACTION_JSON, RESULTS},
    {"help", NULL, NULL, "this text", ACTION_HELP, ALL},
    {"version", NULL, NULL, "print the version", ACTION_VERSION, ALL},
};
#define FLAG_COUNT (sizeof flags / sizeof flags[0])

static const char *help_of(const struct flag *flag)
{
  for (size_t i = 0; flag->help == NULL && i < table.key_count; i++) {
    if (strcmp(keys[i].name, flag->key) == 0) {
      return keys[i].help;
    }
  }
  return flag->help;
}

static const char *const *choices_of(const struct flag *flag)
{
  for (size_t i = 0; flag->key != NULL && i < table.key_count; i++) {
    if (strcmp(keys[i].name, flag->key) == 0) {
      return keys[i].choices;
    }
  }
  return NULL;
}

/* For the build, not in --help: `--completion SHELL`. -1 where it is not asked for. */
static int write_completion(int argc, char *const argv[])
{
  struct frank_completion_command commands[AUTHORITY_VERB_COUNT];
  struct frank_completion_option options[FLAG_COUNT];
  for (size_t i = 0; i < AUTHORITY_VERB_COUNT; i++) {
    commands[i] =
        (struct frank_completion_command){verbs[i].name, verbs[i].operands, verbs[i].help};
  }
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    options[i] = (struct frank_completion_option){
        .name = flags[i].name,
        .argument = flags[i].argument,
        .values = choices_of(&flags[i]),
        .commands = flags[i].verbs,
        .help = help_of(&flags[i]),
    };
  }
  struct frank_completion completion = {
      .program = "frank-authority",
      .commands = commands,
      .command_count = AUTHORITY_VERB_COUNT,
      .command_default = AUTHORITY_SERVE,
      .options = options,
      .option_count = FLAG_COUNT,
  };
  return frank_completion_asked(&completion, argc, argv);
}

static const char *default_of(const struct flag *flag)
{
  for (size_t i = 0; flag->argument != NULL && i < table.key_count; i++) {
    bool shown = keys[i].normal[0] != '\0' && strcmp(keys[i].normal, "0") != 0;
    if (shown && strcmp(keys[i].name, flag->key) == 0) {
      return keys[i].normal;
    }
  }
  return NULL;
}

static void print_flags(unsigned mask, bool shared)
{
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    const struct flag *flag = &flags[i];
    bool is_shared = flag->verbs == ALL || flag->action == ACTION_JSON;
    if ((flag->verbs & mask) == 0 || is_shared != shared) {
      continue;
    }
    char left[40];
    const char *normal = default_of(flag);
    (void)snprintf(left, sizeof left, "--%s %s", flag->name, flag->argument ? flag->argument : "");
    (void)printf("  %-22s %s%s%s%s\n", left, help_of(flag), normal ? " (" : "",
                 normal ? normal : "", normal ? ")" : "");
  }
}

static void print_help(void)
{
  (void)fputs("usage: frank-authority [VERB] [FLAG]...\n"
              "Publishes a scaling factor by HTTP, signed, with its history and a page for "
              "people.\n\n",
              stdout);
  for (size_t i = 0; i < AUTHORITY_VERB_COUNT; i++) {
    (void)printf("  %-12s %-9s %s\n", verbs[i].name, verbs[i].operands, verbs[i].help);
  }
  (void)fputs("\nAll verbs but serve can be used while a server runs on the same state.\n\n"
              "For all:\n",
              stdout);
  print_flags(ALL, true);
  for (unsigned i = 0; i < AUTHORITY_VERB_COUNT; i++) {
    bool any = false;
    for (size_t j = 0; j < FLAG_COUNT; j++) {
      any = any || ((flags[j].verbs & (1U << i)) != 0 && flags[j].verbs != ALL &&
                    flags[j].action != ACTION_JSON);
    }
    if (any) {
      (void)printf("\nFor %s:\n", verbs[i].name);
      print_flags(1U << i, false);
    }
  }
  (void)fputs("\nSignals: SIGTERM and SIGINT end the server, SIGHUP opens its access log again.\n"
              "\nExit status:\n"
              "   0  done, or ended as asked\n"
              "   1  could not be done: the state, the port, the disk\n"
              "   2  wrong usage: an unknown verb or flag, a missing argument\n"
              "  78  wrong configuration: the value of a flag, another issuer than the state's\n",
              stdout);
}

/* ---- reading ---- */

__attribute__((format(printf, 1, 2))) static int usage(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  (void)fputs("frank-authority: ", stderr);
  (void)vfprintf(stderr, format, arguments);
  va_end(arguments);
  (void)fputs("\nfrank-authority: try frank-authority --help\n", stderr);
  return AUTHORITY_EXIT_USAGE;
}

static int find_verb(const char *text, enum authority_verb *verb)
{
  const char *names[AUTHORITY_VERB_COUNT];
  size_t slips = 0;
  for (size_t i = 0; i < AUTHORITY_VERB_COUNT; i++) {
    names[i] = verbs[i].name;
    if (strcmp(text, names[i]) == 0) {
      *verb = (enum authority_verb)i;
      return -1;
    }
  }
  const char *nearest = frank_nearest(text, names, AUTHORITY_VERB_COUNT, &slips);
  return nearest != NULL && slips <= 2 ? usage("no verb \"%s\"; %s is the nearest", text, nearest)
                                       : usage("no verb \"%s\"", text);
}

static int take_flag(const struct flag *flag, const char *argument, bool again,
                     struct authority_config *config)
{
  char name[40];
  char why[FRANK_CONFIG_WHY_BYTES];
  switch (flag->action) {
  case ACTION_HELP:
    print_help();
    return fflush(stdout) == 0 ? AUTHORITY_EXIT_OK : AUTHORITY_EXIT_FAILED;
  case ACTION_VERSION:
    (void)puts("frank-authority " FRANK_VERSION);
    return fflush(stdout) == 0 ? AUTHORITY_EXIT_OK : AUTHORITY_EXIT_FAILED;
  case ACTION_JSON:
    config->json = true;
    return -1;
  case ACTION_KEY:
    break;
  }
  (void)snprintf(name, sizeof name, "--%s", flag->name);
  if (frank_config_set(&table, flag->key, name, flag->argument != NULL ? argument : "true", again,
                       config, why) != FRANK_OK) {
    (void)fprintf(stderr, "frank-authority: %s\n", why);
    return AUTHORITY_EXIT_CONFIG;
  }
  return -1;
}

static int read_flags(int argc, char *const argv[], struct authority_config *config, bool *seen)
{
  struct option options[FLAG_COUNT + 1];
  int found = 0;
  memset(options, 0, sizeof options);
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    options[i].name = flags[i].name;
    options[i].has_arg = flags[i].argument != NULL ? required_argument : no_argument;
    options[i].val = (int)i;
  }
  while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (found == '?') {
      (void)fputs("frank-authority: try frank-authority --help\n", stderr);
      return AUTHORITY_EXIT_USAGE; /* getopt_long has named the flag */
    }
    int status = take_flag(&flags[found], optarg, seen[found], config);
    if (status != -1) {
      return status;
    }
    seen[found] = true;
  }
  return -1;
}

static int check_together(const struct authority_config *config)
{
  if (config->verb == AUTHORITY_PUBLISH && config->factor == 0) {
    return usage("publish wants --factor N");
  }
  if (config->verb == AUTHORITY_SERVE && config->max_age_us * 2 > config->valid_us) {
    (void)fputs("frank-authority: --max-age: more than half of --valid: a kept answer could "
                "expire\n",
                stderr);
    return AUTHORITY_EXIT_CONFIG;
  }
  if (config->min_work_us > config->max_work_us) {
    (void)fputs("frank-authority: --min-work: above --max-work\n", stderr);
    return AUTHORITY_EXIT_CONFIG;
  }
  if (config->read_only && config->factor != 0) {
    (void)fputs("frank-authority: --factor: a --read-only server publishes nothing\n", stderr);
    return AUTHORITY_EXIT_CONFIG;
  }
  return -1;
}

int authority_config_start(int argc, char *const argv[], struct authority_config *config)
{
  bool seen[FLAG_COUNT] = {false};
  memset(config, 0, sizeof *config);
  frank_config_defaults(&table, config);
  int status = write_completion(argc, argv);
  if (status == -1) {
    status = read_flags(argc, argv, config, seen);
  }
  if (status == -1 && optind < argc) {
    status = find_verb(argv[optind], &config->verb);
    optind++;
  }
  if (status != -1) {
    return status;
  }
  for (; optind < argc; optind++) {
    if (config->operand_count == verbs[config->verb].operands_max) {
      return usage("unexpected argument \"%s\"", argv[optind]);
    }
    config->operands[config->operand_count++] = argv[optind];
  }
  for (size_t i = 0; i < FLAG_COUNT; i++) {
    if (seen[i] && (flags[i].verbs & (1U << config->verb)) == 0) {
      return usage("--%s does not go with %s", flags[i].name, verbs[config->verb].name);
    }
  }
  return check_together(config);
}
