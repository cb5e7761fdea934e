/*
 * frank-web: the child process that answers HTTP: health, status, metrics. Started by frankd with
 * one end of a channel; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "web/web.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static void print_help(void)
{
  (void)printf("Usage: frank-web --http ADDRESS:PORT [--log-level LEVEL]\n"
               "\n"
               "The part of frankd that answers HTTP, on a loopback address only: /healthz,\n"
               "/readyz, /status and /metrics. frankd starts it where its configuration sets\n"
               "\"http\"; started by hand it has nobody to ask.\n"
               "\n"
               "  --http ADDRESS:PORT    127.0.0.1:9600 or [::1]:9600; port 0: any free one\n"
               "  --log-level LEVEL      error, warn, info or debug\n"
               "  --help                 this text\n"
               "  --version              the version\n"
               "\n"
               "Exit status: 0 done, 1 failed, 2 usage.\n");
}

static int serve(const char *address)
{
  struct frank_chan *chan = NULL;
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr, "frank-web: is started by frankd, with a channel at descriptor %d\n",
                  FRANK_CHILD_FD);
    return STATUS_USAGE;
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=attach error=\"%s\"", frank_err_text(err));
    return EXIT_FAILURE;
  }
  /* frankd alone says when to leave: during its drain /readyz still has an answer to give. */
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGINT, SIG_IGN);
  char why[FRANK_WEB_WHY_BYTES];
  const struct frank_child_limits limits = {.data_bytes = FRANK_WEB_MEMORY_BYTES,
                                            .descriptors = FRANK_WEB_DESCRIPTORS};
  err = frank_child_limit(&limits);
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=limit error=\"%s\"", frank_err_text(err));
  } else {
    err = frank_web_run(address, chan, why); /* it has told frankd why, and frankd logs it */
  }
  frank_chan_destroy(&chan);
  return err == FRANK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"http", required_argument, NULL, 'l'},
      {"log-level", required_argument, NULL, 'L'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},
      {NULL, 0, NULL, 0},
  };
  const char *address = NULL;
  enum frank_log_level level = FRANK_LOG_INFO;
  int option = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
    case 'l':
      address = optarg;
      break;
    case 'L':
      if (frank_log_level_parse(optarg, &level) != FRANK_OK) {
        (void)fprintf(
            stderr, "frank-web: --log-level: \"%s\" is none of error, warn, info, debug\n", optarg);
        return STATUS_USAGE;
      }
      break;
    case 'h':
      print_help();
      return EXIT_SUCCESS;
    case 'V':
      (void)printf("frank-web %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    default:
      return STATUS_USAGE; /* getopt has named the option */
    }
  }
  if (optind < argc || address == NULL) {
    (void)fprintf(stderr, "frank-web: %s%s\n",
                  optind < argc ? "unexpected argument " : "--http ADDRESS:PORT is missing",
                  optind < argc ? argv[optind] : "");
    return STATUS_USAGE;
  }
  frank_log_init("frank-web", level);
  return serve(address);
}
