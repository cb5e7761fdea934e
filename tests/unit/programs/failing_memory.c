/* Linked into a copy of a program with --wrap: the allocation of Frank's own code whose number
 * FRANK_TEST_FAIL_AT gives fails, and that is told. */
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t size);               // NOLINT(bugprone-reserved-identifier)
void *__real_calloc(size_t count, size_t size); // NOLINT(bugprone-reserved-identifier)
void *__real_realloc(void *old, size_t size);   // NOLINT(bugprone-reserved-identifier)
void *__wrap_malloc(size_t size);               // NOLINT(bugprone-reserved-identifier)
void *__wrap_calloc(size_t count, size_t size); // NOLINT(bugprone-reserved-identifier)
void *__wrap_realloc(void *old, size_t size);   // NOLINT(bugprone-reserved-identifier)

static int fails(void)
{
  static long calls;
  const char *at = getenv("FRANK_TEST_FAIL_AT");
  if (at == NULL || strtol(at, NULL, 10) != ++calls) {
    return 0;
  }
  fputs("allocation fails\n", stderr);
  return 1;
}

void *__wrap_malloc(size_t size) // NOLINT(bugprone-reserved-identifier)
{
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) // NOLINT(bugprone-reserved-identifier)
{
  return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) // NOLINT(bugprone-reserved-identifier)
{
  return fails() ? NULL : __real_realloc(old, size);
}
