/*
 * err: the one set of error codes that every module of Frank returns.
 *
 * 0 is success. A code says what kind of thing went wrong and whether asking again can help; the
 * text that names the input travels beside it (a `why` buffer or a log line), never inside it.
 */
#ifndef FRANK_BASE_ERR_H
#define FRANK_BASE_ERR_H

#include <stdbool.h>

#define FRANK_MUST_CHECK __attribute__((warn_unused_result))

enum frank_err {
  FRANK_OK = 0,
  FRANK_ERR_NOMEM,       /* no memory; later may help */
  FRANK_ERR_MALFORMED,   /* the input breaks its grammar */
  FRANK_ERR_UNSUPPORTED, /* well-formed, but a version, algorithm or shape that is not ours */
  FRANK_ERR_RANGE,       /* a number outside its range */
  FRANK_ERR_TOO_LONG,    /* longer than the bound that the function documents */
  FRANK_ERR_NOT_FOUND,   /* what was named is not there */
  FRANK_ERR_TAKEN,       /* what was named belongs to somebody else (a path, a port, an id) */
  FRANK_ERR_FULL,        /* a bounded queue or table is full; later may help */
  FRANK_ERR_AGAIN,       /* nothing to read, or no room to write, just now */
  FRANK_ERR_CLOSED,      /* the peer is gone */
  FRANK_ERR_IO,          /* a system call failed; errno says why */
  FRANK_ERR_TIMEOUT,     /* the time allowed has passed; later may help */
  FRANK_ERR_DENIED,      /* not allowed */
  FRANK_ERR_DEVICE,      /* a device or its driver failed or lied */
  FRANK_ERR_COUNT        /* number of codes, not a code */
};

/* A short English text for `err` ("no memory"); static storage, never NULL, any value accepted. */
const char *frank_err_text(enum frank_err err);

/* True where the same call can succeed later with nothing else changed. */
bool frank_err_can_retry(enum frank_err err);

#endif
