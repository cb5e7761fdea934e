/*
 * fuzz: what the targets share. A target checks properties, not only that nothing crashes:
 * FUZZ_CHECK stops the run where one does not hold, whatever the build type.
 */
#ifndef FRANK_TESTS_FUZZ_FUZZ_H
#define FRANK_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);               \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

#endif
