/*
 * Lines that are believed too soon: what was read may have a bit flipped, an entry may be gone
 * before it was read, and another core may be there than before. No hit is lost by any of them.
 */
#include "device.h"
#include "driver/bus_fault.h"
#include "driver/core.h"
#include "driver/registers.h"
#include "model.h"
#include "oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define JOBS 8

static uint64_t seed;

/* A bus whose first read of an entry that is a hit says that it is the job's END, or whose first
 * read of an END hides that hits were dropped. */
static enum frank_fpga_err (*inner_read)(void *ctx, uint32_t addr, uint32_t *value);
static bool hides_dropped;
static unsigned spoilt;

static enum frank_fpga_err spoil_a_tag(void *ctx, uint32_t addr, uint32_t *value)
{
  enum frank_fpga_err err = inner_read(ctx, addr, value);
  bool valid = addr == FRANK_FPGA_REG_ENTRY_TAG && (*value & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK);
  bool end = (*value & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) != 0;
  bool dropped = (*value & FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK) != 0;
  if (err == FRANK_FPGA_OK && valid && spoilt == 0 && (hides_dropped ? dropped : !end)) {
    *value ^=
        hides_dropped ? FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK : FRANK_FPGA_REG_ENTRY_TAG_END_MASK;
    spoilt++;
  }
  return err;
}

static void loses_no_hit_to_a_bit_of_the_line(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made;
  const struct frank_fpga_options options = {.no_known_answers = true};
  for (unsigned i = 0; i < 2; i++) {
    char why[FRANK_FPGA_WHY_BYTES];
    struct frank_fpga *core;
    struct frank_fpga_result result;
    struct frank_bus *bus = NULL;
    assert_int_equal(frank_bus_fault_open(device_bus(), i == 1 ? "overflow@3" : "", &bus, why),
                     FRANK_FPGA_OK);
    struct frank_bus_ops ops = *bus->ops;
    inner_read = ops.read32;
    ops.read32 = spoil_a_tag;
    bus->ops = &ops;
    hides_dropped = i == 1;
    spoilt = 0;
    assert_int_equal(frank_fpga_open(bus, &options, &core, why), FRANK_FPGA_OK);
    oracle_fill(&made, &random, 2, 3, i == 0 ? 1 : 300, i == 0 ? 1 : 5);
    assert_int_equal(frank_fpga_search(core, &made.job, 1, &result), FRANK_FPGA_OK);
    assert_int_equal(spoilt, 1);
    oracle_assert(&made, &result);
    assert_int_equal(result.overflow, i == 1);
    frank_fpga_close(&core);
  }
}

/* Takes the second entry off before the driver sees it. */
static const struct frank_bus_ops *inner_ops;
static unsigned entries_seen;

static enum frank_fpga_err lose_an_entry(void *ctx, uint32_t addr, uint32_t *value)
{
  static uint32_t last;
  enum frank_fpga_err err = inner_read(ctx, addr, value);
  if (err != FRANK_FPGA_OK || addr != FRANK_FPGA_REG_ENTRY_TAG || *value == 0 || *value == last) {
    return err;
  }
  last = *value;
  if (++entries_seen != 2) {
    return FRANK_FPGA_OK;
  }
  err = inner_ops->write32(ctx, FRANK_FPGA_REG_ENTRY_POP,
                           (*value & FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) >>
                               FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT);
  return err == FRANK_FPGA_OK ? inner_read(ctx, addr, value) : err;
}

static void runs_a_job_again_that_lost_an_entry(void **state)
{
  (void)state;
  uint64_t random = seed;
  static struct oracle_job made;
  const struct frank_fpga_options options = {.no_known_answers = true};
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_fpga *core;
  struct frank_fpga_result result;
  struct frank_bus *bus = device_bus();
  struct frank_bus_ops ops = *bus->ops;
  inner_ops = bus->ops;
  inner_read = ops.read32;
  ops.read32 = lose_an_entry;
  bus->ops = &ops;
  entries_seen = 0;
  assert_int_equal(frank_fpga_open(bus, &options, &core, why), FRANK_FPGA_OK);
  oracle_fill(&made, &random, 1, 3, 600, 6);
  assert_int_equal(frank_fpga_search(core, &made.job, 1, &result), FRANK_FPGA_OK);
  assert_true(entries_seen > 2);
  oracle_assert(&made, &result);
  assert_int_equal(frank_fpga_health(core)->replays, 1);
  frank_fpga_close(&core);
}

/* A line behind which one core takes another's place, as where a server is started again. */
struct line {
  struct frank_bus bus;
  struct frank_bus *cores[2];
  size_t now;
};

static const struct frank_bus *behind(void *ctx)
{
  const struct line *line = ctx;
  return line->cores[line->now];
}

static enum frank_fpga_err line_read32(void *ctx, uint32_t addr, uint32_t *value)
{
  return behind(ctx)->ops->read32(behind(ctx)->ctx, addr, value);
}

static enum frank_fpga_err line_write32(void *ctx, uint32_t addr, uint32_t value)
{
  return behind(ctx)->ops->write32(behind(ctx)->ctx, addr, value);
}

static enum frank_fpga_err line_wait_irq(void *ctx, uint64_t timeout_ns, bool *level)
{
  return behind(ctx)->ops->wait_irq(behind(ctx)->ctx, timeout_ns, level);
}

static enum frank_fpga_err line_now(void *ctx, uint64_t *now_ns)
{
  return behind(ctx)->ops->now(behind(ctx)->ctx, now_ns);
}

static enum frank_fpga_err line_reset(void *ctx)
{
  return behind(ctx)->ops->reset(behind(ctx)->ctx);
}

static const char *line_failure(void *ctx)
{
  return behind(ctx)->ops->failure(behind(ctx)->ctx);
}

static void line_close(void *ctx)
{
  const struct line *line = ctx;
  for (size_t i = 0; i < 2; i++) {
    line->cores[i]->ops->close(line->cores[i]->ctx);
  }
}

static const struct frank_bus_ops line_ops = {.read32 = line_read32,
                                              .write32 = line_write32,
                                              .wait_irq = line_wait_irq,
                                              .now = line_now,
                                              .reset = line_reset,
                                              .failure = line_failure,
                                              .close = line_close};

/* One that was built otherwise is not driven on as if it were the first. */
static void tells_that_another_core_is_there(void **state)
{
  (void)state;
  static const struct model_options others[] = {{.unroll = 8}, {.unroll = 16}, {.fifo_depth = 32}};
  static struct oracle_job made[JOBS];
  struct frank_fpga_job jobs[JOBS];
  struct frank_fpga_result results[JOBS];
  uint64_t random = seed;
  char why[FRANK_FPGA_WHY_BYTES];
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    const struct model_options first = {.unroll = 8};
    struct line line = {.cores = {model_open(&first), model_open(&others[i])}};
    struct frank_fpga *core;
    assert_true(line.cores[0] != NULL && line.cores[1] != NULL);
    line.bus = (struct frank_bus){&line_ops, &line, true};
    assert_int_equal(frank_fpga_open(&line.bus, NULL, &core, why), FRANK_FPGA_OK);
    (void)oracle_fill_jobs(made, jobs, JOBS, &random);
    assert_int_equal(frank_fpga_search(core, jobs, JOBS, results), FRANK_FPGA_OK);
    line.now = 1;
    enum frank_fpga_err err = frank_fpga_search(core, jobs, JOBS, results);
    assert_int_equal(err, i == 0 ? FRANK_FPGA_OK : FRANK_FPGA_ERR_DEVICE);
    if (i > 0) {
      assert_non_null(strstr(frank_fpga_failure(core), "another core"));
      line.now = 0; /* the first is back */
      assert_int_equal(frank_fpga_search(core, jobs, JOBS, results), FRANK_FPGA_OK);
    }
    for (size_t job = 0; job < JOBS; job++) {
      oracle_assert(&made[job], &results[job]);
    }
    frank_fpga_close(&core);
  }
}

int main(int argc, char **argv)
{
  device_choose(argc, argv);
  seed = oracle_seed();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loses_no_hit_to_a_bit_of_the_line),
      cmocka_unit_test(runs_a_job_again_that_lost_an_entry),
      cmocka_unit_test(tells_that_another_core_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
