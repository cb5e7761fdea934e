/*
 * frank-door: the child process that listens at one ZeroMQ endpoint. Started by frankd with one end
 * of a channel; not by people.
 */
#include "base/chan.h"
#include "base/child.h"
#include "base/log.h"
#include "door/door.h"

#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* Stacks of libzmq's two threads; its own use is a few KiB, and the limit on memory counts them. */
#define THREAD_STACK_BYTES ((size_t)256 << 10)

struct settings {
  struct frank_door_config door;
  struct frank_child_limits limits;
  enum frank_log_level log_level;
};

static void print_help(void)
{
  (void)printf(
      "Usage: frank-door --endpoint ENDPOINT [OPTION]...\n"
      "\n"
      "The part of Frank that speaks ZeroMQ: one process for one endpoint. frankd starts it\n"
      "itself; started by hand it has nobody to talk to.\n"
      "\n"
      "  --endpoint ENDPOINT  ipc:///absolute/path, or tcp://ADDRESS:PORT (port *: any)\n"
      "  --mode OCTAL         mode of the ipc socket's file (%03o)\n"
      "  --secret FILE        CURVE: the server's secret key\n"
      "  --clients DIR        CURVE: folder of allowed public keys, a file per client\n"
      "  --insecure           tcp without CURVE, on a loopback address only\n"
      "  --rate N             requests per second of one client; 0: no limit (0)\n"
      "  --in-flight N        requests in flight of one client (%d)\n"
      "  --requests N         requests in flight in all (%d)\n"
      "  --memory BYTES       private memory of the process; 0: no limit (%llu)\n"
      "  --descriptors N      open descriptors above which listening pauses (%d)\n"
      "  --log-level LEVEL    error, warn, info, debug (info)\n"
      "  --help               this text\n"
      "  --version            the version\n"
      "\n"
      "SIGHUP reads the folder of clients' keys again. Exit status: 0 the channel was closed,\n"
      "1 could not listen or go on, 2 usage.\n",
      (unsigned)FRANK_DOOR_MODE_DEFAULT, FRANK_DOOR_IN_FLIGHT_DEFAULT, FRANK_DOOR_REQUESTS_DEFAULT,
      (unsigned long long)FRANK_DOOR_MEMORY_DEFAULT, FRANK_DOOR_DESCRIPTORS_DEFAULT);
}

/* The numbers among the options; `base` is that of their digits. */
enum number { N_MODE, N_RATE, N_IN_FLIGHT, N_REQUESTS, N_MEMORY, N_DESCRIPTORS, N_COUNT };
static const struct {
  const char *name;
  int base;
  uint64_t least, most, preset;
} numbers[N_COUNT] = {
    [N_MODE] = {"mode", 8, 0, 0777, FRANK_DOOR_MODE_DEFAULT},
    [N_RATE] = {"rate", 10, 0, UINT32_MAX, 0},
    [N_IN_FLIGHT] = {"in-flight", 10, 1, FRANK_DOOR_REQUESTS_MAX, FRANK_DOOR_IN_FLIGHT_DEFAULT},
    [N_REQUESTS] = {"requests", 10, 1, FRANK_DOOR_REQUESTS_MAX, FRANK_DOOR_REQUESTS_DEFAULT},
    [N_MEMORY] = {"memory", 10, 0, UINT64_C(1) << 40, FRANK_DOOR_MEMORY_DEFAULT},
    [N_DESCRIPTORS] = {"descriptors", 10, FRANK_DOOR_DESCRIPTORS_MIN, 1 << 20,
                       FRANK_DOOR_DESCRIPTORS_DEFAULT},
};

static bool parse_number(enum number which, const char *text, uint64_t *value)
{
  char *end = NULL;
  unsigned long long number = strtoull(text, &end, numbers[which].base);
  bool plain = text[0] >= '0' && text[0] <= '9' && *end == '\0';
  bool too_small = which == N_MEMORY && number > 0 && number < FRANK_DOOR_MEMORY_MIN;
  if (!plain || too_small || number < numbers[which].least || number > numbers[which].most) {
    (void)fprintf(stderr, "frank-door: --%s %s is out of range\n", numbers[which].name, text);
    return false;
  }
  *value = number;
  return true;
}

static void settle(struct settings *settings, const uint64_t values[N_COUNT])
{
  settings->door.mode = (uint32_t)values[N_MODE];
  settings->door.rate = (uint32_t)values[N_RATE];
  settings->door.in_flight = (uint32_t)values[N_IN_FLIGHT];
  settings->door.requests = (uint32_t)values[N_REQUESTS];
  settings->door.descriptors = (uint32_t)values[N_DESCRIPTORS];
  settings->limits.data_bytes = values[N_MEMORY];
  settings->limits.descriptors = values[N_DESCRIPTORS] + FRANK_DOOR_DESCRIPTORS_SPARE;
}

enum text_option { ENDPOINT = N_COUNT, SECRET, CLIENTS, INSECURE, LOG_LEVEL, HELP, VERSION };
static const struct option options[] = {
    {"mode", required_argument, NULL, N_MODE},
    {"rate", required_argument, NULL, N_RATE},
    {"in-flight", required_argument, NULL, N_IN_FLIGHT},
    {"requests", required_argument, NULL, N_REQUESTS},
    {"memory", required_argument, NULL, N_MEMORY},
    {"descriptors", required_argument, NULL, N_DESCRIPTORS},
    {"endpoint", required_argument, NULL, ENDPOINT},
    {"secret", required_argument, NULL, SECRET},
    {"clients", required_argument, NULL, CLIENTS},
    {"insecure", no_argument, NULL, INSECURE},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

/* An option that is no number. Returns -1 to go on, else the exit status. */
static int take_option(int option, struct settings *settings)
{
  switch (option) {
  case ENDPOINT:
    settings->door.endpoint = optarg;
    return -1;
  case SECRET:
    settings->door.secret_file = optarg;
    return -1;
  case CLIENTS:
    settings->door.clients_dir = optarg;
    return -1;
  case INSECURE:
    settings->door.insecure = true;
    return -1;
  case LOG_LEVEL:
    if (frank_log_level_parse(optarg, &settings->log_level) == FRANK_OK) {
      return -1;
    }
    (void)fprintf(stderr, "frank-door: --log-level %s is not error, warn, info or debug\n", optarg);
    return STATUS_USAGE;
  case HELP:
    print_help();
    return EXIT_SUCCESS;
  case VERSION:
    (void)printf("frank-door %s\n", FRANK_VERSION);
    return EXIT_SUCCESS;
  default:
    return STATUS_USAGE; /* getopt has named the option */
  }
}

/* Returns -1 to go on, else the exit status. */
static int parse_arguments(int argc, char **argv, struct settings *settings)
{
  uint64_t values[N_COUNT];
  for (int i = 0; i < N_COUNT; i++) {
    values[i] = numbers[i].preset;
  }
  int option = 0;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    int status = option >= N_COUNT ? take_option(option, settings)
                 : parse_number((enum number)option, optarg, &values[option]) ? -1
                                                                              : STATUS_USAGE;
    if (status >= 0) {
      return status;
    }
  }
  settle(settings, values);
  if (optind < argc) {
    (void)fprintf(stderr, "frank-door: unexpected argument \"%s\"\n", argv[optind]);
    return STATUS_USAGE;
  }
  if (!settings->door.endpoint) {
    (void)fprintf(stderr, "frank-door: --endpoint is missing\n");
    return STATUS_USAGE;
  }
  return -1;
}

/* Before the first thread: one heap, so that the limit is reached late and then for good; small
 * stacks, because RLIMIT_DATA counts them whole. */
static enum frank_err limit_memory(const struct frank_child_limits *limits)
{
  pthread_attr_t attr;
  (void)mallopt(M_ARENA_MAX, 1);
  if (pthread_attr_init(&attr) != 0) {
    return FRANK_ERR_NOMEM;
  }
  bool done = pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES) == 0 &&
              pthread_setattr_default_np(&attr) == 0;
  (void)pthread_attr_destroy(&attr);
  /* libzmq aborts when memory ends, which strangers can bring about again and again: no core files
   * then, which would hold the secret key, too. */
  const struct rlimit no_core = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  return done ? frank_child_limit(limits) : FRANK_ERR_IO;
}

/* Where the system grants fewer descriptors than asked for, listening pauses that much earlier. */
static void keep_descriptors_spare(struct frank_door_config *door)
{
  struct rlimit granted;
  if (getrlimit(RLIMIT_NOFILE, &granted) == 0 &&
      door->descriptors > granted.rlim_cur - granted.rlim_cur / 4) {
    door->descriptors = (uint32_t)(granted.rlim_cur - granted.rlim_cur / 4);
  }
}

int main(int argc, char **argv)
{
  struct settings settings = {.log_level = FRANK_LOG_INFO};
  frank_door_config_init(&settings.door);
  int status = parse_arguments(argc, argv, &settings);
  if (status >= 0) {
    return status;
  }
  frank_log_init("frank-door", settings.log_level);
  struct frank_chan *chan = NULL;
  enum frank_err err = frank_child_attach(&chan);
  if (err == FRANK_ERR_NOT_FOUND) {
    (void)fprintf(stderr, "frank-door: frankd starts this program; see --help\n");
    return STATUS_USAGE;
  }
  char why[FRANK_DOOR_WHY_BYTES] = "";
  if (err == FRANK_OK) {
    err = limit_memory(&settings.limits);
  }
  if (err == FRANK_OK) {
    keep_descriptors_spare(&settings.door);
    err = frank_door_run(&settings.door, chan, why);
  } else {
    frank_log(FRANK_LOG_ERROR, "event=cannot_start why=\"%s\"", frank_err_text(err));
  }
  frank_chan_destroy(&chan);
  return err == FRANK_OK ? EXIT_SUCCESS : STATUS_FAILED;
}
