#define OPENSSL_SUPPRESS_DEPRECATED
#include "hdl/tb/bench.h"

#include "driver/registers.h"
#include "tests/unit/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

/* Far above what any job of a bench takes. */
#define COLLECT_CYCLES_MAX UINT64_C(20000000)

static const char *trace_path;
static const char *coverage_folder;
static const char *group_name;
static unsigned only_unroll;

static int usage(const char *name)
{
  (void)fprintf(stderr, "usage: %s [--unroll U] [--trace FILE.fst] [--coverage FOLDER]\n", name);
  return 2;
}

int bench_main(const char *name, int argc, char **argv, const struct CMUnitTest *tests,
               size_t tests_count)
{
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) {
      return usage(argv[0]);
    }
    if (strcmp(argv[i], "--unroll") == 0) {
      only_unroll = (unsigned)strtoul(argv[i + 1], NULL, 10);
    } else if (strcmp(argv[i], "--trace") == 0) {
      trace_path = argv[i + 1];
    } else if (strcmp(argv[i], "--coverage") == 0) {
      coverage_folder = argv[i + 1];
    } else {
      return usage(argv[0]);
    }
  }
  group_name = name;
  random_seed();
  (void)fflush(stdout);
  return _cmocka_run_group_tests(name, tests, tests_count, NULL, NULL);
}

size_t bench_unrolls(unsigned list[BENCH_UNROLLS_MAX])
{
  if (only_unroll != 0) {
    list[0] = only_unroll;
    return 1;
  }
  size_t count = frank_sim_unrolls(list, BENCH_UNROLLS_MAX);
  assert_true(count <= BENCH_UNROLLS_MAX);
  return count;
}

struct frank_bus *bench_open(unsigned unroll)
{
  struct frank_bus *bus = NULL;
  char why[FRANK_FPGA_WHY_BYTES] = "";
  int seed = (int)(random_u64() >> 34) + 1;
  if (frank_sim_open_random(unroll, seed, &bus, why) != FRANK_FPGA_OK) {
    fail_msg("%s", why);
  }
  if (trace_path != NULL) {
    if (frank_sim_trace(bus, trace_path) != FRANK_FPGA_OK) {
      fail_msg("%s: %s", trace_path, bus->ops->failure(bus->ctx));
    }
    trace_path = NULL;
  }
  return bus;
}

void bench_close(struct frank_bus *bus)
{
  if (coverage_folder != NULL) {
    /* Each core counts for itself. */
    static unsigned files;
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s-%u.dat", coverage_folder, group_name, files++);
    assert_true(len > 0 && (size_t)len < sizeof path);
    if (frank_sim_coverage(bus, path) != FRANK_FPGA_OK) {
      fail_msg("%s: %s", path, bus->ops->failure(bus->ctx));
    }
  }
  bus->ops->close(bus->ctx);
}

unsigned bench_scale(unsigned most)
{
  const char *given = getenv("FRANK_TEST_SCALE");
  unsigned long scale = given != NULL ? strtoul(given, NULL, 10) : 1;
  return scale < 1 ? 1 : scale > most ? most : (unsigned)scale;
}

uint64_t bench_random(void)
{
  return random_u64();
}

uint32_t bench_random32(void)
{
  return (uint32_t)(random_u64() >> 32);
}

size_t bench_below(size_t bound)
{
  return random_below(bound);
}

/* FIPS 180-4, 4.2.2. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t load_be(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t rotate(uint32_t x, unsigned by)
{
  return x >> by | x << (32 - by);
}

void bench_job_schedule(struct bench_job *job, unsigned block)
{
  uint32_t w[64];
  for (size_t t = 0; t < 64; t++) {
    if (t < 16) {
      w[t] = load_be(job->bytes + (size_t)block * 64 + t * 4);
    } else {
      uint32_t near = w[t - 2];
      uint32_t far = w[t - 15];
      w[t] = (rotate(near, 17) ^ rotate(near, 19) ^ near >> 10) + w[t - 7] +
             (rotate(far, 7) ^ rotate(far, 18) ^ far >> 3) + w[t - 16];
    }
    job->kw[block][t] = K[t] + w[t];
  }
}

void bench_job_random(struct bench_job *job, unsigned blocks, unsigned word)
{
  memset(job, 0, sizeof *job);
  random_bytes(job->bytes, (size_t)blocks * 64);
  for (size_t i = 0; i < 8; i++) {
    job->init[i] = bench_random32();
  }
  job->blocks = blocks;
  job->word = word;
  for (unsigned block = 1; block < blocks; block++) {
    bench_job_schedule(job, block);
  }
}

void bench_hash(const struct bench_job *job, uint32_t counter, uint32_t hash[8])
{
  uint8_t first[64];
  char digits[9];
  memcpy(first, job->bytes, sizeof first);
  (void)snprintf(digits, sizeof digits, "%08" PRIx32, counter);
  memcpy(first + (size_t)job->word * 4, digits, 8);
  SHA256_CTX state;
  SHA256_Init(&state);
  for (size_t i = 0; i < 8; i++) {
    state.h[i] = job->init[i];
  }
  SHA256_Transform(&state, first);
  for (size_t block = 1; block < job->blocks; block++) {
    SHA256_Transform(&state, job->bytes + block * 64);
  }
  for (size_t i = 0; i < 8; i++) {
    hash[i] = (uint32_t)state.h[i];
  }
}

uint32_t bench_hash0(const struct bench_job *job, uint32_t counter)
{
  uint32_t hash[8];
  bench_hash(job, counter, hash);
  return hash[0];
}

static int compare_words(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a;
  uint32_t y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

void bench_job_aim(struct bench_job *job, size_t wanted)
{
  static uint32_t words[BENCH_ENTRIES_MAX];
  size_t count = (size_t)(job->last - job->first) + 1;
  assert_true(count <= BENCH_ENTRIES_MAX && wanted >= 1 && wanted <= count);
  for (size_t i = 0; i < count; i++) {
    words[i] = bench_hash0(job, (uint32_t)(job->first + i));
  }
  qsort(words, count, sizeof words[0], compare_words);
  job->target = words[wanted - 1];
}

uint32_t bench_read(struct frank_bus *bus, uint32_t addr)
{
  uint32_t value = 0;
  if (bus->ops->read32(bus->ctx, addr, &value) != FRANK_FPGA_OK) {
    fail_msg("reading 0x%03" PRIx32 ": %s", addr, bus->ops->failure(bus->ctx));
  }
  return value;
}

void bench_write(struct frank_bus *bus, uint32_t addr, uint32_t value)
{
  if (bus->ops->write32(bus->ctx, addr, value) != FRANK_FPGA_OK) {
    fail_msg("writing 0x%03" PRIx32 ": %s", addr, bus->ops->failure(bus->ctx));
  }
}

void bench_write_refused(struct frank_bus *bus, uint32_t addr, uint32_t value)
{
  assert_int_equal(bus->ops->write32(bus->ctx, addr, value), FRANK_FPGA_ERR_REFUSED);
}

void bench_read_refused(struct frank_bus *bus, uint32_t addr)
{
  uint32_t value = 0;
  assert_int_equal(bus->ops->read32(bus->ctx, addr, &value), FRANK_FPGA_ERR_REFUSED);
}

unsigned bench_in_flight(struct frank_bus *bus)
{
  return (bench_read(bus, FRANK_FPGA_REG_PARAM0) & FRANK_FPGA_REG_PARAM0_IN_FLIGHT_MASK) >>
         FRANK_FPGA_REG_PARAM0_IN_FLIGHT_SHIFT;
}

unsigned bench_fifo_depth(struct frank_bus *bus)
{
  return bench_read(bus, FRANK_FPGA_REG_PARAM1) >> FRANK_FPGA_REG_PARAM1_FIFO_DEPTH_SHIFT;
}

uint32_t bench_error(struct frank_bus *bus)
{
  uint32_t code = bench_read(bus, FRANK_FPGA_REG_ERR_CODE);
  bench_write(bus, FRANK_FPGA_REG_ERR_CODE, 0);
  return code;
}

void bench_load(struct frank_bus *bus, const struct bench_job *job)
{
  bench_write(bus, FRANK_FPGA_REG_LOAD_BUFFER, job->buffer);
  for (uint32_t i = 0; i < 16; i++) {
    bench_write(bus, FRANK_FPGA_REG_TEMPLATE + 4 * i, load_be(job->bytes + (size_t)4 * i));
  }
  for (uint32_t i = 0; i < 8; i++) {
    bench_write(bus, FRANK_FPGA_REG_INIT + 4 * i, job->init[i]);
  }
  for (uint32_t block = 1; block < job->blocks; block++) {
    for (uint32_t t = 0; t < 64; t++) {
      bench_write(bus, FRANK_FPGA_REG_KW + 256 * block + 4 * t, job->kw[block][t]);
    }
  }
}

void bench_start(struct frank_bus *bus, const struct bench_job *job, uint32_t id)
{
  bench_write(bus, FRANK_FPGA_REG_JOB_SHAPE,
              job->blocks << FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_SHIFT |
                  job->word << FRANK_FPGA_REG_JOB_SHAPE_WORD_SHIFT |
                  job->buffer << FRANK_FPGA_REG_JOB_SHAPE_BUFFER_SHIFT);
  bench_write(bus, FRANK_FPGA_REG_JOB_TARGET, job->target);
  bench_write(bus, FRANK_FPGA_REG_JOB_FIRST, job->first);
  bench_write(bus, FRANK_FPGA_REG_JOB_LAST, job->last);
  bench_write(bus, FRANK_FPGA_REG_START_ID, id);
}

void bench_collect(struct frank_bus *bus, uint32_t id, struct bench_found *found)
{
  uint64_t until = frank_sim_cycles(bus) + COLLECT_CYCLES_MAX;
  found->count = 0;
  bench_write(bus, FRANK_FPGA_REG_IRQ_ENABLE, FRANK_FPGA_REG_IRQ_ENABLE_FIFO_MASK);
  for (;;) {
    bool level = false;
    assert_int_equal(bus->ops->wait_irq(bus->ctx, COLLECT_CYCLES_MAX * FRANK_SIM_CYCLE_NS, &level),
                     FRANK_FPGA_OK);
    if (!level || frank_sim_cycles(bus) > until) {
      fail_msg("job %" PRIu32 " has not ended after %" PRIu64 " cycles", id, COLLECT_CYCLES_MAX);
    }
    uint32_t tag = bench_read(bus, FRANK_FPGA_REG_ENTRY_TAG);
    uint32_t counter = bench_read(bus, FRANK_FPGA_REG_ENTRY_COUNTER);
    assert_true(tag & FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK);
    assert_int_equal(tag & FRANK_FPGA_REG_ENTRY_TAG_ID_MASK, id);
    bench_write(bus, FRANK_FPGA_REG_ENTRY_POP,
                (tag & FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK) >>
                    FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT);
    if (tag & FRANK_FPGA_REG_ENTRY_TAG_END_MASK) {
      found->dropped = (tag & FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK) != 0;
      found->last = counter;
      return;
    }
    assert_true(found->count < BENCH_ENTRIES_MAX);
    found->counters[found->count++] = counter;
  }
}

void bench_check(const struct bench_job *job, const struct bench_found *found)
{
  uint32_t examined = found->last - job->first + 1;
  size_t seen = 0;
  assert_true(examined <= job->last - job->first + 1 || job->last - job->first == UINT32_MAX);
  for (uint32_t i = 0; i < examined; i++) {
    uint32_t counter = job->first + i;
    bool hit = bench_hash0(job, counter) <= job->target;
    bool reported = seen < found->count && found->counters[seen] == counter;
    if (reported && !hit) {
      fail_msg("counter %08" PRIx32 " was reported and is no hit", counter);
    }
    if (hit && !reported && !found->dropped) {
      fail_msg("counter %08" PRIx32 " is a hit and was not reported", counter);
    }
    seen += reported;
  }
  /* Else a counter came twice, out of order or from elsewhere. */
  assert_int_equal(seen, found->count);
}

void bench_run(struct frank_bus *bus, const struct bench_job *job, uint32_t id)
{
  static struct bench_found found;
  bench_load(bus, job);
  bench_start(bus, job, id);
  bench_collect(bus, id, &found);
  assert_false(found.dropped);
  assert_int_equal(found.last, job->last);
  bench_check(job, &found);
}
