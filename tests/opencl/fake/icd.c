#include "fake.h"

#include <stdlib.h>
#include <string.h>

/* What a program may call of it; all else is NULL, and a call of it a crash that nobody overlooks.
 */
const cl_icd_dispatch fake_dispatch = {
    .clGetPlatformIDs = fake_get_platform_ids,
    .clGetPlatformInfo = fake_get_platform_info,
    .clGetDeviceIDs = fake_get_device_ids,
    .clGetDeviceInfo = fake_get_device_info,
    .clCreateContext = fake_create_context,
    .clReleaseContext = fake_release_context,
    .clCreateCommandQueue = fake_create_command_queue,
    .clReleaseCommandQueue = fake_release_command_queue,
    .clCreateBuffer = fake_create_buffer,
    .clReleaseMemObject = fake_release_mem_object,
    .clCreateProgramWithSource = fake_create_program_with_source,
    .clCreateProgramWithBinary = fake_create_program_with_binary,
    .clReleaseProgram = fake_release_program,
    .clBuildProgram = fake_build_program,
    .clGetProgramInfo = fake_get_program_info,
    .clGetProgramBuildInfo = fake_get_program_build_info,
    .clCreateKernel = fake_create_kernel,
    .clReleaseKernel = fake_release_kernel,
    .clSetKernelArg = fake_set_kernel_arg,
    .clGetKernelWorkGroupInfo = fake_get_kernel_work_group_info,
    .clWaitForEvents = fake_wait_for_events,
    .clGetEventInfo = fake_get_event_info,
    .clReleaseEvent = fake_release_event,
    .clFlush = fake_flush,
    .clFinish = fake_finish,
    .clEnqueueReadBuffer = fake_enqueue_read_buffer,
    .clEnqueueWriteBuffer = fake_enqueue_write_buffer,
    .clEnqueueNDRangeKernel = fake_enqueue_ndrange_kernel,
    .clSetEventCallback = fake_set_event_callback,
};

/* The one symbol that the loader looks for; it asks for the others by name. */
__attribute__((visibility("default"))) CL_API_ENTRY void *CL_API_CALL
clGetExtensionFunctionAddress(const char *name)
{
  if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) {
    return (void *)fake_get_platform_ids;
  }
  if (strcmp(name, "clGetPlatformInfo") == 0) {
    return (void *)fake_get_platform_info;
  }
  return NULL;
}

void *fake_new(enum fake_kind kind, size_t bytes)
{
  struct fake_object *object = calloc(1, bytes);
  if (object != NULL) {
    object->dispatch = &fake_dispatch;
    object->kind = kind;
    atomic_init(&object->refs, 1);
  }
  return object;
}

bool fake_is(const void *object, enum fake_kind kind)
{
  return object != NULL && ((const struct fake_object *)object)->kind == kind;
}

void fake_retain(void *object)
{
  atomic_fetch_add(&((struct fake_object *)object)->refs, 1);
}

bool fake_release(void *object)
{
  struct fake_object *of = object;
  if (atomic_fetch_sub(&of->refs, 1) != 1) {
    return false;
  }
  of->kind = KIND_FREED;
  return true;
}
