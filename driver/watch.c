/*
 * watch: tells a core that works from one that does not, in its own time.
 *
 * Cycles are counted by HEARTBEAT, so a slow simulation or a slow clock is no fault; the device's
 * time is the second witness, so that one wrong answer of the bus is none either.
 */
#include "state.h"

#include <inttypes.h>

#define LEARN_SIMULATED_NS 200000U /* 20,000 cycles at 100 MHz */
#define LEARN_NS           20000000U
#define LEARN_WAITS        1000
#define NS_PER_CYCLE       10.0 /* where the device's time does not tell */

#define SLICE_NS_MAX 10000000U /* a lost interrupt costs no more than this */
#define SLICE_CYCLES 2000U     /* shortest slice */

/* A job may take FACTOR times the cycles that it should, and these on top: the driver's own
 * accesses cost some. */
#define FACTOR         2U
#define FLOOR_CYCLES   65536U
#define STALL_GROUPS   16U /* POSITION moves once for each group of nonces in flight */
#define STALL_CYCLES   8192U
#define BEAT_LOOKS     3U
#define BEAT_CYCLES    64.0
#define TIME_LOOKS_MAX 1000U
#define HALF           0x80000000U

enum frank_fpga_err frank_fpga_count_cycles(struct frank_fpga *core)
{
  uint32_t value;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_HEARTBEAT, &value);
  /* It is read far more often than it wraps: half of its range in one step is a wrong answer. */
  if (err == FRANK_FPGA_OK && value - core->heartbeat >= HALF) {
    core->health.retries++;
    err = frank_fpga_get(core, FRANK_FPGA_REG_HEARTBEAT, &value);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  if (value - core->heartbeat < HALF) {
    core->cycles += value - core->heartbeat;
  }
  core->heartbeat = value;
  return FRANK_FPGA_OK;
}

enum frank_fpga_err frank_fpga_learn_clock(struct frank_fpga *core)
{
  const uint64_t enough_ns = core->bus->simulated ? LEARN_SIMULATED_NS : LEARN_NS;
  uint64_t start_ns;
  uint64_t now_ns;
  bool level;
  enum frank_fpga_err err = frank_fpga_now(core, &start_ns);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get(core, FRANK_FPGA_REG_HEARTBEAT, &core->heartbeat);
  }
  const uint64_t start_cycles = core->cycles;
  now_ns = start_ns;
  for (unsigned i = 0; i < LEARN_WAITS && err == FRANK_FPGA_OK && now_ns - start_ns < enough_ns;
       i++) {
    err = frank_fpga_wait(core, enough_ns - (now_ns - start_ns), &level);
    if (err == FRANK_FPGA_OK) {
      err = frank_fpga_now(core, &now_ns);
    }
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_count_cycles(core);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  if (core->cycles == start_cycles) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core's clock stands still");
  }
  core->ns_per_cycle = now_ns > start_ns
                           ? (double)(now_ns - start_ns) / (double)(core->cycles - start_cycles)
                           : NS_PER_CYCLE;
  core->params.clock_hz = 1e9 / core->ns_per_cycle;
  return FRANK_FPGA_OK;
}

enum frank_fpga_err frank_fpga_check_beat(struct frank_fpga *core)
{
  enum frank_fpga_err err = frank_fpga_count_cycles(core);
  const uint64_t start_cycles = core->cycles;
  for (unsigned looks = 0;
       looks < BEAT_LOOKS && err == FRANK_FPGA_OK && core->cycles == start_cycles; looks++) {
    bool level;
    err = frank_fpga_wait(core, (uint64_t)(BEAT_CYCLES * core->ns_per_cycle) + 1, &level);
    if (err == FRANK_FPGA_OK) {
      err = frank_fpga_count_cycles(core);
    }
  }
  if (err == FRANK_FPGA_OK && core->cycles == start_cycles) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core's clock stands still");
  }
  return err;
}

/* Cycles in which the ring examines all the nonces in flight. */
static uint64_t group_cycles(const struct frank_fpga *core, const struct frank_fpga_slot *slot)
{
  return 64U / core->params.unroll * (uint64_t)core->params.in_flight * slot->job->blocks;
}

uint64_t frank_fpga_expected_cycles(const struct frank_fpga *core,
                                    const struct frank_fpga_slot *slot)
{
  uint64_t count = (uint64_t)slot->last - slot->first + 1;
  uint64_t in_flight = (uint64_t)core->params.in_flight * core->params.rings;
  return ((count + in_flight - 1) / in_flight + 1) * group_cycles(core, slot);
}

uint64_t frank_fpga_slice_ns(const struct frank_fpga *core, const struct frank_fpga_run *run)
{
  uint64_t expected = frank_fpga_expected_cycles(core, &run->slots[0]);
  uint64_t passed = core->cycles - run->begun_cycles;
  uint64_t left = passed < expected ? expected - passed : 0;
  double slice_ns = (double)(left + SLICE_CYCLES) * core->ns_per_cycle;
  return slice_ns < SLICE_NS_MAX ? (uint64_t)slice_ns + 1 : SLICE_NS_MAX;
}

enum frank_fpga_err frank_fpga_watch_begin(struct frank_fpga *core, struct frank_fpga_run *run)
{
  uint64_t now_ns;
  enum frank_fpga_err err = frank_fpga_now(core, &now_ns);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  run->begun_cycles = run->moved_cycles = run->beat_cycles = core->cycles;
  run->begun_ns = run->moved_ns = run->beat_ns = now_ns;
  run->looked_ns = now_ns;
  run->position = run->slots[0].first;
  run->beat_still = run->time_still = 0;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err check_clocks(struct frank_fpga *core, struct frank_fpga_run *run,
                                        uint64_t now_ns)
{
  if (core->cycles != run->beat_cycles) {
    run->beat_cycles = core->cycles;
    run->beat_ns = now_ns;
    run->beat_still = 0;
  } else if (++run->beat_still >= BEAT_LOOKS &&
             (double)(now_ns - run->beat_ns) > BEAT_CYCLES * core->ns_per_cycle) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the core's clock stands still");
  }
  run->time_still = now_ns == run->looked_ns ? run->time_still + 1 : 0;
  run->looked_ns = now_ns;
  if (run->time_still > TIME_LOOKS_MAX) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE, "the device's time stands still");
  }
  return FRANK_FPGA_OK;
}

/* True where both clocks say that more than `cycles` have passed; the coarser one by half. */
static bool passed(const struct frank_fpga *core, uint64_t since_cycles, uint64_t since_ns,
                   uint64_t now_ns, uint64_t cycles)
{
  return core->cycles - since_cycles > cycles &&
         (double)(now_ns - since_ns) > (double)cycles * core->ns_per_cycle / 2;
}

static enum frank_fpga_err check_progress(struct frank_fpga *core, struct frank_fpga_run *run,
                                          uint64_t now_ns)
{
  const struct frank_fpga_slot *slot = &run->slots[0];
  uint32_t position;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_POSITION, &position);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  if (position != run->position) {
    run->position = position;
    run->moved_cycles = core->cycles;
    run->moved_ns = now_ns;
  }
  if (passed(core, run->moved_cycles, run->moved_ns, now_ns,
             STALL_GROUPS * group_cycles(core, slot) + STALL_CYCLES)) {
    return frank_fpga_fail(
        core, FRANK_FPGA_ERR_DEVICE,
        "the core is stuck: busy, its clock runs, but counter 0x%08x is not passed",
        (unsigned)position);
  }
  uint64_t most = FACTOR * frank_fpga_expected_cycles(core, slot) + FLOOR_CYCLES;
  if (passed(core, run->begun_cycles, run->begun_ns, now_ns, most)) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           "a job that takes %" PRIu64 " cycles is not done after %" PRIu64,
                           frank_fpga_expected_cycles(core, slot),
                           core->cycles - run->begun_cycles);
  }
  return FRANK_FPGA_OK;
}

/* *gone: neither runs nor waits, nor has an entry left. Looked at twice: STATUS may be a few cycles
 * ahead of the FIFO. *entry: one came just now, perhaps after a long time in which this program did
 * not run. */
static enum frank_fpga_err
check_running(struct frank_fpga *core, const struct frank_fpga_slot *slot, bool *gone, bool *entry)
{
  *gone = true;
  for (unsigned looks = 0; looks < 2 && *gone; looks++) {
    uint32_t status;
    uint32_t tag;
    enum frank_fpga_err err = frank_fpga_get_sane(
        core, FRANK_FPGA_REG_STATUS,
        FRANK_FPGA_REG_STATUS_RUNNING_MASK | FRANK_FPGA_REG_STATUS_PENDING_MASK |
            FRANK_FPGA_REG_STATUS_READY_MASK | FRANK_FPGA_REG_STATUS_BUFFER_BUSY_MASK |
            FRANK_FPGA_REG_STATUS_RUN_ID_MASK,
        &status);
    if (err == FRANK_FPGA_OK) {
      err = frank_fpga_get(core, FRANK_FPGA_REG_ENTRY_TAG, &tag);
    }
    if (err != FRANK_FPGA_OK) {
      return err;
    }
    bool runs =
        (status & FRANK_FPGA_REG_STATUS_RUNNING_MASK) != 0 &&
        (status & FRANK_FPGA_REG_STATUS_RUN_ID_MASK) >> FRANK_FPGA_REG_STATUS_RUN_ID_SHIFT ==
            slot->id;
    *entry = (tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) != 0;
    *gone = !runs && (status & FRANK_FPGA_REG_STATUS_PENDING_MASK) == 0 && !*entry;
  }
  return FRANK_FPGA_OK;
}

enum frank_fpga_err frank_fpga_look(struct frank_fpga *core, struct frank_fpga_run *run, bool *gone)
{
  uint64_t now_ns = 0;
  uint32_t enabled;
  bool entry = false;
  *gone = false;
  enum frank_fpga_err err = frank_fpga_now(core, &now_ns);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get_sane(core, FRANK_FPGA_REG_IRQ_ENABLE, 7, &enabled);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  if (enabled != FRANK_FPGA_IRQS) {
    *gone = true;
    return FRANK_FPGA_OK;
  }
  err = frank_fpga_count_cycles(core);
  if (err == FRANK_FPGA_OK) {
    err = check_clocks(core, run, now_ns);
  }
  if (err == FRANK_FPGA_OK) {
    err = check_running(core, &run->slots[0], gone, &entry);
  }
  return err == FRANK_FPGA_OK && !*gone && !entry ? check_progress(core, run, now_ns) : err;
}
