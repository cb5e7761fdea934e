/*
 * bench: what the parts of frank-bench share: the size of texts that say why, what workers and
 * frankd are bound to, exit statuses, and the wish to stop.
 */
#ifndef FRANK_BENCH_BENCH_H
#define FRANK_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_WHY_BYTES 512

/* Workers of frankd run at this nice value by default. The bare engines do, too: else whatever else
 * the machine does would slow one side of the comparison only. */
#define BENCH_WORKER_NICE 10

/* The most that frankd takes. */
#define BENCH_FACTOR_MAX (UINT64_C(1) << 40)

/* Of frank-bench. 0 to 2 are the answers of a comparison; 64 is EX_USAGE of sysexits.h. */
enum bench_exit {
  BENCH_EXIT_DONE = 0,    /* measured; with a baseline: the same or faster */
  BENCH_EXIT_SLOWER = 1,  /* than the baseline */
  BENCH_EXIT_UNCLEAR = 2, /* too noisy to tell, another machine, or rows are missing */
  BENCH_EXIT_FAILED = 3,  /* could not measure */
  BENCH_EXIT_USAGE = 64   /* wrong options, names or files: nothing was measured */
};

/* True after SIGINT, SIGTERM or SIGHUP: everything that waits gives up soon, with FRANK_ERR_CLOSED.
 */
bool bench_is_stopping(void);

#endif
