/*
 * child: starting a child process of ours with one end of a channel, and being such a child.
 *
 * The parent starts it with posix_spawn: own process group (so that Ctrl-C on a terminal reaches
 * the parent alone, which drains), empty signal mask, default handlers, every other descriptor
 * close-on-exec. The child finds its channel at descriptor FRANK_CHILD_FD, dies with its parent,
 * and sets its own resource limits.
 */
#ifndef FRANK_BASE_CHILD_H
#define FRANK_BASE_CHILD_H

#include "base/chan.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define FRANK_CHILD_FD 3

/* Starts `path` with `argv` (NULL-terminated, argv[0] included). On success *pid and *chan are the
 * caller's. FRANK_ERR_NOT_FOUND (no such program), FRANK_ERR_IO, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_child_spawn(const char *path, char *const argv[], pid_t *pid,
                                                  struct frank_chan **chan);

/* In the child: takes the channel at FRANK_CHILD_FD, asks to be killed when the parent dies, and
 * ignores SIGPIPE, SIGTERM and SIGINT: a child leaves when its channel closes.
 * FRANK_ERR_NOT_FOUND when that descriptor is no SEQPACKET socket: a person started the program by
 * hand. */
FRANK_MUST_CHECK enum frank_err frank_child_attach(struct frank_chan **chan);

/* Resource limits of the calling process; 0 leaves one as it is. Under AddressSanitizer the limit
 * on memory is left out, because its shadow memory alone would break it. */
struct frank_child_limits {
  uint64_t data_bytes;  /* RLIMIT_DATA: private writable memory */
  uint64_t descriptors; /* RLIMIT_NOFILE */
  uint64_t stack_bytes; /* RLIMIT_STACK: the default stack of new threads */
};
FRANK_MUST_CHECK enum frank_err frank_child_limit(const struct frank_child_limits *limits);

/* Killed children that the kernel has not given back yet: a process inside a driver can be
 * unkillable, so nobody ever waits for one. Zero-initialised. */
#define FRANK_CHILD_GRAVES 64
struct frank_child_graves {
  pid_t pids[FRANK_CHILD_GRAVES];
  size_t count;
};

/* Kills *pid if it still runs, reaps it if that can be done now, else remembers it; sets *pid to 0.
 */
void frank_child_end(struct frank_child_graves *graves, pid_t *pid);
/* Reaps what can be reaped now. Call now and then while count is not 0. */
void frank_child_reap(struct frank_child_graves *graves);

/* The full path of a helper program `name` ("frank-worker"): beside the running program, else in
 * ../libexec/frank beside it, else in the folder fixed at build time. `out` gets the path.
 * FRANK_ERR_NOT_FOUND, FRANK_ERR_TOO_LONG. */
FRANK_MUST_CHECK enum frank_err frank_child_find(const char *name, char *out, size_t out_size);

#endif
