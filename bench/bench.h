/*
 * bench: what the parts of frank-bench share: the size of texts that say why, and the wish to stop.
 */
#ifndef FRANK_BENCH_BENCH_H
#define FRANK_BENCH_BENCH_H

#include <stdbool.h>

#define BENCH_WHY_BYTES 512

/* Workers of frankd run at this nice value by default. The bare engines do, too: else whatever else
 * the machine does would slow one side of the comparison only. */
#define BENCH_WORKER_NICE 10

/* True after SIGINT or SIGTERM: everything that waits gives up soon, with FRANK_ERR_CLOSED. */
bool bench_is_stopping(void);

#endif
