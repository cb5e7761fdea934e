/*
 * library: libOpenCL.so.1, opened when an OpenCL device is first looked for. So frank-worker starts
 * where there is none, and one that searches on a CPU core has no driver in its memory.
 *
 * The table is the process's; drivers do not like to be unloaded, so it is never closed.
 */
#ifndef FRANK_ENGINE_OPENCL_LIBRARY_H
#define FRANK_ENGINE_OPENCL_LIBRARY_H

#include "base/err.h"

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

/* Every function that Frank calls, by its name without "cl". */
#define FRANK_CL_EVERY_FUNCTION(DO)                                                                \
  DO(GetPlatformIDs)                                                                               \
  DO(GetPlatformInfo)                                                                              \
  DO(GetDeviceIDs)                                                                                 \
  DO(GetDeviceInfo)                                                                                \
  DO(CreateContext)                                                                                \
  DO(ReleaseContext)                                                                               \
  DO(CreateCommandQueue)                                                                           \
  DO(ReleaseCommandQueue)                                                                          \
  DO(CreateProgramWithSource)                                                                      \
  DO(CreateProgramWithBinary)                                                                      \
  DO(BuildProgram)                                                                                 \
  DO(GetProgramBuildInfo)                                                                          \
  DO(GetProgramInfo)                                                                               \
  DO(ReleaseProgram)                                                                               \
  DO(CreateKernel)                                                                                 \
  DO(ReleaseKernel)                                                                                \
  DO(SetKernelArg)                                                                                 \
  DO(GetKernelWorkGroupInfo)                                                                       \
  DO(CreateBuffer)                                                                                 \
  DO(ReleaseMemObject)                                                                             \
  DO(EnqueueWriteBuffer)                                                                           \
  DO(EnqueueReadBuffer)                                                                            \
  DO(EnqueueNDRangeKernel)                                                                         \
  DO(Flush)                                                                                        \
  DO(GetEventInfo)                                                                                 \
  DO(SetEventCallback)                                                                             \
  DO(ReleaseEvent)

struct frank_cl {
#define MEMBER(name) __typeof__(&cl##name) name; /* NOLINT(bugprone-macro-parentheses) */
  FRANK_CL_EVERY_FUNCTION(MEMBER)
#undef MEMBER
};

/* Opens the library; later calls give the same table. FRANK_ERR_NOT_FOUND: it is not here, or lacks
 * a function; `why` (FRANK_ENGINE_WHY_BYTES) says which. */
FRANK_MUST_CHECK enum frank_err frank_cl_library_open(const struct frank_cl **cl, char *why);

/* "CL_OUT_OF_RESOURCES" for -5; "OpenCL error -N" for one that has no name here. The text of the
 * latter is overwritten by the next such call. */
const char *frank_cl_error_name(cl_int error);

#endif
