/*
 * load: jobs into the core, and no word twice.
 */
#include "state.h"

#include <string.h>

#define SHAPE(blocks, word, buffer)                                                                \
  ((uint32_t)(blocks) << FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_SHIFT |                                   \
   (uint32_t)(word) << FRANK_FPGA_REG_JOB_SHAPE_WORD_SHIFT |                                       \
   (uint32_t)(buffer) << FRANK_FPGA_REG_JOB_SHAPE_BUFFER_SHIFT)

static size_t kw_words(const struct frank_fpga_job *job)
{
  return (size_t)(job->blocks - 1) * 64;
}

/* Template and state; the counter's own words are not read by the core: always 0. */
static void make_head(const struct frank_fpga_job *job, uint32_t head[FRANK_FPGA_HEAD])
{
  memcpy(head, job->block, sizeof job->block);
  head[job->counter_word] = 0;
  head[job->counter_word + 1] = 0;
  memcpy(head + 16, job->init, sizeof job->init);
}

static size_t words_missing(const struct frank_fpga_shadow *shadow,
                            const struct frank_fpga_job *job)
{
  size_t words = kw_words(job);
  size_t known = words < shadow->kw_words ? words : shadow->kw_words;
  if (known > 0 && memcmp(shadow->kw, job->kw, known * sizeof shadow->kw[0]) != 0) {
    return words;
  }
  return words - known;
}

unsigned frank_fpga_choose_buffer(const struct frank_fpga *core, const struct frank_fpga_run *run,
                                  const struct frank_fpga_job *job)
{
  bool used[FRANK_FPGA_BUFFERS] = {false, false};
  unsigned best = FRANK_FPGA_BUFFERS;
  for (size_t i = 0; i < run->live; i++) {
    if (run->slots[i].started) {
      used[run->slots[i].buffer] = true;
    }
  }
  for (unsigned i = 0; i < FRANK_FPGA_BUFFERS; i++) {
    if (!used[i] && (best == FRANK_FPGA_BUFFERS || words_missing(&core->shadows[i], job) <
                                                       words_missing(&core->shadows[best], job))) {
      best = i;
    }
  }
  return best;
}

/* The buffer's words are written in order, so what is known of it grows with them. */
static enum frank_fpga_err load_kw(struct frank_fpga *core, struct frank_fpga_shadow *shadow,
                                   const struct frank_fpga_job *job)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  for (size_t i = 0; i < kw_words(job) && err == FRANK_FPGA_OK; i++) {
    if (i < shadow->kw_words && shadow->kw[i] == job->kw[i]) {
      continue;
    }
    err = frank_fpga_put(core, (uint32_t)(FRANK_FPGA_REG_KW + 4 * (64 + i)), job->kw[i]);
    if (err == FRANK_FPGA_OK) {
      shadow->kw[i] = job->kw[i];
      shadow->kw_words = i < shadow->kw_words ? shadow->kw_words : i + 1;
    }
  }
  return err;
}

static enum frank_fpga_err load_head(struct frank_fpga *core, struct frank_fpga_shadow *shadow,
                                     const struct frank_fpga_job *job)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  uint32_t head[FRANK_FPGA_HEAD];
  make_head(job, head);
  for (size_t i = 0; i < FRANK_FPGA_HEAD && err == FRANK_FPGA_OK; i++) {
    uint32_t addr =
        (uint32_t)(i < 16 ? FRANK_FPGA_REG_TEMPLATE + 4 * i : FRANK_FPGA_REG_INIT + 4 * (i - 16));
    if (shadow->head_known && shadow->head[i] == head[i]) {
      continue;
    }
    err = frank_fpga_put(core, addr, head[i]);
    shadow->head[i] = head[i];
  }
  shadow->head_known = err == FRANK_FPGA_OK;
  return err;
}

static enum frank_fpga_err load(struct frank_fpga *core, const struct frank_fpga_slot *slot)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  struct frank_fpga_shadow *shadow = &core->shadows[slot->buffer];
  if (core->load_buffer != slot->buffer) {
    err = frank_fpga_put(core, FRANK_FPGA_REG_LOAD_BUFFER, slot->buffer);
    core->load_buffer = err == FRANK_FPGA_OK ? slot->buffer : FRANK_FPGA_BUFFERS;
  }
  if (err == FRANK_FPGA_OK) {
    err = load_kw(core, shadow, slot->job);
  }
  return err == FRANK_FPGA_OK ? load_head(core, shadow, slot->job) : err;
}

static enum frank_fpga_err describe(struct frank_fpga *core, const struct frank_fpga_slot *slot)
{
  const struct frank_fpga_job *job = slot->job;
  const uint32_t writes[][2] = {
      {FRANK_FPGA_REG_JOB_SHAPE, SHAPE(job->blocks, job->counter_word, slot->buffer)},
      {FRANK_FPGA_REG_JOB_TARGET, job->bound},
      {FRANK_FPGA_REG_JOB_FIRST, slot->first},
      {FRANK_FPGA_REG_JOB_LAST, slot->last},
  };
  enum frank_fpga_err err = FRANK_FPGA_OK;
  for (size_t i = 0; i < sizeof writes / sizeof writes[0] && err == FRANK_FPGA_OK; i++) {
    err = frank_fpga_put(core, writes[i][0], writes[i][1]);
  }
  return err;
}

/* The reads are where a bus that posts its writes tells what became of them: nothing is started
 * before all of it is loaded. */
static enum frank_fpga_err load_and_start(struct frank_fpga *core, struct frank_fpga_slot *slot,
                                          bool *lost)
{
  uint32_t value;
  enum frank_fpga_err err = load(core, slot);
  if (err == FRANK_FPGA_OK) {
    err = describe(core, slot);
  }
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get_sane(core, FRANK_FPGA_REG_IRQ_ENABLE, 7, &value);
  }
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  if (value != FRANK_FPGA_IRQS) {
    *lost = true;
    return FRANK_FPGA_OK;
  }
  slot->id = core->next_id;
  core->next_id = (core->next_id + 1) & FRANK_FPGA_ID_MASK;
  err = frank_fpga_put(core, FRANK_FPGA_REG_START_ID, slot->id);
  if (err == FRANK_FPGA_OK) {
    err = frank_fpga_get_sane(core, FRANK_FPGA_REG_START_ID,
                              FRANK_FPGA_REG_START_ID_NONE_MASK | FRANK_FPGA_ID_MASK, &value);
  }
  if (err == FRANK_FPGA_OK) {
    *lost = value != slot->id;
    slot->started = !*lost;
  }
  return err;
}

enum frank_fpga_err frank_fpga_start(struct frank_fpga *core, struct frank_fpga_slot *slot,
                                     bool *lost)
{
  *lost = false;
  enum frank_fpga_err err = load_and_start(core, slot, lost);
  if (err == FRANK_FPGA_ERR_REFUSED) {
    /* A core that was reset meanwhile refuses too: it is begun anew, a bounded number of times. */
    *lost = true;
    return FRANK_FPGA_OK;
  }
  return err;
}
