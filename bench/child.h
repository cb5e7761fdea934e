/*
 * child: a forked process of ours with a socket to it, which dies with us.
 */
#ifndef FRANK_BENCH_CHILD_H
#define FRANK_BENCH_CHILD_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_child {
  pid_t pid; /* 0: none */
  int fd;    /* SOCK_SEQPACKET: one message, one packet */
};

/* Runs body(fd, arg) in a new process, whose exit status it returns. A Ctrl-C on the terminal is
 * not for it. FRANK_ERR_IO, errno says why. */
FRANK_MUST_CHECK enum frank_err
bench_child_start(struct bench_child *child, int (*body)(int fd, const void *arg), const void *arg);
/* Kills and reaps it. Idempotent. */
void bench_child_end(struct bench_child *child);

/* Receives one message of exactly `size` bytes. FRANK_ERR_CLOSED (we are asked to stop),
 * FRANK_ERR_TIMEOUT, FRANK_ERR_DEVICE (it is gone, or said something else). */
FRANK_MUST_CHECK enum frank_err bench_child_hear(const struct bench_child *child, void *message,
                                                 size_t size, uint64_t until_us);
/* Tells it to go on. FRANK_ERR_DEVICE: it is gone. */
FRANK_MUST_CHECK enum frank_err bench_child_tell(const struct bench_child *child);

#endif
