#include "bench/probe.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PROBE_LIMIT_US (60 * FRANK_US_PER_S)

/* Then follows one message for each device. */
struct head {
  int32_t err;
  uint32_t count;
  char why[FRANK_ENGINE_WHY_BYTES];
};

static int ask(int fd, const void *arg)
{
  const struct frank_engine *const *engine = arg;
  struct frank_device_info *list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *list);
  struct head head = {.err = FRANK_ERR_NOMEM};
  size_t count = 0;
  int status = 1;
  if (list) {
    head.err = (int32_t)(*engine)->probe(list, FRANK_ENGINE_DEVICES_MAX, &count, head.why);
    head.count = (uint32_t)count;
  }
  if (send(fd, &head, sizeof head, 0) == (ssize_t)sizeof head) {
    status = 0;
    for (size_t i = 0; status == 0 && i < count; i++) {
      status = send(fd, &list[i], sizeof list[i], 0) == (ssize_t)sizeof list[i] ? 0 : 1;
    }
  }
  free(list);
  return status;
}

enum frank_err bench_probe(const struct frank_engine *engine, struct frank_device_info *list,
                           size_t *count, char *why)
{
  struct bench_child child = {0};
  struct head head;
  *count = 0;
  enum frank_err err = bench_child_start(&child, ask, &engine);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no process for engine %s: %s", engine->name,
                   strerror(errno));
    return err;
  }
  uint64_t until_us = frank_clock_now_us() + PROBE_LIMIT_US;
  err = bench_child_hear(&child, &head, sizeof head, until_us);
  for (size_t i = 0; err == FRANK_OK && head.err == FRANK_OK && i < head.count; i++) {
    err = bench_child_hear(&child, &list[i], sizeof list[i], until_us);
    *count = i + 1;
  }
  bench_child_end(&child);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "engine %s does not say what devices it has: %s",
                   engine->name, err == FRANK_ERR_CLOSED ? "interrupted" : frank_err_text(err));
    return err;
  }
  (void)snprintf(why, BENCH_WHY_BYTES, "%s", head.why);
  return (enum frank_err)head.err;
}
