#include "base/completion.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum kind { KIND_NONE, KIND_FILE, KIND_DIR, KIND_VALUES, KIND_OTHER };

static bool is_optional(const struct frank_completion_option *option)
{
  return option->argument != NULL && option->argument[0] == '=';
}

static enum kind kind_of(const struct frank_completion_option *option)
{
  if (option->argument == NULL) {
    return KIND_NONE;
  }
  if (option->values != NULL) {
    return KIND_VALUES;
  }
  if (strncmp(option->argument, "FILE", 4) == 0 || strcmp(option->argument, "OLD NEW") == 0) {
    return KIND_FILE;
  }
  return strcmp(option->argument, "DIR") == 0 ? KIND_DIR : KIND_OTHER;
}

static bool takes(const struct frank_completion *completion, size_t command,
                  const struct frank_completion_option *option)
{
  return completion->command_count == 0 || (option->commands & (1U << command)) != 0;
}

/* A shell function's name. */
static void write_name(const char *program, FILE *out)
{
  fputc('_', out);
  for (const char *at = program; *at != '\0'; at++) {
    fputc(*at == '-' ? '_' : *at, out);
  }
}

/* Text for between single quotes; with `escaped` its characters have a backslash in front, as zsh
 * wants it of brackets and colons in a description. */
static void write_quoted(const char *text, const char *escaped, FILE *out)
{
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '\'') {
      fputs("'\\''", out);
    } else if (*at == '\n') {
      fputc(' ', out);
    } else {
      if (strchr(escaped, *at) != NULL) {
        fputc('\\', out);
      }
      fputc(*at, out);
    }
  }
}

static void write_values(const struct frank_completion_option *option, FILE *out)
{
  const char *gap = "";
  for (size_t i = 0; option->values[i] != NULL; i++) {
    if (option->values[i][0] != '\0') {
      fprintf(out, "%s%s", gap, option->values[i]);
      gap = " ";
    }
  }
}

/* ---- bash ---- */

/* "--eml | --state)" of every option of a kind; false where there are none. */
static bool bash_pattern(const struct frank_completion *completion, enum kind kind, FILE *out)
{
  bool any = false;
  for (size_t i = 0; i < completion->option_count; i++) {
    if (kind_of(&completion->options[i]) == kind && !is_optional(&completion->options[i])) {
      fprintf(out, "%s--%s", any ? " | " : "    ", completion->options[i].name);
      any = true;
    }
  }
  if (any) {
    fputs(")\n", out);
  }
  return any;
}

/* The word after an option that wants a value. */
static void bash_arguments(const struct frank_completion *completion, FILE *out)
{
  static const struct {
    enum kind kind;
    const char *reply;
  } by_kind[] = {
      {KIND_FILE, "compopt -o filenames 2>/dev/null\n"
                  "      mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"},
      {KIND_DIR, "compopt -o filenames 2>/dev/null\n"
                 "      mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"},
      {KIND_OTHER, "COMPREPLY=()\n"},
  };
  fputs("  case $prev in\n", out);
  for (size_t i = 0; i < sizeof by_kind / sizeof by_kind[0]; i++) {
    if (bash_pattern(completion, by_kind[i].kind, out)) {
      fprintf(out, "      %s      return ;;\n", by_kind[i].reply);
    }
  }
  for (size_t i = 0; i < completion->option_count; i++) {
    if (kind_of(&completion->options[i]) == KIND_VALUES) {
      fprintf(out, "    --%s)\n      mapfile -t COMPREPLY < <(compgen -W '",
              completion->options[i].name);
      write_values(&completion->options[i], out);
      fputs("' -- \"$cur\")\n      return ;;\n", out);
    }
  }
  fputs("  esac\n", out);
}

static void bash_options(const struct frank_completion *completion, size_t command, FILE *out)
{
  const char *gap = "";
  for (size_t i = 0; i < completion->option_count; i++) {
    const struct frank_completion_option *option = &completion->options[i];
    if (takes(completion, command, option)) {
      fprintf(out, "%s--%s", gap, option->name);
      gap = " ";
    }
  }
}

/* Finds the command among the words before the one that is completed. */
static void bash_commands(const struct frank_completion *completion, FILE *out)
{
  int normal = completion->command_default;
  fprintf(out, "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
               "    case ${COMP_WORDS[i]} in\n     ");
  for (size_t i = 0; i < completion->command_count; i++) {
    fprintf(out, "%s %s", i > 0 ? " |" : "", completion->commands[i].name);
  }
  fputs(")\n      command=${COMP_WORDS[i]}\n      break ;;\n    esac\n  done\n", out);
  fputs("  if [[ -z $command && $cur != -* ]]; then\n"
        "    mapfile -t COMPREPLY < <(compgen -W '",
        out);
  for (size_t i = 0; i < completion->command_count; i++) {
    fprintf(out, "%s%s", i > 0 ? " " : "", completion->commands[i].name);
  }
  fputs("' -- \"$cur\")\n    return\n  fi\n  case $command in\n", out);
  for (size_t i = 0; i < completion->command_count; i++) {
    const char *operands = completion->commands[i].operands;
    fprintf(out, "    %s%s)\n      options='", completion->commands[i].name,
            normal == (int)i ? " | ''" : "");
    bash_options(completion, i, out);
    fprintf(out, "'\n      operands=%s ;;\n",
            strstr(operands, "FILE") != NULL  ? "f"
            : strstr(operands, "DIR") != NULL ? "d"
                                              : "");
  }
  if (normal < 0) {
    fputs("    *) options='--help --version' ;;\n", out);
  }
  fputs("  esac\n", out);
}

static void write_bash(const struct frank_completion *completion, FILE *out)
{
  fprintf(out, "# bash completion for %s: what its own table of options says.\n",
          completion->program);
  write_name(completion->program, out);
  /* `=` and what follows are words of their own in COMP_WORDS. */
  fputs("()\n{\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "  local options operands command i\n"
        "  if [[ $cur == = ]]; then\n"
        "    cur=\n"
        "  elif [[ $prev == = ]]; then\n"
        "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
        "  fi\n",
        out);
  bash_arguments(completion, out);
  if (completion->command_count > 0) {
    bash_commands(completion, out);
  } else {
    fputs("  options='", out);
    bash_options(completion, 0, out);
    fputs("'\n", out);
  }
  fputs("  if [[ $cur == -* || -z $operands ]]; then\n"
        "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
        "  else\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    mapfile -t COMPREPLY < <(compgen \"-$operands\" -- \"$cur\")\n"
        "  fi\n"
        "}\ncomplete -F ",
        out);
  write_name(completion->program, out);
  fprintf(out, " %s\n", completion->program);
}

/* ---- zsh ---- */

static void zsh_option(const struct frank_completion_option *option, FILE *out)
{
  enum kind kind = kind_of(option);
  fprintf(out, " \\\n      '*--%s%s[", option->name,
          kind == KIND_NONE     ? ""
          : is_optional(option) ? "=-"
                                : "=");
  write_quoted(option->help, "[]:\\", out);
  fputc(']', out);
  if (kind != KIND_NONE) {
    fprintf(out, "%s:", is_optional(option) ? ":" : "");
    write_quoted(option->argument + (is_optional(option) ? 1 : 0), "[]:\\", out);
    fputc(':', out);
  }
  if (kind == KIND_FILE || kind == KIND_DIR) {
    fputs(kind == KIND_FILE ? "_files" : "_files -/", out);
  } else if (kind == KIND_VALUES) {
    fputc('(', out);
    write_values(option, out);
    fputc(')', out);
  }
  fputc('\'', out);
}

static void zsh_options(const struct frank_completion *completion, size_t command,
                        const char *operands, FILE *out)
{
  fputs("    _arguments -s", out);
  for (size_t i = 0; i < completion->option_count; i++) {
    if (takes(completion, command, &completion->options[i])) {
      zsh_option(&completion->options[i], out);
    }
  }
  if (strstr(operands, "FILE") != NULL || strstr(operands, "DIR") != NULL) {
    fprintf(out, " \\\n      '*:file:_files%s'", strstr(operands, "FILE") != NULL ? "" : " -/");
  }
  fputc('\n', out);
}

static void write_zsh(const struct frank_completion *completion, FILE *out)
{
  fprintf(out, "#compdef %s\n# What the table of options of %s says.\n", completion->program,
          completion->program);
  if (completion->command_count == 0) {
    zsh_options(completion, 0, "", out);
    return;
  }
  fputs("local -a commands=(", out);
  for (size_t i = 0; i < completion->command_count; i++) {
    fprintf(out, "\n  '%s:", completion->commands[i].name);
    write_quoted(completion->commands[i].help, ":\\", out);
    fputc('\'', out);
  }
  fputs("\n)\nif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
        "  _describe command commands\n  return\nfi\ncase $words[2] in\n",
        out);
  for (size_t i = 0; i < completion->command_count; i++) {
    fprintf(out, "  %s)\n    shift words; (( CURRENT-- ))\n", completion->commands[i].name);
    zsh_options(completion, i, completion->commands[i].operands, out);
    fputs("    ;;\n", out);
  }
  if (completion->command_default >= 0) {
    size_t normal = (size_t)completion->command_default;
    fputs("  *)\n", out);
    zsh_options(completion, normal, completion->commands[normal].operands, out);
    fputs("    ;;\n", out);
  }
  fputs("esac\n", out);
}

/* ---- fish ---- */

/* Options that several commands have make one line, with all of their names. */
static void fish_option(const struct frank_completion *completion,
                        const struct frank_completion_option *option, FILE *out)
{
  enum kind kind = kind_of(option);
  fprintf(out, "complete -c %s", completion->program);
  if (completion->command_count > 0) {
    int normal = completion->command_default;
    bool by_default = normal >= 0 && takes(completion, (size_t)normal, option);
    fputs(" -n '", out);
    if (by_default) {
      fputs("not __fish_seen_subcommand_from", out);
      for (size_t i = 0; i < completion->command_count; i++) {
        fprintf(out, " %s", completion->commands[i].name);
      }
      fputs("; or ", out);
    }
    fputs("__fish_seen_subcommand_from", out);
    for (size_t i = 0; i < completion->command_count; i++) {
      if (takes(completion, i, option)) {
        fprintf(out, " %s", completion->commands[i].name);
      }
    }
    fputc('\'', out);
  }
  fprintf(out, " -l %s", option->name);
  if (option->letter != 0) {
    fprintf(out, " -s %c", option->letter);
  }
  if (kind == KIND_FILE) {
    fputs(" -r -F", out);
  } else if (kind == KIND_DIR) {
    fputs(" -x -a '(__fish_complete_directories)'", out);
  } else if (kind == KIND_VALUES) {
    fprintf(out, " %s -a '", is_optional(option) ? "-f" : "-x");
    write_values(option, out);
    fputc('\'', out);
  } else if (kind == KIND_OTHER && !is_optional(option)) {
    fputs(" -x", out);
  }
  fputs(" -d '", out);
  for (const char *at = option->help; *at != '\0'; at++) {
    if (*at == '\'' || *at == '\\') { /* fish: a backslash, also between single quotes */
      fputc('\\', out);
    }
    fputc(*at == '\n' ? ' ' : *at, out);
  }
  fputs("'\n", out);
}

static void write_fish(const struct frank_completion *completion, FILE *out)
{
  fprintf(out, "# fish completion for %s: what its own table of options says.\n",
          completion->program);
  fprintf(out, "complete -c %s -f\n", completion->program);
  for (size_t i = 0; i < completion->command_count; i++) {
    const char *operands = completion->commands[i].operands;
    fprintf(out, "complete -c %s -n __fish_use_subcommand -a %s -d '", completion->program,
            completion->commands[i].name);
    write_quoted(completion->commands[i].help, "", out);
    fputs("'\n", out);
    if (strstr(operands, "FILE") != NULL || strstr(operands, "DIR") != NULL) {
      fprintf(out, "complete -c %s -n '__fish_seen_subcommand_from %s' -F\n", completion->program,
              completion->commands[i].name);
    }
  }
  for (size_t i = 0; i < completion->option_count; i++) {
    fish_option(completion, &completion->options[i], out);
  }
}

/* ---- all ---- */

enum frank_err frank_completion_write(const struct frank_completion *completion, const char *shell,
                                      FILE *out)
{
  static const struct {
    const char *shell;
    void (*write)(const struct frank_completion *completion, FILE *out);
  } writers[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
  assert(completion->command_count <= FRANK_COMPLETION_COMMANDS_MAX);
  for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
    if (strcmp(shell, writers[i].shell) == 0) {
      writers[i].write(completion, out);
      return fflush(out) == 0 && !ferror(out) ? FRANK_OK : FRANK_ERR_IO;
    }
  }
  return FRANK_ERR_NOT_FOUND;
}

int frank_completion_asked(const struct frank_completion *completion, int argc, char *const argv[])
{
  if (argc != 3 || strcmp(argv[1], "--completion") != 0) {
    return -1;
  }
  switch (frank_completion_write(completion, argv[2], stdout)) {
  case FRANK_OK:
    return 0;
  case FRANK_ERR_NOT_FOUND:
    fprintf(stderr, "%s: --completion: \"%.32s\" is none of bash, zsh and fish\n",
            completion->program, argv[2]);
    return 1;
  default:
    fprintf(stderr, "%s: standard output: %s\n", completion->program, strerror(errno));
    return 1;
  }
}
