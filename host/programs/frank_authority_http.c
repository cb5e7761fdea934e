/*
 * frank-authority-http: the child process of frank-authority that answers HTTP. Started by it with
 * one end of a channel and a listening socket; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "factor/authority/connections.h"
#include "factor/authority/service.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static void print_help(void)
{
  (void)printf("Usage: frank-authority-http --listen-fd N --state DIR --max-age SECONDS [FLAG]...\n"
               "\n"
               "The part of frank-authority that answers HTTP. frank-authority starts it; started\n"
               "by hand it has no socket to listen on.\n"
               "\n"
               "  --listen-fd N          the listening socket's descriptor\n"
               "  --state DIR            the authority's state, which is only read\n"
               "  --max-age SECONDS      for Cache-Control\n"
               "  --read-only            take no reports\n"
               "  --base-url URL         where it is reached from outside\n"
               "  --access-log FILE      one line for each answer\n"
               "  --trusted-proxy ADDR   its X-Forwarded-For counts; may be repeated\n"
               "  --log-level LEVEL      error, warn, info or debug\n"
               "  --help                 this text\n"
               "  --version              the version\n"
               "\n"
               "Exit status: 0 done, 1 failed, 2 usage.\n");
}

static int serve(const struct frank_service_config *config)
{
  struct frank_chan *chan = NULL;
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr,
                  "frank-authority-http: is started by frank-authority, with a channel at "
                  "descriptor %d\n",
                  FRANK_CHILD_FD);
    return STATUS_USAGE;
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=attach error=\"%s\"", frank_err_text(err));
    return EXIT_FAILURE;
  }
  char why[FRANK_SERVICE_WHY_BYTES];
  const struct frank_child_limits limits = {.data_bytes = FRANK_SERVICE_MEMORY_BYTES,
                                            .descriptors = FRANK_SERVICE_DESCRIPTORS};
  err = frank_child_limit(&limits);
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=limit error=\"%s\"", frank_err_text(err));
  } else {
    err = frank_service_run(config, chan, why); /* it has told why, and the keeper logs it */
  }
  frank_chan_destroy(&chan);
  return err == FRANK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"listen-fd", required_argument, NULL, 'f'},
      {"state", required_argument, NULL, 's'},
      {"max-age", required_argument, NULL, 'm'},
      {"read-only", no_argument, NULL, 'r'},
      {"access-log", required_argument, NULL, 'a'},
      {"base-url", required_argument, NULL, 'b'},
      {"trusted-proxy", required_argument, NULL, 't'},
      {"log-level", required_argument, NULL, 'L'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},
      {NULL, 0, NULL, 0},
  };
  const char *trusted[FRANK_CONNECTIONS_TRUSTED_MAX];
  struct frank_service_config config = {.listen_fd = -1, .takes_reports = true, .trusted = trusted};
  enum frank_log_level level = FRANK_LOG_INFO;
  int option = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
    case 'f':
      config.listen_fd = (int)strtol(optarg, NULL, 10);
      break;
    case 's':
      config.dir = optarg;
      break;
    case 'm':
      config.max_age_s = (uint32_t)strtoul(optarg, NULL, 10);
      break;
    case 'r':
      config.takes_reports = false;
      break;
    case 'a':
      config.access_log = optarg;
      break;
    case 'b':
      config.base_url = optarg;
      break;
    case 't':
      if (config.trusted_count < FRANK_CONNECTIONS_TRUSTED_MAX) {
        trusted[config.trusted_count++] = optarg;
      }
      break;
    case 'L':
      if (frank_log_level_parse(optarg, &level) != FRANK_OK) {
        (void)fprintf(stderr,
                      "frank-authority-http: --log-level: \"%s\" is none of error, warn, info, "
                      "debug\n",
                      optarg);
        return STATUS_USAGE;
      }
      break;
    case 'h':
      print_help();
      return EXIT_SUCCESS;
    case 'V':
      (void)printf("frank-authority-http %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    default:
      return STATUS_USAGE; /* getopt has named the option */
    }
  }
  if (optind < argc || config.dir == NULL || config.listen_fd < 0) {
    (void)fputs("frank-authority-http: --listen-fd and --state are needed, and no argument else\n",
                stderr);
    return STATUS_USAGE;
  }
  frank_log_init("frank-authority-http", level);
  return serve(&config);
}
