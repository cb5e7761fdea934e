/* Runs hashcat on this machine's cores, and makes a rate of what it says. */
#include "bench/peer.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/hashcat_status.h"
#include "bench/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SALT_MAX_CHARACTERS 256 /* of hashcat 6.2.6: "Maximum salt length supported by kernel" */

/* Candidates of 16 characters. Its inner loop goes over the first places, so those must vary. */
#define MASK "?h?h?h?h?h?h?h?h?h?h?h?h?h?h00"

#define START_LIMIT_US (300 * FRANK_US_PER_S) /* kernels are compiled in this time */
#define WORK_LIMIT_US  (30 * FRANK_US_PER_S)  /* more than the seconds asked for */
#define BACKSTOP_S     60                     /* after that more it ends by itself */
#define TICK_MS        100
#define FOLDER_BYTES   256
#define ENV_BYTES      (FOLDER_BYTES + 32)

/* ---- its home ---- */

static char home[FOLDER_BYTES]; /* "" while there is none */
static pid_t home_owner;        /* a forked child must not remove it */

static void remove_home(void)
{
  if (home_owner == getpid()) {
    bench_folder_remove(home);
  }
}

static enum frank_err make_home(char *why)
{
  static bool registered;
  if (home[0] != '\0') {
    return FRANK_OK;
  }
  enum frank_err err = bench_folder_make("frank-peers", home, sizeof home, why);
  if (err == FRANK_OK) {
    home_owner = getpid();
    registered = registered || atexit(remove_home) == 0;
  }
  return err;
}

/* The hash that it looks for, which no candidate has, and the salt. */
static enum frank_err write_hash(const struct bench_shape *shape, char *why)
{
  char path[FOLDER_BYTES + 16];
  char b[BENCH_B_BYTES];
  struct bench_random random;
  bench_random_init(&random);
  (void)bench_shape_b(shape, &random, b);
  (void)snprintf(path, sizeof path, "%s/hash", home);
  FILE *file = fopen(path, "we");
  bool done = file && fprintf(file, "%064d:%s\n", 0, b) > 0;
  if (file && fclose(file) != 0) {
    done = false;
  }
  if (!done) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot write %s: %s", path, strerror(errno));
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

/* ---- the process ---- */

struct process {
  pid_t pid;
  int out_fd;
  int err_fd;
};

/* What its child sees of the world: PATH for PoCL, which runs a linker; the folder as its home. */
struct surroundings {
  char text[8][ENV_BYTES];
  char *list[16];
};

static void surround(struct surroundings *s, size_t cores)
{
  static const char *const kept[] = {"PATH", "LD_LIBRARY_PATH", "OCL_ICD_VENDORS"};
  static char kept_text[3][PATH_MAX];
  static const char *const in_home[] = {"HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"};
  size_t n = 0;
  size_t text = 0;
  for (size_t i = 0; i < sizeof in_home / sizeof in_home[0]; i++) {
    (void)snprintf(s->text[text], ENV_BYTES, "%s=%s", in_home[i], home);
    s->list[n++] = s->text[text++];
  }
  (void)snprintf(s->text[text], ENV_BYTES, "POCL_MAX_PTHREAD_COUNT=%zu", cores);
  s->list[n++] = s->text[text++];
  (void)snprintf(s->text[text], ENV_BYTES, "LC_ALL=C");
  s->list[n++] = s->text[text++];
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    const char *value = getenv(kept[i]);
    if (value && strlen(value) < PATH_MAX - 32) {
      (void)snprintf(kept_text[i], sizeof kept_text[i], "%s=%s", kept[i], value);
      s->list[n++] = kept_text[i];
    }
  }
  s->list[n] = NULL;
}

static void close_fd(int fd)
{
  if (fd >= 0) {
    close(fd);
  }
}

static enum frank_err spawn(const char *path, uint32_t seconds, size_t cores,
                            struct process *process, char *why)
{
  char runtime[16];
  (void)snprintf(runtime, sizeof runtime, "%u", (unsigned)seconds + BACKSTOP_S);
  const char *words[] = {path,
                         "-m",
                         "1410",
                         "-a",
                         "3",
                         "-D",
                         "1",
                         "--force",
                         "--potfile-disable",
                         "--self-test-disable",
                         "--restore-disable",
                         "--logfile-disable",
                         "--hwmon-disable",
                         "--session",
                         "frank",
                         "--outfile",
                         "found",
                         "--runtime",
                         runtime,
                         "--status",
                         "--status-json",
                         "--status-timer",
                         "1",
                         "hash",
                         MASK,
                         NULL};
  struct surroundings surroundings;
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  surround(&surroundings, cores);
  enum frank_err result =
      pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 ? FRANK_OK : FRANK_ERR_IO;
  if (result == FRANK_OK) {
    const struct bench_program program = {.path = path,
                                          .words = words,
                                          .surroundings = surroundings.list,
                                          .folder = home,
                                          .in_fd = -1,
                                          .out_fd = out[1],
                                          .err_fd = err[1],
                                          .nice = BENCH_WORKER_NICE,
                                          .death_signal = SIGKILL};
    result = bench_program_start(&program, &process->pid);
  }
  if (result != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot start %.200s: %s", path, strerror(errno));
  }
  close_fd(out[1]);
  close_fd(err[1]);
  process->out_fd = out[0];
  process->err_fd = err[0];
  return result;
}

/* It, and what it has started. There is nothing of it that we want to keep. */
static void end(struct process *process)
{
  bench_program_kill(&process->pid);
  close_fd(process->out_fd);
  close_fd(process->err_fd);
}

/* ---- what it says ---- */

/* Cuts a stream into lines; a line that is too long is dropped as a whole. */
struct lines {
  char text[BENCH_HASHCAT_LINE_BYTES];
  size_t len;
  bool too_long;
};

struct listener {
  struct bench_hashcat_status status;
  struct lines out;
  struct lines err;
  char complaint[160]; /* the last line on its standard error */
  bool no_device;      /* it has said that there is no OpenCL for it */
};

static void hear_complaint(struct listener *listener, const char *line, size_t len)
{
  static const char *const missing[] = {"CUDA installation found", "compatible platform found",
                                        "No devices found/left"};
  char text[sizeof listener->complaint];
  size_t used = 0;
  for (size_t i = 0; i < len && used + 1 < sizeof text; i++) {
    if (line[i] >= ' ' && line[i] <= '~') {
      text[used++] = line[i];
    }
  }
  text[used] = '\0';
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    listener->no_device = listener->no_device || strstr(text, missing[i]) != NULL;
  }
  if (used > 0) {
    memcpy(listener->complaint, text, used + 1);
  }
}

static void hear(struct listener *listener, struct lines *lines, const char *bytes, size_t count,
                 uint64_t now_us)
{
  for (size_t i = 0; i < count; i++) {
    bool ends = bytes[i] == '\n' || bytes[i] == '\r';
    if (!ends && lines->len < sizeof lines->text) {
      lines->text[lines->len++] = bytes[i];
    } else if (!ends) {
      lines->too_long = true;
    } else {
      if (!lines->too_long && lines == &listener->err) {
        hear_complaint(listener, lines->text, lines->len);
      } else if (!lines->too_long) {
        bench_hashcat_status_line(&listener->status, lines->text, lines->len, now_us);
      }
      lines->len = 0;
      lines->too_long = false;
    }
  }
}

/* Reads what there is. False when it has ended: it has closed its standard output, or is gone and
 * somebody else keeps that open. */
static bool listen_once(struct process *process, struct listener *listener)
{
  char bytes[4096];
  struct pollfd items[] = {{.fd = process->out_fd, .events = POLLIN},
                           {.fd = process->err_fd, .events = POLLIN}};
  int ready = poll(items, 2, TICK_MS);
  if (ready <= 0) {
    int status = 0;
    return ready < 0 || !bench_program_has_ended(&process->pid, &status);
  }
  uint64_t now_us = frank_clock_now_us();
  if (items[1].revents != 0) {
    ssize_t got = read(process->err_fd, bytes, sizeof bytes);
    if (got > 0) {
      hear(listener, &listener->err, bytes, (size_t)got, now_us);
    } else if (items[0].revents == 0) {
      (void)usleep(1000); /* its standard error alone is closed: no reason to spin */
    }
  }
  if (items[0].revents != 0) {
    ssize_t got = read(process->out_fd, bytes, sizeof bytes);
    if (got > 0) {
      hear(listener, &listener->out, bytes, (size_t)got, now_us);
    }
    return got > 0 || (got < 0 && errno == EINTR);
  }
  return true;
}

static enum frank_err tell_end(const struct listener *listener, char *why)
{
  if (listener->no_device) {
    (void)snprintf(
        why, BENCH_WHY_BYTES,
        "hashcat finds no OpenCL for CPUs (packages pocl-opencl-icd and ocl-icd-libopencl1): %s",
        listener->complaint);
    return FRANK_ERR_NOT_FOUND;
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "hashcat ended early: %s",
                 listener->complaint[0] != '\0' ? listener->complaint : "it did not say why");
  return FRANK_ERR_DEVICE;
}

static enum frank_err wait_for_rate(struct process *process, struct listener *listener,
                                    uint32_t seconds, char *why)
{
  const struct bench_hashcat_status *status = &listener->status;
  uint64_t wanted_us = seconds * FRANK_US_PER_S;
  uint64_t start_us = frank_clock_now_us();
  while (bench_hashcat_status_counted_us(status) < wanted_us) {
    if (!listen_once(process, listener)) {
      return tell_end(listener, why);
    }
    if (status->wrong) {
      (void)snprintf(why, BENCH_WHY_BYTES, "hashcat says what cannot be understood: %s",
                     status->wrong);
      return FRANK_ERR_DEVICE;
    }
    if (bench_is_stopping()) {
      (void)snprintf(why, BENCH_WHY_BYTES, "interrupted");
      return FRANK_ERR_CLOSED;
    }
    uint64_t until_us = status->first_us > 0 ? status->first_us + wanted_us + WORK_LIMIT_US
                                             : start_us + START_LIMIT_US;
    if (frank_clock_now_us() >= until_us) {
      (void)snprintf(why, BENCH_WHY_BYTES, "hashcat %s",
                     status->first_us > 0 ? "no longer says what it does"
                                          : "has not begun to work after five minutes");
      return FRANK_ERR_TIMEOUT;
    }
  }
  if (bench_hashcat_status_rate_hps(status) <= 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "hashcat has tried nothing in %u s", (unsigned)seconds);
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

enum frank_err bench_peer_hashcat(const struct bench_peer_task *task, struct bench_peer_result *out,
                                  char *why)
{
  static struct listener listener;
  const struct bench_shape *shape = task->shape;
  struct process process = {.out_fd = -1, .err_fd = -1};
  char path[PATH_MAX];
  *out = (struct bench_peer_result){0};
  if (!bench_program_find("hashcat", path, sizeof path)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "hashcat is not in PATH (package hashcat)");
    return FRANK_ERR_NOT_FOUND;
  }
  if (bench_shape_b_len(shape) > SALT_MAX_CHARACTERS) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "hashcat -m 1410 takes salts of %d characters at most; b of %s has %zu",
                   SALT_MAX_CHARACTERS, shape->text, bench_shape_b_len(shape));
    return FRANK_ERR_UNSUPPORTED;
  }
  enum frank_err err = make_home(why);
  if (err == FRANK_OK) {
    err = write_hash(shape, why);
  }
  if (err == FRANK_OK) {
    err = spawn(path, task->seconds, task->device_count, &process, why);
  }
  if (err == FRANK_OK) {
    memset(&listener, 0, sizeof listener);
    err = wait_for_rate(&process, &listener, task->seconds, why);
  }
  end(&process);
  if (err != FRANK_OK) {
    remove_home(); /* killed while it compiled, it may have left half of something */
    return err;
  }
  out->rate_hps = bench_hashcat_status_rate_hps(&listener.status);
  (void)snprintf(out->what, sizeof out->what, "hashcat %s -m 1410 on %.60s",
                 listener.status.version, listener.status.device);
  return FRANK_OK;
}
