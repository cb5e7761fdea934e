/*
 * bench: what the test benches share. Jobs made from a seed, written to a core through its
 * registers, run, and what they found compared with what OpenSSL's SHA-256 says.
 *
 * A bench is a cmocka program that links one of the models (hdl/sim). Its command line:
 *
 *     test_NAME [--unroll U] [--trace FILE.fst] [--coverage FOLDER]
 *
 * --unroll: only this U of those built. --trace: waves of the first core that is opened. FRANK_SEED
 * in the environment replays a run, whose seed is printed; FRANK_TEST_SCALE multiplies the numbers
 * of random cases.
 */
#ifndef FRANK_HDL_TB_BENCH_H
#define FRANK_HDL_TB_BENCH_H

#include "hdl/sim/frank_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BENCH_BLOCKS_MAX  12
#define BENCH_ENTRIES_MAX 4096
#define BENCH_UNROLLS_MAX 7

/* A job, and the message that it stands for. */
struct bench_job {
  uint8_t bytes[BENCH_BLOCKS_MAX * 64]; /* of all blocks; the counter's place is the core's */
  uint32_t init[8];
  uint32_t kw[BENCH_BLOCKS_MAX][64]; /* row 0 is not used */
  unsigned blocks, word, buffer;
  uint32_t target, first, last;
};

/* What came out of the FIFO for a job up to its END. */
struct bench_found {
  uint32_t counters[BENCH_ENTRIES_MAX];
  size_t count;
  bool dropped;  /* END said that hits were dropped */
  uint32_t last; /* END's counter */
};

/* Parses the command line, prints the seed, runs the tests. Returns the exit status. */
int bench_main(const char *name, int argc, char **argv, const struct CMUnitTest *tests,
               size_t tests_count);
#define BENCH_MAIN(name, argc, argv, tests)                                                        \
  bench_main(name, argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

/* The U to test: those built, or the one of the command line. */
size_t bench_unrolls(unsigned list[BENCH_UNROLLS_MAX]);

/* Opens a core; traces it if the command line says so and none was traced before. */
struct frank_bus *bench_open(unsigned unroll);
void bench_close(struct frank_bus *bus);

/* FRANK_TEST_SCALE, at most `most`. */
unsigned bench_scale(unsigned most);

uint64_t bench_random(void);
uint32_t bench_random32(void);
size_t bench_below(size_t bound);

/* ---- jobs ---- */

/* Random message and state; target 0, counters 0 to 0, buffer 0. */
void bench_job_random(struct bench_job *job, unsigned blocks, unsigned word);
/* K+W of block `block` from its bytes. */
void bench_job_schedule(struct bench_job *job, unsigned block);
/* The hash's eight words for a counter, by OpenSSL. */
void bench_hash(const struct bench_job *job, uint32_t counter, uint32_t hash[8]);
uint32_t bench_hash0(const struct bench_job *job, uint32_t counter);
/* Sets target so that about `wanted` of the job's counters are hits (all of them computed). */
void bench_job_aim(struct bench_job *job, size_t wanted);

/* ---- registers; each access must be answered with OKAY ---- */

uint32_t bench_read(struct frank_bus *bus, uint32_t addr);
void bench_write(struct frank_bus *bus, uint32_t addr, uint32_t value);
/* Answered with SLVERR. */
void bench_write_refused(struct frank_bus *bus, uint32_t addr, uint32_t value);
void bench_read_refused(struct frank_bus *bus, uint32_t addr);

/* Nonces in flight in the ring, and entries of the FIFO, as the core tells. */
unsigned bench_in_flight(struct frank_bus *bus);
unsigned bench_fifo_depth(struct frank_bus *bus);
/* ERR_CODE, which is cleared. */
uint32_t bench_error(struct frank_bus *bus);

/* Writes message, state and K+W into the job's buffer. */
void bench_load(struct frank_bus *bus, const struct bench_job *job);
/* Writes the JOB registers and START_ID. */
void bench_start(struct frank_bus *bus, const struct bench_job *job, uint32_t id);
/* Waits, and takes entries until the job's END; each must be of this id, in sequence. */
void bench_collect(struct frank_bus *bus, uint32_t id, struct bench_found *found);
/* Load, start, collect; the result must be exactly what OpenSSL says. */
void bench_run(struct frank_bus *bus, const struct bench_job *job, uint32_t id);
/* What was found is what OpenSSL says of the counters first to found->last: all of it, in order,
 * unless entries were dropped, then nothing else. */
void bench_check(const struct bench_job *job, const struct bench_found *found);

#endif
