#include "base/json_memory.h"

#include <stdlib.h>

static bool failed;

void *frank_json_memory_get(size_t size_bytes)
{
  void *block = malloc(size_bytes);
  failed = failed || !block;
  return block;
}

void frank_json_memory_begin(void)
{
  failed = false;
}

bool frank_json_memory_failed(void)
{
  return failed;
}
