/*
 * cmd: what the commands of `frank` share: the one table of options from which parsing, --help and
 * suggestions are made, messages to people, JSON records, and the end of the output.
 *
 * Results go to standard output, everything else to standard error. With --json every command ends
 * with one record, an error included.
 */
#ifndef FRANK_PROGRAMS_CMD_H
#define FRANK_PROGRAMS_CMD_H

#include "base/err.h"
#include "proof/msmr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_DEFAULT_PATH     "/run/frank/mint.sock"
#define FRANK_DEFAULT_ENDPOINT "ipc://" FRANK_DEFAULT_PATH

/* Exit statuses; frank(1) has the table. */
enum frank_exit {
  FRANK_EXIT_OK = 0,
  FRANK_EXIT_NOT = 1,      /* not met, not pass, not ready */
  FRANK_EXIT_USAGE = 2,    /* malformed input or usage */
  FRANK_EXIT_CANNOT = 3,   /* cannot now */
  FRANK_EXIT_TEMPFAIL = 75 /* EX_TEMPFAIL: what Postfix's pipe(8) takes as "later" */
};

enum frank_cmd_id {
  FRANK_CMD_MINT,
  FRANK_CMD_VERIFY,
  FRANK_CMD_DEVICES,
  FRANK_CMD_FACTOR,
  FRANK_CMD_KEYGEN,
  FRANK_CMD_STATUS,
  FRANK_CMD_LEARN,
  FRANK_CMD_COUNT
};

enum frank_opt {
  FRANK_OPT_B,
  FRANK_OPT_EML,
  FRANK_OPT_FACTOR,
  FRANK_OPT_BITS,
  FRANK_OPT_FACTOR_URL,
  FRANK_OPT_FACTOR_KEY,
  FRANK_OPT_DNS_SERVER,
  FRANK_OPT_DNS_ANCHOR,
  FRANK_OPT_CA_FILE,
  FRANK_OPT_TO,
  FRANK_OPT_A,
  FRANK_OPT_DOMAIN,
  FRANK_OPT_DEVICE,
  FRANK_OPT_ISA,
  FRANK_OPT_FPGA_UNROLL,
  FRANK_OPT_DEADLINE,
  FRANK_OPT_CONNECT,
  FRANK_OPT_KEYS,
  FRANK_OPT_FILTER,
  FRANK_OPT_TEMPFAIL,
  FRANK_OPT_DRY_RUN,
  FRANK_OPT_HEADER,
  FRANK_OPT_DKIM,
  FRANK_OPT_DKIM_KEYS,
  FRANK_OPT_TEST,
  FRANK_OPT_TUNE,
  FRANK_OPT_WATCH,
  FRANK_OPT_WAIT,
  FRANK_OPT_VERBOSE,
  FRANK_OPT_EXPLAIN,
  FRANK_OPT_PURGE,
  FRANK_OPT_ESTIMATE,
  FRANK_OPT_STATE,
  FRANK_OPT_HAM,
  FRANK_OPT_SPAM,
  FRANK_OPT_JSON,
  FRANK_OPT_HELP
};

struct frank_cmd_line;

struct frank_cmd {
  const char *name;
  const char *synopsis; /* what follows the name in the usage line */
  const char *summary;  /* one line */
  const char *details;  /* printed under the options by --help */
  size_t operands_max;
  int (*run)(struct frank_cmd_line *line);
};

/* The commands by enum frank_cmd_id. */
extern const struct frank_cmd frank_cmds[FRANK_CMD_COUNT];

/* A parsed command line. Views into argv. */
struct frank_cmd_line {
  const struct frank_cmd *cmd;
  struct frank_cmd_given *given; /* in the order of the command line */
  size_t given_count;
  const char **operands;
  size_t operand_count;
  bool json;
  bool filter;     /* --filter stands on the line: mail must not be lost (frank_cmd_parse) */
  bool ended;      /* the final JSON record is written */
  bool failed;     /* a record could not be made */
  int write_errno; /* why a record could not be written */
};
struct frank_cmd_given {
  enum frank_opt opt;
  const char *value; /* NULL for a flag */
};

int frank_cmd_mint(struct frank_cmd_line *line);
int frank_cmd_verify(struct frank_cmd_line *line);
int frank_cmd_devices(struct frank_cmd_line *line);
int frank_cmd_factor(struct frank_cmd_line *line);
int frank_cmd_keygen(struct frank_cmd_line *line);
int frank_cmd_status(struct frank_cmd_line *line);
int frank_cmd_learn(struct frank_cmd_line *line);

/* ---- the command line ---- */

/* True where --`name` stands among the arguments, with or without a value, whatever else does. */
bool frank_cmd_mentions(int argc, char *const argv[], const char *name);
/* Reads argv[0..argc), the arguments after the command's name, by the option table. What is wrong
 * is told (and the nearest option suggested); FRANK_ERR_MALFORMED then, or FRANK_ERR_NOMEM.
 * line->json and line->filter are set in any case: an error, too, ends as they ask. */
FRANK_MUST_CHECK enum frank_err frank_cmd_parse(const struct frank_cmd *cmd, int argc, char **argv,
                                                struct frank_cmd_line *line);
void frank_cmd_line_fini(struct frank_cmd_line *line);

bool frank_cmd_has(const struct frank_cmd_line *line, enum frank_opt opt);
/* The option's value, NULL where it is not given. */
const char *frank_cmd_value(const struct frank_cmd_line *line, enum frank_opt opt);
/* All values of an option that may be repeated, into a list that the caller frees (NULL where
 * there are none); *count of them. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_cmd_values(const struct frank_cmd_line *line,
                                                 enum frank_opt opt, const char ***values,
                                                 size_t *count);
/* The first two of `opts` that are both given make an error of usage: told, and true. `opts` has
 * `count` options. */
bool frank_cmd_clash(struct frank_cmd_line *line, const enum frank_opt *opts, size_t count);
/* "--name" of an option. */
const char *frank_cmd_option_text(enum frank_opt opt, char text[32]);

void frank_cmd_help(const struct frank_cmd *cmd);
void frank_cmd_usage(void);
/* For the build, not in --help: `frank --completion SHELL` (base/completion.h). The exit status; -1
 * where that is not asked for. */
int frank_cmd_completion(int argc, char *const argv[]);
/* The entry of names[0..count) that `text` is a slip of (base/nearest.h); NULL where none is near
 * enough to be it. */
const char *frank_cmd_nearest(const char *text, const char *const *names, size_t count);

/* ---- values ---- */

/* --factor and --bits, which exclude each other and --factor-url; *factor is 0 where neither is
 * given. A bad one is told: FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_cmd_factor_option(struct frank_cmd_line *line,
                                                        uint64_t *factor);
/* True where every --device has the form of a device's name; else it is told. Whether there is such
 * a device is another question. */
bool frank_cmd_check_devices(struct frank_cmd_line *line);
/* --fpga-unroll; *unroll is 0 where it is not given. A bad one is told: FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_cmd_unroll_option(struct frank_cmd_line *line,
                                                        unsigned *unroll);
/* "30s", "500ms", "2m", "1h" or plain seconds, a decimal fraction allowed, to milliseconds
 * 1..max_ms. FRANK_ERR_MALFORMED, FRANK_ERR_RANGE. */
FRANK_MUST_CHECK enum frank_err frank_cmd_duration_parse(const char *text, uint32_t max_ms,
                                                         uint32_t *ms);

/* ---- messages and results ---- */

/* One line on standard error, "frank mint: ...". Control characters are written as `?`. */
void frank_cmd_note(const struct frank_cmd_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, for an error: with --json it also writes the final record
 * {"error":code,"message":...}. Returns `status`. */
int frank_cmd_fail(struct frank_cmd_line *line, int status, const char *code, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* Makes text of a stranger's bytes fit for a terminal and for JSON, in place: what cannot be shown,
 * or is cut in the middle of a character, becomes `?`; where the locale is not UTF-8, so does all
 * that is not ASCII. */
void frank_cmd_printable(char *text);

/* Writes `record` as one line of JSON and frees it; `final` marks the last one. False where it
 * could not be made (NULL: no memory, or a text that is not UTF-8) or written: an error record
 * stands in its place, and frank_cmd_finish returns its `on_failure`. */
bool frank_cmd_emit(struct frank_cmd_line *line, json_t *record, bool final);

/* Flushes standard output, and keeps why that failed for frank_cmd_finish. */
void frank_cmd_flush(struct frank_cmd_line *line);

/* Ends the output: `status`, or when what was to be printed could not be made or written (no
 * memory, a full disk, a closed pipe), that is told and `on_failure` returned. */
int frank_cmd_finish(const struct frank_cmd_line *line, int status, int on_failure);

#endif
