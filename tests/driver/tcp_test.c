/*
 * The bus over TCP, and the server on the other side: over good lines and bad ones, with peers that
 * die, that say nothing, and that send rubbish.
 */
#include "device.h"
#include "driver/bus_fault.h"
#include "driver/bus_tcp.h"
#include "driver/core.h"
#include "driver/frame.h"
#include "driver/place.h"
#include "driver/registers.h"
#include "driver/server.h"
#include "oracle.h"
#include "proxy.h"
#include "serving.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PLACE_BYTES SERVING_PLACE_BYTES
#define JOBS        4

static uint64_t seed;
static volatile sig_atomic_t stop; /* of servers that are to end at once */

/* The machine may stand still for seconds, and a server does not wait so long for a greeting. */
#define PATIENT_MS 60000
#define PATIENT    .connect_ms = PATIENT_MS, .answer_ms = PATIENT_MS
#define OPENS_MAX  100
static const struct frank_bus_tcp_options patient = {PATIENT, .reconnects = 5};

/* NULL: the patient options. */
static struct frank_bus *open_bus(const char *place, const struct frank_bus_tcp_options *options)
{
  char why[FRANK_FPGA_WHY_BYTES] = "";
  struct frank_bus *bus = NULL;
  for (unsigned tries = 0; tries < OPENS_MAX && bus == NULL; tries++) {
    (void)!frank_bus_tcp_open(place, options != NULL ? options : &patient, &bus, why);
  }
  if (bus == NULL) {
    fail_msg("open: %s", why);
  }
  return bus;
}

static struct frank_fpga *open_core(const char *place, const struct frank_bus_tcp_options *options)
{
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core = NULL;
  if (frank_fpga_open(open_bus(place, options), NULL, &core, why) != FRANK_FPGA_OK) {
    fail_msg("open: %s", why);
  }
  return core;
}

/* Results, where there are any, are right; else there is a reason. */
static enum frank_fpga_err try_search(struct frank_fpga *core, uint64_t *random, unsigned blocks)
{
  static struct oracle_job made[JOBS];
  struct frank_fpga_job jobs[JOBS];
  struct frank_fpga_result results[JOBS];
  for (size_t i = 0; i < JOBS; i++) {
    oracle_fill(&made[i], random, blocks, 2, 300, 4);
    jobs[i] = made[i].job;
  }
  enum frank_fpga_err err = frank_fpga_search(core, jobs, JOBS, results);
  for (size_t i = 0; i < JOBS && err == FRANK_FPGA_OK; i++) {
    oracle_assert(&made[i], &results[i]);
  }
  return err;
}

static void search_right(struct frank_fpga *core, uint64_t *random, unsigned blocks)
{
  if (try_search(core, random, blocks) != FRANK_FPGA_OK) {
    fail_msg("search: %s", frank_fpga_failure(core));
  }
}

/* ---- tests ---- */

static void searches_over_a_good_line(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  pid_t server = serving_start(device_bus(), "127.0.0.1:0", place);
  for (unsigned clients = 0; clients < 3; clients++) {
    struct frank_fpga *core = open_core(place, NULL);
    assert_true(frank_fpga_params(core)->simulated);
    search_right(core, &random, 1 + (unsigned)(oracle_random(&random) % 12));
    assert_int_equal(frank_fpga_health(core)->replays, 0);
    assert_int_equal(frank_fpga_health(core)->retries, 0);
    frank_fpga_close(&core);
  }
  assert_int_equal(kill(server, SIGTERM), 0);
  int status;
  assert_int_equal(waitpid(server, &status, 0), server);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void searches_over_ipv6_and_by_name(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  char named[PLACE_BYTES + 16];
  pid_t server = serving_start(device_bus(), "127.0.0.1:0", place);
  (void)snprintf(named, sizeof named, "localhost%s", strchr(place, ':'));
  struct frank_fpga *core = open_core(named, NULL);
  search_right(core, &random, 2);
  frank_fpga_close(&core);
  proxy_stop(server);
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
                                        .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  bool has_ipv6 = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
  (void)close(fd);
  if (!has_ipv6) {
    print_message("skipped: this machine has no IPv6 loopback address\n");
    return;
  }
  server = serving_start(device_bus(), "[::1]:0", place);
  core = open_core(place, NULL);
  search_right(core, &random, 2);
  frank_fpga_close(&core);
  proxy_stop(server);
}

static void survives_torn_and_spoilt_frames(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  char bad[PLACE_BYTES];
  const struct frank_bus_tcp_options options = {PATIENT, .reconnects = 100};
  pid_t server = serving_start(device_bus(), "127.0.0.1:0", place);
  struct proxy_line *line = proxy_line_new(seed);
  pid_t proxy = proxy_start(line, place, bad);
  struct frank_fpga *core = open_core(bad, &options);
  static const uint32_t every[][2] = {{3000, 0}, {0, 3000}, {2000, 2000}, {700, 0}};
  for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
    line->cut_every = every[i][0];
    line->spoil_every = every[i][1];
    line->crumbs = i % 2 == 0;
    search_right(core, &random, 3);
    search_right(core, &random, 12);
  }
  assert_true(line->cuts > 5);
  assert_true(line->spoilt > 2);
  assert_true(line->connections > line->cuts);
  /* Nothing of it reached the driver. */
  assert_int_equal(frank_fpga_health(core)->replays, 0);
  assert_int_equal(frank_fpga_health(core)->retries, 0);
  line->cut_every = line->spoil_every = 0;
  frank_fpga_close(&core);
  proxy_stop(proxy);
  proxy_stop(server);
}

static void does_each_write_once_and_in_order(void **state)
{
  (void)state;
  char place[PLACE_BYTES];
  char bad[PLACE_BYTES];
  const struct frank_bus_tcp_options options = {PATIENT, .reconnects = 100};
  struct serving_notes *noting = serving_note();
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  struct proxy_line *line = proxy_line_new(seed);
  pid_t proxy = proxy_start(line, place, bad);
  struct frank_bus *bus = open_bus(bad, &options);
  line->crumbs = true;
  line->cut_every = 2500;
  line->spoil_every = 5000;
  for (uint32_t i = 0; i < 3000; i++) {
    uint32_t value;
    assert_int_equal(bus->ops->write32(bus->ctx, 0x1000, i), FRANK_FPGA_OK);
    if (i % 50 == 49) {
      assert_int_equal(bus->ops->read32(bus->ctx, i * 4, &value), FRANK_FPGA_OK);
      assert_int_equal(value, i * 12);
      assert_int_equal(noting->count, i + 1); /* posted, but done before what came after */
    }
  }
  for (uint32_t i = 0; i < 3000; i++) {
    assert_int_equal(noting->values[i], i);
  }
  assert_true(line->cuts + line->spoilt > 10);
  bus->ops->close(bus->ctx);
  proxy_stop(proxy);
  proxy_stop(server);
}

static void hands_every_answer_on(void **state)
{
  (void)state;
  char place[PLACE_BYTES];
  uint32_t value;
  uint64_t now_ns;
  bool level = true;
  struct serving_notes *noting = serving_note();
  noting->refuse = 0x40;
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  struct frank_bus *bus = open_bus(place, NULL);
  assert_false(bus->simulated);
  assert_int_equal(bus->ops->now(bus->ctx, &now_ns), FRANK_FPGA_OK);
  assert_true(now_ns == UINT64_C(0x1234567890));
  assert_int_equal(bus->ops->wait_irq(bus->ctx, 20000000, &level), FRANK_FPGA_OK);
  assert_false(level);
  assert_int_equal(bus->ops->reset(bus->ctx), FRANK_FPGA_ERR_TIMEOUT);
  assert_string_not_equal(bus->ops->failure(bus->ctx), "");
  /* A posted write that is refused is told by the next call that waits, once. */
  assert_int_equal(bus->ops->write32(bus->ctx, 0x44, 1), FRANK_FPGA_OK);
  assert_int_equal(bus->ops->write32(bus->ctx, 0x40, 1), FRANK_FPGA_OK);
  assert_int_equal(bus->ops->write32(bus->ctx, 0x48, 1), FRANK_FPGA_OK);
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_ERR_REFUSED);
  assert_non_null(strstr(bus->ops->failure(bus->ctx), "refused"));
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_OK);
  assert_int_equal(value, 12);
  assert_int_equal(noting->count, 2);
  /* One that fails must not look as if asking the other call again could help. */
  noting->broken = 0x50;
  assert_int_equal(bus->ops->write32(bus->ctx, 0x50, 1), FRANK_FPGA_OK);
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_ERR_REFUSED);
  assert_non_null(strstr(bus->ops->failure(bus->ctx), "broken"));
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_OK);
  /* The last posted write is done though nobody waits for it. */
  assert_int_equal(bus->ops->write32(bus->ctx, 0x44, 7), FRANK_FPGA_OK);
  bus->ops->close(bus->ctx);
  for (uint64_t end_ms = frank_bus_clock_ms() + PATIENT_MS;
       noting->count < 3 && frank_bus_clock_ms() < end_ms;) {
    (void)poll(NULL, 0, 10);
  }
  assert_int_equal(noting->count, 3);
  proxy_stop(server);
}

/* Writes are posted, so the driver learns of one that the bus over there lost only later, and from
 * another call: what was loaded is not to be believed then. */
static void loses_no_write_that_fails_over_there(void **state)
{
  (void)state;
  static const char *const plans[] = {"io%61", "timeout%47", "io%7", "io@90+"};
  for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
    uint64_t random = seed + i;
    char place[PLACE_BYTES];
    char why[FRANK_FPGA_WHY_BYTES];
    struct frank_bus *bus = device_bus();
    assert_int_equal(frank_bus_fault_open(bus, plans[i], &bus, why), FRANK_FPGA_OK);
    pid_t server = serving_start(bus, "127.0.0.1:0", place);
    bus = open_bus(place, NULL);
    struct frank_fpga *core;
    enum frank_fpga_err err = frank_fpga_open(bus, NULL, &core, why);
    for (unsigned rounds = 0; rounds < 10 && err == FRANK_FPGA_OK; rounds++) {
      err = try_search(core, &random, 1 + (unsigned)(oracle_random(&random) % 4));
    }
    print_message("%s: %s\n", plans[i],
                  err == FRANK_FPGA_OK ? "all right" : "an error that is told");
    /* How many writes go at once is the machine's affair: one in seven lost can be too many. */
    assert_true((i < 3 && err == FRANK_FPGA_OK) || (i > 1 && err == FRANK_FPGA_ERR_IO));
    frank_fpga_close(&core);
    proxy_stop(server);
  }
}

/* 700 words cost few round trips: counted, since time would tell of the machine, and on a line on
 * which answers come late, since else each word of a slow client has its answer before the next. */
static void loads_many_words_in_few_round_trips(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  char line_place[PLACE_BYTES];
  static struct oracle_job made;
  struct frank_fpga_result result;
  const struct frank_fpga_options options = {.no_known_answers = true};
  struct serving_notes *noting = serving_note();
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  struct proxy_line *line = proxy_line_new(seed);
  line->far = true;
  pid_t proxy = proxy_start(line, place, line_place);
  struct frank_bus *bus = open_bus(line_place, NULL);
  uint32_t value;
  for (uint32_t i = 0; i < 700; i++) {
    assert_int_equal(bus->ops->write32(bus->ctx, 0x1000, i), FRANK_FPGA_OK);
  }
  assert_int_equal(bus->ops->read32(bus->ctx, 0, &value), FRANK_FPGA_OK);
  assert_int_equal(noting->count, 700);
  print_message("700 words in %u round trips\n", (unsigned)line->turns);
  assert_true(line->turns < 100);
  bus->ops->close(bus->ctx);
  proxy_stop(proxy);
  proxy_stop(server);
  /* And so does a job of 12 blocks. */
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core;
  server = serving_start(device_bus(), "127.0.0.1:0", place);
  line = proxy_line_new(seed);
  line->far = true;
  proxy = proxy_start(line, place, line_place);
  bus = open_bus(line_place, NULL);
  assert_int_equal(frank_fpga_open(bus, &options, &core, why), FRANK_FPGA_OK);
  uint64_t turns = line->turns;
  oracle_fill(&made, &random, 12, 0, 100, 1);
  assert_int_equal(frank_fpga_search(core, &made.job, 1, &result), FRANK_FPGA_OK);
  oracle_assert(&made, &result);
  print_message("a job of 12 blocks in %u\n", (unsigned)(line->turns - turns));
  assert_true(line->turns - turns < 100);
  frank_fpga_close(&core);
  proxy_stop(proxy);
  proxy_stop(server);
}

static void tells_of_a_peer_that_dies_and_works_with_the_next(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  static struct oracle_job made;
  struct frank_fpga_result result;
  int kept = proxy_reserve(place); /* or another could listen there before the next one does */
  char again[PLACE_BYTES];
  pid_t server = serving_start(device_bus(), place, again);
  struct frank_fpga *core = open_core(place, NULL);
  search_right(core, &random, 2);
  proxy_stop(server);
  oracle_fill(&made, &random, 2, 0, 100, 1);
  assert_int_equal(frank_fpga_search(core, &made.job, 1, &result), FRANK_FPGA_ERR_IO);
  assert_non_null(strstr(frank_fpga_failure(core), "cannot connect"));
  assert_non_null(strstr(frank_fpga_failure(core), "127.0.0.1"));
  server = serving_start(device_bus(), place, again);
  assert_string_equal(place, again);
  search_right(core, &random, 2);
  /* One that is restarted between two calls, with a core that knows nothing, is not even noticed.
   */
  proxy_stop(server);
  server = serving_start(device_bus(), place, again);
  search_right(core, &random, 2);
  assert_true(frank_fpga_health(core)->replays > 0);
  frank_fpga_close(&core);
  proxy_stop(server);
  (void)close(kept);
}

/* Greets, takes a request, and then answers the one before it, for ever. */
static void repeat_for_ever(int listener)
{
  uint8_t bytes[FRANK_BUS_FRAME_BYTES];
  struct frank_bus_frame frame;
  int fd = accept(listener, NULL, NULL);
  while (recv(fd, bytes, sizeof bytes, MSG_WAITALL) == (ssize_t)sizeof bytes &&
         frank_bus_frame_unpack(bytes, FRANK_BUS_MAGIC_REQUEST, &frame)) {
    bool hello = frame.op == FRANK_BUS_HELLO;
    frame.address = hello ? FRANK_BUS_PROTOCOL : frame.address;
    frame.sequence -= !hello;
    frank_bus_frame_pack(&frame, FRANK_BUS_MAGIC_ANSWER, bytes);
    do {
      if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
        break;
      }
    } while (!hello);
  }
  (void)close(fd);
}

static void ends_with_a_peer_that_never_does(void **state)
{
  (void)state;
  char place[PLACE_BYTES];
  uint32_t value;
  int listener = proxy_listen(place);
  pid_t pid = fork();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      repeat_for_ever(listener);
    }
  }
  struct frank_bus *bus = open_bus(place, NULL);
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_ERR_IO);
  assert_non_null(strstr(bus->ops->failure(bus->ctx), "not asked"));
  bus->ops->close(bus->ctx);
  proxy_stop(pid);
  (void)close(listener);
}

/* By a bus that does not wait long: it is asked again. */
static void read_at_last(struct frank_bus *bus, uint32_t address, uint32_t *value)
{
  enum frank_fpga_err err = FRANK_FPGA_ERR_TIMEOUT;
  for (unsigned tries = 0; tries < 100 && err != FRANK_FPGA_OK; tries++) {
    err = bus->ops->read32(bus->ctx, address, value);
  }
  assert_int_equal(err, FRANK_FPGA_OK);
}

static void tells_of_peers_that_do_not_speak(void **state)
{
  (void)state;
  char silent[PLACE_BYTES];
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *bus;
  const struct frank_bus_tcp_options impatient = {.connect_ms = 300, .answer_ms = 300};
  int kept = proxy_reserve(silent);
  int listener = proxy_listen_at(silent);
  assert_int_equal(frank_bus_tcp_open(silent, &impatient, &bus, why), FRANK_FPGA_ERR_TIMEOUT);
  assert_non_null(strstr(why, "no answer in time"));
  /* One that answers in another language. */
  pid_t pid = fork();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      static const char text[] = "HTTP/1.1 400 Bad Request\r\nServer: something else\r\n\r\n";
      int fd = accept(listener, NULL, NULL);
      (void)send(fd, text, sizeof text - 1, MSG_NOSIGNAL);
      (void)poll(NULL, 0, 50);
      (void)close(fd);
    }
  }
  enum frank_fpga_err err = frank_bus_tcp_open(silent, &patient, &bus, why);
  assert_int_equal(err, FRANK_FPGA_ERR_IO);
  assert_null(bus);
  proxy_stop(pid);
  (void)close(listener);
  assert_int_equal(frank_bus_tcp_open(silent, &patient, &bus, why), FRANK_FPGA_ERR_IO);
  assert_non_null(strstr(why, "cannot connect"));
  (void)close(kept);
}

/* A line that takes everything and hands nothing on, in mid-search. */
static void tells_of_a_line_that_falls_silent(void **state)
{
  (void)state;
  char place[PLACE_BYTES];
  char line_place[PLACE_BYTES];
  const struct frank_bus_tcp_options impatient = {.connect_ms = 1000, .answer_ms = 300};
  uint32_t value;
  struct serving_notes *noting = serving_note();
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  struct proxy_line *line = proxy_line_new(seed);
  pid_t proxy = proxy_start(line, place, line_place);
  struct frank_bus *bus = open_bus(line_place, &impatient);
  read_at_last(bus, 4, &value);
  line->silent = true;
  enum frank_fpga_err err = bus->ops->read32(bus->ctx, 4, &value);
  /* It may be the server that gives up first, and closes: it has had no greeting either. */
  assert_true(err == FRANK_FPGA_ERR_TIMEOUT ||
              (err == FRANK_FPGA_ERR_IO && strstr(bus->ops->failure(bus->ctx), "closed") != NULL));
  line->silent = false;
  read_at_last(bus, 8, &value);
  assert_int_equal(value, 24);
  bus->ops->close(bus->ctx);
  proxy_stop(proxy);
  proxy_stop(server);
}

static void refuses_what_is_no_place(void **state)
{
  (void)state;
  static const char *const bad[] = {"",       "localhost", ":1",     "localhost:",  "a:b",
                                    "a:-1",   "a:65536",   "a:1 ",   "::1:5",       "[::1]",
                                    "[::1]5", "[]:5",      "[::1:5", "a:999999999", "a:0x10"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char why[FRANK_FPGA_WHY_BYTES];
    struct frank_bus *bus;
    assert_int_equal(frank_bus_tcp_open(bad[i], NULL, &bus, why), FRANK_FPGA_ERR_ARGUMENT);
    assert_non_null(strstr(why, "is not HOST:PORT"));
    const struct frank_fpga_server_options options = {.listen = bad[i], .stop = &stop};
    assert_int_equal(frank_fpga_server_run(NULL, &options, why), FRANK_FPGA_ERR_ARGUMENT);
  }
}

static void listens_at_remote_addresses_only_when_told(void **state)
{
  (void)state;
  static const char *const remote[] = {"0.0.0.0:0", "[::]:0", "192.0.2.1:0"};
  for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
    char why[FRANK_FPGA_WHY_BYTES];
    struct serving_notes *noting = serving_note();
    const struct frank_fpga_server_options options = {.listen = remote[i], .stop = &stop};
    assert_int_equal(frank_fpga_server_run(&noting->bus, &options, why), FRANK_FPGA_ERR_ARGUMENT);
    assert_non_null(strstr(why, remote[i]));
  }
}

static void tells_a_second_client_that_it_is_busy(void **state)
{
  (void)state;
  char place[PLACE_BYTES];
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *second;
  uint32_t value;
  struct serving_notes *noting = serving_note();
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  struct frank_bus *first = open_bus(place, NULL);
  for (unsigned i = 0; i < 20; i++) {
    assert_int_equal(frank_bus_tcp_open(place, &patient, &second, why), FRANK_FPGA_ERR_IO);
    assert_non_null(strstr(why, "in use by another"));
    assert_int_equal(first->ops->read32(first->ctx, 4, &value), FRANK_FPGA_OK);
  }
  first->ops->close(first->ctx);
  second = open_bus(place, NULL);
  second->ops->close(second->ctx);
  proxy_stop(server);
}

/* Rubbish of all kinds, from many, with a client who wants to work. */
static void is_not_harmed_by_rubbish(void **state)
{
  (void)state;
  uint64_t random = seed;
  char place[PLACE_BYTES];
  uint32_t value;
  struct serving_notes *noting = serving_note();
  pid_t server = serving_start(&noting->bus, "127.0.0.1:0", place);
  for (unsigned round = 0; round < 200; round++) {
    uint8_t bytes[16 * FRANK_BUS_FRAME_BYTES];
    size_t len = 1 + oracle_random(&random) % sizeof bytes;
    for (size_t i = 0; i < sizeof bytes; i++) {
      bytes[i] = (uint8_t)(oracle_random(&random) >> 40);
    }
    for (size_t i = 0; i < 16 && round % 4 != 0; i++) {
      /* Good frames that say what is not right. */
      const struct frank_bus_frame frame = {
          .session = (uint32_t)(oracle_random(&random) % 2),
          .sequence = (uint32_t)(oracle_random(&random) % (round % 2 == 0 ? 3 : UINT32_MAX)),
          .op = (uint8_t)(i == 0 ? 1 : oracle_random(&random) % 9),
          .address = i == 0 ? 1 : (uint32_t)oracle_random(&random),
          .data = oracle_random(&random) >> (oracle_random(&random) % 60)};
      frank_bus_frame_pack(&frame, FRANK_BUS_MAGIC_REQUEST, bytes + i * FRANK_BUS_FRAME_BYTES);
    }
    int fd = proxy_connect(place);
    assert_true(fd >= 0);
    (void)send(fd, bytes, len, MSG_NOSIGNAL);
    if (round % 3 == 0) {
      (void)recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    (void)close(fd);
  }
  /* WAITs of years that nobody waits for are over, too. */
  struct frank_bus *bus = NULL;
  char why[FRANK_FPGA_WHY_BYTES] = "";
  for (unsigned tries = 0; tries < 1000 && bus == NULL; tries++) {
    (void)!frank_bus_tcp_open(place, NULL, &bus, why);
    (void)poll(NULL, 0, bus == NULL ? 50 : 0);
  }
  if (bus == NULL) {
    fail_msg("open: %s", why);
  }
  assert_int_equal(bus->ops->read32(bus->ctx, 4, &value), FRANK_FPGA_OK);
  assert_int_equal(value, 12);
  bus->ops->close(bus->ctx);
  proxy_stop(server);
}

int main(int argc, char **argv)
{
  device_choose(argc, argv);
  seed = oracle_seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(searches_over_a_good_line),
      cmocka_unit_test(searches_over_ipv6_and_by_name),
      cmocka_unit_test(survives_torn_and_spoilt_frames),
      cmocka_unit_test(does_each_write_once_and_in_order),
      cmocka_unit_test(hands_every_answer_on),
      cmocka_unit_test(loses_no_write_that_fails_over_there),
      cmocka_unit_test(loads_many_words_in_few_round_trips),
      cmocka_unit_test(tells_of_a_peer_that_dies_and_works_with_the_next),
      cmocka_unit_test(ends_with_a_peer_that_never_does),
      cmocka_unit_test(tells_of_peers_that_do_not_speak),
      cmocka_unit_test(tells_of_a_line_that_falls_silent),
      cmocka_unit_test(refuses_what_is_no_place),
      cmocka_unit_test(listens_at_remote_addresses_only_when_told),
      cmocka_unit_test(tells_a_second_client_that_it_is_busy),
      cmocka_unit_test(is_not_harmed_by_rubbish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
