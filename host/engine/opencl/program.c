/*
 * program: builds and binaries.
 */
#include "engine/opencl/program.h"

#include "engine/engine.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX_BYTES ((size_t)1 << 20)

/* The line of the log that tells most: the first with "error" in it, else the first. */
static const char *telling_line(const char *log)
{
  const char *error = strstr(log, "error");
  const char *line = error != NULL ? error : log;
  while (line > log && line[-1] != '\n') {
    line--;
  }
  return line;
}

/* Why a build failed: the compiler's words, where there are any. */
static void say_log(const struct frank_cl_seat *seat, cl_program program, cl_int error, char *why)
{
  size_t len = 0;
  char *log = NULL;
  cl_int asked =
      seat->cl->GetProgramBuildInfo(program, seat->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &len);
  if (asked == CL_SUCCESS && len > 0 && len <= LOG_MAX_BYTES) {
    log = calloc(1, len + 1);
  }
  if (log != NULL) {
    asked =
        seat->cl->GetProgramBuildInfo(program, seat->device, CL_PROGRAM_BUILD_LOG, len, log, NULL);
  }
  const char *line = log != NULL && asked == CL_SUCCESS ? telling_line(log) : "";
  int line_len = (int)strcspn(line, "\r\n");
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the kernel does not build: %.*s",
                 line_len > 0 ? line_len : 64, line_len > 0 ? line : frank_cl_error_name(error));
  free(log);
}

static enum frank_err to_err(cl_int error)
{
  switch (error) {
  case CL_SUCCESS:
    return FRANK_OK;
  case CL_OUT_OF_HOST_MEMORY:
    return FRANK_ERR_NOMEM;
  case CL_BUILD_PROGRAM_FAILURE:
  case CL_INVALID_BUILD_OPTIONS:
  case CL_COMPILER_NOT_AVAILABLE:
    return FRANK_ERR_UNSUPPORTED;
  default:
    return FRANK_ERR_DEVICE;
  }
}

enum frank_err frank_cl_program_build(const struct frank_cl_seat *seat,
                                      const struct frank_cl_shape *shape, cl_program *program,
                                      char *why)
{
  char options[128];
  cl_int error = CL_SUCCESS;
  const char *source = frank_kernel_source;
  *program = seat->cl->CreateProgramWithSource(seat->context, 1, &source,
                                               &frank_kernel_source_len_bytes, &error);
  if (error != CL_SUCCESS) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the driver does not take the kernel's source (%s)",
                   frank_cl_error_name(error));
    return to_err(error);
  }
  (void)snprintf(options, sizeof options,
                 "-cl-std=CL1.2 -D FRANK_VECTOR=%u -D FRANK_GROUPS=%u -D FRANK_ITEM=%u",
                 (unsigned)shape->vector, (unsigned)shape->groups, (unsigned)shape->item);
  error = seat->cl->BuildProgram(*program, 1, &seat->device, options, NULL, NULL);
  if (error != CL_SUCCESS) {
    say_log(seat, *program, error, why);
    (void)seat->cl->ReleaseProgram(*program);
    *program = NULL;
  }
  return to_err(error);
}

enum frank_err frank_cl_program_load(const struct frank_cl_seat *seat, const uint8_t *binary,
                                     size_t len_bytes, cl_program *program)
{
  cl_int error = CL_SUCCESS;
  cl_int status = CL_SUCCESS;
  *program = seat->cl->CreateProgramWithBinary(seat->context, 1, &seat->device, &len_bytes, &binary,
                                               &status, &error);
  if (error != CL_SUCCESS) {
    *program = NULL;
    return FRANK_ERR_UNSUPPORTED;
  }
  if (status != CL_SUCCESS ||
      seat->cl->BuildProgram(*program, 1, &seat->device, "", NULL, NULL) != CL_SUCCESS) {
    (void)seat->cl->ReleaseProgram(*program);
    *program = NULL;
    return FRANK_ERR_UNSUPPORTED;
  }
  return FRANK_OK;
}

enum frank_err frank_cl_program_binary(const struct frank_cl_seat *seat, cl_program program,
                                       size_t head_bytes, uint8_t **binary, size_t *len_bytes)
{
  size_t size = 0;
  if (seat->cl->GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) !=
          CL_SUCCESS ||
      size == 0 || size > FRANK_CL_BINARY_MAX_BYTES) {
    return FRANK_ERR_UNSUPPORTED;
  }
  uint8_t *whole = calloc(1, head_bytes + size);
  if (whole == NULL) {
    return FRANK_ERR_NOMEM;
  }
  uint8_t *at = whole + head_bytes;
  if (seat->cl->GetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof at, &at, NULL) != CL_SUCCESS) {
    free(whole);
    return FRANK_ERR_UNSUPPORTED;
  }
  *binary = whole;
  *len_bytes = head_bytes + size;
  return FRANK_OK;
}
