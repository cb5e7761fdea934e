/*
 * serving: see the header.
 */
#include "serving.h"

#include "driver/server.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
  (void)number;
  stop = 1;
}

static void tell(void *ctx, const char *place)
{
  const int *pipe_end = ctx;
  ssize_t put = write(*pipe_end, place, strlen(place));
  (void)put;
  (void)close(*pipe_end);
}

pid_t serving_start(struct frank_bus *bus, const char *at, char *place)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    char why[FRANK_FPGA_WHY_BYTES];
    const struct sigaction action = {.sa_handler = on_signal};
    const struct frank_fpga_server_options options = {
        .listen = at, .stop = &stop, .listening = tell, .ctx = &ends[1]};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)close(ends[0]);
    enum frank_fpga_err err = frank_fpga_server_run(bus, &options, why);
    if (err != FRANK_FPGA_OK) {
      (void)fprintf(stderr, "server: %s\n", why);
    }
    _exit(err == FRANK_FPGA_OK ? 0 : 1);
  }
  (void)close(ends[1]);
  ssize_t got = read(ends[0], place, SERVING_PLACE_BYTES - 1);
  assert_true(got > 0);
  place[got] = '\0';
  (void)close(ends[0]);
  bus->ops->close(bus->ctx);
  return pid;
}

static enum frank_fpga_err note_read(void *ctx, uint32_t addr, uint32_t *value)
{
  (void)ctx;
  *value = addr * 3;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err note_write(void *ctx, uint32_t addr, uint32_t value)
{
  struct serving_notes *self = ctx;
  if (addr == self->refuse) {
    return FRANK_FPGA_ERR_REFUSED;
  }
  if (addr == self->broken) {
    return FRANK_FPGA_ERR_IO;
  }
  if (self->count < SERVING_WRITES_MAX) {
    self->values[self->count] = value;
  }
  self->count++;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err note_wait(void *ctx, uint64_t timeout_ns, bool *level)
{
  (void)ctx;
  (void)poll(NULL, 0, (int)(timeout_ns / 1000000));
  *level = false;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err note_now(void *ctx, uint64_t *now_ns)
{
  (void)ctx;
  *now_ns = UINT64_C(0x1234567890);
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err note_reset(void *ctx)
{
  (void)ctx;
  return FRANK_FPGA_ERR_TIMEOUT;
}

static const char *note_failure(void *ctx)
{
  (void)ctx;
  return "it is only noted";
}

static void note_close(void *ctx)
{
  (void)ctx;
}

static const struct frank_bus_ops note_ops = {note_read,  note_write,   note_wait, note_now,
                                              note_reset, note_failure, note_close};

struct serving_notes *serving_note(void)
{
  struct serving_notes *noting =
      mmap(NULL, sizeof *noting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(noting != MAP_FAILED);
  noting->bus = (struct frank_bus){&note_ops, noting, false};
  noting->refuse = noting->broken = UINT32_MAX;
  return noting;
}
