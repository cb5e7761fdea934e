#include "cl_calls.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct cl_calls cl;

static bool find(void *library, const char *name, void *call, size_t bytes)
{
  void *found = dlsym(library, name);
  memcpy(call, &found, bytes); /* as POSIX wants it: a pointer to a function */
  if (found == NULL) {
    (void)fprintf(stderr, "libOpenCL.so.1 has no %s\n", name);
  }
  return found != NULL;
}

bool cl_calls_load(void)
{
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    (void)fprintf(stderr, "%s\n", dlerror());
    return false;
  }
  bool is_whole = true;
#define CALL(name) is_whole = find(library, #name, &cl.name, sizeof cl.name) && is_whole;
  CL_CALLS(CALL)
#undef CALL
  return is_whole;
}
