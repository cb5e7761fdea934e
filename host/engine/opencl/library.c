/*
 * library: dlopen and a table of functions.
 */
#include "engine/opencl/library.h"

#include "engine/engine.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libOpenCL.so.1"

static const struct function {
  const char *name;
  size_t offset;
} functions[] = {
#define ENTRY(name) {"cl" #name, offsetof(struct frank_cl, name)},
    FRANK_CL_EVERY_FUNCTION(ENTRY)
#undef ENTRY
};

enum frank_err frank_cl_library_open(const struct frank_cl **cl, char *why)
{
  static struct frank_cl table;
  static bool is_open;
  if (is_open) {
    *cl = &table;
    return FRANK_OK;
  }
  void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   LIBRARY " cannot be loaded (package ocl-icd-libopencl1): %s", dlerror());
    return FRANK_ERR_NOT_FOUND;
  }
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *address = dlsym(handle, functions[i].name);
    if (address == NULL) {
      (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, LIBRARY " has no %s: too old", functions[i].name);
      (void)dlclose(handle);
      return FRANK_ERR_NOT_FOUND;
    }
    memcpy((char *)&table + functions[i].offset, &address, sizeof address);
  }
  is_open = true;
  *cl = &table;
  return FRANK_OK;
}

/* ---- errors ---- */

#define NAMED(error)                                                                               \
  {                                                                                                \
    error, #error                                                                                  \
  }

static const struct error {
  cl_int code;
  const char *name;
} errors[] = {
    NAMED(CL_DEVICE_NOT_FOUND),        NAMED(CL_DEVICE_NOT_AVAILABLE),
    NAMED(CL_COMPILER_NOT_AVAILABLE),  NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    NAMED(CL_OUT_OF_RESOURCES),        NAMED(CL_OUT_OF_HOST_MEMORY),
    NAMED(CL_BUILD_PROGRAM_FAILURE),   NAMED(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    NAMED(CL_INVALID_VALUE),           NAMED(CL_INVALID_PLATFORM),
    NAMED(CL_INVALID_DEVICE),          NAMED(CL_INVALID_CONTEXT),
    NAMED(CL_INVALID_COMMAND_QUEUE),   NAMED(CL_INVALID_MEM_OBJECT),
    NAMED(CL_INVALID_BINARY),          NAMED(CL_INVALID_BUILD_OPTIONS),
    NAMED(CL_INVALID_PROGRAM),         NAMED(CL_INVALID_PROGRAM_EXECUTABLE),
    NAMED(CL_INVALID_KERNEL_NAME),     NAMED(CL_INVALID_KERNEL_ARGS),
    NAMED(CL_INVALID_WORK_GROUP_SIZE), NAMED(CL_INVALID_OPERATION),
    NAMED(CL_INVALID_BUFFER_SIZE),     {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
};

const char *frank_cl_error_name(cl_int error)
{
  static char unnamed[32];
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (errors[i].code == error) {
      return errors[i].name;
    }
  }
  (void)snprintf(unnamed, sizeof unnamed, "OpenCL error %d", (int)error);
  return unnamed;
}
