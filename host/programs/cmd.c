#include "programs/cmd.h"

#include "base/completion.h"
#include "base/nearest.h"
#include "engine/cpu/variant_list.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define FOR_MINT      (1U << FRANK_CMD_MINT)
#define FOR_VERIFY    (1U << FRANK_CMD_VERIFY)
#define FOR_DEVICES   (1U << FRANK_CMD_DEVICES)
#define FOR_FACTOR    (1U << FRANK_CMD_FACTOR)
#define FOR_STATUS    (1U << FRANK_CMD_STATUS)
#define FOR_LEARN     (1U << FRANK_CMD_LEARN)
#define FOR_REMOTE    (FOR_MINT | FOR_FACTOR | FOR_STATUS)
#define FOR_PUBLISHED (FOR_MINT | FOR_VERIFY | FOR_FACTOR)
#define FOR_ALL       ((1U << FRANK_CMD_COUNT) - 1U)

#define MESSAGE_MAX_BYTES 1024
#define NAME_MAX_BYTES    32

static const struct option {
  enum frank_opt opt;
  char letter;         /* 0: none */
  bool repeats;        /* may be given more than once */
  unsigned commands;   /* which commands take it */
  const char *name;    /* without the dashes */
  const char *metavar; /* NULL: a flag */
  const char *help;
} options[] = {
    {FRANK_OPT_B, 0, false, FOR_MINT | FOR_VERIFY, "b", "B64",
     "the b= text of a DKIM signature, white space allowed"},
    {FRANK_OPT_EML, 0, false, FOR_MINT, "eml", "FILE", "a signed message; - is standard input"},
    {FRANK_OPT_FACTOR, 0, false, FOR_PUBLISHED, "factor", "N",
     "scaling factor: the attempts that a stamp should cost"},
    {FRANK_OPT_BITS, 0, false, FOR_MINT, "bits", "B", "the same in bits: a factor of 2^B"},
    {FRANK_OPT_FACTOR_URL, 0, false, FOR_MINT | FOR_VERIFY, "factor-url", "URL",
     "the factor that is published at https://HOST, or by dns:DOMAIN"},
    {FRANK_OPT_FACTOR_KEY, 0, false, FOR_PUBLISHED, "factor-key", "B64",
     "the Ed25519 public key that must have signed it"},
    {FRANK_OPT_TO, 0, true, FOR_MINT, "to", "DOMAIN",
     "recipient (domain or address) whose factor is wanted; may be repeated"},
    {FRANK_OPT_A, 0, false, FOR_MINT, "a", "ALG",
     "rsa-sha256 or ed25519-sha256; with a message: which signature"},
    {FRANK_OPT_DOMAIN, 0, false, FOR_MINT, "domain", "D", "use the signature with this d="},
    {FRANK_OPT_DEVICE, 0, true, FOR_MINT | FOR_DEVICES, "device", "NAME",
     "use this device (cpu, cpu:0, opencl:0.0, fpga:sim, ...); may be repeated"},
    {FRANK_OPT_ISA, 0, false, FOR_MINT | FOR_DEVICES, "isa", "V",
     "force a code path:" FRANK_CPU_VARIANT_NAMES " (CPU), uint8x2 (OpenCL)"},
    {FRANK_OPT_FPGA_UNROLL, 0, false, FOR_MINT | FOR_DEVICES, "fpga-unroll", "U",
     "rounds per cycle of a simulated FPGA core: 1, 2, 4 to 64"},
    {FRANK_OPT_DEADLINE, 0, false, FOR_MINT, "deadline", "TIME",
     "stop after this time with the best so far (default 30s)"},
    {FRANK_OPT_CONNECT, 0, true, FOR_REMOTE, "connect", "ENDPOINT",
     "ask the frankd at ipc://PATH or tcp://HOST:PORT; several are tried in turn"},
    {FRANK_OPT_KEYS, 0, false, FOR_REMOTE, "keys", "DIR",
     "client.secret and server.public for tcp:// (frank keygen)"},
    {FRANK_OPT_FILTER, 0, false, FOR_MINT, "filter", NULL,
     "write the whole message with the header in front"},
    {FRANK_OPT_TEMPFAIL, 0, false, FOR_MINT, "tempfail", NULL,
     "with --filter: no stamp, no output, exit status 75"},
    {FRANK_OPT_DRY_RUN, 0, false, FOR_MINT, "dry-run", NULL, "print the plan; do not search"},
    {FRANK_OPT_HEADER, 0, false, FOR_VERIFY, "header", "H",
     "the MSMR-Key header that goes with --b"},
    {FRANK_OPT_DKIM, 0, false, FOR_VERIFY, "dkim", NULL,
     "check DKIM as well, and the mail rules that need no envelope"},
    {FRANK_OPT_DKIM_KEYS, 0, false, FOR_VERIFY, "dkim-keys", "FILE",
     "with --dkim: keys for tests, SELECTOR._domainkey.DOMAIN RECORD a line; not DNS"},
    {FRANK_OPT_TEST, 0, false, FOR_DEVICES, "test", NULL,
     "search on each device for some seconds and check what it finds"},
    {FRANK_OPT_TUNE, 0, false, FOR_DEVICES, "tune", NULL,
     "measure again what was tuned at a device's first use"},
    {FRANK_OPT_VERBOSE, 'v', false, FOR_DEVICES, "verbose", NULL,
     "the model of each device as well"},
    {FRANK_OPT_EXPLAIN, 0, false, FOR_FACTOR, "explain", NULL,
     "every step: what was asked, answered and checked, and why this one is in force"},
    {FRANK_OPT_PURGE, 0, false, FOR_FACTOR, "purge", NULL,
     "first forget what is kept of the DOMAIN or URL; alone, of all domains"},
    {FRANK_OPT_ESTIMATE, 0, false, FOR_FACTOR, "estimate", NULL,
     "what this server's own mail would make the factor, and why"},
    {FRANK_OPT_DNS_SERVER, 0, true, FOR_PUBLISHED, "dns-server", "ADDR[@PORT]",
     "ask this DNS server, not those of the system; may be repeated"},
    {FRANK_OPT_DNS_ANCHOR, 0, false, FOR_PUBLISHED, "dns-anchor", "FILE",
     "the keys that DNSSEC is checked by"},
    {FRANK_OPT_CA_FILE, 0, false, FOR_PUBLISHED, "ca-file", "FILE",
     "certificates of the authorities that https believes, not the system's"},
    {FRANK_OPT_STATE, 0, false, FOR_LEARN | FOR_FACTOR, "state", "DIR",
     "the folder of what was learned"},
    {FRANK_OPT_HAM, 0, false, FOR_LEARN, "ham", NULL, "the messages were wanted"},
    {FRANK_OPT_SPAM, 0, false, FOR_LEARN, "spam", NULL, "the messages were not wanted"},
    {FRANK_OPT_WATCH, 0, false, FOR_STATUS, "watch", NULL, "ask again every second"},
    {FRANK_OPT_WAIT, 0, false, FOR_STATUS, "wait", "SECONDS",
     "wait until frankd is ready, at most so long"},
    {FRANK_OPT_JSON, 0, false, FOR_ALL, "json", NULL, "one JSON object per line"},
    {FRANK_OPT_HELP, 'h', false, FOR_ALL, "help", NULL, "this text"},
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

/* ---- messages and results ---- */

void frank_cmd_printable(char *text)
{
  bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  for (char *at = text; *at != '\0';) {
    mbstate_t state = {0};
    wchar_t wide = 0;
    size_t len = is_utf8 ? mbrtowc(&wide, at, MB_LEN_MAX, &state) : 1;
    if (len > MB_LEN_MAX) { /* no character begins here, or one that is cut off */
      len = 1;
      wide = 0;
    }
    bool shown = is_utf8 ? iswprint((wint_t)wide) != 0 : (*at >= 0x20 && *at < 0x7f);
    if (!shown) {
      memset(at, '?', len);
    }
    at += len;
  }
}

static void print_message(const struct frank_cmd_line *line, const char *text)
{
  fprintf(stderr, "frank%s%s: %s\n", line->cmd ? " " : "", line->cmd ? line->cmd->name : "", text);
}

void frank_cmd_note(const struct frank_cmd_line *line, const char *format, ...)
{
  char text[MESSAGE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  frank_cmd_printable(text);
  print_message(line, text);
}

int frank_cmd_fail(struct frank_cmd_line *line, int status, const char *code, const char *format,
                   ...)
{
  char text[MESSAGE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  frank_cmd_printable(text);
  print_message(line, text);
  if (line->json && !line->ended) {
    frank_cmd_emit(line, json_pack("{s:s, s:s}", "error", code, "message", text), true);
  }
  return status;
}

/* JSON as it may go to a terminal: DEL and the control characters U+0080 to U+009F, which JSON lets
 * stand, are escaped. */
static void print_json(const char *text)
{
  for (const char *at = text; *at != '\0'; at++) {
    unsigned char byte = (unsigned char)at[0];
    unsigned char next = (unsigned char)at[1];
    if (byte == 0x7f) {
      fputs("\\u007f", stdout);
    } else if (byte == 0xc2 && next < 0xa0) {
      printf("\\u%04x", next);
      at++;
    } else {
      putchar(byte);
    }
  }
}

bool frank_cmd_emit(struct frank_cmd_line *line, json_t *record, bool final)
{
  /* Numbers for people: ten digits are more than any of them means. */
  char *text =
      record != NULL
          ? json_dumps(record, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(10))
          : NULL;
  line->failed = line->failed || text == NULL;
  print_json(text != NULL ? text
                          : "{\"error\":\"internal\",\"message\":\"no record: no memory, or "
                            "a text that is not UTF-8\"}");
  putchar('\n');
  frank_cmd_flush(line);
  free(text);
  json_decref(record);
  line->ended = line->ended || final;
  return !line->failed && ferror(stdout) == 0;
}

void frank_cmd_flush(struct frank_cmd_line *line)
{
  if (fflush(stdout) != 0 && line->write_errno == 0) {
    line->write_errno = errno;
  }
}

int frank_cmd_finish(const struct frank_cmd_line *line, int status, int on_failure)
{
  if (line->failed) {
    frank_cmd_note(line, "no memory for a record, or a text in it that is not UTF-8");
    return on_failure;
  }
  errno = line->write_errno;
  if (fflush(stdout) != 0 || ferror(stdout)) {
    frank_cmd_note(line, "cannot write to standard output: %s",
                   errno != 0 ? strerror(errno) : "an earlier write failed");
    return on_failure;
  }
  return status;
}

/* ---- suggestions ---- */

const char *frank_cmd_nearest(const char *text, const char *const *names, size_t count)
{
  size_t distance = 0;
  const char *name = frank_nearest(text, names, count, &distance);
  return name != NULL && distance <= (strlen(name) < 4 ? 1U : 2U) ? name : NULL;
}

/* ---- the command line ---- */

static bool option_is_for(const struct option *option, const struct frank_cmd *cmd)
{
  return (option->commands & (1U << (unsigned)(cmd - frank_cmds))) != 0;
}

static const struct option *find_option(const struct frank_cmd *cmd, const char *name,
                                        size_t name_len)
{
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (option_is_for(&options[i], cmd) && strlen(options[i].name) == name_len &&
        memcmp(options[i].name, name, name_len) == 0) {
      return &options[i];
    }
  }
  return NULL;
}

static const struct option *find_letter(const struct frank_cmd *cmd, char letter)
{
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (option_is_for(&options[i], cmd) && options[i].letter == letter) {
      return &options[i];
    }
  }
  return NULL;
}

static enum frank_err refuse_option(struct frank_cmd_line *line, const char *name)
{
  const char *names[OPTION_COUNT];
  size_t count = 0;
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (option_is_for(&options[i], line->cmd)) {
      names[count++] = options[i].name;
    }
  }
  const char *dashes = name[0] == '-' ? "" : "--";
  const char *near = frank_cmd_nearest(name, names, count);
  if (near != NULL) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "unknown option %s%s; did you mean --%s?",
                   dashes, name, near);
  } else {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "unknown option %s%s; 'frank %s --help' lists them", dashes, name,
                   line->cmd->name);
  }
  return FRANK_ERR_MALFORMED;
}

static enum frank_err add_option(struct frank_cmd_line *line, const struct option *option,
                                 const char *value)
{
  if (!option->repeats && frank_cmd_has(line, option->opt)) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--%s is given twice", option->name);
    return FRANK_ERR_MALFORMED;
  }
  line->given[line->given_count].opt = option->opt;
  line->given[line->given_count].value = value;
  line->given_count++;
  return FRANK_OK;
}

/* One argument that begins with a dash, and its value, which may be the next argument: *used tells
 * how many were taken. */
static enum frank_err parse_option(struct frank_cmd_line *line, int argc, char **argv, int *used)
{
  const char *arg = argv[0];
  const struct option *option = NULL;
  const char *value = NULL;
  if (arg[1] == '-') {
    const char *name = arg + 2;
    size_t name_len = strcspn(name, "=");
    option = find_option(line->cmd, name, name_len);
    value = name[name_len] == '=' ? name + name_len + 1 : NULL;
    if (option == NULL) {
      char shown[NAME_MAX_BYTES + 1];
      snprintf(shown, sizeof shown, "%.*s",
               (int)(name_len < NAME_MAX_BYTES ? name_len : NAME_MAX_BYTES), name);
      return refuse_option(line, shown);
    }
  } else {
    option = arg[2] == '\0' ? find_letter(line->cmd, arg[1]) : NULL;
    if (option == NULL) {
      return refuse_option(line, arg);
    }
  }
  *used = 1;
  if (option->metavar == NULL && value != NULL) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--%s takes no value", option->name);
    return FRANK_ERR_MALFORMED;
  }
  if (option->metavar != NULL && value == NULL) {
    if (argc < 2) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--%s wants a value: %s", option->name,
                     option->metavar);
      return FRANK_ERR_MALFORMED;
    }
    value = argv[1];
    *used = 2;
  }
  return add_option(line, option, value);
}

bool frank_cmd_mentions(int argc, char *const argv[], const char *name)
{
  size_t len = strlen(name);
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strncmp(argv[i], "--", 2) == 0 && strncmp(argv[i] + 2, name, len) == 0 &&
        (argv[i][2 + len] == '\0' || argv[i][2 + len] == '=')) {
      return true;
    }
  }
  return false;
}

enum frank_err frank_cmd_parse(const struct frank_cmd *cmd, int argc, char **argv,
                               struct frank_cmd_line *line)
{
  *line = (struct frank_cmd_line){
      .cmd = cmd,
      .json = frank_cmd_mentions(argc, argv, "json"),
      .filter = cmd == &frank_cmds[FRANK_CMD_MINT] && frank_cmd_mentions(argc, argv, "filter"),
  };
  line->given = calloc((size_t)argc + 1, sizeof *line->given);
  line->operands = calloc((size_t)argc + 1, sizeof *line->operands);
  if (line->given == NULL || line->operands == NULL) {
    frank_cmd_line_fini(line);
    return FRANK_ERR_NOMEM;
  }
  bool only_operands = false;
  for (int i = 0; i < argc;) {
    int used = 1;
    if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
      line->operands[line->operand_count++] = argv[i];
    } else if (strcmp(argv[i], "--") == 0) {
      only_operands = true;
    } else {
      enum frank_err err = parse_option(line, argc - i, argv + i, &used);
      if (err != FRANK_OK) {
        return err;
      }
    }
    i += used;
  }
  if (line->operand_count > cmd->operands_max && !frank_cmd_has(line, FRANK_OPT_HELP)) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "unexpected argument %s",
                   line->operands[cmd->operands_max]);
    return FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

void frank_cmd_line_fini(struct frank_cmd_line *line)
{
  free(line->given);
  free(line->operands);
  line->given = NULL;
  line->operands = NULL;
  line->given_count = 0;
  line->operand_count = 0;
}

bool frank_cmd_has(const struct frank_cmd_line *line, enum frank_opt opt)
{
  for (size_t i = 0; i < line->given_count; i++) {
    if (line->given[i].opt == opt) {
      return true;
    }
  }
  return false;
}

const char *frank_cmd_value(const struct frank_cmd_line *line, enum frank_opt opt)
{
  for (size_t i = 0; i < line->given_count; i++) {
    if (line->given[i].opt == opt) {
      return line->given[i].value;
    }
  }
  return NULL;
}

enum frank_err frank_cmd_values(const struct frank_cmd_line *line, enum frank_opt opt,
                                const char ***values, size_t *count)
{
  *values = NULL;
  *count = 0;
  if (!frank_cmd_has(line, opt)) {
    return FRANK_OK;
  }
  const char **list = calloc(line->given_count, sizeof *list);
  if (list == NULL) {
    return FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < line->given_count; i++) {
    if (line->given[i].opt == opt) {
      list[(*count)++] = line->given[i].value;
    }
  }
  *values = list;
  return FRANK_OK;
}

bool frank_cmd_clash(struct frank_cmd_line *line, const enum frank_opt *opts, size_t count)
{
  char first[NAME_MAX_BYTES];
  char second[NAME_MAX_BYTES];
  bool one = false;
  for (size_t i = 0; i < count; i++) {
    if (!frank_cmd_has(line, opts[i])) {
      continue;
    }
    if (one) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "%s and %s exclude each other", first,
                     frank_cmd_option_text(opts[i], second));
      return true;
    }
    one = true;
    frank_cmd_option_text(opts[i], first);
  }
  return false;
}

const char *frank_cmd_option_text(enum frank_opt opt, char text[32])
{
  text[0] = '\0';
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (options[i].opt == opt) {
      snprintf(text, 32, "--%s", options[i].name);
      break;
    }
  }
  return text;
}

void frank_cmd_help(const struct frank_cmd *cmd)
{
  printf("usage: frank %s %s\n%s.\n\n", cmd->name, cmd->synopsis, cmd->summary);
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (!option_is_for(&options[i], cmd)) {
      continue;
    }
    char left[64];
    char letter[8] = "";
    if (options[i].letter != 0) {
      snprintf(letter, sizeof letter, "-%c, ", options[i].letter);
    }
    snprintf(left, sizeof left, "%s--%s%s%s", letter, options[i].name,
             options[i].metavar ? " " : "", options[i].metavar ? options[i].metavar : "");
    printf("  %-20s  %s\n", left, options[i].help);
  }
  if (cmd->details != NULL) {
    printf("\n%s\n", cmd->details);
  }
}

void frank_cmd_usage(void)
{
  puts("usage: frank COMMAND [OPTION]...\n"
       "The franking machine for e-mail: stamps of computing work, bound to DKIM signatures.\n");
  for (size_t i = 0; i < FRANK_CMD_COUNT; i++) {
    printf("  %-8s  %s\n", frank_cmds[i].name, frank_cmds[i].summary);
  }
  puts("\n'frank COMMAND --help' lists the options of a command; frank --version.\n"
       "Every command takes --json: one object per line, a final record always.");
}

/* ---- completion ---- */

/* What arguments of this name may be. */
static const char *const *values_of(const char *metavar)
{
  static const char *const algorithms[] = {"rsa-sha256", "ed25519-sha256", NULL};
  return metavar != NULL && strcmp(metavar, "ALG") == 0 ? algorithms : NULL;
}

int frank_cmd_completion(int argc, char *const argv[])
{
  struct frank_completion_command commands[FRANK_CMD_COUNT];
  struct frank_completion_option all[OPTION_COUNT];
  for (size_t i = 0; i < FRANK_CMD_COUNT; i++) {
    commands[i] = (struct frank_completion_command){frank_cmds[i].name, frank_cmds[i].synopsis,
                                                    frank_cmds[i].summary};
  }
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    all[i] = (struct frank_completion_option){
        .name = options[i].name,
        .letter = options[i].letter,
        .argument = options[i].metavar,
        .values = values_of(options[i].metavar),
        .commands = options[i].commands,
        .help = options[i].help,
    };
  }
  struct frank_completion completion = {
      .program = "frank",
      .commands = commands,
      .command_count = FRANK_CMD_COUNT,
      .command_default = -1,
      .options = all,
      .option_count = OPTION_COUNT,
  };
  return frank_completion_asked(&completion, argc, argv);
}
