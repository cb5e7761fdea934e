/*
 * cl_calls: the OpenCL calls that a test program makes, from the ICD loader opened at run time: the
 * program builds where no loader is installed, and says so where it would need one.
 */
#ifndef FRANK_TESTS_OPENCL_CL_CALLS_H
#define FRANK_TESTS_OPENCL_CL_CALLS_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_icd.h>

#include <stdbool.h>

#define CL_CALLS(CALL)                                                                             \
  CALL(clGetPlatformIDs)                                                                           \
  CALL(clGetPlatformInfo)                                                                          \
  CALL(clGetDeviceIDs)                                                                             \
  CALL(clGetDeviceInfo)                                                                            \
  CALL(clCreateContext)                                                                            \
  CALL(clReleaseContext)                                                                           \
  CALL(clCreateCommandQueue)                                                                       \
  CALL(clReleaseCommandQueue)                                                                      \
  CALL(clCreateProgramWithSource)                                                                  \
  CALL(clCreateProgramWithBinary)                                                                  \
  CALL(clBuildProgram)                                                                             \
  CALL(clGetProgramBuildInfo)                                                                      \
  CALL(clGetProgramInfo)                                                                           \
  CALL(clReleaseProgram)                                                                           \
  CALL(clCreateKernel)                                                                             \
  CALL(clReleaseKernel)                                                                            \
  CALL(clSetKernelArg)                                                                             \
  CALL(clGetKernelWorkGroupInfo)                                                                   \
  CALL(clCreateBuffer)                                                                             \
  CALL(clReleaseMemObject)                                                                         \
  CALL(clEnqueueWriteBuffer)                                                                       \
  CALL(clEnqueueReadBuffer)                                                                        \
  CALL(clEnqueueNDRangeKernel)                                                                     \
  CALL(clFlush)                                                                                    \
  CALL(clFinish)                                                                                   \
  CALL(clGetEventInfo)                                                                             \
  CALL(clSetEventCallback)                                                                         \
  CALL(clReleaseEvent)

struct cl_calls {
#define CALL(name) cl_api_##name name;
  CL_CALLS(CALL)
#undef CALL
};

/* The calls; all NULL until cl_calls_load. */
extern struct cl_calls cl;

/* Opens libOpenCL.so.1, which reads OCL_ICD_VENDORS then: set it before. False where it is not
 * installed or lacks a call. Once for a process. */
bool cl_calls_load(void);

#endif
