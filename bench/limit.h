/*
 * limit: the most attempts per second that the arithmetic units of one core allow a CPU variant.
 *
 * The operations of an attempt are counted by kind, and each kind's throughput is measured on the
 * core at hand. What is counted are
 * additions, logic, shifts and rotations of vectors, and the SHA instructions. Moves, loads, making
 * the counter's digits and comparing are not: with enough care they cost no arithmetic unit.
 *
 * What the counts know: rounds before the counter's words and schedule words that no digit of it
 * reaches are the same for all attempts and cost nothing; of the last block only the first word of
 * the hash is needed. Of the counter's two words only the second differs between attempts: the
 * first is the same for 65536 of them in a row.
 *
 * Clocks move: by a tenth within milliseconds, and down when all cores are busy. So what is timed
 * is how much a core does in a cycle, and a search asks for the clock between its slices; the limit
 * is that of the clock which the search had.
 */
#ifndef FRANK_BENCH_LIMIT_H
#define FRANK_BENCH_LIMIT_H

#include "base/err.h"
#include "engine/engine.h"
#include "proof/plan.h"

#include <stdbool.h>
#include <stddef.h>

#define BENCH_LIMIT_TEXT_BYTES 192 /* enough for every text of this module */

/* What a core is timed on. The vector operations come for 128, 256 and 512 bits, in this order. */
enum bench_port {
  BENCH_PORT_SHIFT_128, /* shifts; with 512 bits rotations, which cost the same */
  BENCH_PORT_LOGIC_128, /* xor; with 512 bits vpternlogd */
  BENCH_PORT_ADD_128,   /* additions of 32-bit lanes */
  BENCH_PORT_MIX_128,   /* all three, as they come in a round */
  BENCH_PORT_SHIFT_256,
  BENCH_PORT_LOGIC_256,
  BENCH_PORT_ADD_256,
  BENCH_PORT_MIX_256,
  BENCH_PORT_SHIFT_512,
  BENCH_PORT_LOGIC_512,
  BENCH_PORT_ADD_512,
  BENCH_PORT_MIX_512,
  BENCH_PORT_SHA_ROUNDS, /* sha256rnds2: two rounds of one stream */
  BENCH_PORT_SHA_MSG1,   /* sha256msg1: the first half of four schedule words */
  BENCH_PORT_SHA_MSG2,   /* sha256msg2: the second half */
  BENCH_PORT_SHA_GROUP,  /* four rounds with their schedule: 2 rnds2, msg1 and msg2 together */
  BENCH_PORT_COUNT
};

struct bench_ports {
  double clock_hz;                /* from a chain of multiplications of 3 cycles; 0: not known */
  double per_s[BENCH_PORT_COUNT]; /* operations per second; 0: the core has no such instruction */
};

/* Times each of these CPU devices (engine.h; their names count) for about 0.2 s, all at once, each
 * bound and at the workers' nice value: as they are when all search. Fills ports[0..count).
 * FRANK_ERR_UNSUPPORTED: no x86-64, so that there is nothing to time; FRANK_ERR_TIMEOUT: so much
 * else runs here that hardly a burst was undisturbed; FRANK_ERR_IO, FRANK_ERR_NOMEM,
 * FRANK_ERR_DEVICE, FRANK_ERR_CLOSED (asked to stop); `why` (BENCH_WHY_BYTES) says so. */
FRANK_MUST_CHECK enum frank_err bench_limit_measure_all(const struct frank_device_info *devices,
                                                        size_t count, struct bench_ports *ports,
                                                        char *why);

/* The clock of the current core, asked for in 0.1 ms: the caller should be bound to one. 0 where it
 * cannot be told. */
double bench_limit_clock_hz(void);

/* Keeps the more of each kind that the core was seen to do in a cycle, and the clock of `fresh`:
 * what else runs makes a core do less, and nothing makes it do more. `best` is zeroed before the
 * first time. Pure. */
void bench_limit_keep_best(struct bench_ports *best, const struct bench_ports *fresh);

/* The same core at another clock. 0: the one that it was timed at. Pure. */
void bench_limit_set_clock(struct bench_ports *ports, double clock_hz);

/* Attempts per second of one core that its arithmetic units allow this variant for this plan.
 * `text` (text_size bytes; BENCH_LIMIT_TEXT_BYTES are enough) says which port counts it rests on.
 * False: not known, and `text` says why; *limit_hps is 0. Pure. */
bool bench_limit_hps(const struct bench_ports *ports, const char *variant,
                     const struct frank_plan *plan, double *limit_hps, char *text,
                     size_t text_size);

/* The same by the plain counts, in which no two plans of as many blocks differ: 64 rounds and 48
 * schedule words for block 0, 64 rounds for each later block, no sums at the end. For variants
 * with vectors of 512 bits only; false for others. */
bool bench_limit_plain_hps(const struct bench_ports *ports, const char *variant,
                           const struct frank_plan *plan, double *limit_hps, char *text,
                           size_t text_size);

#endif
