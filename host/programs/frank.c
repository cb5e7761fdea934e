/*
 * frank: the command for people. This file names the commands and picks one; each has a file
 * cmd_*.c of its own.
 */
#include "programs/cmd.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

const struct frank_cmd frank_cmds[FRANK_CMD_COUNT] = {
    [FRANK_CMD_MINT] =
        {"mint", "[--b B64 | --eml FILE | -] [OPTION]...",
         "Make the MSMR-Key header of a signature",
         "Without --connect it searches here, on every device that passes its self-test, and\n"
         "asks for published factors (--factor-url, --to) from here. Without any of them the\n"
         "floor of 1048576 is the factor.\n"
         "Exit status: 0 met; 1 not met, the best header is printed; 2 malformed input or usage;\n"
         "3 cannot now. With --filter: 0 the message was written, 75 try again later.",
         1, frank_cmd_mint},
    [FRANK_CMD_VERIFY] =
        {"verify", "[FILE | - | --b B64 --header H] [OPTION]...",
         "Check the hash and the factor of a stamp, with --dkim the signature and mail rules",
         "Without --factor and --factor-url the floor of 1048576 is asked for.\n"
         "Exit status: 0 pass; 1 not pass; 2 malformed input or usage; 3 cannot tell now.",
         1, frank_cmd_verify},
    [FRANK_CMD_DEVICES] = {"devices", "[OPTION]...",
                           "List the devices here, their self-tests and rates",
                           "Exit status: 0; 1 a device failed --test; 2 usage; 3 no usable device.",
                           0, frank_cmd_devices},
    [FRANK_CMD_FACTOR] =
        {"factor", "[DOMAIN | URL] [OPTION]...",
         "Show which factor would be used, where it comes from and what it costs",
         "Alone it asks a frankd what that uses; with a DOMAIN (or an address) what mail to it\n"
         "costs, by a frankd or from here where none is there; with a URL (or dns:DOMAIN) what\n"
         "is published there.\n"
         "Exit status: 0; 2 usage; 3 no frankd answered, or nothing good is published there.",
         1, frank_cmd_factor},
    [FRANK_CMD_KEYGEN] = {"keygen", "DIR",
                          "Make key pairs for a frankd on tcp:// and its first client",
                          "Exit status: 0; 2 usage, or a key is there already; 3 cannot now.", 1,
                          frank_cmd_keygen},
    [FRANK_CMD_STATUS] =
        {"status", "[OPTION]...", "Show what a frankd is doing",
         "Exit status: 0; 1 with --wait: not ready in time; 2 usage; 3 no frankd answered.", 0,
         frank_cmd_status},
    [FRANK_CMD_LEARN] =
        {"learn", "--ham | --spam [FILE | FOLDER | -]... [OPTION]...",
         "Learn from messages what stamps are worth",
         "A message counts once, however often it is learned; learned as the other kind it moves.\n"
         "Exit status: 0; 1 some were passed over, and are named; 2 all were, or usage; 3 cannot\n"
         "now, and what was not learned can be learned again.",
         SIZE_MAX, frank_cmd_learn},
};

static const struct frank_cmd *find_cmd(const char *name)
{
  for (size_t i = 0; i < FRANK_CMD_COUNT; i++) {
    if (strcmp(frank_cmds[i].name, name) == 0) {
      return &frank_cmds[i];
    }
  }
  return NULL;
}

static int refuse_cmd(const char *name, bool json)
{
  struct frank_cmd_line line = {.json = json}; /* so that the error makes the final record */
  const char *names[FRANK_CMD_COUNT + 1];
  for (size_t i = 0; i < FRANK_CMD_COUNT; i++) {
    names[i] = frank_cmds[i].name;
  }
  names[FRANK_CMD_COUNT] = "help";
  const char *near = frank_cmd_nearest(name, names, FRANK_CMD_COUNT + 1);
  const char *kind = name[0] == '-' ? "option" : "command";
  if (near != NULL) {
    return frank_cmd_fail(&line, FRANK_EXIT_USAGE, "usage", "unknown %s %s; did you mean %s?", kind,
                          name, near);
  }
  return frank_cmd_fail(&line, FRANK_EXIT_USAGE, "usage",
                        "unknown %s %s; 'frank help' lists the commands", kind, name);
}

static int help(int argc, char **argv, bool json)
{
  struct frank_cmd_line line = {.json = json};
  if (argc == 0) {
    frank_cmd_usage();
    return frank_cmd_finish(&line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
  }
  const struct frank_cmd *cmd = find_cmd(argv[0]);
  if (cmd == NULL) {
    return refuse_cmd(argv[0], json);
  }
  frank_cmd_help(cmd);
  return frank_cmd_finish(&line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}

/* What pipe(8) of Postfix does not take as delivered or as "later", it bounces. A filter that
 * cannot even read its options has delivered nothing, so that only "later" is left. */
static int keep_mail(bool filter, int status)
{
  return filter && status != FRANK_EXIT_OK ? FRANK_EXIT_TEMPFAIL : status;
}

static int run_cmd(const struct frank_cmd *cmd, int argc, char **argv)
{
  struct frank_cmd_line line;
  enum frank_err err = frank_cmd_parse(cmd, argc, argv, &line);
  int status = FRANK_EXIT_USAGE;
  if (err == FRANK_ERR_NOMEM) {
    status = frank_cmd_fail(&line, FRANK_EXIT_CANNOT, "internal", "no memory");
  } else if (err != FRANK_OK) {
    status = frank_cmd_finish(&line, FRANK_EXIT_USAGE, FRANK_EXIT_CANNOT);
  } else if (frank_cmd_has(&line, FRANK_OPT_HELP)) {
    frank_cmd_help(cmd);
    status = frank_cmd_finish(&line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
  } else {
    status = cmd->run(&line);
  }
  frank_cmd_line_fini(&line);
  return keep_mail(line.filter, status);
}

int main(int argc, char **argv)
{
  setlocale(LC_CTYPE, ""); /* for what can be shown; numbers keep their points */
  const char *name = argc > 1 ? argv[1] : "";
  bool json = frank_cmd_mentions(argc, argv, "json");
  struct frank_cmd_line line = {.json = json};
  if (argc < 2) {
    return frank_cmd_fail(&line, FRANK_EXIT_USAGE, "usage", "no command; 'frank help' lists them");
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
    puts("frank " FRANK_VERSION);
    return frank_cmd_finish(&line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
  }
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    return help(argc - 2, argv + 2, json);
  }
  int completion = frank_cmd_completion(argc, argv);
  if (completion != -1) {
    return completion;
  }
  const struct frank_cmd *cmd = find_cmd(name);
  return cmd != NULL ? run_cmd(cmd, argc - 2, argv + 2)
                     : keep_mail(frank_cmd_mentions(argc, argv, "filter"), refuse_cmd(name, json));
}
