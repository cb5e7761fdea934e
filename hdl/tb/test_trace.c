/*
 * Waves: a traced core behaves as any other and leaves an FST file. What cannot be is told: a path
 * that cannot be written, a U that is not built.
 */
#include "hdl/tb/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct frank_bus *open_plain(void)
{
  struct frank_bus *bus = NULL;
  char why[FRANK_FPGA_WHY_BYTES] = "";
  unsigned unrolls[BENCH_UNROLLS_MAX];
  assert_true(bench_unrolls(unrolls) > 0);
  assert_int_equal(frank_sim_open(unrolls[0], &bus, why), FRANK_FPGA_OK);
  return bus;
}

static void waves_are_written(void **state)
{
  (void)state;
  static struct bench_job job;
  char path[] = "/tmp/frank-waves-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  (void)close(fd);
  struct frank_bus *bus = open_plain();
  if (frank_sim_trace(bus, path) != FRANK_FPGA_OK) {
    fail_msg("%s", bus->ops->failure(bus->ctx));
  }
  bench_job_random(&job, 2, 3);
  job.last = 10;
  job.target = UINT32_MAX;
  bench_run(bus, &job, 5);
  bus->ops->close(bus->ctx);
  /* The header block of an FST: type 0, then its length, 329, in 8 bytes. */
  static const unsigned char HEADER[9] = {0, 0, 0, 0, 0, 0, 0, 1, 73};
  unsigned char got[sizeof HEADER] = {1};
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  assert_int_equal(fread(got, 1, sizeof got, file), sizeof got);
  assert_memory_equal(got, HEADER, sizeof got);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  assert_true(ftell(file) > 4096);
  (void)fclose(file);
  (void)unlink(path);
}

static void a_path_that_cannot_be_is_told(void **state)
{
  (void)state;
  struct frank_bus *bus = open_plain();
  assert_int_equal(frank_sim_trace(bus, "/nowhere/at/all.fst"), FRANK_FPGA_ERR_IO);
  assert_non_null(strstr(bus->ops->failure(bus->ctx), "cannot be written"));
  bus->ops->close(bus->ctx);
}

static void an_unroll_that_is_not_built_is_told(void **state)
{
  (void)state;
  struct frank_bus *bus = NULL;
  char why[FRANK_FPGA_WHY_BYTES] = "";
  assert_int_equal(frank_sim_open(3, &bus, why), FRANK_FPGA_ERR_NOT_FOUND);
  assert_null(bus);
  assert_non_null(strstr(why, "U=3"));
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(waves_are_written),
      cmocka_unit_test(a_path_that_cannot_be_is_told),
      cmocka_unit_test(an_unroll_that_is_not_built_is_told),
  };
  return BENCH_MAIN("hdl_trace", argc, argv, tests);
}
