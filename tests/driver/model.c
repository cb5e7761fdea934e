/*
 * model: written from hdl/regs/registers.toml alone.
 */
#include "model.h"

#include "driver/core.h"
#include "driver/registers.h"
#include "driver/sha256.h"

#include <stdlib.h>
#include <string.h>

#define CYCLE_NS      10U
#define ACCESS_CYCLES 5U
#define FIFO_MAX      64U
#define BLOCKS_MAX    12U
#define NONE          FRANK_FPGA_REG_START_ID_RESET
#define HZ_STEP       64U

struct buffer {
  uint32_t head[24];
  uint32_t kw[BLOCKS_MAX * 64];
};

struct entry {
  uint32_t counter;
  uint32_t tag;
};

struct model_job {
  uint32_t id;
  unsigned buffer;
  uint32_t bound;
  uint32_t last;
  uint64_t next; /* counter examined next */
  uint32_t first;
  struct frank_fpga_job message;
  bool dropped;
};

struct model {
  struct frank_bus bus;
  struct model_options options;
  struct buffer buffers[2];
  struct entry fifo[FIFO_MAX];
  unsigned level;
  unsigned sequence;
  uint64_t cycles;
  uint64_t examined;
  uint64_t group_done; /* when the group in the ring comes out */
  bool running;
  bool waiting;
  bool ending; /* the END waits for a place in the FIFO */
  struct model_job run;
  struct model_job wait;
  uint32_t run_id;
  uint32_t rw[0x80 / 4]; /* the plain registers */
  uint32_t dropped;
};

static unsigned in_flight(const struct model *self)
{
  return self->options.unroll + 1;
}

static uint32_t *reg(struct model *self, uint32_t addr)
{
  return &self->rw[addr / 4];
}

static bool push(struct model *self, uint32_t counter, uint32_t tag)
{
  if (self->level == self->options.fifo_depth) {
    return false;
  }
  self->fifo[self->level].counter = counter;
  self->fifo[self->level++].tag = FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK | tag |
                                  (self->sequence & 0xff)
                                      << FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT;
  self->sequence++;
  return true;
}

static uint64_t group_cycles(const struct model *self)
{
  return (uint64_t)(64 / self->options.unroll) * in_flight(self) * self->run.message.blocks;
}

static void begin(struct model *self, const struct model_job *job)
{
  struct buffer *buffer = &self->buffers[job->buffer];
  self->run = *job;
  memcpy(self->run.message.block, buffer->head, sizeof self->run.message.block);
  memcpy(self->run.message.init, buffer->head + 16, sizeof self->run.message.init);
  self->run.message.kw = buffer->kw + 64;
  self->run_id = job->id;
  self->running = true;
  self->group_done = self->cycles + 30 + group_cycles(self);
}

static void examine(struct model *self, uint32_t counter)
{
  struct model_job *run = &self->run;
  if (frank_fpga_sha256_word(&run->message, counter) <= run->bound &&
      !push(self, counter, run->id)) {
    run->dropped = true;
    self->dropped++;
  }
}

static bool is_named(const struct model *self, uint64_t from, uint64_t to, size_t *at)
{
  while (*at < self->options.only_count) {
    uint32_t counter = self->options.only[(*at)++];
    if (counter >= from && counter < to) {
      (*at)--;
      return true;
    }
  }
  return false;
}

/* Counters up to `to`, which is not examined itself. */
static void examine_until(struct model *self, uint64_t to)
{
  struct model_job *run = &self->run;
  size_t at = 0;
  if (self->options.only != NULL) {
    while (is_named(self, run->next, to, &at)) {
      examine(self, self->options.only[at++]);
    }
  } else {
    for (uint64_t counter = run->next; counter < to; counter++) {
      examine(self, (uint32_t)counter);
    }
  }
  self->examined += to - run->next;
  run->next = to;
}

static void finish(struct model *self)
{
  struct model_job *run = &self->run;
  self->ending = !push(self, (uint32_t)(run->next - 1),
                       run->id | FRANK_FPGA_REG_ENTRY_TAG_END_MASK |
                           (run->dropped ? FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK : 0));
  self->running = self->ending;
  if (!self->running && self->waiting) {
    self->waiting = false;
    begin(self, &self->wait);
  }
}

static void advance(struct model *self, uint64_t cycles)
{
  self->cycles += cycles;
  if (self->ending) {
    finish(self);
  }
  while (self->running && !self->ending && self->group_done <= self->cycles) {
    uint64_t groups = (self->cycles - self->group_done) / group_cycles(self) + 1;
    uint64_t to = self->run.next + groups * in_flight(self);
    uint64_t stop = (uint64_t)self->run.last + 1;
    examine_until(self, to < stop ? to : stop);
    self->group_done += groups * group_cycles(self);
    if (self->run.next == stop) {
      finish(self);
    }
  }
}

static bool irq(struct model *self)
{
  uint32_t state = (self->level > 0 ? FRANK_FPGA_REG_IRQ_STATE_FIFO_MASK : 0) |
                   (self->waiting ? 0 : FRANK_FPGA_REG_IRQ_STATE_READY_MASK) |
                   (*reg(self, FRANK_FPGA_REG_ERR_CODE) ? FRANK_FPGA_REG_IRQ_STATE_ERROR_MASK : 0) |
                   *reg(self, FRANK_FPGA_REG_IRQ_TEST);
  *reg(self, FRANK_FPGA_REG_IRQ_STATE) = state;
  return (state & *reg(self, FRANK_FPGA_REG_IRQ_ENABLE)) != 0;
}

static unsigned buffers_busy(const struct model *self)
{
  return (self->running ? 1U << self->run.buffer : 0) |
         (self->waiting ? 1U << self->wait.buffer : 0);
}

static enum frank_fpga_err refuse(struct model *self, uint32_t code)
{
  if (code != 0 && *reg(self, FRANK_FPGA_REG_ERR_CODE) == 0) {
    *reg(self, FRANK_FPGA_REG_ERR_CODE) = code;
  }
  return FRANK_FPGA_ERR_REFUSED;
}

static uint32_t status(const struct model *self)
{
  return (self->running ? FRANK_FPGA_REG_STATUS_RUNNING_MASK : 0) |
         (self->waiting ? FRANK_FPGA_REG_STATUS_PENDING_MASK : FRANK_FPGA_REG_STATUS_READY_MASK) |
         buffers_busy(self) << FRANK_FPGA_REG_STATUS_BUFFER_BUSY_SHIFT |
         self->run_id << FRANK_FPGA_REG_STATUS_RUN_ID_SHIFT;
}

static enum frank_fpga_err model_read32(void *ctx, uint32_t addr, uint32_t *value)
{
  struct model *self = ctx;
  advance(self, ACCESS_CYCLES);
  (void)irq(self);
  const uint32_t computed[][2] = {
      {FRANK_FPGA_REG_ID, FRANK_FPGA_ID},
      {FRANK_FPGA_REG_VERSION, FRANK_FPGA_VERSION_MAJOR << 16},
      {FRANK_FPGA_REG_PARAM0, self->options.unroll | in_flight(self) << 8 | 1U << 16},
      {FRANK_FPGA_REG_PARAM1, BLOCKS_MAX | 2U << 8 | self->options.fifo_depth << 16},
      {FRANK_FPGA_REG_STATUS, status(self)},
      {FRANK_FPGA_REG_POSITION, (uint32_t)self->run.next},
      {FRANK_FPGA_REG_ATTEMPTS_LO, (uint32_t)self->examined},
      {FRANK_FPGA_REG_ATTEMPTS_HI, (uint32_t)(self->examined >> 32)},
      {FRANK_FPGA_REG_HEARTBEAT, (uint32_t)self->cycles},
      {FRANK_FPGA_REG_FIFO_LEVEL, self->level},
      {FRANK_FPGA_REG_FIFO_DROPPED, self->dropped},
      {FRANK_FPGA_REG_ENTRY_COUNTER, self->level > 0 ? self->fifo[0].counter : 0},
      {FRANK_FPGA_REG_ENTRY_TAG, self->level > 0 ? self->fifo[0].tag : 0},
  };
  for (size_t i = 0; i < sizeof computed / sizeof computed[0]; i++) {
    if (computed[i][0] == addr) {
      *value = computed[i][1];
      return FRANK_FPGA_OK;
    }
  }
  if (addr > FRANK_FPGA_REG_LOAD_BUFFER || addr % 4 != 0 || addr == FRANK_FPGA_REG_CTRL ||
      addr == FRANK_FPGA_REG_ENTRY_POP) {
    return FRANK_FPGA_ERR_REFUSED;
  }
  *value = *reg(self, addr);
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err start(struct model *self, uint32_t id)
{
  id &= FRANK_FPGA_REG_START_ID_ID_MASK;
  if (id == *reg(self, FRANK_FPGA_REG_START_ID)) {
    return FRANK_FPGA_OK;
  }
  uint32_t shape = *reg(self, FRANK_FPGA_REG_JOB_SHAPE);
  struct model_job job = {
      .id = id,
      .buffer = shape >> 16 & 1,
      .bound = *reg(self, FRANK_FPGA_REG_JOB_TARGET),
      .first = *reg(self, FRANK_FPGA_REG_JOB_FIRST),
      .next = *reg(self, FRANK_FPGA_REG_JOB_FIRST),
      .last = *reg(self, FRANK_FPGA_REG_JOB_LAST),
      .message = {.blocks = shape & 0xf, .counter_word = shape >> 8 & 0xf},
  };
  if (self->waiting) {
    return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_PENDING);
  }
  if (job.message.blocks == 0 || job.message.blocks > BLOCKS_MAX) {
    return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_BLOCKS);
  }
  if (job.message.counter_word > 14) {
    return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_WORD);
  }
  if (job.first > job.last) {
    return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_RANGE);
  }
  *reg(self, FRANK_FPGA_REG_START_ID) = id;
  if (self->running) {
    self->wait = job;
    self->waiting = true;
  } else {
    begin(self, &job);
  }
  return FRANK_FPGA_OK;
}

static void soft_reset(struct model *self)
{
  memset(self->rw, 0, sizeof self->rw);
  *reg(self, FRANK_FPGA_REG_START_ID) = NONE;
  self->running = self->waiting = self->ending = false;
  self->level = 0;
  self->dropped = 0;
}

static void command(struct model *self, uint32_t value)
{
  if ((value & FRANK_FPGA_REG_CTRL_RESET_MASK) != 0) {
    soft_reset(self);
  } else if ((value & FRANK_FPGA_REG_CTRL_ABORT_MASK) != 0) {
    if (self->waiting) {
      self->waiting = false;
      *reg(self, FRANK_FPGA_REG_START_ID) = NONE;
    }
    if (self->running && !self->ending) {
      finish(self);
    }
  }
}

static void pop(struct model *self, uint32_t value)
{
  if (self->level > 0 &&
      (self->fifo[0].tag >> FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT & 0xff) == (value & 0xff)) {
    self->level--;
    memmove(self->fifo, self->fifo + 1, self->level * sizeof self->fifo[0]);
  }
}

static enum frank_fpga_err load(struct model *self, uint32_t addr, uint32_t value)
{
  uint32_t which = *reg(self, FRANK_FPGA_REG_LOAD_BUFFER);
  struct buffer *buffer = &self->buffers[which];
  if ((buffers_busy(self) >> which & 1) != 0) {
    return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_BUFFER);
  }
  if (self->options.kw_writes != NULL) {
    ++*self->options.kw_writes;
  }
  if (addr >= FRANK_FPGA_REG_KW) {
    buffer->kw[(addr - FRANK_FPGA_REG_KW) / 4] = value;
  } else {
    buffer->head[(addr - FRANK_FPGA_REG_TEMPLATE) / 4] = value;
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err model_write32(void *ctx, uint32_t addr, uint32_t value)
{
  struct model *self = ctx;
  advance(self, ACCESS_CYCLES);
  bool head = addr >= FRANK_FPGA_REG_TEMPLATE && addr < FRANK_FPGA_REG_INIT + 32;
  bool kw =
      addr >= FRANK_FPGA_REG_KW + 256 && addr < FRANK_FPGA_REG_KW + 4 * FRANK_FPGA_REG_KW_WORDS;
  if (addr % 4 != 0) {
    return FRANK_FPGA_ERR_REFUSED;
  }
  if (head || kw) {
    return load(self, addr, value);
  }
  switch (addr) {
  case FRANK_FPGA_REG_CTRL:
    command(self, value);
    return FRANK_FPGA_OK;
  case FRANK_FPGA_REG_START_ID:
    return start(self, value);
  case FRANK_FPGA_REG_ENTRY_POP:
    pop(self, value);
    return FRANK_FPGA_OK;
  case FRANK_FPGA_REG_ERR_CODE:
    *reg(self, addr) = 0;
    return FRANK_FPGA_OK;
  case FRANK_FPGA_REG_JOB_SHAPE:
  case FRANK_FPGA_REG_JOB_TARGET:
  case FRANK_FPGA_REG_JOB_FIRST:
  case FRANK_FPGA_REG_JOB_LAST:
    if (self->waiting) {
      return refuse(self, FRANK_FPGA_REG_ERR_CODE_CODE_PENDING);
    }
    *reg(self, addr) = addr == FRANK_FPGA_REG_JOB_SHAPE ? value & 0x10f0f : value;
    return FRANK_FPGA_OK;
  case FRANK_FPGA_REG_IRQ_ENABLE:
  case FRANK_FPGA_REG_IRQ_TEST:
    *reg(self, addr) = value & 7;
    return FRANK_FPGA_OK;
  case FRANK_FPGA_REG_LOAD_BUFFER:
    *reg(self, addr) = value & 1;
    return FRANK_FPGA_OK;
  default:
    return FRANK_FPGA_ERR_REFUSED;
  }
}

static enum frank_fpga_err model_wait_irq(void *ctx, uint64_t timeout_ns, bool *level)
{
  struct model *self = ctx;
  uint64_t until = self->cycles + timeout_ns / CYCLE_NS;
  while (!irq(self) && self->cycles < until) {
    uint64_t left = until - self->cycles;
    /* With hits few and far between, as fast as it gets. */
    uint64_t step = self->options.only != NULL ? left : HZ_STEP;
    advance(self, step < left ? step : left);
  }
  *level = irq(self);
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err model_now(void *ctx, uint64_t *now_ns)
{
  const struct model *self = ctx;
  *now_ns = self->cycles * CYCLE_NS;
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err model_reset(void *ctx)
{
  struct model *self = ctx;
  soft_reset(self);
  memset(self->buffers, 0xa5, sizeof self->buffers); /* the memories are not to be relied on */
  self->sequence = 0;
  return FRANK_FPGA_OK;
}

static const char *model_failure(void *ctx)
{
  (void)ctx;
  return "the model refused it";
}

static void model_close(void *ctx)
{
  free(ctx);
}

static const struct frank_bus_ops model_ops = {
    .read32 = model_read32,
    .write32 = model_write32,
    .wait_irq = model_wait_irq,
    .now = model_now,
    .reset = model_reset,
    .failure = model_failure,
    .close = model_close,
};

struct frank_bus *model_open(const struct model_options *options)
{
  struct model *self = calloc(1, sizeof *self);
  if (self == NULL) {
    return NULL;
  }
  self->options = *options;
  self->options.unroll = options->unroll != 0 ? options->unroll : 8;
  self->options.fifo_depth = options->fifo_depth != 0 ? options->fifo_depth : 16;
  (void)model_reset(self);
  self->bus = (struct frank_bus){&model_ops, self, true};
  return &self->bus;
}
