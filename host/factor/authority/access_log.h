/*
 * access_log: one line for each answer of ours, in the combined log format of Apache and nginx.
 *
 * Lines gather in memory and go to the file when there are many, or by flush, which the owner calls
 * every second. What a disk that is full or too slow cannot take is dropped and counted: serving
 * goes first. Owner: the service.
 */
#ifndef FRANK_FACTOR_AUTHORITY_ACCESS_LOG_H
#define FRANK_FACTOR_AUTHORITY_ACCESS_LOG_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_ACCESS_LOG_BUFFER_BYTES 65536
#define FRANK_ACCESS_LOG_LINE_BYTES   2048

struct frank_access_log;

struct frank_access_line {
  const char *peer; /* numeric address */
  int64_t at_s;     /* unix */
  const char *method;
  const char *url;     /* decoded, without the query */
  const char *version; /* "HTTP/1.1" */
  unsigned status;
  size_t len_bytes;       /* of the body; 0 is written as "-" */
  const char *referer;    /* NULL: "-" */
  const char *user_agent; /* NULL: "-" */
};

/* Opens `path` for appending, makes it (mode 0640) where it is missing. FRANK_ERR_IO,
 * FRANK_ERR_DENIED with errno; FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_access_log_open(const char *path,
                                                      struct frank_access_log **out);
void frank_access_log_close(struct frank_access_log **log);
/* After a rotation: flushes, and opens the same name again; on an error the old file stays open. */
FRANK_MUST_CHECK enum frank_err frank_access_log_reopen(struct frank_access_log *log);
/* Adds a line. Bytes that are not printable ASCII, '"' and '\\' are written as \xHH. */
void frank_access_log_add(struct frank_access_log *log, const struct frank_access_line *line);
void frank_access_log_flush(struct frank_access_log *log);
uint64_t frank_access_log_dropped(const struct frank_access_log *log);

#endif
