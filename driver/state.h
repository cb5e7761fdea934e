/*
 * state: what the files of the driver share of a core: core.c (open, reset, close), access.c
 * (registers), load.c (jobs into the core), run.c (a row of jobs), watch.c (clocks and progress),
 * known.c (known answers). Nobody else includes this.
 */
#ifndef FRANK_DRIVER_STATE_H
#define FRANK_DRIVER_STATE_H

#include "core.h"
#include "registers.h"

#define FRANK_FPGA_BUFFERS 2
#define FRANK_FPGA_HEAD    24U /* template and state: 16 + 8 words */
#define FRANK_FPGA_KW_MAX  ((FRANK_FPGA_BLOCKS_MAX - 1) * 64U)
#define FRANK_FPGA_ID_MASK FRANK_FPGA_REG_START_ID_ID_MASK
#define FRANK_FPGA_BUILT   3U /* registers that tell how a core was built */

/* What is enabled while the core is ours. Any reset clears the register, so that it tells of one
 * that nobody asked for. */
#define FRANK_FPGA_IRQS FRANK_FPGA_REG_IRQ_ENABLE_FIFO_MASK

/* What a job buffer of the core is known to hold; the first `kw_words` words of kw. */
struct frank_fpga_shadow {
  bool head_known;
  uint32_t head[FRANK_FPGA_HEAD];
  size_t kw_words;
  uint32_t kw[FRANK_FPGA_KW_MAX];
};

/* A job that the core has. A job that an ABORT cut although it was not meant is continued from
 * where it ended: first and last are those of the part that runs. */
struct frank_fpga_slot {
  const struct frank_fpga_job *job;
  struct frank_fpga_result *result;
  uint32_t first;
  uint32_t last;
  uint32_t id;
  unsigned buffer;
  unsigned replays;
  bool started;
  bool cut;      /* an ABORT was sent since it was started: it may end before its last */
  uint64_t hits; /* that were reported of this part, and the last of them */
  uint32_t last_hit;
  bool stop_seen;     /* a hit at or below stop_at was reported */
  uint32_t kept_hits; /* the result when this part began: a replay starts from there */
  bool kept_overflow;
};

/* A row of jobs on their way through the core. slots[0] runs, slots[1] waits. */
struct frank_fpga_run {
  const struct frank_fpga_job *jobs;
  struct frank_fpga_result *results;
  size_t n;
  size_t next; /* the first job that has not been given a slot */
  struct frank_fpga_slot slots[FRANK_FPGA_BUFFERS];
  size_t live;
  uint64_t ended_cycles; /* when the last job ended */
  unsigned rubbish;      /* entries since the last that was one of ours */
  /* what the watch saw of slots[0] */
  uint64_t begun_cycles; /* when it began to run, at the latest */
  uint64_t begun_ns;     /* the device's time then */
  uint32_t position;     /* POSITION, and when it was last seen to change */
  uint64_t moved_cycles;
  uint64_t moved_ns;
  uint64_t beat_cycles; /* the heartbeat when last seen to move, when, and looks since then */
  uint64_t beat_ns;
  unsigned beat_still;
  uint64_t looked_ns; /* the device's time at the last look, and looks since it moved */
  unsigned time_still;
};

struct frank_fpga {
  struct frank_bus *bus;
  struct frank_fpga_options options;
  struct frank_fpga_params params;
  bool built_known;
  uint32_t built[FRANK_FPGA_BUILT]; /* VERSION, PARAM0, PARAM1 as read at open */
  struct frank_fpga_health health;
  char why[FRANK_FPGA_WHY_BYTES];
  bool needs_reset;
  uint32_t next_id;
  uint64_t random;
  struct frank_fpga_shadow shadows[FRANK_FPGA_BUFFERS];
  unsigned load_buffer; /* LOAD_BUFFER as last written; FRANK_FPGA_BUFFERS: not known */
  bool sequence_known;  /* of the FIFO's next entry */
  unsigned sequence;    /* its number */
  uint32_t dropped;     /* FIFO_DROPPED as last read */
  uint32_t heartbeat;   /* HEARTBEAT as last read */
  uint64_t cycles;      /* the same without wrapping, since open */
  double ns_per_cycle;  /* of the device's time */
  uint64_t known_jobs;  /* health.jobs at the last known-answer job */
  uint64_t known_ns;    /* the device's time then */
};

/* ---- access.c: every access is asked again a bounded number of times ---- */

/* Notes why the search fails, once: the first reason stays. Returns err. */
enum frank_fpga_err frank_fpga_fail(struct frank_fpga *core, enum frank_fpga_err err,
                                    const char *format, ...) __attribute__((format(printf, 3, 4)));

FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_get(struct frank_fpga *core, uint32_t addr,
                                                         uint32_t *value);
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_put(struct frank_fpga *core, uint32_t addr,
                                                         uint32_t value);
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_wait(struct frank_fpga *core,
                                                          uint64_t timeout_ns, bool *level);
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_now(struct frank_fpga *core, uint64_t *now_ns);

/* Reads a register of which the bits outside `used` are 0. Where they are not, ID is looked at:
 * a core that is there is asked again, one that is gone is an error: DEVICE. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_fpga_get_sane(struct frank_fpga *core, uint32_t addr, uint32_t used, uint32_t *value);

/* ---- core.c ---- */

/* Both jobs dropped, FIFO empty, interrupts set, nothing known of the buffers. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_reset(struct frank_fpga *core);

/* xorshift64*: for ids and known answers. */
uint64_t frank_fpga_random(struct frank_fpga *core);

/* ---- load.c ---- */

/* The buffer, of those that no slot uses, that needs the fewest words written. */
unsigned frank_fpga_choose_buffer(const struct frank_fpga *core, const struct frank_fpga_run *run,
                                  const struct frank_fpga_job *job);

/* Loads what the buffer does not hold yet and starts the slot's part of its job under a new id.
 * *lost: the core was reset since it was last looked at, or refuses: to be reset and begun
 * anew. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err
frank_fpga_start(struct frank_fpga *core, struct frank_fpga_slot *slot, bool *lost);

/* ---- watch.c ---- */

/* Measures the clock at open; params.clock_hz. DEVICE: it stands still. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_learn_clock(struct frank_fpga *core);

/* Reads HEARTBEAT into core->cycles. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_count_cycles(struct frank_fpga *core);

/* DEVICE where the clock stands still. For a core that was reset: it begins no job to look at. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_check_beat(struct frank_fpga *core);

/* Cycles that the slot's part takes in a core that works. */
uint64_t frank_fpga_expected_cycles(const struct frank_fpga *core,
                                    const struct frank_fpga_slot *slot);

/* How long to wait for the running job before the core is looked at, in device time. */
uint64_t frank_fpga_slice_ns(const struct frank_fpga *core, const struct frank_fpga_run *run);

/* slots[0] begins to run now, or did when the job before it ended. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_watch_begin(struct frank_fpga *core,
                                                                 struct frank_fpga_run *run);

/* Looks at a core from which nothing came. *gone: it was reset, or does not run slots[0] any more.
 * DEVICE: its clock stands still, or it is stuck, or slower than its clock. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_look(struct frank_fpga *core,
                                                          struct frank_fpga_run *run, bool *gone);

/* ---- run.c ---- */

/* Runs jobs that were checked, in turn. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_run_jobs(struct frank_fpga *core,
                                                              const struct frank_fpga_job *jobs,
                                                              size_t n,
                                                              struct frank_fpga_result *results);

/* ---- known.c ---- */

/* True where a known-answer job should come before the next ones. */
bool frank_fpga_known_is_due(const struct frank_fpga *core, uint64_t now_ns);

/* Runs a few hundred counters of the job's message, with a bound that a few of them meet. DEVICE:
 * not exactly these were reported. */
FRANK_FPGA_MUST_CHECK enum frank_fpga_err frank_fpga_known_answer(struct frank_fpga *core,
                                                                  const struct frank_fpga_job *job);

#endif
