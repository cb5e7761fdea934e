/*
 * core: searches jobs on one FPGA core over any bus, and believes it nothing: every hit is hashed
 * again here, jobs that vanish are run again, a core that stands still is told from one that works,
 * and known answers find a core that misses hits.
 *
 * A core belongs to one thread. All calls block, each for a bounded time of the device (bus.h says
 * what that is): a core that does nothing costs a job's expected time twice and a few milliseconds.
 *
 * What frank_fpga_search promises for each job:
 *  - it examines the counters first, first + 1, ... in a contiguous run; `attempts` is their
 * number;
 *  - of these it reports exactly the ones whose first hash word is <= bound, up to
 *    FRANK_FPGA_HITS; where there were more, or the core's FIFO was full, `overflow` is set and
 * those that were kept are reported;
 *  - it examines all `count`, unless may_stop is set and a counter whose first hash word is
 *    <= stop_at was examined: then it may stop early, with that counter among the hits or
 *    overflow set;
 *  - found and value are separate: 0 and 0xffffffff are ordinary counters.
 */
#ifndef FRANK_DRIVER_CORE_H
#define FRANK_DRIVER_CORE_H

#include "bus.h"

#include <stddef.h>

#define FRANK_FPGA_HITS 8 /* hits that a result holds */
#define FRANK_FPGA_BLOCKS_MAX                                                                      \
  12 /* most blocks that the register map has room for; a core's own                               \
        limit is in frank_fpga_params */

/* What a core was built with, and what was measured of it. */
struct frank_fpga_params {
  unsigned version_major;
  unsigned version_minor;
  unsigned unroll;     /* rounds per cycle, U: attempts per cycle are U / (64 x blocks) */
  unsigned in_flight;  /* nonces in flight, P */
  unsigned rings;      /* search rings */
  unsigned blocks_max; /* most blocks of a job */
  unsigned buffers;    /* job buffers: 2, so one job is loaded while another runs */
  unsigned fifo_depth; /* entries of the FIFO */
  double clock_hz;     /* cycles per second of the device's time, as measured at open */
  bool simulated;      /* the device's time is simulated */
};

/* One job: counters of one message. */
struct frank_fpga_job {
  uint32_t init[8];   /* state before block 0 */
  uint32_t block[16]; /* block 0; the counter's two words are the core's to fill */
  const uint32_t *kw; /* (blocks - 1) * 64 words: K[t] + W[t] of the later blocks; a view that must
                         last until the call returns; NULL where blocks is 1 */
  unsigned blocks;    /* 1..params.blocks_max */
  unsigned counter_word; /* 0..14: words counter_word and +1 hold the counter's 8 hex digits */
  bool may_stop;
  uint32_t stop_at; /* <= bound */
  uint32_t bound;
  uint32_t first;
  uint64_t count; /* 0..2^32; first + count <= 2^32 */
};

struct frank_fpga_result {
  uint64_t attempts;
  uint64_t cycles; /* clock cycles from the end of the job before it (or its own start, where none
                      ran) to its end: those of a call's jobs add up to what the call took */
  uint32_t hit_count; /* 0..FRANK_FPGA_HITS */
  bool overflow;
  uint32_t hits[FRANK_FPGA_HITS]; /* counters, in no order */
};

/* What went wrong since open, and was survived or reported. */
struct frank_fpga_health {
  uint64_t jobs;                /* that ended */
  uint64_t wrong_hits;          /* reported by the core, and not below the bound or not in range */
  uint64_t stale_entries;       /* of jobs that do not run: ignored */
  uint64_t dropped_hits;        /* by a full FIFO, as the core counts them */
  uint64_t replays;             /* jobs run again because the core had lost them */
  uint64_t retries;             /* accesses asked again, or read again because they made no sense */
  uint64_t lost_interrupts;     /* entries that came without their interrupt */
  uint64_t spurious_interrupts; /* interrupts without an entry */
  uint64_t known_answers;       /* known-answer jobs run */
  uint64_t known_answer_misses; /* of these, with a wrong answer */
};

/* All 0 is the default, and so is NULL in place of it. */
struct frank_fpga_options {
  uint32_t first_id;           /* id of the first job, modulo 2^14; 0: random */
  uint32_t known_answer_jobs;  /* a known-answer job at least each so many jobs; 0: 1024 */
  uint64_t known_answer_ns;    /* and at least each so much device time; 0: 10 s */
  bool no_known_answers;       /* none at all */
  bool known_answer_each_time; /* one before each call of frank_fpga_search */
};

struct frank_fpga;

/* Takes the core behind `bus` into use: checks ID and version, resets it, reads what it was built
 * with, and measures its clock (0.2 ms of device time in a simulation, 20 ms else). The bus
 * belongs to the core from here on and is closed with it; where open fails, it is closed here.
 * `why` (FRANK_FPGA_WHY_BYTES, never NULL) names the cause. NOT_FOUND: there is no such core;
 * DEVICE: it does not work, or is of another major version; IO, TIMEOUT: of the bus; NOMEM. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_open(struct frank_bus *bus,
                                                          const struct frank_fpga_options *options,
                                                          struct frank_fpga **core, char *why);

/* Lasts as long as the core. */
const struct frank_fpga_params *frank_fpga_params(const struct frank_fpga *core);

/* Searches `n` jobs in turn, each next one loaded while one runs; results[i] belongs to jobs[i].
 * ARGUMENT: a job that the core cannot take, nothing was run. DEVICE: the core did what it must
 * not; IO, TIMEOUT: the bus failed for good. After an error no result is valid; the next call
 * resets the core first. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_search(struct frank_fpga *core,
                                                            const struct frank_fpga_job *jobs,
                                                            size_t n,
                                                            struct frank_fpga_result *results);

/* Why the last search failed, in a few words; empty where it did not. Never NULL; lasts until the
 * next call. */
const char *frank_fpga_failure(const struct frank_fpga *core);

/* Counts since open. Lasts as long as the core. */
const struct frank_fpga_health *frank_fpga_health(const struct frank_fpga *core);

/* Ends jobs that run, closes the bus, frees, sets *core to NULL. NULL in it: nothing. */
void frank_fpga_close(struct frank_fpga **core);

#endif
