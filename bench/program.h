/*
 * program: other programs that we start, and the temporary folders that they get.
 *
 * Each is the leader of a process group of its own, so that a Ctrl-C on the terminal is for us
 * alone, and dies with us.
 */
#ifndef FRANK_BENCH_PROGRAM_H
#define FRANK_BENCH_PROGRAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Finds an executable file of this name in PATH. False where there is none. */
bool bench_program_find(const char *name, char *path, size_t size);

struct bench_program {
  const char *path;
  const char *const *words;  /* argv, NULL at the end */
  char *const *surroundings; /* its environment, NULL at the end; NULL: ours */
  const char *folder;        /* to start in; NULL: ours */
  int in_fd;                 /* its standard files; -1: nothing is read, or kept */
  int out_fd;
  int err_fd;
  int nice;         /* added to ours */
  int death_signal; /* that it gets when we die */
};

/* Starts it. FRANK_ERR_IO: no process could be made, errno says why. What cannot be run ends with
 * status 127 and says so on err_fd. */
FRANK_MUST_CHECK enum frank_err bench_program_start(const struct bench_program *program,
                                                    pid_t *pid);
/* True once it has ended; it is reaped then, what it left running is killed, *pid is 0 and *status
 * what waitpid tells. True also where *pid was 0. */
bool bench_program_has_ended(pid_t *pid, int *status);
/* Kills it with all that it has started, and reaps it. Idempotent. */
void bench_program_kill(pid_t *pid);

/* Makes an empty folder "PREFIX-XXXXXX" in $TMPDIR, or /tmp; the path must fit `size`.
 * FRANK_ERR_TOO_LONG, FRANK_ERR_IO: `folder` is empty then; `why` (BENCH_WHY_BYTES) tells it. */
FRANK_MUST_CHECK enum frank_err bench_folder_make(const char *prefix, char *folder, size_t size,
                                                  char *why);
/* Removes it with all that is in it and empties the name; says so on standard error where it
 * cannot. Idempotent. */
void bench_folder_remove(char *folder);

#endif
