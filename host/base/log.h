/*
 * log: one line per event on standard error, `level=info event=... key=value ...`.
 *
 * Log an event once, where it is handled. Lines that a stranger can provoke go through a
 * `struct frank_log_limit`, which lets a burst pass and counts what it held back.
 * A process that wants its name on each line sets it once with frank_log_init.
 */
#ifndef FRANK_BASE_LOG_H
#define FRANK_BASE_LOG_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum frank_log_level { FRANK_LOG_ERROR, FRANK_LOG_WARN, FRANK_LOG_INFO, FRANK_LOG_DEBUG };

/* Names the process on every line (`program` must outlive the process; NULL for none) and sets the
 * most verbose level that is written. Before the call: no name, FRANK_LOG_INFO. */
void frank_log_init(const char *program, enum frank_log_level most);

/* The most verbose level from now on; for any thread, while others log. */
void frank_log_set_level(enum frank_log_level most);

/* The level named by "error", "warn", "info" or "debug"; FRANK_ERR_NOT_FOUND for another text. */
FRANK_MUST_CHECK enum frank_err frank_log_level_parse(const char *text,
                                                      enum frank_log_level *level);

/* Writes one line, printf-style after the level. Bytes that are not printable ASCII, which a
 * hostile input could use to forge lines or drive a terminal, are written as `?`; a line is cut at
 * 1024 bytes. Never fails and never blocks: where standard error has no room, the line is lost. */
void frank_log(enum frank_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A budget of lines: `burst` in each window of burst * interval_us. Zero-initialised fields other
 * than these two. */
struct frank_log_limit {
  uint32_t burst;
  uint64_t interval_us;
  uint64_t window_start_us;
  uint32_t used;
  uint64_t held_back; /* lines not written since the last that was */
};

/* True when a line may be written at `now_us`; false counts it as held back. */
bool frank_log_allow(struct frank_log_limit *limit, uint64_t now_us);

#endif
