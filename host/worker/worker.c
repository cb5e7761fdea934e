/*
 * worker: OPEN, then slices in and results out.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "proof/sha256.h"
#include "worker/messages.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL_WORDS         ((size_t)(FRANK_PLAN_BLOCKS_MAX - 1) * 64)
#define RESULT_HELD_MAX_US 1000U /* results travel together, but none waits longer than this */
#define ALL_COUNTERS       (UINT64_C(1) << 32)

struct worker {
  struct frank_chan *chan;
  const struct frank_engine *engine;
  struct frank_engine_ctx *ctx;
  struct frank_device_info info;
  size_t batch_max;

  /* The batch at hand, batch_max of each. */
  struct frank_slice *slices;
  struct frank_scan *scans;
  uint64_t *slice_ids;
  uint32_t *kw; /* TAIL_WORDS for each slice */

  uint64_t oldest_result_us; /* when the oldest result that was not flushed came; 0: none */
  char why[FRANK_ENGINE_WHY_BYTES];
};

static void __attribute__((format(printf, 2, 3))) say_why(struct worker *w, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(w->why, sizeof w->why, format, arguments);
  va_end(arguments);
}

/* ---- writing ---- */

/* Waits until the peer takes more, however long that takes: a parent that lives but reads nothing
 * is the parent's business, one that is gone ends the wait. */
static enum frank_err wait_for_room(struct frank_chan *chan)
{
  struct pollfd watch = {.fd = frank_chan_fd(chan), .events = POLLOUT};
  while (poll(&watch, 1, -1) < 0) {
    if (errno != EINTR) {
      return FRANK_ERR_IO;
    }
  }
  return FRANK_OK;
}

/* Sends all that waits. FRANK_ERR_CLOSED, FRANK_ERR_IO: the parent is gone. */
static enum frank_err send_all(struct frank_chan *chan)
{
  enum frank_err err = frank_chan_flush(chan);
  while (err == FRANK_ERR_AGAIN) {
    err = wait_for_room(chan);
    if (err == FRANK_OK) {
      err = frank_chan_flush(chan);
    }
  }
  return err;
}

/* Appends a record, sending what waits first where there is no room. */
static enum frank_err put(struct frank_chan *chan, enum frank_worker_record type, const void *data,
                          size_t len_bytes)
{
  enum frank_err err = frank_chan_put(chan, (uint16_t)type, data, len_bytes, NULL, 0);
  if (err == FRANK_ERR_FULL) {
    err = send_all(chan);
    if (err == FRANK_OK) {
      err = frank_chan_put(chan, (uint16_t)type, data, len_bytes, NULL, 0);
    }
  }
  return err;
}

/* The last word of a worker that cannot go on: tells why, as far as anybody listens. */
static void send_failed(const struct worker *w, enum frank_err err)
{
  struct frank_worker_failed failed = {.err = (int32_t)err};
  if (w->ctx != NULL && w->engine->lies != NULL) {
    uint64_t lies = w->engine->lies(w->ctx);
    failed.lies = lies < UINT32_MAX ? (uint32_t)lies : UINT32_MAX;
  }
  (void)snprintf(failed.why, sizeof failed.why, "%s",
                 w->why[0] == '\0' ? frank_err_text(err) : w->why);
  if (put(w->chan, FRANK_WORKER_FAILED, &failed, sizeof failed) == FRANK_OK) {
    (void)!send_all(w->chan);
  }
}

/* ---- opening ---- */

/* Waits for the next record. FRANK_ERR_CLOSED at the end of the stream. */
static enum frank_err next_record(struct frank_chan *chan, struct frank_record *record)
{
  enum frank_err err = frank_chan_read(chan, record);
  while (err == FRANK_ERR_AGAIN) {
    err = frank_chan_wait(chan, -1);
    if (err == FRANK_OK || err == FRANK_ERR_TIMEOUT) {
      err = frank_chan_read(chan, record);
    }
  }
  return err;
}

static enum frank_err read_open(struct worker *w, struct frank_worker_open *open)
{
  struct frank_record record;
  enum frank_err err = next_record(w->chan, &record);
  if (err != FRANK_OK) {
    return err;
  }
  if (record.type != FRANK_WORKER_OPEN || record.len_bytes != sizeof *open) {
    say_why(w, "expected OPEN, got a record of type %u with %" PRIu32 " bytes", record.type,
            record.len_bytes);
    return FRANK_ERR_MALFORMED;
  }
  memcpy(open, record.payload, sizeof *open);
  if (memchr(open->device, '\0', sizeof open->device) == NULL ||
      memchr(open->variant, '\0', sizeof open->variant) == NULL ||
      memchr(open->cache_dir, '\0', sizeof open->cache_dir) == NULL) {
    say_why(w, "OPEN: a name without its end");
    return FRANK_ERR_MALFORMED;
  }
  if (open->bind > 1 || open->tune > 1 || open->nice < 0 || open->nice > 19) {
    say_why(w, "OPEN: bind %" PRIu32 ", tune %" PRIu32 " or nice %" PRId32 " out of range",
            open->bind, open->tune, open->nice);
    return FRANK_ERR_RANGE;
  }
  return FRANK_OK;
}

/* Steps back behind the daemon's other processes: a search can always wait a moment, an answer
 * cannot. Where it is refused, only the order of processes suffers. */
static void step_back(int32_t by)
{
  if (by > 0) {
    errno = 0;
    (void)!nice(by);
  }
  const struct sched_param none = {.sched_priority = 0};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

static enum frank_err open_device(struct worker *w, const struct frank_worker_open *open)
{
  const struct frank_engine_options options = {
      .variant = open->variant[0] == '\0' ? NULL : open->variant,
      .bind = open->bind == 1,
      .cache_dir = open->cache_dir[0] == '\0' ? NULL : open->cache_dir,
      .tune = open->tune == 1,
  };
  enum frank_err err =
      frank_engine_open(open->device, &options, &w->engine, &w->ctx, &w->info, w->why);
  if (err != FRANK_OK) {
    return err;
  }
  w->batch_max = w->info.batch_max;
  if (w->batch_max < 1) {
    w->batch_max = 1;
  } else if (w->batch_max > FRANK_WORKER_BATCH_MAX) {
    w->batch_max = FRANK_WORKER_BATCH_MAX;
  }
  /* Not before the device is open: that has bound us, so these come from memory near it. */
  w->slices = calloc(w->batch_max, sizeof *w->slices);
  w->scans = calloc(w->batch_max, sizeof *w->scans);
  w->slice_ids = calloc(w->batch_max, sizeof *w->slice_ids);
  w->kw = calloc(w->batch_max, TAIL_WORDS * sizeof *w->kw);
  if (w->slices == NULL || w->scans == NULL || w->slice_ids == NULL || w->kw == NULL) {
    return FRANK_ERR_NOMEM;
  }
  return FRANK_OK;
}

/* ---- slices ---- */

struct slice_rule {
  const char *field;
  bool broken;
};

/* The name of the first field that is out of its range, NULL where all are sane. */
static const char *find_broken_field(const struct frank_worker_slice *slice, uint32_t len_bytes,
                                     uint32_t blocks_max)
{
  bool blocks_broken =
      slice->blocks < 1 || slice->blocks > blocks_max || slice->blocks > FRANK_PLAN_BLOCKS_MAX;
  size_t tail_bytes = blocks_broken ? 0 : (size_t)(slice->blocks - 1) * 64;
  static const uint8_t zeros[sizeof slice->reserved];
  const struct slice_rule rules[] = {
      {"blocks", blocks_broken},
      {"counter_word", slice->counter_word > 14},
      {"may_stop", slice->may_stop > 1},
      {"reserved", memcmp(slice->reserved, zeros, sizeof zeros) != 0},
      {"count", slice->count > ALL_COUNTERS - slice->first},
      {"stop_at", slice->stop_at > slice->bound},
      {"length", len_bytes != FRANK_WORKER_SLICE_HEAD_BYTES + tail_bytes},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    if (rules[i].broken) {
      return rules[i].field;
    }
  }
  return NULL;
}

/* Turns a SLICE record into entry `at` of the batch. */
static enum frank_err take_slice(struct worker *w, const struct frank_record *record, size_t at)
{
  struct frank_worker_slice message;
  if (record->type != FRANK_WORKER_SLICE) {
    say_why(w, "expected SLICE, got a record of type %u", record->type);
    return FRANK_ERR_MALFORMED;
  }
  if (record->len_bytes < FRANK_WORKER_SLICE_HEAD_BYTES || record->len_bytes > sizeof message) {
    say_why(w, "a SLICE of %" PRIu32 " bytes", record->len_bytes);
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&message, record->payload, record->len_bytes);
  const char *broken = find_broken_field(&message, record->len_bytes, w->info.blocks_max);
  if (broken != NULL) {
    say_why(w, "slice %" PRIu64 ": %s out of range", message.slice_id, broken);
    return FRANK_ERR_RANGE;
  }

  uint32_t *kw = w->kw + at * TAIL_WORDS;
  for (size_t block = 0; block + 1 < message.blocks; block++) {
    uint32_t words[16];
    frank_sha256_load(message.tail + block * 64, words);
    frank_sha256_expand(words, kw + block * 64);
  }
  struct frank_slice *slice = &w->slices[at];
  memcpy(slice->init, message.init, sizeof slice->init);
  memcpy(slice->block, message.block, sizeof slice->block);
  slice->kw = message.blocks > 1 ? kw : NULL;
  slice->blocks = message.blocks;
  slice->counter_word = message.counter_word;
  slice->may_stop = message.may_stop == 1;
  slice->stop_at = message.stop_at;
  slice->bound = message.bound;
  slice->first = message.first;
  slice->count = message.count;
  w->slice_ids[at] = message.slice_id;
  return FRANK_OK;
}

/* Gathers what waits, as much as fits a batch. FRANK_ERR_AGAIN where nothing does. */
static enum frank_err gather(struct worker *w, size_t *gathered)
{
  enum frank_err err = FRANK_OK;
  *gathered = 0;
  while (*gathered < w->batch_max) {
    struct frank_record record;
    err = frank_chan_read(w->chan, &record);
    if (err == FRANK_OK) {
      err = take_slice(w, &record, *gathered);
    }
    if (err != FRANK_OK) {
      break;
    }
    (*gathered)++;
  }
  /* A batch that has begun is searched first; an end or an error shows again at the next read, but
   * for a malformed slice, which must not be skipped. */
  if (*gathered > 0 && (err == FRANK_ERR_AGAIN || err == FRANK_ERR_CLOSED)) {
    err = FRANK_OK;
  }
  if (err == FRANK_ERR_MALFORMED && w->why[0] == '\0') {
    say_why(w, "a packet whose lengths do not add up");
  }
  return err;
}

static enum frank_err scan_batch(struct worker *w, size_t n)
{
  uint64_t start_us = frank_clock_now_us();
  if (w->engine->scan(w->ctx, w->slices, n, w->scans) != FRANK_OK) {
    say_why(w, "the device failed in a search: %s", frank_engine_failure(w->engine, w->ctx));
    return FRANK_ERR_DEVICE;
  }
  /* Searched together, they share the time by their compressions: each told as if it had taken all
   * of it would make the device look n times slower than it is. */
  uint64_t now_us = frank_clock_now_us();
  double elapsed_us = (double)(now_us - start_us);
  double all = 0;
  for (size_t i = 0; i < n; i++) {
    all += (double)w->scans[i].attempts * w->slices[i].blocks;
  }
  for (size_t i = 0; i < n; i++) {
    const struct frank_scan *scan = &w->scans[i];
    double own = (double)scan->attempts * w->slices[i].blocks;
    struct frank_worker_result result = {
        .slice_id = w->slice_ids[i],
        .attempts = scan->attempts,
        .elapsed_us = (uint64_t)(all > 0 ? elapsed_us * own / all : elapsed_us),
        .hit_count = scan->hit_count,
        .overflow = scan->overflow ? 1 : 0,
    };
    memcpy(result.hits, scan->hits, sizeof result.hits);
    enum frank_err err = put(w->chan, FRANK_WORKER_RESULT, &result, sizeof result);
    if (err != FRANK_OK) {
      return err;
    }
  }
  if (w->oldest_result_us == 0) {
    w->oldest_result_us = now_us;
  }
  return FRANK_OK;
}

/* Flushes the results that have waited long enough, or with `all` whatever there is. A parent that
 * is slow to read holds nobody up: the rest goes with the next flush. */
static enum frank_err flush_results(struct worker *w, bool all)
{
  if (w->oldest_result_us == 0 ||
      (!all && frank_clock_now_us() - w->oldest_result_us < RESULT_HELD_MAX_US)) {
    return FRANK_OK;
  }
  enum frank_err err = frank_chan_flush(w->chan);
  if (err == FRANK_ERR_AGAIN) {
    return FRANK_OK;
  }
  w->oldest_result_us = 0;
  return err;
}

/* How long the batch is going to take, roughly. */
static double expected_us(const struct worker *w, size_t n)
{
  double attempts = 0;
  for (size_t i = 0; i < n; i++) {
    const struct frank_slice *slice = &w->slices[i];
    double count = (double)slice->count;
    double until_stop = (double)ALL_COUNTERS / ((double)slice->stop_at + 1);
    if (slice->may_stop && until_stop < count) {
      count = until_stop;
    }
    attempts += count * slice->blocks / 2; /* the rate is that of two blocks */
  }
  return w->info.rate_hps > 0 ? attempts / w->info.rate_hps * 1e6 : (double)RESULT_HELD_MAX_US;
}

/* Searches until the channel closes or something breaks. */
static enum frank_err serve(struct worker *w)
{
  for (;;) {
    size_t n = 0;
    enum frank_err err = gather(w, &n);
    if (err == FRANK_ERR_AGAIN) {
      err = flush_results(w, true);
      if (err == FRANK_OK) {
        /* Sends by itself what the flush could not. */
        err = frank_chan_wait(w->chan, -1);
      }
    } else if (err == FRANK_OK) {
      /* What is found already does not wait for a long search to end. */
      err = flush_results(w, expected_us(w, n) >= RESULT_HELD_MAX_US);
      if (err == FRANK_OK) {
        err = scan_batch(w, n);
      }
    }
    if (err != FRANK_OK && err != FRANK_ERR_TIMEOUT) {
      return err;
    }
  }
}

enum frank_err frank_worker_run(struct frank_chan *chan)
{
  struct worker w = {.chan = chan};
  struct frank_worker_open open;
  enum frank_err err = read_open(&w, &open);
  if (err == FRANK_OK) {
    step_back(open.nice);
    err = open_device(&w, &open);
  }
  if (err == FRANK_OK) {
    if (w.why[0] != '\0') {
      /* READY has no room for it, and it is only about speed: binding was refused, say. */
      frank_log(FRANK_LOG_WARN, "event=open device=%s remark=\"%s\"", w.info.name, w.why);
      w.why[0] = '\0';
    }
    err = put(chan, FRANK_WORKER_READY, &w.info, sizeof w.info);
  }
  if (err == FRANK_OK) {
    err = send_all(chan);
  }
  if (err == FRANK_OK) {
    err = serve(&w);
  }
  if (err != FRANK_ERR_CLOSED) {
    send_failed(&w, err);
  }
  if (w.ctx != NULL) {
    w.engine->close(&w.ctx);
  }
  free(w.slices);
  free(w.scans);
  free(w.slice_ids);
  free(w.kw);
  return err == FRANK_ERR_CLOSED ? FRANK_OK : err;
}

/* ---- probing ---- */

/* The names of all engines, for people who named none of them. */
static void list_engines(char *text, size_t size_bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; frank_engine_at(i) != NULL && used < size_bytes; i++) {
    if (!frank_engine_is_test(frank_engine_at(i))) {
      int more = snprintf(text + used, size_bytes - used, " %s", frank_engine_at(i)->name);
      used += more < 0 ? size_bytes : (size_t)more;
    }
  }
}

static bool is_listed(const char *name, const struct frank_device_info *list, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (strcmp(list[i].name, name) == 0) {
      return true;
    }
  }
  return false;
}

/* Adds to the list those of the names that the engine makes a device of; `why` gets what is wrong
 * with one of them. */
static void add_named(const struct frank_engine *engine, const char *const *names,
                      size_t name_count, struct frank_device_info *list, size_t *count, char *why)
{
  for (size_t i = 0; engine->by_name != NULL && i < name_count; i++) {
    const struct frank_engine *own = frank_engine_for(names[i]);
    bool is_whole = own == engine && strcmp(engine->name, names[i]) != 0;
    if (is_whole && *count < FRANK_ENGINE_DEVICES_MAX && !is_listed(names[i], list, *count)) {
      *count += engine->by_name(names[i], &list[*count], why) == FRANK_OK ? 1 : 0;
    }
  }
}

enum frank_err frank_worker_probe(struct frank_chan *chan, const char *name,
                                  const char *const *names, size_t name_count)
{
  char why[FRANK_ENGINE_WHY_BYTES] = "";
  size_t count = 0;
  struct frank_device_info *list = NULL;
  const struct frank_engine *engine = frank_engine_for(name);
  enum frank_err err = FRANK_OK;
  if (engine == NULL || strcmp(engine->name, name) != 0) {
    char have[128];
    list_engines(have, sizeof have);
    (void)snprintf(why, sizeof why, "there is no engine \"%.31s\"; this build has%s", name, have);
    err = FRANK_ERR_NOT_FOUND;
    goto cleanup;
  }
  list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *list);
  if (list == NULL) {
    err = FRANK_ERR_NOMEM;
    goto cleanup;
  }
  err = engine->probe(list, FRANK_ENGINE_DEVICES_MAX, &count, why);
  if (err == FRANK_OK) {
    add_named(engine, names, name_count, list, &count, why);
  }
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    err = put(chan, FRANK_WORKER_DEVICE, &list[i], sizeof list[i]);
  }

cleanup:
  free(list);
  struct frank_worker_failed probed = {.err = (int32_t)err};
  (void)snprintf(probed.why, sizeof probed.why, "%s",
                 err != FRANK_OK && why[0] == '\0' ? frank_err_text(err) : why);
  enum frank_err sent = put(chan, FRANK_WORKER_PROBED, &probed, sizeof probed);
  if (sent == FRANK_OK) {
    sent = send_all(chan);
  }
  return err == FRANK_OK ? sent : err;
}
