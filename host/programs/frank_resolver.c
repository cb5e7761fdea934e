/*
 * frank-resolver: the child process that fetches factor documents and asks DNS. Started by frankd
 * (or by frank, without one) with one end of a channel; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "factor/resolver/resolver.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static void print_help(void)
{
  (void)printf(
      "Usage: frank-resolver [--source TEXT]... [--state DIR] [--dns-server ADDRESS[@PORT]]...\n"
      "                      [--dns-anchor FILE] [--require-dnssec] [--ca-file FILE]\n"
      "                      [--allow-http] [--log-level LEVEL]\n"
      "\n"
      "The part of frankd that fetches factor documents and looks up domains in DNS. frankd\n"
      "starts it; started by hand it has nobody to tell.\n"
      "\n"
      "  --source TEXT          \"https://BASE[ KEY]\" or \"dns:DOMAIN[ KEY]\"; KEY: the Ed25519\n"
      "                         key in base64 that signs. %d at most, the first counts first\n"
      "  --state DIR            where the last good documents are kept; none: nowhere\n"
      "  --dns-server ADDRESS   with @PORT where it is not 53; none: those of\n"
      "                         /etc/resolv.conf. %d at most\n"
      "  --dns-anchor FILE      DNSSEC trust anchors; none: nothing is validated\n"
      "  --require-dnssec       what is not signed in DNS does not count\n"
      "  --ca-file FILE         certificates (PEM) in place of the system's\n"
      "  --allow-http           http:// to other hosts than this, too\n"
      "  --log-level LEVEL      error, warn, info or debug\n"
      "  --help                 this text\n"
      "  --version              the version\n"
      "\n"
      "Exit status: 0 done, 1 failed, 2 usage.\n",
      FRANK_RESOLVER_SOURCES_MAX, FRANK_RESOLVER_SERVERS_MAX);
}

static int serve(const struct frank_resolver_config *config)
{
  struct frank_chan *chan = NULL;
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr, "frank-resolver: is started by frankd, with a channel at descriptor %d\n",
                  FRANK_CHILD_FD);
    return STATUS_USAGE;
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=attach error=\"%s\"", frank_err_text(err));
    return EXIT_FAILURE;
  }
  /* A file that may not grow is a disk that is full: the write fails, and that is told. */
  (void)signal(SIGXFSZ, SIG_IGN);
  char why[FRANK_RESOLVER_WHY_BYTES];
  const struct frank_child_limits limits = {.data_bytes = FRANK_RESOLVER_MEMORY_BYTES,
                                            .descriptors = FRANK_RESOLVER_DESCRIPTORS,
                                            .stack_bytes = FRANK_RESOLVER_STACK_BYTES};
  err = frank_child_limit(&limits);
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=limit error=\"%s\"", frank_err_text(err));
  } else {
    err = frank_resolver_run(config, chan, why); /* it has told the starter why, who logs it */
  }
  frank_chan_destroy(&chan);
  return err == FRANK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Adds one of several values of an option. False: one too many. */
static bool add(const char **list, size_t *count, size_t max, const char *name, const char *value)
{
  if (*count == max) {
    (void)fprintf(stderr, "frank-resolver: %s: \"%s\" is one too many; there is room for %zu\n",
                  name, value, max);
    return false;
  }
  list[(*count)++] = value;
  return true;
}

/* Takes one option of those with a meaning for the run. False: it has said what is wrong. */
static bool take_option(int option, const char *value, struct frank_resolver_config *config,
                        enum frank_log_level *level)
{
  switch (option) {
  case 's':
    return add(config->sources, &config->source_count, FRANK_RESOLVER_SOURCES_MAX, "--source",
               value);
  case 'd':
    return add(config->dns_servers, &config->dns_server_count, FRANK_RESOLVER_SERVERS_MAX,
               "--dns-server", value);
  case 'k':
    config->state_dir = value;
    return true;
  case 'a':
    config->dns_anchor = value;
    return true;
  case 'r':
    config->require_dnssec = true;
    return true;
  case 'c':
    config->ca_file = value;
    return true;
  case 'p':
    config->allow_http = true;
    return true;
  case 'L':
    if (frank_log_level_parse(value, level) == FRANK_OK) {
      return true;
    }
    (void)fprintf(
        stderr, "frank-resolver: --log-level: \"%s\" is none of error, warn, info, debug\n", value);
    return false;
  default:
    return false; /* getopt has named the option */
  }
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"source", required_argument, NULL, 's'},
      {"state", required_argument, NULL, 'k'},
      {"dns-server", required_argument, NULL, 'd'},
      {"dns-anchor", required_argument, NULL, 'a'},
      {"require-dnssec", no_argument, NULL, 'r'},
      {"ca-file", required_argument, NULL, 'c'},
      {"allow-http", no_argument, NULL, 'p'},
      {"log-level", required_argument, NULL, 'L'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},
      {NULL, 0, NULL, 0},
  };
  struct frank_resolver_config config = {0};
  enum frank_log_level level = FRANK_LOG_INFO;
  int option = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    if (option == 'h') {
      print_help();
      return EXIT_SUCCESS;
    }
    if (option == 'V') {
      (void)printf("frank-resolver %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    }
    if (!take_option(option, optarg, &config, &level)) {
      return STATUS_USAGE;
    }
  }
  if (optind < argc) {
    (void)fprintf(stderr, "frank-resolver: unexpected argument %s\n", argv[optind]);
    return STATUS_USAGE;
  }
  frank_log_init("frank-resolver", level);
  return serve(&config);
}
