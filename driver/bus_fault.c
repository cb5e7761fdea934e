/*
 * bus_fault: what a plan says, done to what passes by. It knows the registers, so that it can spoil
 * a hit, keep one back, or play a core that is stuck; what it does not spoil it hands on.
 */
#include "bus_fault.h"

#include "registers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX 16
#define WORD_MAX   48
#define SEQUENCES  0xffU

enum kind {
  /* Chances: accesses of any kind. */
  FAULT_IO,
  FAULT_TIMEOUT,
  FAULT_RESET,
  FAULT_STOPPED_CLOCK,
  /* Chances: reads. */
  FAULT_ALL_ONES,
  FAULT_CORRUPT_READ,
  /* Chances: waits that found the line high, or low. */
  FAULT_LOST_IRQ,
  FAULT_DOUBLED_IRQ,
  FAULT_SPURIOUS_IRQ,
  /* Chances: entries of hits, of any kind. */
  FAULT_RING_BIT,
  FAULT_SILENT_MISS,
  FAULT_OVERFLOW,
  FAULT_STALE_ID,
  /* Chances: jobs started. */
  FAULT_STUCK_BUSY,
  /* Chances: entries popped. */
  FAULT_STUCK_FIFO,
  KINDS
};

static const char *const names[KINDS] = {
    [FAULT_IO] = "io",
    [FAULT_TIMEOUT] = "timeout",
    [FAULT_RESET] = "reset",
    [FAULT_STOPPED_CLOCK] = "stopped_clock",
    [FAULT_ALL_ONES] = "all_ones",
    [FAULT_CORRUPT_READ] = "corrupt_read",
    [FAULT_LOST_IRQ] = "lost_irq",
    [FAULT_DOUBLED_IRQ] = "doubled_irq",
    [FAULT_SPURIOUS_IRQ] = "spurious_irq",
    [FAULT_RING_BIT] = "ring_bit",
    [FAULT_SILENT_MISS] = "silent_miss",
    [FAULT_OVERFLOW] = "overflow",
    [FAULT_STALE_ID] = "stale_id",
    [FAULT_STUCK_BUSY] = "stuck_busy",
    [FAULT_STUCK_FIFO] = "stuck_fifo",
};

/* When a fault strikes: at each chance, at the N-th, from the N-th on, at every N-th. */
enum when { EACH, ONCE, FROM, EVERY };

struct fault {
  enum kind kind;
  enum when when;
  uint64_t n;
  uint64_t chances;
};

struct fault_bus {
  struct frank_bus *inner;
  struct frank_bus outer;
  struct fault faults[FAULTS_MAX];
  size_t count;
  const char *failure; /* of ours; NULL: the inner bus's */
  uint64_t random;
  /* the FIFO as the driver sees it */
  bool judged;         /* the inner FIFO's oldest entry was looked at */
  uint32_t judged_seq; /* its number there */
  unsigned shift;      /* the driver's numbers are so much ahead of the inner ones */
  uint32_t flip;       /* in its counter */
  bool extra;          /* an entry that is not there is before it */
  bool dropped;        /* a hit of the running job was kept back, as if dropped */
  uint32_t drops;
  /* the core as the driver sees it */
  bool stopped; /* its clock */
  bool stuck;
  uint32_t beat;
  uint32_t position;
  uint32_t first; /* JOB_FIRST and START_ID as last written */
  uint32_t id;
  bool doubled;
};

static bool strikes(struct fault_bus *self, enum kind kind)
{
  bool any = false;
  for (size_t i = 0; i < self->count; i++) {
    struct fault *fault = &self->faults[i];
    if (fault->kind != kind) {
      continue;
    }
    fault->chances++;
    any = any || fault->when == EACH || (fault->when == ONCE && fault->chances == fault->n) ||
          (fault->when == FROM && fault->chances >= fault->n) ||
          (fault->when == EVERY && fault->chances % fault->n == 0);
  }
  return any;
}

static uint64_t next_random(struct fault_bus *self)
{
  self->random ^= self->random >> 12;
  self->random ^= self->random << 25;
  self->random ^= self->random >> 27;
  return self->random * UINT64_C(0x2545f4914f6cdd1d);
}

static void forget(struct fault_bus *self)
{
  self->judged = self->extra = self->dropped = self->stuck = self->doubled = false;
  self->shift = 0;
  self->flip = 0;
  self->drops = 0;
  self->id = FRANK_FPGA_REG_START_ID_RESET;
}

static enum frank_fpga_err inner_read(struct fault_bus *self, uint32_t addr, uint32_t *value)
{
  return self->inner->ops->read32(self->inner->ctx, addr, value);
}

static enum frank_fpga_err inner_write(struct fault_bus *self, uint32_t addr, uint32_t value)
{
  return self->inner->ops->write32(self->inner->ctx, addr, value);
}

/* Faults of any access: before it, or in place of it. *after: it takes place, and its answer is
 * lost. */
static enum frank_fpga_err before_access(struct fault_bus *self, enum frank_fpga_err *after)
{
  enum frank_fpga_err err = FRANK_FPGA_OK;
  *after = FRANK_FPGA_OK;
  self->failure = NULL;
  if (strikes(self, FAULT_RESET)) {
    forget(self);
    err = self->inner->ops->reset(self->inner->ctx);
  }
  if (strikes(self, FAULT_STOPPED_CLOCK) && !self->stopped) {
    self->stopped = true;
    if (err == FRANK_FPGA_OK) {
      err = inner_read(self, FRANK_FPGA_REG_HEARTBEAT, &self->beat);
    }
    if (err == FRANK_FPGA_OK) {
      err = inner_read(self, FRANK_FPGA_REG_POSITION, &self->position);
    }
  }
  const enum kind lost[] = {FAULT_IO, FAULT_TIMEOUT};
  for (size_t i = 0; i < 2; i++) {
    if (strikes(self, lost[i])) {
      self->failure = i == 0 ? "a fault by plan: the line is broken" : "a fault by plan: no answer";
      *after = i == 0 ? FRANK_FPGA_ERR_IO : FRANK_FPGA_ERR_TIMEOUT;
    }
  }
  if (*after != FRANK_FPGA_OK && (next_random(self) >> 63) != 0) {
    return *after; /* it was the request that was lost, not the answer */
  }
  return err;
}

/* Looks at the inner FIFO's oldest entry, once for each: keeps hits back, spoils one. */
static enum frank_fpga_err judge_head(struct fault_bus *self, uint32_t *tag)
{
  for (;;) {
    enum frank_fpga_err err = inner_read(self, FRANK_FPGA_REG_ENTRY_TAG, tag);
    if (err != FRANK_FPGA_OK || (*tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) == 0) {
      return err;
    }
    uint32_t sequence =
        (*tag & FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) >> FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT;
    bool end = (*tag & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) != 0;
    if (self->judged && self->judged_seq == sequence) {
      return FRANK_FPGA_OK;
    }
    self->judged = true;
    self->judged_seq = sequence;
    self->flip = 0;
    bool miss = !end && strikes(self, FAULT_SILENT_MISS);
    bool drop = !end && !miss && strikes(self, FAULT_OVERFLOW);
    if (!miss && !drop) {
      self->extra = strikes(self, FAULT_STALE_ID);
      if (!end && strikes(self, FAULT_RING_BIT)) {
        self->flip = 1U << (next_random(self) >> 59);
      }
      return FRANK_FPGA_OK;
    }
    self->dropped = self->dropped || drop;
    self->drops += drop;
    err = inner_write(self, FRANK_FPGA_REG_ENTRY_POP, sequence);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
    self->shift = (self->shift - 1) & SEQUENCES;
    self->judged = false;
  }
}

static enum frank_fpga_err read_tag(struct fault_bus *self, uint32_t *value)
{
  enum frank_fpga_err err = judge_head(self, value);
  if (err != FRANK_FPGA_OK || (*value & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) == 0) {
    return err;
  }
  uint32_t sequence = (self->judged_seq + self->shift) & SEQUENCES;
  *value = (*value & ~FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) |
           sequence << FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT;
  if (self->extra) {
    /* A hit of a job long ago. */
    *value ^= 0x1555U;
    *value &= ~(FRANK_FPGA_REG_ENTRY_TAG_END_MASK | FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK);
  } else if (self->dropped && (*value & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) != 0) {
    *value |= FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK;
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err read_counter(struct fault_bus *self, uint32_t *value)
{
  uint32_t tag;
  enum frank_fpga_err err = judge_head(self, &tag);
  if (err == FRANK_FPGA_OK) {
    err = inner_read(self, FRANK_FPGA_REG_ENTRY_COUNTER, value);
  }
  if (err == FRANK_FPGA_OK && (tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK) != 0) {
    *value ^= self->extra ? 0x00abcdefU : self->flip;
  }
  return err;
}

/* A core of which the job stands still. */
static bool read_still(const struct fault_bus *self, uint32_t addr, uint32_t *value)
{
  switch (addr) {
  case FRANK_FPGA_REG_STATUS:
    *value = FRANK_FPGA_REG_STATUS_READY_MASK;
    if (self->id != FRANK_FPGA_REG_START_ID_RESET) {
      *value |= FRANK_FPGA_REG_STATUS_RUNNING_MASK | self->id << FRANK_FPGA_REG_STATUS_RUN_ID_SHIFT;
    }
    return true;
  case FRANK_FPGA_REG_START_ID:
    *value = self->id;
    return self->stuck;
  case FRANK_FPGA_REG_POSITION:
    *value = self->stuck ? self->first : self->position;
    return true;
  case FRANK_FPGA_REG_HEARTBEAT:
    *value = self->beat;
    return self->stopped;
  case FRANK_FPGA_REG_ENTRY_TAG:
  case FRANK_FPGA_REG_ENTRY_COUNTER:
  case FRANK_FPGA_REG_FIFO_LEVEL:
    *value = 0;
    return true;
  default:
    return false;
  }
}

static enum frank_fpga_err read_true(struct fault_bus *self, uint32_t addr, uint32_t *value)
{
  enum frank_fpga_err err;
  if ((self->stuck || self->stopped) && read_still(self, addr, value)) {
    return FRANK_FPGA_OK;
  }
  switch (addr) {
  case FRANK_FPGA_REG_ENTRY_TAG:
    return read_tag(self, value);
  case FRANK_FPGA_REG_ENTRY_COUNTER:
    return read_counter(self, value);
  case FRANK_FPGA_REG_FIFO_DROPPED:
    err = inner_read(self, addr, value);
    *value += self->drops;
    return err;
  default:
    return inner_read(self, addr, value);
  }
}

static enum frank_fpga_err fault_read32(void *ctx, uint32_t addr, uint32_t *value)
{
  struct fault_bus *self = ctx;
  enum frank_fpga_err after;
  enum frank_fpga_err err = before_access(self, &after);
  if (err == FRANK_FPGA_OK) {
    err = read_true(self, addr, value);
  }
  if (err != FRANK_FPGA_OK || after != FRANK_FPGA_OK) {
    return err != FRANK_FPGA_OK ? err : after;
  }
  if (strikes(self, FAULT_ALL_ONES)) {
    *value = 0xffffffffU;
  }
  if (strikes(self, FAULT_CORRUPT_READ)) {
    *value ^= 1U << (next_random(self) >> 59);
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err write_pop(struct fault_bus *self, uint32_t value)
{
  if (strikes(self, FAULT_STUCK_FIFO)) {
    return FRANK_FPGA_OK;
  }
  if (self->extra && value == ((self->judged_seq + self->shift) & SEQUENCES)) {
    self->extra = false;
    self->shift = (self->shift + 1) & SEQUENCES;
    return FRANK_FPGA_OK;
  }
  uint32_t inner = (value - self->shift) & SEQUENCES;
  if (self->judged && inner == self->judged_seq) {
    uint32_t tag;
    enum frank_fpga_err err = inner_read(self, FRANK_FPGA_REG_ENTRY_TAG, &tag);
    if (err != FRANK_FPGA_OK) {
      return err;
    }
    if ((tag & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) != 0) {
      self->dropped = false;
    }
    self->judged = false;
  }
  return inner_write(self, FRANK_FPGA_REG_ENTRY_POP, inner);
}

static enum frank_fpga_err write_true(struct fault_bus *self, uint32_t addr, uint32_t value)
{
  switch (addr) {
  case FRANK_FPGA_REG_ENTRY_POP:
    return write_pop(self, value);
  case FRANK_FPGA_REG_JOB_FIRST:
    self->first = value;
    return inner_write(self, addr, value);
  case FRANK_FPGA_REG_START_ID:
    if (self->stuck) {
      return FRANK_FPGA_OK;
    }
    if (value != self->id && strikes(self, FAULT_STUCK_BUSY)) {
      self->stuck = true;
      self->id = value;
      return FRANK_FPGA_OK;
    }
    self->id = value;
    return inner_write(self, addr, value);
  case FRANK_FPGA_REG_CTRL:
    if ((value & FRANK_FPGA_REG_CTRL_RESET_MASK) != 0) {
      forget(self);
    }
    return inner_write(self, addr, value);
  default:
    return inner_write(self, addr, value);
  }
}

static enum frank_fpga_err fault_write32(void *ctx, uint32_t addr, uint32_t value)
{
  struct fault_bus *self = ctx;
  enum frank_fpga_err after;
  enum frank_fpga_err err = before_access(self, &after);
  if (err == FRANK_FPGA_OK) {
    err = write_true(self, addr, value);
  }
  return err != FRANK_FPGA_OK ? err : after;
}

static enum frank_fpga_err fault_wait_irq(void *ctx, uint64_t timeout_ns, bool *level)
{
  struct fault_bus *self = ctx;
  enum frank_fpga_err after;
  enum frank_fpga_err err = before_access(self, &after);
  if (err == FRANK_FPGA_OK) {
    err = self->inner->ops->wait_irq(self->inner->ctx, timeout_ns, level);
  }
  if (err != FRANK_FPGA_OK || after != FRANK_FPGA_OK) {
    return err != FRANK_FPGA_OK ? err : after;
  }
  if (self->stuck || self->stopped) {
    *level = false;
  } else if (*level) {
    self->doubled = strikes(self, FAULT_DOUBLED_IRQ);
    *level = !strikes(self, FAULT_LOST_IRQ);
  } else {
    *level = self->doubled || strikes(self, FAULT_SPURIOUS_IRQ);
    self->doubled = false;
  }
  return FRANK_FPGA_OK;
}

static enum frank_fpga_err fault_now(void *ctx, uint64_t *now_ns)
{
  struct fault_bus *self = ctx;
  enum frank_fpga_err after;
  enum frank_fpga_err err = before_access(self, &after);
  if (err == FRANK_FPGA_OK) {
    err = self->inner->ops->now(self->inner->ctx, now_ns);
  }
  return err != FRANK_FPGA_OK ? err : after;
}

static enum frank_fpga_err fault_reset(void *ctx)
{
  struct fault_bus *self = ctx;
  self->failure = NULL;
  forget(self);
  return self->inner->ops->reset(self->inner->ctx);
}

static const char *fault_failure(void *ctx)
{
  struct fault_bus *self = ctx;
  return self->failure != NULL ? self->failure : self->inner->ops->failure(self->inner->ctx);
}

static void fault_close(void *ctx)
{
  struct fault_bus *self = ctx;
  self->inner->ops->close(self->inner->ctx);
  free(self);
}

static const struct frank_bus_ops fault_ops = {
    .read32 = fault_read32,
    .write32 = fault_write32,
    .wait_irq = fault_wait_irq,
    .now = fault_now,
    .reset = fault_reset,
    .failure = fault_failure,
    .close = fault_close,
};

/* NAME, NAME@N, NAME@N+ or NAME%N. */
static bool parse_fault(const char *word, struct fault *fault)
{
  size_t len = strcspn(word, "@%");
  const char *rest = word + len;
  memset(fault, 0, sizeof *fault);
  while (fault->kind < KINDS &&
         (strlen(names[fault->kind]) != len || strncmp(names[fault->kind], word, len) != 0)) {
    fault->kind++;
  }
  if (fault->kind == KINDS || rest[0] == '\0') {
    return fault->kind != KINDS;
  }
  char *end;
  errno = 0;
  fault->n = strtoull(rest + 1, &end, 10);
  fault->when = rest[0] == '%' ? EVERY : ONCE;
  if (fault->when == ONCE && *end == '+') {
    fault->when = FROM;
    end++;
  }
  return rest[1] >= '0' && rest[1] <= '9' && errno == 0 && *end == '\0' && fault->n > 0;
}

static enum frank_fpga_err parse_plan(struct fault_bus *self, const char *plan, char *why)
{
  while (*plan != '\0') {
    char word[WORD_MAX];
    size_t len = strcspn(plan, ",");
    (void)snprintf(word, sizeof word, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), plan);
    if (self->count == FAULTS_MAX) {
      (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "more than %d faults in one plan", FAULTS_MAX);
      return FRANK_FPGA_ERR_ARGUMENT;
    }
    if (len >= WORD_MAX || !parse_fault(word, &self->faults[self->count])) {
      (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "no such fault: '%s'", word);
      return FRANK_FPGA_ERR_ARGUMENT;
    }
    self->count++;
    plan += len;
    if (*plan == ',') {
      plan++;
    }
  }
  return FRANK_FPGA_OK;
}

enum frank_fpga_err frank_bus_fault_open(struct frank_bus *inner, const char *plan,
                                         struct frank_bus **bus, char *why)
{
  struct fault_bus *self = calloc(1, sizeof *self);
  enum frank_fpga_err err = FRANK_FPGA_ERR_NOMEM;
  why[0] = '\0';
  *bus = NULL;
  if (self == NULL) {
    (void)snprintf(why, FRANK_FPGA_WHY_BYTES, "no memory");
    goto cleanup;
  }
  self->inner = inner;
  self->random = UINT64_C(0x9e3779b97f4a7c15); /* a plan does the same each time */
  forget(self);
  self->outer = (struct frank_bus){&fault_ops, self, inner->simulated};
  err = parse_plan(self, plan, why);
  if (err == FRANK_FPGA_OK) {
    *bus = &self->outer;
    return FRANK_FPGA_OK;
  }
cleanup:
  inner->ops->close(inner->ctx);
  free(self);
  return err;
}
