/*
 * frank-fpga-server: a simulated core behind TCP. See frank-fpga-server.1.
 */
#include "hdl/sim/frank_sim.h"
#include "server.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM     "frank-fpga-server"
#define UNROLLS_MAX 16
#define EXIT_USAGE  2 /* the same numbers as those of frank */
#define EXIT_CANNOT 3

static volatile sig_atomic_t stop;

static const char usage[] = "usage: " PROGRAM " --listen HOST:PORT [--unroll U] [--allow-remote]\n"
                            "       " PROGRAM " --help | --version\n";

static void on_signal(int number)
{
  (void)number;
  stop = 1;
}

static void print_listening(void *ctx, const char *place)
{
  (void)ctx;
  (void)printf("listening %s\n", place);
  (void)fflush(stdout);
}

static void print_unrolls(unsigned unroll)
{
  unsigned list[UNROLLS_MAX];
  size_t count = frank_sim_unrolls(list, UNROLLS_MAX);
  (void)fprintf(stderr, PROGRAM ": this build has no core with U=%u; it has", unroll);
  for (size_t i = 0; i < count && i < UNROLLS_MAX; i++) {
    (void)fprintf(stderr, " %u", list[i]);
  }
  (void)fprintf(stderr, "\n");
}

static bool parse_unroll(const char *text, unsigned *unroll)
{
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  *unroll = (unsigned)value;
  return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 && value <= 64;
}

static int serve(const struct frank_fpga_server_options *options, unsigned unroll)
{
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *bus;
  enum frank_fpga_err err = frank_sim_open(unroll, &bus, why);
  if (err == FRANK_FPGA_ERR_NOT_FOUND) {
    print_unrolls(unroll);
    return EXIT_USAGE;
  }
  if (err != FRANK_FPGA_OK) {
    (void)fprintf(stderr, PROGRAM ": %s\n", why);
    return EXIT_CANNOT;
  }
  err = frank_fpga_server_run(bus, options, why);
  bus->ops->close(bus->ctx);
  if (err != FRANK_FPGA_OK) {
    (void)fprintf(stderr, PROGRAM ": %s\n", why);
    return err == FRANK_FPGA_ERR_ARGUMENT ? EXIT_USAGE : EXIT_CANNOT;
  }
  return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  static const struct option longs[] = {
      {"listen", required_argument, NULL, 'l'}, {"unroll", required_argument, NULL, 'u'},
      {"allow-remote", no_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
  };
  struct frank_fpga_server_options options = {.stop = &stop, .listening = print_listening};
  unsigned unroll = 0;
  int option;
  while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) { /* NOLINT: one thread */
    switch (option) {
    case 'l':
      options.listen = optarg;
      break;
    case 'u':
      if (!parse_unroll(optarg, &unroll)) {
        (void)fprintf(stderr, PROGRAM ": --unroll %s is not 1, 2, 4 ... 64\n", optarg);
        return EXIT_USAGE;
      }
      break;
    case 'r':
      options.allow_remote = true;
      break;
    case 'h':
      (void)fputs(usage, stdout);
      return EXIT_SUCCESS;
    case 'V':
      (void)printf(PROGRAM " %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    default:
      (void)fputs(usage, stderr);
      return EXIT_USAGE;
    }
  }
  if (optind < argc) {
    (void)fprintf(stderr, PROGRAM ": '%s' is not an option\n%s", argv[optind], usage);
    return EXIT_USAGE;
  }
  if (options.listen == NULL) {
    (void)fprintf(stderr, PROGRAM ": --listen HOST:PORT is missing\n%s", usage);
    return EXIT_USAGE;
  }
  /* Without SA_RESTART: poll() ends. */
  const struct sigaction action = {.sa_handler = on_signal};
  (void)sigaction(SIGTERM, &action, NULL);
  (void)sigaction(SIGINT, &action, NULL);
  return serve(&options, unroll);
}
