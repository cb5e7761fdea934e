/*
 * frank-milter-filter: the child process of frank-milter that speaks with the mail server. Started
 * by it with one end of a channel; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "mail/milter/filter.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static void print_help(void)
{
  (void)printf(
      "Usage: frank-milter-filter --view-fd N --counters-fd N [FLAG]...\n"
      "\n"
      "The part of frank-milter that speaks with the mail server. frank-milter starts it;\n"
      "started by hand it has nothing to go by.\n"
      "\n"
      "  --view-fd N       memory with the settings and the factor\n"
      "  --counters-fd N   file of the counters\n"
      "  --observe-fd N    pipe for what is told to the estimation; -1: none\n"
      "  --state DIR       folder of the store of deliveries\n"
      "  --help            this text\n"
      "  --version         the version\n"
      "\n"
      "Exit status: 0 done, 1 failed, 2 usage.\n");
}

static int serve(const struct frank_filter_config *config)
{
  struct frank_chan *chan = NULL;
  char why[FRANK_FILTER_WHY_BYTES] = "";
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr,
                  "frank-milter-filter: is started by frank-milter, with a channel at descriptor "
                  "%d\n",
                  FRANK_CHILD_FD);
    return STATUS_USAGE;
  }
  if (err == FRANK_OK) {
    err = frank_filter_run(config, chan, why); /* it has told why, and the keeper logs it */
  } else {
    frank_log(FRANK_LOG_ERROR, "event=attach error=\"%s\"", frank_err_text(err));
  }
  /* Threads of sessions may still run: nothing of theirs is taken down. */
  _Exit(err == FRANK_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"view-fd", required_argument, NULL, 'v'},
      {"counters-fd", required_argument, NULL, 'c'},
      {"observe-fd", required_argument, NULL, 'o'},
      {"state", required_argument, NULL, 's'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},
      {NULL, 0, NULL, 0},
  };
  struct frank_filter_config config = {.view_fd = -1, .counters_fd = -1, .observe_fd = -1};
  int option = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
    case 'v':
      config.view_fd = (int)strtol(optarg, NULL, 10);
      break;
    case 'c':
      config.counters_fd = (int)strtol(optarg, NULL, 10);
      break;
    case 'o':
      config.observe_fd = (int)strtol(optarg, NULL, 10);
      break;
    case 's':
      config.state = optarg[0] != '\0' ? optarg : NULL;
      break;
    case 'h':
      print_help();
      return EXIT_SUCCESS;
    case 'V':
      (void)printf("frank-milter-filter %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    default:
      return STATUS_USAGE; /* getopt has named the option */
    }
  }
  if (optind < argc || config.view_fd < 0 || config.counters_fd < 0) {
    (void)fputs("frank-milter-filter: --view-fd and --counters-fd are needed, and no argument "
                "else\n",
                stderr);
    return STATUS_USAGE;
  }
  frank_log_init(FRANK_FILTER_PROGRAM, FRANK_LOG_INFO);
  return serve(&config);
}
