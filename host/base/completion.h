/*
 * completion: what a shell needs to complete a program's command line, written from the table of
 * options that the program itself reads and that its --help prints.
 *
 * Programs have a hidden `--completion SHELL`; the build runs it and installs what it prints.
 * Pure but for the stream.
 */
#ifndef FRANK_BASE_COMPLETION_H
#define FRANK_BASE_COMPLETION_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FRANK_COMPLETION_COMMANDS_MAX 32

struct frank_completion_option {
  const char *name; /* without the dashes */
  /* As --help shows it; NULL: takes none. FILE and DIR are completed as such. One that begins with
   * `=` is left out or written after that sign: "=KEY". */
  const char *argument;
  const char *const *values; /* what the argument may be, NULL-terminated; NULL: not known */
  const char *help;
  uint32_t commands; /* bit i: commands[i] takes it; not looked at where there are none */
  char letter;       /* 0: none */
};

struct frank_completion_command {
  const char *name;
  const char *operands; /* as the usage line has them: FILE and DIR are completed */
  const char *help;
};

/* All of it is the caller's. */
struct frank_completion {
  const char *program;
  const struct frank_completion_command *commands; /* the program's first word */
  size_t command_count; /* 0: a program without commands; FRANK_COMPLETION_COMMANDS_MAX at most */
  /* The one that is meant where none is named; -1: one must be named, and first. */
  int command_default;
  const struct frank_completion_option *options;
  size_t option_count;
};

/* Writes the file for `shell`: "bash", "zsh" or "fish". FRANK_ERR_NOT_FOUND for another one,
 * FRANK_ERR_IO. */
FRANK_MUST_CHECK enum frank_err frank_completion_write(const struct frank_completion *completion,
                                                       const char *shell, FILE *out);

/* What a main does first: where argv is PROGRAM --completion SHELL, writes that to standard output
 * and returns the exit status (0, or 1 with the reason told); -1 where it is not. */
int frank_completion_asked(const struct frank_completion *completion, int argc, char *const argv[]);

#endif
