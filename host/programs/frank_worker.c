/*
 * frank-worker: the child process that owns one search device. Started by frankd and frank with
 * one end of a channel; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "worker/worker.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_USAGE = 2 };

static void print_help(void)
{
  (void)printf("Usage: frank-worker [--probe ENGINE [DEVICE]...]\n"
               "\n"
               "The part of Frank that searches: one process for one device. frankd and frank\n"
               "start it themselves; started by hand it has nobody to talk to. To see devices:\n"
               "frank devices.\n"
               "\n"
               "  --probe ENGINE  tell the devices of an engine (cpu, ...) and end; a DEVICE that\n"
               "                  exists by being named (fpga:tcp:HOST:PORT) is told, too\n"
               "  --help          this text\n"
               "  --version       the version\n"
               "\n"
               "Exit status: 0 done, 1 the device or the channel failed, 2 usage.\n");
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"probe", required_argument, NULL, 'p'},
      {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'V'},
      {NULL, 0, NULL, 0},
  };
  const char *probe = NULL;
  int option = 0;
  while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
    switch (option) {
    case 'p':
      probe = optarg;
      break;
    case 'h':
      print_help();
      return EXIT_SUCCESS;
    case 'V':
      (void)printf("frank-worker %s\n", FRANK_VERSION);
      return EXIT_SUCCESS;
    default:
      return STATUS_USAGE; /* getopt has named the option */
    }
  }
  if (optind < argc && probe == NULL) {
    (void)fprintf(stderr, "frank-worker: unexpected argument \"%s\"\n", argv[optind]);
    return STATUS_USAGE;
  }

  frank_log_init("frank-worker", FRANK_LOG_INFO);
  struct frank_chan *chan = NULL;
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr,
                  "frank-worker: is started by frankd and frank, with a channel at "
                  "descriptor %d; to see devices: frank devices\n",
                  FRANK_CHILD_FD);
    return STATUS_USAGE;
  }
  if (err != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=attach error=\"%s\"", frank_err_text(err));
    return EXIT_FAILURE;
  }
  err = probe == NULL ? frank_worker_run(chan)
                      : frank_worker_probe(chan, probe, (const char *const *)argv + optind,
                                           (size_t)(argc - optind));
  frank_chan_destroy(&chan);
  return err == FRANK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
