/*
 * The OpenCL engine leaves nothing to its driver that is freed. Only the sanitizers' build sees it:
 * the fake driver reads what it was given when the queue comes to it, which it lets be a
 * moment after its release (the fault "late").
 *
 *     test_... FOLDER     the folder of the fake driver's .icd file
 */
#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* One shape, so that nothing is tuned. */
static const struct frank_engine_options options = {.variant = "uint1x1"};

static void closes_after_scan_of_nothing(void **state)
{
  (void)state;
  const struct frank_engine *engine = NULL;
  struct frank_engine_ctx *ctx = NULL;
  const struct timespec later = {.tv_nsec = 500000000}; /* the driver's moment is over by then */
  struct frank_device_info info;
  struct frank_slice slices[2] = {{.blocks = 1, .counter_word = 5},
                                  {.blocks = 1, .counter_word = 5, .first = UINT32_MAX}};
  struct frank_scan scans[2] = {{.attempts = 1, .hit_count = 1}, {.attempts = 1, .overflow = true}};
  char why[FRANK_ENGINE_WHY_BYTES];
  if (frank_engine_open("opencl:0.0", &options, &engine, &ctx, &info, why) != FRANK_OK) {
    fail_msg("%s", why);
    return;
  }
  assert_int_equal(engine->scan(ctx, slices, 2, scans), FRANK_OK);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(scans[i].attempts, 0);
    assert_int_equal(scans[i].hit_count, 0);
    assert_false(scans[i].overflow);
  }
  engine->close(&ctx);
  (void)nanosleep(&later, NULL);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(closes_after_scan_of_nothing),
  };
  struct frank_device_info list[1];
  char why[FRANK_ENGINE_WHY_BYTES];
  size_t count = 0;
  if (argc != 2) {
    (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  (void)setenv("OCL_ICD_VENDORS", argv[1], 1);
  (void)setenv("FRANK_FAKE_CL", "late", 1);
  const struct frank_engine *engine = frank_engine_for("opencl");
  if (engine == NULL || engine->probe(list, 1, &count, why) != FRANK_OK || count == 0) {
    print_message("skipped: %s\n", engine == NULL ? "a build without OpenCL" : why);
    return 77;
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
