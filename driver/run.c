/*
 * run: a row of jobs through the core. One runs, one waits; what the core says of them is believed
 * after it was checked, and what is lost is run again.
 */
#include "sha256.h"
#include "state.h"

#include <string.h>

#define REPLAYS_MAX 2U
#define RUBBISH_MAX 64U /* entries in a row that are of no job, or do not go away */
#define READS       3   /* of an entry that makes no sense: the bus may have told it wrong */
#define TAG_USED                                                                                   \
  (FRANK_FPGA_REG_ENTRY_TAG_ID_MASK | FRANK_FPGA_REG_ENTRY_TAG_END_MASK |                          \
   FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK | FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK |                \
   FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK)
#define SEQUENCES                                                                                  \
  (FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK >> FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT)

/* The oldest entry of the FIFO. */
struct entry {
  bool valid;
  bool end;
  bool dropped;
  uint32_t id;
  unsigned sequence;
  uint32_t counter;
  uint32_t word; /* of a hit, as hashed here */
};

/* What an entry is worth. */
enum verdict {
  GOOD,
  POPPED, /* the one before, whose POP did not arrive */
  STALE,  /* of no job that is live */
  GAP,    /* entries before it were lost */
  WRONG   /* no core that works says this */
};

static enum frank_fpga_err read_entry(struct frank_fpga *core, struct entry *entry)
{
  uint32_t tag = 0;
  enum frank_fpga_err err = FRANK_FPGA_OK;
  memset(entry, 0, sizeof *entry);
  for (unsigned tries = 0; tries < READS; tries++) {
    err = frank_fpga_get_sane(core, FRANK_FPGA_REG_ENTRY_TAG, TAG_USED, &tag);
    entry->valid = (tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) != 0;
    if (err != FRANK_FPGA_OK || entry->valid || tag == 0) {
      break;
    }
  }
  if (err != FRANK_FPGA_OK || !entry->valid) {
    return err;
  }
  entry->end = (tag & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) != 0;
  entry->dropped = (tag & FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK) != 0;
  entry->id = (tag & FRANK_FPGA_REG_ENTRY_TAG_ID_MASK) >> FRANK_FPGA_REG_ENTRY_TAG_ID_SHIFT;
  entry->sequence =
      (tag & FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) >> FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT;
  return frank_fpga_get(core, FRANK_FPGA_REG_ENTRY_COUNTER, &entry->counter);
}

/* Counters of the part that an END tells of: one at FIRST - 1 is none, or all 2^32, which only the
 * time that it took can tell apart. */
static uint64_t examined(const struct frank_fpga *core, const struct frank_fpga_run *run,
                         uint32_t end)
{
  const struct frank_fpga_slot *slot = &run->slots[0];
  uint32_t count = end - slot->first + 1;
  if (count != 0 || slot->last - slot->first != UINT32_MAX) {
    return count;
  }
  bool all =
      !slot->cut || core->cycles - run->begun_cycles > frank_fpga_expected_cycles(core, slot) / 2;
  return all ? UINT64_C(1) << 32 : 0;
}

static enum verdict judge_end(const struct frank_fpga_slot *slot, const struct entry *entry)
{
  if (entry->counter == slot->last) {
    return GOOD;
  }
  uint32_t count = entry->counter - slot->first + 1;
  uint32_t least = slot->hits > 0 ? slot->last_hit - slot->first + 1 : 0;
  return slot->cut && count >= least && count <= slot->last - slot->first ? GOOD : WRONG;
}

static enum verdict judge_hit(const struct frank_fpga *core, const struct frank_fpga_slot *slot,
                              struct entry *entry)
{
  const struct frank_fpga_result *result = slot->result;
  if (entry->counter < slot->first || entry->counter > slot->last) {
    return WRONG;
  }
  /* One ring tells of its counters in their order: none comes twice, and an end is in sight. */
  if (core->params.rings == 1 && slot->hits > 0 && entry->counter <= slot->last_hit) {
    return WRONG;
  }
  for (uint32_t i = 0; i < result->hit_count; i++) {
    if (result->hits[i] == entry->counter) {
      return WRONG;
    }
  }
  if (slot->hits > slot->last - slot->first) {
    return WRONG; /* more than there are counters */
  }
  entry->word = frank_fpga_sha256_word(slot->job, entry->counter);
  return entry->word <= slot->job->bound ? GOOD : WRONG;
}

static enum verdict judge(const struct frank_fpga *core, const struct frank_fpga_run *run,
                          struct entry *entry)
{
  if (core->sequence_known && entry->sequence != core->sequence) {
    return ((entry->sequence + 1) & SEQUENCES) == core->sequence ? POPPED : GAP;
  }
  if (entry->id != run->slots[0].id) {
    /* The first job's END comes before all of the second: it was lost. */
    return run->live > 1 && run->slots[1].started && entry->id == run->slots[1].id ? GAP : STALE;
  }
  return entry->end ? judge_end(&run->slots[0], entry) : judge_hit(core, &run->slots[0], entry);
}

/* A hit proves itself, an END does not: a bit that the bus flips makes one of the hit at the last
 * counter, or hides that hits were dropped. So it has to read alike twice. */
static enum frank_fpga_err confirm_end(struct frank_fpga *core, const struct entry *entry,
                                       enum verdict *verdict)
{
  struct entry again;
  enum frank_fpga_err err = read_entry(core, &again);
  if (err == FRANK_FPGA_OK &&
      !(again.valid && again.end && again.dropped == entry->dropped && again.id == entry->id &&
        again.sequence == entry->sequence && again.counter == entry->counter)) {
    *verdict = WRONG;
  }
  return err;
}

static enum frank_fpga_err read_and_judge(struct frank_fpga *core, const struct frank_fpga_run *run,
                                          struct entry *entry, enum verdict *verdict)
{
  for (unsigned reads = 0; reads < READS; reads++) {
    enum frank_fpga_err err = read_entry(core, entry);
    if (err != FRANK_FPGA_OK || !entry->valid) {
      return err;
    }
    *verdict = judge(core, run, entry);
    if (*verdict == GOOD && entry->end) {
      err = confirm_end(core, entry, verdict);
    }
    if (err != FRANK_FPGA_OK || *verdict == GOOD) {
      core->health.retries += reads;
      return err;
    }
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err pop(struct frank_fpga *core, const struct entry *entry)
{
  core->sequence = (entry->sequence + 1) & SEQUENCES;
  core->sequence_known = true;
  return frank_fpga_put(core, FRANK_FPGA_REG_ENTRY_POP,
                        entry->sequence << FRANK_FPGA_REG_ENTRY_POP_SEQUENCE_SHIFT);
}

static enum frank_fpga_err pop_rubbish(struct frank_fpga *core, struct frank_fpga_run *run,
                                       const struct entry *entry)
{
  if (++run->rubbish > RUBBISH_MAX) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           "the core's FIFO gives nothing but old entries, the last of job %u",
                           (unsigned)entry->id);
  }
  return pop(core, entry);
}

/* Keeps a hit. A full result still takes one that lets the job stop. */
static void keep(struct frank_fpga_slot *slot, const struct entry *entry)
{
  struct frank_fpga_result *result = slot->result;
  bool stops = slot->job->may_stop && entry->word <= slot->job->stop_at;
  slot->hits++;
  if (slot->hits == 1 || entry->counter > slot->last_hit) {
    slot->last_hit = entry->counter;
  }
  if (result->hit_count < FRANK_FPGA_HITS) {
    result->hits[result->hit_count++] = entry->counter;
  } else {
    result->overflow = true;
    if (stops && !slot->stop_seen) {
      result->hits[FRANK_FPGA_HITS - 1] = entry->counter;
    }
  }
  slot->stop_seen = slot->stop_seen || stops;
}

static enum frank_fpga_err take_hit(struct frank_fpga *core, struct frank_fpga_run *run,
                                    const struct entry *entry)
{
  struct frank_fpga_slot *slot = &run->slots[0];
  bool stopped = slot->stop_seen;
  keep(slot, entry);
  if (!slot->stop_seen || stopped) {
    return FRANK_FPGA_OK;
  }
  /* It may have ended by now, and then this hits the job behind it, which is continued. */
  for (size_t i = 0; i < run->live; i++) {
    run->slots[i].cut = true;
  }
  return frank_fpga_put(core, FRANK_FPGA_REG_CTRL, FRANK_FPGA_REG_CTRL_ABORT_MASK);
}

static enum frank_fpga_err count_dropped(struct frank_fpga *core)
{
  uint32_t dropped;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_FIFO_DROPPED, &dropped);
  if (err == FRANK_FPGA_OK) {
    core->health.dropped_hits += dropped - core->dropped;
    core->dropped = dropped;
  }
  return err;
}

/* After an ABORT the job that waited may have been dropped, without a word. */
static enum frank_fpga_err check_waiting(struct frank_fpga *core, struct frank_fpga_slot *slot)
{
  uint32_t id;
  enum frank_fpga_err err = frank_fpga_get_sane(
      core, FRANK_FPGA_REG_START_ID, FRANK_FPGA_REG_START_ID_NONE_MASK | FRANK_FPGA_ID_MASK, &id);
  if (err == FRANK_FPGA_OK && id != slot->id) {
    slot->started = false;
    slot->cut = false;
  }
  return err;
}

static void shift(struct frank_fpga_run *run)
{
  run->live--;
  memmove(run->slots, run->slots + 1, run->live * sizeof run->slots[0]);
}

static enum frank_fpga_err take_end(struct frank_fpga *core, struct frank_fpga_run *run,
                                    const struct entry *entry)
{
  struct frank_fpga_slot slot = run->slots[0];
  struct frank_fpga_result *result = slot.result;
  enum frank_fpga_err err = frank_fpga_count_cycles(core);
  if (err == FRANK_FPGA_OK && entry->dropped) {
    result->overflow = true;
    err = count_dropped(core);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  uint64_t count = examined(core, run, entry->counter);
  result->attempts += count;
  result->cycles += core->cycles - run->ended_cycles;
  run->ended_cycles = core->cycles;
  shift(run);
  if (slot.stop_seen || count == (uint64_t)slot.last - slot.first + 1) {
    core->health.jobs++;
  } else {
    slot.first += (uint32_t)count;
    slot.started = slot.cut = false;
    slot.hits = 0;
    slot.kept_hits = result->hit_count;
    slot.kept_overflow = result->overflow;
    run->slots[run->live++] = slot;
  }
  if (slot.stop_seen && run->live > 0 && run->slots[0].started) {
    err = check_waiting(core, &run->slots[0]);
  }
  return err == FRANK_FPGA_OK && run->live > 0 ? frank_fpga_watch_begin(core, run) : err;
}

static enum frank_fpga_err wrong(struct frank_fpga *core, const struct frank_fpga_slot *slot,
                                 const struct entry *entry)
{
  if (entry->end) {
    return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                           "a job of counters 0x%08x to 0x%08x is said to have ended at 0x%08x",
                           (unsigned)slot->first, (unsigned)slot->last, (unsigned)entry->counter);
  }
  core->health.wrong_hits++;
  return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                         "counter 0x%08x was reported as a hit and is none",
                         (unsigned)entry->counter);
}

static enum frank_fpga_err take(struct frank_fpga *core, struct frank_fpga_run *run,
                                const struct entry *entry, enum verdict verdict, bool *lost)
{
  enum frank_fpga_err err;
  switch (verdict) {
  case GAP:
    *lost = true;
    return FRANK_FPGA_OK;
  case WRONG:
    return wrong(core, &run->slots[0], entry);
  case POPPED:
    core->health.retries++;
    return pop_rubbish(core, run, entry);
  case STALE:
    core->health.stale_entries++;
    return pop_rubbish(core, run, entry);
  default:
    run->rubbish = 0;
    err = pop(core, entry);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
    return entry->end ? take_end(core, run, entry) : take_hit(core, run, entry);
  }
}

/* Takes what the FIFO holds. *any: the core works, and need not be looked at. *nothing: there was
 * no entry. */
static enum frank_fpga_err drain(struct frank_fpga *core, struct frank_fpga_run *run, bool *any,
                                 bool *nothing, bool *lost)
{
  *any = false;
  *nothing = true;
  while (run->live > 0 && !*lost) {
    struct entry entry;
    enum verdict verdict = GOOD;
    size_t live = run->live;
    enum frank_fpga_err err = read_and_judge(core, run, &entry, &verdict);
    if (err != FRANK_FPGA_OK || !entry.valid) {
      return err;
    }
    *nothing = false;
    *any = *any || verdict == GOOD;
    err = take(core, run, &entry, verdict, lost);
    if (err != FRANK_FPGA_OK || run->live < live || verdict == STALE || verdict == POPPED) {
      return err; /* a buffer is free: the next job first; and rubbish is looked at now and then */
    }
  }
  return FRANK_FPGA_OK;
}

/* An entry that waits while the line is low, and not because it came just now. */
static enum frank_fpga_err note_lost_interrupt(struct frank_fpga *core)
{
  uint32_t tag;
  bool level = true;
  enum frank_fpga_err err = frank_fpga_get(core, FRANK_FPGA_REG_ENTRY_TAG, &tag);
  if (err == FRANK_FPGA_OK && (tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) != 0) {
    err = frank_fpga_wait(core, 0, &level);
    core->health.lost_interrupts += err == FRANK_FPGA_OK && !level;
  }
  return err;
}

/* Waits for the core, never for its interrupt alone. */
static enum frank_fpga_err step(struct frank_fpga *core, struct frank_fpga_run *run, bool *lost)
{
  bool level;
  bool any;
  bool nothing;
  enum frank_fpga_err err = frank_fpga_wait(core, frank_fpga_slice_ns(core, run), &level);
  if (err == FRANK_FPGA_OK && !level) {
    err = note_lost_interrupt(core);
  }
  if (err == FRANK_FPGA_OK) {
    err = drain(core, run, &any, &nothing, lost);
    core->health.spurious_interrupts += err == FRANK_FPGA_OK && level && nothing;
  }
  if (err != FRANK_FPGA_OK || any || *lost) {
    return err;
  }
  return frank_fpga_look(core, run, lost);
}

/* Gives jobs slots, and starts what is not started. */
static enum frank_fpga_err fill(struct frank_fpga *core, struct frank_fpga_run *run, bool *lost)
{
  while (run->live < FRANK_FPGA_BUFFERS && run->next < run->n) {
    const struct frank_fpga_job *job = &run->jobs[run->next];
    struct frank_fpga_result *result = &run->results[run->next++];
    memset(result, 0, sizeof *result);
    if (job->count > 0) {
      run->slots[run->live++] = (struct frank_fpga_slot){
          .job = job,
          .result = result,
          .first = job->first,
          .last = (uint32_t)(job->first + job->count - 1),
      };
    }
  }
  for (size_t i = 0; i < run->live && !*lost; i++) {
    struct frank_fpga_slot *slot = &run->slots[i];
    if (slot->started) {
      continue;
    }
    slot->buffer = frank_fpga_choose_buffer(core, run, slot->job);
    enum frank_fpga_err err = frank_fpga_start(core, slot, lost);
    if (err == FRANK_FPGA_OK && i == 0 && !*lost) {
      err = frank_fpga_count_cycles(core);
      if (err == FRANK_FPGA_OK) {
        err = frank_fpga_watch_begin(core, run);
      }
    }
    if (err != FRANK_FPGA_OK) {
      return err;
    }
  }
  return FRANK_FPGA_OK;
}

/* The core has lost its jobs: they are run again, a bounded number of times. */
static enum frank_fpga_err recover(struct frank_fpga *core, struct frank_fpga_run *run)
{
  enum frank_fpga_err err = frank_fpga_reset(core);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_check_beat(core);
  }
  for (size_t i = 0; i < run->live && err == FRANK_FPGA_OK; i++) {
    struct frank_fpga_slot *slot = &run->slots[i];
    if (slot->replays++ == REPLAYS_MAX) {
      return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                             "the core lost a job %u times: it is reset again and again, or "
                             "refuses it",
                             slot->replays);
    }
    core->health.replays++;
    slot->started = slot->cut = slot->stop_seen = false;
    slot->hits = 0;
    slot->result->hit_count = slot->kept_hits;
    slot->result->overflow = slot->kept_overflow;
  }
  return err;
}

enum frank_fpga_err frank_fpga_run_jobs(struct frank_fpga *core, const struct frank_fpga_job *jobs,
                                        size_t n, struct frank_fpga_result *results)
{
  struct frank_fpga_run run = {.jobs = jobs, .results = results, .n = n};
  enum frank_fpga_err err = frank_fpga_count_cycles(core);
  run.ended_cycles = core->cycles;
  while (err == FRANK_FPGA_OK) {
    bool lost = false;
    err = fill(core, &run, &lost);
    if (err == FRANK_FPGA_OK && !lost && run.live == 0) {
      break;
    }
    if (err == FRANK_FPGA_OK && !lost) {
      err = step(core, &run, &lost);
    }
    if (err == FRANK_FPGA_OK && lost) {
      err = recover(core, &run);
    }
  }
  return err;
}
